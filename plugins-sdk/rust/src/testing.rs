//! Questions for tests of plugins, without a host.
//!
//! ```
//! use arcane_plugin_sdk::{Context, Error, Job, Json, Mode, NoConfig, Plugin, testing};
//! # struct Labels;
//! # impl Plugin for Labels {
//! #     type Config = NoConfig;
//! #     const SUMMARY: &'static str = "";
//! #     fn render(context: &Context<NoConfig>, job: &mut Job) -> Result<(), Error> {
//! #         let tenant = context.stream().label("tenant").unwrap_or("nobody");
//! #         job.metadata().set_label("cost/tenant", tenant);
//! #         Ok(())
//! #     }
//! # }
//!
//! let context = testing::context(NoConfig {})
//!     .label("tenant", "acme")
//!     .mode(Mode::Backfill)
//!     .request("initial", None)
//!     .build();
//! let mut job = testing::job();
//! Labels::render(&context, &mut job).unwrap();
//! assert_eq!(job.metadata().label("cost/tenant"), Some("acme"));
//! ```

use serde_json::{Value, json};

use crate::context::Pairs;
use crate::{Context, Error, Failure, Job, Json, Mode, Plugin, Request, Stream};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use lines::keep;
#[cfg(not(target_arch = "wasm32"))]
pub use lines::logged;

/// The configuration that a class gives, read and checked as the host has it done.
///
/// # Errors
/// As the host would report it.
pub fn config<P: Plugin>(config: Value) -> Result<P::Config, Error> {
    let config = Json::from(config.to_string()).parse()?;
    P::check(&config)?;
    Ok(config)
}

/// A context of a stream `orders` in the namespace `data`, of the kind `SampleStream` and the class
/// `sample`, in mode streaming, with an empty spec and nothing else.
pub fn context<C>(config: C) -> ContextBuilder<C> {
    ContextBuilder(Context {
        class: "sample".to_owned(),
        config,
        stream: Stream {
            namespace: "data".to_owned(),
            name: "orders".to_owned(),
            kind: "SampleStream".to_owned(),
            layout: "v0".to_owned(),
            labels: Pairs::default(),
            annotations: Pairs::default(),
            spec: "{}".into(),
        },
        mode: Mode::Streaming,
        request: None,
        attempt: 0,
        last_failure: None,
    })
}

/// Makes a [`Context`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ContextBuilder<C>(Context<C>);

impl<C> ContextBuilder<C> {
    /// Of this class.
    pub fn class(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.class);
        self
    }

    /// In this namespace.
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.0.stream.namespace);
        self
    }

    /// Of this name.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.stream.name);
        self
    }

    /// Of this kind.
    pub fn kind(mut self, kind: &str) -> Self {
        kind.clone_into(&mut self.0.stream.kind);
        self
    }

    /// Of this layout: `v0`, `v1` or `v2`.
    pub fn layout(mut self, layout: &str) -> Self {
        layout.clone_into(&mut self.0.stream.layout);
        self
    }

    /// With a label on the definition.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.0.stream.labels.set(key, value);
        self
    }

    /// With an annotation on the definition.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.0.stream.annotations.set(key, value);
        self
    }

    /// With this spec of the definition.
    pub fn spec(mut self, spec: Value) -> Self {
        self.0.stream.spec = spec.to_string().into();
        self
    }

    /// For a run of this mode.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.0.mode = mode;
        self
    }

    /// For this BackfillRequest, which makes the mode [`Mode::Backfill`].
    pub fn request(mut self, name: &str, payload: Option<Value>) -> Self {
        self.0.mode = Mode::Backfill;
        self.0.request = Some(Request {
            name: name.to_owned(),
            payload: payload.map(|payload| payload.to_string().into()),
        });
        self
    }

    /// After so many restarts in a row, the last of them after this failure.
    pub fn attempt(mut self, attempt: u32, last_failure: Failure) -> Self {
        self.0.attempt = attempt;
        self.0.last_failure = Some(last_failure);
        self
    }

    /// The context.
    pub fn build(self) -> Context<C> {
        self.0
    }
}

/// A Job such as the host renders for a streaming run of [`context`]'s stream: one container
/// `stream` with requests of `500m` and `1Gi` and a limit of `1Gi`.
pub fn job() -> Job {
    let identity = json!({
        "arcane/stream-id": "orders",
        "arcane/stream-kind": "SampleStream",
    });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "orders", "namespace": "data", "labels": identity },
        "spec": {
            "backoffLimit": 3,
            "template": {
                "metadata": { "labels": identity },
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": "stream",
                        "image": "registry.example/sample-stream:1.0.0",
                        "args": ["start"],
                        "env": [
                            { "name": "STREAMCONTEXT__STREAM_ID", "value": "orders" },
                            { "name": "STREAMCONTEXT__BACKFILL", "value": "false" },
                        ],
                        "resources": {
                            "requests": { "cpu": "500m", "memory": "1Gi" },
                            "limits": { "memory": "1Gi" },
                        },
                    }],
                },
            },
        },
    })
    .into()
}

#[cfg(not(target_arch = "wasm32"))]
mod lines {
    use std::cell::RefCell;

    use crate::Level;

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// What the plugin has logged on this thread since this was last asked: `level: message`.
    pub fn logged() -> Vec<String> {
        LINES.take()
    }

    pub(crate) fn keep(level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let line = format!("{level}: {message}");
        eprintln!("{line}");
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
}
