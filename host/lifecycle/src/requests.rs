//! Which requests count, which are due to be made, and which one a Job serves.

use crate::{
    Backend, BackfillRun, JobState, JobView, Observed, Outcome, Phase, RequestOrigin, RequestPhase,
    RequestView, Run, StreamView,
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

/// Whether the operator made the request of this name.
pub(crate) fn is_operator_made(stream: &StreamView, name: &str) -> bool {
    let is_schema = || {
        let at = name.len().checked_sub(SUFFIX_LENGTH)?;
        let suffix = name.get(at..)?;
        Some(name == derived_name(&stream.name, SCHEMA, suffix))
    };
    name == initial_name(stream) || is_schema() == Some(true)
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

/// Requests that the operator has to make.
pub(crate) fn due(observed: &Observed) -> impl Iterator<Item = BackfillRun> {
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
}

/// The backfill that an active Job runs already, if its request still wants it.
pub(crate) fn under_way(observed: &Observed) -> Option<&RequestView> {
    let job = observed.own_job()?;
    (job.state == JobState::Active)
        .then(|| served(observed, job))
        .flatten()
        .filter(|request| counts(request))
}

/// Whether nobody has ended the request; one that was skipped is open for ever.
fn counts(request: &RequestView) -> bool {
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
        && observed.failure().is_none()
        && !observed.own_job().is_some_and(is_served)
}

fn is_made(observed: &Observed, name: &str) -> bool {
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
