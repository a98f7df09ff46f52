//! What the reader kept, against what the reader is shown: one history, or two.
//!
//! A checkpoint that somebody kept (alone, or in a bundle or receipt) holds the log to it: whoever later shows a bundle
//! shows a tree that continues that checkpoint, or is continued by it, or the two are a fork. Which of these it is can be
//! told where
//!
//! 1. two checkpoints have the same size;
//! 2. one side proves a head of that size to be a beginning of its newest: a bundle does so for every older checkpoint
//!    and for everything that signers had seen;
//! 3. both hold an entry of the same index;
//! 4. the reader gives a consistency proof for the two, as the service answers `/v1/consistency/OLD/NEW`.
//!
//! Else it is said that the two were not compared. Where both are bundles, and no fork is shown, their chains are compared
//! as well (`chains_known`). In scope: the comparison. Out of scope: whether the bundle or proof
//! is good in itself, which the rest of `verify` says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::chains_known;
use super::continued;
use super::finding::{Asked, Findings};
use super::nodes::Nodes;
use crate::protocol::bundle::{Bundle, Content};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::EntryHash;
use crate::protocol::fork::{Evidence, Fork, Proven};
use crate::protocol::hash::Hash;
use crate::protocol::id::Origin;
use crate::protocol::leaf::Commitment;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::protocol::receipt::Receipt;
use crate::protocol::tlog_proof::TlogProof;
use crate::protocol::tree::{
    ConsistencyProof, EntryIndex, InclusionProof, LeafHash, RootHash, TreeSize,
};

/// What the reader has to compare with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Files with checkpoints that the reader kept: what to call them, and their bytes.
    pub kept: &'a [(String, Vec<u8>)],
    /// Consistency proofs that the reader asked for.
    pub proofs: &'a [Consistency],
}

/// A consistency proof, as `/v1/consistency/OLD/NEW` answers it: where it belongs, the hashes themselves show.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    proof: ConsistencyProof,
    root: Option<RootHash>,
}

/// What a file says of a log's tree: checkpoints by ascending size, heads shown to be beginnings of the newest, and
/// leaves in it.
struct Account {
    /// The bundle that says it, if it is one.
    bundle: Option<Bundle>,
    notes: Vec<(Checkpoint, String)>,
    heads: Vec<(TreeSize, RootHash, ConsistencyProof)>,
    leaves: BTreeMap<EntryIndex, (LeafHash, InclusionProof)>,
}

/// What a comparison comes to.
enum Outcome {
    Same,
    Continued,
    Older,
    Forked(Box<Proven>),
    NotCompared,
}

/// Compares a bundle with what was kept.
pub(crate) fn compare_bundle(
    bundle: &[u8],
    policy: &Policy,
    known: Known<'_>,
    findings: &mut Findings,
) -> Vec<Proven> {
    let Ok(parsed) = Bundle::parse(bundle) else {
        return Vec::new();
    };
    let origin = parsed.ledger.clone();
    let Ok(shown) = Account::read(bundle, &policy.logs_for(&origin)) else {
        return Vec::new();
    };
    // What was kept of a ledger that this one continues is compared with where that one ended.
    let ends = continued::last_checkpoints(&parsed);
    let ends = ends.iter().filter_map(|(end, note)| {
        let end = Account::of_note(note, &policy.logs_for(&end.origin)).ok()?;
        Some((end.newest().0.origin.clone(), end))
    });
    let ends: Vec<(Origin, Account)> = ends.collect();
    let mut forks = Vec::new();
    let mut own = Vec::new();
    for one in known.kept {
        let of_end = ends.iter().find_map(|(origin, end)| {
            let kept = Account::read(&one.1, &policy.logs_for(origin)).ok()?;
            Some((origin, end, kept))
        });
        match of_end {
            None => own.push(one.clone()),
            Some((origin, end, kept)) => {
                let outcome = compare(&kept, end, policy, known.proofs);
                let sizes = [&kept, end].map(|account| account.newest().0.size.0);
                forks.extend(continued_outcome(outcome, origin, &one.0, sizes, findings));
            }
        }
    }
    let known = Known {
        kept: &own,
        ..known
    };
    forks.extend(compare_all(&shown, &origin, policy, known, findings));
    forks
}

