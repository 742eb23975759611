//! Decisions of plugins, and how they are put on record.

use anyhow::ensure;
use arcane_contract::api::{BackfillRequest, Phase, StreamingJobTemplate};
use arcane_contract::names::ANNOTATION_DECISION;
use arcane_e2e::{Definition, Plugin, Stream, digest, environment, until};
use arcane_guests::{Builder, Decide, Deed, Render, Tick};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::support::{Plugged, decision, guest, running};

/// A plugin that answers this when this happens.
fn at(hook: &str, answer: Decide) -> Vec<u8> {
    Builder::new("decider")
        .decide(answer)
        .describe(|said| said.hooks = vec![hook.to_owned()])
        .build()
        .unwrap()
}

/// The decision about a Job's end, or about its stream's change, that is on record on it.
fn decision_on_job(job: &Job) -> Value {
    serde_json::from_str(&job.annotations()[ANNOTATION_DECISION]).unwrap()
}

fn variable(job: &Job, name: &str) -> String {
    let variables = environment(job.spec.as_ref().unwrap());
    let found = variables.into_iter().find(|(found, _)| found == name);
    found.unwrap_or_default().1
}

/// Waits until a request is in this phase and says why in these words.
async fn wait_request(
    stream: &Stream<'_>,
    request: &str,
    phase: Phase,
    words: &str,
) -> BackfillRequest {
    stream
        .wait_request(request, &format!("phase {phase:?}, {words}"), |request| {
            let status = request.status.as_ref();
            status.and_then(|status| status.phase) == Some(phase)
                && json!(status).to_string().contains(words)
        })
        .await
}

/// Asserts that this decision of the plugin is on record.
fn assert_recorded(decision: &Value, bytes: &[u8], trigger: &str, answer: &str, reason: &str) {
    assert_eq!(decision["trigger"], trigger, "{decision}");
    assert_eq!(decision["answer"], answer, "{decision}");
    assert_eq!(decision["reason"], reason, "{decision}");
    assert_eq!(decision["plugin"], "decider 1.0.0", "{decision}");
    assert_eq!(decision["digest"], digest(bytes), "{decision}");
    let inputs = decision["inputs"].as_str().unwrap_or_default();
    assert_eq!(inputs.len(), 64, "{decision}");
    assert!(decision["time"].is_string(), "{decision}");
}

async fn initial_request(stream: &Stream<'_>) -> String {
    until("the first request", async || {
        let requests = stream.requests().await;
        let names = requests.iter().map(ResourceExt::name_any);
        let found = names.into_iter().find(|name| name.contains("-initial-"));
        found.ok_or_else(|| anyhow::anyhow!("{requests:?}"))
    })
    .await
}

#[tokio::test]
async fn a_request_that_is_skipped_ends_as_stopped_with_the_reason_and_what_runs_goes_on() {
    let bytes = at("backfill-requested", Decide::Skip("not on Sundays".into()));
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = running(&class, "orders").await;
    let job = orders.wait_streaming_job().await;
    let request = orders.request_backfill(Some(json!({"a": 1}))).await;
    let ended = wait_request(&orders, &request, Phase::Stopped, "not on Sundays").await;
    assert!(!ended.spec.completed);
    assert_eq!(json!(ended.spec.payload), json!({"a": 1}));
    let decision = decision(&ended);
    assert_recorded(
        &decision,
        &bytes,
        "backfill-requested",
        "skip",
        "not on Sundays",
    );
    let note = orders.wait_event("BackfillSkipped").await;
    assert!(
        note.contains("not on Sundays") && note.contains(&request),
        "{note}"
    );
    assert_eq!(orders.status().await["phase"], "Running");
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    class.assert_clean().await;
}

