//! Running the rules of custody as an auditor reads the log: whether each entry may stand where it does, and what is
//! flagged. The rules need no details, which an auditor is not given here.
//!
//! In scope: signatures and rules, entry by entry. Out of scope: requests behind readings, entries that the service owes,
//! and flags that depend on the time of asking; the service's audit and bundles show those.
//!
//! Memory grows with the entries of the ledger.

use serde::{Deserialize, Serialize};

use super::recompute::News;
use crate::ledger::{MemoryState, Place, Record, RecordKey, Rules, Severity, admit, signer};
use crate::protocol::base64url;
use crate::protocol::entry::UnverifiedEntry;
use crate::verify::map_audit::{LogPlace, WrongLog};

/// What the rules know so far.
#[derive(Default)]
pub struct Custody {
    size: u64,
    state: MemoryState,
}

/// A record as it is kept, on a line of its own.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    record: Record,
}

impl Custody {
    /// Number of leaves that were read.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What was kept: the size, then a record a line. Nothing where it was changed.
    pub fn resume(text: &str) -> Option<Custody> {
        let mut lines = text.lines();
        let size = serde_json::from_str(lines.next()?).ok()?;
        let mut state = MemoryState::default();
        for line in lines {
            let Line { key, record } = serde_json::from_str(line).ok()?;
            let key = base64url::decode(&key).ok()?;
            state.apply([(RecordKey::from_bytes(&key)?, record)]);
        }
        Some(Custody { size, state })
    }

    /// What to keep.
    pub fn keep(&self) -> String {
        let mut text = format!("{}\n", self.size);
        for (key, record) in self.state.records() {
            let key = base64url::encode(&key.to_bytes());
            let record = record.clone();
            let line = serde_json::to_string(&Line { key, record });
            text.push_str(&line.expect("records serialise: the service stores them so"));
            text.push('\n');
        }
        text
    }

    /// Takes the next place of the log, and tells what the rules flag there.
    ///
    /// # Errors
    /// An entry that nobody enrolled has signed, whose signature does not verify, or that the rules refuse.
    pub fn take(&mut self, place: &LogPlace) -> Result<Vec<News>, WrongLog> {
        let news = match place {
            LogPlace::Map { .. } => Vec::new(),
            LogPlace::Entry {
                index,
                recorded_at,
                jws,
            } => {
                let at = Place {
                    index: *index,
                    recorded_at: *recorded_at,
                };
                self.run(at, jws).map_err(|(code, words)| WrongLog {
                    code,
                    index: index.0,
                    words,
                })?
            }
        };
        self.size += 1;
        Ok(news)
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
        self.state.apply(admitted.changes);
        Ok(news)
    }
}
