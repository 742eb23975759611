//! Leaves a plugin alone that keeps breaking.
//!
//! A state machine without a clock: whoever asks says what time it is.

use std::time::{Duration, Instant};

/// When a plugin is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How many calls in a row have to break it; at least 1.
    pub faults_in_a_row: u32,
    /// How long it is left alone for the first time. Doubles each time that the probe breaks too.
    pub first_pause: Duration,
    /// The longest that it is left alone.
    pub longest_pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            faults_in_a_row: 5,
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(300),
        }
    }
}

/// How it stands with a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is called.
    Closed,
    /// It is left alone.
    Open {
        /// When it is tried again.
        until: Instant,
        /// How it failed last.
        last_error: String,
    },
    /// It is tried with one call.
    HalfOpen {
        /// How it failed last.
        last_error: String,
    },
}

impl Health {
    /// A name for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// That a call may not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// For how long; zero while it waits for how the probe goes.
    pub(crate) retry_in: Duration,
    /// How the plugin failed last.
    pub(crate) last_error: String,
}

/// A call that was let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The opening that the call is the probe of; 0 for an ordinary call. A probe of an earlier
    /// opening, or a call made before one, says nothing about the present.
    probe_of: u64,
    openings: u64,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// It gave an answer, or said why it has none.
    Held,
    /// It broke the plugin.
    Broke(&'a str),
    /// It was not made.
    NotMade,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    in_a_row: u32,
    openings: u64,
    open: Option<Opening>,
}

