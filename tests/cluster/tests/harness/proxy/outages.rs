//! The API server is away, and the client dies.

use std::time::Duration;

use anyhow::Result;
use futures::StreamExt;

use super::{Bed, next};
use crate::support::SOON;

#[tokio::test]
async fn a_server_that_is_gone_refuses_connections_and_comes_back_at_the_same_place() -> Result<()>
{
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    bed.proxy.go().await;
    let ended = tokio::time::timeout(SOON, events.next()).await?;
    assert!(
        ended.is_none_or(|event| event.is_err()),
        "its connection breaks"
    );
    let error = bed
        .create(&bed.through, "a")
        .await
        .expect_err("nobody listens");
    assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    bed.proxy.heal().await;
    bed.create(&bed.through, "a").await?;
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_is_silent_lets_nothing_pass_in_either_direction() -> Result<()> {
    let bed = Bed::new().await?;
    let mut events = bed.watch().await?;
    bed.proxy.silence();
    let created = bed.create(&bed.through, "lost");
    assert!(
        tokio::time::timeout(Duration::from_millis(200), created)
            .await
            .is_err()
    );
    bed.create(&bed.around(), "a").await?;
    let word = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    assert!(word.is_err(), "{word:?}");
    bed.proxy.heal().await;
    assert_eq!(next(&mut events).await?, "ADDED a");
    assert_eq!(bed.names(&bed.around()).await?, ["a"]);
    Ok(())
}

#[tokio::test]
async fn the_write_to_crash_at_is_carried_out_and_nothing_passes_after_it() -> Result<()> {
    let bed = Bed::new().await?;
    let crash = bed.proxy.crash_after(2);
    bed.create(&bed.through, "first").await?;
    let last = tokio::time::timeout(SOON, async {
        tokio::select! {
            answer = bed.create(&bed.through, "second") => panic!("answered: {answer:?}"),
            () = bed.proxy.crashed() => {}
        }
    });
    last.await?;
    assert_eq!(crash.count(), 1);
    let third = bed.create(&bed.through, "third");
    assert!(
        tokio::time::timeout(Duration::from_millis(200), third)
            .await
            .is_err()
    );
    assert_eq!(bed.names(&bed.around()).await?, ["first", "second"]);
    bed.proxy.heal().await;
    bed.create(&bed.through, "third").await?;
    assert_eq!(bed.proxy.writes(), 3);
    Ok(())
}
