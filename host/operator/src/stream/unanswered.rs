//! Writes whose answer never came: whether they were made is looked up before the stream is worked on
//! again. Otherwise a Job that nobody knows of could run beside another.

use std::sync::Mutex;

use arcane_contract::stream::StreamDefinition;
use arcane_lifecycle::Fenced;
use kube::ResourceExt;

use super::{
    context::Class,
    halt::{Halt, failed},
    memory::{Memory, lock},
};
use crate::writer::{Error as WriteError, Written};

/// Sends a write. Until it is answered, even if nobody waits for the answer any more, it may have
/// been made.
pub async fn sent<T>(
    memory: &Mutex<Memory>,
    kind: Fenced,
    name: &str,
    write: impl Future<Output = Result<T, WriteError>>,
) -> Result<T, WriteError> {
    lock(memory).unanswered.add(kind, name);
    let answer = write.await;
    let is_open = answer.as_ref().is_err_and(WriteError::is_open);
    if !is_open {
        lock(memory).unanswered.remove(kind, name);
    }
    answer
}

/// Looks up what was written without an answer: the stream waits for the caches to have what is
/// there.
pub async fn look_up(
    class: &Class,
    object: &StreamDefinition,
    memory: &Mutex<Memory>,
) -> Result<(), Halt> {
    let namespace = object.namespace().unwrap_or_default();
    let open: Vec<(Fenced, String)> = lock(memory)
        .unanswered
        .objects()
        .map(|(kind, name)| (kind, name.to_owned()))
        .collect();
    for (kind, name) in open {
        let path = class.objects(kind, &namespace);
        let read: Result<Written, _> = class.host.writer.read(&path, &name).await;
        let version = match read {
            Ok(there) => Some(there.version()),
            Err(WriteError::NotFound(_)) => None,
            Err(error) => return Err(failed("look up what was written without an answer")(error)),
        };
        let mut memory = lock(memory);
        memory.unanswered.remove(kind, &name);
        if let Some(version) = version {
            memory.wrote(kind, version);
        }
    }
    Ok(())
}
