//! RocksDB behind the [`Store`] trait.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `meta` | `format` | u32be format version |
//! | `entries` | u64be index | u64be recorded_at, JWS |
//! | `by_hash` | e | u64be index |
//! | `chains` | subject, strand, 0x00, u64be seq | u64be index |
//! | `leaves` | u64be index | leaf data |
//! | `nodes` | level, u64be index | hash |
//! | `records` | key of the record | JSON |
//! | `checkpoints` | u64be size | signed note, of every commit |
//! | `published` | u64be size | signed note |
//! | `disclosures` | u64be index, name | sealed text |
//! | `disclosure_keys` | u64be index, name | key |
//! | `digests` | SHA-256, subject | empty |
//! | `blobs` | SHA-256 | bytes |

use std::path::Path;

use rocksdb::{
    ColumnFamily, DB, DBCompressionType, Direction, IteratorMode, Options, WriteBatch, WriteOptions,
};

use super::sealed;
use super::store::{Group, NewEntry, Row, Store, StoreError, StoredEntry};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, NodeId, TreeSize};

/// Version of the layout above.
const FORMAT: u32 = 1;

const FAMILIES: [&str; 13] = [
    "meta",
    "entries",
    "by_hash",
    "chains",
    "leaves",
    "nodes",
    "records",
    "checkpoints",
    "published",
    "disclosures",
    "disclosure_keys",
    "digests",
    "blobs",
];

/// How to open a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make a new ledger; one that exists is an error.
    Create,
    /// Open a ledger to write; one that does not exist is an error.
    Write,
    /// Open a stopped ledger to read.
    Read,
}

/// A ledger in a folder.
pub struct RocksStore {
    db: DB,
}

impl RocksStore {
    /// Opens the folder, or makes it.
    pub fn open(path: &Path, mode: Mode) -> Result<RocksStore, StoreError> {
        let exists = path.join("CURRENT").exists();
        let shown = path.display().to_string();
        match (exists, mode) {
            (true, Mode::Create) => return Err(StoreError::Exists(shown)),
            (false, Mode::Write | Mode::Read) => return Err(StoreError::NotALedger(shown)),
            _ => {}
        }
        let mut options = Options::default();
        options.create_if_missing(mode == Mode::Create);
        options.create_missing_column_families(mode == Mode::Create);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_paranoid_checks(true);
        options.set_max_background_jobs(2);
        options.set_keep_log_file_num(5);
        let db = match mode {
            Mode::Read => DB::open_cf_for_read_only(&options, path, FAMILIES, false),
            Mode::Create | Mode::Write => DB::open_cf(&options, path, FAMILIES),
        };
        let store = RocksStore {
            db: db.map_err(open_error)?,
        };
        match (store.get("meta", b"format")?, mode) {
            (None, Mode::Create) => store.put("meta", b"format", &FORMAT.to_be_bytes())?,
            (None, _) => return Err(StoreError::NotALedger(shown)),
            (Some(found), _) => {
                let found = u32::from_be_bytes(fixed(&found, "format version")?);
                if found > FORMAT {
                    return Err(StoreError::NewerFormat {
                        found,
                        known: FORMAT,
                    });
                }
            }
        }
        Ok(store)
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db
            .cf_handle(name)
            .expect("every column family was opened with the database")
    }

    fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(family), key).map_err(io)
    }

    fn put(&self, family: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.db
            .put_cf_opt(self.family(family), key, value, &synced())
            .map_err(io)
    }

    /// Key and value of the first row at or after `from`, or at or before it.
    fn nearest(
        &self,
        family: &str,
        from: &[u8],
        direction: Direction,
    ) -> Result<Option<Row>, StoreError> {
        let mut rows = self
            .db
            .iterator_cf(self.family(family), IteratorMode::From(from, direction));
        let row = rows.next().transpose().map_err(io)?;
        Ok(row.map(|(key, value)| (key.into_vec(), value.into_vec())))
    }

    fn with_prefix(&self, family: &str, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        let mode = IteratorMode::From(prefix, Direction::Forward);
        for row in self.db.iterator_cf(self.family(family), mode) {
            let (key, value) = row.map_err(io)?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.into_vec(), value.into_vec()));
        }
        Ok(found)
    }

    fn add_entry(
        &self,
        batch: &mut WriteBatch,
        index: u64,
        entry: &NewEntry,
    ) -> Result<(), StoreError> {
        let at = index.to_be_bytes();
        let value = [&entry.recorded_at.0.to_be_bytes()[..], entry.jws.as_bytes()].concat();
        batch.put_cf(self.family("entries"), at, value);
        batch.put_cf(self.family("by_hash"), entry.e.0.0, at);
        let place = [&chain_key(&entry.chain)[..], &entry.seq.to_be_bytes()].concat();
        batch.put_cf(self.family("chains"), place, at);
        for (name, text) in &entry.disclosures {
            let key = [&at[..], name.as_bytes()].concat();
            let (secret, sealed) = sealed::seal(text.as_bytes())
                .ok_or_else(|| StoreError::Io("the system gives no random bytes".to_owned()))?;
            batch.put_cf(self.family("disclosures"), &key, sealed);
            batch.put_cf(self.family("disclosure_keys"), &key, secret);
        }
        Ok(())
    }
}

