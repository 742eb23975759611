//! What fails for longer than a moment, with what to do about it: shown on every class that needs
//! it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kube::runtime::watcher;
use tokio::{sync::watch, time::Instant};
use tracing::{info, warn};

/// How long something must fail before it is shown: an API server that has just started refuses
/// what it will allow in a few seconds, and rights that come with a new kind take as long.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same for an API server that does not answer: nothing can be done about it on a class.
const PATIENCE_WITH_SERVER: Duration = Duration::from_secs(30);
/// A failing watch is tried again every half a minute at least. One of which nothing is heard for
/// this long works, though it has had nothing to deliver since.
const SILENCE: Duration = Duration::from_secs(75);
/// How often [`Faults::current`] may have changed by silence.
pub const SILENCE_CHECK: Duration = Duration::from_secs(15);

/// What fails at the moment.
#[derive(Clone)]
pub struct Faults {
    inner: Arc<Mutex<BTreeMap<String, Fault>>>,
    changed: Arc<watch::Sender<u64>>,
}

struct Fault {
    text: String,
    patience: Duration,
    since: Instant,
    last: Instant,
    /// It is told again while it lasts, so that silence means its end.
    repeats: bool,
}

impl Fault {
    fn is_over(&self) -> bool {
        self.repeats && self.last.elapsed() > SILENCE
    }

    fn is_shown(&self) -> bool {
        self.last.duration_since(self.since) >= self.patience && !self.is_over()
    }
}

impl Faults {
    /// None failing.
    pub fn new() -> Self {
        Faults {
            inner: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Notes what the watch of `resource` tells of itself: that it fails, or, by what it delivers, that
    /// it works. That a list is about to be tried says neither.
    pub fn hear<K>(&self, resource: &str, event: &Result<watcher::Event<K>, watcher::Error>) {
        match event {
            Ok(watcher::Event::Init) => {}
            Ok(_) => self.clear(resource),
            Err(error) => self.report(resource, error),
        }
    }

    /// Notes that the watch of `resource` fails; transient ends of a watch are no faults.
    fn report(&self, resource: &str, error: &watcher::Error) {
        if is_routine(error) {
            return;
        }
        let patience = if is_servers(error) {
            PATIENCE_WITH_SERVER
        } else {
            PATIENCE
        };
        self.note(resource, explain(resource, error), patience, true);
    }

    /// Notes that writing to `resource` fails, in words, until it is [cleared](Self::clear).
    pub fn report_write(&self, resource: &str, text: String) {
        self.note(resource, text, PATIENCE, false);
    }

    fn note(&self, resource: &str, text: String, patience: Duration, repeats: bool) {
        let now = Instant::now();
        let mut faults = self.lock();
        let before = faults.remove(resource).filter(|fault| !fault.is_over());
        let shown_before = before.as_ref().filter(|fault| fault.is_shown());
        let shown_before = shown_before.map(|fault| fault.text.clone());
        if before.as_ref().is_none_or(|fault| fault.text != text) {
            warn!(resource, "{text}");
        }
        let fault = Fault {
            text,
            patience,
            since: before.map_or(now, |fault| fault.since),
            last: now,
            repeats,
        };
        let is_news = fault.is_shown() && shown_before.as_ref() != Some(&fault.text);
        faults.insert(resource.to_owned(), fault);
        drop(faults);
        if is_news {
            self.changed.send_modify(|version| *version += 1);
        }
    }

    /// Notes that `resource` works.
    pub fn clear(&self, resource: &str) {
        let removed = self.lock().remove(resource);
        if let Some(fault) = removed {
            info!(resource, "works again");
            if fault.is_shown() {
                self.changed.send_modify(|version| *version += 1);
            }
        }
    }

    /// One sentence for each fault.
    pub fn current(&self) -> Vec<String> {
        let faults = self.lock();
        let shown = faults.values().filter(|fault| fault.is_shown());
        shown.map(|fault| fault.text.clone()).collect()
    }

    /// Changes whenever [`Faults::current`] does, except by silence.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Fault>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API server is not there, or not ready.
fn is_servers(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            status.code == 429 || status.code >= 500
        }
        _ => true,
    }
}

/// A watch that the server ended or that fell out of its window is resumed or listed again at
/// once: nobody has to do anything.
fn is_routine(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::WatchFailed(_) | watcher::Error::WatchError(_)
    )
}

/// What failed and what to do.
pub fn explain(resource: &str, error: &watcher::Error) -> String {
    let (verb, source) = match error {
        watcher::Error::InitialListFailed(source) => ("list", source),
        watcher::Error::WatchStartFailed(source) => ("watch", source),
        other => return format!("{resource}: {other}"),
    };
    match source {
        kube::Error::Api(status) if status.is_forbidden() => format!(
            "the operator may not {verb} {resource}: grant its service account get, list and watch \
             on {resource} with a ClusterRole ({})",
            status.message
        ),
        kube::Error::Api(status) if status.is_not_found() => format!(
            "the API server does not serve {resource}: install its CustomResourceDefinition"
        ),
        kube::Error::Api(status) => format!("failed to {verb} {resource}: {}", status.message),
        other => format!("failed to {verb} {resource}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn refusal(code: u16) -> watcher::Error {
        let status = kube::core::Status::failure("no", "Forbidden").with_code(code);
        watcher::Error::WatchStartFailed(kube::Error::Api(status.boxed()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_a_moment_is_not_shown() {
        let faults = Faults::new();
        faults.report("jobs", &refusal(403));
        advance(PATIENCE - Duration::from_secs(1)).await;
        faults.report("jobs", &refusal(403));
        assert!(faults.current().is_empty());
        faults.clear("jobs");
        advance(PATIENCE).await;
        faults.report("jobs", &refusal(403));
        assert!(faults.current().is_empty(), "it worked in between");
        assert!(!faults.subscribe().has_changed().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_failing_is_shown_once_until_it_works() {
        let faults = Faults::new();
        let mut changes = faults.subscribe();
        for _ in 0..3 {
            faults.report("jobs", &refusal(403));
            advance(PATIENCE).await;
        }
        assert!(faults.current()[0].contains("grant"));
        assert_eq!(*changes.borrow_and_update(), 1);
        faults.clear("jobs");
        assert!(faults.current().is_empty());
        assert_eq!(*changes.borrow_and_update(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_away_is_given_more_time() {
        let faults = Faults::new();
        faults.report("jobs", &refusal(503));
        advance(PATIENCE).await;
        faults.report("jobs", &refusal(503));
        assert!(faults.current().is_empty());
        advance(PATIENCE_WITH_SERVER - PATIENCE).await;
        faults.report("jobs", &refusal(503));
        assert_eq!(faults.current().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_silent_has_recovered_and_a_refused_write_has_not() {
        let faults = Faults::new();
        for _ in 0..2 {
            faults.report("jobs", &refusal(403));
            faults.report_write("status", "grant patch".into());
            advance(PATIENCE).await;
        }
        assert_eq!(faults.current().len(), 2);
        advance(SILENCE).await;
        assert_eq!(faults.current(), ["grant patch"]);
        faults.report("jobs", &refusal(403));
        assert_eq!(
            faults.current(),
            ["grant patch"],
            "a new fault has its moment, too"
        );
    }
}
