//! The bare client: brings streams to Running with the least writes that do it, knowing beforehand
//! how all goes. No queue, no cache, no lease, no events, no second look at anything: nothing that
//! works on these streams through the same API server can be faster by much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use arcane_contract::api::StreamingJobTemplate;
use arcane_contract::names::{GROUP, LABEL_BACKFILLING, VERSION};
use arcane_contract::render::{self, Rendered, Settings};
use arcane_contract::stream::SpecJson;
use arcane_contract::template::JobTemplate;
use arcane_e2e::Plugin;
use futures::StreamExt;
use http::{Method, Request, header};
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::{NotUsed, Object};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// Streams that are worked on at the same time. All are of one class, and that is how many of one
/// class the operator works on by default (of all classes together 64). As there, a stream whose
/// backfill runs takes no place.
pub const CONCURRENCY: usize = 16;
/// Name of the threads that it runs on.
pub const THREADS: &str = "bare-client";
/// Writes for each stream.
pub const WRITES: usize = 7;
/// As the operator does by default: under the template's one second the Job would go by itself.
const SETTINGS: Settings = Settings {
    minimum_job_ttl_seconds: 3600,
};
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The bare client.
pub struct Bare {
    client: Client,
    class: String,
    kind: ApiResource,
    namespace: String,
    streaming: JobTemplate,
    backfill: JobTemplate,
    slots: Semaphore,
    /// Whom to tell that a stream's backfill Job is complete.
    waiting: Mutex<HashMap<String, oneshot::Sender<()>>>,
}

/// What the client knows of a stream.
struct Stream {
    name: String,
    uid: String,
    spec: SpecJson,
    request: String,
}

impl Stream {
    fn of(definition: &DynamicObject) -> Result<Self> {
        let name = definition.name_any();
        Ok(Self {
            request: format!("{name}-initial-backfill"),
            uid: definition.uid().context("a definition has no uid")?,
            spec: SpecJson::new(&definition.data["spec"]),
            name,
        })
    }
}

impl Bare {
    /// A client for the streams of a plugin, which knows their templates.
    pub async fn new(client: Client, plugin: &Plugin<'_>) -> Result<Self> {
        let namespace = plugin.namespace().to_owned();
        let templates: Api<StreamingJobTemplate> = plugin.api();
        let template = async |name: &str| -> Result<JobTemplate> {
            let object = serde_json::to_value(templates.get(name).await?)?;
            Ok(JobTemplate::parse(&namespace, name, &object["spec"])?)
        };
        Ok(Self {
            client,
            class: plugin.class().to_owned(),
            kind: plugin.kind().clone(),
            streaming: template("sample-streaming").await?,
            backfill: template("sample-backfill").await?,
            namespace,
            slots: Semaphore::new(CONCURRENCY),
            waiting: Mutex::default(),
        })
    }

    /// Brings `streams` definitions, as they are created, to Running.
    ///
    /// # Errors
    /// With the first write that is refused.
    pub async fn serve(
        self,
        mut created: mpsc::UnboundedReceiver<DynamicObject>,
        streams: usize,
    ) -> Result<()> {
        let bare = Arc::new(self);
        let mut tasks = JoinSet::new();
        let watch = tokio::spawn(bare.clone().watch_jobs());
        let mut running = 0;
        while running < streams {
            tokio::select! {
                Some(definition) = created.recv() => {
                    let (bare, stream) = (bare.clone(), Stream::of(&definition)?);
                    tasks.spawn(async move { bare.run(&stream).await });
                }
                Some(done) = tasks.join_next() => {
                    done??;
                    running += 1;
                }
            }
        }
        watch.abort();
        Ok(())
    }

    async fn run(&self, stream: &Stream) -> Result<()> {
        let (complete, completed) = oneshot::channel();
        self.waiting().insert(stream.name.clone(), complete);
        {
            let _slot = self.slots.acquire().await?;
            self.start_backfill(stream).await?;
        }
        completed.await.context("the watch of the Jobs has ended")?;
        let _slot = self.slots.acquire().await?;
        self.start_streaming(stream).await
    }

    async fn start_backfill(&self, stream: &Stream) -> Result<()> {
        let job = self.render(stream, true)?;
        self.create(&self.requests(), &self.request(stream)).await?;
        self.create(&self.jobs(), &job.manifest).await?;
        self.set_status(stream, "Backfilling", &job).await
    }

