//! The answer that a case expects, and how it is compared.

use arcane_plugins::{Decision, Rendered};
use json_patch::Patch;
use serde_json::{Value, json};

use super::decision;
use super::partial::narrowed;
use super::question::{Ask, Question};
use crate::diff;
use crate::fields::Fields;
use crate::terminal::{Paint, harmless};
use crate::yaml;

const KINDS: [&str; 7] = [
    "unchanged",
    "patch",
    "job",
    "decision",
    "nextTick",
    "refused",
    "error",
];

/// The answer that is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// The Job as it was given, or a configuration that is fine.
    Unchanged,
    /// The Job that this patch makes of the given one.
    Patch(Patch),
    /// A Job of which this much is known.
    Job(Value),
    /// A decision of which this much is known: its name, or an object with the one field of that
    /// name.
    Decision(Value),
    /// In how many seconds to be asked again; none for never.
    NextTick(Option<u64>),
    /// The guard rails refuse the answer, with a message that contains this.
    Refused(String),
    /// There is no answer, for a reason that contains this.
    Error(String),
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A Job.
    Job(Rendered),
    /// A decision.
    Decision(Decision),
    /// In how many seconds to ask again.
    NextTick(Option<u64>),
    /// The configuration is fine.
    Checked,
    /// The guard rails refuse the answer.
    Refused(String),
    /// There is no answer.
    Error(String),
}

impl Expectation {
    /// Reads the `expect` of a case.
    ///
    /// # Errors
    /// Names the field that is wrong, or that does not fit the question.
    pub fn read(value: &Value, question: &Question) -> Result<Self, String> {
        let fields = Fields::of("expect", value, &KINDS)?;
        let kinds: Vec<_> = fields.keys().collect();
        let [kind] = kinds.as_slice() else {
            return Err(format!(
                "expect has {} fields: give exactly one of {}",
                kinds.len(),
                KINDS.join(", ")
            ));
        };
        let fits = match question.ask {
            Ask::Render(_) => !["decision", "nextTick"].contains(kind),
            Ask::Decide(..) => ["decision", "error"].contains(kind),
            Ask::NextTick(_) => ["nextTick", "error"].contains(kind),
            Ask::Check => ["unchanged", "error"].contains(kind),
        };
        if !fits {
            return Err(format!(
                "expect.{kind} does not fit given.hook: no such answer can come"
            ));
        }
        let required = |expected: &str| fields.wrong(kind, expected);
        let text = |expected: &str| {
            let text = fields.text(kind)?.map(str::to_owned);
            text.ok_or_else(|| required(expected))
        };
        match *kind {
            "unchanged" => match fields.value(kind) {
                Some(Value::Bool(true)) => Ok(Self::Unchanged),
                _ => Err(required("true")),
            },
            "patch" => fields
                .read(kind, "a JSON Patch, a list of operations", |patch| {
                    serde_json::from_value(patch.clone()).ok()
                })?
                .map(Self::Patch)
                .ok_or_else(|| required("a JSON Patch, a list of operations")),
            "job" => {
                let job = fields.object(kind)?.cloned().map(Self::Job);
                job.ok_or_else(|| required("a part of a Job, an object"))
            }
            "decision" => {
                let decision = fields.value(kind);
                decision::read(decision.unwrap_or(&Value::Null)).map(Self::Decision)
            }
            "nextTick" => fields.number(kind).map(Self::NextTick),
            "refused" => {
                text("a part of the refusal, such as the path of a field").map(Self::Refused)
            }
            _ => text("a part of the message").map(Self::Error),
        }
    }

    /// Nothing if `answer` to the question about `given` is as expected, else what differs.
    pub fn mismatch(&self, given: &Value, answer: &Answer) -> Option<Mismatch> {
        match (self, answer) {
            (Self::Unchanged, Answer::Checked) => None,
            (Self::Unchanged, Answer::Job(found)) => values(given, &found.job),
            (Self::Patch(patch), Answer::Job(found)) => {
                let mut expected = given.clone();
                if let Err(error) = json_patch::patch(&mut expected, patch) {
                    let text = format!("expect.patch does not fit the given Job: {error}\n");
                    return Some(Mismatch::Words(text));
                }
                values(&expected, &found.job)
            }
            (Self::Job(part), Answer::Job(found)) => values(part, &narrowed(part, &found.job)),
            (Self::Decision(expected), Answer::Decision(found)) => {
                let found = decision::value(found);
                let (expected, found) = decision::comparable(expected, &found);
                values(&expected, &found)
            }
            (Self::NextTick(expected), Answer::NextTick(found)) => {
                values(&json!(expected), &json!(found))
            }
            (Self::Refused(part), Answer::Refused(message))
            | (Self::Error(part), Answer::Error(message))
                if message.contains(part.as_str()) =>
            {
                None
            }
            _ => Some(Mismatch::Words(format!(
                "expected {}\nanswered {}\n",
                self.summary(),
                answer.summary()
            ))),
        }
    }

