//! What can be seen of a stream, and waiting for it.

use anyhow::{Context, Result, bail, ensure};
use arcane_contract::api::BackfillRequest;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use crate::act::{act, until};
use crate::stream::Stream;

impl<'p> Stream<'p> {
    /// The definition.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = DynamicObject> {
        act(format!("get the stream {}", self.name), self.read())
    }

    async fn read(&self) -> Result<DynamicObject> {
        Ok(self.plugin.definitions().get(&self.name).await?)
    }

    /// The definition's `status`.
    #[track_caller]
    pub fn status(&self) -> impl Future<Output = Value> {
        act(format!("get the stream {}", self.name), async {
            Ok(self.read().await?.data["status"].clone())
        })
    }

    /// Waits for a phase.
    #[track_caller]
    pub fn wait_phase(&self, phase: &str) -> impl Future<Output = ()> {
        let phase = phase.to_owned();
        self.wait_status(format!("phase {phase}"), move |status| {
            status["phase"] == phase.as_str()
        })
    }

    /// Waits for a status that `is_there` is true of.
    #[track_caller]
    pub fn wait_status(
        &self,
        what: impl Into<String>,
        is_there: impl Fn(&Value) -> bool,
    ) -> impl Future<Output = ()> {
        let what = format!("{} of {}", what.into(), self.name);
        until(what, async move || {
            let status = self.read().await?.data["status"].clone();
            ensure!(is_there(&status), "{status}");
            Ok(())
        })
    }

    /// Waits until the status has a condition of this type, with this status and in these words;
    /// returns its message.
    #[track_caller]
    pub fn wait_condition(
        &self,
        kind: &str,
        status: &str,
        words: &[&str],
    ) -> impl Future<Output = String> {
        let what = format!("condition {kind} {status} {words:?} of {}", self.name);
        until(what, async move || {
            let found = self.read().await?.data["status"]["conditions"].clone();
            let mut conditions = found.as_array().into_iter().flatten();
            let message = conditions
                .find(|it| it["type"] == kind && it["status"] == status)
                .and_then(|it| it["message"].as_str())
                .with_context(|| found.to_string())?;
            ensure!(words.iter().all(|word| message.contains(word)), "{found}");
            Ok(message.to_owned())
        })
    }

    /// The Job, if there is one.
    #[track_caller]
    pub fn job(&self) -> impl Future<Output = Option<Job>> {
        act(format!("get Job {}", self.name), async {
            Ok(self.plugin.api::<Job>().get_opt(&self.name).await?)
        })
    }

    /// Waits for a Job that is not being deleted and that `is_it` is true of.
    #[track_caller]
    pub fn wait_job(
        &self,
        what: impl Into<String>,
        is_it: impl Fn(&Job) -> bool,
    ) -> impl Future<Output = Job> {
        let what = format!("{} of {}", what.into(), self.name);
        until(what, async move || {
            let job = self.plugin.api::<Job>().get(&self.name).await?;
            let is_leaving = job.metadata.deletion_timestamp.is_some();
            ensure!(
                !is_leaving && is_it(&job),
                "{:?} {:?}",
                job.metadata,
                job.status
            );
            Ok(job)
        })
    }

    /// Waits for a streaming Job.
    #[track_caller]
    pub fn wait_streaming_job(&self) -> impl Future<Output = Job> {
        self.wait_job("the streaming Job", |job| {
            job.labels().get("arcane/backfilling").map(String::as_str) == Some("false")
        })
    }

    /// Waits for the backfill Job of a request.
    #[track_caller]
    pub fn wait_backfill_job(&self, request: &str) -> impl Future<Output = Job> {
        let request = request.to_owned();
        self.wait_job(format!("the backfill Job for {request}"), move |job| {
            let named = job
                .annotations()
                .get("arcane.sneaksanddata.com/backfill-request");
            named == Some(&request)
        })
    }

    /// Waits for another Job than `old`.
    #[track_caller]
    pub fn wait_job_after(&self, old: &Job) -> impl Future<Output = Job> {
        let old = old.uid();
        self.wait_job("a new Job", move |job| job.uid() != old)
    }

    /// Waits until there is no Job, not even one that is being deleted.
    #[track_caller]
    pub fn wait_no_job(&self) -> impl Future<Output = ()> {
        until(format!("no Job of {}", self.name), async || {
            match self.plugin.api::<Job>().get_opt(&self.name).await? {
                None => Ok(()),
                Some(job) => bail!("{:?} {:?}", job.metadata, job.status),
            }
        })
    }

    /// The CronJob, if there is one.
    #[track_caller]
    pub fn cron_job(&self) -> impl Future<Output = Option<CronJob>> {
        act(format!("get CronJob {}", self.name), async {
            Ok(self.plugin.api::<CronJob>().get_opt(&self.name).await?)
        })
    }

    /// Waits for a CronJob that is not being deleted and that `is_it` is true of.
    #[track_caller]
    pub fn wait_cron_job(
        &self,
        what: impl Into<String>,
        is_it: impl Fn(&CronJob) -> bool,
    ) -> impl Future<Output = CronJob> {
        let what = format!("{} of {}", what.into(), self.name);
        until(what, async move || {
            let cron_job = self.plugin.api::<CronJob>().get(&self.name).await?;
            let is_leaving = cron_job.metadata.deletion_timestamp.is_some();
            ensure!(!is_leaving && is_it(&cron_job), "{cron_job:?}");
            Ok(cron_job)
        })
    }

    /// Waits until there is no CronJob, not even one that is being deleted.
    #[track_caller]
    pub fn wait_no_cron_job(&self) -> impl Future<Output = ()> {
        until(format!("no CronJob of {}", self.name), async || match self
            .plugin
            .api::<CronJob>()
            .get_opt(&self.name)
            .await?
        {
            None => Ok(()),
            Some(cron_job) => bail!("{:?}", cron_job.metadata),
        })
    }

    /// The stream's backfill requests, oldest first; those of other classes, too.
    #[track_caller]
    pub fn requests(&self) -> impl Future<Output = Vec<BackfillRequest>> {
        act("list backfill requests", async {
            let of_stream = ListParams::default().fields(&format!("spec.streamId={}", self.name));
            let requests = self.plugin.api::<BackfillRequest>();
            let mut requests = requests.list(&of_stream).await?.items;
            requests.sort_by_key(|request| request.creation_timestamp().map(|time| time.0));
            Ok(requests)
        })
    }

    /// Waits until the stream has no backfill request.
    #[track_caller]
    pub fn wait_no_requests(&self) -> impl Future<Output = ()> {
        until(format!("no request of {}", self.name), async || {
            let requests = self.requests().await;
            ensure!(requests.is_empty(), "{requests:?}");
            Ok(())
        })
    }

    /// Waits for a state of a request.
    #[track_caller]
    pub fn wait_request(
        &self,
        name: &str,
        what: &str,
        is_there: impl Fn(&BackfillRequest) -> bool,
    ) -> impl Future<Output = BackfillRequest> {
        let name = name.to_owned();
        until(format!("{what} of request {name}"), async move || {
            let request = self.plugin.api::<BackfillRequest>().get(&name).await?;
            ensure!(is_there(&request), "{request:?}");
            Ok(request)
        })
    }

    /// Waits until a request is completed, and its status says so.
    #[track_caller]
    pub fn wait_completed(&self, request: &str) -> impl Future<Output = BackfillRequest> {
        self.wait_request(request, "completion", |request| {
            let status = request.status.as_ref();
            let conditions = status.map(|status| status.conditions.as_slice());
            let is_complete = conditions
                .into_iter()
                .flatten()
                .any(|condition| condition.type_ == "Complete" && condition.status == "True");
            request.spec.completed && is_complete
        })
    }

    /// What was told of the stream, in order: type and reason.
    #[track_caller]
    pub fn events(&self) -> impl Future<Output = Vec<String>> {
        act("list events", async {
            let events = self.told().await?;
            Ok(events.iter().map(headline).collect())
        })
    }

    /// Waits until these are all events of the stream, in this order: `<type> <reason>`.
    #[track_caller]
    pub fn wait_events<'s>(&'s self, expected: &[&str]) -> impl Future<Output = ()> + use<'s, 'p> {
        let expected: Vec<String> = expected.iter().map(|&event| event.to_owned()).collect();
        until(format!("events {expected:?}"), async move || {
            let events: Vec<String> = self.told().await?.iter().map(headline).collect();
            ensure!(events == expected, "{events:?}");
            Ok(())
        })
    }

    /// Waits for an event of this reason and returns its note.
    #[track_caller]
    pub fn wait_event(&self, reason: &str) -> impl Future<Output = String> {
        let reason = reason.to_owned();
        until(format!("an event {reason}"), async move || {
            let events = self.told().await?;
            let found = events
                .iter()
                .rfind(|event| event.reason.as_deref() == Some(&reason));
            let seen = || events.iter().map(headline).collect::<Vec<_>>().join(", ");
            let event = found.with_context(seen)?;
            Ok(event.note.clone().unwrap_or_default())
        })
    }

    async fn told(&self) -> Result<Vec<Event>> {
        let all = ListParams::default();
        let mut events = self.plugin.api::<Event>().list(&all).await?.items;
        events.retain(|event| {
            let regarding = event.regarding.as_ref();
            regarding.and_then(|object| object.uid.as_ref()) == Some(&self.uid)
        });
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        Ok(events)
    }
}

fn headline(event: &Event) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{} {}", text(&event.type_), text(&event.reason))
}
