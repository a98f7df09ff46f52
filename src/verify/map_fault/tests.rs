//! Small logs with branches: of an honest one no file shows anything, however it is edited; whatever is wrong in another
//! is shown.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::entry::{Draft, Payload};
use crate::protocol::id::{ActorId, OrgId, Origin, Strand, Subject};
use crate::protocol::key::SecretKey;
use crate::protocol::map_rows::{self, MemoryRows};
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::note;
use crate::protocol::time::{Moment, Occurred};
use crate::protocol::tree::{self, MemoryTree};
use crate::verify::map_audit::{LogPlace, MapAudit, Recomputed, WrongLog};

/// A log being written, by an operator who can be told to lie.
#[derive(Default)]
struct Log {
    places: Vec<LogPlace>,
    tree: MemoryTree,
    chains: BTreeMap<ChainId, (u64, Option<EntryHash>, ChainHead)>,
    count: u8,
}

fn origin() -> Origin {
    Origin::new("log.example").unwrap()
}

fn chain(n: u8) -> ChainId {
    ChainId {
        subject: Subject::from_bytes([n; 16]),
        strand: Strand::Custody,
    }
}

fn keys() -> [VerifierKey; 1] {
    let key = SecretKey::from_seed([1; 32]).public();
    [VerifierKey::ed25519(origin(), SignatureKind::Ed25519, key)]
}

impl Log {
    fn size(&self) -> u64 {
        self.tree.size().0
    }

    /// An entry that continues its chain, or is said to stand elsewhere.
    fn entry(
        &mut self,
        id: &ChainId,
        place: Option<(u64, Option<EntryHash>)>,
        branch: &[EntryHash],
    ) -> UnverifiedEntry {
        let (seq, prev, _) = self
            .chains
            .get(id)
            .copied()
            .unwrap_or((0, None, ChainHead::EMPTY));
        let (seq, prev) = place.unwrap_or((seq, prev));
        self.count += 1;
        let (event, body) = match branch {
            [] => ("sealed", json!({"seal": "K1"})),
            _ => ("late-branch", json!({"from": branch[0], "entries": branch})),
        };
        let payload = Payload {
            ledger: origin(),
            subject: id.subject.clone(),
            strand: id.strand,
            seq,
            prev,
            event: event.to_owned(),
            actor: ActorId::from_parts(
                &OrgId::new("police").unwrap(),
                &Subject::from_bytes([9; 16]),
            ),
            occurred_at: Occurred::At(Moment::parse("2026-03-14T09:12:00+00:00").unwrap()),
            seen: None,
            client: "test".to_owned(),
            jti: Subject::from_bytes([self.count; 16]),
            body: body.as_object().unwrap().clone(),
            details: BTreeMap::new(),
        };
        let draft = Draft {
            payload,
            details: BTreeMap::new(),
        };
        draft
            .sign(&SecretKey::from_seed([3; 32]), || [0; 16])
            .unwrap()
    }

    fn put(&mut self, jws: &str) -> (EntryIndex, Commitment) {
        let index = EntryIndex(self.size());
        let recorded_at = LogTime(1000 + index.0);
        let commitment = Commitment::new(recorded_at, EntryHash(Hash::of(&[jws.as_bytes()])));
        self.tree.append(commitment.leaf_hash());
        self.places.push(LogPlace::Entry {
            index,
            recorded_at,
            jws: jws.to_owned(),
        });
        (index, commitment)
    }

    /// Puts it into its chain.
    fn put_in_chain(&mut self, entry: &UnverifiedEntry) {
        let (index, commitment) = self.put(entry.jws());
        let end = self
            .chains
            .entry(entry.payload().chain())
            .or_insert((0, None, ChainHead::EMPTY));
        *end = (
            end.0 + 1,
            Some(entry.hash()),
            end.2.extend(index, commitment),
        );
    }

    fn record(&mut self, n: u8) {
        let entry = self.entry(&chain(n), None, &[]);
        self.put_in_chain(&entry);
    }

    /// A branch of this many entries off a chain, after an entry of it.
    fn record_branch(&mut self, n: u8, length: u8) -> Vec<UnverifiedEntry> {
        let off: Vec<_> = (0..length)
            .map(|_| self.entry(&chain(n), None, &[]))
            .collect();
        let named: Vec<EntryHash> = off.iter().map(UnverifiedEntry::hash).collect();
        let taking = self.entry(&chain(n), None, &named);
        self.put_in_chain(&taking);
        off
    }

