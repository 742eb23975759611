//! Answers that come bit by bit: watches, line by line, and slow ones.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::call::Call;
use super::event::{Event, Lines};
use super::forward::{Body, Forward, Mode};
use super::past::{self, Listed};
use super::rule::Fault;
use super::script::Due;

/// The answer breaks off.
#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer breaks off")
    }
}

impl std::error::Error for Broken {}

/// The way of a watch's events to whoever watches.
pub(super) struct Way {
    pub(super) forward: Forward,
    pub(super) call: Call,
    /// The watch is to be cut.
    pub(super) cut: Option<Due>,
    /// The list that the watch begins with is to be remembered, by its question.
    pub(super) records: Option<(Uri, HeaderMap)>,
}

/// A watch on its way.
struct Passing {
    way: Way,
    to: mpsc::Sender<Result<Frame<Bytes>, Broken>>,
    passed: usize,
    recorded: Vec<Bytes>,
}

/// Goes on, or has come to its end.
type Flow = ControlFlow<()>;

impl Way {
    /// What the watch answers, as far as it passes.
    pub(super) fn body(self, body: Incoming) -> Body {
        self.spawn(async move |mut passing| {
            // Its end is the watch's end, whatever it was.
            let _ = passing.follow(body).await;
        })
    }

    /// The same beginning with an old list.
    pub(super) fn stale(self, request: Request<Bytes>, listed: &Arc<Listed>) -> Body {
        let listed = listed.clone();
        self.spawn(async move |mut passing| {
            let _ = passing.replay(request, &listed).await;
        })
    }

    fn spawn<F>(self, work: impl FnOnce(Passing) -> F + Send + 'static) -> Body
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (to, from) = mpsc::channel(16);
        let passing = Passing {
            way: self,
            to,
            passed: 0,
            recorded: Vec::new(),
        };
        tokio::spawn(work(passing));
        received(from)
    }
}

impl Passing {
    async fn replay(&mut self, request: Request<Bytes>, listed: &Listed) -> Flow {
        for line in &listed.parts {
            self.send(line.clone()).await?;
        }
        let (mut head, body) = request.into_parts();
        let Some(uri) = past::continued(&head.uri, &listed.version) else {
            return Flow::Break(());
        };
        head.uri = uri;
        let request = Request::from_parts(head, body);
        match self.way.forward.upstream.send(request).await {
            Ok(response) => self.follow(response.into_body()).await,
            Err(_) => self.break_off().await,
        }
    }

    async fn follow(&mut self, mut body: Incoming) -> Flow {
        let mut lines = Lines::default();
        loop {
            let frame = tokio::select! {
                () = self.to.closed() => return Flow::Break(()),
                frame = body.frame() => frame,
            };
            match frame {
                None => return self.send(lines.rest()).await,
                Some(Err(_)) => return self.break_off().await,
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        lines.push(&bytes);
                    }
                }
            }
            for line in &mut lines {
                self.pass(line).await?;
            }
        }
    }

    /// One line, and what befalls it.
    async fn pass(&mut self, line: Bytes) -> Flow {
        let Some(event) = Event::of(&line) else {
            return self.send(line).await;
        };
        self.record(&line, &event);
        if let Some(due) = self.way.forward.script.due(&self.way.call, Some(&event)) {
            match due.fault {
                Fault::Drop => {
                    due.happened();
                    return Flow::Continue(());
                }
                Fault::Freeze => {
                    due.happened();
                    self.to.closed().await;
                    return Flow::Break(());
                }
                Fault::Gone => {
                    due.happened();
                    self.send(Event::gone()).await?;
                    return Flow::Break(());
                }
                Fault::Late(pause) => {
                    due.happened();
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = due.ended.cancelled() => {}
                        () = self.to.closed() => return Flow::Break(()),
                    }
                }
                Fault::Hold => {
                    due.happened();
                    tokio::select! {
                        () = due.ended.cancelled() => {}
                        () = self.to.closed() => return Flow::Break(()),
                    }
                }
                _ => {}
            }
        }
        self.send(line).await
    }

    fn record(&mut self, line: &Bytes, event: &Event) {
        if self.way.records.is_none() {
            return;
        }
        self.recorded.push(line.clone());
        if event.ends_list
            && let Some((uri, headers)) = self.way.records.take()
        {
            let listed = Listed {
                headers,
                parts: std::mem::take(&mut self.recorded),
                version: event.version.clone(),
            };
            self.way.forward.past.keep(&uri, listed);
        }
    }

    async fn send(&mut self, mut bytes: Bytes) -> Flow {
        let mut mode = self.way.forward.mode.subscribe();
        tokio::select! {
            () = self.to.closed() => return Flow::Break(()),
            // Whoever sends modes lives as long as the proxy.
            _ = mode.wait_for(|mode| *mode != Mode::Silent) => {}
        }
        let limit = self.way.cut.as_ref().and_then(|due| match due.fault {
            Fault::Cut(limit) => Some(limit.saturating_sub(self.passed)),
            _ => None,
        });
        let is_cut = limit.is_some_and(|left| left < bytes.len());
        if let Some(left) = limit {
            bytes.truncate(left);
        }
        self.passed += bytes.len();
        if !bytes.is_empty() && self.to.send(Ok(Frame::data(bytes))).await.is_err() {
            return Flow::Break(());
        }
        match self.way.cut.take_if(|_| is_cut) {
            Some(due) => {
                due.happened();
                self.break_off().await
            }
            None => Flow::Continue(()),
        }
    }

    async fn break_off(&mut self) -> Flow {
        // Nobody may be left to notice.
        let _ = self.to.send(Err(Broken)).await;
        Flow::Break(())
    }
}

/// An answer in pieces of so many bytes, with a pause before each.
pub(super) fn drip(mut body: Incoming, bytes: usize, pause: Duration) -> Body {
    let (to, from) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let Ok(mut data) = frame.map(|frame| frame.into_data().unwrap_or_default()) else {
                // Nobody may be left to notice.
                let _ = to.send(Err(Broken)).await;
                return;
            };
            while !data.is_empty() {
                sleep(pause).await;
                let piece = data.split_to(bytes.clamp(1, data.len()));
                if to.send(Ok(Frame::data(piece))).await.is_err() {
                    return;
                }
            }
        }
    });
    received(from)
}

fn received(mut from: mpsc::Receiver<Result<Frame<Bytes>, Broken>>) -> Body {
    let frames = stream::poll_fn(move |context| from.poll_recv(context));
    BodyExt::boxed(StreamBody::new(frames))
}
