//! Bundles and proofs of single entries, through the whole verifier.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::{Bundle, Content, MapProof, NodeRef, WithheldContent};
use custodes::protocol::entry::{EntryHash, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::ChainId;
use custodes::protocol::leaf::{ChainHead, Commitment};
use custodes::protocol::policy::Policy;
use custodes::protocol::time::LogTime;
use custodes::protocol::tlog_proof::TlogProof;
use custodes::protocol::tree::{EntryIndex, prove_inclusion};
use custodes::verify::proof::verify_proof;
use custodes::verify::{Inputs, Severity, Verification, verify};

use super::world::{Sample, sample, withhold};

/// The ledger that bundles are made of.
pub fn honest() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(sample)
}

fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| honest().world.policy())
}

fn check(bundle: &[u8]) -> Verification {
    verify(Inputs {
        bundle,
        policy: policy(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    })
}

/// A bundle that is read has one spelling; the verifier says something of any bytes, and means it.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::parse(data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    sound(data);
}

/// The bundle of an honest ledger, edited by somebody who knows the format: whatever the verifier lets pass is
/// true of the ledger, and what is left out is named.
pub fn bundle_edit(data: &[u8]) {
    let Some((first, edits)) = data.split_first() else {
        return;
    };
    let sample = honest();
    let world = &sample.world;
    let mut bundle = match first % 4 {
        0 => world.exhibit_bundle(&sample.video),
        1 => world.exhibit_bundle(&sample.copy),
        2 => world.exhibit_bundle(&sample.phone),
        _ => world.case_bundle(&sample.case),
    };
    for edit in edits.chunks_exact(5).take(12) {
        let number = |at: usize| usize::from(u16::from_be_bytes([edit[at], edit[at + 1]]));
        apply(&mut bundle, edit[0], number(1), number(3));
    }
    sound(&bundle.to_bytes());
}

fn pick(length: usize, at: usize) -> Option<usize> {
    (length > 0).then(|| at % length)
}