/// What the comparison of something kept with the end of a ledger that is continued comes to.
fn continued_outcome(
    outcome: Outcome,
    origin: &Origin,
    name: &str,
    [kept, end]: [u64; 2],
    findings: &mut Findings,
) -> Option<Proven> {
    let ended = format!("{origin}, which this ledger continues from its {end} leaves on");
    match outcome {
        Outcome::Same | Outcome::Continued => {
            let words = format!(
                "The tree of {kept} leaves that you kept is of {ended}, and is the beginning of those."
            );
            findings.note(Asked::History, "continued-consistent", name, words);
        }
        Outcome::Older => {
            let words = format!(
                "What you kept shows {kept} leaves of {ended}: it went on after that, and what it holds beyond is not \
                 carried on here. Ask why."
            );
            findings.unchecked(Asked::History, "continued-went-on", name, words);
        }
        Outcome::NotCompared => {
            let words = format!(
                "Nothing here ties the {kept} leaves that you kept to {ended}. Take a bundle of the old ledger at its \
                 end, and compare both with that one; or give what it answers to GET /v1/consistency/{kept}/{end} with \
                 --consistency."
            );
            findings.unchecked(Asked::History, "known-not-compared", name, words);
        }
        Outcome::Forked(fork) => {
            let words = format!(
                "The {kept} leaves that you kept and the end of {ended}, cannot both be true: that ledger showed \
                 somebody another history."
            );
            findings.failed(Asked::History, "forked", name, words);
            return Some(*fork);
        }
    }
    None
}

/// Compares an entry and its proof with what was kept.
pub(crate) fn compare_proof(
    ledger: &Origin,
    e: EntryHash,
    proof: &TlogProof,
    policy: &Policy,
    known: Known<'_>,
    findings: &mut Findings,
) -> Vec<Proven> {
    let leaf = Commitment::new(proof.recorded_at, e).leaf_hash();
    let Ok(mut shown) = Account::of_note(&proof.checkpoint, &policy.logs_for(ledger)) else {
        return Vec::new();
    };
    let place = (proof.index, (leaf, proof.proof.clone()));
    shown.leaves = BTreeMap::from([place]);
    compare_all(&shown, ledger, policy, known, findings)
}

fn compare_all(
    shown: &Account,
    origin: &Origin,
    policy: &Policy,
    known: Known<'_>,
    findings: &mut Findings,
) -> Vec<Proven> {
    let mut forks = Vec::new();
    let size = |account: &Account| account.newest().0.size.0;
    for (name, bytes) in known.kept {
        let kept = match Account::read(bytes, &policy.logs_for(origin)) {
            Ok(kept) => kept,
            Err(why) => {
                let words = format!("What was kept is of no use here: {why}.");
                findings.unchecked(Asked::History, "known-not-read", name, words);
                continue;
            }
        };
        let outcome = compare(&kept, shown, policy, known.proofs);
        let tied = match outcome {
            Outcome::Same | Outcome::Continued | Outcome::Older => Some(true),
            Outcome::NotCompared => Some(false),
            Outcome::Forked(_) => None,
        };
        if let (Some(one), Some(other), Some(tied)) = (&kept.bundle, &shown.bundle, tied) {
            let [head, other_head] = [&kept, shown].map(|account| &account.newest().0);
            chains_known::compare(name, (one, head), (other, other_head), tied, findings);
        }
        match outcome {
            Outcome::Same => findings.note(
                Asked::History,
                "known-consistent",
                name,
                format!("It is the tree of {} leaves that you kept.", size(&kept)),
            ),
            Outcome::Continued => findings.note(
                Asked::History,
                "known-consistent",
                name,
                format!(
                    "The tree of {} leaves here continues the one of {} that you kept.",
                    size(shown),
                    size(&kept)
                ),
            ),
            Outcome::Older => findings.unchecked(
                Asked::History,
                "older-than-known",
                name,
                format!(
                    "What is shown here ends at {} leaves; it is the beginning of the {} that you kept, so later \
                     entries are not here. Ask for a newer one.",
                    size(shown),
                    size(&kept)
                ),
            ),
            Outcome::NotCompared => {
                let (old, new) = (
                    size(&kept).min(size(shown)),
                    size(&kept).max(size(shown)),
                );
                findings.unchecked(
                    Asked::History,
                    "known-not-compared",
                    name,
                    format!(
                        "Nothing here ties the {} leaves that you kept to the {} shown. Give what the service \
                         answers to GET /v1/consistency/{old}/{new} with --consistency.",
                        size(&kept),
                        size(shown)
                    ),
                );
            }
            Outcome::Forked(fork) => {
                findings.failed(
                    Asked::History,
                    "forked",
                    name,
                    format!(
                        "The log signed the {} leaves that you kept and the {} shown here, and they cannot both be \
                         true: somebody was shown another history.",
                        fork.checkpoints[0].size.0, fork.checkpoints[1].size.0
                    ),
                );
                forks.push(*fork);
            }
        }
    }
    forks
}

