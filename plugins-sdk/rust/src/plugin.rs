//! What an author implements.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Context, Decision, Error, Job, Timestamp, Trigger};

/// A plugin: functions that answer the host's questions.
///
/// The host asks only at the hooks that [`export_plugin!`](crate::export_plugin) names. Every
/// method that a plugin leaves out lets the host do what it does without a plugin.
///
/// An error, a panic and a call that takes too long count as a failure of the plugin. With the
/// class's `failurePolicy: Fail` what runs goes on and nothing new is started, with `UseTemplate`
/// the host goes on as if there were no plugin.
pub trait Plugin {
    /// `spec.plugin.config` of the StreamClass; [`NoConfig`] where there is nothing to configure.
    ///
    /// A configuration that does not fit keeps the plugin from being taken into service for the
    /// class. `#[serde(deny_unknown_fields)]` makes misspelt fields such an error.
    type Config: DeserializeOwned;

    /// One sentence on what the plugin does, for people.
    const SUMMARY: &'static str;

    /// Checks what the type of the configuration cannot say.
    ///
    /// Asked when the component is loaded for a class and after each change of its configuration.
    ///
    /// # Errors
    /// Should name the field, and say what to do; see [`Error::field`].
    fn check(config: &Self::Config) -> Result<(), Error> {
        let _ = config;
        Ok(())
    }

    /// Shapes the Job that is about to be made. Hook `render`.
    ///
    /// There is no time in the question: an answer that depended on it would change without a
    /// cause, and restart the stream.
    ///
    /// # Errors
    /// Whatever makes it impossible to say how the Job should look.
    fn render(context: &Context<Self::Config>, job: &mut Job) -> Result<(), Error> {
        let _ = (context, job);
        Ok(())
    }

    /// Decides on what has happened. All hooks but `render`.
    ///
    /// `now` is the time at which the host looks.
    ///
    /// # Errors
    /// Whatever makes it impossible to decide.
    fn decide(
        trigger: &Trigger,
        context: &Context<Self::Config>,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let _ = (trigger, context, now);
        Ok(Decision::Default)
    }

    /// In how long the plugin wants to decide on [`Trigger::Tick`]; none for never. Hook `tick`.
    ///
    /// Asked when the stream begins to run, after each tick, and when the host has been restarted.
    /// What is shorter than a second counts as a second; parts of seconds are rounded up.
    ///
    /// # Errors
    /// Whatever makes it impossible to say.
    fn next_tick(
        context: &Context<Self::Config>,
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let _ = (context, now);
        Ok(None)
    }
}

/// The configuration of a plugin that has none: `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}
