//! What no plugin may ever change of a Job, by a look that knows nothing of the guard rails' table.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What labels and annotations of the platform's own begin or end with.
const RESERVED: [&str; 4] = [
    "arcane/",
    "configuration-hash",
    "job-name",
    "controller-uid",
];
/// Fields of `metadata` that say who the Job is and whose.
const METADATA: [&str; 5] = [
    "name",
    "namespace",
    "generateName",
    "ownerReferences",
    "finalizers",
];
/// Fields of `spec` that say how often it runs, and who manages it.
const SPEC: [&str; 9] = [
    "parallelism",
    "completions",
    "completionMode",
    "suspend",
    "selector",
    "manualSelector",
    "managedBy",
    "ttlSecondsAfterFinished",
    "successPolicy",
];
/// What the names of the platform's own variables begin with, in any case.
const VARIABLE: &str = "STREAMCONTEXT__";

/// Sources of volumes that only hold what the pod has anyway.
const HARMLESS: [&str; 5] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "projected",
    "secret",
];

/// Whether `accepted` is still the same Job as `given`.
///
/// # Errors
/// Which part of its identity has changed.
pub fn kept(given: &Value, accepted: &Value) -> Result<(), String> {
    let same = |what: &str, of: &dyn Fn(&Value) -> Value| {
        let (before, after) = (of(given), of(accepted));
        if before == after {
            Ok(())
        } else {
            Err(format!("{what}: {before} has become {after}"))
        }
    };
    for field in ["apiVersion", "kind"] {
        same(field, &|job| job[field].clone())?;
    }
    for field in METADATA {
        same(field, &|job| job["metadata"][field].clone())?;
    }
    for list in ["labels", "annotations"] {
        same(list, &|job| reserved(&job["metadata"][list]))?;
        let of_pods = |job: &Value| reserved(&job["spec"]["template"]["metadata"][list]);
        same(list, &of_pods)?;
    }
    for field in SPEC {
        same(field, &|job| job["spec"][field].clone())?;
    }
    same("restartPolicy", &|job| {
        job["spec"]["template"]["spec"]["restartPolicy"].clone()
    })?;
    for name in names(given) {
        same("contract", &|job| variables(job, name))?;
    }
    Ok(())
}

/// Whether `accepted` can do no more than `given`, where nothing is granted.
///
/// # Errors
/// What more it can do.
pub fn no_more_rights(given: &Value, accepted: &Value) -> Result<(), String> {
    let pod = |job: &Value| job["spec"]["template"]["spec"].clone();
    let (before, after) = (pod(given), pod(accepted));
    for field in [
        "nodeSelector",
        "tolerations",
        "nodeName",
        "priorityClassName",
        "runtimeClassName",
    ] {
        if before[field] != after[field] {
            return Err(format!("{field} has become {}", after[field]));
        }
    }
    if account(&before) != account(&after) {
        return Err(format!("it runs as {}", account(&after)));
    }
    let known = mentioned(&before);
    if let Some(other) = mentioned(&after).difference(&known).next() {
        return Err(format!("it can read {other}"));
    }
    let volumes = &after["volumes"];
    for volume in volumes.as_array().into_iter().flatten() {
        let sources = volume.as_object().into_iter().flatten();
        for (name, source) in sources {
            if name != "name" && !source.is_null() && !HARMLESS.contains(&name.as_str()) {
                return Err(format!("it has a volume of {name}"));
            }
        }
    }
    // Those that the template runs already are free, in any of its containers.
    let known = images(&before);
    if let Some(other) = images(&after).difference(&known).next() {
        return Err(format!("it runs {other}"));
    }
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if after[field] == true {
            return Err(format!("{field} is on"));
        }
    }
    for list in ["containers", "initContainers"] {
        let of = |pod: &Value, field: &str| -> Vec<Value> {
            let containers = pod[list].as_array().into_iter().flatten();
            containers
                .map(|container| container[field].clone())
                .collect()
        };
        for field in ["name", "command"] {
            if of(&before, field) != of(&after, field) {
                return Err(format!("{field} of {list} has changed"));
            }
        }
        let contexts = of(&after, "securityContext");
        if contexts.iter().any(|context| context["privileged"] == true) {
            return Err(format!("one of {list} is privileged"));
        }
    }
    Ok(())
}

