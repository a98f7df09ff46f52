//! What the service refuses, in its security log: over HTTP, through the command, and in the audit of its folder.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;

use std::path::Path;

use custodes::protocol::base64url;
use custodes::storage::{Batch, Durability, Family, Mode, RocksStore, Store as _};
use ledger::{CASE, Ledger, copy, ends, ok};
use serde_json::Value;
use wire::{ask, read, token};

const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// With an auditor.
fn audited_ledger() -> Ledger {
    let ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    ledger
}

/// What records say, as the service hands them out, without checking anything.
fn records(ledger: &Ledger) -> Vec<Value> {
    let answer = read(ledger, "vale", "GET", "/v1/security-log?from=0", "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let end = lines.pop().unwrap();
    assert_eq!(end["length"], lines.len());
    let payload = |line: &Value| {
        let jws = line["record"].as_str().unwrap();
        let payload = jws.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap()
    };
    lines.iter().map(payload).collect()
}

/// Something refused with this code.
fn refused(records: &[Value], code: &str) -> Value {
    let found = records.iter().find(|one| one["code"] == code);
    let found = found.unwrap_or_else(|| panic!("no {code} in {records:#?}"));
    found.clone()
}

#[test]
fn what_is_refused_is_recorded_and_auditors_alone_can_read_it() {
    let ledger = audited_ledger();
    // An entry that its signer has no role for.
    let open = ["case", "open", "--reference", "X-1", "--title", "R v X"];
    assert!(ends(&ledger.run("morgan", &open), 2).contains("error[no-role]"));
    // Something that is no entry, alone and in a batch.
    let secret = "Robert'); DROP TABLE";
    let json = "content-type: application/json\r\n";
    let body = format!("{{\"entry\":\"{secret}\"}}");
    ask(&ledger, "POST", "/v1/entries", json, body.as_bytes()).is_problem(400, "bad-entry");
    let lines = "content-type: application/x-ndjson\r\n";
    let batch = ask(&ledger, "POST", "/v1/entries", lines, b"{}\n{}\n");
    assert_eq!(batch.text().matches("bad-request").count(), 2);
    // No token, a wrong one, one for something else.
    let history = format!("/v1/exhibits/{NOBODY}/history");
    ask(&ledger, "GET", &history, "", b"").is_problem(401, "token-missing");
    let wrong = "authorization: Custody a.b.c\r\n";
    ask(&ledger, "GET", &history, wrong, b"").is_problem(401, "token-form");
    let other = token(
        &ledger,
        "smith",
        "GET",
        "/v1/resolve?reference=JSM%2F1",
        None,
    );
    ask(&ledger, "GET", &history, &other, b"").is_problem(401, "token-other-request");
    // What is not there, or not for this reader; of the defence not who looked for what.
    let none = "not-registered-or-not-visible";
    read(&ledger, "smith", "GET", &history, "").is_problem(404, none);
    let lookup = format!("/v1/lookup?sha256={}", "0f".repeat(32));
    read(&ledger, "morgan", "GET", &lookup, "").is_problem(404, none);
    // The security log itself.
    let log = "/v1/security-log?from=0";
    read(&ledger, "smith", "GET", log, "").is_problem(403, "not-an-auditor");
    read(&ledger, "vale", "GET", "/v1/security-log", "").is_problem(400, "bad-request");
    // What is no refusal.
    ask(&ledger, "GET", "/nothing", "", b"").is_problem(404, "no-such-path");
    ask(&ledger, "GET", "/schemas/nothing", "", b"").is_problem(404, none);

    let told = records(&ledger);
    let actor = |home: &str| {
        let config = std::fs::read_to_string(ledger.path(home).join("config.toml")).unwrap();
        let config: toml::Table = config.parse().unwrap();
        Value::from(config["actor"].as_str().unwrap())
    };
    let entry = refused(&told, "no-role");
    assert_eq!(
        (&entry["kind"], &entry["act"], &entry["by"], &entry["actor"]),
        (
            &"entry".into(),
            &"case-opened".into(),
            &"proven".into(),
            &actor("morgan")
        )
    );
    assert_eq!(entry["source"], "127.0.0.1");
    assert_eq!(entry["target"].as_str().map(str::len), Some(22));
    assert_eq!(entry["digest"].as_str().map(str::len), Some(43));
    let bad = refused(&told, "bad-entry");
    assert_eq!((&bad["by"], &bad["act"]), (&"unknown".into(), &Value::Null));
    let twice: u64 = told
        .iter()
        .filter(|one| one["code"] == "bad-request")
        .filter_map(|one| one["count"].as_u64())
        .sum();
    assert_eq!(twice, 2);
    assert_eq!(
        refused(&told, "token-missing")["act"],
        "GET /v1/{kind}/{subject}/history"
    );
    assert_eq!(refused(&told, "token-form")["target"], NOBODY);
    let other = refused(&told, "token-other-request");
    assert_eq!(
        (&other["by"], &other["actor"]),
        (&"proven".into(), &actor("smith"))
    );
    let not_visible: Vec<&Value> = told.iter().filter(|one| one["code"] == none).collect();
    assert_eq!(not_visible.len(), 2, "{told:#?}");
    let by = |by: &str| not_visible.iter().find(|one| one["by"] == by).unwrap();
    assert_eq!(
        (&by("proven")["actor"], &by("proven")["target"]),
        (&actor("smith"), &NOBODY.into())
    );
    let hidden = by("defence");
    assert_eq!(
        (&hidden["actor"], &hidden["target"], &hidden["source"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(refused(&told, "not-an-auditor")["actor"], actor("smith"));
    let all = serde_json::to_string(&told).unwrap();
    assert!(
        !all.contains("DROP") && !all.contains("0f0f") && !all.contains("JSM"),
        "{all}"
    );
    assert!(!all.contains("no-such-path"));

    // The same for people, and again.
    let words = ok(&ledger.run("vale", &["security-log"]));
    let expected = [
        "Alex Morgan (defence-llp) tried to record \"case-opened\"",
        "refused, no-role. [record 0, from 127.0.0.1]",
        "DC Jo Smith (police) asked for the security log: refused, not-an-auditor.",
        "Somebody of the defence asked for the exhibit with a digest: refused",
        "Somebody unknown asked for the history of an exhibit or case",
        "every signature and the whole chain behind them are right",
    ];
    for words_of in expected {
        assert!(words.contains(words_of), "no {words_of:?} in:\n{words}");
    }
    let refused = ends(&ledger.run("smith", &["security-log"]), 2);
    assert!(refused.contains("error[not-an-auditor]"), "{refused}");
    let new = ok(&ledger.run("vale", &["security-log", "--new"]));
    assert_eq!(new.matches("[record ").count(), 1, "{new}");
    assert!(
        new.contains("DC Jo Smith (police) asked for the security log"),
        "{new}"
    );
    let json = ok(&ledger.run("vale", &["security-log", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["records"].as_array().unwrap().len(), told.len() + 1);
}

/// The rows of the security log of a stopped ledger.
fn rows(dir: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = RocksStore::open(&dir.join("db"), Mode::Read).unwrap();
    let rows = store.engine().rows(Family::Security, b"");
    rows.map(Result::unwrap).collect()
}

/// A row by its position, and its new value or nothing.
type Change<'v> = (u64, Option<&'v [u8]>);

/// Changes the rows of a stopped ledger.
fn change(dir: &Path, changes: &[Change<'_>]) {
    let store = RocksStore::open(&dir.join("db"), Mode::Write).unwrap();
    let mut batch = Batch::default();
    for (at, value) in changes {
        match value {
            Some(value) => batch.put(Family::Security, at.to_be_bytes(), *value),
            None => batch.delete(Family::Security, at.to_be_bytes()),
        }
    }
    store.engine().write(&batch, Durability::Synced).unwrap();
}

#[test]
fn a_log_that_was_changed_on_disk_is_caught_by_the_audit_and_by_whoever_read_it_before() {
    let mut ledger = audited_ledger();
    for method in ["history", "bundle", "history"] {
        let path = format!("/v1/cases/{NOBODY}/{method}");
        ask(&ledger, "GET", &path, "", b"").is_problem(401, "token-missing");
        // Reading it has everything written that was refused before.
        read(&ledger, "vale", "GET", "/v1/security-log?from=0", "");
    }
    ok(&ledger.run("vale", &["security-log"]));
    // A power cut loses nothing that was read.
    ledger.kill();
    let dir = ledger.path("ledger");
    let audit = |dir: &Path| ["audit", "--dir", dir.to_str().unwrap()].map(str::to_owned);
    let audit = |dir: &Path| {
        let args = audit(dir);
        ledger.run("nobody", &args.each_ref().map(String::as_str))
    };
    ok(&audit(&dir));
    let kept = rows(&dir);
    assert_eq!(kept.len(), 3);
    let value = |at: usize| Some(kept[at].1.as_slice());
    let flipped = {
        let mut flipped = kept[1].1.clone();
        flipped[100] ^= 1;
        flipped
    };
    let edits: [(&str, Vec<Change<'_>>); 6] = [
        ("changed", vec![(1, Some(&flipped))]),
        ("removed", vec![(1, None)]),
        ("cut off", vec![(2, None)]),
        ("moved", vec![(0, value(1)), (1, value(0))]),
        ("repeated", vec![(3, value(2))]),
        ("closed up", vec![(1, value(2)), (2, None)]),
    ];
    for (how, edit) in &edits {
        let tampered = ledger.path(&how.replace(' ', "-"));
        copy(&dir, &tampered);
        change(&tampered, edit);
        let found = ends(&audit(&tampered), 1);
        assert!(found.contains("failed [security-log]"), "{how}: {found}");
        assert!(
            found.contains("The ledger is not as it should be"),
            "{how}: {found}"
        );
        // A repair has nothing to compute it from, and leaves it as it is.
        let left = rows(&tampered);
        ledger.run("nobody", &["repair", "--dir", tampered.to_str().unwrap()]);
        assert_eq!(rows(&tampered), left, "{how}");
    }

    // Without the whole family, as in a folder of older software or after a loss.
    let older = ledger.path("older");
    copy(&dir, &older);
    let names = Family::ALL.map(Family::name);
    let options = rocksdb::Options::default();
    let mut db = rocksdb::DB::open_cf(&options, older.join("db"), names).unwrap();
    db.drop_cf(Family::Security.name()).unwrap();
    drop(db);
    let found = ends(&audit(&older), 1);
    assert!(
        found.contains("An auditor was given 3 records; 0 are stored"),
        "{found}"
    );

    // The service goes on at an end that was cut off; who read it before notices.
    change(&dir, &[(2, None)]);
    ledger.start();
    let alarm = ends(&ledger.run("vale", &["security-log"]), 1);
    assert!(alarm.contains("ALARM: the security log"), "{alarm}");
    assert!(alarm.contains("it has 2 records, and had 3"), "{alarm}");
    let path = format!("/v1/cases/{CASE}/history");
    ask(&ledger, "GET", &path, "", b"").is_problem(401, "token-missing");
    for args in [&["security-log"][..], &["security-log", "--new"]] {
        let alarm = ends(&ledger.run("vale", args), 1);
        assert!(alarm.contains("ALARM: the security log"), "{alarm}");
    }
    // Nothing of that was forgotten: it is an alarm still.
    ends(&ledger.run("vale", &["security-log"]), 1);
}
