//! The command line: one command per file, and what they share.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; or everything was checked |
//! | 1 | a check failed: evidence, entry, receipt or the ledger's history is not what it should be |
//! | 2 | usage, environment, or the service refused |
//! | 3 | nothing failed, but something named could not be checked |
//!
//! With the feature `verify` alone there are `verify`, `report`, `digest` and `policy`, none of which uses a
//! network. The feature `witness` adds `witness`, `monitor` adds `monitor`; `service` adds that, the service and the commands that talk
//! to it.
//!
//! In scope: files, network, terminal, clock and randomness, which the pure layers are given as
//! arguments. Out of scope: any decision about what is valid (`protocol`, `ledger`, `verify`).

mod evidence;
mod failure;
mod fork;
pub mod hashing;
mod opaque;
mod output;

#[cfg(all(test, feature = "service"))]
mod prose;

mod completions;
mod digest;
mod policy;
mod report;
mod verify;

#[cfg(any(feature = "witness", feature = "monitor"))]
pub mod keyfile;
#[cfg(any(feature = "witness", feature = "monitor"))]
#[cfg_attr(not(feature = "witness"), allow(dead_code))] // a monitor makes no keys
mod keys;
mod map_fault;
#[cfg(feature = "monitor")]
mod monitor;
#[cfg(feature = "service")]
mod online;
#[cfg(feature = "witness")]
mod witness;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::failure::Failure;
use self::output::Output;

/// What a command comes to: the exit code, or why it could not be carried out.
type Outcome = Result<u8, Failure>;

/// Chain of custody for digital evidence that anyone can check.
#[derive(Debug, Parser)]
#[command(
    name = "custodes",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done or all checked; 1 a check failed; 2 usage, environment or refusal; \
                  3 nothing failed, but something named could not be checked.\n\n\
                  Example: custodes verify JSM-2.custody.json --file footage.mp4 --policy trust.policy"
)]
struct CommandLine {
    /// Print JSON for programs instead of words for people.
    #[arg(long, global = true)]
    json: bool,

    #[cfg(feature = "service")]
    #[command(flatten)]
    profile: online::home::ProfileArgs,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::VerifyArgs),
    #[command(subcommand)]
    Report(report::ReportCommand),
    Digest(digest::DigestArgs),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[cfg(feature = "witness")]
    #[command(subcommand)]
    Witness(witness::WitnessCommand),
    #[cfg(feature = "monitor")]
    Monitor(monitor::MonitorArgs),
    Completions(completions::CompletionsArgs),
    #[cfg(feature = "service")]
    #[command(flatten)]
    Online(Box<online::OnlineCommand>),
}

/// Reads the command line, runs the command, and says what it came to.
pub fn run() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let line = opaque::allow(CommandLine::command(), &words)
        .try_get_matches_from(words)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let line = match line {
        Ok(line) => line,
        Err(error) => return misused(&error),
    };
    let output = Output::new(line.json);
    let outcome = match line.command {
        Command::Verify(args) => verify::run(&args, output),
        #[cfg(not(feature = "service"))]
        Command::Report(command) => report::run(&command, output),
        #[cfg(feature = "service")]
        Command::Report(command) => online::report(&command, line.profile, output),
        Command::Digest(args) => digest::run(&args, output),
        Command::Policy(command) => policy::run(&command, output),
        #[cfg(feature = "witness")]
        Command::Witness(command) => witness::run(&command, output),
        #[cfg(feature = "monitor")]
        Command::Monitor(args) => monitor::run(&args, output),
        Command::Completions(args) => completions::run(&args, CommandLine::command()),
        #[cfg(feature = "service")]
        Command::Online(command) => online::run(*command, line.profile, output),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

/// Help and version, or what is wrong with the command line; for programs that too is JSON.
fn misused(error: &clap::Error) -> ExitCode {
    let for_programs = std::env::args_os().any(|arg| arg == "--json");
    if !error.use_stderr() || !for_programs {
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::CANNOT));
    }
    let text = error.to_string();
    let detail = text.lines().next().unwrap_or_default();
    let detail = detail.strip_prefix("error: ").unwrap_or(detail);
    Output::new(true).failure(
        &Failure::new("usage", detail)
            .next("`custodes help` and `--help` say what each command takes"),
    );
    ExitCode::from(failure::CANNOT)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::CommandLine;

    #[test]
    fn every_command_is_well_formed_and_has_an_example() {
        let mut command = CommandLine::command();
        command.build();
        command.clone().debug_assert();
        let mut open = vec![&command];
        while let Some(one) = open.pop() {
            let mut below = one
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .peekable();
            if below.peek().is_none() {
                let help = one
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    help.contains("Example"),
                    "{} shows no example",
                    one.get_name()
                );
            }
            open.extend(below);
        }
    }
}
