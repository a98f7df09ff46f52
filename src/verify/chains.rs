//! Steps 5 and 11: every entry in one chain, every chain whole from its beginning, and whether it is
//! shown to end where it ends.

use super::bundle::Completeness;
use super::entries::ReadEntry;
use super::finding::{Asked, Findings, counted};
use super::nodes::Nodes;
use crate::ledger::taken_in;
use crate::protocol::base64url;
use crate::protocol::bundle::{Bundle, BundleChain, MapProof};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::id::ChainId;
use crate::protocol::leaf::{ChainHead, map_leaf_data};
use crate::protocol::map::{self, MapPath};
use crate::protocol::tree::{EntryIndex, InclusionProof, leaf_hash};

/// Where an entry stands: its chain and its position there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub chain: ChainId,
    pub seq: u64,
    /// Head of the chain after this entry.
    pub head: ChainHead,
    /// Whether it is of a branch off the chain, and takes no place there.
    pub on_branch: bool,
}

/// The chain that a bundle's chain is.
pub(crate) fn id(chain: &BundleChain) -> ChainId {
    ChainId {
        subject: chain.subject.clone(),
        strand: chain.strand,
    }
}

/// "chain custody of q83vEjRWeJCrze8SNFZ4kA".
pub(crate) fn place(chain: &ChainId) -> String {
    format!("chain {} of {}", chain.strand, chain.subject)
}

/// Step 5. The result says for each entry of the bundle, in order, where it stands.
pub(crate) fn check_all(
    bundle: &Bundle,
    read: &[ReadEntry],
    findings: &mut Findings,
) -> Vec<Option<Standing>> {
    let mut standing: Vec<Option<Standing>> = vec![None; read.len()];
    for chain in &bundle.chains {
        check_one(chain, read, &mut standing, findings);
    }
    for entry in read {
        check_branch(entry, read, &mut standing, findings);
    }
    for (entry, standing) in read.iter().zip(&standing) {
        if standing.is_none() {
            findings.failed(
                Asked::History,
                "entry-in-no-chain",
                entry.place(),
                "The entry is in none of the bundle's chains, and none of a branch that an entry here takes in.",
            );
        }
    }
    standing
}

/// The entries that a `late-branch` takes in: right behind it in the log, in its order, and in no chain.
fn check_branch(
    taking: &ReadEntry,
    read: &[ReadEntry],
    standing: &mut [Option<Standing>],
    findings: &mut Findings,
) {
    let Some(taking_entry) = &taking.entry else {
        return;
    };
    for (at, e) in (1u64..).zip(taken_in(taking_entry)) {
        let index = EntryIndex(taking.index.0.saturating_add(at));
        let found = read.binary_search_by_key(&index, |one| one.index);
        let found = found.ok().filter(|at| read[*at].e == e);
        let Some((found, entry)) = found.and_then(|at| Some((at, read[at].entry.as_ref()?))) else {
            let words = format!(
                "Entry {at} of the branch that it takes in does not stand behind it here as it was signed: it was left \
                 out, changed or put elsewhere."
            );
            let place = taking.place();
            findings.failed(Asked::History, "branch-missing", place, words);
            return;
        };
        let here = Standing {
            chain: entry.payload().chain(),
            seq: entry.payload().seq,
            head: ChainHead::EMPTY,
            on_branch: true,
        };
        if standing[found].replace(here).is_some() {
            let words = "It is of a branch, which takes no place in a chain, and is in one too.";
            let place = read[found].place();
            findings.failed(Asked::History, "entry-in-two-chains", place, words);
        }
    }
}

fn check_one(
    chain: &BundleChain,
    read: &[ReadEntry],
    standing: &mut [Option<Standing>],
    findings: &mut Findings,
) {
    let chain_id = id(chain);
    let mut failed = |code: &str, place: String, words: String| {
        findings.failed(Asked::History, code, place, words);
    };
    // With a map proof it says that the ledger has no such chain.
    if chain.entries.is_empty() && chain.map.is_none() {
        failed(
            "chain-empty",
            place(&chain_id),
            "A chain without entries says nothing.".to_owned(),
        );
    }
    let mut head = ChainHead::EMPTY;
    let mut last: Option<&ReadEntry> = None;
    for (seq, index) in (0u64..).zip(&chain.entries) {
        if let Some(last) = last {
            if last.index == *index {
                let words = format!("Entry {} is named twice.", index.0);
                failed("chain-repeat", place(&chain_id), words);
                continue;
            }
            if last.index > *index {
                let words = format!("Entry {} is named after entry {}.", index.0, last.index.0);
                failed("chain-order", place(&chain_id), words);
            }
        }
        let Ok(at) = read.binary_search_by_key(index, |one| one.index) else {
            let words = format!("Entry {} of this chain is not in the bundle.", index.0);
            failed("entry-missing", place(&chain_id), words);
            return;
        };
        let entry = &read[at];
        head = head.extend(entry.index, entry.commitment);
        let here = Standing {
            chain: chain_id.clone(),
            seq,
            head,
            on_branch: false,
        };
        if standing[at].replace(here).is_some() {
            let words = format!(
                "It is in another chain too, besides the {}.",
                place(&chain_id)
            );
            failed("entry-in-two-chains", entry.place().to_string(), words);
        }
        if let Some((code, words)) = check_link(&chain_id, seq, last, entry) {
            failed(code, entry.place().to_string(), words);
        }
        last = Some(entry);
    }
    if head != chain.head {
        let words = "The entries of this chain do not add up to its head: one is missing, added, changed \
                     or out of place.";
        failed("chain-head", place(&chain_id), words.to_owned());
    }
}

