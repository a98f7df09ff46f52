//! Disclosure through the real command and service: what each side is given, and can report.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use custodes::protocol::hash::Hash;
use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;

fn has(text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{one}\n\n{text}");
    }
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A ledger with exhibits JSM/1 and so on, as many as asked for.
fn with_exhibits(count: usize) -> Ledger {
    let ledger = Ledger::new();
    for number in 1..=count {
        let reference = format!("JSM/{number}");
        let file = ledger.path(&format!("JSM-{number}"));
        std::fs::write(&file, &reference).unwrap();
        ledger.register(&file, &reference);
    }
    ledger
}

/// Runs the command as the disclosure officer, who must succeed.
fn smith(ledger: &Ledger, args: &[&str]) -> String {
    ok(&ledger.run("smith", args))
}

#[test]
fn both_sides_report_what_was_served_and_the_defence_nothing_of_what_is_sensitive() {
    let ledger = with_exhibits(4);
    let set = |event: &str, body: &[&str], details: &[&str]| {
        let mut args = vec!["record", event, CASE];
        body.iter().for_each(|one| args.extend(["--set", one]));
        details
            .iter()
            .for_each(|one| args.extend(["--detail", one]));
        smith(&ledger, &args);
    };
    let schedule = |exhibit: &str, schedule: &str| {
        let (exhibit, schedule) = (
            format!("exhibit={CASE} {exhibit}"),
            format!("schedule={schedule}"),
        );
        set("scheduled", &[&exhibit, &schedule], &["description=a page"]);
    };
    set(
        "stage-set",
        &["stage=stage-1", "due=2099-03-20T10:00:00+00:00"],
        &[],
    );
    set(
        "stage-set",
        &["stage=idpc", "due=2020-03-20T10:00:00+00:00"],
        &[],
    );
    schedule("JSM/1", "mg6e");
    schedule("JSM/2", "mg6e");
    schedule("JSM/3", "mg6c");
    schedule("JSM/4", "mg6d");
    let disclose = |stage: &str, exhibit: &str| {
        let to = ["disclose", CASE, "--to", "defence-llp", "--stage", stage];
        ledger.run("smith", &[&to[..], &["--exhibit", exhibit]].concat())
    };
    ok(&disclose("stage-1", "JSM/1"));
    ok(&disclose("idpc", "JSM/3"));
    ends(&disclose("stage1", "JSM/2"), 2);
    let file = format!("JSM/1={}", ledger.path("JSM-1").display());
    let args = ["acknowledge", CASE, "--file", &file, "--disclosure"];
    let report = ["report", "disclosure", CASE, "--purpose", "review"];
    let of = |home: &str| value(&ledger.run(home, &[&["--json"], &report[..]].concat()));
    let first = of("smith")["disclosures"][0]["entry"].to_string();
    ok(&ledger.run("morgan", &[&args[..], &[&first]].concat()));

    let told = ends(&ledger.run("smith", &report), 3);
    has(
        &told,
        &[
            "IDPC, due 20 March 2020 10:00:00 UTC\n  Served in time: 0; late: 1; not at all: 0;",
            "exhibit JSM/1 to defence-llp: served in time on ",
            "exhibit JSM/2 to defence-llp: not served yet; on MG6E",
            "ON SCHEDULE MG6D (sensitive): 1\n",
            "acknowledged by Alex Morgan (defence-llp) on ",
            "their own digest agrees: exhibit JSM/1\n",
            "not acknowledged by defence-llp, after ",
        ],
    );
    let kept = ledger.path("theirs.custody.json").display().to_string();
    let args = [&report[..], &["--keep", &kept]].concat();
    let told = ends(&ledger.run("morgan", &args), 3);
    has(
        &told,
        &[
            "exhibit JSM/1 to defence-llp: served in time on ",
            "to defence-llp: not served yet; on MG6E",
            "ON SCHEDULE MG6C (unused, not sensitive): 1\n",
            "their own digest agrees: exhibit JSM/1\n",
        ],
    );
    assert!(!told.contains("MG6D (sensitive)"), "{told}");
    assert!(!told.contains("NOT IN THIS REPORT"), "{told}");
    // Anybody makes the same report again, without a service.
    let policy = ledger.path("ledger/policy").display().to_string();
    let args = [
        "report",
        "disclosure",
        "--bundle",
        &kept,
        "--policy",
        &policy,
    ];
    let mut again = ledger.command("nobody", &args);
    let again = again.env_remove("CUSTODES_URL").output().unwrap();
    assert_eq!(ends(&again, 3), told);
    // It is of a case.
    let exhibit = format!("{CASE} JSM/1");
    let args = ["report", "disclosure", &exhibit, "--purpose", "review"];
    ends(&ledger.run("smith", &args), 2);
}

