//! What was disclosed in time, late or not at all, acknowledged, asked for and undertaken: from a verified bundle, for
//! every party.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use custodes::court::about::About;
use custodes::court::disclosure_report::disclosure_report;
use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::Bundle;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::{Strand, Subject};
use custodes::verify::{Inputs, verify};
use serde_json::{Value, json};
use world::{Person, Sample, clone, sample, withhold};

const DAY: u64 = 24 * 60;

/// A case with prosecution and defence.
struct Play {
    s: Sample,
    prosecutor: Person,
    defence: Person,
}

impl Play {
    fn new() -> Play {
        let mut s = sample();
        let prosecutor = s
            .world
            .enrol("crown-prosecution", "Tariq Shah", &["prosecutor"]);
        let defence = s.world.enrol("ash-and-co", "Alex Morgan", &["defence"]);
        let mut play = Play {
            s,
            prosecutor,
            defence,
        };
        for (org, part) in [
            ("crown-prosecution", "prosecution"),
            ("ash-and-co", "defence"),
        ] {
            let officer = clone(&play.s.officer);
            play.case(&officer, "party-joined", json!({"org": org, "part": part}));
        }
        play
    }

    /// Records something of the case.
    fn case(&mut self, who: &Person, event: &str, body: Value) -> EntryHash {
        let case = self.s.case.clone();
        let details = world::details();
        self.s
            .world
            .record(who, &case, Strand::Case, event, body, details)
    }

    /// The prosecutor does.
    fn shah(&mut self, event: &str, body: Value) -> EntryHash {
        let who = clone(&self.prosecutor);
        self.case(&who, event, body)
    }

    /// The defence does.
    fn morgan(&mut self, event: &str, body: Value) -> EntryHash {
        let who = clone(&self.defence);
        self.case(&who, event, body)
    }

    fn disclose(&mut self, exhibits: &[&Subject], stage: Option<&str>) -> EntryHash {
        let mut body = json!({"exhibits": exhibits, "to": ["ash-and-co"], "bundle": null});
        if let Some(stage) = stage {
            body["stage"] = json!(stage);
        }
        self.shah("disclosed", body)
    }

    fn register(&mut self, reference: &str) -> Subject {
        let exhibit = self.s.world.subject();
        let officer = clone(&self.s.officer);
        let digest = EvidenceDigest::of_bytes(DigestKind::File, reference.as_bytes());
        let body =
            json!({"case": self.s.case, "kind": "document", "role": "original", "digest": digest});
        let details =
            json!({"reference": reference, "description": "A page", "power_or_consent": "s.19"});
        let world = &mut self.s.world;
        world.record(
            &officer,
            &exhibit,
            Strand::Custody,
            "registered",
            body,
            details,
        );
        exhibit
    }

    fn bundle(&self) -> Bundle {
        self.s.world.case_bundle(&self.s.case)
    }
}

fn report(play: &Play, bundle: &Bundle) -> (String, Value) {
    let verification = verify(Inputs {
        bundle: &bundle.to_bytes(),
        policy: &play.s.world.policy(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    });
    let verified = verification
        .verified
        .as_ref()
        .unwrap_or_else(|| panic!("{:?}", verification.findings));
    disclosure_report(&verification, verified, &About::whole(verified))
}

fn has(text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{one}\n\n{text}");
    }
}

