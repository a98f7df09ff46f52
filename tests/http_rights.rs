//! Who gets to see and do what over HTTP: that nobody helps themselves to more than they were given.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/live.rs"]
mod live;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use custodes::ledger::Rules;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::id::{Strand, Subject};
use custodes::protocol::policy::Policy;
use custodes::verify::{Inputs, Severity, verify};
use ledger::{CASE, Ledger, ends, ok};
use live::Live;
use serde_json::{Value, json};
use wire::{ask, read, token};
use world::{Person, World, details, sample_in};

fn live(world: &mut World) -> &mut Live {
    let beside = world.beside.as_mut().unwrap().as_any();
    beside.downcast_mut().unwrap()
}

/// Reads as somebody.
fn get(world: &mut World, who: &Person, path: &str) -> Value {
    live(world).read_as(who);
    live(world).read(path).json()
}

/// A bundle as somebody gets it, in which nothing fails, and the codes of its findings and flags.
fn bundle(world: &mut World, who: &Person, path: &str) -> (Value, BTreeSet<String>) {
    live(world).read_as(who);
    let bytes = live(world).read(path).body;
    let policy = std::fs::read_to_string(live(world).ledger.path("ledger/policy")).unwrap();
    let found = verify(Inputs {
        bundle: &bytes,
        policy: &Policy::parse(&policy).unwrap(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    });
    let failed: Vec<String> = (found.findings.iter())
        .filter(|one| one.severity == Severity::Failed)
        .map(|one| one.json().to_string())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let mut codes: BTreeSet<String> = found.findings.iter().map(|one| one.code.clone()).collect();
    let flags = found.verified.unwrap().flags;
    codes.extend(flags.iter().map(|flag| flag.code.to_owned()));
    (serde_json::from_slice(&bytes).unwrap(), codes)
}

/// The entries of a chain in a bundle.
fn chain(bundle: &Value, subject: &Subject, strand: &str) -> Vec<Value> {
    let chains = bundle["chains"].as_array().unwrap();
    let chain = chains
        .iter()
        .find(|one| one["subject"] == json!(subject) && one["strand"] == strand);
    let Some(chain) = chain else {
        return Vec::new();
    };
    let indexes = chain["entries"].as_array().unwrap();
    let entries = bundle["entries"].as_array().unwrap();
    let of_chain = entries.iter().filter(|one| indexes.contains(&one["index"]));
    of_chain.cloned().collect()
}

fn is_withheld(entry: &Value) -> bool {
    entry["jws"].is_null()
}

fn shows_details(entry: &Value) -> bool {
    let shown = entry["disclosures"].as_array();
    shown.is_some_and(|shown| !shown.is_empty())
}

/// Somebody of an organisation, which joins a case.
fn join(world: &mut World, officer: &Person, case: &Subject, org: &str, part: &str) -> Person {
    let role = match part {
        "defence" => "defence",
        _ => "prosecutor",
    };
    let person = world.enrol(org, "Alex Morgan", &[role]);
    let body = json!({"org": org, "part": part});
    world.record(officer, case, Strand::Case, "party-joined", body, details());
    person
}

#[test]
fn a_bundle_says_no_more_of_another_case_than_its_own_exhibits_need() {
    let mut s = sample_in(live::world());
    let world = &mut s.world;
    // In the first case the video is said to be back with the officer, who offers it: the notes say why he may.
    let holder = s.officer.actor.clone();
    let restated = |countersigns| json!({"holder": holder, "countersigns": countersigns});
    let first = world.record(
        &s.examiner,
        &s.video,
        Strand::Notes,
        "custody-restated",
        restated(None),
        details(),
    );
    world.record(
        &s.officer,
        &s.video,
        Strand::Notes,
        "custody-restated",
        restated(Some(first)),
        details(),
    );
    let offer = json!({"to": {"org": "northshire-forensics"}, "method": "van"});
    world.record(
        &s.officer,
        &s.video,
        Strand::Custody,
        "transfer-offered",
        offer,
        details(),
    );
    // A second case, with an exhibit made from the video, the defence and the prosecution.
    let second = world.subject();
    let title = json!({"title": "R v Other", "reference": "44NS7654321"});
    world.record(
        &s.officer,
        &second,
        Strand::Case,
        "case-opened",
        json!({}),
        title,
    );
    let solicitor = join(world, &s.officer, &second, "ash-and-co", "defence");
    let prosecutor = join(
        world,
        &s.officer,
        &second,
        "crown-prosecution",
        "prosecution",
    );
    let still = world.subject();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, &s.bytes);
    let body = json!({
        "case": second, "kind": "surveillance-footage", "role": "working", "digest": digest,
        "parents": [{"exhibit": s.video, "digest": digest}],
    });
    world.record(
        &s.officer,
        &still,
        Strand::Custody,
        "acquired",
        body,
        details(),
    );
    let disclosed = json!({"exhibits": [still], "to": ["ash-and-co"], "bundle": null});
    world.record(
        &prosecutor,
        &second,
        Strand::Case,
        "disclosed",
        disclosed,
        details(),
    );
    // Somebody reads in the first case.
    let path = format!("/v1/cases/{}/history", s.case);
    let officer = world::clone(&s.officer);
    get(world, &officer, &path);

    let path = format!("/v1/exhibits/{still}/bundle");
    for reader in [&solicitor, &prosecutor] {
        let (bundle, codes) = bundle(world, reader, &path);
        assert!(codes.contains("entries-withheld"), "{codes:?}");
        for strand in ["exhibits", "access"] {
            let entries = chain(&bundle, &s.case, strand);
            assert!(!entries.is_empty() || strand == "access");
            assert!(entries.iter().all(is_withheld), "{strand}");
        }
        let of_case = chain(&bundle, &s.case, "case");
        let open: Vec<&Value> = of_case.iter().filter(|one| !is_withheld(one)).collect();
        assert_eq!(open.len(), 2, "who opened it, and that forensics joined");
        for strand in ["custody", "notes"] {
            let entries = chain(&bundle, &s.video, strand);
            assert!(!entries.iter().any(is_withheld), "{strand}");
            assert!(!entries.iter().any(shows_details), "{strand}");
        }
        assert!(!open.into_iter().any(shows_details));
        assert!(chain(&bundle, &still, "custody").iter().any(shows_details));
        assert!(chain(&bundle, &second, "case").iter().any(shows_details));
    }
    // Who is in both cases gets all of both.
    let (bundle, codes) = bundle(world, &officer, &path);
    assert!(!codes.contains("entries-withheld"), "{codes:?}");
    assert!(chain(&bundle, &s.case, "case").iter().all(shows_details));
    assert!(
        chain(&bundle, &s.video, "custody")
            .iter()
            .any(shows_details)
    );
}

