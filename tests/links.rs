//! One exhibit in two cases, through a real service: those of the case that took it in read it, and those of its own
//! case are told nothing of it, by no answer, list, count or error.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/live.rs"]
mod live;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::court::access::access_history;
use custodes::court::timeline;
use custodes::ledger::Rules;
use custodes::ledger::state::Known as _;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::{Strand, Subject};
use custodes::protocol::policy::Policy;
use custodes::verify::{Inputs, Severity, Verification, verify};
use live::Live;
use serde_json::{Value, json};
use world::{Person, Sample, World, details, sample_in};

/// The open case is the sample's; the other took its video in.
struct Two {
    s: Sample,
    other: Subject,
    link: EntryHash,
    /// In the other case alone.
    prosecutor: Person,
    solicitor: Person,
}

fn live(world: &mut World) -> &mut Live {
    let beside = world.beside.as_mut().unwrap().as_any();
    beside.downcast_mut().unwrap()
}

fn two() -> Two {
    let mut s = sample_in(live::world());
    let other = s.world.subject();
    let named = json!({"title": "Operation Heron", "reference": "HERON"});
    let officer = world::clone(&s.officer);
    let mut act = |event: &str, body: Value, details: Value| {
        let strand = Rules::embedded().row(event).unwrap().strand;
        s.world
            .record(&officer, &other, strand, event, body, details)
    };
    act("case-opened", json!({}), named);
    for (org, part) in [
        ("crown-prosecution", "prosecution"),
        ("ash-and-co", "defence"),
    ] {
        let basis = json!({"basis": "as asked"});
        act("party-joined", json!({"org": org, "part": part}), basis);
    }
    let why = json!({"basis": "The same van"});
    let link = act("exhibit-linked", json!({"exhibit": s.video}), why);
    let prosecutor = s
        .world
        .enrol("crown-prosecution", "Sam Okoro", &["prosecutor"]);
    let solicitor = s.world.enrol("ash-and-co", "Alex Morgan", &["defence"]);
    Two {
        s,
        other,
        link,
        prosecutor,
        solicitor,
    }
}

impl Two {
    fn ask(&mut self, who: &Person, path: &str) -> (u16, String) {
        let live = live(&mut self.s.world);
        live.read_as(who);
        let answer = live.ask(path, "my part in this");
        (answer.status, answer.text())
    }

