//! How large the table of a stream is, as far as somebody has told.

use arcane_plugin_sdk::serde_json::Value;
use arcane_plugin_sdk::{Context, Quantity, warn};

use crate::config::{Config, SizeHint, Tier};

/// The tier of the stream; none where the template's resources are to stay.
pub fn tier(context: &Context<Config>) -> Option<&Tier> {
    let config = context.config();
    let hints = config.size.iter();
    match hints.filter_map(|hint| bytes(hint, context)).next() {
        Some(bytes) => config
            .tiers
            .iter()
            .find(|tier| tier.up_to.is_none_or(|up_to| bytes <= up_to)),
        None => {
            let name = config.unknown_size.as_ref()?;
            config.tiers.iter().find(|tier| tier.name == *name)
        }
    }
}

/// What a hint says, in bytes.
///
/// What is no size is left out with a warning, rather than being an error: a slip in a hint is no
/// cause for a stream not to be started.
fn bytes(hint: &SizeHint, context: &Context<Config>) -> Option<Quantity> {
    let (place, found) = look_up(hint, context)?;
    let Some(amount) = parse(&found).filter(|amount| *amount >= Quantity::ZERO) else {
        warn!("{place} is {found}: give a number, or a quantity such as 20Gi; it is left out");
        return None;
    };
    Some(amount.times(hint.bytes_per_row.unwrap_or(1)))
}

fn look_up(hint: &SizeHint, context: &Context<Config>) -> Option<(String, Value)> {
    let stream = context.stream();
    if let Some(key) = &hint.annotation {
        let value = stream.annotation(key)?;
        return Some((format!("annotation `{key}`"), value.into()));
    }
    if let Some(pointer) = &hint.spec {
        let value = stream.raw_spec().pointer(pointer)?;
        return Some((format!("`{pointer}` of the spec"), value.clone()));
    }
    let pointer = hint.payload.as_ref()?;
    let payload = context.request()?.payload()?;
    let value = payload.value().pointer(pointer)?;
    Some((format!("`{pointer}` of the payload"), value.clone()))
}

fn parse(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}
