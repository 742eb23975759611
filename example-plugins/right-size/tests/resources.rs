//! What the plugin makes of Jobs, what it decides, and what it says of a configuration.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::time::Duration;

use arcane_plugin_sdk::serde_json::{Value, json};
use arcane_plugin_sdk::testing::{self, ContextBuilder};
use arcane_plugin_sdk::{Decision, Failure, Job, Mode, Plugin, Timestamp, Trigger};
use right_size::RightSize;
use right_size::config::Config;

fn example() -> Value {
    json!({
        "size": [
            {"payload": "/expectedBytes"},
            {"annotation": "right-size/bytes"},
            {"spec": "/source/expectedRows", "bytesPerRow": 1024},
        ],
        "tiers": [
            {"name": "small", "upTo": "1Gi",
             "streaming": {"cpu": "250m", "memory": "512Mi"}},
            {"name": "middle", "upTo": "100Gi",
             "streaming": {"cpu": "1", "memory": "2Gi"},
             "backfill": {"cpu": "2", "memory": "4Gi"}},
            {"name": "large",
             "streaming": {"memory": "4Gi"},
             "backfill": {"cpu": "4", "memory": "16Gi"}},
        ],
        "outOfMemory": {"maximum": "24Gi"},
    })
}

fn context(config: &Value) -> ContextBuilder<Config> {
    testing::context(testing::config::<RightSize>(config.clone()).unwrap())
}

fn sized(bytes: &str) -> ContextBuilder<Config> {
    context(&example()).annotation("right-size/bytes", bytes)
}

fn render(context: ContextBuilder<Config>) -> Job {
    let mut job = testing::job();
    RightSize::render(&context.build(), &mut job).unwrap();
    job
}

/// Requests and limits of the first container: cpu and memory each.
fn resources(mut job: Job) -> [String; 4] {
    let main = job.main().unwrap();
    [
        main.request("cpu"),
        main.request("memory"),
        main.limit("cpu"),
        main.limit("memory"),
    ]
    .map(|amount| {
        let amount = amount.unwrap();
        amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string())
    })
}

fn out_of_memory() -> Failure {
    Failure {
        exit_code: Some(137),
        container_reason: Some("OOMKilled".to_owned()),
        ..Failure::default()
    }
}

fn decide(context: ContextBuilder<Config>, failure: Failure) -> Decision {
    let now = Timestamp::from_seconds(0);
    RightSize::decide(&Trigger::JobFailed(failure), &context.build(), now).unwrap()
}

/// What the template of these tests gives.
const TEMPLATE: [&str; 4] = ["500m", "1Gi", "-", "1Gi"];

#[test]
fn the_smallest_tier_that_the_table_fits_in_counts() {
    let small = ["250m", "512Mi", "-", "512Mi"];
    let middle = ["1", "2Gi", "-", "2Gi"];
    for (bytes, expected) in [
        ("0", small),
        ("1Gi", small),
        ("1073741825", middle),
        ("100Gi", middle),
        ("1Pi", ["500m", "4Gi", "-", "4Gi"]),
    ] {
        assert_eq!(resources(render(sized(bytes))), expected, "{bytes}");
    }
}

#[test]
fn backfills_have_their_own_resources_where_the_tier_has_them() {
    for mode in [Mode::Backfill, Mode::Scheduled] {
        let middle = resources(render(sized("2Gi").mode(mode)));
        assert_eq!(middle, ["2", "4Gi", "-", "4Gi"]);
        let small = resources(render(sized("1").mode(mode)));
        assert_eq!(small, ["250m", "512Mi", "-", "512Mi"]);
    }
}

#[test]
fn the_first_place_that_has_a_size_counts() {
    let spec = json!({"source": {"expectedRows": 1_048_577}});
    let by_spec = context(&example()).spec(spec.clone());
    assert_eq!(resources(render(by_spec))[1], "2Gi");
    let by_annotation = sized("1").spec(spec.clone());
    assert_eq!(resources(render(by_annotation))[1], "512Mi");
    let payload = json!({"expectedBytes": "200Gi"});
    let by_payload = sized("1").spec(spec).request("reload", Some(payload));
    assert_eq!(resources(render(by_payload))[1], "16Gi");
}

#[test]
fn rows_count_with_their_bytes() {
    let rows = |rows: u64| {
        let spec = json!({"source": {"expectedRows": rows}});
        resources(render(context(&example()).spec(spec)))[1].clone()
    };
    assert_eq!(rows(1_048_576), "512Mi");
    assert_eq!(rows(1_048_577), "2Gi");
}

