//! Who may read and write what: every path of the service, every kind of thing that it may be about, and everybody who
//! may ask, written down in `matrix.txt`. Through a real service.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod alike;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/ledger.rs"]
mod ledger;
#[path = "../common/live.rs"]
mod live;
mod setting;
mod targets;
#[path = "../common/timing.rs"]
mod timing;
#[path = "../common/wire.rs"]
mod wire;
#[path = "../common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use custodes::protocol::hash::Hash;
use serde_json::{Value, json};

use crate::setting::{Asker, Setting};
use crate::targets::{Ask, Look, Of, Target, targets};
use crate::wire::Answer;
use crate::world::Person;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rights/matrix.txt");

const HEAD: &str = "\
Who gets what over HTTP: every path of the service, and what of a case and one of its exhibits it is asked for.
A test asks a real service and compares; UPDATE=1 cargo test --release --test rights writes it anew.

First those who are turned away whatever they ask for. Below each path is what it is asked for, then the answers, and to
whom they are given. People are named by how their organisation stands to the case; somebody of each role asks in each
organisation, and where roles make a difference they are named. \"None\" is the answer that there is no such thing: the
test compares it byte for byte, but for the date, with the answer about something that there is not.

Of entries it is told which are whole, which are without their details, and of which there is only the hash.

";

/// With what somebody asks.
#[derive(Clone, Copy, PartialEq)]
enum With {
    /// A token of their own, with a key that is enrolled.
    Token,
    /// No token.
    Nothing,
    /// A token that bears another's name.
    AnothersName,
    /// A token for another path.
    AnotherPath,
}

struct Caller {
    name: &'static str,
    role: &'static str,
    person: Person,
    usual: bool,
    with: With,
}

