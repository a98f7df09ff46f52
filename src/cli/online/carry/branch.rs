//! What was signed offline and cannot take its place in the chain any more, because something else has: it is put
//! beside the chain, whole and as it was signed, by a `late-branch` of whoever submits it.

use serde_json::{Map, json};

use super::file::Carry;
use crate::cli::failure::Failure;
use crate::cli::online::client::unexpected;
use crate::cli::online::patience::patiently;
use crate::cli::online::session::Session;
use crate::cli::online::signing::{self, Act};
use crate::cli::online::watch;
use crate::ledger::MAX_BRANCH;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::receipt::Receipt;

/// Most bytes of entries that one `late-branch` takes in, of what the service reads in one submission.
const MAX_BYTES: usize = 1 << 20;

/// Puts everything about an exhibit that waits in the file on a branch. The receipts of the entries are kept in the
/// file; that of each `late-branch` is returned.
pub fn record(
    session: &Session,
    carry: &mut Carry,
    exhibit: &Subject,
    reason: &str,
) -> Result<Vec<Receipt>, Failure> {
    let mut waiting: Vec<usize> = (0..carry.entries.len())
        .filter(|at| carry.written.queue[*at].receipt.is_none())
        .filter(|at| carry.entries[*at].payload().subject == *exhibit)
        .collect();
    let mut taken_in = Vec::new();
    while !waiting.is_empty() {
        let rest = waiting.split_off(part(carry, &waiting));
        let entries: Vec<&UnverifiedEntry> = waiting.iter().map(|at| &carry.entries[*at]).collect();
        taken_in.push(take_in(session, exhibit, &entries, reason)?);
        for at in waiting {
            let entry = &carry.entries[at];
            // The service has it now, and answers the same bytes with its receipt.
            let answer = patiently(|| session.client.post_entry(&entry.to_text()), |_| false)?;
            let receipt = signing::check_receipt(session, entry, &answer)?;
            watch::accept(session, &receipt.checkpoint)?;
            carry.written.queue[at].receipt = Some(receipt);
        }
        waiting = rest;
    }
    Ok(taken_in)
}

/// How many of these entries one `late-branch` takes in: one at least.
fn part(carry: &Carry, waiting: &[usize]) -> usize {
    let mut bytes = 0;
    let fits = |at: &&usize| {
        bytes += carry.entries[**at].to_text().len();
        bytes <= MAX_BYTES
    };
    let count = waiting.iter().take(MAX_BRANCH).take_while(fits).count();
    count.max(1)
}

/// Records a `late-branch` with what it takes in.
fn take_in(
    session: &Session,
    exhibit: &Subject,
    entries: &[&UnverifiedEntry],
    reason: &str,
) -> Result<Receipt, Failure> {
    let from = entries.first().and_then(|entry| entry.payload().prev);
    let names: Vec<_> = entries.iter().map(|entry| entry.hash()).collect();
    let body = json!({"from": from, "entries": names});
    let act = Act::now(
        exhibit.clone(),
        Strand::Custody,
        "late-branch",
        body.as_object().cloned().unwrap_or_else(Map::new),
        [("reason".to_owned(), json!(reason))].into(),
    )?;
    let texts: Vec<String> = entries.iter().map(|entry| entry.to_text()).collect();
    let seen = watch::look(session)?;
    let mut refused = None;
    for _ in 0..signing::ATTEMPTS {
        let head = signing::head(session, &act)?;
        let entry = signing::sign(session, &act, &head, seen)?;
        let send = || session.client.post_branch(&entry.to_text(), &texts);
        match patiently(send, |_| false) {
            Ok(answer) => {
                let receipt = signing::check_receipt(session, &entry, &answer)?;
                watch::accept(session, &receipt.checkpoint)?;
                return Ok(receipt);
            }
            Err(failure) if failure.code == "stale-prev" => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.unwrap_or_else(|| unexpected("no answer")))
}
