//! An operator who holds every key of the service, and its disk, and lies: what a service that was changed to do so
//! would have written, put into the folder of a stopped ledger.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use custodes::cli::keyfile;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::entry::{EntryHash, UnverifiedEntry};
use custodes::protocol::frontier::Frontier;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ChainId, Origin};
use custodes::protocol::key::SecretKey;
use custodes::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use custodes::protocol::map;
use custodes::protocol::map_rows::{self, MemoryRows};
use custodes::protocol::mldsa::PqSecretKey;
use custodes::protocol::note;
use custodes::protocol::tree::{
    EntryIndex, NodeId, NodeReader, TreeSize, leaf_hash, nodes_completed_by,
};
use custodes::storage::{
    Batch, Durability, Family, Group, Mode, NewLeaf, Publication, RocksStore, Store as _,
    StoreError, layout,
};

/// What the log holds, by chain.
type Chains = BTreeMap<ChainId, Vec<(EntryIndex, Commitment)>>;

pub struct Operator {
    store: RocksStore,
    log: SecretKey,
    log_pq: PqSecretKey,
    origin: Origin,
}

struct Nodes<'s>(&'s RocksStore);

impl NodeReader for Nodes<'_> {
    type Error = StoreError;
    fn node(&self, id: NodeId) -> Result<Hash, StoreError> {
        Ok(self.0.node(id)?.unwrap())
    }
}

impl Operator {
    /// At the folder of a ledger that nobody serves.
    pub fn at(folder: &Path) -> Operator {
        let pem = |name: &str| std::fs::read_to_string(folder.join("keys").join(name)).unwrap();
        Operator {
            store: RocksStore::open(&folder.join("db"), Mode::Write).unwrap(),
            log: keyfile::read(&pem("log.pem"), None).unwrap(),
            log_pq: keyfile::read(&pem("log-pq.pem"), None).unwrap(),
            origin: Origin::new("evidence.example").unwrap(),
        }
    }

    pub fn entry(&self, index: EntryIndex) -> Option<UnverifiedEntry> {
        let stored = self.store.entry(index).unwrap()?;
        Some(UnverifiedEntry::from_parts(&stored.jws, []).unwrap())
    }

    /// Places of the entries that are as wanted.
    pub fn places(&self, wanted: impl Fn(&UnverifiedEntry) -> bool) -> Vec<EntryIndex> {
        let all = (0..self.store.size().unwrap().0).map(EntryIndex);
        let is_wanted = |index: &EntryIndex| self.entry(*index).is_some_and(|entry| wanted(&entry));
        all.filter(is_wanted).collect()
    }

    /// Every chain; there must be no branch.
    fn chains(&self) -> Chains {
        let mut chains = Chains::new();
        for index in self.places(|_| true) {
            let stored = self.store.entry(index).unwrap().unwrap();
            let e = EntryHash(Hash::of(&[stored.jws.as_bytes()]));
            let chain = self.entry(index).unwrap().payload().chain();
            let commitment = Commitment::new(stored.recorded_at, e);
            chains.entry(chain).or_default().push((index, commitment));
        }
        chains
    }

    /// The newest checkpoint that is published.
    pub fn published(&self) -> String {
        self.store.published().unwrap().unwrap()
    }

    /// Commits to a map without these entries, and publishes that. Something must have been recorded since the last one.
    pub fn publish_map_without(&self, hidden: &[EntryIndex]) {
        let hidden: BTreeSet<EntryIndex> = hidden.iter().copied().collect();
        let mut values = BTreeMap::new();
        for (chain, entries) in self.chains() {
            let kept = entries.iter().filter(|(index, _)| !hidden.contains(index));
            let (mut length, mut head) = (0, ChainHead::EMPTY);
            for (index, commitment) in kept {
                (length, head) = (length + 1, head.extend(*index, *commitment));
            }
            let key = map::key(&chain);
            if length > 0 {
                values.insert(key, map::value(key, length, head));
            }
        }
        let updated = map_rows::update(&MemoryRows::default(), &values).unwrap();
        let rows = updated.rows.iter();
        let rows = rows.map(|(id, row)| (id.to_bytes(), row.to_bytes()));
        self.publish(updated.root, rows.collect());
    }

    fn publish(&self, map: Hash, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        let size = self.store.size().unwrap();
        let index = EntryIndex(size.0);
        assert!(
            self.entry(EntryIndex(size.0 - 1)).is_some(),
            "nothing to publish"
        );
        let data = map_leaf_data(index, map);
        let leaf = leaf_hash(&data);
        let mut tree = self.frontier(size);
        tree.append(leaf);
        let head = Checkpoint {
            origin: self.origin.clone(),
            size: tree.size(),
            root: tree.root(),
        };
        let checkpoint = note::sign(&head.to_text(), &self.origin, &self.log);
        let second = note::cosign_ml_dsa_44(&head, &self.origin, 0, &self.log_pq);
        let group = Group {
            leaves: vec![NewLeaf { data, entry: None }],
            nodes: nodes_completed_by(index, leaf, &Nodes(&self.store)).unwrap(),
            published: Some(Publication {
                note: format!("{checkpoint}{second}"),
                map: rows,
            }),
            checkpoint,
            ..Group::after(size)
        };
        self.store.commit(&group).unwrap();
    }

    fn frontier(&self, size: TreeSize) -> Frontier {
        let levels = (0..64u8).rev().filter(|level| size.0 >> level & 1 == 1);
        let subtree = |level: u8| {
            let index = (size.0 >> level) - 1;
            self.store.node(NodeId { level, index }).unwrap().unwrap()
        };
        Frontier::new(size, levels.map(subtree).collect()).unwrap()
    }

    /// Answers as if these entries were not in their chains.
    pub fn leave_out(&self, hidden: &[EntryIndex]) {
        self.list(hidden, |_| None);
    }

    /// Answers as it should again.
    pub fn put_back(&self, hidden: &[EntryIndex]) {
        self.list(hidden, |index| Some(index.0.to_be_bytes().to_vec()));
    }

    fn list(&self, entries: &[EntryIndex], value: impl Fn(EntryIndex) -> Option<Vec<u8>>) {
        let mut batch = Batch::default();
        for index in entries {
            let entry = self.entry(*index).unwrap();
            let payload = entry.payload();
            let key = layout::chain_key(&payload.chain(), payload.seq);
            batch.changes.push((Family::Chains, key, value(*index)));
        }
        let engine = self.store.engine();
        engine.write(&batch, Durability::Synced).unwrap();
    }
}