#[derive(Debug)]
struct Opening {
    until: Instant,
    pause: Duration,
    probing: bool,
    last_error: String,
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            in_a_row: 0,
            openings: 0,
            open: None,
        }
    }

    /// Why no call may be made at `now`, if none may.
    pub(crate) fn refusal(&self, now: Instant) -> Option<LeftAlone> {
        let opening = self.open.as_ref()?;
        let retry_in = opening.until.saturating_duration_since(now);
        (opening.probing || !retry_in.is_zero()).then(|| LeftAlone {
            retry_in,
            last_error: opening.last_error.clone(),
        })
    }

    /// Lets a call through at `now`, if one may be made. How it went has to be told.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, LeftAlone> {
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        let openings = self.openings;
        let probe_of = match &mut self.open {
            None => 0,
            Some(opening) => {
                opening.probing = true;
                openings
            }
        };
        Ok(Ticket { probe_of, openings })
    }

    /// Takes down how the call went that `ticket` was given for.
    pub(crate) fn record(&mut self, ticket: &Ticket, outcome: Outcome<'_>, now: Instant) {
        if ticket.openings != self.openings {
            return;
        }
        match (&mut self.open, outcome) {
            (None, Outcome::Held) => self.in_a_row = 0,
            (None, Outcome::NotMade) => {}
            (None, Outcome::Broke(error)) => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                if self.in_a_row >= self.settings.faults_in_a_row {
                    self.open_for(self.settings.first_pause, error, now);
                }
            }
            // A call made before the opening, which counts as one of those that led to it.
            (Some(_), _) if ticket.probe_of == 0 => {}
            (Some(_), Outcome::Held) => {
                self.open = None;
                self.in_a_row = 0;
            }
            (Some(opening), Outcome::NotMade) => opening.probing = false,
            (Some(opening), Outcome::Broke(error)) => {
                let pause = opening.pause.saturating_mul(2);
                self.open_for(pause, error, now);
            }
        }
    }

    /// How it stands at `now`.
    pub(crate) fn health(&self, now: Instant) -> Health {
        match &self.open {
            None => Health::Closed,
            Some(opening) if opening.until > now => Health::Open {
                until: opening.until,
                last_error: opening.last_error.clone(),
            },
            Some(opening) => Health::HalfOpen {
                last_error: opening.last_error.clone(),
            },
        }
    }

    fn open_for(&mut self, pause: Duration, error: &str, now: Instant) {
        let pause = pause.min(self.settings.longest_pause);
        self.openings += 1;
        self.open = Some(Opening {
            // An instant that cannot be told is as good as now.
            until: now.checked_add(pause).unwrap_or(now),
            pause,
            probing: false,
            last_error: error.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        faults_in_a_row: 3,
        first_pause: Duration::from_secs(5),
        longest_pause: Duration::from_secs(15),
    };

    fn call(breaker: &mut Breaker, outcome: Outcome<'_>, now: Instant) {
        let ticket = breaker.admit(now).unwrap();
        breaker.record(&ticket, outcome, now);
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(SETTINGS);
        for _ in 0..3 {
            call(&mut breaker, Outcome::Broke("trap"), now);
        }
        breaker
    }

    #[test]
    fn faults_with_an_answer_between_them_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(SETTINGS);
        for _ in 0..10 {
            call(&mut breaker, Outcome::Broke("trap"), now);
            call(&mut breaker, Outcome::Broke("trap"), now);
            call(&mut breaker, Outcome::Held, now);
        }
        assert_eq!(breaker.health(now), Health::Closed);
    }

    #[test]
    fn it_opens_after_faults_in_a_row_and_says_why_and_for_how_long() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(
            breaker.admit(now + Duration::from_secs(1)),
            Err(LeftAlone {
                retry_in: Duration::from_secs(4),
                last_error: "trap".into()
            })
        );
    }

    #[test]
    fn one_probe_is_let_through_and_its_success_closes_it() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = start + Duration::from_secs(5);
        let probe = breaker.admit(later).unwrap();
        assert!(breaker.admit(later).is_err());
        assert!(matches!(breaker.health(later), Health::HalfOpen { .. }));
        breaker.record(&probe, Outcome::Held, later);
        assert_eq!(breaker.health(later), Health::Closed);
        call(&mut breaker, Outcome::Broke("trap"), later);
        assert_eq!(breaker.health(later), Health::Closed);
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let Health::Open { until, .. } = breaker.health(now) else {
                panic!("not open");
            };
            pauses.push((until - now).as_secs());
            now = until;
            call(&mut breaker, Outcome::Broke("again"), now);
        }
        assert_eq!(pauses, [5, 10, 15, 15]);
    }

    #[test]
    fn a_probe_that_was_not_made_leaves_the_next_one_to_try() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = start + Duration::from_secs(5);
        call(&mut breaker, Outcome::NotMade, later);
        call(&mut breaker, Outcome::Held, later);
        assert_eq!(breaker.health(later), Health::Closed);
    }

    #[test]
    fn an_answer_to_a_call_from_before_the_opening_does_not_close_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(SETTINGS);
        let early = breaker.admit(now).unwrap();
        for _ in 0..3 {
            call(&mut breaker, Outcome::Broke("trap"), now);
        }
        breaker.record(&early, Outcome::Held, now);
        assert!(matches!(breaker.health(now), Health::Open { .. }));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Start,
        Finish(usize, u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u64..30).prop_map(Step::Wait),
            Just(Step::Start),
            (any::<prop::sample::Index>(), 0_u8..3)
                .prop_map(|(index, outcome)| Step::Finish(index.index(64), outcome)),
        ]
    }

    proptest! {
        #[test]
        fn while_open_at_most_one_call_is_under_way_that_began_then(
            steps in prop::collection::vec(step(), 0..200)
        ) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(SETTINGS);
            let mut running: Vec<Ticket> = Vec::new();
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                    Step::Start => {
                        let before = breaker.health(now);
                        match breaker.admit(now) {
                            Ok(ticket) => {
                                let open = matches!(before, Health::Open { .. });
                                prop_assert!(!open);
                                running.push(ticket);
                            }
                            Err(LeftAlone { retry_in, .. }) => {
                                prop_assert!(before != Health::Closed);
                                prop_assert!(retry_in <= SETTINGS.longest_pause);
                            }
                        }
                    }
                    Step::Finish(index, outcome) if !running.is_empty() => {
                        let ticket = running.swap_remove(index % running.len());
                        let outcome = match outcome {
                            0 => Outcome::Held,
                            1 => Outcome::NotMade,
                            _ => Outcome::Broke("trap"),
                        };
                        breaker.record(&ticket, outcome, now);
                    }
                    Step::Finish(..) => {}
                }
                let probes = running
                    .iter()
                    .filter(|ticket| ticket.probe_of == breaker.openings && ticket.probe_of > 0)
                    .count();
                prop_assert!(breaker.open.is_none() || probes <= 1);
            }
        }

        #[test]
        fn once_everything_has_ended_it_can_always_be_closed_again(
            steps in prop::collection::vec(step(), 0..100)
        ) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(SETTINGS);
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                    Step::Start | Step::Finish(..) => {
                        if let Ok(ticket) = breaker.admit(now) {
                            breaker.record(&ticket, Outcome::Broke("trap"), now);
                        }
                    }
                }
            }
            now += SETTINGS.longest_pause;
            call(&mut breaker, Outcome::Held, now);
            prop_assert_eq!(breaker.health(now), Health::Closed);
        }
    }
}
