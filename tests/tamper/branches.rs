//! A branch off a chain is whole, unchanged, behind the entry that takes it in, and nowhere else.

use custodes::ledger::state::Known as _;
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::Strand;
use custodes::verify::audit::{Audit, AuditLeaf};
use serde_json::json;

use super::*;

/// A ledger with a branch, its honest bundle, and where in that the entry stands that takes the branch in.
fn branched() -> (Sample, Bundle, usize) {
    let mut sample = sample();
    let index = sample.branch();
    let bundle = sample.world.exhibit_bundle(&sample.phone);
    let at = bundle.entries.iter().position(|one| one.index == index);
    (sample, bundle, at.unwrap())
}

fn found(sample: &Sample, bundle: &Bundle) -> Verification {
    check(&bundle.to_bytes(), &sample.world.policy(), &[], &[])
}

fn audited(leaves: impl Iterator<Item = AuditLeaf>) -> BTreeSet<String> {
    let mut audit = Audit::new(Rules::embedded());
    leaves.for_each(|leaf| audit.step(leaf));
    audit.finish().into_iter().map(|one| one.code).collect()
}

#[test]
fn a_branch_cannot_be_left_out_changed_or_put_elsewhere() {
    let (sample, honest, at) = branched();
    assert_eq!(
        codes(&found(&sample, &honest), Severity::Failed),
        BTreeSet::new()
    );
    assert_eq!(audited(sample.world.leaves().into_iter()), BTreeSet::new());
    type Edit<'a> = Box<dyn Fn(&mut Bundle) + 'a>;
    let chain_of = |bundle: &Bundle, at: usize| {
        let index = bundle.entries[at].index;
        let mut chains = bundle.chains.iter();
        chains
            .position(|chain| chain.entries.contains(&index))
            .unwrap()
    };
    let edits: Vec<(&str, Edit<'_>)> = vec![
        // Left out: the first, the last, both; or its content, so that only its hash is left.
        (
            "branch-missing",
            Box::new(|b| drop(b.entries.remove(at + 1))),
        ),
        (
            "branch-missing",
            Box::new(|b| drop(b.entries.remove(at + 2))),
        ),
        (
            "branch-missing",
            Box::new(|b| drop(b.entries.drain(at + 1..at + 3))),
        ),
        (
            "branch-missing",
            Box::new(|b| {
                let index = b.entries[at + 1].index;
                withhold_entry(b, index);
            }),
        ),
        // Changed: another signed text in its place; the two exchanged; another time.
        (
            "not-in-log",
            Box::new(|b| b.entries[at + 1].content = b.entries[at + 3].content.clone()),
        ),
        (
            "branch-missing",
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
            Box::new(|b| b.entries[at + 1].recorded_at.0 += 1),
        ),
        // Put into the chain; into another.
        (
            "entry-in-two-chains",
            Box::new(|b| {
                let (chain, index) = (chain_of(b, at), b.entries[at + 1].index);
                let after = b.chains[chain]
                    .entries
                    .iter()
                    .position(|one| *one > index)
                    .unwrap();
                b.chains[chain].entries.insert(after, index);
            }),
        ),
        (
            "entry-in-other-chain",
            Box::new(|b| {
                let (chain, index) = (chain_of(b, 0), b.entries[at + 1].index);
                b.chains[chain].entries.push(index);
            }),
        ),
        // Left without the entry that takes it in.
        (
            "entry-in-no-chain",
            Box::new(|b| {
                let chain = chain_of(b, at);
                let index = b.entries.remove(at).index;
                b.chains[chain].entries.retain(|one| *one != index);
            }),
        ),
    ];
    for (number, (code, edit)) in edits.into_iter().enumerate() {
        let mut bundle = honest.clone();
        edit(&mut bundle);
        let found = found(&sample, &bundle);
        let failed = codes(&found, Severity::Failed);
        assert!(
            failed.contains(code),
            "edit {number}: {code} is not in {failed:?}"
        );
        assert_eq!(exit(&found), 1);
    }
}

/// What a patched service writes: signed entries in the log, on a branch that is none.
#[test]
fn a_branch_that_a_patched_service_made_up_is_caught() {
    // A stale entry that nothing takes in; one behind the entry that takes in another.
    let honest = |sample: &mut Sample, after: (u64, EntryHash)| {
        let (phone, officer) = (sample.phone.clone(), world::clone(&sample.officer));
        let (strand, body) = (Strand::Custody, json!({"place": "cells"}));
        let after = (after.0, Some(after.1));
        sample
            .world
            .sign_at(&officer, &phone, strand, "stored", body, json!({}), after)
    };
    for (named, code) in [(false, "branch-missing"), (true, "rule-broken")] {
        let mut sample = sample();
        let phone = sample.phone.clone();
        let opened = sample.world.state.exhibit(&phone).unwrap().opened;
        let examiner = world::clone(&sample.examiner);
        let (strand, reason) = (Strand::Custody, json!({"reason": "x"}));
        let place = json!({"place": "shelf-4"});
        sample
            .world
            .record(&examiner, &phone, strand, "stored", place, json!({}));
        let one = honest(&mut sample, (1, opened));
        // Says that it follows an entry that the branch does not go on from.
        let other = honest(&mut sample, (7, opened));
        let names = [if named { other.hash() } else { one.hash() }];
        let body = json!({"from": opened, "entries": names});
        let late = sample
            .world
            .sign(&examiner, &phone, strand, "late-branch", body, reason);
        let late = sample.world.force(late, true);
        sample.world.force(other, false);
        let bundle = sample.world.exhibit_bundle(&phone);
        let found = found(&sample, &bundle);
        let failed = codes(&found, Severity::Failed);
        assert!(
            failed.contains(code),
            "entry {}: {code} is not in {failed:?}",
            late.0
        );
        let audit = audited(sample.world.leaves().into_iter());
        assert!(audit.contains(code), "{code} is not in {audit:?}");
    }
}
