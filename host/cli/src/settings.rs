//! What a class says about its plugin, from options and cases.

use arcane_contract::api::{PluginGrants, PluginSpec};
use arcane_plugins::rails::Grant;
use serde_json::Value;

/// Name of the ConfigMap where there is none: the component comes from a file.
const NO_CONFIG_MAP: &str = "from-a-file";

/// `spec.plugin` with this config and these grants, everything else as it is by default.
///
/// # Errors
/// Names the field that is wrong.
pub fn spec(config: Option<&Value>, grants: Option<&Value>) -> Result<PluginSpec, String> {
    let mut spec = PluginSpec::new(NO_CONFIG_MAP);
    if let Some(config) = config {
        let config = config.as_object();
        spec.config = config
            .cloned()
            .ok_or("config is no object: give fields and values")?;
    }
    if let Some(grants) = grants {
        spec.grants = read_grants(grants)?;
    }
    Ok(spec)
}

/// Reads `spec.plugin.grants`. What is no grant is a mistake here, where the API server drops it.
fn read_grants(value: &Value) -> Result<PluginGrants, String> {
    let names = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name);
    for name in names {
        if Grant::parse(name).is_none() {
            let known: Vec<_> = Grant::ALL.iter().map(|grant| grant.as_str()).collect();
            return Err(format!(
                "grants.{name} is no grant: use {}",
                known.join(", ")
            ));
        }
    }
    serde_json::from_value(value.clone()).map_err(|error| format!("grants: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_as_a_class_has_it_by_default() {
        let bare = spec(None, None).unwrap();
        assert_eq!(bare.timeout_milliseconds, 1_000);
        assert!(bare.grants.is_empty());
        assert!(bare.config.is_empty());
    }

    #[test]
    fn a_grant_that_does_not_exist_is_told_with_those_that_do() {
        let error = spec(None, Some(&json!({"placment": true}))).unwrap_err();
        assert!(
            error.starts_with("grants.placment is no grant: use "),
            "{error}"
        );
        assert!(error.contains("placement"), "{error}");
        let error = spec(None, Some(&json!({"placement": "yes"}))).unwrap_err();
        assert!(error.starts_with("grants: "), "{error}");
    }

    #[test]
    fn config_and_grants_reach_the_plugin() {
        let config = json!({"a": 1});
        let grants = json!({"placement": true});
        let spec = spec(Some(&config), Some(&grants)).unwrap();
        assert_eq!(spec.config["a"], 1);
        assert!(spec.grants.placement);
    }
}
