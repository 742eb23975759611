//! What the plugin makes of Jobs, and what it says of a configuration.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use arcane_plugin_sdk::serde_json::{Value, json};
use arcane_plugin_sdk::testing::{self, ContextBuilder};
use arcane_plugin_sdk::{Answer, Error, Job, Mode, Plugin};
use placement::TenantPlacement;
use placement::config::Config;

fn example() -> Value {
    json!({
        "copyLabels": ["team"],
        "tenants": {
            "finance": {
                "nodeSelector": {"pool": "finance"},
                "tolerations": [{"key": "dedicated", "value": "finance", "effect": "NoSchedule"}],
                "priorityClassName": "gold",
                "backfillPriorityClassName": "bronze",
                "costLabels": {"cost-center": "4711"},
            },
            "shared": {"priorityClassName": "silver"},
        },
    })
}

fn with_default() -> Value {
    let mut config = example();
    config["defaultTenant"] = json!("shared");
    config
}

fn context(config: &Value) -> ContextBuilder<Config> {
    testing::context(testing::config::<TenantPlacement>(config.clone()).unwrap())
}

fn render_into(job: &mut Job, context: ContextBuilder<Config>) -> Result<(), Error> {
    TenantPlacement::render(&context.build(), job)
}

fn render(context: ContextBuilder<Config>) -> Job {
    let mut job = testing::job();
    render_into(&mut job, context).unwrap();
    job
}

#[test]
fn pods_go_to_the_nodes_of_their_tenant() {
    let mut job = render(context(&example()).label("tenant", "finance"));
    assert_eq!(job.node_selector("pool"), Some("finance"));
    let tolerations = job.tolerations().unwrap();
    assert_eq!(tolerations.len(), 1);
    assert_eq!(tolerations[0].value.as_deref(), Some("finance"));
    assert_eq!(tolerations[0].effect.as_deref(), Some("NoSchedule"));
    assert_eq!(job.priority_class(), Some("gold"));
    assert_eq!(job.metadata().label("cost-center"), Some("4711"));
    assert_eq!(job.pod_metadata().label("cost-center"), Some("4711"));
}

#[test]
fn backfills_may_have_another_priority() {
    let class = |tenant: &str, mode| {
        let job = render(context(&example()).label("tenant", tenant).mode(mode));
        job.priority_class().unwrap().to_owned()
    };
    assert_eq!(class("finance", Mode::Streaming), "gold");
    assert_eq!(class("finance", Mode::Backfill), "bronze");
    assert_eq!(class("finance", Mode::Scheduled), "bronze");
    assert_eq!(class("shared", Mode::Backfill), "silver");
}

#[test]
fn what_the_template_asks_for_stays() {
    let mut job = testing::job();
    job.set_node_selector("disk", "ssd");
    job.add_toleration(&serde_json::from_value(json!({"key": "spot"})).unwrap());
    job.pod_metadata().set_label("app", "stream");
    render_into(&mut job, context(&example()).label("tenant", "finance")).unwrap();
    assert_eq!(job.node_selector("disk"), Some("ssd"));
    assert_eq!(job.node_selector("pool"), Some("finance"));
    assert_eq!(job.tolerations().unwrap().len(), 2);
    assert_eq!(job.pod_metadata().label("app"), Some("stream"));
}

#[test]
fn a_template_that_is_placed_already_is_left_as_it_is() {
    let mut job = render(context(&example()).label("tenant", "finance"));
    let mut again = Job::from(job.raw().clone());
    render_into(&mut again, context(&example()).label("tenant", "finance")).unwrap();
    assert_eq!(again.answer(), Answer::Unchanged);
    assert_eq!(job.raw_mut(), again.raw_mut());
}

#[test]
fn a_template_that_asks_for_other_nodes_is_an_error() {
    let mut job = testing::job();
    job.set_node_selector("pool", "general");
    let error = render_into(&mut job, context(&example()).label("tenant", "finance")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the template asks for nodes with pool=general, the tenant for nodes with pool=finance: \
         take one of them out, or no node would be left"
    );
}

#[test]
fn labels_are_taken_over_from_the_definition() {
    let mut job = render(
        context(&example())
            .label("tenant", "shared")
            .label("team", "ledger")
            .label("other", "x"),
    );
    assert_eq!(job.pod_metadata().label("team"), Some("ledger"));
    assert_eq!(job.metadata().label("team"), Some("ledger"));
    assert_eq!(job.pod_metadata().label("other"), None);
}

