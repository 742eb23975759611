//! What one call of a plugin has used, and what it may.

use std::fmt;
use std::time::Instant;

use wasmtime::ResourceLimiter;

use crate::answer::{Level, LogLine};
use crate::text;

/// The longest line that is kept, in bytes.
pub(crate) const LINE: usize = 4 << 10;
/// The most that a plugin may log in one call, in bytes; each line counts one more than it has.
pub(crate) const LOG: usize = 64 << 10;
/// The most elements that a table may have. Interpreters of Python and JavaScript, the largest
/// that are known, have some ten thousand.
pub(crate) const TABLE: usize = 100_000;

/// The state of one call.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What was logged, in order.
    pub(crate) lines: Vec<LogLine>,
    logged: usize,
    /// When the call is stopped.
    pub(crate) deadline: Instant,
    memory_limit: usize,
    memory: usize,
    /// The most linear memory at one time, in bytes.
    pub(crate) memory_peak: usize,
}

impl Guest {
    pub(crate) fn new(memory_limit: usize, deadline: Instant) -> Self {
        Self {
            lines: Vec::new(),
            logged: 0,
            deadline,
            memory_limit,
            memory: 0,
            memory_peak: 0,
        }
    }

    /// Keeps a line, or ends the call where there are too many.
    pub(crate) fn take_line(&mut self, level: Level, message: &str) -> wasmtime::Result<()> {
        self.logged = self.logged.saturating_add(message.len()).saturating_add(1);
        if self.logged > LOG {
            return Err(Exceeded::Log.into());
        }
        self.lines.push(LogLine {
            level,
            message: text::one_line(message, LINE),
        });
        Ok(())
    }
}

/// A limit that a call has run into. Ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// Time.
    Time,
    /// Linear memory, and how much there would have been.
    Memory {
        /// In bytes.
        wanted: usize,
    },
    /// Elements of a table.
    Table,
    /// Log lines.
    Log,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "out of time",
            Self::Memory { .. } => "out of memory",
            Self::Table => "table too large",
            Self::Log => "too much logged",
        })
    }
}

impl std::error::Error for Exceeded {}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // All memories of the component together.
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_limit {
            // A program that is merely told so tends to end in a way that does not say why.
            return Err(Exceeded::Memory { wanted }.into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            // More than the program itself has set as its maximum: for it to handle.
            return Ok(false);
        }
        self.memory = wanted;
        self.memory_peak = self.memory_peak.max(wanted);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE {
            return Err(Exceeded::Table.into());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn guest() -> Guest {
        Guest::new(10 << 16, Instant::now())
    }

    fn exceeded<T: fmt::Debug>(result: wasmtime::Result<T>) -> Exceeded {
        *result.unwrap_err().downcast_ref::<Exceeded>().unwrap()
    }

    #[test]
    fn all_memories_share_one_limit() {
        let mut guest = guest();
        assert!(guest.memory_growing(0, 6 << 16, None).unwrap());
        assert!(guest.memory_growing(0, 4 << 16, None).unwrap());
        assert_eq!(
            exceeded(guest.memory_growing(4 << 16, 5 << 16, None)),
            Exceeded::Memory { wanted: 11 << 16 }
        );
        assert_eq!(guest.memory_peak, 10 << 16);
    }

    #[test]
    fn what_a_program_does_not_get_by_its_own_maximum_does_not_count() {
        let mut guest = guest();
        assert!(!guest.memory_growing(0, 6 << 16, Some(5 << 16)).unwrap());
        assert_eq!(guest.memory_peak, 0);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_too_many_end_the_call() {
        let mut guest = guest();
        guest.take_line(Level::Info, &"x".repeat(LINE + 1)).unwrap();
        assert_eq!(guest.lines[0].message.len(), LINE);
        assert!(guest.lines[0].message.ends_with('…'));
        assert_eq!(
            exceeded(guest.take_line(Level::Info, &"x".repeat(LOG))),
            Exceeded::Log
        );
    }

    #[test]
    fn empty_lines_count_too() {
        let mut guest = guest();
        for _ in 0..LOG {
            guest.take_line(Level::Info, "").unwrap();
        }
        assert_eq!(exceeded(guest.take_line(Level::Info, "")), Exceeded::Log);
    }

    #[test]
    fn a_table_has_its_own_limit() {
        assert!(guest().table_growing(0, TABLE, None).unwrap());
        assert_eq!(
            exceeded(guest().table_growing(0, TABLE + 1, None)),
            Exceeded::Table
        );
    }
}
