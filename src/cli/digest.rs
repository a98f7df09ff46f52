//! `custodes digest`: the digest of a file or folder, as an exhibit would carry it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::Output;
use super::{Outcome, evidence};

/// Digest a file or folder, without recording anything.
#[derive(Debug, Args)]
#[command(
    after_help = "The SHA-256 is the one that sha256sum prints; for a folder it is that of its manifest.\n\n\
                        Example: custodes digest footage.mp4"
)]
pub struct DigestArgs {
    /// Files or folders.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &DigestArgs, output: Output) -> Outcome {
    for path in &args.paths {
        let digested = evidence::digest(path, output)?;
        let digest = &digested.digest;
        let form = evidence::to_json(digest);
        let kind = form["kind"].as_str().unwrap_or_default().to_owned();
        let words = format!(
            "{}\n  sha256  {}\n  size    {} bytes\n  chunks  {}\n  kind    {kind}",
            path.display(),
            evidence::sha256(digest).to_hex(),
            form["size"],
            form["chunks"].as_str().unwrap_or_default(),
        );
        let value = json!({
            "path": path.to_string_lossy(),
            "sha256_hex": evidence::sha256(digest).to_hex(),
            "digest": form,
        });
        output.result(&words, &value);
    }
    Ok(0)
}
