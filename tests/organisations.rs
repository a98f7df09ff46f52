//! Organisations that come and go while the ledger runs, through the real command and service: admitted by those
//! already there, suspended by them, and an authority that changes its key.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use std::path::{Path, PathBuf};

use ledger::{CASE, Ledger, copy, ends, ok};
use serde_json::Value;

/// `custodes organisation …` as the authority of an organisation that founded the ledger.
fn decide(ledger: &Ledger, org: &str, what: &str, more: &[&str]) -> std::process::Output {
    let key = ledger.authority(org);
    let args = ["organisation", what, "--authority", &key, "--org", org];
    ledger.run("nobody", &[&args, more].concat())
}

fn listed(ledger: &Ledger) -> Value {
    let told = ok(&ledger.run("smith", &["--json", "organisation", "list"]));
    serde_json::from_str(&told).unwrap()
}

fn of<'v>(list: &'v Value, org: &str) -> &'v Value {
    let mut all = list["organisations"].as_array().unwrap().iter();
    all.find(|one| one["org"] == org).unwrap()
}

/// Makes a key in a folder, with a request that names its holder, and the trust policy beside it.
fn request(ledger: &Ledger, home: &str, org: &str, more: &[&str]) -> String {
    ok(&ledger.run(home, &["key", "new", "--plain"]));
    let file = ledger.path(&format!("{home}.json")).display().to_string();
    let args = ["key", "show", "--request", &file, "--org", org];
    let of = ["--ledger", "evidence.example"];
    ok(&ledger.run(home, &[&args[..], &of, more].concat()));
    std::fs::copy(
        ledger.path("ledger/policy"),
        ledger.path(home).join("policy"),
    )
    .unwrap();
    file
}

/// The same, that needs others: the proposal that it recorded.
fn propose(ledger: &Ledger, org: &str, what: &str, more: &[&str]) -> String {
    let told = ok(&decide(ledger, org, what, &[&["--json"], more].concat()));
    let value: Value = serde_json::from_str(&told).unwrap();
    value["proposal"]["e"].as_str().unwrap().to_owned()
}

fn approve(ledger: &Ledger, org: &str, proposal: &str) -> String {
    ok(&decide(ledger, org, "approve", &["--proposal", proposal]))
}

/// A bundle of the case or of an exhibit, that somebody takes to check it.
fn bundle(ledger: &Ledger, home: &str, target: &str, name: &str) -> PathBuf {
    let file = ledger.path(name);
    let to = file.display().to_string();
    let args = ["bundle", target, "--out", &to, "--purpose", "checks"];
    ok(&ledger.run(home, &args));
    file
}

