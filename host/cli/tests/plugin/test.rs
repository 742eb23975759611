use arcane_guests::{Builder, Decide, Deed, Render};

use crate::room::Room;

const SHAPED: &str = "- name: a Job is shaped
  given: {hook: render}
  expect:
    job: {metadata: {annotations: {example.com/shaped: 'yes'}}}
- name: by a patch
  given: {hook: render}
  expect:
    patch: [{op: add, path: /metadata/annotations/example.com~1shaped, value: 'yes'}]
";

#[test]
fn cases_that_pass_are_counted() {
    let room = Room::new();
    room.guest("patch").write("cases.yaml", SHAPED);
    room.plugin("test patch.wasm --cases cases.yaml")
        .ends_with(0)
        .says("cases.yaml\n  ok a Job is shaped\n  ok by a patch\n2 passed, 0 failed\n");
}

#[test]
fn a_case_that_fails_shows_what_differs_and_what_was_logged() {
    let cases = "- name: a Job is shaped otherwise
  given: {hook: render}
  expect:
    job: {metadata: {annotations: {example.com/shaped: 'no'}}}
- name: a Job stays
  given: {hook: render}
  expect: {unchanged: true}
- name: it gives up
  given: {hook: render}
  expect: {error: gave up}
";
    let room = Room::new();
    room.guest("patch")
        .write("cases/a.yaml", cases)
        .write("cases/b.yml", SHAPED);
    room.plugin("test patch.wasm --cases cases --junit out.xml")
        .ends_with(1)
        .says("  FAILED a Job is shaped otherwise\n    --- expected\n    +++ answered\n")
        .says("    -    example.com/shaped: \"no\"\n    +    example.com/shaped: \"yes\"\n")
        .says("    expected an error with \"gave up\"\n    answered with a changed Job\n")
        .says("\n2 passed, 3 failed\n");
    let junit = room.read("out.xml");
    assert!(
        junit.contains("<testsuites tests=\"5\" failures=\"3\""),
        "{junit}"
    );
    assert!(
        junit.contains("<testsuite name=\"cases/b.yml\" tests=\"2\" failures=\"0\""),
        "{junit}"
    );
    assert!(!junit.contains('\u{1b}'), "{junit}");

    let deeds = vec![Deed::Log("look here".to_owned(), 1)];
    let talker = Builder::new("talker").render_after(deeds, Render::Unchanged);
    room.write("talker.wasm", talker.build().unwrap());
    room.plugin("test talker.wasm --cases cases/b.yml")
        .ends_with(1)
        .says("    log ")
        .says(" look here\n");
}

#[test]
fn decisions_ticks_refusals_and_configurations_can_be_expected() {
    let room = Room::new();
    let guest = Builder::new("patient").decide(Decide::Postpone(3_600, "not before noon".into()));
    room.write("patient.wasm", guest.build().unwrap());
    let decisions = "- name: it waits
  given: {hook: backfill-requested}
  expect: {decision: {postpone: {seconds: 3600, reason: '*noon'}}}
- name: a Job that failed cannot wait
  given: {hook: job-failed, failure: {exitCode: 3}}
  expect: {error: cannot be used}
- name: it is not asked about Jobs
  given: {hook: render}
  expect: {error: never asked at the hook render}
";
    room.write("decisions.yaml", decisions);
    room.plugin("test patient.wasm --cases decisions.yaml")
        .ends_with(0);

    let ticks = "- name: at the full hour
  given: {hook: next-tick, now: '2026-01-05T03:59:00Z'}
  expect: {nextTick: 60}
- name: and then nothing is done
  given: {hook: tick}
  expect: {decision: default}
";
    room.guest("ticker").write("ticks.yaml", ticks);
    room.plugin("test ticker.wasm --cases ticks.yaml")
        .ends_with(0);

    let patch = br#"[{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"p":"a"}}]"#;
    let mover = Builder::new("mover")
        .render(Render::Patch(patch.to_vec()))
        .grants(&["placement"]);
    let refusals = "- name: without a grant
  given: {hook: render}
  expect: {refused: spec.template.spec.nodeSelector}
- name: with it
  grants: {placement: true}
  given: {hook: render}
  expect:
    job: {spec: {template: {spec: {nodeSelector: {p: a}}}}}
";
    room.write("mover.wasm", mover.build().unwrap())
        .write("refusals.yaml", refusals);
    room.plugin("test mover.wasm --cases refusals.yaml")
        .ends_with(0);

    let configurations = "- name: nothing is fine
  given: {hook: check}
  expect: {unchanged: true}
- name: anything is not
  config: {a: 1}
  given: {hook: check}
  expect: {error: does not accept spec.plugin.config}
";
    room.guest("picky-config")
        .write("configurations.yaml", configurations);
    room.plugin("test picky-config.wasm --cases configurations.yaml")
        .ends_with(0);
}

#[test]
fn a_case_that_cannot_be_understood_is_told_with_file_case_and_field() {
    let room = Room::new();
    room.guest("patch");
    for (text, complaint) in [
        (
            SHAPED.replace(
                "hook: render}\n  expect:\n    patch",
                "hok: render}\n  expect:\n    patch",
            ),
            "x.yaml: case 2 (by a patch): given.hok is not a known field: use hook, ",
        ),
        (
            SHAPED.replace("    patch:", "    patches:"),
            "x.yaml: case 2 (by a patch): expect.patches is not a known field: use unchanged, ",
        ),
        (
            SHAPED.replace("- name: by a patch\n", "- name: by a patch\n  given2: {}\n"),
            "x.yaml: case 2 (by a patch): given2 is not a known field: use name, config, ",
        ),
        ("[]".to_owned(), "x.yaml: is not a list of cases"),
        ("a: 1".to_owned(), "x.yaml: is not a list of cases"),
        (String::new(), "x.yaml: is empty"),
        ("- 7".to_owned(), "x.yaml: case 1 (without a name): "),
        (
            "- {given: {}}".to_owned(),
            "x.yaml: case 1 (without a name): name is missing",
        ),
        (
            "- {name: n, given: {hook: tick}}".to_owned(),
            "case 1 (n): expect is missing",
        ),
    ] {
        room.write("x.yaml", text);
        room.plugin("test patch.wasm --cases x.yaml")
            .ends_with(3)
            .complains(complaint);
    }
    room.plugin("test patch.wasm --cases none.yaml")
        .ends_with(3);
    room.write("empty/x.txt", "");
    room.plugin("test patch.wasm --cases empty")
        .ends_with(3)
        .complains("empty: holds no cases: ");
    room.plugin("test patch.wasm")
        .ends_with(2)
        .complains("patch.wasm: name its cases with --cases");
    room.plugin("test empty")
        .ends_with(3)
        .complains("empty: is no project");
}

#[test]
fn each_case_has_a_fresh_plugin() {
    let case = "- name: it is called for the first time\n  given: {hook: render}\n  expect: {error: 'gave up: 1'}\n";
    let room = Room::new();
    room.guest("counter").write("cases.yaml", case.repeat(8));
    room.plugin("test counter.wasm --cases cases.yaml")
        .ends_with(0)
        .says("8 passed");
    let case = "- name: it crashes\n  given: {hook: render}\n  expect: {error: crashed}\n";
    room.guest("trap").write("cases.yaml", case.repeat(8));
    room.plugin("test trap.wasm --cases cases.yaml")
        .ends_with(0)
        .says("8 passed");
}
