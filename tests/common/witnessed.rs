//! A real ledger with real witnesses: court, defence and oversight.
#![allow(dead_code, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use custodes::protocol::note::{SignatureKind, VerifierKey};

use crate::ledger::Ledger;
use crate::witness::{Witness, get};

/// The keys of the log, which the policy that the ledger was founded with shows.
pub fn log_keys(ledger: &Ledger) -> Vec<VerifierKey> {
    let policy = std::fs::read_to_string(ledger.path("ledger/policy")).unwrap();
    let keys: Vec<VerifierKey> = policy
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").strip_prefix("log "))
        .map(|key| VerifierKey::parse(key).unwrap())
        .collect();
    assert_eq!(keys.len(), 2, "the policy shows both keys of the log");
    keys
}

/// Court, defence and oversight, told of the ledger.
pub fn three(ledger: &Ledger) -> Vec<Witness> {
    let keys = log_keys(ledger);
    ["court", "defence", "oversight"]
        .map(|sector| Witness::new(&format!("witness.{sector}.example"), &keys))
        .into()
}

/// A policy of these witnesses: so many of the operators, each by any of its keys, or by its post-quantum key alone.
pub fn policy(
    ledger: &Ledger,
    witnesses: &[Witness],
    threshold: usize,
    post_quantum: bool,
) -> String {
    let keys = log_keys(ledger);
    if !post_quantum {
        return policy_of(&keys, witnesses, threshold);
    }
    let is_pq = |key: &&VerifierKey| key.kind() == SignatureKind::MlDsa44;
    let log = keys.iter().find(is_pq).unwrap();
    let mut lines = format!("log {log}\n");
    let mut names = String::new();
    for (at, witness) in witnesses.iter().enumerate() {
        let (key, url) = (&witness.vkeys[1], &witness.url);
        lines.push_str(&format!("witness w{at} {key} {url}\n"));
        names.push_str(&format!(" w{at}"));
    }
    format!("{lines}group quorum {threshold}{names}\nquorum quorum\n")
}

/// A policy for a log with these keys, by so many of these witnesses, each by any of its keys.
pub fn policy_of(keys: &[VerifierKey], witnesses: &[Witness], threshold: usize) -> String {
    let mut lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
    if threshold == 0 {
        return format!("{lines}quorum none\n");
    }
    let mut names = String::new();
    for (at, witness) in witnesses.iter().enumerate() {
        let [ed25519, ml_dsa_44] = [&witness.vkeys[0], &witness.vkeys[1]];
        lines.push_str(&format!(
            "witness e{at} {ed25519} {0}\nwitness p{at} {ml_dsa_44} {0}\ngroup w{at} any e{at} p{at}\n",
            witness.url
        ));
        names.push_str(&format!(" w{at}"));
    }
    format!("{lines}group quorum {threshold}{names}\nquorum quorum\n")
}

/// Founded without witnesses, then restarted with a policy that demands two of three.
pub fn witnessed() -> (Ledger, Vec<Witness>) {
    let mut ledger = Ledger::new();
    let witnesses = three(&ledger);
    ledger.kill();
    std::fs::write(
        ledger.path("ledger/policy"),
        policy(&ledger, &witnesses, 2, false),
    )
    .unwrap();
    ledger.start();
    until("a quorum", || ready(&ledger).0 == 200);
    (ledger, witnesses)
}

/// What `/readyz` answers.
pub fn ready(ledger: &Ledger) -> (u16, String) {
    let answer = get(&format!("{}/readyz", ledger.url));
    (answer.status, answer.text)
}

/// Size and number of signatures of what is published.
pub fn published(ledger: &Ledger) -> (u64, usize) {
    let note = get(&format!("{}/checkpoint", ledger.url)).text;
    let size = note.lines().nth(1).unwrap().parse().unwrap();
    (size, note.matches("\n— ").count())
}

/// Waits for something that other processes do; a minute is far more than any of it takes.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} did not come about"
        );
        std::thread::yield_now();
    }
}

/// The library that shifts a program's clock, as Debian installs it; `None`, with a printed line, where it is not.
pub fn faketime() -> Option<std::path::PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let library = folders
        .map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file());
    if library.is_none() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "faketime is missing"
        );
        println!("skipped: faketime is not installed");
    }
    library
}
