//! How a command ends: its exit code, and what it leaves to be read.

use std::fmt::Display;
use std::process::ExitCode;

/// The exit codes, as `--help` tells them.
pub const HELP: &str = "\
Exit codes:
  0  all is fine
  1  the plugin or a case failed, or the operator would refuse what was asked
  2  the command line is wrong
  3  a file cannot be read or understood
  4  the toolchain is missing, or the plugin does not compile";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is fine.
    Fine,
    /// The plugin or a case failed, or the operator would refuse what was asked.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A file cannot be read or understood.
    Unreadable,
    /// The toolchain is missing, or the plugin does not compile.
    Toolchain,
}

impl Exit {
    /// 0 to 4, in the order above.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreadable => 3,
            Exit::Toolchain => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Which file and field, what was found there, and what to do.
    pub message: String,
}

impl Failure {
    /// The plugin failed.
    pub fn failed(message: impl Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file cannot be read or understood.
    pub fn unreadable(message: impl Display) -> Self {
        Self::new(Exit::Unreadable, message)
    }

    /// The toolchain is missing, or the plugin does not compile.
    pub fn toolchain(message: impl Display) -> Self {
        Self::new(Exit::Toolchain, message)
    }

    fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }
}

/// What a command leaves when it has done its work, well or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// For standard output.
    pub text: String,
    /// For standard error: what is not part of the result.
    pub notes: String,
    /// The exit code.
    pub exit: Exit,
}

impl Done {
    /// All is fine, and this is the result.
    pub fn fine(text: String) -> Self {
        Self {
            text,
            notes: String::new(),
            exit: Exit::Fine,
        }
    }

    /// The result, which is fine or not.
    pub fn judged(text: String, fine: bool) -> Self {
        Self {
            text,
            notes: String::new(),
            exit: if fine { Exit::Fine } else { Exit::Failed },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_every_exit_code() {
        let all = [
            Exit::Fine,
            Exit::Failed,
            Exit::Usage,
            Exit::Unreadable,
            Exit::Toolchain,
        ];
        for exit in all {
            assert!(HELP.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }
}