    fn read(&mut self, who: &Person, path: &str) -> String {
        let (status, text) = self.ask(who, path);
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// A bundle as somebody gets it, and what its verification finds.
    fn bundle(&mut self, who: &Person, path: &str) -> (String, Verification) {
        let text = self.read(who, path);
        let policy = live(&mut self.s.world).ledger.path("ledger/policy");
        let found = verify(Inputs {
            bundle: text.as_bytes(),
            policy: &Policy::parse(&std::fs::read_to_string(policy).unwrap()).unwrap(),
            rules: Rules::embedded(),
            evidence: &[],
            sidecars: &[],
        });
        (text, found)
    }

    /// Everything in an answer that would tell of the other case: its ids, and who stands in it alone.
    fn tells(&self, text: &str) -> bool {
        let decoded = payloads(text);
        let words = [
            self.other.to_string(),
            self.link.to_string(),
            self.prosecutor.actor.to_string(),
            self.solicitor.actor.to_string(),
            "exhibit-linked".to_owned(),
            "HERON".to_owned(),
            "The same van".to_owned(),
        ];
        words
            .iter()
            .any(|word| text.contains(word) || decoded.contains(word))
    }
}

/// What is signed and disclosed in an answer, decoded.
fn payloads(text: &str) -> String {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    let long = parts.filter(|part| part.len() > 40);
    let decoded = long.filter_map(|part| custodes::protocol::base64url::decode(part).ok());
    decoded
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

fn failed(found: &Verification) -> Vec<String> {
    let failed = found.findings.iter();
    let failed = failed.filter(|one| one.severity == Severity::Failed);
    failed.map(|one| one.json().to_string()).collect()
}

fn codes(found: &Verification) -> BTreeSet<&str> {
    found.findings.iter().map(|one| one.code.as_str()).collect()
}

#[test]
fn those_of_the_case_that_took_it_in_read_it_there_and_verify_it_offline() {
    let mut two = two();
    let (video, other, open) = (two.s.video.clone(), two.other.clone(), two.s.case.clone());
    let prosecutor = world::clone(&two.prosecutor);
    // By the reference that it has, in the case that took it in.
    let found: Value =
        serde_json::from_str(&two.read(&prosecutor, "/v1/resolve?reference=HERON%20JSM%2F1"))
            .unwrap();
    assert_eq!(
        found["matches"],
        json!([{"kind": "exhibit", "subject": video, "reference": "JSM/1", "case": other}])
    );
    let sha256 = EvidenceDigest::of_bytes(DigestKind::File, &two.s.bytes).sha256;
    let path = format!("/v1/lookup?sha256={}", sha256.to_hex());
    let found: Value = serde_json::from_str(&two.read(&prosecutor, &path)).unwrap();
    assert_eq!(
        found["exhibits"],
        json!([{"subject": video, "case": other}]),
        "and nothing of the working copy, which was not taken in"
    );
    let history = two.read(&prosecutor, &format!("/v1/exhibits/{video}/history"));
    assert!(payloads(&history).contains("4 Mill Lane"));

    // The bundle of the case, and that of the exhibit under it.
    for path in [
        format!("/v1/cases/{other}/bundle"),
        format!("/v1/exhibits/{video}/bundle?case={other}"),
        format!("/v1/exhibits/{video}/bundle"),
    ] {
        let (text, found) = two.bundle(&prosecutor, &path);
        assert!(failed(&found).is_empty(), "{path} {:#?}", failed(&found));
        let verified = found.verified.unwrap();
        let told = timeline::timeline(&verified);
        for words in [
            "took exhibit JSM/1, of another case, into the case \"Operation Heron\" (HERON) too, on the basis \"The same van\"",
            "registered exhibit JSM/1",
        ] {
            assert!(told.contains(words), "{path}: {words}\n{told}");
        }
        let looked = access_history(&verified);
        let words =
            "read the history of exhibit JSM/1, taken into the case \"Operation Heron\" (HERON)";
        assert!(looked.contains(words), "{looked}");
        // Of the exhibit's own case there is no more than its entries need.
        assert!(!payloads(&text).contains("R v Doe"), "{path}");
    }
    // Nothing of these readings is on the exhibit's own record.
    let officer = world::clone(&two.s.officer);
    let own = two.read(
        &officer,
        &format!("/v1/exhibits/{video}/history?case={open}"),
    );
    assert!(!two.tells(&own));
    let there = two.read(&officer, &format!("/v1/cases/{other}/history"));
    assert!(payloads(&there).contains(two.prosecutor.actor.as_str()));
}

#[test]
fn those_of_its_own_case_are_told_nothing() {
    let mut two = two();
    let (video, open, other) = (two.s.video.clone(), two.s.case.clone(), two.other.clone());
    let (prosecutor, examiner) = (world::clone(&two.prosecutor), world::clone(&two.s.examiner));
    // What is read, worked on and held there.
    two.read(&prosecutor, &format!("/v1/exhibits/{video}/history"));
    two.read(&prosecutor, &format!("/v1/cases/{other}/bundle"));
    let until = json!({"until": null});
    let world = &mut two.s.world;
    world.record(
        &prosecutor,
        &other,
        Strand::Case,
        "case-hold-placed",
        until,
        details(),
    );
    let told = [
        format!("/v1/cases/{open}/history"),
        format!("/v1/exhibits/{video}/history"),
        format!("/v1/exhibits/{video}/history?case={open}"),
        format!("/v1/cases/{open}/bundle"),
        format!("/v1/exhibits/{video}/bundle"),
        "/v1/resolve?reference=JSM%2F1".to_owned(),
        format!("/v1/resolve?reference={video}"),
        "/v1/resolve?reference=HERON%20JSM%2F1".to_owned(),
        "/v1/resolve?reference=HERON".to_owned(),
    ];
    for path in told {
        let text = two.read(&examiner, &path);
        assert!(!two.tells(&text), "{path}\n{text}\n{}", payloads(&text));
    }
    let (_, found) = two.bundle(&examiner, &format!("/v1/cases/{open}/bundle"));
    assert!(failed(&found).is_empty(), "{:#?}", failed(&found));
    // A case that there is and one that there is not are answered alike.
    let nowhere = two.s.world.subject();
    let answers: BTreeSet<(u16, String)> = [&other, &nowhere]
        .into_iter()
        .flat_map(|case| {
            [
                format!("/v1/exhibits/{video}/history?case={case}"),
                format!("/v1/exhibits/{video}/bundle?case={case}"),
                format!("/v1/cases/{case}/history"),
            ]
        })
        .map(|path| two.ask(&examiner, &path))
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let link = two.link;
    assert_eq!(two.ask(&examiner, &format!("/v1/entries/{link}")).0, 404);
    // The record is as long for them as it was before anybody took it in.
    let history: Value =
        serde_json::from_str(&two.read(&examiner, &format!("/v1/exhibits/{video}/history")))
            .unwrap();
    let entries = history["entries"].as_array().unwrap();
    let access = entries
        .iter()
        .filter(|one| one["chain"]["strand"] == "access");
    let own = entries.len() - access.count();
    assert_eq!(
        own, 4,
        "registered, offered, accepted, and the copy made of it"
    );
    // A hold that they are not shown stops disposal all the same, in the words of any hold.
    let refusal = |two: &mut Two| {
        let officer = world::clone(&two.s.officer);
        let method = json!({"method": "shredding"});
        let refused = two.s.world.attempt(
            &officer,
            &video,
            Strand::Notes,
            "disposal-authorised",
            method,
            details(),
        );
        refused.unwrap_err()
    };
    assert_eq!(refusal(&mut two), "under-hold");
    // And whoever recomputes the whole ledger finds nothing amiss.
    let ledger = &mut live(&mut two.s.world).ledger;
    ledger.stop();
    let folder = ledger.path("ledger").display().to_string();
    ledger::ok(&ledger.run("nobody", &["audit", "--dir", &folder]));
}

#[test]
fn the_defence_of_the_case_that_took_it_in_gets_it_when_it_is_disclosed_there() {
    let mut two = two();
    let (video, other) = (two.s.video.clone(), two.other.clone());
    let (prosecutor, solicitor) = (world::clone(&two.prosecutor), world::clone(&two.solicitor));
    let path = format!("/v1/exhibits/{video}/history");
    assert_eq!(two.ask(&solicitor, &path).0, 404);
    let (text, found) = two.bundle(&solicitor, &format!("/v1/cases/{other}/bundle"));
    assert!(failed(&found).is_empty(), "{:#?}", failed(&found));
    assert!(codes(&found).contains("exhibits-not-included"));
    assert!(
        !payloads(&text).contains("The same van"),
        "why is not for them"
    );

    let disclosed = json!({"exhibits": [video], "to": ["ash-and-co"], "bundle": null});
    two.s.world.record(
        &prosecutor,
        &other,
        Strand::Case,
        "disclosed",
        disclosed,
        details(),
    );
    assert!(payloads(&two.read(&solicitor, &path)).contains("4 Mill Lane"));
    for path in [
        format!("/v1/cases/{other}/bundle"),
        format!("/v1/exhibits/{video}/bundle"),
    ] {
        let (text, found) = two.bundle(&solicitor, &path);
        assert!(failed(&found).is_empty(), "{path} {:#?}", failed(&found));
        assert!(payloads(&text).contains("4 Mill Lane"));
        assert!(!codes(&found).contains("exhibits-not-included"), "{path}");
    }
    // Whoever is in its own case learns of none of this.
    let examiner = world::clone(&two.s.examiner);
    let open = two.s.case.clone();
    for path in [path, format!("/v1/cases/{open}/bundle")] {
        let text = two.read(&examiner, &path);
        assert!(!two.tells(&text), "{path}");
    }
}

#[test]
fn a_third_case_with_a_copy_made_there_verifies_and_shows_the_link_alone() {
    let mut two = two();
    let (video, other) = (two.s.video.clone(), two.other.clone());
    let world = &mut two.s.world;
    let lab = world.enrol("crown-prosecution", "Dr Ola Berg", &["examiner", "officer"]);
    let digest = EvidenceDigest::of_bytes(DigestKind::File, &two.s.bytes);
    let third = world.subject();
    let copied = |case: &Subject, parent: &Subject| {
        json!({
            "case": case, "kind": "surveillance-footage", "role": "working", "digest": digest,
            "parents": [{"exhibit": parent, "digest": digest}],
        })
    };
    let copy = world.subject();
    let body = copied(&other, &video);
    world.record(&lab, &copy, Strand::Custody, "copied", body, details());
    let (custody, case) = (Strand::Custody, Strand::Case);
    world.record(&lab, &third, case, "case-opened", json!({}), details());
    let join = json!({"org": "northshire-forensics", "part": "forensic"});
    world.record(&lab, &third, case, "party-joined", join, details());
    let again = world.subject();
    let body = copied(&third, &copy);
    world.record(&lab, &again, custody, "copied", body, details());
    let iyer = world::clone(&two.s.examiner);
    let (text, found) = two.bundle(&iyer, &format!("/v1/cases/{third}/bundle"));
    assert!(failed(&found).is_empty(), "{:#?}", failed(&found));
    assert!(payloads(&text).contains("exhibit-linked"));
    assert!(!payloads(&text).contains("The same van"));
    assert!(!payloads(&text).contains("Operation Heron"));
}

#[test]
fn what_is_erased_of_it_is_erased_in_every_case_that_has_it() {
    let mut two = two();
    let (video, other, open) = (two.s.video.clone(), two.other.clone(), two.s.case.clone());
    let (officer, prosecutor) = (world::clone(&two.s.officer), world::clone(&two.prosecutor));
    let world = &mut two.s.world;
    let opened = world.state.exhibit(&video).unwrap().opened;
    let erase = json!({"erase": [{"entry": opened, "names": ["address"]}]});
    let mut attempt = |who: &Person| {
        let (body, notes) = (erase.clone(), Strand::Notes);
        world.attempt(who, &video, notes, "details-erased", body, details())
    };
    // Whoever stands in the other case alone does not write into its record.
    assert_eq!(attempt(&prosecutor).unwrap_err(), "no-standing");
    attempt(&officer).unwrap();
    for (who, path) in [
        (&prosecutor, format!("/v1/cases/{other}/bundle")),
        (
            &prosecutor,
            format!("/v1/exhibits/{video}/bundle?case={other}"),
        ),
        (&officer, format!("/v1/cases/{open}/bundle")),
    ] {
        let (text, found) = two.bundle(who, &path);
        assert!(failed(&found).is_empty(), "{path} {:#?}", failed(&found));
        assert!(!payloads(&text).contains("4 Mill Lane"), "{path}");
        let told = timeline::timeline(&found.verified.unwrap());
        assert!(
            told.contains("Erased by law under entry "),
            "{path}\n{told}"
        );
    }
    // A hold that its own case is not told of keeps the rest.
    let until = json!({"until": null});
    let (strand, world) = (Strand::Case, &mut two.s.world);
    let hold = "case-hold-placed";
    world.record(&prosecutor, &other, strand, hold, until, details());
    let more = json!({"erase": [{"entry": opened, "names": ["description"]}]});
    let refused = world.attempt(
        &officer,
        &video,
        Strand::Notes,
        "details-erased",
        more,
        details(),
    );
    assert_eq!(refused.unwrap_err(), "under-hold");
}
