//! `custodes policy`: is this trust policy well formed, and whom does it trust?

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::failure::{Failure, read_text};
use super::output::{Output, plain};
use crate::protocol::policy::{MAX_POLICY, Policy};

/// Check or explain a trust policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say whether a policy is well formed.
    #[command(after_help = "Example: custodes policy check trust.policy")]
    Check {
        /// The policy file.
        file: PathBuf,
    },
    /// Say in words whom a policy trusts, and what must come together.
    #[command(after_help = "Example: custodes policy explain trust.policy")]
    Explain {
        /// The policy file.
        file: PathBuf,
    },
}

/// Runs the command.
pub fn run(command: &PolicyCommand, output: Output) -> Outcome {
    match command {
        PolicyCommand::Check { file } => {
            load(file)?;
            output.result(
                &format!("{} is a well-formed trust policy.", file.display()),
                &json!({ "file": file.to_string_lossy(), "ok": true }),
            );
        }
        PolicyCommand::Explain { file } => {
            let words = load(file)?.explain();
            output.result(
                &plain(&words),
                &json!({ "file": file.to_string_lossy(), "ok": true, "words": words }),
            );
        }
    }
    Ok(0)
}

/// Reads a policy file.
pub fn load(file: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_text(file, MAX_POLICY)?).map_err(|error| {
        Failure::new("policy", format!("{}: {error}", file.display()))
            .next("get the policy again from the party you trust for it; see C2SP tlog-policy for its form")
    })
}
