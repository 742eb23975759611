//! The model as the checker explores it, and what it holds every state against.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use arcane_lifecycle::{Backend, Fenced, Phase, RequestPhase};
use stateright::{Model, Property};

use crate::{
    action::{Action, Fault},
    event::Event,
    flaw::Flaw,
    objects::{Job, Request},
    plugin::Plugin,
    world::{Broken, Left, Leftover, World},
};

pub const NEVER_TWO: &str = "no two Jobs of one stream are ever at work";
pub const NOT_IN_VAIN: &str = "no request is completed without a Job that succeeded for it";
pub const NOT_TWICE: &str = "no second Job succeeds for a request that one has succeeded for";
pub const NOT_FOR_NOBODY: &str = "nothing is made again for a definition that is gone";
pub const AS_TOLD: &str = "no Job is made for a backfill that a plugin has put off or skipped";
pub const NOT_SUSPENDED: &str = "no Job stays while the stream is suspended";
pub const NOT_LOST: &str = "no backfill that was asked for is lost";
pub const AS_ASKED: &str = "what comes to rest is what the definition asks for";
pub const RESTS: &str = "left alone, all comes to rest soon, whoever is quicker";

/// Things that may happen until all rests, at most.
const SOON: usize = 120;

/// A stream, and all that may happen to it.
pub struct Exploration {
    pub backend: Backend,
    pub plugin: Plugin,
    pub left: Left,
    pub events: Vec<Event>,
    pub flaw: Option<Flaw>,
    /// What an earlier definition may have left.
    pub leftovers: Vec<Leftover>,
    /// How long each world takes to come to rest at most; none while that is being found out.
    rests: Mutex<HashMap<u64, Option<usize>>>,
}

impl Exploration {
    pub fn new(backend: Backend, events: &[Event], left: Left) -> Self {
        Exploration {
            backend,
            plugin: Plugin::None,
            left,
            events: events.to_vec(),
            flaw: None,
            leftovers: vec![Leftover::Nothing],
            rests: Mutex::default(),
        }
    }

    pub fn with(self, flaw: Flaw) -> Self {
        Exploration {
            flaw: Some(flaw),
            ..self
        }
    }

    pub fn after(self, leftovers: &[Leftover]) -> Self {
        Exploration {
            leftovers: leftovers.to_vec(),
            ..self
        }
    }

    pub fn under(self, plugin: Plugin) -> Self {
        Exploration { plugin, ..self }
    }

    fn quiet(&self, world: &World) -> impl Iterator<Item = World> {
        Action::quiet().filter_map(|action| action.happen(world, self.flaw))
    }

    /// The longest way to rest, whatever happens first each time; none if there is one that has no
    /// end, or a long one.
    fn rest(&self, world: &World, so_far: usize) -> Option<usize> {
        let key = digest(world);
        if let Some(known) = self.rests().get(&key) {
            return *known;
        }
        if so_far > SOON {
            return None;
        }
        // Met again on the way, it goes round in circles.
        self.rests().insert(key, None);
        let mut longest = Some(0);
        for next in self.quiet(world) {
            let rest = self.rest(&next, so_far + 1);
            longest = longest
                .zip(rest)
                .map(|(longest, rest)| longest.max(rest + 1));
        }
        self.rests().insert(key, longest);
        longest
    }

    fn is_at_rest(&self, world: &World) -> bool {
        self.rest(world, 0) == Some(0)
    }

