use arcane_contract::names;
use arcane_contract::render::{self, Settings, Stream};
use arcane_contract::stream::SpecJson;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{all_three, job_spec, published_template, spec, stream, template, variables};

const LEAVE_TTL: Settings = Settings {
    minimum_job_ttl_seconds: 0,
};

fn streaming(template_spec: &Value) -> Value {
    let spec = spec();
    render::streaming_job(&stream(&spec, &[]), &template(template_spec), &LEAVE_TTL)
        .unwrap()
        .manifest
}

fn refusal(template_spec: &Value, spec: &SpecJson, secret_refs: &[String]) -> render::Error {
    let results = all_three(
        &stream(spec, secret_refs),
        &template(template_spec),
        &LEAVE_TTL,
    );
    let [streaming, backfill, scheduled] = results.map(Result::unwrap_err);
    assert_eq!(streaming, backfill);
    assert_eq!(streaming, scheduled);
    streaming
}

fn container(manifest: &Value) -> &Value {
    &job_spec(manifest)["template"]["spec"]["containers"][0]
}

#[test]
fn the_environment_follows_the_templates_own_in_the_order_that_stream_images_were_given() {
    let spec = spec();
    let manifests = all_three(
        &stream(&spec, &[]),
        &template(&published_template()),
        &LEAVE_TTL,
    )
    .map(|rendered| rendered.unwrap().manifest);
    let [streaming, backfill, scheduled] = manifests.each_ref().map(|manifest| {
        variables(container(manifest))
            .join(" ")
            .replace("STREAMCONTEXT_", "")
    });
    let own = "APPLICATION_VERSION _LOG_LEVEL _STREAM_ID _STREAM_KIND _SPEC";
    assert_eq!(streaming, format!("{own} _BACKFILL"));
    assert_eq!(backfill, format!("{own} _OVERRIDE _BACKFILL _BACKFILL_ID"));
    assert_eq!(scheduled, format!("{own} _BACKFILL _BACKFILL_ID _OVERRIDE"));
}

#[test]
fn a_template_that_says_who_the_stream_is_is_refused() {
    for variable in [names::ENV_STREAM_ID, names::ENV_STREAM_KIND] {
        let mut base = published_template();
        let sidecar = json!({ "name": "sidecar", "env": [{ "name": variable, "value": "x" }] });
        base["spec"]["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(sidecar);
        let error = refusal(&base, &spec(), &[]);
        assert_eq!(error.reason(), "TemplateSetsContractVariable");
        assert_eq!(
            error.to_string(),
            format!(
                "StreamingJobTemplate platform/standard: spec.spec.template.spec.containers[1].env of container sidecar sets {variable}, which is set for every stream: remove it from the template"
            )
        );
    }
}

#[test]
fn other_contract_variables_of_a_template_are_overwritten_in_their_place() {
    let mut base = published_template();
    base["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
        { "name": names::ENV_BACKFILL_ID, "valueFrom": { "fieldRef": { "fieldPath": "x" } } },
        { "name": names::ENV_BACKFILL, "value": "maybe" },
        { "name": "OWN", "value": "1" },
        { "name": names::ENV_BACKFILL, "value": "twice" },
    ]);
    let spec = spec();
    let stream = stream(&spec, &[]);
    let backfill =
        render::backfill_job(&stream, &template(&base), "request", None, &LEAVE_TTL).unwrap();
    let env = &container(&backfill.manifest)["env"];
    assert_eq!(
        env[0],
        json!({ "name": names::ENV_BACKFILL_ID, "value": "request" })
    );
    assert_eq!(
        env[1],
        json!({ "name": names::ENV_BACKFILL, "value": "true" })
    );
    assert_eq!(env[2]["name"], "OWN");
    assert_eq!(env[3]["name"], names::ENV_STREAM_ID);
}

