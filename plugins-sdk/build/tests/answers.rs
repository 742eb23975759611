//! What the SDK tells the host of a change is that change, whatever it is.

use arcane_plugin_sdk::{Answer, Job};
use proptest::prelude::*;
use serde_json::Value;

/// JSON with few different keys, so that two of them have much in common.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c\"\\\\/~]{0,3}|.{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab~/]{0,2}|\\PC", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_answer_makes_what_was_given_into_what_the_plugin_made_of_it(given in json(), made in json()) {
        let mut job = Job::parse(&given.to_string()).unwrap();
        let given = job.raw().clone();
        *job.raw_mut() = made.clone();
        let told = match job.answer() {
            Answer::Unchanged => given,
            Answer::Job(text) => serde_json::from_str(&text).unwrap(),
            Answer::Patch(text) => {
                let mut patched = given;
                let patch: json_patch::Patch = serde_json::from_str(&text).unwrap();
                json_patch::patch(&mut patched, &patch).unwrap();
                patched
            }
        };
        prop_assert_eq!(told, made);
    }
}
