//! One stream of a test, and what a user does to it. What can be seen of it is in `sight.rs`.

use anyhow::bail;
use arcane_contract::api::{BackfillRequest, BackfillRequestSpec};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::act::act;
use crate::definition::Layout;
use crate::plugin::Plugin;
use crate::pod_record::PodRecord;

/// A stream definition that a test has created.
pub struct Stream<'p> {
    pub(crate) plugin: &'p Plugin<'p>,
    pub(crate) name: String,
    pub(crate) uid: String,
    layout: Layout,
}

impl<'p> Stream<'p> {
    pub(crate) fn new(plugin: &'p Plugin<'p>, name: String, uid: String, layout: Layout) -> Self {
        Self {
            plugin,
            name,
            uid,
            layout,
        }
    }

    /// The stream's name, which is its Job's, too.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The definition's uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Changes `spec` by a merge patch.
    #[track_caller]
    pub fn patch_spec(&self, patch: Value) -> impl Future<Output = ()> {
        self.patch(json!({"spec": patch}))
    }

    /// Sets whether the stream is suspended, where its layout says so.
    #[track_caller]
    fn set_suspended(&self, suspended: bool) -> impl Future<Output = ()> {
        self.patch_spec(self.layout.suspension(suspended))
    }

    /// Suspends the stream.
    #[track_caller]
    pub fn suspend(&self) -> impl Future<Output = ()> {
        self.set_suspended(true)
    }

    /// Ends the suspension.
    #[track_caller]
    pub fn resume(&self) -> impl Future<Output = ()> {
        self.set_suspended(false)
    }

    /// Sets an annotation of the definition.
    #[track_caller]
    pub fn annotate(&self, name: &str, value: &str) -> impl Future<Output = ()> {
        self.patch(json!({"metadata": {"annotations": {name: value}}}))
    }

    /// Changes the definition by a merge patch.
    #[track_caller]
    fn patch(&self, patch: Value) -> impl Future<Output = ()> {
        act(format!("change the stream {}", self.name), async move {
            let definitions = self.plugin.definitions();
            let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
            definitions.patch(&self.name, &params, &patch).await?;
            Ok(())
        })
    }

    /// Deletes the definition.
    #[track_caller]
    pub fn delete(&self) -> impl Future<Output = ()> {
        act(format!("delete the stream {}", self.name), async {
            let definitions = self.plugin.definitions();
            let params = DeleteParams::background();
            definitions.delete(&self.name, &params).await?;
            Ok(())
        })
    }

    /// Asks for a backfill, as clients do; returns the request's name.
    #[track_caller]
    pub fn request_backfill(&self, payload: Option<Value>) -> impl Future<Output = String> {
        self.create_request(self.plugin.class().to_owned(), payload)
    }

    /// Asks another class for a backfill of a stream of this name; returns the request's name.
    #[track_caller]
    pub fn request_backfill_of(&self, class: &str) -> impl Future<Output = String> {
        self.create_request(class.to_owned(), None)
    }

    #[track_caller]
    fn create_request(
        &self,
        class: String,
        payload: Option<Value>,
    ) -> impl Future<Output = String> {
        act("request a backfill", async move {
            let payload = match payload {
                None => None,
                Some(Value::Object(payload)) => Some(payload),
                Some(other) => bail!("a payload is an object, not {other}"),
            };
            let request = BackfillRequest {
                metadata: ObjectMeta {
                    generate_name: Some(format!("{}-", self.name)),
                    ..ObjectMeta::default()
                },
                spec: BackfillRequestSpec {
                    stream_class: class,
                    stream_id: self.name.clone(),
                    completed: false,
                    payload,
                },
                status: None,
            };
            let requests = self.plugin.api::<BackfillRequest>();
            let created = requests.create(&PostParams::default(), &request).await?;
            Ok(created.name_any())
        })
    }

    /// Sets `spec.completed` of a request, as a user does who wants no backfill any more.
    #[track_caller]
    pub fn complete_request(&self, name: &str) -> impl Future<Output = ()> {
        let name = name.to_owned();
        act(format!("complete the request {name}"), async move {
            let patch = Patch::Merge(json!({"spec": {"completed": true}}));
            let requests = self.plugin.api::<BackfillRequest>();
            requests
                .patch(&name, &PatchParams::default(), &patch)
                .await?;
            Ok(())
        })
    }

    /// Deletes a request.
    #[track_caller]
    pub fn delete_request(&self, name: &str) -> impl Future<Output = ()> {
        let name = name.to_owned();
        act(format!("delete the request {name}"), async move {
            let requests = self.plugin.api::<BackfillRequest>();
            requests.delete(&name, &DeleteParams::default()).await?;
            Ok(())
        })
    }

    /// Sets an annotation of the Job, as the stream itself does.
    #[track_caller]
    pub fn annotate_job(&self, name: &str, value: &str) -> impl Future<Output = ()> {
        let patch = json!({"metadata": {"annotations": {name: value}}});
        act(format!("annotate Job {}", self.name), async move {
            let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
            let jobs = self.plugin.api::<Job>();
            jobs.patch(&self.name, &params, &patch).await?;
            Ok(())
        })
    }

    /// Waits until the Job's pod runs.
    ///
    /// A test that has a Job replaced by another of its name waits for this first. The Job
    /// controller counts the pods that it has asked for by the Job's name: when a Job goes while
    /// its first pod is being made, the next one of that name has none for five minutes.
    #[track_caller]
    pub fn wait_pod_runs(&self) -> impl Future<Output = ()> {
        act(format!("wait for a pod of Job {}", self.name), async {
            let pods = self.plugin.pods();
            pods.wait_running(self.plugin.namespace(), &self.name)
                .await?;
            Ok(())
        })
    }

    /// Deletes the Job once its pod runs, as a user does with kubectl.
    #[track_caller]
    pub fn delete_job(&self) -> impl Future<Output = ()> {
        act(format!("delete Job {}", self.name), async {
            self.wait_pod_runs().await;
            let jobs = self.plugin.api::<Job>();
            jobs.delete(&self.name, &DeleteParams::foreground()).await?;
            Ok(())
        })
    }

    /// Lets the Job's pod end with exit code 0, once it runs.
    #[track_caller]
    pub fn finish_job(&self) -> impl Future<Output = ()> {
        act(format!("finish Job {}", self.name), async {
            let pods = self.plugin.pods();
            pods.succeed(self.plugin.namespace(), &self.name).await
        })
    }

    /// Lets the Job's pod fail, once it runs.
    #[track_caller]
    pub fn fail_job(&self, exit_code: u8, message: &str) -> impl Future<Output = ()> {
        let message = message.to_owned();
        act(format!("fail Job {}", self.name), async move {
            let (pods, namespace) = (self.plugin.pods(), self.plugin.namespace());
            pods.fail(namespace, &self.name, exit_code, &message).await
        })
    }

    /// Watches the stream's pods from now on.
    #[track_caller]
    pub fn record_pods(&self) -> impl Future<Output = PodRecord> {
        let pods = self.plugin.api();
        act("watch pods", async move {
            PodRecord::start(pods, &self.name).await
        })
    }
}
