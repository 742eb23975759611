//! Whatever a plugin proposes.

use std::collections::BTreeSet;

use arcane_plugins::rails::{EffectiveGrants, Grant, judge};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use crate::invariants::broken;
use crate::support::{Edit, edited, everything, scheduled, streaming};
use crate::{fixed, free, grants};

/// Edits with a meaning: free ones, ones that need a grant, and ones that nothing allows.
fn meaningful() -> impl Strategy<Value = Edit> {
    let granted = grants::cases().into_iter().flat_map(|case| case.edits);
    let combined = grants::combined().into_iter().flat_map(|(_, edits)| edits);
    let edits = |edits: Vec<Edit>| prop::sample::select(edits);
    prop_oneof![
        4 => edits(free::edits()),
        4 => edits(granted.chain(combined).collect()),
        1 => edits(fixed::edits()),
    ]
}

/// Values that are likely to mean something somewhere.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("a"),
        json!("0"),
        json!("1m"),
        json!("100Gi"),
        json!("Always"),
        json!("Never"),
        json!("Failed"),
        json!("None"),
        json!("ALL"),
        json!("RuntimeDefault"),
        json!("Unconfined"),
        json!("main"),
        json!("data"),
        json!("database"),
        json!("STREAMCONTEXT__SPEC"),
        json!("$(ZONE)"),
        json!("TENANT"),
        json!([]),
        json!({}),
    ]);
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(prop::sample::select(NAMES.to_vec()), inner, 0..3).prop_map(
                |fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            ),
        ]
    })
}

/// Names of fields that matter.
const NAMES: [&str; 36] = [
    "name",
    "value",
    "valueFrom",
    "secretKeyRef",
    "configMapKeyRef",
    "key",
    "secretRef",
    "prefix",
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "securityContext",
    "privileged",
    "capabilities",
    "add",
    "drop",
    "runAsUser",
    "runAsNonRoot",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "volumeMounts",
    "subPath",
    "subPathExpr",
    "readOnly",
    "volumes",
    "secret",
    "hostPath",
    "serviceAccountName",
];

/// A change anywhere in a Job: by a pointer into the one that was given, and perhaps a field more.
fn anywhere() -> impl Strategy<Value = Edit> {
    let pointers: Vec<String> = pointers(&streaming())
        .into_iter()
        .filter(|pointer| !pointer.is_empty())
        .collect();
    let below = prop_oneof![
        2 => Just(None),
        1 => prop::sample::select(NAMES.to_vec()).prop_map(Some),
        1 => Just(Some("-")),
        1 => Just(Some("+")),
    ];
    (
        prop::sample::select(pointers),
        below,
        prop::option::weighted(0.8, value()),
    )
        .prop_map(|(pointer, below, value)| Edit {
            pointer: below.map_or(pointer.clone(), |below| format!("{pointer}/{below}")),
            value,
        })
}

fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(key, value)| {
        pointers(value)
            .into_iter()
            .map(move |rest| format!("/{key}{rest}"))
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn some_grants() -> impl Strategy<Value = BTreeSet<Grant>> {
    prop_oneof![
        Just(BTreeSet::new()),
        Just(BTreeSet::from(Grant::ALL)),
        prop::collection::btree_set(prop::sample::select(Grant::ALL.to_vec()), 0..21),
    ]
}

fn job() -> impl Strategy<Value = Value> {
    prop_oneof![3 => Just(streaming()), 1 => Just(scheduled())]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(prop_oneof![3 => meaningful(), 2 => anywhere()], 1..6)
}

/// More cases than by default: most changes at random mean nothing.
fn at_least(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(cases),
        ..config
    }
}

proptest! {
    #![proptest_config(at_least(1_000))]

    #[test]
    fn no_answer_makes_a_job_outside_the_rails(job in job(), edits in edits(), asked in some_grants()) {
        let grants = EffectiveGrants::of(&everything(), &asked);
        let proposed = edited(&job, &edits);
        if judge(&job, &proposed, &grants).is_ok() {
            let broken = broken(&job, &proposed, &grants.in_force());
            prop_assert!(broken.is_empty(), "{:?}", broken);
        }
    }

    #[test]
    fn no_sequence_of_answers_makes_a_job_outside_the_rails(
        answers in prop::collection::vec(edits(), 1..5), asked in some_grants()
    ) {
        // Each answer is about the Job as it was given, however the plugin has come to it.
        let grants = EffectiveGrants::of(&everything(), &asked);
        let job = streaming();
        let mut accepted = job.clone();
        for answer in answers {
            let proposed = edited(&accepted, &answer);
            if judge(&job, &proposed, &grants).is_ok() {
                accepted = proposed;
            }
        }
        let broken = broken(&job, &accepted, &grants.in_force());
        prop_assert!(broken.is_empty(), "{:?}", broken);
    }

    #[test]
    fn what_was_accepted_is_accepted_again(job in job(), edits in edits(), asked in some_grants()) {
        let grants = EffectiveGrants::of(&everything(), &asked);
        let proposed = edited(&job, &edits);
        let verdict = judge(&job, &proposed, &grants);
        prop_assert_eq!(judge(&job, &proposed, &grants), verdict);
        prop_assert_eq!(judge(&proposed, &proposed, &EffectiveGrants::default()), Ok(()));
    }

    #[test]
    fn more_grants_never_refuse_what_fewer_accept(
        job in job(), edits in edits(), fewer in some_grants(), more in some_grants()
    ) {
        let proposed = edited(&job, &edits);
        let more = fewer.union(&more).copied().collect();
        let [fewer, more] = [fewer, more].map(|asked| EffectiveGrants::of(&everything(), &asked));
        if judge(&job, &proposed, &fewer).is_ok() {
            prop_assert_eq!(judge(&job, &proposed, &more), Ok(()));
        }
    }

    #[test]
    fn what_needs_no_grant_is_within_the_strictest_rails(edits in edits()) {
        let job = streaming();
        let proposed = edited(&job, &edits);
        if judge(&job, &proposed, &EffectiveGrants::default()).is_ok() {
            let broken = broken(&job, &proposed, &Default::default());
            prop_assert!(broken.is_empty(), "{:?}", broken);
        }
    }

    #[test]
    fn every_refusal_speaks_of_a_change_and_fits_on_a_line(job in job(), edits in edits()) {
        let proposed = edited(&job, &edits);
        for refusal in judge(&job, &proposed, &EffectiveGrants::default()).err().unwrap_or_default() {
            let text = refusal.to_string();
            prop_assert!(!text.contains('\n') && text.len() < 1_500, "{}", text);
        }
    }

    #[test]
    fn any_json_is_judged_without_a_panic(given in value(), proposed in value()) {
        let wrapped = |value: &Value| json!({"metadata": value, "spec": {"template": {"spec": value}}});
        for (given, proposed) in [(given.clone(), proposed.clone()), (wrapped(&given), wrapped(&proposed))] {
            let _ = judge(&given, &proposed, &EffectiveGrants::default());
        }
    }
}

#[test]
fn edits_at_random_are_accepted_often_enough_to_mean_something() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut accepted = 0;
    for _ in 0..1_000 {
        let edits = edits().new_tree(&mut runner).unwrap().current();
        let job = streaming();
        let proposed = edited(&job, &edits);
        let grants = EffectiveGrants::of(&everything(), &BTreeSet::from(Grant::ALL));
        accepted += usize::from(proposed != job && judge(&job, &proposed, &grants).is_ok());
    }
    assert!(accepted > 200, "{accepted}");
}
