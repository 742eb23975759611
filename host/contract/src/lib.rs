//! The wire contract of the Arcane streaming platform.
//!
//! Everything that existing charts, clients and stream images rely on lives here: the API types,
//! the layouts of a StreamDefinition, the names of labels, annotations and environment variables,
//! the configuration hash, and the rendering of a Job from its template. The crate is pure: it
//! reads no clock, does no I/O and knows no Kubernetes client.

pub mod api;
pub mod bounded;
pub mod canonical;
pub mod definition;
pub mod hash;
mod json;
pub mod kind;
pub mod names;
mod packed;
pub mod quantity;
pub mod render;
pub mod schema;
pub mod stream;
pub mod template;
