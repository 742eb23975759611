//! `completion`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::exit::Done;

/// Arguments of `completion`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell.
    shell: Shell,
}

/// Prints the script for a shell.
pub fn run(arguments: &Arguments) -> Done {
    let mut command = super::Arguments::command();
    let mut script = Vec::new();
    // The script is for the binary; kubectl asks it on its own.
    clap_complete::generate(arguments.shell, &mut command, "kubectl-arcane", &mut script);
    Done::fine(String::from_utf8_lossy(&script).into_owned())
}
