//! What a replica does next about shards. Nobody coordinates: all follow the same rules, and what
//! they see of each other's Leases is enough to end up with an even split.

use std::{collections::BTreeSet, time::Duration};

/// All shards, as one replica sees them.
#[derive(Clone, Debug)]
pub struct View {
    /// By their number.
    pub slots: Vec<Slot>,
    /// A replica that was told of another number of shards may be at work.
    pub has_rivals: bool,
}

/// One shard.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// Who else holds it.
    pub holder: Option<String>,
    /// How long it has been free for anybody to take.
    pub vacant_for: Option<Duration>,
    /// Who has asked for it.
    pub asked_by: Option<String>,
}

impl View {
    /// How many shards somebody else holds.
    fn load(&self, replica: &str) -> usize {
        let held = self.slots.iter().filter_map(|slot| slot.holder.as_deref());
        held.filter(|holder| *holder == replica).count()
    }

    fn slot(&self, index: u16) -> Option<&Slot> {
        self.slots.get(usize::from(index))
    }
}

/// Who decides.
pub struct Replica<'a> {
    /// Its name.
    pub identity: &'a str,
    /// The shards that it works on, without those that it is about to give back.
    pub shards: &'a BTreeSet<u16>,
    /// Time between two looks.
    pub period: Duration,
    /// Where it begins to look for something free: another place for each, so that they do not
    /// all reach for the same.
    pub start: usize,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Rest,
    /// Take a free shard.
    Take(u16),
    /// Ask for a shard that somebody holds who has too many.
    Ask(u16),
    /// Look again soon: what was asked for is about to be given back.
    Await,
    /// Give one's own back.
    GiveBack(u16),
}

/// What this replica does next.
pub fn next(view: &View, replica: &Replica<'_>) -> Turn {
    let own = replica.shards.len();
    let wanted = replica.shards.iter().find(|index| {
        let asked_by = view.slot(**index).and_then(|slot| slot.asked_by.as_deref());
        asked_by.is_some_and(|other| other != replica.identity && view.load(other) + 2 <= own)
    });
    if let Some(index) = wanted {
        return Turn::GiveBack(*index);
    }
    if view.has_rivals {
        return Turn::Rest;
    }
    if let Some(index) = free(view, replica) {
        return Turn::Take(index);
    }
    // Whatever is free is taken first, by this replica or by one that has less.
    if view.slots.iter().any(|slot| slot.vacant_for.is_some()) {
        return Turn::Rest;
    }
    ask(view, replica)
}

/// A free shard that it is this replica's turn to take. Who has none takes one at once, and the more
/// one has, the longer one leaves a free one to others; what somebody has asked for is left to them
/// for some time.
fn free(view: &View, replica: &Replica<'_>) -> Option<u16> {
    let own = u32::try_from(replica.shards.len()).unwrap_or(u32::MAX);
    let count = view.slots.len();
    let is_due = |slot: &Slot| {
        let asker = slot.asked_by.as_deref();
        let is_anothers = asker.is_some_and(|other| other != replica.identity);
        let patience = replica.period * (own + if is_anothers { 2 } else { 0 });
        slot.vacant_for.is_some_and(|time| time >= patience)
    };
    let index = (0..count)
        .map(|step| (replica.start + step) % count)
        .find(|index| is_due(&view.slots[*index]))?;
    u16::try_from(index).ok()
}

