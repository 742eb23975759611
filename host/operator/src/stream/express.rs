//! A stream that is to stop does not stand in line.
//!
//! Thousands of streams may wait for their turn: all of a class after a change of its template, or
//! as many that are new. Whoever suspends one of them, perhaps because it does harm, does not want
//! to wait for the others. So it is looked at out of turn as well.

use std::sync::Arc;

use arcane_contract::stream::StreamDefinition;
use arcane_lifecycle::Phase;
use futures::{FutureExt, StreamExt};
use kube::{
    ResourceExt,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{
    context::Class,
    memory::lock,
    observe::{phase, understand},
};
use crate::cache::Key;

/// Streams that are looked at out of turn at the same time.
const AT_ONCE: usize = 8;

/// The stream, if something of it may be at work although it is to be suspended.
pub fn to_stop(class: &Class, key: &Key) -> Option<Arc<StreamDefinition>> {
    let reference = ObjectRef::new_with(&key.name, class.kind.clone()).within(&key.namespace);
    let object = class.definitions.get(&reference)?;
    if matches!(phase(&object), Phase::New | Phase::Suspended) {
        return None;
    }
    let memory = class.memories.of(key, &object.uid().unwrap_or_default());
    let definition = understand(&object, &mut lock(&memory)).ok()?;
    definition.suspended.then_some(object)
}

/// Looks at what is `hurried` here until there will be no more. When to look again is left to those
/// who stand in line: the stream is there as well.
pub async fn serve<F: Future<Output = Result<Action, std::convert::Infallible>>>(
    hurried: UnboundedReceiver<Arc<StreamDefinition>>,
    look_at: impl Fn(Arc<StreamDefinition>) -> F,
) {
    UnboundedReceiverStream::new(hurried)
        .for_each_concurrent(AT_ONCE, |object| look_at(object).map(|_| ()))
        .await;
}
