//! Pods go to the nodes of their tenant, with its priority and its labels for accounts of cost.

pub mod config;
mod names;

use arcane_plugin_sdk::{Context, Error, Job, Mode, Plugin, export_plugin, warn};

use config::{Config, Placement};

/// The plugin.
pub struct TenantPlacement;

impl Plugin for TenantPlacement {
    type Config = Config;
    const SUMMARY: &'static str = "Pods go to the nodes of their tenant, with its priority and its \
                                   labels for accounts of cost.";

    fn check(config: &Config) -> Result<(), Error> {
        config.check()
    }

    fn render(context: &Context<Config>, job: &mut Job) -> Result<(), Error> {
        let placement = placement(context)?;
        for (key, value) in &placement.node_selector {
            match job.node_selector(key) {
                Some(found) if found != value => return Err(conflict(key, value, found)),
                _ => job.set_node_selector(key, value),
            }
        }
        for toleration in &placement.tolerations {
            job.add_toleration(toleration);
        }
        if let Some(name) = priority_class(placement, context.mode()) {
            job.set_priority_class(name);
        }
        let copied = context.config().copy_labels.iter().filter_map(|key| {
            let value = context.stream().label(key)?;
            Some((key.as_str(), value))
        });
        let fixed = placement.cost_labels.iter();
        // What the class says of a tenant counts for more than what a definition says of itself.
        for (key, value) in copied.chain(fixed.map(|(key, value)| (key.as_str(), value.as_str()))) {
            job.metadata().set_label(key, value);
            job.pod_metadata().set_label(key, value);
        }
        Ok(())
    }
}

fn placement(context: &Context<Config>) -> Result<&Placement, Error> {
    let config = context.config();
    let label = &config.tenant_label;
    let tenant = context.stream().label(label);
    if let Some(placement) = tenant.and_then(|name| config.tenants.get(name)) {
        return Ok(placement);
    }
    let problem = match tenant {
        Some(name) => format!(
            "there is no tenant `{name}`, which the label `{label}` of the definition names"
        ),
        None => format!("the definition has no label `{label}` that names its tenant"),
    };
    let default = config.default_tenant.as_ref();
    match default.and_then(|name| Some((name, config.tenants.get(name)?))) {
        Some((name, placement)) => {
            // No label is how to ask for the default; one that is unknown may be a slip.
            if tenant.is_some() {
                warn!("{problem}: it is placed as `{name}`");
            }
            Ok(placement)
        }
        None => {
            let known: Vec<&str> = config.tenants.keys().map(String::as_str).collect();
            Err(Error::new(format!(
                "{problem}: give one of {}, or add it to `tenants` of the class",
                known.join(", ")
            )))
        }
    }
}

fn priority_class(placement: &Placement, mode: Mode) -> Option<&String> {
    let backfill = match mode {
        Mode::Streaming => None,
        Mode::Backfill | Mode::Scheduled => placement.backfill_priority_class_name.as_ref(),
    };
    backfill.or(placement.priority_class_name.as_ref())
}

fn conflict(key: &str, value: &str, found: &str) -> Error {
    Error::new(format!(
        "the template asks for nodes with {key}={found}, the tenant for nodes with {key}={value}: \
         take one of them out, or no node would be left"
    ))
}

export_plugin!(TenantPlacement, hooks: [render], grants: [placement, priority_classes]);
