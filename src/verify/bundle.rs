//! What a verified bundle holds: the only input of `court`, so that a report can be made again from the
//! same bundle by anybody.
//!
//! In scope: the types. Out of scope: making one, which only `verify` does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ledger::outcome::Flag;
use crate::ledger::state::MemoryState;
use crate::protocol::bundle::Scope;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Origin, Subject};
#[cfg(doc)]
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, TreeSize};

/// A cosignature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name in the reader's policy.
    pub witness: String,
    /// Who runs it ([`Policy::operator`]): one operator may sign with several keys.
    pub operator: String,
    /// What the witness's clock said, Unix seconds.
    pub time: u64,
}

/// A checkpoint of the bundle that witnesses saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Number of leaves that it covers.
    pub size: TreeSize,
    /// Who cosigned it, and when by their clocks; enough of them for the reader's policy.
    pub by: Vec<Cosigned>,
}

impl Witnessed {
    /// The earliest time that a witness stated.
    pub fn earliest(&self) -> Option<LogTime> {
        self.by
            .iter()
            .map(|one| LogTime(one.time.saturating_mul(1000)))
            .min()
    }

    /// The latest time that a witness stated.
    pub fn latest(&self) -> Option<LogTime> {
        self.by
            .iter()
            .map(|one| LogTime(one.time.saturating_mul(1000)))
            .max()
    }
}

/// What bounds the time at which an entry was recorded, whatever the operator's clock said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bracket {
    /// The last witnessed checkpoint that does not cover the entry.
    pub before: Option<Arc<Witnessed>>,
    /// The first witnessed checkpoint that covers it.
    pub after: Option<Arc<Witnessed>>,
}

impl VerifiedBundle {
    /// Whoever cosigned the newest checkpoint, each operator once, with the latest time that they stated.
    pub fn operators(&self) -> Vec<(&str, LogTime)> {
        let mut operators: BTreeMap<&str, LogTime> = BTreeMap::new();
        for one in &self.cosigned {
            let time = LogTime(one.time.saturating_mul(1000));
            let latest = operators.entry(&one.operator).or_insert(time);
            *latest = time.max(*latest);
        }
        operators.into_iter().collect()
    }
}

impl Bracket {
    /// When the entry was recorded, by the clocks of those who saw the log without it and with it; nothing where
    /// it is not bounded on both sides.
    pub fn in_words(&self) -> Option<String> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        let clocks = before.by.iter().chain(&after.by);
        let clocks: BTreeSet<&str> = clocks.map(|one| one.operator.as_str()).collect();
        Some(format!(
            "between {} and {} by the clocks of {}",
            before.earliest()?.in_words(),
            after.latest()?.in_words(),
            clocks.into_iter().collect::<Vec<_>>().join(", ")
        ))
    }
}

/// One entry that was checked.
#[derive(Debug, Clone)]
pub struct VerifiedItem {
    /// Place in the log.
    pub index: EntryIndex,
    /// When the log recorded it.
    pub recorded_at: LogTime,
    /// SHA-256 of its signed part.
    pub e: EntryHash,
    /// The chain it stands in.
    pub chain: ChainId,
    /// Its position in that chain, from 0.
    pub seq: u64,
    /// Whether it is of a branch off that chain: it takes no place there and changes nothing.
    pub on_branch: bool,
    /// The entry; nothing where it is wholly withheld.
    pub entry: Option<VerifiedEntry>,
    /// What bounds its recording.
    pub bracket: Bracket,
}

/// What bytes that an entry records are to those that were registered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Descent {
    /// They are those.
    Registered,
    /// Proven, step by step, to begin with those.
    Continued,
    /// Recorded as having grown out of those; some step is not proven.
    Claimed,
    /// Other bytes, recorded later.
    Other,
}

/// The bytes of an exhibit, as one entry records them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Whose.
    pub exhibit: Subject,
    /// The entry.
    pub index: EntryIndex,
    /// Their digest.
    pub digest: EvidenceDigest,
    /// What they are to the bytes registered first.
    pub descent: Descent,
}

/// A file or folder that the reader gave, and what it was recorded as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceMatch {
    /// As the reader named it.
    pub name: String,
    /// SHA-256 of its bytes (of the manifest, for a folder).
    pub sha256: Hash,
    /// Exhibits whose registered bytes it has, or had at some time; empty when it is none of them.
    pub versions: Vec<Version>,
}

/// How far the bundle shows that its chains have no further entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Some chain has no map proof.
    NotShown,
    /// The map of the newest checkpoint holds the length and head of every chain here.
    AsCommitted,
    /// And an auditor whom the reader's policy names recomputed that map over every entry of the log.
    Recomputed,
}

/// A bundle of which every check that could be made succeeded.
#[derive(Debug, Clone)]
pub struct VerifiedBundle {
    /// Which ledger.
    pub origin: Origin,
    /// What the bundle is about.
    pub scope: Scope,
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// Who cosigned the newest checkpoint; empty when nobody the reader knows did.
    pub cosigned: Vec<Cosigned>,
    /// Log time at which flags that depend on time were evaluated.
    pub evaluated_at: LogTime,
    /// Entries by ascending index.
    pub entries: Vec<VerifiedItem>,
    /// What is known after all of them.
    pub state: MemoryState,
    /// What the rules noticed, in order of the log.
    pub flags: Vec<Flag>,
    /// Names of the details left out, by entry.
    pub withheld_details: Vec<(EntryIndex, Vec<String>)>,
    /// The evidence that the reader gave.
    pub evidence: Vec<EvidenceMatch>,
    /// The bytes recorded for the exhibits that the bundle is about, in the order of the log.
    pub versions: Vec<Version>,
    /// Whether chains are shown to end where they end here.
    pub completeness: Completeness,
    /// Auditors of the reader's policy who cosigned the newest checkpoint.
    pub auditors: Vec<String>,
}
