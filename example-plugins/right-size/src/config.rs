//! What a class may configure.

use arcane_plugin_sdk::{Error, Mode, Quantity};
use serde::Deserialize;

/// The longest delay before a restart that the host takes, in seconds.
const MAXIMUM_DELAY_SECONDS: u64 = 1_800;

/// `spec.plugin.config` of the class. With none of it, only memory grows after an out-of-memory
/// kill.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Name of the container that is sized. Default: the first one of the template.
    pub container: Option<String>,
    /// Where the size of a stream's table is told; the first place that has a size counts.
    /// Default: nowhere.
    pub size: Vec<SizeHint>,
    /// Resources by size, from small to large. Default: those of the template.
    pub tiers: Vec<Tier>,
    /// Name of the tier for streams of which no size is told. Default: those keep the resources of
    /// the template.
    pub unknown_size: Option<String>,
    /// What follows an out-of-memory kill.
    pub out_of_memory: OutOfMemory,
}

/// A place where the size of a stream's table may be told: one of `annotation`, `spec` and
/// `payload`.
///
/// What stands there is a number, or a quantity such as `20Gi`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SizeHint {
    /// Annotation on the definition.
    pub annotation: Option<String>,
    /// Field of the definition's spec, as a JSON pointer (RFC 6901) such as `/source/expectedRows`.
    pub spec: Option<String>,
    /// Field of the BackfillRequest's payload, as a JSON pointer.
    pub payload: Option<String>,
    /// Where the number is one of rows: how many bytes a row has. Default: it is one of bytes.
    pub bytes_per_row: Option<u32>,
}

/// The resources for tables up to a size.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// Name, for people and for `unknownSize`.
    pub name: String,
    /// The largest size that belongs to the tier, in bytes. The last tier has none: it is for all
    /// that is larger.
    #[serde(default)]
    pub up_to: Option<Quantity>,
    /// Resources of a streaming run.
    pub streaming: Resources,
    /// Resources of a backfill, one on a schedule too. Default: those of a streaming run.
    #[serde(default)]
    pub backfill: Option<Resources>,
}

/// Resources of a container; what is not given stays as the template has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// Processors that are requested. A limit stays, unless it is lower: it is raised to this then.
    pub cpu: Option<Quantity>,
    /// Memory, as request and limit alike.
    pub memory: Option<Quantity>,
}

/// What follows an out-of-memory kill.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OutOfMemory {
    /// How often in a row a run is started again with more memory; after that the stream fails.
    /// 0 to 20, default 3.
    pub attempts: u32,
    /// How much more memory each restart gives, in percent of what the run before had: 1 to 1000,
    /// default 50.
    pub grow_percent: u32,
    /// Memory that no run is given more than by growth. Default: the grant of the class alone sets
    /// a bound.
    pub maximum: Option<Quantity>,
    /// Seconds before the run is started again: 0 to 1800, default 10.
    pub delay_seconds: u64,
    /// Exit codes that mean too little memory although the kubelet does not say `OOMKilled`.
    /// Default 137: what a process has that was killed from outside.
    pub exit_codes: Vec<i32>,
}

impl Default for OutOfMemory {
    fn default() -> Self {
        Self {
            attempts: 3,
            grow_percent: 50,
            maximum: None,
            delay_seconds: 10,
            exit_codes: vec![137],
        }
    }
}

impl Tier {
    /// The resources for a run of this mode.
    pub fn resources(&self, mode: Mode) -> Resources {
        match (mode, self.backfill) {
            (Mode::Backfill | Mode::Scheduled, Some(backfill)) => backfill,
            _ => self.streaming,
        }
    }
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A field has a value that could not be carried out, or is never looked at.
    pub fn check(&self) -> Result<(), Error> {
        for (index, hint) in self.size.iter().enumerate() {
            hint.check(&format!("size[{index}]"))?;
        }
        self.check_tiers()?;
        self.check_unknown_size()?;
        self.out_of_memory.check()
    }

