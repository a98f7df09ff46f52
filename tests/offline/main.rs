//! Custody recorded without a network, through the real command, and submitted later byte for byte.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod branches;
#[path = "../common/ledger.rs"]
mod ledger;
mod limits;
mod meanwhile;

use ledger::{CASE, Ledger, ends, ok, seized};
use serde_json::Value;

const PHONE: &str = "44NS1234526 JSM/1";

/// A ledger with a seized phone, a colleague of the officer and an expert of another organisation.
fn with_phone() -> Ledger {
    let ledger = Ledger::new();
    ledger.enrol("hart", "police", "officer", "DC Lee Hart");
    ledger.enrol("webb", "defence-llp", "defence", "Dr Ada Webb");
    seize(&ledger, PHONE);
    ledger
}

fn seize(ledger: &Ledger, target: &str) {
    ok(&ledger.run("smith", &seized(target)));
}

fn carry(ledger: &Ledger, targets: &[&str]) -> String {
    let file = ledger.path("case.carry").display().to_string();
    let mut args = vec!["carry"];
    args.extend(targets);
    args.extend(["--with", "Dr Ada Webb", "--out", &file]);
    ok(&ledger.run("smith", &args));
    file
}

/// The officer has taken the case along, in which nothing is yet; there is no service any more.
fn with_case_alone() -> (Ledger, String) {
    let mut ledger = Ledger::new();
    let file = ledger.path("case.carry").display().to_string();
    ok(&ledger.run("smith", &["carry", CASE, "--out", &file]));
    ledger.kill();
    (ledger, file)
}

fn offline<'a>(file: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--offline", file]].concat()
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stdout));
    })
}

/// Who signs what, in order.
const CHAIN: &[(&str, &[&str])] = &[
    (
        "smith",
        &[
            "record", "sealed", PHONE, "--set", "seal=K1", "--detail", "bag=B7",
        ],
    ),
    (
        "smith",
        &[
            "transfer",
            "offer",
            PHONE,
            "--to",
            "Dr Ada Webb",
            "--seal",
            "K1",
            "--purpose",
            "examination",
        ],
    ),
    (
        "webb",
        &[
            "transfer",
            "accept",
            PHONE,
            "--seal",
            "K1",
            "--condition",
            "undamaged",
        ],
    ),
    ("webb", &["record", "unsealed", PHONE, "--set", "seal=K1"]),
    ("webb", &["record", "sealed", PHONE, "--set", "seal=K2"]),
];

fn sign_chain(ledger: &Ledger, file: &str) {
    for (who, args) in CHAIN {
        let said = ok(&ledger.run(who, &offline(file, args)));
        assert!(said.contains("Signed offline"), "{said}");
    }
}

