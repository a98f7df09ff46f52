//! Who looked, and what was done with a case's data in a period: through the real command, from the service and from a
//! bundle alone.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/world.rs"]
mod world;

use std::process::Output;

use custodes::protocol::bundle::Bundle;
use custodes::protocol::id::Strand;
use ledger::{CASE, Ledger, ends, ok};
use serde_json::{Value, json};
use world::{Sample, clone, sample, withhold, withhold_entry};

/// Runs a report over a bundle of the sample; the policy may be another than the sample's own.
fn offline(sample: &Sample, bundle: &[u8], group: &str, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let (file, policy) = (
        folder.path().join("b.custody.json"),
        folder.path().join("p"),
    );
    let (log, witness) = (sample.world.log_vkey(), sample.world.witness_vkey());
    let text =
        format!("log {log}\nwitness court {witness}\ngroup {group} 1 court\nquorum {group}\n");
    std::fs::write(&file, bundle).unwrap();
    std::fs::write(&policy, text).unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .arg("--bundle")
        .arg(&file)
        .arg("--policy")
        .arg(&policy)
        .env_remove("CUSTODES_URL")
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn has(text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{one}\n\n{text}");
    }
}

/// The sample, in which the examiner read twice for one purpose, once of them by the case.
fn looked_at() -> Sample {
    let mut sample = sample();
    let (service, examiner) = (clone(&sample.world.service), clone(&sample.examiner));
    let purpose = "Examination";
    let (video, case) = (sample.video.clone(), sample.case.clone());
    for (subject, target, kind, extent, event) in [
        (&video, "exhibit", "exhibits", "history", "viewed"),
        (&case, "case", "cases", "bundle", "exported"),
    ] {
        let uri = format!("{kind}/{subject}/{extent}");
        let token = sample.world.token(&examiner, &uri, purpose);
        let body = json!({"target": target, "extent": extent});
        let details = json!({"reader": examiner.actor, "purpose": purpose, "token": token});
        sample
            .world
            .record(&service, subject, Strand::Access, event, body, details);
    }
    sample.world.publish_map();
    sample
}

/// The access entries of a bundle, in the order of the log.
fn consultations(sample: &Sample, bundle: &Bundle) -> Vec<custodes::protocol::tree::EntryIndex> {
    let entries = sample.world.entries.iter();
    entries
        .filter(|one| one.entry.payload().strand == Strand::Access)
        .map(|one| one.index)
        .filter(|index| bundle.entry(*index).is_some())
        .collect()
}

#[test]
fn who_looked_by_person_and_purpose_from_a_bundle_alone() {
    let sample = looked_at();
    let bundle = sample.world.case_bundle(&sample.case).to_bytes();
    let named = ["report", "access", "44NS1234526 JSM/1"];
    let told = words(&offline(&sample, &bundle, "map-recomputed", &named));
    has(
        &told,
        &[
            "About exhibit JSM/1, in the ledger",
            "Consultations recorded: 3; by people named here: 3; shown as a count only: 0; wholly withheld: 0.",
            "Nothing left out: PROVEN. Complete, recomputed by court:",
            "PC Jo Smith (northshire-police): 1 consultation\n  Why: \"Preparing a statement\"\n  - 14 March 2026",
            "Dr Ana Iyer (northshire-forensics): 2 consultations\n  Why: \"Examination\"\n  - ",
            ": read the history of exhibit JSM/1 [entry",
            ": took a bundle of the case \"R v Doe\" (44NS1234526) [entry",
            ", on record for the case; key ",
            "  Asked with the key ",
            "... in \"test 1.0\"\n",
        ],
    );
    assert!(!told.contains("SHOWN AS A COUNT ONLY"), "{told}");
    let json = |group: &str, name: &str| {
        let args = ["--json", "report", "access", name];
        value(&offline(&sample, &bundle, group, &args))
    };
    let report = json("map-recomputed", "JSM/1");
    assert_eq!(report["complete"]["answer"], "proven");
    assert_eq!(
        json("plain", "JSM/1")["complete"]["answer"],
        "attested only"
    );
    let mine = &report["people"][1];
    assert_eq!(mine["name"], "Dr Ana Iyer (northshire-forensics)");
    let one = &mine["consultations"][1];
    assert_eq!(
        (&one["extent"], &one["case_wide"]),
        (&json!("bundle"), &json!(true))
    );
    assert_eq!(one["purpose"]["words"], "Examination");
    let uri = one["request"]["uri"].as_str().unwrap();
    assert!(
        uri.ends_with(&format!("cases/{}/bundle", sample.case)),
        "{uri}"
    );
    assert_eq!(one["request"]["client"], "test 1.0");
    assert!(one["request"]["key"].as_str().unwrap().len() == 43, "{one}");
    // Of another exhibit: the reading of the case alone. Of the whole case: all of them.
    assert_eq!(json("plain", "JSM/2")["recorded"], 1);
    assert_eq!(json("plain", "44NS1234526")["recorded"], 3);
    ends(
        &offline(&sample, &bundle, "plain", &["report", "access", "JSM/9"]),
        2,
    );
    // What somebody is called may be an opaque id too.
    assert_eq!(json("plain", sample.video.as_str())["recorded"], 3);
}

