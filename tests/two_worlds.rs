//! A sensitive compartment: one script in two ledgers, in one of which another case takes the open case's exhibit in,
//! reads it and works on it. Nobody who stands in the open case alone can tell which of the two they are in: by no entry,
//! count, place in a chain, end of a chain, look-up, bundle, refusal or time. Only places of the log, its sizes, times
//! and hashes are made alike before they are compared.
//!
//! One thing can be told, and must be: a hold of the other case stops disposal (`links.rs` tests that).
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/live.rs"]
mod live;
#[path = "common/timing.rs"]
mod timing;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/world.rs"]
mod world;

use std::collections::BTreeMap;

use custodes::ledger::{Known as _, Rules};
use custodes::protocol::base64url;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::Subject;
use live::Live;
use serde_json::{Map, Value, json};
use timing::{STEP, take_the_same_time};
use world::{Person, World, details};

const ORGANISATIONS: [(&str, &str); 8] = [
    ("northshire-police", "police"),
    ("northshire-forensics", "forensic"),
    ("crown-prosecution", "prosecution"),
    ("ash-and-co", "defence"),
    ("north-lab", "forensic"),
    ("prison-service", "prison"),
    ("harbour-police", "police"),
    ("inspectorate", "oversight"),
];

/// Who stands in the open case and not in the covert one, by part; and somebody who stands in none.
const ASKERS: [(&str, Option<&str>, &str); 6] = [
    ("northshire-forensics", Some("forensic"), "examiner"),
    ("crown-prosecution", Some("prosecution"), "prosecutor"),
    ("ash-and-co", Some("defence"), "defence"),
    ("north-lab", Some("custodian"), "store"),
    ("prison-service", Some("prison"), "prison"),
    ("inspectorate", None, "officer"),
];

struct Side {
    world: World,
    officer: Person,
    askers: Vec<Person>,
    case: Subject,
    exhibit: Subject,
    covert: Subject,
    bytes: &'static [u8],
    /// Entries of the open case.
    entries: Vec<EntryHash>,
}

impl Side {
    /// The script. The covert part is played in one of the two.
    fn play(with_covert: bool) -> Side {
        let mut world = live::world_of(&ORGANISATIONS);
        let officer = world.enrol("northshire-police", "Jo Smith", &["officer", "prosecutor"]);
        let harbour = world.enrol("harbour-police", "Kim Barnes", &["officer", "examiner"]);
        let askers = ASKERS.map(|(org, _, role)| world.enrol(org, "Alex Morgan", &[role]));
        let [case, exhibit, other, covert, copy] = [(); 5].map(|()| world.subject());
        let mut side = Side {
            world,
            officer,
            askers: askers.into(),
            case,
            exhibit,
            covert,
            bytes: b"footage of the harbour",
            entries: Vec::new(),
        };
        side.open(&other);
        if with_covert {
            side.covertly(&harbour, &copy);
        }
        side.go_on();
        side
    }

    fn live(&self) -> &Live {
        let beside = self.world.beside.as_ref().unwrap().as_any_ref();
        beside.downcast_ref().unwrap()
    }

    fn act(&mut self, who: &Person, subject: &Subject, event: &str, body: Value, reference: &str) {
        let strand = Rules::embedded().row(event).unwrap().strand;
        let mut all = details();
        all["reference"] = json!(reference);
        let e = self.world.record(who, subject, strand, event, body, all);
        if *subject != self.covert {
            self.entries.push(e);
        }
    }

    fn open(&mut self, other: &Subject) {
        let (case, exhibit) = (self.case.clone(), self.exhibit.clone());
        let officer = world::clone(&self.officer);
        self.act(&officer, &case, "case-opened", json!({}), "OPEN");
        for (org, part, _) in ASKERS {
            if let Some(part) = part {
                let body = json!({"org": org, "part": part});
                self.act(&officer, &case, "party-joined", body, "");
            }
        }
        for (subject, bytes, name) in [(&exhibit, self.bytes, "JSM/1"), (other, b"x", "JSM/2")] {
            let digest = EvidenceDigest::of_bytes(DigestKind::File, bytes);
            let body = json!({"case": case, "kind": "other", "digest": digest, "role": "original"});
            self.act(&officer, subject, "registered", body, name);
        }
        let offer = json!({"to": {"org": "north-lab"}, "method": "in-person"});
        self.act(&officer, &exhibit, "transfer-offered", offer, "");
        let disclosed = json!({"exhibits": [exhibit], "to": ["ash-and-co"], "bundle": null});
        self.act(&officer, &case, "disclosed", disclosed, "");
    }

