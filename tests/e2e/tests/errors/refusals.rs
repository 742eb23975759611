//! What the API server refuses is told in its own words, and what runs is not given up for it.

use anyhow::{Result, ensure};
use arcane_e2e::{Definition, Plugin, act, change_template, sample, until};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{
    BACKFILL, STREAMING, assert_goes_on, containers, running, wait_healed, wait_problem,
};

/// What the kind of a template lets through and the API server refuses in a Job.
fn invalid() -> Value {
    containers(json!([{"name": "stream", "image": "s", "imagePullPolicy": "Sometimes"}]))
}

fn valid() -> Value {
    containers(json!([{"name": "stream", "image": "s", "imagePullPolicy": "Always"}]))
}

#[tokio::test]
async fn an_invalid_job_is_told_in_the_api_servers_words_until_its_template_is_mended() -> Result<()>
{
    let sample = sample().await?;
    change_template(&sample, BACKFILL, invalid()).await;
    let stream = sample.create("orders", Definition::v2()).await;
    let words = ["imagePullPolicy", "Unsupported value: \"Sometimes\""];
    wait_problem(&stream, "ApiRefused", &words).await;
    assert!(stream.job().await.is_none());
    assert_eq!(stream.status().await["phase"], "Pending");

    change_template(&sample, BACKFILL, valid()).await;
    wait_healed(&stream, "Backfilling").await;
    stream.finish_job().await;
    wait_healed(&stream, "Running").await;
    assert_eq!(stream.requests().await.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_running_job_is_not_given_up_for_one_that_would_be_refused() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    let port = json!([{"name": "stream", "image": "s", "ports": [{"containerPort": 70_000}]}]);
    change_template(&sample, STREAMING, containers(port)).await;
    stream.patch_spec(json!({"source": "another"})).await;
    let words = ["containerPort", "between 1 and 65535"];
    wait_problem(&stream, "ApiRefused", &words).await;
    assert_goes_on(&sample, &stream, &job).await?;
    assert_eq!(stream.status().await["phase"], "Running");

    // Nor for a backfill that would be.
    change_template(&sample, BACKFILL, invalid()).await;
    let request = stream.request_backfill(None).await;
    stream
        .wait_status("the other refusal", |status| {
            status.to_string().contains("Sometimes")
        })
        .await;
    assert_goes_on(&sample, &stream, &job).await?;

    change_template(&sample, BACKFILL, valid()).await;
    stream.wait_backfill_job(&request).await;
    wait_healed(&stream, "Backfilling").await;
    Ok(())
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_and_the_stream_starts_once_there_is_room() -> Result<()> {
    let sample = sample().await?;
    let quota = Quota::new(&sample, 0).await;
    let stream = sample.create("orders", Definition::v2()).await;
    let words = ["exceeded quota: jobs", "count/jobs.batch"];
    wait_problem(&stream, "ApiRefused", &words).await;
    assert!(stream.job().await.is_none());

    quota.set(1, 0).await;
    wait_healed(&stream, "Backfilling").await;
    assert_eq!(stream.requests().await.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_fills_its_quota_can_still_change() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    let quota = Quota::new(&sample, 1).await;
    quota.set(1, 1).await;
    stream.patch_spec(json!({"source": "another"})).await;
    until("the Job to make way", async || {
        let now = stream.job().await;
        ensure!(now.is_none_or(|now| now.metadata.uid != job.metadata.uid));
        Ok(())
    })
    .await;
    quota.set(1, 0).await;
    stream.wait_job_after(&job).await;
    wait_healed(&stream, "Running").await;
    Ok(())
}

/// A quota of Jobs. The test plays the controller that counts what is used; what is refused is
/// decided by the API server.
struct Quota(Api<ResourceQuota>);

impl Quota {
    async fn new(plugin: &Plugin<'_>, most: u32) -> Self {
        let quotas = plugin.api::<ResourceQuota>();
        act("create a quota", async {
            let quota = json!({
                "metadata": {"name": "jobs"},
                "spec": {"hard": {"count/jobs.batch": most.to_string()}},
            });
            let quota = serde_json::from_value(quota)?;
            quotas.create(&PostParams::default(), &quota).await?;
            Ok(())
        })
        .await;
        let quota = Self(quotas);
        quota.set(most, 0).await;
        until("the quota to be enforced", async || {
            let job = json!({"metadata": {"name": "probe"}, "spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}],
            }}}});
            let refusal = dry_run(plugin, job).await?;
            ensure!(most > 0 || refusal.contains("exceeded quota"), "{refusal}");
            Ok(())
        })
        .await;
        quota
    }

    async fn set(&self, most: u32, used: u32) {
        act("set the quota", async {
            let (most, used) = (most.to_string(), used.to_string());
            let (params, merge) = (PatchParams::default(), Patch::Merge);
            let spec = json!({"spec": {"hard": {"count/jobs.batch": most}}});
            self.0.patch("jobs", &params, &merge(spec)).await?;
            let status = json!({"status": {
                "hard": {"count/jobs.batch": most},
                "used": {"count/jobs.batch": used},
            }});
            self.0.patch_status("jobs", &params, &merge(status)).await?;
            Ok(())
        })
        .await;
    }
}

