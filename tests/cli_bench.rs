//! `custodes bench`, small: every figure is there, and what it counts adds up. Nothing timed is asserted.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use custodes::storage::{Batch, Durability, Family, Mode, RocksStore, Store as _};
use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(["bench", "--json"])
        .args(args)
        .env_remove("CUSTODES_URL")
        .output()
        .unwrap()
}

fn rows(output: &Output) -> BTreeMap<String, Value> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.is_empty(),
        "no progress where nobody looks at a terminal: {said}"
    );
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert!(value["machine"]["cores"].as_u64().unwrap() >= 1);
    assert!(value["machine"]["sync_seconds"].as_f64().unwrap() > 0.0);
    let rows = value["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone()))
        .collect()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name}: {row}"))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// Deletes a row of the index by digest, which the log says should be there.
fn lose_a_digest(db: &Path) {
    let store = RocksStore::open(db, Mode::Write).unwrap();
    let (key, _) = store
        .engine()
        .rows(Family::Digests, &[])
        .next()
        .unwrap()
        .unwrap();
    let mut batch = Batch::default();
    batch.delete(Family::Digests, key);
    store.engine().write(&batch, Durability::Synced).unwrap();
}

#[test]
fn every_figure_is_there_and_the_counts_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let sizes = [
        "--dir",
        dir,
        "--entries",
        "60",
        "--singles",
        "30",
        "--clients",
        "3",
        "--batch",
        "16",
        "--connections",
        "2",
        "--reads",
        "4",
        "--digest-mib",
        "3",
        "--files",
        "5",
    ];
    let rows = rows(&bench(&sizes));
    assert!(is_empty(folder.path()), "the temporary folder is gone");
    let expected = [
        ("single_1", 3.0),
        ("single_many", 30.0),
        ("batch", 60.0),
        ("read_entry", 4.0),
        ("read_history", 4.0),
        ("read_lookup", 4.0),
        ("read_bundle", 4.0),
        ("beside_readers", 150.0),
        ("beside_writers", 150.0),
        ("open", 1.0),
        ("floor_parse", 3000.0),
        ("floor_verify", 3000.0),
        ("floor_hash", 3000.0),
        ("floor_sign", 3000.0),
        ("digest_file", 3.0 / 1024.0),
        ("digest_folder", 5.0),
    ];
    for (name, count) in expected {
        let row = rows.get(name).unwrap_or_else(|| panic!("no row {name}"));
        assert_eq!(number(row, "count"), count, "{name}");
        assert!(number(row, "seconds") > 0.0, "{name}");
    }
    for name in ["single_1", "single_many", "batch"] {
        let row = &rows[name];
        // An entry of the service's own for each exhibit of three.
        assert_eq!(
            number(row, "log_leaves"),
            number(row, "count") / 3.0 * 4.0,
            "{name}"
        );
        let commits = number(row, "commits");
        assert!(
            commits >= 1.0 && commits <= number(row, "log_leaves"),
            "{name}"
        );
        assert!(number(row, "fraction_of_floor") > 0.0, "{name}");
        assert!(number(row, "p50_ms") <= number(row, "p99_ms"), "{name}");
        if cfg!(target_os = "linux") {
            assert!(row["generator_cpu_seconds"].is_f64() && row["service_cpu_seconds"].is_f64());
        }
    }
    let audited = number(&rows["audit"], "count");
    assert_eq!(audited, number(&rows["open"], "log_leaves_there"));
    assert!(
        audited > (60.0 + 30.0 + 3.0) / 3.0 * 4.0 + 3.0 * 4.0,
        "{audited}"
    );
}

#[test]
fn a_kept_ledger_grows_and_a_damaged_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let keep = ["--keep", dir, "--entries", "6", "--only"];
    let first = rows(&bench(&[&keep[..], &["batch"]].concat()));
    assert_eq!(first.len(), 1);
    let second = rows(&bench(&[&keep[..], &["batch,open,audit"]].concat()));
    let leaves = number(&second["open"], "log_leaves_there");
    assert_eq!(number(&second["audit"], "count"), leaves);
    assert!(
        leaves > 2.0 * number(&first["batch"], "log_leaves"),
        "{leaves}"
    );

    // A rate for an audit that fails would be a false figure.
    lose_a_digest(&folder.path().join("ledger/db"));
    let refused = bench(&[&keep[..], &["audit"]].concat());
    let told: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(told["error"]["code"], "audit", "{told}");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());

    let usage = bench(&["--entries", "0"]);
    assert_eq!(usage.status.code(), Some(2));
}
