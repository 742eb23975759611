//! Lines for the host's log.

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one line to the host's log, where it stands with the names of class, plugin and stream.
///
/// A line is cut after 4 KiB; after 64 KiB in one call the call is ended as a failure of the
/// plugin. Natively the line goes to standard error, and to [`testing::logged`](crate::testing).
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::component::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::keep(level, message);
}

/// Logs at [`Level::Debug`]; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)+) => { $crate::log($crate::Level::Debug, &::std::format!($($argument)+)) };
}

/// Logs at [`Level::Info`]; takes what `format!` takes.
///
/// ```
/// arcane_plugin_sdk::info!("{} tables", 3);
/// assert_eq!(arcane_plugin_sdk::testing::logged(), ["info: 3 tables"]);
/// ```
#[macro_export]
macro_rules! info {
    ($($argument:tt)+) => { $crate::log($crate::Level::Info, &::std::format!($($argument)+)) };
}

/// Logs at [`Level::Warn`]; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)+) => { $crate::log($crate::Level::Warn, &::std::format!($($argument)+)) };
}

/// Logs at [`Level::Error`]; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($argument:tt)+) => { $crate::log($crate::Level::Error, &::std::format!($($argument)+)) };
}
