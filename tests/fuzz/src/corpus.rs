//! Inputs that are kept: small ones, one for each outcome that was ever seen, and those that once
//! made the host fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the names of inputs begin with that made the host fail.
const FAILED: &str = "failed";
/// The largest input that is kept for its outcome, in bytes.
const SMALL: usize = 12 << 10;

/// An input that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its file.
    pub file: PathBuf,
    /// Name of the outcome that it is kept for; none where it made the host fail once.
    pub outcome: Option<String>,
    /// The input.
    pub input: Vec<u8>,
}

/// The inputs for a target.
#[derive(Clone, Debug)]
pub struct Corpus {
    folder: PathBuf,
}

impl Corpus {
    /// This checkout's corpus for the target of this name.
    #[must_use]
    pub fn here(target: &str) -> Self {
        Self::at(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"),
            target,
        )
    }

    /// The corpus in `folder` for the target of this name.
    #[must_use]
    pub fn at(folder: &Path, target: &str) -> Self {
        Self {
            folder: folder.join(target),
        }
    }

    /// All inputs, in the order of their files' names. None where there is no such folder.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self) -> Result<Vec<Kept>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut files = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        files.sort();
        files
            .into_iter()
            .map(|file| {
                let input = fs::read(&file)
                    .with_context(|| format!("{} cannot be read", file.display()))?;
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let outcome = name.rsplit_once('-').map_or(&*name, |(outcome, _)| outcome);
                let outcome = (outcome != FAILED).then(|| outcome.to_owned());
                Ok(Kept {
                    outcome,
                    input,
                    file,
                })
            })
            .collect()
    }

    /// Keeps an input that made the host fail, and tells its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_failed(&self, input: &[u8]) -> Result<PathBuf> {
        self.write(FAILED, input)
    }

    /// Keeps those of `inputs`, each with the name of its outcome, that are small and of an outcome
    /// that nothing is kept for yet. Tells how many.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn keep<'a>(&self, inputs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<usize> {
        let kept = self.read()?.into_iter().filter_map(|kept| kept.outcome);
        let mut known: BTreeSet<String> = kept.collect();
        let mut count = 0;
        for (outcome, input) in inputs {
            // How long something takes is another thing on every machine.
            let lasting = !outcome.contains("timeout");
            if input.len() <= SMALL && lasting && known.insert(outcome.to_owned()) {
                self.write(outcome, input)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn write(&self, outcome: &str, input: &[u8]) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let file = self.folder.join(format!("{outcome}-{:016x}", hash(input)));
        fs::write(&file, input).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }
}

/// FNV-1a: tells inputs apart, on every machine alike.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_with_what_it_was_kept_for() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::at(folder.path(), "job");
        assert!(corpus.read().unwrap().is_empty());
        let large = vec![0; SMALL + 1];
        let inputs: [(&str, &[u8]); 5] = [
            ("no-json", b"a"),
            ("no-json", b"b"),
            ("accepted", &large),
            ("called-timeout", b"c"),
            ("accepted", b"d"),
        ];
        assert_eq!(corpus.keep(inputs).unwrap(), 2);
        assert_eq!(corpus.keep(inputs).unwrap(), 0);
        let failed = corpus.keep_failed(b"boom").unwrap();
        let kept = corpus.read().unwrap();
        let told: Vec<_> = kept
            .iter()
            .map(|kept| (kept.outcome.as_deref(), kept.input.as_slice()))
            .collect();
        let expected: [(Option<&str>, &[u8]); 3] = [
            (Some("accepted"), b"d"),
            (None, b"boom"),
            (Some("no-json"), b"a"),
        ];
        assert_eq!(told, expected);
        assert_eq!(kept[1].file, failed);
    }
}