#[test]
fn two_people_sign_a_chain_without_network_while_others_write_notes() {
    let mut ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    ledger.kill();
    for (who, args) in &CHAIN[..2] {
        ok(&ledger.run(who, &offline(&file, args)));
    }
    // Meanwhile a colleague, who has a network, writes on the same exhibit.
    ledger.start();
    std::fs::write(ledger.path("phone.img"), vec![1; 100_000]).unwrap();
    let image = ledger.path("phone.img").display().to_string();
    let note = [
        "register",
        CASE,
        &image,
        "--event",
        "acquired",
        "--parent",
        PHONE,
        "--kind",
        "forensic-image",
        "--description",
        "logical image",
        "--reference",
        "LHA/1",
    ];
    ok(&ledger.run("hart", &note));
    let told = ok(&ledger.run("hart", &["history", PHONE]));
    assert!(told.contains("came out of exhibit JSM/1"), "{told}");
    ledger.kill();
    for (who, args) in &CHAIN[2..] {
        ok(&ledger.run(who, &offline(&file, args)));
    }
    let check = ok(&ledger.run("webb", &["submit", &file, "--check"]));
    assert!(
        check.contains("every signature in it holds")
            && check.contains(
                "transfer-accepted JSM/1, by Dr Ada Webb (defence-llp) (not submitted yet)"
            )
            && check.contains("held by defence-llp, seal K2"),
        "{check}"
    );
    // No service: nothing is lost, and the same command works later.
    let said = ends(&ledger.run("hart", &["submit", &file]), 2);
    assert!(said.contains("service-unreachable"), "{said}");
    ledger.start();
    let keys = ["smith/key.pem", "webb/key.pem"].map(|key| ledger.path(key));
    for key in &keys {
        std::fs::rename(key, key.with_extension("away")).unwrap();
    }
    // Neither of the two who signed has their key at hand: a third person submits.
    let first = ledger.run("hart", &["--json", "submit", &file]);
    let first = (ends(&first, 0), json(&first)).1;
    let entries = first["entries"].as_array().unwrap();
    assert_eq!(entries.len(), CHAIN.len());
    for (entry, (_, args)) in entries.iter().zip(CHAIN) {
        assert_eq!(entry["state"], "recorded");
        assert!(!entry["receipt"]["proof"].is_null());
        if args[0] == "record" {
            assert_eq!(entry["event"], args[1]);
        }
    }
    let again = json(&ledger.run("hart", &["--json", "submit", &file]));
    for (entry, before) in again["entries"].as_array().unwrap().iter().zip(entries) {
        assert_eq!(entry["state"], "recorded-before");
        assert_eq!(entry["receipt"], before["receipt"]);
    }
    for key in &keys {
        std::fs::rename(key.with_extension("away"), key).unwrap();
    }
    // A copy of the file from before the submission changes nothing either: the same bytes, the same receipts.
    let mut copy: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for one in copy["queue"].as_array_mut().unwrap() {
        one["receipt"] = Value::Null;
    }
    let copied = ledger.path("copy.carry").display().to_string();
    std::fs::write(&copied, copy.to_string()).unwrap();
    let copied = json(&ledger.run("smith", &["--json", "submit", &copied]));
    for (entry, before) in copied["entries"].as_array().unwrap().iter().zip(entries) {
        assert_eq!(entry["receipt"]["index"], before["receipt"]["index"]);
    }
    let told = ok(&ledger.run("smith", &["history", PHONE]));
    let handled = told.split("Who looked:").next().unwrap();
    let custody = handled.matches(" recorded that they ").count();
    assert_eq!(custody, 1 + CHAIN.len(), "{told}");
    // The whole is what it would have been online: it verifies, with no flag for a missing checkpoint.
    let out = ledger.path("b.json").display().to_string();
    ok(&ledger.run("smith", &["bundle", PHONE, "--out", &out]));
    let policy = ledger.path("ledger/policy").display().to_string();
    let said = ends(
        &ledger.run(
            "nobody",
            &["verify", &out, "--policy", &policy, "--timeline"],
        ),
        3,
    );
    assert!(
        said.contains("received exhibit JSM/1 from DC Jo Smith (police)")
            && !said.contains("signed offline"),
        "{said}"
    );
    ledger.kill();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}

/// The bundle of the phone verifies, and the ledger's folder is as it should be.
fn verified_and_audited(who: &str, mut ledger: Ledger) {
    let out = ledger.path("b.json").display().to_string();
    ok(&ledger.run(who, &["bundle", PHONE, "--out", &out]));
    let policy = ledger.path("ledger/policy").display().to_string();
    let verify = ["verify", &out, "--policy", &policy, "--timeline"];
    ends(&ledger.run("nobody", &verify), 3);
    ledger.kill();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}

#[test]
fn what_was_signed_before_a_key_was_revoked_is_adopted() {
    let ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    sign_chain(&ledger, &file);
    let kid = ok(&ledger.run("smith", &["key", "show"]));
    let kid = kid
        .lines()
        .find_map(|line| line.strip_prefix("key id"))
        .unwrap()
        .trim();
    let authority = ledger
        .path("ledger/authority/police.pem")
        .display()
        .to_string();
    let by = [
        "--authority",
        &authority,
        "--org",
        "police",
        "--of",
        "DC Jo Smith",
    ];
    let revoke = [
        &["key", "revoke", "--kid", kid, "--reason", "left the force"],
        &by[..],
    ]
    .concat();
    ok(&ledger.run("nobody", &revoke));
    let said = ends(&ledger.run("hart", &["submit", &file]), 2);
    assert!(
        said.contains("key-not-valid")
            && said.contains("custodes key adopt")
            && said.contains("5 of 5 are not recorded"),
        "{said}"
    );
    // Not by a colleague, nor with the key that counts no more, nor what somebody else signed.
    let adopt = ["key", "adopt", &file, "--reason", "signed before he left"];
    let said = ends(
        &ledger.run("hart", &[&adopt[..], &["--of", "DC Jo Smith"]].concat()),
        2,
    );
    assert!(said.contains("not-adopter"), "{said}");
    let said = ends(&ledger.run("smith", &adopt), 2);
    assert!(
        said.contains("token-key") && said.contains("custodes key adopt"),
        "what to do is said: {said}"
    );
    let said = ends(&ledger.run("hart", &adopt), 2);
    assert!(said.contains("nothing-to-adopt"), "{said}");
    let said = ok(&ledger.run("nobody", &[&adopt[..], &by[..]].concat()));
    assert!(
        said.contains("2 entries of DC Jo Smith (police) now count as signed"),
        "{said}"
    );
    let said = ok(&ledger.run("hart", &["submit", &file]));
    assert!(said.contains("All 5 are recorded"), "{said}");
    let told = ok(&ledger.run("hart", &["history", PHONE]));
    assert!(
        told.matches("[adopted]").count() == 2
            && told.contains("The authority of police recorded that these count as signed, though the key that signed them did not count any more, or not yet: entry "),
        "{told}"
    );
    // The key counts for nothing else.
    let said = ends(
        &ledger.run("smith", &["record", "sealed", PHONE, "--set", "seal=K9"]),
        2,
    );
    assert!(said.contains("key"), "{said}");
    verified_and_audited("hart", ledger);
}

