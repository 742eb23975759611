//! Checks the shapes that rendering edits, so that rendering need not.

use serde_json::{Map, Value};

use crate::json::{Section, Wrong};

/// A Job whose shape was checked.
pub(super) struct CheckedJob {
    pub(super) metadata: Map<String, Value>,
    pub(super) spec: Map<String, Value>,
    /// `ttlSecondsAfterFinished`, in seconds.
    pub(super) ttl: Option<u32>,
}

/// Checks `job` and takes a copy of its parts.
pub(super) fn job(job: Section<'_>) -> Result<CheckedJob, Wrong> {
    let spec = job.required_object("spec", "the spec of a Job")?;
    let metadata = metadata(&job)?;
    let ttl = ttl(&spec)?;
    pod_template(&spec.required_object("template", "a pod template")?)?;
    Ok(CheckedJob {
        metadata: metadata.map_or_else(Map::new, |metadata| metadata.fields().clone()),
        spec: spec.fields().clone(),
        ttl,
    })
}

fn metadata<'a>(parent: &Section<'a>) -> Result<Option<Section<'a>>, Wrong> {
    let metadata = parent.object("metadata", "an object with labels and annotations")?;
    if let Some(metadata) = &metadata {
        metadata.object("labels", "an object of texts")?;
        metadata.object("annotations", "an object of texts")?;
        metadata.objects("ownerReferences", "a list of references, or remove it")?;
    }
    Ok(metadata)
}

fn ttl(job_spec: &Section<'_>) -> Result<Option<u32>, Wrong> {
    const KEY: &str = "ttlSecondsAfterFinished";
    let Some(value) = job_spec.value(KEY) else {
        return Ok(None);
    };
    value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .map(Some)
        .ok_or_else(|| job_spec.wrong(KEY, "a whole number of seconds, 0 or more"))
}

fn pod_template(template: &Section<'_>) -> Result<(), Wrong> {
    metadata(template)?;
    let pod = template.required_object("spec", "the spec of a pod")?;
    let expected = "a list of at least one container";
    let containers = pod.objects("containers", expected)?;
    if containers.is_empty() {
        return Err(pod.wrong("containers", expected));
    }
    for container in containers
        .into_iter()
        .chain(pod.objects("initContainers", "a list of containers")?)
    {
        container.objects("env", "a list of variables with name and value")?;
        container.objects("envFrom", "a list of sources of variables")?;
    }
    Ok(())
}
