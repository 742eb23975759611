//! Every field of a Job is classified.

use std::collections::BTreeSet;

use arcane_contract::api::PluginGrants;
use arcane_plugins::rails::{Classification, EffectiveGrants, Grant, classify, judge};
use k8s_openapi::api::batch::v1::Job;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

fn schema() -> Value {
    SchemaSettings::openapi3()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Job>()
        .to_value()
}

/// Every path of the schema that has nothing below, and how many there are.
fn leaves(path: &mut Vec<String>, schema: &Value, visit: &mut impl FnMut(&[String])) {
    let properties = schema["properties"].as_object();
    if let Some(properties) = properties {
        for (name, property) in properties {
            path.push(name.clone());
            leaves(path, property, visit);
            path.pop();
        }
        return;
    }
    for (keyword, step) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[keyword].is_object() {
            path.push(step.to_owned());
            leaves(path, &schema[keyword], visit);
            path.pop();
            return;
        }
    }
    visit(path);
}

fn classification(path: &str) -> Classification {
    classify(&path.split('.').collect::<Vec<_>>())
}

#[test]
fn every_field_of_a_job_is_classified() {
    let mut count = 0;
    let mut unclassified = Vec::new();
    leaves(&mut Vec::new(), &schema(), &mut |path| {
        count += 1;
        let steps: Vec<_> = path.iter().map(String::as_str).collect();
        if matches!(
            classify(&steps),
            Classification::Unclassified | Classification::Parent
        ) {
            unclassified.push(path.join("."));
        }
    });
    assert_eq!(unclassified, Vec::<String>::new());
    assert!(count > 800, "{count}");
}

#[test]
fn what_no_job_has_is_not_classified() {
    for path in [
        "anything",
        "metadata.anything",
        "spec.anything",
        "spec.template.anything",
        "spec.template.spec.anything",
        "spec.template.spec.containers.[].anything",
        "spec.template.spec.containers.[].env.[].valueFrom.anything",
        "spec.template.spec.volumes.[].anything",
        "spec.template.spec.volumes.[].projected.sources.[].anything",
        "spec.template.spec.containers.[].securityContext.anything",
        "spec.template.spec.initContainers.[].livenessProbe.httpGet.anything",
    ] {
        assert_eq!(classification(path), Classification::Unclassified, "{path}");
    }
}

#[test]
fn a_field_is_classified_by_the_row_that_is_nearest() {
    for (path, expected) in [
        ("metadata.name", Classification::Fixed),
        ("metadata.ownerReferences.[].uid", Classification::Fixed),
        ("metadata.labels.{}", Classification::Bounded),
        ("spec.backoffLimit", Classification::Free),
        ("spec.template.spec", Classification::Parent),
        (
            "spec.template.spec.hostNetwork",
            Classification::Granted(Grant::HostNamespaces),
        ),
        (
            "spec.template.spec.affinity.nodeAffinity",
            Classification::Granted(Grant::Placement),
        ),
        (
            "spec.template.spec.initContainers.[].securityContext.capabilities.add.[]",
            Classification::Granted(Grant::Capabilities),
        ),
        (
            "spec.template.spec.volumes.[].hostPath.path",
            Classification::Granted(Grant::Volumes),
        ),
        (
            "spec.template.spec.containers.[].args.[]",
            Classification::Free,
        ),
    ] {
        assert_eq!(classification(path), expected, "{path}");
    }
}

/// JSON pointers.
#[derive(Default)]
struct Places {
    objects: Vec<String>,
    values: Vec<String>,
}

/// A Job that has every field of the schema, each list with one entry, and the JSON pointers of
/// all its objects that are no maps, and of all else that is no list.
fn everything(schema: &Value, pointer: &str, places: &mut Places) -> Value {
    if let Some(properties) = schema["properties"].as_object() {
        places.objects.push(pointer.to_owned());
        let fields = properties.iter().map(|(name, property)| {
            let below = format!("{pointer}/{name}");
            (name.clone(), everything(property, &below, places))
        });
        return fields.collect();
    }
    if schema["items"].is_object() {
        let entry = everything(&schema["items"], &format!("{pointer}/0"), places);
        return Value::Array(vec![entry]);
    }
    places.values.push(pointer.to_owned());
    match schema["type"].as_str() {
        Some("object") => json!({"key": "1"}),
        Some("boolean") => true.into(),
        Some("integer" | "number") => 1.into(),
        _ => "1".into(),
    }
}

#[test]
fn a_field_that_no_job_has_is_refused_wherever_it_stands() {
    let mut places = Places::default();
    let given = everything(&schema(), "", &mut places);
    assert!(places.objects.len() > 200, "{}", places.objects.len());
    assert!(places.values.len() > 800, "{}", places.values.len());
    let grants = EffectiveGrants::of(&PluginGrants::default(), &BTreeSet::new());
    assert_eq!(judge(&given, &given, &grants), Ok(()));
    let accepted = |pointer: &String, change: &dyn Fn(&mut Value)| {
        let mut proposed = given.clone();
        change(proposed.pointer_mut(pointer).unwrap());
        judge(&given, &proposed, &grants).is_ok()
    };
    let mut accepting = places.objects.clone();
    accepting.retain(|pointer| accepted(pointer, &|object| object["notAField"] = "x".into()));
    assert_eq!(accepting, Vec::<String>::new());

    // Nor where there is no object.
    let disguised = json!({"notAField": {"name": "x"}});
    let mut accepting = places.values;
    accepting.retain(|pointer| accepted(pointer, &|value| *value = disguised.clone()));
    assert_eq!(accepting, Vec::<String>::new());
}
