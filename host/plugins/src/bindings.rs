//! The contract's types, made from its WIT files: one module for each version that is served.

use crate::answer::Level;
use crate::guest::Guest;
use crate::question;

wasmtime::component::bindgen!({
    path: "../../wit/0.1.0",
    world: "plugin",
    imports: { default: trappable },
});

use arcane::stream_plugin::{logging, types};

/// The versions that are served, for people.
pub(crate) const SERVED: &str = "0.1.0";
/// What the names of all the contract's interfaces begin with.
pub(crate) const PACKAGE: &str = "arcane:stream-plugin/";

/// Whether a component that was built against `version` finds here what it needs: before 1.0, any
/// patch release of the same minor version does.
pub(crate) fn serves(version: &str) -> bool {
    let numbers = version.split('-').next().unwrap_or_default();
    let mut numbers = numbers.split('.').map(str::parse::<u32>);
    matches!(
        (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next()
        ),
        (Some(Ok(0)), Some(Ok(1)), Some(Ok(_)), None)
    )
}

/// `name` of an interface and its version, where it is one of the contract's.
pub(crate) fn interface(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "")))
}

impl types::Host for Guest {}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Debug => Level::Debug,
            logging::Level::Info => Level::Info,
            logging::Level::Warn => Level::Warn,
            logging::Level::Error => Level::Error,
        };
        self.take_line(level, &message)
    }
}

/// `context`, with the configuration of the plugin that is asked.
pub(crate) fn context(context: &question::Context, config: &str) -> types::Context {
    // Destructured so that a new field has to be thought of here.
    let question::Context {
        class,
        stream,
        mode,
        request,
        attempt,
        last_failure,
    } = context;
    let question::StreamDefinition {
        namespace,
        name,
        kind,
        layout,
        labels,
        annotations,
        spec,
    } = stream;
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    types::Context {
        class: types::StreamClass {
            name: class.clone(),
            config: config.to_owned(),
        },
        stream: types::StreamDefinition {
            namespace: namespace.clone(),
            name: name.clone(),
            kind: kind.clone(),
            layout: layout.clone(),
            labels: pairs(labels),
            annotations: pairs(annotations),
            spec: spec.to_string(),
        },
        mode: match mode {
            question::Mode::Streaming => types::Mode::Streaming,
            question::Mode::Backfill => types::Mode::Backfill,
            question::Mode::Scheduled => types::Mode::Scheduled,
        },
        request: request.as_ref().map(|request| types::BackfillRequest {
            name: request.name.clone(),
            payload: request.payload.as_deref().map(str::to_owned),
        }),
        attempt: *attempt,
        last_failure: last_failure.as_ref().map(failure),
    }
}

/// `trigger`, as plugins know it.
pub(crate) fn trigger(
    trigger: &question::Trigger,
) -> exports::arcane::stream_plugin::decider::Trigger {
    use exports::arcane::stream_plugin::decider::Trigger;
    match trigger {
        question::Trigger::StreamCreated => Trigger::StreamCreated,
        question::Trigger::BackfillRequested => Trigger::BackfillRequested,
        question::Trigger::SchemaChanged => Trigger::SchemaChanged,
        question::Trigger::SpecChanged { previous } => {
            Trigger::SpecChanged(previous.as_deref().map(str::to_owned))
        }
        question::Trigger::JobFailed(how) => Trigger::JobFailed(failure(how)),
        question::Trigger::JobCompleted => Trigger::JobCompleted,
        question::Trigger::Tick => Trigger::Tick,
    }
}

fn failure(failure: &question::Failure) -> types::Failure {
    let question::Failure {
        reason,
        message,
        exit_code,
        container_reason,
        termination_message,
    } = failure;
    types::Failure {
        reason: reason.clone(),
        message: message.clone(),
        exit_code: *exit_code,
        container_reason: container_reason.clone(),
        termination_message: termination_message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_of_what_is_served_are_served() {
        for version in ["0.1.0", "0.1.7"] {
            assert!(serves(version), "{version}");
        }
        for version in ["", "0.1", "0.2.0", "1.0.0", "1.1.0", "0.1.0.0", "0.1.x"] {
            assert!(!serves(version), "{version}");
        }
    }

    #[test]
    fn an_interface_of_the_contract_is_told_from_others() {
        assert_eq!(
            interface("arcane:stream-plugin/logging@0.1.0"),
            Some(("logging", "0.1.0"))
        );
        assert_eq!(
            interface("arcane:stream-plugin/logging"),
            Some(("logging", ""))
        );
        assert_eq!(interface("wasi:cli/stdout@0.2.0"), None);
    }
}