    /// The compartment: opened, joined, the exhibit taken in, looked at, copied, noted and disclosed there.
    fn covertly(&mut self, harbour: &Person, copy: &Subject) {
        let (covert, exhibit) = (self.covert.clone(), self.exhibit.clone());
        let officer = world::clone(&self.officer);
        self.act(&officer, &covert, "case-opened", json!({}), "COVERT");
        let body = json!({"org": "harbour-police", "part": "police"});
        self.act(&officer, &covert, "party-joined", body, "");
        let body = json!({"exhibit": exhibit});
        self.act(&officer, &covert, "exhibit-linked", body, "");
        for path in [
            format!("/v1/exhibits/{exhibit}/history"),
            format!("/v1/exhibits/{exhibit}/bundle"),
            format!("/v1/cases/{covert}/history"),
        ] {
            let answer = self.live().ask_as(harbour, &path, "covertly");
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        let digest = EvidenceDigest::of_bytes(DigestKind::File, self.bytes);
        let body = json!({
            "case": covert, "kind": "other", "role": "working", "digest": digest,
            "parents": [{"exhibit": exhibit, "digest": digest}],
        });
        let (kept, strand) = (self.entries.len(), custodes::protocol::id::Strand::Custody);
        self.world
            .record(harbour, copy, strand, "copied", body, details());
        let body = json!({"exhibits": [exhibit], "to": ["harbour-police"], "bundle": null});
        self.act(&officer, &covert, "disclosed", body, "");
        self.entries.truncate(kept);
    }

    /// What happens in the open case afterwards.
    fn go_on(&mut self) {
        let exhibit = self.exhibit.clone();
        let officer = world::clone(&self.officer);
        let opened = self.world.state.exhibit(&exhibit).unwrap().opened;
        self.act(
            &officer,
            &exhibit,
            "annotated",
            json!({"target": opened}),
            "",
        );
        let path = format!("/v1/exhibits/{exhibit}/history?case={}", self.case);
        for who in [&self.officer, &self.askers[0]] {
            assert_eq!(self.live().ask_as(who, &path, "openly").status, 200);
        }
    }

    /// Everything that somebody can ask for who guesses well.
    fn paths(&self) -> Vec<String> {
        let (case, exhibit, covert) = (&self.case, &self.exhibit, &self.covert);
        let mut paths = Vec::new();
        for (kind, subject) in [("cases", case), ("exhibits", exhibit), ("cases", covert)] {
            paths.push(format!("/v1/{kind}/{subject}/history"));
            for strand in ["custody", "notes", "access", "case", "exhibits"] {
                paths.push(format!("/v1/{kind}/{subject}/history?strand={strand}"));
                paths.push(format!("/v1/heads/{subject}/{strand}"));
            }
            paths.push(format!("/v1/{kind}/{subject}/bundle"));
            // A bundle publishes what there is, so that both are asked under a checkpoint that has all of it.
            paths.push(format!("/v1/{kind}/{subject}/completeness"));
        }
        for under in [case, covert] {
            paths.push(format!("/v1/exhibits/{exhibit}/history?case={under}"));
            paths.push(format!("/v1/exhibits/{exhibit}/bundle?case={under}"));
        }
        for reference in [
            "JSM%2F1",
            "OPEN",
            "OPEN%20JSM%2F1",
            "COVERT",
            "COVERT%20JSM%2F1",
        ] {
            paths.push(format!("/v1/resolve?reference={reference}"));
        }
        for id in [exhibit, covert] {
            paths.push(format!("/v1/resolve?reference={id}"));
        }
        let sha256 = EvidenceDigest::of_bytes(DigestKind::File, self.bytes)
            .sha256
            .to_hex();
        paths.push(format!("/v1/lookup?sha256={sha256}"));
        paths.push(format!("/v1/blobs/{sha256}"));
        for e in &self.entries {
            paths.extend(["", "/receipt"].map(|more| format!("/v1/entries/{e}{more}")));
        }
        paths
    }

    /// Entries that are refused, for what they say or where they stand.
    fn refused(&mut self, who: &Person) -> Vec<Value> {
        let (case, exhibit, covert) =
            (self.case.clone(), self.exhibit.clone(), self.covert.clone());
        let nothing = json!(Subject::from_bytes([7; 16]));
        let no_entry = json!(custodes::protocol::hash::Hash::of(&[b"nothing"]));
        let acts = [
            (&exhibit, "annotated", json!({"target": no_entry})),
            (
                &covert,
                "case-irregularity-raised",
                json!({"category": "other", "targets": [no_entry]}),
            ),
            (&case, "exhibit-linked", json!({"exhibit": exhibit})),
            (&covert, "exhibit-linked", json!({"exhibit": exhibit})),
            (
                &covert,
                "scheduled",
                json!({"exhibit": exhibit, "schedule": "mg6c"}),
            ),
            (
                &case,
                "scheduled",
                json!({"exhibit": nothing, "schedule": "mg6c"}),
            ),
            (
                &covert,
                "party-joined",
                json!({"org": "inspectorate", "part": "oversight"}),
            ),
        ];
        let mut answers = Vec::new();
        for (subject, event, body) in acts {
            let strand = Rules::embedded().row(event).unwrap().strand;
            let entry = self
                .world
                .sign_at(who, subject, strand, event, body, details(), (0, None));
            let body = json!({"entry": entry.to_text()}).to_string();
            let kind = "content-type: application/json\r\n";
            let ledger = &self.live().ledger;
            let answer = wire::ask(ledger, "POST", "/v1/entries", kind, body.as_bytes());
            assert!(answer.status >= 400, "{event}: {}", answer.text());
            answers.push(json!([event, answer.status, answer.json()]));
        }
        answers
    }
}

/// What must differ between two ledgers: ids, hashes, places, sizes and times. Each id is the number at which it first
/// comes up, so that what was the same stays the same.
struct Alike {
    ids: BTreeMap<String, usize>,
    /// The service's address, which requests to read name.
    url: String,
}

/// Members with proofs and checkpoints, which say where in which log something stands.
const OF_THE_LOG: [&str; 9] = [
    "leaf",
    "log",
    "proof",
    "nodes",
    "checkpoint",
    "checkpoints",
    "consistency",
    "map",
    "map_proofs",
];

/// Members that are places, sizes and times.
const PLACES: [&str; 8] = [
    "index",
    "recorded_at",
    "occurred_at",
    "evaluated_at",
    "seen",
    "next",
    "iat",
    "exp",
];

impl Alike {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut alike = Map::new();
                for (name, value) in members {
                    let value = match name.as_str() {
                        name if OF_THE_LOG.contains(&name) => continue,
                        name if PLACES.contains(&name) => json!("*"),
                        "chains" => self.chains(value),
                        _ => self.value(value),
                    };
                    alike.insert(name.clone(), value);
                }
                Value::Object(alike)
            }
            Value::Array(all) => all.iter().map(|one| self.value(one)).collect(),
            Value::String(text) => self.text(text),
            other => other.clone(),
        }
    }

    /// Chains with how many entries they have; those of a bundle in the order of their first entries.
    fn chains(&mut self, chains: &Value) -> Value {
        let mut chains = chains.as_array().unwrap().clone();
        chains.sort_by_key(|chain| chain["entries"][0].as_u64());
        let one = |chain: &Value| {
            let subject = self.value(&chain["subject"]);
            let entries = chain["entries"].as_array();
            let count = entries.map_or(chain["entries"].clone(), |all| json!(all.len()));
            json!([subject, chain["strand"], count])
        };
        chains.iter().map(one).collect()
    }

    /// A text with its ids made alike; what is signed or disclosed in it is unpacked.
    fn text(&mut self, text: &str) -> Value {
        let mut parts = Vec::new();
        for part in text.split('~') {
            let of_jws: Vec<&str> = part.split('.').collect();
            let packed: Vec<&str> = match of_jws.as_slice() {
                [header, payload, _] => vec![header, payload],
                _ => vec![part],
            };
            let unpack = |one: &&str| {
                let bytes = base64url::decode(one).ok()?;
                serde_json::from_slice::<Value>(&bytes).ok()
            };
            match packed.iter().map(unpack).collect::<Option<Vec<Value>>>() {
                Some(unpacked) if !part.is_empty() => {
                    // Of a disclosure the salt is chance.
                    parts.extend(unpacked.iter().map(|one| self.value(one)));
                }
                _ => parts.push(json!(self.ids(part))),
            }
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Value::Array(parts),
        }
    }

    fn ids(&mut self, text: &str) -> String {
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut alike = String::new();
        let text = text.replace(&self.url, "the service");
        for part in text.split_inclusive(|c| !is_of_id(c)) {
            let word = part.trim_end_matches(|c| !is_of_id(c));
            let is_id = word.len() == 22 && base64url::decode(word).is_ok_and(|id| id.len() == 16)
                || word.len() >= 43;
            match is_id {
                true => {
                    let next = self.ids.len();
                    let number = self.ids.entry(word.to_owned()).or_insert(next);
                    alike.push_str(&format!("#{number}{}", &part[word.len()..]));
                }
                false => alike.push_str(part),
            }
        }
        alike
    }
}

