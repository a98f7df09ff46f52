//! RocksDB as an [`Engine`]: one column family for each family of rows, in the folder `db`; beside it the files
//! `head` (the newest published checkpoint) and `lock`, and `frozen` while the service audits itself.
//!
//! Every block that RocksDB reads is checked against its checksum. Recovery of its write-ahead log stops with an
//! error at a damaged record and forgives only one cut short at the end, which is what a crash during a write that
//! was never acknowledged leaves; so entries acknowledged are either there or missed.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor,
    CompactOptions, DB, DBCompressionType, DBRecoveryMode, Direction, IteratorMode, Options,
    ReadOptions, Snapshot, WriteBatch, WriteOptions, checkpoint::Checkpoint,
};

use crate::held::Held;

use super::engine::{Batch, Durability, Engine, Family, Rows, View};
use super::log_store::{LogStore, Mode};
use super::store::{Row, StoreError};

/// Largest write-ahead log, in bytes: bounds what a start has to read again.
const WAL: u64 = 64 << 20;

/// Rows not yet in tables, in bytes.
const WRITE_BUFFERS: usize = 64 << 20;

/// Blocks of tables kept in memory, in bytes: one cache for all families.
const CACHE: usize = 64 << 20;

/// Longest head file: a note with a few signatures.
const MAX_HEAD: u64 = 64 << 10;

/// A ledger in a folder, kept by RocksDB.
pub type RocksStore = LogStore<RocksEngine>;

/// RocksDB in a folder.
pub struct RocksEngine {
    db: DB,
    head: PathBuf,
    // Held until the database is closed; the order of fields is the order of dropping.
    _lock: Option<Held>,
    _removed: Option<Removed>,
}

/// Name of the folder that holds what is frozen.
const FROZEN: &str = "frozen";

/// A folder that goes with the database in it.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // What is left takes room until the ledger is opened again, and is read by nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl RocksStore {
    /// Opens the database in the folder `path`, or makes it.
    pub fn open(path: &Path, mode: Mode) -> Result<RocksStore, StoreError> {
        let exists = path.join("CURRENT").exists();
        let shown = path.display().to_string();
        match (exists, mode) {
            (true, Mode::Create) => return Err(StoreError::Exists(shown)),
            (false, Mode::Write | Mode::Read) => return Err(StoreError::NotALedger(shown)),
            _ => {}
        }
        let lock = lock(path, mode)?;
        let options = options(DBRecoveryMode::TolerateCorruptedTailRecords);
        let engine = RocksEngine::open(path, mode, options, lock)?;
        LogStore::new(engine, mode, &shown)
    }

    /// The same for whoever holds the lock already.
    pub(crate) fn open_locked(path: &Path, mode: Mode) -> Result<RocksStore, StoreError> {
        let options = options(DBRecoveryMode::TolerateCorruptedTailRecords);
        let engine = RocksEngine::open(path, mode, options, None)?;
        LogStore::new(engine, mode, &path.display().to_string())
    }

    /// Opens what RocksDB can save of a database that cannot be opened, in a copy; and whether rows may have been
    /// left behind. Nothing in it may be believed that is not proven.
    pub(crate) fn salvage(path: &Path, copy: &Path) -> Result<(RocksStore, bool), StoreError> {
        let fail = |error: std::io::Error| file_error(path, &error);
        std::fs::create_dir(copy).map_err(fail)?;
        for file in std::fs::read_dir(path).map_err(fail)? {
            let file = file.map_err(fail)?;
            std::fs::copy(file.path(), copy.join(file.file_name())).map_err(fail)?;
        }
        // Where only the name of the manifest was changed, everything is there.
        point_at_newest_manifest(copy).map_err(fail)?;
        if let Ok(store) = RocksStore::open_locked(copy, Mode::Read) {
            return Ok((store, false));
        }
        let options = options(DBRecoveryMode::SkipAnyCorruptedRecord);
        DB::repair(&options, copy).map_err(io)?;
        let engine = RocksEngine::open(copy, Mode::Write, options, None)?;
        Ok((LogStore::salvaged(engine)?, true))
    }
}

/// Makes the file `CURRENT` name the newest manifest that is there.
fn point_at_newest_manifest(path: &Path) -> std::io::Result<()> {
    let mut newest = None;
    for file in std::fs::read_dir(path)? {
        let name = file?.file_name().into_string().unwrap_or_default();
        if name.starts_with("MANIFEST-") {
            newest = newest.max(Some(name));
        }
    }
    match newest {
        Some(name) => std::fs::write(path.join("CURRENT"), name + "\n"),
        None => Ok(()),
    }
}

