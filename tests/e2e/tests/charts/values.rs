//! The values of the operator's chart: what is set works, what is misspelt is refused, and all of
//! them are explained.

use std::collections::BTreeSet;
use std::fs;

use arcane_cluster::Cluster;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bed::{chart, cluster, install, path, sample_chart};

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

fn ci_values() -> Vec<String> {
    let folder = path("../../charts/arcane-host/ci");
    fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().display().to_string())
        .collect()
}

/// What the chart renders, without asking a cluster.
async fn render(more: &[&str]) -> Vec<Value> {
    let cluster = Cluster::shared().await.unwrap();
    let chart = chart("arcane-host");
    let arguments = ["template", "r", &chart, "-n", "somewhere"];
    let printed = cluster.helm(&[&arguments, more].concat()).await.unwrap();
    serde_yaml_ng::Deserializer::from_str(&printed)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| !object.is_null())
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

fn environment(deployment: &Value, name: &str) -> Value {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let entries = container["env"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["name"] == name);
    found.cloned().unwrap_or_default()
}

/// Every name of a value, dotted; lists and free maps are leaves.
fn names(prefix: &str, values: &Value, into: &mut BTreeSet<String>) {
    let fields = values.as_object().filter(|fields| !fields.is_empty());
    for (name, value) in fields.into_iter().flatten() {
        let name = format!("{prefix}{name}");
        names(&format!("{name}."), value, into);
        into.insert(name);
    }
}

#[tokio::test]
async fn lint_finds_nothing_in_any_chart() {
    let cluster = Cluster::shared().await.unwrap();
    for chart in [
        chart("arcane-host"),
        chart("arcane-host-crds"),
        sample_chart(),
    ] {
        cluster.helm(&["lint", "--strict", &chart]).await.unwrap();
    }
    for values in ci_values() {
        let chart = chart("arcane-host");
        let arguments = ["lint", "--strict", &chart, "--values", &values];
        cluster.helm(&arguments).await.unwrap();
    }
}

#[test]
fn every_value_is_in_the_schema_and_every_documented_value_in_the_readme() {
    let text = fs::read_to_string(chart("arcane-host") + "/values.yaml").unwrap();
    let schema = fs::read_to_string(chart("arcane-host") + "/values.schema.json").unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let readme = fs::read_to_string(chart("arcane-host") + "/README.md").unwrap();
    let mut all = BTreeSet::new();
    names("", &yaml(&text), &mut all);

    for name in &all {
        let open = ["extraEnv", "extraVolume"]
            .iter()
            .any(|open| name.starts_with(open));
        let pointer = name
            .split('.')
            .fold(String::new(), |at, step| format!("{at}/properties/{step}"));
        let free = name.starts_with("resources.");
        assert!(
            open || free || schema.pointer(&pointer).is_some(),
            "{name} is not in the schema"
        );
    }

    let listed: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    for name in &listed {
        assert!(
            all.contains(*name),
            "the README explains {name}, which is no value"
        );
    }
    let described = text
        .lines()
        .filter(|line| line.trim_start().starts_with("# -- "))
        .count();
    assert_eq!(
        listed.len(),
        described,
        "the README and values.yaml describe different values"
    );
}