    fn summary(&self) -> String {
        match self {
            Self::Unchanged => "no change and no error".to_owned(),
            Self::Patch(_) | Self::Job(_) => "a Job".to_owned(),
            Self::Decision(decision) => format!("the decision {decision}"),
            Self::NextTick(None) => "no tick".to_owned(),
            Self::NextTick(Some(seconds)) => format!("a tick in {seconds} seconds"),
            Self::Refused(part) => format!("a refusal with {part:?}"),
            Self::Error(part) => format!("an error with {part:?}"),
        }
    }
}

impl Answer {
    fn summary(&self) -> String {
        match self {
            Self::Job(Rendered { changed: false, .. }) => "with the Job as it was".to_owned(),
            Self::Job(_) => "with a changed Job".to_owned(),
            Self::Decision(decision) => format!("the decision {}", decision::value(decision)),
            Self::NextTick(None) => "no tick".to_owned(),
            Self::NextTick(Some(seconds)) => format!("a tick in {seconds} seconds"),
            Self::Checked => "that the configuration is fine".to_owned(),
            Self::Refused(message) => format!("with a Job that is refused: {message}"),
            Self::Error(message) => format!("with an error: {message}"),
        }
    }
}

/// How an answer is not as expected.
#[derive(Debug)]
pub enum Mismatch {
    /// In values of the same kind.
    Values {
        /// What was expected.
        expected: Value,
        /// What of the answer was spoken of.
        found: Value,
    },
    /// Altogether.
    Words(String),
}

impl Mismatch {
    /// The mismatch for people, in lines.
    pub fn show(&self, paint: Paint) -> String {
        match self {
            Self::Words(text) => harmless(text),
            Self::Values { expected, found } => {
                let (expected, found) = (yaml::print(expected), yaml::print(found));
                diff::unified(paint, ("expected", &expected), ("answered", &found))
            }
        }
    }
}