    fn rests(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Option<usize>>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

impl Model for Exploration {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let world = World::new(self.backend, self.plugin, self.left);
        let leftovers = self.leftovers.iter();
        leftovers.map(|it| world.clone().after(*it)).collect()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(Action::quiet());
        // No rest has to wait for it: a plugin may let things wait again and again.
        actions.push(Action::TimePasses);
        if world.left.events > 0 {
            actions.extend(self.events.iter().copied().map(Action::Event));
        }
        if world.left.faults > 0 {
            let faults = match self.flaw {
                Some(Flaw::ListsFromStaleCaches) => {
                    Fenced::ALL.map(Fault::CrashIntoThePast).to_vec()
                }
                _ => [Fault::Crash, Fault::LoseAnswer]
                    .into_iter()
                    .chain(Fenced::ALL.map(Fault::BreakWatch))
                    .collect(),
            };
            actions.extend(faults.into_iter().map(Action::Fault));
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        action.happen(world, self.flaw)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_TWO, |_, world| is_whole(world, Broken::TwoAtWork)),
            Property::always(NOT_IN_VAIN, |_, world| {
                is_whole(world, Broken::CompletedInVain)
            }),
            Property::always(NOT_TWICE, |_, world| {
                is_whole(world, Broken::BackfilledTwice)
            }),
            Property::always(NOT_FOR_NOBODY, |_, world| {
                is_whole(world, Broken::MadeForNobody)
            }),
            Property::always(AS_TOLD, |_, world| is_whole(world, Broken::AgainstItsWord)),
            Property::always(RESTS, |model, world| model.rest(world, 0).is_some()),
            Property::always(NOT_SUSPENDED, |model, world| {
                !model.is_at_rest(world) || is_idle_if_suspended(world)
            }),
            Property::always(NOT_LOST, |model, world| {
                !model.is_at_rest(world) || is_nothing_owed(world)
            }),
            Property::always(AS_ASKED, |model, world| {
                !model.is_at_rest(world) || is_as_asked(world)
            }),
        ]
    }
}

fn is_whole(world: &World, broken: Broken) -> bool {
    world.ghosts.broken != Some(broken)
}

fn is_idle(world: &World) -> bool {
    world.job.truth().is_none() && world.cron_job.truth().is_none()
}

fn is_idle_if_suspended(world: &World) -> bool {
    !world.definition.truth().suspended || is_idle(world)
}

/// The schema's change has led to a request, every request to its backfill, and the stream has had
/// its first one.
fn is_nothing_owed(world: &World) -> bool {
    let definition = world.definition.truth();
    let phase = definition.status.phase;
    if definition.is_gone {
        return true;
    }
    let is_stopped = definition.suspended
        || definition.backend.is_none()
        || phase == Phase::Failed
        || is_held(world);
    let is_owed = |it: &Request| it.phase != Some(RequestPhase::Stopped) && !it.is_postponed();
    let mut requests = world.requests.truth().iter();
    let has_first = requests.any(|request| request.name.contains("-initial-"));
    world.ghosts.owed.is_none()
        && (is_stopped || !world.open_requests().any(is_owed))
        && (has_first || !world.ghosts.wants_first)
}

/// The plugin has something wait: an end for its time, or everything for an answer.
fn is_held(world: &World) -> bool {
    let job = world.job.truth().as_deref();
    world.plugin == Plugin::Silent || job.is_some_and(Job::is_held)
}

fn is_as_asked(world: &World) -> bool {
    let definition = world.definition.truth();
    let phase = definition.status.phase;
    let (job, cron_job) = (world.job.truth(), world.cron_job.truth());
    match definition.backend {
        _ if definition.is_gone => is_idle(world) && world.requests.truth().is_empty(),
        _ if definition.suspended => phase == Phase::Suspended,
        _ if phase == Phase::Failed => is_idle(world),
        // What runs goes on.
        _ if world.plugin == Plugin::Silent => true,
        None => true,
        _ if is_held(world) => phase == Phase::Pending && cron_job.is_none(),
        Some(Backend::ChangeCapture) => {
            let is_streaming = job.as_ref().is_some_and(|job| {
                let is_current =
                    job.spec == definition.spec || job.is_kept(definition.generation());
                is_current && job.request.is_none() && job.end.is_none() && !job.terminating
            });
            is_streaming && cron_job.is_none() && phase == Phase::Running
        }
        Some(Backend::Batch) => {
            let is_scheduled = cron_job
                .as_ref()
                .is_some_and(|it| it.spec == definition.spec && !it.terminating);
            is_scheduled && job.is_none() && phase == Phase::Scheduled
        }
    }
}
