//! Random histories, legal and not, told to the rules and to a naive model written for this test alone. They agree
//! on every refusal and flag and on where each exhibit stands; what is refused changes nothing; and the bundle, and
//! an audit of the whole log, come to the same. Some of them are told to a real service too, as a batch over HTTP.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "service")]
#[path = "../common/ledger.rs"]
mod ledger;
#[cfg(feature = "service")]
#[path = "../common/live.rs"]
mod live;
mod model;
mod play;
#[cfg(feature = "service")]
#[path = "../common/wire.rs"]
mod wire;
#[path = "../common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use custodes::ledger::Rules;
use custodes::ledger::state::{Known as _, Status};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::{Strand, Subject};
use custodes::protocol::policy::Policy;
use custodes::verify::audit::Audit;
use custodes::verify::{Inputs, Severity, VerifiedBundle, verify};
use model::{EXAMINER, ORGS, OUTCOMES, OUTSIDER, PROSECUTOR, Thing, To, verdict};
use serde_json::{Value, json};
use world::{Person, Sample, World, details, sample};

const HISTORIES: u64 = 60;
const ACTS: usize = 80;

/// Numbers that are the same on each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

struct Game {
    world: World,
    people: Vec<Person>,
    things: Vec<(Subject, Thing)>,
    /// Every entry that was ever named, of whatever kind, and what it is about.
    named: Vec<(EntryHash, usize)>,
    /// A case that may take the things in: of the officer and the outsider.
    other: Subject,
    /// Holds on that, and who placed them.
    other_holds: BTreeMap<EntryHash, usize>,
    dice: Dice,
}

impl Game {
    fn new(seed: u64) -> Game {
        Game::within(sample(), seed)
    }

    /// In this ledger.
    fn within(s: Sample, seed: u64) -> Game {
        let mut world = s.world;
        let all = ["officer", "prosecutor", "court"];
        let prosecutor = world.enrol(ORGS[PROSECUTOR], "Sam Okoro", &["prosecutor", "court"]);
        let outsider = world.enrol(ORGS[OUTSIDER], "Alex Morgan", &all);
        let join = json!({"org": ORGS[PROSECUTOR], "part": "prosecution"});
        world.record(
            &s.officer,
            &s.case,
            Strand::Case,
            "party-joined",
            join,
            details(),
        );
        let mut things = Vec::new();
        for kind in ["container", "device", "device"] {
            let subject = world.subject();
            let body = json!({"case": s.case, "kind": kind, "from": null});
            let opened = world.record(
                &s.officer,
                &subject,
                Strand::Custody,
                "seized",
                body,
                details(),
            );
            let thing = Thing {
                holder: 0,
                seal: None,
                seals: BTreeSet::new(),
                offer: None,
                status: Status::Held,
                holds: BTreeMap::new(),
                authorised: None,
                claims: BTreeSet::new(),
                packed: false,
                linked: false,
                custody: vec![opened],
            };
            things.push((subject, thing));
        }
        let other = world.subject();
        let join = json!({"org": ORGS[OUTSIDER], "part": "prosecution"});
        for (event, body) in [("case-opened", json!({})), ("party-joined", join)] {
            world.record(&s.officer, &other, Strand::Case, event, body, details());
        }
        Game {
            world,
            people: vec![s.officer, s.examiner, prosecutor, outsider],
            things,
            named: Vec::new(),
            other,
            other_holds: BTreeMap::new(),
            dice: Dice(seed),
        }
    }

    /// The state, the bundle and an audit against the model.
    fn check(&self, case: &Subject) {
        let bundle = self.world.case_bundle(case).to_bytes();
        let verified = self.verified(&bundle, &self.world.policy());
        // In the case that took some of them in, those stand as in their own.
        let elsewhere = self.world.case_bundle(&self.other).to_bytes();
        let elsewhere = replayed(&elsewhere, &self.world.policy());
        for (subject, thing) in self.things.iter().filter(|one| one.1.linked) {
            let there = elsewhere.state.exhibit(subject).unwrap();
            let holder = &self.people[thing.holder].actor;
            assert_eq!(there.holder.person.as_ref(), Some(holder));
            assert_eq!(there.status, thing.status);
        }
        for (subject, _) in &self.things {
            let told = self.world.state.exhibit(subject);
            assert_eq!(verified.state.exhibit(subject), told);
        }
        let mut audit = Audit::new(Rules::embedded());
        self.world
            .leaves()
            .into_iter()
            .for_each(|leaf| audit.step(leaf));
        assert!(audit.finish().is_empty(), "an audit finds nothing");
    }

