//! Branches and chains of a bundle after an edit; bundles of other chains than belong in them.

use super::*;

use custodes::protocol::bundle::BundleChain;
use custodes::protocol::id::{ChainId, Strand};
use edited::{Row, chain_of, edited};
use world::withhold_entry;

pub fn vectors() -> Vec<Vector> {
    let mut all = of_a_branch();
    all.extend(of_the_chains());
    all
}

/// Entries that two people signed on top of the same one.
fn of_a_branch() -> Vec<Vector> {
    let mut sample = sample();
    let index = sample.branch();
    let honest = sample.world.exhibit_bundle(&sample.phone);
    let mut entries = honest.entries.iter();
    let at = entries.position(|one| one.index == index).unwrap();
    let rows: Vec<Row<'_>> = vec![
        (
            "branch-missing",
            "branch-first-removed",
            "The first of two entries of a branch is left out.",
            Box::new(|b| drop(b.entries.remove(at + 1))),
        ),
        (
            "branch-missing",
            "branch-last-removed",
            "The last of two entries of a branch is left out.",
            Box::new(|b| drop(b.entries.remove(at + 2))),
        ),
        (
            "branch-missing",
            "branch-removed",
            "Both entries of a branch are left out; the entry that takes them in is here.",
            Box::new(|b| drop(b.entries.drain(at + 1..at + 3))),
        ),
        (
            "branch-missing",
            "branch-withheld",
            "An entry of a branch is wholly withheld.",
            Box::new(|b| {
                let index = b.entries[at + 1].index;
                withhold_entry(b, index);
            }),
        ),
        (
            "not-in-log",
            "branch-entry-replaced",
            "In the place of an entry of a branch is a later one.",
            Box::new(|b| b.entries[at + 1].content = b.entries[at + 3].content.clone()),
        ),
        (
            "branch-missing",
            "branch-exchanged",
            "The two entries of a branch are exchanged.",
            Box::new(|b| {
                let (one, two) = (
                    b.entries[at + 1].content.clone(),
                    b.entries[at + 2].content.clone(),
                );
                (b.entries[at + 1].content, b.entries[at + 2].content) = (two, one);
            }),
        ),
        (
            "not-in-log",
            "branch-recorded-later",
            "The log time of an entry of a branch is a millisecond later.",
            Box::new(|b| b.entries[at + 1].recorded_at.0 += 1),
        ),
        (
            "entry-in-two-chains",
            "branch-in-its-chain",
            "An entry of a branch is listed in the chain that it branches off.",
            Box::new(|b| {
                let (chain, index) = (chain_of(b, at), b.entries[at + 1].index);
                let mut list = b.chains[chain].entries.iter();
                let after = list.position(|one| *one > index).unwrap();
                b.chains[chain].entries.insert(after, index);
            }),
        ),
        (
            "entry-in-other-chain",
            "branch-in-another-chain",
            "An entry of a branch is listed in a chain of another exhibit.",
            Box::new(|b| {
                let (chain, index) = (chain_of(b, 0), b.entries[at + 1].index);
                b.chains[chain].entries.push(index);
            }),
        ),
        (
            "entry-in-no-chain",
            "branch-without-its-late-branch",
            "The entry that takes a branch in is removed; the branch is left.",
            Box::new(|b| {
                let chain = chain_of(b, at);
                let index = b.entries.remove(at).index;
                b.chains[chain].entries.retain(|one| *one != index);
            }),
        ),
    ];
    edited(&honest, rows)
}

/// Bundles of other chains than belong in them, with true proofs.
fn of_the_chains() -> Vec<Vector> {
    let sample = sample();
    let world = &sample.world;
    let honest = world.exhibit_bundle(&sample.video);
    let id = |chain: &BundleChain| ChainId {
        subject: chain.subject.clone(),
        strand: chain.strand,
    };
    let chains: BTreeSet<ChainId> = honest.chains.iter().map(id).collect();
    let with = |chains: &BTreeSet<ChainId>| {
        let entries = world.entries.iter();
        let recorded = entries.filter(|one| chains.contains(&one.entry.payload().chain()));
        world.assemble(honest.scope.clone(), chains, &recorded.collect::<Vec<_>>())
    };
    let mut more = chains.clone();
    let of_phone = |chain: &&ChainId| chain.subject == sample.phone;
    more.extend(world.chains.keys().filter(of_phone).cloned());
    let mut all = vec![Vector::bad(
        "chain-out-of-scope",
        "chains-of-another-exhibit",
        "The chains of an exhibit that the bundle is not about are here.",
        &with(&more),
    )];
    for (strand, code, name, says) in [
        (
            Strand::Keys,
            "signer-unknown",
            "keys-left-out",
            "The chains that say whose keys these are, are left out.",
        ),
        (
            Strand::Rules,
            "genesis-missing",
            "rules-left-out",
            "The chain that begins with genesis is left out.",
        ),
        (
            Strand::Case,
            "rule-broken",
            "case-left-out",
            "The chain of the case is left out, so that nobody has standing.",
        ),
        (
            Strand::Exhibits,
            "chain-missing",
            "exhibits-left-out",
            "The case's table of contents is left out.",
        ),
    ] {
        let fewer = chains.iter().filter(|chain| chain.strand != strand);
        all.push(Vector::bad(
            code,
            name,
            says,
            &with(&fewer.cloned().collect()),
        ));
    }
    let mut parent_withheld = world.exhibit_bundle(&sample.copy);
    let indexes: Vec<_> = parent_withheld
        .entries
        .iter()
        .map(|one| one.index)
        .collect();
    for index in indexes {
        let payload = world.entries[index.0 as usize].entry.payload();
        if payload.subject == sample.video && payload.event != "viewed" {
            withhold_entry(&mut parent_withheld, index);
        }
    }
    all.push(Vector::bad(
        "rule-broken",
        "parent-withheld-as-of-another-case",
        "What the exhibit was made from is of the same case, and is wholly withheld.",
        &parent_withheld,
    ));
    all
}
