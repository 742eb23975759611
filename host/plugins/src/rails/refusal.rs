//! What is said of a change that is not allowed.

use std::fmt::{self, Write as _};
use std::io;

use serde::Serialize;
use serde_json::Value;

use super::grant::{EffectiveGrants, Form, Grant, Subject};
use crate::text;

/// The most bytes of a value that are shown.
const SHOWN: usize = 160;
/// The most bytes of a key or name in a path that are shown.
const NAME: usize = 80;

/// A change of a Job that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Where, such as `spec.template.spec.containers[0:main].image`: entries of lists are given by
    /// their place in the proposed Job, and by name where they have one.
    pub path: String,
    /// What stands there in the Job that was given, as JSON, cut; `nothing` where there is nothing.
    pub found: String,
    /// What was proposed to stand there, as JSON, cut; `nothing` where there is nothing.
    pub proposed: String,
    /// The grant that would allow it; `None` if there is none.
    #[serde(serialize_with = "name")]
    pub grant: Option<Grant>,
    /// Why, or what to do so that it is allowed.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            found,
            proposed,
            grant,
            remedy,
        } = self;
        write!(f, "{path}: {proposed} is proposed in place of {found}; ")?;
        match grant {
            Some(grant) => write!(f, "this needs the grant {}: {remedy}", grant.as_str()),
            None => write!(f, "no grant allows this: {remedy}"),
        }
    }
}

fn name<S: serde::Serializer>(grant: &Option<Grant>, serializer: S) -> Result<S::Ok, S::Error> {
    grant.map(Grant::as_str).serialize(serializer)
}

/// What has to be done so that `grant` covers `subject`.
pub(super) fn remedy(grants: &EffectiveGrants, grant: Grant, subject: &Subject<'_>) -> String {
    let name = grant.as_str();
    let field = format!("spec.plugin.grants.{name}");
    let class = match (grant.form(), subject) {
        (_, Subject::Amount { resource, amount }) => {
            let resource = key(resource);
            match (grants.ceiling(&resource), amount) {
                (Some(ceiling), None) => {
                    format!("set a limit, of at most {ceiling} as {field}.{resource} says")
                }
                (Some(ceiling), Some(_)) => {
                    format!("raise {field}.{resource} in the StreamClass, which is {ceiling}")
                }
                (None, None) => format!(
                    "set a limit, and {field}.{resource} in the StreamClass to the most that it may be"
                ),
                (None, Some(_)) => {
                    format!("set {field}.{resource} in the StreamClass to the most that it may be")
                }
            }
        }
        (Form::Names, Subject::Name(subject)) => {
            let verb = if grants.class_gives(grant) {
                "add to"
            } else {
                "set"
            };
            format!("{verb} {field} in the StreamClass: [{}]", quoted(subject))
        }
        _ => format!("set {field}: true in the StreamClass"),
    };
    match (grants.asks(grant), grants.class_covers(grant, subject)) {
        (true, _) => class,
        (false, true) => format!(
            "the StreamClass gives it, but the plugin does not ask for it: add \"{name}\" to the grants in its description"
        ),
        (false, false) => {
            format!("{class}, and add \"{name}\" to the grants in the plugin's description")
        }
    }
}

/// A value as JSON on one line, cut.
pub(super) fn show(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    // A little more than is shown, so that what is cut says so.
    let mut start = Start {
        bytes: Vec::new(),
        limit: SHOWN + 8,
    };
    // Fails when the start is full: what is there is then as much as is needed.
    let _ = serde_json::to_writer(&mut start, value);
    text::one_line(&String::from_utf8_lossy(&start.bytes), SHOWN)
}

/// A key as it is shown in a path.
pub(super) fn key(key: &str) -> String {
    text::one_line(key, NAME)
}

fn quoted(name: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text::one_line(name, SHOWN).chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Keeps the first bytes that are written, and fails after that.
struct Start {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.limit.saturating_sub(self.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A step on the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// A field that the schema knows.
    Field(&'a str),
    /// A key of a map, or a field that is not known.
    Key(&'a str),
    /// An entry of a list.
    Entry(usize),
    /// An entry of a list, with its name.
    Named(usize, &'a str),
}

/// A path as people write it.
pub(super) fn path(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(name) | Step::Field(name) => {
                let plain = name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
                if plain && !name.is_empty() && name.len() <= NAME {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                } else {
                    let _ = write!(path, "[{}]", quoted(&key(name)));
                }
            }
            Step::Entry(index) => {
                let _ = write!(path, "[{index}]");
            }
            Step::Named(index, name) => {
                let _ = write!(path, "[{index}:{}]", key(name));
            }
        }
    }
    path
}
