//! Looking into Jobs.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use kube::ResourceExt;

/// The environment of the only container, names and values in order; a value that is not a plain
/// one is written `<from …>`.
#[must_use]
pub fn environment(spec: &JobSpec) -> Vec<(String, String)> {
    let pod = spec.template.spec.as_ref();
    let container = pod.and_then(|pod| pod.containers.first());
    container
        .and_then(|container| container.env.as_ref())
        .into_iter()
        .flatten()
        .map(|variable| {
            let field = variable
                .value_from
                .as_ref()
                .and_then(|source| source.field_ref.as_ref())
                .map(|field| format!("<from {}>", field.field_path));
            let value = field.or_else(|| variable.value.clone());
            (variable.name.clone(), value.unwrap_or_default())
        })
        .collect()
}

/// What controls the Job: apiVersion, kind, name and uid.
#[must_use]
pub fn owner(job: &Job) -> Option<[&str; 4]> {
    let owner = job
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true))?;
    Some([&owner.api_version, &owner.kind, &owner.name, &owner.uid])
}

/// An annotation that the Job gives to its pods.
#[must_use]
pub fn pod_annotation<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    let template = &job.spec.as_ref()?.template;
    let annotations = template.metadata.as_ref()?.annotations.as_ref()?;
    annotations.get(name).map(String::as_str)
}
