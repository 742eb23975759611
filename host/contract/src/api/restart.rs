//! What happens to running Jobs when the template that they came from has changed.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What happens to running Jobs when the template that they came from has changed.
///
/// A change of the stream's own spec is not meant: that restarts its Job in any case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.rolling) || self.type == 'Rolling'")
    .message("rolling may be set only with type Rolling").field_path(".rolling"))]
pub struct RestartPolicy {
    /// OnNextRun: running Jobs go on, and the next run has the new template. Rolling: running Jobs
    /// are restarted, a few at a time.
    #[serde(rename = "type", default)]
    pub kind: RestartPolicyType,
    /// How fast to go; only with type Rolling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling: Option<RollingRestart>,
}

/// The ways to deal with Jobs whose template has changed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum RestartPolicyType {
    /// Running Jobs go on; the next run has the new template.
    #[default]
    OnNextRun,
    /// Running Jobs are restarted, a few at a time.
    Rolling,
}

/// How fast a rolling restart goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollingRestart {
    /// How many streams of the class may be restarting at one time: a number above 0, or a share
    /// of the class's running streams such as `10%`, rounded down, but at least one stream.
    /// Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(
        "string(self).matches('^([1-9][0-9]*|([1-9][0-9]?|100)%)$')"
    ).message("must be a number above 0, or a percentage from 1% to 100%"))]
    pub max_unavailable: Option<IntOrString>,
}

impl RestartPolicy {
    /// How many of `running` streams may be restarting at one time because their template has
    /// changed. 0 with type OnNextRun, at least 1 with type Rolling.
    pub fn at_once(&self, running: usize) -> usize {
        match self.kind {
            RestartPolicyType::OnNextRun => 0,
            RestartPolicyType::Rolling => self
                .rolling
                .as_ref()
                .and_then(|rolling| rolling.max_unavailable.as_ref())
                .and_then(|limit| resolve(limit, running))
                .unwrap_or(1)
                .max(1),
        }
    }
}

/// `None` for what the CRD's rules refuse.
fn resolve(limit: &IntOrString, running: usize) -> Option<usize> {
    match limit {
        IntOrString::Int(count) => usize::try_from(*count).ok(),
        IntOrString::String(text) => match text.strip_suffix('%') {
            None => text.parse().ok(),
            Some(percent) => {
                let percent: usize = percent.parse().ok()?;
                Some(running.saturating_mul(percent.min(100)) / 100)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rolling(limit: Option<IntOrString>) -> RestartPolicy {
        RestartPolicy {
            kind: RestartPolicyType::Rolling,
            rolling: Some(RollingRestart {
                max_unavailable: limit,
            }),
        }
    }

    #[test]
    fn nothing_restarts_unless_the_class_asks_for_it() {
        assert_eq!(RestartPolicy::default().at_once(1_000), 0);
    }

    #[test]
    fn one_stream_restarts_at_a_time_when_no_limit_is_given() {
        assert_eq!(rolling(None).at_once(1_000), 1);
        let bare = RestartPolicy {
            kind: RestartPolicyType::Rolling,
            rolling: None,
        };
        assert_eq!(bare.at_once(1_000), 1);
    }

    #[test]
    fn a_number_is_taken_as_it_is() {
        assert_eq!(rolling(Some(IntOrString::Int(7))).at_once(3), 7);
        assert_eq!(rolling(Some(IntOrString::String("7".into()))).at_once(3), 7);
    }

    #[test]
    fn a_share_is_rounded_down_to_no_less_than_one() {
        let share = rolling(Some(IntOrString::String("10%".into())));
        assert_eq!(share.at_once(199), 19);
        assert_eq!(share.at_once(3), 1);
    }

    #[test]
    fn a_limit_that_cannot_be_read_counts_as_one() {
        for text in ["", "%", "-5%", "-5", "ten%"] {
            assert_eq!(
                rolling(Some(IntOrString::String(text.into()))).at_once(100),
                1,
                "{text}"
            );
        }
        assert_eq!(rolling(Some(IntOrString::Int(-3))).at_once(100), 1);
    }

    proptest! {
        #[test]
        fn a_share_never_exceeds_the_whole(percent in 1_usize..=100, running in 1_usize..100_000) {
            let policy = rolling(Some(IntOrString::String(format!("{percent}%"))));
            let at_once = policy.at_once(running);
            prop_assert!((1..=running).contains(&at_once));
        }
    }
}
