//! One operator, who holds every key of the service, lies in three ways, and is caught each time by somebody else, with
//! something that anyone can check. Everything is real: service, people, witnesses, monitor, verifier.
//!
//! 1. Two histories: the court is given one, the defence another.
//! 2. In the second an entry stands that was signed after the fact, at a place from before the court's copy.
//! 3. The service's clock is set back, so that entries look older than they are.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use std::path::{Path, PathBuf};

use custodes::protocol::bundle::{Bundle, Content};
use custodes::protocol::entry::UnverifiedEntry;
use ledger::{CASE, Ledger, copy};
use serde_json::Value;
use witnessed::{policy, published, ready, three, until, witnessed};

const TRUST: &str = "trust.policy";

#[test]
fn an_operator_who_lies_is_caught_each_time() {
    two_histories_and_an_entry_put_in_afterwards();
    a_clock_set_back();
}

fn two_histories_and_an_entry_put_in_afterwards() {
    let (mut ledger, witnesses) = witnessed();
    // Everybody has the trust policy from the beginning: two of court, defence and oversight.
    std::fs::copy(ledger.path("ledger/policy"), ledger.path(TRUST)).unwrap();
    ledger.stop();
    copy(&ledger.path("ledger"), &ledger.path("second"));
    copy(&ledger.path("smith"), &ledger.path("smith-second"));
    ledger.start();
    until("a quorum", || ready(&ledger).0 == 200);

    // What happened, and what the court is given. Somebody watches the log.
    ledger.register_new("smith", "photograph");
    let for_court = bundle(&ledger, "smith", "for-court.custody.json");
    until("the photograph is published", || {
        published(&ledger).0 >= newest(&for_court)
    });
    ledger.register_new("smith", "statement");
    let honest = entries(&bundle(&ledger, "smith", "later.custody.json"));
    assert_eq!(watch(&ledger).0, 0, "all is well");
    let (said, code) = verify(&ledger, &for_court, &[]);
    assert_eq!(code, 3, "{said}");

    // The operator goes back to before the photograph, and has an officer sign that a knife was found then.
    ledger.stop();
    std::fs::rename(ledger.path("ledger"), ledger.path("first")).unwrap();
    std::fs::rename(ledger.path("second"), ledger.path("ledger")).unwrap();
    let log = std::fs::read_to_string(ledger.path(TRUST)).unwrap();
    let log: String = log
        .lines()
        .filter(|line| line.starts_with("log "))
        .map(|line| format!("{line}\n"))
        .collect();
    let unwitnessed = format!("{log}quorum none\n");
    std::fs::write(ledger.path("ledger/policy"), &unwitnessed).unwrap();
    std::fs::write(ledger.path("log.policy"), &unwitnessed).unwrap();
    ledger.start();
    ledger.register_new("smith-second", "knife");
    // Those who signed in the first history have signed what the log was then: their entries do not fit behind it.
    let seen = honest.iter().map(|one| {
        let answer = submitter::submit(&ledger.url, one).unwrap();
        (answer.status, answer.code().to_owned())
    });
    let seen: Vec<_> = seen.collect();
    assert!(
        seen.contains(&(422, "seen-not-on-tree".to_owned())),
        "{seen:?}"
    );
    for name in ["letter", "diary", "map"] {
        ledger.register_new("smith-second", name);
    }
    let for_defence = bundle(&ledger, "smith-second", "for-defence.custody.json");
    assert!(newest(&for_defence) > newest(&for_court));

    // Caught by the defence's own policy: no witness stands behind that history.
    let (said, code) = verify(&ledger, &for_defence, &[]);
    assert!(code == 1 && said.contains("quorum-not-met"), "{said}");
    // Caught where court and defence compare what they were given, even without any witness.
    let (said, code) = verify(&ledger, &for_defence, &[("--policy", "log.policy")]);
    assert_eq!(code, 3, "by itself it holds: {said}");
    let known = [
        ("--policy", "log.policy"),
        ("--known", "for-court.custody.json"),
    ];
    let (said, code) = verify(&ledger, &for_defence, &known);
    assert!(code == 1 && said.contains("forked"), "{said}");
    shows_the_fork(
        &ledger,
        &ledger.path("for-defence.custody.json.custody-fork"),
    );
    // Caught by whoever watched.
    let (code, said) = watch(&ledger);
    let alarm = &said["ledgers"][0]["alarms"][0];
    assert_eq!((code, &alarm["code"]), (1, &"fork".into()), "{said}");
    shows_the_fork(&ledger, Path::new(alarm["proof"].as_str().unwrap()));
    // Caught by the witnesses, as soon as they are asked to cosign it; and nothing more is signed.
    ledger.stop();
    std::fs::copy(ledger.path(TRUST), ledger.path("ledger/policy")).unwrap();
    ledger.start();
    until("the alarm", || ready(&ledger).1.contains("ALARM"));
    assert!(ready(&ledger).1.contains("was changed"));
    shows_the_fork(
        &ledger,
        &only_file(&ledger.path("ledger/forks"), "custody-fork"),
    );
    until("a witness's proof", || {
        witnesses.iter().any(|one| one.dir().join("forks").is_dir())
    });
    for witness in witnesses
        .iter()
        .filter(|one| one.dir().join("forks").is_dir())
    {
        shows_the_fork(
            &ledger,
            &only_file(&witness.dir().join("forks"), "custody-fork"),
        );
    }
}

