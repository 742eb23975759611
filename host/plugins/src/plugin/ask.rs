//! One question to a plugin: whether it is asked at all, when its turn comes, and how it went.

use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::Instance;

use super::{Inner, MESSAGE};
use crate::answer::Report;
use crate::breaker::{LeftAlone, Outcome, Ticket};
use crate::call::{self, Called};
use crate::error::CallError;
use crate::guest::Guest;
use crate::text;

/// How much is kept of the error that led to a plugin's being left alone, in bytes.
const LAST_ERROR: usize = 500;

impl Inner {
    /// Makes a call if it may be made, when its turn comes, and `accept`s the answer.
    pub(super) fn ask<A, T>(
        &self,
        work: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<Result<A, String>>,
        accept: impl FnOnce(A) -> Result<T, CallError>,
    ) -> Report<T> {
        let came = Instant::now();
        if let Some(refusal) = self.breaker().refusal(came) {
            return not_called(came, refusal.into());
        }
        let patience = self.shared.patience(came);
        // The plugin's own turn first: those that wait for that take up nobody else's.
        let passes = self
            .gate
            .enter(patience)
            .and_then(|own| Some((own, self.shared.gate.enter(patience)?)));
        let Some(_passes) = passes else {
            let waited = came.elapsed();
            return not_called(came, CallError::Busy { waited });
        };
        let start = Instant::now();
        // The breaker may have opened meanwhile: a long queue must not be worked off call by call.
        let attempt = match Attempt::begin(self, start) {
            Ok(attempt) => attempt,
            Err(refusal) => return not_called(came, refusal.into()),
        };
        let Called {
            result,
            lines,
            memory_peak,
        } = call::call(&self.shared, &self.program, self.limits, work);
        let result = result
            .and_then(|answer| {
                answer.map_err(|message| CallError::Plugin(text::one_line(&message, MESSAGE)))
            })
            .and_then(accept);
        attempt.went(&result);
        Report {
            result,
            lines,
            elapsed: start.elapsed(),
            memory_peak,
            from_memo: false,
        }
    }
}

/// A call that the breaker has let through.
struct Attempt<'a> {
    plugin: &'a Inner,
    ticket: Option<Ticket>,
}

impl<'a> Attempt<'a> {
    fn begin(plugin: &'a Inner, now: Instant) -> Result<Self, LeftAlone> {
        let ticket = plugin.breaker().admit(now)?;
        Ok(Self {
            plugin,
            ticket: Some(ticket),
        })
    }

    fn went<T>(mut self, result: &Result<T, CallError>) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = Instant::now();
        let mut breaker = self.plugin.breaker();
        match result {
            Err(error) if error.counts_as_break() => {
                let error = text::one_line(&error.to_string(), LAST_ERROR);
                breaker.record(&ticket, Outcome::Broke(&error), now);
            }
            Err(error) if !error.is_plugins_fault() => {
                breaker.record(&ticket, Outcome::NotMade, now);
            }
            _ => breaker.record(&ticket, Outcome::Held, now),
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.plugin
                .breaker()
                .record(&ticket, Outcome::NotMade, Instant::now());
        }
    }
}

fn not_called<T>(came: Instant, error: CallError) -> Report<T> {
    Report {
        result: Err(error),
        lines: Vec::new(),
        elapsed: came.elapsed(),
        memory_peak: 0,
        from_memo: false,
    }
}

impl From<LeftAlone> for CallError {
    fn from(refusal: LeftAlone) -> Self {
        Self::BreakerOpen {
            retry_in: refusal.retry_in,
            last_error: refusal.last_error,
        }
    }
}
