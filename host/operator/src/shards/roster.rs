//! What is known of the Leases of all replicas, by what was seen of them and when.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use tokio::time::Instant;

use super::{
    ANNOTATION_ASKED_BY, LABEL_SHARDS, Layout,
    turn::{Slot, View},
};
use crate::lease::{duration, holder};

/// The Leases as last read.
pub struct Roster {
    layout: Layout,
    /// Name of the first shard's Lease.
    base: String,
    identity: String,
    /// By the number of the shard.
    seen: BTreeMap<u16, Sighting>,
    /// Shards of this layout that anybody may take, and since when that is known.
    vacant: BTreeMap<u16, Instant>,
}

/// A Lease as last read, and when it was first seen so.
struct Sighting {
    lease: Lease,
    since: Instant,
}

impl Sighting {
    /// The number of shards that its holder was told of; 0 if that cannot be read.
    fn shards(&self) -> u16 {
        let label = self.lease.labels().get(LABEL_SHARDS);
        label.map_or(1, |label| label.parse().unwrap_or(0))
    }

    /// Whether it has stood still for so many times its duration.
    fn is_dead(&self, times: u32, now: Instant) -> bool {
        now.duration_since(self.since) >= duration(&self.lease) * times
    }
}

impl Roster {
    /// Nothing is known yet.
    pub fn new(layout: Layout, base: String, identity: String) -> Self {
        Roster {
            layout,
            base,
            identity,
            seen: BTreeMap::new(),
            vacant: BTreeMap::new(),
        }
    }

    /// Takes in all Leases, as they were read until `now`. `occupied` are the shards that this
    /// replica holds itself.
    pub fn observe(&mut self, leases: Vec<Lease>, occupied: &BTreeSet<u16>, now: Instant) {
        let mut before = std::mem::take(&mut self.seen);
        for lease in leases {
            let Some(index) = self.index(&lease) else {
                continue;
            };
            let unchanged = before
                .remove(&index)
                .filter(|seen| seen.lease.resource_version() == lease.resource_version());
            let since = unchanged.map_or(now, |seen| seen.since);
            self.seen.insert(index, Sighting { lease, since });
        }
        for index in 0..self.layout.shards() {
            if !occupied.contains(&index) && self.holder(index, now).is_none() {
                self.vacant.entry(index).or_insert(now);
            } else {
                self.vacant.remove(&index);
            }
        }
    }

    /// The Lease of a shard as last read.
    pub fn lease(&self, index: u16) -> Option<&Lease> {
        self.seen.get(&index).map(|seen| &seen.lease)
    }

    /// Whether a replica that was told of another number of shards may be at work. Its Lease is not
    /// about to be taken from it, so it is given twice the time: within that, even a renewal that
    /// was sent at the last moment and arrived late is past its use.
    pub fn has_rivals(&self, now: Instant) -> bool {
        self.seen.values().any(|seen| {
            self.is_rival(seen) && holder(&seen.lease).is_some() && !seen.is_dead(2, now)
        })
    }

    /// Leases that dead rivals have left of shards that there are not in this layout: nobody is
    /// going to take them.
    pub fn leftovers(&self, now: Instant) -> impl Iterator<Item = &Lease> {
        let beyond = self.seen.range(self.layout.shards()..);
        beyond
            .map(|(_, seen)| seen)
            .filter(move |seen| holder(&seen.lease).is_some() && seen.is_dead(2, now))
            .map(|seen| &seen.lease)
    }

    fn is_rival(&self, seen: &Sighting) -> bool {
        seen.shards() != self.layout.shards()
    }

    /// What there is to decide on.
    pub fn view(&self, now: Instant) -> View {
        let slots = (0..self.layout.shards()).map(|index| {
            let lease = self.lease(index);
            let asked_by = lease.and_then(|lease| lease.annotations().get(ANNOTATION_ASKED_BY));
            let vacant_since = self.vacant.get(&index);
            Slot {
                holder: self.holder(index, now).map(str::to_owned),
                vacant_for: vacant_since.map(|since| now.duration_since(*since)),
                asked_by: asked_by.cloned(),
            }
        });
        View {
            slots: slots.collect(),
            has_rivals: self.has_rivals(now),
        }
    }

    /// Who else holds the Lease of a shard. What this replica does not know to hold but bears its
    /// name is left from its process before.
    fn holder(&self, index: u16, now: Instant) -> Option<&str> {
        let seen = self.seen.get(&index)?;
        let is_rival = self.is_rival(seen);
        holder(&seen.lease)
            .filter(|holder| *holder != self.identity || is_rival)
            .filter(|_| !seen.is_dead(if is_rival { 2 } else { 1 }, now))
    }

