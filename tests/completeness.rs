//! Acceptance: nothing can be left out of a history unseen. Every kind of omission by an operator is a failure of the
//! offline verifier, or is at least said to be not shown.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::ledger::rules::Rules;
use custodes::ledger::state::Known as _;
use custodes::protocol::bundle::{Bundle, BundleChain};
use custodes::protocol::id::{ChainId, Strand, Subject};
use custodes::protocol::leaf::map_leaf_data;
use custodes::protocol::map_rows;
use custodes::protocol::policy::Policy;
use custodes::protocol::tree::EntryIndex;
use custodes::verify::audit::Audit;
use custodes::verify::known::Known;
use custodes::verify::map_audit::{LogPlace, MapAudit, Recomputed};
use custodes::verify::{Answer, Completeness, Inputs, Severity, Verification, verify_against};
use serde_json::json;
use world::{Sample, prune, sample, untied};

fn check_under(bundle: &Bundle, policy: &Policy, kept: &[&Bundle]) -> Verification {
    let kept: Vec<(String, Vec<u8>)> = kept
        .iter()
        .map(|kept| ("kept".to_owned(), kept.to_bytes()))
        .collect();
    let inputs = Inputs {
        bundle: &bundle.to_bytes(),
        policy,
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    };
    let known = Known {
        kept: &kept,
        proofs: &[],
    };
    verify_against(inputs, known).0
}

fn codes(found: &Verification, severity: Severity) -> BTreeSet<&str> {
    let these = found.findings.iter().filter(|one| one.severity == severity);
    these.map(|one| one.code.as_str()).collect()
}

fn failed<'f>(
    sample: &Sample,
    bundle: &Bundle,
    found: &'f mut Option<Verification>,
) -> BTreeSet<&'f str> {
    let found = found.insert(check_under(bundle, &sample.world.policy(), &[]));
    codes(found, Severity::Failed)
}

/// The log as an auditor reads it, each published tree ending in a map leaf.
fn places(world: &world::World) -> Vec<LogPlace> {
    let mut places: Vec<LogPlace> = world
        .entries
        .iter()
        .map(|one| LogPlace::Entry {
            index: one.index,
            recorded_at: one.recorded_at,
            jws: one.entry.jws().to_owned(),
        })
        .collect();
    let (tree, rows) = world.mapped();
    places.push(LogPlace::Map {
        index: EntryIndex(tree.size().0 - 1),
        map: map_rows::root(&rows).unwrap(),
    });
    places
}

fn recomputed(kept: Recomputed, places: &[LogPlace]) -> Result<MapAudit, &'static str> {
    let mut audit = MapAudit::resume(kept);
    for place in places {
        audit.take(place).map_err(|wrong| wrong.code)?;
    }
    Ok(audit)
}

#[test]
fn an_auditor_recomputes_the_map_and_misses_what_it_hides() {
    let mut sample = looked_at();
    sample.branch();
    let all = places(&sample.world);
    let audit = recomputed(Recomputed::default(), &all).unwrap();
    assert_eq!(audit.root(), Some(sample.world.mapped().0.root()));
    let kept = audit.keep().unwrap();
    let resumed = recomputed(kept.clone(), &[]).unwrap();
    assert_eq!(resumed.keep().unwrap(), kept);
    assert_eq!(resumed.root(), audit.root());

    // A place left out, two changed about, a time changed, two map leaves.
    let refuses = |edit: &dyn Fn(&mut Vec<LogPlace>)| {
        let mut places = all.clone();
        edit(&mut places);
        recomputed(Recomputed::default(), &places).err()
    };
    assert!(refuses(&|all| drop(all.remove(9))).is_some());
    assert!(refuses(&|all| all.swap(9, 10)).is_some());
    assert_eq!(
        refuses(&|all| {
            let mut again = all.last().unwrap().clone();
            if let LogPlace::Map { index, .. } = &mut again {
                index.0 += 1;
            }
            all.push(again);
        }),
        Some("map-superfluous")
    );
    let later = refuses(&|all| {
        if let LogPlace::Entry { recorded_at, .. } = &mut all[9] {
            recorded_at.0 += 1;
        }
    });
    assert_eq!(later, Some("map-differs"));

    // The map of an operator who hides the newest view; an audit of the folder says the same.
    let last = *sample.world.chains[&of(&sample.video, Strand::Access)]
        .last()
        .unwrap();
    sample.world.omitted = BTreeSet::from([last]);
    sample.world.map_lies = true;
    let lied = places(&sample.world);
    assert_eq!(
        recomputed(Recomputed::default(), &lied).err(),
        Some("map-differs")
    );
    let mut audit = Audit::new(Rules::embedded());
    for leaf in sample.world.leaves() {
        audit.step(leaf);
    }
    let Some(LogPlace::Map { index, map }) = lied.last() else {
        panic!("the log ends in a map leaf")
    };
    assert!(
        audit
            .take_map_leaf(Some(&map_leaf_data(*index, *map)), false)
            .is_some()
    );
    let found = audit.finish();
    assert!(
        found.iter().any(|one| one.code == "map-differs"),
        "{found:?}"
    );
}

