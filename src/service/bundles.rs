//! Putting a bundle together: everything that the five questions need, and no more than the reader may see.

use std::collections::{BTreeMap, BTreeSet};

use super::known::StoreKnown;
use super::problem::Problem;
use super::reads::{Target, parse};
use super::witnessing::Witnessing;
use crate::ledger::AccessView;
use crate::ledger::state::Known as _;
use crate::protocol::bundle::{
    Bundle, BundleChain, BundleEntry, Consistency, Content, FORMAT, NodeRef, OpenContent, Scope,
    ScopeKind, WithheldContent,
};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::digest::DigestKind;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, Strand, Subject};
use crate::protocol::leaf::{ChainHead, Commitment};
use crate::protocol::note::VerifierKey;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{self, EntryIndex, RootHash, TreeSize};
use crate::storage::{Store, StoreError, StoredEntry};

struct Assembly<'a> {
    store: &'a dyn Store,
    witnessing: &'a Witnessing,
    known: StoreKnown<'a>,
    newest: TreeSize,
    chains: BTreeMap<ChainId, Vec<EntryIndex>>,
    entries: BTreeMap<EntryIndex, StoredEntry>,
    actors: BTreeSet<ActorId>,
    blobs: BTreeSet<Hash>,
}

/// Assembles the bundle of a target under this published checkpoint.
pub fn assemble(
    store: &dyn Store,
    witnessing: &Witnessing,
    log: &VerifierKey,
    note: String,
    target: &Target,
) -> Result<Bundle, Problem> {
    let (newest, _) = open(&note, log)?;
    let mut assembly = Assembly {
        store,
        witnessing,
        known: StoreKnown::new(store),
        newest: newest.size,
        chains: BTreeMap::new(),
        entries: BTreeMap::new(),
        actors: BTreeSet::new(),
        blobs: BTreeSet::new(),
    };
    assembly.collect(target)?;
    assembly.known.check()?;
    assembly.finish(log, note, &newest, target)
}

fn open(note: &str, log: &VerifierKey) -> Result<(Checkpoint, ()), StoreError> {
    let opened = checkpoint::open(note, log);
    opened
        .map(|(one, _)| (one, ()))
        .map_err(|_| StoreError::Corrupt("a published checkpoint".to_owned()))
}

