//! What may happen to a cluster, in any order.

use arcane_lifecycle::{Backend, Goal, Ownership};

use crate::{
    cluster::Cluster,
    objects::{End, Job, Request},
    plugin::{Plugin, Tick},
};

/// Requests that may be open at one time when the user makes another.
const MOST_REQUESTS: usize = 2;

/// One thing that may happen, beside the operator's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    JobSucceeds,
    JobFails,
    JobIsDisrupted,
    /// The Job finds that the source's schema changed, says so and succeeds.
    SchemaChanges,
    /// The last pod of a Job that is being deleted ends.
    PodsEnd,
    /// The last run of a CronJob that is being deleted ends.
    RunsEnd,
    Suspend,
    Resume,
    Use(Option<Backend>),
    ChangeSpec,
    AskForRestart,
    ChangeTemplate,
    DeleteTemplate,
    CreateTemplate,
    SwitchRestartPolicy,
    CreateRequest,
    DeleteRequest,
    CompleteRequest,
    DeleteJobAndWait,
    DeleteJobAtOnce,
    DeleteCronJob,
    /// Somebody makes a Job that has the stream's name.
    TakeJobName,
    /// And deletes it.
    FreeJobName,
    /// The class's plugin is changed.
    Plug(Plugin),
    /// The time comes that the plugin has asked for.
    Tick(Tick),
    /// All that waits for its time has waited long enough.
    TimePasses,
}

impl Action {
    /// Everything, if the class has no plugin.
    pub const ALL: [Action; 25] = [
        Action::JobSucceeds,
        Action::JobFails,
        Action::JobIsDisrupted,
        Action::SchemaChanges,
        Action::PodsEnd,
        Action::RunsEnd,
        Action::Suspend,
        Action::Resume,
        Action::Use(Some(Backend::ChangeCapture)),
        Action::Use(Some(Backend::Batch)),
        Action::Use(None),
        Action::ChangeSpec,
        Action::AskForRestart,
        Action::ChangeTemplate,
        Action::DeleteTemplate,
        Action::CreateTemplate,
        Action::SwitchRestartPolicy,
        Action::CreateRequest,
        Action::DeleteRequest,
        Action::CompleteRequest,
        Action::DeleteJobAndWait,
        Action::DeleteJobAtOnce,
        Action::DeleteCronJob,
        Action::TakeJobName,
        Action::FreeJobName,
    ];

    /// What a plugin's word on backfills may get in the way of.
    pub const BACKFILLS: [Action; 17] = [
        Action::Plug(Plugin::None),
        Action::Plug(Plugin::SkipsBackfills),
        Action::Plug(Plugin::RunsBackfills),
        Action::Plug(Plugin::PostponesBackfills),
        Action::Plug(Plugin::RefusesBackfills),
        Action::TimePasses,
        Action::JobSucceeds,
        Action::JobFails,
        Action::SchemaChanges,
        Action::PodsEnd,
        Action::RunsEnd,
        Action::Suspend,
        Action::Resume,
        Action::ChangeSpec,
        Action::CreateRequest,
        Action::DeleteRequest,
        Action::DeleteJobAtOnce,
    ];

    /// What a plugin's word on ends may get in the way of.
    pub const ENDS: [Action; 19] = [
        Action::Plug(Plugin::None),
        Action::Plug(Plugin::RestartsAtOnce),
        Action::Plug(Plugin::RestartsLater),
        Action::Plug(Plugin::BackfillsAfterEnds),
        Action::Plug(Plugin::FailsAfterEnds),
        Action::TimePasses,
        Action::JobSucceeds,
        Action::JobFails,
        Action::JobIsDisrupted,
        Action::SchemaChanges,
        Action::PodsEnd,
        Action::Suspend,
        Action::Resume,
        Action::ChangeSpec,
        Action::DeleteTemplate,
        Action::CreateTemplate,
        Action::CreateRequest,
        Action::CompleteRequest,
        Action::DeleteJobAndWait,
    ];

    /// What a plugin's word on what runs may get in the way of.
    pub const RUNS: [Action; 20] = [
        Action::Plug(Plugin::None),
        Action::Plug(Plugin::KeepsSpecs),
        Action::Plug(Plugin::PostponesSpecs),
        Action::Plug(Plugin::BackfillsForSpecs),
        Action::Plug(Plugin::FailsForSpecs),
        Action::Tick(Tick::Restart),
        Action::Tick(Tick::Backfill),
        Action::Tick(Tick::Fail),
        Action::TimePasses,
        Action::JobSucceeds,
        Action::PodsEnd,
        Action::Suspend,
        Action::Resume,
        Action::Use(Some(Backend::Batch)),
        Action::ChangeSpec,
        Action::AskForRestart,
        Action::ChangeTemplate,
        Action::SwitchRestartPolicy,
        Action::CreateRequest,
        Action::DeleteJobAtOnce,
    ];

