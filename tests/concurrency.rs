//! Many submitters at once, and batches, through the real service: one winner for each position, nothing skipped,
//! doubled or half done.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Subject;
use ledger::{Ledger, ends, started};
use submitter::{Answer, Submitter, line, subject, submit, submit_lines};

const SUBMITTERS: usize = 64;

/// Posts these at once, one connection each.
fn together(url: &str, entries: &[UnverifiedEntry]) -> Vec<Answer> {
    let gate = Barrier::new(entries.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = entries
            .iter()
            .map(|entry| {
                scope.spawn(|| {
                    gate.wait();
                    submit(url, entry).unwrap()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn with_case() -> (Ledger, Submitter, Subject) {
    let ledger = Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let case = subject();
    assert_eq!(
        submit(&ledger.url, &officer.case(&case)).unwrap().status,
        201
    );
    (ledger, officer, case)
}

/// The whole ledger is as it should be.
fn audit_is_clean(ledger: &mut Ledger) {
    ledger.kill();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}

#[test]
fn sixty_four_on_one_exhibit_have_one_winner_for_each_position() {
    let (mut ledger, officer, case) = with_case();
    let exhibit = subject();
    let first = officer.exhibit(&case, &exhibit);
    assert_eq!(submit(&ledger.url, &first).unwrap().status, 201);
    let mut end = (1, first.hash());
    for _ in 0..4 {
        let entries: Vec<_> = (0..SUBMITTERS)
            .map(|_| officer.digest(&exhibit, end))
            .collect();
        let answers = together(&ledger.url, &entries);
        let won: Vec<usize> = (0..SUBMITTERS)
            .filter(|at| answers[*at].status == 201)
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for (at, answer) in answers.iter().enumerate().filter(|(at, _)| *at != won[0]) {
            assert_eq!((answer.status, answer.code()), (409, "stale-prev"), "{at}");
            assert_eq!(answer.body["head"]["length"], end.0 + 1);
            assert_eq!(
                answer.body["head"]["last"],
                serde_json::json!(entries[won[0]].hash())
            );
        }
        end = (end.0 + 1, entries[won[0]].hash());
    }
    audit_is_clean(&mut ledger);
}

#[test]
fn sixty_four_on_many_exhibits_are_all_taken_in_at_places_of_their_own() {
    let (mut ledger, officer, case) = with_case();
    let entries: Vec<_> = (0..SUBMITTERS)
        .map(|_| officer.exhibit(&case, &subject()))
        .collect();
    let answers = together(&ledger.url, &entries);
    let places: BTreeSet<u64> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 201, "{answer:?}");
            answer.index()
        })
        .collect();
    // Each entry, and after each the service's own that adds the exhibit to the case.
    let first = *places.first().unwrap();
    let expected: BTreeSet<u64> = (0..SUBMITTERS as u64).map(|at| first + 2 * at).collect();
    assert_eq!(places, expected);
    audit_is_clean(&mut ledger);
}

#[test]
fn the_same_bytes_at_once_are_recorded_once() {
    let (mut ledger, officer, case) = with_case();
    for _ in 0..8 {
        let entry = officer.exhibit(&case, &subject());
        let answers = together(&ledger.url, &vec![entry; 8]);
        let new = answers.iter().filter(|answer| answer.status == 201).count();
        let known = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((new, known), (1, 7), "{answers:?}");
        let places: BTreeSet<u64> = answers.iter().map(Answer::index).collect();
        assert_eq!(places.len(), 1);
    }
    audit_is_clean(&mut ledger);
}

#[test]
fn a_batch_with_good_and_bad_lines_records_exactly_the_good_ones() {
    let (mut ledger, officer, case) = with_case();
    let authority = Submitter::authority(&ledger, "police");
    let exhibit = subject();
    let registered = officer.exhibit(&case, &exhibit);
    let second = officer.digest(&exhibit, (1, registered.hash()));
    let beside = officer.digest(&exhibit, (1, registered.hash()));
    let third = officer.digest(&exhibit, (2, second.hash()));
    let (enrolment, jones) = authority.enrol([77; 32]);
    let by_jones = jones.exhibit(&case, &subject());
    let (_, stranger) = authority.enrol([78; 32]);
    let by_stranger = stranger.exhibit(&case, &subject());
    let mut broken = line(&officer.exhibit(&case, &subject()));
    let dot = broken.find('~').unwrap();
    // The last character of the signature's tail: still base64url, another signature.
    let with = if &broken[dot - 8..dot - 7] == "A" {
        "B"
    } else {
        "A"
    };
    broken.replace_range(dot - 8..dot - 7, with);
    let lines = [
        line(&by_jones),
        line(&registered),
        line(&second),
        "{\"entry\": 7}".to_owned(),
        line(&beside),
        line(&third),
        broken,
        line(&enrolment),
        line(&by_jones),
        line(&by_stranger),
        line(&registered),
        "not json".to_owned(),
    ];
    let told = |answers: &[Answer]| -> Vec<String> {
        let word = |answer: &Answer| match answer.status {
            200 | 201 => answer.status.to_string(),
            _ => answer.code().to_owned(),
        };
        answers.iter().map(word).collect()
    };
    let answers = submit_lines(&ledger.url, &lines).unwrap();
    let expected = [
        "unknown-key",
        "201",
        "201",
        "bad-request",
        "stale-prev",
        "201",
        "bad-signature",
        "201",
        "201",
        "unknown-key",
        "200",
        "bad-request",
    ];
    assert_eq!(told(&answers), expected);
    assert_eq!(answers[10].index(), answers[1].index());
    assert_eq!(answers[4].body["head"]["length"], 3, "{:?}", answers[4]);
    // Again: what is there is known, and nothing is written twice.
    let again = submit_lines(&ledger.url, &lines).unwrap();
    assert_eq!(again[0].status, 200);
    for at in [1, 2, 5, 7, 8] {
        assert_eq!(
            (again[at].status, again[at].index()),
            (200, answers[at].index())
        );
    }
    audit_is_clean(&mut ledger);
}

#[test]
fn batches_longer_than_a_group_sent_at_once_keep_their_order() {
    let (mut ledger, officer, case) = with_case();
    let batches: Vec<Vec<String>> = (0..4)
        .map(|_| {
            let exhibit = subject();
            let first = officer.exhibit(&case, &exhibit);
            let mut end = (1, first.hash());
            let mut lines = vec![line(&first)];
            for _ in 0..299 {
                let next = officer.digest(&exhibit, end);
                end = (end.0 + 1, next.hash());
                lines.push(line(&next));
            }
            lines
        })
        .collect();
    let url = &ledger.url;
    let answers: Vec<Vec<Answer>> = std::thread::scope(|scope| {
        let threads: Vec<_> = batches
            .iter()
            .map(|lines| scope.spawn(move || submit_lines(url, lines).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut places = BTreeSet::new();
    for batch in &answers {
        assert!(batch.iter().all(|answer| answer.status == 201), "{batch:?}");
        assert!(
            batch
                .windows(2)
                .all(|pair| pair[0].index() < pair[1].index())
        );
        places.extend(batch.iter().map(Answer::index));
    }
    assert_eq!(places.len(), 4 * 300);
    audit_is_clean(&mut ledger);
}

/// The library that shifts a program's clock, as Debian installs it.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    folders
        .map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
}

#[test]
fn log_time_stands_still_behind_a_clock_set_back_and_a_start_far_behind_is_refused() {
    let Some(library) = faketime() else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "faketime is missing"
        );
        println!("skipped: faketime is not installed");
        return;
    };
    let (mut ledger, officer, case) = with_case();
    let before = submit(&ledger.url, &officer.exhibit(&case, &subject())).unwrap();
    ledger.kill();
    let at = |ago: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodes"));
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME", ago)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    };
    let dir = ledger.path("ledger").display().to_string();
    let refused = at("-2d")
        .args(["serve", "--dir", &dir, "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let said = ends(&refused, 2);
    assert!(
        said.contains("hours ahead of this machine's clock"),
        "{said}"
    );
    // An hour behind: it starts, and log time waits for the clock.
    let ready = ledger.path("ready-behind");
    let mut service = at("-1h")
        .args([
            "serve",
            "--dir",
            &dir,
            "--listen",
            "127.0.0.1:0",
            "--ready-file",
        ])
        .arg(&ready)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = started(&mut service, &ready);
    let after = submit(&url, &officer.exhibit(&case, &subject())).unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    assert_eq!(after.status, 201, "{after:?}");
    let time = |answer: &Answer| answer.body["recorded_at"].as_u64().unwrap();
    assert!(time(&after) >= time(&before));
    assert!(
        time(&after) - time(&before) < 60_000,
        "it stands at the last entry's"
    );
    audit_is_clean(&mut ledger);
}
