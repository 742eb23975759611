use serde_json::json;

use super::*;
use crate::{Quantity, testing};

/// What the host is told of a change, as operations.
fn operations(change: impl FnOnce(&mut Job)) -> Value {
    let mut job = testing::job();
    change(&mut job);
    match job.answer() {
        Answer::Patch(patch) => serde_json::from_str(&patch).unwrap(),
        other => panic!("{other:?}"),
    }
}

const MAIN: &str = "/spec/template/spec/containers/0";

#[test]
fn what_nobody_changed_is_unchanged() {
    assert_eq!(testing::job().answer(), Answer::Unchanged);
    let mut job = testing::job();
    assert_eq!(job.main().unwrap().name(), "stream");
    assert_eq!(job.metadata().label("arcane/stream-id"), Some("orders"));
    assert_eq!(job.node_selector("pool"), None);
    assert!(!job.metadata().remove_label("nothing"));
    assert!(!job.main().unwrap().remove_env("NOTHING"));
    assert_eq!(job.answer(), Answer::Unchanged);
    job.set_backoff_limit(3);
    assert_eq!(job.answer(), Answer::Unchanged, "it was 3 before");
}

#[test]
fn a_patch_names_what_was_changed_and_nothing_else() {
    let operations = operations(|job| {
        let mut main = job.main().unwrap();
        main.set_env("CACHE", "off");
        main.set_resource("memory", Quantity::mebi(2_048));
        job.metadata().set_label("cost/team", "data");
        job.set_backoff_limit(1);
    });
    assert_eq!(
        operations,
        json!([
            {"op": "add", "path": "/metadata/labels/cost~1team", "value": "data"},
            {"op": "replace", "path": "/spec/backoffLimit", "value": 1},
            {"op": "add", "path": format!("{MAIN}/env/-"), "value": {"name": "CACHE", "value": "off"}},
            {"op": "replace", "path": format!("{MAIN}/resources/limits/memory"), "value": "2Gi"},
            {"op": "replace", "path": format!("{MAIN}/resources/requests/memory"), "value": "2Gi"},
        ])
    );
}

#[test]
fn a_list_that_lost_an_element_is_given_as_a_whole() {
    let operations = operations(|job| {
        assert!(job.main().unwrap().remove_env("STREAMCONTEXT__STREAM_ID"));
    });
    let left = json!([{"name": "STREAMCONTEXT__BACKFILL", "value": "false"}]);
    assert_eq!(
        operations,
        json!([{"op": "replace", "path": format!("{MAIN}/env"), "value": left}])
    );
}

#[test]
fn what_was_removed_is_removed() {
    let operations = operations(|job| {
        assert!(job.main().unwrap().remove_limit("memory"));
        assert!(job.pod_metadata().remove_label("arcane/stream-kind"));
    });
    assert_eq!(
        operations,
        json!([
            {"op": "remove", "path": "/spec/template/metadata/labels/arcane~1stream-kind"},
            {"op": "remove", "path": format!("{MAIN}/resources/limits/memory")},
        ])
    );
}

#[test]
fn a_job_that_is_shorter_than_its_patch_is_given_as_a_whole() {
    let mut job = testing::job();
    *job.raw_mut() = json!({"kind": "Job"});
    // Twenty fields go; each has its own operation.
    for key in 0..20 {
        job.given.as_mut().unwrap()[format!("field-{key}")] = json!(0);
    }
    assert_eq!(job.answer(), Answer::Job("{\"kind\":\"Job\"}".into()));
}

#[test]
fn of_several_variables_of_a_name_the_last_one_counts() {
    let mut job = testing::job();
    job.main().unwrap().raw_mut()["env"] = json!([
        {"name": "A", "value": "first"},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "A", "value": "last"},
        {"name": "EMPTY"},
    ]);
    let mut main = job.main().unwrap();
    assert_eq!(main.env("A"), Some("last"));
    assert_eq!(main.env("SECRET"), None);
    assert_eq!(main.env("EMPTY"), Some(""));
    main.set_env("A", "new").set_env("SECRET", "plain");
    assert_eq!(
        main.raw()["env"],
        json!([
            {"name": "A", "value": "first"},
            {"name": "SECRET", "value": "plain"},
            {"name": "A", "value": "new"},
            {"name": "EMPTY"},
        ])
    );
    assert!(main.remove_env("A"));
    assert_eq!(main.env("A"), None);
}

#[test]
fn arguments_and_images_are_read_and_set() {
    let mut job = testing::job();
    let mut main = job.main().unwrap();
    assert_eq!(main.args(), ["start"]);
    assert_eq!(main.image(), Some("registry.example/sample-stream:1.0.0"));
    main.add_arg("--fast").set_image("registry.example/other:2");
    assert_eq!(main.args(), ["start", "--fast"]);
    assert_eq!(main.image(), Some("registry.example/other:2"));
    assert_eq!(main.set_args(["stop"]).args(), ["stop"]);
}