#[test]
fn in_time_late_not_at_all_and_not_yet_due() {
    let mut play = Play::new();
    let names = ["A/1", "A/2", "A/3", "A/4", "A/5"];
    let [one, two, three, four, five] = names.map(|name| play.register(name));
    play.shah(
        "stage-set",
        json!({"stage": "stage-1", "due": "2026-03-20T10:00:00+00:00"}),
    );
    play.shah(
        "stage-set",
        json!({"stage": "stage-3", "due": "2026-05-20T10:00:00+01:00"}),
    );
    for exhibit in [&one, &two, &three] {
        play.shah("scheduled", json!({"exhibit": exhibit, "schedule": "mg6e"}));
    }
    let later = json!({"exhibit": four, "schedule": "mg6e", "stage": "stage-3"});
    play.shah("scheduled", later);
    // What may be asked for is not owed by that.
    play.shah("scheduled", json!({"exhibit": five, "schedule": "mg6c"}));
    play.disclose(&[&one], Some("stage-1"));
    play.s.world.wait(8 * DAY);
    play.disclose(&[&two], Some("stage-1"));
    let (text, value) = report(&play, &play.bundle());
    has(
        &text,
        &[
            "STAGE 1, due 20 March 2026 10:00:00 UTC\n  Served in time: 1; late: 1; not at all: 1; not yet due: 0; \
             without a due date: 0.\n",
            "- exhibit A/1 to ash-and-co: served in time on 14 March 2026",
            "- exhibit A/2 to ash-and-co: SERVED LATE, by 2 days 12 minutes, on 22 March 2026",
            "- exhibit A/3 to ash-and-co: NOT SERVED, 2 days 12 minutes overdue; on MG6E by entry ",
            "STAGE 3, due 20 May 2026 10:00:00 UTC+01:00\n  Served in time: 0; late: 0; not at all: 0; not yet due: 1;",
            "- exhibit A/4 to ash-and-co: not served yet; on MG6E",
            "ON SCHEDULE MG6C (unused, not sensitive): 1\n",
            "not acknowledged by ash-and-co, after 8 days",
        ],
    );
    let counts = &value["stages"][0]["counts"];
    assert_eq!(
        counts,
        &json!({"in_time": 1, "late": 1, "not_served": 1, "not_yet_due": 0, "without_due_date": 0})
    );
    // The same case, a report later: what was not yet due is overdue then.
    play.s.world.wait(90 * DAY);
    play.shah("case-reference-set", json!({}));
    let (_, value) = report(&play, &play.bundle());
    let items = &value["stages"][1]["items"];
    assert_eq!(items[0]["state"], "not-served", "{items}");
    assert!(
        items[0]["seconds"].as_i64().unwrap() > 20 * 86_400,
        "{items}"
    );
}

#[test]
fn a_date_that_was_moved_after_it_had_passed_is_said_to_have_been() {
    let mut play = Play::new();
    let exhibit = play.register("A/1");
    play.shah(
        "stage-set",
        json!({"stage": "ptph", "due": "2026-03-16T10:00:00+00:00"}),
    );
    play.shah("scheduled", json!({"exhibit": exhibit, "schedule": "mg6e"}));
    play.s.world.wait(5 * DAY);
    play.shah(
        "stage-set",
        json!({"stage": "ptph", "due": "2026-03-30T10:00:00+01:00"}),
    );
    play.disclose(&[&exhibit], Some("ptph"));
    let (text, value) = report(&play, &play.bundle());
    has(
        &text,
        &[
            "PTPH, due 30 March 2026 10:00:00 UTC+01:00\n  It was due 16 March 2026 10:00:00 UTC until Tariq Shah \
             (crown-prosecution) set it anew on 19 March 2026",
            ", AFTER THE EARLIER DATE HAD PASSED [entry ",
        ],
    );
    assert_eq!(value["stages"][0]["set"].as_array().unwrap().len(), 2);
}

#[test]
fn whoever_joined_after_the_date_is_owed_by_the_next_one() {
    let mut play = Play::new();
    let exhibit = play.register("A/1");
    play.shah(
        "stage-set",
        json!({"stage": "stage-1", "due": "2026-03-16T10:00:00+00:00"}),
    );
    play.shah(
        "stage-set",
        json!({"stage": "trial", "due": "2026-06-16T10:00:00+01:00"}),
    );
    let body = json!({"exhibit": exhibit, "schedule": "mg6e", "stage": "stage-1"});
    play.shah("scheduled", body);
    play.s.world.wait(5 * DAY);
    let officer = clone(&play.s.officer);
    let second = json!({"org": "northshire-forensics", "part": "defence"});
    play.case(&officer, "party-joined", second);
    let (_, value) = report(&play, &play.bundle());
    let of = |stage: usize| {
        let item = &value["stages"][stage]["items"][0];
        (item["to"].clone(), item["state"].clone())
    };
    assert_eq!(of(0), (json!("ash-and-co"), json!("not-served")));
    assert_eq!(of(1), (json!("northshire-forensics"), json!("not-yet-due")));
}

