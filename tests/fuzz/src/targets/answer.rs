//! Bytes that a plugin leaves in its memory as its answer.

use std::sync::Arc;
use std::time::Duration;

use arcane_guests::{PARROT_BASE, PARROT_ROOM};
use arcane_plugins::rails::Grant;
use arcane_plugins::{CallError, Decision, Plugin, PluginSettings};
use fastrand::Rng;
use serde_json::Value;

use super::{host, job, sample};
use crate::mutate::{bytes, choose, mutate};
use crate::{Outcome, Target, identity, legible};

/// The largest Job that is stored.
const LARGEST: usize = 2 << 20;
/// The most characters of a reason.
const REASON: usize = 1_000;
/// The longest delay: a week.
const DELAY: Duration = Duration::from_secs(604_800);
/// How many bytes an answer has before the texts that it refers to.
const AREA: usize = 64;
/// How many questions there are: to render, seven triggers, and the next tick.
const QUESTIONS: u8 = 9;

/// Bytes as answers of a plugin.
///
/// The first byte of an input says which question is asked, and whether the plugin has every grant;
/// the rest is what lies where the plugin says that its answer is.
pub struct Answer {
    plain: Plugin,
    granted: Plugin,
    job: Value,
}

impl Answer {
    /// A target whose plugins have `timeout` for each call.
    ///
    /// # Errors
    /// The plugins cannot be loaded.
    pub fn new(timeout: Duration) -> anyhow::Result<Self> {
        let host = host()?;
        let settings = PluginSettings {
            timeout,
            memory_limit: 16 << 20,
            ..PluginSettings::default()
        };
        let grants = Grant::ALL.map(Grant::as_str);
        let granted = PluginSettings {
            grants: sample::everything()?,
            ..settings.clone()
        };
        Ok(Self {
            plain: host.load(&arcane_guests::parrot(&[])?, settings)?,
            granted: host.load(&arcane_guests::parrot(&grants)?, granted)?,
            job: sample::job()?,
        })
    }

    fn render(&self, plugin: &Plugin, spec: Arc<str>) -> Result<Outcome, String> {
        let report = plugin.render(&sample::context(spec), &self.job);
        let rendered = match report.result {
            Ok(rendered) => rendered,
            Err(error) => return refused(&error),
        };
        if rendered.changed == (rendered.job == self.job) {
            return Err(format!("changed: {}", rendered.changed));
        }
        identity::kept(&self.job, &rendered.job)?;
        if plugin.digest() == self.plain.digest() {
            identity::no_more_rights(&self.job, &rendered.job)?;
        }
        if rendered.job.to_string().len() > LARGEST {
            return Err("a Job is accepted that cannot be stored".into());
        }
        Ok(Outcome::Accepted)
    }

    fn decide(&self, plugin: &Plugin, question: usize, spec: Arc<str>) -> Result<Outcome, String> {
        let context = sample::context(spec);
        let Some(trigger) = sample::triggers().into_iter().nth(question) else {
            return match plugin.next_tick(&context, 0).result {
                Ok(Some(Duration::ZERO)) => Err("a tick is at once".into()),
                Ok(_) => Ok(Outcome::Accepted),
                Err(error) => refused(&error),
            };
        };
        let decision = match plugin.decide(&trigger, &context, 0).result {
            Ok(decision) => decision,
            Err(error) => return refused(&error),
        };
        if let Some(reason) = decision.reason() {
            legible(reason)?;
            if reason.chars().count() > REASON {
                return Err(format!("a reason has {} bytes", reason.len()));
            }
        }
        if let Decision::Postpone { delay, .. } | Decision::Restart { delay, .. } = &decision
            && *delay > DELAY
        {
            return Err(format!("a delay of {delay:?}"));
        }
        Ok(Outcome::Accepted)
    }
}