/// Asks the replica that has most for a shard, if that has two more at least; for one at a time. The
/// first shard is left where it is if there is a choice: the status of classes goes with it.
fn ask(view: &View, replica: &Replica<'_>) -> Turn {
    let holders = view.slots.iter().filter_map(|slot| slot.holder.as_deref());
    let Some(richest) = holders.max_by_key(|holder| (view.load(holder), *holder)) else {
        return Turn::Rest;
    };
    if view.load(richest) < replica.shards.len() + 2 {
        return Turn::Rest;
    }
    let is_richest = |slot: &Slot| slot.holder.as_deref() == Some(richest);
    let mut askers = view
        .slots
        .iter()
        .filter(|slot| is_richest(slot))
        .filter_map(|slot| slot.asked_by.as_deref());
    if askers.clone().any(|asker| asker == replica.identity) {
        return Turn::Await;
    }
    // Who has enough by now is not given what they once asked for.
    if askers.any(|asker| view.load(asker) + 2 <= view.load(richest)) {
        return Turn::Rest;
    }
    let last = view.slots.iter().rposition(is_richest);
    let last = last.and_then(|index| u16::try_from(index).ok());
    last.map_or(Turn::Rest, Turn::Ask)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(2);

    fn held(holder: &str) -> Slot {
        Slot {
            holder: Some(holder.into()),
            ..Slot::default()
        }
    }

    fn vacant(seconds: u64) -> Slot {
        Slot {
            vacant_for: Some(Duration::from_secs(seconds)),
            ..Slot::default()
        }
    }

    fn asked(slot: Slot, by: &str) -> Slot {
        Slot {
            asked_by: Some(by.into()),
            ..slot
        }
    }

    fn turn(slots: &[Slot], own: &[u16]) -> Turn {
        let view = View {
            slots: slots.to_vec(),
            has_rivals: false,
        };
        next(&view, &replica(&own.iter().copied().collect(), 0))
    }

    fn replica(shards: &BTreeSet<u16>, start: usize) -> Replica<'_> {
        Replica {
            identity: "me",
            shards,
            period: PERIOD,
            start,
        }
    }

    #[test]
    fn a_replica_without_a_shard_takes_a_free_one_at_once() {
        assert_eq!(turn(&[held("a"), vacant(0)], &[]), Turn::Take(1));
    }

    #[test]
    fn replicas_begin_to_look_in_different_places() {
        let view = View {
            slots: vec![vacant(0), vacant(0), vacant(0)],
            has_rivals: false,
        };
        let none = BTreeSet::new();
        let first = |start| next(&view, &replica(&none, start));
        assert_eq!([first(0), first(1), first(5)], [0, 1, 2].map(Turn::Take));
    }

    #[test]
    fn the_more_one_has_the_longer_one_leaves_a_free_shard_to_others() {
        let one = [held("me"), vacant(1)];
        assert_eq!(turn(&one, &[0]), Turn::Rest);
        assert_eq!(turn(&[held("me"), vacant(2)], &[0]), Turn::Take(1));
        let two = |seconds| [held("me"), held("me"), vacant(seconds)];
        assert_eq!(turn(&two(3), &[0, 1]), Turn::Rest);
        assert_eq!(turn(&two(4), &[0, 1]), Turn::Take(2));
    }

    #[test]
    fn what_was_given_back_for_somebody_is_left_to_them_for_a_while() {
        let given = |seconds| [held("a"), asked(vacant(seconds), "b")];
        assert_eq!(turn(&given(3), &[]), Turn::Rest);
        assert_eq!(turn(&given(4), &[]), Turn::Take(1));
        assert_eq!(
            turn(&[held("a"), asked(vacant(0), "me")], &[]),
            Turn::Take(1)
        );
    }

    #[test]
    fn nothing_is_taken_beside_a_rival() {
        let view = View {
            slots: vec![vacant(100)],
            has_rivals: true,
        };
        assert_eq!(next(&view, &replica(&BTreeSet::new(), 0)), Turn::Rest);
    }

    #[test]
    fn who_has_two_less_asks_for_one_but_not_for_the_first() {
        assert_eq!(turn(&[held("a"), held("a")], &[]), Turn::Ask(1));
        assert_eq!(turn(&[held("a"), held("b")], &[]), Turn::Rest);
        let three_to_one = [held("a"), held("a"), held("me"), held("a")];
        assert_eq!(turn(&three_to_one, &[2]), Turn::Ask(3));
        let two_to_one = [held("a"), held("a"), held("me")];
        assert_eq!(turn(&two_to_one, &[2]), Turn::Rest);
    }

    #[test]
    fn nobody_is_asked_twice_at_once() {
        let asked_before = [held("a"), asked(held("a"), "b"), held("a")];
        assert_eq!(turn(&asked_before, &[]), Turn::Rest);
        let asker_has_enough = [held("a"), asked(held("a"), "b"), held("b")];
        assert_eq!(turn(&asker_has_enough, &[]), Turn::Ask(1));
        let asked_by_me = [held("a"), asked(held("a"), "me"), held("a")];
        assert_eq!(turn(&asked_by_me, &[]), Turn::Await);
    }

    #[test]
    fn one_is_given_back_to_who_has_two_less_and_to_nobody_else() {
        let mine = |by| [Slot::default(), asked(Slot::default(), by), held("b")];
        assert_eq!(turn(&mine("c"), &[0, 1]), Turn::GiveBack(1));
        assert_eq!(turn(&mine("b"), &[0, 1]), Turn::Rest);
        assert_eq!(turn(&mine("me"), &[0, 1]), Turn::Rest);
    }

    /// All Leases, and who has what: every step is one replica's turn on what it sees.
    struct Fleet {
        slots: Vec<(Option<usize>, Option<usize>, u64)>,
        moves: usize,
    }

    impl Fleet {
        fn new(shards: usize) -> Self {
            Fleet {
                slots: vec![(None, None, 0); shards],
                moves: 0,
            }
        }

        fn step(&mut self, replica: usize, now: u64) {
            let name = |replica: usize| format!("replica-{replica}");
            let slots = self.slots.iter().map(|(holder, asked_by, since)| Slot {
                holder: holder.filter(|holder| *holder != replica).map(name),
                vacant_for: holder
                    .is_none()
                    .then(|| Duration::from_secs(now.saturating_sub(*since))),
                asked_by: asked_by.map(name),
            });
            let view = View {
                slots: slots.collect(),
                has_rivals: false,
            };
            let own: BTreeSet<u16> = (0..)
                .zip(&self.slots)
                .filter(|(_, slot)| slot.0 == Some(replica))
                .map(|(index, _)| index)
                .collect();
            let turn = next(
                &view,
                &Replica {
                    identity: &name(replica),
                    shards: &own,
                    period: PERIOD,
                    start: replica,
                },
            );
            match turn {
                Turn::Rest | Turn::Await => {}
                Turn::Take(index) => self.slots[usize::from(index)] = (Some(replica), None, now),
                Turn::Ask(index) => self.slots[usize::from(index)].1 = Some(replica),
                Turn::GiveBack(index) => {
                    self.moves += 1;
                    let slot = &mut self.slots[usize::from(index)];
                    (slot.0, slot.2) = (None, now);
                }
            }
        }

        fn run(&mut self, replicas: &[usize], begin: u64) {
            for now in (begin..).step_by(2).take(120) {
                for replica in replicas {
                    self.step(*replica, now);
                }
            }
        }

        fn loads(&self, replicas: &[usize]) -> BTreeMap<usize, usize> {
            let load = |replica: &usize| {
                let held = self.slots.iter().filter(|slot| slot.0 == Some(*replica));
                (*replica, held.count())
            };
            replicas.iter().map(load).collect()
        }
    }

    proptest! {
        #[test]
        fn replicas_end_up_with_an_even_split_and_then_rest(
            shards in 1..=16_usize, first in 1..8_usize, then in 1..8_usize,
            stale in proptest::collection::vec(proptest::option::of(0..10_usize), 16),
        ) {
            let mut fleet = Fleet::new(shards);
            for (replicas, begin) in [(first, 0), (then, 1_000)] {
                let replicas: Vec<usize> = (0..replicas).collect();
                for slot in &mut fleet.slots {
                    // Whoever is gone has given back.
                    if slot.0.is_some_and(|holder| !replicas.contains(&holder)) {
                        *slot = (None, None, begin);
                    }
                }
                // Some have asked who are gone, or have enough by now.
                for (slot, asker) in fleet.slots.iter_mut().zip(&stale) {
                    slot.1 = *asker;
                }
                fleet.run(&replicas, begin);
                let loads = fleet.loads(&replicas);
                prop_assert_eq!(loads.values().sum::<usize>(), shards);
                let (least, most) = (loads.values().min().unwrap(), loads.values().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", loads);
                let before = fleet.moves;
                fleet.run(&replicas, begin + 500);
                prop_assert_eq!(fleet.moves, before, "it does not rest");
            }
        }
    }
}