#[tokio::test]
async fn a_misspelt_value_is_refused_by_name() {
    let cluster = Cluster::shared().await.unwrap();
    let chart = chart("arcane-host");
    for (value, name) in [
        ("replicas=2", "replicas"),
        ("image.repo=x", "repo"),
        ("settings.telemetry.loglevel=debug", "loglevel"),
        ("settings.lease.duration=15", "duration"),
        ("podSecurityContext.runAsNonroot=true", "runAsNonroot"),
        (
            "containerSecurityContext.readonlyRootFilesystem=true",
            "readonlyRootFilesystem",
        ),
        ("resources.limit.cpu=1", "limit"),
        ("tolerations[0].keys=x", "keys"),
        ("affinity.nodeAfinity.x=y", "nodeAfinity"),
        ("extraEnv[0].vale=x", "vale"),
        ("podDisruptionBudget.enable=true", "enable"),
        ("plugins.cache.size=1Gi", "size"),
        ("sharding.count=2", "count"),
        ("settings.plugins.calls=1", "calls"),
    ] {
        let arguments = ["install", "typo", &chart, "--set", value];
        let said = cluster.helm(&arguments).await.unwrap_err().to_string();
        assert!(
            said.contains(&format!("'{name}' not allowed")),
            "{value}: {said}"
        );
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_is_refused_with_its_place() {
    let cluster = Cluster::shared().await.unwrap();
    let chart = chart("arcane-host");
    for (value, place) in [
        ("settings.probes.port=0", "/settings/probes/port"),
        (
            "settings.telemetry.logFormat=xml",
            "/settings/telemetry/logFormat",
        ),
        (
            "settings.concurrency.total=0",
            "/settings/concurrency/total",
        ),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=latest", "/image/digest"),
        ("serviceAccount.create=perhaps", "/serviceAccount/create"),
        ("plugins.namespaces={No}", "/plugins/namespaces/0"),
        ("plugins.cache.sizeLimit=big", "/plugins/cache/sizeLimit"),
    ] {
        let arguments = ["install", "wrong", &chart, "--set", value];
        let said = cluster.helm(&arguments).await.unwrap_err().to_string();
        assert!(said.contains(place), "{value}: {said}");
    }
}

#[tokio::test]
async fn a_service_monitor_without_its_service_is_refused() {
    let cluster = Cluster::shared().await.unwrap();
    let chart = chart("arcane-host");
    let set = "serviceMonitor.enabled=true,service.enabled=false";
    let arguments = ["install", "wrong", &chart, "--set", set];
    let said = cluster.helm(&arguments).await.unwrap_err().to_string();
    assert!(
        said.contains("serviceMonitor.enabled needs service.enabled"),
        "{said}"
    );
}

#[tokio::test]
async fn the_existing_charts_values_work_as_they_are() {
    let values = path("../../charts/arcane-host/ci/existing-chart-values.yaml");
    let objects = render(&["--values", &values]).await;
    let deployment = of_kind(&objects, "Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let given = yaml(&fs::read_to_string(&values).unwrap());

    assert_eq!(
        container["image"],
        "registry.example.com/streaming/operator:v2.3.4"
    );
    assert_eq!(container["imagePullPolicy"], given["image"]["pullPolicy"]);
    assert_eq!(container["resources"], given["resources"]);
    assert_eq!(container["securityContext"]["runAsUser"], 1000);
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"],
        false
    );
    for (all, more) in [
        (&container["volumeMounts"], &given["extraVolumeMounts"]),
        (&pod["spec"]["volumes"], &given["extraVolumes"]),
    ] {
        let (own, added) = all.as_array().unwrap().split_first().unwrap();
        assert_eq!(own["name"], "plugin-cache");
        assert_eq!(json!(added), *more);
    }
    assert_eq!(container["envFrom"], given["extraEnvFrom"]);
    assert_eq!(pod["spec"]["imagePullSecrets"], given["imagePullSecrets"]);
    assert_eq!(pod["spec"]["serviceAccountName"], "arcane-operator");
    assert_eq!(pod["spec"]["securityContext"]["fsGroup"], 2000);
    assert_eq!(
        pod["spec"]["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for same in ["tolerations", "affinity", "nodeSelector"] {
        assert_eq!(pod["spec"][same], given[same], "{same}");
    }
    assert_eq!(pod["metadata"]["labels"]["cost-center"], "4711");
    assert_eq!(
        pod["metadata"]["annotations"],
        given["additionalAnnotations"]
    );

    assert_eq!(
        environment(deployment, "ARCANE_HOST__LOG_LEVEL")["value"],
        "info"
    );
    assert_eq!(
        environment(deployment, "ARCANE_HOST__CLUSTER_NAME")["value"],
        "analytics-1"
    );
    assert_eq!(environment(deployment, "REGION")["value"], "eu-1");
    assert_eq!(environment(deployment, "TRACE_SAMPLE_RATE")["value"], "0.1");
    assert_eq!(
        environment(deployment, "POD_IP")["valueFrom"],
        given["extraEnvVars"]["POD_IP"]["valueFrom"]
    );

    let account = of_kind(&objects, "ServiceAccount");
    assert_eq!(
        account["metadata"]["annotations"],
        given["serviceAccount"]["annotations"]
    );
    let role = of_kind(&objects, "ClusterRole");
    assert_eq!(role["metadata"]["labels"]["team"], "data");
    assert_eq!(
        role["metadata"]["annotations"]["team.example.com/contact"],
        "data"
    );
}

#[tokio::test]
async fn settings_reach_the_operator_as_its_environment() {
    let objects = render(&[
        "--set",
        "settings.probes.port=1001,settings.telemetry.metricsPort=1002",
        "--set",
        "settings.telemetry.logLevel=Warning,settings.telemetry.logFormat=text",
        "--set",
        "settings.lease.name=l,settings.lease.durationSeconds=30",
        "--set",
        "settings.lease.renewDeadlineSeconds=20,settings.lease.retryPeriodSeconds=5",
        "--set",
        "settings.concurrency.perClass=7,settings.concurrency.total=9",
        "--set",
        "settings.concurrency.writesPerSecond=88,settings.concurrency.threads=3",
        "--set",
        "settings.jobs.minimumTtlSeconds=86400000",
        "--set",
        "settings.timeouts.reconcileSeconds=40,settings.timeouts.apiSeconds=8",
        "--set",
        "settings.backoff.initialSeconds=3,settings.backoff.maximumSeconds=99",
        "--set",
        "settings.plugins.concurrentCalls=5,settings.plugins.maximumMebibytes=6",
        "--set",
        "settings.plugins.compileMebibytes=222",
        "--set",
        "sharding.shards=4",
    ])
    .await;
    let deployment = of_kind(&objects, "Deployment");
    for (name, value) in [
        ("PROBES_PORT", "1001"),
        ("METRICS_PORT", "1002"),
        ("LOG_LEVEL", "warn"),
        ("LOG_FORMAT", "text"),
        ("CLUSTER_NAME", ""),
        ("SHARDS", "4"),
        ("LEASE_NAME", "l"),
        ("LEASE_DURATION_SECONDS", "30"),
        ("LEASE_RENEW_DEADLINE_SECONDS", "20"),
        ("LEASE_RETRY_PERIOD_SECONDS", "5"),
        ("THREADS", "3"),
        ("CONCURRENCY_PER_CLASS", "7"),
        ("CONCURRENCY_TOTAL", "9"),
        ("WRITES_PER_SECOND", "88"),
        ("MINIMUM_JOB_TTL_SECONDS", "86400000"),
        ("RECONCILE_TIMEOUT_SECONDS", "40"),
        ("API_TIMEOUT_SECONDS", "8"),
        ("BACKOFF_INITIAL_SECONDS", "3"),
        ("BACKOFF_MAXIMUM_SECONDS", "99"),
        ("PLUGIN_CONCURRENT_CALLS", "5"),
        ("PLUGIN_MAXIMUM_MEBIBYTES", "6"),
        ("PLUGIN_COMPILE_MEBIBYTES", "222"),
    ] {
        let found = environment(deployment, &format!("ARCANE_HOST__{name}"));
        assert_eq!(found["value"], value, "{name}");
    }
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], 1001);
    assert_eq!(container["ports"][1]["containerPort"], 1002);
    for (probe, path) in [
        ("startupProbe", "/startup"),
        ("livenessProbe", "/health"),
        ("readinessProbe", "/health/ready"),
    ] {
        assert_eq!(
            container[probe]["httpGet"],
            json!({"path": path, "port": "probes"})
        );
    }
}

#[tokio::test]
async fn the_leases_of_every_number_of_shards_are_granted_by_name_whatever_the_number() {
    let names: Vec<String> = (1..16).map(|shard| format!("l-{shard}")).collect();
    let names: Vec<&str> = ["l"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    for shards in ["1", "16"] {
        let shards = format!("sharding.shards={shards}");
        let objects = render(&["--set", "settings.lease.name=l", "--set", &shards]).await;
        let lease = of_kind(&objects, "Role");
        assert_eq!(lease["rules"][1]["resourceNames"], json!(names));
        assert_eq!(lease["rules"][0]["verbs"], json!(["create", "list"]));
    }
}

#[tokio::test]
async fn compiled_plugins_are_kept_in_a_volume_that_can_be_left_out() {
    const SETTING: &str = "ARCANE_HOST__PLUGIN_CACHE_DIR";
    let size = "plugins.cache.sizeLimit=3Gi";
    let objects = render(&["--set", size]).await;
    let deployment = of_kind(&objects, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        pod["volumes"],
        json!([{"name": "plugin-cache", "emptyDir": {"sizeLimit": "3Gi"}}])
    );
    let mount = &pod["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["name"], "plugin-cache");
    let directory = environment(deployment, SETTING)["value"].clone();
    let (directory, mounted) = (directory.as_str(), mount["mountPath"].as_str());
    // The volume's root belongs to another user, and anybody may enter it.
    let below = directory.unwrap().strip_prefix(mounted.unwrap()).unwrap();
    assert!(below.len() > 1 && below.starts_with('/'), "{below}");

    let objects = render(&["--set", "plugins.cache.enabled=false"]).await;
    let deployment = of_kind(&objects, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"], Value::Null);
    assert_eq!(pod["containers"][0]["volumeMounts"], Value::Null);
    assert_eq!(environment(deployment, SETTING), Value::Null);
}

#[tokio::test]
async fn a_label_may_not_take_pods_away_from_their_deployment() {
    let objects = render(&[
        "--set-string",
        r"additionalLabels.app\.kubernetes\.io/name=mine,additionalLabels.team=data",
    ])
    .await;
    let deployment = of_kind(&objects, "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let selected = deployment["spec"]["selector"]["matchLabels"]
        .as_object()
        .unwrap();
    for (name, value) in selected {
        assert_eq!(&labels[name], value);
    }
    assert_eq!(labels["team"], "data");
}

#[tokio::test]
async fn everything_that_can_be_switched_on_is_accepted_by_the_api_server() {
    let cluster = cluster().await.unwrap();
    let values = path("../../charts/arcane-host/ci/everything-on-values.yaml");
    let release = install(cluster, &["--values", &values]).await.unwrap();
    let manifest = ["get", "manifest", &release, "-n", &release];
    let manifest = cluster.helm(&manifest).await.unwrap();
    for kind in ["Service", "PodDisruptionBudget", "NetworkPolicy"] {
        assert!(manifest.contains(&format!("kind: {kind}\n")), "{kind}");
    }
    assert!(!manifest.contains("kind: ServiceMonitor"));
    let notes = ["get", "notes", &release, "-n", &release];
    let notes = cluster.helm(&notes).await.unwrap();
    assert!(notes.contains("No ServiceMonitor was created"), "{notes}");

    let known = [
        "--values",
        &values,
        "--api-versions",
        "monitoring.coreos.com/v1",
    ];
    let objects = render(&known).await;
    let monitor = of_kind(&objects, "ServiceMonitor");
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], "metrics");
}
