//! Random histories, legal and not, told to the rules and to a naive model written for this test alone. They agree
//! on every refusal and flag and on where each exhibit stands; what is refused changes nothing; and the bundle, and
//! an audit of the whole log, come to the same.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use custodes::ledger::Rules;
use custodes::ledger::state::{Known as _, Status};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::id::{Strand, Subject};
use custodes::verify::audit::Audit;
use custodes::verify::{Inputs, Severity, verify};
use serde_json::{Value, json};
use world::{Person, World, details, sample};

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

/// Who acts, by number: officer, examiner, prosecutor, and somebody whose organisation is not in the case.
const ORGS: [&str; 4] = [
    "northshire-police",
    "northshire-forensics",
    "crown-prosecution",
    "ash-and-co",
];
const OUTSIDER: usize = 3;
const PROSECUTOR: usize = 2;
const EXAMINER: usize = 1;

#[derive(Clone, Copy)]
enum To {
    Person(usize),
    Org(usize),
    Store(usize),
}

impl To {
    fn org(self) -> usize {
        match self {
            To::Person(who) | To::Org(who) | To::Store(who) => who,
        }
    }
}

/// What the model knows of an exhibit. The first is a bag, the others may be in it.
#[derive(Clone)]
struct Thing {
    holder: usize,
    seal: Option<usize>,
    seals: BTreeSet<usize>,
    offer: Option<(EntryHash, To, usize)>,
    status: Status,
    holds: BTreeMap<EntryHash, usize>,
    authorised: Option<(EntryHash, usize)>,
    privileged: bool,
    packed: bool,
}

struct Game {
    world: World,
    people: Vec<Person>,
    things: Vec<(Subject, Thing)>,
    /// Every entry that was ever named, of whatever kind.
    named: Vec<EntryHash>,
    dice: Dice,
}

type Verdict = Result<BTreeSet<&'static str>, &'static str>;