#[test]
fn the_defence_is_told_neither_of_sensitive_material_nor_of_files_it_may_not_read() {
    let mut s = sample_in(live::world());
    let world = &mut s.world;
    let solicitor = join(world, &s.officer, &s.case, "ash-and-co", "defence");
    let prosecutor = join(
        world,
        &s.officer,
        &s.case,
        "crown-prosecution",
        "prosecution",
    );
    let mut scheduled = |schedule| {
        let body = json!({"exhibit": s.phone, "schedule": schedule});
        let strand = Strand::Case;
        world.record(&prosecutor, &s.case, strand, "scheduled", body, details())
    };
    let (open, sensitive) = (scheduled("mg6c"), scheduled("mg6d"));
    // A folder, and a file out of it, which is disclosed.
    let folder = world.subject();
    let manifest = EvidenceDigest::of_bytes(DigestKind::Manifest, b"the manifest");
    let body = json!({"case": s.case, "kind": "other", "digest": manifest, "role": "original"});
    let officer = world::clone(&s.officer);
    world.record(
        &officer,
        &folder,
        Strand::Custody,
        "registered",
        body,
        details(),
    );
    let file = world.subject();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"a file");
    let body = json!({
        "case": s.case, "kind": "other", "role": "working", "digest": digest,
        "parents": [{"exhibit": folder, "digest": null}],
    });
    world.record(
        &officer,
        &file,
        Strand::Custody,
        "acquired",
        body,
        details(),
    );
    let disclosed = json!({"exhibits": [file], "to": ["ash-and-co"], "bundle": null});
    world.record(
        &prosecutor,
        &s.case,
        Strand::Case,
        "disclosed",
        disclosed,
        details(),
    );

    let path = format!("/v1/cases/{}/bundle", s.case);
    for (reader, sees) in [(&solicitor, false), (&officer, true)] {
        let told = |text: &Value| text.as_str().unwrap().matches('~').count() > 1;
        for (e, seen) in [(open, true), (sensitive, sees)] {
            let entry = get(world, reader, &format!("/v1/entries/{e}"));
            assert_eq!(told(&entry["entry"]), seen, "{entry}");
        }
        let history = get(world, reader, &format!("/v1/cases/{}/history", s.case));
        let entries = history["entries"].as_array().unwrap();
        let of_case = entries
            .iter()
            .filter(|one| one["chain"]["strand"] == "case");
        let bare = of_case.filter(|one| !told(&one["entry"])).count();
        assert_eq!(bare, usize::from(!sees));
        let (bundle, _) = bundle(world, reader, &path);
        let of_case = chain(&bundle, &s.case, "case");
        let bare = of_case.iter().filter(|one| !shows_details(one)).count();
        assert_eq!(bare, usize::from(!sees));
        let blobs = bundle["blobs"].as_array().unwrap();
        assert_eq!(blobs.len(), usize::from(sees), "{blobs:?}");
        let parent = chain(&bundle, &folder, "custody");
        assert_eq!(parent.iter().any(shows_details), sees);
    }
}