    /// What a bundle gives, against the model.
    fn verified(&self, bundle: &[u8], policy: &Policy) -> VerifiedBundle {
        let verified = replayed(bundle, policy);
        for (subject, thing) in &self.things {
            let told = verified.state.exhibit(subject).unwrap();
            let person = &self.people[thing.holder].actor;
            assert_eq!(told.holder.person.as_ref(), Some(person));
            assert_eq!(told.status, thing.status);
            assert_eq!(told.seal, thing.seal.map(|number| format!("S{number}")));
            assert_eq!(told.offer.map(|one| one.e), thing.offer.map(|one| one.0));
            let claims = thing.claims.iter().map(|who| ORGS[*who]);
            assert!(
                told.privilege
                    .iter()
                    .map(|org| org.as_str())
                    .eq(sorted(claims))
            );
            assert_eq!(told.container.is_some(), thing.packed);
            assert!(told.holds.keys().eq(thing.holds.keys()));
        }
        let offline: BTreeSet<(EntryHash, &str)> = verified
            .flags
            .iter()
            .map(|flag| (flag.entries[0], flag.code))
            .collect();
        assert_eq!(offline, self.world.flags);
        verified
    }
}

fn sorted<'t>(names: impl Iterator<Item = &'t str>) -> impl Iterator<Item = &'t str> {
    names.collect::<BTreeSet<_>>().into_iter()
}

/// What a bundle gives, in which nothing fails.
fn replayed(bundle: &[u8], policy: &Policy) -> VerifiedBundle {
    let found = verify(Inputs {
        bundle,
        policy,
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    });
    let failed = found
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Failed);
    assert_eq!(failed.count(), 0, "{:?}", found.findings);
    found.verified.unwrap()
}

#[test]
fn random_histories_agree_with_a_naive_model_offline_and_in_an_audit() {
    let mut events: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..HISTORIES {
        let mut game = Game::new(seed);
        let bag = &game.things[0].0;
        let case = game.world.state.exhibit(bag).unwrap().case;
        for _ in 0..ACTS {
            events.insert(game.act());
        }
        game.check(&case);
    }
    assert_eq!(
        events.len(),
        30,
        "every event of the game came up: {events:?}"
    );
}

#[test]
#[cfg(feature = "service")]
fn random_histories_sent_to_a_real_service_as_a_batch_agree_too() {
    for seed in HISTORIES..HISTORIES + 4 {
        let mut game = Game::within(world::sample_in(live::world()), seed);
        let bag = &game.things[0].0;
        let case = game.world.state.exhibit(bag).unwrap().case;
        game.world.queue = Some(Vec::new());
        for _ in 0..2 * ACTS {
            game.act();
        }
        // What the service says of each line is what the rules, and so the model, said.
        assert_eq!(game.world.send(), 2 * ACTS);
        let beside = game.world.beside.as_mut().unwrap().as_any();
        let live: &mut live::Live = beside.downcast_mut().unwrap();
        live.read_as(&game.people[0]);
        let found = live.verified(&case);
        assert_ne!(found["exit"], 1, "{}", found["findings"]);
        let bundle = std::fs::read(live.ledger.path("case.custody.json")).unwrap();
        let policy = std::fs::read_to_string(live.ledger.path("ledger/policy")).unwrap();
        live.ledger.stop();
        let folder = live.ledger.path("ledger").display().to_string();
        ledger::ok(&live.ledger.run("nobody", &["audit", "--dir", &folder]));
        game.verified(&bundle, &Policy::parse(&policy).unwrap());
    }
}