    fn map(&self) -> Hash {
        self.map_of(&self.chains)
    }

    fn map_of(&self, chains: &BTreeMap<ChainId, (u64, Option<EntryHash>, ChainHead)>) -> Hash {
        let values = chains.iter().map(|(id, (length, _, head))| {
            let key = map::key(id);
            (key, map::value(key, *length, *head))
        });
        map_rows::update(&MemoryRows::default(), &values.collect())
            .unwrap()
            .root
    }

    fn publish(&mut self, map: Hash) {
        let index = EntryIndex(self.size());
        self.tree.append(leaf_hash(&map_leaf_data(index, map)));
        self.places.push(LogPlace::Map { index, map });
    }

    fn head(&self, size: u64) -> Checkpoint {
        let (size, origin) = (TreeSize(size), origin());
        let root = tree::root(size, &self.tree).unwrap();
        Checkpoint { origin, size, root }
    }

    fn signed(&self, size: u64) -> String {
        let text = self.head(size).to_text();
        note::sign(&text, &origin(), &SecretKey::from_seed([1; 32]))
    }

    /// Where the recomputation ends, if it does.
    fn wrong(&self) -> Option<(WrongLog, Stretch)> {
        let mut audit = MapAudit::resume(Recomputed::default());
        for place in &self.places {
            if let Err(wrong) = audit.take(place) {
                return Some((wrong, audit.wrong().cloned().unwrap()));
            }
        }
        assert_eq!(audit.root(), Some(self.tree.root()));
        None
    }

    /// What an accuser has who was given all of the log, under the checkpoint of this size.
    fn accuse(&self, stretch: &Stretch, size: u64) -> Result<Shown, MapFaultError> {
        let (end, size) = (stretch.end(), TreeSize(size));
        let proof = tree::prove_consistency(end, size, &self.tree).unwrap();
        stretch.signed(&self.signed(size.0), &keys(), proof)
    }

    /// Shown under the checkpoint that ends there and under the newest, and by nothing that was edited.
    fn shows(&self, wrong: Wrong) {
        let (said, stretch) = self.wrong().unwrap();
        for size in [stretch.end().0, self.size()] {
            let shown = self.accuse(&stretch, size).unwrap();
            assert_eq!((shown.wrong, shown.index.0), (wrong, said.index));
            assert_eq!(shown.guilty, keys());
            let read = MapFault::parse(&shown.text).unwrap();
            assert_eq!(read.verify().unwrap(), shown);
            let step = if size == self.size() { 5 } else { 1 };
            for at in (0..shown.text.len()).step_by(step) {
                let mut bytes = shown.text.clone().into_bytes();
                bytes[at] ^= [1, 2, 0x20][at % 3];
                let Ok(text) = String::from_utf8(bytes) else {
                    continue;
                };
                let result = MapFault::parse(&text).and_then(|fault| fault.verify());
                assert!(result.is_err(), "byte {at}: {text}");
            }
            for at in (0..shown.text.len()).step_by(7) {
                let Some(cut) = shown.text.get(..at) else {
                    continue;
                };
                let cut = MapFault::parse(cut).and_then(|fault| fault.verify());
                assert!(cut.is_err(), "cut at {at}");
            }
        }
    }
}

/// Two published trees and entries after them; a branch in the second stretch.
fn two_stretches() -> Log {
    let mut log = Log::default();
    (1..=3).for_each(|n| log.record(n));
    log.publish(log.map());
    log.record(2);
    for entry in log.record_branch(1, 2) {
        log.put(entry.jws());
    }
    log.record(4);
    log.record(4);
    log
}

fn ending(log: &mut Log) {
    log.record(5);
    log.publish(log.map());
}

#[test]
fn a_wrong_map_is_shown_wherever_it_stands() {
    for liar in 0..4 {
        let mut log = two_stretches();
        let mut chains = log.chains.clone();
        match liar {
            // The newest entry, a chain that was there before, and one that is not there.
            0 => chains.get_mut(&chain(4)).unwrap().0 = 1,
            1 => drop(chains.remove(&chain(3))),
            2 => drop(chains.insert(chain(7), (1, None, ChainHead(Hash([7; 32]))))),
            _ => chains.get_mut(&chain(2)).unwrap().2 = ChainHead(Hash([7; 32])),
        }
        log.publish(log.map_of(&chains));
        ending(&mut log);
        log.shows(Wrong::Map);
    }
    // The first of all.
    let mut log = Log::default();
    log.record(1);
    log.publish(Hash([5; 32]));
    ending(&mut log);
    log.shows(Wrong::Map);
}

