//! What a proxy shall do wrong, and with which requests.

use std::time::Duration;

use super::call::Call;
use super::event::Event;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The request reaches the API server only after this time, even if nobody waits for the answer
    /// any more by then.
    Delay(Duration),
    /// The proxy answers in the API server's place: 409, 429 (with a `Retry-After` of a second), 500
    /// or 503.
    Answer(u16),
    /// The connection breaks before the API server has seen the request.
    ResetBefore,
    /// The API server carries the request out, and the connection breaks instead of the answer.
    ResetAfter,
    /// The API server carries the request out, its answer never arrives, and nothing passes any more
    /// until [`Proxy::mend`](super::Proxy::mend): as for a process that ends at this very moment. It
    /// is for the test to kill it then.
    Crash,
    /// The answer comes in pieces of so many bytes, with a pause before each.
    Drip(usize, Duration),
    /// What is listed is what was there when this client listed it for the first time. That befalls
    /// only who is content with it (`resourceVersion=0`): to others the API server promises that
    /// nothing is missing which was written before they asked.
    StaleList,
    /// The watch breaks after so many bytes, wherever that is.
    Cut(usize),
    /// The watch says nothing any more from this event on, and does not end.
    Freeze,
    /// Instead of the event the watch says that its history is gone (410), and ends.
    Gone,
    /// The event never arrives.
    Drop,
    /// The event, and whatever follows it in its watch, arrives so much later.
    Late(Duration),
    /// The event, and whatever follows it in its watch, arrives once the rule has ended.
    Hold,
}

impl Fault {
    /// The fault's name, without its figures.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Answer(409) => "409",
            Self::Answer(429) => "429",
            Self::Answer(500) => "500",
            Self::Answer(503) => "503",
            Self::Answer(_) => "another status",
            Self::ResetBefore => "reset before",
            Self::ResetAfter => "reset after",
            Self::Crash => "crash",
            Self::Drip(..) => "slow drip",
            Self::StaleList => "stale list",
            Self::Cut(_) => "watch cut",
            Self::Freeze => "watch frozen",
            Self::Gone => "410",
            Self::Drop => "event dropped",
            Self::Late(_) => "event late",
            Self::Hold => "event held",
        }
    }

    fn concerns(&self, call: &Call, event: Option<&Event>) -> bool {
        match self {
            Self::Delay(_)
            | Self::Answer(_)
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Crash
            | Self::Drip(..) => event.is_none(),
            Self::StaleList => event.is_none() && call.lists && call.allows_stale,
            Self::Cut(_) => event.is_none() && call.verb == "watch",
            Self::Freeze | Self::Gone | Self::Drop | Self::Late(_) | Self::Hold => {
                // A bookmark is no event of an object.
                event.is_some_and(|event| event.kind != "BOOKMARK")
            }
        }
    }
}

/// A fault, and which requests or events it befalls. Of several that a request matches, the one
/// that was injected first befalls it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Rule {
    pub(super) fault: Fault,
    verbs: &'static [&'static str],
    resources: Vec<String>,
    namespace: Option<String>,
    name: Option<String>,
    kinds: &'static [&'static str],
    skip: usize,
    every: usize,
    pub(super) at_most: usize,
}

