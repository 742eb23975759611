//! A part of the audit log, and the questions that one asks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::event::Event;

/// One request that the API server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// User name, for example `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// The client's user agent.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural of the resource with its subresource, for example `jobs/status`.
    pub resource: String,
    /// Namespace; empty where there is none.
    pub namespace: String,
    /// Name of the object; empty for a list.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u16,
    /// The API server's words on a failure.
    pub message: String,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// The object's uid, as answered to a write, where the log has answers.
    pub uid: Option<String>,
    /// The object's resourceVersion, as answered to a write, where the log has answers.
    pub resource_version: Option<String>,
    /// Whether a write changed the object; none for other requests and where the log has no answers.
    pub changed: Option<bool>,
    /// Whether the object, as sent with a write or answered to it, is complete: a backfill request
    /// by its spec, a Job by its condition.
    pub complete: bool,
    /// What a deletion asked to become of dependents: `Background`, `Foreground` or `Orphan`.
    pub propagation: Option<String>,
    /// The object's annotation that names the backfill request it serves.
    pub backfill_request: Option<String>,
    /// When the request came, RFC 3339 with microseconds.
    pub received: String,
}

impl Request {
    /// When the API server received it.
    ///
    /// # Errors
    /// When the log tells no time.
    pub fn received_at(&self) -> Result<Timestamp> {
        let received = self.received.parse();
        received.with_context(|| format!("{:?} is no time", self.received))
    }

    /// Whether the request wrote to the cluster's state: it succeeded and was no dry run.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.mutates() && !self.dry_run && self.code < 400
    }

    /// Whether the request wrote to what was complete then.
    fn completes(&self) -> bool {
        self.is_write() && self.complete
    }

    fn mutates(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        )
    }

    /// Whether the request made an object. An apply that finds nothing does.
    #[must_use]
    pub fn is_creation(&self) -> bool {
        self.is_write() && (self.verb == "create" || self.code == 201)
    }
}

/// A Job that was made more than once for one backfill request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Namespace of the Job.
    pub namespace: String,
    /// Name of the Job.
    pub name: String,
    /// The backfill request that its annotation names.
    pub backfill_request: String,
    /// How often it was made.
    pub times: usize,
}

/// Requests in the order of their answers. Narrow it, then ask.
#[derive(Debug, Clone, Default)]
pub struct Record(Vec<Arc<Request>>);

impl FromIterator<Arc<Request>> for Record {
    fn from_iter<I: IntoIterator<Item = Arc<Request>>>(requests: I) -> Self {
        Self(requests.into_iter().collect())
    }
}

impl Record {
    /// What lines of an audit log tell, but for whether writes changed anything.
    ///
    /// # Errors
    /// When a line is no audit event.
    pub fn of_log(lines: &str) -> Result<Self> {
        let events = lines.lines().map(serde_json::from_str);
        let requests = events.map(|event| Ok(event.map(Event::into_request)?.map(Arc::new)));
        requests.filter_map(Result::transpose).collect()
    }

