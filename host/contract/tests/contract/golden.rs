//! Whole objects, as they are sent to the API server.

use arcane_contract::render::{self, Settings, Stream};
use serde_json::{Value, json};

use crate::support::{published_template, spec, stream, template};

const SETTINGS: Settings = Settings {
    minimum_job_ttl_seconds: 3600,
};

fn assert_golden(manifest: &Value, golden: &str) {
    let golden: Value = serde_json::from_str(golden).unwrap();
    assert_eq!(
        serde_json::to_string_pretty(manifest).unwrap(),
        serde_json::to_string_pretty(&golden).unwrap()
    );
}

#[test]
fn a_streaming_job() {
    let (spec, secrets) = (spec(), ["connectionStringRef".to_owned()]);
    let stream = Stream {
        restart: Some("2026-08-01"),
        retry: None,
        ..stream(&spec, &secrets)
    };
    let template = template(&published_template());
    let rendered = render::streaming_job(&stream, &template, &SETTINGS).unwrap();
    assert_golden(
        &rendered.manifest,
        include_str!("golden/streaming_job.json"),
    );
}

#[test]
fn a_backfill_job() {
    let (spec, secrets) = (spec(), ["connectionStringRef".to_owned()]);
    let payload = json!({ "tables": ["orders"], "from": "2026-01-01" });
    let rendered = render::backfill_job(
        &stream(&spec, &secrets),
        &template(&published_template()),
        "orders-backfill-7",
        Some(&payload),
        &SETTINGS,
    )
    .unwrap();
    assert_golden(&rendered.manifest, include_str!("golden/backfill_job.json"));
}

#[test]
fn a_cron_job() {
    let (spec, secrets) = (spec(), ["connectionStringRef".to_owned()]);
    let rendered = render::cron_job(
        &stream(&spec, &secrets),
        &template(&published_template()),
        "0 4 * * *",
        Some("Europe/Copenhagen"),
    )
    .unwrap();
    assert_golden(&rendered.manifest, include_str!("golden/cron_job.json"));
}
