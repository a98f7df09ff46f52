//! A second verifier, in another language, says the same of good and of tampered bundles. It needs the Python
//! environment that `.ci/setup.sh` makes.
#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;

use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::{Bundle, Content, MapProof};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Strand;
use custodes::protocol::jws::{self, JwsType};
use custodes::protocol::leaf::{ChainHead, Commitment};
use custodes::verify::{Inputs, Severity, Verification, verify};
use serde_json::json;
use world::{Sample, sample, sample_of, withhold};

fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let python = cache.join("custodes/jwcrypto/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "no Python environment: run bash .ci/setup.sh test"
    );
    println!("skipped: no Python environment; run bash .ci/setup.sh test");
    None
}

/// What the second verifier prints first: "ok:" or a code.
fn second(python: &Path, sample: &Sample, bundle: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let world = &sample.world;
    let (log, witness) = (world.log_vkey(), world.witness_vkey());
    let policy = format!("log {log}\nwitness court {witness}\nquorum court\n");
    std::fs::write(path("trust.policy"), policy).unwrap();
    std::fs::write(path("bundle"), bundle).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_verifier.py");
    let done = Command::new(python)
        .arg(script)
        .args([path("bundle"), path("trust.policy")])
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let word = said
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(!word.is_empty(), "{error}");
    assert_eq!(done.status.success(), word == "ok:", "{said}{error}");
    word
}

fn first(sample: &Sample, bundle: &[u8]) -> Verification {
    verify(Inputs {
        bundle,
        policy: &sample.world.policy(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    })
}

fn first_fails(sample: &Sample, bundle: &[u8], code: &str) -> bool {
    let found = first(sample, bundle);
    let mut failed = found
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Failed);
    if code == "ok:" {
        failed.next().is_none()
    } else {
        failed.any(|one| one.code == code)
    }
}

fn map_of(bundle: &mut Bundle, chain: usize) -> &mut MapProof {
    bundle.chains[chain].map.as_mut().unwrap()
}

