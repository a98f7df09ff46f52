//! Bundles after an edit by somebody who knows the format: entries removed, repeated, moved, swapped, brought in from
//! elsewhere; proofs, checkpoints and heads changed. Nothing of it is signed.

use super::*;

use custodes::protocol::entry::Disclosure;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Strand;
use custodes::protocol::leaf::ChainHead;
use world::{sample_of, withhold_entry};

pub type Edit<'a> = Box<dyn Fn(&mut Bundle) + 'a>;
/// Reason, name, what was done, and how.
pub type Row<'a> = (&'static str, &'static str, &'static str, Edit<'a>);

pub fn edited(honest: &Bundle, rows: Vec<Row<'_>>) -> Vec<Vector> {
    let row = |(code, name, says, edit): Row<'_>| {
        let mut bundle = honest.clone();
        edit(&mut bundle);
        Vector::bad(code, name, says, &bundle)
    };
    rows.into_iter().map(row).collect()
}

/// Position of the chain that an entry is in.
pub fn chain_of(bundle: &Bundle, at: usize) -> usize {
    let index = bundle.entries[at].index;
    let mut chains = bundle.chains.iter();
    chains
        .position(|chain| chain.entries.contains(&index))
        .unwrap()
}

pub fn vectors() -> Vec<Vector> {
    let sample = sample();
    let other = sample_of("evidence.southshire.example");
    let foreign = other.world.exhibit_bundle(&other.video);
    let honest = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &honest, "transfer-offered");
    let registered = find(&sample, &honest, "registered");
    let custody = |bundle: &Bundle| chain_of(bundle, registered);
    let outsider = sample.world.exhibit_bundle(&sample.phone);
    let mut others = outsider.entries.iter();
    let phone = others
        .find(|one| honest.entry(one.index).is_none())
        .unwrap();
    let cut = |note: &mut String, from: &str| note.truncate(note.find(from).unwrap());
    let rows: Vec<Row<'_>> = vec![
        (
            "entry-missing",
            "entry-removed",
            "An entry is removed; its chain still lists it.",
            Box::new(|b| drop(b.entries.remove(at))),
        ),
        (
            "chain-gap",
            "entry-removed-from-its-chain",
            "An entry in the middle of a chain is removed, also from the chain's list.",
            Box::new(|b| {
                let index = b.entries.remove(at).index;
                let chain = custody(b);
                b.chains[chain].entries.retain(|one| *one != index);
            }),
        ),
        (
            "bundle-order",
            "entry-repeated-in-the-list",
            "An entry stands in the list twice.",
            Box::new(|b| b.entries.insert(at, b.entries[at].clone())),
        ),
        (
            "chain-repeat",
            "entry-repeated-in-its-chain",
            "A chain lists its first entry twice.",
            Box::new(|b| {
                let chain = custody(b);
                let first = b.chains[chain].entries[0];
                b.chains[chain].entries.insert(0, first);
            }),
        ),
        (
            "bundle-order",
            "entries-exchanged",
            "Two entries are exchanged in the list.",
            Box::new(|b| b.entries.swap(at, at + 1)),
        ),
        (
            "bundle-order",
            "chains-exchanged",
            "Two chains are exchanged in the list.",
            Box::new(|b| b.chains.swap(0, 1)),
        ),
        (
            "bundle-order",
            "nodes-exchanged",
            "Two hashes are exchanged in the table.",
            Box::new(|b| b.nodes.swap(0, 1)),
        ),
        (
            "chain-order",
            "chain-entries-exchanged",
            "A chain lists its first two entries in the wrong order.",
            Box::new(|b| {
                let chain = custody(b);
                b.chains[chain].entries.swap(0, 1);
            }),
        ),
        (
            "chain-head",
            "last-entry-cut-off",
            "A chain's list leaves out its last entry; the head is that of the whole.",
            Box::new(|b| {
                let chain = custody(b);
                b.chains[chain].entries.pop();
            }),
        ),
        (
            "chain-head",
            "head-changed",
            "The head of a chain is another.",
            Box::new(|b| {
                let chain = custody(b);
                b.chains[chain].head.0 = Hash::ZERO;
            }),
        ),
        (
            "entry-in-no-chain",
            "chain-removed-entries-left",
            "A chain is removed; its entries are left.",
            Box::new(|b| drop(b.chains.remove(custody(b)))),
        ),
        (
            "entry-in-two-chains",
            "entry-in-two-chains",
            "An entry stands in two chains.",
            Box::new(|b| {
                let chain = custody(b);
                let index = b.chains[chain].entries[0];
                let next = if chain == 0 { 1 } else { 0 };
                b.chains[next].entries.insert(0, index);
                b.chains[next].entries.sort();
            }),
        ),
        (
            "entry-in-other-chain",
            "chains-renamed",
            "A chain is said to be of another strand than its signers said.",
            Box::new(|b| {
                let chain = custody(b);
                let notes = Strand::Notes;
                let taken = &b.chains[chain].subject;
                let other = b
                    .chains
                    .iter()
                    .position(|one| one.subject == *taken && one.strand == notes);
                let other = other.unwrap();
                let (one, two) = (
                    b.chains[chain].entries.clone(),
                    b.chains[other].entries.clone(),
                );
                (b.chains[chain].entries, b.chains[other].entries) = (two, one);
            }),
        ),
        (
            "other-ledger",
            "entry-of-another-ledger",
            "In the place of an entry is one of another ledger.",
            Box::new(|b| b.entries[at].content = foreign.entries[at].content.clone()),
        ),
        (
            "entry-repeated",
            "entry-twice-at-two-places",
            "One entry stands at two places of the log.",
            Box::new(|b| b.entries[at].content = b.entries[registered].content.clone()),
        ),
        (
            "not-in-log",
            "entry-of-another-exhibit",
            "In the place of an entry is a true one of another exhibit.",
            Box::new(|b| b.entries[at].content = phone.content.clone()),
        ),
        (
            "not-in-log",
            "recorded-a-millisecond-later",
            "The log time of an entry is a millisecond later.",
            Box::new(|b| b.entries[at].recorded_at.0 += 1),
        ),
        (
            "time-backwards",
            "recorded-an-hour-earlier",
            "The log time of an entry is before that of the entry before.",
            Box::new(|b| b.entries[at].recorded_at.0 -= 3_600_000),
        ),
        (
            "disclosure-order",
            "disclosures-exchanged",
            "Two disclosures are exchanged.",
            Box::new(|b| open(b, registered).disclosures.swap(0, 1)),
        ),
        (
            "disclosure-unreferenced",
            "disclosure-invented",
            "A disclosure is there that the entry does not refer to.",
            Box::new(|b| {
                let stray = Disclosure::new([1; 16], "zeal", &"x".into());
                let more = stray.as_str().to_owned();
                open(b, registered).disclosures.push(more);
            }),
        ),
        (
            "disclosure-unreferenced",
            "disclosure-of-another-entry",
            "A detail of another entry is in the place of one of this entry.",
            Box::new(|b| {
                let other = open(b, at).disclosures[0].clone();
                open(b, registered).disclosures[0] = other;
            }),
        ),
        (
            "disclosure-twice",
            "detail-with-two-values",
            "A detail has a second value.",
            Box::new(|b| {
                let second = Disclosure::new([1; 16], "address", &"5 Mill Lane".into());
                let second = second.as_str().to_owned();
                open(b, registered).disclosures.insert(1, second);
            }),
        ),
        (
            "disclosure-form",
            "disclosure-that-is-none",
            "A disclosure is not of the form [salt, name, value].",
            Box::new(|b| open(b, registered).disclosures[0] = "AAAA".to_owned()),
        ),
        (
            "withheld-list",
            "withheld-and-not-named",
            "A detail is left out, and not named among those withheld: denied to exist.",
            Box::new(|b| drop(open(b, registered).disclosures.remove(0))),
        ),
        (
            "withheld-list",
            "withheld-that-never-was",
            "A detail is named as withheld that the entry does not have.",
            Box::new(|b| open(b, registered).withheld.push("secret".to_owned())),
        ),
        (
            "withheld-not-allowed",
            "custody-withheld",
            "An act of custody of the exhibit itself is wholly withheld.",
            Box::new(|b| {
                let last = b.chains[custody(b)].entries[2];
                withhold_entry(b, last);
            }),
        ),
        (
            "node-unused",
            "hash-too-many",
            "The table has a hash that no proof uses.",
            Box::new(|b| b.nodes.push(Hash([0xff; 32]))),
        ),
        (
            "node-missing",
            "proof-points-nowhere",
            "A proof points outside the table of hashes.",
            Box::new(|b| b.entries[at].proof[0].0 = 100_000),
        ),
        (
            "not-in-log",
            "proof-too-short",
            "The last hash of an inclusion proof is left out.",
            Box::new(|b| assert!(b.entries[at].proof.pop().is_some())),
        ),
        (
            "consistency-missing",
            "consistency-removed",
            "A consistency proof is removed.",
            Box::new(|b| drop(b.consistency.remove(0))),
        ),
        (
            "consistency-superfluous",
            "consistency-of-nothing",
            "A consistency proof is for a head that nobody names.",
            Box::new(|b| b.consistency[0].root.0 = Hash::ZERO),
        ),
        (
            "consistency-failed",
            "consistency-emptied",
            "A consistency proof has no hashes.",
            Box::new(|b| b.consistency[0].proof.clear()),
        ),
        (
            "checkpoint-order",
            "checkpoints-exchanged",
            "Two checkpoints are exchanged.",
            Box::new(|b| b.checkpoints.swap(0, 1)),
        ),
        (
            "checkpoint-missing",
            "checkpoints-removed",
            "There is no checkpoint.",
            Box::new(|b| b.checkpoints.clear()),
        ),
        (
            "checkpoint-superfluous",
            "checkpoints-too-many",
            "There are more checkpoints than two for each entry and one.",
            Box::new(|b| {
                let last = b.checkpoints.last().unwrap().clone();
                b.checkpoints = vec![last; 2 * b.entries.len() + 2];
            }),
        ),
        (
            "checkpoint-not-signed",
            "checkpoint-of-another-ledger",
            "A checkpoint is of another ledger.",
            Box::new(|b| b.checkpoints[0] = foreign.checkpoints[0].clone()),
        ),
        (
            "checkpoint-not-signed",
            "checkpoint-without-the-log",
            "The newest checkpoint bears a witness's line and not the log's.",
            Box::new(|b| {
                let note = b.checkpoints.last_mut().unwrap();
                let from = note.find("— evidence").unwrap();
                let until = note.find("— witness.example").unwrap();
                note.replace_range(from..until, "");
            }),
        ),
        (
            "checkpoint-not-signed",
            "checkpoint-larger",
            "The newest checkpoint states a larger size than was signed.",
            Box::new(|b| {
                let size = b
                    .checkpoints
                    .last()
                    .unwrap()
                    .lines()
                    .nth(1)
                    .unwrap()
                    .to_owned();
                let larger = format!("\n{}\n", size.parse::<u64>().unwrap() + 1);
                let note = b.checkpoints.last_mut().unwrap();
                *note = note.replacen(&format!("\n{size}\n"), &larger, 1);
            }),
        ),
        (
            "quorum-not-met",
            "witness-removed",
            "The newest checkpoint does not bear the witness's line.",
            Box::new(|b| cut(b.checkpoints.last_mut().unwrap(), "— witness.example")),
        ),
        (
            "evaluated-at",
            "evaluated-later",
            "Flags are to be judged at a time when nothing here was recorded.",
            Box::new(|b| b.evaluated_at.0 += 1),
        ),
        (
            "log-unknown",
            "ledger-renamed",
            "The bundle says that it is of another ledger.",
            Box::new(|b| b.ledger = other.world.origin.clone()),
        ),
        (
            "chain-missing",
            "scope-changed",
            "The bundle says that it is about an exhibit of which nothing is here.",
            Box::new(|b| b.scope.subject = sample.phone.clone()),
        ),
        (
            "chain-empty",
            "empty-chain-without-proof",
            "A chain without entries has no proof that the ledger has none.",
            Box::new(|b| {
                let mut none = b.chains[0].clone();
                none.subject = sample.phone.clone();
                none.entries.clear();
                none.map = None;
                none.head = ChainHead::EMPTY;
                b.chains.push(none);
                b.chains
                    .sort_by_key(|one| (one.subject.clone(), one.strand));
            }),
        ),
        (
            "map-form",
            "map-path-too-short",
            "A path in the map lacks its last sibling.",
            Box::new(|b| assert!(b.chains[0].map.as_mut().unwrap().siblings.pop().is_some())),
        ),
        (
            "map-not-newest",
            "map-leaf-of-before",
            "A path in the map is under a leaf that is not the newest checkpoint's last.",
            Box::new(|b| b.chains[0].map.as_mut().unwrap().leaf.0 -= 1),
        ),
        (
            "map-differs",
            "map-path-of-another-chain",
            "A chain has the path of another chain.",
            Box::new(|b| b.chains[0].map = b.chains[1].map.clone()),
        ),
    ];
    edited(&honest, rows)
}
