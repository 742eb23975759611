use arcane_guests::{Builder, Expect, Render};

use crate::room::Room;

#[test]
fn a_component_is_told_with_all_that_an_operator_looks_at() {
    let room = Room::new();
    room.guest("everything");
    room.plugin("check everything.wasm")
        .ends_with(0)
        .says("everything.wasm\n  size ")
        .says(" with zstd\n")
        .says("  sha256   ")
        .says("  imports  arcane:stream-plugin/")
        .says("arcane:stream-plugin/metadata@0.1.0")
        .says("  plugin   everything 1.0.0\n")
        .says("  summary  A guest for tests.\n")
        .says("job-failed")
        .says("  render backfill ")
        .says("  next-tick ")
        .says(" KiB");
}

#[test]
fn what_an_operator_would_not_take_fails_with_its_reason() {
    let names = [
        "core-module",
        "text",
        "truncated",
        "wasi",
        "wrong-version",
        "no-metadata",
        "unknown-hook",
        "hook-without-renderer",
        "trap-describe",
    ];
    let room = Room::new();
    for name in names {
        let guest = arcane_guests::guest(name).unwrap();
        let Expect::LoadFails(reason) = guest.expect else {
            panic!("{name} loads");
        };
        room.guest(name);
        room.plugin(&format!("check {name}.wasm"))
            .ends_with(1)
            .says("  sha256   ")
            .says(&format!("not taken into service ({reason}): "));
    }
}

#[test]
fn an_answer_that_no_class_makes_right_fails() {
    let room = Room::new();
    room.guest("trap").guest("invalid-json");
    room.plugin("check trap.wasm")
        .ends_with(1)
        .says("  failed\n")
        .says("render streaming: the plugin crashed: ");
    room.plugin("check invalid-json.wasm")
        .ends_with(1)
        .says("render scheduled: the plugin's answer cannot be used: ");
}

#[test]
fn what_it_gives_up_on_may_be_for_the_sample_and_does_not_fail() {
    let room = Room::new();
    room.guest("gives-up");
    room.plugin("check gives-up.wasm")
        .ends_with(0)
        .says("gave up\n")
        .says("the plugin gave up: ");
}

#[test]
fn an_answer_that_needs_a_grant_fails_only_where_the_class_is_known() {
    let patch = br#"[{"op":"add","path":"/spec/template/spec/nodeSelector/pool","value":"a"}]"#;
    let guest = Builder::new("mover")
        .render(Render::Patch(patch.to_vec()))
        .grants(&["placement"])
        .build()
        .unwrap();
    let room = Room::new();
    room.write("mover.wasm", guest);
    room.plugin("check mover.wasm")
        .ends_with(0)
        .says("placement (not given)")
        .says("needs grants")
        .says("spec.template.spec.nodeSelector");
    room.plugin("check mover.wasm --grants {}")
        .ends_with(1)
        .says("refused");
    room.plugin_with("check mover.wasm --grants", &["{placement: true}"])
        .ends_with(0)
        .says("  grants   placement\n")
        .says("changed");
}

#[test]
fn a_grant_that_was_not_asked_for_fails() {
    let patch = br#"[{"op":"add","path":"/spec/template/spec/nodeSelector/pool","value":"a"}]"#;
    let guest = Builder::new("mover").render(Render::Patch(patch.to_vec()));
    let room = Room::new();
    room.write("mover.wasm", guest.build().unwrap());
    room.plugin("check mover.wasm").ends_with(1).says("refused");
}

#[test]
fn the_configuration_of_a_class_is_checked_with_it() {
    let class = "apiVersion: streaming.sneaksanddata.com/v1
kind: StreamClass
metadata: {name: parquet}
spec:
  apiVersion: v1
  kindRef: ParquetStream
  pluralName: parquet-streams
  plugin: {configMapRef: {name: p}, config: {a: 1}}
";
    let room = Room::new();
    room.guest("picky-config").write("class.yaml", class);
    room.plugin("check picky-config.wasm").ends_with(0);
    room.plugin("check picky-config.wasm --class class.yaml")
        .ends_with(1)
        .says("not taken into service (ConfigRefused): ");
    room.plugin_with("check picky-config.wasm --config", &["{a: 1}"])
        .ends_with(1);
    room.write("config.yaml", "a: 1\n");
    room.plugin("check picky-config.wasm --config config.yaml")
        .ends_with(1);
}

#[test]
fn a_compressed_component_is_taken_as_an_operator_takes_it() {
    let guest = arcane_guests::guest("unchanged").unwrap().bytes;
    let room = Room::new();
    room.write("a.wasm.zst", arcane_guests::zstd(&guest).unwrap());
    room.write("bomb.wasm.zst", arcane_guests::zstd_bomb(64).unwrap());
    room.plugin("check a.wasm.zst")
        .ends_with(0)
        .says("unchanged");
    room.plugin("check bomb.wasm.zst")
        .ends_with(3)
        .complains("bomb.wasm.zst: the component has more than 32 MiB");
}

#[test]
fn files_and_options_that_are_wrong_are_named() {
    let room = Room::new();
    room.guest("unchanged")
        .write("empty/x", "")
        .write("list.yaml", "[1]");
    room.plugin("check nothing.wasm")
        .ends_with(3)
        .complains("nothing.wasm: cannot be read: ");
    room.plugin("check empty")
        .ends_with(3)
        .complains("empty: has no Cargo.toml: give the folder of a plugin's project");
    room.plugin_with("check unchanged.wasm --grants", &["{placment: true}"])
        .ends_with(3)
        .complains("grants.placment is no grant: use ");
    room.plugin("check unchanged.wasm --config list.yaml")
        .ends_with(3)
        .complains("config is ");
    room.plugin("check unchanged.wasm --config nothing.yaml")
        .ends_with(3);
    room.plugin("check --colour").ends_with(2);
    room.plugin("check a b").ends_with(2);
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let room = Room::new();
    room.guest("text");
    room.plugin("check text.wasm")
        .says("\nnot taken into service");
    room.plugin("check text.wasm --color always")
        .says("\x1b[31mnot taken into service\x1b[0m");
}
