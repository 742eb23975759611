//! Writes a definition's status.

use std::sync::Mutex;

use arcane_contract::{api::RecordedDecision, stream::StreamDefinition};
use arcane_lifecycle::{Fenced, Status};
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::{
    context::Class,
    halt::{Halt, failed},
    memory::{Memory, lock},
    status,
};
use crate::writer::Error as WriteError;

/// Name of the fault that the status of a class's streams cannot be written.
const FAULT: &str = "status of the streams";

/// Writes the definition's status unless it says all this already; true if it was written.
/// `decision` is a plugin's latest, where there is a new one.
pub async fn write_status(
    class: &Class,
    object: &StreamDefinition,
    wanted: &Status,
    decision: Option<&RecordedDecision>,
    memory: &Mutex<Memory>,
) -> Result<bool, Halt> {
    let Some(status) = status::patch(
        &object.status.value(),
        wanted,
        decision,
        object.meta().generation.unwrap_or_default(),
        &class.status_schema,
        Timestamp::now(),
    ) else {
        return Ok(false);
    };
    // The version that was decided on: a definition that has changed meanwhile is looked at again.
    let patch = json!({
        "metadata": {"resourceVersion": object.meta().resource_version},
        "status": status,
    });
    let path = class.objects(Fenced::Definition, &object.namespace().unwrap_or_default());
    match class
        .host
        .writer
        .merge_status(&path, &object.name_any(), &patch)
        .await
    {
        Ok(written) => {
            class.faults.clear(FAULT);
            lock(memory).wrote(Fenced::Definition, written.version());
            Ok(true)
        }
        Err(WriteError::Conflict(_)) => Err(Halt::Outdated),
        // Deleted meanwhile: nobody is left to be told.
        Err(WriteError::NotFound(_)) => {
            lock(memory).definition_is_gone();
            Ok(false)
        }
        Err(WriteError::Refused(message)) => {
            class.faults.report_write(
                FAULT,
                format!(
                    "the operator cannot write the status of {plural}.{group}: grant its service \
                     account patch on {plural}/status with a ClusterRole, or mend the kind's \
                     schema ({message})",
                    plural = class.kind.plural,
                    group = class.kind.group,
                ),
            );
            Err(failed("write the status")(WriteError::Refused(message)))
        }
        Err(error) => Err(failed("write the status")(error)),
    }
}