impl Assembly<'_> {
    fn collect(&mut self, target: &Target) -> Result<(), StoreError> {
        let mut exhibits: Vec<Subject> = match target.kind {
            ScopeKind::Exhibit => vec![target.subject.clone()],
            ScopeKind::Case => {
                let all = self.known.exhibits_of(&target.case)?;
                let covered = |exhibit: &Subject| target.right.covers(&self.known, exhibit);
                all.into_iter().filter(covered).collect()
            }
        };
        let mut cases = BTreeSet::from([target.case.clone()]);
        for exhibit in &exhibits {
            for strand in [Strand::Custody, Strand::Notes, Strand::Access] {
                self.add_chain(exhibit, strand)?;
            }
        }
        // What an exhibit was made from, up to what was seized: possession alone.
        while let Some(exhibit) = exhibits.pop() {
            let Some(record) = self.known.exhibit(&exhibit) else {
                continue;
            };
            cases.insert(record.case);
            self.blobs.extend(
                record
                    .digest
                    .filter(|d| d.kind == DigestKind::Manifest)
                    .map(|digest| digest.sha256),
            );
            // What happened to a container happened to what was in it.
            for parent in record.parents.into_iter().chain(record.containers) {
                self.add_chain(&parent, Strand::Custody)?;
                exhibits.push(parent);
            }
        }
        for case in cases {
            for strand in [Strand::Case, Strand::Exhibits, Strand::Access] {
                self.add_chain(&case, strand)?;
            }
        }
        if let Some(ledger) = self.known.ledger() {
            self.add_chain(&ledger.subject, Strand::Rules)?;
        }
        // Whole key chains of everyone who signed or is named; these name authorities, who are in genesis.
        for actor in std::mem::take(&mut self.actors) {
            self.add_chain(&actor.subject(), Strand::Keys)?;
        }
        Ok(())
    }

    fn add_chain(&mut self, subject: &Subject, strand: Strand) -> Result<(), StoreError> {
        let chain = ChainId {
            subject: subject.clone(),
            strand,
        };
        if self.chains.contains_key(&chain) {
            return Ok(());
        }
        let mut indexes = self.store.chain(&chain)?;
        indexes.retain(|index| index.0 < self.newest.0);
        for index in &indexes {
            let stored = self
                .store
                .entry(*index)?
                .ok_or_else(|| StoreError::Corrupt(format!("entry {}", index.0)))?;
            let entry = parse(&stored)?;
            self.actors.insert(entry.payload().actor.clone());
            for value in entry.payload().body.values() {
                collect_actors(value, &mut self.actors);
            }
            self.entries.insert(*index, stored);
        }
        if !indexes.is_empty() {
            self.chains.insert(chain, indexes);
        }
        Ok(())
    }

    fn finish(
        self,
        log: &VerifierKey,
        newest_note: String,
        newest: &Checkpoint,
        target: &Target,
    ) -> Result<Bundle, Problem> {
        let mut notes: BTreeMap<TreeSize, String> = BTreeMap::new();
        let mut roots: BTreeSet<(TreeSize, Hash)> = BTreeSet::new();
        let mut evaluated_at = LogTime(0);
        for (index, stored) in &self.entries {
            evaluated_at = evaluated_at.max(stored.recorded_at);
            for note in self.witnessing.around(*index)?.into_iter().flatten() {
                let (checkpoint, ()) = open(&note, log)?;
                if checkpoint.size < newest.size && notes.insert(checkpoint.size, note).is_none() {
                    roots.insert((checkpoint.size, checkpoint.root.0));
                }
            }
        }
        notes.insert(newest.size, newest_note);
        let mut proofs = Vec::new();
        let mut entries = Vec::new();
        for (index, stored) in &self.entries {
            let entry = parse(stored)?;
            let view = target.view(self.store, &entry)?;
            if let (true, Some(seen)) = (view != AccessView::Withheld, entry.payload().seen) {
                roots.insert((seen.size, seen.root.0));
            }
            let open = |entry: &UnverifiedEntry, disclosures: Vec<String>| {
                let withheld = entry.withheld().map(str::to_owned).collect();
                Content::Open(OpenContent {
                    jws: stored.jws.clone(),
                    disclosures,
                    withheld,
                })
            };
            let content = match view {
                AccessView::Whole => open(&entry, stored.disclosures.clone()),
                AccessView::WithoutReader => {
                    let bare = StoredEntry {
                        disclosures: Vec::new(),
                        ..stored.clone()
                    };
                    open(&parse(&bare)?, Vec::new())
                }
                AccessView::Withheld => Content::Withheld(WithheldContent { e: entry.hash() }),
            };
            proofs.push(tree::prove_inclusion(*index, newest.size, &self.known)?.0);
            entries.push((*index, stored.recorded_at, content));
        }
        let mut consistency = Vec::new();
        for (size, root) in roots {
            let proof = tree::prove_consistency(size, newest.size, &self.known)?.0;
            consistency.push((size, RootHash(root), proof));
        }
        let all = proofs
            .iter()
            .chain(consistency.iter().map(|(_, _, proof)| proof))
            .flatten();
        let nodes: Vec<Hash> = all
            .copied()
            .collect::<BTreeSet<Hash>>()
            .into_iter()
            .collect();
        let refer = |proof: &[Hash]| -> Vec<NodeRef> {
            let at = |hash| {
                nodes
                    .binary_search(hash)
                    .expect("every hash of a proof is in the table")
            };
            proof.iter().map(|hash| NodeRef(at(hash) as u32)).collect()
        };
        let entries =
            entries
                .into_iter()
                .zip(&proofs)
                .map(|((index, recorded_at, content), proof)| BundleEntry {
                    index,
                    recorded_at,
                    proof: refer(proof),
                    content,
                });
        let consistency = consistency.iter().map(|(size, root, proof)| Consistency {
            size: *size,
            root: *root,
            proof: refer(proof),
        });
        let chains = self.chains.iter().map(|(chain, indexes)| BundleChain {
            subject: chain.subject.clone(),
            strand: chain.strand,
            head: self.head(indexes),
            entries: indexes.clone(),
            map: None,
        });
        Ok(Bundle {
            format: FORMAT.to_owned(),
            ledger: newest.origin.clone(),
            scope: Scope {
                kind: target.kind,
                subject: target.subject.clone(),
            },
            evaluated_at,
            checkpoints: notes.into_values().collect(),
            entries: entries.collect(),
            consistency: consistency.collect(),
            chains: chains.collect(),
            nodes: nodes.clone(),
            blobs: self.blobs.iter().copied().collect(),
        })
    }

    fn head(&self, indexes: &[EntryIndex]) -> ChainHead {
        indexes
            .iter()
            .filter_map(|index| self.entries.get(index))
            .fold(ChainHead::EMPTY, |head, stored| {
                let e = EntryHash(Hash::of(&[stored.jws.as_bytes()]));
                head.extend(stored.index, Commitment::new(stored.recorded_at, e))
            })
    }
}

fn collect_actors(value: &serde_json::Value, into: &mut BTreeSet<ActorId>) {
    match value {
        serde_json::Value::String(text) => into.extend(ActorId::new(text.as_str()).ok()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_actors(item, into)),
        serde_json::Value::Object(map) => map.values().for_each(|item| collect_actors(item, into)),
        _ => {}
    }
}
