//! The life of a stream: every row of the state machine, by the real operator on the real control
//! plane.

mod creation;