#[test]
fn a_size_that_is_none_is_left_out_with_a_warning() {
    testing::logged();
    let job = render(sized("20 GiB").spec(json!({"source": {"expectedRows": 5_000_000}})));
    assert_eq!(resources(job)[1], "2Gi");
    let lines = testing::logged();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with("warn: annotation `right-size/bytes` is \"20 GiB\""),
        "{lines:?}"
    );
    for bytes in ["", "many", "-1"] {
        assert_eq!(resources(render(sized(bytes))), TEMPLATE, "{bytes}");
    }
    let odd = json!({"source": {"expectedRows": [1]}});
    assert_eq!(resources(render(context(&example()).spec(odd))), TEMPLATE);
}

#[test]
fn without_a_size_the_template_stays_or_a_tier_is_named() {
    assert_eq!(resources(render(context(&example()))), TEMPLATE);
    let mut config = example();
    config["unknownSize"] = json!("small");
    let named = resources(render(context(&config)));
    assert_eq!(named, ["250m", "512Mi", "-", "512Mi"]);
}

#[test]
fn a_limit_of_processors_is_raised_to_what_is_requested_and_not_lowered() {
    for (limit, expected) in [("750m", "1"), ("8", "8")] {
        let mut job = testing::job();
        let amount = limit.parse().unwrap();
        job.main().unwrap().set_limit("cpu", amount);
        RightSize::render(&sized("2Gi").build(), &mut job).unwrap();
        assert_eq!(resources(job), ["1", "2Gi", expected, "2Gi"]);
    }
}

#[test]
fn the_container_that_is_sized_may_be_named() {
    let mut config = example();
    config["container"] = json!("stream");
    config["unknownSize"] = json!("small");
    assert_eq!(resources(render(context(&config)))[1], "512Mi");
    config["container"] = json!("sidecar");
    let context = context(&config).build();
    let error = RightSize::render(&context, &mut testing::job()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "container: the template has no container `sidecar`: name one that it has, or leave it \
         out for the first"
    );
}

#[test]
fn memory_grows_with_each_restart_after_an_out_of_memory_kill() {
    let after = |restarts| {
        resources(render(
            context(&json!({})).attempt(restarts, out_of_memory()),
        ))
    };
    assert_eq!(after(0), TEMPLATE);
    assert_eq!(after(1), ["500m", "1536Mi", "-", "1536Mi"]);
    assert_eq!(after(2), ["500m", "2304Mi", "-", "2304Mi"]);
}

#[test]
fn memory_grows_from_what_the_tier_gives_up_to_the_maximum() {
    let after = |restarts| {
        let context = sized("200Gi")
            .mode(Mode::Backfill)
            .attempt(restarts, out_of_memory());
        resources(render(context))[3].clone()
    };
    assert_eq!([after(0), after(1), after(2)], ["16Gi", "24Gi", "24Gi"]);
}

#[test]
fn request_and_limit_grow_each_from_its_own() {
    let mut job = testing::job();
    let limit = "4Gi".parse().unwrap();
    job.main().unwrap().set_limit("memory", limit);
    let context = context(&json!({})).attempt(1, out_of_memory()).build();
    RightSize::render(&context, &mut job).unwrap();
    assert_eq!(resources(job), ["500m", "1536Mi", "-", "6Gi"]);
}

#[test]
fn restarts_for_another_cause_give_no_more_memory() {
    let failure = Failure {
        exit_code: Some(1),
        ..Failure::default()
    };
    let job = render(context(&json!({})).attempt(2, failure));
    assert_eq!(resources(job), TEMPLATE);
}

#[test]
fn a_template_without_memory_stays_so_and_that_is_told() {
    let mut job = testing::job();
    job.main().unwrap().remove_request("memory");
    job.main().unwrap().remove_limit("memory");
    testing::logged();
    let context = context(&json!({})).attempt(1, out_of_memory()).build();
    RightSize::render(&context, &mut job).unwrap();
    assert_eq!(resources(job), ["500m", "-", "-", "-"]);
    assert_eq!(
        testing::logged(),
        ["warn: the template gives `stream` no memory that could grow"]
    );
}

#[test]
fn an_out_of_memory_kill_is_followed_by_a_restart() {
    let decision = decide(context(&json!({})), out_of_memory());
    assert_eq!(
        decision,
        Decision::restart(
            Duration::from_secs(10),
            "out of memory: restart 1 of 3 with 50 % more memory"
        )
    );
}

#[test]
fn exit_code_137_is_taken_for_one() {
    let killed = Failure {
        exit_code: Some(137),
        container_reason: Some("Error".to_owned()),
        ..Failure::default()
    };
    let decision = decide(context(&json!({})), killed);
    assert_eq!(
        decision,
        Decision::restart(
            Duration::from_secs(10),
            "exit code 137, taken for out of memory: restart 1 of 3 with 50 % more memory"
        )
    );
}

