//! The end: what was started, lost, duplicated and written, by the audit log where there is one.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use arcane_cluster::audit::{Mark, Record, Request};
use arcane_contract::api::{BackfillRequest, Phase};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use xtask::terminal::{Style, Table};

use crate::seen::Run;
use crate::stage::{NAMESPACE, RELEASE, SYSTEM, Stage};
use crate::story::{Mark as Place, Story};

/// Every stream of the demo.
const CAST: [&str; 9] = [
    "orders",
    "customers",
    "payments",
    "nightly",
    "returns",
    "shipments",
    "loaded",
    "stock",
    "parcels",
];

/// What there is to tell about one stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    streaming: usize,
    backfills: usize,
    /// Requests, of which so many were neither completed nor skipped.
    requests: usize,
    lost: usize,
    duplicated: usize,
    writes: usize,
    needless: usize,
}

/// Prints the table.
///
/// # Errors
/// When something was lost, done twice, or written without need.
pub async fn tell(stage: &Stage, story: &Story, from: Mark, begin: Place) -> Result<()> {
    let requests: Api<BackfillRequest> = Api::namespaced(stage.client()?, NAMESPACE);
    let requests = requests.list(&ListParams::default()).await?.items;
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for stream in CAST {
        let of_stream = requests
            .iter()
            .filter(|request| request.spec.stream_id == stream);
        let (all, open): (Vec<_>, Vec<_>) = of_stream.map(|it| (it, is_open(it))).unzip();
        let (streaming, backfills) = story.since(begin, stream).jobs();
        let row = Row {
            streaming,
            backfills,
            requests: all.len(),
            lost: open.into_iter().filter(|open| *open).count(),
            duplicated: duplicates(&story.since(begin, stream).runs()),
            ..Row::default()
        };
        rows.insert(stream, row);
    }
    let mut source = "by what was watched";
    if let Some(cluster) = stage.cluster() {
        let record = cluster.audit().since(from).await?;
        let record = record.by_service_account(SYSTEM, RELEASE);
        ensure!(
            record.secret_reads().is_empty(),
            "the operator has read a Secret"
        );
        by_audit(&record.in_namespace(NAMESPACE), &requests, &mut rows);
        source = "by the API server's audit log";
    }
    print(story, &rows, source, stage.cluster().is_some());
    let bad: Vec<_> = rows
        .iter()
        .filter(|(_, row)| row.lost + row.duplicated + row.needless > 0)
        .collect();
    ensure!(bad.is_empty(), "not as told: {bad:?}");
    Ok(())
}

/// Whether the request is neither completed nor skipped.
fn is_open(request: &BackfillRequest) -> bool {
    let phase = request.status.as_ref().and_then(|status| status.phase);
    !request.spec.completed && phase != Some(Phase::Stopped)
}

/// The audit log knows better than any watch.
fn by_audit(record: &Record, requests: &[BackfillRequest], rows: &mut BTreeMap<&str, Row>) {
    let owner = |request: &Request| -> Option<&'static str> {
        let asked = requests
            .iter()
            .find(|asked| asked.name_any() == request.name);
        let stream = asked.map_or(request.name.as_str(), |asked| &asked.spec.stream_id);
        CAST.into_iter().find(|name| *name == stream)
    };
    let writes = record.writes().except(&["events"]);
    for (stream, row) in rows.iter_mut() {
        let own = writes.filter(|request| owner(request) == Some(stream));
        let created = own.filter(|request| request.verb == "create" && request.resource == "jobs");
        let backfills = created.filter(|request| request.backfill_request.is_some());
        row.backfills = backfills.len();
        row.streaming = created.len() - row.backfills;
        row.duplicated = own.duplicates().iter().map(|twice| twice.times - 1).sum();
        row.writes = own.len();
        row.needless = own.unchanged().len();
    }
}

/// Backfill Jobs beyond the first of each request.
fn duplicates(runs: &[&Run]) -> usize {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        if let Run::Backfill { request, .. } = run {
            *times.entry(request).or_default() += 1;
        }
    }
    times.values().map(|times| times - 1).sum()
}

fn print(story: &Story, rows: &BTreeMap<&str, Row>, source: &str, has_writes: bool) {
    let mut head = vec![
        "stream",
        "streaming Jobs",
        "backfill Jobs",
        "backfills asked for",
        "lost",
        "duplicated",
    ];
    if has_writes {
        head.extend(["writes", "needless"]);
    }
    let mut table = Table::new(&head);
    let mut total = Row::default();
    for stream in CAST {
        let Some(row) = rows.get(stream) else {
            continue;
        };
        table.row(cells(stream, row, has_writes));
        total = sum(&total, row);
    }
    let cells = cells("all", &total, has_writes).into_iter();
    table.styled(cells.map(|cell| (cell, Some(Style::Bold))));
    println!(
        "\nWhat the operator did, {source}:\n{}",
        table.render(story.paint())
    );
}

fn cells(name: &str, row: &Row, has_writes: bool) -> Vec<String> {
    let Row {
        streaming,
        backfills,
        requests,
        lost,
        duplicated,
        writes,
        needless,
    } = row;
    let mut numbers = vec![streaming, backfills, requests, lost, duplicated];
    if has_writes {
        numbers.extend([writes, needless]);
    }
    let numbers = numbers.into_iter().map(ToString::to_string);
    [name.to_owned()].into_iter().chain(numbers).collect()
}

fn sum(one: &Row, other: &Row) -> Row {
    Row {
        streaming: one.streaming + other.streaming,
        backfills: one.backfills + other.backfills,
        requests: one.requests + other.requests,
        lost: one.lost + other.lost,
        duplicated: one.duplicated + other.duplicated,
        writes: one.writes + other.writes,
        needless: one.needless + other.needless,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_job_of_a_request_is_a_duplicate_and_of_another_is_none() {
        let backfill = |request: &str| Run::Backfill {
            request: request.into(),
            order: String::new(),
        };
        let runs = [backfill("a"), Run::Streaming, backfill("b"), backfill("a")];
        assert_eq!(duplicates(&runs.iter().collect::<Vec<_>>()), 1);
    }
}
