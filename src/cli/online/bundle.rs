//! `custodes bundle`: everything that is needed to check an exhibit or a case offline, in one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::client::unexpected;
use super::home::write_atomically;
use super::reference;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::protocol::bundle::Bundle;
use crate::protocol::hash::Hash;
use crate::verify::counted;

/// Take a bundle of an exhibit or a case (say why with --purpose).
#[derive(Debug, Args)]
#[command(
    after_help = "Manifests and other blobs are written beside it, each named by its SHA-256; one that cannot be had is named, and the exit code is 3. That you took a bundle, and \
                        why, becomes part of the record.\n\n\
                        Example: custodes bundle \"44NS1234526 JSM/2\" --out JSM-2.custody.json --purpose \"case preparation\""
)]
pub struct BundleArgs {
    /// The exhibit or case: its reference or opaque id.
    target: String,
    /// Where to write it.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Let it end where an auditor has recomputed which chains there are and how long: a little earlier, and complete by
    /// more than the operator's word.
    #[arg(long)]
    audited: bool,
}

/// What the service answers where it has nothing, or nothing for the asker.
const NOT_THERE: &str = "not-registered-or-not-visible";

/// Exit code where the bundle is there and a file beside it is not.
const INCOMPLETE: u8 = 3;

/// Runs the command.
pub fn run(args: &BundleArgs, session: &Session) -> Outcome {
    let purpose = session.profile.stated_purpose()?;
    let (kind, subject, path) = reference::to_read(session, &args.target, "bundle")?;
    let path = match (args.audited, path.contains('?')) {
        (false, _) => path,
        (true, false) => format!("{path}?audited=true"),
        (true, true) => format!("{path}&audited=true"),
    };
    let bytes = session.client.read(&session.reader, &path, purpose)?.body;
    let bundle = Bundle::parse(&bytes).map_err(|error| unexpected(&error.to_string()))?;
    write_atomically(&args.out, &bytes)?;
    let folder = args.out.parent().unwrap_or(Path::new(""));
    let mut missing = Vec::new();
    for sha256 in &bundle.blobs {
        match blob(session, *sha256, purpose) {
            Ok(bytes) => write_atomically(&folder.join(sha256.to_hex()), &bytes)?,
            Err(failure) if failure.code == NOT_THERE => missing.push(sha256),
            Err(failure) => return Err(failure),
        }
    }
    let mut words = String::new();
    for sha256 in &missing {
        words += &format!(
            "The service does not have the blob {}, or not for you.\n",
            sha256.to_hex()
        );
    }
    words += &format!(
        "Wrote {}: {}, {}, {} beside it.\n\
         Check it with: custodes verify {} --policy POLICY --file EVIDENCE",
        args.out.display(),
        counted(bundle.entries.len(), "entry", "entries"),
        counted(bundle.checkpoints.len(), "checkpoint", "checkpoints"),
        counted(bundle.blobs.len() - missing.len(), "blob", "blobs"),
        args.out.display(),
    );
    let value = json!({
        "file": args.out.to_string_lossy(),
        "sha256": Hash::of(&[&bytes]),
        "subject": subject,
        "kind": kind,
        "entries": bundle.entries.len(),
        "blobs": bundle.blobs,
        "missing": missing,
    });
    session.output.result(&words, &value);
    Ok(if missing.is_empty() { 0 } else { INCOMPLETE })
}

fn blob(session: &Session, sha256: Hash, purpose: &str) -> Result<Vec<u8>, Failure> {
    let path = format!("/v1/blobs/{}", sha256.to_hex());
    let bytes = session.client.read(&session.reader, &path, purpose)?.body;
    if Hash::of(&[&bytes]) != sha256 {
        return Err(Failure::check(
            "blob",
            format!(
                "the service sent other bytes than those named {}",
                sha256.to_hex()
            ),
        ));
    }
    Ok(bytes)
}
