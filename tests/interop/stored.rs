//! A log of leaves as a ledger has them, in a real store, published and witnessed. What entries say does not matter to
//! who reads the log, so there are none behind the commitments, and 70,000 leaves take no 70,000 signatures.

use std::path::Path;

use custodes::protocol::entry::EntryHash;
use custodes::protocol::hash::Hash;
use custodes::protocol::leaf::{Commitment, map_leaf_data};
use custodes::protocol::tile::TilePath;
use custodes::protocol::time::LogTime;
use custodes::protocol::tlog_proof::TlogProof;
use custodes::protocol::tree::{
    self, EntryIndex, InclusionProof, TreeSize, leaf_hash, nodes_completed_by,
};
use custodes::service::tile_of;
use custodes::storage::{Group, Mode, NewLeaf, Publication, RocksStore, Store as _};

use super::programs::Claims;
use crate::witness::{Log, Witness};

pub struct Stored {
    store: RocksStore,
    log: Log,
    witnesses: Vec<Witness>,
    leaves: Vec<Vec<u8>>,
    published: Vec<(u64, String)>,
    _folder: tempfile::TempDir,
}

fn entry(index: u64) -> (LogTime, EntryHash) {
    let at = LogTime(1_773_479_524_123 + index);
    (at, EntryHash(Hash::of(&[&index.to_be_bytes()])))
}

impl Stored {
    pub fn new() -> Stored {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(0);
        let witness = |name: &str| Witness::new(name, &log.vkeys());
        Stored {
            store: RocksStore::open(&folder.path().join("db"), Mode::Create).unwrap(),
            witnesses: ["witness.court.example", "witness.defence.example"]
                .map(witness)
                .into(),
            log,
            leaves: Vec::new(),
            published: Vec::new(),
            _folder: folder,
        }
    }

    /// Records entries up to this size, the last leaf a map leaf, and has what is published cosigned.
    pub fn grow(&mut self, size: u64) {
        let old = self.leaves.len() as u64;
        let mut group = Group::after(TreeSize(old));
        for index in old..size {
            let data = if index > 0 && index + 1 == size {
                map_leaf_data(EntryIndex(index), Hash::of(&[b"map", &index.to_be_bytes()]))
            } else {
                let (at, e) = entry(index);
                Commitment::new(at, e).leaf_data()
            };
            let hash = leaf_hash(&data);
            let nodes = nodes_completed_by(EntryIndex(index), hash, &self.log.tree);
            group.nodes.extend(nodes.unwrap());
            self.log.tree.append(hash);
            self.leaves.push(data.clone());
            group.leaves.push(NewLeaf { data, entry: None });
        }
        let head = self.log.checkpoint(size);
        group.checkpoint = self.log.sign_ed25519(&head);
        let mut note = self.log.sign(&head);
        group.published = Some(Publication {
            note: note.clone(),
            map: Vec::new(),
        });
        self.store.commit(&group).unwrap();
        let before = self.published.last().map_or(0, |(size, _)| *size);
        let request = self.log.request(before, size);
        for witness in &self.witnesses {
            let answer = witness.add(&request);
            assert_eq!(answer.status, 200, "{}", answer.text);
            note.push_str(&answer.text);
        }
        self.store.add_signatures(head.size, &note).unwrap();
        let published = self.store.published().unwrap().unwrap();
        self.published.push((size, published));
    }

    /// Writes every tile and entry bundle of every published size, as the service would answer with them.
    pub fn write(&self, folder: &Path) -> usize {
        let mut count = 0;
        for (size, _) in &self.published {
            for level in [None, Some(0), Some(1), Some(2)] {
                let nodes = size >> (8 * u32::from(level.unwrap_or(0)));
                for index in 0..nodes.div_ceil(256) {
                    let width = (nodes - 256 * index).min(256);
                    let tile = TilePath {
                        level,
                        index,
                        width: u16::try_from(width).unwrap(),
                    };
                    assert!(tile.exists_in(TreeSize(*size)));
                    let file = folder.join(tile.to_string());
                    if !file.exists() {
                        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                        std::fs::write(file, tile_of(&self.store, tile).unwrap()).unwrap();
                        count += 1;
                    }
                }
            }
        }
        count
    }

    /// All that is published, with proofs of places at the edges and of places in between.
    pub fn claims(&self) -> Claims {
        let keys: Vec<_> = self.witnesses.iter().flat_map(|one| &one.vkeys).collect();
        let keys: Vec<_> = keys.into_iter().cloned().collect();
        let mut claims = Claims::new(&self.log.vkeys(), &keys);
        let root = |size| tree::root(TreeSize(size), &self.log.tree).unwrap();
        for (size, note) in &self.published {
            claims.checkpoints.push(note.clone());
            let edges = [0, 1, 254, 255, 256, 257, 65_534, 65_535, 65_536];
            let between = (1..30).map(|n| n * size / 30);
            let mut places: Vec<u64> = between.chain(edges).chain([size - 1]).collect();
            places.retain(|place| place < size);
            places.sort_unstable();
            places.dedup();
            for index in places {
                let proof = self.included(index, *size);
                claims.include(*size, index, &self.leaves[index as usize], &proof);
                let (recorded_at, e) = entry(index);
                let is_entry = self.leaves[index as usize][0] == 0x01;
                if is_entry && index % 7 == 0 {
                    let index = EntryIndex(index);
                    let checkpoint = note.clone();
                    let proof = TlogProof {
                        recorded_at,
                        index,
                        proof,
                        checkpoint,
                    };
                    claims.proof(&proof, e);
                }
            }
            for old in (1..20).map(|n| n * size / 20).filter(|old| *old > 0) {
                let proof = self.log.proof(old, *size);
                claims.continues(old, *size, root(old), &proof);
            }
            for (old, _) in self.published.iter().filter(|(old, _)| old <= size) {
                let proof = self.log.proof(*old, *size);
                claims.continues(*old, *size, root(*old), &proof);
            }
        }
        claims
    }

    fn included(&self, index: u64, size: u64) -> InclusionProof {
        tree::prove_inclusion(EntryIndex(index), TreeSize(size), &self.log.tree).unwrap()
    }
}
