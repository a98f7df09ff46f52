//! The ledger's `rules` chain, taken from the service, checked, and the rules run on it: what it shows is not the
//! service's word, but for an end that it may keep back.

use super::client::unexpected;
use super::record::ledger_subject;
use super::session::Session;
use super::signing::Head;
use super::told::entry_of;
use crate::cli::failure::Failure;
use crate::ledger::state::MemoryState;
use crate::ledger::{Place, Rules, admit, signer};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;

/// Entries with their places and times.
pub type Chain = Vec<(EntryIndex, LogTime, UnverifiedEntry)>;

/// The chain, and what it comes to.
pub fn read(session: &Session, purpose: &str) -> Result<(Chain, MemoryState), Failure> {
    let chain = chain(session, &ledger_subject(session)?, Strand::Rules, purpose)?;
    let mut state = MemoryState::default();
    for (index, at, entry) in &chain {
        let bad = |why: &str| {
            let words = format!(
                "the ledger's rules chain does not hold, entry {}: {why}",
                index.0
            );
            Failure::check("rules-chain", words)
        };
        let key = signer(&state, entry).map_err(|refusal| bad(&refusal.why))?;
        let entry = entry
            .clone()
            .verify(&key)
            .map_err(|error| bad(&error.to_string()))?;
        let place = Place {
            index: *index,
            recorded_at: *at,
        };
        // What opens a case or enrols a person is on other chains: nothing here asks about it.
        let admitted =
            admit(Rules::embedded(), &state, &entry, place).map_err(|refusal| bad(&refusal.why))?;
        state.apply(admitted.changes);
    }
    Ok((chain, state))
}

/// A chain of the ledger's rules or of somebody's keys, from its end back, by the hashes that each entry names; oldest
/// first.
pub fn chain(
    session: &Session,
    subject: &Subject,
    strand: Strand,
    purpose: &str,
) -> Result<Vec<(EntryIndex, LogTime, UnverifiedEntry)>, Failure> {
    let path = format!("/v1/heads/{subject}/{strand}");
    let head = session.client.read_json(&session.reader, &path, purpose)?;
    let head: Head =
        serde_json::from_value(head).map_err(|error| unexpected(&error.to_string()))?;
    let mut chain = Vec::new();
    let mut next = head.last;
    while let Some(e) = next {
        let path = format!("/v1/entries/{e}");
        let answer = session.client.read_json(&session.reader, &path, purpose)?;
        let text = answer["entry"].as_str().unwrap_or_default();
        let entry = entry_of(text, &format!("entry {e}"))?;
        if entry.hash() != e {
            return Err(unexpected("another entry than the one asked for"));
        }
        let index = serde_json::from_value(answer["index"].clone());
        let at = serde_json::from_value(answer["recorded_at"].clone());
        let (Ok(index), Ok(at)) = (index, at) else {
            return Err(unexpected("an entry without its place"));
        };
        next = entry.payload().prev;
        chain.push((index, at, entry));
    }
    chain.reverse();
    Ok(chain)
}