    /// The requests.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The same in the order in which they came. What led to a request came before it, but may have
    /// been answered after it: a watch may be quicker than an answer.
    #[must_use]
    pub fn as_received(&self) -> Vec<&Request> {
        let mut requests: Vec<_> = self.iter().collect();
        requests.sort_by(|one, other| one.received.cmp(&other.received));
        requests
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that `keep` is true of.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&Request) -> bool) -> Self {
        self.0
            .iter()
            .filter(|request| keep(request))
            .cloned()
            .collect()
    }

    /// Those by a user.
    #[must_use]
    pub fn by_user(&self, user: &str) -> Self {
        self.filter(|request| request.user == user)
    }

    /// Those by a service account.
    #[must_use]
    pub fn by_service_account(&self, namespace: &str, name: &str) -> Self {
        self.by_user(&format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// Those by clients whose user agent starts with `prefix`.
    #[must_use]
    pub fn by_user_agent(&self, prefix: &str) -> Self {
        self.filter(|request| request.user_agent.starts_with(prefix))
    }

    /// Those in a namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        self.filter(|request| request.namespace == namespace)
    }

    /// Those of any other resource than these, for example `["events", "leases"]`.
    #[must_use]
    pub fn except(&self, resources: &[&str]) -> Self {
        self.filter(|request| !resources.contains(&request.resource.as_str()))
    }

    /// Requests that wrote: successful, no dry runs.
    #[must_use]
    pub fn writes(&self) -> Self {
        self.filter(Request::is_write)
    }

    /// Requests that read: `get`, `list` and opened or refused `watch`es.
    #[must_use]
    pub fn reads(&self) -> Self {
        self.filter(|request| !request.mutates())
    }

    /// Writes that were only tried out.
    #[must_use]
    pub fn dry_runs(&self) -> Self {
        self.filter(|request| request.mutates() && request.dry_run)
    }

    /// Requests that were refused or failed, reads too.
    #[must_use]
    pub fn failed(&self) -> Self {
        self.filter(|request| request.code >= 400)
    }

    /// Updates and patches that changed nothing.
    ///
    /// A write changed nothing when it answers with a version of the object that an earlier write
    /// has answered with, whoever made that one. Kinds whose answers are not logged are never
    /// found: pods, nodes, events, Secrets, service accounts, namespaces, leases, CRDs.
    #[must_use]
    pub fn unchanged(&self) -> Self {
        self.filter(|request| {
            matches!(request.verb.as_str(), "update" | "patch") && request.changed == Some(false)
        })
    }

    /// Reads of Secrets, allowed or refused.
    #[must_use]
    pub fn secret_reads(&self) -> Self {
        self.reads()
            .filter(|request| request.group.is_empty() && request.resource == "secrets")
    }

    /// Jobs that were made more than once for one backfill request (which the annotation
    /// `arcane.sneaksanddata.com/backfill-request` names).
    #[must_use]
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for request in self
            .iter()
            .filter(|request| request.resource == "jobs" && request.is_creation())
        {
            if let Some(backfill_request) = &request.backfill_request {
                *times
                    .entry((&request.namespace, &request.name, backfill_request))
                    .or_default() += 1;
            }
        }
        times
            .into_iter()
            .filter(|(_, times)| *times > 1)
            .map(|((namespace, name, backfill_request), times)| Duplicate {
                namespace: namespace.clone(),
                name: name.clone(),
                backfill_request: backfill_request.clone(),
                times,
            })
            .collect()
    }

    /// Backfill requests that were completed before a Job had completed for them. Who completes a
    /// Job is the Job controller: ask a record that has its writes.
    #[must_use]
    pub fn unearned(&self) -> Vec<String> {
        let (mut earned, mut unearned) = (BTreeSet::new(), BTreeSet::new());
        for request in self.filter(Request::completes).as_received() {
            match request.resource.split('/').next() {
                Some("jobs") => {
                    earned.extend(
                        request
                            .backfill_request
                            .as_ref()
                            .map(|name| (&request.namespace, name)),
                    );
                }
                Some("backfillrequests")
                    if !earned.contains(&(&request.namespace, &request.name)) =>
                {
                    unearned.insert(request.name.clone());
                }
                _ => {}
            }
        }
        unearned.into_iter().collect()
    }

    /// Names of the backfill requests that were completed.
    #[must_use]
    pub fn completed(&self) -> BTreeSet<&str> {
        self.iter()
            .filter(|request| request.resource == "backfillrequests" && request.completes())
            .map(|request| &*request.name)
            .collect()
    }

    /// How many requests there are by verb and resource, for example `create jobs` or
    /// `patch parquet-streams/status`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.iter() {
            *counts
                .entry(format!("{} {}", request.verb, request.resource))
                .or_default() += 1;
        }
        counts
    }

    /// The most requests that were received within so long.
    ///
    /// # Errors
    /// When a time is none.
    pub fn most_within(&self, window: Duration) -> Result<usize> {
        let times = self.iter().map(Request::received_at);
        let mut times = times.collect::<Result<Vec<_>>>()?;
        times.sort_unstable();
        let window = SignedDuration::try_from(window)?;
        let ends = times
            .iter()
            .map(|begin| times.partition_point(|time| time.duration_since(*begin) < window));
        let most = ends.enumerate().map(|(begin, end)| end - begin).max();
        Ok(most.unwrap_or(0))
    }

    /// How many requests there are of one verb and resource.
    #[must_use]
    pub fn count(&self, verb: &str, resource: &str) -> usize {
        self.iter()
            .filter(|request| request.verb == verb && request.resource == resource)
            .count()
    }
}
