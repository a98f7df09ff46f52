//! Putting a bundle together: everything that the five questions need, and no more than the reader may see.

use std::collections::{BTreeMap, BTreeSet};

use super::branched;
use super::known::StoreKnown;
use super::map_keeper::{MapHistory, MapThen};
use super::problem::Problem;
use super::reads::{self, Target, parse};
use super::witnessing::{self, Nearest, Witnessing};
use crate::ledger::erasure::is_erased_file;
use crate::ledger::state::Known as _;
use crate::ledger::{EntryView, ReadRight, may_read};
use crate::protocol::base64url;
use crate::protocol::bundle::{
    Bundle, BundleChain, BundleEntry, Consistency, Content, FORMAT, MapProof, NodeRef, OpenContent,
    Scope, ScopeKind, WithheldContent,
};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::digest::DigestKind;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, OrgId, Strand, Subject};
use crate::protocol::leaf::{ChainHead, Commitment};
use crate::protocol::map::MapPath;
use crate::protocol::note::VerifierKey;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{self, EntryIndex, RootHash, TreeSize};
use crate::storage::{Store, StoreError, StoredEntry};

struct Assembly<'a> {
    store: &'a dyn Store,
    witnessing: &'a Witnessing,
    known: StoreKnown<'a>,
    newest: TreeSize,
    /// The map under the newest checkpoint; nothing where that is older than what is remembered of it.
    map: Option<MapThen<'a>>,
    /// Chains and their entries; none for a chain that the map shows not to be there.
    chains: BTreeMap<ChainId, Vec<EntryIndex>>,
    entries: BTreeMap<EntryIndex, StoredEntry>,
    actors: BTreeSet<ActorId>,
    /// Organisations that entries about exhibits name: whether they stood in a case is part of their history.
    orgs: BTreeSet<OrgId>,
    blobs: BTreeSet<Hash>,
    /// An exhibit of one case that another case made something from, having taken it in: that case, that exhibit.
    worked_on: BTreeSet<(Subject, Subject)>,
    /// The case under which the reader asked.
    asked_in: &'a Subject,
    /// Who reads, when, and what they may read of each case that came up.
    reader: &'a ActorId,
    at: LogTime,
    rights: BTreeMap<Subject, ReadRight>,
}

/// Assembles the bundle of a target under this published checkpoint.
pub fn assemble(
    store: &dyn Store,
    witnessing: &Witnessing,
    maps: &MapHistory,
    log: &[VerifierKey],
    note: String,
    target: &Target,
) -> Result<Bundle, Problem> {
    let (newest, _) = open(&note, log)?;
    let mut assembly = Assembly {
        store,
        witnessing,
        known: StoreKnown::new(store),
        newest: newest.size,
        map: maps.at(store, newest.size)?,
        chains: BTreeMap::new(),
        entries: BTreeMap::new(),
        actors: BTreeSet::new(),
        orgs: BTreeSet::new(),
        blobs: BTreeSet::new(),
        worked_on: BTreeSet::new(),
        asked_in: &target.case,
        reader: &target.reader,
        at: reads::now(store)?,
        rights: BTreeMap::from([(target.case.clone(), target.right.clone())]),
    };
    assembly.collect(target)?;
    assembly.known.check()?;
    assembly.finish(log, note, &newest, target)
}