/// One edit. The last few put in order again what the others broke, as a careful forger would.
fn apply(bundle: &mut Bundle, what: u8, a: usize, b: usize) {
    let entries = bundle.entries.len();
    let (Some(at), Some(to)) = (pick(entries, a), pick(entries, b)) else {
        return;
    };
    let chain = pick(bundle.chains.len(), a);
    let sample = honest();
    match what % 32 {
        0 => drop(bundle.entries.remove(at)),
        1 => bundle.entries.insert(at, bundle.entries[to].clone()),
        2 => bundle.entries.swap(at, to),
        3 => bundle.entries[at].recorded_at.0 ^= 1 << (b % 64),
        4 => bundle.entries[at].index.0 ^= 1 << (b % 64),
        5 => {
            let proof = &mut bundle.entries[at].proof;
            if let Some(place) = pick(proof.len(), b) {
                proof[place].0 ^= 1 << (b % 31);
            }
        }
        6 => drop(bundle.entries[at].proof.pop()),
        7 => bundle.entries[at]
            .proof
            .extend([NodeRef(0)].repeat(b % 200)),
        8 => {
            if let Some(place) = pick(bundle.nodes.len(), a) {
                bundle.nodes[place].0[b % 32] ^= 1;
            }
        }
        9 => {
            let (one, other) = (
                bundle.entries[at].content.clone(),
                bundle.entries[to].content.clone(),
            );
            (bundle.entries[at].content, bundle.entries[to].content) = (other, one);
        }
        10 => {
            let moved = match &bundle.entries[to].content {
                Content::Open(content) => content.disclosures.clone(),
                Content::Withheld(_) => return,
            };
            if let Content::Open(content) = &mut bundle.entries[at].content {
                content.disclosures.extend(moved);
            }
        }
        11 => {
            if let Content::Open(content) = &mut bundle.entries[at].content {
                flip(&mut content.jws, b);
            }
        }
        12 => {
            if let Content::Open(content) = &mut bundle.entries[at].content
                && let Some(place) = pick(content.disclosures.len(), b)
            {
                flip(&mut content.disclosures[place], b);
            }
        }
        13 => withhold_wholly(bundle, at),
        14 => {
            let Content::Open(content) = &bundle.entries[at].content else {
                return;
            };
            let texts = content.disclosures.iter().map(String::as_str);
            let Ok(entry) = UnverifiedEntry::from_parts(&content.jws, texts) else {
                return;
            };
            let names: Vec<&str> = entry.disclosures().iter().map(|one| one.name()).collect();
            if let Some(place) = pick(names.len(), b) {
                let index = bundle.entries[at].index;
                withhold(bundle, index, &[names[place]]);
            }
        }
        15 => {
            if let Content::Open(content) = &mut bundle.entries[at].content {
                content.disclosures.pop();
            }
        }
        16 => {
            if let Some(place) = pick(bundle.checkpoints.len(), a) {
                bundle.checkpoints.remove(place);
            }
        }
        17 => {
            if let Some(place) = pick(bundle.checkpoints.len(), a) {
                flip(&mut bundle.checkpoints[place], b);
            }
        }
        18 => {
            let size = sample.world.tree.size();
            let size = custodes::protocol::tree::TreeSize(1 + b as u64 % size.0);
            bundle
                .checkpoints
                .push(sample.world.checkpoint(size, a.is_multiple_of(2)));
        }
        19 => {
            if let Some(place) = pick(bundle.consistency.len(), a) {
                bundle.consistency.remove(place);
            }
        }
        20 => {
            if let Some(place) = pick(bundle.consistency.len(), a) {
                bundle.consistency[place].size.0 ^= 1 << (b % 64);
            }
        }
        21 => drop(chain.map(|chain| bundle.chains.remove(chain))),
        22 => {
            let Some(chain) = chain else { return };
            let list = &mut bundle.chains[chain].entries;
            if let Some(place) = pick(list.len(), b) {
                list.remove(place);
            }
        }
        23 => {
            let Some(chain) = chain else { return };
            bundle.chains[chain].entries.insert(0, EntryIndex(b as u64));
        }
        24 => {
            let Some(chain) = chain else { return };
            bundle.chains[chain].map = Some(MapProof {
                leaf: EntryIndex(sample.world.tree.size().0.wrapping_sub(b as u64)),
                proof: Vec::new(),
                present: Hash([if b.is_multiple_of(2) { 0 } else { 0xff }; 32]).to_base64url(),
                siblings: [NodeRef(0)].repeat(b % 300),
            });
        }
        25 => {
            bundle.scope.subject =
                [&sample.video, &sample.copy, &sample.phone, &sample.case][b % 4].clone();
            if a.is_multiple_of(4) {
                bundle.scope.kind = custodes::protocol::bundle::ScopeKind::Case;
            }
        }
        26 => bundle.blobs.push(Hash([b as u8; 32])),
        // A whole tail of a chain cut off.
        27 => {
            let Some(chain) = chain else { return };
            let list = &mut bundle.chains[chain].entries;
            let tail = list.split_off(list.len().min(1 + b % 8));
            bundle.entries.retain(|one| !tail.contains(&one.index));
        }
        28 => heads(bundle),
        29 => tidy(bundle),
        30 => {
            let newest = bundle.entries.iter().map(|one| one.recorded_at).max();
            bundle.evaluated_at = newest.unwrap_or(LogTime(b as u64));
        }
        _ => {
            bundle.entries.sort_by_key(|one| one.index);
            bundle.blobs.sort();
            bundle.blobs.dedup();
        }
    }
}

