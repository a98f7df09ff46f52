//! A service that was changed to leave something out: of what it tells, of the bundles that it gives, or of the map that
//! it commits to. Real service, real command; each time somebody who has no more than that command sees it, or is told
//! that it is not proven.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/liar.rs"]
mod liar;
#[path = "common/operator.rs"]
mod operator;

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Strand;
use custodes::protocol::tree::EntryIndex;
use ledger::{CASE, Ledger, copy, ends, ok};
use liar::Liar;
use operator::Operator;

/// An exhibit that was looked at, examined, sealed, and copied; and another after it.
fn ledger() -> Ledger {
    let ledger = Ledger::new();
    let policy = std::fs::read_to_string(ledger.path("ledger/policy")).unwrap();
    let lines = policy.lines().map(|line| line.trim_start_matches("# "));
    let logs: String = lines
        .filter(|line| line.starts_with("log "))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(ledger.path("trust.policy"), logs + "quorum none\n").unwrap();
    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"a clip").unwrap();
    ledger.register(&file, "JSM/1");
    let exhibit = format!("{CASE} JSM/1");
    for _ in 0..2 {
        ok(&ledger.run("smith", &["history", &exhibit]));
    }
    ok(&ledger.run("smith", &["seal", &exhibit, "K1234567"]));
    let copied = ledger.path("copy.bin");
    std::fs::write(&copied, b"a clip").unwrap();
    let copied = copied.display().to_string();
    ok(&ledger.run(
        "smith",
        &[
            "copy",
            &exhibit,
            &copied,
            "--kind",
            "other",
            "--role",
            "working",
            "--reference",
            "JSM/1-C",
            "--description",
            "a copy",
        ],
    ));
    ledger.register(&file, "JSM/2");
    ledger
}

/// What is left out, in words, and which entry that is.
type Lie = (&'static str, fn(&Operator) -> EntryIndex);

fn newest(operator: &Operator, wanted: impl Fn(&UnverifiedEntry) -> bool) -> EntryIndex {
    *operator.places(wanted).last().unwrap()
}

fn event(name: &'static str) -> impl Fn(&UnverifiedEntry) -> bool {
    move |entry| entry.payload().event == name
}

const LIES: [Lie; 5] = [
    ("the end of custody", |operator| {
        newest(operator, event("sealed"))
    }),
    ("the beginning of custody", |operator| {
        operator.places(event("registered"))[0]
    }),
    ("a view", |operator| operator.places(event("viewed"))[0]),
    ("the derivative", |operator| {
        newest(operator, event("child-added"))
    }),
    ("an exhibit of the case", |operator| {
        newest(operator, event("exhibit-added"))
    }),
];

#[test]
fn what_a_service_leaves_out_of_histories_and_bundles_is_missed() {
    let mut ledger = ledger();
    let exhibit = format!("{CASE} JSM/1");
    // As it is.
    for target in [&exhibit, CASE] {
        // A bundle has what was recorded so far published.
        let (code, said) = bundle(&ledger, target, "honest.custody.json", &[]);
        assert!(code == 3 && said.contains("no-witness"), "{said}");
        let said = ok(&ledger.run("smith", &["history", target]));
        assert!(
            said.contains("This is complete as committed by the operator"),
            "{said}"
        );
        let said = ok(&ledger.run("smith", &["completeness", target]));
        assert!(
            said.contains("complete as committed by the operator"),
            "{said}"
        );
    }
    // Who may not see it learns no more than of what is not there.
    let said = ok(&ledger.run("smith", &["--json", "completeness", &exhibit]));
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    let id = told["subject"].as_str().unwrap();
    let refusals = [id, "AAAAAAAAAAAAAAAAAAAAAA"].map(|id| {
        let said = ends(&ledger.run("morgan", &["completeness", id]), 2);
        said.replace(id, "it")
    });
    assert_eq!(refusals[0], refusals[1]);
    ledger.stop();
    for (what, hidden) in LIES {
        // People remember what they verified: each lie begins anew.
        for folder in ["ledger", "smith"] {
            copy(
                &ledger.path(folder),
                &ledger.path(&format!("honest-{folder}")),
            );
        }
        let operator = Operator::at(&ledger.path("ledger"));
        let hidden = hidden(&operator);
        let strand = operator.entry(hidden).unwrap().payload().strand;
        operator.leave_out(&[hidden]);
        drop(operator);
        ledger.start();
        let target = match strand {
            Strand::Exhibits => CASE,
            _ => &exhibit,
        };
        let told = ledger.run("smith", &["history", target]);
        assert_ne!(
            told.status.code(),
            Some(0),
            "{what}: {}",
            String::from_utf8_lossy(&told.stdout)
        );
        for target in [target, CASE] {
            let (code, said) = bundle(&ledger, target, "cut.custody.json", &[]);
            let failed = [
                "map-differs",
                "chain-",
                "rule-broken",
                "companion-missing",
                "entry-in-no-chain",
            ];
            assert_eq!(code, 1, "{what}, {target}: {said}");
            assert!(
                failed.iter().any(|code| said.contains(code)),
                "{what}, {target}: {said}"
            );
        }
        ledger.stop();
        for folder in ["ledger", "smith"] {
            std::fs::remove_dir_all(ledger.path(folder)).unwrap();
            let honest = ledger.path(&format!("honest-{folder}"));
            std::fs::rename(honest, ledger.path(folder)).unwrap();
        }
    }
}

#[test]
fn a_history_that_is_cut_on_its_way_is_held_against_the_count() {
    let mut ledger = ledger();
    let exhibit = format!("{CASE} JSM/1");
    let liar = Liar::before(&ledger);
    ledger.stop();
    ledger.start_with(&["--public-url", &liar.url]);
    let said = ok(&liar.run(&ledger, "smith", &["--json", "history", &exhibit]));
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["completeness"]["shown"], true);
    let all = told["entries"].as_array().unwrap().len();
    // All of that is published with a bundle.
    let out = ledger.path("all.custody.json").display().to_string();
    ok(&liar.run(&ledger, "smith", &["bundle", &exhibit, "--out", &out]));
    let mut caught = 0;
    for at in 0..all {
        // What was there when it was first read; each reading adds one.
        let strand = told["entries"][at]["chain"]["strand"].as_str().unwrap();
        liar.change(move |answer| {
            let entries = answer.get_mut("entries").and_then(|all| all.as_array_mut());
            if let Some(entries) = entries.filter(|entries| entries.len() >= all) {
                entries.remove(at);
            }
        });
        let said = liar.run(&ledger, "smith", &["history", &exhibit]);
        let said = ends(&said, 1);
        assert!(
            said.contains("NOT ALL OF IT WAS TOLD: chain "),
            "{at} {strand}: {said}"
        );
        caught += 1;
    }
    assert_eq!(caught, all);
    // A count that is refused, or tampered with, is no proof.
    liar.change(|answer| {
        if let Some(chains) = answer.get_mut("chains").and_then(|all| all.as_array_mut()) {
            chains[0]["entries"] = 1.into();
        }
    });
    let said = ends(&liar.run(&ledger, "smith", &["history", &exhibit]), 1);
    assert!(said.contains("is not shown"), "{said}");
    let said = ends(&liar.run(&ledger, "smith", &["completeness", &exhibit]), 1);
    assert!(said.contains("completeness-not-proven"), "{said}");
}

