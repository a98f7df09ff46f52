//! The functions that `cargo fuzz` drives, over the corpus that is committed and over seeds made here: every
//! seed, every past finding, and each of them shortened and with bytes changed.
//!
//! `UPDATE_CORPUS=1 cargo test --release --test corpus` writes the seeds to `fuzz/corpus` anew.
#![allow(clippy::unwrap_used)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

#[test]
fn seeds_and_past_findings_hold() {
    let update = std::env::var_os("UPDATE_CORPUS").is_some();
    for (target, name, bytes) in fuzz::seeds::seeds() {
        let folder = corpus().join(target);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), &bytes).unwrap();
        }
        fuzz::run(target, &bytes);
    }
    let mut replayed = 0;
    for (target, _) in fuzz::TARGETS {
        let folder = corpus().join(target);
        for file in std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("{target} has no corpus"))
        {
            fuzz::run(target, &std::fs::read(file.unwrap().path()).unwrap());
            replayed += 1;
        }
    }
    assert!(
        replayed >= fuzz::TARGETS.len(),
        "only {replayed} files in the corpus"
    );
    println!("{replayed} files of the corpus");
}

#[test]
fn changed_seeds_hold() {
    for (target, _, bytes) in fuzz::seeds::seeds() {
        // Some two hundred places, whatever the length; a prime step, so that no pattern is followed.
        let step = 1 + bytes.len() / 200;
        for at in (0..bytes.len()).step_by(step) {
            for other in [bytes[at] ^ 1, b'"', b'A', 0, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = other;
                fuzz::run(target, &changed);
            }
            fuzz::run(target, &bytes[..at]);
            fuzz::run(target, &[&bytes[..at], &bytes[at..], &bytes[at..]].concat());
        }
    }
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let programs: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let targets: BTreeSet<String> = fuzz::TARGETS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(programs, targets);
    let seeded: BTreeSet<String> = fuzz::seeds::seeds()
        .iter()
        .map(|seed| seed.0.to_owned())
        .collect();
    assert_eq!(seeded, targets);
}