fn open(note: &str, log: &[VerifierKey]) -> Result<(Checkpoint, ()), StoreError> {
    let log: Vec<&VerifierKey> = log.iter().collect();
    let opened = checkpoint::open_with(note, &log, &[]);
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
        // What an exhibit was made from, up to what was seized, as far as the rules ask about it.
        while let Some(exhibit) = exhibits.pop() {
            let Some(record) = self.known.exhibit(&exhibit) else {
                continue;
            };
            // Nobody is told of files that they may not read.
            if self
                .right_to(&exhibit, &record.case)
                .covers(&self.known, &exhibit)
            {
                let manifest = record.digest.filter(|d| d.kind == DigestKind::Manifest);
                self.blobs.extend(manifest.map(|digest| digest.sha256));
            }
            for parent in &record.parents {
                self.worked_on.insert((record.case.clone(), parent.clone()));
            }
            cases.insert(record.case);
            // What happened to a container happened to what was in it.
            for parent in record.parents.into_iter().chain(record.containers) {
                // Who may have it, and who had it destroyed, is said among the notes too.
                for strand in [Strand::Custody, Strand::Notes] {
                    self.add_chain(&parent, strand)?;
                }
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

    fn right(&mut self, case: &Subject) -> ReadRight {
        if let Some(right) = self.rights.get(case) {
            return right.clone();
        }
        let right = may_read(&self.known, self.reader, case, self.at);
        self.rights.insert(case.clone(), right.clone());
        right
    }

    /// What the reader may read of an exhibit: by the case under which they asked, if that took it in, or by its own.
    fn right_to(&mut self, exhibit: &Subject, own: &Subject) -> ReadRight {
        let asked_in = self.asked_in.clone();
        let taken_in = self.known.links(exhibit).contains_key(&asked_in);
        let right = taken_in.then(|| self.right(&asked_in));
        match right.filter(|right| right.covers(&self.known, exhibit)) {
            Some(right) => right,
            None => self.right(own),
        }
    }

    /// How much of an entry the reader may see, by their right in the case that it belongs to.
    fn view(&mut self, entry: &UnverifiedEntry) -> EntryView {
        let payload = entry.payload();
        let subject = &payload.subject;
        let exhibit = match payload.strand {
            Strand::Keys | Strand::Rules => return EntryView::Whole,
            Strand::Case | Strand::Exhibits => None,
            Strand::Custody | Strand::Notes | Strand::Access => self.known.exhibit(subject),
        };
        let right = match exhibit {
            Some(exhibit) => self.right_to(subject, &exhibit.case),
            None => self.right(subject),
        };
        match payload.strand {
            // What became of what an exhibit was made from is part of its own history, in codes and ids alone.
            Strand::Custody | Strand::Notes if !right.covers(&self.known, subject) => {
                EntryView::WithoutDetails
            }
            Strand::Case | Strand::Exhibits if right == ReadRight::None && self.founds(entry) => {
                EntryView::WithoutDetails
            }
            _ => reads::view(&self.known, self.reader, &right, entry),
        }
    }

    /// Whether an entry of a case says that somebody stands in it who is named elsewhere in the bundle. Without it the
    /// acts of theirs that the bundle has could not be checked.
    fn founds(&self, entry: &UnverifiedEntry) -> bool {
        let payload = entry.payload();
        let named = |name: &str| payload.body.get(name).and_then(serde_json::Value::as_str);
        let org = named("org");
        match payload.event.as_str() {
            "case-opened" => true,
            "exhibit-linked" => named("exhibit")
                .and_then(|exhibit| Subject::new(exhibit).ok())
                .is_some_and(|exhibit| {
                    self.worked_on.contains(&(payload.subject.clone(), exhibit))
                }),
            "party-joined" | "party-left" => org
                .and_then(|org| OrgId::new(org).ok())
                .is_some_and(|org| self.orgs.contains(&org)),
            _ => false,
        }
    }

    fn add_chain(&mut self, subject: &Subject, strand: Strand) -> Result<(), StoreError> {
        let chain = ChainId {
            subject: subject.clone(),
            strand,
        };
        if self.chains.contains_key(&chain) {
            return Ok(());
        }
        let mut indexes = Vec::new();
        for (stored, entry, on_branch) in branched::with_branches(self.store, &chain)? {
            let index = stored.index;
            // What takes in a branch is covered with all of it: they are written in one step.
            if index >= EntryIndex(self.newest.0) {
                break;
            }
            if !on_branch {
                indexes.push(index);
            }
            self.actors.insert(entry.payload().actor.clone());
            let mut named = BTreeSet::new();
            for value in entry.payload().body.values() {
                collect_texts(value, &mut named);
            }
            let actors = named
                .iter()
                .filter_map(|text| ActorId::new(text.as_str()).ok());
            self.actors.extend(actors);
            let links = entry.payload().event == "exhibit-linked";
            if links || matches!(strand, Strand::Custody | Strand::Notes) {
                self.orgs.insert(entry.payload().actor.org());
                for text in named {
                    let of_actor = ActorId::new(text.as_str()).map(|actor| actor.org());
                    let org = of_actor.or_else(|_| OrgId::new(text.as_str()));
                    self.orgs.extend(org);
                }
            }
            // Whose request to read is shown, their key must be here to check it. Where it is, so is who they are.
            if strand == Strand::Access
                && self.view(&entry).shows("token")
                && let Some(reader) = entry.detail("reader").and_then(|reader| reader.as_str())
            {
                self.actors.extend(ActorId::new(reader));
            }
            self.entries.insert(index, stored);
        }
        // Keys of an authority or the service, who stand on `rules`, are no chain that anybody misses.
        let may_be = self.map.is_some() && !matches!(strand, Strand::Keys | Strand::Rules);
        if !indexes.is_empty() || may_be {
            self.chains.insert(chain, indexes);
        }
        Ok(())
    }

    fn finish(
        mut self,
        log: &[VerifierKey],
        newest_note: String,
        newest: &Checkpoint,
        target: &Target,
    ) -> Result<Bundle, Problem> {
        let mut notes: BTreeMap<TreeSize, String> = BTreeMap::new();
        let mut roots: BTreeSet<(TreeSize, Hash)> = BTreeSet::new();
        let mut evaluated_at = LogTime(0);
        let mut nearest = Nearest::new(self.witnessing);
        for (index, stored) in &self.entries {
            evaluated_at = evaluated_at.max(stored.recorded_at);
            for note in nearest.around(*index)?.into_iter().flatten() {
                let size = witnessing::size_of(&note)?;
                if size < newest.size && !notes.contains_key(&size) {
                    let (checkpoint, ()) = open(&note, log)?;
                    roots.insert((checkpoint.size, checkpoint.root.0));
                    notes.insert(checkpoint.size, note);
                }
            }
        }
        notes.insert(newest.size, newest_note);
        let mut proofs = Vec::new();
        let mut entries = Vec::new();
        let all = std::mem::take(&mut self.entries);
        for (index, stored) in &all {
            let entry = parse(stored)?;
            let view = self.view(&entry);
            let with_files = matches!(view, EntryView::Whole | EntryView::Without(_));
            if with_files && entry.payload().event == "searched" {
                let named = entry.payload().body.get("candidates");
                let named = named.and_then(serde_json::Value::as_str);
                self.blobs
                    .extend(named.and_then(|text| Hash::from_base64url(text).ok()));
            }
            if let (true, Some(seen)) = (view != EntryView::Withheld, entry.payload().seen) {
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
                EntryView::Whole => open(&entry, stored.disclosures.clone()),
                EntryView::Without(names) => {
                    let kept = reads::keep(&entry, &names);
                    let part = StoredEntry {
                        disclosures: kept.clone(),
                        ..stored.clone()
                    };
                    open(&parse(&part)?, kept)
                }
                EntryView::WithoutDetails => {
                    let bare = StoredEntry {
                        disclosures: Vec::new(),
                        ..stored.clone()
                    };
                    open(&parse(&bare)?, Vec::new())
                }
                EntryView::Withheld => Content::Withheld(WithheldContent { e: entry.hash() }),
            };
            proofs.push(tree::prove_inclusion(*index, newest.size, &self.known)?.0);
            entries.push((*index, stored.recorded_at, content));
        }
        let known = &self.known;
        self.blobs.retain(|sha256| !is_erased_file(known, *sha256));
        self.known.check()?;
        self.entries = all;
        let mut consistency = Vec::new();
        for (size, root) in roots {
            let proof = tree::prove_consistency(size, newest.size, &self.known)?.0;
            consistency.push((size, RootHash(root), proof));
        }
        let map_leaf = match &self.map {
            Some(map) => tree::prove_inclusion(map.leaf, newest.size, &self.known)?.0,
            None => Vec::new(),
        };
        let mut paths = Vec::new();
        for chain in self.chains.keys() {
            let path = self.map.as_ref().map(|map| map.prove(chain)).transpose()?;
            paths.push(path);
        }
        let siblings = paths.iter().flatten().map(|path| &path.siblings);
        let all = proofs
            .iter()
            .chain(consistency.iter().map(|(_, _, proof)| proof))
            .chain([&map_leaf])
            .chain(siblings)
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
        let map = |path: &MapPath| MapProof {
            leaf: EntryIndex(newest.size.0 - 1),
            proof: refer(&map_leaf),
            present: base64url::encode(&path.present),
            siblings: refer(&path.siblings),
        };
        let chains = self.chains.iter().zip(&paths);
        let chains = chains.map(|((chain, indexes), path)| BundleChain {
            subject: chain.subject.clone(),
            strand: chain.strand,
            head: self.head(indexes),
            entries: indexes.clone(),
            map: path.as_ref().map(map),
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

fn collect_texts(value: &serde_json::Value, into: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => drop(into.insert(text.clone())),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_texts(item, into)),
        serde_json::Value::Object(map) => map.values().for_each(|item| collect_texts(item, into)),
        _ => {}
    }
}
