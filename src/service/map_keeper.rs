//! The map of completeness: kept up by the writer, read by whoever proves from it.
//!
//! The rows on disk are those of the newest map leaf; they are written in the commit that holds it. What came since is
//! kept here and worked in, a few hundred chains together, after a group has been answered, so that a publication is
//! left with little to do. After a crash it is read out of the log again, which is no more than was recorded since the
//! last publication.
//!
//! Rows that the last few publications replaced are remembered, since a proof may be wanted under one of those: the
//! newest that witnesses have seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use super::known::StoreKnown;
use super::reads::parse;
use crate::ledger::map_value;
use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::protocol::hash::Hash;
use crate::protocol::id::ChainId;
use crate::protocol::leaf::map_leaf_data;
use crate::protocol::map::{self, MapPath};
use crate::protocol::map_rows::{self, Row, RowId, RowReader};
use crate::protocol::tree::{EntryIndex, TreeSize};
use crate::storage::{self, Family, Store, StoreError, View, layout};

/// How many publications are remembered, at most.
pub const PUBLICATIONS: usize = 32;

/// How many chains are worked in together: some ten milliseconds.
const TOGETHER: usize = 256;

/// How many bytes of replaced rows are remembered, at most. While records come at full speed this is some ten seconds.
const BYTES: usize = 64 << 20;

/// What one publication replaced.
struct Replaced {
    /// Its map leaf.
    leaf: EntryIndex,
    /// The rows as they were; nothing where there was none.
    rows: BTreeMap<RowId, Option<Vec<u8>>>,
    bytes: usize,
}

/// What the last publications replaced. Clones are the same memory.
#[derive(Clone, Default)]
pub struct MapHistory(Arc<Mutex<VecDeque<Replaced>>>);

/// The map since the last map leaf, on top of what is on disk.
pub(super) struct MapKeeper<'a> {
    store: &'a dyn Store,
    /// Rows that are new or changed.
    rows: BTreeMap<RowId, Row>,
    /// Values that are not in them yet.
    waiting: BTreeMap<Hash, Hash>,
    history: MapHistory,
}

impl<'a> MapKeeper<'a> {
    /// The map as the log has it now.
    pub fn resume(store: &'a dyn Store, history: MapHistory) -> Result<MapKeeper<'a>, StoreError> {
        let leaf = map_leaf(store)?;
        if let Some(leaf) = leaf {
            let size = TreeSize(leaf.0.saturating_add(1));
            // Every row below is checked when it is built on.
            MapHistory::default().at(store, size)?.ok_or_else(|| {
                StoreError::Corrupt("map: its root is not what its map leaf says".to_owned())
            })?;
        }
        let first = leaf.map_or(0, |leaf| leaf.0.saturating_add(1));
        let mut chains = BTreeSet::new();
        for index in first..store.size()?.0 {
            let stored = store.entry(EntryIndex(index))?;
            let stored = stored.ok_or_else(|| StoreError::Corrupt(format!("entry {index}")))?;
            chains.insert(parse(&stored)?.payload().chain());
        }
        let known = StoreKnown::new(store);
        let records = chains.into_iter().filter_map(|chain| {
            let record = known.get(&RecordKey::Chain(chain.clone()))?;
            Some((RecordKey::Chain(chain), record))
        });
        let waiting = records
            .filter_map(|(key, record)| map_value(&key, &record))
            .collect();
        known.check()?;
        Ok(MapKeeper {
            store,
            rows: BTreeMap::new(),
            waiting,
            history,
        })
    }

    /// Remembers what records changed.
    pub fn note<'r>(&mut self, changes: impl IntoIterator<Item = (&'r RecordKey, &'r Record)>) {
        let values = changes
            .into_iter()
            .filter_map(|(key, record)| map_value(key, record));
        self.waiting.extend(values);
    }

    /// Works what was noted into the rows, if it is enough to be worth it: a chain that grows by many groups is worked
    /// in once, and a publication is never left with more than this.
    pub fn absorb_many(&mut self) -> Result<(), StoreError> {
        match self.waiting.len() < TOGETHER {
            true => Ok(()),
            false => self.absorb().map(drop),
        }
    }

    /// Works what was noted into the rows: the root of all of it.
    pub fn absorb(&mut self) -> Result<Hash, StoreError> {
        if self.waiting.is_empty() {
            return map_rows::root(self);
        }
        let values = std::mem::take(&mut self.waiting);
        let updated = map_rows::update(self, &values)?;
        self.rows.extend(updated.rows);
        Ok(updated.root)
    }

