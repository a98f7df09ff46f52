//! A ledger that goes on where another ended: its `continued-from` entry holds that one's last checkpoint.
//!
//! Nothing of the other ledger is part of this one: what is registered here anew is tied to the evidence by its digest, and
//! to the old record by a bundle of the old ledger. In scope: what the entry shows under the reader's policy. Out of scope:
//! what the reader kept of the other ledger ([`super::known`]).

use super::entries::ReadEntry;
use super::finding::{Asked, Findings};
use crate::protocol::bundle::{Bundle, Content};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;

const EVENT: &str = "continued-from";

/// The last checkpoints of the ledgers that a bundle's ledger continues, as its entries hold them.
pub(super) fn last_checkpoints(bundle: &Bundle) -> Vec<(Checkpoint, String)> {
    let open = bundle.entries.iter().filter_map(|one| match &one.content {
        Content::Open(open) => {
            UnverifiedEntry::from_parts(&open.jws, open.disclosures.iter().map(String::as_str)).ok()
        }
        Content::Withheld(_) => None,
    });
    open.filter_map(|entry| last_checkpoint(&entry)).collect()
}

fn last_checkpoint(entry: &UnverifiedEntry) -> Option<(Checkpoint, String)> {
    let payload = entry.payload();
    let note = payload
        .body
        .get("checkpoint")
        .filter(|_| payload.event == EVENT)?;
    let note = note.as_str()?;
    Some((Checkpoint::of_note(note).ok()?, note.to_owned()))
}

/// Says which ledgers are continued here, and who vouches for where they ended.
pub(super) fn check(read: &[ReadEntry], policy: &Policy, findings: &mut Findings) {
    for one in read {
        let Some((end, note)) = one.entry.as_ref().and_then(last_checkpoint) else {
            continue;
        };
        let ended = format!(
            "This ledger continues {}, from its {} leaves on",
            end.origin, end.size.0
        );
        let logs = policy.logs_for(&end.origin);
        if logs.is_empty() {
            let words = format!(
                "{ended}. Your policy names no key of that log, so this is the word of those who founded this one; with \
                 its lines in your policy its signatures are checked."
            );
            findings.note(Asked::History, "continued", one.place(), words);
            continue;
        }
        let witnesses: Vec<&VerifierKey> = policy.witnesses.iter().map(|one| &one.key).collect();
        match checkpoint::open_with(&note, &logs, &witnesses) {
            Err(error) => {
                let words = format!(
                    "It is said to continue {}, but no key that your policy names for that log signed where ({error}).",
                    end.origin
                );
                findings.failed(Asked::History, "continued-not-signed", one.place(), words);
            }
            Ok((_, signed)) => {
                let mut seen: Vec<String> = signed
                    .verified
                    .iter()
                    .filter_map(|line| {
                        let at = line.time.filter(|at| *at > 0)?;
                        let mut all = policy.witnesses.iter();
                        let witness = all.find(|one| one.key == line.key)?;
                        let at = LogTime(at.saturating_mul(1000)).in_words();
                        Some(format!("{} on {at}", witness.name))
                    })
                    .collect();
                seen.sort();
                let witnessed = match seen.is_empty() {
                    true => ", seen by no witness of your policy".to_owned(),
                    false => format!(", as seen by {}", seen.join(" and by ")),
                };
                let words = format!("{ended}, which that log signed{witnessed}.");
                findings.note(Asked::History, "continued", one.place(), words);
            }
        }
    }
}
