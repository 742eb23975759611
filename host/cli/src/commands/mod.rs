//! The commands, and their arguments.

mod bench;
mod build;
mod check;
mod completion;
mod log;
mod new;
mod pack;
mod run;
mod settings;
mod test;

use clap::{Parser, Subcommand};

use crate::exit::{self, Done, Failure};
use crate::terminal::{Colours, Paint};

/// Plugins of Arcane Host, without a cluster.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-arcane",
    bin_name = "kubectl arcane",
    version,
    after_help = exit::HELP,
    after_long_help = exit::HELP
)]
pub struct Arguments {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Colours,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, build, check, run, test, measure and ship plugins. Needs no cluster.
    #[command(subcommand, after_help = exit::HELP)]
    Plugin(Box<Plugin>),
    /// Print a script that completes commands and options, for a shell.
    Completion(completion::Arguments),
}

#[derive(Debug, Subcommand)]
enum Plugin {
    /// Make a project: a plugin that compiles, with a test and a case.
    #[command(after_help = exit::HELP)]
    New(new::Arguments),
    /// Build a project into a component.
    #[command(after_help = exit::HELP)]
    Build(build::Arguments),
    /// Tell what a component is, and whether an operator would take it into service.
    #[command(after_help = exit::HELP)]
    Check(check::Arguments),
    /// Render a stream with and without the plugin, or have it decide, as the operator would.
    #[command(after_help = exit::HELP)]
    Run(run::Arguments),
    /// Hold a plugin's answers against those that its cases expect.
    #[command(after_help = exit::HELP)]
    Test(test::Arguments),
    /// Measure how long a plugin takes to answer, and how much memory.
    #[command(after_help = exit::HELP)]
    Bench(bench::Arguments),
    /// Print the ConfigMaps that bring a component into a cluster.
    #[command(after_help = exit::HELP)]
    Pack(pack::Arguments),
}

impl Arguments {
    /// Does what is asked.
    ///
    /// # Errors
    /// It cannot be done; the failure tells why.
    pub fn run(self) -> Result<Done, Failure> {
        let paint = Paint::stdout(self.color);
        let plugin = match self.command {
            Command::Completion(arguments) => return Ok(completion::run(&arguments)),
            Command::Plugin(plugin) => plugin,
        };
        match *plugin {
            Plugin::New(arguments) => new::run(&arguments),
            Plugin::Build(arguments) => build::run(&arguments),
            Plugin::Check(arguments) => check::run(paint, &arguments),
            Plugin::Run(arguments) => run::run(paint, &arguments),
            Plugin::Test(arguments) => test::run(paint, &arguments),
            Plugin::Bench(arguments) => bench::run(paint, &arguments),
            Plugin::Pack(arguments) => pack::run(&arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_line_can_be_built() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_commands_help_tells_the_exit_codes() {
        let mut command = Arguments::command();
        command.build();
        let plugin = command.find_subcommand("plugin").unwrap();
        for command in plugin
            .get_subcommands()
            .filter(|it| it.get_name() != "help")
        {
            let help = command.clone().render_help().to_string();
            assert!(help.contains(exit::HELP), "{}", command.get_name());
        }
    }
}
