//! Things that are compared take turns, so that what else the machine does meets them all.

use std::time::Instant;

use anyhow::Result;

use crate::figures::number;
use crate::times::Times;

/// Calls in one turn: enough for caches to be those of this contender.
const TURN: usize = 20;
/// Of so many calls one is made before anything counts.
const WARM: usize = 10;

/// What is measured: one call.
pub type Contender<'a> = &'a mut dyn FnMut() -> Result<()>;

/// Has each contender make `calls` calls, in turns.
///
/// # Errors
/// With the first call that fails.
pub fn in_turns<const N: usize>(
    calls: u32,
    mut contenders: [Contender<'_>; N],
) -> Result<[Times; N]> {
    let calls = usize::try_from(calls)?;
    for contender in &mut contenders {
        for _ in 0..calls.div_ceil(WARM) {
            contender()?;
        }
    }
    let mut times = [const { Vec::new() }; N];
    while times[0].len() < calls {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            for _ in 0..TURN {
                let begun = Instant::now();
                contender()?;
                times.push(begun.elapsed());
            }
        }
    }
    Ok(times.map(Times::new))
}

/// How many of `calls` calls are made in a second by so many threads at a time.
///
/// # Errors
/// With the first call that fails.
pub fn per_second(
    threads: usize,
    calls: usize,
    call: impl Fn() -> Result<()> + Sync,
) -> Result<f64> {
    let each = calls / threads;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| (0..each).try_for_each(|_| call())))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(number(each * threads) / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn contenders_take_turns_and_make_as_many_calls_each() {
        let order = std::cell::RefCell::new(Vec::new());
        let note =
            |name| move |order: &std::cell::RefCell<Vec<char>>| order.borrow_mut().push(name);
        let (a, b) = (note('a'), note('b'));
        let times = in_turns(
            30,
            [
                &mut || {
                    a(&order);
                    Ok(())
                },
                &mut || {
                    b(&order);
                    Ok(())
                },
            ],
        )
        .unwrap();
        assert_eq!(times.map(|times| times.len()), [40, 40]);
        let order: String = order.borrow().iter().collect();
        let turn = |name: &str| name.repeat(TURN);
        let turns = [turn("a"), turn("b"), turn("a"), turn("b")].concat();
        assert_eq!(order, ["aaabbb", &turns].concat());
    }

    #[test]
    fn a_call_that_fails_ends_the_measurement() {
        let failed = in_turns(30, [&mut || anyhow::bail!("no answer")]);
        assert_eq!(failed.unwrap_err().to_string(), "no answer");
        assert!(per_second(2, 30, || anyhow::bail!("no answer")).is_err());
    }

    #[test]
    fn threads_share_the_calls() {
        let made = AtomicUsize::new(0);
        let rate = per_second(2, 31, || {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        assert!(rate.unwrap() > 0.0);
        assert_eq!(made.load(Ordering::SeqCst), 30);
    }
}
