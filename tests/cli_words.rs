//! What the command says when something is wrong: which, why, and what to do next; and nothing was recorded.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use ledger::{CASE, Ledger, ends, ok};

const PHONE: &str = "44NS1234526 JSM/1";

#[test]
fn every_mistake_is_named_with_what_to_do_next() {
    let mut ledger = Ledger::new();
    let file = ledger.path("a.txt");
    std::fs::write(&file, b"a").unwrap();
    let file = file.display().to_string();
    let register = |reference: &'static str| {
        vec![
            "register",
            CASE,
            file.as_str(),
            "--kind",
            "audio",
            "--description",
            "x",
            "--power",
            "consent",
            "--reference",
            reference,
        ]
    };
    ok(&ledger.run("smith", &register("JSM/1")));
    let head = ok(&ledger.run("smith", &["history", CASE]));
    let again = register("JSM/1");
    let missing = "/nonexistent/file";
    // What is typed, what is said.
    let table: &[(&[&str], &[&str])] = &[
        (
            &again,
            &[
                "error[reference-taken]",
                "JSM/1 is already the reference of another exhibit",
            ],
        ),
        (
            &["case", "open", "--reference", CASE, "--title", "x"],
            &["error[reference-taken]"],
        ),
        (
            &["record", "seald", PHONE, "--set", "seal=K1"],
            &["error[event-unknown]", "did you mean sealed"],
        ),
        (
            &["record", "zzz", PHONE],
            &[
                "error[event-unknown]",
                "the events are: ",
                "transfer-offered",
            ],
        ),
        (
            &["record", "sealed", PHONE],
            &["error[bad-body]", "lacks \"seal\""],
        ),
        (
            &["record", "sealed", CASE, "--set", "seal=K1"],
            &[
                "error[reference-unknown]",
                "is a case, not an exhibit",
                "44NS1234526 JSM/1",
            ],
        ),
        (
            &["record", "seized", "JSM/9", "--set", "kind=device"],
            &["error[reference-unknown]", "name its case first"],
        ),
        (
            &[
                "record",
                "seized",
                "44NS1234526 JSM/9",
                "--set",
                "kind=device",
            ],
            &[
                "error[detail-missing]",
                "needs to say: description",
                "--detail \"description=WORDS\"",
            ],
        ),
        (
            &["record", "viewed", PHONE],
            &["error[service-only]", "by itself"],
        ),
        (
            &[
                "register",
                CASE,
                &file,
                "--kind",
                "audio",
                "--description",
                "x",
            ],
            &["error[detail-missing]", "--power"],
        ),
        (
            &[
                "register",
                CASE,
                missing,
                "--kind",
                "audio",
                "--description",
                "x",
                "--power",
                "y",
            ],
            &["error[evidence-unreadable]: cannot read /nonexistent/file"],
        ),
        (
            &[
                "case", "join", "NONE", "--org", "police", "--part", "police",
            ],
            &["error[reference-unknown]", "check the spelling"],
        ),
        (
            &["transfer", "accept", PHONE],
            &["error[no-open-offer]", "transfer offer"],
        ),
        (
            &[
                "lookup",
                "--sha256",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ],
            &[
                "error[not-registered-or-not-visible]",
                "is it the right file",
            ],
        ),
        (
            &["history", PHONE, "--url", "nonsense"],
            &["error[url]", "begins with https://"],
        ),
    ];
    for (args, words) in table {
        let said = ends(&ledger.run("smith", args), 2);
        assert!(said.contains("next: "), "{args:?}: {said}");
        for word in *words {
            assert!(said.contains(word), "{args:?}: {said}");
        }
    }
    // Words of the rules, by the parser.
    for (args, words) in [
        (
            vec![
                "register",
                CASE,
                &file,
                "--kind",
                "sound",
                "--description",
                "x",
            ],
            "surveillance-footage",
        ),
        (
            vec!["case", "join", CASE, "--org", "police", "--part", "navy"],
            "prosecution",
        ),
        (vec!["regster", CASE], "register"),
        (
            vec![
                "init",
                "--dir",
                "x",
                "--origin",
                "e.example",
                "--org",
                "a:navy",
            ],
            "the sectors are police",
        ),
    ] {
        let said = ends(&ledger.run("smith", &args), 2);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let said = ends(&ledger.run("smith", &["--json", "regster"]), 2);
    assert!(said.contains("{\"error\":{\"code\":\"usage\""), "{said}");
    // None of it left an entry.
    let same = |text: &str| {
        text.lines()
            .filter(|line| !line.contains(" read the history of "))
            .count()
    };
    let now = ok(&ledger.run("smith", &["history", CASE]));
    assert_eq!(
        now.matches("was added to").count(),
        head.matches("was added to").count()
    );
    assert!(same(&now) >= same(&head));
    // History reads as a person would tell it: names and numbers, no tokens or ids.
    let told = ok(&ledger.run("smith", &["history", PHONE]));
    assert!(
        told.contains(
            "DC Jo Smith (police) recorded that they registered exhibit JSM/1 (audio, original)"
        ),
        "{told}"
    );
    let looked = "recorded that DC Jo Smith (police) read the history of exhibit JSM/1";
    assert!(told.contains(looked), "{told}");
    assert!(!told.contains("token") && !told.contains("eyJ"), "{told}");
    ledger.kill();
    let said = ends(&ledger.run("smith", &["history", PHONE]), 2);
    assert!(
        said.contains("error[service-unreachable]") && said.contains("next: "),
        "{said}"
    );
    let said = ends(&ledger.run("nobody", &["history", PHONE]), 2);
    assert!(
        said.contains("error[not-enrolled]") && said.contains("custodes key new"),
        "{said}"
    );
}

#[test]
fn completions_know_every_command() {
    let ledger_free = std::process::Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(["completions", "bash"])
        .output()
        .unwrap();
    let script = String::from_utf8(ledger_free.stdout).unwrap();
    for word in ["register-many", "surveillance-footage", "--offline"] {
        assert!(script.contains(word), "{word}");
    }
}
