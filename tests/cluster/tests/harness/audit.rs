//! The audit oracle sees what a client did.

use anyhow::Result;
use arcane_cluster::audit::Record;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchParams};
use serde_json::json;

use crate::support::{Place, SOON, job};

/// A service account that may do anything in its namespace.
const ACCOUNT: &str = "worker";

async fn worker(place: &Place) -> Result<Client> {
    let accounts: Api<ServiceAccount> = place.api();
    let account = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}}))?;
    accounts.create(&PostParams::default(), &account).await?;
    let bindings: Api<RoleBinding> = place.api();
    let binding = serde_json::from_value(json!({
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": place.namespace}],
    }))?;
    bindings.create(&PostParams::default(), &binding).await?;
    place
        .cluster
        .client_for_service_account(&place.namespace, ACCOUNT)
        .await
}

/// What the worker did while `work` ran.
async fn record(place: &Place, work: impl AsyncFnOnce(Client) -> Result<()>) -> Result<Record> {
    let client = worker(place).await?;
    let mark = place.cluster.audit().mark().await?;
    work(client).await?;
    let record = place.cluster.audit().since(mark).await?;
    Ok(record.by_service_account(&place.namespace, ACCOUNT))
}

#[tokio::test]
async fn a_job_made_twice_for_one_request_is_a_duplicate() -> Result<()> {
    let place = Place::new("audit").await?;
    let record = record(&place, async |client| {
        let jobs: Api<Job> = Api::namespaced(client, &place.namespace);
        for (name, request, times) in [
            ("twice", Some("r1"), 2),
            ("once", Some("r2"), 1),
            ("stream", None, 2),
        ] {
            let mut job = job(name, json!({}))?;
            job.metadata.annotations = request.map(|request| {
                [(
                    "arcane.sneaksanddata.com/backfill-request".to_owned(),
                    request.to_owned(),
                )]
                .into()
            });
            for _ in 0..times {
                jobs.create(&PostParams::default(), &job).await?;
                jobs.delete(name, &DeleteParams::background().grace_period(0))
                    .await?;
                gone(&jobs, name).await;
            }
        }
        Ok(())
    })
    .await?;
    assert_eq!(record.writes().count("create", "jobs"), 5);
    let [duplicate] = record.duplicates().try_into().expect("one duplicate");
    assert_eq!(
        (
            duplicate.name.as_str(),
            duplicate.backfill_request.as_str(),
            duplicate.times
        ),
        ("twice", "r1", 2)
    );
    Ok(())
}

async fn gone(jobs: &Api<Job>, name: &str) {
    arcane_cluster::eventually("the Job to be gone", SOON, async || {
        anyhow::ensure!(jobs.get_opt(name).await?.is_none(), "still there");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_found_whoever_wrote_before() -> Result<()> {
    let place = Place::new("audit").await?;
    let label = |value: &str| Patch::Merge(json!({"metadata": {"labels": {"a": value}}}));
    place.job("j", json!({})).await?;
    place
        .cluster
        .pods()?
        .wait_running(&place.namespace, "j")
        .await?;
    let jobs: Api<Job> = place.api();
    jobs.patch("j", &PatchParams::default(), &label("1"))
        .await?;
    let record = record(&place, async |client| {
        let jobs: Api<Job> = Api::namespaced(client, &place.namespace);
        for value in ["1", "2", "2"] {
            jobs.patch("j", &PatchParams::default(), &label(value))
                .await?;
        }
        jobs.patch_status(
            "j",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {}})),
        )
        .await?;
        Ok(())
    })
    .await?;
    assert_eq!(record.writes().len(), 4);
    assert_eq!(record.unchanged().count("patch", "jobs"), 2);
    assert_eq!(record.unchanged().count("patch", "jobs/status"), 1);
    Ok(())
}

#[tokio::test]
async fn every_kind_of_secret_read_is_found() -> Result<()> {
    let place = Place::new("audit").await?;
    let record = record(&place, async |client| {
        let secrets: Api<Secret> = Api::namespaced(client, &place.namespace);
        secrets.get_opt("none").await?;
        secrets.list(&ListParams::default()).await?;
        let _open = secrets
            .watch(&WatchParams::default().timeout(1), "0")
            .await?;
        Ok(())
    })
    .await?;
    let verbs: Vec<_> = record.secret_reads().counts().into_iter().collect();
    let expected =
        ["get secrets", "list secrets", "watch secrets"].map(|read| (read.to_owned(), 1));
    assert_eq!(verbs, expected);
    Ok(())
}

#[tokio::test]
async fn dry_runs_and_failures_are_no_writes() -> Result<()> {
    let place = Place::new("audit").await?;
    let record = record(&place, async |client| {
        let maps: Api<ConfigMap> = Api::namespaced(client, &place.namespace);
        let map = serde_json::from_value(json!({"metadata": {"name": "m"}}))?;
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        maps.create(&dry, &map).await?;
        maps.create(&PostParams::default(), &map).await?;
        let again = maps.create(&PostParams::default(), &map).await;
        assert!(again.is_err(), "the name is taken");
        Ok(())
    })
    .await?;
    assert_eq!(record.writes().len(), 1);
    assert_eq!(record.dry_runs().len(), 1);
    let failed: Vec<_> = record.failed().iter().map(|request| request.code).collect();
    assert_eq!(failed, [409]);
    Ok(())
}

#[tokio::test]
async fn what_happened_before_a_mark_is_not_in_the_record() -> Result<()> {
    let place = Place::new("audit").await?;
    let audit = place.cluster.audit();
    place.job("before", json!({})).await?;
    let mark = audit.mark().await?;
    place.job("after", json!({})).await?;
    let record = audit
        .since(mark)
        .await?
        .in_namespace(&place.namespace)
        .by_user("admin");
    let names: Vec<_> = record.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["after"]);
    Ok(())
}