fn compare(kept: &Account, shown: &Account, policy: &Policy, proofs: &[Consistency]) -> Outcome {
    if let Some(fork) = fork(kept, shown, policy, proofs) {
        return Outcome::Forked(Box::new(fork));
    }
    let [(known, _), (newest, _)] = [kept.newest(), shown.newest()];
    // Two roots of one size are a fork, unless a key that signed only one of them was used.
    match known.size.cmp(&newest.size) {
        std::cmp::Ordering::Equal if known.root == newest.root => Outcome::Same,
        std::cmp::Ordering::Equal => Outcome::NotCompared,
        std::cmp::Ordering::Less if shown.begins_with(known, proofs) => Outcome::Continued,
        std::cmp::Ordering::Greater if kept.begins_with(newest, proofs) => Outcome::Older,
        _ => Outcome::NotCompared,
    }
}

/// The first contradiction that can be shown.
fn fork(
    kept: &Account,
    shown: &Account,
    policy: &Policy,
    proofs: &[Consistency],
) -> Option<Proven> {
    let origin = &kept.newest().0.origin;
    let logs: Vec<&VerifierKey> = policy.logs_for(origin);
    let witnesses = policy.witnesses.iter().map(|one| &one.key);
    let everybody: Vec<&VerifierKey> = logs.iter().copied().chain(witnesses).collect();
    // A cosignature that does not verify takes nothing from the proof against the log.
    let prove = |notes: [&str; 2], evidence: Evidence| {
        Fork::prove(notes, everybody.iter().copied(), evidence.clone())
            .or_else(|_| Fork::prove(notes, logs.iter().copied(), evidence))
            .ok()
    };
    // 1. One size, two roots.
    for (one, note) in &kept.notes {
        for (other, other_note) in &shown.notes {
            if one.size == other.size && one.root != other.root {
                let found = prove([note, other_note], Evidence::SameSize);
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    // 2. and 4. A beginning that is another.
    for (ones, others) in [(kept, shown), (shown, kept)] {
        let (newest, newest_note) = others.newest();
        for (one, note) in ones.notes.iter().filter(|(one, _)| one.size < newest.size) {
            let heads = others.heads.iter();
            let heads = heads.filter(|(size, root, _)| *size == one.size && *root != one.root);
            let given = proofs.iter().filter_map(|given| {
                let start = given.root.unwrap_or(one.root);
                let (root, _) = given.proof.roots(one.size, newest.size, start).ok()?;
                Some((root, given.proof.clone()))
            });
            let all = heads
                .map(|(_, root, proof)| (*root, proof.clone()))
                .chain(given);
            for (root, proof) in all {
                let evidence = Evidence::Prefix { root, proof };
                let found = prove([note, newest_note], evidence);
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    // 3. One index, two leaves.
    for (index, one) in &kept.leaves {
        let Some(other) = shown.leaves.get(index).filter(|other| other.0 != one.0) else {
            continue;
        };
        let evidence = Evidence::Leaf {
            index: *index,
            branches: [one.clone(), other.clone()],
        };
        let notes = [kept.newest().1.as_str(), shown.newest().1.as_str()];
        let found = prove(notes, evidence);
        if found.is_some() {
            return found;
        }
    }
    None
}

impl Account {
    fn newest(&self) -> &(Checkpoint, String) {
        self.notes
            .last()
            .expect("an account is made of at least one checkpoint")
    }

    /// Whether a head is shown to be a beginning of the newest.
    fn begins_with(&self, head: &Checkpoint, proofs: &[Consistency]) -> bool {
        let newest = &self.newest().0;
        let own = self
            .heads
            .iter()
            .filter(|(size, root, _)| (*size, *root) == (head.size, head.root));
        own.map(|(_, _, proof)| proof)
            .chain(proofs.iter().map(|given| &given.proof))
            .any(|proof| {
                let checked = proof.verify(head.size, head.root, newest.size, newest.root);
                checked.is_ok()
            })
    }

    /// Reads a bundle, a receipt, a `.tlog-proof` or a signed checkpoint.
    fn read(bytes: &[u8], logs: &[&VerifierKey]) -> Result<Account, String> {
        if bytes.first() == Some(&b'{') {
            if let Ok(bundle) = Bundle::parse(bytes) {
                return Account::of_bundle(bundle, logs);
            }
            let receipt: Receipt = serde_json::from_slice(bytes)
                .map_err(|_| "it is neither a bundle nor a receipt".to_owned())?;
            let leaf = Commitment::new(receipt.recorded_at, receipt.e).leaf_hash();
            let mut account = Account::of_note(&receipt.checkpoint, logs)?;
            account.leaves = BTreeMap::from([(receipt.index, (leaf, receipt.proof))]);
            return Ok(account);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        match TlogProof::parse(text) {
            Ok(proof) => Account::of_note(&proof.checkpoint, logs),
            Err(_) => Account::of_note(text, logs),
        }
    }

    fn of_note(note: &str, logs: &[&VerifierKey]) -> Result<Account, String> {
        let (head, _) =
            checkpoint::open_with(note, logs, &[]).map_err(|error| error.to_string())?;
        Ok(Account {
            bundle: None,
            notes: vec![(head, note.to_owned())],
            heads: Vec::new(),
            leaves: BTreeMap::new(),
        })
    }

    fn of_bundle(bundle: Bundle, logs: &[&VerifierKey]) -> Result<Account, String> {
        let mut notes = Vec::new();
        for note in &bundle.checkpoints {
            notes.append(&mut Account::of_note(note, logs)?.notes);
        }
        notes.sort_by_key(|(head, _)| head.size);
        if notes.is_empty() {
            return Err("it has no checkpoint".to_owned());
        }
        let mut nodes = Nodes::new(&bundle.nodes);
        let heads = bundle.consistency.iter().filter_map(|one| {
            let proof = ConsistencyProof(nodes.resolve(&one.proof)?);
            Some((one.size, one.root, proof))
        });
        let heads = heads.collect();
        let leaves = bundle.entries.iter().filter_map(|one| {
            let e = match &one.content {
                Content::Open(open) => EntryHash(Hash::of(&[open.jws.as_bytes()])),
                Content::Withheld(withheld) => withheld.e,
            };
            let leaf = Commitment::new(one.recorded_at, e).leaf_hash();
            let proof = InclusionProof(nodes.resolve(&one.proof)?);
            Some((one.index, (leaf, proof)))
        });
        let leaves = leaves.collect();
        Ok(Account {
            bundle: Some(bundle),
            notes,
            heads,
            leaves,
        })
    }
}
