//! Bytes as components: loaded, and called if they can be.

use std::time::Duration;

use arcane_plugins::{CallError, LoadError, PluginHost, PluginSettings, Report};
use fastrand::Rng;
use serde_json::Value;

use super::{host, sample};
use crate::mutate::{bytes, choose, mutate};
use crate::{Outcome, Target, identity, legible, sections, smith};

/// Bytes as components.
pub struct Component {
    host: PluginHost,
    settings: PluginSettings,
    job: Value,
    guests: Vec<Vec<u8>>,
}

impl Component {
    /// A target whose plugins have `timeout` for each call.
    ///
    /// # Errors
    /// The host cannot be set up.
    pub fn new(timeout: Duration) -> anyhow::Result<Self> {
        let guests = arcane_guests::all()?;
        Ok(Self {
            host: host()?,
            settings: PluginSettings {
                timeout,
                memory_limit: 16 << 20,
                ..PluginSettings::default()
            },
            job: sample::job()?,
            guests: guests
                .into_iter()
                // What they loop for is waited for, and what it does is known.
                .filter(|guest| !guest.name.starts_with("endless-"))
                .map(|guest| guest.bytes)
                .collect(),
        })
    }

    fn original<'a>(&'a self, rng: &mut Rng, seeds: &'a [Vec<u8>]) -> &'a [u8] {
        let from = if rng.bool() { seeds } else { &self.guests };
        let chosen = choose(rng, from).or_else(|| choose(rng, &self.guests));
        chosen.map_or(&[], Vec::as_slice)
    }

    /// Drops, doubles or moves a section, or takes one from another component.
    fn shuffled(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut parts = sections::split(self.original(rng, seeds))?;
        let others = sections::split(self.original(rng, seeds)).unwrap_or_default();
        for _ in 0..rng.usize(1..4) {
            let (at, to) = (rng.usize(..parts.len().max(1)), rng.usize(..=parts.len()));
            let part = match rng.u8(..4) {
                0 => {
                    if at < parts.len() {
                        parts.remove(at);
                    }
                    continue;
                }
                1 => choose(rng, &others),
                _ => parts.get(at),
            };
            if let Some(part) = part.copied() {
                parts.insert(to, part);
            }
        }
        Some(sections::join(parts))
    }

    /// A module in a component: alone, or beside what makes it a plugin.
    fn with_module(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Option<Vec<u8>> {
        let module = smith::module(rng)?;
        match rng.u8(..3) {
            0 => {
                let section = sections::core_module(&module);
                Some(sections::join([section.as_slice()]))
            }
            _ => sections::graft(self.original(rng, seeds), &module),
        }
    }

    fn reason(error: &LoadError) -> String {
        match error {
            LoadError::Start(why) | LoadError::Describe(why) | LoadError::ConfigCheck(why) => {
                format!("{}-{}", error.reason(), why.kind())
            }
            _ => error.reason().to_owned(),
        }
    }
}

impl Target for Component {
    fn name(&self) -> &'static str {
        "component"
    }

    fn make(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
        let made = match rng.u8(..8) {
            0 => Some([&sections::HEADER, bytes(rng, 200).as_slice()].concat()),
            1 => self.shuffled(rng, seeds),
            2..=4 => self.with_module(rng, seeds),
            5 => smith::component(rng),
            _ => None,
        };
        made.unwrap_or_else(|| {
            let mut bytes = self.original(rng, seeds).to_vec();
            let other = self.original(rng, seeds);
            mutate(rng, &mut bytes, other);
            bytes
        })
    }

    fn feed(&self, input: &[u8]) -> Result<Outcome, String> {
        let plugin = match self.host.load(input, self.settings.clone()) {
            Ok(plugin) => plugin,
            Err(error) => {
                legible(&error.to_string())?;
                return Ok(Outcome::Refused(Self::reason(&error)));
            }
        };
        let said = plugin.description();
        legible(&said.name)?;
        legible(&said.summary)?;
        let context = sample::context("{}".into());
        let mut first_error = None;
        let rendered = answered(plugin.render(&context, &self.job), &mut first_error)?;
        if let Some(rendered) = rendered {
            identity::kept(&self.job, &rendered.job)?;
            identity::no_more_rights(&self.job, &rendered.job)?;
        }
        for trigger in sample::triggers() {
            answered(plugin.decide(&trigger, &context, 0), &mut first_error)?;
        }
        answered(plugin.next_tick(&context, 0), &mut first_error)?;
        Ok(match first_error {
            None => Outcome::Accepted,
            Some(kind) => Outcome::Refused(format!("called-{kind}")),
        })
    }
}

/// The answer, if there is one; what is told of it is looked at, and its kind kept.
fn answered<T>(
    report: Report<T>,
    first_error: &mut Option<&'static str>,
) -> Result<Option<T>, String> {
    for line in &report.lines {
        legible(&line.message)?;
    }
    match report.result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            legible(&error.to_string())?;
            if matches!(
                error,
                CallError::Busy { .. } | CallError::BreakerOpen { .. }
            ) {
                return Err(format!("a call was not made: {error}"));
            }
            first_error.get_or_insert(error.kind());
            Ok(None)
        }
    }
}