impl Store for RocksStore {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let size = self.size()?;
        if size != group.expected_size {
            return Err(StoreError::Conflict {
                found: size.0,
                expected: group.expected_size.0,
            });
        }
        let mut batch = WriteBatch::default();
        let mut end = size.0;
        for leaf in &group.leaves {
            batch.put_cf(self.family("leaves"), end.to_be_bytes(), &leaf.data);
            if let Some(entry) = &leaf.entry {
                self.add_entry(&mut batch, end, entry)?;
            }
            end += 1;
        }
        for (id, hash) in &group.nodes {
            batch.put_cf(self.family("nodes"), node_key(*id), hash.0);
        }
        for (key, value) in &group.records {
            batch.put_cf(self.family("records"), key, value);
        }
        for (digest, exhibit) in &group.digests {
            let key = [&digest.0[..], &exhibit.to_bytes()].concat();
            batch.put_cf(self.family("digests"), key, b"");
        }
        batch.put_cf(
            self.family("checkpoints"),
            end.to_be_bytes(),
            &group.checkpoint,
        );
        // The commit point. Before this line nothing happened; after it everything did.
        self.db.write_opt(batch, &synced()).map_err(io)
    }

    fn size(&self) -> Result<TreeSize, StoreError> {
        let last = self
            .db
            .iterator_cf(self.family("leaves"), IteratorMode::End)
            .next();
        match last.transpose().map_err(io)? {
            None => Ok(TreeSize(0)),
            Some((key, _)) => Ok(TreeSize(number(&key, "leaves")? + 1)),
        }
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.get("leaves", &index.0.to_be_bytes())
    }

    fn entry(&self, index: EntryIndex) -> Result<Option<StoredEntry>, StoreError> {
        let at = index.0.to_be_bytes();
        let Some(value) = self.get("entries", &at)? else {
            return Ok(None);
        };
        let place = || format!("entry {}", index.0);
        let (time, jws) = value
            .split_first_chunk::<8>()
            .ok_or_else(|| StoreError::Corrupt(place()))?;
        let mut disclosures = Vec::new();
        for (key, sealed) in self.with_prefix("disclosures", &at)? {
            let Some(secret) = self.get("disclosure_keys", &key)? else {
                continue;
            };
            let text = sealed::open(&fixed(&secret, "disclosure key")?, &sealed)
                .ok_or_else(|| StoreError::Corrupt(format!("a disclosure of {}", place())))?;
            disclosures.push(utf8(text, "disclosures")?);
        }
        Ok(Some(StoredEntry {
            index,
            recorded_at: LogTime(u64::from_be_bytes(*time)),
            jws: utf8(jws.to_vec(), "entries")?,
            disclosures,
        }))
    }

    fn index_of(&self, e: EntryHash) -> Result<Option<EntryIndex>, StoreError> {
        let value = self.get("by_hash", &e.0.0)?;
        value
            .map(|value| number(&value, "by_hash").map(EntryIndex))
            .transpose()
    }

    fn chain(&self, chain: &ChainId) -> Result<Vec<EntryIndex>, StoreError> {
        let rows = self.with_prefix("chains", &chain_key(chain))?;
        rows.into_iter()
            .map(|(_, value)| number(&value, "chains").map(EntryIndex))
            .collect()
    }

    fn node(&self, id: NodeId) -> Result<Option<Hash>, StoreError> {
        self.get("nodes", &node_key(id))?
            .map(|value| fixed(&value, "nodes").map(Hash))
            .transpose()
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.get("records", key)
    }

    fn records(&self) -> Result<Vec<Row>, StoreError> {
        self.with_prefix("records", b"")
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        let last = self.nearest("checkpoints", &[0xff; 8], Direction::Reverse)?;
        last.map(|(_, note)| utf8(note, "checkpoints")).transpose()
    }

    fn publish(&self, size: TreeSize, note: &str) -> Result<(), StoreError> {
        self.put("published", &size.0.to_be_bytes(), note.as_bytes())
    }

    fn published(&self) -> Result<Option<String>, StoreError> {
        let last = self.nearest("published", &[0xff; 8], Direction::Reverse)?;
        last.map(|(_, note)| utf8(note, "published")).transpose()
    }

    fn published_around(&self, index: EntryIndex) -> Result<[Option<String>; 2], StoreError> {
        // A tree of `index` leaves is the largest without the entry, one of `index + 1` the smallest with it.
        let before = self.nearest("published", &index.0.to_be_bytes(), Direction::Reverse)?;
        let after = self.nearest(
            "published",
            &(index.0 + 1).to_be_bytes(),
            Direction::Forward,
        )?;
        let note = |row: Option<Row>| row.map(|(_, note)| utf8(note, "published"));
        Ok([note(before).transpose()?, note(after).transpose()?])
    }

    fn exhibits_with(&self, sha256: Hash) -> Result<Vec<Subject>, StoreError> {
        let rows = self.with_prefix("digests", &sha256.0)?;
        rows.iter()
            .map(|(key, _)| fixed(key.get(32..).unwrap_or(&[]), "digests").map(Subject::from_bytes))
            .collect()
    }

    fn put_blob(&self, sha256: Hash, bytes: &[u8]) -> Result<(), StoreError> {
        self.put("blobs", &sha256.0, bytes)
    }

    fn blob(&self, sha256: Hash) -> Result<Option<Vec<u8>>, StoreError> {
        self.get("blobs", &sha256.0)
    }
}

fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

/// Subject, strand, zero: no strand is a prefix of another with the zero.
fn chain_key(chain: &ChainId) -> Vec<u8> {
    [
        &chain.subject.to_bytes()[..],
        chain.strand.as_str().as_bytes(),
        &[0],
    ]
    .concat()
}

fn node_key(id: NodeId) -> [u8; 9] {
    let mut key = [id.level; 9];
    key[1..].copy_from_slice(&id.index.to_be_bytes());
    key
}

fn fixed<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt(what.to_owned()))
}

fn number(bytes: &[u8], what: &str) -> Result<u64, StoreError> {
    fixed(bytes, what).map(u64::from_be_bytes)
}

fn utf8(bytes: Vec<u8>, what: &str) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Corrupt(what.to_owned()))
}

fn io(error: rocksdb::Error) -> StoreError {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Corrupt(error.into_string()),
        _ => StoreError::Io(error.into_string()),
    }
}

fn open_error(error: rocksdb::Error) -> StoreError {
    let text = error.to_string();
    if text.contains("lock") {
        StoreError::InUse(text)
    } else {
        io(error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::id::Strand;
    use crate::storage::NewLeaf;

    fn group(expected: u64, seq: u64) -> Group {
        let chain = ChainId {
            subject: Subject::from_bytes([1; 16]),
            strand: Strand::Custody,
        };
        let entry = NewEntry {
            recorded_at: LogTime(5),
            e: EntryHash(Hash([seq as u8; 32])),
            jws: format!("jws {seq}"),
            disclosures: vec![("place".to_owned(), "a secret place".to_owned())],
            chain,
            seq,
        };
        Group {
            expected_size: TreeSize(expected),
            leaves: vec![NewLeaf {
                data: vec![1; 33],
                entry: Some(entry),
            }],
            nodes: vec![(
                NodeId {
                    level: 0,
                    index: expected,
                },
                Hash([7; 32]),
            )],
            records: vec![(b"L".to_vec(), b"{}".to_vec())],
            digests: vec![(Hash([8; 32]), Subject::from_bytes([1; 16]))],
            checkpoint: format!("note {}", expected + 1),
        }
    }

    #[test]
    fn keeps_what_it_acknowledged_and_refuses_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert!(matches!(
            RocksStore::open(&path, Mode::Write),
            Err(StoreError::NotALedger(_))
        ));
        let store = RocksStore::open(&path, Mode::Create).unwrap();
        assert!(matches!(
            RocksStore::open(&path, Mode::Write),
            Err(StoreError::InUse(_))
        ));
        store.commit(&group(0, 0)).unwrap();
        store.commit(&group(1, 1)).unwrap();
        assert!(matches!(
            store.commit(&group(1, 2)),
            Err(StoreError::Conflict { .. })
        ));
        store.publish(TreeSize(1), "published 1").unwrap();
        drop(store);
        assert!(matches!(
            RocksStore::open(&path, Mode::Create),
            Err(StoreError::Exists(_))
        ));
        let store = RocksStore::open(&path, Mode::Read).unwrap();
        assert_eq!(store.size().unwrap(), TreeSize(2));
        let entry = store.entry(EntryIndex(1)).unwrap().unwrap();
        assert_eq!(
            (entry.jws.as_str(), entry.disclosures),
            ("jws 1", vec!["a secret place".to_owned()])
        );
        let chain = ChainId {
            subject: Subject::from_bytes([1; 16]),
            strand: Strand::Custody,
        };
        assert_eq!(store.chain(&chain).unwrap(), [EntryIndex(0), EntryIndex(1)]);
        assert_eq!(
            store.exhibits_with(Hash([8; 32])).unwrap(),
            [Subject::from_bytes([1; 16])]
        );
        assert_eq!(store.checkpoint().unwrap().as_deref(), Some("note 2"));
        let around = store.published_around(EntryIndex(0)).unwrap();
        assert_eq!(around, [None, Some("published 1".to_owned())]);
        assert_eq!(
            store.published_around(EntryIndex(1)).unwrap(),
            [Some("published 1".to_owned()), None]
        );
    }

    #[test]
    fn a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let store = RocksStore::open(&path, Mode::Create).unwrap();
        store
            .put("meta", b"format", &(FORMAT + 1).to_be_bytes())
            .unwrap();
        drop(store);
        let refused = RocksStore::open(&path, Mode::Write);
        assert!(matches!(
            refused,
            Err(StoreError::NewerFormat { found: 2, known: 1 })
        ));
    }
}
