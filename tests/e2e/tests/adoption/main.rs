//! Streams of the existing operator are taken over in every phase, on the kinds that are installed
//! today, and none is restarted.

mod bed;
mod jobs;
mod kinds;
mod peer;
mod unlabelled;
