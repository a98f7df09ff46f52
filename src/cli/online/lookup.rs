//! `custodes lookup`: is this file an exhibit of this ledger?

use std::path::PathBuf;

use clap::Args;

use super::session::Session;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::cli::{Outcome, evidence};
use crate::protocol::hash::Hash;

/// Find the exhibits that have a file's digest (say why with --purpose).
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes lookup footage.mp4 --purpose \"is this the registered copy?\""
)]
pub struct LookupArgs {
    /// A file or folder.
    #[arg(
        required_unless_present = "sha256",
        conflicts_with = "sha256",
        value_name = "FILE|FOLDER"
    )]
    path: Option<PathBuf>,
    /// Its SHA-256, as sha256sum prints it.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

/// Runs the command.
pub fn run(args: &LookupArgs, session: &Session) -> Outcome {
    session.profile.stated_purpose()?;
    let sha256 = match (&args.path, &args.sha256) {
        (Some(path), _) => evidence::sha256(&evidence::digest(path, session.output)?.digest),
        (None, Some(hex)) => Hash::from_hex(hex)
            .ok_or_else(|| Failure::new("usage", "--sha256: expected 64 hex digits"))?,
        (None, None) => return Err(Failure::new("usage", "name a file, or give --sha256")),
    };
    let path = format!("/v1/lookup?sha256={}", sha256.to_hex());
    let answer = session.read_json(&path).map_err(|failure| {
        match failure.code == "not-registered-or-not-visible" {
            true => failure.next(
                "no exhibit that you may see has these bytes: is it the right file, unchanged?",
            ),
            false => failure,
        }
    })?;
    let mut words = format!("SHA-256 {}", sha256.to_hex());
    for exhibit in answer["exhibits"].as_array().into_iter().flatten() {
        let text = |name: &str| exhibit[name].as_str().unwrap_or("-").to_owned();
        words.push_str(&format!(
            "\nexhibit {} of case {}",
            text("subject"),
            text("case")
        ));
    }
    session.output.result(&plain(&words), &answer);
    Ok(0)
}