#[test]
fn init_containers_get_the_environment_only_when_the_template_asks() {
    let secrets = ["connectionStringRef".to_owned()];
    let spec = spec();
    let render = |base: &Value| {
        render::streaming_job(&stream(&spec, &secrets), &template(base), &LEAVE_TTL)
            .unwrap()
            .manifest["spec"]["template"]["spec"]["initContainers"]
            .clone()
    };

    let mut base = published_template();
    let untouched = base["spec"]["template"]["spec"]["initContainers"].clone();
    assert_eq!(render(&base), untouched);
    base["metadata"]["annotations"][names::ANNOTATION_INJECT_INIT_CONTAINERS] = json!("false");
    assert_eq!(render(&base), untouched);

    base["metadata"]["annotations"][names::ANNOTATION_INJECT_INIT_CONTAINERS] = json!("true");
    let injected = render(&base);
    assert_eq!(
        variables(&injected[0]),
        [
            names::ENV_STREAM_ID,
            names::ENV_STREAM_KIND,
            names::ENV_SPEC,
            names::ENV_BACKFILL
        ]
    );
    assert_eq!(
        injected[0]["envFrom"],
        json!([{ "secretRef": { "name": "orders-database" } }])
    );

    let pod = base["spec"]["template"]["spec"].as_object_mut().unwrap();
    pod.remove("initContainers");
    assert_eq!(render(&base), Value::Null);
}

#[test]
fn secrets_are_appended_in_the_order_of_the_class() {
    let spec = SpecJson::new(&json!({ "b": { "name": "two" }, "a": { "name": "one", "x": 1 } }));
    let secrets = ["b".to_owned(), "a".to_owned()];
    let stream = stream(&spec, &secrets);
    let rendered =
        render::streaming_job(&stream, &template(&published_template()), &LEAVE_TTL).unwrap();
    assert_eq!(
        container(&rendered.manifest)["envFrom"],
        json!([
            { "configMapRef": { "name": "stream-defaults" } },
            { "secretRef": { "name": "two" } },
            { "secretRef": { "name": "one" } },
        ])
    );
}

#[test]
fn a_secret_that_the_definition_does_not_name_is_asked_for() {
    for (reference, found) in [
        (None, "missing"),
        (
            Some(json!("orders-database")),
            "the string \"orders-database\"",
        ),
        (Some(json!({})), "an object whose name is missing"),
        (
            Some(json!({ "name": "" })),
            "an object whose name is an empty string",
        ),
        (
            Some(json!({ "name": 7 })),
            "an object whose name is the number 7",
        ),
    ] {
        let mut fields = Map::new();
        if let Some(reference) = reference {
            fields.insert("database<&>".to_owned(), reference);
        }
        let error = refusal(
            &published_template(),
            &SpecJson::new(&Value::Object(fields)),
            &["database<&>".to_owned()],
        );
        assert_eq!(error.reason(), "SecretRefInvalid");
        assert_eq!(
            error.to_string(),
            format!(
                "SqlServerStream sales/orders: spec.database<&> is {found}, and StreamClass sqlserver-change-tracking lists database<&> in secretRefs: set it to an object with the name of a Secret, such as {{\"name\": \"my-secret\"}}"
            )
        );
    }
}

#[test]
fn a_ttl_is_raised_but_never_lowered_and_never_invented() {
    let spec = spec();
    let rendered_ttl = |own: Value, minimum: u32| {
        let mut base = published_template();
        base["spec"]["ttlSecondsAfterFinished"] = own;
        let settings = Settings {
            minimum_job_ttl_seconds: minimum,
        };
        let [streaming, backfill, scheduled] =
            all_three(&stream(&spec, &[]), &template(&base), &settings).map(|rendered| {
                job_spec(&rendered.unwrap().manifest)["ttlSecondsAfterFinished"].clone()
            });
        assert_eq!(streaming, backfill);
        assert_eq!(
            scheduled, base["spec"]["ttlSecondsAfterFinished"],
            "the CronJob records its runs itself"
        );
        streaming
    };
    assert_eq!(rendered_ttl(json!(1), 3600), 3600);
    assert_eq!(rendered_ttl(json!(0), 3600), 3600);
    assert_eq!(rendered_ttl(json!(7200), 3600), 7200);
    assert_eq!(rendered_ttl(json!(1), 0), 1);
    assert_eq!(rendered_ttl(Value::Null, 3600), Value::Null);
}

#[test]
fn a_payload_changes_the_hash_and_the_hash_without_it_counts_as_current() {
    let spec = spec();
    let (stream, template) = (stream(&spec, &[]), template(&published_template()));
    let render = |payload: Option<&Value>| {
        render::backfill_job(&stream, &template, "r", payload, &LEAVE_TTL).unwrap()
    };
    let bare = render(None);
    let with = render(Some(&json!({ "from": 1 })));
    assert_eq!(bare.equivalent_hashes, [] as [String; 0]);
    assert_ne!(with.configuration_hash, bare.configuration_hash);
    assert_eq!(with.equivalent_hashes, [bare.configuration_hash.as_str()]);
    assert_eq!(render(Some(&Value::Null)), bare);
}

