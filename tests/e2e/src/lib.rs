//! End-to-end scenarios on the real control plane.
