//! Why a question has no answer.

use std::fmt::{self, Debug, Display};

/// Why a plugin cannot answer: a text for people.
///
/// Every `std::error::Error` becomes one by `?`.
///
/// ```
/// use arcane_plugin_sdk::Error;
///
/// fn port(text: &str) -> Result<u16, Error> {
///     Ok(text.parse::<u16>()?)
/// }
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// With this message, which should say what is wrong and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// About a field of the configuration, such as `memory.ceiling`.
    ///
    /// ```
    /// # use arcane_plugin_sdk::Error;
    /// let error = Error::field("memory.ceiling", "must not be below `memory.floor`");
    /// assert_eq!(error.to_string(), "memory.ceiling: must not be below `memory.floor`");
    /// ```
    pub fn field(path: &str, problem: impl Display) -> Self {
        Self(format!("{path}: {problem}"))
    }

    /// The same error, told what was being done.
    ///
    /// ```
    /// # use arcane_plugin_sdk::Error;
    /// let error = Error::new("no number").context("label `tier`");
    /// assert_eq!(error.to_string(), "label `tier`: no number");
    /// ```
    #[must_use]
    pub fn context(self, doing: impl Display) -> Self {
        Self(format!("{doing}: {}", self.0))
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_message(self) -> String {
        self.0
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
