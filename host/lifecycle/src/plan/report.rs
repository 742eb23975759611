//! Conditions and messages, for people.

use std::time::Duration;

use super::{Condition, Event, Problem, Severity};
use crate::{Failure, Goal, Observed, Phase, RequestView};

/// Whether what runs comes from the template as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness<'a> {
    /// It does.
    Current,
    /// It does not; the next run will.
    NextRun,
    /// It does not; it is restarted when others of its class are done.
    WaitsForTurn,
    /// It does not, as a plugin wants it for this reason; the next run will.
    SpecSkipped(&'a str),
    /// It does not, as a plugin wants it for this reason; it will ask again.
    SpecPostponed(&'a str),
}

/// The stream is where it should be.
pub(super) fn settled(
    phase: Phase,
    request: Option<&str>,
    freshness: Freshness<'_>,
) -> Vec<Condition> {
    let up_to_date = match freshness {
        Freshness::Current => condition(
            "UpToDate",
            true,
            "TemplateCurrent",
            "What runs was made from the template as it is now.",
        ),
        Freshness::NextRun => condition(
            "UpToDate",
            false,
            "TemplateChanged",
            "The template has changed since the Job was made; the next run will have the change.",
        ),
        Freshness::WaitsForTurn => condition(
            "UpToDate",
            false,
            "TemplateChanged",
            "The template has changed since the Job was made; the Job is restarted when it is \
             this stream's turn.",
        ),
        Freshness::SpecSkipped(reason) => {
            let message = format!(
                "The spec has changed since the Job was made; the class's plugin leaves the \
                 change for the next run: {}.",
                trimmed(reason)
            );
            condition("UpToDate", false, "SpecChangeSkipped", &message)
        }
        Freshness::SpecPostponed(reason) => {
            let message = format!(
                "The spec has changed since the Job was made; the class's plugin has the change \
                 wait: {}.",
                trimmed(reason)
            );
            condition("UpToDate", false, "SpecChangePostponed", &message)
        }
    };
    vec![known(phase, request), reconciled(), up_to_date]
}

/// Something must be gone before the stream can go on.
pub(super) fn waiting(phase: Phase, request: Option<&str>) -> Vec<Condition> {
    vec![
        known(phase, request),
        condition(
            "Reconciled",
            false,
            "WaitingForPods",
            "What ran before is being stopped; what comes next starts when its pods are gone.",
        ),
    ]
}

/// What comes next waits for its time.
pub(super) fn restart_postponed(reason: &str) -> Vec<Condition> {
    let message = format!(
        "The stream's Job has ended, and the class's plugin has the next run wait: {}.",
        trimmed(reason)
    );
    vec![
        known(Phase::Pending, None),
        condition("Reconciled", false, "RestartPostponed", &message),
    ]
}

/// The user has suspended the stream.
pub(super) fn suspended(is_stopping: bool) -> Vec<Condition> {
    let reconciled = if is_stopping {
        condition(
            "Reconciled",
            false,
            "WaitingForPods",
            "What ran is being stopped; its pods may take their time to end.",
        )
    } else {
        reconciled()
    };
    vec![known(Phase::Suspended, None), reconciled]
}

/// The stream failed.
pub(super) fn failed(message: &str) -> Vec<Condition> {
    let message = format!("{message} Fix the cause, then suspend the stream and resume it.");
    vec![
        condition("Error", true, "StreamFailed", &message),
        condition("Reconciled", false, "StreamFailed", &message),
    ]
}

/// The user must put something right first.
pub(super) fn blocked(problem: &Problem) -> Vec<Condition> {
    vec![
        condition("Error", true, problem.reason, &problem.message),
        condition("Reconciled", false, problem.reason, &problem.message),
    ]
}

/// The event that goes with a problem.
pub(super) fn problem_event(problem: &Problem) -> Event {
    Event {
        severity: Severity::Warning,
        reason: problem.reason,
        message: problem.message.clone(),
    }
}

/// Why a Job failed: what its container said, else what the Job says.
pub(super) fn failure(failure: &Failure) -> String {
    let Failure {
        reason,
        message,
        exit_code,
        container_reason,
        termination_message,
    } = failure;
    let mut text = "The stream's Job failed".to_owned();
    if !reason.is_empty() {
        text = format!("{text}: {reason}");
    }
    if let Some(code) = exit_code {
        text = format!("{text}, exit code {code}");
    }
    // `Error` says no more than the exit code does.
    if let Some(cause) = container_reason
        .as_deref()
        .filter(|cause| *cause != "Error")
    {
        text = format!("{text} ({cause})");
    }
    let detail = termination_message.as_deref().unwrap_or(message);
    let detail = detail.trim().trim_end_matches('.');
    if detail.is_empty() {
        format!("{text}.")
    } else {
        format!("{text}: {detail}.")
    }
}

/// Why a Job failed, and why a plugin lets the stream fail with it.
pub(super) fn failure_with_word(cause: &Failure, reason: &str) -> String {
    format!("{} {}", failure(cause), stopped(reason))
}

/// A plugin has the same run again after a failure.
pub(super) fn restart_after_failure(cause: &Failure, reason: &str, wait: Duration) -> String {
    format!(
        "{} It is started again {}: {}.",
        failure(cause),
        after(wait),
        trimmed(reason)
    )
}

/// A plugin has a say in when the next run begins.
pub(super) fn restart_after_end(reason: &str, wait: Duration) -> String {
    format!(
        "The stream's Job has ended. The next is started {}: {}.",
        after(wait),
        trimmed(reason)
    )
}

/// A plugin has the Job that runs replaced.
pub(super) fn replaced(reason: &str) -> String {
    format!("The stream's Job is replaced: {}.", trimmed(reason))
}

/// A plugin's word on a backfill.
pub(super) fn of_request(reason: &str, request: &str) -> String {
    format!("{reason} (request {request})")
}

/// A plugin lets the stream fail rather than backfill.
pub(super) fn refused(reason: &str) -> String {
    format!(
        "The class's plugin refuses the backfill: {}.",
        trimmed(reason)
    )
}

/// A plugin lets the stream fail.
pub(super) fn stopped(reason: &str) -> String {
    format!(
        "The class's plugin lets the stream fail: {}.",
        trimmed(reason)
    )
}

fn trimmed(reason: &str) -> &str {
    reason.trim_end_matches('.')
}

fn after(wait: Duration) -> String {
    match wait.as_secs() {
        0 => "at once".into(),
        1 => "in 1 second".into(),
        seconds => format!("in {seconds} seconds"),
    }
}

/// A backfill came to its end.
pub(super) fn backfill_completed(request: Option<&RequestView>) -> String {
    match request {
        Some(request) => format!("The backfill is complete for request {}", request.name),
        None => "The backfill is complete.".into(),
    }
}

/// The definition names neither backend.
pub(super) fn no_backend(observed: &Observed) -> Problem {
    Problem {
        reason: "NoValidBackend",
        message: format!(
            "stream {} names no backend: set changeCapture or batch in \
             spec.execution.streamingBackend",
            observed.stream.name
        ),
    }
}

/// Nothing in the definition says what the goal's Job is made from.
pub(super) fn no_template(observed: &Observed, goal: &Goal) -> Problem {
    let stream = &observed.stream.name;
    let message = match goal {
        Goal::Backfill(run) => format!(
            "stream {stream} names no template for backfills: set backfillJobTemplateRef in its \
             spec, or delete BackfillRequest {}",
            run.request
        ),
        _ => format!("stream {stream} names no Job template: set jobTemplateRef in its spec"),
    };
    Problem {
        reason: "NoTemplate",
        message,
    }
}

/// A Job that is not the stream's has its name.
pub(super) fn job_name_taken(observed: &Observed) -> Problem {
    Problem {
        reason: "JobNameTaken",
        message: format!(
            "Job {name} does not belong to this stream, whose own Job needs that name: delete the \
             Job, or give the stream another name",
            name = observed.stream.name
        ),
    }
}

/// A CronJob that is not the stream's has its name.
pub(super) fn cron_job_name_taken(observed: &Observed) -> Problem {
    Problem {
        reason: "CronJobNameTaken",
        message: format!(
            "CronJob {name} does not belong to this stream, whose own CronJob needs that name: \
             delete the CronJob, or give the stream another name",
            name = observed.stream.name
        ),
    }
}

/// The one condition that existing clients know.
fn known(phase: Phase, request: Option<&str>) -> Condition {
    match phase {
        Phase::Running => condition("Ready", true, "StreamRunning", "The stream is running."),
        Phase::Backfilling => {
            let message = format!(
                "The stream is backfilling for request {}",
                request.unwrap_or_default()
            );
            condition("Ready", true, "StreamBackfilling", &message)
        }
        Phase::Scheduled => condition(
            "Ready",
            true,
            "StreamScheduled",
            "The stream runs on its schedule.",
        ),
        Phase::Suspended => condition(
            "Warning",
            true,
            "StreamSuspended",
            "The stream is suspended by its definition.",
        ),
        Phase::Failed => condition("Error", true, "StreamFailed", "The stream has failed."),
        Phase::New | Phase::Pending => condition(
            "Warning",
            true,
            "StreamPending",
            "The stream is about to start.",
        ),
    }
}

fn reconciled() -> Condition {
    condition(
        "Reconciled",
        true,
        "AsSpecified",
        "The stream does what its definition asks for.",
    )
}

fn condition(kind: &'static str, status: bool, reason: &'static str, message: &str) -> Condition {
    Condition {
        kind,
        status,
        reason,
        message: message.to_owned(),
    }
}
