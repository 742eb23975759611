//! Definitions that cannot be understood.

use anyhow::Result;
use arcane_e2e::{Definition, sample};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{assert_goes_on, running, wait_healed, wait_problem};

#[tokio::test]
async fn a_layout_that_does_not_exist_is_named_and_hurts_no_other_stream() -> Result<()> {
    let sample = sample().await?;
    let definition = Definition::v0().field("execution", json!({"layoutVersion": "v9"}));
    let odd = sample.create("odd", definition).await;
    let fine = running(&sample, "fine", Definition::v2()).await;
    wait_problem(
        &odd,
        "LayoutVersionUnknown",
        &["spec.execution.layoutVersion", "\"v9\"", "\"v2\""],
    )
    .await;
    assert!(odd.job().await.is_none());
    assert!(odd.requests().await.is_empty());
    fine.wait_streaming_job().await;

    odd.patch_spec(json!({"execution": null})).await;
    wait_healed(&odd, "Backfilling").await;
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_definition_that_lacks_a_field_is_told_which_one_and_what_belongs_there() -> Result<()> {
    let sample = sample().await?;
    let capture = |reference: Value| json!({"execution": {"streamingBackend": {"changeCapture": {"jobTemplateRef": reference}}}});
    for (name, layout, patch, words) in [
        (
            "no-reference",
            Definition::v2(),
            capture(Value::Null),
            vec![
                "changeCapture.jobTemplateRef",
                "missing",
                "StreamingJobTemplate",
            ],
        ),
        (
            "no-name",
            Definition::v2(),
            capture(json!({"name": null, "namespace": "other"})),
            vec!["jobTemplateRef.name", "missing"],
        ),
        (
            "no-backfill",
            Definition::v1(),
            json!({"execution": {"backfillJobTemplateRef": null}}),
            vec!["spec.execution.backfillJobTemplateRef", "missing"],
        ),
        (
            "not-a-flag",
            Definition::v0(),
            json!({"suspended": "yes"}),
            vec!["spec.suspended", "\"yes\"", "true or false"],
        ),
        (
            "not-an-object",
            Definition::v2(),
            json!({"execution": [1, 2]}),
            vec!["spec.execution", "list"],
        ),
        (
            "not-a-version",
            Definition::v2(),
            json!({"execution": {"layoutVersion": 2}}),
            vec!["spec.execution.layoutVersion is the number 2"],
        ),
    ] {
        let stream = sample.create(name, layout.suspended()).await;
        stream.wait_phase("Suspended").await;
        stream.patch_spec(patch).await;
        let reason = if name == "not-a-version" {
            "LayoutVersionUnknown"
        } else {
            "DefinitionInvalid"
        };
        wait_problem(&stream, reason, &words).await;
        assert!(stream.job().await.is_none(), "{name}");
    }
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_running_stream_goes_on_while_its_definition_makes_no_sense() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    stream
        .patch_spec(json!({"execution": {"layoutVersion": "latest"}}))
        .await;
    wait_problem(&stream, "LayoutVersionUnknown", &["\"latest\""]).await;
    assert_eq!(stream.status().await["phase"], "Running");
    assert_goes_on(&sample, &stream, &job).await?;

    stream
        .patch_spec(json!({"execution": {"layoutVersion": "v2"}}))
        .await;
    wait_healed(&stream, "Running").await;
    assert_goes_on(&sample, &stream, &job).await?;
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_secret_that_the_class_asks_for_is_named_until_the_definition_has_it() -> Result<()> {
    let shared = arcane_e2e::shared().await?;
    let values = json!({"secretRefs": ["sourceSecretRef", "sinkSecretRef"]});
    let plugin = shared.platform.plugin(&values).await?;
    for (name, source, found) in [
        ("missing", Value::Null, "missing"),
        ("empty", json!({"name": ""}), "empty"),
        ("text", json!("my-secret"), "my-secret"),
    ] {
        let definition = Definition::v2()
            .field("sourceSecretRef", source)
            .field("sinkSecretRef", json!({"name": "sink"}));
        let stream = plugin.create(name, definition).await;
        let field = ["spec.sourceSecretRef", plugin.class(), found];
        wait_problem(&stream, "SecretRefInvalid", &field).await;
        assert!(stream.job().await.is_none(), "{name}");

        stream
            .patch_spec(json!({"sourceSecretRef": {"name": "source"}}))
            .await;
        wait_healed(&stream, "Backfilling").await;
        let job = stream.job().await.expect("it backfills");
        let secrets = serde_json::to_value(&job)?;
        let secrets = &secrets["spec"]["template"]["spec"]["containers"][0]["envFrom"];
        assert_eq!(
            *secrets,
            json!([{"secretRef": {"name": "source"}}, {"secretRef": {"name": "sink"}}])
        );
    }
    plugin.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_status_that_makes_no_sense_is_put_right() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    let status = json!({"status": {"phase": "Dancing", "configurationHash": "", "conditions": []}});
    sample
        .definitions()
        .patch_status("orders", &PatchParams::default(), &Patch::Merge(status))
        .await?;
    // A phase that nobody knows is that of a new stream, which is backfilled first.
    wait_healed(&stream, "Backfilling").await;
    stream.wait_job_after(&job).await;
    stream.finish_job().await;
    wait_healed(&stream, "Running").await;
    Ok(())
}
