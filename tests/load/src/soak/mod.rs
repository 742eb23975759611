//! `cargo xtask soak`: streams that change all the time, an operator and a control plane that fail
//! now and then, and an eye on what must hold meanwhile.

mod churn;
mod field;
mod oracle;
mod samples;
mod trouble;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arcane_cluster::{Cluster, Operator};
use arcane_e2e::{OPERATOR_USER, Platform, READY_WITHIN};
use tokio::time::{MissedTickBehavior, interval};
use xtask::cli::Soak;
use xtask::terminal::time;

use crate::figures::{Across, Figures, Unit, number};
use crate::machine::cores;
use crate::report::Subject;
use churn::Churn;
use field::Field;
use oracle::Oracle;
use samples::Samples;
use trouble::Troubles;

/// How often memory and descriptors are looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How often the audit log is read.
const JUDGE_EVERY: u32 = 3;

/// What the report says beside the figures.
pub fn subject(options: &Soak, seed: u64) -> Subject {
    Subject {
        benchmark: "soak",
        of: "streams",
        size: options.streams,
        notes: format!(
            "  Seed {seed}. Operator, control plane and what disturbs them share {} cores.\n  Growth \
             is what the last quarter of the samples has over the first, by their medians; those \
             of\n  the first seconds of an operator are left out.\n",
            cores(),
        ),
    }
}

/// Runs for as long as asked for.
pub async fn run(options: &Soak, seed: u64) -> Result<Figures> {
    eprintln!("Starting a control plane; seed {seed}");
    let cluster = Cluster::start().await?;
    let platform = Platform::install(&cluster).await?;
    let operator = start(&platform).await?;
    let field = Field::plant(&platform, options.streams).await?;
    let mut watch = Watch {
        cluster: &cluster,
        platform: &platform,
        field: &field,
        operator: Some(operator),
        troubles: Troubles::new(seed),
        oracle: Oracle::begin(&cluster).await?,
        samples: Samples::default(),
    };

    let duration = Duration::from_secs(60 * u64::from(options.minutes));
    eprintln!("{}", samples::HEADING);
    let churn = Churn::new(&field, seed);
    let course = watch.keep(duration, &churn);
    tokio::select! {
        () = churn.go_on() => anyhow::bail!("the churn has ended by itself"),
        course = course => course?,
    }

    eprintln!("The churn is over: everything is to come to what is asked for");
    let settled = field.settle().await;
    watch.oracle.read(&cluster).await?;
    let mut figures = watch.figures(&churn);
    let unsettled = settled.as_ref().err().map_or(0, |_| 1);
    let across = Across::Largest;
    figures.add(
        "unsettled",
        "streams that came to no rest",
        Unit::Count,
        across,
        number(unsettled),
    );
    if let Err(error) = settled {
        eprintln!("{error:#}");
    }
    for violation in watch.oracle.evidence(&cluster) {
        eprintln!("violation: {violation}");
    }
    Ok(figures)
}

/// The operator, with one name for all its lives, as a container that is restarted in its pod has.
async fn start(platform: &Platform<'_>) -> Result<Operator> {
    let operator = platform
        .operator()
        .env("POD_NAME", "arcane-host-0")
        .env("ARCANE_HOST__LOG_LEVEL", "warn");
    let mut operator = operator.start().await?;
    operator.wait_ready(READY_WITHIN).await?;
    Ok(operator)
}

/// What watches and disturbs.
struct Watch<'a> {
    cluster: &'a Cluster,
    platform: &'a Platform<'a>,
    field: &'a Field<'a>,
    /// None only while it is replaced.
    operator: Option<Operator>,
    troubles: Troubles,
    oracle: Oracle,
    samples: Samples,
}

impl Watch<'_> {
    /// Looks, makes trouble, and tells how it goes.
    async fn keep(&mut self, duration: Duration, churn: &Churn<'_>) -> Result<()> {
        let begun = Instant::now();
        let tell_every = duration / samples::ROWS;
        let mut told = begun;
        let mut born = begun;
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0_u32.. {
            ticks.tick().await;
            if begun.elapsed() >= duration {
                break;
            }
            let operator = self.operator.as_mut().context("there is no operator")?;
            if let Some(status) = operator.exited()? {
                let log = operator.log_tail();
                self.oracle
                    .note(format!("the operator ended by itself: {status}\n{log}"));
                self.operator = Some(start(self.platform).await?);
                born = Instant::now();
                continue;
            }
            self.samples.take(&operator.usage()?, born.elapsed());
            if tick.is_multiple_of(JUDGE_EVERY) {
                self.oracle.read(self.cluster).await?;
            }
            if self.make_trouble().await? {
                born = Instant::now();
            }
            if told.elapsed() >= tell_every {
                told = Instant::now();
                eprintln!("{}", self.row(begun.elapsed(), churn));
            }
        }
        Ok(())
    }

    /// What is next, if its time has come; true if there is another operator now.
    async fn make_trouble(&mut self) -> Result<bool> {
        let Some(trouble) = self.troubles.next() else {
            return Ok(false);
        };
        match trouble {
            trouble::Trouble::KillOperator => {
                if let Some(operator) = self.operator.take() {
                    operator.kill()?;
                }
                self.operator = Some(start(self.platform).await?);
                return Ok(true);
            }
            trouble::Trouble::RestartApiServer => {
                self.cluster.restart_api_server().await?;
                self.oracle.note_restart();
            }
            trouble::Trouble::CompactEtcd => self.cluster.compact_etcd().await?,
            trouble::Trouble::SwapPlugin => self.field.swap_plugin().await?,
            trouble::Trouble::ChangeTemplate => self.field.change_template().await?,
        }
        Ok(false)
    }

    fn row(&self, elapsed: Duration, churn: &Churn<'_>) -> String {
        self.samples.row(&[
            time(elapsed),
            churn.made().to_string(),
            self.troubles.made().to_string(),
            self.oracle.writes().to_string(),
            self.oracle.violations().to_string(),
        ])
    }

    fn figures(&self, churn: &Churn<'_>) -> Figures {
        let mut figures = Figures::default();
        let across = Across::Largest;
        let mut count = |name: &str, label: &str, count: usize| {
            figures.add(name, label, Unit::Count, across, number(count));
        };
        count("changes", "changes by users and Jobs", churn.made());
        count(
            "troubles",
            "faults and changes under all streams",
            self.troubles.made(),
        );
        for (name, times) in self.troubles.counts() {
            count(&format!("troubles.{name}"), &format!("  {name}"), times);
        }
        count("writes", "writes of the operator", self.oracle.writes());
        count("backfills", "backfills completed", self.oracle.completed());
        count(
            "unclear",
            "completed, rightly or not the log cannot tell",
            self.oracle.unclear(),
        );
        let again = self.oracle.given_up();
        count(
            "given_up",
            "backfills that ended as they were given up",
            again,
        );
        count("violations", "violations", self.oracle.violations());
        figures.extend(self.samples.figures());
        figures
    }
}

/// The user whose writes are judged.
fn is_operator(user: &str) -> bool {
    user == OPERATOR_USER
}
