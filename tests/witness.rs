//! The witness, through its real process: every status code of tlog-witness, its race, and its memory.
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use custodes::protocol::checkpoint;
use custodes::protocol::hash::Hash;
use custodes::protocol::key::SecretKey;
use custodes::protocol::note::{Note, SignatureKind, UnverifiedNote, VerifierKey};
use custodes::protocol::tree::{RootHash, TreeSize, empty_root};
use custodes::witness::request::to_body;
use witness::{Log, Witness, contents, get, post, run};

/// The cosignatures in an answer, checked against the checkpoint that was sent.
fn cosigned(witness: &Witness, log: &Log, size: u64, lines: &str) -> Note {
    let note = format!("{}\n{lines}", log.checkpoint(size).to_text());
    let note = UnverifiedNote::parse(&note)
        .unwrap()
        .verify(&witness.vkeys)
        .unwrap();
    assert!(note.unverified.is_empty());
    note
}

#[test]
fn every_status_code() {
    let log = Log::new(300);
    let witness = Witness::new("witness.court.example", &log.vkeys());
    let memory = witness.memory(&log.origin);
    assert_eq!(
        witness.monitor(&log.origin).status,
        404,
        "nothing cosigned yet"
    );

    // 200, from nothing; both cosignatures, with the time.
    let first = witness.add(&log.request(0, 7));
    assert_eq!(first.status, 200, "{}", first.text);
    let note = cosigned(&witness, &log, 7, &first.text);
    assert_eq!(note.verified.len(), 2, "type 0x04 and type 0x06");
    assert!(
        note.verified
            .iter()
            .all(|one| one.time.is_some_and(|time| time > 1_700_000_000))
    );
    // 200, further; the same again; sizes around a power of two and a tile.
    let mut old = 7;
    for new in [8, 9, 9, 255, 256, 257, 300] {
        let answer = witness.add(&log.request(old, new));
        assert_eq!(answer.status, 200, "{old} to {new}: {}", answer.text);
        cosigned(&witness, &log, new, &answer.text);
        old = new;
    }
    // What those who monitor see carries the log's signatures and the witness's.
    let seen = witness.monitor(&log.origin);
    assert_eq!(seen.status, 200);
    let [ed25519, ml_dsa_44] = log.vkeys();
    let all: Vec<&VerifierKey> = witness.vkeys.iter().collect();
    let (head, open) = checkpoint::open_with(&seen.text, &[&ed25519, &ml_dsa_44], &all).unwrap();
    assert_eq!((head.size, open.verified.len()), (TreeSize(300), 4));

    let before = contents(&memory).unwrap();
    let refused = |status: u16, body: &str| {
        let answer = witness.add(body);
        assert_eq!(answer.status, status, "{body}\n{}", answer.text);
        assert!(
            !answer.text.contains("— witness"),
            "no cosignature with {status}"
        );
        assert_eq!(
            contents(&memory).unwrap(),
            before,
            "what is remembered did not change"
        );
        answer
    };
    // 400: no form; and an old size above the new.
    for body in ["", "old 300", "\n\n", "old x\n\n\n"] {
        refused(400, body);
    }
    refused(400, &log.request(0, 300).replacen("old 0", "old 00", 1));
    let smaller = log.sign(&log.checkpoint(299));
    refused(400, &to_body(TreeSize(300), &log.proof(0, 0), &smaller));
    refused(400, &"x".repeat(300 << 10));
    // 403: unsigned by a trusted key; a bad line of a trusted key.
    let good = log.request(300, 300);
    let foreign = good.replace("— log.example ", "— log.example2 ");
    refused(403, &foreign);
    let bad = {
        let at = good.len() - 400;
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    refused(403, &bad);
    // 404: another log.
    refused(404, &good.replace("\nlog.example\n", "\nother.example\n"));
    // 409: the size of what was cosigned.
    for old in [0, 299] {
        let conflict = refused(409, &log.request(old, 300));
        assert_eq!(
            (conflict.kind.as_str(), conflict.text.as_str()),
            ("text/x.tlog.size", "300\n")
        );
    }
    // 422: another root at the same size, a proof that does not verify, one too long.
    let other = Log::forked(310, 290, 1);
    let newest = contents(&memory).unwrap();
    let fork = |kind: &str| {
        let name = format!("{}.{kind}", memory.file_name().unwrap().display());
        contents(&witness.dir().join("forks").join(name))
    };
    // What only does not follow is kept until there is proof: two roots of one size, or hashes that lead from another
    // tree of the size that was cosigned.
    let unproven = to_body(
        TreeSize(300),
        &log.proof(200, 300),
        &other.sign(&other.checkpoint(310)),
    );
    refused(422, &unproven);
    let signed = |log: &Log, size: u64| Some(log.sign(&log.checkpoint(size)).into_bytes());
    assert_eq!(fork("refused"), signed(&other, 310));
    assert_eq!(fork("custody-fork"), None);
    refused(422, &other.request(300, 309));
    assert_eq!(fork("refused"), signed(&other, 309));
    assert_eq!(fork("cosigned"), Some(newest));
    let proof = fork("custody-fork").unwrap();
    refused(422, &other.request(300, 300));
    assert_eq!(fork("custody-fork"), Some(proof.clone()));
    let file = witness.dir().join("shown.custody-fork");
    std::fs::write(&file, proof).unwrap();
    let file = file.display().to_string();
    let shown = run(&["verify", &file, "--accept", "key-not-known"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let longer = Log::new(310);
    let mut proof = longer.proof(300, 310);
    proof.0.push(Hash([0; 32]));
    refused(
        422,
        &to_body(TreeSize(300), &proof, &longer.sign(&longer.checkpoint(310))),
    );
    // Other methods and paths.
    assert_eq!(get(&format!("{}/add-checkpoint", witness.url)).status, 405);
    assert_eq!(
        get(&format!("{}/{}/checkpoint", witness.url, "0".repeat(64))).status,
        404
    );
    assert_eq!(get(&format!("{}/healthz", witness.url)).status, 200);
    // After all that it still does its work.
    assert_eq!(witness.add(&longer.request(300, 310)).status, 200);
}

#[test]
fn the_empty_tree() {
    let log = Log::new(5);
    let witness = Witness::new("w", &log.vkeys());
    let wrong = log.sign(&log.checkpoint_with(0, RootHash(Hash([1; 32]))));
    assert_eq!(
        witness
            .add(&to_body(TreeSize(0), &log.proof(0, 0), &wrong))
            .status,
        422
    );
    let mut needless = log.proof(0, 5);
    needless.0.push(Hash([1; 32]));
    let five = log.sign(&log.checkpoint(5));
    assert_eq!(
        witness.add(&to_body(TreeSize(0), &needless, &five)).status,
        422
    );
    let empty = log.sign(&log.checkpoint_with(0, empty_root()));
    let answer = witness.add(&to_body(TreeSize(0), &log.proof(0, 0), &empty));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(witness.add(&log.request(0, 5)).status, 200);
}

#[test]
fn a_post_quantum_log_key_is_demanded_where_it_is_known() {
    let log = Log::new(5);
    let [ed25519, ml_dsa_44] = log.vkeys();
    let weak = to_body(
        TreeSize(0),
        &log.proof(0, 5),
        &log.sign_ed25519(&log.checkpoint(5)),
    );
    let both = Witness::new("w", &log.vkeys());
    assert_eq!(both.add(&weak).status, 403, "Ed25519 alone is not enough");
    assert_eq!(both.add(&log.request(0, 5)).status, 200);
    let strong = Witness::new("w", &[ml_dsa_44]);
    assert_eq!(strong.add(&weak).status, 403);
    assert_eq!(strong.add(&log.request(0, 5)).status, 200);
    let classic = Witness::new("w", &[ed25519]);
    assert_eq!(classic.add(&weak).status, 200);
    assert_eq!(
        classic.add(&log.request(5, 5)).status,
        200,
        "an unknown signature is passed over"
    );
}

/// Two requests that both extend the same checkpoint: one is cosigned, or one rolls the other back.
#[test]
fn requests_at_once_never_roll_back() {
    let log = Log::new(4000);
    let witness = Witness::new("w", &log.vkeys());
    let newest = AtomicU64::new(0);
    let steps: Mutex<BTreeMap<u64, Vec<u64>>> = Mutex::new(BTreeMap::new());
    let conflicts = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (log, witness, newest, steps, conflicts) =
                (&log, &witness, &newest, &steps, &conflicts);
            scope.spawn(move || {
                for round in 0..40 {
                    let old = newest.load(Ordering::SeqCst);
                    let new = old + 1 + (thread + round) % 9;
                    let answer = witness.add(&log.request(old, new));
                    match answer.status {
                        200 => {
                            steps.lock().unwrap().entry(old).or_default().push(new);
                            newest.fetch_max(new, Ordering::SeqCst);
                        }
                        409 => {
                            conflicts.fetch_add(1, Ordering::SeqCst);
                            newest.fetch_max(
                                answer.text.trim_end().parse().unwrap(),
                                Ordering::SeqCst,
                            );
                        }
                        status => panic!("{status}: {}", answer.text),
                    }
                }
            });
        }
    });
    // What was cosigned is one chain: nothing was extended twice, and each step begins where one ended.
    let steps = steps.into_inner().unwrap();
    let mut at = 0;
    for (old, news) in &steps {
        assert_eq!(
            (*old, news.len()),
            (at, 1),
            "a checkpoint was extended twice, or a step is missing"
        );
        at = news[0];
    }
    assert!(conflicts.into_inner() > 0, "the threads never met");
    let (head, _) = checkpoint::open(&witness.monitor(&log.origin).text, &log.vkeys()[1]).unwrap();
    assert_eq!(head.size.0, at);
}

