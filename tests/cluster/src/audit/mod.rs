//! The audit oracle: who asked the API server for what, by its own audit log.
//!
//! Every write is in the log, and every read by a service account (which the operator is) or of a
//! Secret. For Jobs, streams and most other kinds the log also tells whether a write changed
//! anything.

mod event;
mod record;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use kube::{Client, Config};

use crate::wait::within;
use event::Event;
pub use record::{Duplicate, Record, Request};

/// A mark is in the log a few milliseconds after its request.
const MARKED_WITHIN: Duration = Duration::from_secs(10);
/// The path of marks; the audit policy logs it, and the API server serves nothing there.
const MARK: &str = "/audit-mark/";

/// Reads the API server's audit log.
#[derive(Debug)]
pub struct Audit {
    log: PathBuf,
    admin: Config,
    read: Mutex<Read>,
}

/// A moment in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

impl Mark {
    /// The beginning of the log.
    pub const BEGINNING: Self = Self(0);
}

impl Audit {
    pub(crate) fn new(log: PathBuf, admin: Config) -> Self {
        Self {
            log,
            admin,
            read: Mutex::default(),
        }
    }

    /// Now: what has been answered before is before the mark, what is asked later is after it.
    ///
    /// # Errors
    /// When the API server does not answer or does not log.
    pub async fn mark(&self) -> Result<Mark> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("{MARK}{}-{since_epoch}-{number}", std::process::id());
        let client = Client::try_from(self.admin.clone())?;
        match client
            .request_text(http::Request::get(&path).body(Vec::new())?)
            .await
        {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => bail!("the API server answers a mark with {other:?}"),
        }
        within(MARKED_WITHIN, async || {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.more(&self.log)?;
            read.marks
                .remove(&path)
                .context("the API server has not logged the mark")
        })
        .await
    }

    /// Everything logged from `mark` until now.
    ///
    /// # Errors
    /// As [`Audit::mark`].
    pub async fn since(&self, mark: Mark) -> Result<Record> {
        let now = self.mark().await?;
        Ok(self.between(mark, now))
    }

    /// Everything logged from one mark to another.
    #[must_use]
    pub fn between(&self, from: Mark, to: Mark) -> Record {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.requests
            .get(from.0..to.0)
            .unwrap_or_default()
            .iter()
            .cloned()
            .collect()
    }
}

/// What has been read of the log so far.
#[derive(Debug, Default)]
struct Read {
    offset: u64,
    requests: Vec<Arc<Request>>,
    /// Versions of objects that some write has answered with: uid and resourceVersion.
    versions: HashSet<(String, String)>,
    /// Marks not yet collected, by path.
    marks: HashMap<String, Mark>,
}

