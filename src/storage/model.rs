//! A disk in memory that can fail: for tests.
//!
//! [`ModelDisk`] tells what was synced from what was not. It can fail at the k-th operation in three ways
//! ([`Fault`]), lose everything unsynced ([`ModelDisk::power_cut`]), and have rows changed behind the ledger's back
//! ([`ModelDisk::tamper`]). A failed write leaves its engine refusing further ones, as RocksDB does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::engine::{Batch, Durability, Engine, Family, Rows, View};
use super::log_store::{LogStore, Mode};
use super::store::{Row, StoreError};

/// A ledger on a model disk.
pub type ModelStore = LogStore<ModelEngine>;

/// How an operation fails. Reads fail alike in all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was written.
    Failed,
    /// All was written and synced, but the caller is told that it was not.
    FailedButPersisted,
    /// All was written and is read back, but was never synced.
    FailedUnsynced,
}

impl Fault {
    /// Every way.
    pub const ALL: [Fault; 3] = [
        Fault::Failed,
        Fault::FailedButPersisted,
        Fault::FailedUnsynced,
    ];
}

type Place = (Family, Vec<u8>);

#[derive(Default)]
struct Disk {
    rows: BTreeMap<Place, Vec<u8>>,
    /// What a power cut leaves: `rows` without the changes in `unsynced`.
    durable: BTreeMap<Place, Vec<u8>>,
    unsynced: Vec<Batch>,
    head: Option<String>,
    in_use: bool,
    /// Raised by a power cut: engines opened before it are dead.
    epoch: u64,
    operations: u64,
    fault: Option<(u64, Fault)>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct ModelDisk(Arc<Mutex<Disk>>);

/// An open model disk.
pub struct ModelEngine {
    disk: ModelDisk,
    epoch: u64,
    mode: Mode,
    stopped: Mutex<bool>,
}

impl ModelDisk {
    /// Opens the ledger on it, or makes one.
    pub fn open(&self, mode: Mode) -> Result<ModelStore, StoreError> {
        let shown = "the model disk";
        let epoch = {
            let mut disk = self.disk();
            match (disk.rows.is_empty(), mode) {
                (false, Mode::Create) => return Err(StoreError::Exists(shown.to_owned())),
                (true, Mode::Write | Mode::Read) => {
                    return Err(StoreError::NotALedger(shown.to_owned()));
                }
                _ => {}
            }
            if disk.in_use {
                return Err(StoreError::InUse(shown.to_owned()));
            }
            disk.in_use = mode != Mode::Read;
            disk.epoch
        };
        let engine = ModelEngine {
            disk: self.clone(),
            epoch,
            mode,
            stopped: Mutex::new(false),
        };
        LogStore::new(engine, mode, shown)
    }

    /// Another disk with the same content, which nobody has open.
    pub fn copy(&self) -> ModelDisk {
        let disk = self.disk();
        ModelDisk(Arc::new(Mutex::new(Disk {
            rows: disk.rows.clone(),
            durable: disk.durable.clone(),
            unsynced: disk.unsynced.clone(),
            head: disk.head.clone(),
            ..Disk::default()
        })))
    }

    /// From now on the operation number `at`, counted from 0, fails.
    pub fn fail_at(&self, at: u64, fault: Fault) {
        let mut disk = self.disk();
        disk.operations = 0;
        disk.fault = Some((at, fault));
    }

    /// No operation fails any more. Whether the fault had been reached.
    pub fn heal(&self) -> bool {
        let mut disk = self.disk();
        let reached = disk.fault.is_some_and(|(at, _)| disk.operations > at);
        disk.fault = None;
        reached
    }

    /// Everything unsynced is lost, and whoever had the disk open has it no more.
    pub fn power_cut(&self) {
        let mut disk = self.disk();
        disk.rows = disk.durable.clone();
        disk.unsynced.clear();
        disk.in_use = false;
        disk.epoch += 1;
    }

    /// Changes a row, or deletes it, behind the ledger's back.
    pub fn tamper(&self, family: Family, key: &[u8], value: Option<&[u8]>) {
        let mut disk = self.disk();
        let mut batch = Batch::default();
        batch
            .changes
            .push((family, key.to_vec(), value.map(<[u8]>::to_vec)));
        apply(&mut disk.rows, &batch);
        apply(&mut disk.durable, &batch);
    }

    /// Changes the checkpoint kept apart.
    pub fn tamper_head(&self, note: Option<&str>) {
        self.disk().head = note.map(str::to_owned);
    }