impl Game {
    fn new(seed: u64) -> Game {
        let s = sample();
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
            world.record(
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
                privileged: false,
                packed: false,
            };
            things.push((subject, thing));
        }
        Game {
            world,
            people: vec![s.officer, s.examiner, prosecutor, outsider],
            things,
            named: Vec::new(),
            dice: Dice(seed),
        }
    }

    /// One act: what the rules say of it, beside what the model says.
    fn act(&mut self) -> &'static str {
        let who = self.dice.roll(4);
        let at = self.dice.roll(3);
        let number = self.dice.roll(4);
        let any = match self.named.len() {
            0 => None,
            many => Some(self.named[self.dice.roll(many)]),
        };
        let to = match (self.dice.roll(3), self.dice.roll(4)) {
            (0, whom) => To::Person(whom),
            (1, whom) => To::Org(whom),
            (_, whom) => To::Store(whom),
        };
        let before = self.things[at].1.clone();
        // Mostly what is open or in force, at times something else.
        let mostly = |right: Option<EntryHash>, dice: &mut Dice| match dice.roll(4) {
            0 => any,
            _ => right,
        };
        let offer = mostly(before.offer.map(|one| one.0), &mut self.dice);
        let hold = mostly(before.holds.keys().next().copied(), &mut self.dice);
        let allowed = mostly(before.authorised.map(|one| one.0), &mut self.dice);
        let giver = before.offer.map_or(before.holder, |one| one.2);
        let seal = json!({"seal": format!("S{number}")});
        let bag = json!({"container": self.things[self.dice.roll(2)].0});
        let into_bag = bag["container"] == json!(self.things[0].0);
        let (event, body): (&'static str, Value) = match self.dice.roll(19) {
            0 => ("sealed", seal),
            1 => ("unsealed", seal),
            2 => ("resealed", seal),
            3 | 4 => {
                let org = ORGS[to.org()];
                let to = match to {
                    To::Person(whom) => json!({"actor": self.people[whom].actor}),
                    To::Org(_) => json!({"org": org}),
                    To::Store(_) => json!({"store": {"org": org, "place": "store-1"}}),
                };
                ("transfer-offered", json!({"to": to, "method": "by-hand"}))
            }
            5 | 6 => (
                "transfer-accepted",
                json!({"offer": offer, "from": self.people[giver].actor, "digest": null}),
            ),
            7 if offer.is_some() => (
                "transfer-refused",
                json!({"offer": offer, "from": self.people[giver].actor}),
            ),
            8 if offer.is_some() => ("transfer-withdrawn", json!({"offer": offer})),
            9 => ("lost", json!({})),
            10 => ("found", json!({})),
            11 => ("stored", json!({"place": "shelf-4"})),
            12 => ("hold-placed", json!({"until": null})),
            13 if hold.is_some() => ("hold-lifted", json!({"hold": hold})),
            14 => ("disposal-authorised", json!({"method": "shredding"})),
            15 => (
                "disposed",
                json!({"authorisation": allowed, "method": "shredding"}),
            ),
            16 => ("privilege-claimed", json!({})),
            17 => ("privilege-resolved", json!({"outcome": "rejected"})),
            18 if number == 0 => ("unpacked", bag),
            _ => ("packed", bag),
        };
        let wanted = verdict(
            &before, at, who, event, number, to, offer, hold, allowed, into_bag,
        );
        let state = self.world.state.clone();
        let strand = Rules::embedded().row(event).unwrap().strand;
        let subject = self.things[at].0.clone();
        let person = world::clone(&self.people[who]);
        let got = self
            .world
            .attempt(&person, &subject, strand, event, body, details());
        match got {
            Ok((e, flags)) => {
                assert_eq!(Ok(flags), wanted, "{event} by {who} of {at}");
                self.named.push(e);
                self.change(at, who, event, number, to, e, hold);
            }
            Err(code) => {
                assert_eq!(Err(code.as_str()), wanted, "{event} by {who} of {at}");
                assert_eq!(self.world.state, state, "what is refused changes nothing");
            }
        }
        event
    }

    #[allow(clippy::too_many_arguments)]
    fn change(
        &mut self,
        at: usize,
        who: usize,
        event: &str,
        number: usize,
        to: To,
        e: EntryHash,
        hold: Option<EntryHash>,
    ) {
        let thing = &mut self.things[at].1;
        match event {
            "sealed" | "resealed" => {
                thing.seal = Some(number);
                thing.seals.insert(number);
            }
            "unsealed" => thing.seal = None,
            "transfer-offered" => thing.offer = Some((e, to, who)),
            "transfer-refused" | "transfer-withdrawn" => thing.offer = None,
            "hold-placed" => drop(thing.holds.insert(e, who)),
            "hold-lifted" => drop(thing.holds.remove(&hold.unwrap())),
            "disposal-authorised" => thing.authorised = Some((e, who)),
            "privilege-claimed" => thing.privileged = true,
            "privilege-resolved" => thing.privileged = false,
            "packed" => thing.packed = true,
            "unpacked" => thing.packed = false,
            _ => {
                thing.packed = false;
                let together = |one: usize, thing: &Thing| one == at || (at == 0 && thing.packed);
                for (one, (_, thing)) in self.things.iter_mut().enumerate() {
                    if !together(one, thing) {
                        continue;
                    }
                    match event {
                        "transfer-accepted" => {
                            thing.offer = None;
                            thing.holder = who;
                            thing.status = Status::Held;
                        }
                        "found" => {
                            thing.holder = who;
                            thing.status = Status::Held;
                        }
                        "lost" => thing.status = Status::Lost,
                        "disposed" => thing.status = Status::Disposed,
                        "stored" => {}
                        other => panic!("the model knows no {other}"),
                    }
                }
            }
        }
    }

    /// The state, the bundle and an audit against the model.
    fn check(&self, case: &Subject) {
        let bundle = self.world.case_bundle(case);
        let found = verify(Inputs {
            bundle: &bundle.to_bytes(),
            policy: &self.world.policy(),
            rules: Rules::embedded(),
            evidence: &[],
            sidecars: &[],
        });
        let failed = found
            .findings
            .iter()
            .filter(|one| one.severity == Severity::Failed);
        assert_eq!(failed.count(), 0, "{:?}", found.findings);
        let verified = found.verified.unwrap();
        for (subject, thing) in &self.things {
            let told = self.world.state.exhibit(subject).unwrap();
            assert_eq!(verified.state.exhibit(subject).as_ref(), Some(&told));
            let person = &self.people[thing.holder].actor;
            assert_eq!(told.holder.person.as_ref(), Some(person));
            assert_eq!(told.status, thing.status);
            assert_eq!(told.seal, thing.seal.map(|number| format!("S{number}")));
            assert_eq!(told.offer.map(|one| one.e), thing.offer.map(|one| one.0));
            assert_eq!(told.privileged, thing.privileged);
            assert_eq!(told.container.is_some(), thing.packed);
            assert!(told.holds.keys().eq(thing.holds.keys()));
        }
        let offline: BTreeSet<(EntryHash, &str)> = verified
            .flags
            .iter()
            .map(|flag| (flag.entries[0], flag.code))
            .collect();
        assert_eq!(offline, self.world.flags);
        let mut audit = Audit::new(Rules::embedded());
        self.world
            .leaves()
            .into_iter()
            .for_each(|leaf| audit.step(leaf));
        assert!(audit.finish().is_empty(), "an audit finds nothing");
    }
}

