//! The StreamClasses: which are served, and how they fare.

mod kind;
mod manager;
mod report;
mod run;

pub use manager::manage;
