//! What the service owes: the rules say of some entries that the service must write another, beside it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::chains;
use super::finding::{Asked, Findings};
use crate::ledger::Admitted;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::ChainId;

/// Entries that are owed and have not come yet, with what they are owed because of.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// The service's own.
    own: BTreeMap<Due, EntryHash>,
    /// Of branches.
    branches: BTreeMap<EntryHash, EntryHash>,
}

/// One entry owed: what it says counts, not only where it stands.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    chain: ChainId,
    event: String,
    exhibit: Option<String>,
    cause: Option<String>,
}

impl Due {
    fn new(chain: ChainId, event: &str, body: &Map<String, Value>) -> Due {
        let text = |name: &str| Some(body.get(name)?.as_str()?.to_owned());
        Due {
            chain,
            event: event.to_owned(),
            exhibit: text("exhibit"),
            cause: text("cause"),
        }
    }
}

impl Owed {
    /// Takes in what an admitted entry demands.
    pub(crate) fn add(&mut self, cause: EntryHash, admitted: &Admitted) {
        let taken_in = admitted.takes_in.iter();
        self.branches.extend(taken_in.map(|e| (*e, cause)));
        for one in &admitted.companions {
            let due = Due::new(one.chain.clone(), one.event, &one.body);
            self.own.insert(due, cause);
        }
    }

    /// An entry has come, and may be one that was owed.
    pub(crate) fn pay(&mut self, entry: &UnverifiedEntry) {
        self.branches.remove(&entry.hash());
        let payload = entry.payload();
        if payload.body.contains_key("cause") {
            let due = Due::new(payload.chain(), &payload.event, &payload.body);
            self.own.remove(&due);
        }
    }

    /// Fails what has not come, of the chains that could hold it.
    pub(crate) fn finish(&self, expected: impl Fn(&ChainId) -> bool, findings: &mut Findings) {
        for (due, cause) in self.own.iter().filter(|(due, _)| expected(&due.chain)) {
            findings.failed(
                Asked::History,
                "companion-missing",
                chains::place(&due.chain),
                format!(
                    "The entry \"{}\" that the service must have written because of entry {cause} is not there, or \
                     names another exhibit.",
                    due.event
                ),
            );
        }
        for (e, cause) in &self.branches {
            findings.failed(
                Asked::History,
                "branch-missing",
                format!("entry {e}"),
                format!("It is one of the branch that entry {cause} takes in, and does not stand behind that in the log."),
            );
        }
    }
}
