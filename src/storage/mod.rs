//! Where the log is kept: the [`Store`] trait with its durability contract, and RocksDB behind it.

mod rocks;
mod sealed;
mod store;

pub use rocks::{Mode, RocksStore};
pub use store::{Group, NewEntry, NewLeaf, Row, Store, StoreError, StoredEntry};