#[test]
fn a_definition_cannot_pass_its_cost_to_others() {
    let mut config = example();
    config["copyLabels"] = json!(["cost-center"]);
    let context = context(&config)
        .label("tenant", "finance")
        .label("cost-center", "1");
    let mut job = render(context);
    assert_eq!(job.pod_metadata().label("cost-center"), Some("4711"));
}

#[test]
fn a_stream_of_no_known_tenant_is_an_error_that_names_them() {
    let error = |context| {
        render_into(&mut testing::job(), context)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(context(&example())),
        "the definition has no label `tenant` that names its tenant: give one of finance, shared, \
         or add it to `tenants` of the class"
    );
    assert_eq!(
        error(context(&example()).label("tenant", "sales")),
        "there is no tenant `sales`, which the label `tenant` of the definition names: give one of \
         finance, shared, or add it to `tenants` of the class"
    );
}

#[test]
fn it_is_placed_as_the_default_tenant_where_there_is_one() {
    testing::logged();
    let job = render(context(&with_default()));
    assert_eq!(job.priority_class(), Some("silver"));
    assert_eq!(testing::logged(), [""; 0]);
    let job = render(context(&with_default()).label("tenant", "sales"));
    assert_eq!(job.priority_class(), Some("silver"));
    let lines = testing::logged();
    assert!(
        lines[0].starts_with("warn: there is no tenant `sales`"),
        "{lines:?}"
    );
    assert!(lines[0].ends_with("it is placed as `shared`"), "{lines:?}");
}

#[test]
fn the_label_of_the_tenant_may_have_another_name() {
    let mut config = example();
    config["tenantLabel"] = json!("example.com/owner");
    let job = render(context(&config).label("example.com/owner", "finance"));
    assert_eq!(job.node_selector("pool"), Some("finance"));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let tenant = |placement: Value| json!({"tenants": {"a": placement}});
    let toleration = |toleration: Value| tenant(json!({"tolerations": [toleration]}));
    for (config, field, remedy) in [
        (json!({"tenants": {}}), "tenants:", "at least one"),
        (
            json!({"tenants": {"a": {}}, "defaultTenant": "b"}),
            "defaultTenant:",
            "one of `tenants`",
        ),
        (
            json!({"tenants": {"a": {}}, "tenantLabel": "a b"}),
            "tenantLabel:",
            "example.com/team",
        ),
        (
            json!({"tenants": {"a": {}}, "copyLabels": ["a", "-"]}),
            "copyLabels[1]:",
            "example.com/team",
        ),
        (
            tenant(json!({"nodeSelector": {"a b": "c"}})),
            "tenants.a.nodeSelector:",
            "example.com/team",
        ),
        (
            tenant(json!({"costLabels": {"a": "no spaces"}})),
            "tenants.a.costLabels.a:",
            "at most 63",
        ),
        (
            tenant(json!({"priorityClassName": ""})),
            "tenants.a.priorityClassName:",
            "leave it out",
        ),
        (
            tenant(json!({"backfillPriorityClassName": ""})),
            "tenants.a.backfillPriorityClassName:",
            "leave it out",
        ),
        (
            toleration(json!({"effect": "NoSchedule"})),
            "tenants.a.tolerations[0].key:",
            "only the operator Exists",
        ),
        (
            toleration(json!({"key": "a", "operator": "Exists", "value": "b"})),
            "tenants.a.tolerations[0].value:",
            "leave it out",
        ),
        (
            toleration(json!({"key": "a", "operator": "In"})),
            "tenants.a.tolerations[0].operator:",
            "Equal or Exists",
        ),
        (
            toleration(json!({"key": "a", "effect": "Never"})),
            "tenants.a.tolerations[0].effect:",
            "NoSchedule, PreferNoSchedule or NoExecute",
        ),
    ] {
        let complaint = testing::config::<TenantPlacement>(config)
            .unwrap_err()
            .to_string();
        assert!(complaint.starts_with(field), "{complaint}");
        assert!(complaint.contains(remedy), "{complaint}");
    }
}

#[test]
fn tolerations_of_everything_and_misspelt_fields_are_told_apart() {
    let everything = json!({"tenants": {"a": {"tolerations": [{"operator": "Exists"}]}}});
    assert!(testing::config::<TenantPlacement>(everything).is_ok());
    let misspelt = json!({"tenants": {"a": {"nodeselector": {}}}});
    let complaint = testing::config::<TenantPlacement>(misspelt)
        .unwrap_err()
        .to_string();
    assert!(complaint.contains("unknown field `nodeselector`"));
}
