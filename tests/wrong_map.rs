//! An operator who commits to a map that hides something is caught by whoever recomputes it: in the folder, or on the
//! auditor's own machine over the real service; each time with a file that anyone can check.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/operator.rs"]
mod operator;

use std::path::Path;

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Strand;
use custodes::protocol::tree::EntryIndex;
use ledger::{CASE, Ledger, copy, ends, ok, witness_keys};
use operator::Operator;

/// Nothing is published unless it is asked for.
const SELDOM: [&str; 2] = ["--publish-every", "3600000"];

#[test]
fn a_wrong_map_is_caught_with_proof_in_the_folder_and_over_http() {
    let mut ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    witness_keys(&ledger.path("auditor"), "map.inspectorate.example");
    trust(&ledger);
    ledger.stop();
    ledger.start_with(&SELDOM);
    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"a clip").unwrap();
    ledger.register(&file, "JSM/1");
    let reference = format!("{CASE} JSM/1");
    ok(&ledger.run("smith", &["history", &reference]));
    // As it is, the map is right; what comes after it is not published any more.
    let cosign = |ledger: &Ledger| ledger.cosign("vale", "auditor", &[]);
    ends(&cosign(&ledger), 2); // the service's policy names no auditor
    ok(&ledger.run("smith", &["history", &reference]));
    ledger.register(&file, "JSM/2");
    ledger.kill();

    type Lie = fn(&Operator) -> Vec<EntryIndex>;
    let lies: [(&str, Lie); 4] = [
        ("nothing", |_| Vec::new()),
        ("the newest view", |operator| {
            vec![*operator.places(of_access).last().unwrap()]
        }),
        ("the newest exhibit", |operator| {
            let exhibits = operator.places(|one| one.payload().strand == Strand::Exhibits);
            vec![*exhibits.last().unwrap()]
        }),
        ("a chain from long before", |operator| {
            operator.places(|one| one.payload().strand == Strand::Keys)[..1].to_vec()
        }),
    ];
    for (what, hidden) in lies {
        let copied = ledger.path("copied");
        copy(&ledger.path("ledger"), &copied);
        let operator = Operator::at(&copied);
        let hidden = hidden(&operator);
        operator.publish_map_without(&hidden);
        drop(operator);
        let audit = [
            "audit",
            "--dir",
            &copied.display().to_string(),
            "--accept",
            "head-missing",
        ];
        let audited = ledger.run("nobody", &audit);
        let proof = ledger.path("copied.custody-map-fault");
        if hidden.is_empty() {
            ok(&audited);
            assert!(!proof.exists());
        } else {
            let said = ends(&audited, 1);
            assert!(said.contains("[map-differs]"), "{what}: {said}");
            assert!(said.contains("copied.custody-map-fault"), "{what}: {said}");
            shows(&ledger, &proof);
            std::fs::remove_file(&proof).unwrap();
        }
        std::fs::remove_dir_all(&copied).unwrap();
    }

    // The service goes on from what it had committed to; the auditor finds it on a machine of their own.
    let operator = Operator::at(&ledger.path("ledger"));
    let newest = *operator.places(of_access).last().unwrap();
    operator.publish_map_without(&[newest]);
    drop(operator);
    ledger.start();
    ledger.register(&file, "JSM/3");
    let said = ends(&cosign(&ledger), 1);
    assert!(
        said.contains("map-differs") && said.contains("nothing was cosigned"),
        "{said}"
    );
    let proof = ledger.path("vale/wrong-map.custody-map-fault");
    assert!(said.contains("wrong-map.custody-map-fault"), "{said}");
    shows(&ledger, &proof);
    // And so does who had recomputed what came before, and goes on from there.
    std::fs::remove_file(&proof).unwrap();
    ends(&cosign(&ledger), 1);
    shows(&ledger, &proof);
    ledger.stop();
    ends(&ledger.audit("ledger"), 1);
    shows(&ledger, &ledger.path("ledger.custody-map-fault"));
}

