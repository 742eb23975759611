//! One class from its start to its stop.

use std::sync::Arc;

use arcane_contract::api::StreamClass;
use kube::ResourceExt;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    kind::{Obstacle, resolve},
    report::{self, State},
};
use crate::{
    faults::Faults,
    health::Health,
    plugins::{self, Service},
    retry::Attempts,
    stream::{Host, Kind, Served, serve},
};

/// What a class needs to run.
pub struct Start {
    /// What all classes have in common.
    pub host: Arc<Host>,
    /// The class.
    pub class: StreamClass,
    /// Why the class cannot serve its kind, whatever the kind is like.
    pub obstacle: Option<Obstacle>,
    /// Held while the kind is served, so that two classes never serve it at once.
    pub turn: Arc<Mutex<()>>,
    /// Changes with the class's CustomResourceDefinition.
    pub definition_changed: watch::Receiver<u64>,
    /// Signs of life.
    pub health: Health,
    /// Ends the class.
    pub stop: CancellationToken,
}

/// Serves the class until it is stopped, and keeps its status in line.
pub async fn run(start: Start) {
    let Start {
        host,
        class,
        obstacle,
        turn,
        mut definition_changed,
        health,
        stop,
    } = start;
    let faults = Faults::new();
    let (state, states) = watch::channel(State::Starting);
    let state = Arc::new(state);
    let plugin = class
        .spec
        .plugin
        .as_ref()
        .filter(|_| obstacle.is_none())
        .map(|_| host.plugins.service(&class.uid().unwrap_or_default()))
        .inspect(|service| service.begin());
    let reporter = tokio::spawn(report::follow(
        host.clone(),
        class.clone(),
        states,
        plugin.as_ref().map(|service| service.subscribe()),
        faults.clone(),
        stop.clone(),
    ));
    if let Some(obstacle) = obstacle {
        state.send_replace(State::Broken(obstacle));
        stop.cancelled().await;
    } else {
        let _turn = turn.lock().await;
        if let (Some(service), Some(spec)) = (&plugin, &class.spec.plugin) {
            let (name, shared) = (class.name_any(), host.clone());
            let changed = move || shared.shared.routes.whole_class(&name);
            tokio::spawn(plugins::keep(
                host.plugins.clone(),
                class.name_any(),
                service.clone(),
                spec.clone(),
                changed,
                stop.clone(),
            ));
        }
        let serving = Serving {
            host: &host,
            class: &class,
            plugin: plugin.as_ref(),
            faults: &faults,
            state: &state,
            health: &health,
        };
        let mut attempts = Attempts::new();
        while !stop.is_cancelled() {
            serving
                .once(&mut definition_changed, &mut attempts, &stop)
                .await;
        }
    }
    host.metrics.plugins.forget(&class.name_any(), host.shard);
    if let Err(error) = reporter.await {
        warn!(class = %class.name_any(), "the reporter of the class failed: {error}");
    }
}

struct Serving<'a> {
    host: &'a Arc<Host>,
    class: &'a StreamClass,
    plugin: Option<&'a Arc<Service>>,
    faults: &'a Faults,
    state: &'a Arc<watch::Sender<State>>,
    health: &'a Health,
}

impl Serving<'_> {
    /// The class's loop, as people are told of it.
    fn loop_name(&self) -> String {
        let (class, shard) = (self.class.name_any(), self.host.shard);
        if shard.is_sole() {
            class
        } else {
            format!("{class} (shard {shard})")
        }
    }

    /// Serves the kind as it is now; returns when it has changed, or to look for it again.
    async fn once(
        &self,
        definition_changed: &mut watch::Receiver<u64>,
        attempts: &mut Attempts,
        stop: &CancellationToken,
    ) {
        definition_changed.mark_unchanged();
        match resolve(&self.host.client, self.class).await {
            Ok(kind) => {
                *attempts = Attempts::new();
                self.serve(kind, definition_changed, stop).await;
            }
            Err(obstacle) => {
                warn!(class = %self.class.name_any(), reason = obstacle.reason, "cannot serve: {}", obstacle.message);
                self.state.send_replace(State::Broken(obstacle));
                tokio::select! {
                    () = stop.cancelled() => {}
                    Ok(()) = definition_changed.changed() => {}
                    // Should no change of its CustomResourceDefinition be seen.
                    () = attempts.wait() => {}
                }
            }
        }
    }

    async fn serve(
        &self,
        kind: Kind,
        definition_changed: &mut watch::Receiver<u64>,
        stop: &CancellationToken,
    ) {
        self.state.send_if_modified(|state| {
            let broken = matches!(state, State::Broken(_));
            if broken {
                *state = State::Starting;
            }
            broken
        });
        // What a plugin would have changed must not be taken for drift before it is known.
        if let Some(plugin) = self.plugin
            && stop.run_until_cancelled(plugin.tried()).await.is_none()
        {
            return;
        }
        let ended = stop.child_token();
        let state = self.state.clone();
        let service = serve(
            self.host.clone(),
            Served {
                object: self.class,
                kind: kind.clone(),
                plugin: self.plugin.cloned(),
            },
            self.faults.clone(),
            self.health.heartbeat(&self.loop_name()),
            move || {
                state.send_replace(State::Serving);
            },
            ended.clone(),
        );
        let change = async {
            loop {
                if definition_changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                let mut attempts = Attempts::new();
                let found = loop {
                    match resolve(&self.host.client, self.class).await {
                        // What it is now is still to be seen.
                        Err(obstacle) if obstacle.reason == "ApiUnavailable" => {
                            attempts.wait().await;
                        }
                        found => break found,
                    }
                };
                if !found.is_ok_and(|found| found == kind) {
                    return;
                }
            }
        };
        tokio::pin!(service);
        tokio::select! {
            () = &mut service => {}
            () = change => {
                ended.cancel();
                service.await;
            }
        }
    }
}
