//! The Job: identity, labels, owner, and the pod that runs the stream.

use serde_json::{Map, Value, json};

use super::env::{self, Variable};
use super::{Error, Parts, Settings, Stream, disruption, secrets};
use crate::json::{take_list, take_object};
use crate::names;
use crate::template::JobTemplate;

/// What a Job is made for.
pub(super) struct Purpose<'a> {
    /// It backfills, rather than streams.
    pub(super) backfilling: bool,
    /// Its environment, in order.
    pub(super) variables: Vec<Variable<'a>>,
    /// Name of the BackfillRequest that it serves.
    pub(super) request: Option<&'a str>,
}

/// Metadata and spec of the stream's own Job.
pub(super) fn parts(
    stream: &Stream<'_>,
    template: &JobTemplate,
    settings: &Settings,
    purpose: &Purpose<'_>,
) -> Result<Parts, Error> {
    let spec = spec(stream, template, settings, purpose)?;

    let mut metadata = template.metadata().clone();
    let mut labels = take_object(&mut metadata, "labels");
    label(&mut labels, stream, purpose);
    let mut annotations = take_object(&mut metadata, "annotations");
    annotate(&mut annotations, stream);
    if let Some(request) = purpose.request {
        annotations.insert(
            names::ANNOTATION_BACKFILL_REQUEST.to_owned(),
            request.into(),
        );
    }
    let mut owners = take_list(&mut metadata, "ownerReferences");
    owners.push(owner(stream));

    metadata.insert("name".to_owned(), stream.name.into());
    metadata.insert("namespace".to_owned(), stream.namespace.into());
    metadata.insert("labels".to_owned(), labels.into());
    metadata.insert("annotations".to_owned(), annotations.into());
    metadata.insert("ownerReferences".to_owned(), owners.into());
    Ok(Parts { metadata, spec })
}

/// Spec of a Job of the stream.
pub(super) fn spec(
    stream: &Stream<'_>,
    template: &JobTemplate,
    settings: &Settings,
    purpose: &Purpose<'_>,
) -> Result<Map<String, Value>, Error> {
    let secrets = secrets::names(stream)?;
    let mut spec = template.spec().clone();
    if let Some(ttl) = template.own_ttl() {
        let ttl = ttl.max(settings.minimum_job_ttl_seconds);
        spec.insert("ttlSecondsAfterFinished".to_owned(), ttl.into());
    }

    let mut pod_template = take_object(&mut spec, "template");
    let mut metadata = take_object(&mut pod_template, "metadata");
    let mut labels = take_object(&mut metadata, "labels");
    identify(&mut labels, stream);
    metadata.insert("labels".to_owned(), labels.into());
    pod_template.insert("metadata".to_owned(), metadata.into());

    let mut pod = take_object(&mut pod_template, "spec");
    env::inject(
        &mut pod,
        "containers",
        template,
        &purpose.variables,
        &secrets,
    )?;
    if injects_init_containers(template) && pod.contains_key("initContainers") {
        env::inject(
            &mut pod,
            "initContainers",
            template,
            &purpose.variables,
            &secrets,
        )?;
    }
    disruption::provide_for(&mut spec, &pod);
    pod_template.insert("spec".to_owned(), pod.into());
    spec.insert("template".to_owned(), pod_template.into());
    Ok(spec)
}

/// Labels of whatever belongs to the stream.
pub(super) fn identify(labels: &mut Map<String, Value>, stream: &Stream<'_>) {
    labels.insert(names::LABEL_STREAM_ID.to_owned(), stream.name.into());
    labels.insert(names::LABEL_STREAM_KIND.to_owned(), stream.kind.into());
}

/// Labels of a Job.
pub(super) fn label(labels: &mut Map<String, Value>, stream: &Stream<'_>, purpose: &Purpose<'_>) {
    identify(labels, stream);
    labels.insert(
        names::LABEL_BACKFILLING.to_owned(),
        purpose.backfilling.to_string().into(),
    );
}

/// Annotations of the object that the definition controls.
pub(super) fn annotate(annotations: &mut Map<String, Value>, stream: &Stream<'_>) {
    if let Some(restart) = stream.restart {
        annotations.insert(names::ANNOTATION_RESTART.to_owned(), restart.into());
    }
    if let Some(retry) = stream.retry {
        let attempt = retry.attempt.to_string();
        annotations.insert(names::ANNOTATION_ATTEMPT.to_owned(), attempt.into());
        annotations.insert(
            names::ANNOTATION_LAST_FAILURE.to_owned(),
            retry.failure.into(),
        );
    }
}

/// The definition as the controlling owner.
pub(super) fn owner(stream: &Stream<'_>) -> Value {
    json!({
        "apiVersion": stream.api_version,
        "kind": stream.kind,
        "name": stream.name,
        "uid": stream.uid,
        "controller": true,
    })
}

fn injects_init_containers(template: &JobTemplate) -> bool {
    template
        .metadata()
        .get("annotations")
        .and_then(|annotations| annotations.get(names::ANNOTATION_INJECT_INIT_CONTAINERS))
        .is_some_and(|asked| asked == "true")
}
