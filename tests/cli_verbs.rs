//! Verbs for the common events, bags and stores, through the real command and service, and checked offline.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use ledger::{CASE, Ledger, ends, ok};
use sha2::{Digest as _, Sha256};

fn seize(ledger: &Ledger, reference: &str, kind: &str) {
    let target = format!("{CASE} {reference}");
    let kind = format!("kind={kind}");
    let args = [
        "record",
        "seized",
        &target,
        "--set",
        &kind,
        "--detail",
        "description=as found",
        "--detail",
        "power_or_consent=PACE 1984 s.19",
        "--detail",
        "place=Harbour Street",
    ];
    ok(&ledger.run("smith", &args));
}

#[test]
fn a_bag_goes_to_a_store_and_what_is_in_it_goes_too() {
    let ledger = Ledger::new();
    ledger.enrol("hart", "police", "store,officer", "Lee Hart");
    let smith = |args: &[&str]| ok(&ledger.run("smith", args));
    seize(&ledger, "JSM/1", "device");
    seize(&ledger, "JSM/2", "container");
    let (sim, bag) = ("44NS1234526 JSM/1", "44NS1234526 JSM/2");
    smith(&["seal", sim, "K1"]);
    smith(&["pack", sim, bag]);
    let wrong = ledger.run("smith", &["pack", bag, sim]);
    assert!(wrong.status.code() == Some(2));
    let words = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        words.contains("not-a-container") && words.contains("next: "),
        "{words}"
    );
    let offer = ["hand-over", bag, "--to", "police", "--store", "store-2"];
    smith(&offer);
    let taken = ["transfer", "accept", bag];
    ok(&ledger.run("hart", &taken));
    smith(&["hold", sim, "--basis", "appeal lodged"]);
    let refused = ledger.run(
        "hart",
        &[
            "record",
            "disposal-authorised",
            sim,
            "--set",
            "method=shredding",
            "--detail",
            "basis=no longer needed",
        ],
    );
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("under-hold"), "{words}");

    // The bundle of what was in the bag has the bag's history, and the verifier comes to the same holder.
    let bundle = ledger.path("sim.custody.json").display().to_string();
    smith(&["bundle", sim, "--out", &bundle]);
    let policy = ledger.path("ledger/policy").display().to_string();
    let check = [
        "verify",
        &bundle,
        "--policy",
        &policy,
        "--timeline",
        "--schedule",
    ];
    let told = ends(&ledger.run("nobody", &check), 3);
    for words in [
        "last recorded with Lee Hart (police)",
        "DC Jo Smith (police) recorded that they put exhibit JSM/1 into exhibit JSM/2.",
        "to the store \"store-2\" of police (by hand)",
        "SCHEDULES OF HANDLING",
        "\nLee Hart (police)\n- ",
        "they placed a hold on exhibit JSM/1",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
}

#[test]
fn a_copy_a_clip_and_a_feed_that_grows() {
    let ledger = Ledger::new();
    let smith = |args: &[&str]| ok(&ledger.run("smith", args));
    let file = |name: &str, bytes: &[u8]| {
        let path = ledger.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let grown = vec![7u8; (2 << 20) + 5];
    let old = file("old.gpx", &grown[..1 << 20]);
    let new = file("new.gpx", &grown);
    let other = file("other.gpx", b"other");
    let register = [
        "register",
        CASE,
        &old,
        "--kind",
        "wearable-data",
        "--reference",
        "JSM/3",
        "--description",
        "fixes",
        "--power",
        "request",
        "--detail",
        "clock_offset=none",
    ];
    smith(&register);
    let tag = "44NS1234526 JSM/3";
    let make = |verb: &str, from: &str, reference: &str, role: &[&str]| {
        let mut args = vec![
            verb,
            tag,
            from,
            "--kind",
            "wearable-data",
            "--reference",
            reference,
        ];
        args.extend(["--description", "made", "--detail", "tool=test 1"]);
        args.extend(role);
        ledger.run("smith", &args)
    };
    ok(&make("copy", &old, "JSM/4", &[]));
    let failed = ok(&make("copy", &other, "JSM/5", &[]));
    assert!(
        failed.contains("JSM/5") || failed.contains("The exhibit is"),
        "{failed}"
    );
    assert_eq!(make("derive", &other, "JSM/6", &[]).status.code(), Some(2));
    ok(&make("derive", &other, "JSM/6", &["--role", "clip"]));
    smith(&["extend", tag, &old, &new, "--period", "second week"]);
    // The registered bytes are those that it grew to; what somebody else digested replaces nothing.
    smith(&["check", tag, &new]);
    let with = ["--detail", "tool=test 1"];
    let digested = ["record", "digested", tag, "--digest-file", &other];
    smith(&[&digested[..], &with].concat());
    smith(&["check", tag, &new]);
    for wrong in [&old, &other] {
        ends(&ledger.run("smith", &["check", tag, wrong]), 1);
    }
    let lineage = smith(&["lineage", tag]);
    let hash = Sha256::digest(&grown);
    let grown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(lineage.contains(&grown[..16]), "{grown}\n{lineage}");
    smith(&["extend", tag, &new, &old, "--period", "nothing"]);

    let bundle = ledger.path("case.custody.json").display().to_string();
    smith(&["bundle", CASE, "--out", &bundle]);
    let policy = ledger.path("ledger/policy").display().to_string();
    let check = ["verify", &bundle, "--policy", &policy, "--timeline"];
    let told = ends(&ledger.run("nobody", &check), 3);
    assert_eq!(
        told.matches("The digest recorded for the copy is not the one registered for its source")
            .count(),
        1,
        "{told}"
    );
    assert_eq!(
        told.matches("Nothing here proves that the new bytes begin with the old")
            .count(),
        1,
        "{told}"
    );
    assert!(
        told.contains("they added \"second week\" to exhibit JSM/3, which now has 2097157 bytes"),
        "{told}"
    );
}
