//! Bytes flipped at random in the folder of a stopped ledger. `audit` or start-up must notice each that touches
//! stored data; where neither does, everything must read back as it was. `repair` must then mend what is derived,
//! name what is not, and never claim more.
//!
//! `CUSTODES_DAMAGE_FLIPS` sets how many (150 by default), `CUSTODES_DAMAGE_SEED` where the random numbers begin.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use custodes::protocol::hash::Hash;
use custodes::storage::{Family, Mode, RocksStore, Row, Store as _};
use ledger::{CASE, Ledger, copy, ok};

/// Numbers from a seed: SHA-256 of a counter.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        let hash = Hash::of(&[b"damage", &self.0.to_be_bytes()]).0;
        u64::from_be_bytes(hash[..8].try_into().unwrap()) % bound
    }
}

/// A stopped ledger with rows both in tables and in the write-ahead log.
fn stopped_ledger() -> Ledger {
    let mut ledger = Ledger::new();
    for round in 0..2 {
        for n in 0..6 {
            let file = ledger.path(&format!("file-{round}-{n}"));
            std::fs::write(&file, format!("{round} {n}")).unwrap();
            let reference = format!("JSM/{round}{n}");
            ledger.register(&file, &reference);
        }
        let folder = ledger.path(&format!("folder-{round}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a"), "a").unwrap();
        let reference = format!("JSM/folder-{round}");
        ledger.register(&folder, &reference);
        if round == 0 {
            branch(&ledger);
        }
        // Opening a ledger again moves what the write-ahead log holds to tables.
        ledger.stop();
        if round == 0 {
            ledger.start();
        }
    }
    ledger
}

/// Two continuations of one custody: what was signed offline goes beside the chain.
fn branch(ledger: &Ledger) {
    let file = ledger.path("case.carry").display().to_string();
    let exhibit = format!("{CASE} JSM/00");
    let sealed = ["record", "sealed", &exhibit, "--set", "seal=K1"];
    ok(&ledger.run("smith", &["carry", &exhibit, "--out", &file]));
    for _ in 0..2 {
        ok(&ledger.run("smith", &[&sealed[..], &["--offline", &file]].concat()));
    }
    ok(&ledger.run("smith", &sealed));
    let submit = ["submit", &file, "--late-branch", "no network"];
    let said = ok(&ledger.run("smith", &submit));
    assert!(said.contains("puts 2 entries beside the chain"), "{said}");
}

/// Rows by family and key.
type Rows = BTreeMap<(Family, Vec<u8>), Vec<u8>>;

/// Every row that is there, or nothing if the database cannot be read to the end.
fn rows(folder: &Path) -> Option<Rows> {
    let store = RocksStore::open(&folder.join("db"), Mode::Read).ok()?;
    let mut all = BTreeMap::new();
    for family in Family::ALL {
        for row in store.engine().rows(family, b"") {
            let (key, value): Row = row.ok()?;
            all.insert((family, key), value);
        }
    }
    Some(all)
}

/// Files that hold what is stored. Keys, and the policy file that readers get a copy of, are none of them.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = vec![folder.join("head"), folder.join("ledger.toml")];
    let db = std::fs::read_dir(folder.join("db")).unwrap();
    found.extend(db.map(|file| file.unwrap().path()));
    found.sort();
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let sized = found.into_iter().map(|path| (size(&path), path));
    sized
        .filter(|(size, _)| *size > 0)
        .map(|(size, path)| (path, size))
        .collect()
}

#[test]
fn every_flipped_byte_is_noticed_and_repair_claims_no_more_than_it_did() {
    let ledger = stopped_ledger();
    let original = ledger.path("ledger");
    let before = rows(&original).expect("the ledger is whole");
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let flips = number("CUSTODES_DAMAGE_FLIPS").unwrap_or(150);
    let seed = number("CUSTODES_DAMAGE_SEED").unwrap_or(1);
    let mut random = Random(seed << 32);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let target = ledger.path("damaged");
    let dir = target.display().to_string();
    let run = |command: &str, context: &str| {
        let output = ledger.run("nobody", &[command, "--dir", &dir]);
        let code = output.status.code();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            matches!(code, Some(0..=3)),
            "{context}: {command} {code:?}: {said}"
        );
        (code.unwrap(), said)
    };
    for flip in 0..flips {
        let _ = std::fs::remove_dir_all(&target);
        copy(&original, &target);
        // A file, each alike, so that small ones get their share; then a byte of it.
        let files = files(&target);
        let (file, size) = &files[random.below(files.len() as u64) as usize];
        let (at, bits) = (random.below(*size), random.below(255) as u8 + 1);
        let mut bytes = std::fs::read(file).unwrap();
        bytes[at as usize] ^= bits;
        std::fs::write(file, bytes).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let context = format!("flip {flip}: {name} byte {at} ^ {bits:#x}");

        let (audited, said) = run("audit", &context);
        if audited == 0 {
            // Not noticed: then nothing that can be read may have changed.
            assert_eq!(rows(&target).as_ref(), Some(&before), "{context}: {said}");
            let read = |folder: &Path, file| std::fs::read_to_string(folder.join(file)).unwrap();
            assert_eq!(read(&target, "head"), read(&original, "head"), "{context}");
            // One blank is as good as another there.
            let settings = |folder| read(folder, "ledger.toml").parse::<toml::Table>().unwrap();
            assert_eq!(settings(&target), settings(&original), "{context}");
            *counts.entry("touches nothing that is read").or_default() += 1;
            continue;
        }
        *counts.entry("noticed").or_default() += 1;
        let (repaired, said) = run("repair", &context);
        let (after, found) = run("audit", &context);
        match repaired {
            // A claim of success must be true: clean, and every row that is no one's to compute as it was.
            0 => {
                assert_eq!(after, 0, "{context}: {said}{found}");
                let now = rows(&target).unwrap();
                for (place, value) in &before {
                    let (family, _) = place;
                    let searched = matches!(
                        family,
                        Family::Search | Family::Named | Family::Scrub | Family::Meta
                    );
                    if !searched {
                        assert_eq!(now.get(place), Some(value), "{context}: {place:?}");
                    }
                }
                *counts.entry("mended").or_default() += 1;
            }
            1 => {
                assert!(said.contains("not mended ["), "{context}: {said}");
                // Either a new database is in place and the old one beside it, or all is as it was.
                let kept = target.join("db.damaged-1").exists();
                assert_ne!(
                    kept,
                    said.contains("Nothing was changed"),
                    "{context}: {said}"
                );
                let how = match kept {
                    true => "mended but for what is named",
                    false => "beyond repair, said so",
                };
                *counts.entry(how).or_default() += 1;
            }
            _ => {
                assert_ne!(after, 0, "{context}: {said}");
                println!("{context}: {said}");
                *counts.entry("repair could not begin").or_default() += 1;
            }
        }
    }
    println!("{flips} flips from seed {seed}: {counts:?}");
    assert!(counts.get("noticed").copied().unwrap_or(0) > 0);
}
