use std::path::Path;

use crate::room::Room;

/// Every plugin of `example-plugins`, as a component, against its cases.
#[test]
fn the_examples_answer_as_their_cases_expect() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins");
    let room = Room::new();
    room.plugin(&format!("test {}", examples.display()))
        .ends_with(0)
        .says("right-size/cases/")
        .says("backfill-window/cases/")
        .says("placement/cases/")
        .says("retry-policy/cases/")
        .says(" passed, 0 failed\n");
}