fn callers(s: &mut Setting) -> Vec<Caller> {
    let of = |one: Asker| Caller {
        name: one.relation,
        role: one.role,
        person: one.person,
        usual: one.usual,
        with: With::Token,
    };
    let mut all: Vec<Caller> = std::mem::take(&mut s.askers).into_iter().map(of).collect();
    let stranger = custodes::protocol::key::SecretKey::from_seed([77; 32]);
    let key = || custodes::protocol::key::SecretKey::from_seed(*stranger.seed());
    let officer = s.officer.actor.clone();
    let nobody = custodes::protocol::id::ActorId::new("police/AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let outsider = all
        .iter()
        .find(|one| one.name == "not in the case")
        .unwrap();
    let outsider_key =
        || custodes::protocol::key::SecretKey::from_seed(*outsider.person.key.seed());
    let more = [
        ("nobody enrolled", nobody, key(), With::Token),
        (
            "a key that is not enrolled, in an officer's name",
            officer.clone(),
            key(),
            With::Token,
        ),
        (
            "an outsider's key, in an officer's name",
            officer.clone(),
            outsider_key(),
            With::AnothersName,
        ),
        ("without a token", officer.clone(), key(), With::Nothing),
        (
            "a token for another path",
            officer,
            world::clone(&s.officer).key,
            With::AnotherPath,
        ),
    ];
    all.extend(more.map(|(name, actor, key, with)| Caller {
        name,
        role: "",
        person: Person { actor, key },
        usual: true,
        with,
    }));
    all
}

/// A request, as it is sent: method, path, body, and whether a token goes with it.
type Sent = (&'static str, String, Vec<u8>, bool);

/// The requests of a target: about what there is, and about what there is not.
fn requests(s: &mut Setting, target: &Target, caller: &Caller) -> Vec<Sent> {
    let both = |of: &Of, token: bool| {
        let method = match target.route.0 {
            "post" => "POST",
            _ => "GET",
        };
        let paths = [Some(of.real.clone()), of.absent.clone()];
        let paths = paths.into_iter().flatten();
        paths
            .map(|path| (method, path, Vec::new(), token))
            .collect()
    };
    match &target.ask {
        Ask::Read(of) => both(of, true),
        Ask::Open(of) => both(of, false),
        Ask::Put => {
            let another = format!("{} {}", caller.name, caller.role).into_bytes();
            let bodies = [s.manifest.clone(), another];
            let path = |body: &[u8]| format!("/v1/blobs/{}", Hash::of(&[body]).to_hex());
            bodies.map(|body| ("PUT", path(&body), body, true)).into()
        }
        Ask::Entry(event, of, body, at_end) => {
            let body = body(s);
            let entries = targets::signed(s, &caller.person, event, of, body, *at_end);
            let path = "/v1/entries";
            entries
                .map(|body| ("POST", path.to_owned(), body.into_bytes(), false))
                .into()
        }
    }
}

fn answer(s: &Setting, caller: &Caller, (method, path, body, token): &Sent) -> Answer {
    let live = s.live();
    let mut headers = String::new();
    if *token && caller.with != With::Nothing {
        let signed = match caller.with {
            With::AnotherPath => "/v1/resolve?reference=another",
            _ => path.as_str(),
        };
        let hash = (*method == "PUT").then(|| Hash::of(&[body]));
        let token = live.token(&caller.person, method, signed, hash, "the matrix");
        headers = format!("authorization: Custody {token}\r\n");
    }
    if *method == "POST" {
        let kind = if path == "/v1/entries" {
            "application/json"
        } else {
            "text/plain"
        };
        write!(headers, "content-type: {kind}\r\n").unwrap();
    }
    wire::ask(&live.ledger, method, path, &headers, body)
}

/// An answer without the time at which it was given.
fn bytes(answer: &Answer) -> String {
    let lines = answer
        .head
        .lines()
        .filter(|line| !line.starts_with("date: "));
    let head: Vec<&str> = lines.collect();
    format!("{}\n\n{}", head.join("\n"), answer.text())
}

/// What was answered, in words.
fn words(s: &Setting, target: &Target, answer: &Answer) -> String {
    if answer.status >= 400 {
        let code = answer.json()["type"].as_str().unwrap().to_owned();
        let code = code.rsplit(':').next().unwrap();
        return match code {
            "not-registered-or-not-visible" => "none".to_owned(),
            code => format!("{} {code}", answer.status),
        };
    }
    match target.look {
        Look::Given => "given".to_owned(),
        Look::Head => match answer.json()["length"] == 0 {
            true => "none".to_owned(),
            false => "given".to_owned(),
        },
        Look::Matches => match answer.json()["matches"].as_array().unwrap().is_empty() {
            true => "none".to_owned(),
            false => "found".to_owned(),
        },
        Look::Chains => chains(s, &answer.json()),
        Look::Entries => entries(s, &answer.json()),
    }
}

/// Of which chains it is told how long they are.
fn chains(s: &Setting, answer: &Value) -> String {
    let subjects = [
        ("the exhibit", &s.exhibit),
        ("the case", &s.case),
        ("the covert case", &s.covert),
    ];
    let told = subjects.into_iter().filter_map(|(what, subject)| {
        let all = answer["chains"].as_array().unwrap().iter();
        let of_it = all.filter(|one| one["subject"] == json!(subject));
        let strands: Vec<&str> = of_it.map(|one| one["strand"].as_str().unwrap()).collect();
        (!strands.is_empty()).then(|| format!("{} of {what}", strands.join(", ")))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Which of the entries that the setting names are there, and how much of each.
fn entries(s: &Setting, answer: &Value) -> String {
    let one = answer.get("entry").is_some().then(|| vec![answer.clone()]);
    let all = one.unwrap_or_else(|| answer["entries"].as_array().unwrap().clone());
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in &all {
        let whole = |text: &str, disclosed: bool| {
            let jws = text.split('~').next().unwrap_or_default();
            (
                json!(Hash::of(&[jws.as_bytes()])),
                if disclosed {
                    "whole"
                } else {
                    "without details"
                },
            )
        };
        let (e, how) = match (entry["entry"].as_str(), entry["jws"].as_str()) {
            (Some(text), _) => whole(text, text.matches('~').count() > 1),
            (_, Some(jws)) => whole(jws, !entry["disclosures"].as_array().unwrap().is_empty()),
            _ => (entry["e"].clone(), "hash alone"),
        };
        let named = s.entries.iter().find(|(_, known)| json!(known) == e);
        if let Some((name, _)) = named {
            told.entry(how).or_default().insert(name);
        }
    }
    if told.is_empty() {
        return "given".to_owned();
    }
    let parts = ["whole", "without details", "hash alone"].into_iter();
    let parts = parts.filter_map(|how| {
        told.get(how).map(|names| {
            let names: Vec<&str> = names.iter().copied().collect();
            match answer.get("entry").is_some() {
                true => how.to_owned(),
                false => format!("{how}: {}", names.join(", ")),
            }
        })
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// What everybody is answered, by caller, for each target that they ask for.
fn asked(s: &mut Setting, all: &[Target], callers: &[Caller]) -> Vec<Vec<Option<String>>> {
    let mut sent: Vec<Vec<Option<Vec<Sent>>>> = Vec::new();
    for caller in callers {
        let asks = |target: &Target| match target.ask {
            // An entry's own signature says who submits it; whoever has the service's key is the service.
            Ask::Entry(..) => {
                matches!(caller.with, With::Token | With::AnothersName) && caller.role != "service"
            }
            Ask::Open(_) => caller.with == With::Nothing,
            _ => !target.costly || caller.usual,
        };
        let requests = all
            .iter()
            .map(|target| asks(target).then(|| requests(s, target, caller)));
        sent.push(requests.collect());
    }
    let s = &*s;
    let ask = |(caller, sent): (&Caller, &Vec<Option<Vec<Sent>>>)| {
        let told = all.iter().zip(sent).map(|(target, sent)| {
            let sent = sent.as_ref()?;
            let answers: Vec<Answer> = sent.iter().map(|one| answer(s, caller, one)).collect();
            let told = words(s, target, &answers[0]);
            let who = format!(
                "{} ({}), {:?} {}",
                caller.name, caller.role, target.route, target.what
            );
            if let Some(absent) = answers.get(1) {
                let same = bytes(&answers[0]) == bytes(absent);
                let refused =
                    told == "none" || answers[0].status >= 400 && told.ends_with("no-standing");
                let one = (bytes(&answers[0]), bytes(absent));
                assert!(!refused || same, "{who}: {one:#?}");
                let of_absent = words(s, target, absent);
                let expected = matches!(target.ask, Ask::Put)
                    || absent.status >= 400
                    || of_absent == "none"
                    || target.what == "another's upload";
                assert!(expected, "{who}: {of_absent}");
            }
            Some(told)
        });
        told.collect::<Vec<_>>()
    };
    let work: Vec<(&Caller, &Vec<Option<Vec<Sent>>>)> = callers.iter().zip(&sent).collect();
    std::thread::scope(|scope| {
        let ask = &ask;
        let shares: Vec<_> = work
            .chunks(callers.len().div_ceil(24))
            .map(|share| scope.spawn(move || share.iter().map(|one| ask(*one)).collect::<Vec<_>>()))
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().unwrap())
            .collect()
    })
}

/// The lines of a target: each answer, and to whom it is given.
fn lines(text: &mut String, callers: &[&Caller], told: &[Option<&String>]) {
    let mut answers: Vec<&String> = Vec::new();
    for one in told.iter().flatten() {
        if !answers.contains(one) {
            answers.push(one);
        }
    }
    let count = |answer: &String| told.iter().flatten().filter(|one| **one == answer).count();
    answers.sort_by_key(|answer| (**answer == "none", count(answer)));
    for answer in &answers {
        if answers.len() == 1 {
            writeln!(text, "    {answer}: everybody who asks").unwrap();
            continue;
        }
        // Relations by the roles to which they get this answer; no roles where all do.
        let mut by_roles: Vec<(String, Vec<&str>)> = Vec::new();
        let mut relations: Vec<&str> = callers.iter().map(|one| one.name).collect();
        relations.dedup();
        for relation in relations {
            let of = callers.iter().zip(told);
            let of = of.filter(|(one, told)| one.name == relation && told.is_some());
            let (them, rest): (Vec<_>, Vec<_>) = of.partition(|(_, told)| *told == &Some(*answer));
            let roles: Vec<&str> = them.iter().map(|(one, _)| one.role).collect();
            let roles = match (them.is_empty(), rest.is_empty()) {
                (true, _) => continue,
                (false, true) => String::new(),
                (false, false) => format!("as {}: ", roles.join(", ")),
            };
            match by_roles.iter_mut().find(|one| one.0 == roles) {
                Some((_, relations)) => relations.push(relation),
                None => by_roles.push((roles, vec![relation])),
            }
        }
        let parts: Vec<String> = by_roles
            .into_iter()
            .map(|(roles, relations)| format!("{roles}{}", relations.join("; ")))
            .collect();
        writeln!(text, "    {answer}: {}", parts.join(" | ")).unwrap();
    }
}

/// Whether somebody is refused before it is looked at what they ask for.
fn is_turned_away(caller: &Caller) -> bool {
    caller.with != With::Token || caller.role.is_empty() || caller.name == "suspended"
}

/// What those are answered who are turned away, which must be the same whatever they ask for.
fn turned_away(
    text: &mut String,
    all: &[Target],
    callers: &[Caller],
    told: &[Vec<Option<String>>],
) {
    type Is = fn(&Ask) -> bool;
    let parts: [(&str, Is); 2] = [
        ("On every path that needs a token", |ask| {
            matches!(ask, Ask::Read(_) | Ask::Put)
        }),
        ("Of every entry", |ask| matches!(ask, Ask::Entry(..))),
    ];
    for (what, is) in parts {
        writeln!(text, "{what}").unwrap();
        for (caller, told) in callers.iter().zip(told).filter(|one| is_turned_away(one.0)) {
            let of = all.iter().zip(told).filter(|(target, _)| is(&target.ask));
            let answers: BTreeSet<&String> = of.filter_map(|(_, told)| told.as_ref()).collect();
            assert!(
                answers.len() <= 1 || caller.role == "authority",
                "{}: {answers:?}",
                caller.name
            );
            if let (Some(answer), true) = (answers.first(), caller.usual) {
                writeln!(text, "    {answer}: {}", caller.name).unwrap();
            }
        }
    }
}

fn matrix() -> String {
    let mut s = Setting::new();
    let callers = callers(&mut s);
    let all = targets(&s);
    // Each path that there is has a row here, and none has that there is not.
    let document = wire::ask(&s.live().ledger, "GET", "/openapi.json", "", b"").json();
    let paths = document["paths"].as_object().unwrap().iter();
    let routes: BTreeSet<(String, String)> = paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods
                .map(|method| (method.clone(), path.clone()))
                .collect::<Vec<_>>()
        })
        .filter(|(method, _)| method != "head")
        .collect();
    let asked_for = all
        .iter()
        .map(|one| (one.route.0.to_owned(), one.route.1.to_owned()));
    assert_eq!(
        asked_for.collect::<BTreeSet<_>>(),
        routes,
        "paths of the service, and of this test"
    );

    let told = asked(&mut s, &all, &callers);
    let mut text = HEAD.to_owned();
    turned_away(&mut text, &all, &callers, &told);
    let order: Vec<(&str, &str)> = all.iter().map(|one| one.route).collect();
    let first = |route| order.iter().position(|one| *one == route);
    let mut by_route: Vec<(usize, &Target)> = all.iter().enumerate().collect();
    by_route.sort_by_key(|(_, target)| first(target.route));
    let mut route = ("", "");
    for (at, target) in by_route {
        if target.route != route {
            route = target.route;
            writeln!(text, "\n{} {}", route.0.to_uppercase(), route.1).unwrap();
        }
        if !target.what.is_empty() {
            writeln!(text, "  {}", target.what).unwrap();
        }
        let of = callers.iter().zip(&told);
        let of = of.filter(|(one, _)| matches!(target.ask, Ask::Open(_)) || !is_turned_away(one));
        let (who, of): (Vec<&Caller>, Vec<Option<&String>>) =
            of.map(|(one, told)| (one, told[at].as_ref())).unzip();
        lines(&mut text, &who, &of);
    }
    text
}

#[test]
fn everybody_gets_over_http_what_is_written_down_and_no_more() {
    common::stands_in(PATH, &matrix());
}
