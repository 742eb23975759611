//! Puts questions to a loaded plugin.

use std::time::Duration;

use arcane_plugins::{CallError, LogLine, Plugin, Report};

use crate::case::{Answer, Ask, Question};

/// What came of a question.
#[derive(Debug)]
pub struct Reply {
    /// The answer, or why there is none.
    pub result: Result<Answer, CallError>,
    /// What the plugin logged.
    pub lines: Vec<LogLine>,
    /// How long it took.
    pub elapsed: Duration,
    /// The most memory that the plugin had, in bytes.
    pub memory: usize,
}

impl Reply {
    fn of<T>(report: Report<T>, answer: impl FnOnce(T) -> Answer) -> Self {
        let Report {
            result,
            lines,
            elapsed,
            memory_peak,
            from_memo: _,
        } = report;
        Self {
            result: result.map(answer),
            lines,
            elapsed,
            memory: memory_peak,
        }
    }
}

/// Asks, and has the plugin called even if the answer is known from before. A question about the
/// configuration has been answered when the plugin was loaded.
pub fn ask(plugin: &Plugin, question: &Question) -> Reply {
    let Question { context, ask } = question;
    match ask {
        Ask::Render(job) => Reply::of(plugin.render_uncached(context, job), Answer::Job),
        Ask::Decide(trigger, now) => {
            Reply::of(plugin.decide(trigger, context, *now), Answer::Decision)
        }
        Ask::NextTick(now) => Reply::of(plugin.next_tick(context, *now), |tick| {
            Answer::NextTick(tick.map(|delay| delay.as_secs()))
        }),
        Ask::Check => Reply {
            result: Ok(Answer::Checked),
            lines: Vec::new(),
            elapsed: Duration::ZERO,
            memory: 0,
        },
    }
}