impl Target for Answer {
    fn name(&self) -> &'static str {
        "answer"
    }

    fn make(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
        if rng.u8(..3) == 0
            && let Some(seed) = choose(rng, seeds)
        {
            let mut input = seed.clone();
            let other = bytes(rng, 40);
            mutate(rng, &mut input, &other);
            return input;
        }
        // Jobs are what matters most.
        let question = if rng.bool() { 0 } else { rng.u8(..QUESTIONS) };
        let first = question | u8::from(rng.bool()) << 4;
        let answer = match (question, rng.u8(..10)) {
            (_, 0) => bytes(rng, 100),
            (0, _) => {
                let text = job::text(rng, &[], &self.job);
                rendering(rng, &text)
            }
            (8, _) => tick(rng),
            _ => decision(rng),
        };
        [&[first], answer.as_slice()].concat()
    }

    fn feed(&self, input: &[u8]) -> Result<Outcome, String> {
        let Some((first, bytes)) = input.split_first() else {
            return Ok(Outcome::refused("too-short"));
        };
        if bytes.len() > PARROT_ROOM as usize {
            return Ok(Outcome::refused("too-long"));
        }
        let spec: String = bytes.iter().copied().map(char::from).collect();
        let plugin = match first & 0x10 {
            0 => &self.plain,
            _ => &self.granted,
        };
        match usize::from(first % 0x10 % QUESTIONS) {
            0 => self.render(plugin, spec.into()),
            question => self.decide(plugin, question - 1, spec.into()),
        }
    }
}

fn refused(error: &CallError) -> Result<Outcome, String> {
    legible(&error.to_string())?;
    match error {
        CallError::Busy { .. } | CallError::BreakerOpen { .. } => {
            Err(format!("a call was not made: {error}"))
        }
        CallError::Refused(refusals) => {
            let grant = refusals.first().and_then(|refusal| refusal.grant);
            let grant = grant.map_or("never", |grant| grant.as_str());
            Ok(Outcome::Refused(format!("refused-{grant}")))
        }
        CallError::InvalidAnswer { part, .. } => {
            let part: String = part
                .chars()
                .map(|it| if it.is_ascii_alphanumeric() { it } else { '-' })
                .collect();
            Ok(Outcome::Refused(format!("invalid-{part}")))
        }
        _ => Ok(Outcome::refused(error.kind())),
    }
}

/// An answer in the making: numbers at offsets, then texts.
struct Area(Vec<u8>);

impl Area {
    fn new() -> Self {
        Self(vec![0; AREA])
    }

    fn byte(&mut self, at: usize, byte: u8) {
        self.0[at] = byte;
    }

    fn long(&mut self, at: usize, number: u64) {
        self.0[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }

    /// Writes where a text lies and how long it is, and the text behind everything else.
    fn text(&mut self, at: usize, text: &[u8]) {
        let address = PARROT_BASE as usize + self.0.len();
        for (at, number) in [(at, address), (at + 4, text.len())] {
            self.0[at..at + 4].copy_from_slice(&number.to_le_bytes()[..4]);
        }
        self.0.extend_from_slice(text);
    }
}

/// An answer to `render`.
fn rendering(rng: &mut Rng, text: &[u8]) -> Vec<u8> {
    let mut area = Area::new();
    // An array is a patch, and what is no array is a Job; now and then the other way round.
    let is_patch = text.starts_with(b"[") != (rng.u8(..16) == 0);
    area.byte(4, if is_patch { 1 } else { 2 });
    area.text(8, text);
    area.0
}

/// An answer to `decide`.
fn decision(rng: &mut Rng) -> Vec<u8> {
    let mut area = Area::new();
    let reasons: [&[u8]; 5] = [
        b"not now",
        b"",
        b"\x1b[2J\nfaked",
        &[b'r'; REASON + 1],
        b"\xff\xfe",
    ];
    let reason = reasons[rng.usize(..reasons.len()).min(rng.usize(..reasons.len()))];
    let case = rng.u8(..7);
    area.byte(8, case);
    match case {
        2 => {
            let payloads: [&[u8]; 4] = [b"{\"from\":1}", b"{", b"null", b"[[[[[["];
            area.byte(16, rng.u8(..2));
            area.text(20, payloads[rng.usize(..payloads.len())]);
            let templates: [&[u8]; 4] = [b"large", b"", b"../Large", &[b't'; 300]];
            area.byte(28, rng.u8(..2));
            area.text(32, templates[rng.usize(..templates.len())]);
            area.text(40, reason);
        }
        3 | 5 => {
            area.long(16, [0, 1, 60, 1_801, 604_801, u64::MAX][rng.usize(..6)]);
            area.text(24, reason);
        }
        _ => area.text(16, reason),
    }
    area.0
}

/// An answer to `next-tick`.
fn tick(rng: &mut Rng) -> Vec<u8> {
    let mut area = Area::new();
    area.byte(8, rng.u8(..2));
    area.long(16, [0, 1, 3_600, u64::MAX][rng.usize(..4)]);
    area.0
}
