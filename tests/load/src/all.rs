//! `cargo xtask bench`: every benchmark, and one table in the end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::cli::{All, Bench, Busy, Lifecycle, Plugins, Shards};
use xtask::terminal::{Paint, Style, Table};

use crate::drawing;
use crate::report::Report;
use crate::{measure, verdict};

/// Streams of the smaller run.
const STREAMS: u32 = 2_000;

/// Runs one after the other, tells the figures of each, and in the end those that have bars.
pub async fn run(options: &All) -> Result<ExitCode> {
    let lifecycle = |streams, quiet| {
        Bench::Lifecycle(Lifecycle {
            streams,
            runs: 1,
            quiet,
            check: false,
            json: None,
        })
    };
    let benches = [
        lifecycle(STREAMS, Duration::from_secs(60)),
        lifecycle(options.streams, options.quiet),
        Bench::Busy(Busy {
            streams: 5_000,
            check: false,
            json: None,
        }),
        Bench::Plugins(Plugins {
            calls: 5_000,
            classes: 500,
            check: false,
            json: None,
        }),
        Bench::Shards(Shards {
            streams: STREAMS,
            replicas: 3,
            quiet: Duration::from_secs(30),
            check: false,
            json: None,
        }),
    ];
    let mut reports = Vec::new();
    for bench in &benches {
        let report = measure(bench).await?;
        print!("{}", report.text(Paint::stdout()));
        reports.push(report);
    }
    print!("\n{}", table(&reports, Paint::stdout()));
    if let Some(file) = &options.svg {
        std::fs::write(file, drawing::draw(&reports))
            .with_context(|| format!("failed to write {}", file.display()))?;
    }
    let missed = reports.iter().map(Report::missed).sum();
    Ok(verdict(options.check, missed))
}

fn table(reports: &[Report], paint: Paint) -> String {
    let mut table = Table::new(&["benchmark", "figure", "value", "bar", "verdict"]);
    for report in reports {
        for judged in report.judged() {
            let (verdict, style) = if judged.met {
                ("met", Style::Green)
            } else {
                ("missed", Style::Red)
            };
            table.styled([
                (report.title(), None),
                (judged.label, None),
                (judged.value, None),
                (judged.bar, None),
                (verdict.to_owned(), Some(style)),
            ]);
        }
    }
    table.render(paint)
}
