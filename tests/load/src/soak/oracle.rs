//! What the audit log says of the operator.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use arcane_cluster::Cluster;
use arcane_cluster::audit::{Mark, Record, Request};

use super::is_operator;

/// Namespace and name.
type Key = (String, String);

/// Something that must not be.
#[derive(Debug)]
struct Violation {
    /// Which request it is about.
    request: Option<Key>,
    text: String,
}

impl Violation {
    /// By what came to the API server then.
    fn by(request: &Request, about: Option<&Key>, what: &str) -> Self {
        Self {
            request: about.cloned(),
            text: format!("{}: {what}", request.received),
        }
    }
}

/// Reads the log as it grows.
pub struct Oracle {
    mark: Mark,
    ledger: Ledger,
}

impl Oracle {
    pub async fn begin(cluster: &Cluster) -> Result<Self> {
        Ok(Self {
            mark: cluster.audit().mark().await?,
            ledger: Ledger::default(),
        })
    }

    /// Judges what has been logged since.
    pub async fn read(&mut self, cluster: &Cluster) -> Result<()> {
        let audit = cluster.audit();
        let now = audit.mark().await?;
        self.ledger.enter(&audit.between(self.mark, now));
        self.mark = now;
        Ok(())
    }

    /// Something that the log does not tell.
    pub fn note(&mut self, violation: String) {
        self.ledger.violations.push(Violation {
            request: None,
            text: violation,
        });
    }

    /// The API server was killed: what it had in hand may have been written, but is not in the log.
    pub fn note_restart(&mut self) {
        let open: Vec<Key> = self.ledger.begun.iter().cloned().collect();
        self.ledger.uncertain.extend(open);
    }

    pub fn violations(&self) -> usize {
        self.ledger.violations().count()
    }

    /// Every violation, and all that was written to what it is about.
    pub fn evidence(&self, cluster: &Cluster) -> Vec<String> {
        let record = cluster.audit().between(Mark::BEGINNING, self.mark);
        let evidence = self.ledger.violations().map(|violation| {
            let request = violation.request.as_ref();
            let history = request.map(|request| history(&record, request));
            format!("{}{}", violation.text, history.unwrap_or_default())
        });
        evidence.collect()
    }

    pub fn writes(&self) -> usize {
        self.ledger.writes
    }

    pub fn completed(&self) -> usize {
        self.ledger.completed
    }

    /// Backfills that ended as they were given up, and are run again.
    pub fn given_up(&self) -> usize {
        self.ledger.given_up
    }

    pub fn unclear(&self) -> usize {
        self.ledger.unclear
    }
}

/// What was written to a request and to the streams that had a Job for it, in the order of answers.
fn history(record: &Record, (namespace, name): &Key) -> String {
    let here = record.in_namespace(namespace);
    let here = here.filter(|it| it.is_write() || it.code >= 500);
    let jobs = here.filter(|it| it.backfill_request.as_ref() == Some(name));
    let mut names: HashSet<&str> = jobs.iter().map(|job| &*job.name).collect();
    names.insert(name);
    let here = here.except(&["events"]);
    let lines = here.iter().filter(|it| names.contains(&*it.name));
    lines
        .map(|it| {
            format!(
                "\n  {} {} {} {} by {}: {}, version {}{}{}",
                it.received,
                it.verb,
                it.resource,
                it.name,
                it.user,
                it.code,
                it.resource_version.as_deref().unwrap_or("unknown"),
                if it.changed == Some(false) {
                    ", as before"
                } else {
                    ""
                },
                if it.complete { ", complete" } else { "" },
            )
        })
        .collect()
}