fn of(subject: &Subject, strand: Strand) -> ChainId {
    ChainId {
        subject: subject.clone(),
        strand,
    }
}

/// The sample, with readings and notes of the video.
fn looked_at() -> Sample {
    let mut sample = sample();
    let (service, officer) = (
        world::clone(&sample.world.service),
        world::clone(&sample.officer),
    );
    let video = sample.video.clone();
    for purpose in ["first look", "second look", "third look"] {
        sample.world.wait(20);
        let uri = format!("exhibits/{video}/history");
        let token = sample.world.token(&officer, &uri, purpose);
        let details = json!({"reader": officer.actor, "purpose": purpose, "token": token});
        let body = json!({"target": "exhibit", "extent": "history"});
        sample
            .world
            .record(&service, &video, Strand::Access, "viewed", body, details);
    }
    sample
}

#[test]
fn an_honest_bundle_is_complete_and_says_of_how_much() {
    let sample = looked_at();
    for bundle in [
        sample.world.exhibit_bundle(&sample.video),
        sample.world.exhibit_bundle(&sample.copy),
        sample.world.case_bundle(&sample.case),
    ] {
        let found = check_under(&bundle, &sample.world.policy(), &[]);
        assert_eq!(codes(&found, Severity::Failed), BTreeSet::new());
        assert!(codes(&found, Severity::Note).contains("completeness-by-operator"));
        let verified = found.verified.as_ref().unwrap();
        assert_eq!(verified.completeness, Completeness::AsCommitted);
        let words = &found.questions[3].words;
        let counted = format!("{0} of {0} entries", bundle.entries.len());
        assert!(
            words.contains("complete as committed by the operator"),
            "{words}"
        );
        assert!(words.contains(&counted), "{words}");
    }
}

#[test]
fn an_auditor_whom_the_reader_names_makes_it_proven() {
    let sample = looked_at();
    let bundle = sample.world.exhibit_bundle(&sample.video);
    let (log, witness) = (sample.world.log_vkey(), sample.world.witness_vkey());
    let policy = |group: &str| {
        let text =
            format!("log {log}\nwitness court {witness}\ngroup {group} 1 court\nquorum {group}\n");
        Policy::parse(&text).unwrap()
    };
    let found = check_under(&bundle, &policy("map-recomputed"), &[]);
    let verified = found.verified.as_ref().unwrap();
    assert_eq!(verified.completeness, Completeness::Recomputed);
    assert_eq!(verified.auditors, ["court"]);
    assert_eq!(found.questions[3].answer, Answer::Proven);
    let words = &found.questions[3].words;
    assert!(words.contains("recomputed by court"), "{words}");
    // The same cosignature by a mere witness says no such thing.
    let found = check_under(&bundle, &policy("witnesses"), &[]);
    assert_eq!(found.questions[3].answer, Answer::AttestedOnly);
}

#[test]
fn whatever_is_left_out_is_missed() {
    let honest = looked_at();
    let chains = &honest.world.chains;
    let access = &chains[&of(&honest.video, Strand::Access)];
    assert!(access.len() >= 3);
    let parent_notes = &chains[&of(&honest.video, Strand::Notes)];
    let custody = &chains[&of(&honest.video, Strand::Custody)];
    let contents = &chains[&of(&honest.case, Strand::Exhibits)];
    let event = |index: &EntryIndex| {
        let entry = &honest.world.entries[index.0 as usize].entry;
        entry.payload().event.as_str()
    };
    let child = parent_notes.iter().find(|at| event(at) == "child-added");
    let whole = |chain: &[EntryIndex]| chain.to_vec();
    for (what, left_out) in [
        ("the newest view", vec![*access.last().unwrap()]),
        ("a view in the middle", vec![access[access.len() - 2]]),
        ("every view", whole(access)),
        ("the derivative's entry", vec![*child.unwrap()]),
        ("every note", whole(parent_notes)),
        ("the newest act of custody", vec![*custody.last().unwrap()]),
        ("an exhibit of the case", vec![*contents.last().unwrap()]),
    ] {
        let mut sample = looked_at();
        sample.world.omitted = left_out.into_iter().collect();
        let mut found = None;
        let bundle = sample.world.exhibit_bundle(&sample.video);
        let codes = failed(&sample, &bundle, &mut found);
        assert!(codes.contains("map-differs"), "{what}: {codes:?}");
        let mut found = None;
        let bundle = sample.world.case_bundle(&sample.case);
        let codes = failed(&sample, &bundle, &mut found);
        assert!(
            codes.contains("map-differs"),
            "{what}, of the case: {codes:?}"
        );
    }
    // An exhibit with all its chains, from the case's bundle.
    let mut sample = looked_at();
    let mut of_copy = BTreeSet::new();
    for strand in [Strand::Custody, Strand::Notes, Strand::Access] {
        of_copy.extend(
            chains
                .get(&of(&honest.copy, strand))
                .into_iter()
                .flatten()
                .copied(),
        );
    }
    of_copy.insert(*contents.last().unwrap());
    sample.world.omitted = of_copy;
    let mut found = None;
    let bundle = sample.world.case_bundle(&sample.case);
    assert!(failed(&sample, &bundle, &mut found).contains("map-differs"));
}