/// SIGKILL in the moment in which the checkpoint is on disk and the answer is not yet sent, and at others.
#[test]
fn killed_at_any_moment_it_never_forgets_what_it_cosigned() {
    let log = Log::new(4000);
    let mut witness = Witness::new("w", &log.vkeys());
    let memory = witness.memory(&log.origin);
    let (mut known, mut between) = (0, 0);
    for round in 0..25u64 {
        let acknowledged = AtomicU64::new(known);
        let over = AtomicBool::new(false);
        let url = witness.url.clone();
        std::thread::scope(|scope| {
            let (log, acknowledged, over) = (&log, &acknowledged, &over);
            scope.spawn(move || {
                let mut at = known;
                while !over.load(Ordering::SeqCst) {
                    match post(&url, log.request(at, at + 1).as_bytes()) {
                        Some(answer) if answer.status == 200 => at += 1,
                        Some(answer) => panic!("{}: {}", answer.status, answer.text),
                        None => return,
                    }
                    acknowledged.store(at, Ordering::SeqCst);
                }
            });
            // The rename is seen here as soon as it is made; the answer follows only after the folder is synced.
            let mut seen = contents(&memory);
            for _ in 0..1 + round % 3 {
                loop {
                    let now = contents(&memory);
                    if now != seen {
                        seen = now;
                        break;
                    }
                }
            }
            witness.kill();
            over.store(true, Ordering::SeqCst);
        });
        witness.start();
        let text = witness.monitor(&log.origin).text;
        let (head, _) = checkpoint::open(&text, &log.vkeys()[0]).unwrap();
        let acknowledged = acknowledged.into_inner();
        assert!(
            head.size.0 >= acknowledged,
            "{acknowledged} was cosigned and {} is remembered",
            head.size.0
        );
        if head.size.0 > acknowledged {
            between += 1;
            // The client learns of it, and gets the cosignature that it had missed.
            assert_eq!(
                witness.add(&log.request(acknowledged, head.size.0)).status,
                409
            );
            assert_eq!(
                witness.add(&log.request(head.size.0, head.size.0)).status,
                200
            );
        }
        // And no other history of what was cosigned passes.
        let forked = Log::forked(head.size.0, head.size.0 - 1, 1);
        assert_eq!(
            witness
                .add(&forked.request(head.size.0, head.size.0))
                .status,
            422
        );
        known = head.size.0;
    }
    println!("killed between keeping and answering: {between} of 25");
    assert!(between > 0, "the moment was never hit");
}

