//! What a new plugin does at the hooks that its author names, and how that is tested. `my-plugin`
//! stands for its name.

use arcane_plugins::Hook;

/// An example for one hook.
pub(super) struct Example {
    /// The hook.
    pub(super) hook: Hook,
    /// An arm of the match over triggers; empty for [`Hook::Render`].
    pub(super) arm: &'static str,
    /// A test of the plugin as plain Rust.
    pub(super) test: &'static str,
    /// A case of the component.
    pub(super) case: &'static str,
}

/// One for each hook.
pub(super) const EXAMPLES: [Example; 8] = [
    Example {
        hook: Hook::Render,
        arm: "",
        test: r#"
    #[test]
    fn a_job_is_labelled_with_what_it_is_for() {
        let context = testing::context(NoConfig {}).mode(Mode::Backfill).build();
        let mut job = testing::job();
        MyPlugin::render(&context, &mut job).unwrap();
        assert_eq!(job.metadata().label("my-plugin/mode"), Some("backfill"));
    }
"#,
        case: r#"- name: a backfill's Job is labelled as such
  given: { hook: render, mode: backfill }
  expect:
    job: { metadata: { labels: { my-plugin/mode: backfill } } }
"#,
    },
    Example {
        hook: Hook::StreamCreated,
        arm: "            Trigger::StreamCreated => told_to_skip(context),\n",
        test: r#"
    #[test]
    fn the_first_backfill_of_a_stream_can_be_ruled_out() {
        let context = testing::context(NoConfig {}).annotation(SKIP, "true").build();
        let decision = MyPlugin::decide(&Trigger::StreamCreated, &context, NOW).unwrap();
        assert!(matches!(decision, Decision::Skip { .. }));
    }
"#,
        case: r#"- name: the first backfill of a stream can be ruled out
  given: { hook: stream-created, stream: { annotations: { my-plugin/skip: "true" } } }
  expect: { decision: { skip: { reason: "*annotation*" } } }
"#,
    },
    Example {
        hook: Hook::BackfillRequested,
        arm: "            Trigger::BackfillRequested => told_to_skip(context),\n",
        test: r#"
    #[test]
    fn a_backfill_is_run_unless_that_is_ruled_out() {
        let context = testing::context(NoConfig {}).request("again", None).build();
        let decision = MyPlugin::decide(&Trigger::BackfillRequested, &context, NOW).unwrap();
        assert_eq!(decision, Decision::Default);
    }
"#,
        case: r#"- name: a backfill is run unless that is ruled out
  given: { hook: backfill-requested }
  expect: { decision: default }
"#,
    },
    Example {
        hook: Hook::SchemaChanged,
        arm: "            Trigger::SchemaChanged => told_to_skip(context),\n",
        test: r#"
    #[test]
    fn a_changed_schema_is_followed_by_a_backfill_unless_that_is_ruled_out() {
        let context = testing::context(NoConfig {}).annotation(SKIP, "true").build();
        let decision = MyPlugin::decide(&Trigger::SchemaChanged, &context, NOW).unwrap();
        assert!(matches!(decision, Decision::Skip { .. }));
    }
"#,
        case: r#"- name: a changed schema is followed by a backfill unless that is ruled out
  given: { hook: schema-changed }
  expect: { decision: default }
"#,
    },
    Example {
        hook: Hook::SpecChanged,
        arm: "            Trigger::SpecChanged { .. } => told_to_skip(context),\n",
        test: r#"
    #[test]
    fn a_changed_spec_is_left_for_the_next_run_where_the_stream_says_so() {
        let context = testing::context(NoConfig {}).annotation(SKIP, "true").build();
        let trigger = Trigger::SpecChanged { previous: None };
        let decision = MyPlugin::decide(&trigger, &context, NOW).unwrap();
        assert!(matches!(decision, Decision::Skip { .. }));
    }
"#,
        case: r#"- name: a changed spec takes effect at once unless the stream says otherwise
  given: { hook: spec-changed, previousSpec: { rows: 1 } }
  expect: { decision: default }
"#,
    },
    Example {
        hook: Hook::JobFailed,
        arm: r#"            Trigger::JobFailed(_) if context.attempt() < 3 => {
                Decision::restart(Duration::from_secs(60), "it may work in a minute")
            }
"#,
        test: r#"
    #[test]
    fn a_job_that_failed_is_started_again() {
        let context = testing::context(NoConfig {}).build();
        let trigger = Trigger::JobFailed(arcane_plugin_sdk::Failure::default());
        let decision = MyPlugin::decide(&trigger, &context, NOW).unwrap();
        assert!(matches!(decision, Decision::Restart { .. }));
    }
"#,
        case: r#"- name: a Job that failed is started again after a minute
  given: { hook: job-failed, failure: { exitCode: 1 } }
  expect: { decision: { restart: { seconds: 60 } } }
- name: a Job that keeps failing is not
  given: { hook: job-failed, attempt: 3, failure: { exitCode: 1 } }
  expect: { decision: default }
"#,
    },
    Example {
        hook: Hook::JobCompleted,
        arm: r#"            Trigger::JobCompleted => {
                Decision::restart(Duration::from_secs(60), "there is time until the next run")
            }
