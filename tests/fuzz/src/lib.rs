//! Hands hostile bytes to the host of plugins: as components, as values of ConfigMaps, as Jobs, and
//! as answers.
//!
//! A [`Target`] makes inputs and takes them. A [`campaign`] does that many times, and counts what
//! became of them; the first that makes the host panic, hang, take memory without end, or accept a
//! Job that poses as another one ends it. Inputs worth keeping are in the [`corpus`].

pub mod campaign;
pub mod corpus;
mod identity;
mod json;
mod mutate;
mod sections;
mod smith;
pub mod targets;
pub mod watch;

use std::time::Duration;

/// Something that takes bytes from outside.
pub trait Target: Sync {
    /// Its name, which is that of its part of the corpus.
    fn name(&self) -> &'static str;

    /// Makes an input: a new one, or another one of `seeds`.
    fn make(&self, rng: &mut fastrand::Rng, seeds: &[Vec<u8>]) -> Vec<u8>;

    /// Hands an input over.
    ///
    /// # Errors
    /// What is wrong with the host, by this input.
    fn feed(&self, input: &[u8]) -> Result<Outcome, String>;
}

/// What became of an input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The host has taken it.
    Accepted,
    /// The host has refused it, for a reason of this name.
    Refused(String),
}

impl Outcome {
    /// The outcome `Refused`.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused(reason) => reason,
        }
    }
}

/// Every target. Plugins have `timeout` for each call.
///
/// # Errors
/// The host cannot be set up.
pub fn all(timeout: Duration) -> anyhow::Result<Vec<Box<dyn Target>>> {
    Ok(vec![
        Box::new(targets::Component::new(timeout)?),
        Box::new(targets::Source::new()?),
        Box::new(targets::Job::new()?),
        Box::new(targets::Answer::new(timeout)?),
    ])
}

/// What a text of the host's must be like, whatever it was about: for people, on one line, and not
/// too long.
fn legible(text: &str) -> Result<(), String> {
    if text.len() > 64 << 10 {
        return Err(format!("a message has {} bytes", text.len()));
    }
    match text.chars().find(|character| character.is_control()) {
        Some(character) => Err(format!("a message has the character {character:?}")),
        None => Ok(()),
    }
}
