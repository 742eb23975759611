use crate::room::Room;

#[test]
fn every_sample_that_a_plugin_wants_is_measured() {
    let room = Room::new();
    room.guest("everything");
    let run = room.plugin("bench everything.wasm --calls 20").ends_with(0);
    for (sample, calls) in [
        ("render backfill", "fresh"),
        ("render backfill", "from memo"),
        ("job-failed", "fresh"),
        ("next-tick", "fresh"),
    ] {
        let mut lines = run.out.lines();
        let row = lines.find(|line| line.contains(sample) && line.contains(calls));
        let row = row.unwrap_or_else(|| panic!("{sample} {calls}:\n{}", run.out));
        assert_eq!(
            row.matches("s  ").count(),
            if calls == "fresh" { 3 } else { 3 },
            "{row}"
        );
    }
    assert!(!run.out.contains("job-failed  from memo"), "{}", run.out);
}

#[test]
fn a_plugin_that_fails_is_not_measured() {
    let room = Room::new();
    room.guest("gives-up").guest("text");
    room.plugin("bench gives-up.wasm --calls 5")
        .ends_with(1)
        .says("render streaming: the plugin gave up: ");
    room.plugin("bench text.wasm")
        .ends_with(1)
        .complains("text.wasm: ");
    room.plugin("bench gives-up.wasm --calls 0").ends_with(2);
}
