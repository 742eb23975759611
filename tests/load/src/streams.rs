//! The streams of the benchmark: as many as asked for, each with a spec of 4 kB.

use std::ops::Range;

use anyhow::{Context, Result};
use arcane_e2e::{Definition, Plugin, quick_backfill};
use futures::{StreamExt, TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

/// Size of a definition's spec as compact JSON, in bytes.
const SPEC_BYTES: usize = 4096;
/// Columns that it lists: most of its size.
const COLUMNS: usize = 70;
/// Definitions that are being created at the same time: enough to keep the API server busy, so that
/// whoever follows is never short of work.
const CREATORS: usize = 32;

/// The pods' part: the backfill succeeds after 200 ms, the stream itself goes on.
pub fn chart_values() -> Value {
    json!({"podAnnotations": quick_backfill()})
}

/// Waits until the API server takes definitions at once: the first ones of a new kind it keeps
/// waiting for two seconds.
pub async fn wait_accepted(plugin: &Plugin<'_>) -> Result<()> {
    let trial = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let definitions = plugin.definitions();
    let created = definitions.create(&trial, &definition(plugin, 0)).await;
    created.map(drop).context("no definition is accepted")
}

/// Creates the streams of these numbers, and tells of each as soon as it is there.
pub async fn create(
    plugin: &Plugin<'_>,
    numbers: Range<u32>,
    created: impl Fn(DynamicObject),
) -> Result<()> {
    let definitions = plugin.definitions();
    stream::iter(numbers)
        .map(async |number| {
            let object = definition(plugin, number);
            let result = definitions.create(&PostParams::default(), &object).await;
            result.with_context(|| format!("failed to create {}", object.name_any()))
        })
        .buffer_unordered(CREATORS)
        .try_for_each(async |object| {
            created(object);
            Ok(())
        })
        .await
}

/// The name of a stream.
pub fn name(number: u32) -> String {
    format!("stream-{number}")
}

/// The stream of this number.
pub fn definition(plugin: &Plugin<'_>, number: u32) -> DynamicObject {
    let mut object = DynamicObject::new(&name(number), plugin.kind());
    object.data = json!({"spec": spec(number)});
    object
}

/// The spec of one stream: many small fields, which cost what a real spec does to read and to sort,
/// and a text that makes up the size.
fn spec(number: u32) -> Value {
    let columns: Vec<_> = (0..COLUMNS)
        .map(|column| json!({"name": format!("column_{column}"), "type": "decimal(38, 6)"}))
        .collect();
    let definition = Definition::v2()
        .field("table", json!(format!("table_{number}")))
        .field("columns", columns.into())
        .field("comment", json!(""));
    let size = definition.spec().to_string().len();
    let comment = "-".repeat(SPEC_BYTES.saturating_sub(size));
    definition.field("comment", json!(comment)).spec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_has_4_kb_whatever_its_number_and_is_one_that_the_operator_understands() {
        for number in [0, 7, 1999, 99_999] {
            let spec = spec(number);
            assert_eq!(spec.to_string().len(), SPEC_BYTES);
            arcane_contract::definition::Definition::parse(&spec, "n").unwrap();
        }
    }
}
