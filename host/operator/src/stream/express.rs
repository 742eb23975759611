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

/// What stands in the spec of every stream that is to be suspended, whatever its layout. To read each
/// spec here, one after the other, would keep all streams waiting when the operator starts.
const SUSPENDED: &str = "\"suspended\":true";

/// The stream, if something of it may be at work although it is to be suspended.
pub fn to_stop(class: &Class, key: &Key) -> Option<Arc<StreamDefinition>> {
    let reference = ObjectRef::new_with(&key.name, class.kind.clone()).within(&key.namespace);
    let object = class.definitions.get(&reference)?;
    if matches!(phase(&object), Phase::New | Phase::Suspended)
        || !object.spec.json().as_str().contains(SUSPENDED)
    {
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

#[cfg(test)]
mod tests {
    use arcane_contract::{definition::Definition, stream::SpecJson};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_to_be_suspended_says_so_in_every_layout_and_what_is_not_does_not() {
        let template = json!({"name": "t"});
        for suspended in [true, false] {
            for spec in [
                json!({
                    "suspended": suspended,
                    "jobTemplateRef": template,
                    "backfillJobTemplateRef": template,
                }),
                json!({"execution": {
                    "layoutVersion": "v1",
                    "suspended": suspended,
                    "streamingBackend": {"batch": {"schedule": "0 4 * * *", "jobTemplateRef": template}},
                    "backfillJobTemplateRef": template,
                }}),
                json!({"execution": {
                    "layoutVersion": "v2",
                    "suspended": suspended,
                    "streamingBackend": {"batch": {"schedule": "0 4 * * *", "jobTemplateRef": template}},
                }}),
            ] {
                let definition = Definition::parse(&spec, "ns").unwrap();
                assert_eq!(definition.suspended, suspended, "{spec}");
                let text = SpecJson::new(&spec);
                assert_eq!(text.as_str().contains(SUSPENDED), suspended, "{spec}");
            }
        }
    }
}
