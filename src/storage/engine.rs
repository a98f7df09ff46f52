//! Rows by family and key: what a backend must do for [`super::LogStore`] to keep a log in it.
//!
//! A backend orders the rows of a family by the bytes of their keys, writes a batch whole or not at all, and makes
//! a batch durable when it is asked to. Everything else (what the rows mean) is in `layout.rs`, once for all.

use super::store::{Row, StoreError};

/// A family of rows. `layout.rs` says what each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the table in `layout.rs` documents them
pub enum Family {
    Meta,
    Entries,
    ByHash,
    Chains,
    Leaves,
    Nodes,
    Map,
    Records,
    Checkpoints,
    Published,
    Disclosures,
    DisclosureKeys,
    Digests,
    Search,
    Named,
    Scrub,
    Security,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 17] = [
        Family::Meta,
        Family::Entries,
        Family::ByHash,
        Family::Chains,
        Family::Leaves,
        Family::Nodes,
        Family::Map,
        Family::Records,
        Family::Checkpoints,
        Family::Published,
        Family::Disclosures,
        Family::DisclosureKeys,
        Family::Digests,
        Family::Search,
        Family::Named,
        Family::Scrub,
        Family::Security,
    ];

    /// Its name on disk and in findings.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Meta => "meta",
            Family::Entries => "entries",
            Family::ByHash => "by_hash",
            Family::Chains => "chains",
            Family::Leaves => "leaves",
            Family::Nodes => "nodes",
            Family::Map => "map",
            Family::Records => "records",
            Family::Checkpoints => "checkpoints",
            Family::Published => "published",
            Family::Disclosures => "disclosures",
            Family::DisclosureKeys => "disclosure_keys",
            Family::Digests => "digests",
            Family::Search => "search",
            Family::Named => "named",
            Family::Scrub => "scrub",
            Family::Security => "security",
        }
    }

    /// Whether its rows follow from the others, so that `repair` makes them anew.
    pub const fn is_derived(self) -> bool {
        match self {
            Family::ByHash
            | Family::Chains
            | Family::Nodes
            | Family::Map
            | Family::Records
            | Family::Digests
            | Family::Search
            | Family::Named
            | Family::Scrub => true,
            Family::Meta
            | Family::Entries
            | Family::Leaves
            | Family::Checkpoints
            | Family::Published
            | Family::Disclosures
            | Family::DisclosureKeys
            | Family::Security => false,
        }
    }
}

/// When a write must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before the call returns, with everything written earlier.
    Synced,
    /// With the next synced write. A crash may lose it, whole, but never what was written before it.
    Later,
}

/// Rows to write together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Family, key, and the new value or nothing to delete the row.
    pub changes: Vec<(Family, Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Writes a row.
    pub fn put(&mut self, family: Family, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((family, key.into(), Some(value.into())));
    }

    /// Deletes a row, if it is there.
    pub fn delete(&mut self, family: Family, key: impl Into<Vec<u8>>) {
        self.changes.push((family, key.into(), None));
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Rows in the order of their keys. After an error there is nothing more.
pub type Rows<'s> = Box<dyn Iterator<Item = Result<Row, StoreError>> + 's>;

/// The rows of a family as they were when it was made.
pub trait View {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
}

/// A backend. Reads see every write that returned, and the whole of a batch or nothing of it.
pub trait Engine: Send + Sync + 'static {
    /// The value under a key.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// The rows from a key on, as they are now, without filling caches.
    fn rows<'s>(&'s self, family: Family, from: &[u8]) -> Rows<'s>;
    /// A family as it is now, whatever is written meanwhile.
    fn view<'s>(&'s self, family: Family) -> Result<Box<dyn View + 's>, StoreError>;
    /// The last row at or before a key.
    fn last(&self, family: Family, upto: &[u8]) -> Result<Option<Row>, StoreError>;
    /// Writes a batch, whole or not at all.
    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError>;
    /// The newest published checkpoint, as kept apart from the database, so that a database that lost its end does
    /// not go unnoticed.
    fn head(&self) -> Result<Option<String>, StoreError>;
    /// Everything as it is now, to be read while others write on. One at a time: a second ends the first.
    fn frozen(&self) -> Result<Box<dyn Engine>, StoreError>;
    /// Has nothing left on disk of rows that were deleted or replaced: whatever holds them is written anew. Others may
    /// read and write meanwhile.
    fn destroy_deleted(&self) -> Result<(), StoreError>;
    /// Keeps it, synced.
    fn keep_head(&self, note: &str) -> Result<(), StoreError>;
}
