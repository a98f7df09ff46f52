//! The same table through a real service: signed entries over HTTP, the exported bundle through the real verifier,
//! every flag explained, and still there.

use crate::live::{self, Live};
use crate::situations::{Flags, Play, play};
use crate::world::{self, sample_in};
use crate::*;

/// What DOMAIN asks to be accepted and flagged, in its words, and the flags that say so.
const ASKED: [(&str, &[&str]); 31] = [
    ("a late branch", &["late-branch", "on-a-branch"]),
    (
        "an honest offline entry whose key was revoked meanwhile",
        &["adopted"],
    ),
    (
        "acceptance by a colleague of the person named",
        &["accepted-by-colleague"],
    ),
    (
        "acceptance with another or no digest",
        &["accepted-digest-differs", "accepted-without-digest"],
    ),
    (
        "seal seen differs from seal recorded",
        &["seal-differs", "seal-not-recorded", "seal-not-stated"],
    ),
    ("number reused", &["seal-reused"]),
    ("unsealing the unsealed", &["not-sealed"]),
    (
        "copy whose digest differs from its source (a failed clone)",
        &["copy-differs", "verification-differs"],
    ),
    (
        "handover by someone not the holder",
        &[
            "not-the-holder",
            "colleague-of-holder",
            "accepted-from-other",
            "accepted-by-other",
        ],
    ),
    (
        "disposal against a rule",
        &["not-authorised", "own-authorisation", "under-hold"],
    ),
    ("anything after disposal", &["after-end"]),
    ("recorded late", &["recorded-late"]),
    ("out of order", &["out-of-order"]),
    ("`occurred_at` ahead of the clock", &["clock-ahead"]),
    ("`seen` null", &["seen-missing"]),
    ("`seen` old", &["seen-old"]),
    ("reading without purpose", &["no-purpose"]),
    (
        "offer open too long",
        &["offer-open-long", "offer-still-open"],
    ),
    (
        "gap with no holder or place",
        &["custody-gap", "lost", "while-outside"],
    ),
    ("access while sealed", &["while-sealed", "source-sealed"]),
    ("a role that does not usually do this", &["unusual-role"]),
    (
        "analysis on what is not a working copy",
        &["not-a-working-copy"],
    ),
    (
        "facial recognition with no reviewer or no corroboration",
        &["no-reviewer", "no-corroboration"],
    ),
    (
        "read errors or digest mismatch on acquisition",
        &["read-errors", "parent-digest-differs"],
    ),
    ("no clock check", &["no-clock-check"]),
    ("key later declared compromised", &["key-compromised"]),
    ("retention overdue", &["retention-overdue"]),
    (
        "only MD5 or SHA-1 came with it from outside",
        &["weak-digest-only"],
    ),
    ("incomplete details", &["incomplete"]),
    ("one side only attests", &["one-side-only"]),
    (
        "irregularities as records",
        &["irregularity-raised", "custody-restated"],
    ),
];

/// A flag: its code, and the entry it is on.
type Raised = BTreeSet<(String, String)>;

/// Flags that the verifier found; only those that somebody explained, or all.
fn flags(found: &Value, explained: bool) -> Raised {
    assert_ne!(found["exit"], 1, "{}", found["findings"]);
    let flags = found["bundle"]["flags"].as_array().unwrap().iter();
    let wanted =
        flags.filter(|flag| !explained || !flag["explained"].as_array().unwrap().is_empty());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    wanted
        .map(|flag| (text(&flag["code"]), text(&flag["entries"][0])))
        .collect()
}

fn codes(flags: &Raised) -> BTreeSet<&str> {
    flags.iter().map(|(code, _)| code.as_str()).collect()
}

/// What is flagged at a time of the log rather than on an entry as it comes in.
#[rustfmt::skip]
fn what_time_brings(p: &mut Play) {
    let ledger = p.s.world.subject.clone();
    let change = json!({"threshold": "offer_open_for", "seconds": 0});
    let proposal = p.line("northshire-police", &ledger, "rule-proposed", change, Flags(&[])).unwrap();
    for org in ["crown-prosecution", "ash-and-co"] {
        p.line(org, &ledger, "rule-approved", json!({"proposal": proposal}), Flags(&[]));
    }
    let due = p.s.world.subject();
    let seized = json!({"case": p.s.case, "kind": "device", "from": null});
    p.line("examiner", &due, "seized", seized, Flags(&[]));
    let manager = p.s.world.enrol("northshire-forensics", "Lou Berg", &["officer"]);
    let until = json!({"until": "2026-03-20T09:00:00+00:00"});
    p.s.world.record(&manager, &due, Strand::Notes, "retention-set", until, details());
    let revoked = json!({"key": manager.key.public().id(), "compromised_since": "2026-03-20T09:00:00+00:00"});
    p.line("northshire-forensics", &manager.actor.subject(), "key-revoked", revoked, Flags(&[]));
    let store = json!({"to": {"store": {"org": "northshire-forensics", "place": "store-2"}}, "method": "by-hand"});
    p.line("examiner", &due, "transfer-offered", store, Flags(&[]));
    p.s.world.wait(1);
    p.line("examiner", &due, "examined", json!({}), Flags(&[]));
}