#[tokio::test]
async fn a_first_backfill_that_is_skipped_is_not_run_and_the_stream_streams() {
    let bytes = at("stream-created", Decide::Skip("loaded already".into()));
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = class.create("orders", Definition::v2()).await;
    orders.wait_phase("Running").await;
    orders.wait_streaming_job().await;
    let request = initial_request(&orders).await;
    wait_request(&orders, &request, Phase::Stopped, "loaded already").await;
    let made = class.writes().await;
    let jobs = made.iter().filter(|write| *write == "create jobs").count();
    assert_eq!(jobs, 1, "{made:?}");
    // One that somebody asks for is none of that.
    let request = orders.request_backfill(None).await;
    orders.wait_backfill_job(&request).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_backfill_that_is_postponed_waits_on_record_while_the_stream_streams() {
    let bytes = at(
        "backfill-requested",
        Decide::Postpone(3, "busy hours".into()),
    );
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    let request = orders.request_backfill(None).await;
    wait_request(&orders, &request, Phase::Pending, "busy hours").await;
    let is_recorded = |request: &BackfillRequest| decision(request)["until"].is_string();
    let waiting = orders.wait_request(&request, "its time", is_recorded).await;
    let decision = decision(&waiting);
    assert_recorded(
        &decision,
        &bytes,
        "backfill-requested",
        "postpone",
        "busy hours",
    );
    orders.wait_event("BackfillPostponed").await;
    assert_eq!(orders.wait_streaming_job().await.uid(), job.uid());
    // When the time has come, it is asked again.
    plugged.replace(&guest("unchanged")).await;
    orders.wait_backfill_job(&request).await;
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_backfill_that_the_plugin_refuses_fails_the_stream_until_it_is_resumed() {
    let bytes = at(
        "backfill-requested",
        Decide::Fail("no such partition".into()),
    );
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let request = orders.request_backfill(None).await;
    orders.wait_phase("Failed").await;
    orders
        .wait_condition("Error", "True", &["no such partition"])
        .await;
    let failed = wait_request(&orders, &request, Phase::Failed, "no such partition").await;
    let decision = decision(&failed);
    assert_recorded(
        &decision,
        &bytes,
        "backfill-requested",
        "fail",
        "no such partition",
    );
    orders.wait_no_job().await;
    plugged.replace(&guest("unchanged")).await;
    orders.suspend().await;
    orders.wait_phase("Suspended").await;
    orders.resume().await;
    orders.wait_backfill_job(&request).await;
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    class.assert_clean().await;
}

/// Adds another template to the class's namespace, made from the one for backfills.
async fn add_template(class: &Plugin<'_>, name: &str, image: &str) {
    let templates = class.api::<StreamingJobTemplate>();
    let mut template = json!(templates.get("sample-backfill").await.unwrap());
    template["metadata"] = json!({"name": name});
    template["spec"]["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    let template = serde_json::from_value(template).unwrap();
    templates
        .create(&PostParams::default(), &template)
        .await
        .unwrap();
}

fn image(job: &Job) -> &str {
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    pod.containers[0].image.as_deref().unwrap()
}

#[tokio::test]
async fn a_backfill_runs_with_the_payload_and_the_template_that_the_plugin_chose() {
    let payload = r#"{"from":"<yesterday>"}"#.to_owned();
    let answer = Decide::Backfill(Some(payload), Some("large".into()), "it is large".into());
    let bytes = at("backfill-requested", answer);
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = running(&class, "orders").await;
    let request = orders.request_backfill(Some(json!({"from": "ever"}))).await;
    orders
        .wait_condition("Error", "True", &["large", "does not exist"])
        .await;
    add_template(&class, "large", "stream:large").await;
    let job = orders.wait_backfill_job(&request).await;
    assert_eq!(image(&job), "stream:large");
    let over = format!(
        r#"{{"streamClass":"{}","streamId":"orders","payload":{{"from":"\u003cyesterday\u003e"}}}}"#,
        class.class()
    );
    assert_eq!(variable(&job, "STREAMCONTEXT__OVERRIDE"), over);
    orders.wait_phase("Backfilling").await;
    let running = wait_request(&orders, &request, Phase::Ready, "it is large").await;
    // The request says still what the user asked for.
    assert_eq!(json!(running.spec.payload), json!({"from": "ever"}));
    let decision = decision(&running);
    assert_recorded(
        &decision,
        &bytes,
        "backfill-requested",
        "backfill",
        "it is large",
    );
    assert_eq!(decision["payload"], json!({"from": "<yesterday>"}));
    assert_eq!(decision["template"], "large");
    orders.wait_event("BackfillDecided").await;

    // The same again: nobody is asked twice, and the Job has the same shape.
    orders.delete_job().await;
    let again = orders.wait_job_after(&job).await;
    assert_eq!(image(&again), "stream:large");
    assert_eq!(variable(&again, "STREAMCONTEXT__OVERRIDE"), over);
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
}

#[tokio::test]
async fn a_first_backfill_can_have_a_payload_of_the_plugins() {
    let payload = r#"{"since":2020}"#.to_owned();
    let answer = Decide::Backfill(Some(payload), None, "only recent".into());
    let bytes = at("stream-created", answer);
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = class.create("orders", Definition::v2()).await;
    orders.wait_phase("Backfilling").await;
    let request = initial_request(&orders).await;
    let job = orders.wait_backfill_job(&request).await;
    let over = variable(&job, "STREAMCONTEXT__OVERRIDE");
    assert!(over.ends_with(r#""payload":{"since":2020}}"#), "{over}");
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_changed_schema_is_backfilled_or_not_as_the_plugin_says() {
    let bytes = at(
        "schema-changed",
        Decide::Skip("columns were added only".into()),
    );
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let first = orders.wait_streaming_job().await;
    orders.annotate_job("arcane/state", "schema-mismatch").await;
    orders.finish_job().await;
    let second = orders
        .wait_job("another streaming Job", |job| {
            job.uid() != first.uid() && job.labels()["arcane/backfilling"] == "false"
        })
        .await;
    let requests = orders.requests().await;
    let request = requests[0].name_any();
    assert!(request.contains("-schema-backfill-"), "{request}");
    wait_request(&orders, &request, Phase::Stopped, "columns were added only").await;

    let answer = Decide::Backfill(Some(r#"{"all":true}"#.into()), None, "types changed".into());
    plugged.replace(&at("schema-changed", answer)).await;
    orders.wait_pod_runs().await;
    orders.annotate_job("arcane/state", "schema-mismatch").await;
    orders.finish_job().await;
    let backfill = orders
        .wait_job("a backfill", |job| {
            job.uid() != second.uid() && job.labels()["arcane/backfilling"] == "true"
        })
        .await;
    let over = variable(&backfill, "STREAMCONTEXT__OVERRIDE");
    assert!(over.ends_with(r#""payload":{"all":true}}"#), "{over}");
}

/// Changes the stream's own configuration.
async fn change_spec(stream: &Stream<'_>, source: &str) {
    stream.patch_spec(json!({"source": source})).await;
}

#[tokio::test]
async fn a_changed_spec_that_is_skipped_is_left_for_the_next_run() {
    let bytes = at("spec-changed", Decide::Skip("too much to reload".into()));
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = running(&class, "orders").await;
    let job = orders.wait_streaming_job().await;
    change_spec(&orders, "another").await;
    let words = ["the next run", "too much to reload"];
    orders.wait_condition("UpToDate", "False", &words).await;
    let same = orders.wait_streaming_job().await;
    assert_eq!(same.uid(), job.uid());
    let decision = decision_on_job(&same);
    assert_recorded(
        &decision,
        &bytes,
        "spec-changed",
        "skip",
        "too much to reload",
    );
    assert_eq!(
        decision["generation"],
        json!(orders.get().await.metadata.generation)
    );
    orders.wait_event("SpecChangeSkipped").await;

    orders
        .annotate("arcane.sneaksanddata.com/restart", "now")
        .await;
    let next = orders.wait_job_after(&job).await;
    assert!(variable(&next, "STREAMCONTEXT__SPEC").contains("another"));
    orders.wait_condition("UpToDate", "True", &[]).await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_changed_spec_that_is_postponed_is_asked_about_again() {
    let bytes = at("spec-changed", Decide::Postpone(3, "at night".into()));
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders.wait_streaming_job().await;
    change_spec(&orders, "another").await;
    let words = ["has the change wait", "at night"];
    orders.wait_condition("UpToDate", "False", &words).await;
    let same = orders.wait_streaming_job().await;
    assert_eq!(same.uid(), job.uid());
    let decision = decision_on_job(&same);
    assert_recorded(&decision, &bytes, "spec-changed", "postpone", "at night");
    plugged.replace(&guest("unchanged")).await;
    let next = orders.wait_job_after(&job).await;
    assert!(variable(&next, "STREAMCONTEXT__SPEC").contains("another"));
    class.assert_clean().await;
}

#[tokio::test]
async fn a_changed_spec_can_be_followed_by_a_backfill() {
    let answer = Decide::Backfill(Some(r#"{"why":"spec"}"#.into()), None, "other table".into());
    let bytes = at("spec-changed", answer);
    let Plugged { class, .. } = Plugged::new(&bytes, json!({})).await;
    let orders = running(&class, "orders").await;
    change_spec(&orders, "another").await;
    let job = orders
        .wait_job("a backfill", |job| {
            job.labels()["arcane/backfilling"] == "true"
        })
        .await;
    assert!(variable(&job, "STREAMCONTEXT__SPEC").contains("another"));
    let over = variable(&job, "STREAMCONTEXT__OVERRIDE");
    assert!(over.ends_with(r#""payload":{"why":"spec"}}"#), "{over}");
    let request = orders.requests().await.remove(0);
    assert!(request.name_any().contains("-spec-backfill-"));
    let decision = decision(&request);
    assert_recorded(&decision, &bytes, "spec-changed", "backfill", "other table");
    orders.finish_job().await;
    orders.wait_completed(&request.metadata.name.unwrap()).await;
    let next = orders.wait_streaming_job().await;
    assert!(variable(&next, "STREAMCONTEXT__SPEC").contains("another"));
    orders.wait_phase("Running").await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_failed_job_is_restarted_after_a_delay_and_attempts_are_counted() {
    let bytes = at(
        "job-failed",
        Decide::Restart(2, "the source is away".into()),
    );
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let first = orders.wait_streaming_job().await;
    orders.fail_job(75, "connection refused").await;
    orders.wait_phase("Pending").await;
    let failed = orders.wait_job("the failed Job", |_| true).await;
    if failed.uid() == first.uid() {
        let decision = decision_on_job(&failed);
        assert_recorded(
            &decision,
            &bytes,
            "job-failed",
            "restart",
            "the source is away",
        );
    }
    let second = orders.wait_job_after(&first).await;
    assert_eq!(
        second.annotations()["arcane.sneaksanddata.com/attempt"],
        "1"
    );
    let failure = &second.annotations()["arcane.sneaksanddata.com/last-failure"];
    assert!(
        failure.contains("connection refused") && failure.contains("75"),
        "{failure}"
    );
    orders.wait_phase("Running").await;
    let note = orders.wait_event("RestartScheduled").await;
    assert!(
        note.contains("in 2 seconds") && note.contains("the source is away"),
        "{note}"
    );

    plugged
        .replace(&at("job-failed", Decide::Fail("renew the Secret".into())))
        .await;
    orders.fail_job(75, "access denied").await;
    orders.wait_phase("Failed").await;
    orders
        .wait_condition("Error", "True", &["access denied", "renew the Secret"])
        .await;
    orders.wait_no_job().await;
    class.assert_clean().await;
}

#[tokio::test]
async fn a_completed_job_is_followed_by_what_the_plugin_says() {
    let bytes = at("job-completed", Decide::Restart(2, "once a while".into()));
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let first = orders.wait_streaming_job().await;
    orders.finish_job().await;
    let note = orders.wait_event("RestartScheduled").await;
    assert!(
        note.contains("in 2 seconds") && note.contains("once a while"),
        "{note}"
    );
    let second = orders.wait_job_after(&first).await;
    assert_eq!(second.labels()["arcane/backfilling"], "false");
    orders.wait_phase("Running").await;

    let answer = Decide::Backfill(None, None, "to be sure".into());
    plugged.replace(&at("job-completed", answer)).await;
    orders.finish_job().await;
    let backfill = orders.wait_job_after(&second).await;
    assert_eq!(backfill.labels()["arcane/backfilling"], "true");
    let request = &orders.requests().await[0];
    assert!(request.name_any().contains("-completion-backfill-"));

    plugged
        .replace(&at("job-completed", Decide::Fail("it is over".into())))
        .await;
    orders.finish_job().await;
    orders.wait_completed(&request.name_any()).await;
    orders.wait_streaming_job().await;
    orders.finish_job().await;
    orders.wait_phase("Failed").await;
    orders
        .wait_condition("Error", "True", &["it is over"])
        .await;
    class.assert_clean().await;
}

/// A plugin that answers this at each tick, in so many seconds.
fn ticking(seconds: u64, answer: Decide) -> Vec<u8> {
    Builder::new("decider")
        .decide(answer)
        .tick(Tick::In(seconds))
        .describe(|said| said.hooks = vec!["tick".to_owned()])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_plugin_acts_at_the_time_that_it_has_asked_for() {
    let bytes = ticking(1, Decide::Backfill(None, None, "it is time".into()));
    let plugged = Plugged::new(&bytes, json!({})).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let job = orders
        .wait_job("a backfill", |job| {
            job.labels()["arcane/backfilling"] == "true"
        })
        .await;
    // While it backfills there are no ticks.
    plugged
        .replace(&ticking(1, Decide::Restart(0, "fresh".into())))
        .await;
    let request = &orders.requests().await[0];
    assert!(request.name_any().contains("-tick-backfill-"));
    orders.finish_job().await;
    orders.wait_completed(&request.name_any()).await;
    let streaming = orders
        .wait_job("a streaming Job", |it| {
            it.uid() != job.uid() && it.labels()["arcane/backfilling"] == "false"
        })
        .await;
    orders.wait_job_after(&streaming).await;
    orders.wait_event("RestartScheduled").await;

    plugged
        .replace(&ticking(1, Decide::Fail("enough".into())))
        .await;
    orders.wait_phase("Failed").await;
    orders.wait_condition("Error", "True", &["enough"]).await;
}

#[tokio::test]
async fn no_plugin_keeps_a_stream_from_being_suspended_or_deleted() {
    // It would restart for ever, and does not even answer whether to.
    let stubborn = Builder::new("decider")
        .render_after(vec![Deed::Loop], Render::Unchanged)
        .decide_after(vec![Deed::Loop], Decide::Restart(1_800, "never".into()))
        .build()
        .unwrap();
    let waiting = at("job-failed", Decide::Restart(1_800, "later".into()));
    let plugged = Plugged::new(&waiting, json!({"timeoutMilliseconds": 100})).await;
    let class = &plugged.class;
    let (orders, items) = (
        running(class, "orders").await,
        running(class, "items").await,
    );
    for stream in [&orders, &items] {
        stream.fail_job(1, "").await;
        stream.wait_phase("Pending").await;
    }
    let goods = running(class, "goods").await;
    plugged.replace(&stubborn).await;
    goods.wait_condition("PluginHealthy", "False", &[]).await;
    for stream in [&orders, &goods] {
        stream.suspend().await;
        stream.wait_phase("Suspended").await;
        stream.wait_no_job().await;
    }
    items.delete().await;
    items.wait_no_job().await;
    goods.delete().await;
    until("no stream of that name", async || {
        let definition = class.definitions().get_opt("goods").await?;
        ensure!(definition.is_none(), "{definition:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_is_left_to_the_operator_is_told_once_for_each_question() {
    let bytes = Builder::new("decider")
        .decide(Decide::Default)
        .build()
        .unwrap();
    let values = json!({"openStatus": true});
    let plugged = Plugged::with(&bytes, json!({}), values).await;
    let class = &plugged.class;
    let orders = class.create("orders", Definition::v2()).await;
    let told = async |count: usize| {
        until(format!("{count} answers to be told"), async || {
            let events = orders.events().await;
            let told = events.iter().filter(|it| *it == "Normal PluginDecided");
            ensure!(told.count() == count, "{events:?}");
            Ok(())
        })
        .await;
        orders.wait_event("PluginDecided").await
    };
    let note = told(1).await;
    assert!(note.contains("plugin decider 1.0.0"), "{note}");
    assert!(note.contains("stream-created"), "{note}");
    let decision = orders.status().await["lastDecision"].clone();
    assert_eq!(decision["trigger"], "stream-created", "{decision}");
    assert_eq!(decision["answer"], "default", "{decision}");
    assert_eq!(decision["digest"], digest(&bytes), "{decision}");
    orders.finish_job().await;
    orders.wait_phase("Running").await;

    let request = orders.request_backfill(None).await;
    orders.wait_backfill_job(&request).await;
    let note = told(2).await;
    assert!(note.contains("backfill-requested"), "{note}");
    orders.finish_job().await;
    orders.wait_completed(&request).await;
    orders.wait_phase("Running").await;
    orders.fail_job(3, "the source is gone").await;
    orders.wait_phase("Failed").await;
    let note = told(3).await;
    assert!(note.contains("job-failed"), "{note}");
    let decision = orders.status().await["lastDecision"].clone();
    assert_eq!(decision["trigger"], "job-failed", "{decision}");
    class.assert_clean().await;
}

#[tokio::test]
async fn the_last_decision_is_in_the_status_of_a_kind_that_can_hold_it() {
    let bytes = at("backfill-requested", Decide::Skip("not needed".into()));
    let values = json!({"openStatus": true});
    let plugged = Plugged::with(&bytes, json!({}), values).await;
    let class = &plugged.class;
    let orders = running(class, "orders").await;
    let status = orders.status().await;
    assert_eq!(status["lastDecision"], Value::Null);
    orders.request_backfill(None).await;
    orders
        .wait_status("a decision", |status| !status["lastDecision"].is_null())
        .await;
    let status = orders.status().await;
    let decision = &status["lastDecision"];
    assert_recorded(decision, &bytes, "backfill-requested", "skip", "not needed");
    let healthy = status["conditions"].as_array().unwrap().iter();
    let healthy = healthy.clone().find(|it| it["type"] == "PluginHealthy");
    assert_eq!(healthy.unwrap()["reason"], "PluginAnswers");

    // The next one takes its place, whole.
    let bytes = at("spec-changed", Decide::Postpone(600, "at night".into()));
    plugged.replace(&bytes).await;
    change_spec(&orders, "another").await;
    orders
        .wait_status("another decision", |status| {
            status["lastDecision"]["trigger"] == "spec-changed"
        })
        .await;
    let status = orders.status().await;
    let decision = &status["lastDecision"];
    assert_recorded(decision, &bytes, "spec-changed", "postpone", "at night");
    assert!(decision["until"].is_string());
    let bytes = at("backfill-requested", Decide::Skip("not needed".into()));
    plugged.replace(&bytes).await;
    orders.request_backfill(None).await;
    orders
        .wait_status("a decision that is whole", |status| {
            let decision = &status["lastDecision"];
            decision["trigger"] == "backfill-requested" && decision["until"].is_null()
        })
        .await;
    class.assert_clean().await;
}
