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
        let times = ["µs", "ms", " s "].map(|unit| row.matches(unit).count());
        assert_eq!(times.iter().sum::<usize>(), 3, "{row}");
    }
    let memoised = |line: &str| line.contains("job-failed") && line.contains("from memo");
    assert!(!run.out.lines().any(memoised), "{}", run.out);
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
