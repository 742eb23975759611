use arcane_contract::{hash, render::request_json, stream::SpecJson};
use serde_json::{Value, json};

use crate::support::vectors;

#[test]
fn every_vector_has_the_hash_that_the_existing_operator_writes() {
    for vector in vectors() {
        let spec = SpecJson::new(&serde_json::from_str(&vector.spec).unwrap());
        assert_eq!(
            hash::of_spec(spec.as_str()),
            vector.spec_hash,
            "{}",
            vector.name
        );
        let configuration_hash = match &vector.request_spec {
            Some(request) => hash::of_backfill(spec.as_str(), request),
            None => hash::of_spec(spec.as_str()),
        };
        assert_eq!(
            configuration_hash, vector.configuration_hash,
            "{}",
            vector.name
        );
    }
}

#[test]
fn a_requests_spec_is_written_as_in_the_vectors_but_for_the_order_inside_its_payload() {
    for text in vectors()
        .iter()
        .filter_map(|vector| vector.request_spec.as_deref())
    {
        let request: Value = serde_json::from_str(text).unwrap();
        let written = request_json("c", "s", false, request.get("payload"));
        // The API server sorts the payload's keys; the vector has them as a person typed them.
        let as_served = text.replace(r#""b":1,"a":2"#, r#""a":2,"b":1"#);
        assert_eq!(written, as_served);
    }
}

#[test]
fn completed_and_payload_appear_only_when_they_say_something() {
    assert_eq!(
        request_json("a&b", "s", false, Some(&Value::Null)),
        r#"{"streamClass":"a\u0026b","streamId":"s"}"#
    );
    assert_eq!(
        request_json("c", "s", true, Some(&json!({ "b": 1.0, "a": {} }))),
        r#"{"streamClass":"c","streamId":"s","completed":true,"payload":{"a":{},"b":1}}"#
    );
}
