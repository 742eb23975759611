//! Free TCP ports.

use std::net::TcpListener;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Below the range that Linux picks from for outgoing connections (32768 and up): a port that is
/// free now is not taken by a connection before its server starts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Each process begins elsewhere, so that tests running side by side rarely try the same port.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let spread = process::id().wrapping_mul(2_654_435_761) >> 16;
    AtomicU16::new((spread % u32::from(RANGE.end - RANGE.start)) as u16)
});

/// A port of 127.0.0.1 that was free a moment ago and that this process has not been given before
/// (until the whole range is used up).
///
/// # Errors
/// When no port of the range is free.
pub fn free_port() -> Result<u16> {
    let size = RANGE.end - RANGE.start;
    for _ in 0..size {
        let port = RANGE.start + NEXT.fetch_add(1, Ordering::Relaxed) % size;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port in {RANGE:?} is free on 127.0.0.1");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_never_given_twice() {
        let ports: Vec<_> = (0..20).map(|_| free_port().unwrap()).collect();
        for (index, port) in ports.iter().enumerate() {
            assert!(RANGE.contains(port));
            assert!(!ports[..index].contains(port));
        }
    }
}
