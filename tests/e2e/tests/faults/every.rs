//! Every scenario under every class of faults: one operator behind one proxy, all scenarios at once.

use std::time::{Duration, Instant};

use anyhow::Result;
use arcane_cluster::Proxy;
use futures::future::{join_all, try_join_all};

use crate::classes::{self, Class};
use crate::ground::{Ground, PATIENCE, proxy, stop};
use crate::scenarios::{ALL, Scenario};
use crate::verdict::{Tally, assert_ended};

/// All scenarios at once, each to its end.
pub async fn play(
    ground: &Ground,
    scenarios: impl Iterator<Item = &'static Scenario>,
) -> Result<Tally> {
    let plugins =
        scenarios.map(async |scenario| anyhow::Ok((scenario, ground.plugin(scenario.kind).await?)));
    let plugins = try_join_all(plugins).await?;
    let ends = plugins.iter().map(async |(scenario, plugin)| {
        (scenario.act)(plugin).await;
        assert_ended(scenario, plugin).await
    });
    let mut all = Tally::default();
    for tally in PATIENCE.during(join_all(ends)).await {
        all.add(tally);
    }
    Ok(all)
}

async fn assert_nothing_lost(class: &Class) -> Result<()> {
    let ground = Ground::take().await?;
    let proxy = proxy(&ground).await?;
    let rules = class.begin(&proxy);
    let begun = Instant::now();
    let mut operator = ground.operator(&proxy).await?;
    PATIENCE.during(ground.wait_served()).await?;
    let tally = play(&ground, ALL.iter()).await?;
    assert_eq!(
        operator.exited()?,
        None,
        "{}: it did not restart",
        class.name
    );
    for rule in &rules {
        assert!(rule.count() > 0, "{}: never happened: {rule:?}", class.name);
    }
    tell(class.name, &tally, &proxy, begun.elapsed());
    proxy.heal().await;
    stop(operator).await
}

/// What is to be reported of a run.
pub fn tell(class: &str, tally: &Tally, proxy: &Proxy, took: Duration) {
    let Tally {
        streams,
        duplicates,
        lost,
    } = tally;
    let injected = proxy.injected();
    println!(
        "{class}: {streams} streams, {duplicates} duplicates, {lost} lost; injected {injected:?}; {took:.1?}"
    );
}

macro_rules! every_scenario {
    ($($name:ident: $class:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> Result<()> {
            assert_nothing_lost(&classes::$class).await
        }
    )*};
}

every_scenario! {
    nothing_is_lost_or_done_twice_when_writes_are_late: DELAY,
    nothing_is_lost_or_done_twice_when_writes_conflict: CONFLICT,
    nothing_is_lost_or_done_twice_when_the_api_server_is_overloaded: TOO_MANY,
    nothing_is_lost_or_done_twice_when_the_api_server_fails: INTERNAL,
    nothing_is_lost_or_done_twice_when_the_api_server_is_unavailable_at_times: UNAVAILABLE,
    nothing_is_lost_or_done_twice_when_requests_are_lost: RESET_BEFORE,
    nothing_is_lost_or_done_twice_when_answers_are_lost: RESET_AFTER,
    nothing_is_lost_or_done_twice_when_answers_drip: DRIP,
    nothing_is_lost_or_done_twice_when_watches_are_cut: CUT,
    nothing_is_lost_or_done_twice_when_watches_freeze: FREEZE,
    nothing_is_lost_or_done_twice_when_watches_are_out_of_date: GONE,
    nothing_is_lost_or_done_twice_when_events_are_dropped: DROP,
    nothing_is_lost_or_done_twice_when_events_are_late: LATE,
}
