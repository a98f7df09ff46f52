//! Nobody gets a second meaning out of one signed entry: not a service that was changed between its storage and the reader
//! (here), nor a client that sends other details than were signed for (`client`), nor whoever changes the rows of a
//! stopped service (`stored`). Real service, real command.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod client;
#[path = "../common/ledger.rs"]
mod ledger;
#[path = "../common/liar.rs"]
mod liar;
mod stored;
#[path = "../common/submitter.rs"]
mod submitter;
mod unpublished;
#[path = "../common/wire.rs"]
mod wire;

use std::process::Output;

use custodes::protocol::base64url;
use custodes::protocol::entry::{Disclosure, UnverifiedEntry};
use ledger::{CASE, Ledger, ends, ok};
use liar::Liar;
use serde_json::{Value, json};

/// What nobody signed for.
const FORGED: &str = "a quite different thing";

/// What is withheld from the defence.
const SECRET: &str = "4 Mill Lane";

/// What another entry says.
const ELSEWHERE: &str = "the second clip";

fn register(ledger: &Ledger, reference: &str, description: &str) {
    let file = ledger.path(&reference.replace('/', "-"));
    std::fs::write(&file, reference).unwrap();
    let file = file.display().to_string();
    let mut args = vec!["register", CASE, &file, "--kind", "other"];
    args.extend(["--reference", reference, "--description", description]);
    args.extend(["--power", "consent", "--detail"]);
    let address = format!("address={SECRET}");
    ok(&ledger.run("smith", &[&args[..], &[&address]].concat()));
}

/// A ledger with two exhibits, each disclosed to the defence without its address.
fn ledger() -> Ledger {
    let ledger = Ledger::new();
    for (reference, description) in [("JSM/1", "the first clip"), ("JSM/2", ELSEWHERE)] {
        register(&ledger, reference, description);
        let to = ["--to", "defence-llp", "--exhibit", reference];
        let without = ["--withhold", "address"];
        ok(&ledger.run("smith", &[&["disclose", CASE], &to[..], &without].concat()));
    }
    ledger
}

/// An entry of an answer, for an edit.
#[derive(Clone)]
struct Signed {
    jws: String,
    disclosures: Vec<String>,
    withheld: Vec<String>,
}

