//! Where the log is kept: the [`Store`] trait with its durability contract, how a log is laid out in rows, RocksDB
//! behind it, and a disk in memory that can fail, for tests.

mod blob_clearing;
mod blob_error;
mod blob_folder;
#[cfg(test)]
mod conformance;
mod cursor;
mod engine;
pub mod layout;
mod log_store;
pub mod model;
mod rocks;
mod sealed;
mod store;

pub use blob_error::BlobError;
pub use blob_folder::{BlobFolder, MAX_BLOB, Progress, Upload};
pub use cursor::{Cursor, Damage};
pub use engine::{Batch, Durability, Engine, Family, Rows, View};
pub use log_store::{LogStore, Mode};
pub use rocks::{RocksEngine, RocksStore};
pub(crate) use rocks::{lock, sync_folder};
pub use store::{Group, NewEntry, NewLeaf, Publication, Row, Store, StoreError, StoredEntry};