#[test]
fn requests_decisions_acknowledgements_and_undertakings() {
    let mut play = Play::new();
    let (one, two) = (play.register("A/1"), play.register("A/2"));
    let asked = play.morgan("disclosure-requested", json!({"under": "CPIA-1996-s.8"}));
    play.s.world.wait(3 * DAY);
    play.morgan("disclosure-requested", json!({"under": "CPIA-1996-s.8"}));
    let granted = json!({
        "request": asked, "outcome": "in-part", "exhibits": [one, two], "due": "2026-03-19T10:00:00+00:00",
    });
    play.shah("disclosure-decided", granted);
    let disclosure = play.disclose(&[&one, &two], None);
    let right = EvidenceDigest::of_bytes(DigestKind::File, b"A/1");
    let wrong = EvidenceDigest::of_bytes(DigestKind::File, b"something else");
    let digests = json!([{"exhibit": one, "digest": right}, {"exhibit": two, "digest": wrong}]);
    let body = json!({"disclosure": disclosure, "digests": digests});
    play.morgan("disclosure-acknowledged", body);
    let body = json!({"disclosure": disclosure, "exhibits": [two]});
    play.morgan("undertaking-given", body);
    let whole = play.morgan("undertaking-given", json!({"disclosure": disclosure}));
    let copy = play.s.world.subject();
    let morgan = clone(&play.defence);
    let body = json!({
        "case": play.s.case, "kind": "document", "role": "defence", "digest": wrong,
        "parents": [{"exhibit": two, "digest": wrong}],
    });
    let details = json!({"reference": "AM/1", "description": "Our copy"});
    let world = &mut play.s.world;
    world.record(&morgan, &copy, Strand::Custody, "copied", body, details);
    play.s.world.wait(DAY);
    play.morgan("undertaking-discharged", json!({"undertaking": whole}));
    let (text, value) = report(&play, &play.bundle());
    has(
        &text,
        &[
            "- exhibit A/1 to ash-and-co: served in time on 17 March 2026",
            ", due 19 March 2026 10:00:00 UTC; granted by entry ",
            "Alex Morgan (ash-and-co) asked under CPIA 1996 s.8: ",
            "  - OPEN for 1 day 9 minutes\n",
            "  - decided by Tariq Shah (crown-prosecution): in part, namely exhibit A/1, exhibit A/2, by 19 March 2026",
            ", 3 days 2 minutes later\n",
            "their own digest agrees: exhibit A/1; their own digest is ANOTHER than the registered one: exhibit A/2",
            "gave one for exhibit A/2: ",
            "  - OUTSTANDING for 1 day 5 minutes\n  - their copy exhibit AM/1: still held\n",
            "  - discharged on 18 March 2026",
        ],
    );
    let undertakings = value["undertakings"].as_array().unwrap();
    assert_eq!(undertakings.len(), 2);
    assert_eq!(undertakings[0]["exhibits"], json!([two]));
    assert_eq!(undertakings[0]["copies"][0]["held"], true);
    assert_eq!(undertakings[1]["exhibits"].as_array().unwrap().len(), 2);
    let own = &value["disclosures"][0]["recipients"][0]["acknowledged"][0]["digests"];
    let codes = [&own[0]["own_digest"], &own[1]["own_digest"]];
    assert_eq!(codes, ["agrees", "differs"]);
    // Only exhibits of the case can be granted or undertaken for.
    let stranger = play.s.world.subject();
    let case = play.s.case.clone();
    for (who, event, body) in [
        (
            &play.prosecutor,
            "disclosure-decided",
            json!({"request": asked, "outcome": "disclose", "exhibits": [stranger]}),
        ),
        (
            &play.defence,
            "undertaking-given",
            json!({"disclosure": disclosure, "exhibits": [stranger]}),
        ),
    ] {
        let (who, details) = (clone(who), world::details());
        let world = &mut play.s.world;
        let refused = world.trial(&who, &case, Strand::Case, event, body, details);
        assert_eq!(refused, Err("not-disclosable".to_owned()), "{event}");
    }
}

#[test]
fn nothing_is_said_of_sensitive_material_to_whom_its_schedule_is_withheld() {
    let mut play = Play::new();
    let (open, sensitive) = (play.register("A/1"), play.register("A/2"));
    play.shah("scheduled", json!({"exhibit": open, "schedule": "mg6c"}));
    play.shah(
        "stage-set",
        json!({"stage": "trial", "due": "2026-06-16T10:00:00+01:00"}),
    );
    let before = report(&play, &play.bundle());
    play.shah(
        "scheduled",
        json!({"exhibit": sensitive, "schedule": "mg6d"}),
    );
    let bundle = play.bundle();
    let (text, value) = report(&play, &bundle);
    has(
        &text,
        &["ON SCHEDULE MG6D (sensitive): 1\n\n- exhibit A/2, described as "],
    );
    assert_eq!(value["schedules"]["mg6d"].as_array().unwrap().len(), 1);
    let mut theirs = bundle;
    let last = theirs.entries.last().unwrap().index;
    let details = world::details();
    let all: Vec<&str> = details
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    withhold(&mut theirs, last, &all);
    let (text, value) = report(&play, &theirs);
    // But for the size and time of the log and the count of entries, it is the report of a case without it.
    let same = |text: &str| {
        let lines = text
            .lines()
            .filter(|one| !one.starts_with("About ") && !one.starts_with("Nothing left out"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(same(&text), same(&before.0));
    for part in [
        "stages",
        "schedules",
        "disclosures",
        "requests",
        "undertakings",
        "withheld",
    ] {
        assert_eq!(value[part], before.1[part], "{part}");
    }
}
