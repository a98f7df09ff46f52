//! What a look at a ledger came to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::recompute::News;

/// What is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Stable.
    pub code: &'static str,
    /// A sentence.
    pub words: String,
    /// The proof, where there is one.
    pub proof: Option<PathBuf>,
}

/// What a look came to.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many leaves are verified now.
    pub size: u64,
    /// Whether a quorum stands behind the newest checkpoint.
    pub witnessed: bool,
    /// What is wrong.
    pub alarms: Vec<Alarm>,
    /// What could not be looked at.
    pub unchecked: Vec<String>,
    /// Codes of alarms that were not raised at the look before.
    pub new: BTreeSet<String>,
    /// What was recorded about keys, organisations and rules since the look before, as an auditor reads it, and what the
    /// rules flag.
    pub events: Vec<News>,
    /// How many leaves an auditor has recomputed the map over.
    pub recomputed: Option<u64>,
}

impl Seen {
    /// Raises an alarm.
    pub(super) fn alarm(&mut self, code: &'static str, words: impl Into<String>) {
        self.accuse(code, words, None);
    }

    /// The same, with the proof if there is one.
    pub(super) fn accuse(
        &mut self,
        code: &'static str,
        words: impl Into<String>,
        proof: Option<PathBuf>,
    ) {
        let words = words.into();
        self.alarms.push(Alarm { code, words, proof });
    }
}
