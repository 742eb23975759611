//! Whatever goes wrong between the operator and the API server, every stream ends where it would
//! have ended: nothing is lost, and nothing is done twice. The API server's audit log decides.

#![expect(clippy::expect_used, reason = "what tests share is test code, too")]

mod classes;
mod crashes;
mod every;
mod ground;
mod outage;
mod partition;
mod scenarios;
mod stale;
mod verdict;
