//! What can be seen of a stream plugin's class, and what its owner does to it.

use anyhow::ensure;
use arcane_contract::api::StreamClass;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::act::{act, until};
use crate::component::digest;
use crate::plugin::Plugin;

impl Plugin<'_> {
    /// Changes the class's `spec` by a merge patch.
    #[track_caller]
    pub fn change_class(&self, spec: Value) -> impl Future<Output = ()> {
        act(format!("change class {}", self.class()), async move {
            let patch = Patch::Merge(json!({"spec": spec}));
            let params = PatchParams::default();
            self.classes().patch(self.class(), &params, &patch).await?;
            Ok(())
        })
    }

    /// Waits until this component is in service for the class as it is now, and answers.
    #[track_caller]
    pub fn wait_in_service(&self, component: &[u8]) -> impl Future<Output = StreamClass> {
        let digest = digest(component);
        let what = format!("class {} to have {digest} in service", self.class());
        until(what, async move || {
            let class = self.classes().get(self.class()).await?;
            let (condition, status) = plugin_of(&class);
            ensure!(condition["status"] == "True", "{condition}");
            ensure!(status["digest"] == *digest, "{status}");
            Ok(class)
        })
    }

    /// Waits until the class says that its plugin is not in service, or fails, for this reason and
    /// in these words. Returns `status.plugin`, which says what is in service all the same.
    #[track_caller]
    pub fn wait_plugin_trouble(&self, reason: &str, words: &[&str]) -> impl Future<Output = Value> {
        let what = format!(
            "class {} to say of its plugin {reason}: {words:?}",
            self.class()
        );
        until(what, async move || {
            let class = self.classes().get(self.class()).await?;
            let (condition, status) = plugin_of(&class);
            ensure!(condition["status"] == "False", "{condition}");
            ensure!(condition["reason"] == reason, "{condition}");
            let message = condition["message"].as_str().unwrap_or_default();
            ensure!(words.iter().all(|word| message.contains(word)), "{message}");
            Ok(status)
        })
    }
}

/// The condition `PluginReady` of a class, if it is about the class as it is now, and its
/// `status.plugin`.
fn plugin_of(class: &StreamClass) -> (Value, Value) {
    let status = json!(class.status);
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let condition = conditions.find(|condition| {
        condition["type"] == "PluginReady"
            && condition["observedGeneration"] == json!(class.metadata.generation)
    });
    (
        condition.cloned().unwrap_or_default(),
        status["plugin"].clone(),
    )
}
