//! Every guest of the table does what the table says.

use arcane_guests::Expect;
use arcane_plugins::{CallError, Hook, Trigger};

use crate::support::{context, hasty, host, job, patient};

#[test]
fn every_guest_meets_what_is_expected_of_it() {
    for guest in arcane_guests::all().unwrap() {
        let name = guest.name;
        let settings = if name.starts_with("endless") {
            hasty()
        } else {
            patient()
        };
        let plugin = match host().load(&guest.bytes, settings) {
            Err(error) => {
                let expected = Expect::LoadFails(error.reason());
                assert_eq!(guest.expect, expected, "{name}: {error}");
                continue;
            }
            Ok(plugin) => plugin,
        };
        let rendered = plugin.render(&context(), &job()).result.map(drop);
        let decided = plugin
            .decide(&Trigger::StreamCreated, &context(), 7_200)
            .result
            .map(drop);
        let ticked = plugin.next_tick(&context(), 7_200).result.map(drop);
        match guest.expect {
            Expect::Answers => {
                for result in [rendered, decided, ticked] {
                    assert!(result.is_ok(), "{name}: {result:?}");
                }
            }
            Expect::LoadFails(reason) => panic!("{name} should fail to load: {reason}"),
            Expect::RenderFails(kind) => assert_kind(name, rendered, kind),
            Expect::DecideFails(kind) => assert_kind(name, decided, kind),
            Expect::TickFails(kind) => assert_kind(name, ticked, kind),
        }
    }
}

fn assert_kind(name: &str, result: Result<(), CallError>, kind: &str) {
    let Err(error) = result else {
        panic!("{name} answers");
    };
    assert_eq!(error.kind(), kind, "{name}: {error}");
    assert!(error.is_plugins_fault(), "{name}");
}

#[test]
fn no_attempt_on_identity_or_privilege_succeeds() {
    for attempt in arcane_guests::ATTEMPTS {
        let name = attempt.name;
        let plugin = host()
            .load(&attempt.guest().unwrap(), patient())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(plugin.wants(Hook::Render), "{name}");
        match plugin.render(&context(), &job()).result {
            Err(CallError::Refused(refusals)) => {
                let named = refusals
                    .iter()
                    .any(|refusal| refusal.grant.map(|grant| grant.as_str()) == attempt.grant);
                assert!(named, "{name}: {refusals:?}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