#[test]
fn it_starts_only_with_a_sound_memory_and_alone() {
    let log = Log::new(5);
    let mut witness = Witness::new("w", &log.vkeys());
    assert_eq!(witness.add(&log.request(0, 3)).status, 200);
    let dir = witness.dir().display().to_string();
    let serve = ["witness", "serve", "--dir", &dir, "--listen", "127.0.0.1:0"];
    let second = run(&serve);
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another witness"));
    assert_eq!(second.status.code(), Some(2));
    assert!(witness.stop().success(), "SIGTERM ends it in good order");

    let memory = witness.memory(&log.origin);
    let good = contents(&memory).unwrap();
    for (at, _) in good.iter().enumerate().step_by(41) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&memory, bad).unwrap();
        let refused = run(&serve);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            words.contains("do not restore a copy") || words.contains("UTF-8"),
            "byte {at}: {words}"
        );
        assert_eq!(refused.status.code(), Some(2));
    }
    // Gone: it does not begin again from nothing, whatever else it is told.
    std::fs::remove_file(&memory).unwrap();
    let gone = |words: &str| {
        let refused = run(&serve);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(words), "{said}");
        assert_eq!(refused.status.code(), Some(2));
    };
    gone("the file is gone");
    let more = VerifierKey::ed25519(
        log.origin.clone(),
        SignatureKind::Ed25519,
        SecretKey::from_seed([99; 32]).public(),
    );
    witness.trust(&[more]);
    gone("make a new witness");
    std::fs::write(&memory, &good).unwrap();
    witness.start();
    assert_eq!(witness.monitor(&log.origin).text.as_bytes(), good);
    assert_eq!(witness.add(&log.request(3, 5)).status, 200);
}