/// Registers an exhibit with what somebody may not be told.
fn register_secret(ledger: &Ledger, reference: &str) {
    let file = ledger.path("secret");
    std::fs::write(&file, reference).unwrap();
    let mut args = vec!["register", CASE, file.to_str().unwrap(), "--kind", "other"];
    args.extend([
        "--reference",
        reference,
        "--description",
        "a file",
        "--power",
        "consent",
    ]);
    for one in [
        "address=4 Mill Lane",
        "notes=came by the back door",
        "witness=Mrs Grey",
    ] {
        args.extend(["--detail", one]);
    }
    smith(ledger, &args);
}

/// The entries of a bundle by their places: the signed text, what is disclosed of it.
fn entries(bundle: &Value) -> BTreeMap<u64, (String, BTreeSet<String>)> {
    let entries = bundle["entries"].as_array().unwrap().iter();
    let open = entries.filter(|one| one["jws"].is_string());
    open.map(|one| {
        let disclosed = one["disclosures"].as_array().unwrap().iter();
        let disclosed = disclosed.map(|one| one.as_str().unwrap().to_owned());
        let jws = one["jws"].as_str().unwrap().to_owned();
        (one["index"].as_u64().unwrap(), (jws, disclosed.collect()))
    })
    .collect()
}

#[test]
fn what_is_withheld_is_left_out_everywhere_and_a_fuller_disclosure_is_of_the_same_entries() {
    let ledger = Ledger::new();
    register_secret(&ledger, "JSM/1");
    let exhibit = format!("{CASE} JSM/1");
    let mut looked = vec!["record", "examined", &exhibit];
    looked.extend([
        "--detail",
        "purpose=a covert source said so",
        "--detail",
        "method=by eye",
        "--detail",
        "tool=none",
    ]);
    smith(&ledger, &looked);
    let to = [
        "disclose",
        CASE,
        "--to",
        "defence-llp",
        "--exhibit",
        "JSM/1",
    ];
    let some = [
        "--withhold",
        "address",
        "notes",
        "witness",
        "adress",
        "--withhold-event",
        "examined",
    ];
    let told = smith(&ledger, &[&to[..], &some].concat());
    has(
        &told,
        &[
            "Of what is recorded so far they are not told 6 details: address, method, notes, purpose, tool, witness.",
            "No detail is called adress so far: check the spelling.",
        ],
    );
    ends(
        &ledger.run(
            "smith",
            &[&to[..], &["--withhold-event", "examind"]].concat(),
        ),
        2,
    );
    ends(
        &ledger.run(
            "smith",
            &[&to[..], &["--withhold-profile", "mg6c"]].concat(),
        ),
        2,
    );

    let secrets = ["4 Mill Lane", "back door", "Mrs Grey", "covert source"];
    let keeps = |text: &str| {
        secrets
            .iter()
            .for_each(|one| assert!(!text.contains(one), "{one}\n{text}"))
    };
    let history = ["history", &exhibit, "--purpose", "defence case"];
    let told = ok(&ledger.run("morgan", &history));
    keeps(&told);
    has(
        &told,
        &[
            "Withheld here: address, notes, witness.",
            "Withheld here: method, purpose, tool.",
        ],
    );
    let raw = ok(&ledger.run("morgan", &[&["--json"], &history[..]].concat()));
    keeps(&raw);
    // One entry by itself.
    let raw: Value = serde_json::from_str(&raw).unwrap();
    let (jws, _) = raw["entries"][0]["entry"]
        .as_str()
        .unwrap()
        .split_once('~')
        .unwrap();
    let e = Hash::of(&[jws.as_bytes()]).to_base64url();
    let entry = wire::read(&ledger, "morgan", "GET", &format!("/v1/entries/{e}"), "").text();
    let disclosed = |answer: &str| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        answer["entry"].as_str().unwrap().matches('~').count() - 1
    };
    let whole = wire::read(&ledger, "smith", "GET", &format!("/v1/entries/{e}"), "").text();
    assert_eq!(disclosed(&whole) - disclosed(&entry), 3);
    let take = |name: &str| {
        let out = ledger.path(name).display().to_string();
        ok(&ledger.run(
            "morgan",
            &["bundle", &exhibit, "--out", &out, "--purpose", "expert"],
        ));
        out
    };
    let policy = ledger.path("ledger/policy").display().to_string();
    let verify = |bundle: &str, more: &[&str]| {
        let args = ["verify", bundle, "--policy", &policy];
        ends(&ledger.run("nobody", &[&args[..], more].concat()), 3)
    };
    let part = take("part.custody.json");
    has(
        &verify(&part, &[]),
        &[
            "3 details withheld: address, notes, witness.",
            "3 details withheld: method, purpose, tool.",
        ],
    );
    has(&smith(&ledger, &history), &["Mrs Grey", "covert source"]);

    // Later in full: the same entries, with more of what they say, and one history with the earlier bundle.
    ledger.disclose("JSM/1");
    let full = take("full.custody.json");
    let told = verify(&full, &[]);
    let known = ["--known", &part, "--json"];
    has(&verify(&full, &known), &["\"code\":\"known-consistent\""]);
    assert!(!told.contains("withheld: address"), "{told}");
    let read =
        |path: &str| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let (part, full) = (entries(&read(&part)), entries(&read(&full)));
    let mut more = 0;
    for (index, (jws, disclosed)) in &part {
        let (same, now) = &full[index];
        assert_eq!(same, jws, "entry {index}");
        assert!(disclosed.is_subset(now), "entry {index}");
        more += now.len() - disclosed.len();
    }
    assert_eq!(more, 6);
}