/// What the model says of an act, in the order in which the rules ask.
#[allow(clippy::too_many_arguments)]
fn verdict(
    thing: &Thing,
    at: usize,
    who: usize,
    event: &str,
    number: usize,
    to: To,
    offer: Option<EntryHash>,
    hold: Option<EntryHash>,
    allowed: Option<EntryHash>,
    into_bag: bool,
) -> Verdict {
    let open = thing.offer;
    let is_open = offer.is_some() && open.map(|one| one.0) == offer;
    let refusals: &[(bool, &'static str)] = match event {
        "hold-placed" => &[
            (who == EXAMINER, "no-role"),
            (who == OUTSIDER, "no-standing"),
        ],
        "hold-lifted" => {
            let by = hold.and_then(|hold| thing.holds.get(&hold));
            &[
                (who == EXAMINER, "no-role"),
                (who == OUTSIDER, "no-standing"),
                (by.is_none(), "no-such-hold"),
                (by != Some(&who) && who != PROSECUTOR, "not-your-hold"),
            ]
        }
        "disposal-authorised" => &[
            (who == EXAMINER, "no-role"),
            (who == OUTSIDER, "no-standing"),
            (!thing.holds.is_empty(), "under-hold"),
            (thing.holder == who, "own-disposal"),
        ],
        "privilege-resolved" => &[
            (who < PROSECUTOR, "no-role"),
            (who == OUTSIDER, "no-standing"),
            (!thing.privileged, "no-claim"),
        ],
        "transfer-offered" => &[
            (who == OUTSIDER, "no-standing"),
            (thing.holder != who, "not-holder"),
            (
                to.org() == who && !matches!(to, To::Store(_)),
                "offer-to-self",
            ),
            (to.org() == OUTSIDER, "recipient-not-in-case"),
            (open.is_some(), "offer-open"),
        ],
        "transfer-refused" => &[
            (who == OUTSIDER, "no-standing"),
            (!is_open, "no-such-offer"),
            (open.is_none_or(|one| one.1.org() != who), "not-offeree"),
        ],
        "transfer-withdrawn" => &[
            (who == OUTSIDER, "no-standing"),
            (!is_open, "no-such-offer"),
            (open.is_none_or(|one| one.2 != who), "not-offeror"),
        ],
        "packed" => &[
            (who == OUTSIDER, "no-standing"),
            (!into_bag || at == 0, "not-a-container"),
        ],
        _ => &[(who == OUTSIDER, "no-standing")],
    };
    if let Some((_, code)) = refusals.iter().find(|(refused, _)| *refused) {
        return Err(code);
    }
    let other = thing.holder != who;
    let packed = (thing.packed, "while-packed");
    let differs = thing.seal.is_some_and(|seal| seal != number);
    let reused = (thing.seals.contains(&number), "seal-reused");
    let handler = (who == PROSECUTOR, "unusual-role");
    let holder = (other, "not-the-holder");
    let lost = thing.status == Status::Lost;
    let flags: &[(bool, &'static str)] = match event {
        "sealed" => &[
            holder,
            reused,
            (thing.seal.is_some(), "sealed-twice"),
            handler,
        ],
        "unsealed" => &[
            holder,
            (differs, "seal-differs"),
            (thing.seal.is_none(), "not-sealed"),
            handler,
        ],
        "resealed" => &[holder, reused, handler],
        "stored" => &[holder, packed, handler],
        "packed" => &[holder, packed, handler],
        "unpacked" => &[holder, (!thing.packed || !into_bag, "not-packed"), handler],
        "lost" => &[(true, "lost"), holder, packed],
        "found" => &[(!lost, "found-not-lost"), (lost, "custody-gap"), packed],
        "transfer-accepted" => &[
            (!is_open, "accepted-without-offer"),
            (
                open.is_some_and(|one| one.1.org() != who),
                "accepted-by-colleague",
            ),
            packed,
        ],
        "disposed" => &[
            (
                allowed.is_none() || thing.authorised.map(|one| one.0) != allowed,
                "not-authorised",
            ),
            (
                thing.authorised.is_some_and(|one| one.1 == who),
                "own-authorisation",
            ),
            (!thing.holds.is_empty(), "under-hold"),
            holder,
            packed,
        ],
        _ => &[],
    };
    let custody = Rules::embedded().row(event).unwrap().strand == Strand::Custody;
    let always = [
        (custody && thing.status == Status::Disposed, "after-end"),
        (custody && lost && event != "found", "while-lost"),
    ];
    let raised = flags.iter().chain(&always).filter(|(raised, _)| *raised);
    Ok(raised.map(|(_, code)| *code).collect())
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
        18,
        "every event of the game came up: {events:?}"
    );
}
