//! The ledger audited by its running service, and the scrub, both over real files that are changed meanwhile.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use custodes::protocol::id::{ChainId, Strand, Subject};
use custodes::storage::{Batch, Durability, Family, Mode, RocksStore, Store as _};
use ledger::{CASE, Ledger, ends, ok};
use wire::{ask, connect, head, read, token};

/// With an auditor, and an exhibit whose rows are in tables.
fn audited_ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    register(&ledger, "JSM/1");
    // Opening a ledger again moves what the write-ahead log holds to tables.
    ledger.stop();
    ledger.start();
    ledger
}

/// Smith registers a file of its own.
fn register(ledger: &Ledger, reference: &str) {
    let file = ledger.path(&reference.replace('/', "-"));
    std::fs::write(&file, reference).unwrap();
    let file = file.display().to_string();
    let mut args = vec!["register", CASE, &file, "--kind", "other"];
    args.extend(["--reference", reference, "--description", "a file"]);
    args.extend(["--power", "consent"]);
    ok(&ledger.run("smith", &args));
}

/// Changes a row of a stopped ledger, with a checksum that fits.
fn change(ledger: &Ledger, family: Family, key: &[u8], value: &[u8]) {
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Write).unwrap();
    let mut batch = Batch::default();
    batch.put(family, key, value);
    store.engine().write(&batch, Durability::Synced).unwrap();
}

/// Stops the ledger, and counts the entries on its own `access` chain.
fn audits_on_record(ledger: &mut Ledger) -> usize {
    let about = ask(ledger, "GET", "/v1/ledger", "", b"").json();
    ledger.stop();
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Read).unwrap();
    let chain = ChainId {
        subject: Subject::new(about["subject"].as_str().unwrap()).unwrap(),
        strand: Strand::Access,
    };
    store.chain(&chain).unwrap().len()
}

fn rows(ledger: &Ledger, family: Family) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Read).unwrap();
    let rows = store.engine().rows(family, b"");
    rows.map(Result::unwrap).collect()
}

/// A table that holds rows of a family, and nothing else.
fn table(ledger: &Ledger, family: Family) -> PathBuf {
    let db = ledger.path("ledger/db");
    let names = Family::ALL.map(Family::name);
    let options = rocksdb::Options::default();
    let opened = rocksdb::DB::open_cf_for_read_only(&options, &db, names, false).unwrap();
    let files = opened.live_files().unwrap();
    let file = files
        .iter()
        .find(|file| file.column_family_name == family.name())
        .unwrap_or_else(|| panic!("no table of {}", family.name()));
    db.join(file.name.trim_start_matches('/'))
}

/// Changes a byte of the first block of a table, in place.
fn flip(table: &Path) {
    let file = File::options().read(true).write(true).open(table).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 8).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], 8).unwrap();
}

