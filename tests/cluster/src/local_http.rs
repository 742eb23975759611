//! The little HTTP that is spoken to plain-text servers on this machine.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server on this machine that is silent for so long hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// `GET path` from 127.0.0.1.
pub(crate) async fn get(port: u16, path: &str) -> Result<Answer> {
    bounded(port, "GET", path, "").await
}

/// `POST path` to 127.0.0.1.
pub(crate) async fn post(port: u16, path: &str, body: &str) -> Result<Answer> {
    bounded(port, "POST", path, body).await
}

async fn bounded(port: u16, method: &str, path: &str, body: &str) -> Result<Answer> {
    timeout(ANSWERS_WITHIN, exchange(port, method, path, body))
        .await
        .with_context(|| {
            format!("no answer from 127.0.0.1:{port} to {method} {path} within {ANSWERS_WITHIN:?}")
        })?
}

/// HTTP/1.0, so that the body ends with the connection and is never chunked.
async fn exchange(port: u16, method: &str, path: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .with_context(|| format!("nobody listens on 127.0.0.1:{port}"))?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    parse(&String::from_utf8_lossy(&answer))
        .with_context(|| format!("no HTTP answer from 127.0.0.1:{port} to {method} {path}"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_status_and_body() {
        let answer = parse(
            "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\nnot\r\n\r\nyet",
        );
        assert_eq!(
            answer,
            Some(Answer {
                status: 503,
                body: "not\r\n\r\nyet".into()
            })
        );
        assert_eq!(parse("SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}
