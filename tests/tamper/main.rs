//! Acceptance: no byte of a bundle, of a file beside it or of the evidence can be changed, and no entry
//! removed, repeated, moved or brought in from elsewhere, without verification failing with a code of
//! its own. Single edits, each with its reason, are in the corpus that `tests/bundle_vectors` makes.

#![allow(clippy::unwrap_used)]

mod access;
mod branches;
mod bytes;
mod keys;
mod origins;
mod spellings;
#[path = "../common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::{Bundle, Content, OpenContent};
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::hash::Hash;
use custodes::protocol::policy::Policy;
use custodes::protocol::tree::EntryIndex;
use custodes::verify::{Answer, Evidence, Inputs, Severity, Sidecar, Verification, verify};
use world::{Sample, sample, withhold, withhold_entry};

fn evidence(bytes: &[u8]) -> Vec<Evidence> {
    let digest = EvidenceDigest::of_bytes(DigestKind::File, bytes);
    vec![Evidence {
        name: "camera4.mp4".to_owned(),
        digest,
    }]
}

fn check(
    bundle: &[u8],
    policy: &Policy,
    evidence: &[Evidence],
    sidecars: &[Sidecar],
) -> Verification {
    verify(Inputs {
        bundle,
        policy,
        rules: Rules::embedded(),
        evidence,
        sidecars,
    })
}

fn exit(found: &Verification) -> u8 {
    found.exit_code(&BTreeSet::new())
}

fn codes(found: &Verification, severity: Severity) -> BTreeSet<&str> {
    let these = found.findings.iter().filter(|one| one.severity == severity);
    these.map(|one| one.code.as_str()).collect()
}

fn show(found: &Verification) -> String {
    found
        .findings
        .iter()
        .map(|one| format!("{one}\n"))
        .collect()
}

fn open(bundle: &mut Bundle, at: usize) -> &mut OpenContent {
    match &mut bundle.entries[at].content {
        Content::Open(content) => content,
        Content::Withheld(_) => panic!("the entry is withheld"),
    }
}

/// Position in the bundle of the first entry of this event.
fn find(sample: &Sample, bundle: &Bundle, event: &str) -> usize {
    let index = sample
        .world
        .entries
        .iter()
        .find(|one| one.entry.payload().event == event && bundle.entry(one.index).is_some())
        .unwrap()
        .index;
    bundle
        .entries
        .iter()
        .position(|one| one.index == index)
        .unwrap()
}
#[test]
fn an_honest_bundle_verifies() {
    let sample = sample();
    for bundle in [
        sample.world.exhibit_bundle(&sample.video),
        sample.world.exhibit_bundle(&sample.copy),
        sample.world.case_bundle(&sample.case),
    ] {
        let found = check(
            &bundle.to_bytes(),
            &sample.world.policy(),
            &evidence(&sample.bytes),
            &[],
        );
        assert_eq!(exit(&found), 0, "{}", show(&found));
        assert!(found.verified.is_some());
        let answers = found.questions.clone().map(|one| one.answer);
        use Answer::{AttestedOnly, Proven};
        assert_eq!(
            answers,
            [Proven, AttestedOnly, Proven, AttestedOnly, Proven]
        );
    }
}

#[test]
fn what_cannot_be_checked_is_named() {
    let sample = sample();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &bundle, "registered");
    let index = bundle.entries[at].index;
    withhold(&mut bundle, index, &["address"]);
    let viewed = find(&sample, &bundle, "viewed");
    let index = bundle.entries[viewed].index;
    withhold_entry(&mut bundle, index);
    bundle.blobs = vec![Hash::of(&[b"a blob"])];
    let found = check(&bundle.to_bytes(), &sample.world.lax_policy(), &[], &[]);
    assert_eq!(
        codes(&found, Severity::Unchecked),
        BTreeSet::from([
            "blob-not-given",
            "details-withheld",
            "entries-withheld",
            "evidence-not-given",
            "no-witness",
        ])
    );
    assert!(
        found
            .findings
            .iter()
            .any(|one| one.words == "1 detail withheld: address.")
    );
    assert_eq!(exit(&found), 3);
    assert_eq!(found.questions[0].answer, Answer::NotShown);
    assert_eq!(found.questions[3].answer, Answer::NotShown);
    assert_eq!(found.questions[4].answer, Answer::NotShown);
}