#[test]
fn an_auditor_has_a_running_ledger_audited_and_finds_what_was_changed() {
    let mut ledger = audited_ledger();
    let whole = ok(&ledger.run("vale", &["audit", "--service"]));
    assert!(whole.contains("The whole ledger was recomputed"), "{whole}");
    // No authority makes an auditor of its own: one would read every case.
    for (org, home) in [("police", "own"), ("defence-llp", "theirs")] {
        ok(&ledger.run(home, &["key", "new", "--plain"]));
        let key = ledger.path(&format!("ledger/authority/{org}.pem"));
        let (key, home) = (key.display().to_string(), ledger.path(home));
        let home = home.display().to_string();
        let mut args = vec!["key", "enrol", "--authority", &key, "--org", org];
        args.extend(["--role", "auditor", "--name", "X", "--home-of", &home]);
        let refused = ends(&ledger.run("nobody", &args), 2);
        assert!(refused.contains("error[auditor-of-oversight]"), "{refused}");
    }
    // Nobody else, and nobody unknown.
    let refused = ends(&ledger.run("smith", &["audit", "--service"]), 2);
    assert!(refused.contains("error[not-an-auditor]"), "{refused}");
    read(&ledger, "smith", "GET", "/v1/audit", "").is_problem(403, "not-an-auditor");
    ask(&ledger, "GET", "/v1/audit", "", b"").is_problem(401, "token-missing");
    assert!(!ledger.path("ledger/frozen").exists());
    // Both audits that were made are on record; what was refused is not, nor is a look at the header alone.
    read(&ledger, "vale", "HEAD", "/v1/audit", "");
    let answer = read(&ledger, "vale", "GET", "/v1/audit", "").text();
    assert!(answer.contains("\"exit\":0"), "{answer}");
    assert_eq!(audits_on_record(&mut ledger), 2);

    // A state that the rules do not give, whose checksums are right: only recomputing shows it.
    let (key, value) = rows(&ledger, Family::Digests).pop().unwrap();
    assert!(value.is_empty());
    let other = [&[key[0] ^ 1], &key[1..]].concat();
    change(&ledger, Family::Digests, &other, b"");
    // What an audit left behind that a crash ended.
    std::fs::create_dir_all(ledger.path("ledger/frozen/db")).unwrap();
    ledger.start();
    assert!(!ledger.path("ledger/frozen").exists());
    let found = ends(&ledger.run("vale", &["audit", "--service"]), 1);
    assert!(found.contains("failed [stray] digest"), "{found}");
    assert!(
        found.contains("The ledger is not as it should be"),
        "{found}"
    );
    let json = ends(&ledger.run("vale", &["audit", "--service", "--json"]), 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["exit"], &json["findings"][0]["code"]),
        (&1.into(), &"stray".into())
    );
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    let stopped = ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 1);
    assert!(stopped.contains("failed [stray] digest"), "{stopped}");
    ok(&ledger.run("nobody", &["repair", "--dir", &dir]));
    ledger.start();
    ok(&ledger.run("vale", &["audit", "--service"]));
}

#[test]
fn a_service_whose_own_log_is_full_goes_on() {
    let mut ledger = audited_ledger();
    ledger.stop();
    let full = File::options().write(true).open("/dev/full").unwrap();
    ledger.start_telling(&[], full.into());
    // It tells its log of an audit.
    ok(&ledger.run("vale", &["audit", "--service"]));
    register(&ledger, "JSM/2");
    assert_eq!(ask(&ledger, "GET", "/readyz", "", b"").status, 200);
}

#[test]
fn what_is_recorded_during_an_audit_does_not_disturb_it() {
    let ledger = audited_ledger();
    let recording = AtomicBool::new(true);
    let sizes: Vec<u64> = std::thread::scope(|scope| {
        scope.spawn(|| {
            (2..12).for_each(|number| register(&ledger, &format!("JSM/{number}")));
            recording.store(false, Ordering::SeqCst);
        });
        let mut sizes = Vec::new();
        while recording.load(Ordering::SeqCst) {
            let lines = read(&ledger, "vale", "GET", "/v1/audit", "").text();
            let outcome = lines
                .lines()
                .find(|line| line.starts_with("{\"audit\""))
                .unwrap_or_else(|| panic!("no outcome: {lines}"));
            let outcome: serde_json::Value = serde_json::from_str(outcome).unwrap();
            assert_eq!(outcome["audit"]["exit"], 0, "{lines}");
            sizes.push(outcome["audit"]["entries"].as_u64().unwrap());
        }
        sizes
    });
    assert!(
        sizes.len() > 1 && sizes.is_sorted_by(|one, next| one < next),
        "{sizes:?}"
    );
}

#[test]
fn one_audit_at_a_time_and_one_that_nobody_reads_ends() {
    let ledger = audited_ledger();
    let mut tries = 0;
    let refused = loop {
        let streams: Vec<_> = (0..24)
            .map(|_| {
                let token = token(&ledger, "vale", "GET", "/v1/audit", None);
                let mut stream = connect(&ledger);
                stream
                    .write_all(head("GET", "/v1/audit", &token, 0).as_bytes())
                    .unwrap();
                stream
            })
            .collect();
        let answers: Vec<String> = streams
            .into_iter()
            .map(|stream| {
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                lines.collect::<Vec<_>>().join("\n")
            })
            .collect();
        let (done, refused): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.starts_with("HTTP/1.1 200"));
        assert!(!done.is_empty());
        for answer in &done {
            assert!(answer.contains("{\"audit\":{"), "{answer}");
        }
        if let Some(one) = refused.into_iter().next() {
            break one;
        }
        tries += 1;
        assert!(tries < 20, "no two audits met");
    };
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: 60\n"), "{refused}");
    assert!(
        refused.contains("urn:custodes:problem:audit-running"),
        "{refused}"
    );
    // Whoever goes away leaves the place free.
    let token = token(&ledger, "vale", "GET", "/v1/audit", None);
    let mut stream = connect(&ledger);
    stream
        .write_all(head("GET", "/v1/audit", &token, 0).as_bytes())
        .unwrap();
    drop(stream);
    let begun = Instant::now();
    while read(&ledger, "vale", "GET", "/v1/audit", "").status != 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "no place came free"
        );
    }
    assert!(!ledger.path("ledger/frozen").exists());
}

