//! A branch off a chain that a patched service made up. Bundles with edits of a branch are in `tests/vectors`.

use custodes::ledger::state::Known as _;
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::Strand;
use custodes::verify::audit::{Audit, AuditLeaf};
use serde_json::json;

use super::*;

fn found(sample: &Sample, bundle: &Bundle) -> Verification {
    check(&bundle.to_bytes(), &sample.world.policy(), &[], &[])
}

fn audited(leaves: impl Iterator<Item = AuditLeaf>) -> BTreeSet<String> {
    let mut audit = Audit::new(Rules::embedded());
    leaves.for_each(|leaf| audit.step(leaf));
    audit.finish().into_iter().map(|one| one.code).collect()
}

#[test]
fn an_audit_passes_an_honest_branch() {
    let mut sample = sample();
    sample.branch();
    assert_eq!(audited(sample.world.leaves().into_iter()), BTreeSet::new());
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
