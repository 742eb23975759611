//! `plugin bench`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use arcane_plugins::Plugin;

use super::settings;
use crate::ask::ask;
use crate::case::{Ask, Question};
use crate::component;
use crate::exit::{Done, Failure};
use crate::samples;
use crate::terminal::{Paint, Style, harmless, table};
use crate::units;

/// Arguments of `plugin bench`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component (.wasm, also compressed), or the folder of a project, which is built.
    #[arg(default_value = ".")]
    target: PathBuf,
    #[command(flatten)]
    settings: settings::OfClass,
    /// How often each sample is asked about, after a tenth as many calls to warm up.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
}

/// Measures a plugin.
///
/// # Errors
/// It cannot be read or built, or an operator would not take it into service.
pub fn run(paint: Paint, arguments: &Arguments) -> Result<Done, Failure> {
    let component = component::open(&arguments.target)?;
    let settings = arguments.settings.read()?;
    let host = component::host()?;
    let path = component.path.display();
    let started = Instant::now();
    let plugin = host
        .load(&component.bytes, settings)
        .map_err(|error| Failure::failed(harmless(&format!("{path}: {error}"))))?;
    let mut text = format!("{path}: loaded in {}\n", units::time(started.elapsed()));
    let heads = [
        "sample", "calls", "median", "p90", "p99", "calls/s", "memory",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let mut failures = String::new();
    for sample in samples::wanted(&plugin)? {
        match fresh(&plugin, &sample.question, arguments.calls) {
            Err(error) => {
                let name = paint.paint(Style::Red, &sample.name);
                failures.push_str(&format!("{name}: {}\n", harmless(&error)));
            }
            Ok(calls) => {
                rows.push(calls.row(&sample.name, "fresh"));
                if let Ask::Render(job) = &sample.question.ask {
                    let again = || {
                        let report = plugin.render(&sample.question.context, job);
                        report.result.map(|_| 0).map_err(|error| error.to_string())
                    };
                    let calls = Calls::make(arguments.calls, again).map_err(Failure::failed)?;
                    rows.push(calls.row(&sample.name, "from memo"));
                }
            }
        }
    }
    if rows.len() > 1 {
        text.push_str(&table(paint, &rows));
    }
    let fine = failures.is_empty();
    text.push_str(&failures);
    Ok(Done::judged(text, fine))
}

fn fresh(plugin: &Plugin, question: &Question, count: u32) -> Result<Calls, String> {
    Calls::make(count, || {
        let reply = ask(plugin, question);
        reply
            .result
            .map(|_| reply.memory)
            .map_err(|error| error.to_string())
    })
}

/// Times of calls, sorted, and the most memory that one of them took.
struct Calls {
    times: Vec<Duration>,
    memory: usize,
}

impl Calls {
    /// Makes calls one after the other, each of which tells how much memory it took.
    fn make(count: u32, mut call: impl FnMut() -> Result<usize, String>) -> Result<Self, String> {
        for _ in 0..=count / 10 {
            call()?;
        }
        let mut times = Vec::new();
        let mut memory = 0;
        for _ in 0..count {
            let started = Instant::now();
            memory = call()?.max(memory);
            times.push(started.elapsed());
        }
        times.sort_unstable();
        Ok(Self { times, memory })
    }

    /// The time that this share of the calls, in hundredths, did not exceed.
    fn percentile(&self, hundredths: usize) -> Duration {
        let rank = (self.times.len() * hundredths).div_ceil(100);
        self.times[rank.saturating_sub(1)]
    }

    fn row(&self, sample: &str, how: &str) -> Vec<String> {
        let total: Duration = self.times.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a million calls at most")]
        let per_second = self.times.len() as f64 / total.as_secs_f64().max(f64::EPSILON);
        vec![
            sample.to_owned(),
            how.to_owned(),
            units::time(self.percentile(50)),
            units::time(self.percentile(90)),
            units::time(self.percentile(99)),
            format!("{per_second:.0}"),
            match self.memory {
                0 => "-".to_owned(),
                memory => units::bytes(memory),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_that_so_many_calls_did_not_exceed() {
        let times: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        let calls = Calls { times, memory: 0 };
        assert_eq!(calls.percentile(50), Duration::from_micros(100));
        assert_eq!(calls.percentile(90), Duration::from_micros(180));
        assert_eq!(calls.percentile(99), Duration::from_micros(198));
        let one = Calls {
            times: vec![Duration::from_micros(7)],
            memory: 0,
        };
        assert_eq!(one.percentile(99), Duration::from_micros(7));
    }

    #[test]
    fn a_call_that_fails_ends_the_measuring() {
        let mut made = 0;
        let result = Calls::make(10, || {
            made += 1;
            Err("no".to_owned())
        });
        assert_eq!(result.err().as_deref(), Some("no"));
        assert_eq!(made, 1);
    }
}