#[test]
fn a_job_inherits_nothing_that_was_said_of_another_job() {
    let mut base = published_template();
    base["metadata"]["uid"] = json!("1");
    base["metadata"]["resourceVersion"] = json!("1");
    for annotation in [
        names::ANNOTATION_BACKFILL_REQUEST,
        names::ANNOTATION_RESTART,
        names::ANNOTATIONS_STATE[0],
        names::ANNOTATIONS_STATE[1],
        names::ANNOTATION_RENDER_HASH,
    ] {
        base["metadata"]["annotations"][annotation] = json!("schema-mismatch");
    }
    assert_eq!(streaming(&base), streaming(&published_template()));
}

#[test]
fn every_owner_of_the_template_stays_and_the_definition_controls_the_job() {
    let mut base = published_template();
    base["metadata"]["ownerReferences"] = json!([{ "kind": "Team", "name": "data" }]);
    let owners = streaming(&base)["metadata"]["ownerReferences"].clone();
    assert_eq!(owners[0], base["metadata"]["ownerReferences"][0]);
    assert_eq!(owners[1]["controller"], true);
    assert_eq!(owners[1]["name"], "orders");
}

#[test]
fn a_template_without_any_metadata_is_enough() {
    let manifest = streaming(&json!({
        "spec": { "template": { "spec": { "containers": [{ "name": "stream" }] } } },
    }));
    assert_eq!(manifest["metadata"]["name"], "orders");
    assert_eq!(
        manifest["spec"]["template"]["metadata"]["labels"],
        json!({ "arcane/stream-id": "orders", "arcane/stream-kind": "SqlServerStream" })
    );
}

#[test]
fn a_field_that_this_kubernetes_version_does_not_know_goes_through() {
    let mut base = published_template();
    base["spec"]["fromTheFuture"] = json!({ "deep": [1, 2.5, null] });
    base["spec"]["template"]["spec"]["containers"][0]["fromTheFuture"] = json!("x");
    let manifest = streaming(&base);
    assert_eq!(
        manifest["spec"]["fromTheFuture"],
        base["spec"]["fromTheFuture"]
    );
    assert_eq!(container(&manifest)["fromTheFuture"], "x");
}

#[test]
fn each_input_shows_in_the_render_hash() {
    let spec = spec();
    let base = stream(&spec, &[]);
    let hash = |stream: &Stream<'_>, base: &Value, settings: &Settings| {
        render::streaming_job(stream, &template(base), settings)
            .unwrap()
            .render_hash
    };
    let mut changed_template = published_template();
    changed_template["spec"]["template"]["spec"]["containers"][0]["image"] = json!("other");
    let other_spec = SpecJson::new(&json!({}));

    let hashes = [
        hash(&base, &published_template(), &LEAVE_TTL),
        hash(&base, &changed_template, &LEAVE_TTL),
        hash(
            &base,
            &published_template(),
            &Settings {
                minimum_job_ttl_seconds: 60,
            },
        ),
        hash(
            &Stream {
                spec: &other_spec,
                ..base
            },
            &published_template(),
            &LEAVE_TTL,
        ),
        hash(
            &Stream {
                restart: Some("1"),
                ..base
            },
            &published_template(),
            &LEAVE_TTL,
        ),
    ];
    let distinct: std::collections::BTreeSet<&String> = hashes.iter().collect();
    assert_eq!(distinct.len(), hashes.len());
}

/// Templates with any number of containers, whose own variables may clash with the contract's.
fn templates() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just(names::ENV_SPEC.to_owned()),
        Just(names::ENV_OVERRIDE.to_owned()),
        Just(names::ENV_BACKFILL.to_owned()),
        Just(names::ENV_BACKFILL_ID.to_owned()),
        "[A-Z]{1,4}",
    ];
    let env = prop::collection::vec((name, any::<String>()), 0..6).prop_map(|entries| {
        entries
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect::<Value>()
    });
    let container = ("[a-z]{1,5}", prop::option::of(env), any::<bool>()).prop_map(
        |(name, env, tty)| match env {
            Some(env) => json!({ "name": name, "env": env, "tty": tty }),
            None => json!({ "name": name, "tty": tty }),
        },
    );
    let texts = || prop::collection::btree_map("[a-z]{1,5}", any::<String>(), 0..3);
    (
        prop::collection::vec(container.clone(), 1..4),
        prop::collection::vec(container, 0..3),
        texts(),
        texts(),
        prop::option::of(0..10_000_u32),
    )
        .prop_map(|(containers, init_containers, labels, annotations, ttl)| {
            json!({
                "metadata": { "labels": labels, "annotations": annotations },
                "spec": {
                    "ttlSecondsAfterFinished": ttl,
                    "template": {
                        "metadata": { "labels": annotations },
                        "spec": {
                            "containers": containers,
                            "initContainers": init_containers,
                            "hostNetwork": false,
                        },
                    },
                },
            })
        })
}

