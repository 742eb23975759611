//! What the watch of a kind tells: one that fails is tried again, and one that may not deliver what
//! was written is begun anew.

use std::{fmt::Debug, ops::Deref, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Resource,
    runtime::{
        WatchStreamExt,
        utils::{Backoff, ResetTimerBackoff},
        watcher::{self, Event, ExponentialBackoff},
    },
};
use serde::de::DeserializeOwned;
use tokio::select;
use tracing::info;

use super::store::Progress;
use crate::retry::delays;

/// Seconds after which the server ends a watch, which is then resumed where it ended: a connection
/// that has silently died is noticed within this time.
const WATCH_TIMEOUT_SECONDS: u32 = 60;

/// How long a watch that fails waits at first, and at most, before it is tried again; as much again
/// is added at random, so that watches that failed together do not come back together. The most is
/// what streams may wait for after an outage of the API server, however long that was: a handful of
/// watches that ask each few seconds is no load, even for one that is about to recover.
const WATCH_RETRY: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(5));
/// A watch that has not failed for this long starts from the shortest wait again.
const WATCH_RECOVERED: Duration = Duration::from_secs(120);

/// How to watch. Lists are read page by page, of 500 each. Smaller pages need less memory, but where
/// one fails the whole list is begun again, and might never come to an end where some of the requests
/// fail. Lists are consistent: they hold all that was written before they began. What may be answered
/// from the past (`resourceVersion=0`, which lists by watching ask for) could show a request as open
/// whose backfill is long complete, after a restart or a lost watch, where an API server lags behind
/// its peers.
pub fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS)
}

/// The watch of a kind.
pub fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher::watcher(api, config).backoff(retry())
}

/// The watch of a kind whose objects the operator writes. It begins anew where somebody
/// [doubts](Progress::doubt) that it will ever deliver what is missing.
pub fn watch_surely<K, P>(
    api: Api<K>,
    config: watcher::Config,
    resource: &str,
    progress: P,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + use<K, P>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    P: Deref<Target = Progress> + Send,
{
    let begin = move || watch(api.clone(), config.clone()).boxed();
    renewed(begin, resource.to_owned(), progress)
}

/// What `begin` gives, and once more what it gives for each doubt.
fn renewed<K, E, S, P>(
    begin: impl Fn() -> S + Send,
    resource: String,
    progress: P,
) -> impl Stream<Item = Result<Event<K>, E>> + Send
where
    K: Send,
    E: Send,
    S: Stream<Item = Result<Event<K>, E>> + Send + Unpin,
    P: Deref<Target = Progress> + Send,
{
    // A list that is coming in already is not begun again.
    let is_listing = true;
    let watch = (begin(), is_listing, begin, resource, progress);
    stream::unfold(watch, async |mut watch| {
        let (events, is_listing, begin, resource, progress) = &mut watch;
        let event = loop {
            select! {
                () = progress.doubted(), if !*is_listing => {
                    info!(resource, "a write does not come; listing again");
                    (*events, *is_listing) = (begin(), true);
                }
                event = events.next() => break event?,
            }
        };
        if let Ok(event) = &event {
            *is_listing = matches!(event, Event::Init | Event::InitApply(_));
        }
        Some((event, watch))
    })
}

/// When to try a watch again that has failed.
fn retry() -> Retry {
    Retry(ResetTimerBackoff::new(delays(WATCH_RETRY), WATCH_RECOVERED))
}

/// See [`retry`].
struct Retry(ResetTimerBackoff<ExponentialBackoff>);

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Retry {
    /// Called with whatever a watch delivers, which is no sign that it works: that a list is about to
    /// be tried is delivered, too. Time tells.
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
    };

    use futures::FutureExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_doubt_begins_another_list_but_not_while_one_is_coming_in() {
        let (begun, progress) = (AtomicU32::new(0), Progress::new());
        let begin = || {
            begun.fetch_add(1, Ordering::Relaxed);
            let list = [Event::Init, Event::InitApply(()), Event::InitDone];
            let list = list.map(Ok::<_, ()>);
            stream::iter(list).chain(stream::pending()).boxed()
        };
        let mut events = pin!(renewed(begin, "kind".into(), &progress));
        progress.doubt();
        for _ in 0..3 {
            assert!(events.next().await.is_some());
        }
        progress.listed(Instant::now());
        assert!(events.next().now_or_never().is_none(), "nothing is new");
        progress.doubt();
        assert!(matches!(events.next().await, Some(Ok(Event::Init))));
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn however_long_a_watch_has_failed_it_is_tried_again_within_ten_seconds() {
        let delays: Vec<_> = retry().take(40).collect();
        assert_eq!(delays.len(), 40, "it never gives up");
        let (_, most) = WATCH_RETRY;
        assert!(delays.iter().all(|delay| *delay <= 2 * most), "{delays:?}");
        assert!(
            delays[10..].iter().all(|delay| *delay >= most),
            "{delays:?}"
        );
    }

    #[test]
    fn watches_that_have_failed_together_do_not_come_back_together() {
        let (one, other) = (retry().take(10), retry().take(10));
        assert!(one.ne(other));
    }
}
