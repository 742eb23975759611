//! What goes wrong, and how it ends well.

use anyhow::Result;
use serde_json::json;

use super::Scene;
use crate::seen::Run;
use crate::streams;

pub async fn failure(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    let cause = "password authentication failed for user etl";
    story.does("payments", &format!("exits with 3: {cause}"));
    scene.runs.fail("payments", 3, cause).await?;
    let failed = story.until(mark, "payments", "failed", |facts| {
        facts.is("Failed") && facts.told("StreamingJobFailed")
    });
    let facts = failed.await?;
    story.check(
        "the event tells exit code and cause; nothing is started until you act",
        facts
            .note("StreamingJobFailed")
            .is_some_and(|note| note.contains("exit code 3") && note.contains(cause))
            && facts.jobs() == (0, 0),
    )?;
    story.does(
        "you",
        "give the user its password back; then, as the condition says:",
    );
    scene.suspend("payments", true).await?;
    scene.reaches(mark, "payments", "Suspended").await?;
    scene.suspend("payments", false).await?;
    let running = story.until(mark, "payments", "running again", |facts| {
        facts.is("Running") && facts.told("StreamResumed") && facts.streams()
    });
    let facts = running.await?;
    story.check("payments streams again", facts.jobs() == (1, 0))
}

pub async fn bad_definition(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    scene
        .create(
            "returns",
            streams::layout("v9", "returns"),
            "layout v9, which there is not",
        )
        .await?;
    let refused = story.until(mark, "returns", "told what is wrong", |facts| {
        facts.told("LayoutVersionUnknown")
    });
    let facts = refused.await?;
    story.check(
        "the error names the field, what was found and what to do; nothing was started",
        facts.note("LayoutVersionUnknown").is_some_and(|note| {
            ["spec.execution.layoutVersion", "v9", "v2"]
                .iter()
                .all(|part| note.contains(part))
        }) && facts.jobs() == (0, 0),
    )?;
    let patch = json!({"execution": {"layoutVersion": "v2"}});
    scene
        .change("returns", patch, "change returns: layout v2")
        .await?;
    let running = story.until(mark, "returns", "backfilled and running", |facts| {
        facts.is("Running") && facts.told("BackfillCompleted") && facts.streams()
    });
    let facts = running.await?;
    story.check(
        "returns was backfilled once and is streaming",
        facts.jobs() == (1, 1),
    )
}

pub async fn crash(scene: &mut Scene<'_>) -> Result<()> {
    let (story, mark) = (scene.story, scene.story.mark());
    scene.request("customers", "customers-again", None).await?;
    let backfilling = story.until(mark, "customers", "backfilling", |facts| {
        facts.is("Backfilling") && facts.jobs().1 == 1
    });
    backfilling.await?;
    story.does("fate", "kills the operator with SIGKILL");
    scene.stage.crash_operator().await?;
    let ended = story.until(mark, "customers", "the Job's end", |facts| {
        facts.ended(true)
    });
    let facts = ended.await?;
    if scene.stage.cluster().is_some() {
        // Where a Deployment starts the operator again, that may be sooner than the Job's end.
        story.check(
            "the backfill ended while nobody watched",
            !facts.completed(Some("customers-again")),
        )?;
    }
    story.does("fate", "starts the operator again");
    scene.stage.start_operator(story.patience()).await?;
    let running = story.until(mark, "customers", "completed and running", |facts| {
        facts.is("Running") && facts.completed(Some("customers-again")) && facts.streams()
    });
    let facts = running.await?;
    let again =
        |run: &&Run| matches!(run, Run::Backfill { request, .. } if request == "customers-again");
    story.check(
        "nothing is lost and nothing is done twice: one backfill Job, one completed request",
        facts.jobs() == (1, 1) && facts.runs().iter().filter(|run| again(run)).count() == 1,
    )
}
