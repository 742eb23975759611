//! What a class may configure.

use std::collections::BTreeMap;

use arcane_plugin_sdk::{Error, Toleration};
use serde::Deserialize;

use crate::names;

/// `spec.plugin.config` of the class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Label on the definition that names the stream's tenant. Default `tenant`.
    #[serde(default = "tenant_label")]
    pub tenant_label: String,
    /// Where each tenant's pods go; at least one.
    pub tenants: BTreeMap<String, Placement>,
    /// The one of `tenants` that streams of no tenant, or of an unknown one, are placed as.
    /// Default: such streams are an error, and nothing is started for them.
    #[serde(default)]
    pub default_tenant: Option<String>,
    /// Labels that pods take over from the definition, where it has them, for accounts of cost.
    /// Default: none.
    #[serde(default)]
    pub copy_labels: Vec<String>,
}

/// Where pods go, and what they are marked with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Placement {
    /// Labels that nodes must have, besides those that the template asks for.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated, besides those that the template tolerates.
    pub tolerations: Vec<Toleration>,
    /// PriorityClass of the pods. Default: the template's.
    pub priority_class_name: Option<String>,
    /// PriorityClass of the pods of backfills, those on a schedule too. Default:
    /// `priorityClassName`.
    pub backfill_priority_class_name: Option<String>,
    /// Labels for accounts of cost, on the Job and on its pods.
    pub cost_labels: BTreeMap<String, String>,
}

fn tenant_label() -> String {
    "tenant".to_owned()
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A field has a value that the API server would refuse, or that could not be carried out.
    pub fn check(&self) -> Result<(), Error> {
        check_key("tenantLabel", &self.tenant_label)?;
        for (index, key) in self.copy_labels.iter().enumerate() {
            check_key(&format!("copyLabels[{index}]"), key)?;
        }
        if self.tenants.is_empty() {
            return Err(Error::field(
                "tenants",
                "is empty: name at least one tenant",
            ));
        }
        for (name, placement) in &self.tenants {
            placement.check(&format!("tenants.{name}"))?;
        }
        match &self.default_tenant {
            Some(name) if !self.tenants.contains_key(name) => Err(Error::field(
                "defaultTenant",
                format_args!("there is no tenant `{name}`: give the name of one of `tenants`"),
            )),
            _ => Ok(()),
        }
    }
}

impl Placement {
    fn check(&self, path: &str) -> Result<(), Error> {
        check_labels(&format!("{path}.nodeSelector"), &self.node_selector)?;
        check_labels(&format!("{path}.costLabels"), &self.cost_labels)?;
        for (index, toleration) in self.tolerations.iter().enumerate() {
            check_toleration(&format!("{path}.tolerations[{index}]"), toleration)?;
        }
        let classes = [
            ("priorityClassName", &self.priority_class_name),
            (
                "backfillPriorityClassName",
                &self.backfill_priority_class_name,
            ),
        ];
        for (field, class) in classes {
            if class.as_deref() == Some("") {
                return Err(Error::field(
                    &format!("{path}.{field}"),
                    "is empty: name a PriorityClass, or leave it out",
                ));
            }
        }
        Ok(())
    }
}

fn check_labels(path: &str, labels: &BTreeMap<String, String>) -> Result<(), Error> {
    for (key, value) in labels {
        check_key(path, key)?;
        if !names::is_label_value(value) {
            return Err(Error::field(
                &format!("{path}.{key}"),
                format_args!(
                    "`{value}` cannot be the value of a label: give at most 63 letters, digits, `-`, `_` and `.`, a letter or digit first and last"
                ),
            ));
        }
    }
    Ok(())
}

fn check_key(path: &str, key: &str) -> Result<(), Error> {
    if names::is_label_key(key) {
        return Ok(());
    }
    Err(Error::field(
        path,
        format_args!(
            "`{key}` cannot be the name of a label: give one such as team or example.com/team"
        ),
    ))
}

fn check_toleration(path: &str, toleration: &Toleration) -> Result<(), Error> {
    let at = |field: &str| format!("{path}.{field}");
    let operator = toleration.operator.as_deref().unwrap_or("Equal");
    let has_key = toleration.key.as_deref().is_some_and(|key| !key.is_empty());
    match operator {
        "Equal" if !has_key => Err(Error::field(
            &at("key"),
            "is missing: only the operator Exists goes without",
        )),
        "Exists" if toleration.value.is_some() => Err(Error::field(
            &at("value"),
            "goes with the operator Equal alone: leave it out",
        )),
        "Equal" | "Exists" => match toleration.effect.as_deref() {
            None | Some("NoSchedule" | "PreferNoSchedule" | "NoExecute") => Ok(()),
            Some(effect) => Err(Error::field(
                &at("effect"),
                format_args!(
                    "`{effect}` is none: give NoSchedule, PreferNoSchedule or NoExecute, or leave it out for all"
                ),
            )),
        },
        _ => Err(Error::field(
            &at("operator"),
            format_args!("`{operator}` is none: give Equal or Exists"),
        )),
    }
}
