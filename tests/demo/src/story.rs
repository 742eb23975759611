//! What has been seen so far: told line by line as it happens, kept, and waited for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::sync::Notify;
use xtask::terminal::{Paint, Style};

use crate::seen::{Fact, Run};

/// The story of all streams.
#[derive(Debug)]
pub struct Story {
    begun: Instant,
    paint: Paint,
    /// How long anything may take.
    patience: Duration,
    seen: Mutex<Seen>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    facts: Vec<(String, Fact)>,
    phases: BTreeMap<String, String>,
    /// Why what is watched cannot be, by its place in the API.
    unwatched: BTreeMap<String, String>,
}

/// A place in the story.
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize);

impl Story {
    /// A story in which nothing has happened.
    pub fn new(paint: Paint, patience: Duration) -> Self {
        Self {
            begun: Instant::now(),
            paint,
            patience,
            seen: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How long anything may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// How colours are used.
    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// Keeps a fact and tells it.
    pub fn record(&self, stream: &str, fact: Fact) {
        let mut seen = self.seen();
        if let Fact::Phase { phase, .. } = &fact {
            seen.phases.insert(stream.to_owned(), phase.clone());
        }
        let phase = seen.phases.get(stream).cloned().unwrap_or_default();
        let (style, text) = describe(&fact);
        let text = style.map_or(text.clone(), |style| self.paint.paint(style, &text));
        self.line(stream, &phase, &text);
        seen.facts.push((stream.to_owned(), fact));
        drop(seen);
        self.news.notify_waiters();
    }

    /// Keeps why something cannot be watched, for whoever waits for it in vain.
    pub fn cannot_watch(&self, watched: &str, error: &anyhow::Error) {
        let mut seen = self.seen();
        seen.unwatched
            .insert(watched.to_owned(), format!("{error:#}"));
    }

    /// It can be watched.
    pub fn watches(&self, watched: &str) {
        self.seen().unwatched.remove(watched);
    }

    /// Begins an act.
    pub fn heading(&self, number: usize, title: &str) {
        let title = format!("Act {number}. {title}");
        println!("\n{}", self.paint.paint(Style::Bold, title));
    }

    /// Tells what the demo does in the place of a person, of a stream or of fate.
    pub fn does(&self, who: &str, what: &str) {
        self.line(who, "", &self.paint.paint(Style::Cyan, what));
    }

    /// Tells that something is as it should be, or fails.
    pub fn check(&self, what: &str, holds: bool) -> Result<()> {
        if !holds {
            bail!("this should hold, and does not: {what}");
        }
        self.line("", "", &self.paint.paint(Style::Green, format!("✓ {what}")));
        Ok(())
    }

    fn line(&self, who: &str, phase: &str, text: &str) {
        let time = format!("{:.1}s", self.elapsed().as_secs_f64());
        // Padded before it is coloured: the codes have no width.
        let phase = format!("{phase:<11}");
        let phase = match style_of(phase.trim_end()) {
            Some(style) => self.paint.paint(style, phase),
            None => phase,
        };
        println!("{time:>7}  {who:<9}  {phase}  {text}");
    }

    /// The present.
    pub fn mark(&self) -> Mark {
        Mark(self.seen().facts.len())
    }

    /// What happened to a stream since then.
    pub fn since(&self, mark: Mark, stream: &str) -> Facts {
        let seen = self.seen();
        let facts = seen.facts[mark.0..].iter();
        let facts = facts.filter(|(of, _)| of == stream);
        Facts(facts.map(|(_, fact)| fact.clone()).collect())
    }

    /// Waits until `holds` is true of what happened to a stream since then.
    ///
    /// # Errors
    /// When it is not in time: with what did happen.
    pub async fn until(
        &self,
        mark: Mark,
        stream: &str,
        what: &str,
        holds: impl Fn(&Facts) -> bool,
    ) -> Result<Facts> {
        let wait = async {
            loop {
                // Asked for before looking, so that nothing that comes in between is missed.
                let mut news = std::pin::pin!(self.news.notified());
                news.as_mut().enable();
                let facts = self.since(mark, stream);
                if holds(&facts) {
                    return facts;
                }
                news.await;
            }
        };
        match tokio::time::timeout(self.patience, wait).await {
            Ok(facts) => Ok(facts),
            Err(_) => {
                let unwatched: String = (self.seen().unwatched.iter())
                    .map(|(watched, why)| format!("; {watched} cannot be watched: {why}"))
                    .collect();
                bail!(
                    "waited {:?} for {stream}: {what}; seen: {:?}{unwatched}",
                    self.patience,
                    self.since(mark, stream).0
                )
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened to one stream, in order.
#[derive(Debug, Clone)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// Whether the phase is this now.
    pub fn is(&self, wanted: &str) -> bool {
        let phases = self.0.iter().rev();
        let last = phases.filter_map(|fact| match fact {
            Fact::Phase { phase, .. } => Some(phase.as_str()),
            _ => None,
        });
        last.into_iter().next() == Some(wanted)
    }

    /// Whether the operator told this reason.
    pub fn told(&self, wanted: &str) -> bool {
        self.note(wanted).is_some()
    }

    /// What the operator told with this reason, the last time.
    pub fn note(&self, wanted: &str) -> Option<&str> {
        self.0.iter().rev().find_map(|fact| match fact {
            Fact::Told { reason, note, .. } if reason == wanted => Some(note.as_str()),
            _ => None,
        })
    }

    /// The Jobs that were started.
    pub fn runs(&self) -> Vec<&Run> {
        let runs = self.0.iter().filter_map(|fact| match fact {
            Fact::JobStarted { run, .. } => Some(run),
            _ => None,
        });
        runs.collect()
    }

    /// Whether a streaming Job was started. To be waited for beside the phase: Jobs and definitions
    /// are watched apart, and the phase may be seen first.
    pub fn streams(&self) -> bool {
        self.jobs().0 > 0
    }

    /// How many streaming Jobs and how many backfill Jobs were started.
    pub fn jobs(&self) -> (usize, usize) {
        let runs = self.runs();
        let streaming = runs.iter().filter(|run| ***run == Run::Streaming).count();
        (streaming, runs.len() - streaming)
    }

    /// Whether this request was completed; any request if none is named.
    pub fn completed(&self, wanted: Option<&str>) -> bool {
        self.0.iter().any(|fact| match fact {
            Fact::Completed { request } => wanted.is_none_or(|wanted| wanted == request),
            _ => false,
        })
    }

    /// Whether the last Job that ended did so in this way.
    pub fn ended(&self, wanted: bool) -> bool {
        let ends = self.0.iter().rev();
        let last = ends.filter_map(|fact| match fact {
            Fact::JobEnded { succeeded, .. } => Some(*succeeded),
            _ => None,
        });
        last.into_iter().next() == Some(wanted)
    }

    /// The CronJob's uid and schedule each time they were set.
    pub fn schedules(&self) -> Vec<(&str, &str)> {
        let schedules = self.0.iter().filter_map(|fact| match fact {
            Fact::Scheduled { uid, schedule } => Some((uid.as_str(), schedule.as_str())),
            _ => None,
        });
        schedules.collect()
    }
}

fn describe(fact: &Fact) -> (Option<Style>, String) {
    match fact {
        Fact::Phase { says, .. } => (None, says.clone()),
        Fact::Told {
            warning,
            reason,
            note,
        } => {
            let style = if *warning { Style::Red } else { Style::Dim };
            (Some(style), format!("{reason}: {note}"))
        }
        Fact::JobStarted { run, .. } => (
            None,
            match run {
                Run::Streaming => "streaming Job started".to_owned(),
                Run::Backfill { request, .. } => format!("backfill Job started for {request}"),
            },
        ),
        Fact::JobEnded {
            succeeded: true, ..
        } => (None, "Job succeeded".to_owned()),
        Fact::JobEnded { .. } => (Some(Style::Red), "Job failed".to_owned()),
        Fact::Scheduled { schedule, .. } => (None, format!("CronJob runs at {schedule}")),
        Fact::Unscheduled => (None, "CronJob removed".to_owned()),
        Fact::Completed { request } => (None, format!("request {request} completed")),
    }
}

fn style_of(phase: &str) -> Option<Style> {
    match phase {
        "Running" | "Scheduled" => Some(Style::Green),
        "Pending" | "Backfilling" => Some(Style::Yellow),
        "Failed" => Some(Style::Red),
        "Suspended" => Some(Style::Dim),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(phase: &str) -> Fact {
        Fact::Phase {
            phase: phase.into(),
            says: String::new(),
        }
    }

    fn story() -> Story {
        Story::new(Paint::plain(), Duration::from_secs(5))
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_later_is_waited_for() {
        let story = story();
        let mark = story.mark();
        let later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            story.record("customers", phase("Running"));
            story.record("orders", phase("Running"));
        };
        let wait = story.until(mark, "orders", "Running", |facts| facts.is("Running"));
        let (facts, ()) = tokio::join!(wait, later);
        assert_eq!(facts.unwrap().0, [phase("Running")]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_is_an_error_that_tells_what_came() {
        let story = story();
        let mark = story.mark();
        story.record("orders", phase("Failed"));
        let wait = story.until(mark, "orders", "Running", |facts| facts.is("Running"));
        let error = wait.await.unwrap_err().to_string();
        assert!(error.contains("Failed"), "{error}");
    }

    #[test]
    fn only_what_came_after_a_mark_counts_and_only_the_last_phase() {
        let story = story();
        story.record("orders", phase("Running"));
        let mark = story.mark();
        assert!(!story.since(mark, "orders").is("Running"));
        for name in ["Pending", "Running", "Suspended"] {
            story.record("orders", phase(name));
        }
        assert!(story.since(mark, "orders").is("Suspended"));
        assert!(!story.since(mark, "orders").is("Running"));
    }

    #[test]
    fn a_check_that_does_not_hold_ends_the_story() {
        let error = story().check("the sky is blue", false).unwrap_err();
        assert!(error.to_string().contains("the sky is blue"));
    }
}
