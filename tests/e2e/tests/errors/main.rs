//! What goes wrong, and what the user is told: every problem stands on the stream as a condition
//! and an event, nothing that runs is given up for it, and it heals when its cause is gone.

mod attempts;
mod definitions;
mod deletion;
mod names;
mod refusals;
mod support;
mod templates;
