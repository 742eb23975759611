use super::*;
use crate::testing;

fn changed(change: impl FnOnce(&mut Job)) -> Job {
    let mut job = testing::job();
    change(&mut job);
    job
}

#[test]
fn what_nobody_changed_is_unchanged() {
    assert_eq!(testing::job().answer(), Answer::Unchanged);
    let looked_at = changed(|job| {
        let main = job.main().unwrap();
        assert_eq!(main.name(), "stream");
        assert_eq!(job.metadata().label("arcane/stream-id"), Some("orders"));
        assert_eq!(job.node_selector("pool"), None);
    });
    assert_eq!(looked_at.answer(), Answer::Unchanged);
}