#[test]
fn containers_are_found_by_name() {
    let mut job = testing::job();
    let pod = &mut job.raw_mut()["spec"]["template"]["spec"];
    pod["initContainers"] = json!([{"name": "prepare"}]);
    pod["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "proxy"}));
    let names = |job: &mut Job| -> Vec<String> {
        job.containers()
            .map(|container| container.name().to_owned())
            .collect()
    };
    assert_eq!(names(&mut job), ["stream", "proxy"]);
    assert_eq!(job.main().unwrap().name(), "stream");
    job.container("proxy").unwrap().set_env("A", "b");
    assert_eq!(job.container("proxy").unwrap().env("A"), Some("b"));
    assert!(job.container("prepare").is_none());
    assert_eq!(job.init_containers().next().unwrap().name(), "prepare");
}

#[test]
fn resources_may_be_numbers_and_must_be_quantities() {
    let mut job = testing::job();
    let mut main = job.main().unwrap();
    main.raw_mut()["resources"]["requests"] = json!({"cpu": 2, "memory": "much", "disk": null});
    assert_eq!(main.request("cpu").unwrap(), Some(Quantity::whole(2)));
    assert_eq!(main.request("disk").unwrap(), None);
    assert_eq!(main.request("gpu").unwrap(), None);
    let message = main.request("memory").unwrap_err().to_string();
    assert!(
        message.starts_with("requests.memory of container `stream`: `much`"),
        "{message}"
    );
    main.set_request("memory", Quantity::milli(1_500));
    assert_eq!(main.raw()["resources"]["requests"]["memory"], "1500m");
    assert!(main.remove_request("cpu") && !main.remove_request("cpu"));
}

#[test]
fn placement_is_added_to_what_the_template_has() {
    let mut job = testing::job();
    let tenant = Toleration {
        key: Some("tenant".into()),
        operator: Some("Equal".into()),
        value: Some("acme".into()),
        effect: Some("NoExecute".into()),
        toleration_seconds: Some(60),
    };
    assert_eq!(job.tolerations().unwrap(), []);
    job.add_toleration(&tenant);
    job.add_toleration(&tenant);
    job.set_node_selector("pool", "acme");
    job.set_priority_class("low");
    job.set_affinity(json!({"podAntiAffinity": {}}));
    assert_eq!(job.tolerations().unwrap(), std::slice::from_ref(&tenant));
    assert_eq!(job.node_selector("pool"), Some("acme"));
    assert_eq!(job.priority_class(), Some("low"));
    assert_eq!(job.affinity(), Some(&json!({"podAntiAffinity": {}})));
    assert_eq!(
        job.raw()["spec"]["template"]["spec"]["tolerations"][0],
        serde_json::to_value(&tenant).unwrap()
    );
    job.raw_mut()["spec"]["template"]["spec"]["tolerations"] = json!([{"key": 1}]);
    let message = job.tolerations().unwrap_err().to_string();
    assert_eq!(
        message,
        "tolerations of the template: [0].key: expected a string, found 1"
    );
}

#[test]
fn limits_of_the_job_are_read_and_set() {
    let mut job = testing::job();
    assert_eq!(
        (job.backoff_limit(), job.active_deadline()),
        (Some(3), None)
    );
    job.set_backoff_limit(0);
    job.set_active_deadline(Duration::from_millis(10));
    assert_eq!(job.backoff_limit(), Some(0));
    assert_eq!(job.active_deadline(), Some(Duration::from_secs(1)));
}

#[test]
fn labels_and_annotations_of_pods_are_their_own() {
    let mut job = testing::job();
    job.pod_metadata()
        .set_annotation("a/b", "pod")
        .set_label("c", "d");
    job.metadata().set_annotation("a/b", "job");
    assert_eq!(job.pod_metadata().annotation("a/b"), Some("pod"));
    assert_eq!(job.metadata().annotation("a/b"), Some("job"));
    assert_eq!(job.metadata().label("c"), None);
    assert!(job.metadata().remove_annotation("a/b"));
    assert_eq!(
        job.raw()["spec"]["template"]["metadata"]["annotations"]["a/b"],
        "pod"
    );
}

/// Templates are written by people.
#[test]
fn a_job_of_any_shape_can_be_looked_at_and_changed() {
    for shape in [
        json!(null),
        json!([]),
        json!("Job"),
        json!({"metadata": [], "spec": 1}),
        json!({"metadata": {"labels": null}, "spec": {"template": {"spec": {"containers": {}}}}}),
        json!({"spec": {"template": {"spec": {"containers": [], "tolerations": {}}}}}),
        json!({"spec": {"template": {"spec": {"containers": [null, 1, {"name": 1, "env": {}, "args": 1, "resources": []}]}}}}),
    ] {
        let mut job = Job::from(shape);
        assert_eq!(job.priority_class(), None);
        for mut container in job.containers() {
            assert_eq!((container.name(), container.env("A")), ("", None));
            container
                .set_env("A", "b")
                .add_arg("c")
                .set_limit("cpu", Quantity::whole(1));
            assert_eq!(
                (container.env("A"), container.args()),
                (Some("b"), vec!["c"])
            );
        }
        job.metadata().set_label("a", "b");
        job.pod_metadata().set_label("a", "b");
        job.set_node_selector("a", "b");
        job.add_toleration(&Toleration::default());
        job.set_backoff_limit(1);
        assert_eq!(job.metadata().label("a"), Some("b"));
        assert_eq!(job.node_selector("a"), Some("b"));
        assert_eq!(job.tolerations().unwrap(), [Toleration::default()]);
        assert_ne!(job.answer(), Answer::Unchanged);
    }
}

#[test]
fn a_text_that_is_no_json_is_told_where() {
    let message = Job::parse("{\n \"a\" 1}").unwrap_err().to_string();
    assert_eq!(message, "no JSON, at line 2, column 6");
}