/// What is known of requests and their Jobs.
#[derive(Debug, Default)]
struct Ledger {
    /// Requests that were made, until they are completed or deleted.
    open: HashSet<Key>,
    /// Requests for which a Job was made, until they are completed.
    begun: HashSet<Key>,
    /// Those of them that may rightly be completed, or get another Job: the log has a gap where
    /// their Job may have succeeded or they may have been completed, or it was deleted as it did.
    uncertain: HashSet<Key>,
    /// Requests for which a Job has succeeded, with its name, until the operator completes them.
    /// What users do to a request takes nothing away: which of two requests that overlap was carried
    /// out first, the log does not tell.
    succeeded: HashMap<Key, Key>,
    /// Requests that were completed before the log told of a Job that has succeeded for them.
    unproven: HashMap<Key, Suspicion>,
    /// Requests that were open when the operator deleted the Job that it had seen succeed for them.
    wasted: HashMap<Key, Suspicion>,
    /// Jobs that are being deleted.
    going: HashSet<Key>,
    /// Backfills that ended as they were given up.
    given_up: usize,
    violations: Vec<Violation>,
    writes: usize,
    completed: usize,
    unclear: usize,
}

/// Something that is wrong unless what led to it is logged still: the log has requests in the order
/// of their answers, and a watch may be quicker than an answer.
#[derive(Debug)]
struct Suspicion {
    /// When it came to the API server.
    received: String,
    violation: Violation,
}

impl Suspicion {
    fn new(request: &Request, about: &Key, violation: &str) -> Self {
        Self {
            received: request.received.clone(),
            violation: Violation::by(request, Some(about), violation),
        }
    }
}

/// The object that the request is about.
fn key_of(request: &Request) -> Key {
    (request.namespace.clone(), request.name.clone())
}

/// Takes back the suspicion that this request clears up.
fn is_cleared(suspicions: &mut HashMap<Key, Suspicion>, key: &Key, by: &Request) -> bool {
    let is_later = |it: &Suspicion| it.received > by.received;
    suspicions.get(key).is_some_and(is_later) && suspicions.remove(key).is_some()
}

impl Ledger {
    fn violations(&self) -> impl Iterator<Item = &Violation> {
        let suspicions = self.unproven.values().chain(self.wasted.values());
        let suspicions = suspicions.map(|suspicion| &suspicion.violation);
        self.violations.iter().chain(suspicions)
    }

    fn enter(&mut self, record: &Record) {
        for request in record.as_received() {
            let by_operator = is_operator(&request.user);
            if by_operator && request.resource == "secrets" {
                let violation = Violation::by(request, None, "the operator asked for a Secret");
                self.violations.push(violation);
            }
            if request.code >= 500 {
                self.cut_off(request);
            }
            if !request.is_write() {
                continue;
            }
            if by_operator && !matches!(&*request.resource, "events" | "leases") {
                self.writes += 1;
            }
            match request.resource.as_str() {
                "jobs" | "jobs/status" => self.job(request, by_operator),
                "backfillrequests" => self.backfill_request(request, by_operator),
                _ => {}
            }
        }
    }

    /// A write that the API server has given up may have been made: that of an operator, say, that is
    /// killed before it is answered.
    fn cut_off(&mut self, request: &Request) {
        let key = key_of(request);
        match (&*request.resource, &*request.verb) {
            ("jobs", "delete") => {
                self.going.insert(key);
            }
            ("backfillrequests", "patch") if request.complete => {
                is_cleared(&mut self.wasted, &key, request);
                self.uncertain.insert(key);
            }
            _ => {}
        }
    }

    fn job(&mut self, request: &Request, by_operator: bool) {
        let job = key_of(request);
        if request.verb == "delete" {
            self.job_deleted(request, &job, by_operator);
            self.going.insert(job);
            return;
        }
        let Some(name) = &request.backfill_request else {
            if request.is_creation() {
                self.going.remove(&job);
            }
            return;
        };
        let key = (request.namespace.clone(), name.clone());
        if request.is_creation() {
            if self.succeeded.contains_key(&key) && self.open.contains(&key) {
                let what = format!("a second Job was made for {name}, for which one had succeeded");
                let violation = Violation::by(request, Some(&key), &what);
                self.violations.push(violation);
            }
            self.going.remove(&job);
            self.uncertain.remove(&key);
            self.begun.insert(key);
        } else if request.complete {
            if is_cleared(&mut self.unproven, &key, request) {
                self.completed += 1;
            } else if self.going.contains(&job) {
                self.uncertain.insert(key);
            } else {
                self.succeeded.insert(key, job);
            }
        }
    }

