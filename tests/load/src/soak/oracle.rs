//! What the audit log says of the operator.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use arcane_cluster::Cluster;
use arcane_cluster::audit::{Mark, Record, Request};

use super::is_operator;

/// Namespace and name.
type Key = (String, String);

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
        self.ledger.violations.push(violation);
    }

    /// The API server was killed: what it had in hand may have been written, but is not in the log.
    pub fn note_restart(&mut self) {
        let open: Vec<Key> = self.ledger.begun.iter().cloned().collect();
        self.ledger.uncertain.extend(open);
    }

    pub fn violations(&self) -> &[String] {
        &self.ledger.violations
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

/// What is known of requests and their Jobs.
#[derive(Debug, Default)]
struct Ledger {
    /// Requests for which a Job was made, until they are completed.
    begun: HashSet<Key>,
    /// Those of them whose Job may have succeeded without an entry in the log.
    uncertain: HashSet<Key>,
    /// Requests for which a Job has succeeded, with its name, until they are completed.
    succeeded: HashMap<Key, Key>,
    /// Jobs that are being deleted: how their pods end says nothing.
    going: HashSet<Key>,
    /// Backfills that ended as they were given up.
    given_up: usize,
    violations: Vec<String>,
    writes: usize,
    completed: usize,
    unclear: usize,
}

impl Ledger {
    fn enter(&mut self, record: &Record) {
        for request in record.iter() {
            let by_operator = is_operator(&request.user);
            if by_operator && request.resource == "secrets" {
                self.violations
                    .push("the operator asked for a Secret".into());
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

    fn job(&mut self, request: &Request, by_operator: bool) {
        let job = (request.namespace.clone(), request.name.clone());
        if request.verb == "delete" {
            // Somebody else has taken away what told of its success; or the operator has given it
            // up as it ended, for its stream was suspended, say: within a second nobody can tell
            // which came first, and running once more is the safe side.
            let before = self.succeeded.len();
            self.succeeded.retain(|_, told_by| *told_by != job);
            self.given_up += usize::from(by_operator && self.succeeded.len() < before);
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
            if self.succeeded.contains_key(&key) {
                self.violations.push(format!(
                    "{}: a second Job was made for {name}, for which one had succeeded",
                    request.received
                ));
            }
            self.going.remove(&job);
            self.begun.insert(key);
        } else if request.complete && !self.going.contains(&job) {
            self.succeeded.insert(key, job);
        }
    }

    fn backfill_request(&mut self, request: &Request, by_operator: bool) {
        let key = (request.namespace.clone(), request.name.clone());
        let is_closed = request.complete || request.verb == "delete";
        if !is_closed {
            return;
        }
        let is_uncertain = self.uncertain.remove(&key);
        let is_earned = self.succeeded.remove(&key).is_some();
        self.begun.remove(&key);
        // One that was completed by somebody else before is as it was.
        if !by_operator || request.verb == "delete" || request.changed == Some(false) {
            return;
        }
        match (is_earned, is_uncertain) {
            (true, _) => self.completed += 1,
            (false, true) => self.unclear += 1,
            (false, false) => self.violations.push(format!(
                "{}: {} was completed, but no Job has succeeded for it",
                request.received, request.name
            )),
        }
    }
}
