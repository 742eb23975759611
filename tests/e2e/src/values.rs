//! Values of the sample chart that many tests want.

use serde_json::{Value, json};

/// Annotations of pods whose backfill succeeds after 200 ms.
#[must_use]
pub fn quick_backfill() -> Value {
    json!({"test/backfill-outcome": "succeed", "test/backfill-after": "200ms"})
}

/// Such backfills, and a finished Job is kept for a second.
#[must_use]
pub fn short_backfills() -> Value {
    json!({"ttlSecondsAfterFinished": 1, "podAnnotations": quick_backfill()})
}