impl Signed {
    /// Of a history, where it is one text, or of a bundle, where it is three members.
    fn of(told: &Value) -> Option<Signed> {
        let texts = |name: &str| -> Vec<String> {
            let all = told[name].as_array().into_iter().flatten();
            all.map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        if let Some(jws) = told["jws"].as_str() {
            return Some(Signed {
                jws: jws.to_owned(),
                disclosures: texts("disclosures"),
                withheld: texts("withheld"),
            });
        }
        let mut parts = told["entry"].as_str()?.strip_suffix('~')?.split('~');
        Some(Signed {
            jws: parts.next()?.to_owned(),
            disclosures: parts.map(str::to_owned).collect(),
            withheld: Vec::new(),
        })
    }

    fn put(&self, told: &mut Value) {
        match told.get("jws").is_some() {
            true => {
                told["jws"] = json!(self.jws);
                told["disclosures"] = json!(self.disclosures);
                told["withheld"] = json!(self.withheld);
            }
            false => {
                let all = [&[self.jws.clone()][..], &self.disclosures].concat();
                told["entry"] = json!(all.join("~") + "~");
            }
        }
    }

    fn entry(&self) -> UnverifiedEntry {
        UnverifiedEntry::from_parts(&self.jws, self.disclosures.iter().map(String::as_str)).unwrap()
    }

    /// Place among the disclosures.
    fn at(&self, name: &str) -> usize {
        let entry = self.entry();
        let mut names = entry.disclosures().iter();
        names.position(|one| one.name() == name).unwrap()
    }

    /// The same signature over a payload that has lost a detail.
    fn without(&mut self, name: &str) {
        let parts: Vec<&str> = self.jws.split('.').collect();
        let mut payload: Value =
            serde_json::from_slice(&base64url::decode(parts[1]).unwrap()).unwrap();
        payload["details"]
            .as_object_mut()
            .unwrap()
            .remove(name)
            .unwrap();
        // In the order that it was signed in, as far as a reader can tell.
        let payload = base64url::encode(payload.to_string().as_bytes());
        self.jws = [parts[0], &payload, parts[2]].join(".");
        self.withheld.retain(|one| one != name);
    }
}

fn forged(name: &str, value: Value) -> String {
    Disclosure::new([1; 16], name, &value).as_str().to_owned()
}

/// The entries of an answer that are of an event, with their subjects.
fn of_event<'a>(answer: &'a mut Value, event: &'static str) -> impl Iterator<Item = &'a mut Value> {
    let entries = answer.get_mut("entries").and_then(Value::as_array_mut);
    entries
        .into_iter()
        .flatten()
        .filter(move |one| Signed::of(one).is_some_and(|one| one.entry().payload().event == event))
}

/// What is done to the first `registered` of an answer; `other` is that of another exhibit.
type Edit = fn(told: &mut Value, other: &Signed);

/// A lie: what it is, its code where somebody is told it, and where they verify it in a bundle.
type Lie = (&'static str, &'static str, &'static str, Edit);

fn edited(told: &mut Value, edit: impl FnOnce(&mut Signed)) {
    let mut signed = Signed::of(told).unwrap();
    edit(&mut signed);
    signed.put(told);
}

const LIES: [Lie; 11] = [
    (
        "a second value after the one that was signed for",
        "disclosure-twice",
        "disclosure-twice",
        |told, _| {
            edited(told, |one| {
                let at = one.at("description") + 1;
                one.disclosures
                    .insert(at, forged("description", json!(FORGED)));
            });
        },
    ),
    (
        "a second value before it",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, _| {
            edited(told, |one| {
                let at = one.at("description");
                one.disclosures
                    .insert(at, forged("description", json!(FORGED)));
            });
        },
    ),
    (
        "the value of another entry in its place",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, other| {
            edited(told, |one| {
                let at = one.at("description");
                one.disclosures[at] = other.disclosures[other.at("description")].clone();
            });
        },
    ),
    (
        "a detail of another entry that this one does not have",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, _| {
            edited(told, |one| {
                one.disclosures.push(forged("zeal", json!(FORGED)))
            })
        },
    ),
    (
        "another entry in its place",
        "entry-moved",
        "not-in-log",
        |told, other| other.put(told),
    ),
    (
        "something else for what is withheld",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, _| {
            edited(told, |one| {
                one.disclosures.insert(0, forged("address", json!(FORGED)));
                one.withheld.retain(|one| one != "address");
            });
        },
    ),
    (
        "nothing for what is withheld",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, _| {
            edited(told, |one| {
                one.disclosures.insert(0, forged("address", Value::Null));
                one.withheld.retain(|one| one != "address");
            });
        },
    ),
    (
        "what is withheld was never there, by what was signed",
        "WHAT WAS TOLD IS NOT WHAT WAS RECORDED",
        "not-in-log",
        |told, _| edited(told, |one| one.without("address")),
    ),
    (
        "what is shown was never there, by what was signed",
        "disclosure-unreferenced",
        "disclosure-unreferenced",
        |told, _| edited(told, |one| one.without("description")),
    ),
    (
        "what is withheld is withheld with the whole entry, its name too",
        "withheld-not-allowed",
        "withheld-not-allowed",
        |told, _| {
            let e = json!(Signed::of(told).unwrap().entry().hash());
            let members = told.as_object_mut().unwrap();
            for name in ["entry", "jws", "disclosures", "withheld"] {
                members.remove(name);
            }
            members.insert("e".to_owned(), e);
        },
    ),
    (
        "what is withheld is on no list of what is",
        "", // a history has no such list: it is told by what was signed
        "withheld-list",
        |told, _| edited(told, |one| one.withheld.clear()),
    ),
];

/// Nothing of it is told as true.
fn is_caught(what: &str, output: &Output, code: &str) {
    let said = ends(output, 1);
    assert!(said.contains(code), "{what}: {code}\n{said}");
    for words in [FORGED, ELSEWHERE] {
        assert!(!said.contains(words), "{what}\n{said}");
    }
    // Where the rest is shown, the first line says what to think of it.
    let told = String::from_utf8_lossy(&output.stdout);
    if told.contains("as the service tells it") {
        assert!(told.starts_with(code), "{what}\n{said}");
    }
}

#[test]
fn no_patched_service_gets_a_second_meaning_past_the_reader() {
    let mut ledger = ledger();
    let liar = Liar::before(&ledger);
    ledger.stop();
    ledger.start_with(&["--public-url", &liar.url]);
    let exhibit = format!("{CASE} JSM/1");
    let path = |name: &str| ledger.path(name).display().to_string();
    let (out, policy) = (path("lie.custody.json"), path("ledger/policy"));
    let verify = ["verify", &out, "--policy", &policy];
    let bundle = |target: &str| {
        let _ = std::fs::remove_file(&out);
        liar.run(&ledger, "morgan", &["bundle", target, "--out", &out])
    };

    // As it is: with a bundle all of it is published, and the defence is told what is withheld.
    let told = ok(&liar.run(&ledger, "smith", &["--json", "history", "JSM/2"]));
    let mut told: Value = serde_json::from_str(&told).unwrap();
    let other = Signed::of(of_event(&mut told, "registered").next().unwrap()).unwrap();
    ok(&bundle(&exhibit));
    ends(&liar.run(&ledger, "morgan", &verify), 3);
    let told = ok(&liar.run(&ledger, "morgan", &["history", &exhibit]));
    assert!(told.contains("Withheld here: address."), "{told}");
    assert!(
        told.contains("the first clip") && !told.contains(SECRET),
        "{told}"
    );
    ok(&liar.run(&ledger, "morgan", &["lineage", &exhibit]));

    for (number, (what, when_told, in_bundle, edit)) in LIES.into_iter().enumerate() {
        let other = other.clone();
        let edits_histories = !when_told.is_empty();
        liar.change(move |answer| {
            let is_bundle = answer.get("format").is_some();
            if let Some(one) = of_event(answer, "registered").next()
                && (is_bundle || edits_histories)
            {
                edit(one, &other);
            }
        });
        let run = |args: &[&str]| liar.run(&ledger, "morgan", args);
        if edits_histories {
            is_caught(what, &run(&["history", &exhibit]), when_told);
            let json = run(&["--json", "history", &exhibit]);
            let said = ends(&json, 1);
            assert!(!said.contains("\"shown\":true"), "{what}\n{said}");
        }
        if when_told.starts_with(|first: char| first.is_lowercase()) {
            is_caught(what, &run(&["lineage", &exhibit]), when_told);
        }
        // A bundle is written as it came, and is the evidence of it.
        for target in [&exhibit, CASE] {
            ok(&bundle(target));
            is_caught(what, &run(&verify), in_bundle);
        }
        let days = ["--from", "2026-01-01", "--to", "2099-01-01"];
        let processing = [&["report", "processing", CASE][..], &days].concat();
        let reports: [&[&str]; 3] = [
            &["report", "access", &exhibit],
            &["report", "disclosure", CASE],
            &processing,
        ];
        is_caught(what, &run(reports[number % 3]), in_bundle);
    }
}

#[test]
fn whoever_acts_on_what_a_patched_service_tells_is_stopped() {
    let mut ledger = ledger();
    let liar = Liar::before(&ledger);
    ledger.stop();
    ledger.start_with(&["--public-url", &liar.url]);
    let exhibit = format!("{CASE} JSM/1");
    let file = ledger.path("case.carry").display().to_string();
    let withhold = [
        "disclose",
        CASE,
        "--to",
        "defence-llp",
        "--exhibit",
        "JSM/1",
        "--withhold",
        "address",
    ];
    let acts: [&[&str]; 5] = [
        &["carry", &exhibit, "--out", &file],
        &withhold,
        &[
            "erase",
            &exhibit,
            "0:address",
            "--legal-basis",
            "DPA 2018 s.47",
        ],
        &["transfer", "accept", &exhibit],
        &["lineage", &exhibit],
    ];
    liar.change(|answer| {
        for one in of_event(answer, "registered") {
            edited(one, |one| {
                one.disclosures.insert(0, forged("address", json!(FORGED)));
            });
        }
    });
    for act in acts {
        let what = act.join(" ");
        is_caught(
            &what,
            &liar.run(&ledger, "smith", act),
            "disclosure-unreferenced",
        );
    }
    assert!(!ledger.path("case.carry").exists());
    // The chain of rules and keys comes an entry at a time.
    liar.change(|answer| {
        if Signed::of(answer).is_some() {
            edited(answer, |one| {
                one.disclosures.push(forged("zeal", json!(FORGED)))
            });
        }
    });
    let said = liar.run(&ledger, "smith", &["organisation", "list"]);
    is_caught("organisations", &said, "disclosure-unreferenced");
}

#[test]
fn what_stands_in_no_chain_is_not_told_as_recorded() {
    let mut ledger = ledger();
    let liar = Liar::before(&ledger);
    ledger.stop();
    ledger.start_with(&["--public-url", &liar.url]);
    let exhibit = format!("{CASE} JSM/1");
    let out = ledger.path("all.custody.json").display().to_string();
    ok(&liar.run(&ledger, "smith", &["bundle", &exhibit, "--out", &out]));
    let history = ["history", &exhibit];
    ok(&liar.run(&ledger, "smith", &history));
    // An entry of the exhibit again, in another place of the log.
    type Again = fn(&mut Value);
    let lies: [(&str, &str, Again); 3] = [
        (
            "as of a branch",
            "WHAT WAS TOLD IS NOT WHAT WAS RECORDED",
            |one| {
                one["on_branch"] = json!(true);
            },
        ),
        (
            "as of its chain",
            "WHAT WAS TOLD IS NOT WHAT WAS RECORDED",
            |_| {},
        ),
        ("as of somebody's keys", "entry-moved", |one| {
            one["chain"]["strand"] = json!("keys");
        }),
    ];
    for (what, code, lie) in lies {
        liar.change(move |answer| {
            if answer.get("evaluated_at").is_none() {
                return;
            }
            let again = of_event(answer, "registered").next().cloned();
            if let Some(mut again) = again {
                again["index"] = json!(1);
                lie(&mut again);
                let entries = answer["entries"].as_array_mut().unwrap();
                entries.push(again);
            }
        });
        is_caught(what, &liar.run(&ledger, "smith", &history), code);
    }
    // A chain of which neither the entries nor the count are told.
    liar.change(|answer| {
        let is_notes = |one: &Value| one["strand"] == "notes" || one["chain"]["strand"] == "notes";
        for list in ["chains", "entries"] {
            if let Some(list) = answer.get_mut(list).and_then(Value::as_array_mut) {
                list.retain(|one| !is_notes(one));
            }
        }
    });
    for command in ["history", "completeness"] {
        let said = ends(&liar.run(&ledger, "smith", &[command, &exhibit]), 1);
        assert!(said.contains("nothing shows how long it is"), "{said}");
    }
}
