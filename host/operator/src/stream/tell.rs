//! Tells people what becomes of a stream: events, the log, and how its plugin fares.

use std::sync::Mutex;

use arcane_contract::{api::RecordedDecision, stream::StreamDefinition};
use arcane_lifecycle::{Event, Plan, Problem, Severity};
use tracing::{info, warn};

use super::{
    context::Class,
    memory::{Memory, lock},
    observe::Observation,
    plugin::{self, NextTick, Trouble},
    status,
};

/// Tells of one stream.
pub struct Teller<'a> {
    /// The stream's class.
    pub class: &'a Class,
    /// The definition.
    pub object: &'a StreamDefinition,
    /// What was told before.
    pub memory: &'a Mutex<Memory>,
}

impl Teller<'_> {
    /// Publishes events; a problem is told once, until it changes or is gone. After a restart, what
    /// stands in the status has been told.
    pub async fn tell(&self, events: &[Event], problem: Option<&Problem>) {
        let known = {
            let mut memory = lock(self.memory);
            std::mem::replace(&mut memory.told, problem.cloned())
        };
        let is_told = match (&known, problem) {
            (None, Some(problem)) => status::tells(&self.object.status.value(), problem),
            (known, problem) => known.as_ref() == problem,
        };
        for event in events {
            let is_problem = problem.is_some_and(|problem| problem.reason == event.reason);
            if !(is_problem && is_told) {
                self.publish(event).await;
            }
        }
    }

    /// Publishes one event, and logs it.
    async fn publish(&self, event: &Event) {
        let Event {
            severity,
            reason,
            message,
        } = event;
        match severity {
            Severity::Normal => info!(reason, "{message}"),
            Severity::Warning => warn!(reason, "{message}"),
        }
        self.post(*severity, reason, message).await;
    }

    async fn post(&self, severity: Severity, reason: &str, message: &str) {
        let reference = self.class.reference(self.object);
        let publisher = &self.class.host.events;
        publisher
            .publish(&reference, severity, reason, message)
            .await;
    }

    /// What the plugin leaves to the operator, as far as nobody was told.
    pub fn left<'a>(&self, observation: &'a Observation) -> Vec<&'a RecordedDecision> {
        let left = observation.answers.left();
        if left.is_empty() {
            return Vec::new();
        }
        let status = self.object.status.value();
        let told = &lock(self.memory).left;
        let is_news = |answer: &&RecordedDecision| told.is_news(answer, &status);
        left.iter().filter(is_news).collect()
    }

    /// Tells what the plugin leaves to the operator, once that is what was done.
    pub async fn tell_left(&self, left: &[&RecordedDecision]) {
        for answer in left {
            lock(self.memory).left.told(answer);
            self.publish(&plugin::left_event(answer)).await;
        }
    }

    /// Adds to the plan how the class's plugin fares with the stream, and when to ask it again.
    pub async fn tell_of_plugin(&self, observation: &Observation, plan: &mut Plan) {
        let Some(plugin) = &self.class.plugin else {
            return;
        };
        let in_service = plugin.service.current().ok();
        let identity = in_service.as_ref().map(|plugin| plugin.identity());
        let (trouble, is_news, next_tick) = {
            let mut memory = lock(self.memory);
            let trouble = observation
                .trouble
                .clone()
                .or_else(|| memory.plugin.trouble(identity).cloned());
            let is_news = memory.plugin.is_news(trouble.as_ref());
            let next_tick = memory.next_tick.as_deref().and_then(NextTick::remaining);
            (trouble, is_news, next_tick)
        };
        plugin::tell_health(plugin, trouble.as_ref(), plan);
        let retry = observation
            .trouble
            .as_ref()
            .filter(|trouble| trouble.retry)
            .map(|_| lock(self.memory).plugin.retry(&self.class.host.backoff));
        plan.revisit = [plan.revisit, retry, next_tick].into_iter().flatten().min();
        // With policy Fail, the plan's own problem tells.
        if let Some(Trouble { problem, .. }) = trouble.filter(|_| is_news && plugin.falls_back()) {
            warn!(reason = problem.reason, "{}", problem.message);
            let message = format!(
                "{}. The template's defaults apply meanwhile",
                problem.message
            );
            self.post(Severity::Warning, problem.reason, &message).await;
        }
    }
}