#[test]
fn a_withheld_reference_finds_nothing_and_a_withheld_search_keeps_its_candidates() {
    let ledger = Ledger::new();
    register_secret(&ledger, "JSM/1");
    let exhibit = format!("{CASE} JSM/1");
    let list = ledger.path("candidates.txt");
    std::fs::write(&list, "innocent people").unwrap();
    let attach = format!("candidates={}", list.display());
    ledger.search(&exhibit, &exhibit, ["--attach", &attach]);
    let to = [
        "disclose",
        CASE,
        "--to",
        "defence-llp",
        "--exhibit",
        "JSM/1",
        "--withhold",
        "reference",
    ];
    smith(
        &ledger,
        &[&to[..], &["--withhold-event", "searched"]].concat(),
    );

    let name = Hash::of(&[b"innocent people"]);
    let blob = format!("/v1/blobs/{}", name.to_hex());
    wire::read(&ledger, "morgan", "GET", &blob, "")
        .is_problem(404, "not-registered-or-not-visible");
    assert_eq!(
        wire::read(&ledger, "smith", "GET", &blob, "").body,
        b"innocent people"
    );
    for reference in ["JSM%2F1", &exhibit.replace(' ', "%20").replace('/', "%2F")] {
        let path = format!("/v1/resolve?reference={reference}");
        let found = wire::read(&ledger, "morgan", "GET", &path, "").json();
        assert_eq!(found["matches"], serde_json::json!([]), "{reference}");
        let found = wire::read(&ledger, "smith", "GET", &path, "").json();
        assert_eq!(found["matches"].as_array().unwrap().len(), 1, "{reference}");
    }
    let sha256 = Hash::of(&[b"JSM/1"]).to_hex();
    let lookup = format!("/v1/lookup?sha256={sha256}");
    let found = wire::read(&ledger, "morgan", "GET", &lookup, "").json();
    let id = found["exhibits"][0]["subject"].as_str().unwrap().to_owned();
    let path = format!("/v1/resolve?reference={id}");
    let found = wire::read(&ledger, "morgan", "GET", &path, "").json();
    assert_eq!(found["matches"][0]["reference"], "", "{found}");
    let out = ledger.path("b.custody.json").display().to_string();
    let told = ok(&ledger.run(
        "morgan",
        &["bundle", &id, "--out", &out, "--purpose", "expert"],
    ));
    assert!(!told.contains("JSM/1"), "{told}");
    let text = std::fs::read_to_string(&out).unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["blobs"], serde_json::json!([]));
    // Disclosed with them, they are there.
    ledger.disclose("JSM/1");
    assert_eq!(
        wire::read(&ledger, "morgan", "GET", &blob, "").body,
        b"innocent people"
    );
}