fn a_clock_set_back() {
    let Some(library) = witnessed::faketime() else {
        return;
    };
    let mut ledger = Ledger::new();
    let mut witnesses = three(&ledger);
    // The service is an hour behind everybody else. It is the others' clocks that are moved here, which is the same.
    for witness in &mut witnesses {
        witness.kill();
        witness.env = vec![
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", "+1h".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        witness.start();
    }
    ledger.stop();
    let trust = policy(&ledger, &witnesses, 2, false);
    std::fs::write(ledger.path(TRUST), &trust).unwrap();
    std::fs::write(ledger.path("ledger/policy"), &trust).unwrap();
    ledger.start();
    until("a quorum", || ready(&ledger).0 == 200);
    ledger.register_new("smith", "photograph");
    let given = bundle(&ledger, "smith", "given.custody.json");
    // The cosignatures, which the operator cannot make, say when the log had the entry and when it had it not.
    let (said, code) = verify(&ledger, &given, &[]);
    assert!(
        code == 1 && said.contains("recorded-outside-bracket"),
        "{said}"
    );
}

fn bundle(ledger: &Ledger, home: &str, name: &str) -> PathBuf {
    ledger.bundle(home, CASE, name)
}

fn read(bundle: &Path) -> Bundle {
    Bundle::parse(&std::fs::read(bundle).unwrap()).unwrap()
}

/// Size of the newest checkpoint in a bundle.
fn newest(bundle: &Path) -> u64 {
    let note = read(bundle).checkpoints.last().unwrap().clone();
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// What people signed, as it was signed.
fn entries(bundle: &Path) -> Vec<UnverifiedEntry> {
    let open = read(bundle)
        .entries
        .into_iter()
        .filter_map(|one| match one.content {
            Content::Open(content) => Some((content.jws, content.disclosures)),
            Content::Withheld(_) => None,
        });
    open.map(|(jws, disclosures)| {
        let disclosures: String = disclosures.iter().map(|one| format!("{one}~")).collect();
        UnverifiedEntry::parse_whole(&format!("{jws}~{disclosures}")).unwrap()
    })
    .collect()
}

/// What the verifier says, and its exit code; the trust policy is the one of the beginning unless another is named.
fn verify(ledger: &Ledger, file: &Path, more: &[(&str, &str)]) -> (String, i32) {
    let mut args = vec!["verify".to_owned(), file.display().to_string()];
    let usual = ("--policy", TRUST);
    let usual = more
        .iter()
        .all(|(name, _)| *name != "--policy")
        .then_some(usual);
    for (name, path) in more.iter().copied().chain(usual) {
        args.extend([name.to_owned(), ledger.path(path).display().to_string()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = ledger.run("nobody", &args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = said + &String::from_utf8_lossy(&output.stderr);
    (said, output.status.code().unwrap())
}

/// A proof of fork that names the log's key, and that one changed byte makes worthless.
fn shows_the_fork(ledger: &Ledger, proof: &Path) {
    let (said, code) = verify(ledger, proof, &[]);
    assert!(
        code == 0 && said.contains("FORK of the log evidence.example"),
        "{said}"
    );
    assert!(said.contains("the key of the log"), "{said}");
    let mut bytes = std::fs::read(proof).unwrap();
    let at = bytes.len() - 10;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let changed = ledger.path("changed.custody-fork");
    std::fs::write(&changed, bytes).unwrap();
    let (said, code) = verify(ledger, &changed, &[]);
    assert!(code == 1 && said.contains("fork-not-shown"), "{said}");
}

/// One look of the monitor.
fn watch(ledger: &Ledger) -> (i32, Value) {
    ledger.monitor(&ledger.path(TRUST))
}

fn only_file(folder: &Path, ending: &str) -> PathBuf {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|found| found == ending))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}
