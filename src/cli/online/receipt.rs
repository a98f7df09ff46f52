//! `custodes receipt`: how far an entry's receipt has come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::unexpected;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::protocol::checkpoint;
use crate::protocol::note::VerifierKey;
use crate::protocol::receipt::Receipt;

/// How often the service is asked.
const PAUSE: Duration = Duration::from_millis(250);

/// The exit code for "nothing failed, but it could not be checked".
const NOT_YET: u8 = 3;

/// Look after an entry's receipt.
#[derive(Debug, Subcommand)]
pub enum ReceiptCommand {
    Wait(WaitArgs),
}

/// Wait until witnesses have seen an entry, as the service's policy or your own demands.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 3 when they have not yet: the entry is on disk, but only the operator vouches for it.\n\n\
                        Example: custodes receipt wait hIatmlFQDRYGvoYayW1W_D7qUJUaqNa2leAGalqSVa8"
)]
pub struct WaitArgs {
    /// The entry, as it was named when it was recorded.
    #[arg(value_name = "ENTRY")]
    entry: String,
    /// How long to wait.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs the command.
pub fn run(command: &ReceiptCommand, session: &Session) -> Outcome {
    let ReceiptCommand::Wait(args) = command;
    let begun = Instant::now();
    loop {
        let receipt = fetch(session, &args.entry)?;
        let seen = seen_by(session, &receipt)?;
        let enough = receipt.witnessed && session.policy.quorum_met(&seen);
        if enough || begun.elapsed() >= Duration::from_secs(args.seconds) {
            return Ok(report(session, &receipt, &seen, enough));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The receipt of an entry, not yet checked.
pub fn fetch(session: &Session, entry: &str) -> Result<Receipt, Failure> {
    let path = format!("/v1/entries/{entry}/receipt");
    let answer = session.read_json_for(&path, "checking a receipt")?;
    serde_json::from_value(answer).map_err(|error| unexpected(&error.to_string()))
}

/// Witnesses of the reader's own policy that cosigned the receipt's checkpoint; a receipt that does not hold is a
/// failure.
pub fn seen_by(session: &Session, receipt: &Receipt) -> Result<BTreeSet<String>, Failure> {
    let bad = |why: String| Failure::check("receipt", format!("the receipt does not hold: {why}"));
    let logs = session.log_keys();
    let witnesses = &session.policy.witnesses;
    let keys: Vec<&VerifierKey> = witnesses.iter().map(|one| &one.key).collect();
    let (_, note) = checkpoint::open_with(&receipt.checkpoint, &logs, &keys)
        .map_err(|error| bad(error.to_string()))?;
    let signed = note.verified.iter().find(|one| logs.contains(&&one.key));
    let log = signed.ok_or_else(|| bad("no log key has signed it".to_owned()))?;
    receipt
        .verify(&log.key)
        .map_err(|error| bad(error.to_string()))?;
    let timed = note.verified.iter().filter(|one| one.time.is_some());
    let names = timed.filter_map(|signature| witnesses.iter().find(|one| one.key == signature.key));
    Ok(names.map(|one| one.name.clone()).collect())
}

fn report(session: &Session, receipt: &Receipt, seen: &BTreeSet<String>, enough: bool) -> u8 {
    let policy = &session.policy;
    let witnesses = policy.witnesses.iter();
    let names: BTreeSet<&str> = witnesses
        .filter(|one| seen.contains(&one.name))
        .map(|one| policy.operator(one))
        .collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let words = match (enough, session.policy.requires_witness()) {
        (true, true) => format!("Entry {}: witnessed by {names}.", receipt.e),
        (true, false) => format!(
            "Entry {}: witnessed, as the service's policy asks; your own policy names no witness to check that by.",
            receipt.e
        ),
        (false, _) => format!(
            "Entry {}: durable, not yet witnessed. It is on disk and in the log, but only the operator vouches for that.",
            receipt.e
        ),
    };
    let value = json!({
        "e": receipt.e, "index": receipt.index, "witnessed": enough, "by": seen,
        "checkpoint": receipt.checkpoint,
    });
    session.output.result(&words, &value);
    if enough { 0 } else { NOT_YET }
}