#[test]
fn both_verifiers_say_the_same() {
    let Some(python) = python() else { return };
    let sample = sample();
    let world = &sample.world;
    let foreign = sample_of("evidence.southshire.example");
    let foreign = foreign.world.exhibit_bundle(&foreign.video);
    let mut shortened = world.exhibit_bundle(&sample.video);
    let registered = world
        .entries
        .iter()
        .position(|one| one.entry.payload().event == "registered")
        .unwrap();
    let at = shortened
        .entries
        .iter()
        .position(|one| one.index.0 as usize == registered)
        .unwrap();
    let index = shortened.entries[at].index;
    withhold(&mut shortened, index, &["address"]);
    for bundle in [
        &world.exhibit_bundle(&sample.copy),
        &world.case_bundle(&sample.case),
        &shortened,
    ] {
        let bytes = bundle.to_bytes();
        assert_eq!(second(&python, &sample, &bytes), "ok:");
        assert!(first_fails(&sample, &bytes, "ok:"));
    }

    type Edit<'a> = Box<dyn Fn(&mut Bundle) + 'a>;
    let edits: Vec<(&str, Edit<'_>)> = vec![
        ("bundle-order", Box::new(|b| b.entries.swap(at, at + 1))),
        ("entry-missing", Box::new(|b| drop(b.entries.remove(at)))),
        ("not-in-log", Box::new(|b| b.entries[at].recorded_at.0 += 1)),
        (
            "other-ledger",
            Box::new(|b| b.entries[at].content = foreign.entries[at].content.clone()),
        ),
        ("node-unused", Box::new(|b| b.nodes.push(Hash([0xff; 32])))),
        (
            "node-missing",
            Box::new(|b| b.entries[at].proof[0].0 = 100_000),
        ),
        (
            "consistency-missing",
            Box::new(|b| drop(b.consistency.remove(0))),
        ),
        (
            "consistency-failed",
            Box::new(|b| b.consistency[0].proof.clear()),
        ),
        ("checkpoint-order", Box::new(|b| b.checkpoints.swap(0, 1))),
        (
            "checkpoint-not-signed",
            Box::new(|b| b.checkpoints[0] = foreign.checkpoints[0].clone()),
        ),
        ("evaluated-at", Box::new(|b| b.evaluated_at.0 += 1)),
        (
            "map-form",
            Box::new(|b| assert!(map_of(b, 0).siblings.pop().is_some())),
        ),
        ("map-not-newest", Box::new(|b| map_of(b, 0).leaf.0 -= 1)),
        (
            "map-differs",
            Box::new(|b| {
                let other = map_of(b, 1).clone();
                *map_of(b, 0) = other;
            }),
        ),
        (
            "chain-missing",
            Box::new(|b| b.scope.subject = world.subject.clone()),
        ),
        ("chain-head", Box::new(|b| b.chains[0].head.0 = Hash::ZERO)),
        ("withheld-list", Box::new(|b| open(b, at).1.clear())),
        ("disclosure-order", Box::new(|b| open(b, at).0.swap(0, 1))),
        (
            "disclosure-form",
            Box::new(|b| open(b, at).0[0] = "AAAA".to_owned()),
        ),
        (
            "quorum-not-met",
            Box::new(|b| {
                let newest = b.checkpoints.last_mut().unwrap();
                newest.truncate(newest.find("— witness.example").unwrap());
            }),
        ),
    ];
    for (code, edit) in edits {
        let mut bundle = shortened.clone();
        edit(&mut bundle);
        let bytes = bundle.to_bytes();
        assert_eq!(second(&python, &sample, &bytes), code);
        assert!(
            first_fails(&sample, &bytes, code),
            "the first verifier: {code}"
        );
    }

    // A branch off a chain: whole, behind what takes it in, and in no chain.
    let mut branched = world::sample();
    let late = branched.branch();
    let of_branch = late.0 + 1;
    let honest = branched.world.exhibit_bundle(&branched.phone);
    let bytes = honest.to_bytes();
    assert_eq!(second(&python, &branched, &bytes), "ok:");
    assert!(first_fails(&branched, &bytes, "ok:"));
    let place = |bundle: &Bundle, index: u64| {
        let mut entries = bundle.entries.iter();
        entries.position(|one| one.index.0 == index).unwrap()
    };
    let edits: [(&str, Edit<'_>); 3] = [
        (
            "branch-missing",
            Box::new(|b| drop(b.entries.remove(place(b, of_branch)))),
        ),
        (
            "entry-in-no-chain",
            Box::new(|b| {
                // The entry that takes it in, and all that follows in its chain.
                let late = place(b, late.0);
                let index = b.entries.remove(late).index;
                let after = b.entries.remove(late + 2).index;
                for chain in &mut b.chains {
                    let before = chain.entries.len();
                    chain.entries.retain(|one| *one != index && *one != after);
                    if chain.entries.len() < before {
                        let world = &branched.world;
                        let head = chain.entries.iter().fold(ChainHead::EMPTY, |head, index| {
                            let one = &world.entries[index.0 as usize];
                            let of_one = Commitment::new(one.recorded_at, one.entry.hash());
                            head.extend(*index, of_one)
                        });
                        chain.head = head;
                    }
                }
            }),
        ),
        (
            "not-in-log",
            Box::new(|b| {
                let (one, two) = (place(b, of_branch), place(b, of_branch + 1));
                b.entries[one].content = b.entries[two].content.clone();
            }),
        ),
    ];
    for (code, edit) in edits {
        let mut bundle = honest.clone();
        edit(&mut bundle);
        let bytes = bundle.to_bytes();
        assert_eq!(second(&python, &branched, &bytes), code);
        assert!(first_fails(&branched, &bytes, code), "{code}");
    }

    // A view that its reader did not ask for, and payloads in another spelling: signed, in the log, and refused.
    let mut invented = world::sample();
    let (service, video) = (
        world::clone(&invented.world.service),
        invented.video.clone(),
    );
    let uri = format!("exhibits/{video}/history");
    let officer = world::clone(&invented.officer);
    let token = invented.world.token(&officer, &uri, "Another");
    let details = json!({"reader": officer.actor, "purpose": "Curiosity", "token": token});
    let body = json!({"target": "exhibit", "extent": "history"});
    invented
        .world
        .record(&service, &video, Strand::Access, "viewed", body, details);
    let bytes = invented.world.exhibit_bundle(&video).to_bytes();
    assert_eq!(second(&python, &invented, &bytes), "view-not-signed");
    assert!(first_fails(&invented, &bytes, "view-not-signed"));
    for (name, other) in [
        (
            "seen",
            json!([0, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo"]),
        ),
        (
            "occurred_at",
            json!(["2026-03-14T09:12:00+00:00", "2026-03-14T09:12:00+00:00"]),
        ),
        ("strand", json!({"custody": null})),
    ] {
        let mut bundle = shortened.clone();
        let mut payload = serde_json::to_value(world.entries[registered].entry.payload()).unwrap();
        payload[name] = other;
        let text = payload.to_string();
        let Content::Open(content) = &mut bundle.entries[at].content else {
            panic!("the entry is open")
        };
        content.jws = jws::sign(JwsType::Entry, &text, &sample.officer.key);
        let bytes = bundle.to_bytes();
        assert_eq!(second(&python, &sample, &bytes), "entry-payload", "{name}");
        assert!(first_fails(&sample, &bytes, "entry-payload"), "{name}");
    }

    let bytes = shortened.to_bytes();
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let said = second(&python, &sample, &changed);
        // A line that is no witness's any more is left out, and an older checkpoint then dates nothing.
        let undated = || first(&sample, &changed).has("older-checkpoint-not-witnessed");
        assert!(said != "ok:" || undated(), "byte {at}");
    }
}

fn open(bundle: &mut Bundle, at: usize) -> (&mut Vec<String>, &mut Vec<String>) {
    match &mut bundle.entries[at].content {
        Content::Open(content) => (&mut content.disclosures, &mut content.withheld),
        Content::Withheld(_) => panic!("the entry is open"),
    }
}
