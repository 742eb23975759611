//! Which requests count, which are due to be made, and which one a Job serves.

use std::time::Duration;

use crate::{
    Backend, BackfillRun, JobState, JobView, Observed, Outcome, Phase, RequestOrigin, RequestPhase,
    RequestRecord, RequestView, Run, StreamView, Trigger,
};

/// Kubernetes refuses longer names.
const LONGEST_NAME: usize = 253;
/// Hex digits at the end of a derived name: 40 bits tell apart far more objects than a stream has.
const SUFFIX_LENGTH: usize = 10;

/// Name of the request that a new stream's first backfill runs for.
pub(crate) fn initial_name(stream: &StreamView) -> String {
    derived_name(&stream.name, INITIAL, &suffix(&stream.uid))
}

/// Name of the request that follows from this Job's word that the source's schema changed.
pub(crate) fn schema_name(stream: &StreamView, job: &JobView) -> String {
    derived_name(&stream.name, SCHEMA, &suffix(&job.uid))
}

/// Name of the request for a backfill in the place of a restart of this Job, which failed.
pub(crate) fn recovery_name(stream: &StreamView, job: &JobView) -> String {
    derived_name(&stream.name, RECOVERY, &suffix(&job.uid))
}

/// Name of the request for a backfill after this Job, which succeeded.
pub(crate) fn completion_name(stream: &StreamView, job: &JobView) -> String {
    derived_name(&stream.name, COMPLETION, &suffix(&job.uid))
}

/// Name of the request for a backfill with the spec as it is now.
pub(crate) fn spec_name(stream: &StreamView) -> String {
    let spec = format!("{}/{}", stream.uid, stream.generation);
    derived_name(&stream.name, SPEC, &suffix(&spec))
}

/// Name of the request that a plugin wants at a time of its own.
pub(crate) fn tick_name(stream: &StreamView, key: &str) -> String {
    let tick = format!("{}/{key}", stream.uid);
    derived_name(&stream.name, TICK, &suffix(&tick))
}

/// Whether the operator made the request of this name.
pub(crate) fn is_operator_made(stream: &StreamView, name: &str) -> bool {
    name == initial_name(stream) || is_for(stream, name, SCHEMA) || is_plugin_made(stream, name)
}

/// Whether the operator made the request of this name because a plugin wanted it.
pub(crate) fn is_plugin_made(stream: &StreamView, name: &str) -> bool {
    [RECOVERY, COMPLETION, SPEC, TICK]
        .into_iter()
        .any(|purpose| is_for(stream, name, purpose))
}

/// What a plugin is asked about when this backfill is next. A request that waits has still the
/// trigger that it had when it was made: a plugin that postpones one need not know of others.
pub(crate) fn trigger_of(stream: &StreamView, run: &BackfillRun) -> Trigger {
    match run.origin {
        RequestOrigin::Decided(trigger) => trigger,
        RequestOrigin::Initial => Trigger::StreamCreated,
        RequestOrigin::Schema => Trigger::SchemaChanged,
        RequestOrigin::Existing if run.request == initial_name(stream) => Trigger::StreamCreated,
        RequestOrigin::Existing if is_for(stream, &run.request, SCHEMA) => Trigger::SchemaChanged,
        RequestOrigin::Existing => Trigger::BackfillRequested,
    }
}

fn is_for(stream: &StreamView, name: &str, purpose: &str) -> bool {
    let at = name.len().checked_sub(SUFFIX_LENGTH);
    let Some((stem, suffix)) = at.and_then(|at| name.split_at_checked(at)) else {
        return false;
    };
    stem.ends_with(purpose) && name == derived_name(&stream.name, purpose, suffix)
}

/// The open request that the Job runs for.
pub(crate) fn served<'a>(observed: &'a Observed, job: &JobView) -> Option<&'a RequestView> {
    match &job.run {
        Run::Streaming => None,
        Run::Backfill(Some(name)) => observed
            .requests
            .iter()
            .find(|request| request.name == *name),
        Run::Backfill(None) => observed.requests.iter().find(|request| counts(request)),
    }
}

/// The open request whose Job has succeeded.
pub(crate) fn fulfilled(observed: &Observed) -> Option<&RequestView> {
    let job = observed.own_job()?;
    (job.state == JobState::Finished(Outcome::Succeeded))
        .then(|| served(observed, job))
        .flatten()
}

/// Open requests that still want a backfill, oldest first.
pub(crate) fn queue(observed: &Observed) -> impl Iterator<Item = &RequestView> {
    let fulfilled = fulfilled(observed).map(|request| &request.name);
    observed
        .requests
        .iter()
        .filter(move |request| counts(request) && Some(&request.name) != fulfilled)
}

/// Requests that the operator has to make, whatever a plugin says.
pub(crate) fn due(observed: &Observed) -> Vec<BackfillRun> {
    let initial = initial_due(observed).then(|| BackfillRun {
        request: initial_name(&observed.stream),
        origin: RequestOrigin::Initial,
    });
    let schema = observed
        .own_job()
        .filter(|job| job.schema_mismatch && job.state == JobState::Finished(Outcome::Succeeded))
        .map(|job| BackfillRun {
            request: schema_name(&observed.stream, job),
            origin: RequestOrigin::Schema,
        });
    initial
        .into_iter()
        .chain(schema)
        .filter(|run| !is_made(observed, &run.request))
        .collect()
}

