//! The CronJob of a batch stream.

use serde_json::{Map, Value};

use super::job::{self, Purpose};
use super::{Error, Parts, Settings, Stream};
use crate::json::take_object;
use crate::template::JobTemplate;

/// Metadata and spec of the stream's CronJob.
pub(super) fn parts(
    stream: &Stream<'_>,
    template: &JobTemplate,
    purpose: &Purpose<'_>,
    schedule: &str,
    time_zone: Option<&str>,
) -> Result<Parts, Error> {
    let job_spec = job::spec(stream, template, &Settings::default(), purpose)?;
    let mut inherited = template.metadata().clone();
    let mut job_labels = take_object(&mut inherited, "labels");
    job::label(&mut job_labels, stream, purpose);
    let job_annotations = take_object(&mut inherited, "annotations");

    let mut labels = Map::new();
    job::identify(&mut labels, stream);
    let mut annotations = Map::new();
    job::annotate(&mut annotations, stream);
    let metadata = Map::from_iter([
        ("name".to_owned(), stream.name.into()),
        ("namespace".to_owned(), stream.namespace.into()),
        ("labels".to_owned(), labels.into()),
        ("annotations".to_owned(), annotations.into()),
        (
            "ownerReferences".to_owned(),
            Value::Array(vec![job::owner(stream)]),
        ),
    ]);

    let mut job_metadata = Map::from_iter([("labels".to_owned(), job_labels.into())]);
    if !job_annotations.is_empty() {
        job_metadata.insert("annotations".to_owned(), job_annotations.into());
    }
    let job_template = Map::from_iter([
        ("metadata".to_owned(), job_metadata.into()),
        ("spec".to_owned(), job_spec.into()),
    ]);
    let mut spec = Map::from_iter([
        ("schedule".to_owned(), schedule.into()),
        ("concurrencyPolicy".to_owned(), "Forbid".into()),
        ("jobTemplate".to_owned(), job_template.into()),
    ]);
    if let Some(time_zone) = time_zone {
        spec.insert("timeZone".to_owned(), time_zone.into());
    }
    Ok(Parts { metadata, spec })
}
