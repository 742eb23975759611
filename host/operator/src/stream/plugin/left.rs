//! What a plugin leaves to the operator: it was asked, and answered `default`.

use arcane_contract::api::RecordedDecision;
use arcane_lifecycle::{Event, Severity};
use serde_json::Value;

/// What a plugin has left to the operator about one stream, as far as it was told. Such an answer is
/// not on record where it would keep the question from being asked again, so that it can come twice.
#[derive(Debug, Default)]
pub struct Left {
    /// The latest for each trigger: the trigger, and the digest of what was decided on.
    told: Vec<(Box<str>, Box<str>)>,
}

impl Left {
    /// Whether nobody was told of this answer yet. After a restart of the operator, that is what
    /// stands in the stream's status.
    pub fn is_news(&self, answer: &RecordedDecision, status: &Value) -> bool {
        let last = &status["lastDecision"];
        let is_in_status = last["trigger"] == *answer.trigger
            && last["answer"] == *answer.answer
            && last["inputs"] == *answer.inputs;
        let is_told = |(trigger, inputs): &(Box<str>, Box<str>)| {
            **trigger == *answer.trigger && **inputs == *answer.inputs
        };
        !is_in_status && !self.told.iter().any(is_told)
    }

    /// Notes that this answer was told.
    pub fn told(&mut self, answer: &RecordedDecision) {
        self.told
            .retain(|(trigger, _)| **trigger != *answer.trigger);
        let told = (
            answer.trigger.as_str().into(),
            answer.inputs.as_str().into(),
        );
        self.told.push(told);
    }
}

/// Tells of such an answer.
pub fn event(answer: &RecordedDecision) -> Event {
    Event {
        severity: Severity::Normal,
        reason: "PluginDecided",
        message: format!(
            "plugin {}, asked at {}, decided `{}`: the stream goes on as without a plugin",
            answer.plugin, answer.trigger, answer.answer
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(trigger: &str, inputs: &str) -> RecordedDecision {
        RecordedDecision {
            trigger: trigger.into(),
            answer: "default".into(),
            inputs: inputs.into(),
            ..RecordedDecision::default()
        }
    }

    #[test]
    fn the_same_answer_to_the_same_question_is_told_once() {
        let mut left = Left::default();
        let (created, failed) = (answer("stream-created", "a"), answer("job-failed", "a"));
        assert!(left.is_news(&created, &json!({})));
        left.told(&created);
        assert!(left.is_news(&failed, &json!({})));
        left.told(&failed);
        for told in [&created, &failed] {
            assert!(!left.is_news(told, &json!({})));
        }
        assert!(left.is_news(&answer("job-failed", "b"), &json!({})));
    }

    #[test]
    fn what_stands_in_the_status_was_told_before_the_operator_started() {
        let (left, answer) = (Left::default(), answer("job-failed", "a"));
        let mut status = json!({"lastDecision": answer.clone()});
        assert!(!left.is_news(&answer, &status));
        status["lastDecision"]["answer"] = json!("restart");
        assert!(left.is_news(&answer, &status));
    }
}