impl Read {
    /// Reads the lines that have been completed since the last time.
    fn more(&mut self, log: &PathBuf) -> Result<()> {
        let mut file = File::open(log)
            .with_context(|| format!("failed to open the audit log {}", log.display()))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.offset += line.len() as u64;
            let event = serde_json::from_slice(&line)
                .with_context(|| format!("no audit event: {}", String::from_utf8_lossy(&line)))?;
            self.take(event);
            line.clear();
        }
        Ok(())
    }

    fn take(&mut self, event: Event) {
        if event.request_uri.starts_with(MARK) {
            self.marks
                .insert(event.request_uri, Mark(self.requests.len()));
        } else if let Some(mut request) = event.into_request() {
            if request.is_write() {
                let version = request.uid.clone().zip(request.resource_version.clone());
                // The first write that answers with a version is the one that made it.
                request.changed = version.map(|version| self.versions.insert(version));
            }
            self.requests.push(Arc::new(request));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn line(verb: &str, resource: &str, version: &str) -> String {
        let event = serde_json::json!({
            "stage": "ResponseComplete",
            "requestURI": format!("/apis/batch/v1/namespaces/n/{resource}/j"),
            "verb": verb,
            "user": {"username": "someone"},
            "objectRef": {"apiGroup": "batch", "resource": resource, "namespace": "n", "name": "j"},
            "responseStatus": {"code": 200},
            "responseObject": {"metadata": {"name": "j", "uid": "u", "resourceVersion": version}},
        });
        format!("{event}\n")
    }

    proptest! {
        #[test]
        fn however_the_log_grows_each_line_is_read_once_and_in_order(
            versions in proptest::collection::vec(0_u8..4, 1..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text: String = versions.iter().map(|version| line("patch", "jobs", &version.to_string())).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut log = tempfile::NamedTempFile::new()?;
            let path = log.path().to_owned();
            let mut read = Read::default();
            for part in cuts.windows(2) {
                log.write_all(&text.as_bytes()[part[0]..part[1]])?;
                for _ in 0..2 {
                    read.more(&path).map_err(|error| TestCaseError::fail(error.to_string()))?;
                }
                prop_assert_eq!(read.requests.len(), text[..part[1]].matches('\n').count());
            }
            let found: Vec<_> = read.requests.iter().filter_map(|request| request.resource_version.clone()).collect();
            let expected: Vec<_> = versions.iter().map(u8::to_string).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_write_that_answers_with_a_known_version_changed_nothing() {
        let mut read = Read::default();
        for (verb, version) in [
            ("create", "5"),
            ("patch", "5"),
            ("get", "5"),
            ("patch", "6"),
            ("update", "6"),
        ] {
            read.take(serde_json::from_str(&line(verb, "jobs", version)).unwrap());
        }
        let changed: Vec<_> = read
            .requests
            .iter()
            .map(|request| request.changed)
            .collect();
        assert_eq!(
            changed,
            [Some(true), Some(false), None, Some(true), Some(false)]
        );
    }

    /// A write of this to something of the name `r` in namespace `n`, and what is answered.
    fn written(resource: &str, sent: &serde_json::Value, answered: &serde_json::Value) -> Event {
        let event = serde_json::json!({
            "stage": "ResponseComplete",
            "requestURI": "/",
            "verb": "patch",
            "user": {"username": "someone"},
            "objectRef": {"resource": resource, "namespace": "n", "name": "r"},
            "responseStatus": {"code": 200},
            "requestObject": sent,
            "responseObject": answered,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_request_is_earned_by_a_job_that_has_completed_for_it_before() {
        let annotations = |request: &str| serde_json::json!({"arcane.sneaksanddata.com/backfill-request": request});
        let job = |request: &str, kind: &str| {
            let object = serde_json::json!({
                "metadata": {"name": "j", "annotations": annotations(request)},
                "status": {"conditions": [{"type": kind, "status": "True"}]},
            });
            written("jobs", &serde_json::Value::Null, &object)
        };
        let completion = || {
            let object =
                serde_json::json!({"metadata": {"name": "r"}, "spec": {"completed": true}});
            written("backfillrequests", &serde_json::Value::Null, &object)
        };
        let unearned = |events: Vec<Event>| {
            let requests = events.into_iter().filter_map(Event::into_request);
            requests.map(Arc::new).collect::<Record>().unearned()
        };
        assert_eq!(unearned(vec![job("r", "Complete"), completion()]), [""; 0]);
        assert_eq!(unearned(vec![job("r", "Failed"), completion()]), ["r"]);
        assert_eq!(
            unearned(vec![job("another", "Complete"), completion()]),
            ["r"]
        );
        assert_eq!(unearned(vec![completion(), job("r", "Complete")]), ["r"]);
    }

    #[test]
    fn a_completion_is_seen_whatever_its_answer_leaves_out() {
        let completed = |sent: serde_json::Value| {
            let answered =
                serde_json::json!({"kind": "PartialObjectMetadata", "metadata": {"name": "r"}});
            let event = written("backfillrequests", &sent, &answered);
            let record: Record = event.into_request().map(Arc::new).into_iter().collect();
            record.completed().len()
        };
        assert_eq!(
            completed(serde_json::json!({"spec": {"completed": true}})),
            1
        );
        assert_eq!(
            completed(serde_json::json!({"spec": {"completed": false}})),
            0
        );
        assert_eq!(
            completed(serde_json::json!([{"op": "remove", "path": "/spec"}])),
            0
        );
    }
}
