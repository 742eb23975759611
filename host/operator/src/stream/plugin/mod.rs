//! What a class's plugin has to say about a stream: asked, answered, and what becomes of a stream
//! whose plugin gives no answer.

mod answers;
mod context;
mod decide;
mod left;
mod shape;
mod standing;
mod tick;
mod trouble;

pub use answers::Answers;
pub use context::{failure_text, retry};
pub use decide::{decide, decide_on_spec};
pub use left::{Left, event as left_event};
pub use shape::{Shaped, shape};
pub use standing::Standing;
pub use tick::{NextTick, tick};
pub use trouble::{PLUGIN_HEALTHY, Trouble, refused_by_server, tell_health};
