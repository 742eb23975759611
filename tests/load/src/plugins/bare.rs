//! The bare call: wasmtime alone, with arguments that are ready.

use anyhow::{Context as _, Result, anyhow};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::sample::{Sample, config};
use exports::arcane::stream_plugin::renderer::{GuestIndices, Rendering};

wasmtime::component::bindgen!({
    path: "../../wit/0.1.0",
    world: "plugin",
    imports: { default: trappable },
});

use arcane::stream_plugin::{logging, types};

/// More ticks than pass in any measurement.
const NEVER: u64 = 1 << 40;

/// A host that keeps nothing of what a plugin says.
struct Deaf;

impl types::Host for Deaf {}

impl logging::Host for Deaf {
    fn log(&mut self, _level: logging::Level, _message: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// A component, ready to be called.
pub struct Bare {
    engine: Engine,
    instances: InstancePre<Deaf>,
    renderer: GuestIndices,
}

/// The arguments of a call.
pub struct Question {
    context: types::Context,
    job: String,
}

impl Bare {
    /// `component` in an engine.
    pub fn new(engine: &Engine, component: &[u8]) -> Result<Self> {
        let mut linker = Linker::new(engine);
        Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |deaf| deaf).map_err(plain)?;
        let component = Component::new(engine, component).map_err(plain)?;
        let instances = linker.instantiate_pre(&component).map_err(plain)?;
        Ok(Self {
            engine: engine.clone(),
            renderer: GuestIndices::new(&instances).map_err(plain)?,
            instances,
        })
    }

    /// Has a fresh instance render.
    pub fn call(&self, question: &Question) -> Result<()> {
        let mut store = Store::new(&self.engine, Deaf);
        store.set_epoch_deadline(NEVER);
        let answer = self
            .instances
            .instantiate(&mut store)
            .and_then(|instance| self.renderer.load(&mut store, &instance))
            .and_then(|renderer| renderer.call_render(&mut store, &question.context, &question.job))
            .map_err(plain)?;
        match answer {
            Ok(Rendering::Patch(_) | Rendering::Job(_)) => Ok(()),
            Ok(Rendering::Unchanged) => Err(anyhow!("the plugin has changed nothing")),
            Err(message) => Err(anyhow!("the plugin gave up: {message}")),
        }
    }
}

impl Question {
    /// What the host would hand over for `sample`.
    pub fn of(sample: &Sample) -> Result<Self> {
        let stream = &sample.context.stream;
        let pairs = |map: &std::collections::BTreeMap<String, String>| {
            map.iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        Ok(Self {
            context: types::Context {
                class: types::StreamClass {
                    name: sample.context.class.clone(),
                    config: serde_json::to_string(&config()).context("the configuration")?,
                },
                stream: types::StreamDefinition {
                    namespace: stream.namespace.clone(),
                    name: stream.name.clone(),
                    kind: stream.kind.clone(),
                    layout: stream.layout.clone(),
                    labels: pairs(&stream.labels),
                    annotations: pairs(&stream.annotations),
                    spec: stream.spec.to_string(),
                },
                mode: types::Mode::Streaming,
                request: None,
                attempt: 0,
                last_failure: None,
            },
            job: sample.job.text.clone(),
        })
    }
}

fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into_boxed_dyn_error())
}