#[test]
fn a_disk_that_takes_nothing_means_no_cosignature() {
    let log = Log::new(5);
    let witness = Witness::new("w", &log.vkeys());
    assert_eq!(witness.add(&log.request(0, 3)).status, 200);
    // The folder is gone, as after a disk was unplugged.
    let logs = witness.dir().join("logs");
    let aside = witness.dir().join("aside");
    std::fs::rename(&logs, &aside).unwrap();
    let answer = witness.add(&log.request(3, 5));
    assert_eq!(answer.status, 500);
    assert!(!answer.text.contains("— w"));
    std::fs::rename(&aside, &logs).unwrap();
    assert_eq!(witness.add(&log.request(3, 5)).status, 200);
}

/// Every connection in use with the longest bodies, and many requests: less than 40 MiB, and it still answers.
#[test]
fn memory_and_connections_are_bounded() {
    let log = Log::new(600);
    let witness = Witness::new("w", &log.vkeys());
    let address = witness.url.strip_prefix("http://").unwrap();
    let mut idle: Vec<TcpStream> = Vec::new();
    for _ in 0..28 {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n",
            150 << 10
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; 149 << 10]).unwrap();
        idle.push(stream);
    }
    let mut size = 0;
    for _ in 0..300 {
        assert_eq!(witness.add(&log.request(size, size + 2)).status, 200);
        size += 2;
    }
    let id = witness.process.as_ref().unwrap().id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!(
        "peak memory {peak} KiB with {} half-sent bodies",
        idle.len()
    );
    assert!(peak < 40 << 10, "{peak} KiB");
    // A body that does not come is not waited for.
    let mut answer = String::new();
    idle[0].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
