//! The service killed at random moments under load: whatever was acknowledged is there, once, after the ordinary
//! start. `CUSTODES_CRASHES` says how often [default: 12].
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Subject;
use ledger::{Ledger, ends};
use submitter::{Answer, Submitter, fresh, line, subject, submit, submit_lines};

/// Acknowledged: the line of a batch that submits it again, and its place.
type Acknowledged = Mutex<Vec<(String, u64)>>;

fn keep(acknowledged: &Acknowledged, entry: &UnverifiedEntry, answer: &Answer) {
    if answer.status == 201 {
        acknowledged
            .lock()
            .unwrap()
            .push((line(entry), answer.index()));
    }
}

/// Submits until the service is gone: exhibits one by one, or in batches that build on one another.
fn work(
    url: &str,
    officer: &Submitter,
    case: &Subject,
    batches: bool,
    kept: &Acknowledged,
    answered: &AtomicUsize,
) {
    loop {
        let exhibit = subject();
        let first = officer.exhibit(case, &exhibit);
        let mut entries = vec![first];
        if batches {
            for length in 1..20 {
                let end = (length, entries.last().unwrap().hash());
                entries.push(officer.digest(&exhibit, end));
            }
        }
        let lines: Vec<String> = entries.iter().map(line).collect();
        let answers = match batches {
            true => submit_lines(url, &lines),
            false => submit(url, &entries[0]).map(|answer| vec![answer]),
        };
        let Some(answers) = answers else { return };
        for (entry, answer) in entries.iter().zip(&answers) {
            keep(kept, entry, answer);
        }
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_service_killed_at_random_moments_keeps_everything_acknowledged_once() {
    let crashes = std::env::var("CUSTODES_CRASHES").map_or(12, |text| text.parse().unwrap());
    let mut ledger = Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let kept = Acknowledged::default();
    for _ in 0..crashes {
        let case = subject();
        let opened = officer.case(&case);
        keep(&kept, &opened, &submit(&ledger.url, &opened).unwrap());
        let (answered, url) = (AtomicUsize::new(0), ledger.url.clone());
        std::thread::scope(|scope| {
            for at in 0..6 {
                let (answered, url, officer, case, kept) =
                    (&answered, &url, &officer, &case, &kept);
                scope.spawn(move || work(url, officer, case, at % 2 == 0, kept, answered));
            }
            // A random number of answers, and then a random while: within a commit as likely as anywhere.
            let random = fresh();
            let (answers, spins) = (usize::from(random[0]) / 8, u32::from(random[1]) * 400);
            while answered.load(Ordering::SeqCst) < answers {
                std::thread::yield_now();
            }
            for _ in 0..spins {
                std::hint::spin_loop();
            }
            ledger.kill();
        });
        ledger.start();
    }
    // Everything acknowledged is known, at its place; no place was given twice.
    let kept = kept.into_inner().unwrap();
    let places: BTreeMap<u64, &String> = kept.iter().map(|(line, index)| (*index, line)).collect();
    assert_eq!(places.len(), kept.len(), "no place is acknowledged twice");
    for part in kept.chunks(500) {
        let lines: Vec<String> = part.iter().map(|(line, _)| line.clone()).collect();
        let answers = submit_lines(&ledger.url, &lines).unwrap();
        for ((_, index), answer) in part.iter().zip(&answers) {
            assert_eq!((answer.status, answer.index()), (200, *index), "{answer:?}");
        }
    }
    println!("{} entries acknowledged over {crashes} kills", kept.len());
    assert!(kept.len() > crashes);
    ledger.kill();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}