#[test]
fn a_file_that_was_changed_on_the_way_stops_the_next_person() {
    let mut ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    ledger.kill();
    sign_chain(&ledger, &file);
    let good: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let change = |how: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        how(&mut bad);
        assert!(bad != good, "nothing was changed");
        std::fs::write(&file, bad.to_string()).unwrap();
        for args in [
            vec!["submit", &file, "--check"],
            offline(&file, &["record", "unsealed", PHONE, "--set", "seal=K2"]),
        ] {
            let before = std::fs::read(&file).unwrap();
            let said = ends(&ledger.run("webb", &args), 1);
            assert!(said.contains("error[c"), "{said}");
            assert!(said.contains("next: "), "{said}");
            assert_eq!(
                std::fs::read(&file).unwrap(),
                before,
                "the file was touched"
            );
        }
    };
    fn flip(value: &mut Value, at: usize) {
        let text = value.as_str().unwrap();
        let letter = if &text[at..=at] == "A" { "B" } else { "A" };
        *value = format!("{}{letter}{}", &text[..at], &text[at + 1..]).into();
    }
    let queue = |bad: &mut Value| bad["queue"].as_array_mut().unwrap().clone();
    // A signed entry; its signature; one removed, repeated, reordered.
    change(&|bad| flip(&mut bad["queue"][1]["entry"], 300));
    change(&|bad| {
        let end = bad["queue"][1]["entry"]
            .as_str()
            .unwrap()
            .find('~')
            .unwrap();
        flip(&mut bad["queue"][1]["entry"], end - 10);
    });
    change(&|bad| {
        bad["queue"].as_array_mut().unwrap().remove(1);
    });
    change(&|bad| {
        let second = queue(bad)[1].clone();
        bad["queue"].as_array_mut().unwrap().insert(1, second);
    });
    change(&|bad| bad["queue"].as_array_mut().unwrap().swap(0, 1));
    // Where the chain stood; who is enrolled; that it is in the log; the checkpoint.
    change(&|bad| bad["exhibits"][0]["length"] = 7.into());
    change(&|bad| bad["people"] = Value::Array(Vec::new()));
    change(&|bad| bad["people"][0]["receipt"]["index"] = 99.into());
    change(&|bad| flip(&mut bad["people"][0]["entry"], 200));
    change(&|bad| flip(&mut bad["genesis"]["entry"], 300));
    change(&|bad| {
        // In the line of the log key that the policy names: a published one has others behind it, for others to check.
        let line = bad["checkpoint"]
            .as_str()
            .unwrap()
            .find('\u{2014}')
            .unwrap();
        flip(&mut bad["checkpoint"], line + 60);
    });
    std::fs::write(&file, good.to_string()).unwrap();
    ok(&ledger.run("webb", &["submit", &file, "--check"]));
}

#[test]
fn an_exhibit_opened_offline_and_a_folder_registered_offline() {
    let (mut ledger, file) = with_case_alone();
    let folder = ledger.path("export");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), b"a").unwrap();
    std::fs::write(folder.join("b.txt"), b"b").unwrap();
    let folder = folder.display().to_string();
    ok(&ledger.run("smith", &offline(&file, &seized(PHONE))));
    ok(&ledger.run(
        "smith",
        &offline(&file, &["record", "sealed", "JSM/1", "--set", "seal=K1"]),
    ));
    let register = [
        "register",
        CASE,
        &folder,
        "--kind",
        "document",
        "--reference",
        "JSM/2",
        "--description",
        "export",
        "--power",
        "consent",
    ];
    ok(&ledger.run("smith", &offline(&file, &register)));
    ledger.start();
    let said = ok(&ledger.run("smith", &["submit", &file]));
    assert!(said.contains("All 3 are recorded"), "{said}");
    let out = ledger.path("out/b.json").display().to_string();
    ok(&ledger.run("smith", &["bundle", "44NS1234526 JSM/2", "--out", &out]));
    let policy = ledger.path("ledger/policy").display().to_string();
    ends(
        &ledger.run(
            "nobody",
            &["verify", &out, "--policy", &policy, "--file", &folder],
        ),
        3,
    );
}
