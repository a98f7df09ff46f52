//! Erasure by law, through the real command and service: the text, the key that it was kept under and the file are in
//! no byte of the ledger's folder any more, and everything that was signed still proves what it proved.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod bytes;
#[path = "../common/ledger.rs"]
mod ledger;
mod sst;
#[path = "../common/tracer.rs"]
mod tracer;

use std::path::Path;

use custodes::protocol::base64url;
use custodes::protocol::tree::EntryIndex;
use custodes::storage::{Family, Mode, RocksStore, Store as _, layout};
use ledger::{CASE, Ledger, copy, ends, ok};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What is to be found nowhere: a man's address, as it is written, and as entries carry it.
const ADDRESS: &str = "14 Larkspur Terrace, home of the informant Wim Vandersloot";

/// Every file below a folder that holds these bytes.
fn holding(folder: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, wanted));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(wanted.len())
            .any(|window| window == wanted)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Rows of one detail as a stopped ledger holds them: the sealed text, and its key.
fn rows(ledger: &Ledger, entry: u64, name: &str) -> [Option<Vec<u8>>; 2] {
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Read).unwrap();
    let key = layout::disclosure_key(EntryIndex(entry), name);
    [Family::Disclosures, Family::DisclosureKeys].map(|of| store.engine().get(of, &key).unwrap())
}

/// The rows of the index of references.
fn indexed(ledger: &Ledger, entry: u64) -> usize {
    let store = RocksStore::open(&ledger.path("ledger/db"), Mode::Read).unwrap();
    let newest_first = (u64::MAX - entry).to_be_bytes();
    let rows = store.engine().rows(Family::Search, b"");
    rows.filter(|row| row.as_ref().unwrap().0[32..40] == newest_first)
        .count()
}

/// Number of the entry of an event that an exhibit or case has, as a reader sees it.
fn number(ledger: &Ledger, target: &str, event: &str) -> u64 {
    let args = ["--json", "history", target, "--purpose", "looking"];
    let told: Value = serde_json::from_str(&ok(&ledger.run("smith", &args))).unwrap();
    let entries = told["entries"].as_array().unwrap();
    let is = |one: &&Value| {
        let jws = one["entry"].as_str().unwrap_or_default();
        let payload = jws.split('.').nth(1).unwrap_or_default();
        let payload = base64url::decode(payload).unwrap_or_default();
        serde_json::from_slice::<Value>(&payload).is_ok_and(|payload| payload["event"] == event)
    };
    entries.iter().rfind(is).unwrap()["index"].as_u64().unwrap()
}

fn verified(ledger: &Ledger, file: &str) -> Value {
    let policy = ledger.path("ledger/policy").display().to_string();
    let args = ["--json", "verify", file, "--policy", &policy];
    let told = ledger.run("nobody", &args);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_ne!(told["exit"], 1, "{}", told["findings"]);
    told
}

fn bundle(ledger: &Ledger, target: &str, name: &str) -> String {
    let file = ledger.path(name).display().to_string();
    let args = ["bundle", target, "--out", &file, "--purpose", "checks"];
    ok(&ledger.run("smith", &args));
    file
}

/// A ledger with an exhibit of which an address was recorded, with its file, and the entry that says so.
fn recorded() -> (Ledger, String, u64) {
    let ledger = Ledger::new();
    let file = ledger.path("a.txt");
    std::fs::write(&file, b"bytes").unwrap();
    ledger.register(&file, "JS/1");
    let exhibit = format!("{CASE} JS/1");
    let note = number(&ledger, &exhibit, "registered");
    let text = format!("text=Seen at {ADDRESS}.");
    let target = format!("target={note}");
    let args = [
        "record",
        "annotated",
        &exhibit,
        "--set",
        &target,
        "--detail",
        &text,
    ];
    ok(&ledger.run("smith", &args));
    let e = number(&ledger, &exhibit, "annotated");
    (ledger, exhibit, e)
}

#[test]
fn what_the_law_has_erased_is_in_no_byte_of_the_folder_and_all_proofs_stand() {
    let (mut ledger, exhibit, entry) = recorded();
    let before = bundle(&ledger, &exhibit, "before.json");
    verified(&ledger, &before);
    let outbox: Value = serde_json::from_slice(&std::fs::read(&before).unwrap()).unwrap();
    let entries = outbox["entries"].as_array().unwrap();
    let signed = entries.iter().find(|one| one["index"] == entry).unwrap();
    let text = signed["disclosures"][0].as_str().unwrap();
    let whole = format!("{}~{text}~", signed["jws"].as_str().unwrap());

    // Before, the key and the sealed text are found; so the search below finds what is there.
    ledger.stop();
    let [sealed, key] = rows(&ledger, entry, "text").map(Option::unwrap);
    let folder = ledger.path("ledger");
    assert!(!holding(&folder, &key).is_empty());
    assert!(!holding(&folder, &sealed).is_empty());
    ledger.start();
    let details = format!("{entry}:text");
    let law = ["--legal-basis", "DPA 2018 s.47"];
    let told = ok(&ledger.run(
        "smith",
        &[&["erase", &exhibit, &details][..], &law].concat(),
    ));
    assert!(
        told.contains(&format!("Erased: text of entry {entry}.")),
        "{told}"
    );
    let line = format!(
        "Erased by law under entry {}: text.",
        number(&ledger, &exhibit, "details-erased")
    );
    let told = ok(&ledger.run("smith", &["history", &exhibit, "--purpose", "looking"]));
    assert!(told.contains(&line) && !told.contains(ADDRESS), "{told}");
    let after = bundle(&ledger, &exhibit, "after.json");
    let again = bundle(&ledger, CASE, "case.json");

    // Sent again, the very entry with its text: it is known, and brings nothing back.
    let (status, answer) = resubmitted(&ledger, &whole);
    assert_eq!(
        (status, answer["index"].as_u64()),
        (200, Some(entry)),
        "{answer}"
    );
    ledger.stop();
    assert_eq!(rows(&ledger, entry, "text"), [None, None]);
    let text = text.as_bytes();
    for wanted in [
        &key[..],
        &sealed,
        ADDRESS.as_bytes(),
        text,
        &text[text.len() - 40..],
    ] {
        assert_eq!(holding(&folder, wanted), [""; 0]);
    }
    ok(&ledger.run("nobody", &["audit", "--dir", &folder.display().to_string()]));
    copy(&folder, &ledger.path("backup"));
    assert_eq!(holding(&ledger.path("backup"), &key), [""; 0]);

    // What was handed out before still verifies, with its text; what is handed out now says why there is none.
    verified(&ledger, &before);
    for file in [&after, &again] {
        let found = verified(&ledger, file);
        let findings = found["findings"].as_array().unwrap();
        let erased = findings.iter().find(|one| one["code"] == "detail-erased");
        let words = erased.unwrap()["words"].as_str().unwrap_or_default();
        assert!(words.contains("erased by law, under entry"), "{findings:?}");
    }
    ledger.start();
}

