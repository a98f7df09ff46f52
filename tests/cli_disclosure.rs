//! Disclosure through the real command and service: what each side is given, and can report.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use std::process::Output;

use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;

fn has(text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{one}\n\n{text}");
    }
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A ledger with exhibits JSM/1 and so on, as many as asked for.
fn with_exhibits(count: usize) -> Ledger {
    let ledger = Ledger::new();
    for number in 1..=count {
        let reference = format!("JSM/{number}");
        let file = ledger.path(&format!("JSM-{number}"));
        std::fs::write(&file, &reference).unwrap();
        ledger.register(&file, &reference);
    }
    ledger
}

/// Runs the command as the disclosure officer, who must succeed.
fn smith(ledger: &Ledger, args: &[&str]) -> String {
    ok(&ledger.run("smith", args))
}

#[test]
fn both_sides_report_what_was_served_and_the_defence_nothing_of_what_is_sensitive() {
    let ledger = with_exhibits(4);
    let set = |event: &str, body: &[&str], details: &[&str]| {
        let mut args = vec!["record", event, CASE];
        body.iter().for_each(|one| args.extend(["--set", one]));
        details
            .iter()
            .for_each(|one| args.extend(["--detail", one]));
        smith(&ledger, &args);
    };
    let schedule = |exhibit: &str, schedule: &str| {
        let (exhibit, schedule) = (
            format!("exhibit={CASE} {exhibit}"),
            format!("schedule={schedule}"),
        );
        set("scheduled", &[&exhibit, &schedule], &["description=a page"]);
    };
    set(
        "stage-set",
        &["stage=stage-1", "due=2099-03-20T10:00:00+00:00"],
        &[],
    );
    set(
        "stage-set",
        &["stage=idpc", "due=2020-03-20T10:00:00+00:00"],
        &[],
    );
    schedule("JSM/1", "mg6e");
    schedule("JSM/2", "mg6e");
    schedule("JSM/3", "mg6c");
    schedule("JSM/4", "mg6d");
    let to = [
        "--to",
        "defence-llp",
        "--stage",
        "stage-1",
        "--exhibit",
        "JSM/1",
    ];
    smith(&ledger, &[&["disclose", CASE], &to[..]].concat());
    let late = [
        "--to",
        "defence-llp",
        "--stage",
        "idpc",
        "--exhibit",
        "JSM/3",
    ];
    smith(&ledger, &[&["disclose", CASE], &late[..]].concat());
    let wrong = [
        "disclose",
        CASE,
        "--to",
        "defence-llp",
        "--stage",
        "stage1",
        "--exhibit",
        "JSM/2",
    ];
    ends(&ledger.run("smith", &wrong), 2);
    let file = format!("JSM/1={}", ledger.path("JSM-1").display());
    let args = ["acknowledge", CASE, "--file", &file, "--disclosure"];
    let report = ["report", "disclosure", CASE, "--purpose", "review"];
    let of = |home: &str| value(&ledger.run(home, &[&["--json"], &report[..]].concat()));
    let first = of("smith")["disclosures"][0]["entry"].to_string();
    ok(&ledger.run("morgan", &[&args[..], &[&first]].concat()));

    let told = ends(&ledger.run("smith", &report), 3);
    has(
        &told,
        &[
            "IDPC, due 20 March 2020 10:00:00 UTC\n  Served in time: 0; late: 1; not at all: 0;",
            "exhibit JSM/1 to defence-llp: served in time on ",
            "exhibit JSM/2 to defence-llp: not served yet; on MG6E",
            "ON SCHEDULE MG6D (sensitive): 1\n",
            "acknowledged by Alex Morgan (defence-llp) on ",
            "their own digest agrees: exhibit JSM/1\n",
            "not acknowledged by defence-llp, after ",
        ],
    );
    let kept = ledger.path("theirs.custody.json").display().to_string();
    let args = [&report[..], &["--keep", &kept]].concat();
    let told = ends(&ledger.run("morgan", &args), 3);
    has(
        &told,
        &[
            "exhibit JSM/1 to defence-llp: served in time on ",
            "to defence-llp: not served yet; on MG6E",
            "ON SCHEDULE MG6C (unused, not sensitive): 1\n",
            "their own digest agrees: exhibit JSM/1\n",
        ],
    );
    assert!(!told.contains("MG6D (sensitive)"), "{told}");
    assert!(!told.contains("NOT IN THIS REPORT"), "{told}");
    // Anybody makes the same report again, without a service.
    let policy = ledger.path("ledger/policy").display().to_string();
    let args = [
        "report",
        "disclosure",
        "--bundle",
        &kept,
        "--policy",
        &policy,
    ];
    let mut again = ledger.command("nobody", &args);
    let again = again.env_remove("CUSTODES_URL").output().unwrap();
    assert_eq!(ends(&again, 3), told);
    // It is of a case.
    let exhibit = format!("{CASE} JSM/1");
    let args = ["report", "disclosure", &exhibit, "--purpose", "review"];
    ends(&ledger.run("smith", &args), 2);
}