#[test]
fn what_cannot_stand_there_is_shown() {
    let mut log = two_stretches();
    log.publish(log.map());
    log.publish(log.map());
    ending(&mut log);
    log.shows(Wrong::MapSuperfluous);

    let mut log = two_stretches();
    log.record_branch(2, 1);
    log.publish(log.map());
    ending(&mut log);
    log.shows(Wrong::MapInBranch);

    let mut log = two_stretches();
    log.record_branch(2, 1);
    log.record(2);
    ending(&mut log);
    log.shows(Wrong::Branch);

    for bytes in ["no entry", "", "two\nlines"] {
        let mut log = two_stretches();
        log.put(bytes);
        ending(&mut log);
        log.shows(Wrong::NotAnEntry);
    }

    let mut log = two_stretches();
    let (length, last, _) = log.chains[&chain(4)];
    let ahead = log.entry(&chain(4), Some((length + 1, last)), &[]);
    log.put_in_chain(&ahead);
    ending(&mut log);
    log.shows(Wrong::Position {
        stated: length + 1,
        length,
    });

    let mut log = two_stretches();
    let aside = log.entry(
        &chain(4),
        Some((length, Some(EntryHash(Hash([8; 32]))))),
        &[],
    );
    log.put_in_chain(&aside);
    ending(&mut log);
    log.shows(Wrong::Previous);
}

#[test]
fn nobody_is_accused_with_a_key_of_another() {
    let mut log = two_stretches();
    log.publish(Hash([5; 32]));
    let (_, stretch) = log.wrong().unwrap();
    let size = TreeSize(log.size());
    let head = log.head(size.0);
    let stranger = SecretKey::from_seed([9; 32]);
    let proof = || ConsistencyProof(Vec::new());
    // A witness only says that the tree was continued; and a key of another name is not the log's.
    let witness = Origin::new("witness.example").unwrap();
    for kind in [SignatureKind::CosignatureV1, SignatureKind::Ed25519] {
        let key = VerifierKey::ed25519(witness.clone(), kind, stranger.public());
        let line = match kind {
            SignatureKind::Ed25519 => note::sign(&head.to_text(), &witness, &stranger),
            _ => format!(
                "{}\n{}",
                head.to_text(),
                note::cosign(&head.to_text(), &witness, 9, &stranger)
            ),
        };
        stretch.signed(&line, [&key], proof()).unwrap_err();
    }
    stretch
        .signed(&log.signed(size.0), [], proof())
        .unwrap_err();
    stretch
        .signed(&log.signed(size.0), &keys(), proof())
        .unwrap();
    // Both keys of the log, where both signed.
    let post_quantum = PqSecretKey::from_seed([2; 32]);
    let [key] = keys();
    let both = [key, VerifierKey::ml_dsa_44(origin(), post_quantum.public())];
    let line = note::cosign_ml_dsa_44(&head, &origin(), 0, &post_quantum);
    let note = log.signed(size.0) + &line;
    let shown = stretch.signed(&note, &both, proof()).unwrap();
    assert_eq!(shown.guilty.len(), 2);
    assert_eq!(
        MapFault::parse(&shown.text).unwrap().verify().unwrap(),
        shown
    );
    // A checkpoint of another tree.
    stretch
        .signed(&two_stretches().signed(4), &keys(), proof())
        .unwrap_err();
}