    /// What a plugin that says nothing, or much, may get in the way of.
    pub const MOODS: [Action; 17] = [
        Action::Plug(Plugin::None),
        Action::Plug(Plugin::Silent),
        Action::Plug(Plugin::Meddles),
        Action::TimePasses,
        Action::JobSucceeds,
        Action::JobFails,
        Action::SchemaChanges,
        Action::PodsEnd,
        Action::RunsEnd,
        Action::Suspend,
        Action::Resume,
        Action::Use(Some(Backend::Batch)),
        Action::Use(None),
        Action::ChangeSpec,
        Action::CreateRequest,
        Action::CompleteRequest,
        Action::DeleteJobAtOnce,
    ];

    /// Lets it happen; what cannot happen now does not.
    pub fn happen(self, cluster: &mut Cluster) {
        let state = &mut cluster.state;
        match self {
            Action::JobSucceeds => end(cluster, End::Succeeded),
            Action::JobFails => end(cluster, End::Failed),
            Action::JobIsDisrupted => end(cluster, End::Disrupted),
            Action::SchemaChanges => {
                if let Some(job) = running(cluster) {
                    job.schema_mismatch = true;
                    end(cluster, End::Succeeded);
                }
            }
            Action::PodsEnd => {
                state
                    .job
                    .take_if(|job| job.terminating && job.end.is_none());
            }
            Action::RunsEnd => {
                state.cron_job.take_if(|cron_job| cron_job.terminating);
            }
            Action::Suspend => state.suspended = true,
            Action::Resume => state.suspended = false,
            Action::Use(backend) => state.backend = backend,
            // Back to the first in the end: all that matters is whether it is the same.
            Action::ChangeSpec => state.spec = (state.spec + 1) % 2,
            Action::AskForRestart => state.restart = 1 + state.restart % 2,
            Action::ChangeTemplate => state.template = (state.template + 1) % 2,
            Action::DeleteTemplate => state.has_template = false,
            Action::CreateTemplate => state.has_template = true,
            Action::SwitchRestartPolicy => state.is_rolling = !state.is_rolling,
            Action::CreateRequest => create_request(cluster),
            Action::DeleteRequest => {
                if let Some(name) = oldest(cluster) {
                    cluster.state.fulfilled.remove(&name);
                    cluster
                        .state
                        .requests
                        .retain(|request| request.name != name);
                }
            }
            Action::CompleteRequest => {
                if let Some(name) = oldest(cluster) {
                    cluster.close_request(&name);
                }
            }
            Action::DeleteJobAndWait => {
                if let Some(job) = running(cluster) {
                    job.terminating = true;
                }
            }
            Action::DeleteJobAtOnce => {
                state.job.take_if(|job| job.end.is_none() && job.is_own());
            }
            Action::DeleteCronJob => {
                if let Some(cron_job) = &mut state.cron_job {
                    cron_job.terminating = true;
                }
            }
            Action::TakeJobName => {
                state.job.get_or_insert_with(foreign_job);
            }
            Action::FreeJobName => {
                state.job.take_if(|job| !job.is_own());
            }
            Action::Plug(plugin) => state.plugin = plugin,
            Action::Tick(tick) => state.tick = Some(tick),
            Action::TimePasses => pass_time(cluster),
        }
    }
}

fn running(cluster: &mut Cluster) -> Option<&mut Job> {
    let job = cluster.state.job.as_mut();
    job.filter(|job| job.end.is_none() && !job.terminating && job.is_own())
}

fn end(cluster: &mut Cluster, end: End) {
    let Some(job) = running(cluster) else {
        return;
    };
    job.end = Some(end);
    let request = job.request.clone();
    let is_open = |name: &String| {
        let mut requests = cluster.state.requests.iter();
        requests.any(|request| request.name == *name && !request.completed)
    };
    if end == End::Succeeded
        && let Some(name) = request.filter(is_open)
    {
        cluster.state.fulfilled.insert(name);
    }
}

fn create_request(cluster: &mut Cluster) {
    let state = &mut cluster.state;
    let open = state.requests.iter().filter(|request| !request.completed);
    if open.count() < MOST_REQUESTS {
        let name = format!("user-{}", state.user_requests);
        state.requests.push(Request::new(&name, &name));
        state.user_requests += 1;
    }
}

fn pass_time(cluster: &mut Cluster) {
    let state = &mut cluster.state;
    state.requests.iter_mut().for_each(Request::pass_time);
    state.job.iter_mut().for_each(Job::pass_time);
}

fn oldest(cluster: &Cluster) -> Option<String> {
    let mut requests = cluster.state.requests.iter();
    requests
        .find(|request| !request.completed)
        .map(|request| request.name.clone())
}

fn foreign_job() -> Job {
    Job {
        ownership: Ownership::Foreign,
        ..Job::new("foreign".into(), &Goal::Stream, 0)
    }
}
