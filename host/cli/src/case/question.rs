//! The question of a case.

use std::sync::Arc;

use arcane_contract::canonical;
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_plugins::{Context, Failure, Hook, Mode, Request, StreamDefinition, Trigger};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::given::{self, Source, UID};

/// Class of every stream in cases.
const CLASS: &str = "sample";
/// `apiVersion` of every stream in cases.
const API_VERSION: &str = "streaming.sneaksanddata.com/v1";
/// When a case happens that does not say when: 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;
/// Schedule of the CronJobs of cases; no plugin sees it.
const SCHEDULE: &str = "0 4 * * *";

const HOOKS: &str = "render, stream-created, backfill-requested, schema-changed, spec-changed, \
                     job-failed, job-completed, tick, next-tick or check";

/// What a plugin is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is known of the stream.
    pub context: Context,
    /// What is asked.
    pub ask: Ask,
}

/// The ways to ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// How to shape this Job.
    Render(Value),
    /// What to do.
    Decide(Trigger, u64),
    /// When to be asked again.
    NextTick(u64),
    /// Whether the configuration is fine.
    Check,
}

impl Ask {
    /// The hook that a plugin has to name to be asked this; none for [`Ask::Check`].
    pub fn hook(&self) -> Option<Hook> {
        match self {
            Ask::Render(_) => Some(Hook::Render),
            Ask::Decide(trigger, _) => Some(trigger.hook()),
            Ask::NextTick(_) => Some(Hook::Tick),
            Ask::Check => None,
        }
    }
}

impl Question {
    /// Reads the `given` of a case.
    ///
    /// # Errors
    /// Names the field that is wrong, and what belongs there.
    pub fn read(given: &Value) -> Result<Self, String> {
        let known = [
            "hook",
            "mode",
            "stream",
            "request",
            "attempt",
            "lastFailure",
            "failure",
            "previousSpec",
            "now",
            "template",
        ];
        let fields = Fields::of("given", given, &known)?;
        let hook = fields.text("hook")?;
        let hook = hook.ok_or_else(|| fields.wrong("hook", &format!("one of {HOOKS}")))?;
        let only_with = |key: &str, hooks: &str, fits: bool| match fields.value(key) {
            Some(_) if !fits => Err(format!(
                "{} fits only hook {hooks}: remove it",
                fields.path_of(key)
            )),
            _ => Ok(()),
        };
        only_with("failure", "job-failed", hook == "job-failed")?;
        only_with("previousSpec", "spec-changed", hook == "spec-changed")?;
        only_with("template", "render", hook == "render")?;

        let mode = mode(&fields, hook)?;
        let (definition, spec) = stream(&fields)?;
        let last_failure = fields.object("lastFailure")?;
        let context = Context {
            class: CLASS.to_owned(),
            stream: definition,
            mode,
            request: request(&fields, mode)?,
            attempt: fields.number("attempt")?.unwrap_or(0),
            last_failure: last_failure
                .map(|failure| read_failure("given.lastFailure", failure))
                .transpose()?,
        };
        let now = now(&fields)?;
        let ask = match hook {
            "render" => Ask::Render(job(&fields, &context, &spec)?),
            "next-tick" => Ask::NextTick(now),
            "check" => Ask::Check,
            hook => Ask::Decide(trigger(&fields, hook)?, now),
        };
        Ok(Self { context, ask })
    }
}

/// The mode in which a hook is called unless something else is said.
pub fn implied_mode(hook: &str) -> Mode {
    match hook {
        "stream-created" | "backfill-requested" | "schema-changed" => Mode::Backfill,
        _ => Mode::Streaming,
    }
}

fn mode(fields: &Fields<'_>, hook: &str) -> Result<Mode, String> {
    let implied = implied_mode(hook);
    let mode = fields.read("mode", "streaming, backfill or scheduled", |mode| {
        serde_json::from_value(mode.clone()).ok()
    })?;
    match mode {
        Some(mode) if implied == Mode::Backfill && mode != implied => Err(format!(
            "{}; hook {hook} is always asked in mode backfill",
            fields.wrong("mode", "backfill, or remove it")
        )),
        Some(mode) => Ok(mode),
        None => Ok(implied),
    }
}