#[test]
fn what_is_withheld_is_counted_and_what_was_changed_is_no_report() {
    let sample = looked_at();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    let whole = bundle.to_bytes();
    let looks = consultations(&sample, &bundle);
    assert_eq!(looks.len(), 3);
    withhold(&mut bundle, looks[0], &["reader", "purpose", "token"]);
    withhold_entry(&mut bundle, looks[2]);
    let bundle = bundle.to_bytes();
    let report = offline(&sample, &bundle, "plain", &["report", "access"]);
    let told = ends(&report, 3);
    has(
        &told,
        &[
            "Consultations recorded: 3; by people named here: 1; shown as a count only: 1; wholly withheld: 1.",
            "Readers who are withheld here read the history of exhibit JSM/1: 1, on 14 March 2026",
            "its own side and the court",
            "Wholly withheld from the recipient of this bundle: 1, on 14 March 2026",
            "; 1 of them of the case as a whole",
            "[view-not-checked]",
            "[entries-withheld]",
        ],
    );
    assert!(!told.contains("Jo Smith"), "{told}");
    let accepted = ["--accept", "view-not-checked", "entries-withheld"];
    let args = [&["--json", "report", "access"][..], &accepted].concat();
    let report = offline(&sample, &bundle, "plain", &args);
    let left: Vec<Value> = value(&report)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["severity"] == "not checked")
        .map(|one| one["code"].clone())
        .collect();
    assert!(left.contains(&json!("view-not-checked")), "{left:?}");
    assert_eq!(value(&report)["count_only"][0]["count"], 1);
    assert_eq!(value(&report)["withheld"]["entries"], json!([looks[2]]));

    // One entry of the log at another time: nothing is reported of it.
    let text = String::from_utf8(whole).unwrap();
    let time = text.split("\"recorded_at\":").nth(2).unwrap();
    let time = time.split(',').next().unwrap().to_owned();
    let later = (time.parse::<u64>().unwrap() + 1).to_string();
    let forged = text.replacen(&time, &later, 1);
    let report = offline(&sample, forged.as_bytes(), "plain", &["report", "access"]);
    let told = ends(&report, 1);
    has(&told, &["No report: the bundle failed.", "WHAT FAILED"]);
    assert!(!told.contains("Jo Smith"), "{told}");
}

