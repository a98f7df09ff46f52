//! Commands that stop half way, and are run again: nothing is doubled, and nobody is left without what is theirs.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;

fn actor(ledger: &Ledger, home: &str) -> String {
    let config = std::fs::read_to_string(ledger.path(home).join("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    config["actor"].as_str().unwrap().to_owned()
}

#[test]
fn an_enrolment_that_stopped_half_way_is_repeated_for_the_same_person() {
    let mut ledger = Ledger::new();
    ok(&ledger.run("barnes", &["key", "new", "--plain"]));
    let key = ledger.path("ledger/authority/police.pem");
    let (key, home) = (key.display().to_string(), ledger.path("barnes"));
    let home = home.display().to_string();
    let enrol = [
        "key",
        "enrol",
        "--authority",
        &key,
        "--org",
        "police",
        "--role",
        "examiner",
        "--name",
        "Kim Barnes",
        "--home-of",
        &home,
    ];
    ledger.kill();
    ends(&ledger.run("nobody", &enrol), 2);
    // The folder knows already whom the ledger may know.
    let before = actor(&ledger, "barnes");
    ledger.start();
    ok(&ledger.run("nobody", &enrol));
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
