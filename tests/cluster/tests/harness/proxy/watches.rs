//! What goes wrong with lists and watches.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcane_cluster::{Fault, Rule, eventually};
use futures::{StreamExt, TryStreamExt};
use kube::ResourceExt;
use kube::api::{ListParams, VersionMatch, WatchEvent, WatchParams};

use super::{Bed, next};
use crate::support::SOON;

#[tokio::test]
async fn a_watch_is_cut_in_the_middle_of_an_event() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Cut(40)).resource("configmaps").at_most(1);
    let cut = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    assert_eq!(cut.count(), 0, "nothing has passed that could be cut");
    bed.create(&bed.around(), "a").await?;
    next(&mut events).await.expect_err("half an event");
    assert_eq!(cut.count(), 1);
    Ok(())
}

#[tokio::test]
async fn an_event_is_dropped_and_those_around_it_arrive() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Drop).resource("configmaps").name("b");
    let dropped = bed.proxy.inject(rule.events(&["ADDED"]));
    let mut events = bed.watch().await?;
    for name in ["a", "b", "c"] {
        bed.create(&bed.around(), name).await?;
    }
    bed.label("b", "1").await?;
    for expected in ["ADDED a", "ADDED c", "MODIFIED b"] {
        assert_eq!(next(&mut events).await?, expected);
    }
    assert_eq!(dropped.count(), 1);
    Ok(())
}

#[tokio::test]
async fn events_that_are_held_arrive_in_order_once_they_are_let_go() -> Result<()> {
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    let held = bed
        .proxy
        .inject(Rule::new(Fault::Hold).resource("configmaps").name("a"));
    for name in ["before", "a", "after"] {
        bed.create(&bed.around(), name).await?;
    }
    assert_eq!(next(&mut events).await?, "ADDED before");
    eventually("the event to be held", SOON, async || {
        ensure!(held.count() == 1, "{}", held.count());
        Ok(())
    })
    .await;
    let early = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    assert!(early.is_err(), "{early:?}");
    held.end();
    for expected in ["ADDED a", "ADDED after"] {
        assert_eq!(next(&mut events).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_late_arrives_so_much_later() -> Result<()> {
    const LATER: Duration = Duration::from_millis(300);
    let bed = Bed::new().await?;
    let late = bed
        .proxy
        .inject(Rule::new(Fault::Late(LATER)).resource("configmaps"));
    let mut events = bed.watch().await?;
    let begun = Instant::now();
    bed.create(&bed.around(), "a").await?;
    assert_eq!(next(&mut events).await?, "ADDED a");
    assert!(begun.elapsed() >= LATER);
    assert_eq!(late.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_watch_freezes_without_a_word_and_another_goes_on() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Freeze).resource("configmaps").at_most(1);
    let frozen = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    bed.create(&bed.around(), "a").await?;
    eventually("the watch to freeze", SOON, async || {
        ensure!(frozen.count() == 1, "{}", frozen.count());
        Ok(())
    })
    .await;
    let mut others = bed.watch().await?;
    bed.create(&bed.around(), "b").await?;
    assert_eq!(next(&mut others).await?, "ADDED b");
    let word = tokio::time::timeout(Duration::from_millis(100), events.next()).await;
    assert!(word.is_err(), "{word:?}");
    Ok(())
}

#[tokio::test]
async fn a_watch_is_told_that_its_history_is_gone_and_ends() -> Result<()> {
    let bed = Bed::new().await?;
    let rule = Rule::new(Fault::Gone).resource("configmaps").at_most(1);
    let gone = bed.proxy.inject(rule);
    let mut events = bed.watch().await?;
    bed.create(&bed.around(), "a").await?;
    assert_eq!(next(&mut events).await?, "ERROR 410");
    assert!(events.next().await.is_none());
    assert_eq!(gone.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stale_list_is_the_first_one_again_and_a_watch_goes_on_from_there() -> Result<()> {
    let bed = Bed::new().await?;
    bed.create(&bed.around(), "old").await?;
    // A list with a selector is another question than the one that the bed has asked already.
    let selected = ListParams::default().labels("!absent");
    let first = bed.through.list(&selected).await?.metadata.resource_version;
    let params = WatchParams::default().initial_events();
    let list = async || {
        let events = bed.through.watch(&params, "0").await?;
        let names = events.try_filter_map(async |event| {
            Ok(match event {
                WatchEvent::Added(map) if map.name_any() != "kube-root-ca.crt" => {
                    Some(map.name_any())
                }
                WatchEvent::Bookmark(_) => Some("end".into()),
                _ => None,
            })
        });
        anyhow::Ok(Box::pin(names))
    };
    let mut names = list().await?;
    assert_eq!(names.try_next().await?.as_deref(), Some("old"));
    assert_eq!(names.try_next().await?.as_deref(), Some("end"));
    bed.create(&bed.around(), "new").await?;

    let stale = bed
        .proxy
        .inject(Rule::new(Fault::StaleList).resource("configmaps"));
    let now = bed.through.list(&selected).await?.metadata.resource_version;
    assert_ne!(now, first, "who wants to know what is there now is told");
    let any = selected.at("0").matching(VersionMatch::NotOlderThan);
    let again = bed.through.list(&any).await?;
    assert_eq!(again.metadata.resource_version, first);
    let mut names = list().await?;
    for expected in ["old", "end", "new"] {
        assert_eq!(names.try_next().await?.as_deref(), Some(expected));
    }
    assert_eq!(stale.count(), 2);
    Ok(())
}