/// Submits an entry over HTTP.
fn resubmitted(ledger: &Ledger, entry: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let body = serde_json::json!({ "entry": entry }).to_string();
    let request = agent.post(format!("{}/v1/entries", ledger.url));
    let mut answer = request
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_str(&text).unwrap(),
    )
}

#[test]
fn a_reference_that_was_erased_finds_nothing_and_the_index_forgets_it() {
    let (mut ledger, exhibit, _) = recorded();
    let opened = number(&ledger, &exhibit, "registered");
    ledger.stop();
    assert!(indexed(&ledger, opened) > 0);
    ledger.start();
    let details = format!("{opened}:reference");
    let law = ["--legal-basis", "DPA 2018 s.47"];
    ok(&ledger.run(
        "smith",
        &[&["erase", &exhibit, &details][..], &law].concat(),
    ));
    ends(
        &ledger.run("smith", &["history", &exhibit, "--purpose", "looking"]),
        2,
    );
    ledger.stop();
    assert_eq!(indexed(&ledger, opened), 0);
    ok(&ledger.audit("ledger"));
}

#[test]
fn an_erasure_that_a_kill_cut_short_is_finished_by_the_next_start() {
    let (mut ledger, exhibit, entry) = recorded();
    ledger.stop();
    let [sealed, key] = rows(&ledger, entry, "text").map(Option::unwrap);
    ledger.start();
    let details = format!("{entry}:text");
    let law = ["--legal-basis", "DPA 2018 s.47"];
    ok(&ledger.run(
        "smith",
        &[&["erase", &exhibit, &details][..], &law].concat(),
    ));
    ledger.kill();
    ledger.start();
    ok(&ledger.run("smith", &["history", &exhibit, "--purpose", "looking"]));
    ledger.stop();
    for wanted in [&key, &sealed] {
        assert_eq!(holding(&ledger.path("ledger"), wanted), [""; 0]);
    }
    ok(&ledger.audit("ledger"));
}

#[test]
fn a_file_that_was_erased_is_gone_and_is_not_taken_in_again() {
    let ledger = Ledger::new();
    let folder = ledger.path("folder");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("names-of-informants.txt"), b"Wim Vandersloot").unwrap();
    ledger.register(&folder, "JS/2");
    let exhibit = format!("{CASE} JS/2");
    let manifest = format!(
        "{}  names-of-informants.txt\n",
        hex::encode(Sha256::digest(b"Wim Vandersloot"))
    );
    let name = hex::encode(Sha256::digest(manifest.as_bytes()));
    let file = bundle(&ledger, &exhibit, "b.json");
    verified(&ledger, &file);
    assert!(!holding(&ledger.path("ledger"), manifest.as_bytes()).is_empty());
    let law = ["--legal-basis", "DPA 2018 s.47"];
    ok(&ledger.run(
        "smith",
        &[&["erase", &exhibit, "--file", &name][..], &law].concat(),
    ));
    let told = ends(&ledger.register_as("smith", &folder, "JS/3"), 2);
    assert!(told.contains("erased by law"), "{told}");
    let mut ledger = ledger;
    ledger.stop();
    assert_eq!(
        holding(&ledger.path("ledger"), manifest.as_bytes()),
        [""; 0]
    );
    ok(&ledger.audit("ledger"));
}

#[test]
fn a_person_whose_name_was_erased_is_told_by_organisation_and_id() {
    let (mut ledger, exhibit, _) = recorded();
    let key = ledger
        .path("ledger/authority/police.pem")
        .display()
        .to_string();
    let erase = [
        "key",
        "erase",
        "--authority",
        &key,
        "--org",
        "police",
        "--of",
        "DC Jo Smith",
        "--legal-basis",
        "UK GDPR art. 17",
    ];
    ok(&ledger.run("nobody", &erase));
    ends(&ledger.run("nobody", &erase), 2);
    let told = ok(&ledger.run("smith", &["history", &exhibit, "--purpose", "looking"]));
    assert!(
        told.contains("A person of police (id ") && !told.contains("Jo Smith"),
        "{told}"
    );
    let found = verified(&ledger, &bundle(&ledger, &exhibit, "b.json"));
    let findings = found["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|one| one["code"] == "detail-erased"),
        "{findings:?}"
    );
    ledger.stop();
    ok(&ledger.audit("ledger"));
}
