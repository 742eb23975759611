//! What the statuses of the platform's kinds have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How far the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Seen, but not served yet. A backfill request waits for its turn.
    Pending,
    /// Served. A backfill request has its Job running, or is complete.
    Ready,
    /// Cannot be served; the conditions say why. The operator tries again.
    Failed,
    /// No longer served. A backfill request has ended without completing.
    Stopped,
}

impl Phase {
    /// The phase as it stands in `status.phase`.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Ready => "Ready",
            Phase::Failed => "Failed",
            Phase::Stopped => "Stopped",
        }
    }
}

/// Schema of `status.conditions`: as the API machinery's own type says it, with the values that
/// its Go type allows for `status`.
pub(super) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let mut condition = Condition::json_schema(generator);
    if let Some(status) = condition.pointer_mut("/properties/status") {
        status["enum"] = json!(["True", "False", "Unknown"]);
    }
    schemars::json_schema!({
        "description": "What is known about the object, one entry for each aspect.",
        "type": "array",
        "items": condition,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_serialized_as_it_is_spelled() {
        for phase in [Phase::Pending, Phase::Ready, Phase::Failed, Phase::Stopped] {
            assert_eq!(json!(phase), json!(phase.as_str()));
        }
    }
}