#[test]
fn of_two_maps_that_contradict_each_other_one_is_wrong_or_the_log_is_forked() {
    let mut ledger = Ledger::new();
    trust(&ledger);
    let policy = ledger.path("trust.policy").display().to_string();
    ledger.stop();
    ledger.start_with(&SELDOM);
    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"a clip").unwrap();
    ledger.register(&file, "JSM/1");
    ok(&ledger.run("smith", &["seal", &format!("{CASE} JSM/1"), "K1234567"]));
    ledger.kill();

    // 1. Both at the same place of the tree: two roots of one size.
    for folder in ["ledger", "smith"] {
        copy(
            &ledger.path(folder),
            &ledger.path(&format!("other-{folder}")),
        );
    }
    let operator = Operator::at(&ledger.path("other-ledger"));
    operator.publish_map_without(&[]);
    let told = operator.published();
    drop(operator);
    std::fs::write(ledger.path("told.checkpoint"), &told).unwrap();
    let hiding = hide_the_seal(&ledger);
    let [told, hiding] = [&told, &hiding].map(|note| note.lines().take(3).collect::<Vec<_>>());
    assert_eq!(told[..2], hiding[..2]);
    assert_ne!(told[2], hiding[2]);
    bundle(&mut ledger, "forked.custody.json");
    let said = held_against(&ledger, "forked.custody.json", "told.checkpoint");
    assert!(said.contains("[forked]"), "{said}");
    let fork = ledger.path("forked.custody.json.custody-fork");
    let args = ["verify", &fork.display().to_string(), "--policy", &policy];
    let said = ok(&ledger.run("nobody", &args));
    assert!(said.contains("FORK of the log evidence.example"), "{said}");

    // 2. One after the other in one tree: what an audit finds says that the second is wrong.
    for folder in ["ledger", "smith"] {
        std::fs::remove_dir_all(ledger.path(folder)).unwrap();
        let other = ledger.path(&format!("other-{folder}"));
        std::fs::rename(other, ledger.path(folder)).unwrap();
    }
    bundle(&mut ledger, "whole.custody.json");
    ledger.start_with(&SELDOM);
    ok(&ledger.run("smith", &["history", CASE]));
    ledger.kill();
    let hiding = hide_the_seal(&ledger);
    bundle(&mut ledger, "cut.custody.json");
    let said = held_against(&ledger, "cut.custody.json", "whole.custody.json");
    assert!(said.contains("[chain-cut]"), "{said}");
    assert!(!said.contains("[forked]"), "{said}");
    assert!(!ledger.path("cut.custody.json.custody-fork").exists());
    ends(&ledger.audit("ledger"), 1);
    let proof = ledger.path("ledger.custody-map-fault");
    shows(&ledger, &proof);
    let size: u64 = hiding.lines().nth(1).unwrap().parse().unwrap();
    let args = ["verify", &proof.display().to_string(), "--policy", &policy];
    let said = ok(&ledger.run("nobody", &args));
    let named = format!("what it commits to at leaf {} cannot stand there", size - 1);
    assert!(said.contains(&named), "{said}");
}

/// Has the stopped ledger commit to a map in which nothing was sealed, and tell the same; the checkpoint over it.
fn hide_the_seal(ledger: &Ledger) -> String {
    let operator = Operator::at(&ledger.path("ledger"));
    let hidden = operator.places(|entry| entry.payload().event == "sealed");
    assert_eq!(hidden.len(), 1);
    operator.publish_map_without(&hidden);
    operator.leave_out(&hidden);
    operator.published()
}

/// The bundle that the stopped ledger gives.
fn bundle(ledger: &mut Ledger, name: &str) {
    ledger.start_with(&SELDOM);
    ledger.bundle("smith", &format!("{CASE} JSM/1"), name);
    ledger.kill();
}

/// What the verifier says of a bundle that holds by itself, against what somebody kept; it fails.
fn held_against(ledger: &Ledger, bundle: &str, kept: &str) -> String {
    let [bundle, kept, policy] =
        [bundle, kept, "trust.policy"].map(|name| ledger.path(name).display().to_string());
    let args = ["verify", &bundle, "--policy", &policy];
    ends(&ledger.run("nobody", &args), 3);
    let known = [&args[..], &["--known", &kept]].concat();
    ends(&ledger.run("nobody", &known), 1)
}

fn of_access(entry: &UnverifiedEntry) -> bool {
    entry.payload().strand == Strand::Access
}

/// A policy that names the log alone.
fn trust(ledger: &Ledger) {
    let policy = ledger.log_lines() + "quorum none\n";
    std::fs::write(ledger.path("trust.policy"), policy).unwrap();
}

/// Anyone can check it, and nothing that was changed passes.
fn shows(ledger: &Ledger, proof: &Path) {
    let policy = ledger.path("trust.policy").display().to_string();
    let shown = proof.display().to_string();
    let said = ok(&ledger.run("nobody", &["verify", &shown, "--policy", &policy]));
    assert!(
        said.contains("WRONG MAP of the log evidence.example"),
        "{said}"
    );
    assert!(
        said.contains("signed with the key of the log evidence.example"),
        "{said}"
    );
    let said = ends(&ledger.run("nobody", &["verify", &shown]), 3);
    assert!(said.contains("key-not-known"), "{said}");
    let text = std::fs::read_to_string(proof).unwrap();
    let changed = ledger.path("changed.custody-map-fault");
    for (from, to) in [
        ("\nchain 0\n", "\nchain 1\n"),
        ("\nentry 1", "\nentry 2"),
        ("-v1\n", "-v2\n"),
    ] {
        std::fs::write(&changed, text.replacen(from, to, 1)).unwrap();
        let changed = changed.display().to_string();
        let said = ends(
            &ledger.run("nobody", &["verify", &changed, "--policy", &policy]),
            1,
        );
        assert!(said.contains("map-fault-not-shown"), "{said}");
    }
}
