//! What an operator's metrics tell.

use anyhow::ensure;
use arcane_cluster::Operator;

use crate::act::until;

/// Sum of a metric's values where the labels are among its own; none if there is no such value.
#[must_use]
pub fn sum(metrics: &str, name: &str, labels: &str) -> Option<f64> {
    let values: Vec<f64> = metrics
        .lines()
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, own) = series.split_once('{').unwrap_or((series, ""));
            let matches = found == name && own.contains(labels);
            matches.then(|| value.parse().ok())?
        })
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// Waits until the operator has looked at all streams of the class, so many times altogether, and
/// none waits.
///
/// # Panics
/// After [`DEADLINE`](crate::DEADLINE).
#[track_caller]
pub fn wait_looked(
    operator: &Operator,
    class: &str,
    streams: u32,
    times: f64,
) -> impl Future<Output = ()> {
    let of_class = format!("class=\"{class}\"");
    let what = format!("{times} looks at {streams} streams");
    until(what, async move || {
        let metrics = operator.metrics().await?;
        let known = sum(&metrics, "arcane_streams", &of_class);
        let looked = sum(&metrics, "arcane_reconciles_total", &of_class);
        let queued = sum(&metrics, "arcane_queue_depth", &of_class);
        ensure!(
            known == Some(f64::from(streams)) && looked >= Some(times) && queued == Some(0.0),
            "{known:?} known, {looked:?} looked at, {queued:?} queued"
        );
        Ok(())
    })
}
