//! The streams of the demo, one definition in each layout.

use serde_json::{Value, json};

/// Name of the StreamClass.
pub const CLASS: &str = "demo";
/// Kind of the definitions.
pub const KIND: &str = "DemoStream";
/// Plural of the kind.
pub const PLURAL: &str = "demo-streams";
/// Template of streaming Jobs.
pub const STREAMING: &str = "demo-streaming";
/// Template of backfill Jobs.
pub const BACKFILL: &str = "demo-backfill";

/// A definition's `spec` in the first layout.
pub fn v0(table: &str) -> Value {
    json!({
        "suspended": false,
        "jobTemplateRef": {"name": STREAMING},
        "backfillJobTemplateRef": {"name": BACKFILL},
        "source": {"table": table},
    })
}

/// Layout `v1`.
pub fn v1(table: &str) -> Value {
    json!({
        "execution": {
            "layoutVersion": "v1",
            "suspended": false,
            "backfillJobTemplateRef": {"name": BACKFILL},
            "streamingBackend": {"changeCapture": {"jobTemplateRef": {"name": STREAMING}}},
        },
        "source": {"table": table},
    })
}

/// Layout `v2`.
pub fn v2(table: &str) -> Value {
    layout("v2", table)
}

/// As layout `v2`, with any version.
pub fn layout(version: &str, table: &str) -> Value {
    json!({
        "execution": {
            "layoutVersion": version,
            "suspended": false,
            "streamingBackend": {"changeCapture": {
                "jobTemplateRef": {"name": STREAMING},
                "backfillJobTemplateRef": {"name": BACKFILL},
            }},
        },
        "source": {"table": table},
    })
}

/// Layout `v2` on a schedule.
pub fn batch(table: &str, schedule: &str) -> Value {
    json!({
        "execution": {
            "layoutVersion": "v2",
            "suspended": false,
            "streamingBackend": {"batch": {
                "schedule": schedule,
                "jobTemplateRef": {"name": BACKFILL},
            }},
        },
        "source": {"table": table},
    })
}

#[cfg(test)]
mod tests {
    use arcane_contract::definition::Definition;

    use super::*;

    #[test]
    fn every_layout_is_one_of_the_contract() {
        for spec in [v0("t"), v1("t"), v2("t"), batch("t", "0 3 * * *")] {
            let parsed = Definition::parse(&spec, "n");
            assert!(parsed.is_ok(), "{spec}: {parsed:?}");
        }
        let unknown = layout("v9", "t");
        assert!(Definition::parse(&unknown, "n").is_err());
    }
}
