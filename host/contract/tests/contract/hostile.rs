//! Objects that nobody meant to write.

use arcane_contract::definition::Definition;
use arcane_contract::render::{Settings, request_json};
use arcane_contract::stream::{PackedSpec, SpecJson};
use arcane_contract::template::JobTemplate;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{all_three, any_json, published_template, stream, template, vandalised};

fn definition() -> Value {
    let backend = json!({
        "batch": { "schedule": "@daily", "timeZone": "UTC", "jobTemplateRef": { "name": "a" } },
        "changeCapture": { "jobTemplateRef": { "name": "a" }, "backfillJobTemplateRef": { "name": "b" } },
    });
    json!({ "execution": { "layoutVersion": "v2", "suspended": false, "streamingBackend": backend } })
}

#[test]
fn a_nul_and_a_huge_number_reach_the_environment_as_go_would_write_them() {
    let spec = SpecJson::new(
        &serde_json::from_str(r#"{"n":123456789012345678901234567890,"s":"a\u0000b"}"#).unwrap(),
    );
    let results = all_three(
        &stream(&spec, &[]),
        &template(&published_template()),
        &Settings::default(),
    );
    for rendered in results {
        let text = serde_json::to_string(&rendered.unwrap().manifest).unwrap();
        assert!(text.contains(r#"{\"n\":1.2345678901234568e+29,\"s\":\"a\\u0000b\"}"#));
    }
}

#[test]
fn a_spec_deeper_than_can_be_read_is_no_panic() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let spec = SpecJson::new(&json!({ "database": deep.clone() }));
    assert_eq!(
        PackedSpec::new(&json!({ "database": deep })).value(),
        Value::Null
    );
    let secrets = ["database".to_owned()];
    let results = all_three(
        &stream(&spec, &secrets),
        &template(&published_template()),
        &Settings::default(),
    );
    for rendered in results {
        assert_eq!(rendered.unwrap_err().reason(), "SecretRefInvalid");
    }
}

proptest! {
    #[test]
    fn a_vandalised_template_is_refused_by_field_or_rendered(
        broken in vandalised(published_template()),
    ) {
        match JobTemplate::parse("platform", "standard", &broken) {
            Err(error) => prop_assert!(error.field.starts_with("spec"), "{error}"),
            Ok(template) => {
                let spec = SpecJson::new(&json!({}));
                for rendered in all_three(&stream(&spec, &[]), &template, &Settings::default()) {
                    prop_assert!(rendered.is_ok());
                }
            }
        }
    }

    #[test]
    fn a_vandalised_older_template_is_refused_by_field_or_rendered(
        broken in vandalised(json!({ "template": published_template() })),
    ) {
        if let Ok(template) = JobTemplate::parse("platform", "standard", &broken) {
            let spec = SpecJson::new(&json!({}));
            for rendered in all_three(&stream(&spec, &[]), &template, &Settings::default()) {
                prop_assert!(rendered.is_ok());
            }
        }
    }

    #[test]
    fn a_vandalised_definition_is_understood_or_refused_by_field(
        broken in vandalised(definition()),
    ) {
        if let Err(error) = Definition::parse(&broken, "sales") {
            prop_assert!(error.to_string().starts_with("spec"), "{error}");
        }
    }

    #[test]
    fn any_request_is_json(class in ".*", id in ".*", payload in any_json()) {
        let text = request_json(&class, &id, true, Some(&payload));
        let request: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(request["streamClass"].as_str(), Some(class.as_str()));
        prop_assert_eq!(request["streamId"].as_str(), Some(id.as_str()));
    }
}