    fn check_tiers(&self) -> Result<(), Error> {
        let mut before = Quantity::ZERO;
        for (index, tier) in self.tiers.iter().enumerate() {
            let path = format!("tiers[{index}]");
            if self.tiers[..index]
                .iter()
                .any(|other| other.name == tier.name)
            {
                return Err(Error::field(
                    &format!("{path}.name"),
                    format_args!("`{}` is taken: give each tier its own name", tier.name),
                ));
            }
            let is_last = index + 1 == self.tiers.len();
            match tier.up_to {
                None if !is_last => {
                    return Err(Error::field(
                        &format!("{path}.upTo"),
                        "is missing: only the last tier has none",
                    ));
                }
                Some(_) if is_last => {
                    return Err(Error::field(
                        &format!("{path}.upTo"),
                        "leaves larger tables without a tier: take it out of the last one",
                    ));
                }
                Some(up_to) if up_to <= before => {
                    return Err(Error::field(
                        &format!("{path}.upTo"),
                        format_args!(
                            "is {up_to}, and must be more than {before}: order the tiers from small to large"
                        ),
                    ));
                }
                up_to => before = up_to.unwrap_or(before),
            }
            tier.streaming.check(&format!("{path}.streaming"))?;
            if let Some(backfill) = tier.backfill {
                backfill.check(&format!("{path}.backfill"))?;
            }
        }
        Ok(())
    }

    fn check_unknown_size(&self) -> Result<(), Error> {
        match &self.unknown_size {
            Some(name) if self.tiers.iter().all(|tier| tier.name != *name) => Err(Error::field(
                "unknownSize",
                format_args!("there is no tier `{name}`: give the name of one of `tiers`"),
            )),
            None if self.size.is_empty() && !self.tiers.is_empty() => Err(Error::field(
                "size",
                "is empty, so that no tier would ever be used: say where the size is told, or name a tier in `unknownSize`",
            )),
            _ => Ok(()),
        }
    }
}

impl SizeHint {
    fn check(&self, path: &str) -> Result<(), Error> {
        let places = [&self.annotation, &self.spec, &self.payload];
        if places.into_iter().flatten().count() != 1 {
            return Err(Error::field(
                path,
                "must have one of `annotation`, `spec` and `payload`",
            ));
        }
        for (name, pointer) in [("spec", &self.spec), ("payload", &self.payload)] {
            if pointer
                .as_ref()
                .is_some_and(|pointer| !pointer.starts_with('/'))
            {
                return Err(Error::field(
                    &format!("{path}.{name}"),
                    "is no JSON pointer: give one such as /source/expectedRows",
                ));
            }
        }
        if self.bytes_per_row == Some(0) {
            return Err(Error::field(
                &format!("{path}.bytesPerRow"),
                "must be at least 1; leave it out where the number is one of bytes",
            ));
        }
        Ok(())
    }
}

impl Resources {
    fn check(&self, path: &str) -> Result<(), Error> {
        for (name, amount) in [("cpu", self.cpu), ("memory", self.memory)] {
            if amount.is_some_and(|amount| amount <= Quantity::ZERO) {
                return Err(Error::field(
                    &format!("{path}.{name}"),
                    "must be more than 0; leave it out to keep what the template has",
                ));
            }
        }
        Ok(())
    }
}

impl OutOfMemory {
    fn check(&self) -> Result<(), Error> {
        if self.attempts > 20 {
            return Err(Error::field(
                "outOfMemory.attempts",
                format_args!("must be at most 20, and is {}", self.attempts),
            ));
        }
        if !(1..=1_000).contains(&self.grow_percent) {
            return Err(Error::field(
                "outOfMemory.growPercent",
                format_args!("must be from 1 to 1000, and is {}", self.grow_percent),
            ));
        }
        if self.delay_seconds > MAXIMUM_DELAY_SECONDS {
            return Err(Error::field(
                "outOfMemory.delaySeconds",
                format_args!(
                    "must be at most {MAXIMUM_DELAY_SECONDS}, and is {}",
                    self.delay_seconds
                ),
            ));
        }
        if self
            .maximum
            .is_some_and(|maximum| maximum <= Quantity::ZERO)
        {
            return Err(Error::field(
                "outOfMemory.maximum",
                "must be more than 0; leave it out for no maximum",
            ));
        }
        Ok(())
    }
}