#[test]
fn the_scrub_of_a_running_service_finds_a_flipped_byte_and_says_so() {
    let mut ledger = audited_ledger();
    let gauge = |ledger: &Ledger, name: &str| -> f64 {
        let metrics = ask(ledger, "GET", "/metrics", "", b"").text();
        let line = metrics.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name}: {metrics}"));
        line[name.len()..].trim().parse().unwrap()
    };
    let until = |ledger: &Ledger, what: &str, done: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(150), "{what}");
            assert_eq!(ask(ledger, "GET", "/healthz", "", b"").status, 200);
        }
    };
    // A whole pass finds nothing.
    until(&ledger, "no pass ended", &|| {
        gauge(&ledger, "custodes_scrub_passes") >= 1.0
    });
    assert_eq!(gauge(&ledger, "custodes_scrub_findings"), 0.0);
    assert_eq!(ask(&ledger, "GET", "/readyz", "", b"").status, 200);
    // The next pass begins with the start, and is slow enough to be overtaken.
    ledger.stop();
    ledger.start_with(&["--scrub-rate", "20000"]);
    let table = table(&ledger, Family::Disclosures);
    flip(&table);
    until(&ledger, "the scrub did not find it", &|| {
        gauge(&ledger, "custodes_scrub_findings") >= 1.0
    });
    ask(&ledger, "GET", "/readyz", "", b"").is_problem(503, "damaged");
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 1);
}

#[test]
fn every_family_of_rows_changed_is_seen_by_audit_and_mended_or_named() {
    let mut ledger = audited_ledger();
    ok(&ledger.run("smith", &["history", CASE]));
    // A clean stop writes what was refused.
    read(&ledger, "smith", "GET", "/v1/audit", "").is_problem(403, "not-an-auditor");
    ledger.stop();
    let original = ledger.path("original");
    ledger::copy(&ledger.path("ledger"), &original);
    let dir = ledger.path("ledger").display().to_string();
    for family in Family::ALL {
        std::fs::remove_dir_all(ledger.path("ledger")).unwrap();
        ledger::copy(&original, &ledger.path("ledger"));
        let (key, mut value) = rows(&ledger, family).into_iter().next().unwrap();
        match value.last_mut() {
            Some(last) => *last ^= 1,
            None => value.push(1),
        }
        change(&ledger, family, &key, &value);
        let context = format!("{family:?} {}", hex::encode(&key));
        let audit = ledger.run("nobody", &["audit", "--dir", &dir]);
        let said = String::from_utf8_lossy(&audit.stdout).into_owned();
        assert_ne!(audit.status.code(), Some(0), "{context}: {said}");
        let repair = ledger.run("nobody", &["repair", "--dir", &dir]);
        let said = String::from_utf8_lossy(&repair.stdout).into_owned();
        if family == Family::Meta {
            // The mark of the format: what another version wrote is not repaired by guessing.
            let said = String::from_utf8_lossy(&repair.stderr);
            assert_eq!(repair.status.code(), Some(2), "{context}: {said}");
            assert!(said.contains("ledger-newer"), "{said}");
            continue;
        }
        match family.is_derived() || family == Family::Leaves {
            true => {
                assert_eq!(repair.status.code(), Some(0), "{context}: {said}");
                ok(&ledger.run("nobody", &["audit", "--dir", &dir]));
                // What follows the log follows it anew.
                ledger.start();
                ok(&ledger.run("smith", &["history", &format!("{CASE} JSM/1")]));
                ledger.stop();
                ok(&ledger.run("nobody", &["audit", "--dir", &dir]));
            }
            false => assert!(
                said.contains("not mended [") || repair.status.code() == Some(2),
                "{context}: {said}"
            ),
        }
    }
}
