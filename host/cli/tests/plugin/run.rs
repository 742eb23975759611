use arcane_guests::{Builder, Decide, Deed, Render};

use crate::room::Room;

const CLASS: &str = "apiVersion: streaming.sneaksanddata.com/v1
kind: StreamClass
metadata: {name: parquet}
spec:
  apiVersion: v1
  kindRef: ParquetStream
  pluralName: parquet-streams
  plugin: {configMapRef: {name: p}}
";

const TEMPLATE: &str = "apiVersion: streaming.sneaksanddata.com/v1
kind: StreamingJobTemplate
metadata: {name: standard, namespace: data}
spec:
  spec:
    template:
      spec:
        restartPolicy: Never
        containers: [{name: main, image: 'registry.example/stream:1'}]
---
apiVersion: streaming.sneaksanddata.com/v1
kind: StreamingJobTemplate
metadata: {name: large, namespace: data}
spec:
  spec:
    template:
      spec:
        restartPolicy: Never
        containers: [{name: main, image: 'registry.example/large:1'}]
";

const DEFINITION: &str = "apiVersion: streaming.sneaksanddata.com/v1
kind: ParquetStream
metadata: {name: orders, namespace: data, labels: {tenant: north}}
spec:
  table: orders
  execution:
    layoutVersion: v2
    streamingBackend:
      changeCapture:
        jobTemplateRef: {name: standard}
        backfillJobTemplateRef: {name: large}
";

const REQUEST: &str = "apiVersion: streaming.sneaksanddata.com/v1
kind: BackfillRequest
metadata: {name: again, namespace: data}
spec: {streamClass: parquet, streamId: orders, payload: {from: 1}}
";

const FILES: &str = "--class class.yaml --template template.yaml --definition def.yaml";

fn room(guest: &str) -> Room {
    let room = Room::new();
    room.guest(guest)
        .write("class.yaml", CLASS)
        .write("template.yaml", TEMPLATE)
        .write("def.yaml", DEFINITION)
        .write("request.yaml", REQUEST);
    room
}

#[test]
fn what_a_plugin_changes_is_shown_as_a_diff() {
    room("patch")
        .plugin(&format!("run patch.wasm {FILES}"))
        .ends_with(0)
        .says("patch 1.0.0: render, ParquetStream data/orders, mode streaming, ")
        .says("\n--- template\n+++ plugin\n")
        .says("+    example.com/shaped: ")
        .does_not_say("-    ");
    room("patch")
        .plugin(&format!("run patch.wasm {FILES} --color always"))
        .says("\x1b[32m+    example.com/shaped: ");
}

#[test]
fn a_job_that_stays_has_no_diff() {
    room("unchanged")
        .plugin(&format!("run unchanged.wasm {FILES}"))
        .ends_with(0)
        .says("The Job stays as it is.\n")
        .does_not_say("---");
}

#[test]
fn the_plugin_is_told_what_the_files_say() {
    let room = room("log-question");
    room.plugin(&format!("run log-question.wasm {FILES}"))
        .says("  log debug orders\n")
        .says("\"table\":\"orders\"")
        .says("registry.example/stream:1");
    room.plugin(&format!(
        "run log-question.wasm {FILES} --request request.yaml"
    ))
    .says("mode backfill")
    .says("again")
    .says("{\"from\":1}")
    .says("registry.example/large:1");
}

#[test]
fn a_cron_jobs_runs_are_shaped_as_jobs() {
    let batch = DEFINITION.replace(
        "changeCapture:\n        jobTemplateRef: {name: standard}\n        backfillJobTemplateRef: {name: large}",
        "batch:\n        schedule: '0 4 * * *'\n        jobTemplateRef: {name: standard}",
    );
    let room = room("patch");
    room.write("def.yaml", batch);
    // The annotation cannot be added where there are none: a CronJob's Jobs have none of their own.
    room.write(
        "template.yaml",
        TEMPLATE.replace(
            "spec:\n  spec:",
            "spec:\n  metadata: {annotations: {a: b}}\n  spec:",
        ),
    );
    room.plugin(&format!("run patch.wasm {FILES}"))
        .ends_with(0)
        .says("mode scheduled")
        .says("+    example.com/shaped: ");
    room.plugin(&format!("run patch.wasm {FILES} --mode streaming"))
        .ends_with(2)
        .complains("--mode: by its definition the stream runs in mode scheduled");
}

#[test]
fn a_refused_answer_is_told_with_path_and_grant() {
    let patch = br#"[{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"p":"a"}}]"#;
    let guest = Builder::new("mover")
        .render(Render::Patch(patch.to_vec()))
        .grants(&["placement"]);
    let room = room("unchanged");
    room.write("mover.wasm", guest.build().unwrap());
    let command = format!("run mover.wasm {FILES}");
    room.plugin(&command)
        .ends_with(1)
        .says("refused: the answer leaves the guard rails\n  spec.template.spec.nodeSelector")
        .says("this needs the grant placement")
        .says("failurePolicy Fail: what runs goes on");
    let granted = CLASS.replace("{name: p}}", "{name: p}, grants: {placement: true}}");
    room.write("class.yaml", granted);
    room.plugin(&command)
        .ends_with(0)
        .says("+      nodeSelector:\n+        p: a\n");
    let lenient = CLASS.replace("{name: p}}", "{name: p}, failurePolicy: UseTemplate}");
    room.write("class.yaml", lenient);
    room.plugin(&command)
        .ends_with(1)
        .says("failurePolicy UseTemplate: ");
}

