//! `verify --known` through the real program and service: a bundle that continues what the reader kept, one that is
//! older, and one of another history, which an operator who lies keeps beside the first.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use custodes::protocol::bundle::{Bundle, BundleEntry, Content};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::hash::Hash;
use custodes::protocol::receipt::Receipt;
use custodes::protocol::tlog_proof::TlogProof;
use custodes::protocol::tree::InclusionProof;
use ledger::{CASE, Ledger, copy, ok};
use serde_json::Value;

fn get(ledger: &Ledger, path: &str) -> String {
    let mut answer = ureq::get(format!("{}{path}", ledger.url)).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}

fn size(note: &str) -> u64 {
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// A file of the test's folder.
fn keep(ledger: &Ledger, name: &str, text: &str) -> PathBuf {
    std::fs::write(ledger.path(name), text).unwrap();
    ledger.path(name)
}

fn record(ledger: &Ledger, name: &str) {
    let file = keep(ledger, name, name);
    ledger.register(&file, name);
}

fn bundle(ledger: &Ledger, name: &str) -> PathBuf {
    let path = ledger.path(name);
    let to = path.display().to_string();
    ok(&ledger.run("smith", &["bundle", CASE, "--out", &to]));
    path
}

fn verify(ledger: &Ledger, file: &Path, more: &[(&str, &Path)]) -> Output {
    let policy = ledger.path("ledger/policy");
    let mut args = vec!["--json".to_owned(), "verify".to_owned()];
    args.push(file.display().to_string());
    for (name, path) in [&[("--policy", policy.as_path())], more].concat() {
        args.push(name.to_owned());
        args.push(path.display().to_string());
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    ledger.run("nobody", &args)
}

/// Exit code, the codes of what was found about the kept file, and the whole answer.
fn compared(output: &Output) -> (i32, Vec<String>, Value) {
    let words = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&words)
        .unwrap_or_else(|_| panic!("{words}{}", String::from_utf8_lossy(&output.stderr)));
    let findings = value["findings"].as_array().unwrap().iter();
    let codes = findings.map(|one| one["code"].as_str().unwrap().to_owned());
    let about = |code: &String| {
        (code.contains("known-") && code != "known-unchanged")
            || code.contains("-known")
            || code == "forked"
    };
    let codes = codes.filter(about).collect();
    (output.status.code().unwrap(), codes, value)
}

/// An entry of a bundle as a `.tlog-proof` with its entry, and as a receipt.
fn alone(ledger: &Ledger, file: &Path, pick: impl Fn(&BundleEntry) -> bool) -> [PathBuf; 3] {
    let bundle = Bundle::parse(&std::fs::read(file).unwrap()).unwrap();
    let open = |one: &&BundleEntry| matches!(one.content, Content::Open(_));
    let entry = bundle
        .entries
        .iter()
        .filter(open)
        .find(|one| pick(one))
        .unwrap();
    let Content::Open(content) = &entry.content else {
        panic!("an open entry was picked")
    };
    let hashes = entry.proof.iter().map(|at| bundle.nodes[at.0 as usize]);
    let proof = InclusionProof(hashes.collect());
    let checkpoint = bundle.checkpoints.last().unwrap().clone();
    let text = TlogProof {
        recorded_at: entry.recorded_at,
        index: entry.index,
        proof: proof.clone(),
        checkpoint: checkpoint.clone(),
    };
    let receipt = Receipt {
        ledger: bundle.ledger.clone(),
        index: entry.index,
        recorded_at: entry.recorded_at,
        e: EntryHash(Hash::of(&[content.jws.as_bytes()])),
        checkpoint,
        proof,
        witnessed: false,
    };
    let disclosed: String = content
        .disclosures
        .iter()
        .map(|one| format!("{one}~"))
        .collect();
    [
        keep(ledger, "one.tlog-proof", &text.to_text()),
        keep(ledger, "one.jws", &format!("{}~{disclosed}", content.jws)),
        keep(
            ledger,
            "one.receipt",
            &serde_json::to_string(&receipt).unwrap(),
        ),
    ]
}

/// What is published covers everything recorded.
fn published(ledger: &Ledger) -> String {
    let begun = Instant::now();
    loop {
        let note = get(ledger, "/checkpoint");
        let ledger: Value = serde_json::from_str(&get(ledger, "/v1/ledger")).unwrap();
        if ledger["size"].as_u64().unwrap() == size(&note) {
            return note;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing is published"
        );
        std::thread::yield_now();
    }
}

fn consistency(ledger: &Ledger, old: u64, new: u64) -> PathBuf {
    let answer = get(ledger, &format!("/v1/consistency/{old}/{new}"));
    keep(ledger, "consistency.json", &answer)
}

#[test]
fn what_was_kept_holds_the_ledger_to_one_history() {
    let mut ledger = Ledger::new();
    record(&ledger, "base.txt");
    let base = bundle(&ledger, "base.custody.json");
    let note = published(&ledger);
    let (first, kept) = (size(&note), keep(&ledger, "base.checkpoint", &note));
    // Here the histories part: the operator keeps a copy, and the officer's machine of the time.
    ledger.stop();
    copy(&ledger.path("ledger"), &ledger.path("ledger-old"));
    copy(&ledger.path("smith"), &ledger.path("smith-old"));
    ledger.start();
    record(&ledger, "one.txt");
    let one = bundle(&ledger, "one.custody.json");
    let newest = size(
        Bundle::parse(&std::fs::read(&one).unwrap())
            .unwrap()
            .checkpoints
            .last()
            .unwrap(),
    );
    let proof = consistency(&ledger, first, newest);

    // One history: consistent, older, and the same.
    let output = verify(
        &ledger,
        &one,
        &[("--known", &kept), ("--consistency", &proof)],
    );
    let (code, found, _) = compared(&output);
    assert_eq!(
        (code, found.as_slice()),
        (3, &["known-consistent".to_owned()][..])
    );
    let (code, found, _) = compared(&verify(&ledger, &one, &[("--known", &one)]));
    assert_eq!(
        (code, found.as_slice()),
        (3, &["known-consistent".to_owned()][..])
    );
    let older = size(
        Bundle::parse(&std::fs::read(&base).unwrap())
            .unwrap()
            .checkpoints
            .last()
            .unwrap(),
    );
    let proof = consistency(&ledger, older, newest);
    let output = verify(
        &ledger,
        &base,
        &[("--known", &one), ("--consistency", &proof)],
    );
    let (code, found, _) = compared(&output);
    assert_eq!(
        (code, found.as_slice()),
        (3, &["older-than-known".to_owned()][..])
    );
    // A file of no use is no accusation: neither is a proof that belongs elsewhere.
    let broken = keep(&ledger, "broken", &note.replacen('\n', "\n1", 1));
    let (code, found, _) = compared(&verify(&ledger, &one, &[("--known", &broken)]));
    assert_eq!(
        (code, found.as_slice()),
        (3, &["known-not-read".to_owned()][..])
    );
    let elsewhere = consistency(&ledger, 2, 5);
    let output = verify(
        &ledger,
        &one,
        &[("--known", &kept), ("--consistency", &elsewhere)],
    );
    let (code, found, _) = compared(&output);
    assert_eq!(code, 3);
    assert!(!found.contains(&"forked".to_owned()), "{found:?}");
    let honest = alone(&ledger, &one, |one| one.index.0 >= first);

    // The other history, from the copy: other entries at the same places.
    let note_one = published(&ledger);
    let kept_one = keep(&ledger, "one.checkpoint", &note_one);
    ledger.stop();
    std::fs::rename(ledger.path("ledger"), ledger.path("ledger-one")).unwrap();
    std::fs::rename(ledger.path("smith"), ledger.path("smith-one")).unwrap();
    std::fs::rename(ledger.path("ledger-old"), ledger.path("ledger")).unwrap();
    std::fs::rename(ledger.path("smith-old"), ledger.path("smith")).unwrap();
    ledger.start();
    for name in ["two.txt", "three.txt", "four.txt"] {
        record(&ledger, name);
    }
    let two = bundle(&ledger, "two.custody.json");
    let newest = size(
        Bundle::parse(&std::fs::read(&two).unwrap())
            .unwrap()
            .checkpoints
            .last()
            .unwrap(),
    );
    // Each is good in itself, and continues what was there before.
    let (code, found, _) = compared(&verify(&ledger, &two, &[]));
    assert_eq!((code, found.len()), (3, 0));
    let proof = consistency(&ledger, first, newest);
    let output = verify(
        &ledger,
        &two,
        &[("--known", &kept), ("--consistency", &proof)],
    );
    assert_eq!(compared(&output).1, ["known-consistent"]);

    // Together they are a fork, whether a bundle, a checkpoint or a receipt was kept.
    let proof = consistency(&ledger, size(&note_one), newest);
    let [tlog_proof, entry, receipt] = honest;
    for known in [
        &[("--known", one.as_path())][..],
        &[("--known", receipt.as_path())],
        &[
            ("--known", kept_one.as_path()),
            ("--consistency", proof.as_path()),
        ],
    ] {
        let written = ledger.path("two.custody.json.custody-fork");
        let _ = std::fs::remove_file(&written);
        let (code, found, value) = compared(&verify(&ledger, &two, known));
        assert_eq!(code, 1, "{known:?} {found:?}");
        assert!(found.contains(&"forked".to_owned()), "{known:?} {found:?}");
        assert_eq!(value["questions"][3]["answer"], "failed");
        assert_eq!(value["fork"]["file"], written.display().to_string());
        let (code, _, shown) = compared(&verify(&ledger, &written, &[]));
        assert_eq!(code, 0, "{shown}");
        assert!(!shown["fork"]["guilty"].as_array().unwrap().is_empty());
    }
    // One entry of the honest history, shown to whoever holds the other.
    let known = [("--entry", entry.as_path()), ("--known", two.as_path())];
    let output = verify(&ledger, &tlog_proof, &known);
    let (code, found, _) = compared(&output);
    assert_eq!((code, found.as_slice()), (1, &["forked".to_owned()][..]));
}
