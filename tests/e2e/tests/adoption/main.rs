//! Streams of the existing operator are taken over in every phase, on the kinds that are installed
//! today, and none is restarted; nor would the existing operator restart any on the way back.

mod back;
mod bed;
mod jobs;
mod kinds;
mod peer;
mod unlabelled;