#[test]
fn two_maps_in_turn_are_held_against_each_other() {
    let mut ledger = ledger();
    ledger.stop();
    ledger.start_with(&["--publish-every", "3600000"]);
    let exhibit = format!("{CASE} JSM/1");
    let (code, said) = bundle(&ledger, &exhibit, "kept.custody.json", &[]);
    assert_eq!(code, 3, "{said}");
    // The map that is committed to says that it was never sealed, then that it was, and then not again.
    for (turn, hides) in [true, false, true].into_iter().enumerate() {
        ok(&ledger.run("smith", &["history", CASE]));
        ledger.kill();
        let operator = Operator::at(&ledger.path("ledger"));
        let sealed = newest(&operator, event("sealed"));
        match hides {
            true => {
                operator.publish_map_without(&[sealed]);
                operator.leave_out(&[sealed]);
            }
            false => {
                operator.publish_map_without(&[]);
                operator.put_back(&[sealed]);
            }
        }
        drop(operator);
        ledger.start_with(&["--publish-every", "3600000"]);
        let file = format!("turn-{turn}.custody.json");
        let (code, said) = bundle(&ledger, &exhibit, &file, &[]);
        assert_eq!(code, 3, "by itself it holds: {said}");
        assert!(!said.contains("recomputed by"), "{said}");
        let (code, said) = bundle_known(&ledger, &file, "kept.custody.json");
        match hides {
            true => assert!(code == 1 && said.contains("chain-cut"), "{said}"),
            false => assert_eq!(code, 3, "{said}"),
        }
    }
    // Who was shown it whole, and then cut; whichever is held against the other.
    for (one, other) in [
        ("turn-1", "turn-2"),
        ("turn-2", "turn-1"),
        ("turn-0", "turn-1"),
    ] {
        let (one, other) = (
            format!("{one}.custody.json"),
            format!("{other}.custody.json"),
        );
        let (code, said) = bundle_known(&ledger, &one, &other);
        assert!(
            code == 1 && said.contains("chain-cut"),
            "{one} {other}: {said}"
        );
    }
}

/// Takes a bundle and checks it.
fn bundle(ledger: &Ledger, target: &str, file: &str, more: &[&str]) -> (i32, String) {
    let out = ledger.path(file).display().to_string();
    let _ = std::fs::remove_file(&out);
    ok(&ledger.run("smith", &["bundle", target, "--out", &out]));
    verify(ledger, &out, more)
}

fn bundle_known(ledger: &Ledger, file: &str, known: &str) -> (i32, String) {
    let [file, known] = [file, known].map(|name| ledger.path(name).display().to_string());
    verify(ledger, &file, &["--known", &known])
}

fn verify(ledger: &Ledger, file: &str, more: &[&str]) -> (i32, String) {
    let policy = ledger.path("trust.policy").display().to_string();
    let args = [&["verify", file, "--policy", &policy], more].concat();
    let ended = ledger.run("nobody", &args);
    let text = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}
