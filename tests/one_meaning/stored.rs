//! Somebody at the disk of a stopped service who exchanges what is stored of two details: each row is whole, and its key
//! opens it, and yet it is not what was signed for.

use custodes::protocol::tree::EntryIndex;
use custodes::storage::{Batch, Durability, Family, Mode, RocksStore, Store as _, layout};
use serde_json::Value;

use super::ledger::{CASE, Ledger, copy, ends, ok};
use super::{ELSEWHERE, SECRET, ledger, of_event};

/// Number of the entry that registered an exhibit.
fn registered(ledger: &Ledger, exhibit: &str) -> EntryIndex {
    let told = ok(&ledger.run("smith", &["--json", "history", exhibit]));
    let mut told: Value = serde_json::from_str(&told).unwrap();
    let found = of_event(&mut told, "registered").next().unwrap();
    EntryIndex(found["index"].as_u64().unwrap())
}

/// Exchanges the rows of two details.
fn exchange(ledger: &Ledger, families: &[Family], details: [(EntryIndex, &str); 2]) {
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Write).unwrap();
    let [one, other] = details.map(|(index, name)| layout::disclosure_key(index, name));
    let mut batch = Batch::default();
    for family in families {
        let value = |key: &[u8]| store.engine().get(*family, key).unwrap().unwrap();
        batch.put(*family, one.clone(), value(&other));
        batch.put(*family, other.clone(), value(&one));
    }
    store.engine().write(&batch, Durability::Synced).unwrap();
}

#[test]
fn details_that_were_exchanged_on_disk_are_damage_and_never_the_wrong_words() {
    let mut ledger = ledger();
    let exhibits = ["JSM/1", "JSM/2"].map(|one| format!("{CASE} {one}"));
    let [one, other] = exhibits
        .each_ref()
        .map(|exhibit| registered(&ledger, exhibit));
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    ok(&ledger.run("nobody", &["audit", "--dir", &dir]));
    let (sealed, key) = (Family::Disclosures, Family::DisclosureKeys);
    type Damage<'a> = (&'a str, &'a [Family], [(EntryIndex, &'a str); 2]);
    let damages: [Damage<'_>; 4] = [
        (
            "of two entries",
            &[sealed, key],
            [(one, "description"), (other, "description")],
        ),
        (
            "of one entry",
            &[sealed, key],
            [(one, "description"), (one, "address")],
        ),
        (
            "sealed texts alone",
            &[sealed],
            [(one, "description"), (other, "description")],
        ),
        (
            "keys alone",
            &[key],
            [(one, "description"), (other, "description")],
        ),
    ];
    for (what, families, details) in damages {
        copy(&ledger.path("ledger"), &ledger.path("honest"));
        exchange(&ledger, families, details);
        let said = ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 1);
        for (index, _) in details {
            assert!(
                said.contains(&format!("entry {}", index.0)),
                "{what}: {said}"
            );
        }
        ledger.start();
        let out = ledger.path("damaged.custody.json").display().to_string();
        let asked: [(&str, &[&str]); 4] = [
            ("smith", &["history", &exhibits[0]]),
            ("morgan", &["history", &exhibits[0]]),
            ("smith", &["bundle", &exhibits[0], "--out", &out]),
            ("morgan", &["report", "access", &exhibits[0]]),
        ];
        for (home, args) in asked {
            // Found by its id: the index of references is no way around.
            let said = ends(&ledger.run(home, args), 2);
            assert!(said.contains("storage"), "{what}, {args:?}: {said}");
            for words in [ELSEWHERE, SECRET] {
                assert!(!said.contains(words), "{what}, {args:?}: {said}");
            }
        }
        assert!(!std::path::Path::new(&out).exists());
        ledger.stop();
        std::fs::remove_dir_all(ledger.path("ledger")).unwrap();
        std::fs::rename(ledger.path("honest"), ledger.path("ledger")).unwrap();
    }
}
