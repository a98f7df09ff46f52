//! `custodes verify`: the five questions, offline.
//!
//! Reads the bundle, the evidence the reader holds, the blobs beside the bundle and a trust policy; uses
//! no network. Or a single entry with its `.tlog-proof`. Or a proof of fork, or of a wrong map.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::failure::{Failure, read_limited, read_text};
use super::fork::{self, Kept, Written};
use super::output::{Output, plain};
use super::{Outcome, evidence, map_fault, policy};
use crate::court;
use crate::ledger::rules::Rules;
use crate::protocol::bundle::{Bundle, MAX_BUNDLE};
use crate::protocol::entry::MAX_ENTRY;
use crate::protocol::fork::{self as fork_file, MAX_FORK};
use crate::protocol::hash::Hash;
use crate::protocol::policy::Policy;
use crate::verify::map_fault::{self as map_fault_file, MAX_FAULT};
use crate::verify::{self, Evidence, Finding, Inputs, Sidecar, Verification};

/// Largest blob, as the service takes them.
const MAX_BLOB: usize = 64 << 20;

/// Longest proof file: 64 hashes and a checkpoint with its cosignatures.
const MAX_PROOF: usize = 1 << 20;

/// Check a bundle, one entry with its proof, or a proof of fork or of a wrong map, offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 everything was checked; 1 something failed; 3 nothing failed, but what is named \
                        could not be checked and was not accepted with --accept.\n\n\
                        Example: custodes verify JSM-2.custody.json --file footage.mp4 --policy trust.policy\n\
                        Example: custodes verify entry-12.tlog-proof --entry entry-12.jws --policy trust.policy\n\
                        Example: custodes verify JSM-2.custody.json --policy trust.policy --known kept.checkpoint\n\
                        Example: custodes verify evidence.custody-fork --policy trust.policy\n\
                        Example: custodes verify ledger.custody-map-fault --policy trust.policy"
)]
pub struct VerifyArgs {
    /// The bundle (*.custody.json), the proof of one entry (*.tlog-proof), or a proof of fork (*.custody-fork) or of a
    /// wrong map (*.custody-map-fault).
    bundle: PathBuf,
    /// Evidence you hold: files or folders, as many as there are.
    #[arg(long = "file", value_name = "FILE|FOLDER", num_args = 1..)]
    files: Vec<PathBuf>,
    /// Whom you trust: a policy file from another source than the bundle. A proof of fork or of a wrong map
    /// alone can do without.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What you kept of this ledger: a checkpoint, or another bundle, receipt or .tlog-proof. Says whether what you are
    /// shown continues it, is older, or is another history, and then writes the proof of fork beside it.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    known: Vec<PathBuf>,
    /// What the service answered to GET /v1/consistency/OLD/NEW, where --known asks for it.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "known")]
    consistency: Vec<PathBuf>,
    /// With a .tlog-proof: the file that holds the entry.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Accept that something could not be checked, by its code as printed.
    #[arg(long, value_name = "CODE", num_args = 1..)]
    accept: Vec<String>,
    /// Also print the custody timeline, the access history and the flags.
    #[arg(long)]
    timeline: bool,
    /// Also print, for each person, what they recorded: an aide-memoire for their statement.
    #[arg(long)]
    schedule: bool,
}