/// As whom the pod runs.
fn account(pod: &Value) -> &str {
    ["serviceAccountName", "serviceAccount"]
        .into_iter()
        .filter_map(|field| pod[field].as_str())
        .find(|name| !name.is_empty())
        .unwrap_or("default")
}

/// The images that the pod runs.
fn images(pod: &Value) -> BTreeSet<String> {
    ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| pod[list].as_array().into_iter().flatten())
        .map(|container| container["image"].to_string())
        .collect()
}

/// Names of Secrets and ConfigMaps that are referred to, anywhere.
fn mentioned(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = match field.as_str() {
                    "secretName" => value.as_str(),
                    "secret" | "secretRef" | "secretKeyRef" | "configMap" | "configMapRef"
                    | "configMapKeyRef" => value["name"].as_str(),
                    _ => None,
                };
                names.extend(name.map(str::to_owned));
                names.extend(mentioned(value));
            }
        }
        Value::Array(entries) => names.extend(entries.iter().flat_map(mentioned)),
        _ => {}
    }
    names
}

fn reserved(fields: &Value) -> Value {
    let none = Map::new();
    let fields = fields.as_object().unwrap_or(&none).iter();
    let reserved = fields.filter(|(key, _)| {
        RESERVED
            .iter()
            .any(|mark| key.starts_with(mark) || key.ends_with(mark))
    });
    let reserved = reserved.map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(reserved.collect())
}

fn containers(job: &Value) -> impl Iterator<Item = &Value> {
    let containers = &job["spec"]["template"]["spec"]["containers"];
    containers.as_array().into_iter().flatten()
}

fn names(job: &Value) -> impl Iterator<Item = &str> {
    containers(job).filter_map(|container| container["name"].as_str())
}

/// The platform's own variables in the container of that name; null if there is no such container.
fn variables(job: &Value, name: &str) -> Value {
    let Some(container) = containers(job).find(|container| container["name"] == name) else {
        return Value::Null;
    };
    let env = container["env"].as_array().into_iter().flatten();
    let own = env.filter(|entry| {
        let name = entry["name"].as_str().unwrap_or_default();
        name.to_uppercase().starts_with(VARIABLE)
    });
    Value::Array(own.cloned().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::targets::sample;

    fn changed(pointer: &str, value: Value) -> (Value, Value) {
        let given = sample::job().unwrap();
        let mut other = given.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        other.pointer_mut(parent).unwrap()[field.replace("~1", "/")] = value;
        assert_ne!(given, other, "{pointer}");
        (given, other)
    }

    #[test]
    fn a_change_of_identity_is_seen() {
        for pointer in [
            "/kind",
            "/metadata/name",
            "/metadata/ownerReferences",
            "/metadata/labels/arcane~1stream-id",
            "/metadata/annotations/configuration-hash",
            "/spec/suspend",
            "/spec/template/spec/restartPolicy",
            "/spec/template/spec/containers",
        ] {
            let (given, other) = changed(pointer, json!("x"));
            assert!(kept(&given, &other).is_err(), "{pointer}");
        }
        let contract = json!([{"name": "streamcontext__SPEC", "value": "{}"}]);
        let given = sample::job().unwrap();
        let mut other = given.clone();
        other["spec"]["template"]["spec"]["containers"][0]["env"] = contract;
        assert!(kept(&given, &other).is_err());
    }

    #[test]
    fn more_rights_are_seen() {
        for (pointer, value) in [
            ("/spec/template/spec/hostNetwork", json!(true)),
            ("/spec/template/spec/serviceAccountName", json!("admin")),
            ("/spec/template/spec/nodeSelector", json!({"pool": "other"})),
            (
                "/spec/template/spec/volumes",
                json!([{"name": "v", "secret": {"secretName": "another"}}]),
            ),
            (
                "/spec/template/spec/volumes",
                json!([{"name": "v", "hostPath": {"path": "/"}}]),
            ),
        ] {
            let (given, other) = changed(pointer, value);
            assert!(no_more_rights(&given, &other).is_err(), "{pointer}");
        }
        let given = sample::job().unwrap();
        let mut other = given.clone();
        other["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] =
            true.into();
        assert!(no_more_rights(&given, &other).is_err());
    }

    #[test]
    fn what_is_free_is_neither() {
        let (given, other) = changed("/metadata/labels/tenant", json!("acme"));
        assert_eq!(kept(&given, &other), Ok(()));
        assert_eq!(no_more_rights(&given, &other), Ok(()));
    }
}
