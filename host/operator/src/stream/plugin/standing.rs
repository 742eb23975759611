//! How a plugin has fared with a stream.

use std::time::Duration;

use arcane_plugins::Hook;

use super::{super::backoff::Backoff, trouble::Trouble};

/// How a plugin has fared with a stream. What few streams have is boxed: there is one of these for
/// each stream.
#[derive(Default)]
pub struct Standing {
    /// Times in a row that it gave no answer.
    failures: u32,
    /// Why it gave none last.
    trouble: Option<Box<Trouble>>,
    /// The trouble that an event has told of.
    told: Option<Box<Trouble>>,
    /// Render hash of a Job of the plugin's that the API server refused, and what it said.
    refused: Option<Box<(String, String)>>,
}

impl Standing {
    /// Notes that the plugin gave no answer, and tells when to ask again.
    pub fn failed(&mut self, trouble: &Trouble, backoff: &Backoff) -> Duration {
        if self.trouble(trouble.identity.as_deref()).is_none() {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(Box::new(trouble.clone()));
        backoff.delay(self.failures)
    }

    /// Notes that the plugin gave an answer that can be used.
    pub fn answered(&mut self) {
        self.failures = 0;
        self.trouble = None;
    }

    /// Notes that there is no trouble with rendering.
    pub fn renders(&mut self) {
        let is_over = |trouble: &Trouble| matches!(trouble.hook, None | Some(Hook::Render));
        if self.trouble.as_deref().is_some_and(is_over) {
            self.answered();
        }
    }

    /// Why the plugin with this identity gave no answer when it was asked last; none stands for no
    /// plugin in service. What another one did is of no interest any more.
    pub fn trouble(&self, identity: Option<&str>) -> Option<&Trouble> {
        let trouble = self.trouble.as_deref();
        trouble.filter(|trouble| trouble.identity.as_deref() == identity)
    }

    /// Whether this trouble is to be told: it is until it changes or is gone.
    pub fn is_news(&mut self, trouble: Option<&Trouble>) -> bool {
        let is_news = self.told.as_deref() != trouble;
        self.told = trouble.cloned().map(Box::new);
        is_news
    }

    /// When to ask the plugin again after it gave no answer.
    pub fn retry(&self, backoff: &Backoff) -> Duration {
        backoff.delay(self.failures.max(1))
    }

    /// Notes that the API server refuses the Job with this render hash, which the plugin has
    /// shaped.
    pub fn refuse(&mut self, render_hash: &str, message: &str) {
        self.refused = Some(Box::new((render_hash.to_owned(), message.to_owned())));
    }

    /// What the API server said when it refused the Job with this render hash.
    pub fn refused(&self, render_hash: &str) -> Option<String> {
        let (refused, message) = self.refused.as_deref()?;
        (refused == render_hash).then(|| message.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::backoff::BACKOFF, *};

    #[test]
    fn the_trouble_with_a_plugin_is_over_with_another_one() {
        let mut standing = Standing::default();
        for _ in 0..3 {
            standing.failed(&Trouble::sample("a", Hook::Render), &BACKOFF);
        }
        assert!(standing.trouble(Some("a")).is_some());
        assert_eq!(standing.trouble(Some("b")), None);
        assert_eq!(standing.trouble(None), None);
        let delay = standing.failed(&Trouble::sample("b", Hook::Render), &BACKOFF);
        assert!(delay < 2 * BACKOFF.initial, "{delay:?}");
    }
}
