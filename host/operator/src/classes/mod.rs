//! The StreamClasses: which are served, and how they fare.

mod kind;
mod manager;
mod plugin;
mod report;
mod run;

pub use manager::manage;
