//! A restart of the operator with every stream running: nothing is to be done, and that is to be
//! found out fast.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcane_cluster::Operator;
use arcane_cluster::wait::within;
use arcane_e2e::{NAMESPACE, Platform, Plugin, READY_WITHIN};

use crate::figures::{Across, Figures, Unit, number};
use crate::lifecycle::{ACCOUNT, start};
use crate::list;
use crate::measure::{self, Requests, mebibytes};

/// The operator promises to end within this time.
const STOPS_WITHIN: Duration = Duration::from_secs(5);
/// Until every stream has been looked at: seconds for thousands.
const SEEN_WITHIN: Duration = Duration::from_secs(300);

/// Stops the operator, starts another one, and waits until it has looked at every stream.
pub async fn measure(
    platform: &Platform<'_>,
    plugin: &Plugin<'_>,
    operator: Operator,
    streams: usize,
) -> Result<Figures> {
    let cluster = platform.cluster();
    let stopped = operator.stop(STOPS_WITHIN).await?;
    let account = cluster.client_for_service_account(NAMESPACE, ACCOUNT);
    let list = list::time(&account.await?, plugin).await?.as_secs_f64();
    let mark = cluster.audit().mark().await?;
    let begun = Instant::now();
    let mut operator = start(platform).await?;
    operator.wait_ready(READY_WITHIN).await?;
    let ready = begun.elapsed();
    all_seen(std::slice::from_ref(&operator), streams).await?;
    let all_seen = begun.elapsed();
    measure::settled(cluster).await?;
    let requests = Requests::since(cluster, mark).await?;
    let usage = operator.usage()?;

    let mut figures = Figures::default();
    let mut add = |name, label, unit, across, value| figures.add(name, label, unit, across, value);
    let took = stopped.took.as_secs_f64();
    add(
        "restart_stop",
        "restart: time to stop",
        Unit::Seconds,
        Across::Median,
        took,
    );
    let ready = ready.as_secs_f64();
    add(
        "restart_ready",
        "restart: time to ready",
        Unit::Seconds,
        Across::Median,
        ready,
    );
    add(
        "restart_list",
        "restart: time of the bare list",
        Unit::Seconds,
        Across::Median,
        list,
    );
    add(
        "restart_ready_to_list",
        "restart: time to ready, to that",
        Unit::Times,
        Across::Median,
        ready / list,
    );
    let seen = all_seen.as_secs_f64();
    add(
        "restart_seen",
        "restart: time until all streams are looked at",
        Unit::Seconds,
        Across::Median,
        seen,
    );
    let (writes, reads) = (requests.writes().len(), requests.reads().len());
    add(
        "restart_writes",
        "restart: writes",
        Unit::Count,
        Across::Largest,
        number(writes),
    );
    add(
        "restart_reads",
        "restart: reads",
        Unit::Count,
        Across::Largest,
        number(reads),
    );
    let cpu = usage.cpu.as_secs_f64();
    add(
        "restart_cpu",
        "restart: CPU",
        Unit::Seconds,
        Across::Median,
        cpu,
    );
    let peak = mebibytes(usage.peak_resident);
    add(
        "restart_resident_peak",
        "restart: resident memory, highest",
        Unit::Mebibytes,
        Across::Largest,
        peak,
    );
    Ok(figures)
}

/// Waits until as many streams have been looked at, by all of these operators together.
pub async fn all_seen(operators: &[Operator], streams: usize) -> Result<()> {
    within(SEEN_WITHIN, async || {
        let mut seen = 0;
        for operator in operators {
            seen += looked_at(&operator.metrics().await?);
        }
        ensure!(seen >= streams, "{seen} of {streams} streams looked at");
        Ok(())
    })
    .await
}

/// How many reconciles came to an end, by the operator's metrics. One that waits for a cache or
/// failed will be made again.
fn looked_at(metrics: &str) -> usize {
    let is_done = |line: &&str| {
        line.starts_with("arcane_reconciles_total{")
            && ["\"changed\"", "\"unchanged\""]
                .iter()
                .any(|result| line.contains(result))
    };
    let count = |line: &str| line.rsplit(' ').next()?.parse::<usize>().ok();
    metrics.lines().filter(is_done).filter_map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reconciles_that_came_to_an_end_are_counted() {
        let metrics = "# TYPE arcane_reconciles counter\n\
            arcane_reconciles_total{class=\"a\",result=\"unchanged\"} 40\n\
            arcane_reconciles_total{class=\"a\",result=\"changed\"} 2\n\
            arcane_reconciles_total{class=\"a\",result=\"waiting\"} 500\n\
            arcane_reconcile_seconds_count{class=\"a\"} 542\n";
        assert_eq!(looked_at(metrics), 42);
        assert_eq!(looked_at(""), 0);
    }
}
