//! JSON Patch within bounds.
//!
//! A patch of a few hundred bytes could double a document with each operation, or nest it so
//! deeply that walking it exhausts the stack. So what each operation can add is known before it is
//! carried out.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// The most operations in a patch.
pub(crate) const OPERATIONS: usize = 1_000;
/// The deepest that a document may be nested, which is also what the JSON parser allows.
const DEPTH: usize = 128;

/// Applies the JSON Patch `text` to `job`. The outcome has at most `limit` bytes as JSON text.
///
/// # Errors
/// What is wrong with the patch, for people.
pub(crate) fn apply(
    job: &Value,
    job_bytes: usize,
    text: &str,
    limit: usize,
) -> Result<Value, String> {
    let patch: Patch = serde_json::from_str(text)
        .map_err(|error| format!("the patch is not a list of RFC 6902 operations: {error}"))?;
    let operations = patch.0;
    if operations.len() > OPERATIONS {
        return Err(format!(
            "the patch has {} operations, more than {OPERATIONS}",
            operations.len()
        ));
    }
    let mut document = job.clone();
    let mut bytes = job_bytes.saturating_add(text.len());
    for (index, operation) in operations.iter().enumerate() {
        let what = || format!("operation {index} of the patch ({})", name(operation));
        let (depth, added) = effect(&document, operation);
        bytes = bytes.saturating_add(added);
        if bytes > limit {
            return Err(format!(
                "{} could make the Job larger than {limit} bytes",
                what()
            ));
        }
        if depth > DEPTH {
            return Err(format!(
                "{} nests the Job deeper than {DEPTH} levels",
                what()
            ));
        }
        // Unsafe only in that it leaves behind what it could not complete: here nobody sees that.
        json_patch::patch_unsafe(&mut document, std::slice::from_ref(operation))
            .map_err(|error| format!("{} does not fit the Job: {}", what(), error.kind))?;
    }
    Ok(document)
}

/// How deep the place is that the operation writes to, with what it writes, and how many bytes it
/// adds beside those of the patch's own text.
fn effect(document: &Value, operation: &PatchOperation) -> (usize, usize) {
    match operation {
        PatchOperation::Add(add) => (add.path.count() + depth(&add.value), 0),
        PatchOperation::Replace(replace) => (replace.path.count() + depth(&replace.value), 0),
        PatchOperation::Move(moved) => {
            let source = depth_at(document, &moved.from);
            (moved.path.count() + source, 0)
        }
        PatchOperation::Copy(copied) => {
            let source = copied.from.resolve(document).ok();
            let bytes = source.map_or(0, |value| value.to_string().len());
            (copied.path.count() + source.map_or(0, depth), bytes)
        }
        PatchOperation::Remove(_) | PatchOperation::Test(_) => (0, 0),
    }
}