#[test]
fn a_bundle_without_proofs_or_without_a_chain_is_not_called_complete() {
    let sample = looked_at();
    let whole = sample.world.exhibit_bundle(&sample.video);
    let access = of(&sample.video, Strand::Access);
    let mut without_map = whole.clone();
    let is_it = |one: &BundleChain| (&one.subject, one.strand) == (&access.subject, access.strand);
    let mut all = without_map.chains.iter_mut();
    all.find(|one| is_it(one)).unwrap().map = None;
    prune(&mut without_map);
    let chains = whole.chains.iter().filter(|one| !is_it(one));
    let chains: BTreeSet<ChainId> = chains.map(|one| of(&one.subject, one.strand)).collect();
    let entries = sample.world.entries.iter();
    let recorded: Vec<_> = entries
        .filter(|one| chains.contains(&one.entry.payload().chain()))
        .collect();
    let without_chain = sample
        .world
        .assemble(whole.scope.clone(), &chains, &recorded);
    for bundle in [without_map, without_chain] {
        let found = check_under(&bundle, &sample.world.policy(), &[]);
        assert_eq!(codes(&found, Severity::Failed), BTreeSet::new());
        assert!(codes(&found, Severity::Unchecked).contains("completeness-not-shown"));
        assert_eq!(found.verified.unwrap().completeness, Completeness::NotShown);
    }
}

#[test]
fn two_maps_are_held_against_each_other_by_whoever_kept_a_bundle() {
    let mut sample = looked_at();
    sample.world.publish_map();
    let kept = sample.world.exhibit_bundle(&sample.video);
    let last = *sample.world.chains[&of(&sample.video, Strand::Access)]
        .last()
        .unwrap();
    // From here on the operator commits to a map without the newest view.
    sample.world.omitted = BTreeSet::from([last]);
    sample.world.map_lies = true;
    sample.world.wait(20);
    let officer = world::clone(&sample.officer);
    let phone = sample.phone.clone();
    let about = sample
        .world
        .state
        .chain(&phone, Strand::Custody)
        .unwrap()
        .last;
    let details = json!({"text": "seen on the shelf"});
    sample.world.record(
        &officer,
        &phone,
        Strand::Notes,
        "annotated",
        json!({"target": about}),
        details,
    );
    let lied = sample.world.exhibit_bundle(&sample.video);
    let alone = check_under(&lied, &sample.world.policy(), &[]);
    assert_eq!(codes(&alone, Severity::Failed), BTreeSet::new());
    assert_eq!(
        alone.verified.as_ref().unwrap().completeness,
        Completeness::AsCommitted,
        "the operator's word, and called so"
    );
    let held = check_under(&lied, &sample.world.policy(), &[&kept]);
    assert!(codes(&held, Severity::Failed).contains("chain-cut"));
    let held = check_under(&kept, &sample.world.policy(), &[&lied]);
    assert!(codes(&held, Severity::Failed).contains("chain-cut"));
    // Leaving out what ties the one to the other helps nobody who lies, and harms nobody who does not.
    sample.world.omitted = BTreeSet::new();
    sample.world.map_lies = false;
    let honest = untied(sample.world.exhibit_bundle(&sample.video), &kept);
    let held = check_under(&honest, &sample.world.policy(), &[&kept]);
    assert_eq!(codes(&held, Severity::Failed), BTreeSet::new());
    assert!(codes(&held, Severity::Unchecked).contains("known-not-compared"));
    let lied = untied(lied, &kept);
    for (one, other) in [(&lied, &kept), (&kept, &lied)] {
        let held = check_under(one, &sample.world.policy(), &[other]);
        assert_eq!(
            codes(&held, Severity::Failed),
            BTreeSet::from(["chain-cut"])
        );
        assert!(codes(&held, Severity::Unchecked).contains("known-not-compared"));
    }
}

#[test]
fn two_maps_show_where_nothing_happened_in_between() {
    let mut sample = looked_at();
    sample.world.publish_map();
    let kept = sample.world.exhibit_bundle(&sample.video);
    sample.world.wait(20);
    let officer = world::clone(&sample.officer);
    let video = sample.video.clone();
    let about = sample
        .world
        .state
        .chain(&video, Strand::Custody)
        .unwrap()
        .last;
    sample.world.record(
        &officer,
        &video,
        Strand::Notes,
        "annotated",
        json!({"target": about}),
        json!({"text": "a note in between"}),
    );
    let newer = sample.world.exhibit_bundle(&sample.video);
    let found = check_under(&newer, &sample.world.policy(), &[&kept]);
    assert_eq!(codes(&found, Severity::Failed), BTreeSet::new());
    let told = found
        .findings
        .iter()
        .find(|one| one.code == "known-unchanged")
        .unwrap();
    let says = |strand: &str| told.words.contains(&format!("chain {strand} of {video} ("));
    assert!(says("custody") && says("access"), "{}", told.words);
    assert!(!says("notes"), "{}", told.words);
}
