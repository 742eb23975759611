//! Which plugin is in service for a class.

use std::sync::{Arc, Mutex, PoisonError};

use arcane_contract::api::PluginGrants;
use arcane_plugins::{Health, Plugin, PluginSettings};
use tokio::{sync::watch, time::Instant};

use super::log_budget::LogBudget;

/// Why a plugin cannot be taken into service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// PascalCase reason, for the condition.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// A plugin that is called.
#[derive(Clone)]
pub struct InService {
    /// The plugin.
    pub plugin: Plugin,
    /// What the class said about it.
    pub settings: Arc<PluginSettings>,
}

/// What is in service, and what is wrong.
#[derive(Clone, Default)]
pub struct State {
    /// The plugin that is called.
    pub in_service: Option<InService>,
    /// Why what the class names is not in service.
    pub obstacle: Option<Obstacle>,
    /// It has been tried, with whatever result.
    pub tried: bool,
    /// It is left alone, because it kept failing.
    pub left_alone: bool,
}

/// The place for a class's plugin. A change takes effect for the next call.
pub struct Service {
    state: watch::Sender<State>,
    log: Mutex<LogBudget>,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            state: watch::Sender::default(),
            log: Mutex::new(LogBudget::new(Instant::now())),
        }
    }
}

impl Service {
    /// The plugin to call, or why there is none.
    pub fn current(&self) -> Result<Plugin, Option<Obstacle>> {
        let state = self.state.borrow();
        match &state.in_service {
            Some(InService { plugin, .. }) => Ok(plugin.clone()),
            None => Err(state.obstacle.clone()),
        }
    }

    /// Changes with the state.
    pub fn subscribe(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Returns once something is in service, or why nothing is is known.
    pub async fn tried(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.state.subscribe().wait_for(|state| state.tried).await;
    }

    /// Notes that what the class names is another by now, and has not been tried yet. What is in
    /// service stays until it has.
    pub fn begin(&self) {
        self.state.send_modify(|state| {
            state.tried = false;
            state.obstacle = None;
        });
    }

    /// Whether one more line of the plugin may be logged, and how many were left out before.
    pub fn may_log(&self) -> (bool, Option<u32>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.take(Instant::now())
    }

    /// Tells those who watch whether the plugin, which has just been called, is left alone.
    pub fn tell_health(&self, plugin: &Plugin) {
        let left_alone = plugin.health() != Health::Closed;
        self.state.send_if_modified(|state| {
            let is_current = state
                .in_service
                .as_ref()
                .is_some_and(|in_service| in_service.plugin.identity() == plugin.identity());
            let is_news = is_current && state.left_alone != left_alone;
            if is_news {
                state.left_alone = left_alone;
            }
            is_news
        });
    }

    /// Takes a plugin into service in place of the one before, unless that gives the same answers.
    pub fn enter(&self, plugin: Plugin, settings: PluginSettings) {
        self.state.send_modify(|state| {
            let before = state.in_service.as_ref();
            let same = before.is_some_and(|it| {
                it.plugin.digest() == plugin.digest() && *it.settings == settings
            });
            if !same {
                state.in_service = Some(InService {
                    plugin,
                    settings: Arc::new(settings),
                });
                state.left_alone = false;
            }
            state.obstacle = None;
            state.tried = true;
        });
    }

    /// Notes that what the class names cannot be taken into service. What is in service stays,
    /// unless the class grants something else by now.
    pub fn refuse(&self, obstacle: Obstacle, granted: &PluginGrants) {
        self.state.send_modify(|state| {
            state
                .in_service
                .take_if(|in_service| in_service.settings.grants != *granted);
            state.obstacle = Some(obstacle);
            state.tried = true;
        });
    }
}
