//! The storage contract.

use std::time::Duration;

use super::engine::Engine;
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, NodeId, TreeSize};

/// Why storage did not do what it was asked. The kind tells the operator what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("the ledger folder is in use by another custodes process; stop that one first ({0})")]
    InUse(String),
    /// The folder was written by newer software.
    #[error(
        "the ledger folder has format {found}, this software reads up to {known}; install a newer custodes"
    )]
    NewerFormat {
        /// What the folder says.
        found: u32,
        /// What this software knows.
        known: u32,
    },
    /// The folder was written by older software, before the formats were fixed.
    #[error(
        "the ledger folder has format {found}, which was made before the formats were fixed; this software reads \
         format {known} alone. Make a new ledger with custodes init, or audit this one with the version that made it"
    )]
    OlderFormat {
        /// What the folder says.
        found: u32,
        /// What this software knows.
        known: u32,
    },
    /// The ledger was founded with another table of rules.
    #[error("this ledger was founded with other rules of custody than this software has")]
    OtherRules,
    /// There is no ledger.
    #[error("there is no ledger in {0}; make one with custodes init")]
    NotALedger(String),
    /// There is one already.
    #[error("there is a ledger in {0} already; nothing was changed")]
    Exists(String),
    /// What was read back is not what was written.
    #[error("stored data is damaged at {0}; run custodes audit")]
    Corrupt(String),
    /// The log does not end where the group expects: another writer, or our own bug.
    #[error("the log ends at {found}, the group expected {expected}; re-open the ledger")]
    Conflict {
        /// Where the log ends.
        found: u64,
        /// Where the group expected it to end.
        expected: u64,
    },
    /// The disk or the database failed.
    #[error("storage failed: {0}")]
    Io(String),
}

/// An entry to be kept.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Log time.
    pub recorded_at: LogTime,
    /// Its hash.
    pub e: EntryHash,
    /// Its signed part.
    pub jws: String,
    /// Names and texts of its disclosures, sorted by name.
    pub disclosures: Vec<(String, String)>,
    /// Its chain, and its position there; none for an entry of a branch.
    pub place: Option<(ChainId, u64)>,
}

/// A leaf to be kept, with its entry unless it is a map leaf.
#[derive(Debug, Clone)]
pub struct NewLeaf {
    /// Leaf data, as tiles publish it.
    pub data: Vec<u8>,
    /// The entry.
    pub entry: Option<NewEntry>,
}

/// Everything that one commit writes.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where the log must end before.
    pub expected_size: TreeSize,
    /// The leaves, in order.
    pub leaves: Vec<NewLeaf>,
    /// Tree nodes that they complete.
    pub nodes: Vec<(NodeId, Hash)>,
    /// Records of the rules' state, by key.
    pub records: Vec<Row>,
    /// Evidence digests and the exhibits they belong to.
    pub digests: Vec<(Hash, Subject)>,
    /// Details that the group erases by law, by entry and name; nothing where it has no erasure.
    pub erased: Option<Vec<(EntryIndex, String)>>,
    /// Signed note over the log with the group.
    pub checkpoint: String,
    /// What the group publishes, if its last leaf is a map leaf.
    pub published: Option<Publication>,
}

impl Group {
    /// Nothing yet, at the end of a log of this size.
    pub fn after(expected_size: TreeSize) -> Group {
        Group {
            expected_size,
            leaves: Vec::new(),
            nodes: Vec::new(),
            records: Vec::new(),
            digests: Vec::new(),
            erased: None,
            checkpoint: String::new(),
            published: None,
        }
    }
}

/// What is published with a group.
#[derive(Debug, Clone, Default)]
pub struct Publication {
    /// The group's checkpoint with every signature of the log. Kept for ever.
    pub note: String,
    /// Rows of the map that are new or changed since the last publication.
    pub map: Vec<Row>,
}

/// An entry as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Log index.
    pub index: EntryIndex,
    /// Log time.
    pub recorded_at: LogTime,
    /// Its signed part.
    pub jws: String,
    /// Its disclosures, sorted by name; erased ones are absent.
    pub disclosures: Vec<String>,
}

/// A key and its value, as bytes.
pub type Row = (Vec<u8>, Vec<u8>);

/// Keeps one log.
///
/// **Durability.** `commit` returns `Ok` only when the whole group is on disk, synced: it survives a crash of the
/// process, the system and the power. It returns `Conflict` when nothing was written because the log does not end
/// where the group expects. Any other error leaves the outcome *unknown*: the caller acknowledges nothing, stops
/// writing, and opens the store again. Readers see the whole of a group or nothing of it.
pub trait Store: Send + Sync + 'static {
    /// Appends a group, if the log still ends where it expects.
    fn commit(&self, group: &Group) -> Result<(), StoreError>;
    /// Number of leaves.
    fn size(&self) -> Result<TreeSize, StoreError>;
    /// Waits until the log is longer than `size` or patience ends; its size then.
    fn wait_beyond(&self, size: TreeSize, patience: Duration) -> Result<TreeSize, StoreError>;
    /// Data of one leaf.
    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError>;
    /// An entry.
    fn entry(&self, index: EntryIndex) -> Result<Option<StoredEntry>, StoreError>;
    /// Where an entry stands.
    fn index_of(&self, e: EntryHash) -> Result<Option<EntryIndex>, StoreError>;
    /// Log indexes of a chain's entries, in order.
    fn chain(&self, chain: &ChainId) -> Result<Vec<EntryIndex>, StoreError>;
    /// A complete tree node.
    fn node(&self, id: NodeId) -> Result<Option<Hash>, StoreError>;
    /// A record of the rules' state.
    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// The checkpoint of the last commit.
    fn checkpoint(&self) -> Result<Option<String>, StoreError>;
    /// Replaces a published checkpoint by the same with more signatures.
    fn add_signatures(&self, size: TreeSize, note: &str) -> Result<(), StoreError>;
    /// The newest published checkpoint.
    fn published(&self) -> Result<Option<String>, StoreError>;
    /// Published checkpoints around an entry: the last before it and the first that covers it.
    fn published_around(&self, index: EntryIndex) -> Result<[Option<String>; 2], StoreError>;
    /// Exhibits whose bytes have this SHA-256.
    fn exhibits_with(&self, sha256: Hash) -> Result<Vec<Subject>, StoreError>;
    /// The rows themselves: for audit, scrub and repair, for derived indexes that follow the log, and for the security
    /// log, which is no part of it.
    fn engine(&self) -> &dyn Engine;
}