#[test]
fn a_blob_that_is_not_there_is_named_and_the_bundle_written_all_the_same() {
    let ledger = Ledger::new();
    let digest = json!(EvidenceDigest::of_bytes(DigestKind::Manifest, b"lost"));
    let exhibit = format!("{CASE} F/1");
    let digest = format!("digest:={digest}");
    let mut args = vec!["record", "registered", &exhibit, "--set", "kind=other"];
    args.extend(["--set", "role=original", "--set", &digest]);
    args.extend(["--detail", "description=A folder"]);
    args.extend(["--detail", "power_or_consent=consent"]);
    ok(&ledger.run("smith", &args));
    let out = ledger.path("F-1.custody.json").display().to_string();
    let said = ends(
        &ledger.run("smith", &["bundle", &exhibit, "--out", &out]),
        3,
    );
    let name = custodes::protocol::hash::Hash::of(&[b"lost"]).to_hex();
    assert!(said.contains(&name) && said.contains("0 blobs"), "{said}");
    let args = ["bundle", &exhibit, "--out", &out, "--json"];
    let said = ends(&ledger.run("smith", &args), 3);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["missing"].as_array().unwrap().len(), 1, "{said}");
    assert!(ledger.path("F-1.custody.json").exists());
}

#[test]
fn a_token_counts_once_and_not_again_after_a_restart() {
    let mut ledger = Ledger::new();
    let path = "/v1/resolve?reference=44NS1234526";
    let once = token(&ledger, "smith", "GET", path, None);
    assert_eq!(ask(&ledger, "GET", path, &once, b"").status, 200);
    ask(&ledger, "GET", path, &once, b"").is_problem(401, "token-used");
    ledger.stop();
    let second = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let begun = second();
    while second() == begun {
        std::thread::yield_now();
    }
    ledger.start();
    ask(&ledger, "GET", path, &once, b"").is_problem(401, "token-before-start");
    assert_eq!(read(&ledger, "smith", "GET", path, "").status, 200);
    // Each space of a reference costs a look-up.
    let long = format!("/v1/resolve?reference=a{}", "%20a".repeat(9));
    read(&ledger, "smith", "GET", &long, "").is_problem(400, "reference-too-long");
}