#[test]
fn the_six_categories_by_person_and_justification() {
    let sample = looked_at();
    let bundle = sample.world.case_bundle(&sample.case).to_bytes();
    let of = |from: &str, to: &str, more: &[&str]| {
        let args = [&["report", "processing", "--from", from, "--to", to], more].concat();
        offline(&sample, &bundle, "map-recomputed", &args)
    };
    let told = words(&of("2026-03-14", "2026-03-14", &[]));
    has(
        &told,
        &[
            "PROCESSING FROM 14 March 2026 00:00:00 UTC UNTIL 15 March 2026 00:00:00 UTC",
            "About the case \"R v Doe\" (44NS1234526)",
            "Nothing left out: PROVEN. Complete, recomputed by court:",
            "Collection: 3\n  PC Jo Smith (northshire-police)\n    Justification: \"Consent of the keeper\"\n    - ",
            "    Justification: \"PACE s.19\"\n",
            "  Dr Ana Iyer (northshire-forensics)\n    Justification: nothing stated\n",
            "\nAlteration: none recorded\n",
            "Consultation: 2\n  PC Jo Smith (northshire-police)\n    Justification: \"Preparing a statement\"\n",
            // The hand-over to another organisation, by both sides; and the bundle taken.
            "Disclosure: 3\n",
            "\nCombination: none recorded\n",
            "\nErasure: none recorded\n",
        ],
    );
    let report = value(&of("2026-03-14", "2026-03-14", &["--json"]));
    let counts: Vec<&Value> = (0..6)
        .map(|at| &report["categories"][at]["count"])
        .collect();
    assert_eq!(json!(counts), json!([3, 0, 2, 3, 0, 0]));
    let one = &report["categories"][0]["people"][0]["by_justification"][0];
    assert_eq!(one["justification"]["words"], "Consent of the keeper");
    assert_eq!(one["acts"][0]["event"], "registered");

    // The day before and the day after have nothing; a moment cuts a day in two.
    for (from, to) in [("2026-03-01", "2026-03-13"), ("2026-03-15", "2026-03-31")] {
        let report = value(&of(from, to, &["--json"]));
        let mut categories = report["categories"].as_array().unwrap().iter();
        assert!(categories.all(|one| one["count"] == 0), "{report}");
    }
    let noon = "2026-03-14T10:00:00+01:00";
    let before = value(&of("2026-03-14", noon, &["--json"]));
    let after = value(&of(noon, "2026-03-14", &["--json"]));
    let sum = |report: &Value| -> u64 {
        let categories = report["categories"].as_array().unwrap().iter();
        categories.map(|one| one["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(&before) + sum(&after), 8, "{before}{after}");
    for (from, to) in [("2026-03-14", "2026-03-13"), ("14/03/2026", "2026-03-14")] {
        ends(&of(from, to, &[]), 2);
    }
    // One exhibit of it: what was done with that, and with its case as a whole.
    let exhibit = value(&of("2026-03-14", "2026-03-14", &["JSM/2", "--json"]));
    assert_eq!(exhibit["categories"][0]["count"], 1, "{exhibit}");
}

#[test]
fn from_the_service_and_again_from_the_bundle_that_was_kept() {
    let ledger = Ledger::new();
    ledger.enrol("hart", "police", "store,officer", "Lee Hart");
    let file = ledger.path("note.txt");
    std::fs::write(&file, "seen at the door").unwrap();
    ledger.register(&file, "JSM/1");
    ledger.disclose("JSM/1");
    let target = format!("{CASE} JSM/1");
    let looks = |home: &str, purpose: &str| {
        ok(&ledger.run(home, &["history", &target, "--purpose", purpose]));
    };
    looks("smith", "charging decision");
    looks("smith", "charging decision");
    looks("hart", "finding a shelf");
    looks("morgan", "testing the alibi");
    ok(&ledger.run(
        "smith",
        &["hand-over", &target, "--to", "police", "--store", "store-2"],
    ));

    let kept = ledger.path("kept.custody.json").display().to_string();
    let purpose = ["--purpose", "disclosure review", "--keep", &kept];
    let args = [&["report", "access", &target][..], &purpose].concat();
    let told = ends(&ledger.run("smith", &args), 3);
    has(
        &told,
        &[
            "DC Jo Smith (police): ",
            "  Why: \"charging decision\"\n",
            "Lee Hart (police): 1 consultation\n  Why: \"finding a shelf\"\n",
            "... in \"custodes 0.1.0 (sha256:",
            "Readers who are withheld here read the history of exhibit JSM/1: 1, on ",
            "Nothing left out: NOT SHOWN. Complete, as committed by the operator: ",
            "No independent witness is asked for",
            "[view-not-checked]",
            "[no-witness]",
        ],
    );
    assert!(
        !told.contains("Morgan") && !told.contains("alibi"),
        "{told}"
    );
    // Anybody makes the same report again, without a service.
    let policy = ledger.path("ledger/policy").display().to_string();
    let args = ["report", "access", "--bundle", &kept, "--policy", &policy];
    let mut again = ledger.command("nobody", &args);
    let again = again.env_remove("CUSTODES_URL").output().unwrap();
    assert_eq!(ends(&again, 3), told);
    let accept = ["--accept", "view-not-checked", "no-witness"];
    ok(&ledger.run("nobody", &[&args[..], &accept].concat()));

    // That a report was made is on record: the bundle was taken for it.
    let told = ok(&ledger.run("smith", &["history", &target, "--purpose", "a look"]));
    has(
        &told,
        &["took a bundle of exhibit JSM/1 to make a report, for the purpose \"disclosure review\""],
    );

    // The defence sees its own side, and everybody else who looked at what was disclosed to it.
    let args = ["report", "access", &target, "--purpose", "conference"];
    let told = ends(&ledger.run("morgan", &args), 3);
    has(
        &told,
        &[
            "Alex Morgan (defence-llp): ",
            "testing the alibi",
            "DC Jo Smith (police): ",
            "  Why: \"charging decision\"\n",
            "shown as a count only: 0; wholly withheld: 0.",
        ],
    );

    let processing = [
        "--json",
        "report",
        "processing",
        CASE,
        "--from",
        "2000-01-01",
    ];
    let until = ["--to", "2100-01-01", "--purpose", "annual return"];
    let report = value(&ledger.run("smith", &[&processing[..], &until].concat()));
    let of = |category: &str| {
        let mut all = report["categories"].as_array().unwrap().iter();
        all.find(|one| one["category"] == category)
            .unwrap()
            .to_string()
    };
    has(
        &of("collection"),
        &["\"words\":\"consent\"", "DC Jo Smith (police)"],
    );
    has(
        &of("consultation"),
        &[
            "charging decision",
            "finding a shelf",
            "\"state\":\"withheld\"",
        ],
    );
    has(
        &of("disclosure"),
        &[
            "\"event\":\"disclosed\"",
            "\"event\":\"reported\"",
            "disclosure review",
        ],
    );
    // To a colleague is no disclosure.
    assert!(!of("disclosure").contains("transfer-offered"));
    assert!(!of("consultation").contains("Morgan"));

    // What was erased by law is no justification any more, and said to be erased.
    let history = ["--json", "history", &target, "--purpose", "erasing"];
    let first = value(&ledger.run("smith", &history))["entries"][0]["index"].clone();
    let detail = format!("{first}:power_or_consent");
    let basis = ["--legal-basis", "order of 3 May"];
    ok(&ledger.run(
        "smith",
        &[&["erase", &target, &detail], &basis[..]].concat(),
    ));
    let report = value(&ledger.run("smith", &[&processing[..], &until].concat()));
    let (collected, erased) = (&report["categories"][0], &report["categories"][5]);
    let why = &collected["people"][0]["by_justification"][0]["justification"];
    assert_eq!(why["state"], "erased", "{report}");
    let by = &erased["people"][0]["by_justification"][0];
    assert_eq!(by["justification"]["words"], "order of 3 May");
    assert_eq!(by["acts"][0]["entry"], why["under"]);

    // Nothing is asked of the service for what makes no sense.
    ends(&ledger.run("smith", &["report", "access"]), 2);
    let backwards = [
        "report",
        "processing",
        CASE,
        "--from",
        "2026-03-02",
        "--to",
        "2026-03-01",
    ];
    ends(&ledger.run("smith", &backwards), 2);
    let stranger = ["report", "access", "44NS1234526 JSM/9", "--purpose", "x"];
    ends(&ledger.run("smith", &stranger), 2);
}

#[test]
fn an_exhibit_that_another_case_took_in_is_reported_there_by_that_cases_readings() {
    let ledger = Ledger::new();
    for name in ["JSM/1", "JSM/2"] {
        let file = ledger.path("note.txt");
        std::fs::write(&file, name).unwrap();
        ledger.register(&file, name);
    }
    let smith = |args: &[&str]| ok(&ledger.run("smith", args));
    let other = "44NS9999999";
    smith(&[
        "case",
        "open",
        "--reference",
        other,
        "--title",
        "R v Another",
    ]);
    for name in ["JSM/1", "JSM/2"] {
        let exhibit = format!("{CASE} {name}");
        smith(&["case", "link", other, &exhibit, "--basis", "same van"]);
        let there = format!("{other} {name}");
        smith(&["history", &there, "--purpose", &format!("linking {name}")]);
    }
    let report = |case: &str| {
        let target = format!("{case} JSM/1");
        let args = ["report", "access", &target, "--purpose", "review"];
        ends(&ledger.run("smith", &args), 3)
    };
    let there = report(other);
    has(
        &there,
        &["  Why: \"linking JSM/1\"\n", ", on record for the case; "],
    );
    assert!(!there.contains("linking JSM/2"), "{there}");
    // In its own case nothing shows that another took it in.
    let here = report(CASE);
    assert!(!here.contains("linking"), "{here}");
    has(&here, &["Other cases may exist that took the exhibit in"]);
}

#[test]
fn a_period_takes_what_happened_in_it_and_counts_what_was_only_recorded_in_it() {
    let mut sample = sample();
    // The next signer states a time three days before the log records it.
    sample.world.clocks = -3 * 24 * 60;
    let (examiner, video) = (clone(&sample.examiner), sample.video.clone());
    let purpose = json!({"purpose": "Enhancement", "outcome": "none"});
    let body = json!({});
    let strand = Strand::Notes;
    sample
        .world
        .record(&examiner, &video, strand, "examined", body, purpose);
    let bundle = sample.world.case_bundle(&sample.case).to_bytes();
    let of = |day: &str| {
        let args = ["--json", "report", "processing", "--from", day, "--to", day];
        value(&offline(&sample, &bundle, "plain", &args))
    };
    let (then, recorded) = (of("2026-03-11"), of("2026-03-14"));
    let consulted = &then["categories"][2];
    assert_eq!(consulted["count"], 1, "{then}");
    let by = &consulted["people"][0]["by_justification"][0];
    assert_eq!(by["justification"]["words"], "Enhancement");
    assert_eq!(then["recorded_of_another_time"], 0);
    assert_eq!(recorded["categories"][2]["count"], 1, "the reading alone");
    assert_eq!(recorded["recorded_of_another_time"], 1);
}
