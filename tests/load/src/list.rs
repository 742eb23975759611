//! The bare list: what whoever starts afresh has to read before anything can be known.

use std::time::{Duration, Instant};

use anyhow::Result;
use arcane_contract::names::{GROUP, VERSION};
use arcane_e2e::Plugin;
use futures::future::try_join_all;
use http::Request;
use kube::Client;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Objects in one answer, as many as the operator asks for.
const PAGE: usize = 500;

#[derive(Deserialize)]
struct Page {
    metadata: Metadata,
    #[serde(rename = "items")]
    _items: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Lists all kinds that the operator follows, at the same time, and keeps nothing.
///
/// # Errors
/// When the API server refuses.
pub async fn time(client: &Client, plugin: &Plugin<'_>) -> Result<Duration> {
    let begun = Instant::now();
    let kind = plugin.kind();
    let lists = [
        (kind.group.as_str(), kind.version.as_str(), &*kind.plural),
        (GROUP, VERSION, "backfillrequests"),
        (GROUP, VERSION, "streamingjobtemplates"),
        (GROUP, VERSION, "streamclasses"),
        ("batch", "v1", "jobs"),
        ("batch", "v1", "cronjobs"),
    ]
    .map(|(group, version, plural)| list(client, format!("/apis/{group}/{version}/{plural}")));
    try_join_all(lists).await?;
    Ok(begun.elapsed())
}

async fn list(client: &Client, collection: String) -> Result<()> {
    let mut next = String::new();
    loop {
        let uri = format!("{collection}?limit={PAGE}&continue={next}");
        let request = Request::get(uri).body(Vec::new())?;
        let page: Page = client.request(request).await?;
        match page.metadata.next {
            Some(token) if !token.is_empty() => next = token,
            _ => return Ok(()),
        }
    }
}
