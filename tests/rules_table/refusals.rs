//! Every code that the rules refuse with, raised. What a person can run into is in the table of situations; here is
//! the rest: entries that no honest client makes, and a ledger that has not begun.

use custodes::ledger::admit::{self, Place};
use custodes::ledger::grounds::Ground;
use custodes::ledger::state::MemoryState;
use custodes::protocol::entry::{Draft, UnverifiedEntry};
use custodes::protocol::time::LogTime;
use custodes::protocol::tree::EntryIndex;

use crate::situations::play;
use crate::world::World;
use crate::*;

/// What the rules say of an entry, in the order in which a service asks.
fn said(state: &MemoryState, entry: UnverifiedEntry) -> Result<(), String> {
    let rules = Rules::embedded();
    let decide = || {
        admit::check_whole(rules, &entry)?;
        let key = admit::signer(state, &entry)?;
        let verified = entry.clone().verify(&key).unwrap();
        let place = Place {
            index: EntryIndex(if state.records().next().is_some() {
                50
            } else {
                0
            }),
            recorded_at: LogTime(world::BEGINNING + 10_000_000),
        };
        admit::admit(rules, state, &verified, place).map(drop)
    };
    decide().map_err(|refusal: custodes::ledger::Refusal| refusal.code)
}

/// An entry as the sample's officer would sign it, changed before it is signed.
fn changed(s: &mut Sample, change: impl FnOnce(&mut Draft)) -> UnverifiedEntry {
    let key = world::clone(&s.officer).key;
    let body = json!({"place": "shelf-4"});
    let phone = s.phone.clone();
    let officer = world::clone(&s.officer);
    let honest = s
        .world
        .sign(&officer, &phone, Strand::Custody, "stored", body, json!({}));
    let mut draft = Draft {
        payload: honest.payload().clone(),
        details: Default::default(),
    };
    change(&mut draft);
    let mut salt = 0;
    draft
        .sign(&key, || {
            salt += 1;
            [salt; 16]
        })
        .unwrap()
}