fn flip(text: &mut String, at: usize) {
    let mut bytes = std::mem::take(text).into_bytes();
    if let Some(at) = pick(bytes.len(), at) {
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    }
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

fn withhold_wholly(bundle: &mut Bundle, at: usize) {
    if let Content::Open(content) = &bundle.entries[at].content {
        let e = EntryHash(Hash::of(&[content.jws.as_bytes()]));
        bundle.entries[at].content = Content::Withheld(WithheldContent { e });
    }
}

fn hash_of(content: &Content) -> EntryHash {
    match content {
        Content::Open(content) => EntryHash(Hash::of(&[content.jws.as_bytes()])),
        Content::Withheld(content) => content.e,
    }
}

/// Computes the heads of all chains anew.
fn heads(bundle: &mut Bundle) {
    let commitments: BTreeMap<EntryIndex, Commitment> = bundle
        .entries
        .iter()
        .map(|one| {
            (
                one.index,
                Commitment::new(one.recorded_at, hash_of(&one.content)),
            )
        })
        .collect();
    for chain in &mut bundle.chains {
        let known = chain
            .entries
            .iter()
            .filter_map(|at| Some((*at, *commitments.get(at)?)));
        chain.head = known.fold(ChainHead::EMPTY, |head, (at, commitment)| {
            head.extend(at, commitment)
        });
    }
}

/// Drops the hashes that no proof uses, and the consistency proofs that nothing asks for.
fn tidy(bundle: &mut Bundle) {
    let seen: BTreeSet<_> = bundle
        .entries
        .iter()
        .filter_map(|one| match &one.content {
            Content::Open(content) => UnverifiedEntry::from_parts(&content.jws, []).ok(),
            Content::Withheld(_) => None,
        })
        .filter_map(|entry| entry.payload().seen.map(|seen| seen.size))
        .collect();
    let older: Vec<String> = bundle
        .checkpoints
        .iter()
        .filter_map(|one| Some(one.split('\n').nth(1)?.to_owned()))
        .collect();
    bundle
        .consistency
        .retain(|one| seen.contains(&one.size) || older.contains(&one.size.0.to_string()));
    let mut used = BTreeSet::new();
    let table = bundle.nodes.clone();
    let hash = |at: &NodeRef| table.get(at.0 as usize).copied();
    for proof in bundle
        .entries
        .iter()
        .map(|one| &one.proof)
        .chain(bundle.consistency.iter().map(|one| &one.proof))
    {
        used.extend(proof.iter().filter_map(hash));
    }
    let places: BTreeMap<Hash, u32> = used.iter().copied().zip(0..).collect();
    let moved = |proof: &mut Vec<NodeRef>| {
        for at in proof {
            if let Some(place) = hash(at).and_then(|hash| places.get(&hash)) {
                at.0 = *place;
            }
        }
    };
    bundle
        .entries
        .iter_mut()
        .for_each(|one| moved(&mut one.proof));
    bundle
        .consistency
        .iter_mut()
        .for_each(|one| moved(&mut one.proof));
    bundle.nodes = used.into_iter().collect();
}

/// What the verifier lets pass is true of the honest ledger.
fn sound(bytes: &[u8]) {
    let found = check(bytes);
    let failed = found
        .findings
        .iter()
        .any(|one| one.severity == Severity::Failed);
    assert_eq!(
        found.verified.is_none(),
        failed,
        "no evidence was given that could fail apart"
    );
    assert_eq!(found.exit_code(&BTreeSet::new()) == 1, failed);
    let Some(verified) = &found.verified else {
        return;
    };
    let bundle = Bundle::parse(bytes).expect("what is verified was read");
    let world = &honest().world;
    let mut withheld = 0;
    for (item, one) in verified.entries.iter().zip(&bundle.entries) {
        let true_one = &world.entries[item.index.0 as usize];
        assert_eq!(
            (item.e, item.recorded_at),
            (true_one.entry.hash(), true_one.recorded_at)
        );
        assert_eq!(item.chain, true_one.entry.payload().chain());
        assert_eq!(item.seq, true_one.entry.payload().seq);
        match &item.entry {
            Some(entry) => {
                for disclosure in entry.disclosures() {
                    assert_eq!(
                        true_one.entry.detail(disclosure.name()),
                        Some(disclosure.value())
                    );
                }
                let out = entry.withheld().count();
                assert!(out == 0 || found.has("details-withheld"));
            }
            None => withheld += 1,
        }
        assert_eq!(
            item.entry.is_none(),
            matches!(one.content, Content::Withheld(_))
        );
    }
    assert!(withheld == 0 || found.has("entries-withheld"));
    for chain in &bundle.chains {
        let id = ChainId {
            subject: chain.subject.clone(),
            strand: chain.strand,
        };
        let whole = world.chains.get(&id).map_or(&[][..], Vec::as_slice);
        assert!(
            whole.starts_with(&chain.entries),
            "a chain is a beginning of the true one"
        );
        // What is called complete is.
        assert!(found.has("completeness-not-shown") || whole == chain.entries);
    }
}

/// A proof that is read has one spelling; what it is let pass for is true.
pub fn tlog_proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = TlogProof::parse(text);
    if let Ok(proof) = &read {
        assert_eq!(proof.to_text(), text);
    }
    let world = &honest().world;
    let place = data.first().map_or(0, |byte| usize::from(*byte)) % world.entries.len();
    let true_one = &world.entries[place];
    for entry in [&true_one.entry, &world.entries[8].entry] {
        let findings = verify_proof(&entry.to_text(), text, policy());
        if findings.iter().all(|one| one.severity != Severity::Failed) {
            let proof = read.as_ref().expect("what is let pass was read");
            let held = &world.entries[proof.index.0 as usize];
            assert_eq!(
                (held.entry.hash(), held.recorded_at),
                (entry.hash(), proof.recorded_at)
            );
        }
    }
}

/// The proof of one entry of the honest ledger.
pub fn proof_of(index: u64) -> String {
    let world = &honest().world;
    let size = world.tree.size();
    TlogProof {
        recorded_at: world.entries[index as usize].recorded_at,
        index: EntryIndex(index),
        proof: prove_inclusion(EntryIndex(index), size, &world.tree).unwrap(),
        checkpoint: world.checkpoint(size, true),
    }
    .to_text()
}
