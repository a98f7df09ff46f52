//! Where an erased text could still be: as it is written and in every form of base64, in the files of the database as
//! they are and unpacked, in the log of what is written, in files beside it, in the signer's own folder, in a copy made
//! later. And that what is destroyed is destroyed on disk when the service says so.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::ledger::{Ledger, copy, ok};
use crate::{ADDRESS, bundle, recorded, rows, sst, tracer};

/// A text as it is and in base64, of both alphabets, wherever it begins in a group of three bytes: the part that does
/// not depend on what stands beside it.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![text.as_bytes().to_vec()];
    for before in 0..3 {
        let bytes = [&vec![0; before][..], text.as_bytes()].concat();
        let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for encoded in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            forms.push(encoded.as_bytes()[first..last].to_vec());
        }
    }
    forms
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Every file below a folder that holds one of these, as it is or unpacked; and how many blocks were unpacked.
fn holding(folder: &Path, wanted: &[Vec<u8>]) -> (Vec<String>, usize) {
    let (mut found, mut blocks) = (Vec::new(), 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            let (below, more) = holding(&path, wanted);
            found.extend(below);
            blocks += more;
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else {
            continue; // a socket
        };
        let mut parts = vec![bytes];
        if path.extension().is_some_and(|end| end == "sst") {
            let unpacked = sst::unpacked(&parts[0]);
            blocks += unpacked.len();
            parts.extend(unpacked);
        }
        if wanted
            .iter()
            .any(|one| parts.iter().any(|part| holds(part, one)))
        {
            found.push(path.display().to_string());
        }
    }
    (found, blocks)
}

#[test]
fn every_form_of_a_text_is_found_in_what_carries_it() {
    let forms = forms("the man's address");
    assert_eq!(forms.len(), 7);
    for before in ["", "x", "xy", "xyz"] {
        let carried = format!("{before}the man's address, and more");
        for encoded in [
            STANDARD_NO_PAD.encode(&carried),
            URL_SAFE_NO_PAD.encode(&carried),
        ] {
            assert!(
                forms.iter().any(|form| holds(encoded.as_bytes(), form)),
                "{before}"
            );
        }
    }
}

/// Erases the text of an entry.
fn erase(ledger: &Ledger, exhibit: &str, entry: u64) {
    let details = format!("{entry}:text");
    let law = ["--legal-basis", "DPA 2018 s.47"];
    ok(&ledger.run("smith", &[&["erase", exhibit, &details][..], &law].concat()));
}

#[test]
fn no_form_of_what_was_erased_is_in_any_file_unpacked_or_not_or_in_a_later_copy() {
    let (mut ledger, exhibit, entry) = recorded();
    let before = std::fs::read(bundle(&ledger, &exhibit, "before.json")).unwrap();
    let before: serde_json::Value = serde_json::from_slice(&before).unwrap();
    let entries = before["entries"].as_array().unwrap();
    let signed = entries.iter().find(|one| one["index"] == entry).unwrap();
    let jws = signed["jws"].as_str().unwrap();
    let disclosure = signed["disclosures"][0].as_str().unwrap();
    // What was handed out before is not the service's.
    let outside = ["before.json"].map(|name| ledger.path(name));
    outside
        .iter()
        .for_each(|file| std::fs::remove_file(file).unwrap());
    ledger.stop();
    let [sealed, key] = rows(&ledger, entry, "text").map(Option::unwrap);
    let mut wanted = forms(ADDRESS);
    wanted.push(disclosure.as_bytes().to_vec());
    wanted.extend([sealed, key]);
    ledger.start();
    erase(&ledger, &exhibit, entry);
    let whole = format!("{jws}~{disclosure}~");
    assert_eq!(crate::resubmitted(&ledger, &whole).0, 200);
    ledger.stop();
    let folder = ledger.path("ledger");
    copy(&folder, &ledger.path("backup"));
    for place in ["ledger", "backup", "smith"] {
        assert_eq!(holding(&ledger.path(place), &wanted).0, [""; 0], "{place}");
    }
    // The search finds what is there: the entry itself, which stays, in tables that had to be unpacked.
    let (found, blocks) = holding(&folder, &[jws.as_bytes()[100..].to_vec()]);
    assert!(
        blocks > 0 && found.iter().any(|file| file.ends_with(".sst")),
        "{found:?}"
    );
    let dir = folder.display().to_string();
    ok(&ledger.run("nobody", &["audit", "--dir", &dir]));
    // A service on the copy, and what is written there, brings nothing back.
    ledger.start();
    assert_eq!(crate::resubmitted(&ledger, &whole).0, 200);
    let told = ok(&ledger.run("smith", &["history", &exhibit, "--purpose", "looking"]));
    assert!(!told.contains(ADDRESS), "{told}");
    ledger.stop();
    assert_eq!(holding(&folder, &wanted).0, [""; 0]);
}

/// The service is killed as soon as it has said that it is done; no clean end does the work.
#[test]
fn what_the_service_says_is_destroyed_is_destroyed_on_disk_by_then() {
    let (mut ledger, exhibit, entry) = recorded();
    ledger.stop();
    let [sealed, key] = rows(&ledger, entry, "text").map(Option::unwrap);
    ledger.start_telling(&[], Stdio::piped());
    let trace = ledger.path("trace");
    let calls = "trace=write,fsync,fdatasync,sync_file_range";
    let traced = tracer::attach(&ledger, &["-y", "-s", "200", "-e", calls], &trace);
    let mut said = BufReader::new(ledger.told());
    erase(&ledger, &exhibit, entry);
    let mut line = String::new();
    while !line.contains("is destroyed in this folder") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the service ended");
    }
    ledger.kill();
    let mut wanted = forms(ADDRESS);
    wanted.extend([sealed, key]);
    assert_eq!(holding(&ledger.path("ledger"), &wanted).0, [""; 0]);
    let Some(mut tracer) = traced else { return };
    tracer.wait().unwrap();
    let trace = String::from_utf8_lossy(&std::fs::read(&trace).unwrap()).into_owned();
    let until = trace
        .lines()
        .take_while(|line| !line.contains("is destroyed in this folder"));
    let until: Vec<&str> = until.collect();
    assert!(
        until.len() < trace.lines().count(),
        "the trace has the line"
    );
    // New tables, the list of tables that are in use, and the log that the mark is in.
    for file in [".sst>", "MANIFEST", ".log>"] {
        let synced = |line: &&&str| line.contains("sync(") && line.contains(file);
        assert!(
            until.iter().any(|line| synced(&line)),
            "{file} is synced before"
        );
    }
}
