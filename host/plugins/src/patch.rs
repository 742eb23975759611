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
    for (index, operation) in operations.into_iter().enumerate() {
        let what = format!("operation {index} of the patch ({})", name(&operation));
        let (depth, added) = effect(&document, &operation);
        bytes = bytes.saturating_add(added);
        if bytes > limit {
            return Err(format!(
                "{what} could make the Job larger than {limit} bytes"
            ));
        }
        if depth > DEPTH {
            return Err(format!("{what} nests the Job deeper than {DEPTH} levels"));
        }
        json_patch::patch(&mut document, &[operation])
            .map_err(|error| format!("{what} does not fit the Job: {}", error.kind))?;
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
