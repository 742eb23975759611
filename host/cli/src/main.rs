//! `kubectl arcane`: plugins of Arcane Host, without a cluster.

mod ask;
mod case;
mod commands;
mod component;
mod diff;
mod exit;
mod fields;
mod given;
mod glob;
mod inspect;
mod junit;
mod pack;
mod project;
mod samples;
mod scene;
mod settings;
mod terminal;
mod units;
mod yaml;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

use exit::Done;
use terminal::{Paint, Style};

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    let paint = Paint::stderr(arguments.color);
    match arguments.run() {
        Ok(Done { text, notes, exit }) => {
            // Whoever reads this may stop reading, as `head` does.
            let _ = std::io::stdout().write_all(text.as_bytes());
            let _ = std::io::stderr().write_all(notes.as_bytes());
            exit.into()
        }
        Err(failure) => {
            let error = paint.paint(Style::Red, "error:");
            let _ = writeln!(std::io::stderr(), "{error} {}", failure.message);
            failure.exit.into()
        }
    }
}
