//! Follows the definitions of one class into its store, and tells which of them to look at.

use std::{collections::BTreeSet, sync::Arc};

use arcane_contract::stream::StreamDefinition;
use futures::{Stream, StreamExt, future, stream};
use kube::{
    Api,
    api::ObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::store::Writer,
        watcher::{self, Event},
    },
};
use tokio::time::Instant;

use super::context::Class;
use crate::cache::{self, Key, resource_version};

/// The definitions to look at, by name, once the store has them. `listed` is called when a list is
/// complete.
pub fn definitions(
    class: Arc<Class>,
    writer: Writer<StreamDefinition>,
    listed: impl Fn() + Send + Sync + 'static,
) -> impl Stream<Item = Result<StreamDefinition, watcher::Error>> + Send {
    let api = Api::<StreamDefinition>::all_with(class.host.client.clone(), &class.kind);
    let resource = format!("{}.{}", class.kind.plural, class.kind.group);
    let (remembering, sorting) = (class.clone(), class.clone());
    let faults = class.faults.clone();
    let mut begun = Instant::now();
    let mut latest = 0;
    let events = cache::watch_surely(api, cache::config(), &resource, class.progress.clone())
        .inspect(move |event| faults.hear(&resource, event))
        .filter(move |event| future::ready(concerns(&sorting, event)))
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(Event::Init) => (begun, latest) = (Instant::now(), 0),
            Ok(Event::InitApply(object)) => latest = latest.max(resource_version(object)),
            Ok(Event::InitDone) => {
                class.progress.advance(latest);
                class.progress.listed(begun);
                listed();
            }
            Ok(Event::Apply(object) | Event::Delete(object)) => {
                class.progress.advance(resource_version(object));
            }
            Err(_) => {}
        });
    touched(events, move || remembering.memories.keys())
}

/// Whether an event is about a stream of this shard, or about all of them. Of another shard's object
/// only the version is noted.
fn concerns(class: &Class, event: &watcher::Result<Event<StreamDefinition>>) -> bool {
    let shard = class.host.shard;
    match event {
        Ok(Event::InitApply(object)) => shard.owns_object(object),
        Ok(Event::Apply(object) | Event::Delete(object)) if !shard.owns_object(object) => {
            class.progress.advance(resource_version(object));
            false
        }
        _ => true,
    }
}

/// What to look at. A list takes effect in the store as a whole, with its end: until then a look at
/// one of its objects would find the former one, or none. What is `remembered` and no longer listed
/// went while nobody watched.
fn touched(
    events: impl Stream<Item = Result<Event<StreamDefinition>, watcher::Error>> + Send,
    remembered: impl Fn() -> Vec<Key> + Send,
) -> impl Stream<Item = Result<StreamDefinition, watcher::Error>> + Send {
    let mut listing = BTreeSet::new();
    events.flat_map(move |event| {
        let keys: Vec<Key> = match event {
            Ok(Event::Init) => {
                listing.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listing.insert(Key::of(&object));
                Vec::new()
            }
            Ok(Event::InitDone) => {
                listing.extend(remembered());
                std::mem::take(&mut listing).into_iter().collect()
            }
            Ok(Event::Apply(object) | Event::Delete(object)) => {
                vec![Key::of(&object)]
            }
            Err(error) => return stream::iter(vec![Err(error)]),
        };
        stream::iter(keys.into_iter().map(named).map(Ok).collect::<Vec<_>>())
    })
}

fn named(Key { namespace, name }: Key) -> StreamDefinition {
    StreamDefinition {
        metadata: ObjectMeta {
            namespace: Some(namespace.into()),
            name: Some(name.into()),
            ..ObjectMeta::default()
        },
        ..StreamDefinition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str) -> StreamDefinition {
        named(Key::new("ns", name))
    }

    async fn names(events: Vec<Event<StreamDefinition>>, remembered: &[&str]) -> Vec<String> {
        let remembered: Vec<Key> = remembered.iter().map(|name| Key::new("ns", name)).collect();
        let events = stream::iter(events.into_iter().map(Ok));
        touched(events, move || remembered.clone())
            .map(|touched| touched.unwrap().metadata.name.unwrap())
            .collect()
            .await
    }

    #[tokio::test]
    async fn the_objects_of_a_list_are_looked_at_once_it_is_complete() {
        let begun = || vec![Event::Init, Event::InitApply(definition("a"))];
        assert_eq!(names(begun(), &[]).await, [""; 0]);
        let mut whole = begun();
        whole.push(Event::InitDone);
        assert_eq!(names(whole, &[]).await, ["a"]);
    }

    #[tokio::test]
    async fn a_list_that_begins_again_forgets_its_first_attempt() {
        let events = vec![
            Event::Init,
            Event::InitApply(definition("a")),
            Event::Init,
            Event::InitApply(definition("b")),
            Event::InitDone,
        ];
        assert_eq!(names(events, &[]).await, ["b"]);
    }

    #[tokio::test]
    async fn what_went_while_nobody_watched_is_looked_at_too() {
        let events = vec![
            Event::Init,
            Event::InitApply(definition("b")),
            Event::InitDone,
        ];
        assert_eq!(names(events, &["a", "b"]).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_change_is_looked_at_at_once() {
        let events = vec![
            Event::Apply(definition("a")),
            Event::Delete(definition("b")),
        ];
        assert_eq!(names(events, &[]).await, ["a", "b"]);
    }
}
