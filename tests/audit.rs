//! An audit recomputes everything: an honest ledger passes, and each thing changed in store is named.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::ledger::rules::Rules;
use custodes::protocol::hash::Hash;
use custodes::protocol::tree::{NodeId, TreeSize};
use custodes::verify::audit::{Audit, AuditLeaf};
use custodes::verify::{Finding, Severity};
use world::{Sample, sample};

fn copy(leaf: &AuditLeaf) -> AuditLeaf {
    AuditLeaf {
        recorded_at: leaf.recorded_at,
        data: leaf.data.clone(),
        jws: leaf.jws.clone(),
        disclosures: leaf.disclosures.clone(),
    }
}

/// Codes of what failed when these leaves are audited against the checkpoints of the honest ledger.
fn audited(sample: &Sample, leaves: &[AuditLeaf]) -> BTreeSet<String> {
    let mut audit = Audit::new(Rules::embedded());
    leaves.iter().for_each(|leaf| audit.step(copy(leaf)));
    for size in [1, 7, sample.world.entries.len() as u64] {
        audit.checkpoint(&sample.world.checkpoint(TreeSize(size), false));
    }
    for (key, record) in sample.world.state.records() {
        audit.record(key, Some(record));
    }
    failed(audit.finish())
}

fn failed(findings: Vec<Finding>) -> BTreeSet<String> {
    let failed = findings
        .into_iter()
        .filter(|one| one.severity == Severity::Failed);
    failed.map(|one| one.code).collect()
}

#[test]
fn an_honest_ledger_passes_and_each_change_is_named() {
    let sample = sample();
    assert_eq!(audited(&sample, &sample.world.leaves()), BTreeSet::new());
    type Edit = fn(&mut Vec<AuditLeaf>);
    let edits: [(&str, Edit); 8] = [
        ("leaf-differs", |leaves| leaves[10].recorded_at.0 += 1),
        ("leaf-differs", |leaves| leaves[10].data[5] ^= 1),
        ("root-differs", |leaves| leaves[3].data[5] ^= 1),
        ("root-differs", |leaves| drop(leaves.pop())),
        ("seen-not-on-tree", |leaves| drop(leaves.remove(3))),
        ("rule-broken", |leaves| leaves.swap(8, 9)),
        ("disclosure-missing", |leaves| {
            drop(leaves[10].disclosures.pop())
        }),
        ("entry-form", |leaves| leaves[10].disclosures.swap(0, 1)),
    ];
    for (code, edit) in edits {
        let mut leaves = sample.world.leaves();
        edit(&mut leaves);
        let codes = audited(&sample, &leaves);
        assert!(codes.contains(code), "{code}: {codes:?}");
    }
}

#[test]
fn stored_nodes_records_and_checkpoints_are_compared() {
    let sample = sample();
    let audit = || {
        let mut audit = Audit::new(Rules::embedded());
        sample
            .world
            .leaves()
            .into_iter()
            .for_each(|leaf| audit.step(leaf));
        audit
    };
    let mut one = audit();
    one.node(NodeId { level: 0, index: 0 }, Some(Hash::ZERO));
    assert_eq!(
        failed(one.finish()),
        BTreeSet::from(["node-differs".to_owned()])
    );
    let mut one = audit();
    one.record(sample.world.state.records().next().unwrap().0, None);
    assert_eq!(
        failed(one.finish()),
        BTreeSet::from(["state-differs".to_owned()])
    );
    let other = world::sample_of("evidence.southshire.example");
    let mut one = audit();
    one.checkpoint(&other.world.checkpoint(TreeSize(2), false));
    assert_eq!(
        failed(one.finish()),
        BTreeSet::from(["checkpoint".to_owned()])
    );
}
