//! The environment of a stream's containers.

use serde_json::{Map, Value, json};

use super::{Error, Stream};
use crate::json::take_list;
use crate::names;
use crate::template::JobTemplate;

/// A variable of the contract.
pub(super) struct Variable<'a> {
    name: &'static str,
    source: Source<'a>,
}

/// Where a variable's value comes from.
enum Source<'a> {
    Text(&'a str),
    /// The label in which a pod finds the name of its Job, known only once a CronJob made it.
    JobName,
}

/// The variables of a streaming Job, in their order.
pub(super) fn streaming<'a>(stream: &Stream<'a>) -> Vec<Variable<'a>> {
    let mut variables = identity(stream);
    variables.push(text(names::ENV_BACKFILL, "false"));
    variables
}

/// The variables of a Job that backfills for `request_name`, in their order. `request` is the
/// request's spec.
pub(super) fn backfill<'a>(
    stream: &Stream<'a>,
    request: &'a str,
    request_name: &'a str,
) -> Vec<Variable<'a>> {
    let mut variables = identity(stream);
    variables.extend([
        text(names::ENV_OVERRIDE, request),
        text(names::ENV_BACKFILL, "true"),
        text(names::ENV_BACKFILL_ID, request_name),
    ]);
    variables
}

/// The variables of a Job that a CronJob makes, in their order. `request` stands for the request
/// that a scheduled run has not.
pub(super) fn scheduled<'a>(stream: &Stream<'a>, request: &'a str) -> Vec<Variable<'a>> {
    let mut variables = identity(stream);
    variables.extend([
        text(names::ENV_BACKFILL, "true"),
        Variable {
            name: names::ENV_BACKFILL_ID,
            source: Source::JobName,
        },
        text(names::ENV_OVERRIDE, request),
    ]);
    variables
}

fn identity<'a>(stream: &Stream<'a>) -> Vec<Variable<'a>> {
    let mut variables = Vec::with_capacity(6);
    variables.extend([
        text(names::ENV_STREAM_ID, stream.name),
        text(names::ENV_STREAM_KIND, stream.kind),
        text(names::ENV_SPEC, stream.spec.as_str()),
    ]);
    variables
}

fn text<'a>(name: &'static str, value: &'a str) -> Variable<'a> {
    Variable {
        name,
        source: Source::Text(value),
    }
}

/// Gives every container of the list `key` of `pod` the variables and the Secrets.
pub(super) fn inject(
    pod: &mut Map<String, Value>,
    key: &str,
    template: &JobTemplate,
    variables: &[Variable<'_>],
    secrets: &[String],
) -> Result<(), Error> {
    let mut containers = take_list(pod, key);
    for (index, container) in containers.iter_mut().enumerate() {
        let Value::Object(container) = container else {
            continue;
        };
        let mut env = take_list(container, "env");
        if let Some(variable) = reserved(&env) {
            return Err(Error::ContractVariable {
                template: format!("{}/{}", template.namespace(), template.name()),
                field: format!("{}.spec.template.spec.{key}[{index}].env", template.root()),
                container: name_of(container).to_owned(),
                variable,
            });
        }
        for variable in variables {
            set(&mut env, variable);
        }
        container.insert("env".to_owned(), Value::Array(env));

        if !secrets.is_empty() {
            let mut sources = take_list(container, "envFrom");
            sources.extend(
                secrets
                    .iter()
                    .map(|name| json!({ "secretRef": { "name": name } })),
            );
            container.insert("envFrom".to_owned(), Value::Array(sources));
        }
    }
    pod.insert(key.to_owned(), Value::Array(containers));
    Ok(())
}

/// A variable in `env` that no template may set.
fn reserved(env: &[Value]) -> Option<&'static str> {
    [names::ENV_STREAM_ID, names::ENV_STREAM_KIND]
        .into_iter()
        .find(|name| env.iter().any(|entry| entry["name"] == *name))
}

/// Appends `variable`, or puts it in the place of the first entry of its name; other entries of
/// its name go, so that the container sees it once.
fn set(env: &mut Vec<Value>, variable: &Variable<'_>) {
    let mut entry = Some(match variable.source {
        Source::Text(value) => json!({ "name": variable.name, "value": value }),
        Source::JobName => json!({
            "name": variable.name,
            "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['job-name']" } },
        }),
    });
    env.retain_mut(|existing| {
        if existing["name"] != variable.name {
            return true;
        }
        let Some(entry) = entry.take() else {
            return false;
        };
        *existing = entry;
        true
    });
    env.extend(entry);
}

fn name_of(container: &Map<String, Value>) -> &str {
    container
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("without a name")
}
