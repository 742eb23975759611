//! One request: on to the API server and back, with what goes wrong on the way.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::call::Call;
use super::past::{Listed, Past};
use super::rule::Fault;
use super::script::{Due, Script};
use super::server::Connection;
use super::stream::{self, Broken, Way};
use super::upstream::Upstream;

/// The body of an answer.
pub(super) type Body = BoxBody<Bytes, Broken>;

/// Whether the API server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It can.
    Up,
    /// Nothing passes, in either direction, and nobody is told.
    Silent,
    /// Nobody listens.
    Gone,
}

/// What all requests share.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    pub(super) upstream: Upstream,
    pub(super) script: Arc<Script>,
    pub(super) past: Arc<Past>,
    pub(super) mode: watch::Sender<Mode>,
    pub(super) listening: watch::Sender<bool>,
}

impl Forward {
    /// Answers a request.
    pub(super) async fn exchange(
        self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        // Whoever breaks off its request does not wait for the answer.
        let Ok(body) = body.collect().await else {
            connection.reset().await
        };
        let request = Request::from_parts(head, body.to_bytes());
        let answer = self.answer(request, &connection).await;
        Ok(answer.unwrap_or_else(|error| refusal(502, &format!("{error:#}"))))
    }

    async fn answer(
        &self,
        request: Request<Bytes>,
        connection: &Connection,
    ) -> Result<Response<Body>> {
        self.pass().await;
        let call = Call::of(request.method(), request.uri(), request.body());
        let due = self.script.due(&call, None);
        match &due {
            Some(due) if let Fault::Answer(status) = due.fault => {
                due.happened();
                return Ok(refusal(status, "injected"));
            }
            Some(due) if due.fault == Fault::ResetBefore => {
                due.happened();
                connection.reset().await
            }
            Some(due) if due.fault == Fault::StaleList => {
                if let Some(listed) = self.past.get(request.uri()) {
                    due.happened();
                    return Ok(self.stale(call, request, listed));
                }
            }
            _ => {}
        }
        let uri = request.uri().clone();
        let response = self.carry_out(&call, request, due.clone()).await?;
        self.pass().await;
        if let Some(due) = due.as_ref().filter(|due| due.fault == Fault::ResetAfter) {
            // To its end, so that it has been carried out.
            response.into_body().collect().await?;
            due.happened();
            connection.reset().await
        }
        let is_ok = response.status() == StatusCode::OK;
        if call.verb == "watch" && is_ok {
            let (head, body) = response.into_parts();
            let records = call.lists && self.past.lacks(&uri);
            let way = Way {
                forward: self.clone(),
                call,
                cut: due.filter(|due| matches!(due.fault, Fault::Cut(_))),
                records: records.then(|| (uri, head.headers.clone())),
            };
            return Ok(Response::from_parts(head, way.body(body)));
        }
        if call.lists && is_ok && self.past.lacks(&uri) {
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            self.past.keep(&uri, listed(&head.headers, &body));
            return Ok(Response::from_parts(head, whole(body)));
        }
        Ok(response.map(|body| match due {
            Some(due) if let Fault::Drip(bytes, pause) = due.fault => {
                due.happened();
                stream::drip(body, bytes, pause)
            }
            _ => body.map_err(|_| Broken).boxed(),
        }))
    }

    /// Sends a request on. On a task of its own: what is broken off on its way may or may not be
    /// carried out, and a write that is late is so whether anybody still waits for it or not.
    async fn carry_out(
        &self,
        call: &Call,
        request: Request<Bytes>,
        due: Option<Due>,
    ) -> Result<Response<Incoming>> {
        let (upstream, mode) = (self.upstream.clone(), self.mode.clone());
        self.script.count(call);
        let sent = tokio::spawn(async move {
            if let Some(due) = &due
                && let Fault::Delay(pause) = due.fault
            {
                due.happened();
                tokio::time::sleep(pause).await;
            }
            let response = upstream.send(request).await?;
            let Some(crash) = due.filter(|due| due.fault == Fault::Crash) else {
                return Ok(response);
            };
            // Answered, so that it has been carried out.
            if silence(&mode, &crash) {
                std::future::pending().await
            }
            Ok(response)
        });
        sent.await?
    }

    /// Returns while requests and answers pass. What comes to a proxy that is silent stays
    /// unanswered for good, as it does when packets are lost on the way.
    pub(super) async fn pass(&self) {
        if *self.mode.borrow() != Mode::Up {
            std::future::pending().await
        }
    }

    /// What was listed once, and what has happened since.
    fn stale(&self, call: Call, request: Request<Bytes>, listed: Arc<Listed>) -> Response<Body> {
        let mut response = Response::new(());
        response.headers_mut().clone_from(&listed.headers);
        if call.verb == "list" {
            let body = listed.parts.concat();
            return response.map(|()| whole(body.into()));
        }
        let way = Way {
            forward: self.clone(),
            call,
            cut: None,
            records: None,
        };
        response.map(|()| way.stale(request, &listed))
    }
}

/// Nothing passes from now on, for the client has crashed; false if it may not any more: the rule was
/// ended while the API server was at work.
fn silence(mode: &watch::Sender<Mode>, crash: &Due) -> bool {
    let silenced = mode.send_if_modified(|mode| {
        // Rules are ended before all passes again, so that no late crash comes after that.
        let may_crash = !crash.ended.is_cancelled();
        if may_crash {
            *mode = Mode::Silent;
        }
        may_crash
    });
    if silenced {
        crash.happened();
    }
    silenced
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed()
}

fn listed(headers: &HeaderMap, body: &Bytes) -> Listed {
    #[derive(Deserialize)]
    struct List {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        resource_version: String,
    }
    let list = serde_json::from_slice::<List>(body);
    Listed {
        headers: headers.clone(),
        parts: vec![body.clone()],
        version: list.map_or_else(|_| String::new(), |list| list.metadata.resource_version),
    }
}

/// An answer in the API server's place.
fn refusal(status: u16, message: &str) -> Response<Body> {
    let reason = match status {
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    });
    let mut response = Response::new(whole(body.to_string().into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if status == 429 {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::rule::Rule;
    use super::*;

    #[test]
    fn a_crash_whose_rule_has_ended_silences_nothing() {
        let (script, mode) = (Script::default(), watch::Sender::new(Mode::Up));
        let call = Call {
            verb: "create",
            resource: "jobs".into(),
            ..Call::default()
        };
        let injected = script.add(Rule::new(Fault::Crash));
        let due = script.due(&call, None).unwrap();
        script.clear();
        assert!(!silence(&mode, &due));
        assert_eq!((*mode.borrow(), injected.count()), (Mode::Up, 0));

        let injected = script.add(Rule::new(Fault::Crash));
        let due = script.due(&call, None).unwrap();
        assert!(silence(&mode, &due));
        assert_eq!((*mode.borrow(), injected.count()), (Mode::Silent, 1));
    }
}
