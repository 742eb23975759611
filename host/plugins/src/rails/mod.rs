//! The guard rails: what a plugin may make of a Job.
//!
//! Pure: no plugin is called here, and nothing is read or written. A Job that was given and one
//! that is proposed are walked together along a table of every field that a Job has, and what the
//! table does not allow, by itself or with a grant, is refused. What is not in the table is
//! refused as well.

mod containers;
mod contents;
mod env;
mod facts;
mod grant;
mod job;
mod json;
mod pattern;
mod protected;
mod refusal;
mod resources;
mod rule;
mod security;
mod special;
mod table;
mod tree;
mod volumes;
mod walk;

use serde_json::Value;

pub use grant::{EffectiveGrants, Form, Grant};
pub use refusal::Refusal;
pub use tree::{Classification, classify};

use facts::Facts;
use walk::{Change, Walk};

/// Whether the plugin may put the Job `proposed` in place of the one that was `given` to it.
///
/// For the Jobs of a CronJob, both have the metadata and the spec of its `jobTemplate`.
///
/// # Errors
/// What it may not do, and what would have to be granted so that it may; at most 20 of it.
pub fn judge(
    given: &Value,
    proposed: &Value,
    grants: &EffectiveGrants,
) -> Result<(), Vec<Refusal>> {
    let facts = Facts::new(given);
    let whole = Change {
        given: Some(given),
        proposed: Some(proposed),
    };
    let mut walk = Walk::new(&facts, whole.field("spec"), grants, special::judge);
    walk.node(tree::root(), whole);
    let refusals = walk.end();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}
