//! The charts, by the real Helm on the real API server.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod bed;
mod kinds;
mod release;
mod rights;
mod values;