/// What the signer attested to: chain, position, previous entry.
fn check_link(
    chain: &ChainId,
    seq: u64,
    last: Option<&ReadEntry>,
    entry: &ReadEntry,
) -> Option<(&'static str, String)> {
    let payload = entry.entry.as_ref()?.payload();
    if payload.chain() != *chain {
        let words = format!("The signer put it in the {}.", place(&payload.chain()));
        return Some(("entry-in-other-chain", words));
    }
    if payload.seq > seq {
        let words = format!(
            "The signer put it at position {}, and {seq} stand before it.",
            payload.seq
        );
        return Some(("chain-gap", words));
    }
    if payload.seq < seq {
        let words = format!(
            "The signer put it at position {}, which is taken.",
            payload.seq
        );
        return Some(("chain-position-taken", words));
    }
    if payload.prev != last.map(|last| last.e) {
        let words = "The entry before it is not the one that the signer named.".to_owned();
        return Some(("chain-previous", words));
    }
    None
}

/// Step 11. Whether the map of the newest checkpoint holds every chain's length and head. Hands out how many
/// chains here have no map proof.
pub(crate) fn check_maps(
    bundle: &Bundle,
    newest: &Checkpoint,
    nodes: &mut Nodes<'_>,
    findings: &mut Findings,
) -> usize {
    let mut missing = 0usize;
    for chain in &bundle.chains {
        let chain_id = id(chain);
        let Some(proof) = &chain.map else {
            missing += 1;
            continue;
        };
        if let Err((code, words)) = check_map(&chain_id, chain, proof, newest, nodes) {
            findings.failed(Asked::History, code, place(&chain_id), words);
        }
    }
    missing
}

/// Step 11, second half. `unshown` chains here may go on; `absent` ones that the scope may have are not here.
pub(crate) fn completeness(
    bundle: &Bundle,
    unshown: usize,
    absent: usize,
    auditors: &[String],
    findings: &mut Findings,
) -> Completeness {
    let mut words = Vec::new();
    if unshown > 0 {
        words.push(format!(
            "For {unshown} of {} chains nothing shows that no later entry exists.",
            bundle.chains.len()
        ));
    }
    if absent > 0 {
        words.push(format!(
            "Not here: {} of these exhibits and cases (notes, access), and nothing shows that the ledger has \
             none.",
            counted(absent, "chain", "chains")
        ));
    }
    if !words.is_empty() {
        findings.unchecked(
            Asked::History,
            "completeness-not-shown",
            "chains",
            words.join(" "),
        );
        return Completeness::NotShown;
    }
    if auditors.is_empty() {
        findings.note(
            Asked::History,
            "completeness-by-operator",
            "chains",
            "Every chain ends here as committed by the operator; no auditor is shown to have recomputed it.",
        );
        return Completeness::AsCommitted;
    }
    Completeness::Recomputed
}

/// Whether the map of this checkpoint holds a chain as the bundle has it.
pub(crate) fn is_mapped(bundle: &Bundle, chain: &BundleChain, newest: &Checkpoint) -> bool {
    let mut nodes = Nodes::new(&bundle.nodes);
    let checked = chain
        .map
        .as_ref()
        .map(|proof| check_map(&id(chain), chain, proof, newest, &mut nodes));
    checked.is_some_and(|checked| checked.is_ok())
}

fn check_map(
    chain_id: &ChainId,
    chain: &BundleChain,
    proof: &MapProof,
    newest: &Checkpoint,
    nodes: &mut Nodes<'_>,
) -> Result<(), (&'static str, String)> {
    let bad = |code, words: &str| Err((code, words.to_owned()));
    let Ok(present) = base64url::decode_array::<32>(&proof.present) else {
        return bad("map-form", "The map proof is not 256 bits.");
    };
    let Some(siblings) = nodes.resolve(&proof.siblings) else {
        return bad(
            "node-missing",
            "The map proof points outside the table of hashes.",
        );
    };
    let Some(hashes) = nodes.resolve(&proof.proof) else {
        return bad(
            "node-missing",
            "The proof points outside the table of hashes.",
        );
    };
    let end = (chain.entries.len() as u64, chain.head);
    let leaf = (proof.leaf, InclusionProof(hashes));
    check_end(chain_id, end, &MapPath { present, siblings }, leaf, newest)
}

/// Whether the map of a checkpoint, in the last leaf of its tree, holds a chain with this length and head.
pub(crate) fn check_end(
    chain: &ChainId,
    (length, head): (u64, ChainHead),
    path: &MapPath,
    (index, proof): (EntryIndex, InclusionProof),
    newest: &Checkpoint,
) -> Result<(), (&'static str, String)> {
    let key = map::key(chain);
    let value = match length {
        0 => map::empty(map::DEPTH),
        length => map::value(key, length, head),
    };
    let root = path.root(key, value);
    let root = root.map_err(|error| ("map-form", format!("It is no proof: {error}.")))?;
    // The map of the newest checkpoint is its last leaf; an older map would hide later entries.
    if index.0.checked_add(1) != Some(newest.size.0) {
        let words = "The map leaf is not the last one of the newest checkpoint.";
        return Err(("map-not-newest", words.to_owned()));
    }
    let leaf = leaf_hash(&map_leaf_data(index, root));
    let shown = proof.verify(index, newest.size, leaf, newest.root);
    shown.map_err(|error| {
        let words = format!("The log's map does not hold this length and head: {error}.");
        ("map-differs", words)
    })
}