/// Settings of each family's tables.
///
/// They are given with the name of each family: one that is opened by name alone has none of them.
fn of_family() -> Options {
    let mut tables = BlockBasedOptions::default();
    // Every submission asks whether its hash is there already, and normally it is not: without filters each such
    // question reads and unpacks a block of every level, the more the larger the ledger is. 10 bits a row.
    tables.set_bloom_filter(10.0, false);
    tables.set_block_cache(&Cache::new_hyper_clock_cache(CACHE, 0));
    let mut options = Options::default();
    options.set_block_based_table_factory(&tables);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

/// Settings of the database as a whole.
fn options(recovery: DBRecoveryMode) -> Options {
    let mut options = of_family();
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(recovery);
    options.set_max_total_wal_size(WAL);
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(5);
    options
}

impl RocksEngine {
    fn open(
        path: &Path,
        mode: Mode,
        mut options: Options,
        lock: Option<Held>,
    ) -> Result<RocksEngine, StoreError> {
        if mode == Mode::Write {
            // Of an audit that a crash ended. Nobody else has the ledger open, so nobody reads it.
            let _ = std::fs::remove_dir_all(path.with_file_name(FROZEN));
        }
        options.create_if_missing(mode == Mode::Create);
        options.create_missing_column_families(mode != Mode::Read);
        let names = Family::ALL.map(Family::name).into_iter();
        // A copy has the same tables, and so the same cache.
        let tables = of_family();
        let described = |name: &'static str| ColumnFamilyDescriptor::new(name, tables.clone());
        let db = match mode {
            Mode::Read => {
                // A family that came with newer software is not there before that has written.
                let there = DB::list_cf(&options, path).map_err(open_error)?;
                let names = names.filter(|name| there.iter().any(|one| one == name));
                DB::open_cf_descriptors_read_only(&options, path, names.map(described), false)
            }
            Mode::Create | Mode::Write => {
                DB::open_cf_descriptors(&options, path, names.map(described))
            }
        };
        Ok(RocksEngine {
            db: db.map_err(open_error)?,
            head: path.with_file_name("head"),
            _lock: lock,
            _removed: None,
        })
    }

    /// The column family; a database that is only read may be of before it came.
    fn known(&self, family: Family) -> Option<&ColumnFamily> {
        self.db.cf_handle(family.name())
    }

    fn family(&self, family: Family) -> &ColumnFamily {
        self.known(family)
            .expect("opening a database to write makes every column family")
    }
}

/// Keeps every other process out while we write, and writers out while we read.
///
/// RocksDB keeps a second writer out by itself, but not one that only reads, nor `repair`.
pub(crate) fn lock(path: &Path, mode: Mode) -> Result<Option<Held>, StoreError> {
    let path = path.with_file_name("lock");
    let file = match mode {
        // A copy on read-only media has no lock to take, and no service.
        Mode::Read => match File::open(&path) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        },
        Mode::Create | Mode::Write => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| file_error(folder, &error))?;
            }
            let opened = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path);
            opened.map_err(|error| file_error(&path, &error))?
        }
    };
    let locked = match mode {
        Mode::Read => Held::shared(file),
        Mode::Create | Mode::Write => Held::alone(file),
    };
    match locked {
        Ok(held) => Ok(Some(held)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(file_error(&path, &error)),
    }
}

/// A family at one moment.
struct Still<'s> {
    family: Option<&'s ColumnFamily>,
    snapshot: Snapshot<'s>,
}

impl View for Still<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(family) = self.family else {
            return Ok(None);
        };
        self.snapshot.get_cf(family, key).map_err(io)
    }
}