"#,
        test: r#"
    #[test]
    fn the_next_run_waits_a_minute() {
        let context = testing::context(NoConfig {}).build();
        let decision = MyPlugin::decide(&Trigger::JobCompleted, &context, NOW).unwrap();
        assert!(matches!(decision, Decision::Restart { .. }));
    }
"#,
        case: r#"- name: the next run waits a minute
  given: { hook: job-completed }
  expect: { decision: { restart: { seconds: 60 } } }
"#,
    },
    Example {
        hook: Hook::Tick,
        arm: "            Trigger::Tick => Decision::Default,\n",
        test: r#"
    #[test]
    fn it_is_asked_every_hour() {
        let context = testing::context(NoConfig {}).build();
        let tick = MyPlugin::next_tick(&context, NOW).unwrap();
        assert_eq!(tick, Some(Duration::from_secs(3_600)));
        let decision = MyPlugin::decide(&Trigger::Tick, &context, NOW).unwrap();
        assert_eq!(decision, Decision::Default);
    }
"#,
        case: r#"- name: it is asked every hour
  given: { hook: next-tick }
  expect: { nextTick: 3600 }
- name: and lets the stream go on
  given: { hook: tick }
  expect: { decision: default }
"#,
    },
];

/// A case of what the template shows.
pub(super) const TEMPLATE_CASE: &str = r#"- name: a backfill has the memory of the configuration
  config: { backfillMemory: 4Gi }
  grants: { resources: { memory: 8Gi } }
  given: { hook: render, mode: backfill }
  expect:
    job:
      spec:
        template:
          spec:
            containers: [{ name: main, resources: { limits: { memory: 4Gi } } }]

- name: a streaming Job stays as it is
  config: { backfillMemory: 4Gi }
  given: { hook: render }
  expect: { unchanged: true }

- name: more than is granted is refused
  config: { backfillMemory: 16Gi }
  grants: { resources: { memory: 8Gi } }
  given: { hook: render, mode: backfill }
  expect: { refused: resources }
"#;

/// The method for [`Hook::Render`].
pub(super) const RENDER: &str = r#"
    fn render(context: &Context<NoConfig>, job: &mut Job) -> Result<(), Error> {
        let mode = match context.mode() {
            Mode::Streaming => "streaming",
            Mode::Backfill => "backfill",
            Mode::Scheduled => "scheduled",
        };
        job.metadata().set_label("my-plugin/mode", mode);
        Ok(())
    }
"#;

/// The method for all other hooks, with a place for their arms.
pub(super) const DECIDE: &str = r#"
    fn decide(
        trigger: &Trigger,
        context: &Context<NoConfig>,
        _now: Timestamp,
    ) -> Result<Decision, Error> {
        Ok(match trigger {
ARMS            _ => Decision::Default,
        })
    }
"#;

/// The method that names the next tick.
pub(super) const NEXT_TICK: &str = r#"
    fn next_tick(
        _context: &Context<NoConfig>,
        _now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        Ok(Some(Duration::from_secs(3_600)))
    }
"#;

/// What the arms about backfills call.
pub(super) const TOLD_TO_SKIP: &str = r#"
fn told_to_skip(context: &Context<NoConfig>) -> Decision {
    match context.stream().annotation(SKIP) {
        Some("true") => Decision::skip(format!("the annotation {SKIP} says so")),
        _ => Decision::Default,
    }
}
"#;

/// The time at which tests happen.
pub(super) const NOW: &str = r#"
    /// 2026-01-01T00:00:00Z
    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
"#;

/// For the author.
pub(super) const README: &str = r#"# my-plugin

Says what it does in one sentence.

```sh
cargo test                                  # the plugin as plain Rust
kubectl arcane plugin build                 # the component
kubectl arcane plugin test                  # the component, against cases/
kubectl arcane plugin pack > plugin.yaml    # ConfigMap and digest
kubectl apply --server-side -f plugin.yaml
```

In the StreamClass:

```yaml
spec:
  plugin:
    configMapRef: { name: my-plugin }
```

- `src/lib.rs` is the plugin. `cargo doc --open -p arcane-plugin-sdk` describes what it can ask and
  change.
- `cases/cases.yaml` holds questions and the answers that are expected.
"#;
