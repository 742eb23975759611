//! The CRDs, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::{BackfillRequest, StreamClass, StreamingJobTemplate};

/// Version under which some published charts still write StreamClasses.
const STREAM_CLASS_FORMER_VERSION: &str = "v1beta1";

/// The CRDs of the platform's kinds: StreamClass, StreamingJobTemplate, BackfillRequest.
pub fn crds() -> [CustomResourceDefinition; 3] {
    let mut crds = [
        stream_class(),
        StreamingJobTemplate::crd(),
        BackfillRequest::crd(),
    ];
    for crd in &mut crds {
        for version in &mut crd.spec.versions {
            let root = version
                .schema
                .as_mut()
                .and_then(|schema| schema.open_api_v3_schema.as_mut());
            if let Some(root) = root {
                // As in Go, where an absent spec is an empty one.
                root.required = None;
                tidy(root);
            }
        }
    }
    crds
}

fn stream_class() -> CustomResourceDefinition {
    let mut crd = StreamClass::crd();
    let former = crd.spec.versions.first().cloned().map(|mut version| {
        version.name = STREAM_CLASS_FORMER_VERSION.into();
        version.storage = false;
        version
    });
    crd.spec.versions.extend(former);
    crd
}

/// Drops `nullable` and joins the lines of each description.
///
/// The API server drops a null where the schema says nothing of nulls, and applies the default, if
/// any; where the schema says `nullable`, it stores the null. Only the payload is nullable in the
/// published CRDs.
fn tidy(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    if schema.x_kubernetes_preserve_unknown_fields != Some(true) {
        schema.nullable = None;
    }
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|all| all.values_mut())
    {
        tidy(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => tidy(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => {
            items.iter_mut().for_each(tidy);
        }
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

#[cfg(test)]
mod tests {
    use kube::core::cel::Validator;
    use serde_json::{Value, json};

    use super::*;

    fn crd(kind: &str) -> Value {
        let found = crds().into_iter().find(|crd| crd.spec.names.kind == kind);
        json!(found.unwrap())
    }

    fn schema(kind: &str) -> Value {
        crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    /// Every subschema with its path.
    fn walk<'a>(path: String, schema: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
        visit(&path, schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(format!("{path}.{name}"), property, visit);
        }
        for nested in ["items", "additionalProperties"] {
            if schema[nested].is_object() {
                walk(format!("{path}.{nested}"), &schema[nested], visit);
            }
        }
    }

    fn names_of(columns: &Value) -> Vec<&str> {
        let columns = columns.as_array().unwrap();
        columns
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn the_kinds_are_named_and_shown_as_the_platform_does() {
        for (kind, plural, short, scope, columns) in [
            (
                "StreamClass",
                "streamclasses",
                "sc",
                "Cluster",
                vec![
                    "ApiGroupRef",
                    "ApiVersion",
                    "KindRef",
                    "PluralName",
                    "Phase",
                ],
            ),
            (
                "StreamingJobTemplate",
                "streamingjobtemplates",
                "sjt",
                "Namespaced",
                vec!["MemoryLimit", "CpuLimit", "Image"],
            ),
            (
                "BackfillRequest",
                "backfillrequests",
                "bfr",
                "Namespaced",
                vec!["StreamClass", "StreamId", "Completed"],
            ),
        ] {
            let crd = crd(kind);
            assert_eq!(crd["spec"]["group"], "streaming.sneaksanddata.com");
            assert_eq!(crd["spec"]["names"]["plural"], plural);
            assert_eq!(crd["spec"]["names"]["shortNames"], json!([short]));
            assert_eq!(crd["spec"]["names"]["categories"], json!(["arcane"]));
            assert_eq!(crd["spec"]["scope"], scope);
            assert_eq!(crd["spec"]["versions"][0]["name"], "v1");
            assert_eq!(crd["spec"]["versions"][0]["storage"], true);
            assert_eq!(
                names_of(&crd["spec"]["versions"][0]["additionalPrinterColumns"]),
                columns
            );
        }
    }

    #[test]
    fn all_but_the_template_have_the_status_subresource() {
        for (kind, subresources) in [
            ("StreamClass", json!({"status": {}})),
            ("StreamingJobTemplate", Value::Null),
            ("BackfillRequest", json!({"status": {}})),
        ] {
            let found = &crd(kind)["spec"]["versions"][0]["subresources"];
            assert_eq!(found, &subresources, "{kind}");
        }
    }

    #[test]
    fn requests_can_be_selected_by_stream_and_completion() {
        assert_eq!(
            crd("BackfillRequest")["spec"]["versions"][0]["selectableFields"],
            json!([{"jsonPath": ".spec.completed"}, {"jsonPath": ".spec.streamId"}])
        );
    }

    #[test]
    fn a_stream_class_is_served_in_its_former_version_with_the_same_schema() {
        let crd = crd("StreamClass");
        let [current, former] = crd["spec"]["versions"].as_array().unwrap().as_slice() else {
            panic!("two versions");
        };
        assert_eq!(former["name"], "v1beta1");
        assert_eq!(former["served"], true);
        assert_eq!(former["storage"], false);
        for same in ["schema", "subresources", "additionalPrinterColumns"] {
            assert_eq!(former[same], current[same], "{same}");
        }
    }

    #[test]
    fn nothing_is_required_that_the_published_kinds_do_not_require() {
        for (kind, spec) in [
            (
                "StreamClass",
                json!(["apiVersion", "kindRef", "pluralName"]),
            ),
            ("StreamingJobTemplate", Value::Null),
            ("BackfillRequest", json!(["streamClass", "streamId"])),
        ] {
            let schema = schema(kind);
            assert_eq!(schema["required"], Value::Null, "{kind}");
            assert_eq!(schema["properties"]["spec"]["required"], spec, "{kind}");
            assert_eq!(
                schema["properties"]["status"]["required"],
                Value::Null,
                "{kind}"
            );
        }
    }

    #[test]
    fn only_the_payload_keeps_a_null() {
        for kind in ["StreamClass", "StreamingJobTemplate", "BackfillRequest"] {
            walk(kind.to_owned(), &schema(kind), &mut |path, schema| {
                let payload = path == "BackfillRequest.spec.payload";
                assert_eq!(schema["nullable"] == true, payload, "{path}");
            });
        }
    }

    #[test]
    fn rolling_is_refused_without_its_type_and_without_a_sensible_limit() {
        let refusal = |policy: Value| {
            let class = json!({"spec": {"restartPolicy": policy}});
            Validator::new()
                .validate(&schema("StreamClass"), &class, None)
                .err()
                .map(|errors| errors.to_string())
        };
        for good in [
            json!({"type": "OnNextRun"}),
            json!({"type": "Rolling"}),
            json!({"type": "Rolling", "rolling": {}}),
            json!({"type": "Rolling", "rolling": {"maxUnavailable": 3}}),
            json!({"type": "Rolling", "rolling": {"maxUnavailable": "100%"}}),
            json!({"type": "Rolling", "rolling": {"maxUnavailable": "5%"}}),
        ] {
            assert_eq!(refusal(good.clone()), None, "{good}");
        }
        for (bad, because) in [
            (
                json!({"type": "OnNextRun", "rolling": {"maxUnavailable": 1}}),
                "only with type Rolling",
            ),
            (
                json!({"type": "Rolling", "rolling": {"maxUnavailable": 0}}),
                "above 0",
            ),
            (
                json!({"type": "Rolling", "rolling": {"maxUnavailable": -1}}),
                "above 0",
            ),
            (
                json!({"type": "Rolling", "rolling": {"maxUnavailable": "0%"}}),
                "above 0",
            ),
            (
                json!({"type": "Rolling", "rolling": {"maxUnavailable": "101%"}}),
                "above 0",
            ),
            (
                json!({"type": "Rolling", "rolling": {"maxUnavailable": "a few"}}),
                "above 0",
            ),
        ] {
            let found = refusal(bad.clone()).unwrap_or_default();
            assert!(found.contains(because), "{bad}: {found:?}");
        }
    }
}
