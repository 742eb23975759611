//! Decisions as cases write them: a name, or an object with the one field of that name.

use arcane_plugins::Decision;
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::glob;

/// A decision as cases write it.
pub fn value(decision: &Decision) -> Value {
    let fields = match decision {
        Decision::Default => return json!("default"),
        Decision::Skip { reason } | Decision::Fail { reason } => json!({ "reason": reason }),
        Decision::Backfill {
            payload,
            template,
            reason,
        } => json!({ "payload": payload, "template": template, "reason": reason }),
        Decision::Postpone { delay, reason } | Decision::Restart { delay, reason } => {
            json!({ "seconds": delay.as_secs(), "reason": reason })
        }
    };
    json!({ decision.name(): fields })
}

/// Checks that a decision is written as it should be.
pub(super) fn read(value: &Value) -> Result<Value, String> {
    let known = ["default", "skip", "backfill", "postpone", "fail", "restart"];
    if value == "default" {
        return Ok(value.clone());
    }
    let fields = Fields::of("expect.decision", value, &known)?;
    let names: Vec<_> = fields.keys().collect();
    let [name] = names.as_slice() else {
        return Err(format!(
            "expect.decision has {} fields: give exactly one of {}",
            names.len(),
            known.join(", ")
        ));
    };
    let inner: &[&str] = match *name {
        "default" => &[],
        "skip" | "fail" => &["reason"],
        "backfill" => &["payload", "template", "reason"],
        _ => &["seconds", "reason"],
    };
    let none = json!({});
    let path = fields.path_of(name);
    let inner = Fields::of(&path, fields.value(name).unwrap_or(&none), inner)?;
    inner.text("reason")?;
    inner.text("template")?;
    inner.number::<u64>("seconds")?;
    if *name == "default" {
        return Ok(json!("default"));
    }
    Ok(json!({ *name: fields.value(name).unwrap_or(&none) }))
}

/// Both decisions without what the expectation does not speak of, and with the reason as it was
/// found where the expected one matches it.
pub(super) fn comparable(expected: &Value, found: &Value) -> (Value, Value) {
    let (Some((name, wanted)), Some((answered, fields))) = (only(expected), only(found)) else {
        return (expected.clone(), found.clone());
    };
    if name != answered {
        return (expected.clone(), found.clone());
    }
    let mut wanted = wanted.clone();
    let pattern = wanted.get("reason").and_then(Value::as_str);
    let reason = fields.get("reason").and_then(Value::as_str);
    if let (Some(pattern), Some(reason)) = (pattern, reason)
        && glob::matches(pattern, reason)
    {
        wanted.insert("reason".to_owned(), reason.into());
    }
    let keys = wanted.keys();
    let fields: Map<_, _> = keys
        .map(|key| (key.clone(), fields.get(key).cloned().unwrap_or_default()))
        .collect();
    (json!({ name: wanted }), json!({ name: fields }))
}

/// The only field of an object, an object itself.
fn only(value: &Value) -> Option<(&String, &Map<String, Value>)> {
    let (name, fields) = value.as_object()?.iter().next()?;
    Some((name, fields.as_object()?))
}
