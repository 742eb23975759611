//! Components that were built against versions of the contract that are published.
//!
//! The files are never made anew for a version once it is published: that they still load and
//! answer is what the rules for versions promise. To make them for a new version, run this with
//! `WRITE_PUBLISHED=1`.

use std::fs;
use std::path::{Path, PathBuf};

use arcane_plugins::{Decision, Trigger};
use serde_json::json;

use crate::support::{context, host, job, patient};

const GUESTS: [&str; 3] = ["everything", "log-question", "unchanged"];

fn directory(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/published")
        .join(version)
}

#[test]
fn what_was_built_against_0_1_0_still_loads_and_answers() {
    let directory = directory("0.1.0");
    if std::env::var_os("WRITE_PUBLISHED").is_some() && arcane_guests::VERSION == "0.1.0" {
        fs::create_dir_all(&directory).unwrap();
        for name in GUESTS {
            let file = directory.join(format!("{name}.wasm"));
            fs::write(file, arcane_guests::guest(name).unwrap().bytes).unwrap();
        }
    }
    let load = |name: &str| {
        let bytes = fs::read(directory.join(format!("{name}.wasm"))).unwrap();
        host().load(&bytes, patient()).unwrap()
    };

    let plugin = load("everything");
    assert_eq!(plugin.description().hooks.len(), 8);
    let rendered = plugin.render(&context(), &job()).result.unwrap();
    assert_eq!(
        rendered.job["metadata"]["annotations"]["example.com/shaped"],
        json!("yes")
    );
    let decided = plugin.decide(&Trigger::JobCompleted, &context(), 0);
    assert!(matches!(decided.result.unwrap(), Decision::Backfill { .. }));
    assert!(plugin.next_tick(&context(), 0).result.unwrap().is_some());

    let told = load("log-question")
        .render_uncached(&context(), &job())
        .lines;
    assert_eq!(told[3].message, "orders");
    assert!(
        !load("unchanged")
            .render(&context(), &job())
            .result
            .unwrap()
            .changed
    );
}
