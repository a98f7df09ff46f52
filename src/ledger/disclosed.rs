//! What a disclosure lets its recipients read, for how long, and without what.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::protocol::entry::EntryHash;
use crate::protocol::id::Code;
use crate::protocol::time::LogTime;

/// A disclosure of an exhibit to an organisation: what it lets its people read, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosureRecord {
    /// The entry.
    pub e: EntryHash,
    /// The last Unix second at which they may read, if it ends by itself.
    pub until: Option<i64>,
    /// What they are not told.
    pub withheld: Withheld,
}

impl DisclosureRecord {
    /// Whether it has not expired at a log time.
    pub fn is_in_time(&self, at: LogTime) -> bool {
        let now = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        self.until.is_none_or(|until| now <= until)
    }
}

/// Details that somebody is not told, by their names and by the events of their entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Details of these names, of whatever event.
    pub details: BTreeSet<Code>,
    /// Every detail of these events.
    pub events: BTreeSet<Code>,
}

impl Withheld {
    /// Whether every detail of an event is withheld.
    pub fn has_event(&self, event: &str) -> bool {
        self.events.iter().any(|one| one.as_str() == event)
    }

    /// Whether a detail of an event is withheld.
    pub fn has(&self, event: &str, detail: &str) -> bool {
        self.has_event(event) || self.details.iter().any(|one| one.as_str() == detail)
    }
}
