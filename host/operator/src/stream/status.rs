//! The definition's status: what to write, and whether anything would change.

use arcane_contract::schema::StatusSchema;
use arcane_lifecycle::{Condition, Status};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Condition types that the operator owns. Others are left as they are.
const OWNED: [&str; 5] = ["Ready", "Warning", "Error", "Reconciled", "UpToDate"];

/// The merge patch that makes `current` say what `wanted` says, as far as the kind's schema can
/// hold it; `None` if it says so already.
pub fn patch(
    current: &Value,
    wanted: &Status,
    generation: i64,
    schema: &StatusSchema,
    now: Timestamp,
) -> Option<Value> {
    let existing = conditions(current);
    let foreign = existing
        .iter()
        .filter(|condition| !OWNED.contains(&text(condition, "type")))
        .cloned();
    let ours = wanted
        .conditions
        .iter()
        .map(|condition| render(condition, existing, generation, now));
    let mut status = Map::new();
    status.insert("phase".into(), json!(wanted.phase.as_str()));
    if let Some(hash) = &wanted.configuration_hash {
        status.insert("configurationHash".into(), json!(hash));
    }
    status.insert("conditions".into(), ours.chain(foreign).collect());
    let pruned = schema.prune(Value::Object(status));
    let differs = pruned.as_object().is_some_and(|fields| {
        fields
            .iter()
            .any(|(name, value)| current.get(name) != Some(value))
    });
    differs.then_some(pruned)
}

fn render(condition: &Condition, existing: &[Value], generation: i64, now: Timestamp) -> Value {
    let Condition {
        kind,
        status,
        reason,
        message,
    } = condition;
    let status = if *status { "True" } else { "False" };
    // The time of the last transition, not of the last write.
    let since = existing
        .iter()
        .find(|old| text(old, "type") == *kind && text(old, "status") == status)
        .and_then(|old| old.get("lastTransitionTime").cloned())
        .unwrap_or_else(|| json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    })
}

fn conditions(status: &Value) -> &[Value] {
    status
        .get("conditions")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