#[test]
fn a_decision_is_shown_with_its_reason() {
    let guest = Builder::new("patient").decide(Decide::Restart(60, "it may work then".to_owned()));
    let room = room("skip");
    room.write("patient.wasm", guest.build().unwrap());
    room.plugin(&format!(
        "run patient.wasm {FILES} --trigger job-failed --exit-code 137 --now 2026-01-05T03:00:00Z"
    ))
    .ends_with(0)
    .says("patient 1.0.0: job-failed, ParquetStream data/orders, mode streaming, ")
    .says("Decision:\n  restart:\n    reason: it may work then\n    seconds: 60\n");
    room.plugin(&format!(
        "run skip.wasm {FILES} --trigger backfill-requested"
    ))
    .ends_with(0)
    .says("mode backfill")
    .says("  skip:\n    reason: not needed\n");
    room.plugin(&format!("run skip.wasm {FILES} --trigger job-failed"))
        .ends_with(1)
        .says("failed: the plugin's answer cannot be used: ");
}

#[test]
fn what_is_asked_reaches_a_decision_too() {
    let guest = Builder::new("witness").decide_after(vec![Deed::LogQuestion], Decide::Default);
    let room = room("unchanged");
    room.write("witness.wasm", guest.build().unwrap());
    room.plugin_with(
        &format!("run witness.wasm {FILES} --trigger job-failed --exit-code 137 --attempt 2"),
        &["--last-failure", "{exitCode: 9}"],
    )
    .ends_with(0)
    .says("  log debug 2\n")
    .says("Decision:\n  default\n");
    let old = DEFINITION.replace("table: orders", "table: customers");
    room.write("old.yaml", old);
    room.plugin(&format!(
        "run witness.wasm {FILES} --trigger spec-changed --previous old.yaml"
    ))
    .ends_with(0);
    room.plugin(&format!(
        "run witness.wasm {FILES} --trigger spec-changed --previous no.yaml"
    ))
    .ends_with(3);
    room.plugin_with(
        &format!("run witness.wasm {FILES} --last-failure"),
        &["{exit: 9}"],
    )
    .ends_with(3)
    .complains("--last-failure.exit is not a known field");
}

#[test]
fn a_tick_is_told_in_seconds() {
    let room = room("ticker");
    room.plugin(&format!(
        "run ticker.wasm {FILES} --trigger next-tick --now 2026-01-05T03:59:00Z"
    ))
    .ends_with(0)
    .says("It wants to be asked again in 60 seconds.\n");
}

#[test]
fn a_plugin_that_is_not_asked_says_why() {
    room("ticker")
        .plugin(&format!("run ticker.wasm {FILES}"))
        .ends_with(0)
        .says("the plugin is never asked at the hook render");
}

#[test]
fn a_pin_that_is_not_met_is_noted() {
    let pinned = format!("{{name: p}}, sha256: {}}}", "0".repeat(64));
    let room = room("unchanged");
    room.write("class.yaml", CLASS.replace("{name: p}}", &pinned));
    room.plugin(&format!("run unchanged.wasm {FILES}"))
        .ends_with(0)
        .says("note: in a cluster it would not be taken: the component has the digest ");
}

#[test]
fn mistakes_in_files_are_told_with_file_and_field() {
    let room = room("unchanged");
    let command = format!("run unchanged.wasm {FILES}");
    room.write(
        "def.yaml",
        DEFINITION.replace("layoutVersion: v2", "layoutVersion: v7"),
    );
    room.plugin(&command)
        .ends_with(3)
        .complains("def.yaml: spec.execution.layoutVersion is the string \"v7\": set it to ");
    room.write(
        "def.yaml",
        DEFINITION.replace("kind: ParquetStream", "kind: Other"),
    );
    room.plugin(&command).ends_with(3).complains(
        "def.yaml: holds kind \"Other\": give a file with an object of kind ParquetStream",
    );
    room.write(
        "def.yaml",
        DEFINITION.replace("{name: standard}", "{name: nobody}"),
    );
    room.plugin(&command).ends_with(3).complains(
        "none is the template data/nobody that the definition names, but standard, large",
    );
    room.write("def.yaml", DEFINITION);
    room.write(
        "class.yaml",
        CLASS.replace("{name: p}}", "{name: p}, timeoutMilliseconds: 0}"),
    );
    room.plugin(&command)
        .ends_with(3)
        .complains("spec.plugin.timeoutMilliseconds is \"0\"");
    room.write("class.yaml", "kind: [");
    room.plugin(&command).ends_with(3).complains("class.yaml: ");
}

#[test]
fn a_template_of_another_name_is_used_if_there_is_no_other() {
    let room = room("unchanged");
    let other = TEMPLATE
        .split("---")
        .next()
        .unwrap()
        .replace("name: standard", "name: mine");
    room.write("template.yaml", other);
    room.plugin(&format!("run unchanged.wasm {FILES}"))
        .ends_with(0)
        .says("note: the definition names the template data/standard, and this is made from mine");
}

#[test]
fn options_that_say_nothing_are_refused() {
    let room = room("unchanged");
    room.plugin(&format!("run unchanged.wasm {FILES} --exit-code 1"))
        .ends_with(2)
        .complains("--trigger job-failed");
    room.plugin(&format!("run unchanged.wasm {FILES} --previous def.yaml"))
        .ends_with(2)
        .complains("--trigger spec-changed");
    room.plugin(&format!(
        "run unchanged.wasm {FILES} --trigger tick --now yesterday"
    ))
    .ends_with(2);
    room.plugin("run unchanged.wasm").ends_with(2);
}
