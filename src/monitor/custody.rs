//! Running the rules of custody as an auditor reads the log: whether each entry may stand where it does, and what is
//! flagged. The rules need no details, which an auditor is not given here.
//!
//! In scope: signatures and rules, entry by entry. Out of scope: requests behind readings, entries that the service owes,
//! and flags that depend on the time of asking; the service's audit and bundles show those.
//!
//! Memory grows with the entries of the ledger.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::recompute::News;
use crate::ledger::{
    Known as _, MemoryState, Place, Record, RecordKey, Rules, Severity, admit, signer,
};
use crate::protocol::base64url;
use crate::protocol::entry::UnverifiedEntry;
use crate::verify::map_audit::{LogPlace, WrongLog};

/// What the rules know so far.
#[derive(Default)]
pub struct Custody {
    state: MemoryState,
    /// What changed since it was last kept.
    changed: BTreeSet<RecordKey>,
}

/// A record as it is kept, on a line of its own; a later line takes the place of an earlier one.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    record: Record,
}

impl Custody {
    /// Takes back a line that was kept; nothing where it is none.
    pub fn take_back(&mut self, line: &str) -> Option<()> {
        let Line { key, record } = serde_json::from_str(line).ok()?;
        let key = base64url::decode(&key).ok()?;
        self.state.apply([(RecordKey::from_bytes(&key)?, record)]);
        Some(())
    }

    /// How many records there are.
    pub fn record_count(&self) -> usize {
        self.state.records().count()
    }

    /// What to keep now: the keys of what changed since this was last asked.
    pub fn changed(&mut self) -> BTreeSet<RecordKey> {
        std::mem::take(&mut self.changed)
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.state.records().map(|(key, _)| key)
    }

    /// The record under a key, as a line.
    pub fn line(&self, key: &RecordKey) -> String {
        let record = self
            .state
            .get(key)
            .expect("a key of a record that is there");
        let key = base64url::encode(&key.to_bytes());
        serde_json::to_string(&Line { key, record })
            .expect("records serialise: the service stores them so")
    }

    /// Takes the next place of the log, and tells what the rules flag there.
    ///
    /// # Errors
    /// An entry that nobody enrolled has signed, whose signature does not verify, or that the rules refuse.
    pub fn take(&mut self, place: &LogPlace) -> Result<Vec<News>, WrongLog> {
        let LogPlace::Entry {
            index,
            recorded_at,
            jws,
        } = place
        else {
            return Ok(Vec::new());
        };
        let at = Place {
            index: *index,
            recorded_at: *recorded_at,
        };
        self.run(at, jws).map_err(|(code, words)| WrongLog {
            code,
            index: index.0,
            words,
        })
    }

    fn run(&mut self, at: Place, jws: &str) -> Result<Vec<News>, (&'static str, String)> {
        let entry = UnverifiedEntry::from_parts(jws, std::iter::empty())
            .map_err(|error| ("entry-form", format!("{error}.")))?;
        let key = signer(&self.state, &entry).map_err(|refusal| ("signer-unknown", refusal.why))?;
        let entry = entry
            .verify(&key)
            .map_err(|error| ("signature", format!("{error}.")))?;
        let admitted = admit(Rules::embedded(), &self.state, &entry, at).map_err(|refusal| {
            let words = format!(
                "The rules of custody refuse this entry ({}): {}",
                refusal.code, refusal.why
            );
            ("rule-broken", words)
        })?;
        let payload = entry.payload();
        let news = admitted.flags.iter().map(|flag| News {
            index: at.index.0,
            event: payload.event.clone(),
            flag: Some(flag.code),
            words: format!(
                "{}, on what {} recorded of {}: {}",
                match flag.severity {
                    Severity::Info => "for information",
                    Severity::Notice => "to be explained",
                    Severity::Serious => "serious",
                },
                payload.actor,
                payload.subject,
                flag.words
            ),
        });
        let news = news.collect();
        let keys = admitted.changes.iter().map(|(key, _)| key.clone());
        self.changed.extend(keys);
        self.state.apply(admitted.changes);
        Ok(news)
    }
}
