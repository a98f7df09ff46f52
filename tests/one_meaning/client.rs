//! A client that was changed to send other details than were signed for.

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::{Strand, Subject};
use serde_json::{Value, json};

use super::ledger::{Ledger, ok};
use super::submitter::{Answer, Submitter, post, subject, submit, submit_lines};
use super::wire;
use super::{FORGED, SECRET, Signed, forged};

/// What is sent in the place of an entry, and what the refusal says. `other` is another entry with details of the same
/// names.
type Sent = (&'static str, &'static str, fn(&mut Signed, other: &Signed));

const SENT: [Sent; 12] = [
    (
        "two values for one detail",
        "is given two values",
        |one, _| {
            let at = one.at("description") + 1;
            one.disclosures
                .insert(at, forged("description", json!(FORGED)));
        },
    ),
    (
        "the same with the forged one first",
        "is not one that this entry refers to",
        |one, _| {
            let at = one.at("description");
            one.disclosures
                .insert(at, forged("description", json!(FORGED)));
        },
    ),
    ("one that is sent twice", "is given two values", |one, _| {
        let again = one.disclosures[0].clone();
        one.disclosures.insert(0, again);
    }),
    (
        "one of another entry",
        "is not one that this entry refers to",
        |one, other| {
            let at = one.at("description");
            one.disclosures[at] = other.disclosures[other.at("description")].clone();
        },
    ),
    (
        "all of another entry",
        "is not one that this entry refers to",
        |one, other| {
            one.disclosures = other.disclosures.clone();
        },
    ),
    (
        "one that is replaced",
        "is not one that this entry refers to",
        |one, _| {
            let at = one.at("address");
            one.disclosures[at] = forged("address", json!(FORGED));
        },
    ),
    (
        "one that is replaced by nothing",
        "is not one that this entry refers to",
        |one, _| {
            let at = one.at("address");
            one.disclosures[at] = forged("address", Value::Null);
        },
    ),
    ("one that is left out", "has no disclosure", |one, _| {
        let at = one.at("address");
        one.disclosures.remove(at);
    }),
    ("none at all", "has no disclosure", |one, _| {
        one.disclosures.clear()
    }),
    (
        "one more than was promised",
        "is not one that this entry refers to",
        |one, _| {
            one.disclosures.push(forged("zeal", json!(FORGED)));
        },
    ),
    ("another order", "must be sorted by name", |one, _| {
        one.disclosures.reverse()
    }),
    (
        "one in another spelling",
        "is not base64url of",
        |one, _| one.disclosures[0].push('='),
    ),
];

fn signed(entry: &UnverifiedEntry) -> Signed {
    Signed::of(&json!({"entry": entry.to_text()})).unwrap()
}

fn text(signed: &Signed) -> String {
    let mut told = json!({});
    signed.put(&mut told);
    told["entry"].as_str().unwrap().to_owned()
}

fn post_body(ledger: &Ledger, body: &str) -> Answer {
    let (status, body) = post(&ledger.url, "application/json", body).unwrap();
    let body = serde_json::from_str(&body).unwrap();
    Answer { status, body }
}

/// What the service has of an entry.
fn stored(ledger: &Ledger, entry: &UnverifiedEntry) -> wire::Answer {
    wire::read(
        ledger,
        "smith",
        "GET",
        &format!("/v1/entries/{}", entry.hash()),
        "",
    )
}

/// Each way of sending it is refused, as an entry and as one of a branch, singly and in a batch.
fn are_refused(ledger: &Ledger, entry: &UnverifiedEntry, other: &Signed) {
    for (what, why, change) in SENT {
        let mut changed = signed(entry);
        change(&mut changed, other);
        let text = text(&changed);
        let alone = json!({"entry": text}).to_string();
        let branch = json!({"entry": entry.to_text(), "branch": [text]}).to_string();
        let batch = submit_lines(&ledger.url, &[alone.clone(), branch.clone()]).unwrap();
        let singly = [alone, branch].map(|body| post_body(ledger, &body));
        for answer in [singly.to_vec(), batch].concat() {
            assert_eq!((answer.status, answer.code()), (400, "bad-entry"), "{what}");
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains(why), "{what}: {detail}");
        }
    }
}

fn registered(smith: &Submitter, case: &Subject, description: &str) -> UnverifiedEntry {
    let plain = smith.exhibit(case, &subject());
    let payload = plain.payload();
    let details =
        json!({"description": description, "power_or_consent": "consent", "address": SECRET});
    let body = Value::Object(payload.body.clone());
    let chain = (&payload.subject, Strand::Custody);
    smith.sign(chain, None, "registered", body, details)
}

#[test]
fn no_patched_client_gets_a_second_meaning_into_the_ledger() {
    let ledger = Ledger::new();
    let smith = Submitter::of(&ledger, "smith");
    let case = subject();
    assert_eq!(submit(&ledger.url, &smith.case(&case)).unwrap().status, 201);
    let one = registered(&smith, &case, "a clip");
    let other = signed(&registered(&smith, &case, "another clip"));

    // At first submission: nothing of it is there.
    are_refused(&ledger, &one, &other);
    stored(&ledger, &one).is_problem(404, "not-registered-or-not-visible");
    // What was signed stands or falls with its names.
    let mut denied = signed(&one);
    denied.without("address");
    denied.disclosures.remove(signed(&one).at("address"));
    let answer = post_body(&ledger, &json!({"entry": text(&denied)}).to_string());
    assert_eq!((answer.status, answer.code()), (400, "bad-signature"));

    // Whole, it is taken in; sent again otherwise it is refused, and what is stored stays.
    let first = submit(&ledger.url, &one).unwrap();
    assert_eq!(first.status, 201, "{}", first.body);
    let before = stored(&ledger, &one).json();
    assert_eq!(before["entry"], one.to_text());
    are_refused(&ledger, &one, &other);
    assert_eq!(stored(&ledger, &one).json(), before);
    let again = submit(&ledger.url, &one).unwrap();
    assert_eq!((again.status, again.index()), (200, first.index()));
    assert_eq!(stored(&ledger, &one).json(), before);

    // What the law erased comes back in no form.
    let exhibit = one.payload().subject.to_string();
    let erase = format!("{}:address", first.index());
    let law = ["--legal-basis", "DPA 2018 s.47"];
    ok(&ledger.run("smith", &[&["erase", &exhibit, &erase], &law[..]].concat()));
    let erased = stored(&ledger, &one).json();
    let mut left = signed(&one);
    left.disclosures.remove(left.at("address"));
    assert_eq!(erased["entry"], text(&left));
    are_refused(&ledger, &one, &other);
    assert_eq!(submit(&ledger.url, &one).unwrap().status, 200);
    assert_eq!(stored(&ledger, &one).json(), erased);
}