/// Runs the command.
pub fn run(args: &VerifyArgs, output: Output) -> Outcome {
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let trust = args.policy.as_deref().map(policy::load).transpose()?;
    if starts_as(&args.bundle, fork_file::HEADER, "custody-fork")? {
        let text = read_text(&args.bundle, MAX_FORK)?;
        return fork::check(&text, trust.as_ref()).tell(&accepted, output);
    }
    if starts_as(&args.bundle, map_fault_file::HEADER, "custody-map-fault")? {
        let text = read_text(&args.bundle, MAX_FAULT)?;
        return map_fault::check(&text, trust.as_ref()).tell(&accepted, output);
    }
    let kept = Kept::read(&args.known, &args.consistency)?;
    let trust = trust.ok_or_else(|| {
        Failure::new(
            "usage",
            "whom do you trust? Name a policy file with --policy",
        )
    })?;
    if args
        .bundle
        .extension()
        .is_some_and(|extension| extension == "tlog-proof")
    {
        return one_entry(args, &trust, &accepted, &kept, output);
    }
    if args.entry.is_some() {
        return Err(Failure::new(
            "usage",
            "--entry goes with a .tlog-proof, not with a bundle",
        ));
    }
    let bytes = read_limited(&args.bundle, MAX_BUNDLE)?;
    let sidecars = sidecars(&args.bundle, &bytes)?;
    let held = args
        .files
        .iter()
        .map(|file| {
            let digest = evidence::digest(file, output)?.digest;
            Ok(Evidence {
                name: file.display().to_string(),
                digest,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let inputs = Inputs {
        bundle: &bytes,
        policy: &trust,
        rules: Rules::embedded(),
        evidence: &held,
        sidecars: &sidecars,
    };
    let (verification, forks) = verify::verify_against(inputs, kept.known());
    let code = verification.exit_code(&accepted);
    let mut value = to_json(&verification, code);
    let fork = Written::of(&args.bundle, &forks, &trust);
    value["fork"] = fork.value;
    output.result(&plain(&(words(args, &verification) + &fork.words)), &value);
    Ok(code)
}

/// Whether a file is meant as a proof of this kind.
fn starts_as(path: &Path, header: &str, extension: &str) -> Result<bool, Failure> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| Failure::file("read", path, &error);
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(header.len() as u64)
        .read_to_end(&mut start)
        .map_err(fail)?;
    Ok(start == header.as_bytes() || path.extension().is_some_and(|it| it == extension))
}

/// The blobs that the bundle names, as far as they lie beside it. A bundle that cannot be read has none:
/// what is wrong with it is for the verifier to say.
fn sidecars(bundle: &Path, bytes: &[u8]) -> Result<Vec<Sidecar>, Failure> {
    let Ok(parsed) = Bundle::parse(bytes) else {
        return Ok(Vec::new());
    };
    let folder = bundle.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for sha256 in parsed.blobs {
        let path = folder.join(sha256.to_hex());
        if path.is_file() {
            found.push(Sidecar {
                sha256,
                bytes: read_limited(&path, MAX_BLOB)?,
            });
        }
    }
    Ok(found)
}

fn words(args: &VerifyArgs, verification: &Verification) -> String {
    let mut words = court::page_one::page_one(verification);
    if let (true, Some(bundle)) = (args.timeline, &verification.verified) {
        for part in [
            court::timeline::timeline(bundle),
            court::timeline::access_history(bundle),
            court::timeline::flags(bundle),
        ] {
            words.push('\n');
            words.push_str(&part);
        }
    }
    if let (true, Some(bundle)) = (args.schedule, &verification.verified) {
        words.push('\n');
        words.push_str(&court::schedule::schedule(bundle));
    }
    words
}

fn to_json(verification: &Verification, exit: u8) -> serde_json::Value {
    let questions: Vec<_> = (1..)
        .zip(&verification.questions)
        .map(|(number, one)| {
            json!({ "question": number, "answer": one.answer.to_string(), "words": one.words })
        })
        .collect();
    let findings: Vec<_> = verification.findings.iter().map(Finding::json).collect();
    let about = verification.verified.as_ref().map(|bundle| {
        json!({
            "ledger": bundle.origin,
            "scope": bundle.scope,
            "size": bundle.checkpoint.size,
            "root": bundle.checkpoint.root,
            "evaluated_at": bundle.evaluated_at,
            "entries": bundle.entries.len(),
            "flags": bundle.flags,
        })
    });
    json!({ "exit": exit, "questions": questions, "findings": findings, "bundle": about })
}

fn one_entry(
    args: &VerifyArgs,
    trust: &Policy,
    accepted: &BTreeSet<String>,
    kept: &Kept,
    output: Output,
) -> Outcome {
    let Some(entry) = &args.entry else {
        return Err(Failure::new(
            "usage",
            "a .tlog-proof proves an entry: name its file with --entry",
        ));
    };
    let proof = read_text(&args.bundle, MAX_PROOF)?;
    let entry = read_text(entry, MAX_ENTRY + 1)?;
    let (findings, forks) =
        verify::proof::verify_proof_against(entry.trim_end(), &proof, trust, kept.known());
    let fork = Written::of(&args.bundle, &forks, trust);
    let code = verify::exit_code(&findings, accepted);
    let e = entry.split('~').next().unwrap_or_default().trim_end();
    let mut words = format!("Entry {}\n", Hash::of(&[e.as_bytes()]));
    for finding in &findings {
        words.push_str(&finding.to_string());
        words.push('\n');
    }
    words.push_str(match code {
        0 => "The entry is in the ledger, as its proof says.",
        3 => "Nothing failed, but what is named above could not be checked.",
        _ => "The proof does not hold.",
    });
    let list: Vec<_> = findings.iter().map(Finding::json).collect();
    words.push('\n');
    words.push_str(&fork.words);
    let value = json!({ "exit": code, "findings": list, "fork": fork.value });
    output.result(&plain(&words), &value);
    Ok(code)
}
