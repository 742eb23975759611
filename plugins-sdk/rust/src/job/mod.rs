//! The Job, seen through types.

mod container;
mod metadata;
mod patch;
mod tree;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::de::Reader;
use crate::json;
pub use container::Container;
pub use metadata::Metadata;

/// Path of the pods' spec in a Job.
const POD: [&str; 3] = ["spec", "template", "spec"];

/// The `batch/v1` Job that is about to be made, as the host has rendered it from the
/// StreamingJobTemplate. In mode [`Scheduled`](crate::Mode::Scheduled) it has the metadata and the
/// spec of the CronJob's `jobTemplate`.
///
/// What a plugin changes here is compared by the host with what it gave. What is not allowed to
/// every plugin, or granted, makes it refuse the answer as a whole.
///
/// ```
/// use arcane_plugin_sdk::{Error, Job, testing};
///
/// fn shape(job: &mut Job) -> Result<(), Error> {
///     let mut main = job.main()?;
///     if let Some(memory) = main.request("memory")? {
///         main.set_resource("memory", memory.times(2));
///     }
///     main.set_env("CACHE", "off");
///     job.metadata().set_label("cost/team", "data");
///     job.set_backoff_limit(3);
///     Ok(())
/// }
///
/// let mut job = testing::job();
/// shape(&mut job)?;
/// assert_eq!(job.main()?.env("CACHE"), Some("off"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Job {
    value: Value,
    /// As the host gave it, from the first change on.
    given: Option<Value>,
    /// Length of the text that the host gave.
    length: usize,
}

/// What becomes of a Job, as the host is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is fine as it is.
    Unchanged,
    /// A JSON Patch (RFC 6902), as text.
    Patch(String),
    /// A whole Job, as text.
    Job(String),
}

/// A taint that pods tolerate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Toleration {
    /// Key of the taint; none for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `Equal` (the default) or `Exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Value of the taint, with `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect of the taint; none for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// For how many seconds a taint `NoExecute` is tolerated; none for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

