//! Names on the wire: labels, annotations, environment variables, event reasons.

/// API group of the platform's kinds.
pub const GROUP: &str = "streaming.sneaksanddata.com";
/// Version of the platform's kinds that is stored.
pub const VERSION: &str = "v1";

/// Label on Jobs, CronJobs and their pods: the stream's name.
pub const LABEL_STREAM_ID: &str = "arcane/stream-id";
/// Label on Jobs, CronJobs and their pods: the definition's kind.
pub const LABEL_STREAM_KIND: &str = "arcane/stream-kind";
/// Label on Jobs: `"true"` while the Job backfills, else `"false"`.
pub const LABEL_BACKFILLING: &str = "arcane/backfilling";

/// Annotation on Jobs and CronJobs: the configuration hash that they were made from.
pub const ANNOTATION_CONFIGURATION_HASH: &str = "configuration-hash";
/// Annotation on Jobs and CronJobs: digest of the whole rendered object; a difference is drift.
pub const ANNOTATION_RENDER_HASH: &str = "arcane.sneaksanddata.com/render-hash";
/// Annotation on Jobs: name of the BackfillRequest that a backfill Job serves.
pub const ANNOTATION_BACKFILL_REQUEST: &str = "arcane.sneaksanddata.com/backfill-request";
/// Annotation on definitions: any new value redeploys the stream without a change of its spec.
/// Copied to the Job, so that the value in force is known.
pub const ANNOTATION_RESTART: &str = "arcane.sneaksanddata.com/restart";
/// Annotation on Jobs: how many failures in a row the run follows, where a plugin let it be tried
/// again.
pub const ANNOTATION_ATTEMPT: &str = "arcane.sneaksanddata.com/attempt";
/// Annotation on Jobs with [`ANNOTATION_ATTEMPT`]: the last of those failures, as JSON.
pub const ANNOTATION_LAST_FAILURE: &str = "arcane.sneaksanddata.com/last-failure";
/// Annotation on Jobs: what a plugin decided on the Job's end or on a change of its stream. On
/// BackfillRequests: what a plugin decided when the request was made. JSON.
pub const ANNOTATION_DECISION: &str = "arcane.sneaksanddata.com/decision";
/// Annotation on Jobs and CronJobs that a plugin has changed: name, version and digest of the
/// plugin. It is no part of [`ANNOTATION_RENDER_HASH`]: another plugin with the same answer is no
/// drift.
pub const ANNOTATION_PLUGIN: &str = "arcane.sneaksanddata.com/plugin";
/// Annotation on a template's Job: `"true"` injects the contract's environment in init containers too.
pub const ANNOTATION_INJECT_INIT_CONTAINERS: &str =
    "arcane.sneaksanddata.com/inject-init-containers";
/// Annotations by which a stream says on its own Job that the source's schema has changed.
pub const ANNOTATIONS_STATE: [&str; 2] =
    ["arcane.streaming.sneaksanddata.com/state", "arcane/state"];
/// Value of [`ANNOTATIONS_STATE`] that asks for a backfill.
pub const STATE_SCHEMA_MISMATCH: &str = "schema-mismatch";

/// Environment variable: the stream's name.
pub const ENV_STREAM_ID: &str = "STREAMCONTEXT__STREAM_ID";
/// Environment variable: the definition's kind.
pub const ENV_STREAM_KIND: &str = "STREAMCONTEXT__STREAM_KIND";
/// Environment variable: the definition's spec as canonical JSON.
pub const ENV_SPEC: &str = "STREAMCONTEXT__SPEC";
/// Environment variable: `"true"` in a backfill, else `"false"`.
pub const ENV_BACKFILL: &str = "STREAMCONTEXT__BACKFILL";
/// Environment variable: the BackfillRequest's spec as canonical JSON.
pub const ENV_OVERRIDE: &str = "STREAMCONTEXT__OVERRIDE";
/// Environment variable: the BackfillRequest's name.
pub const ENV_BACKFILL_ID: &str = "STREAMCONTEXT__BACKFILL_ID";

/// Whether an object can have this name: lower-case letters, digits, dashes and dots. Any other text,
/// such as `../secrets/s`, is not to become part of an address.
#[must_use]
pub fn is_object_name(text: &str) -> bool {
    let is_end = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |byte: u8| is_end(byte) || byte == b'-' || byte == b'.';
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    text.len() <= 253
        && first.is_some_and(is_end)
        && last.is_some_and(is_end)
        && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lead_elsewhere_is_no_name() {
        for name in ["a", "sample-streaming", "a.b-c.9"] {
            assert!(is_object_name(name), "{name}");
        }
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "../secrets/s",
            "A",
            "a?b",
            "a%2fb",
            "-a",
            "a.",
            "ü",
        ] {
            assert!(!is_object_name(text), "{text}");
        }
    }
}
