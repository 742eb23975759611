//! Jobs that are held to the guard rails.

use std::collections::BTreeSet;

use arcane_contract::api::PluginGrants;
use arcane_plugins::rails::{EffectiveGrants, Refusal, judge};
use fastrand::Rng;
use serde_json::Value;

use super::sample;
use crate::mutate::{choose, mutate};
use crate::{Outcome, Target, identity, json, legible};

/// Operations of a patch that are carried out; the host's own bounds are another target's.
const OPERATIONS: usize = 64;
/// The largest Job that is judged, in bytes.
const LARGEST: usize = 256 << 10;
/// The most refusals that are told.
const REFUSALS: usize = 20;

/// Jobs that are held to the guard rails: an input is a JSON Patch of the Job that was given, or a
/// Job.
pub struct Job {
    job: Value,
    nothing: EffectiveGrants,
    everything: EffectiveGrants,
}

impl Job {
    /// # Errors
    /// There is no Job to begin with.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            job: sample::job()?,
            nothing: EffectiveGrants::of(&PluginGrants::default(), &BTreeSet::new()),
            everything: EffectiveGrants::of(&sample::everything()?, &sample::every_grant()),
        })
    }

    fn proposed(&self, input: &[u8]) -> Result<Value, &'static str> {
        let document: Value = serde_json::from_slice(input).map_err(|_| "no-json")?;
        if !document.is_array() {
            return Ok(document);
        }
        let patch: json_patch::Patch = serde_json::from_value(document).map_err(|_| "no-patch")?;
        let mut job = self.job.clone();
        for operation in patch.0.into_iter().take(OPERATIONS) {
            json_patch::patch(&mut job, &[operation]).map_err(|_| "does-not-fit")?;
            if job.to_string().len() > LARGEST {
                return Err("too-large");
            }
        }
        Ok(job)
    }
}

impl Target for Job {
    fn name(&self) -> &'static str {
        "job"
    }

    fn make(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
        text(rng, seeds, &self.job)
    }

    fn feed(&self, input: &[u8]) -> Result<Outcome, String> {
        let proposed = match self.proposed(input) {
            Ok(proposed) => proposed,
            Err(reason) => return Ok(Outcome::refused(reason)),
        };
        let strict = judge(&self.job, &proposed, &self.nothing);
        let generous = judge(&self.job, &proposed, &self.everything);
        if strict.is_ok() {
            identity::no_more_rights(&self.job, &proposed)?;
            if let Err(refusals) = &generous {
                return Err(format!("grants have it refused: {}", told(refusals)?));
            }
        }
        if generous.is_ok() {
            identity::kept(&self.job, &proposed)?;
            judge(&proposed, &proposed, &self.nothing)
                .map_err(|_| "what was accepted is refused as it is")?;
        }
        match (strict, generous) {
            (Ok(()), _) => Ok(Outcome::Accepted),
            (Err(refusals), generous) => {
                told(&refusals)?;
                let grant = refusals[0].grant.map_or("never", |grant| grant.as_str());
                Ok(Outcome::Refused(match generous {
                    Ok(()) => format!("granted-{grant}"),
                    Err(refusals) => {
                        told(&refusals)?;
                        grant.to_owned()
                    }
                }))
            }
        }
    }
}

/// JSON text of a patch or a Job, mostly.
pub fn text(rng: &mut Rng, seeds: &[Vec<u8>], job: &Value) -> Vec<u8> {
    let seed = choose(rng, seeds).filter(|_| rng.bool());
    let mut document = seed
        .and_then(|seed| serde_json::from_slice(seed).ok())
        .unwrap_or_else(|| match rng.u8(..8) {
            0 => job.clone(),
            _ => json::patch(rng, job),
        });
    if seed.is_some() || rng.u8(..4) == 0 {
        json::mutate(rng, &mut document, job);
    }
    let mut text = document.to_string().into_bytes();
    if rng.u8(..16) == 0 {
        mutate(
            rng,
            &mut text,
            b"{\"op\":\"add\",\"path\":\"\",\"value\":[[[[",
        );
    }
    text
}

/// The refusals as text, which people have to be able to read.
fn told(refusals: &[Refusal]) -> Result<String, String> {
    if refusals.is_empty() || refusals.len() > REFUSALS {
        return Err(format!("there are {} refusals", refusals.len()));
    }
    let mut text = String::new();
    for refusal in refusals {
        text = refusal.to_string();
        legible(&text)?;
    }
    Ok(text)
}
