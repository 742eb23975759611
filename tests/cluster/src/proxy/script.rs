//! The rules that are in force, and what has come of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::event::Event;
use super::rule::{Fault, Rule};

/// All of a proxy's rules.
#[derive(Debug, Default)]
pub(super) struct Script {
    rules: Mutex<Vec<Entry>>,
    tally: Arc<Tally>,
    writes: AtomicUsize,
}

#[derive(Debug)]
struct Entry {
    rule: Rule,
    matched: usize,
    chosen: usize,
    injected: Arc<AtomicUsize>,
    ended: CancellationToken,
}

/// How often each fault has happened.
#[derive(Debug, Default)]
struct Tally(Mutex<BTreeMap<&'static str, usize>>);

/// A fault that is to befall a request or an event.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) fault: Fault,
    /// The rule's end.
    pub(super) ended: CancellationToken,
    injected: Arc<AtomicUsize>,
    tally: Arc<Tally>,
}

impl Due {
    /// It has happened.
    pub(super) fn happened(&self) {
        self.injected.fetch_add(1, Ordering::SeqCst);
        *lock(&self.tally.0).entry(self.fault.name()).or_default() += 1;
    }
}

/// A rule in force, until it is ended here or by [`Proxy::heal`](super::Proxy::heal).
#[derive(Debug)]
pub struct Injection {
    injected: Arc<AtomicUsize>,
    ended: CancellationToken,
}

impl Injection {
    /// How often the fault has happened.
    #[must_use]
    pub fn count(&self) -> usize {
        self.injected.load(Ordering::SeqCst)
    }

    /// Ends the rule: what it holds goes on.
    pub fn end(&self) {
        self.ended.cancel();
    }
}

impl Script {
    /// Adds a rule.
    pub(super) fn add(&self, rule: Rule) -> Injection {
        let (injected, ended) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        lock(&self.rules).push(Entry {
            rule,
            matched: 0,
            chosen: 0,
            injected: injected.clone(),
            ended: ended.clone(),
        });
        Injection { injected, ended }
    }

    /// Ends every rule.
    pub(super) fn clear(&self) {
        for entry in lock(&self.rules).drain(..) {
            entry.ended.cancel();
        }
    }

    /// What befalls this request, or this event in its answer.
    pub(super) fn due(&self, call: &Call, event: Option<&Event>) -> Option<Due> {
        let mut rules = lock(&self.rules);
        rules.retain(|entry| !entry.ended.is_cancelled());
        for entry in rules.iter_mut() {
            if entry.chosen >= entry.rule.at_most || !entry.rule.matches(call, event) {
                continue;
            }
            let number = entry.matched;
            entry.matched += 1;
            if entry.rule.is_due(number) {
                entry.chosen += 1;
                return Some(Due {
                    fault: entry.rule.fault.clone(),
                    ended: entry.ended.clone(),
                    injected: entry.injected.clone(),
                    tally: self.tally.clone(),
                });
            }
        }
        None
    }

    /// How often each fault has happened.
    pub(super) fn tally(&self) -> BTreeMap<&'static str, usize> {
        lock(&self.tally.0).clone()
    }

    /// Counts a request, if it may write. Leases do not count: they are renewed by the clock.
    pub(super) fn count(&self, call: &Call) {
        if call.mutates() && call.resource != "leases" {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many requests have come that may write.
    pub(super) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }
}

/// A panic elsewhere makes nothing of this wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(resource: &str) -> Call {
        Call {
            verb: "create",
            resource: resource.into(),
            ..Call::default()
        }
    }

    #[test]
    fn of_two_rules_the_older_comes_first_and_none_comes_more_often_than_it_may() {
        let script = Script::default();
        let first = script.add(Rule::new(Fault::ResetAfter).at_most(1));
        let second = script.add(Rule::new(Fault::Answer(500)));
        let faults = (0..3).map(|_| {
            let due = script.due(&write("jobs"), None)?;
            due.happened();
            Some(due.fault)
        });
        let expected = [Fault::ResetAfter, Fault::Answer(500), Fault::Answer(500)];
        assert_eq!(faults.collect::<Vec<_>>(), expected.map(Some));
        assert_eq!((first.count(), second.count()), (1, 2));
        assert_eq!(
            script.tally(),
            BTreeMap::from([("500", 2), ("reset after", 1)])
        );
    }

    #[test]
    fn a_rule_that_has_ended_befalls_nothing_and_its_count_stays() {
        let script = Script::default();
        let rule = script.add(Rule::new(Fault::ResetBefore));
        let due = script.due(&write("jobs"), None).unwrap();
        due.happened();
        rule.end();
        assert!(due.ended.is_cancelled());
        assert!(script.due(&write("jobs"), None).is_none());
        assert_eq!(script.tally(), BTreeMap::from([("reset before", 1)]));
    }

    #[test]
    fn a_fault_that_is_due_counts_only_once_it_has_happened() {
        let script = Script::default();
        let rule = script.add(Rule::new(Fault::StaleList));
        let list = Call {
            verb: "list",
            resource: "jobs".into(),
            lists: true,
            allows_stale: true,
            ..Call::default()
        };
        assert!(script.due(&list, None).is_some());
        assert_eq!(rule.count(), 0);
    }
}
