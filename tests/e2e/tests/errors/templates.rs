//! Templates that are missing or cannot be used.

use anyhow::Result;
use arcane_e2e::{
    Definition, change_template, create_template, environment, replace_template, sample,
};
use serde_json::{Value, json};

use crate::support::{
    BACKFILL, STREAMING, assert_goes_on, condition, containers, remove_template, running,
    wait_healed, wait_problem,
};

#[tokio::test]
async fn a_missing_template_is_named_and_the_stream_starts_once_it_is_there() -> Result<()> {
    let sample = sample().await?;
    let template = remove_template(&sample, BACKFILL).await;
    let stream = sample.create("orders", Definition::v2()).await;
    let name = format!("{}/{BACKFILL} does not exist", sample.namespace());
    wait_problem(&stream, "TemplateNotFound", &[&name, "create it"]).await;
    assert_eq!(stream.status().await["phase"], "Pending");
    assert!(stream.job().await.is_none());

    create_template(&sample, BACKFILL, template).await;
    wait_healed(&stream, "Backfilling").await;
    stream.finish_job().await;
    wait_healed(&stream, "Running").await;
    assert_eq!(stream.requests().await.len(), 1);
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_stream_goes_on_without_its_template_and_is_told_so_when_it_changes() -> Result<()> {
    let sample = sample().await?;
    let stream = running(&sample, "orders", Definition::v2()).await;
    let job = stream.wait_streaming_job().await;
    let template = remove_template(&sample, STREAMING).await;
    wait_problem(&stream, "TemplateNotFound", &[STREAMING]).await;
    stream.patch_spec(json!({"source": "another"})).await;
    assert_goes_on(&sample, &stream, &job).await?;
    assert_eq!(stream.status().await["phase"], "Running");

    create_template(&sample, STREAMING, template).await;
    let next = stream.wait_job_after(&job).await;
    wait_healed(&stream, "Running").await;
    let environment = environment(next.spec.as_ref().expect("a spec"));
    assert!(
        environment
            .iter()
            .any(|(_, value)| value.contains("another"))
    );
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_template_that_says_who_a_stream_is_is_refused_until_it_is_mended() -> Result<()> {
    let sample = sample().await?;
    let container = |env: Value| containers(json!([{"name": "stream", "image": "s", "env": env}]));
    let sets = |variable: &str| container(json!([{"name": variable, "value": "mine"}]));
    for variable in ["STREAMCONTEXT__STREAM_ID", "STREAMCONTEXT__STREAM_KIND"] {
        change_template(&sample, BACKFILL, sets(variable)).await;
        let name = variable.to_lowercase().replace('_', "");
        let stream = sample.create(&name, Definition::v1()).await;
        let words = [BACKFILL, "container stream", variable, "remove it"];
        wait_problem(&stream, "TemplateSetsContractVariable", &words).await;
        assert!(stream.job().await.is_none());

        change_template(&sample, BACKFILL, container(json!([]))).await;
        wait_healed(&stream, "Backfilling").await;
    }
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn a_template_without_containers_is_told_where_they_belong() -> Result<()> {
    let sample = sample().await?;
    let stream = sample.create("orders", Definition::v0()).await;
    stream.wait_phase("Backfilling").await;
    let job = stream.job().await.expect("it backfills");
    replace_template(&sample, BACKFILL, containers(json!([]))).await;
    let words = [BACKFILL, "containers", "at least one container"];
    wait_problem(&stream, "TemplateInvalid", &words).await;
    assert_goes_on(&sample, &stream, &job).await?;
    assert_eq!(stream.status().await["phase"], "Backfilling");

    // What runs can end all the same.
    stream.finish_job().await;
    wait_healed(&stream, "Running").await;
    sample.assert_clean().await;
    Ok(())
}

#[tokio::test]
async fn fields_that_no_job_has_are_left_out_of_an_older_template_and_the_stream_says_which()
-> Result<()> {
    let sample = sample().await?;
    // As plugin charts wrote it before the kind had a schema.
    let older = json!({"template": {
        "apiVersion": "batch/v1",
        "kind": "job",
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 300,
            "template": {"spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": 1000, "readOnlyRootFilesystem": true},
                "containers": [{"name": "stream", "image": "stream:1"}],
            }},
        },
    }});
    replace_template(&sample, BACKFILL, older).await;
    let stream = sample.create("orders", Definition::v2()).await;
    stream.wait_phase("Backfilling").await;
    let field = "spec.template.spec.template.spec.securityContext.readOnlyRootFilesystem";
    let note = stream.wait_event("UnknownFieldsIgnored").await;
    assert!(note.contains(field) && note.contains(BACKFILL), "{note}");
    let status = stream.status().await;
    let accepted = condition(&status, "TemplateAccepted");
    assert_eq!(accepted["status"], "False", "{status}");
    assert_eq!(accepted["message"], note);
    let job = serde_json::to_value(stream.job().await)?;
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"], json!({"runAsUser": 1000}));
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 3600);

    stream.finish_job().await;
    wait_healed(&stream, "Running").await;
    let status = stream.status().await;
    assert!(condition(&status, "TemplateAccepted").is_null(), "{status}");
    sample.assert_clean().await;
    Ok(())
}