#[test]
fn no_organisation_has_the_name_of_the_service() {
    // The ledger's own name is taken by an organisation, whose authority could otherwise revoke the service's key.
    let ledger = Ledger::founded(&["evidence.example:police".to_owned()]);
    let settings = std::fs::read_to_string(ledger.path("ledger/ledger.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let service = settings["service"].as_str().unwrap();
    assert!(service.starts_with("service/"), "{service}");
    let dir = ledger.path("other").display().to_string();
    let mut args = vec!["init", "--dir", &dir, "--origin", "evidence.example"];
    args.extend(["--plain-keys", "--org", "service:police"]);
    let refused = ends(&ledger.run("nobody", &args), 2);
    assert!(refused.contains("may be called service"), "{refused}");
    assert!(!ledger.path("other").exists());
}

#[test]
fn a_digest_that_one_merely_knows_is_no_key_to_the_blob() {
    let ledger = Ledger::new();
    // Police put a manifest, and register the folder.
    let folder = ledger.path("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "a").unwrap();
    let args = |home: &str, case: &str, target: &str| {
        let mut args = vec!["register", case, target, "--kind", "other"];
        args.extend(["--reference", "F/1", "--description", "a folder"]);
        args.extend(["--power", "consent"]);
        ok(&ledger.run(home, &args))
    };
    args("smith", CASE, folder.to_str().unwrap());
    let out = ledger.path("F-1.custody.json").display().to_string();
    let exhibit = format!("{CASE} F/1");
    ok(&ledger.run("smith", &["bundle", &exhibit, "--out", &out]));
    let bundle: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    let name = bundle["blobs"][0].as_str().unwrap();
    let name = custodes::protocol::hash::Hash::from_base64url(name).unwrap();
    let path = format!("/v1/blobs/{}", name.to_hex());
    assert_eq!(read(&ledger, "smith", "GET", &path, "").status, 200);
    // The inspectorate opens a case of its own, and an exhibit that names the same digest.
    ledger.enrol("mallory", "inspectorate", "officer", "M");
    let mut open = vec!["case", "open", "--reference", "OWN", "--title", "Own"];
    ok(&ledger.run("mallory", &open));
    let manifest = std::fs::read(ledger.path(&name.to_hex())).unwrap();
    let digest = EvidenceDigest::of_bytes(DigestKind::Manifest, &manifest);
    let digest = format!("digest:={}", json!(digest));
    open = vec!["record", "registered", "OWN M/1", "--set", "kind=other"];
    open.extend(["--set", "role=original", "--set", &digest]);
    open.extend([
        "--detail",
        "description=x",
        "--detail",
        "power_or_consent=x",
    ]);
    ok(&ledger.run("mallory", &open));
    read(&ledger, "mallory", "GET", &path, "").is_problem(404, "not-registered-or-not-visible");
    // Whoever has the file gives it away by putting it, not by knowing its name.
    let body = token(&ledger, "mallory", "PUT", &path, Some(name));
    assert_eq!(ask(&ledger, "PUT", &path, &body, &manifest).status, 201);
    assert_eq!(read(&ledger, "mallory", "GET", &path, "").status, 200);
}

#[test]
fn a_list_of_candidates_is_kept_read_and_bundled_and_its_loss_is_seen() {
    let mut ledger = Ledger::new();
    let file = ledger.path("face.jpg");
    std::fs::write(&file, "a face").unwrap();
    let mut args = vec!["register", CASE, file.to_str().unwrap()];
    args.extend([
        "--kind",
        "other",
        "--reference",
        "P/1",
        "--power",
        "consent",
    ]);
    args.extend(["--description", "a face"]);
    ok(&ledger.run("smith", &args));
    let list = b"candidate 1, candidate 2";
    let name = custodes::protocol::hash::Hash::of(&[list]);
    let path = format!("/v1/blobs/{}", name.to_hex());
    let put = token(&ledger, "smith", "PUT", &path, Some(name));
    assert_eq!(ask(&ledger, "PUT", &path, &put, list).status, 201);
    read(&ledger, "smith", "GET", &path, "").is_problem(404, "not-registered-or-not-visible");
    let exhibit = format!("{CASE} P/1");
    let candidates = format!("candidates={}", name.to_base64url());
    let history = ok(&ledger.run("smith", &["history", &exhibit, "--json"]));
    let history: Value = serde_json::from_str(&history).unwrap();
    let probe = history["entries"][0]["chain"]["subject"].clone();
    let probe = match probe.as_str() {
        Some(probe) => probe.to_owned(),
        None => {
            let lookup = custodes::protocol::hash::Hash::of(&[b"a face"]).to_hex();
            let found = read(
                &ledger,
                "smith",
                "GET",
                &format!("/v1/lookup?sha256={lookup}"),
                "",
            );
            found.json()["exhibits"][0]["subject"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    ledger.search(&exhibit, &probe, ["--set", &candidates]);
    assert_eq!(read(&ledger, "smith", "GET", &path, "").body, list);
    // It is no exhibit's bytes.
    let lookup = format!("/v1/lookup?sha256={}", name.to_hex());
    read(&ledger, "smith", "GET", &lookup, "").is_problem(404, "not-registered-or-not-visible");
    let out = ledger.path("P-1.custody.json").display().to_string();
    ok(&ledger.run("smith", &["bundle", &exhibit, "--out", &out]));
    assert_eq!(std::fs::read(ledger.path(&name.to_hex())).unwrap(), list);
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    let whole = ok(&ledger.run("nobody", &["audit", "--dir", &dir]));
    assert!(!whole.contains("blob-missing"), "{whole}");
    std::fs::remove_file(ledger.path("ledger/blobs").join(name.to_hex())).unwrap();
    let lost = ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 3);
    assert!(
        lost.contains("blob-missing") && lost.contains(&name.to_hex()),
        "{lost}"
    );
}
