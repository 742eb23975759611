//! The operator in operation: classes come and go, templates change, nodes are drained, replicas
//! crash and take over, the API server restarts, and whoever watches sees what is going on.

mod classes;
mod crashes;
mod disruption;
mod drift;
mod leftovers;
mod load;
mod observation;
mod outage;
mod own;
mod queue;
mod replicas;
mod restart;
mod rights;
mod support;