    async fn start_streaming(&self, stream: &Stream) -> Result<()> {
        let request = format!("{}/{}", self.requests(), stream.request);
        let completed = json!({"spec": {"completed": true}});
        self.send(Method::PATCH, &request, &completed).await?;
        let background = json!({"propagationPolicy": "Background"});
        let old = format!("{}/{}", self.jobs(), stream.name);
        self.send(Method::DELETE, &old, &background).await?;
        let job = self.render(stream, false)?;
        self.create(&self.jobs(), &job.manifest).await?;
        self.set_status(stream, "Running", &job).await
    }

    fn render(&self, stream: &Stream, backfill: bool) -> Result<Rendered> {
        let inputs = render::Stream {
            api_version: &self.kind.api_version,
            kind: &self.kind.kind,
            namespace: &self.namespace,
            name: &stream.name,
            uid: &stream.uid,
            spec: &stream.spec,
            restart: None,
            retry: None,
            class: &self.class,
            secret_refs: &[],
        };
        let rendered = if backfill {
            render::backfill_job(&inputs, &self.backfill, &stream.request, None, &SETTINGS)
        } else {
            render::streaming_job(&inputs, &self.streaming, &SETTINGS)
        };
        Ok(rendered?)
    }

    fn request(&self, stream: &Stream) -> Value {
        json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "BackfillRequest",
            "metadata": {
                "name": stream.request,
                "namespace": self.namespace,
                "ownerReferences": [{
                    "apiVersion": self.kind.api_version,
                    "kind": self.kind.kind,
                    "name": stream.name,
                    "uid": stream.uid,
                }],
            },
            "spec": {"streamClass": self.class, "streamId": stream.name, "completed": false},
        })
    }

    /// A status of the same size as the operator's: three conditions with a sentence each.
    async fn set_status(&self, stream: &Stream, phase: &str, job: &Rendered) -> Result<()> {
        let condition =
            |kind: &str, message: &str| json!({"type": kind, "status": "True", "message": message});
        let status = json!({"status": {
            "phase": phase,
            "configurationHash": job.configuration_hash,
            "conditions": [
                condition("Ready", &format!("The stream is {phase}: {}", stream.request)),
                condition("Reconciled", "All is as the definition asks for."),
                condition("UpToDate", "What runs was made from the template as it is now."),
            ],
        }});
        let kind = self.collection(&self.kind.group, &self.kind.version, &self.kind.plural);
        let path = format!("{kind}/{}/status", stream.name);
        self.send(Method::PATCH, &path, &status).await
    }

    async fn create(&self, collection: &str, object: &Value) -> Result<()> {
        self.send(Method::POST, collection, object).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        let what = format!("{method} {path}");
        let content_type = if method == Method::PATCH {
            MERGE_PATCH
        } else {
            JSON
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(serde_json::to_vec(body)?)?;
        let answer = self.client.request::<IgnoredAny>(request).await;
        answer
            .map(drop)
            .with_context(|| format!("failed to {what}"))
    }

    /// Tells the streams whose backfill Job is complete, all by one watch.
    async fn watch_jobs(self: Arc<Self>) {
        let kind = ApiResource::erase::<Job>(&());
        let jobs: Api<Object<NotUsed, JobStatus>> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &kind);
        let backfills = watcher::Config::default().labels(&format!("{LABEL_BACKFILLING}=true"));
        let mut events = watcher(jobs, backfills).default_backoff().boxed();
        while let Some(event) = events.next().await {
            if let Ok(watcher::Event::Apply(job) | watcher::Event::InitApply(job)) = event
                && is_complete(job.status.as_ref())
                && let Some(stream) = self.waiting().remove(&job.name_any())
            {
                // Nobody waits any more when the run has failed meanwhile.
                let _ = stream.send(());
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> String {
        self.collection(GROUP, VERSION, "backfillrequests")
    }

    fn jobs(&self) -> String {
        self.collection("batch", "v1", "jobs")
    }

    fn collection(&self, group: &str, version: &str, plural: &str) -> String {
        format!(
            "/apis/{group}/{version}/namespaces/{}/{plural}",
            self.namespace
        )
    }
}

fn is_complete(status: Option<&JobStatus>) -> bool {
    let conditions = status.and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Complete" && condition.status == "True")
}
