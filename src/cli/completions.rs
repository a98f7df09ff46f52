//! `custodes completions`: what a shell needs to complete commands and options.

use clap::{Args, Command};
use clap_complete::Shell;

use super::Outcome;

/// Print completions for your shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes completions bash > ~/.local/share/bash-completion/completions/custodes"
)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
pub fn run(args: &CompletionsArgs, mut command: Command) -> Outcome {
    clap_complete::generate(args.shell, &mut command, "custodes", &mut std::io::stdout());
    Ok(0)
}
