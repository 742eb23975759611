//! The charts, by the real Helm on the real API server.

mod bed;
mod kinds;
mod release;
mod rights;
mod values;
