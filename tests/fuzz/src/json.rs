//! JSON that means something to the guard rails, or nearly.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::mutate::choose;

/// Names of fields that matter.
const NAMES: [&str; 48] = [
    "add",
    "annotations",
    "args",
    "capabilities",
    "command",
    "configMap",
    "configMapKeyRef",
    "configuration-hash",
    "containers",
    "cpu",
    "drop",
    "env",
    "envFrom",
    "finalizers",
    "hostNetwork",
    "hostPath",
    "hostPort",
    "image",
    "initContainers",
    "key",
    "labels",
    "limits",
    "memory",
    "mountPath",
    "name",
    "nodeName",
    "nodeSelector",
    "operator",
    "path",
    "ports",
    "prefix",
    "privileged",
    "projected",
    "readOnly",
    "requests",
    "resources",
    "runAsNonRoot",
    "runAsUser",
    "secret",
    "secretKeyRef",
    "secretRef",
    "securityContext",
    "serviceAccountName",
    "subPathExpr",
    "value",
    "valueFrom",
    "volumeMounts",
    "volumes",
];

/// Texts that matter.
const TEXTS: [&str; 28] = [
    "",
    "$$(ZONE)",
    "$(ZONE)",
    "-1",
    "/",
    "0",
    "100Gi",
    "1e3",
    "1m",
    "ALL",
    "Always",
    "Failed",
    "Never",
    "STREAMCONTEXT__SPEC",
    "TENANT",
    "Unconfined",
    "\u{0}\u{1b}[31m",
    "arcane/backfilling",
    "arcane/stream-id",
    "data",
    "database",
    "größe\u{202e}",
    "main",
    "metadata.labels['tier']",
    "orders",
    "registry.example.com/stream:1.4.0",
    "streamcontext__spec",
    "tls",
];

/// A value, nested up to so many levels.
pub fn value(rng: &mut Rng, depth: usize) -> Value {
    let kinds = if depth == 0 { 5 } else { 8 };
    match rng.u8(..kinds) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => rng.i8(..).into(),
        3 => [json!(1e300), json!(-0.5), json!(u64::MAX), json!(i64::MIN)][rng.usize(..4)].clone(),
        4 => TEXTS[rng.usize(..TEXTS.len())].into(),
        5 => (0..rng.usize(..3)).map(|_| value(rng, depth - 1)).collect(),
        _ => {
            let fields = (0..rng.usize(..4)).map(|_| {
                let name = NAMES[rng.usize(..NAMES.len())].to_owned();
                (name, value(rng, depth - 1))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// A JSON Patch of a few operations on `job`.
pub fn patch(rng: &mut Rng, job: &Value) -> Value {
    let pointers = pointers(job);
    (0..rng.usize(1..5))
        .map(|_| operation(rng, &pointers))
        .collect()
}

/// Another patch from one, or another document from one.
pub fn mutate(rng: &mut Rng, document: &mut Value, job: &Value) {
    let pointers = pointers(job);
    match document {
        Value::Array(operations) if rng.u8(..3) > 0 => match rng.u8(..3) {
            0 => operations.push(operation(rng, &pointers)),
            1 if operations.len() > 1 => {
                operations.remove(rng.usize(..operations.len()));
            }
            _ => {
                let at = rng.usize(..=operations.len());
                if let Some(operation) = operations.get_mut(at) {
                    alter(rng, operation, &pointers);
                }
            }
        },
        _ => {
            let places = self::pointers(document);
            let place = choose(rng, &places).cloned().unwrap_or_default();
            if let Some(node) = document.pointer_mut(&place) {
                *node = value(rng, 3);
            }
        }
    }
}

fn alter(rng: &mut Rng, operation: &mut Value, pointers: &[String]) {
    let Value::Object(fields) = operation else {
        *operation = self::operation(rng, pointers);
        return;
    };
    match rng.u8(..4) {
        0 => drop(fields.insert("path".into(), pointer(rng, pointers).into())),
        1 => drop(fields.insert("from".into(), pointer(rng, pointers).into())),
        2 => drop(fields.insert("op".into(), OPERATIONS[rng.usize(..6)].into())),
        _ => drop(fields.insert("value".into(), value(rng, 3))),
    }
}

const OPERATIONS: [&str; 6] = ["add", "replace", "remove", "copy", "move", "test"];

fn operation(rng: &mut Rng, pointers: &[String]) -> Value {
    // Mostly those that say something new.
    let operation = OPERATIONS[rng.usize(..6).min(rng.usize(..6))];
    let mut fields = json!({"op": operation, "path": pointer(rng, pointers)});
    match operation {
        "copy" | "move" => fields["from"] = pointer(rng, pointers).into(),
        "remove" => {}
        _ => fields["value"] = value(rng, 3),
    }
    fields
}

/// A place in the Job, or one that could be there.
fn pointer(rng: &mut Rng, pointers: &[String]) -> String {
    let mut pointer = choose(rng, pointers).cloned().unwrap_or_default();
    match rng.u8(..6) {
        0 | 1 => pointer = format!("{pointer}/{}", NAMES[rng.usize(..NAMES.len())]),
        2 => pointer.push_str("/-"),
        3 => pointer = format!("{pointer}/{}", rng.u8(..3)),
        _ => {}
    }
    pointer
}

/// Where everything in `value` stands.
fn pointers(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    collect(value, String::new(), &mut all);
    all
}

fn collect(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{key}"), all);
            }
        }
        Value::Array(entries) => {
            for (index, value) in entries.iter().enumerate() {
                collect(value, format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::sample;

    #[test]
    fn pointers_lead_to_what_is_there() {
        let job = sample::job().unwrap();
        let pointers = pointers(&job);
        assert!(pointers.iter().all(|at| job.pointer(at).is_some()));
        assert!(pointers.contains(&"/metadata/labels/arcane~1stream-id".to_owned()));
    }

    #[test]
    fn patches_can_be_read_and_changed() {
        let mut rng = Rng::with_seed(3);
        let job = sample::job().unwrap();
        for _ in 0..500 {
            let mut patch = patch(&mut rng, &job);
            assert!(serde_json::from_value::<json_patch::Patch>(patch.clone()).is_ok());
            mutate(&mut rng, &mut patch, &job);
            let mut document = job.clone();
            mutate(&mut rng, &mut document, &job);
        }
    }
}