    /// One that had succeeded is gone, or going, before its request was completed. Somebody else has
    /// taken away what told of its success; or the operator has given it up as it ended, for its
    /// stream was suspended, say: within a second nobody can tell which came first, and running once
    /// more is the safe side. But one that it deletes as ended it has seen to have succeeded.
    fn job_deleted(&mut self, request: &Request, job: &Key, by_operator: bool) {
        let told_by_it = self.succeeded.extract_if(|_, told_by| told_by == job);
        let told_by_it: Vec<Key> = told_by_it.map(|(key, _)| key).collect();
        for key in told_by_it {
            // Where the request is closed, it has succeeded for nobody.
            let is_given_up = by_operator && self.open.contains(&key);
            let is_seen = request.propagation.as_deref() == Some("Background");
            if is_given_up && is_seen && !self.uncertain.contains(&key) {
                let violation = format!(
                    "the Job that had succeeded for {} was deleted before it was completed",
                    key.1
                );
                let suspicion = Suspicion::new(request, &key, &violation);
                self.wasted.insert(key.clone(), suspicion);
            }
            self.given_up += usize::from(is_given_up);
            self.uncertain.insert(key);
        }
    }

    fn backfill_request(&mut self, request: &Request, by_operator: bool) {
        let key = key_of(request);
        if request.is_creation() {
            self.open.insert(key);
            return;
        }
        let is_closed = request.complete || request.verb == "delete";
        if !is_closed {
            return;
        }
        self.open.remove(&key);
        self.begun.remove(&key);
        is_cleared(&mut self.wasted, &key, request);
        // One that was completed by somebody else before is as it was.
        if !by_operator || request.verb == "delete" || request.changed == Some(false) {
            return;
        }
        let is_earned = self.succeeded.remove(&key).is_some();
        let is_uncertain = self.uncertain.remove(&key);
        match (is_earned, is_uncertain) {
            (true, _) => self.completed += 1,
            (false, true) => self.unclear += 1,
            (false, false) => {
                let violation = format!("{} was completed, but no Job has succeeded for it", key.1);
                let suspicion = Suspicion::new(request, &key, &violation);
                self.unproven.insert(key, suspicion);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arcane_e2e::OPERATOR_USER;
    use serde_json::{Value, json};

    use super::*;

    /// How much is wrong with what happens to one request and its Job, each with the second in which
    /// it comes, in the order in which it is logged; wherever the log is read in two parts.
    fn violations(logged: &[(&str, u8)]) -> usize {
        let lines: Vec<String> = logged.iter().map(|it| line(*it).to_string()).collect();
        let found = (0..=lines.len()).map(|split| {
            let mut ledger = Ledger::default();
            for part in [&lines[..split], &lines[split..]] {
                ledger.enter(&Record::of_log(&part.join("\n")).unwrap());
            }
            ledger.violations().count()
        });
        let found: HashSet<usize> = found.collect();
        assert_eq!(found.len(), 1, "it depends on when the log is read");
        found.into_iter().next().unwrap()
    }

    fn line((what, second): (&str, u8)) -> Value {
        let job = |conditions: Value| {
            let annotations = json!({"arcane.sneaksanddata.com/backfill-request": "r"});
            json!({
                "metadata": {"name": "j", "annotations": annotations},
                "status": {"conditions": conditions},
            })
        };
        let completed = json!({"spec": {"completed": true}});
        let none = json!({});
        let (user, verb, resource, sent, answered) = match what {
            "asked for" => ("user", "create", "backfillrequests", none.clone(), none),
            "made" => (OPERATOR_USER, "create", "jobs", none, job(json!([]))),
            "succeeds" => {
                let complete = json!([{"type": "Complete", "status": "True"}]);
                ("controller", "update", "jobs/status", none, job(complete))
            }
            "deleted by a user" => ("user", "delete", "jobs", none.clone(), none),
            "deleted as ended" => {
                let options = json!({"propagationPolicy": "Background"});
                (OPERATOR_USER, "delete", "jobs", options, none)
            }
            // Whose answer is metadata alone.
            "completed" | "completed, given up" => {
                (OPERATOR_USER, "patch", "backfillrequests", completed, none)
            }
            "deleted, given up" => (OPERATOR_USER, "delete", "jobs", none.clone(), none),
            "closed by a user" => ("user", "patch", "backfillrequests", completed, none),
            "withdrawn" => ("user", "delete", "backfillrequests", none.clone(), none),
            other => panic!("{other}"),
        };
        let name = if resource == "backfillrequests" {
            "r"
        } else {
            "j"
        };
        json!({
            "stage": "ResponseComplete",
            "requestURI": "/",
            "verb": verb,
            "user": {"username": user},
            "objectRef": {"resource": resource, "namespace": "n", "name": name},
            "responseStatus": {"code": if what.contains("given up") { 504 } else { 200 }},
            "requestReceivedTimestamp": format!("{second:02}"),
            "requestObject": sent,
            "responseObject": answered,
        })
    }

    #[test]
    fn a_backfill_that_is_completed_after_its_job_is_as_it_should_be() {
        let story = [
            ("made", 1),
            ("succeeds", 2),
            ("completed", 3),
            ("deleted as ended", 4),
        ];
        assert_eq!(violations(&story), 0);
        let late = [
            ("made", 1),
            ("completed", 3),
            ("succeeds", 2),
            ("deleted as ended", 4),
        ];
        assert_eq!(violations(&late), 0, "an answer may be logged late");
    }

    #[test]
    fn a_backfill_that_is_completed_before_its_job_is_not() {
        assert_eq!(
            violations(&[("made", 1), ("completed", 2), ("succeeds", 3)]),
            1
        );
        assert_eq!(violations(&[("made", 1), ("completed", 2)]), 1);
    }

    #[test]
    fn what_a_user_does_while_a_backfill_is_completed_takes_nothing_away() {
        for meanwhile in ["closed by a user", "withdrawn"] {
            let begun = [("asked for", 0), ("made", 1), ("succeeds", 2)];
            let story = [&begun[..], &[("completed", 4), (meanwhile, 3)]];
            assert_eq!(violations(&story.concat()), 0, "{meanwhile}");
            let in_vain = [
                ("asked for", 0),
                ("made", 1),
                (meanwhile, 2),
                ("completed", 3),
            ];
            assert_eq!(violations(&in_vain), 1, "{meanwhile}");
        }
    }

    #[test]
    fn a_job_that_succeeds_must_not_be_deleted_without_completing_its_backfill() {
        let begun = [("asked for", 0), ("made", 1)];
        let wasted = [&begun[..], &[("succeeds", 2), ("deleted as ended", 3)]].concat();
        assert_eq!(violations(&wasted), 1);
        let again = [
            &wasted[..],
            &[("made", 4), ("succeeds", 5), ("completed", 6)],
        ];
        assert_eq!(violations(&again.concat()), 1);
        for closed in [
            [
                ("succeeds", 2),
                ("deleted as ended", 4),
                ("closed by a user", 3),
            ],
            [
                ("closed by a user", 2),
                ("succeeds", 3),
                ("deleted as ended", 4),
            ],
        ] {
            let closed = [&begun[..], &closed].concat();
            assert_eq!(violations(&closed), 0, "nobody asks for it any more");
        }
    }

    #[test]
    fn what_the_api_server_gives_up_it_may_have_done() {
        let begun = [("asked for", 0), ("made", 1)];
        let completed = [
            ("succeeds", 2),
            ("completed, given up", 3),
            ("deleted as ended", 4),
        ];
        assert_eq!(violations(&[&begun[..], &completed].concat()), 0);
        let deleted = [("deleted, given up", 2), ("succeeds", 3), ("made", 4)];
        assert_eq!(violations(&[&begun[..], &deleted].concat()), 0);
    }

    #[test]
    fn what_a_user_deletes_as_it_ends_may_be_completed_or_run_again() {
        let begun = [("made", 1), ("succeeds", 2), ("deleted by a user", 3)];
        let completed = [&begun[..], &[("completed", 4)]];
        assert_eq!(violations(&completed.concat()), 0);
        let again = [
            &begun[..],
            &[("made", 4), ("succeeds", 5), ("completed", 6)],
        ];
        assert_eq!(violations(&again.concat()), 0);
        let in_vain = [&begun[..], &[("made", 4), ("completed", 5)]];
        assert_eq!(violations(&in_vain.concat()), 1);
    }
}
