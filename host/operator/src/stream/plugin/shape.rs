//! Has the class's plugin shape a rendered Job.

use std::sync::Mutex;

use arcane_contract::{render::Rendered, stream::StreamDefinition};
use arcane_lifecycle::Goal;
use arcane_plugins::Hook;

use super::{
    super::{
        context::Class,
        memory::{Memory, lock},
        observe::Observation,
    },
    context::Run,
    trouble::{Trouble, refused_by_server},
};
use crate::plugins::call;

/// An object that is ready to be made.
pub struct Shaped {
    /// The object.
    pub rendered: Rendered,
    /// The plugin that has changed it, if one has.
    pub plugin: Option<String>,
    /// Why the template's defaults stand in for the plugin's answer.
    pub trouble: Option<Trouble>,
}

/// The object as the class's plugin wants it. Without a plugin it stays as it is.
///
/// # Errors
/// There is no answer, and the template's defaults are not to take its place.
pub async fn shape(
    class: &Class,
    object: &StreamDefinition,
    observation: &Observation,
    goal: &Goal,
    rendered: Rendered,
    memory: &Mutex<Memory>,
) -> Result<Shaped, Trouble> {
    let as_it_is = |rendered, trouble| Shaped {
        rendered,
        plugin: None,
        trouble,
    };
    let Some(plugin) = &class.plugin else {
        return Ok(as_it_is(rendered, None));
    };
    let without_answer = |rendered, trouble: Trouble| {
        lock(memory).plugin.failed(&trouble, &class.host.backoff);
        if plugin.falls_back() {
            Ok(as_it_is(rendered, Some(trouble)))
        } else {
            Err(trouble)
        }
    };
    let loaded = match plugin.service.current() {
        Ok(loaded) => loaded,
        Err(obstacle) => return without_answer(rendered, Trouble::absent(class, obstacle)),
    };
    if !loaded.wants(Hook::Render) {
        return Ok(as_it_is(rendered, None));
    }
    let run = Run::of_goal(class, object, observation, goal);
    let (context, job) = (
        run.context(class, object, &observation.definition),
        rendered.job(),
    );
    let (metrics, service) = (&class.host.metrics.plugins, &plugin.service);
    let answer = call(
        metrics,
        &class.name,
        service,
        &loaded,
        Hook::Render,
        move |plugin| plugin.render(&context, &job),
    );
    match answer.await {
        Ok(answer) => {
            if !answer.changed {
                lock(memory).plugin.answered();
                return Ok(as_it_is(rendered, None));
            }
            let description = loaded.description();
            let name = format!("{} {}", description.name, description.version);
            let mark = format!("{name} sha256:{}", loaded.digest());
            let shaped = rendered.with_job(answer.job, &mark);
            // What the API server has refused once it refuses again.
            let refused = lock(memory).plugin.refused(&shaped.render_hash);
            if let (Some(message), true) = (refused, plugin.falls_back()) {
                let problem = refused_by_server(&name, &message);
                let trouble = Trouble::refused_by_server(&loaded, problem);
                return without_answer(rendered, trouble);
            }
            lock(memory).plugin.answered();
            Ok(Shaped {
                rendered: shaped,
                plugin: Some(name),
                trouble: None,
            })
        }
        Err(error) => without_answer(
            rendered,
            Trouble::call(class, &loaded, Hook::Render, &error),
        ),
    }
}
