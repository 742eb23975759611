use std::process::Command;

use crate::room::Room;

#[test]
fn a_new_project_goes_all_the_way_to_a_config_map() {
    let room = Room::new();
    room.plugin("new first-plugin")
        .ends_with(0)
        .says("first-plugin is ready");
    assert!(
        room.read("first-plugin/Cargo.toml")
            .contains("name = \"first-plugin\"")
    );
    assert!(
        room.path("first-plugin/vendor/arcane-plugin-sdk/wit/world.wit")
            .is_file()
    );

    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--manifest-path", "first-plugin/Cargo.toml"]);
    room.finish(cargo).ends_with(0).says("test result: ok. ");

    let built = room
        .plugin("build first-plugin")
        .ends_with(0)
        .says("  sha256  ");
    let component = built.out.lines().next().unwrap().to_owned();
    room.plugin(&format!("check {component}"))
        .ends_with(1)
        .says("not taken into service (ConfigRefused): ");
    room.plugin_with(
        &format!("check {component} --config"),
        &["{backfillMemory: 4Gi}"],
    )
    .ends_with(0)
    .says("  plugin   first-plugin 0.1.0\n");
    room.plugin("test first-plugin")
        .ends_with(0)
        .says(" passed, 0 failed\n");
    room.plugin(&format!("pack {component}"))
        .ends_with(2)
        .complains("--name is missing");
    room.plugin("pack first-plugin")
        .ends_with(0)
        .says("\n  name: first-plugin\n")
        .says("\nbinaryData:\n  plugin.wasm: ")
        .complains("sha256: ");
}

#[test]
fn a_project_with_every_hook_does_too() {
    let room = Room::new();
    let hooks = "render,stream-created,backfill-requested,schema-changed,spec-changed,job-failed,\
                 job-completed,tick";
    room.plugin(&format!("new every-hook --hooks {hooks}"))
        .ends_with(0);
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--manifest-path", "every-hook/Cargo.toml"]);
    room.finish(cargo)
        .ends_with(0)
        .says("test result: ok. 8 passed");
    room.plugin("test every-hook")
        .ends_with(0)
        .says("10 passed, 0 failed\n");
}

#[test]
fn each_hook_alone_makes_a_project_without_warnings() {
    let hooks = [
        "render",
        "stream-created",
        "backfill-requested",
        "schema-changed",
        "spec-changed",
        "job-failed",
        "job-completed",
        "tick",
    ];
    let room = Room::new();
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins-sdk/rust");
    for hook in hooks {
        room.plugin(&format!("new only-{hook} --hooks {hook} --sdk {sdk}"))
            .ends_with(0);
        let mut cargo = Command::new("cargo");
        cargo.args([
            "check",
            "--tests",
            "--manifest-path",
            &format!("only-{hook}/Cargo.toml"),
        ]);
        cargo.env("RUSTFLAGS", "-Dwarnings");
        room.finish(cargo).ends_with(0);
        assert!(!room.path(&format!("only-{hook}/vendor")).exists());
    }
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let room = Room::new();
    room.write("mine/notes.txt", "mine").write("empty/x", "");
    std::fs::remove_file(room.path("empty/x")).unwrap();
    room.plugin("new mine")
        .ends_with(2)
        .complains("mine: is not empty");
    assert_eq!(std::fs::read_dir(room.path("mine")).unwrap().count(), 1);
    room.plugin("new empty").ends_with(0);
    room.plugin("new inner/of-mine")
        .ends_with(0)
        .says("inner/of-mine is ready");
    room.plugin("new mine/notes.txt").ends_with(2);
}

#[test]
fn names_hooks_and_sdks_that_cannot_be_are_refused() {
    let room = Room::new();
    for name in ["Upper", "a_b", "-", "2nd", "match", "..", "test"] {
        room.plugin(&format!("new -- {name}"))
            .ends_with(2)
            .complains("cannot name a plugin");
    }
    room.plugin("new a --hooks render,rendr")
        .ends_with(2)
        .complains("\"rendr\" is no hook");
    room.plugin("new a --sdk nowhere")
        .ends_with(2)
        .complains("--sdk nowhere: ");
    room.write("other/Cargo.toml", "[package]\nname = \"other\"\n");
    room.plugin("new a --sdk other")
        .ends_with(2)
        .complains("another crate's");
    assert!(!room.path("a").exists());
}

#[test]
fn a_project_that_does_not_compile_is_told_apart() {
    let room = Room::new();
    room.plugin("new broken").ends_with(0);
    room.write("broken/src/lib.rs", "fn f( {");
    room.plugin("build broken").ends_with(4).complains("error");
    room.plugin("build nowhere").ends_with(3);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-arcane"));
    command
        .args(["plugin", "build", "broken"])
        .env("PATH", "")
        .env("RUSTC", "/nowhere/rustc");
    command.env("HOME", room.path(""));
    room.finish(command).ends_with(4);
}
