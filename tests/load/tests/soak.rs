//! A minute of `cargo xtask soak`.

use std::process::Command;

#[test]
fn a_minute_of_changes_and_faults_breaks_nothing() {
    let arguments = [
        "soak",
        "--minutes",
        "1",
        "--streams",
        "40",
        "--seed",
        "2026",
    ];
    let soak = Command::new(env!("CARGO_BIN_EXE_arcane-load"))
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&soak.stderr);
    let figures = String::from_utf8_lossy(&soak.stdout);
    assert!(soak.status.success(), "{told}\n{figures}");
}