/// The codes of entries that no honest client makes.
fn dishonest(codes: &mut BTreeSet<String>) {
    let mut s = sample();
    let state = s.world.state.clone();
    let mut raise = |code: &str, entry: UnverifiedEntry, state: &MemoryState| {
        assert_eq!(said(state, entry).unwrap_err(), code);
        codes.insert(code.to_owned());
    };
    assert_eq!(said(&state, changed(&mut s, |_| {})), Ok(()));
    let examiner = s.examiner.actor.clone();
    let nobody = ActorId::new("northshire-police/AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    type Change = Box<dyn FnOnce(&mut Draft)>;
    let changes: [(&str, Change); 10] = [
        (
            "other-ledger",
            Box::new(|one| {
                let other = "evidence.southshire.example";
                one.payload.ledger = custodes::protocol::id::Origin::new(other).unwrap();
            }),
        ),
        (
            "unknown-event",
            Box::new(|one| one.payload.event = "shredded".to_owned()),
        ),
        (
            "wrong-strand",
            Box::new(|one| one.payload.strand = Strand::Notes),
        ),
        ("stale-prev", Box::new(|one| one.payload.seq += 1)),
        (
            "not-opened",
            Box::new(|one| {
                one.payload.subject = Subject::from_bytes([9; 16]);
                (one.payload.seq, one.payload.prev) = (0, None);
            }),
        ),
        (
            "already-open",
            Box::new(|one| {
                one.payload.event = "seized".to_owned();
                one.details = ["description", "power_or_consent"]
                    .map(|name| (name.to_owned(), json!("x")))
                    .into();
            }),
        ),
        (
            "unknown-actor",
            Box::new(move |one| one.payload.actor = nobody),
        ),
        (
            "key-of-another",
            Box::new(move |one| one.payload.actor = examiner),
        ),
        (
            "bad-body",
            Box::new(|one| drop(one.payload.body.remove("place"))),
        ),
        (
            "detail-missing",
            Box::new(|one| {
                one.payload.event = "lost".to_owned();
                one.payload.body.clear();
            }),
        ),
    ];
    for (code, change) in changes {
        let entry = changed(&mut s, change);
        raise(code, entry, &state);
    }
    let stranger = Person {
        actor: s.officer.actor.clone(),
        key: custodes::protocol::key::SecretKey::from_seed([77; 32]),
    };
    let body = json!({"place": "shelf-4"});
    let phone = s.phone.clone();
    let entry = s.world.sign(
        &stranger,
        &phone,
        Strand::Custody,
        "stored",
        body,
        json!({}),
    );
    raise("unknown-key", entry, &state);
    let last = s.world.entries.last().unwrap().entry.clone();
    raise("already-recorded", last, &state);
}

/// The codes of a ledger's beginning.
fn beginnings(codes: &mut BTreeSet<String>) {
    let world = World::new("evidence.northshire.example");
    let genesis = &world.entries[0].entry;
    let empty = MemoryState::default();
    let mut raise = |code: &str, entry: UnverifiedEntry, state: &MemoryState| {
        assert_eq!(said(state, entry).unwrap_err(), code);
        codes.insert(code.to_owned());
    };
    raise("no-genesis", world.entries[1].entry.clone(), &empty);
    raise("second-genesis", genesis.clone(), &world.state);
    let draft = |change: &dyn Fn(&mut Value)| {
        let mut payload = genesis.payload().clone();
        let mut body = Value::Object(payload.body.clone());
        change(&mut body);
        payload.body = body.as_object().unwrap().clone();
        let details = Default::default();
        let service = world::clone(&world.service);
        Draft { payload, details }
            .sign(&service.key, || [1; 16])
            .unwrap()
    };
    assert_eq!(said(&empty, draft(&|_| {})), Ok(()));
    let wrong: [fn(&mut Value); 4] = [
        |body| body["organisations"][1] = body["organisations"][0].clone(),
        |body| body["organisations"][1]["org"] = json!("another"),
        |body| body["organisations"][1]["authority"]["key"] = body["service"]["key"].clone(),
        |body| {
            // An organisation that has the service's name could revoke its key.
            body["organisations"][1]["org"] = json!("operator.example");
            body["organisations"][1]["authority"]["actor"] =
                json!("operator.example/AAAAAAAAAAAAAAAAAAAAAA");
        },
    ];
    for change in wrong {
        raise("bad-genesis", draft(&change), &empty);
    }
    // An organisation whose authority has not accepted yet.
    let mut state = MemoryState::default();
    let key = admit::signer(&state, genesis).unwrap();
    let place = Place {
        index: EntryIndex(0),
        recorded_at: LogTime(world::BEGINNING),
    };
    let verified = genesis.clone().verify(&key).unwrap();
    let begun = admit::admit(Rules::embedded(), &state, &verified, place).unwrap();
    state.apply(begun.changes);
    let mut early = world.entries[1].entry.payload().clone();
    early.event = "rule-proposed".to_owned();
    let body = json!({"threshold": "offer_open_for", "seconds": 1});
    early.body = body.as_object().unwrap().clone();
    let details = [("reason".to_owned(), json!("x"))].into();
    let org = early.actor.org();
    let draft = Draft {
        payload: early,
        details,
    };
    let key = world::clone(&world.authorities[&org]).key;
    let entry = draft.sign(&key, || [1; 16]).unwrap();
    raise("organisation-not-accepted", entry, &state);
}

#[test]
fn every_code_of_refusal_is_raised() {
    let mut codes = play(Play::new()).refused;
    dishonest(&mut codes);
    beginnings(&mut codes);
    let rows = Rules::embedded().rows().flat_map(|row| &row.refuse);
    let of_rows = rows.map(|rule| rule.refusal().code);
    let of_any = Ground::ALL.iter().map(|ground| ground.says().0.to_owned());
    // What was sent with an entry is no part of it: a service refuses that, where a verifier misses the branch.
    codes.remove("branch-differs");
    let all: BTreeSet<String> = of_rows.chain(of_any).collect();
    let never: Vec<&String> = all.difference(&codes).collect();
    assert!(never.is_empty(), "no test raises {never:?}");
    let unlisted: Vec<&String> = codes.difference(&all).collect();
    assert!(unlisted.is_empty(), "codes of no list: {unlisted:?}");
}
