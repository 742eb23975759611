//! One call into a fresh instance, within its limits.

use std::time::{Duration, Instant};

use wasmtime::component::Instance;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::answer::LogLine;
use crate::engine::OUTPUT;
use crate::error::CallError;
use crate::guest::{Exceeded, Guest, LOG, TABLE};
use crate::program::Program;
use crate::shared::Shared;
use crate::text;

/// How many functions of a trap are named.
const FUNCTIONS: usize = 8;
/// How much of a complaint, or of a function's name, is told, in bytes.
const TOLD: usize = 300;
/// What wasmtime says, by no type of its own, when a guest hands over more than it may.
const TOO_MUCH_HANDED_OVER: &str = "fuel allocated for hostcalls has been exhausted";

/// What a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) timeout: Duration,
    pub(crate) memory: usize,
}

/// How a call went.
#[derive(Debug)]
pub(crate) struct Called<T> {
    pub(crate) result: Result<T, CallError>,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) memory_peak: usize,
}

/// Makes an instance of `program`, does `work` with it, and throws it away.
pub(crate) fn call<T>(
    shared: &Shared,
    program: &Program,
    limits: Limits,
    work: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<T>,
) -> Called<T> {
    let _watch = shared.ticker.watch();
    let now = Instant::now();
    let deadline = now.checked_add(limits.timeout).unwrap_or(now);
    let mut store = Store::new(&shared.engine, Guest::new(limits.memory, deadline));
    store.limiter(|guest| guest);
    store.set_hostcall_fuel(OUTPUT);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        if Instant::now() >= store.data().deadline {
            return Err(Exceeded::Time.into());
        }
        Ok(UpdateDeadline::Continue(1))
    });
    let result = program
        .instances
        .instantiate(&mut store)
        .and_then(|instance| work(&mut store, &instance))
        .map_err(|error| classify(&error, limits));
    let Guest {
        lines, memory_peak, ..
    } = store.into_data();
    Called {
        result,
        lines,
        memory_peak,
    }
}

/// What an error of wasmtime's means.
fn classify(error: &wasmtime::Error, limits: Limits) -> CallError {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return match *exceeded {
            Exceeded::Time => CallError::Timeout {
                limit: limits.timeout,
            },
            Exceeded::Memory { wanted } => CallError::MemoryLimit {
                limit: limits.memory,
                wanted,
            },
            Exceeded::Table => CallError::TableLimit { limit: TABLE },
            Exceeded::Log => CallError::LogLimit { limit: LOG },
        };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::Busy {
            waited: Duration::ZERO,
        };
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return CallError::Trap {
            what: trap.to_string(),
            functions: functions(error),
        };
    }
    let cause = error.root_cause().to_string();
    if cause.contains(TOO_MUCH_HANDED_OVER) {
        return CallError::OutputLimit { limit: OUTPUT };
    }
    CallError::invalid("what it handed over", &cause)
}

/// Names of the functions that a trap happened in, as far as the component tells.
fn functions(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .take(FUNCTIONS)
        .map(|name| text::one_line(&format!("{:#}", rustc_demangle::demangle(name)), TOLD))
        .collect()
}
