//! The way along two Jobs, the one that was given and the one that is proposed.

use serde_json::{Map, Value};

use super::facts::{Facts, Kind, Reference};
use super::grant::{EffectiveGrants, Grant, Subject};
use super::json::{entries, field};
use super::refusal::{self, Refusal, Step};
use super::rule::{Rule, Rung, Special};
use super::tree::Node;

/// The most refusals that are told of one answer.
const REFUSALS: usize = 20;

/// What stood at a place, and what is proposed to stand there. For fields, null counts as nothing,
/// as it does for the API server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change<'a> {
    pub(super) given: Option<&'a Value>,
    pub(super) proposed: Option<&'a Value>,
}

impl<'a> Change<'a> {
    /// The change of the field `name`.
    pub(super) fn field(self, name: &str) -> Self {
        let of = |value: Option<&'a Value>| value.and_then(|value| field(value, name));
        Self {
            given: of(self.given),
            proposed: of(self.proposed),
        }
    }

    /// Whether nothing changes.
    pub(super) fn is_none(self) -> bool {
        self.given == self.proposed
    }
}

/// Judges what takes more than a value to judge: the walk leads there, and knows nobody who does.
pub(super) type Judge = for<'a> fn(&mut Walk<'a>, Special, &'static Node, Change<'a>, &'static str);