#[test]
fn what_has_expired_or_was_withdrawn_is_read_no_more_and_is_said_to_have_ended() {
    let ledger = with_exhibits(2);
    let to = ["disclose", CASE, "--to", "defence-llp", "--exhibit"];
    let give = |reference: &str, expires: &str| {
        smith(
            &ledger,
            &[&to[..], &[reference, "--expires", expires]].concat(),
        );
    };
    give("JSM/1", "2020-03-01T10:00:00+00:00");
    give("JSM/2", "2099-03-01T10:00:00+00:00");
    let id = |content: &str| {
        let sha256 = Hash::of(&[content.as_bytes()]).to_hex();
        let found = wire::read(
            &ledger,
            "smith",
            "GET",
            &format!("/v1/lookup?sha256={sha256}"),
            "",
        );
        found.json()["exhibits"][0]["subject"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (id("JSM/1"), id("JSM/2"));
    let morgan = |path: &str| wire::read(&ledger, "morgan", "GET", path, "");
    let paths = |id: &str| {
        [
            format!("/v1/exhibits/{id}/history"),
            format!("/v1/exhibits/{id}/bundle"),
        ]
    };
    for path in paths(&one) {
        morgan(&path).is_problem(403, "disclosure-ended");
    }
    for path in paths(&two) {
        assert_eq!(morgan(&path).status, 200, "{path}");
    }
    let json = [
        "--json",
        "report",
        "disclosure",
        CASE,
        "--purpose",
        "review",
    ];
    let disclosures = |home: &str| value(&ledger.run(home, &json))["disclosures"].clone();
    let entry = disclosures("smith")[1]["entry"].to_string();
    let mut args = vec!["record", "disclosure-withdrawn", CASE, "--set"];
    let named = format!("disclosure={entry}");
    args.extend([named.as_str(), "--detail", "reason=sent to the wrong firm"]);
    ends(&ledger.run("morgan", &args), 2);
    smith(&ledger, &args);
    for path in paths(&two) {
        morgan(&path).is_problem(403, "disclosure-ended");
    }
    let sha256 = Hash::of(&[b"JSM/2"]).to_hex();
    morgan(&format!("/v1/lookup?sha256={sha256}")).is_problem(404, "not-registered-or-not-visible");
    // Both sides see what ended, and how; it is flagged.
    let theirs = disclosures("morgan");
    let ours = disclosures("smith");
    for member in ["expires", "expired", "withdrawn_by", "withheld"] {
        for one in [0, 1] {
            assert_eq!(theirs[one][member], ours[one][member], "{member}");
        }
    }
    assert_eq!(
        (&theirs[0]["expired"], &theirs[1]["expired"]),
        (&true.into(), &false.into())
    );
    assert!(theirs[1]["withdrawn_by"].is_u64(), "{theirs}");
    let told = ok(&ledger.run("morgan", &["history", CASE, "--purpose", "review"]));
    has(
        &told,
        &[
            "to defence-llp, until 1 March 2020 10:00:00 UTC",
            "is withdrawn, because \"sent to the wrong firm\"",
            "[disclosure-withdrawn]",
        ],
    );
    ledger.disclose("JSM/1");
    for path in paths(&one) {
        assert_eq!(morgan(&path).status, 200, "{path}");
    }
}