/// What one party records: a chain, and how many entries of a branch off it come with that.
fn acts() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec((0u8..5, 0u8..4), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_honest_log_cannot_be_accused(stretches in proptest::collection::vec(acts(), 1..5), seed in any::<u64>()) {
        let mut log = Log::default();
        for acts in &stretches {
            for (n, branch) in acts {
                log.record(*n);
                // Most have none.
                if *branch >= 2 {
                    for entry in log.record_branch(*n, branch - 1) {
                        log.put(entry.jws());
                    }
                }
            }
            log.publish(log.map());
        }
        prop_assert!(log.wrong().is_none());
        // The stretch behind each place, taken out of the honest log: as an accuser would, who says that it is wrong.
        let mut audit = MapAudit::resume(Recomputed::default());
        for place in &log.places {
            let end = match place {
                LogPlace::Map { map, index } => {
                    let mut other = MapAudit::resume(audit_kept(&log, index.0));
                    for place in &log.places[other.size().0 as usize..index.0 as usize] {
                        other.take(place).unwrap();
                    }
                    let lie = LogPlace::Map { index: *index, map: Hash([6; 32]) };
                    other.take(&lie).unwrap_err();
                    Some((other.wrong().unwrap().clone(), *map))
                }
                LogPlace::Entry { .. } => None,
            };
            audit.take(place).unwrap();
            let Some((lied, map)) = end else { continue };
            let honest = Stretch { map: Some(map), ..lied.clone() };
            let end = honest.end().0;
            for size in end..=log.size() {
                let refused = log.accuse(&honest, size).unwrap_err();
                prop_assert_eq!(refused, MapFaultError::Nothing("every entry fits, and the map is that of the entries before it"));
                prop_assert!(matches!(log.accuse(&lied, size), Err(MapFaultError::Tree(_))));
                for edited in edits(&honest, seed) {
                    let proof = tree::prove_consistency(honest.end(), TreeSize(size), &log.tree).unwrap();
                    prop_assert!(edited.signed(&log.signed(size), &keys(), proof).is_err(), "{edited:?}");
                    if edited.end() <= log.tree.size() && edited.end().0 > 0 {
                        prop_assert!(log.accuse(&edited, size.max(edited.end().0)).is_err(), "{edited:?}");
                    }
                }
            }
        }
    }
}

/// What a recomputation keeps behind the last map leaf before a place.
fn audit_kept(log: &Log, before: u64) -> Recomputed {
    let mut audit = MapAudit::resume(Recomputed::default());
    let mut kept = Recomputed::default();
    for place in &log.places[..before as usize] {
        audit.take(place).unwrap();
        kept = audit.keep().unwrap_or(kept);
    }
    kept
}

/// Each part of it edited in turn.
fn edits(honest: &Stretch, seed: u64) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut edit = |change: &dyn Fn(&mut Stretch)| {
        let mut edited = honest.clone();
        change(&mut edited);
        if edited != *honest {
            all.push(edited);
        }
    };
    let other = Hash::of(&[&seed.to_be_bytes()]);
    edit(&|one| one.map = None);
    edit(&|one| one.map = Some(other));
    edit(&|one| one.map_before = None);
    edit(&|one| one.map_before = Some(other));
    edit(&|one| one.tree_before = Frontier::default());
    edit(&|one| {
        let mut subtrees = one.tree_before.subtrees().to_vec();
        subtrees.iter_mut().for_each(|hash| *hash = other);
        one.tree_before = Frontier::new(one.tree_before.size(), subtrees).unwrap();
    });
    edit(&|one| one.entries.clear());
    edit(&|one| drop(one.entries.pop()));
    edit(&|one| one.entries.reverse());
    edit(&|one| {
        one.entries.pop();
        one.map = None;
    });
    let count = honest.entries.len();
    let at = seed as usize % count;
    edit(&|one| drop(one.entries.remove(at)));
    edit(&|one| one.entries.push(one.entries[at].clone()));
    edit(&|one| one.entries[at].recorded_at.0 += 1);
    edit(&|one| one.entries[at].before = None);
    edit(&|one| one.entries[at].before = Some((0, ChainHead::EMPTY)));
    edit(&|one| one.entries[at].before = Some((1, ChainHead(other))));
    edit(&|one| one.entries[at].before = one.entries[at].before.map(|(n, head)| (n + 1, head)));
    edit(&|one| one.entries[at].content = Content::Raw(b"no entry".to_vec()));
    edit(&|one| one.entries[at].content = one.entries[(at + 1) % count].content.clone());
    edit(&|one| one.entries.truncate(at));
    edit(&|one| {
        one.entries.truncate(at);
        one.map = None;
    });
    edit(&|one| one.siblings = MapMultiproof::default());
    edit(&|one| {
        one.siblings
            .siblings
            .iter_mut()
            .for_each(|hash| *hash = other)
    });
    edit(&|one| one.siblings.present[0] ^= 0x80);
    edit(&|one| one.siblings.siblings.push(other));
    all
}
