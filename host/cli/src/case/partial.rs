//! Jobs of which only a part is expected.

use serde_json::Value;

/// What of `found` a partial expectation speaks of. Equal to `part` if and only if all that is
/// listed there is as expected.
///
/// Entries of a list are looked up by name where all that is expected has one; another list is
/// compared as a whole. Null expects that there is nothing.
pub(super) fn narrowed(part: &Value, found: &Value) -> Value {
    match (part, found) {
        (Value::Object(part), Value::Object(found)) => {
            let fields = part.iter().filter_map(|(key, part)| match found.get(key) {
                Some(found) => Some((key.clone(), narrowed(part, found))),
                None => part.is_null().then(|| (key.clone(), Value::Null)),
            });
            Value::Object(fields.collect())
        }
        (Value::Array(part), Value::Array(found)) if named(part) => {
            let items = part.iter().filter_map(|part| {
                let same = |item: &&Value| item["name"] == part["name"];
                found.iter().find(same).map(|found| narrowed(part, found))
            });
            Value::Array(items.collect())
        }
        (_, found) => found.clone(),
    }
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<u8>().prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let name = prop_oneof![Just("name"), Just("a"), Just("b"), Just("c")];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((name, inner), 0..4).prop_map(|fields| fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_job_has_itself_as_a_part(job in value()) {
            prop_assert_eq!(narrowed(&job, &job), job);
        }

        #[test]
        fn what_is_narrowed_once_stays_as_it_is(part in value(), found in value()) {
            let once = narrowed(&part, &found);
            prop_assert_eq!(narrowed(&part, &once), once);
        }
    }
}
