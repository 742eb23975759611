//! How a plugin is taken into service.

use std::time::Instant;

use super::MESSAGE;
use crate::answer::LogLine;
use crate::call::{self, Limits};
use crate::description::Description;
use crate::load_error::LoadError;
use crate::program::Program;
use crate::shared::Shared;
use crate::text;

/// Starts the program once to see whether it can be, has it describe itself, and has it check its
/// configuration.
pub(super) fn introduce(
    shared: &Shared,
    program: &Program,
    limits: Limits,
    config: &str,
    lines: &mut Vec<LogLine>,
) -> Result<Description, LoadError> {
    let Some(_pass) = shared.gate.enter(shared.patience(Instant::now())) else {
        return Err(LoadError::Busy);
    };
    let mut keep = |logged: Vec<LogLine>| lines.extend(logged);
    let started = call::call(shared, program, limits, |store, instance| {
        Ok(program.check_types(store, instance))
    });
    keep(started.lines);
    started.result.map_err(LoadError::Start)??;

    let described = call::call(shared, program, limits, |store, instance| {
        program
            .metadata
            .load(&mut *store, instance)?
            .call_describe(store)
    });
    keep(described.lines);
    let description = Description::check(described.result.map_err(LoadError::Describe)?)?;
    program.check_hooks(&description)?;

    if let Some(configuration) = &program.configuration {
        let config = config.to_owned();
        let checked = call::call(shared, program, limits, |store, instance| {
            configuration
                .load(&mut *store, instance)?
                .call_check(store, &config)
        });
        keep(checked.lines);
        checked
            .result
            .map_err(LoadError::ConfigCheck)?
            .map_err(|message| LoadError::ConfigRefused {
                problem: text::one_line(&message, MESSAGE),
            })?;
    }
    Ok(description)
}