    /// The rows to write with a map leaf at this index. What they replace is remembered.
    pub fn take_rows(&mut self, leaf: EntryIndex) -> Result<Vec<storage::Row>, StoreError> {
        let mut written = Vec::with_capacity(self.rows.len());
        let mut before = BTreeMap::new();
        let mut bytes = 0;
        for (id, row) in std::mem::take(&mut self.rows) {
            let key = id.to_bytes();
            let old = self.store.engine().get(Family::Map, &key)?;
            bytes += key.len() + old.as_ref().map_or(0, Vec::len);
            before.insert(id, old);
            written.push((key, row.to_bytes()));
        }
        self.history.remember(Replaced {
            leaf,
            rows: before,
            bytes,
        });
        Ok(written)
    }
}

impl RowReader for MapKeeper<'_> {
    type Error = StoreError;
    fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        match self.rows.get(id) {
            Some(row) => Ok(Some(row.clone())),
            None => read(id, self.store.engine().get(Family::Map, &id.to_bytes())?),
        }
    }
    fn missing(&self, id: &RowId) -> StoreError {
        missing(id)
    }
}

impl MapHistory {
    fn remember(&self, replaced: Replaced) {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        all.push_back(replaced);
        let mut bytes: usize = all.iter().map(|one| one.bytes).sum();
        while all.len() > PUBLICATIONS || bytes > BYTES {
            bytes -= all.pop_front().map_or(0, |one| one.bytes);
        }
    }

    /// The map under the published checkpoint of this size; nothing where that is older than what is remembered.
    pub fn at<'s>(
        &self,
        store: &'s dyn Store,
        size: TreeSize,
    ) -> Result<Option<MapThen<'s>>, StoreError> {
        let rows = store.engine().view(Family::Map)?;
        let newest = rows.get(layout::MAP_LEAF)?;
        let newest = newest.ok_or_else(|| StoreError::Corrupt("map: no rows".to_owned()))?;
        let newest = layout::number(&newest, "map")?;
        let Some(wanted) = size.0.checked_sub(1).filter(|wanted| *wanted <= newest) else {
            return Ok(None);
        };
        let all = self.0.lock().expect("no holder of this lock panics");
        // What came after the wanted one, and is in the rows.
        let later = all
            .iter()
            .filter(|one| (wanted + 1..=newest).contains(&one.leaf.0));
        let mut replaced = BTreeMap::new();
        for one in later {
            for (id, row) in &one.rows {
                replaced.entry(id.clone()).or_insert_with(|| row.clone());
            }
        }
        let then = MapThen {
            rows,
            replaced,
            leaf: EntryIndex(wanted),
        };
        let data = store.leaf(then.leaf)?;
        let root = map_rows::root(&then)?;
        Ok(data
            .is_some_and(|data| data == map_leaf_data(then.leaf, root))
            .then_some(then))
    }
}

/// The map as one map leaf commits to it.
pub struct MapThen<'s> {
    rows: Box<dyn View + 's>,
    replaced: BTreeMap<RowId, Option<Vec<u8>>>,
    /// The map leaf.
    pub leaf: EntryIndex,
}

impl MapThen<'_> {
    /// The path to a chain, whether or not the map has it.
    pub fn prove(&self, chain: &ChainId) -> Result<MapPath, StoreError> {
        Ok(map_rows::prove(self, map::key(chain))?.1)
    }
}

impl RowReader for MapThen<'_> {
    type Error = StoreError;
    fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        match self.replaced.get(id) {
            Some(row) => read(id, row.clone()),
            None => read(id, self.rows.get(&id.to_bytes())?),
        }
    }
    fn missing(&self, id: &RowId) -> StoreError {
        missing(id)
    }
}

fn read(id: &RowId, row: Option<Vec<u8>>) -> Result<Option<Row>, StoreError> {
    let Some(bytes) = row else { return Ok(None) };
    Row::from_bytes(&bytes).map(Some).ok_or_else(|| missing(id))
}

fn missing(id: &RowId) -> StoreError {
    StoreError::Corrupt(layout::in_words(Family::Map, &id.to_bytes()))
}

/// The newest map leaf.
pub(super) fn map_leaf(store: &dyn Store) -> Result<Option<EntryIndex>, StoreError> {
    let leaf = store.engine().get(Family::Map, layout::MAP_LEAF)?;
    leaf.map(|leaf| layout::number(&leaf, "map").map(EntryIndex))
        .transpose()
}