/// What somebody is answered in both, and where that differs; and how many answers are no errors.
fn differences(sides: &mut [Side; 2], who: impl Fn(&Side) -> &Person) -> (Vec<String>, usize) {
    let (mut differ, mut given) = (Vec::new(), 0);
    let mut alike = sides.each_ref().map(|side| Alike {
        ids: BTreeMap::new(),
        url: side.live().ledger.url.clone(),
    });
    for at in 0..sides[0].paths().len() {
        let mut told = Vec::new();
        for (side, alike) in sides.iter().zip(&mut alike) {
            let path = &side.paths()[at];
            let answer = side.live().ask_as(who(side), path, "to see");
            given += usize::from(answer.status == 200);
            let head = answer.head.lines().filter(|line| {
                !line.starts_with("date: ") && !line.starts_with("content-length: ")
            });
            let head: Vec<&str> = head.collect();
            let body = serde_json::to_string_pretty(&alike.value(&answer.json())).unwrap();
            told.push((path.clone(), format!("{}\n{body}", head.join("\n"))));
        }
        let [without, with] = [0, 1].map(|one| &told[one].1);
        if without != with {
            let mut lines = without.lines().zip(with.lines());
            let line = lines.find(|(one, other)| one != other);
            differ.push(format!("{}: without and with: {line:?}", told[1].0));
        }
    }
    let refused = sides.each_mut().map(|side| {
        let person = world::clone(who(side));
        json!(side.refused(&person))
    });
    let [without, with] = [0, 1].map(|one| alike[one].value(&refused[one]));
    differ.extend((without != with).then(|| format!("{without} without, {with} with")));
    (differ, given)
}

