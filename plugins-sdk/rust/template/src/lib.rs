//! Gives backfills more memory than streaming Jobs.

use arcane_plugin_sdk::{Context, Error, Job, Mode, Plugin, Quantity, export_plugin};
use serde::Deserialize;

/// `spec.plugin.config` of the StreamClass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Config {
    /// Memory of a Job that backfills, such as `4Gi`.
    backfill_memory: Quantity,
}

struct MyPlugin;

impl Plugin for MyPlugin {
    type Config = Config;
    const SUMMARY: &'static str = "Gives backfills more memory than streaming Jobs.";

    fn check(config: &Config) -> Result<(), Error> {
        if config.backfill_memory < Quantity::mebi(64) {
            return Err(Error::field("backfillMemory", "must be at least 64Mi"));
        }
        Ok(())
    }

    fn render(context: &Context<Config>, job: &mut Job) -> Result<(), Error> {
        if context.mode() != Mode::Streaming {
            let memory = context.config().backfill_memory;
            job.main()?.set_resource("memory", memory);
        }
        Ok(())
    }
}

export_plugin!(MyPlugin, hooks: [render], grants: [resources]);

#[cfg(test)]
mod tests {
    use arcane_plugin_sdk::serde_json::{Value, json};
    use arcane_plugin_sdk::testing;

    use super::*;

    fn config(config: Value) -> Result<Config, Error> {
        testing::config::<MyPlugin>(config)
    }

    #[test]
    fn backfills_get_the_memory_of_the_configuration() {
        let config = config(json!({"backfillMemory": "4Gi"})).unwrap();
        let context = testing::context(config).mode(Mode::Backfill).build();
        let mut job = testing::job();
        MyPlugin::render(&context, &mut job).unwrap();
        let memory = job.main().unwrap().limit("memory").unwrap();
        assert_eq!(memory, Some("4Gi".parse().unwrap()));
    }

    #[test]
    fn streaming_jobs_stay_as_they_are() {
        let config = config(json!({"backfillMemory": "4Gi"})).unwrap();
        let context = testing::context(config).build();
        let mut job = testing::job();
        MyPlugin::render(&context, &mut job).unwrap();
        assert_eq!(job.raw(), testing::job().raw());
    }

    #[test]
    fn a_configuration_that_helps_nobody_is_refused() {
        assert!(config(json!({"backfillMemory": "1Mi"})).is_err());
        assert!(config(json!({"backfilMemory": "4Gi"})).is_err());
    }
}