#[test]
fn other_failures_and_questions_are_left_to_the_host() {
    let failure = Failure {
        exit_code: Some(1),
        container_reason: Some("Error".to_owned()),
        ..Failure::default()
    };
    assert_eq!(decide(context(&json!({})), failure), Decision::Default);
    let now = Timestamp::from_seconds(0);
    let context = context(&json!({})).build();
    let decision = RightSize::decide(&Trigger::JobCompleted, &context, now).unwrap();
    assert_eq!(decision, Decision::Default);
}

#[test]
fn after_enough_restarts_the_stream_fails() {
    let last = decide(
        context(&json!({})).attempt(2, out_of_memory()),
        out_of_memory(),
    );
    assert!(matches!(last, Decision::Restart { .. }), "{last:?}");
    let over = decide(
        context(&json!({})).attempt(3, out_of_memory()),
        out_of_memory(),
    );
    assert_eq!(
        over,
        Decision::fail(
            "out of memory, after 3 restarts with more memory each: give it more from the start, \
             or raise outOfMemory.attempts of the class"
        )
    );
}

#[test]
fn a_restart_that_would_give_no_more_memory_is_not_tried() {
    let large = || sized("200Gi").mode(Mode::Backfill);
    let first = decide(large(), out_of_memory());
    assert!(matches!(first, Decision::Restart { .. }), "{first:?}");
    let second = decide(large().attempt(1, out_of_memory()), out_of_memory());
    assert_eq!(
        second,
        Decision::fail(
            "out of memory with 24Gi, and outOfMemory.maximum of the class allows no more: raise it"
        )
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_field() {
    let with = |path: &str, value: Value| {
        let mut config = example();
        *config.pointer_mut(path).unwrap() = value;
        config
    };
    let out_of_memory = |field: &str, value: Value| json!({"outOfMemory": {field: value}});
    for (config, field, remedy) in [
        (
            with("/size/0", json!({})),
            "size[0]:",
            "one of `annotation`",
        ),
        (
            with("/size/0", json!({"annotation": "a", "spec": "/b"})),
            "size[0]:",
            "one of `annotation`",
        ),
        (
            with("/size/2/spec", json!("source.rows")),
            "size[2].spec:",
            "such as /source/expectedRows",
        ),
        (
            with("/size/0/payload", json!("bytes")),
            "size[0].payload:",
            "such as /source/expectedRows",
        ),
        (
            with("/size/2/bytesPerRow", json!(0)),
            "size[2].bytesPerRow:",
            "at least 1",
        ),
        (
            with("/tiers/1/name", json!("small")),
            "tiers[1].name:",
            "its own name",
        ),
        (
            with("/tiers/0/upTo", Value::Null),
            "tiers[0].upTo:",
            "only the last",
        ),
        (
            with("/tiers/1/upTo", json!("1Gi")),
            "tiers[1].upTo:",
            "from small to large",
        ),
        (
            with("/tiers/0/upTo", json!("0")),
            "tiers[0].upTo:",
            "more than 0",
        ),
        (
            with(
                "/tiers/2",
                json!({"name": "l", "upTo": "1Ti", "streaming": {}}),
            ),
            "tiers[2].upTo:",
            "take it out of the last",
        ),
        (
            with("/tiers/1/streaming/cpu", json!("0")),
            "tiers[1].streaming.cpu:",
            "more than 0",
        ),
        (
            with("/tiers/2/backfill/memory", json!("-1Gi")),
            "tiers[2].backfill.memory:",
            "more than 0",
        ),
        (
            with("/size", json!([])),
            "size:",
            "say where the size is told",
        ),
        (
            json!({"unknownSize": "huge"}),
            "unknownSize:",
            "name of one of `tiers`",
        ),
        (
            out_of_memory("attempts", json!(21)),
            "outOfMemory.attempts:",
            "at most 20",
        ),
        (
            out_of_memory("growPercent", json!(0)),
            "outOfMemory.growPercent:",
            "from 1 to 1000",
        ),
        (
            out_of_memory("delaySeconds", json!(1_801)),
            "outOfMemory.delaySeconds:",
            "at most 1800",
        ),
        (
            out_of_memory("maximum", json!("0")),
            "outOfMemory.maximum:",
            "more than 0",
        ),
    ] {
        let complaint = testing::config::<RightSize>(config)
            .unwrap_err()
            .to_string();
        assert!(complaint.starts_with(field), "{complaint}");
        assert!(complaint.contains(remedy), "{complaint}");
    }
}

#[test]
fn what_is_no_quantity_or_misspelt_is_refused() {
    let complaint = |config: Value| {
        testing::config::<RightSize>(config)
            .unwrap_err()
            .to_string()
    };
    assert!(complaint(json!({"outOfMemory": {"maximum": "8GB"}})).contains("`8GB` is no quantity"));
    assert!(complaint(json!({"tier": []})).contains("unknown field `tier`"));
}