fn live(p: &mut Play) -> &mut Live {
    let beside = p.s.world.beside.as_mut().unwrap().as_any();
    beside.downcast_mut().unwrap()
}

/// Flags that the service tells of the case and of every exhibit of it.
fn online(p: &mut Play) -> Raised {
    let case = p.s.case.clone();
    let exhibits = p.s.world.state.exhibits_of(&case);
    let of_exhibits = exhibits.iter().map(|one| format!("/v1/exhibits/{one}"));
    let mut told = Raised::new();
    for path in of_exhibits.chain([format!("/v1/cases/{case}")]) {
        let history = live(p).read(&format!("{path}/history")).json();
        for entry in history["entries"].as_array().unwrap() {
            for flag in entry["flags"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                told.insert((text(&flag["code"]), text(&flag["entries"][0])));
            }
        }
    }
    told
}

#[test]
fn every_flag_over_http_offline_explained_and_still_there() {
    let p = &mut play(Play::within(sample_in(live::world())));
    what_time_brings(p);
    let (case, examiner) = (p.s.case.clone(), world::clone(&p.s.examiner));
    live(p).read_as(&examiner);
    // This service lets nobody read without a purpose; one that did would be flagged, as it is in the table.
    let path = format!("/v1/exhibits/{}/history", p.s.copy);
    live(p).ask(&path, " ").is_problem(401, "purpose-missing");
    let found = live(p).verified(&case);
    let raised = flags(&found, false);

    let rules = Rules::embedded();
    let of_rows = rules.rows().flat_map(|row| &row.flag);
    let of_all = rules.always_flag().iter().chain(rules.standing_flag());
    let of_all = of_all.chain(rules.branch_flag());
    let all: BTreeSet<&str> = of_rows.chain(of_all).map(|rule| rule.says().0).collect();
    let produced = codes(&raised);
    let missing: Vec<&&str> = all.difference(&produced).collect();
    assert!(missing.is_empty(), "flags not yet produced: {missing:?}");
    for (asked, flags) in ASKED {
        let unknown: Vec<&&str> = flags.iter().filter(|code| !all.contains(*code)).collect();
        assert!(unknown.is_empty(), "{asked}: no flag {unknown:?}");
    }
    let unknown: Vec<&&str> = produced.difference(&all).collect();
    assert!(unknown.is_empty(), "flags of no rule: {unknown:?}");

    let told = online(p);
    let of_case = |(_, e): &&(String, String)| {
        let e = EntryHash(Hash::from_base64url(e).unwrap());
        let entry = p.s.world.state.entry(e);
        entry.is_none_or(|one| !matches!(one.chain.strand, Strand::Rules | Strand::Keys))
    };
    let expected: Raised = raised.iter().filter(of_case).cloned().collect();
    assert_eq!(told, expected, "the service tells the same");

    // One of each is explained on the chain where it is: by somebody of the case, of keys by whoever enrolled them.
    for code in &all {
        let chain = |(_, e): &(String, String)| {
            let e = EntryHash(Hash::from_base64url(e).unwrap());
            Some((e, p.s.world.state.entry(e)?))
        };
        let mut with_code = raised.iter().filter(|flag| flag.0 == **code);
        let explicable = with_code
            .find_map(|flag| chain(flag).filter(|(_, entry)| entry.chain.strand != Strand::Rules));
        let (e, entry) = explicable.unwrap_or_else(|| panic!("nobody can explain {code}"));
        let authority = entry.actor.org();
        let (who, event) = match entry.chain.strand {
            Strand::Keys => (authority.as_str(), "person-irregularity-explained"),
            Strand::Case => ("examiner", "case-irregularity-explained"),
            _ => ("examiner", "irregularity-explained"),
        };
        let why = json!({"category": code, "targets": [e]});
        p.line(who, &entry.chain.subject, event, why, Flags(&[]));
    }
    let found = live(p).verified(&case);
    let explained = flags(&found, true);
    let explained = codes(&explained);
    let unexplained: Vec<&&str> = all.difference(&explained).collect();
    assert!(unexplained.is_empty(), "not explained: {unexplained:?}");
    let after = flags(&found, false);
    assert!(raised.is_subset(&after), "a flag is never removed");
}
