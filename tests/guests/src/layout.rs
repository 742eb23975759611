//! Where things lie in memory, by the canonical ABI of components: offsets of what the host hands
//! over, and of what it is to find.

/// Where the answer is put; what is kept in data segments begins after that.
pub(crate) const ANSWER: u32 = 64;
/// Where data segments begin.
pub(crate) const DATA: u32 = 256;

/// Bytes of the record `context`.
pub(crate) const CONTEXT: u32 = 156;
/// Offsets of the strings in `context` that are always there, each followed by its length.
pub(crate) const STRINGS: [u32; 7] = [0, 8, 16, 24, 32, 40, 64];
/// Offset of the definition's spec in `context`.
pub(crate) const SPEC: u32 = 64;
/// Offset of the class's configuration in `context`.
pub(crate) const CONFIG: u32 = 8;
/// Offset of the labels in `context`: address and count; annotations follow.
pub(crate) const LABELS: u32 = 48;
/// Offset of the mode in `context`, one byte.
pub(crate) const MODE: u32 = 72;
/// Offset of the request in `context`: whether there is one, then at 4 its name, then at 12 its
/// payload in the same way.
pub(crate) const REQUEST: u32 = 76;
/// Offset of the attempt in `context`.
pub(crate) const ATTEMPT: u32 = 100;

/// Offset of the Job in what `render` is given: after the context.
pub(crate) const RENDER_JOB: u32 = CONTEXT;
/// Offset of the context in what `decide` is given: after the trigger.
pub(crate) const DECIDE_CONTEXT: u32 = 52;
/// Offset of the time in what `decide` is given.
pub(crate) const DECIDE_TIME: u32 = 208;
/// Offset of the time in what `next-tick` is given.
pub(crate) const TICK_TIME: u32 = 160;
