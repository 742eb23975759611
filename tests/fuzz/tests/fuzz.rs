//! The corpus, and a bounded campaign of each target from a seed that is always the same.
//!
//! `ARCANE_FUZZ_SEED` sets another seed, `ARCANE_FUZZ_TIMES` multiplies the number of inputs.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use arcane_fuzz::campaign::{Tally, Until, campaign, feed};
use arcane_fuzz::corpus::Corpus;
use arcane_fuzz::watch::Watch;
use arcane_fuzz::{Target, targets};

/// Time that plugins have for a call where most inputs need none of it.
const HASTY: Duration = Duration::from_millis(50);
/// Time enough for everything that ends, on a busy machine too.
const PATIENT: Duration = Duration::from_secs(60);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

/// Has `target` take `count` inputs, and tells what became of them.
fn bounded(target: &dyn Target, count: u64) -> Tally {
    let name = target.name();
    let corpus = Corpus::here(name);
    let watch = Watch::over(corpus.clone());
    let kept = corpus.read().unwrap();
    let kept = kept.into_iter().map(|kept| kept.input).collect();
    let seed = number("ARCANE_FUZZ_SEED", 0xa7ca);
    let until = Until::Count(count * number("ARCANE_FUZZ_TIMES", 1));
    let tally = campaign(target, seed, until, kept, |input| watch.begin(input));
    tally.unwrap_or_else(|failed| {
        let file = corpus.keep_failed(&failed.input).unwrap();
        panic!(
            "{name}: {failed}\ncargo xtask fuzz --target {name} --replay {}",
            file.display()
        )
    })
}

/// Every input that was kept has the outcome that it is kept for.
fn replayed(target: &dyn Target) {
    let kept = Corpus::here(target.name()).read().unwrap();
    assert!(kept.len() > 5, "{} inputs", kept.len());
    for kept in kept {
        let outcome = feed(target, &kept.input);
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", kept.file.display()));
        if let Some(expected) = &kept.outcome {
            assert_eq!(outcome.name(), expected, "{}", kept.file.display());
        }
    }
}

/// What is accepted, and for how many reasons the rest is refused.
fn has_variety(tally: &Tally, outcomes: usize) {
    assert!(tally.accepted() > 0, "{:?}", tally.outcomes);
    assert!(tally.outcomes.len() >= outcomes, "{:?}", tally.outcomes);
}

#[test]
fn no_bytes_make_the_host_fail_as_a_component() {
    let target = targets::Component::new(HASTY).unwrap();
    has_variety(&bounded(&target, 600), 10);
}

#[test]
fn no_bytes_make_the_host_fail_as_a_value_of_a_config_map() {
    let target = targets::Source::new().unwrap();
    has_variety(&bounded(&target, 1_500), 6);
}

#[test]
fn no_job_gets_past_the_guard_rails() {
    let target = targets::Job::new().unwrap();
    has_variety(&bounded(&target, 3_000), 12);
}

#[test]
fn no_bytes_make_the_host_fail_as_an_answer() {
    let target = targets::Answer::new(HASTY).unwrap();
    has_variety(&bounded(&target, 2_000), 12);
}

#[test]
fn components_that_were_kept_do_what_they_did() {
    replayed(&targets::Component::new(PATIENT).unwrap());
}

#[test]
fn values_that_were_kept_do_what_they_did() {
    replayed(&targets::Source::new().unwrap());
}

#[test]
fn jobs_that_were_kept_are_judged_as_they_were() {
    replayed(&targets::Job::new().unwrap());
}

#[test]
fn answers_that_were_kept_are_taken_as_they_were() {
    replayed(&targets::Answer::new(PATIENT).unwrap());
}
