//! Commands that stop half way, and are run again: nothing is doubled, and nobody is left without what is theirs.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Subject;
use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;
use submitter::{Submitter, fresh, submit};

fn actor(ledger: &Ledger, home: &str) -> String {
    let config = std::fs::read_to_string(ledger.path(home).join("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    config["actor"].as_str().unwrap().to_owned()
}

#[test]
fn an_enrolment_that_stopped_half_way_is_repeated_for_the_same_person() {
    let mut ledger = Ledger::new();
    ok(&ledger.run("barnes", &["key", "new", "--plain"]));
    let key = ledger.authority("police");
    let enrol =
        |ledger: &Ledger| ledger.enrol_by(&key, "barnes", "police", "examiner", "Kim Barnes");
    ledger.kill();
    ends(&enrol(&ledger), 2);
    // The folder knows already whom the ledger may know.
    let before = actor(&ledger, "barnes");
    ledger.start();
    ok(&enrol(&ledger));
    assert_eq!(actor(&ledger, "barnes"), before);
    ok(&ledger.run("barnes", &["history", CASE]));
    // A request names the same person, and is not written before the folder knows it.
    let file = ledger.path("nowhere/request.json").display().to_string();
    let request = [
        "key",
        "show",
        "--request",
        &file,
        "--org",
        "police",
        "--ledger",
        "evidence.example",
    ];
    ok(&ledger.run("hart", &["key", "new", "--plain"]));
    ends(&ledger.run("hart", &request), 2);
    let before = actor(&ledger, "hart");
    std::fs::create_dir(ledger.path("nowhere")).unwrap();
    ok(&ledger.run("hart", &request));
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["actor"], before.as_str());
}

#[test]
fn one_file_of_several_that_cannot_be_read_leaves_nothing_half_done() {
    let ledger = Ledger::new();
    let paths = ["a", "b", "c"].map(|name| ledger.path(name).display().to_string());
    for path in &paths[..2] {
        std::fs::write(path, path).unwrap();
    }
    let mut args = vec!["register", CASE];
    args.extend(paths.iter().map(String::as_str));
    args.extend([
        "--kind",
        "audio",
        "--description",
        "x",
        "--power",
        "consent",
    ]);
    let said = ends(&ledger.run("smith", &args), 2);
    assert!(said.contains("error[evidence-unreadable]"), "{said}");
    let count = || {
        let told = ok(&ledger.run("smith", &["history", CASE]));
        told.matches("was added to the case's list of exhibits")
            .count()
    };
    assert_eq!(count(), 0);
    std::fs::write(&paths[2], "c").unwrap();
    let told = ok(&ledger.run("smith", &args));
    assert_eq!(told.matches("The exhibit is ").count(), 3, "{told}");
    assert_eq!(count(), 3);
}

#[test]
fn what_was_found_of_the_source_is_compared_with_what_was_registered() {
    let ledger = Ledger::new();
    let path = |name: &str, content: &str| {
        let path = ledger.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (disc, other, image) = (
        path("disc", "disc"),
        path("other", "disk"),
        path("image", "i"),
    );
    let said = ["--kind", "forensic-image", "--description", "x"];
    let args = [
        "register",
        CASE,
        &disc,
        "--reference",
        "JSM/1",
        "--power",
        "consent",
    ];
    ok(&ledger.run("smith", &[&args[..], &said].concat()));
    let source = format!("{CASE} JSM/1");
    for (reference, found, flagged) in [
        ("KB/1", Some(&disc), false),
        ("KB/2", Some(&other), true),
        ("KB/3", None, false),
    ] {
        let mut args = vec!["acquire", &source, &image, "--reference", reference];
        if let Some(found) = found {
            args.extend(["--source-file", found]);
        }
        ok(&ledger.run("smith", &[&args[..], &said].concat()));
        let told = ok(&ledger.run(
            "smith",
            &["--json", "history", &format!("{CASE} {reference}")],
        ));
        let code = "parent-digest-differs";
        assert_eq!(told.contains(code), flagged, "{reference}: {told}");
    }
    let parent = format!("JSM/1={other}");
    let args = [
        "register", CASE, &image, "--event", "acquired", "--parent", &parent,
    ];
    let args = [&args[..], &said, &["--reference", "KB/4"]].concat();
    ok(&ledger.run("smith", &args));
    let told = ok(&ledger.run("smith", &["--json", "history", &format!("{CASE} KB/4")]));
    assert!(told.contains("parent-digest-differs"), "{told}");
}

#[test]
fn a_service_says_to_programs_where_it_is() {
    let mut ledger = Ledger::new();
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    let mut service = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(["--json", "serve", "--dir", &dir, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(service.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    assert!(
        told["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
}

/// Puts back what a command of this person's left that never saw the answer: the newest entry of an event, unsent.
fn leave_unsent(ledger: &Ledger, home: &str, exhibit: &str, event: &str) {
    let told = ok(&ledger.run(home, &["--json", "history", exhibit]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let entries = told["entries"].as_array().unwrap().iter();
    let texts = entries.filter_map(|one| one["entry"].as_str());
    let parse = |text| UnverifiedEntry::parse_whole(text).ok();
    let mut of_event = texts
        .filter_map(parse)
        .filter(|one| one.payload().event == event);
    let entry = of_event.next_back().unwrap();
    let folder = ledger.path(home).join("unsent");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(entry.hash().to_string()), entry.to_text()).unwrap();
}

#[test]
fn an_answer_to_an_offer_is_said_again_by_whoever_never_saw_that_it_was_recorded() {
    let ledger = Ledger::new();
    ledger.enrol("reed", "police", "store", "Ellis Reed");
    let phone = format!("{CASE} JSM/1");
    let seized = [
        "record",
        "seized",
        &phone,
        "--set",
        "kind=device",
        "--set",
        "seal=K1",
        "--detail",
        "description=Phone",
        "--detail",
        "power_or_consent=PACE 1984 s.19",
    ];
    ok(&ledger.run("smith", &seized));
    let offer = || {
        let args = ["hand-over", &phone, "--to", "Ellis Reed", "--seal", "K1"];
        ok(&ledger.run("smith", &args));
    };
    let count = |event: &str| {
        ok(&ledger.run("smith", &["history", &phone]))
            .matches(event)
            .count()
    };
    for (answer, event, words) in [
        (
            ["refuse", "--reason", "wet"],
            "transfer-refused",
            "refused to take",
        ),
        (
            ["accept", "--condition", "dry"],
            "transfer-accepted",
            "received exhibit",
        ),
    ] {
        offer();
        let [verb, name, value] = answer;
        let args = ["transfer", verb, &phone, "--seal", "K1", name, value];
        ok(&ledger.run("reed", &args));
        leave_unsent(&ledger, "reed", &phone, event);
        let said = ok(&ledger.run("reed", &args));
        let left = std::fs::read_dir(ledger.path("reed/unsent")).unwrap();
        assert_eq!(left.count(), 0, "nothing is left to be sent");
        assert!(
            said.contains("Recorded as entry ") && said.contains("Receipt verified"),
            "{said}"
        );
        assert_eq!(count(words), 1, "{event}");
        // Said in other words, it is another answer, to an offer that is not open any more.
        leave_unsent(&ledger, "reed", &phone, event);
        let other = ["transfer", verb, &phone, "--seal", "K2", name, value];
        let said = ends(&ledger.run("reed", &other), 2);
        assert!(
            said.contains("no-open-offer") && said.contains("in other words"),
            "{said}"
        );
        assert_eq!(count(words), 1, "{event}");
    }
}

#[test]
fn an_id_that_begins_with_a_hyphen_names_a_thing_like_any_other() {
    let ledger = Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let mut bytes = fresh();
    bytes[0] = 0xfb; // base64url begins with 62 or 63: a hyphen is 62
    let exhibit = Subject::from_bytes(bytes);
    assert!(exhibit.as_str().starts_with('-'), "{exhibit}");
    let told = ok(&ledger.run("smith", &["--json", "history", CASE]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let case = told["entries"][0]["chain"]["subject"].as_str().unwrap();
    let entry = officer.exhibit(&Subject::new(case).unwrap(), &exhibit);
    assert_eq!(submit(&ledger.url, &entry).unwrap().status, 201);
    let id = exhibit.as_str();
    ok(&ledger.run("smith", &["seal", id, "K1"]));
    let said = ok(&ledger.run("smith", &["record", "stored", id, "--set", "place=shelf-4"]));
    assert!(said.contains(&format!("It is about {id}.")), "{said}");
    let told = ok(&ledger.run("smith", &["history", id, "--purpose", "checks"]));
    assert!(
        told.contains("sealed exhibit") && told.contains("shelf-4"),
        "{told}"
    );
    let file = ledger.path("one.json").display().to_string();
    ok(&ledger.run("smith", &["bundle", id, "--out", &file]));
    let file = ledger.path("one.carry").display().to_string();
    ok(&ledger.run("smith", &["carry", "--out", &file, "--", id]));
    // A misspelt option is told as one.
    let said = ends(&ledger.run("smith", &["history", "--purpos", "checks"]), 2);
    assert!(
        said.contains("'--purpos'") && said.contains("'--purpose'"),
        "{said}"
    );
}
