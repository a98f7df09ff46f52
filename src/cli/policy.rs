//! `custodes policy`: is this trust policy well formed, and whom does it trust?

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::failure::{Failure, read_text};
use super::output::{Output, plain};
use crate::protocol::policy::{MAX_POLICY, Policy};
use crate::protocol::policy_review;

/// Check or explain a trust policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say whether a policy is well formed, and where it is weaker than it looks.
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
    let (PolicyCommand::Check { file } | PolicyCommand::Explain { file }) = command;
    let policy = load(file)?;
    let warnings = policy_review::warnings(&policy);
    let mut words = match command {
        PolicyCommand::Check { .. } => {
            format!("{} is a well-formed trust policy.\n", file.display())
        }
        PolicyCommand::Explain { .. } => policy_review::explain(&policy),
    };
    for warning in &warnings {
        words.push_str(&format!("Warning [{}]: {}\n", warning.code, warning.words));
    }
    let list = warnings
        .iter()
        .map(|one| json!({"code": one.code, "words": one.words}));
    let value = json!({
        "file": file.to_string_lossy(),
        "ok": true,
        "demands": policy_review::explain(&policy),
        "warnings": list.collect::<Vec<_>>(),
    });
    output.result(&plain(words.trim_end()), &value);
    Ok(0)
}

/// Reads a policy file.
pub fn load(file: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_text(file, MAX_POLICY)?).map_err(|error| {
        Failure::new("policy", format!("{}: {error}", file.display()))
            .next("get the policy again from the party you trust for it; see C2SP tlog-policy for its form")
    })
}
