//! The operator is killed after every write of every scenario.

use std::time::Instant;

use anyhow::Result;
use arcane_cluster::audit::Mark;
use arcane_cluster::{Fault, Rule};
use arcane_e2e::{OPERATOR_USER, Plugin};
use futures::future::{join_all, try_join_all};

use crate::every::tell;
use crate::ground::{Ground, PATIENCE, proxy};
use crate::scenarios::{ALL, Scenario};
use crate::verdict::{Tally, assert_ended};

/// How many writes are crashed at side by side: more would keep the operator from doing anything
/// in between.
const AT_ONCE: usize = 3;

/// Each stream is to crash the operator at one write: that makes a scenario for every write.
struct Crashing {
    scenario: &'static Scenario,
    plugin: Plugin<'static>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_any_write_of_any_scenario_ends_in_the_same_place() -> Result<()> {
    let ground = Ground::take().await?;
    let proxy = proxy(&ground).await?;
    let mut operator = ground.operator(&proxy).await?;
    ground.wait_served().await?;
    let begun = Instant::now();
    let calm = writes_when_calm(&ground).await?;
    let (mut all, mut crashes, mut restarts) = (Tally::default(), 0, 0);
    let most = calm
        .iter()
        .map(|(_, writes)| *writes)
        .max()
        .unwrap_or_default();
    for first in (1..=most).step_by(AT_ONCE) {
        let due = (first..first + AT_ONCE).flat_map(|write| {
            let has = calm.iter().filter(move |(_, writes)| write <= *writes);
            has.map(move |(scenario, _)| (*scenario, write))
        });
        let streams = try_join_all(due.map(async |(scenario, write)| {
            let plugin = ground.plugin(scenario.kind).await?;
            let rule = Rule::new(Fault::Crash)
                .writes()
                .namespace(plugin.namespace());
            let crash = proxy.inject(rule.skip(write - 1).at_most(1));
            anyhow::Ok((Crashing { scenario, plugin }, crash))
        }))
        .await?;
        let ends = streams.iter().map(|(stream, _)| run(stream));
        let mut ends = Box::pin(PATIENCE.during(join_all(ends)));
        let tallies = loop {
            tokio::select! {
                tallies = &mut ends => break tallies,
                () = proxy.crashed() => {
                    operator.kill()?;
                    proxy.mend().await;
                    // It may crash again before it is ready.
                    operator = ground.builder(&proxy).start().await?;
                    restarts += 1;
                }
            }
        };
        drop(ends);
        tallies.into_iter().for_each(|tally| all.add(tally));
        crashes += streams
            .iter()
            .map(|(_, crash)| crash.count())
            .sum::<usize>();
        // What was to crash may just have done so.
        operator.kill()?;
        proxy.heal().await;
        operator = ground.operator(&proxy).await?;
    }
    let pairs: usize = calm.iter().map(|(_, writes)| writes).sum();
    println!("{crashes} crashes of {pairs} writes, {restarts} restarts, {most} writes at most");
    tell("crashes", &all, &proxy, begun.elapsed());
    // A crash can cost the event that would have followed, and with it the last write.
    assert!(
        crashes * 10 >= pairs * 8,
        "{crashes} crashes of {pairs} writes"
    );
    crate::ground::stop(operator).await
}

async fn run(stream: &Crashing) -> Tally {
    (stream.scenario.act)(&stream.plugin).await;
    assert_ended(stream.scenario, &stream.plugin).await
}

/// How often the operator writes in each scenario when nothing goes wrong.
async fn writes_when_calm(ground: &Ground) -> Result<Vec<(&'static Scenario, usize)>> {
    let plugins = ALL
        .iter()
        .map(async |scenario| anyhow::Ok((scenario, ground.plugin(scenario.kind).await?)));
    let plugins = try_join_all(plugins).await?;
    let run = plugins.iter().map(async |(scenario, plugin)| {
        (scenario.act)(plugin).await;
        assert_ended(scenario, plugin).await;
    });
    PATIENCE.during(join_all(run)).await;
    let record = ground.cluster().audit().since(Mark::BEGINNING).await?;
    let record = record.by_user(OPERATOR_USER);
    let writes = plugins.iter().map(|(scenario, plugin)| {
        let tried = record.in_namespace(plugin.namespace());
        (*scenario, tried.len() - tried.reads().len())
    });
    Ok(writes.collect())
}