/// The stream, and its spec.
fn stream(fields: &Fields<'_>) -> Result<(StreamDefinition, SpecJson), String> {
    let none = json!({});
    let stream = fields.object("stream")?.unwrap_or(&none);
    let known = ["name", "namespace", "kind", "labels", "annotations", "spec"];
    let stream = Fields::of("given.stream", stream, &known)?;
    let text =
        |key, default: &str| Ok::<_, String>(stream.text(key)?.unwrap_or(default).to_owned());
    let spec = stream.object("spec")?.unwrap_or(&none);
    let text_of_spec = SpecJson::new(spec);
    let definition = StreamDefinition {
        namespace: text("namespace", "data")?,
        name: text("name", "orders")?,
        kind: text("kind", "ParquetStream")?,
        layout: layout_of(spec),
        labels: stream.texts("labels")?,
        annotations: stream.texts("annotations")?,
        spec: text_of_spec.as_str().into(),
    };
    Ok((definition, text_of_spec))
}

/// The layout that a definition's spec names.
fn layout_of(spec: &Value) -> String {
    let named = spec["execution"]["layoutVersion"].as_str();
    named
        .filter(|layout| !layout.is_empty())
        .unwrap_or("v0")
        .to_owned()
}

fn request(fields: &Fields<'_>, mode: Mode) -> Result<Option<Request>, String> {
    let none = json!({});
    let request = match (fields.object("request")?, mode) {
        (Some(request), Mode::Backfill) => request,
        (Some(_), _) => {
            return Err(
                "given.request fits only mode backfill: remove it, or set given.mode to \
                        backfill"
                    .to_owned(),
            );
        }
        (None, Mode::Backfill) if !fields.keys().any(|key| key == "request") => &none,
        (None, _) => return Ok(None),
    };
    let request = Fields::of("given.request", request, &["name", "payload"])?;
    Ok(Some(Request {
        name: request.text("name")?.unwrap_or("request-1").to_owned(),
        payload: request.object("payload")?.map(json_text),
    }))
}

/// Reads a failure, of which all is optional.
///
/// # Errors
/// Names the field that is wrong.
pub fn read_failure(path: &str, value: &Value) -> Result<Failure, String> {
    let known = [
        "reason",
        "message",
        "exitCode",
        "containerReason",
        "terminationMessage",
    ];
    let fields = Fields::of(path, value, &known)?;
    let text = |key| Ok::<_, String>(fields.text(key)?.map(str::to_owned));
    Ok(Failure {
        reason: text("reason")?.unwrap_or_else(|| "BackoffLimitExceeded".to_owned()),
        message: text("message")?.unwrap_or_default(),
        exit_code: fields.number("exitCode")?,
        container_reason: text("containerReason")?,
        termination_message: text("terminationMessage")?,
    })
}

fn now(fields: &Fields<'_>) -> Result<u64, String> {
    let now = fields.read("now", "a time such as \"2026-01-05T03:00:00Z\"", |now| {
        seconds(now.as_str()?)
    })?;
    Ok(now.unwrap_or(NOW))
}

/// Reads a time as RFC 3339 has it, in seconds since 1970.
pub fn seconds(time: &str) -> Option<u64> {
    let time: Timestamp = time.parse().ok()?;
    u64::try_from(time.as_second()).ok()
}

fn trigger(fields: &Fields<'_>, hook: &str) -> Result<Trigger, String> {
    let none = json!({});
    Ok(match hook {
        "stream-created" => Trigger::StreamCreated,
        "backfill-requested" => Trigger::BackfillRequested,
        "schema-changed" => Trigger::SchemaChanged,
        "spec-changed" => Trigger::SpecChanged {
            previous: fields.object("previousSpec")?.map(json_text),
        },
        "job-failed" => {
            let failure = fields.object("failure")?.unwrap_or(&none);
            Trigger::JobFailed(read_failure("given.failure", failure)?)
        }
        "job-completed" => Trigger::JobCompleted,
        "tick" => Trigger::Tick,
        _ => return Err(fields.wrong("hook", &format!("one of {HOOKS}"))),
    })
}