impl Rule {
    /// Befalls everything that the fault can befall, but for leases: those are renewed by the
    /// clock, whatever the operator does. They must be named.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            verbs: &[],
            resources: Vec::new(),
            namespace: None,
            name: None,
            kinds: &[],
            skip: 0,
            every: 1,
            at_most: usize::MAX,
        }
    }

    /// Only requests of these verbs, as the audit log has them.
    pub fn verbs(mut self, verbs: &'static [&'static str]) -> Self {
        self.verbs = verbs;
        self
    }

    /// Only requests that write.
    pub fn writes(self) -> Self {
        self.verbs(&["create", "update", "patch", "delete", "deletecollection"])
    }

    /// Also requests for this resource, with its subresource: `jobs`, `backfillrequests/status`.
    pub fn resource(mut self, resource: &str) -> Self {
        self.resources.push(resource.to_owned());
        self
    }

    /// Only requests for, or events of, objects in this namespace.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only requests for, or events of, objects of this name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only events of these types: `ADDED`, `MODIFIED`, `DELETED`.
    pub fn events(mut self, kinds: &'static [&'static str]) -> Self {
        self.kinds = kinds;
        self
    }

    /// Spares the first so many matches.
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Of the matches that are not spared, the first and then each so manieth.
    ///
    /// # Panics
    /// When `count` is 0.
    pub fn every(mut self, count: usize) -> Self {
        assert!(count > 0, "each 0th is none");
        self.every = count;
        self
    }

    /// No more than so many times.
    pub fn at_most(mut self, times: usize) -> Self {
        self.at_most = times;
        self
    }

    /// Whether the rule is about this request, or about this event in its answer.
    pub(super) fn matches(&self, call: &Call, event: Option<&Event>) -> bool {
        let is_resource = if self.resources.is_empty() {
            call.resource != "leases" && !call.resource.is_empty()
        } else {
            self.resources.contains(&call.resource)
        };
        let (namespace, name) = match event {
            Some(event) => (&event.namespace, &event.name),
            None => (&call.namespace, &call.name),
        };
        is_resource
            && self.fault.concerns(call, event)
            && (self.verbs.is_empty() || self.verbs.contains(&call.verb))
            && self.namespace.as_ref().is_none_or(|it| it == namespace)
            && self.name.as_ref().is_none_or(|it| it == name)
            && (self.kinds.is_empty()
                || event.is_some_and(|event| self.kinds.contains(&event.kind.as_str())))
    }

    /// Whether the match of this number, from 0, is one to befall.
    pub(super) fn is_due(&self, number: usize) -> bool {
        number
            .checked_sub(self.skip)
            .is_some_and(|number| number % self.every == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(verb: &'static str, resource: &str, name: &str) -> Call {
        Call {
            verb,
            resource: resource.into(),
            namespace: "n".into(),
            name: name.into(),
            lists: verb == "list",
            allows_stale: false,
        }
    }

    fn event(kind: &str, name: &str) -> Event {
        Event {
            kind: kind.into(),
            namespace: "n".into(),
            name: name.into(),
            ..Event::default()
        }
    }

    #[test]
    fn a_rule_befalls_what_it_names_and_nothing_else() {
        let rule = Rule::new(Fault::Answer(500))
            .verbs(&["create"])
            .resource("jobs")
            .name("a");
        assert!(rule.matches(&call("create", "jobs", "a"), None));
        assert!(!rule.matches(&call("create", "jobs", "b"), None));
        assert!(!rule.matches(&call("delete", "jobs", "a"), None));
        assert!(!rule.matches(&call("create", "jobs/status", "a"), None));
        assert!(
            !rule
                .clone()
                .namespace("m")
                .matches(&call("create", "jobs", "a"), None)
        );
    }

    #[test]
    fn leases_are_spared_unless_they_are_named() {
        let lease = call("update", "leases", "l");
        assert!(!Rule::new(Fault::ResetAfter).matches(&lease, None));
        assert!(
            Rule::new(Fault::ResetAfter)
                .resource("leases")
                .matches(&lease, None)
        );
    }

    #[test]
    fn what_befalls_events_befalls_no_request_and_no_bookmark() {
        let (watch, rule) = (call("watch", "jobs", ""), Rule::new(Fault::Drop).name("a"));
        assert!(rule.matches(&watch, Some(&event("MODIFIED", "a"))));
        assert!(!rule.matches(&watch, Some(&event("MODIFIED", "b"))));
        assert!(!rule.matches(&watch, Some(&event("BOOKMARK", "a"))));
        assert!(!rule.matches(&watch, None));
        let deleted = rule.events(&["DELETED"]);
        assert!(!deleted.matches(&watch, Some(&event("MODIFIED", "a"))));
    }

    #[test]
    fn of_the_matches_some_are_spared_and_then_each_nth_is_due() {
        let rule = Rule::new(Fault::Drop).skip(2).every(3);
        let due: Vec<usize> = (0..10).filter(|&number| rule.is_due(number)).collect();
        assert_eq!(due, [2, 5, 8]);
    }

    #[test]
    fn a_list_is_stale_only_for_who_is_content_with_it() {
        let (rule, consistent) = (Rule::new(Fault::StaleList), call("list", "jobs", ""));
        assert!(!rule.matches(&consistent, None));
        let content = Call {
            allows_stale: true,
            ..consistent
        };
        assert!(rule.matches(&content, None));
    }
}
