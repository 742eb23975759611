//! Makes running WebAssembly look at the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::Engine;

/// How often: what a plugin may exceed its time by.
const TICK: Duration = Duration::from_millis(5);
/// After how many ticks without a call the thread goes to sleep, so that calls in close succession
/// do not have to wake it.
const IDLE_TICKS: u32 = 200;

/// A thread that advances the engine's epoch while calls are under way, and sleeps otherwise.
#[derive(Debug)]
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    calls: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> anyhow::Result<Self> {
        let state = Arc::new(State::default());
        let thread = thread::Builder::new()
            .name("plugin-ticker".to_owned())
            .spawn({
                let state = Arc::clone(&state);
                let engine = engine.weak();
                move || {
                    state.run(|| match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => state.stopped.store(true, Ordering::SeqCst),
                    });
                }
            })
            .context("cannot start the thread that stops plugins in time")?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Says that a call is under way until what is returned is dropped.
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.state.calls.fetch_add(1, Ordering::SeqCst);
        if self.state.asleep.swap(false, Ordering::SeqCst) {
            self.wake();
        }
        Watch { state: &self.state }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, and cannot panic.
            let _ = thread.join();
        }
    }
}

impl State {
    fn run(&self, tick: impl Fn()) {
        let mut idle = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            if self.calls.load(Ordering::SeqCst) > 0 {
                idle = 0;
            } else {
                idle += 1;
            }
            if idle < IDLE_TICKS {
                thread::park_timeout(TICK);
                tick();
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // A call that began before this was written did not see it.
            if self.calls.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    state: &'a State,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.state.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sleeps_while_nothing_is_called_and_wakes_for_a_call() {
        let state = Arc::new(State::default());
        let ticks = Arc::new(AtomicUsize::new(0));
        let thread = thread::spawn({
            let (state, ticks) = (Arc::clone(&state), Arc::clone(&ticks));
            move || {
                state.run(|| {
                    ticks.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        let ticker = Ticker {
            state,
            thread: Some(thread),
        };
        for _ in 0..2 {
            while !ticker.state.asleep.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            let before = ticks.load(Ordering::SeqCst);
            let call = ticker.watch();
            while ticks.load(Ordering::SeqCst) < before + 3 {
                thread::yield_now();
            }
            drop(call);
        }
    }
}
