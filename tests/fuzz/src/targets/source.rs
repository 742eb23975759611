//! Bytes as values of ConfigMaps: put together, decompressed, and held against a digest.

use arcane_plugins::source::{Part, SourceError, assemble, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use crate::mutate::{bytes, choose, mutate};
use crate::{Outcome, Target, legible};

/// The largest component that is taken.
const MAXIMUM: usize = 256 << 10;
/// Bytes in front of what is handed over, which say in which parts.
const HEAD: usize = 6;

/// Bytes as values of ConfigMaps.
///
/// The first six bytes of an input say how many parts there are, of which kinds, what the pin is
/// like, and where one part ends; the rest is what the parts hold.
pub struct Source {
    originals: Vec<Vec<u8>>,
}

impl Source {
    /// # Errors
    /// What is handed over cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let component = arcane_guests::guest("unchanged")?.bytes;
        let mut originals = vec![
            arcane_guests::gzip(&component)?,
            arcane_guests::zstd(&component)?,
            arcane_guests::gzip_bomb(1)?,
            arcane_guests::zstd_bomb(1)?,
            // Twice compressed, and two members in one.
            arcane_guests::gzip(&arcane_guests::zstd(&component)?)?,
            [
                arcane_guests::gzip(&component)?,
                arcane_guests::gzip(b"more")?,
            ]
            .concat(),
        ];
        originals.push(component);
        Ok(Self { originals })
    }
}

/// What the kind of a part says that it is.
enum Holds {
    Binary(Vec<u8>),
    Text(String),
}

impl Holds {
    fn new(kind: u8, bytes: &[u8]) -> Self {
        match kind % 4 {
            0 | 1 => Self::Binary(bytes.to_vec()),
            2 => {
                let text = STANDARD.encode(bytes);
                let lines: Vec<_> = text
                    .as_bytes()
                    .chunks(76)
                    .map(String::from_utf8_lossy)
                    .collect();
                Self::Text(lines.join("\n"))
            }
            _ => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    fn part(&self) -> Part<'_> {
        match self {
            Self::Binary(bytes) => Part::Binary(bytes),
            Self::Text(text) => Part::Text(text),
        }
    }
}

impl Target for Source {
    fn name(&self) -> &'static str {
        "source"
    }

    fn make(&self, rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
        if rng.u8(..3) == 0
            && let Some(seed) = choose(rng, seeds)
        {
            let mut input = seed.clone();
            let other = choose(rng, &self.originals).map_or(&[][..], Vec::as_slice);
            mutate(rng, &mut input, other);
            return input;
        }
        let mut head = [0; HEAD];
        rng.fill(&mut head);
        let mut payload = match rng.u8(..10) {
            0 => bytes(rng, 500),
            _ => choose(rng, &self.originals).cloned().unwrap_or_default(),
        };
        if rng.u8(..3) > 0 {
            let other = choose(rng, &self.originals).map_or(&[][..], Vec::as_slice);
            mutate(rng, &mut payload, other);
        }
        [head.as_slice(), &payload].concat()
    }

    fn feed(&self, input: &[u8]) -> Result<Outcome, String> {
        let Some((&[count, kinds, pin, ref cuts @ ..], payload)) =
            input.split_first_chunk::<HEAD>()
        else {
            return Ok(Outcome::refused("too-short"));
        };
        let mut ends: Vec<usize> = cuts[..usize::from(count % 4)]
            .iter()
            .map(|cut| payload.len() * usize::from(*cut) / 255)
            .chain([0, payload.len()])
            .collect();
        ends.sort_unstable();
        let held: Vec<Holds> = ends
            .windows(2)
            .enumerate()
            .map(|(index, ends)| Holds::new(kinds >> (2 * index), &payload[ends[0]..ends[1]]))
            .collect();
        let parts: Vec<Part<'_>> = held.iter().map(Holds::part).collect();
        let found = assemble(&parts, MAXIMUM);
        if assemble(&parts, MAXIMUM) != found {
            return Err("the same parts give something else the second time".into());
        }
        let component = match found {
            Ok(component) => component,
            Err(error) => return refused(&error),
        };
        if component.is_empty() || component.len() > MAXIMUM {
            return Err(format!("{} bytes are accepted", component.len()));
        }
        let digest = verify(&component, None).map_err(|error| error.to_string())?;
        if digest.len() != 64 {
            return Err(format!("the digest is {digest:?}"));
        }
        let pin = match pin % 5 {
            0 => digest.clone(),
            1 => format!(" {}\n", digest.to_uppercase()),
            2 => digest.replace(['0', '1', '2', '3'], "4"),
            3 => digest[1..].to_owned(),
            _ => String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned(),
        };
        let is_met = pin.trim().eq_ignore_ascii_case(&digest);
        match verify(&component, Some(&pin)) {
            Ok(found) if found == digest && is_met => Ok(Outcome::Accepted),
            Err(error) if !is_met => refused(&error),
            other => Err(format!("the pin {pin:?} of {digest} gives {other:?}")),
        }
    }
}

fn refused(error: &SourceError) -> Result<Outcome, String> {
    legible(&error.to_string())?;
    Ok(Outcome::refused(error.reason()))
}