/// Where the walk is, and what it has found.
pub(super) struct Walk<'a> {
    /// What was given, as far as it matters in more than one place.
    pub(super) facts: &'a Facts<'a>,
    /// The `spec` of both Jobs.
    pub(super) spec: Change<'a>,
    /// The container that the walk is in.
    pub(super) container: Change<'a>,
    grants: &'a EffectiveGrants,
    judge: Judge,
    path: Vec<Step<'a>>,
    refusals: Vec<Refusal>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        spec: Change<'a>,
        grants: &'a EffectiveGrants,
        judge: Judge,
    ) -> Self {
        Self {
            facts,
            spec,
            container: Change {
                given: None,
                proposed: None,
            },
            grants,
            judge,
            path: Vec::new(),
            refusals: Vec::new(),
        }
    }

    pub(super) fn end(self) -> Vec<Refusal> {
        self.refusals
    }

    /// Judges what stands at `node`.
    pub(super) fn node(&mut self, node: &'static Node, change: Change<'a>) {
        if self.refusals.len() >= REFUSALS {
            return;
        }
        let row = node.row();
        // The parts of an object are compared one by one: at each level of the way to a change, all
        // that is below would be compared once more.
        let has_parts = row.is_none() && change.proposed.is_some_and(Value::is_object);
        if !has_parts && change.is_none() {
            return;
        }
        let Some((rule, why)) = row else {
            self.fields(node, change);
            return;
        };
        match rule {
            Rule::Free => {
                self.is_known(node, change);
            }
            Rule::Fixed => self.forbid(change, why),
            Rule::Needs(grant) => self.need(grant, Subject::Whole, change),
            Rule::Raises(grant, ladder) => {
                if self.is_known(node, change)
                    && rung(ladder, change.proposed) > rung(ladder, change.given)
                {
                    self.need(grant, Subject::Whole, change);
                }
            }
            Rule::Names(grant) => self.name(grant, change),
            // Reached only below what judges it, which has done so.
            Rule::Within(_) => {}
            Rule::Special(special, _) => (self.judge)(self, special, node, change, why),
        }
    }

    /// Judges each field of an object by itself.
    pub(super) fn fields(&mut self, node: &'static Node, change: Change<'a>) {
        let Some([given, proposed]) = self.objects(change) else {
            return;
        };
        let gone = given.iter().flat_map(|fields| fields.keys());
        let gone = gone.filter(|name| proposed.is_none_or(|fields| !fields.contains_key(*name)));
        for name in proposed.iter().flat_map(|fields| fields.keys()).chain(gone) {
            let change = change.field(name);
            match node.field(name) {
                Some(node) => self.at(Step::Field(name), |walk| walk.node(node, change)),
                None if change.is_none() => {}
                None => self.at(Step::Key(name), |walk| walk.unknown(change)),
            }
        }
    }

    /// Both sides as objects. Anything else than an object is refused.
    pub(super) fn objects(
        &mut self,
        change: Change<'a>,
    ) -> Option<[Option<&'a Map<String, Value>>; 2]> {
        let object = |value: Option<&'a Value>| value.and_then(Value::as_object);
        if change.proposed.is_some_and(|value| !value.is_object()) {
            self.forbid(change, "there has to be an object");
            return None;
        }
        Some([object(change.given), object(change.proposed)])
    }

    /// The proposed side as a list. Anything else than a list is refused.
    pub(super) fn entries(&mut self, change: Change<'a>) -> Option<&'a [Value]> {
        if change.proposed.is_some_and(|value| !value.is_array()) {
            self.forbid(change, "there has to be a list");
            return None;
        }
        Some(entries(change.proposed))
    }

    /// Whether the table knows everything that is proposed to stand at `node`. What it does not
    /// know is refused.
    pub(super) fn is_known(&mut self, node: &'static Node, change: Change<'a>) -> bool {
        change.proposed.is_none_or(|value| self.known(node, value))
    }

    /// Whether the table knows everything in `value`, which stands at `node` and is judged in one
    /// go. What it does not know is refused.
    pub(super) fn known(&mut self, node: &'static Node, value: &'a Value) -> bool {
        if node.is_whole() {
            // Of a volume that needs the grant for its type, anything is the type's.
            let is_granted = matches!(node.row(), Some((Rule::Within(Some(Grant::Volumes)), _)));
            return is_granted || self.flat(value);
        }
        match value {
            Value::Object(fields) => {
                let mut known = true;
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    known &= match node.field(name) {
                        Some(node) => self.at(Step::Field(name), |walk| walk.known(node, value)),
                        None => self.at(Step::Key(name), |walk| {
                            walk.unknown(Change {
                                given: None,
                                proposed: Some(value),
                            });
                            false
                        }),
                    };
                }
                known
            }
            Value::Array(entries) => {
                let mut known = true;
                if let Some(node) = node.entry() {
                    for (index, value) in entries.iter().enumerate() {
                        known &= self.at(Step::Entry(index), |walk| walk.known(node, value));
                    }
                }
                known
            }
            other => {
                let change = Change {
                    given: None,
                    proposed: Some(other),
                };
                self.forbid(change, "there has to be an object or a list");
                false
            }
        }
    }

    /// Whether `value` has no objects within it, in which fields could stand that no table knows.
    /// If it has, it is refused.
    fn flat(&mut self, value: &'a Value) -> bool {
        let is_single = |value: &Value| !value.is_object() && !value.is_array();
        let is_flat = match value {
            Value::Object(fields) => fields.values().all(is_single),
            Value::Array(entries) => entries.iter().all(is_single),
            _ => true,
        };
        if !is_flat {
            let change = Change {
                given: None,
                proposed: Some(value),
            };
            self.forbid(
                change,
                "there has to be a single value, or a list or a map of such",
            );
        }
        is_flat
    }

    /// Goes one step on for as long as `visit` takes.
    pub(super) fn at<T>(&mut self, step: Step<'a>, visit: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = visit(self);
        self.path.pop();
        result
    }

    /// Refuses the change unless `grant` covers `subject`.
    pub(super) fn need(&mut self, grant: Grant, subject: Subject<'_>, change: Change<'_>) {
        if self.refusals.len() < REFUSALS && !self.grants.cover(grant, &subject) {
            let remedy = refusal::remedy(self.grants, grant, &subject);
            self.refuse(change, Some(grant), remedy);
        }
    }

    /// Needs a grant for what the pod could not read before.
    pub(super) fn need_read(&mut self, reference: Reference<'_>, change: Change<'_>) {
        if !self.facts.can_read(reference) {
            let grant = match reference.kind {
                Kind::Secret => Grant::Secrets,
                Kind::ConfigMap => Grant::ConfigMaps,
            };
            self.need(grant, Subject::Name(reference.name), change);
        }
    }

    /// Refuses the change, whatever is granted.
    pub(super) fn forbid(&mut self, change: Change<'_>, why: &str) {
        self.refuse(change, None, why.to_owned());
    }

    fn unknown(&mut self, change: Change<'_>) {
        self.forbid(
            change,
            "this field is not known here, so what it can do is not known either; set it in the template",
        );
    }

    fn name(&mut self, grant: Grant, change: Change<'_>) {
        if change.proposed.is_some_and(|name| !name.is_string()) {
            self.forbid(change, "there has to be a name");
            return;
        }
        let [given, proposed] = [change.given, change.proposed]
            .map(|value| value.and_then(Value::as_str).unwrap_or_default());
        if given != proposed {
            self.need(grant, Subject::Name(proposed), change);
        }
    }

    fn refuse(&mut self, change: Change<'_>, grant: Option<Grant>, remedy: String) {
        if self.refusals.len() < REFUSALS {
            self.refusals.push(Refusal {
                path: refusal::path(&self.path),
                found: refusal::show(change.given),
                proposed: refusal::show(change.proposed),
                grant,
                remedy,
            });
        }
    }
}

/// On which rung a value is; above all if it is on none.
pub(super) fn rung(ladder: &[&[Rung]], value: Option<&Value>) -> usize {
    let is = |rung: &Rung| match (rung, value) {
        (Rung::Absent, None) => true,
        (Rung::Flag(flag), Some(Value::Bool(value))) => flag == value,
        (Rung::Text(text), Some(Value::String(value))) => text == value,
        _ => false,
    };
    ladder
        .iter()
        .position(|rungs| rungs.iter().any(is))
        .unwrap_or(ladder.len())
}
