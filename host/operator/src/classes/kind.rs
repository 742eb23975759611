//! From a StreamClass to the kind that it names.

use arcane_contract::{
    api::StreamClass,
    names::{GROUP, is_object_name},
    schema::StatusSchema,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::{Api, Client, core::ApiResource};

use crate::{stream::Kind, writer::Error as ApiError};

/// Why a class cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// PascalCase reason, for the condition.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// The kind that the class names, as the API server has it.
pub async fn resolve(client: &Client, class: &StreamClass) -> Result<Kind, Obstacle> {
    let name = definition_name(class);
    if !is_object_name(&name) {
        return Err(explain(&name, ApiError::NotFound(String::new())));
    }
    let definition = Api::<CustomResourceDefinition>::all(client.clone())
        .get(&name)
        .await
        .map_err(|error| explain(&name, ApiError::of(error)))?;
    interpret(class, &definition)
}

/// Name of the CustomResourceDefinition that the class needs.
pub fn definition_name(class: &StreamClass) -> String {
    format!("{}.{}", class.spec.plural_name, group_and_version(class).0)
}

/// The group may stand in `apiGroupRef`, or in `apiVersion` before a slash; without either it is
/// the platform's own.
fn group_and_version(class: &StreamClass) -> (&str, &str) {
    let (in_version, version) = match class.spec.api_version.split_once('/') {
        Some((group, version)) => (Some(group), version),
        None => (None, class.spec.api_version.as_str()),
    };
    let group = class
        .spec
        .api_group_ref
        .as_deref()
        .filter(|group| !group.is_empty())
        .or(in_version)
        .unwrap_or(GROUP);
    (group, version)
}

fn interpret(class: &StreamClass, definition: &CustomResourceDefinition) -> Result<Kind, Obstacle> {
    let name = definition_name(class);
    let (group, version) = group_and_version(class);
    let CustomResourceDefinitionSpec {
        names,
        scope,
        versions,
        ..
    } = &definition.spec;
    let (kind, wanted) = (&names.kind, &class.spec.kind_ref);
    if kind != wanted {
        return Err(obstacle(
            "KindMismatch",
            format!(
                "spec.kindRef is {wanted:?}, but CustomResourceDefinition {name} defines {kind:?}: \
                 set spec.kindRef to {kind:?}, or spec.pluralName to the plural of {wanted:?}"
            ),
        ));
    }
    if scope != "Namespaced" {
        return Err(obstacle(
            "KindNotNamespaced",
            format!(
                "CustomResourceDefinition {name} is not namespaced, but streams live in \
                 namespaces: name another kind"
            ),
        ));
    }
    let served: Vec<_> = versions.iter().filter(|version| version.served).collect();
    if !served.iter().any(|served| served.name == version) {
        let served: Vec<_> = served.iter().map(|served| served.name.as_str()).collect();
        return Err(obstacle(
            "VersionNotServed",
            format!(
                "spec.apiVersion is {version:?}, but CustomResourceDefinition {name} serves {}: \
                 set spec.apiVersion to one of these",
                served.join(", ")
            ),
        ));
    }
    let status_schema = StatusSchema::from_crd(definition, version)
        .map_err(|error| obstacle("StatusNotSupported", error.to_string()))?;
    if !status_schema.has_subresource() {
        return Err(obstacle(
            "StatusNotSupported",
            format!(
                "CustomResourceDefinition {name} has no status subresource in version {version}: \
                 add subresources.status to it"
            ),
        ));
    }
    Ok(Kind {
        resource: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: kind.clone(),
            plural: class.spec.plural_name.clone(),
        }
        .into(),
        status_schema,
    })
}

fn explain(name: &str, error: ApiError) -> Obstacle {
    match error {
        ApiError::NotFound(_) => obstacle(
            "KindNotFound",
            format!(
                "CustomResourceDefinition {name} does not exist: install the stream plugin's \
                 chart, or correct spec.pluralName and spec.apiGroupRef"
            ),
        ),
        ApiError::Refused(message) => obstacle(
            "MissingRights",
            format!(
                "the operator may not get customresourcedefinitions: grant its service account get \
                 on customresourcedefinitions.apiextensions.k8s.io with a ClusterRole ({message})"
            ),
        ),
        error => obstacle(
            "ApiUnavailable",
            format!("failed to read CustomResourceDefinition {name}: {error}"),
        ),
    }
}

fn obstacle(reason: &'static str, message: String) -> Obstacle {
    Obstacle { reason, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(group: Option<&str>, version: &str) -> StreamClass {
        serde_json::from_value(json!({
            "apiVersion": "streaming.sneaksanddata.com/v1",
            "kind": "StreamClass",
            "metadata": {"name": "c"},
            "spec": {
                "apiGroupRef": group, "apiVersion": version, "kindRef": "Sample",
                "pluralName": "samples",
            },
        }))
        .unwrap()
    }

    fn definition(kind: &str, scope: &str, version: &str) -> CustomResourceDefinition {
        serde_json::from_value(json!({"metadata": {"name": "samples.g"}, "spec": {
            "group": "g",
            "names": {"kind": kind, "plural": "samples"},
            "scope": scope,
            "versions": [{
                "name": version, "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        }}))
        .unwrap()
    }

    #[test]
    fn the_group_defaults_to_the_platforms_and_may_stand_in_the_version() {
        assert_eq!(
            definition_name(&class(None, "v1")),
            "samples.streaming.sneaksanddata.com"
        );
        assert_eq!(definition_name(&class(None, "g.io/v1")), "samples.g.io");
        assert_eq!(definition_name(&class(Some("h.io"), "v1")), "samples.h.io");
    }

    #[test]
    fn a_kind_that_fits_is_found() {
        let kind = interpret(
            &class(None, "v1"),
            &definition("Sample", "Namespaced", "v1"),
        )
        .unwrap();
        assert_eq!(kind.resource.kind, "Sample");
        assert_eq!(kind.resource.api_version, "streaming.sneaksanddata.com/v1");
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_was_found() {
        for (definition, reason, found) in [
            (
                definition("Other", "Namespaced", "v1"),
                "KindMismatch",
                "\"Other\"",
            ),
            (
                definition("Sample", "Cluster", "v1"),
                "KindNotNamespaced",
                "not namespaced",
            ),
            (
                definition("Sample", "Namespaced", "v2"),
                "VersionNotServed",
                "serves v2",
            ),
        ] {
            let obstacle = interpret(&class(None, "v1"), &definition).unwrap_err();
            assert_eq!(obstacle.reason, reason);
            assert!(obstacle.message.contains(found), "{}", obstacle.message);
        }
    }
}