/// The backfills that are to be run now, the next one first: that of the request `again`, the one
/// under way, those of open requests that are not postponed, and those of requests that are due to
/// be made. Some are there twice.
pub(crate) fn candidates(
    observed: &Observed,
    again: Option<&str>,
    due: &[BackfillRun],
) -> Vec<BackfillRun> {
    let under_way = under_way(observed).map(|request| request.name.as_str());
    let queue = queue(observed)
        .filter(|request| postponed(request).is_none())
        .map(|request| request.name.as_str());
    again
        .into_iter()
        .chain(under_way)
        .chain(queue)
        .map(|request| BackfillRun {
            request: request.to_owned(),
            origin: RequestOrigin::Existing,
        })
        .chain(due.iter().cloned())
        .collect()
}

/// The backfill that an active Job runs already, if its request still wants it.
pub(crate) fn under_way(observed: &Observed) -> Option<&RequestView> {
    let job = observed.own_job()?;
    (job.state == JobState::Active)
        .then(|| served(observed, job))
        .flatten()
        .filter(|request| counts(request))
}

/// How long the request has to wait still, and why, if a plugin has postponed it.
pub(crate) fn postponed(request: &RequestView) -> Option<(Duration, &str)> {
    match &request.record {
        Some(RequestRecord::Postponed { wait, reason }) => Some((*wait, reason)),
        _ => None,
    }
}

/// Whether nobody has ended the request; one that was skipped is open for ever.
pub(crate) fn counts(request: &RequestView) -> bool {
    request.phase != Some(RequestPhase::Stopped)
}

fn initial_due(observed: &Observed) -> bool {
    let stream = &observed.stream;
    let name = initial_name(stream);
    // A Job that names the request proves that it was made, even if it is closed by now.
    let is_served = |job: &JobView| job.run == Run::Backfill(Some(name));
    stream.phase == Phase::New
        && stream.backend == Some(Backend::ChangeCapture)
        && !stream.suspended
        && !observed.own_job().is_some_and(is_served)
}

/// Whether a request of this name is known, open or not.
pub(crate) fn is_made(observed: &Observed, name: &str) -> bool {
    observed
        .requests
        .iter()
        .any(|request| request.name == *name)
        || observed
            .completed_requests
            .iter()
            .any(|completed| completed == name)
}

const INITIAL: &str = "-initial-backfill-";
const SCHEMA: &str = "-schema-backfill-";
const RECOVERY: &str = "-recovery-backfill-";
const COMPLETION: &str = "-completion-backfill-";
const SPEC: &str = "-spec-backfill-";
const TICK: &str = "-tick-backfill-";

fn derived_name(stream: &str, purpose: &str, suffix: &str) -> String {
    let room = LONGEST_NAME - purpose.len() - SUFFIX_LENGTH;
    let stem = stream.get(..room).unwrap_or(stream);
    // A label of a name must not end in a dot or a dash.
    let stem = stem.trim_end_matches(['.', '-']);
    format!("{stem}{purpose}{suffix}")
}

/// FNV-1a: stable over releases, which the standard library's hashers are not.
fn suffix(uid: &str) -> String {
    let hash = uid.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:010x}", hash >> 24)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(name: &str, uid: &str) -> StreamView {
        StreamView {
            name: name.into(),
            uid: uid.into(),
            generation: 1,
            suspended: false,
            backend: Some(Backend::ChangeCapture),
            restart: None,
            phase: Phase::New,
            configuration_hash: None,
        }
    }

    #[test]
    fn a_derived_name_tells_stream_and_purpose_and_never_changes() {
        let name = initial_name(&stream("orders", "5e0c5a1e-8f5c-4b43-a8a6-f6e1a0c5d6a7"));
        assert_eq!(name, "orders-initial-backfill-12ea52f1f5");
    }

    #[test]
    fn a_request_that_only_looks_similar_is_not_the_operators() {
        let stream = stream("orders", "u");
        for name in [
            "orders",
            "orders-initial-backfill-0000000000",
            "orders-schema-backfill-short",
            "other-schema-backfill-0123456789",
            "ééééééééé",
        ] {
            assert!(!is_operator_made(&stream, name), "{name}");
        }
        assert!(is_operator_made(&stream, &initial_name(&stream)));
        assert!(is_operator_made(
            &stream,
            "orders-schema-backfill-0123456789"
        ));
    }

    proptest! {
        #[test]
        fn a_derived_name_is_a_valid_object_name(
            name in "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", uid in "[0-9a-f-]{36}"
        ) {
            let derived = initial_name(&stream(&name, &uid));
            prop_assert!(derived.len() <= LONGEST_NAME);
            let is_plain = derived
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
            prop_assert!(is_plain);
            prop_assert!(!derived.contains(".-initial"));
            prop_assert!(is_operator_made(&stream(&name, &uid), &derived));
        }

        #[test]
        fn streams_that_differ_only_in_uid_make_different_requests(
            one in "[0-9a-f-]{36}", other in "[0-9a-f-]{36}"
        ) {
            prop_assume!(one != other);
            prop_assert_ne!(
                initial_name(&stream("orders", &one)),
                initial_name(&stream("orders", &other))
            );
        }
    }
}