/// What the API server says to a Job that is only tried out.
async fn dry_run(plugin: &Plugin<'_>, job: Value) -> Result<String> {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let job: Job = serde_json::from_value(job)?;
    let answer = plugin.api::<Job>().create(&params, &job).await;
    Ok(answer
        .err()
        .map_or_else(String::new, |error| error.to_string()))
}

#[tokio::test]
async fn an_admission_policys_words_reach_the_stream_whose_job_it_refuses() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    refuse_image(&sample, "unsigned:1").await?;
    let image = |image: &str| containers(json!([{"name": "stream", "image": image}]));
    change_template(&sample, STREAMING, image("unsigned:1")).await;
    change_template(&sample, BACKFILL, image("unsigned:1")).await;
    stream.patch_spec(json!({"source": "another"})).await;
    let words = ["ValidatingAdmissionPolicy", "this image is not signed"];
    wait_problem(&stream, "ApiRefused", &words).await;
    assert_goes_on(&sample, &stream, &job).await?;

    let new = sample.create("new", Definition::v2()).await;
    wait_problem(&new, "ApiRefused", &words).await;
    assert!(new.job().await.is_none());

    change_template(&sample, STREAMING, image("signed:1")).await;
    change_template(&sample, BACKFILL, image("signed:1")).await;
    stream.wait_job_after(&job).await;
    wait_healed(&stream, "Running").await;
    wait_healed(&new, "Backfilling").await;
    Ok(())
}

#[tokio::test]
async fn pods_that_the_namespace_does_not_admit_leave_a_job_that_waits_and_an_operator_at_rest()
-> Result<()> {
    let sample = sample().await?;
    let label =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    Api::<Namespace>::all(sample.cluster().client()?)
        .patch(
            sample.namespace(),
            &PatchParams::default(),
            &Patch::Merge(label),
        )
        .await?;
    let privileged =
        json!([{"name": "stream", "image": "s", "securityContext": {"privileged": true}}]);
    change_template(&sample, BACKFILL, containers(privileged)).await;
    let stream = sample.create("orders", Definition::v2()).await;
    // Pod security is a matter of pods: the API server takes the Job, and its controller says why
    // no pod comes of it.
    wait_healed(&stream, "Backfilling").await;
    let events: Api<Event> = sample.api();
    until("the Job controller to say why", async || {
        let notes = events.list(&ListParams::default()).await?.items;
        let told = notes
            .iter()
            .filter_map(|event| event.note.as_deref())
            .any(|note| note.contains("violates PodSecurity"));
        ensure!(told, "{} events", notes.len());
        Ok(())
    })
    .await;
    assert_eq!(
        sample.pods().of(sample.namespace(), "orders").await?.len(),
        0
    );
    let writes = sample.writes().await;
    assert_eq!(
        writes,
        [
            "create backfillrequests",
            "create jobs",
            "patch sample-streams/status",
        ]
    );

    // The way out is the same as for any change.
    stream.suspend().await;
    wait_healed(&stream, "Suspended").await;
    stream.wait_no_job().await;
    Ok(())
}

/// Has the API server refuse Jobs with this image in the test's namespace.
async fn refuse_image(plugin: &Plugin<'_>, image: &str) -> Result<()> {
    let (client, namespace) = (plugin.cluster().client()?, plugin.namespace());
    let policy: ValidatingAdmissionPolicy = serde_json::from_value(json!({
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{
                    "apiGroups": ["batch"], "apiVersions": ["v1"],
                    "resources": ["jobs"], "operations": ["CREATE"],
                }],
            },
            "validations": [{
                "expression": format!("object.spec.template.spec.containers.all(c, c.image != '{image}')"),
                "message": "this image is not signed",
            }],
        },
    }))?;
    let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    }))?;
    let params = PostParams::default();
    Api::all(client.clone()).create(&params, &policy).await?;
    Api::all(client).create(&params, &binding).await?;
    until("the policy to be in force", async || {
        let job = json!({"metadata": {"name": "probe"}, "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": image}],
        }}}});
        let refusal = dry_run(plugin, job).await?;
        ensure!(refusal.contains("not signed"), "{refusal:?}");
        Ok(())
    })
    .await;
    Ok(())
}