fn depth_at(document: &Value, path: &Pointer) -> usize {
    path.resolve(document).map_or(0, depth)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

fn name(operation: &PatchOperation) -> String {
    let (name, path): (&str, &PointerBuf) = match operation {
        PatchOperation::Add(add) => ("add", &add.path),
        PatchOperation::Remove(remove) => ("remove", &remove.path),
        PatchOperation::Replace(replace) => ("replace", &replace.path),
        PatchOperation::Move(moved) => ("move to", &moved.path),
        PatchOperation::Copy(copied) => ("copy to", &copied.path),
        PatchOperation::Test(test) => ("test", &test.path),
    };
    format!("{name} {}", crate::text::one_line(path.as_str(), 120))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const LIMIT: usize = 10_000;

    fn patched(document: &Value, patch: &Value) -> Result<Value, String> {
        let bytes = document.to_string().len();
        apply(document, bytes, &patch.to_string(), LIMIT)
    }

    #[test]
    fn operations_are_carried_out_in_order() {
        let document = json!({"a": 1, "list": [1, 2]});
        let patch = json!([
            {"op": "test", "path": "/a", "value": 1},
            {"op": "add", "path": "/list/-", "value": 3},
            {"op": "move", "from": "/a", "path": "/b"},
            {"op": "copy", "from": "/list", "path": "/c"},
            {"op": "remove", "path": "/list/0"},
            {"op": "replace", "path": "/c/0", "value": {"x": null}},
        ]);
        assert_eq!(
            patched(&document, &patch).unwrap(),
            json!({"b": 1, "list": [2, 3], "c": [{"x": null}, 2, 3]})
        );
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_operation() {
        let document = json!({"a": 1});
        for (patch, words) in [
            (json!({"op": "remove", "path": "/a"}), "not a list"),
            (json!([{"op": "destroy", "path": "/a"}]), "not a list"),
            (json!([{"op": "remove", "path": "a"}]), "not a list"),
            (
                json!([{"op": "test", "path": "/a", "value": 2}]),
                "operation 0 of the patch (test /a)",
            ),
            (
                json!([
                    {"op": "add", "path": "/b", "value": 1},
                    {"op": "remove", "path": "/c\u{1b}"},
                ]),
                "operation 1 of the patch (remove /c\u{FFFD})",
            ),
        ] {
            let error = patched(&document, &patch).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_document_cannot_be_doubled_beyond_the_limit() {
        let doubling: Vec<Value> = (0..60)
            .map(|step| json!({"op": "copy", "from": "", "path": format!("/x{step}")}))
            .collect();
        let error = patched(&json!({"a": "0123456789"}), &json!(doubling)).unwrap_err();
        assert!(error.contains("larger than 10000 bytes"), "{error}");
    }

    #[test]
    fn a_document_cannot_be_nested_beyond_the_limit() {
        let nesting: Vec<Value> = (0..200)
            .map(|_| json!({"op": "move", "from": "/a", "path": "/b"}))
            .flat_map(|into| {
                [
                    into,
                    json!({"op": "add", "path": "/a", "value": {}}),
                    json!({"op": "move", "from": "/b", "path": "/a/n"}),
                ]
            })
            .collect();
        let document = json!({"a": {}});
        let text = json!(nesting).to_string();
        let error = apply(&document, 10, &text, 1 << 20).unwrap_err();
        assert!(error.contains("deeper than 128 levels"), "{error}");
    }

    #[test]
    fn there_can_be_only_so_many_operations() {
        let test = json!({"op": "test", "path": "", "value": 1});
        let many = vec![test; OPERATIONS + 1];
        let error = apply(&json!(1), 1, &json!(many).to_string(), 1 << 20).unwrap_err();
        assert!(error.contains("1001 operations"), "{error}");
        let enough = json!(many[1..]).to_string();
        assert_eq!(apply(&json!(1), 1, &enough, 1 << 20), Ok(json!(1)));
    }

    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(prop_oneof!["[a-c]", "[0-2]", Just("-".to_owned())], 0..4)
            .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect())
    }

    fn operation() -> impl Strategy<Value = Value> {
        let value = prop_oneof![
            Just(json!(1)),
            Just(json!({"a": [], "b": {"c": [0]}})),
            Just(json!([[1], {}]))
        ];
        (0_usize..6, path(), path(), value).prop_map(|(kind, path, from, value)| {
            let op = ["add", "remove", "replace", "move", "copy", "test"][kind];
            json!({"op": op, "path": path, "from": from, "value": value})
        })
    }

    proptest! {
        #[test]
        fn no_patch_leaves_the_bounds(operations in prop::collection::vec(operation(), 0..30)) {
            let document = json!({"a": {"b": [1, {"c": 2}]}, "c": []});
            if let Ok(patched) = patched(&document, &json!(operations)) {
                prop_assert!(patched.to_string().len() <= LIMIT);
                prop_assert!(depth(&patched) <= DEPTH + 1);
            }
        }
    }
}