fn values(expected: &Value, found: &Value) -> Option<Mismatch> {
    (expected != found).then(|| Mismatch::Values {
        expected: expected.clone(),
        found: found.clone(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::terminal::Colours;

    use super::*;

    fn question(hook: &str) -> Question {
        Question::read(&json!({ "hook": hook })).unwrap()
    }

    fn read(hook: &str, expect: Value) -> Expectation {
        Expectation::read(&expect, &question(hook)).unwrap()
    }

    fn difference(expected: &Expectation, given: &Value, answer: &Answer) -> Option<String> {
        let mismatch = expected.mismatch(given, answer);
        mismatch.map(|mismatch| mismatch.show(Paint::stdout(Colours::Never)))
    }

    fn job(job: Value) -> Answer {
        Answer::Job(Rendered { job, changed: true })
    }

    fn postpone(seconds: u64, reason: &str) -> Answer {
        Answer::Decision(Decision::Postpone {
            delay: Duration::from_secs(seconds),
            reason: reason.to_owned(),
        })
    }

    #[test]
    fn of_a_partial_job_only_what_is_listed_counts() {
        let found = job(json!({
            "metadata": {"labels": {"a": "1", "b": "2"}},
            "spec": {
                "containers": [
                    {"name": "proxy", "image": "p"},
                    {"name": "main", "image": "m", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                ],
                "tolerations": [{"key": "k"}],
            },
        }));
        for part in [
            json!({}),
            json!({"metadata": {"labels": {"a": "1"}}}),
            json!({"spec": {"containers": [{"name": "main", "env": [{"name": "Y", "value": "2"}]}]}}),
            json!({"spec": {"tolerations": [{"key": "k"}], "nodeName": null}}),
        ] {
            let expected = read("render", json!({ "job": part }));
            assert_eq!(difference(&expected, &json!({}), &found), None, "{part}");
        }
        for part in [
            json!({"metadata": {"labels": {"a": "2"}}}),
            json!({"metadata": {"labels": {"c": "1"}}}),
            json!({"metadata": {"labels": null}}),
            json!({"spec": {"containers": [{"name": "other"}]}}),
            json!({"spec": {"containers": []}}),
            json!({"spec": {"tolerations": []}}),
            json!({"spec": {"tolerations": [{}]}}),
        ] {
            let expected = read("render", json!({ "job": part }));
            assert!(
                difference(&expected, &json!({}), &found).is_some(),
                "{part}"
            );
        }
    }

    #[test]
    fn a_difference_shows_no_more_than_what_was_expected() {
        let expected = read("render", json!({"job": {"a": {"b": "1", "c": "2"}}}));
        let found = job(json!({"a": {"b": "1", "c": "3", "d": "4"}, "e": "5"}));
        let text = difference(&expected, &json!({}), &found).unwrap();
        let wanted = "--- expected\n+++ answered\n@@ -1,3 +1,3 @@\n a:\n   b: \"1\"\n-  c: \"2\"\n+  c: \"3\"\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_patch_is_held_against_the_whole_result() {
        let given = json!({"spec": {"a": 1, "b": 2}});
        let patch = json!([{"op": "replace", "path": "/spec/a", "value": 7}]);
        let expected = read("render", json!({ "patch": patch }));
        let fits = job(json!({"spec": {"a": 7, "b": 2}}));
        assert_eq!(difference(&expected, &given, &fits), None);
        let more = job(json!({"spec": {"a": 7, "b": 3}}));
        assert!(
            difference(&expected, &given, &more)
                .unwrap()
                .contains("-  b: 2\n+  b: 3\n")
        );

        let patch = json!([{"op": "remove", "path": "/spec/c"}]);
        let expected = read("render", json!({ "patch": patch }));
        let text = difference(&expected, &given, &fits).unwrap();
        assert!(
            text.starts_with("expect.patch does not fit the given Job: "),
            "{text}"
        );
    }

    #[test]
    fn unchanged_means_the_job_as_it_was_given() {
        let given = json!({"a": 1});
        let expected = read("render", json!({"unchanged": true}));
        assert_eq!(difference(&expected, &given, &job(given.clone())), None);
        assert!(difference(&expected, &given, &job(json!({"a": 2}))).is_some());
    }

    #[test]
    fn of_a_decision_what_is_not_listed_may_be_anything() {
        let found = postpone(3_600, "outside the window until 22:00");
        for decision in [
            json!({"postpone": {}}),
            json!({"postpone": null}),
            json!({"postpone": {"seconds": 3600}}),
            json!({"postpone": {"seconds": 3600, "reason": "*window*"}}),
        ] {
            let expected = read("backfill-requested", json!({ "decision": decision }));
            assert_eq!(
                difference(&expected, &Value::Null, &found),
                None,
                "{decision}"
            );
        }
        for decision in [
            json!("default"),
            json!({"default": {}}),
            json!({"skip": {}}),
            json!({"postpone": {"seconds": 60}}),
            json!({"postpone": {"reason": "window"}}),
        ] {
            let expected = read("backfill-requested", json!({ "decision": decision }));
            assert!(
                difference(&expected, &Value::Null, &found).is_some(),
                "{decision}"
            );
        }
    }

    #[test]
    fn a_reason_that_matches_does_not_show_up_in_the_difference() {
        let decision = json!({"postpone": {"seconds": 60, "reason": "*window*"}});
        let expected = read("backfill-requested", json!({ "decision": decision }));
        let text = difference(&expected, &Value::Null, &postpone(61, "a window")).unwrap();
        assert!(text.contains("-  seconds: 60\n+  seconds: 61\n"), "{text}");
        assert!(!text.contains("reason: \"*"), "{text}");
    }

    #[test]
    fn a_payload_is_compared_as_a_whole() {
        let found = Answer::Decision(Decision::Backfill {
            payload: Some(json!({"from": 1, "to": 2})),
            template: None,
            reason: "r".to_owned(),
        });
        let whole = json!({"backfill": {"payload": {"from": 1, "to": 2}, "template": null}});
        let expected = read("job-failed", json!({ "decision": whole }));
        assert_eq!(difference(&expected, &Value::Null, &found), None);
        let part = json!({"backfill": {"payload": {"from": 1}}});
        let expected = read("job-failed", json!({ "decision": part }));
        assert!(difference(&expected, &Value::Null, &found).is_some());
    }

    #[test]
    fn errors_and_refusals_are_told_apart() {
        let refused =
            Answer::Refused("spec.template.spec.nodeSelector: needs placement".to_owned());
        let failed = Answer::Error("the plugin crashed: nodeSelector".to_owned());
        let wants_refusal = read("render", json!({"refused": "nodeSelector"}));
        let wants_error = read("render", json!({"error": "crashed"}));
        assert_eq!(difference(&wants_refusal, &Value::Null, &refused), None);
        assert_eq!(difference(&wants_error, &Value::Null, &failed), None);
        assert!(difference(&wants_refusal, &Value::Null, &failed).is_some());
        assert!(difference(&wants_error, &Value::Null, &refused).is_some());
        let other = read("render", json!({"error": "nothing of the kind"}));
        let text = difference(&other, &Value::Null, &failed).unwrap();
        let wanted = "expected an error with \"nothing of the kind\"\nanswered with an error: the plugin crashed: nodeSelector\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_tick_may_be_expected_never_to_come() {
        let never = read("next-tick", json!({"nextTick": null}));
        assert_eq!(
            difference(&never, &Value::Null, &Answer::NextTick(None)),
            None
        );
        assert!(difference(&never, &Value::Null, &Answer::NextTick(Some(1))).is_some());
        let hour = read("next-tick", json!({"nextTick": 3600}));
        assert_eq!(
            difference(&hour, &Value::Null, &Answer::NextTick(Some(3_600))),
            None
        );
    }

    #[test]
    fn mistakes_are_told_with_field_and_remedy() {
        for (hook, expect, wanted) in [
            (
                "render",
                json!({}),
                "expect has 0 fields: give exactly one of unchanged, ",
            ),
            (
                "render",
                json!({"unchanged": true, "job": {}}),
                "expect has 2 fields: ",
            ),
            (
                "render",
                json!({"jobs": {}}),
                "expect.jobs is not a known field: use unchanged, ",
            ),
            (
                "render",
                json!({"unchanged": false}),
                "expect.unchanged is false: set it to true",
            ),
            (
                "render",
                json!({"patch": [{"op": "x"}]}),
                "expect.patch is [{\"op\":\"x\"}]: set",
            ),
            (
                "render",
                json!({"decision": "default"}),
                "expect.decision does not fit given.hook",
            ),
            (
                "tick",
                json!({"unchanged": true}),
                "expect.unchanged does not fit given.hook",
            ),
            (
                "tick",
                json!({"refused": "x"}),
                "expect.refused does not fit given.hook",
            ),
            (
                "check",
                json!({"job": {}}),
                "expect.job does not fit given.hook",
            ),
            (
                "tick",
                json!({"decision": "skip"}),
                "expect.decision is \"skip\": set it to an obj",
            ),
            (
                "tick",
                json!({"decision": null}),
                "expect.decision is null: set it to an object",
            ),
            (
                "tick",
                json!({"decision": {"stop": {}}}),
                "expect.decision.stop is not a known",
            ),
            (
                "tick",
                json!({"decision": {"skip": {}, "fail": {}}}),
                "expect.decision has 2 fields",
            ),
            (
                "tick",
                json!({"decision": {"restart": {"second": 1}}}),
                "expect.decision.restart.second is not a known field: use seconds, reason",
            ),
            (
                "tick",
                json!({"decision": {"restart": {"seconds": "1"}}}),
                "expect.decision.restart.seconds is \"1\": set it to a whole number",
            ),
            (
                "next-tick",
                json!({"nextTick": -1}),
                "expect.nextTick is -1: set it to a whole",
            ),
            (
                "render",
                json!({"error": 5}),
                "expect.error is 5: set it to a text",
            ),
        ] {
            let error = Expectation::read(&expect, &question(hook)).unwrap_err();
            assert!(error.starts_with(wanted), "{expect}: {error}");
        }
    }
}
