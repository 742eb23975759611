//! What becomes of objects: refused, told of, or worked on.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};
use arcane_e2e::until;
use futures::{StreamExt, TryStreamExt, stream};

use crate::mutants::Mutant;
use crate::shelf::{Seen, Shelf, Status};

/// Objects that are being created at the same time.
const CREATORS: usize = 16;

/// What came of objects of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub tried: usize,
    /// By the API server, with a message.
    pub refused: usize,
    /// By the operator, with a message.
    pub told: usize,
    /// Done as they say.
    pub reconciled: usize,
    /// About something that does not exist: they wait for it.
    pub waiting: usize,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.told += other.told;
        self.reconciled += other.reconciled;
        self.waiting += other.waiting;
    }

    pub fn assert_whole(&self) {
        let known = self.refused + self.told + self.reconciled + self.waiting;
        assert_eq!(known, self.tried, "{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tried,
            refused,
            told,
            reconciled,
            waiting,
        } = self;
        write!(
            f,
            "{tried} tried: {refused} refused by their schema, {told} refused by the operator with \
             a message, {reconciled} reconciled, {waiting} about nothing that exists"
        )
    }
}

/// An object that was accepted, and what is wrong with it.
#[derive(Debug)]
pub struct Accepted {
    pub name: String,
    pub mutant: Mutant,
}

/// What the operator makes of an object.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It says what is wrong.
    Told(String),
    Reconciled,
    Waiting,
}

/// Creates all of them, named after `prefix`. Whoever refuses one says why.
pub async fn create(
    shelf: &Shelf,
    prefix: &str,
    mutants: Vec<Mutant>,
    tally: &mut Tally,
) -> Result<Vec<Accepted>> {
    tally.tried += mutants.len();
    let created: Vec<_> = stream::iter(mutants.into_iter().enumerate())
        .map(async |(number, mutant)| {
            let name = format!("{prefix}-{number}");
            let answer = shelf.create(&name, &mutant.object).await?;
            anyhow::Ok((answer, Accepted { name, mutant }))
        })
        .buffered(CREATORS)
        .try_collect()
        .await?;
    let mut all = Vec::new();
    for (answer, accepted) in created {
        match answer {
            Ok(()) => all.push(accepted),
            Err(message) => {
                let is_named = names(&message, &accepted.name);
                ensure!(
                    is_named,
                    "{}: refused with {message:?}",
                    accepted.mutant.what
                );
                tally.refused += 1;
            }
        }
    }
    Ok(all)
}

/// Waits until there is a verdict on each by its status, and counts them.
pub async fn judge(
    shelf: &Shelf,
    accepted: &[Accepted],
    judge: impl Fn(&Status) -> Option<Verdict>,
    tally: &mut Tally,
) {
    judge_all(shelf, accepted, |seen| judge(&seen.status), tally).await;
}

/// Waits until there is a verdict on each, and counts them.
pub async fn judge_all(
    shelf: &Shelf,
    accepted: &[Accepted],
    judge: impl Fn(&Seen) -> Option<Verdict>,
    tally: &mut Tally,
) {
    let verdicts = until("a verdict on every object", async || {
        let seen = shelf.list().await?;
        let seen: BTreeMap<&str, &Seen> = seen
            .iter()
            .map(|seen| (seen.metadata.name.as_str(), seen))
            .collect();
        let mut verdicts = Vec::new();
        let mut open = Vec::new();
        for accepted in accepted {
            let seen = seen.get(accepted.name.as_str());
            match seen.and_then(|seen| judge(seen)) {
                Some(verdict) => verdicts.push((accepted, verdict)),
                None => open.push((&accepted.name, &accepted.mutant.what, seen)),
            }
        }
        ensure!(open.is_empty(), "{} are open: {open:#?}", open.len());
        Ok(verdicts)
    });
    for (accepted, verdict) in verdicts.await {
        match verdict {
            Verdict::Told(message) => {
                let is_named = names(&message, &accepted.name);
                assert!(is_named, "{}: told {message:?}", accepted.mutant.what);
                tally.told += 1;
            }
            Verdict::Reconciled => tally.reconciled += 1,
            Verdict::Waiting => tally.waiting += 1,
        }
    }
}

/// Whether a message names the object, a field of it, or what the field names.
fn names(message: &str, object: &str) -> bool {
    let words = [
        "spec",
        "metadata",
        "ConfigMap",
        "CustomResourceDefinition",
        "StreamingJobTemplate",
        "too large",
        object,
    ];
    words.iter().any(|word| message.contains(word))
}

/// The verdict on a stream: a problem that it tells of, or one of these phases.
pub fn of_stream(status: &Status, phases: &[&str]) -> Option<Verdict> {
    if let Some(message) = status.message(&["Error"], "True") {
        return Some(Verdict::Told(message.to_owned()));
    }
    let phase = status.phase.as_deref()?;
    phases.contains(&phase).then_some(Verdict::Reconciled)
}
