//! What the operator may do and what not, as the API server sees it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcane_cluster::{Cluster, eventually};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use crate::bed::{cluster, install, sample_chart};

/// Time that the control plane may take to fill in an aggregated role.
const AGGREGATION: Duration = Duration::from_secs(20);

/// Who asks, and where.
struct Account<'a> {
    cluster: &'a Cluster,
    user: String,
    namespace: &'a str,
}

impl Account<'_> {
    /// Whether the account may do this. `what` is `resource.group/subresource`, in short form.
    async fn may(&self, verb: &str, what: &str) -> Result<bool> {
        let (what, subresource) = what.split_once('/').unwrap_or((what, ""));
        let (resource, group) = what.split_once('.').unwrap_or((what, ""));
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(self.user.clone()),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(group.to_owned()),
                    namespace: Some(self.namespace.to_owned()),
                    resource: Some(resource.to_owned()),
                    subresource: Some(subresource.to_owned()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.cluster.client()?);
        let answer = reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.context("no answer")?.allowed)
    }

    async fn assert(&self, verbs: &str, what: &str, allowed: bool) {
        for verb in verbs.split(' ') {
            let found = self.may(verb, what).await.unwrap();
            assert_eq!(found, allowed, "{verb} {what} in {}", self.namespace);
        }
    }
}

fn operator<'a>(cluster: &'a Cluster, release: &str, namespace: &'a str) -> Account<'a> {
    Account {
        cluster,
        user: format!("system:serviceaccount:{release}:{release}-arcane-host"),
        namespace,
    }
}

#[tokio::test]
async fn the_operator_may_do_its_work_and_no_more() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &[]).await.unwrap();
    let elsewhere = operator(cluster, &release, "anywhere");
    let group = "streaming.sneaksanddata.com";
    for (verbs, what) in [
        ("get list watch", format!("streamclasses.{group}")),
        ("update patch", format!("streamclasses.{group}/status")),
        ("get list watch", format!("streamingjobtemplates.{group}")),
        (
            "get list watch create update patch",
            format!("backfillrequests.{group}"),
        ),
        ("update patch", format!("backfillrequests.{group}/status")),
        (
            "get list watch create update patch delete",
            "jobs.batch".into(),
        ),
        (
            "get list watch create update patch delete",
            "cronjobs.batch".into(),
        ),
        ("get list", "pods".into()),
        ("create patch", "events".into()),
        ("create patch", "events.events.k8s.io".into()),
        (
            "get list watch",
            "customresourcedefinitions.apiextensions.k8s.io".into(),
        ),
    ] {
        elsewhere.assert(verbs, &what, true).await;
    }
    for (verbs, what) in [
        (
            "get list watch create update patch delete",
            "secrets".into(),
        ),
        (
            "get list watch create update patch delete",
            "configmaps".into(),
        ),
        ("watch create update patch delete", "pods".into()),
        ("get create", "pods/exec".into()),
        ("get", "pods/log".into()),
        (
            "create update patch delete",
            format!("streamclasses.{group}"),
        ),
        (
            "create update patch delete",
            format!("streamingjobtemplates.{group}"),
        ),
        (
            "delete deletecollection",
            format!("backfillrequests.{group}"),
        ),
        ("deletecollection", "jobs.batch".into()),
        (
            "create update patch delete",
            "customresourcedefinitions.apiextensions.k8s.io".into(),
        ),
        (
            "get list create update patch",
            "leases.coordination.k8s.io".into(),
        ),
        (
            "create bind escalate",
            "clusterroles.rbac.authorization.k8s.io".into(),
        ),
        ("create", "serviceaccounts/token".into()),
    ] {
        elsewhere.assert(verbs, &what, false).await;
    }
    let at_home = operator(cluster, &release, &release);
    at_home
        .assert("create list", "leases.coordination.k8s.io", true)
        .await;
    // Without a name: any of them.
    at_home
        .assert(
            "get update patch delete",
            "leases.coordination.k8s.io",
            false,
        )
        .await;
    at_home.assert("get list watch", "secrets", false).await;
    at_home.assert("get list watch", "configmaps", true).await;
    at_home
        .assert(
            "create update patch delete deletecollection",
            "configmaps",
            false,
        )
        .await;
}

#[tokio::test]
async fn config_maps_with_plugins_may_be_read_where_the_values_say_so_and_nowhere_else() {
    let cluster = cluster().await.unwrap();
    let named = cluster.namespace("plugins").await.unwrap();
    let set = format!("plugins.namespaces={{{named}}}");
    let release = install(cluster, &["--set", &set]).await.unwrap();
    let there = operator(cluster, &release, &named);
    there.assert("get list watch", "configmaps", true).await;
    there
        .assert(
            "create update patch delete deletecollection",
            "configmaps",
            false,
        )
        .await;
    there.assert("get list watch", "secrets", false).await;
    for (namespace, allowed) in [(&*release, true), ("default", false)] {
        let account = operator(cluster, &release, namespace);
        account
            .assert("get list watch", "configmaps", allowed)
            .await;
    }
}

#[tokio::test]
async fn a_plugin_chart_brings_the_rights_on_its_kind() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &[]).await.unwrap();
    let operator = operator(cluster, &release, "anywhere");
    let kind = "granted-streams.streaming.sneaksanddata.com";
    operator
        .assert("get list watch update patch", kind, false)
        .await;

    let namespace = cluster.namespace("plugin").await.unwrap();
    let chart = sample_chart();
    let names =
        "className=granted,kind=GrantedStream,plural=granted-streams,singular=granted-stream";
    let arguments = [
        "install", "granted", &chart, "-n", &namespace, "--set", names,
    ];
    cluster.helm(&arguments).await.unwrap();
    eventually("the rights on the new kind", AGGREGATION, async || {
        for verb in ["get", "list", "watch", "update", "patch"] {
            ensure!(operator.may(verb, kind).await?, "may not {verb}");
        }
        ensure!(
            operator.may("patch", &format!("{kind}/status")).await?,
            "may not patch status"
        );
        Ok(())
    })
    .await;
    operator.assert("create delete", kind, false).await;

    let arguments = ["uninstall", "granted", "-n", &namespace];
    cluster.helm(&arguments).await.unwrap();
    eventually("the rights to go with the kind", AGGREGATION, async || {
        ensure!(!operator.may("get", kind).await?, "may still get");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn no_rights_are_created_when_the_user_brings_them() {
    let cluster = cluster().await.unwrap();
    let release = install(cluster, &["--set", "rbac.clusterRole.create=false"])
        .await
        .unwrap();
    let operator = operator(cluster, &release, &release);
    operator
        .assert("get", "streamclasses.streaming.sneaksanddata.com", false)
        .await;
    operator
        .assert("create", "leases.coordination.k8s.io", false)
        .await;
    operator.assert("get list watch", "configmaps", false).await;
}