    /// The number of a Lease's shard; none if it is not one of these replicas'.
    fn index(&self, lease: &Lease) -> Option<u16> {
        let name = lease.metadata.name.as_deref()?;
        match name.strip_prefix(&self.base)? {
            "" => Some(0),
            rest => rest
                .strip_prefix('-')?
                .parse()
                .ok()
                .filter(|index| *index > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use kube::api::ObjectMeta;

    use super::*;

    const DURATION: Duration = Duration::from_secs(15);
    const LONG: Duration = Duration::from_secs(3600);

    fn lease(name: &str, shards: Option<&str>, holder: &str, version: &str) -> Lease {
        let label = shards.map(|shards| (LABEL_SHARDS.to_owned(), shards.to_owned()));
        Lease {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: label.map(|label| BTreeMap::from([label])),
                resource_version: Some(version.into()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.into()),
                lease_duration_seconds: Some(15),
                ..LeaseSpec::default()
            }),
        }
    }

    fn roster(shards: u16) -> Roster {
        Roster::new(Layout::of(shards), "leader".into(), "me".into())
    }

    fn none() -> BTreeSet<u16> {
        BTreeSet::new()
    }

    fn vacant(roster: &Roster) -> Vec<u16> {
        roster.vacant.keys().copied().collect()
    }

    #[test]
    fn what_was_never_taken_was_given_back_or_has_stood_still_is_vacant() {
        let (mut roster, begun) = (roster(3), Instant::now());
        let leases = || {
            vec![
                lease("leader", Some("3"), "a", "1"),
                lease("leader-1", Some("3"), "", "2"),
                lease("leader-7", Some("3"), "", "2"),
                lease("leadership", Some("3"), "", "2"),
            ]
        };
        roster.observe(leases(), &none(), begun);
        assert_eq!(vacant(&roster), [1, 2]);
        roster.observe(leases(), &none(), begun + DURATION - Duration::from_secs(1));
        assert_eq!(vacant(&roster), [1, 2]);
        roster.observe(leases(), &none(), begun + DURATION);
        assert_eq!(vacant(&roster), [0, 1, 2]);
        let view = roster.view(begun + DURATION);
        assert_eq!(view.slots[0].vacant_for, Some(Duration::ZERO));
        assert_eq!(view.slots[1].vacant_for, Some(DURATION));
    }

    #[test]
    fn a_lease_that_is_renewed_is_held() {
        let (mut roster, begun) = (roster(2), Instant::now());
        roster.observe(vec![lease("leader", Some("2"), "a", "1")], &none(), begun);
        let later = begun + DURATION;
        roster.observe(vec![lease("leader", Some("2"), "a", "2")], &none(), later);
        assert_eq!(roster.view(later).slots[0].holder.as_deref(), Some("a"));
    }

    #[test]
    fn what_a_former_process_of_the_same_name_held_is_vacant_at_once() {
        let (mut roster, now) = (roster(2), Instant::now());
        let leases = || vec![lease("leader", Some("2"), "me", "1")];
        roster.observe(leases(), &none(), now);
        assert_eq!(vacant(&roster), [0, 1]);
        roster.observe(leases(), &BTreeSet::from([0]), now);
        assert_eq!(vacant(&roster), [1], "this process holds the first itself");
    }

    #[test]
    fn whoever_was_told_of_another_number_of_shards_is_a_rival_for_twice_its_lease() {
        for (name, label) in [
            ("leader", None),
            ("leader-1", Some("3")),
            ("leader-5", Some("what?")),
        ] {
            let (mut roster, begun) = (roster(2), Instant::now());
            let leases = || vec![lease(name, label, "a", "1")];
            roster.observe(leases(), &none(), begun);
            let almost = begun + 2 * DURATION - Duration::from_secs(1);
            assert!(roster.has_rivals(almost), "{name}");
            assert!(!roster.has_rivals(begun + 2 * DURATION), "{name}");
            roster.observe(vec![lease(name, label, "a", "2")], &none(), begun + LONG);
            assert!(roster.has_rivals(begun + LONG), "{name} was renewed");
            roster.observe(vec![lease(name, label, "", "3")], &none(), begun + LONG);
            assert!(!roster.has_rivals(begun + LONG), "{name} was given back");
        }
    }

    #[test]
    fn what_dead_rivals_held_of_shards_that_there_are_no_longer_is_left_over() {
        let (mut roster, begun) = (roster(2), Instant::now());
        let leases = vec![
            lease("leader-1", Some("4"), "a", "1"),
            lease("leader-2", Some("4"), "b", "2"),
            lease("leader-3", Some("4"), "", "3"),
        ];
        roster.observe(leases, &none(), begun);
        let leftovers = |now| -> Vec<String> {
            let leases = roster.leftovers(now);
            leases.map(ResourceExt::name_any).collect()
        };
        let almost = begun + 2 * DURATION - Duration::from_secs(1);
        assert_eq!(leftovers(almost), [""; 0]);
        assert_eq!(leftovers(begun + 2 * DURATION), ["leader-2"]);
    }

    #[test]
    fn a_rivals_lease_of_the_same_shard_is_not_vacant_before_the_rival_is_past() {
        let (mut roster, begun) = (roster(2), Instant::now());
        let leases = || vec![lease("leader", None, "a", "1")];
        roster.observe(leases(), &none(), begun);
        roster.observe(leases(), &none(), begun + DURATION);
        assert_eq!(vacant(&roster), [1]);
        roster.observe(leases(), &none(), begun + 2 * DURATION);
        assert_eq!(vacant(&roster), [0, 1]);
    }
}
