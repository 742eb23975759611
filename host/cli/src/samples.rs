//! Questions for plugins whose user has none at hand.

use arcane_plugins::Plugin;

use crate::case::Question;
use crate::exit::Failure;
use crate::yaml;

/// A question.
pub struct Sample {
    /// Name, for people.
    pub name: String,
    /// The question.
    pub question: Question,
}

/// All questions, at least one for each hook. Their Jobs have about 4 kB.
///
/// # Errors
/// None but for a mistake in the samples themselves.
fn all() -> Result<Vec<Sample>, Failure> {
    let place = "samples.yaml";
    let document = yaml::document(place, include_str!("samples.yaml"))?;
    let samples = document.as_array().into_iter().flatten().map(|sample| {
        let name = sample["name"].as_str().unwrap_or_default().to_owned();
        let question = Question::read(&sample["given"])
            .map_err(|error| Failure::unreadable(format!("{place}: {name}: {error}")))?;
        Ok(Sample { name, question })
    });
    samples.collect()
}

/// The questions that the plugin wants to be asked.
///
/// # Errors
/// As [`all`].
pub fn wanted(plugin: &Plugin) -> Result<Vec<Sample>, Failure> {
    let is_wanted = |sample: &Sample| {
        let hook = sample.question.ask.hook();
        hook.is_some_and(|hook| plugin.wants(hook))
    };
    let samples = all()?.into_iter();
    Ok(samples.filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arcane_plugins::{Hook, Mode};

    use crate::case::Ask;

    use super::*;

    #[test]
    fn there_is_a_sample_for_every_hook_and_mode() {
        let samples = all().unwrap();
        let hooks: BTreeSet<_> = samples
            .iter()
            .filter_map(|it| it.question.ask.hook())
            .collect();
        assert_eq!(hooks, Hook::ALL.into_iter().collect());
        for mode in [Mode::Streaming, Mode::Backfill, Mode::Scheduled] {
            let renders = |it: &Sample| {
                matches!(it.question.ask, Ask::Render(_)) && it.question.context.mode == mode
            };
            assert!(samples.iter().any(renders), "{mode:?}");
        }
    }

    #[test]
    fn a_sample_job_is_about_as_large_as_those_that_are_seen() {
        for sample in all().unwrap() {
            if let Ask::Render(job) = &sample.question.ask {
                let size = job.to_string().len();
                assert!((3_500..5_000).contains(&size), "{}: {size}", sample.name);
            }
        }
    }
}