/// What `verify` says of it; nothing fails.
fn verified(ledger: &Ledger, file: &Path) -> Value {
    let file = file.display().to_string();
    let policy = ledger.path("ledger/policy").display().to_string();
    let told = ledger.run("nobody", &["--json", "verify", &file, "--policy", &policy]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_ne!(told["exit"], 1, "{}", told["findings"]);
    told
}

fn audited(ledger: &mut Ledger) {
    ledger.stop();
    ok(&ledger.audit("ledger"));
    ledger.start();
}

#[test]
fn a_firm_is_admitted_works_and_is_suspended_and_its_past_stays() {
    let mut ledger = Ledger::new();
    let new = request(&ledger, "firm", "ash-and-co", &[]);
    let key = ledger.path("firm/key.pem").display().to_string();
    let accept = [
        "key",
        "accept-genesis",
        "--authority",
        &key,
        "--org",
        "ash-and-co",
    ];
    let admit = [
        "--sector",
        "defence",
        "--request",
        &new,
        "--basis",
        "instructed",
    ];
    let asked = propose(&ledger, "police", "admit", &admit);
    // One of three is not enough, and until then nobody knows its key.
    ends(&ledger.run("nobody", &accept), 2);
    assert!(listed(&ledger)["organisations"].as_array().unwrap().len() == 3);
    let told = approve(&ledger, "defence-llp", &asked);
    assert!(
        told.contains("decided: ash-and-co (defence) is admitted"),
        "{told}"
    );
    let told = ends(&decide(&ledger, "police", "admit", &admit), 2);
    assert!(told.contains("organisation-taken"), "{told}");

    // It must accept the genesis before it enrols anybody.
    ok(&ledger.run("ash", &["key", "new", "--plain"]));
    let enrol = || ledger.enrol_by(&key, "ash", "ash-and-co", "defence", "Rory Ash");
    let told = ends(&enrol(), 2);
    assert!(told.contains("organisation-not-accepted"), "{told}");
    ok(&ledger.run("nobody", &accept));
    ok(&enrol());
    assert_eq!(of(&listed(&ledger), "ash-and-co")["accepted"], true);
    let join = [
        "case",
        "join",
        CASE,
        "--org",
        "ash-and-co",
        "--part",
        "defence",
    ];
    ok(&ledger.run("smith", &join));
    let file = ledger.path("a.txt");
    std::fs::write(&file, b"bytes").unwrap();
    ledger.register(&file, "JS/1");
    let exhibit = format!("{CASE} JS/1");
    let give = ["disclose", CASE, "--to", "ash-and-co", "--exhibit", "JS/1"];
    ok(&ledger.run("smith", &give));
    let asks = [
        "record",
        "disclosure-requested",
        CASE,
        "--set",
        "under=cpia-s8",
        "--detail",
        "text=All footage",
    ];
    ok(&ledger.run("ash", &asks));
    let before = bundle(&ledger, "smith", CASE, "before.json");
    verified(&ledger, &before);

    // Suspended by three of four; then its people neither write nor read, and nothing of the past changes.
    let out = ["--of", "ash-and-co", "--reason", "closed down"];
    let ending = propose(&ledger, "police", "suspend", &out);
    approve(&ledger, "defence-llp", &ending);
    assert_eq!(of(&listed(&ledger), "ash-and-co")["suspended"], false);
    approve(&ledger, "inspectorate", &ending);
    assert_eq!(of(&listed(&ledger), "ash-and-co")["suspended"], true);
    let told = ends(&ledger.run("ash", &asks), 2);
    assert!(told.contains("organisation-suspended"), "{told}");
    let told = ends(
        &ledger.run("ash", &["history", &exhibit, "--purpose", "looking"]),
        2,
    );
    assert!(told.contains("organisation-suspended"), "{told}");
    let told = ok(&ledger.run("smith", &["history", CASE, "--purpose", "looking"]));
    assert!(
        told.contains("Rory Ash (ash-and-co) recorded that they asked for disclosure"),
        "{told}"
    );
    let after = bundle(&ledger, "smith", CASE, "after.json");
    verified(&ledger, &before);
    verified(&ledger, &after);
    audited(&mut ledger);
}

#[test]
fn an_authority_changes_its_key_and_the_others_replace_one_that_was_stolen() {
    let mut ledger = Ledger::new();
    let list = listed(&ledger);
    let id = of(&list, "police")["authority"]
        .as_str()
        .unwrap()
        .to_owned();
    let next = request(&ledger, "next", "police", &["--actor", &id]);
    let told = ok(&decide(
        &ledger,
        "police",
        "rotate-key",
        &["--request", &next, "--reason", "yearly"],
    ));
    assert!(told.contains("the old one no more"), "{told}");
    let told = ends(
        &decide(
            &ledger,
            "police",
            "suspend",
            &["--of", "defence-llp", "--reason", "x"],
        ),
        2,
    );
    assert!(
        told.contains("key-not-valid") || told.contains("token-key"),
        "{told}"
    );
    // The new key enrols; the people of the old one stay who they are.
    let key = ledger.path("next/key.pem").display().to_string();
    ok(&ledger.run("lee", &["key", "new", "--plain"]));
    ok(&ledger.enrol_by(&key, "lee", "police", "officer", "DC Sam Lee"));
    ok(&ledger.run("lee", &["history", CASE, "--purpose", "looking"]));
    ok(&ledger.run("smith", &["history", CASE, "--purpose", "looking"]));

    // A thief of the new key is put out by the others.
    copy(&ledger.path("next"), &ledger.path("thief"));
    let third = request(&ledger, "third", "police", &["--actor", &id]);
    let since = "2026-01-01T00:00:00+00:00";
    let args = [
        "--request",
        &third,
        "--reason",
        "stolen",
        "--compromised-since",
        since,
    ];
    let asked = propose(&ledger, "inspectorate", "rotate-key", &args);
    approve(&ledger, "defence-llp", &asked);
    let stolen = ledger.path("thief/key.pem").display().to_string();
    let args = [
        "organisation",
        "suspend",
        "--authority",
        &stolen,
        "--org",
        "police",
        "--of",
        "defence-llp",
    ];
    ends(
        &ledger.run("nobody", &[&args[..], &["--reason", "x"]].concat()),
        2,
    );
    // What the stolen key had signed is flagged wherever it is shown.
    let told = verified(&ledger, &bundle(&ledger, "lee", CASE, "case.json"));
    let flags = told["bundle"]["flags"].as_array().unwrap();
    assert!(
        flags.iter().any(|flag| flag["code"] == "key-compromised"),
        "{flags:?}"
    );
    audited(&mut ledger);
}

#[test]
fn a_person_has_two_keys_for_a_time_then_one_and_a_stolen_one_is_flagged() {
    let mut ledger = Ledger::new();
    let police = ledger.authority("police");
    let as_police = |ledger: &Ledger, what: &str, more: &[&str]| {
        let args = ["key", what, "--authority", &police, "--org", "police"];
        ledger.run("nobody", &[&args, more].concat())
    };
    let config = std::fs::read_to_string(ledger.path("smith/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let id = config["actor"].as_str().unwrap();
    let old = ledger.path("smith/key.pem").display().to_string();
    let more = request(
        &ledger,
        "tablet",
        "police",
        &["--actor", id, "--earlier-key", &old],
    );
    let who = [
        "--role",
        "officer,disclosure-officer",
        "--name",
        "DC Jo Smith",
    ];
    ok(&as_police(
        &ledger,
        "enrol",
        &[&who[..], &["--request", &more]].concat(),
    ));
    // One that the officer's own keys say nothing of.
    let behind = request(&ledger, "behind", "police", &["--actor", id]);
    let told = ok(&as_police(
        &ledger,
        "enrol",
        &[&who[..], &["--request", &behind]].concat(),
    ));
    let entry = told.split("Recorded as entry ").nth(1).unwrap();
    let entry = entry.split(' ').next().unwrap();

    // Both count.
    let file = ledger.path("a.txt");
    std::fs::write(&file, b"bytes").unwrap();
    ledger.register(&file, "JS/1");
    let exhibit = format!("{CASE} JS/1");
    let note = |home: &str, text: &str| {
        let args = ["record", "sealed", &exhibit, "--set"];
        let seal = format!("seal={text}");
        ledger.run(home, &[&args[..], &[&seal]].concat())
    };
    ok(&note("smith", "S1"));
    ok(&note("tablet", "S2"));
    // The old one was stolen a while ago; what it signs is refused from here on, and what it signed is flagged.
    let shown: Value =
        serde_json::from_str(&ok(&ledger.run("smith", &["--json", "key", "show"]))).unwrap();
    let kid = shown["kid"].as_str().unwrap();
    let since = ["--compromised-since", "2026-01-01T00:00:00+00:00"];
    let what = [
        "--of",
        "DC Jo Smith",
        "--kid",
        kid,
        "--reason",
        "laptop stolen",
    ];
    ok(&as_police(&ledger, "revoke", &[&what[..], &since].concat()));
    let told = ends(&note("smith", "S3"), 2);
    assert!(
        told.contains("token-key") || told.contains("key-not-valid"),
        "{told}"
    );
    ok(&note("tablet", "S4"));
    let told = ok(&ledger.run("tablet", &["history", &exhibit, "--purpose", "looking"]));
    let line = |seal: &str| {
        told.lines()
            .skip_while(|line| !line.contains(seal))
            .take(3)
            .collect::<String>()
    };
    assert!(
        line("seal S1").contains("key that was later declared compromised"),
        "{told}"
    );
    assert!(!line("seal S4").contains("declared compromised"), "{told}");

    // Other roles: what they no longer allow is refused.
    let roles = [
        "--of",
        "DC Jo Smith",
        "--role",
        "store",
        "--reason",
        "moved to the store",
    ];
    ok(&as_police(&ledger, "roles", &roles));
    let open = [
        "case",
        "open",
        "--reference",
        "55NS1",
        "--title",
        "R v Another",
    ];
    let told = ends(&ledger.run("tablet", &open), 2);
    assert!(told.contains("no-role"), "{told}");
    ok(&note("tablet", "S5"));

    // Their authority explains the key that none of theirs signed for.
    let explain = ["key-not-cosigned", entry, "--of", "DC Jo Smith", "--text"];
    let explained = as_police(&ledger, "explain", &[&explain[..], &["a spare"]].concat());
    ok(&explained);
    let other = [
        "key-not-cosigned",
        "1",
        "--of",
        "DC Jo Smith",
        "--text",
        "x",
    ];
    let told = ends(&as_police(&ledger, "explain", &other), 2);
    assert!(told.contains("entry-unknown"), "{told}");

    // In a bundle the whole chain of the officer's keys says all of that again.
    let told = verified(&ledger, &bundle(&ledger, "tablet", &exhibit, "b.json"));
    let flags = told["bundle"]["flags"].as_array().unwrap();
    let count = |code: &str| flags.iter().filter(|flag| flag["code"] == code).count();
    assert_eq!(count("key-not-cosigned"), 1, "{flags:?}");
    let alone = flags.iter().find(|flag| flag["code"] == "key-not-cosigned");
    let explained = alone.unwrap()["explained"].as_array().unwrap();
    assert_eq!(explained.len(), 1, "{flags:?}");
    assert!(count("key-compromised") >= 2, "{flags:?}");
    audited(&mut ledger);
}