impl Job {
    /// From the JSON of a Job.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            value: serde_json::from_str(text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                Error::new(format!("no JSON, at line {line}, column {column}"))
            })?,
            given: None,
            length: text.len(),
        })
    }

    /// Labels and annotations of the Job.
    pub fn metadata(&mut self) -> Metadata<'_> {
        Metadata::of(self.raw_mut())
    }

    /// Labels and annotations of its pods.
    pub fn pod_metadata(&mut self) -> Metadata<'_> {
        Metadata::of(tree::entry(self.raw_mut(), &["spec", "template"]))
    }

    /// The first container: the one that `kubectl logs` shows. Often the only one.
    ///
    /// # Errors
    /// The template has no container.
    pub fn main(&mut self) -> Result<Container<'_>, Error> {
        let first = self.containers().next();
        first.ok_or_else(|| Error::new("the template has no container"))
    }

    /// The container of this name; an init container is none.
    pub fn container(&mut self, name: &str) -> Option<Container<'_>> {
        self.containers().find(|container| container.name() == name)
    }

    /// The containers, in their order.
    pub fn containers(&mut self) -> impl Iterator<Item = Container<'_>> {
        self.container_list("containers")
    }

    /// The init containers, in their order.
    pub fn init_containers(&mut self) -> impl Iterator<Item = Container<'_>> {
        self.container_list("initContainers")
    }

    fn container_list(&mut self, list: &str) -> impl Iterator<Item = Container<'_>> {
        let pod = tree::find_mut(self.raw_mut(), &POD);
        pod.and_then(|pod| pod.get_mut(list)?.as_array_mut())
            .into_iter()
            .flatten()
            .map(Container::of)
    }

    /// A label that nodes must have.
    pub fn node_selector(&self, key: &str) -> Option<&str> {
        self.pod("nodeSelector")?.get(key)?.as_str()
    }

    /// Asks for nodes with a label. Needs a grant.
    pub fn set_node_selector(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let selector = tree::entry(self.pod_mut(), &["nodeSelector"]);
        tree::object(selector).insert(key.into(), Value::String(value.into()));
    }

    /// The taints that the pods tolerate.
    ///
    /// # Errors
    /// The template has something there that is no list of tolerations.
    pub fn tolerations(&self) -> Result<Vec<Toleration>, Error> {
        match self.pod("tolerations") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(list) => Vec::deserialize(Reader(list))
                .map_err(|error| Error::from(error).context("tolerations of the template")),
        }
    }

    /// Tolerates a taint, if the pods do not already. Needs a grant.
    pub fn add_toleration(&mut self, toleration: &Toleration) {
        let mut added = Map::new();
        let texts = [
            ("key", &toleration.key),
            ("operator", &toleration.operator),
            ("value", &toleration.value),
            ("effect", &toleration.effect),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                added.insert(field.to_owned(), Value::String(text.clone()));
            }
        }
        if let Some(seconds) = toleration.toleration_seconds {
            added.insert("tolerationSeconds".to_owned(), seconds.into());
        }
        let added = Value::Object(added);
        let list = tree::list(tree::entry(self.pod_mut(), &["tolerations"]));
        if !list.contains(&added) {
            list.push(added);
        }
    }

    /// The pods' PriorityClass.
    pub fn priority_class(&self) -> Option<&str> {
        self.pod("priorityClassName")?.as_str()
    }

    /// Gives the pods a PriorityClass. Needs a grant.
    pub fn set_priority_class(&mut self, name: impl Into<String>) {
        self.set_pod("priorityClassName", Value::String(name.into()));
    }

    /// The pods' affinity, as Kubernetes writes it.
    pub fn affinity(&self) -> Option<&Value> {
        self.pod("affinity")
    }

    /// Gives the pods an affinity, in place of any that they have. Needs a grant.
    pub fn set_affinity(&mut self, affinity: Value) {
        self.set_pod("affinity", affinity);
    }

    /// How many times pods are started again before the Job has failed; Kubernetes takes 6 where
    /// there is none.
    pub fn backoff_limit(&self) -> Option<u64> {
        tree::find(&self.value, &["spec", "backoffLimit"])?.as_u64()
    }

    /// Sets how many times pods are started again before the Job has failed.
    pub fn set_backoff_limit(&mut self, limit: u32) {
        self.set_spec("backoffLimit", limit.into());
    }

    /// After how long a Job that has not ended has failed; none for never.
    pub fn active_deadline(&self) -> Option<Duration> {
        let seconds = tree::find(&self.value, &["spec", "activeDeadlineSeconds"])?;
        seconds.as_u64().map(Duration::from_secs)
    }

    /// Sets after how long a Job that has not ended has failed, in whole seconds; at least one.
    pub fn set_active_deadline(&mut self, deadline: Duration) {
        self.set_spec("activeDeadlineSeconds", deadline.as_secs().max(1).into());
    }

    /// The whole Job, as it is now.
    pub fn raw(&self) -> &Value {
        &self.value
    }

    /// The whole Job, for what has no method here.
    pub fn raw_mut(&mut self) -> &mut Value {
        if self.given.is_none() {
            self.given = Some(self.value.clone());
        }
        &mut self.value
    }

    /// What the host is told: nothing where nothing was changed, a patch, or the whole Job where
    /// that is shorter.
    pub fn answer(&self) -> Answer {
        let Some(given) = &self.given else {
            return Answer::Unchanged;
        };
        let Some(patch) = patch::between(given, &self.value) else {
            return Answer::Unchanged;
        };
        if patch.len() > self.length {
            let job = json::text(&self.value);
            if job.len() < patch.len() {
                return Answer::Job(job);
            }
        }
        Answer::Patch(patch)
    }

    fn pod(&self, field: &str) -> Option<&Value> {
        tree::find(&self.value, &POD)?.get(field)
    }

    fn pod_mut(&mut self) -> &mut Value {
        tree::entry(self.raw_mut(), &POD)
    }

    fn set_pod(&mut self, field: &str, value: Value) {
        tree::object(self.pod_mut()).insert(field.to_owned(), value);
    }

    fn set_spec(&mut self, field: &str, value: Value) {
        let spec = tree::entry(self.raw_mut(), &["spec"]);
        tree::object(spec).insert(field.to_owned(), value);
    }
}

impl From<Value> for Job {
    fn from(value: Value) -> Self {
        Self {
            length: json::text(&value).len(),
            value,
            given: None,
        }
    }
}

#[cfg(test)]
mod tests;
