//! Answers of a plugin in one look at a stream, and how they are put on record.

use std::collections::HashMap;

use arcane_contract::{api::RecordedDecision, stream::StreamDefinition};
use arcane_lifecycle::{BackfillRun, RequestOrigin, Trigger};
use arcane_plugins::{Decision, Plugin};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{cache::CachedRequest, time::written};

/// What was answered in this look.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// All but `default`.
    given: HashMap<Trigger, RecordedDecision>,
    /// Each `default`, in the order of the questions.
    left: Vec<RecordedDecision>,
    /// The request that an answer about a backfill is about.
    request: Option<String>,
}

impl Answers {
    /// Adds an answer; `request` is what one about a backfill is about.
    pub fn add(&mut self, trigger: Trigger, answer: RecordedDecision, request: Option<String>) {
        self.given.insert(trigger, answer);
        self.request = request.or(self.request.take());
    }

    /// Adds that the plugin leaves something to the operator, which is the answer `default`.
    pub fn leave(&mut self, answer: RecordedDecision) {
        self.left.push(answer);
    }

    /// Each answer `default`.
    pub fn left(&self) -> &[RecordedDecision] {
        &self.left
    }

    /// The answer to this trigger, unless it is `default`.
    pub fn to(&self, trigger: Trigger) -> Option<&RecordedDecision> {
        self.given.get(&trigger)
    }

    /// The answer about a backfill for this request.
    pub fn about(&self, request: &str) -> Option<&RecordedDecision> {
        let is_meant = self.request.as_deref() == Some(request);
        [
            Trigger::BackfillRequested,
            Trigger::StreamCreated,
            Trigger::SchemaChanged,
        ]
        .into_iter()
        .filter(|_| is_meant)
        .find_map(|trigger| self.to(trigger))
    }

    /// In which way of its own the plugin has this backfill run, whether said just now or on
    /// record.
    pub fn way<'a>(
        &'a self,
        run: &BackfillRun,
        requests: &'a [std::sync::Arc<CachedRequest>],
    ) -> Option<&'a RecordedDecision> {
        let on_record = || {
            let mut requests = requests.iter();
            let request = requests.find(|request| *request.name == *run.request)?;
            request.decision.as_deref()
        };
        let said = match run.origin {
            RequestOrigin::Decided(trigger) => self.to(trigger),
            RequestOrigin::Initial | RequestOrigin::Schema | RequestOrigin::Existing => {
                self.about(&run.request).or_else(on_record)
            }
        };
        said.filter(|decision| decision.answer == "backfill")
    }
}

/// A decision as it is put on record.
pub fn on_record(
    trigger: Trigger,
    decision: &Decision,
    plugin: &Plugin,
    object: &StreamDefinition,
    inputs: String,
    now: Timestamp,
) -> RecordedDecision {
    let (payload, template, delay) = match decision {
        Decision::Backfill {
            payload, template, ..
        } => (payload.clone(), template.clone(), None),
        Decision::Postpone { delay, .. } | Decision::Restart { delay, .. } => {
            (None, None, Some(*delay))
        }
        Decision::Default | Decision::Skip { .. } | Decision::Fail { .. } => (None, None, None),
    };
    let until = delay
        .and_then(|delay| SignedDuration::try_from(delay).ok())
        .and_then(|delay| now.checked_add(delay).ok());
    let description = plugin.description();
    RecordedDecision {
        trigger: trigger.as_str().to_owned(),
        answer: decision.name().to_owned(),
        reason: decision.reason().map(str::to_owned),
        payload: payload.filter(|payload| *payload != Value::Null),
        template,
        until: until.map(written),
        generation: (trigger == Trigger::SpecChanged)
            .then(|| object.metadata.generation.unwrap_or_default()),
        plugin: format!("{} {}", description.name, description.version),
        digest: plugin.digest().to_owned(),
        inputs,
        time: written(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backfill(payload: i64) -> RecordedDecision {
        RecordedDecision {
            answer: "backfill".into(),
            payload: Some(payload.into()),
            ..RecordedDecision::default()
        }
    }

    fn run(request: &str, origin: RequestOrigin) -> BackfillRun {
        BackfillRun {
            request: request.into(),
            origin,
        }
    }

    #[test]
    fn an_answer_is_about_the_request_that_was_asked_about_and_no_other() {
        let mut answers = Answers::default();
        answers.add(Trigger::BackfillRequested, backfill(1), Some("a".into()));
        let way = |name| answers.way(&run(name, RequestOrigin::Existing), &[]);
        assert_eq!(way("a"), Some(&backfill(1)));
        assert_eq!(way("b"), None);
    }

    #[test]
    fn a_backfill_of_the_plugins_own_runs_as_the_plugin_said() {
        let mut answers = Answers::default();
        answers.add(Trigger::Tick, backfill(2), None);
        let decided = RequestOrigin::Decided(Trigger::Tick);
        assert_eq!(answers.way(&run("t", decided), &[]), Some(&backfill(2)));
        let other = RequestOrigin::Decided(Trigger::JobFailed);
        assert_eq!(answers.way(&run("t", other), &[]), None);
    }

    #[test]
    fn an_answer_that_runs_nothing_changes_no_way() {
        let mut answers = Answers::default();
        let postponed = RecordedDecision {
            answer: "postpone".into(),
            ..backfill(3)
        };
        answers.add(Trigger::StreamCreated, postponed, Some("a".into()));
        assert_eq!(answers.way(&run("a", RequestOrigin::Initial), &[]), None);
    }
}