/// The canonical JSON text of a value.
pub fn json_text(value: &Value) -> Arc<str> {
    canonical::to_string(value).into()
}

/// The Job that is given to `render`.
fn job(fields: &Fields<'_>, context: &Context, spec: &SpecJson) -> Result<Value, String> {
    let small = small_template();
    let template = fields.object("template")?.unwrap_or(&small);
    let definition = &context.stream;
    let template =
        JobTemplate::parse(&definition.namespace, "given.template", template).map_err(|error| {
            // What stands at `spec` in a whole template stands at `given.template` here.
            let path = error.field.strip_prefix("spec").unwrap_or(&error.field);
            let (found, expected) = (&error.found, error.expected);
            format!("given.template{path} is {found}: set it to {expected}")
        })?;
    let request = context.request.as_ref();
    let payload = request.and_then(|request| request.payload.as_deref());
    let payload: Option<Value> = payload.and_then(|payload| serde_json::from_str(payload).ok());
    let source = Source {
        api_version: API_VERSION,
        uid: UID,
        spec,
        secret_refs: &[],
        payload: payload.as_ref(),
        schedule: (SCHEDULE, None),
    };
    given::job(context, &source, &template).map_err(|error| format!("given.template: {error}"))
}

/// The template of cases that give none.
fn small_template() -> Value {
    json!({
        "spec": {
            "backoffLimit": 3,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": "main",
                        "image": "registry.example/stream:1.0.0",
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use arcane_contract::names;

    use super::*;

    fn read(text: &str) -> Result<Question, String> {
        Question::read(&crate::yaml::document("x", text).unwrap())
    }

    #[test]
    fn a_hook_alone_is_a_whole_question() {
        let question = read("hook: render").unwrap();
        assert_eq!(question.context.mode, Mode::Streaming);
        assert_eq!(question.context.stream.name, "orders");
        assert_eq!(question.context.stream.layout, "v0");
        assert_eq!(question.context.request, None);
        let Ask::Render(job) = question.ask else {
            panic!("{question:?}");
        };
        assert_eq!(
            job["spec"]["template"]["spec"]["containers"][0]["name"],
            "main"
        );
        assert_eq!(job["metadata"]["name"], "orders");
    }

    #[test]
    fn questions_about_backfills_have_a_request_unless_it_is_ruled_out() {
        for hook in ["stream-created", "backfill-requested", "schema-changed"] {
            let question = read(&format!("hook: {hook}")).unwrap();
            assert_eq!(question.context.mode, Mode::Backfill, "{hook}");
            assert_eq!(question.context.request.unwrap().name, "request-1");
            let without = read(&format!("{{hook: {hook}, request: null}}")).unwrap();
            assert_eq!(without.context.request, None);
        }
    }

    #[test]
    fn everything_that_is_given_reaches_the_question() {
        let question = read(
            "hook: job-failed
mode: backfill
stream:
  name: s
  namespace: n
  kind: K
  labels: {a: b}
  annotations: {c: d}
  spec: {execution: {layoutVersion: v2}, b: 1, a: 2}
request: {name: r, payload: {to: 2, from: 1}}
attempt: 2
lastFailure: {exitCode: 137, containerReason: OOMKilled}
failure: {reason: DeadlineExceeded, message: m, exitCode: -1, terminationMessage: t}
now: 2026-01-05T03:00:00+01:00
",
        )
        .unwrap();
        let context = question.context;
        assert_eq!(context.stream.layout, "v2");
        assert_eq!(
            &*context.stream.spec,
            "{\"a\":2,\"b\":1,\"execution\":{\"layoutVersion\":\"v2\"}}"
        );
        assert_eq!(context.stream.labels["a"], "b");
        assert_eq!(context.stream.annotations["c"], "d");
        let payload = context.request.unwrap().payload.unwrap();
        assert_eq!(&*payload, "{\"from\":1,\"to\":2}");
        assert_eq!(context.attempt, 2);
        let last = context.last_failure.unwrap();
        assert_eq!(last.container_reason.as_deref(), Some("OOMKilled"));
        let Ask::Decide(Trigger::JobFailed(failure), now) = question.ask else {
            panic!("{:?}", question.ask);
        };
        assert_eq!(failure.exit_code, Some(-1));
        assert_eq!(failure.reason, "DeadlineExceeded");
        assert_eq!(now, seconds("2026-01-05T02:00:00Z").unwrap());
    }

    #[test]
    fn a_backfills_job_has_its_request_and_payload() {
        let text = "{hook: render, mode: backfill, request: {name: again, payload: {from: 1}}}";
        let Ask::Render(job) = read(text).unwrap().ask else {
            panic!("render asks for a Job");
        };
        let annotations = &job["metadata"]["annotations"];
        assert_eq!(annotations[names::ANNOTATION_BACKFILL_REQUEST], "again");
        assert!(job.to_string().contains("payload"), "{job}");
    }

    #[test]
    fn a_job_that_is_tried_again_says_so() {
        let text = "{hook: render, attempt: 2, lastFailure: {exitCode: 137}}";
        let Ask::Render(job) = read(text).unwrap().ask else {
            panic!("render asks for a Job");
        };
        let annotations = &job["metadata"]["annotations"];
        assert_eq!(annotations[names::ANNOTATION_ATTEMPT], "2");
        assert!(annotations.to_string().contains("137"), "{annotations}");
    }

    #[test]
    fn a_scheduled_job_is_given_as_its_cron_job_makes_it() {
        let Ask::Render(job) = read("{hook: render, mode: scheduled}").unwrap().ask else {
            panic!("render asks for a Job");
        };
        assert_eq!(job["metadata"].get("name"), None);
    }

    #[test]
    fn mistakes_are_told_with_field_and_remedy() {
        for (text, expected) in [
            (
                "hook: rendr",
                "given.hook is \"rendr\": set it to one of render, ",
            ),
            (
                "mode: backfill",
                "given.hook is missing: set it to one of render, ",
            ),
            (
                "{hook: render, mode: batch}",
                "given.mode is \"batch\": set it to streaming, ",
            ),
            (
                "{hook: backfill-requested, mode: streaming}",
                "given.mode is \"streaming\": set it to backfill, or remove it",
            ),
            (
                "{hook: render, request: {}}",
                "given.request fits only mode backfill",
            ),
            (
                "{hook: render, failure: {}}",
                "given.failure fits only hook job-failed",
            ),
            (
                "{hook: tick, previousSpec: {}}",
                "given.previousSpec fits only hook spec-changed",
            ),
            (
                "{hook: tick, template: {}}",
                "given.template fits only hook render",
            ),
            (
                "{hook: tick, now: yesterday}",
                "given.now is \"yesterday\": set it to a time",
            ),
            (
                "{hook: tick, now: \"1960-01-01T00:00:00Z\"}",
                "given.now is \"1960",
            ),
            (
                "{hook: tick, attempt: -1}",
                "given.attempt is -1: set it to a whole number",
            ),
            (
                "{hook: tick, stream: {nam: x}}",
                "given.stream.nam is not a known field: use name",
            ),
            (
                "{hook: job-failed, failure: {exit: 1}}",
                "given.failure.exit is not a known field",
            ),
            (
                "{hook: tick, lastFailure: {code: 1}}",
                "given.lastFailure.code is not a known",
            ),
            (
                "{hook: tick, stream: {labels: {a: 1}}}",
                "given.stream.labels is {\"a\":1}: set it",
            ),
            (
                "{hook: render, template: {spec: 1}}",
                "given.template.spec is the number 1: set it to ",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