/// A spec that is rendered into the environment.
fn specs() -> impl Strategy<Value = SpecJson> {
    crate::support::any_json().prop_map(|value| SpecJson::new(&json!({ "x": value })))
}

proptest! {
    #[test]
    fn every_container_has_each_variable_exactly_once(base in templates(), spec in specs()) {
        let results = all_three(&stream(&spec, &[]), &template(&base), &LEAVE_TTL);
        for manifest in results.map(|rendered| rendered.unwrap().manifest) {
            let pod = &job_spec(&manifest)["template"]["spec"];
            for container in pod["containers"].as_array().unwrap() {
                let present = variables(container);
                let count = |name: &str| present.iter().filter(|other| **other == name).count();
                for name in [
                    names::ENV_STREAM_ID,
                    names::ENV_STREAM_KIND,
                    names::ENV_SPEC,
                    names::ENV_BACKFILL,
                ] {
                    prop_assert_eq!(count(name), 1, "{}", name);
                }
                let env = container["env"].as_array().unwrap();
                let text = env.iter().find(|entry| entry["name"] == names::ENV_SPEC).unwrap();
                prop_assert_eq!(text["value"].as_str(), Some(spec.as_str()));
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes(base in templates(), spec in specs()) {
        let render = || {
            all_three(&stream(&spec, &[]), &template(&base), &LEAVE_TTL)
                .map(|rendered| serde_json::to_string(&rendered.unwrap().manifest).unwrap())
        };
        prop_assert_eq!(render(), render());
    }

    #[test]
    fn a_template_is_touched_only_where_the_contract_says(base in templates(), spec in specs()) {
        let [streaming, backfill, scheduled] =
            all_three(&stream(&spec, &[]), &template(&base), &LEAVE_TTL)
                .map(|rendered| rendered.unwrap().manifest);
        for job in [streaming, backfill, scheduled["spec"]["jobTemplate"].clone()] {
            prop_assert_eq!(without_ours(job), without_ours(base.clone()));
        }
    }
}

/// A Job without anything that rendering has a say in.
fn without_ours(mut job: Value) -> Value {
    drop_keys(&mut job, &["apiVersion", "kind"]);
    drop_keys(
        &mut job["metadata"],
        &["name", "namespace", "ownerReferences"],
    );
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        let ours = [
            names::LABEL_STREAM_ID,
            names::LABEL_STREAM_KIND,
            names::LABEL_BACKFILLING,
        ];
        drop_keys(job.pointer_mut(labels).unwrap(), &ours);
    }
    let ours = [
        names::ANNOTATION_CONFIGURATION_HASH,
        names::ANNOTATION_RENDER_HASH,
        names::ANNOTATION_BACKFILL_REQUEST,
    ];
    drop_keys(&mut job["metadata"]["annotations"], &ours);
    drop_if_empty(&mut job["metadata"], "annotations");
    // Where a template says nothing of disrupted pods; tested beside what adds it.
    drop_keys(
        &mut job["spec"],
        &["podFailurePolicy", "podReplacementPolicy"],
    );

    let containers = &mut job["spec"]["template"]["spec"]["containers"];
    for container in containers.as_array_mut().unwrap() {
        if let Some(Value::Array(env)) = container.get_mut("env") {
            let ours = [
                names::ENV_STREAM_ID,
                names::ENV_STREAM_KIND,
                names::ENV_SPEC,
                names::ENV_OVERRIDE,
                names::ENV_BACKFILL,
                names::ENV_BACKFILL_ID,
            ];
            env.retain(|entry| !ours.contains(&entry["name"].as_str().unwrap()));
        }
        drop_if_empty(container, "env");
    }
    job
}

fn drop_keys(object: &mut Value, keys: &[&str]) {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

/// No entries and an empty collection of them say the same.
fn drop_if_empty(object: &mut Value, key: &str) {
    let empty = [json!([]), json!({}), Value::Null];
    if empty.contains(&object[key]) {
        drop_keys(object, &[key]);
    }
}