    /// Every row of a family.
    pub fn rows(&self, family: Family) -> Vec<Row> {
        let disk = self.disk();
        let rows = disk.rows.range((family, Vec::new())..);
        rows.take_while(|((of, _), _)| *of == family)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Drop for ModelEngine {
    fn drop(&mut self) {
        let mut disk = self.disk.disk();
        if disk.epoch == self.epoch && self.mode != Mode::Read {
            disk.in_use = false;
        }
    }
}

fn apply(rows: &mut BTreeMap<Place, Vec<u8>>, batch: &Batch) {
    for (family, key, value) in &batch.changes {
        match value {
            Some(value) => rows.insert((*family, key.clone()), value.clone()),
            None => rows.remove(&(*family, key.clone())),
        };
    }
}

fn failed() -> StoreError {
    StoreError::Io("the model disk failed, as it was asked to".to_owned())
}

impl ModelEngine {
    /// Counts one operation: the disk, and how the operation fails if it does.
    fn begin(&self) -> Result<(MutexGuard<'_, Disk>, Option<Fault>), StoreError> {
        let mut disk = self.disk.disk();
        if disk.epoch != self.epoch {
            return Err(StoreError::Io("the power is off".to_owned()));
        }
        let now = disk.operations;
        disk.operations += 1;
        let fault = disk.fault.filter(|(at, _)| *at == now);
        Ok((disk, fault.map(|(_, fault)| fault)))
    }

    fn begin_read(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        match self.begin()? {
            (disk, None) => Ok(disk),
            (_, Some(_)) => Err(failed()),
        }
    }

    fn begin_write(&self) -> Result<(MutexGuard<'_, Disk>, Option<Fault>), StoreError> {
        let (disk, fault) = self.begin()?;
        let mut stopped = self.stopped.lock().expect("no holder of this lock panics");
        if *stopped || self.mode == Mode::Read {
            return Err(StoreError::Io("the model disk takes no writes".to_owned()));
        }
        *stopped = fault.is_some();
        Ok((disk, fault))
    }
}

/// A family as it was.
struct Kept(BTreeMap<Vec<u8>, Vec<u8>>);

impl View for Kept {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(key).cloned())
    }
}

impl Engine for ModelEngine {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let disk = self.begin_read()?;
        Ok(disk.rows.get(&(family, key.to_vec())).cloned())
    }

    fn rows<'s>(&'s self, family: Family, from: &[u8]) -> Rows<'s> {
        let disk = match self.begin_read() {
            Ok(disk) => disk,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let rows: Vec<_> = disk
            .rows
            .range((family, from.to_vec())..)
            .take_while(|((of, _), _)| *of == family)
            .map(|((_, key), value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(rows.into_iter())
    }

    fn view<'s>(&'s self, family: Family) -> Result<Box<dyn View + 's>, StoreError> {
        drop(self.begin_read()?);
        Ok(Box::new(Kept(self.disk.rows(family).into_iter().collect())))
    }

    fn last(&self, family: Family, upto: &[u8]) -> Result<Option<Row>, StoreError> {
        let disk = self.begin_read()?;
        let range = (family, Vec::new())..=(family, upto.to_vec());
        let last = disk.rows.range(range).next_back();
        Ok(last.map(|((_, key), value)| (key.clone(), value.clone())))
    }

    fn write(&self, batch: &Batch, durability: Durability) -> Result<(), StoreError> {
        let (mut disk, fault) = self.begin_write()?;
        let disk = &mut *disk;
        if fault == Some(Fault::Failed) {
            return Err(failed());
        }
        apply(&mut disk.rows, batch);
        disk.unsynced.push(batch.clone());
        if durability == Durability::Synced && fault != Some(Fault::FailedUnsynced) {
            for batch in disk.unsynced.drain(..) {
                apply(&mut disk.durable, &batch);
            }
        }
        fault.map_or(Ok(()), |_| Err(failed()))
    }

    fn frozen(&self) -> Result<Box<dyn Engine>, StoreError> {
        drop(self.begin_read()?);
        Ok(Box::new(ModelEngine {
            disk: self.disk.copy(),
            epoch: 0,
            mode: Mode::Read,
            stopped: Mutex::new(false),
        }))
    }

    fn destroy_deleted(&self) -> Result<(), StoreError> {
        // A disk in memory keeps nothing of what was deleted but for writes that were not synced.
        drop(self.begin_write()?);
        Ok(())
    }

    fn head(&self) -> Result<Option<String>, StoreError> {
        Ok(self.begin_read()?.head.clone())
    }

    fn keep_head(&self, note: &str) -> Result<(), StoreError> {
        let (mut disk, fault) = self.begin_write()?;
        if matches!(fault, None | Some(Fault::FailedButPersisted)) {
            disk.head = Some(note.to_owned());
        }
        fault.map_or(Ok(()), |_| Err(failed()))
    }
}