impl Engine for RocksEngine {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(family) = self.known(family) else {
            return Ok(None);
        };
        self.db.get_cf(family, key).map_err(io)
    }

    fn rows<'s>(&'s self, family: Family, from: &[u8]) -> Rows<'s> {
        let mut reading = ReadOptions::default();
        reading.set_verify_checksums(true);
        reading.fill_cache(false);
        let mode = IteratorMode::From(from, Direction::Forward);
        let Some(family) = self.known(family) else {
            return Box::new(std::iter::empty());
        };
        let rows = self.db.iterator_cf_opt(family, reading, mode);
        Box::new(rows.map(|row| {
            row.map(|(key, value)| (key.into_vec(), value.into_vec()))
                .map_err(io)
        }))
    }

    fn view<'s>(&'s self, family: Family) -> Result<Box<dyn View + 's>, StoreError> {
        Ok(Box::new(Still {
            family: self.known(family),
            snapshot: self.db.snapshot(),
        }))
    }

    fn last(&self, family: Family, upto: &[u8]) -> Result<Option<Row>, StoreError> {
        let mode = IteratorMode::From(upto, Direction::Reverse);
        let Some(family) = self.known(family) else {
            return Ok(None);
        };
        let row = self.db.iterator_cf(family, mode).next();
        let row = row.transpose().map_err(io)?;
        Ok(row.map(|(key, value)| (key.into_vec(), value.into_vec())))
    }

    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let mut writes = WriteBatch::default();
        for (family, key, value) in &batch.changes {
            match value {
                Some(value) => writes.put_cf(self.family(*family), key, value),
                None => writes.delete_cf(self.family(*family), key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(writes, &options).map_err(io)
    }

    fn frozen(&self) -> Result<Box<dyn Engine>, StoreError> {
        let folder = self.head.with_file_name(FROZEN);
        let fail = |error: std::io::Error| file_error(&folder, &error);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(fail)?;
        }
        std::fs::create_dir(&folder).map_err(fail)?;
        let removed = Removed(folder.clone());
        // The head before the rows: what it names is then among them.
        if let Some(note) = self.head()? {
            std::fs::write(folder.join("head"), note).map_err(fail)?;
        }
        // Tables are linked, not copied; the write-ahead log is copied rather than flushed.
        let path = folder.join("db");
        Checkpoint::new(&self.db)
            .and_then(|made| made.create_checkpoint_with_log_size(&path, u64::MAX))
            .map_err(io)?;
        let options = options(DBRecoveryMode::TolerateCorruptedTailRecords);
        let mut engine = RocksEngine::open(&path, Mode::Read, options, None)?;
        engine._removed = Some(removed);
        Ok(Box::new(engine))
    }

    fn destroy_deleted(&self) -> Result<(), StoreError> {
        // Every family, since the write-ahead log holds the rows of all of them, and goes when all are in tables.
        for family in Family::ALL {
            self.db.flush_cf(self.family(family)).map_err(io)?;
        }
        let mut anew = CompactOptions::default();
        anew.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [
            Family::Disclosures,
            Family::DisclosureKeys,
            Family::Search,
            Family::Named,
        ] {
            let family = self.family(family);
            self.db
                .compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &anew);
        }
        Ok(())
    }

    fn head(&self) -> Result<Option<String>, StoreError> {
        use std::io::Read as _;
        let fail = |error: std::io::Error| file_error(&self.head, &error);
        let file = match File::open(&self.head) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_HEAD).read_to_end(&mut bytes).map_err(fail)?;
        let note = String::from_utf8(bytes);
        note.map(Some)
            .map_err(|_| StoreError::Corrupt("the file head".to_owned()))
    }

    fn keep_head(&self, note: &str) -> Result<(), StoreError> {
        let fail = |error: std::io::Error| file_error(&self.head, &error);
        let new = self.head.with_file_name("head.new");
        let mut file = File::create(&new).map_err(fail)?;
        file.write_all(note.as_bytes()).map_err(fail)?;
        file.sync_data().map_err(fail)?;
        std::fs::rename(&new, &self.head).map_err(fail)?;
        sync_folder(&self.head)
    }
}

/// Makes the names in the folder that holds `path` durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| file_error(folder, &error))
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io(format!("{}: {error}", path.display()))
}

fn io(error: rocksdb::Error) -> StoreError {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => StoreError::Corrupt(error.into_string()),
        _ => StoreError::Io(error.into_string()),
    }
}

fn open_error(error: rocksdb::Error) -> StoreError {
    // Said of the file LOCK alone. A damaged *block* is no lock.
    let text = error.to_string();
    let held = ["While lock file", "lock hold by current process"];
    let held = error.kind() == rocksdb::ErrorKind::IOError
        && held.iter().any(|words| text.contains(words));
    match held {
        true => StoreError::InUse(text),
        false => io(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_tables_reach_every_family() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        drop(RocksStore::open(&path, Mode::Create).unwrap());
        let files = std::fs::read_dir(&path).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        // What RocksDB itself says it works by.
        let newest = names.filter(|name| name.starts_with("OPTIONS-")).max();
        let text = std::fs::read_to_string(path.join(newest.unwrap())).unwrap();
        for family in Family::ALL {
            for (section, setting) in [
                ("TableOptions/BlockBasedTable", "filter_policy=bloomfilter"),
                ("CFOptions", "compression=kLZ4Compression"),
            ] {
                let section = format!("[{section} \"{}\"]", family.name());
                let (_, after) = text.split_once(&section).unwrap();
                let settings = after.split("\n[").next().unwrap();
                assert!(settings.contains(setting), "{section} {setting}");
            }
        }
    }
}