#[test]
fn nobody_in_the_open_case_can_tell_whether_there_is_a_covert_one() {
    let mut sides = [false, true].map(Side::play);
    let mut given = 0;
    for (at, (org, ..)) in ASKERS.iter().enumerate() {
        let (differ, count) = differences(&mut sides, |side| &side.askers[at]);
        assert!(differ.is_empty(), "{org}: {differ:#?}");
        given += count;
    }
    assert!(given > 100, "{given} answers are not errors");
    // Whoever stands in both can, by the very same comparison.
    let (differ, _) = differences(&mut sides, |side| &side.officer);
    assert!(
        differ.iter().any(|path| path.contains("COVERT")),
        "{differ:#?}"
    );
    same_time(&sides);
}

/// Readings wait for the disk, whose times are compared with more room than look-ups, which leave at whole steps.
fn same_time(sides: &[Side; 2]) {
    for (path, room) in [
        ("resolve?reference=JSM%2F1", STEP / 2),
        ("resolve?reference=COVERT%20JSM%2F1", STEP / 2),
        ("history", STEP * 2),
    ] {
        let ask = |side: &Side| {
            let path = match path {
                "history" => format!("/v1/exhibits/{}/history?strand=custody", side.exhibit),
                path => format!("/v1/{path}"),
            };
            side.live().ask_as(&side.askers[0], &path, "to see");
        };
        let (mut without, mut with) = (|| ask(&sides[0]), || ask(&sides[1]));
        take_the_same_time(path, room, [&mut without, &mut with]);
    }
}
