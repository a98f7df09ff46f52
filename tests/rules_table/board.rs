//! The states that the matrix tries every event in.

use std::collections::BTreeMap;

use custodes::ledger::rules::Row;
use custodes::protocol::id::OrgId;
use custodes::protocol::key::{KeyId, SecretKey};

use crate::situations::Play;
use crate::world::World;
use crate::*;

pub const ROLES: [&str; 12] = [
    "officer",
    "examiner",
    "store",
    "system",
    "disclosure-officer",
    "prosecutor",
    "defence",
    "court",
    "probation",
    "prison",
    "auditor",
    "authority",
];
const POLICE: &str = "northshire-police";

/// The state that an event is tried in: its name, what the event is about, and the exhibit that is meant.
struct State {
    name: &'static str,
    subject: Subject,
    exhibit: Subject,
}

pub struct Board {
    pub world: World,
    /// Somebody with every role.
    pub me: Person,
    /// The prosecutor.
    pub other: Person,
    pub case: Subject,
    pub bag: Subject,
    /// An exhibit of a case of mine that is tried for nothing else.
    pub of_my_other_case: Subject,
    pub genesis: EntryHash,
    /// A proposal that the police do not stand behind yet.
    pub proposal: EntryHash,
    /// A key that is nobody's.
    pub fresh: SecretKey,
    /// Entries of cases that later ones point at, by case and event.
    given: BTreeMap<(Subject, String), EntryHash>,
    nobody: Subject,
    exhibits: Vec<State>,
    cases: Vec<State>,
}

/// Mine or the prosecutor's, event, body.
type Act<'a> = (bool, &'a str, &'a Value);

pub fn digest() -> EvidenceDigest {
    EvidenceDigest::of_bytes(DigestKind::File, b"the bytes")
}

impl Board {
    pub fn new() -> Board {
        let Play {
            mut s, prosecutor, ..
        } = Play::new();
        // An auditor is of an oversight body, and so nobody is everything.
        let every: Vec<&str> = ROLES[..10].to_vec();
        let me = s.world.enrol(POLICE, "Everybody", &every);
        let nobody = s.world.subject();
        let cps = world::clone(&s.world.authorities[&OrgId::new("crown-prosecution").unwrap()]);
        let genesis = s.world.entries[0].entry.hash();
        let mut board = Board {
            world: s.world,
            me,
            other: prosecutor,
            case: s.case,
            bag: nobody.clone(),
            of_my_other_case: nobody.clone(),
            genesis,
            proposal: genesis,
            fresh: SecretKey::from_seed([42; 32]),
            given: BTreeMap::new(),
            nobody,
            exhibits: Vec::new(),
            cases: Vec::new(),
        };
        let ledger = board.world.subject.clone();
        let change = json!({"threshold": "offer_open_for", "seconds": 604_800});
        board.proposal = board.record(&cps, &ledger, "rule-proposed", change);
        board.bag = board.seized("container");
        board.exhibits();
        board.cases();
        board
    }

    fn record(&mut self, who: &Person, subject: &Subject, event: &str, body: Value) -> EntryHash {
        let strand = Rules::embedded().row(event).unwrap().strand;
        self.world
            .record(who, subject, strand, event, body, details())
    }

    /// Somebody's act, as a step to a state.
    fn act(&mut self, mine: bool, subject: &Subject, event: &str, body: Value) -> EntryHash {
        let who = world::clone(if mine { &self.me } else { &self.other });
        self.record(&who, subject, event, body)
    }

    fn seized(&mut self, kind: &str) -> Subject {
        let thing = self.world.subject();
        let body = json!({"case": self.case, "kind": kind, "from": null});
        self.act(true, &thing, "seized", body);
        thing
    }

    fn registered(&mut self, case: &Subject, mine: bool) -> Subject {
        let thing = self.world.subject();
        let body = json!({"case": case, "kind": "other", "digest": digest(), "role": "original"});
        self.act(mine, &thing, "registered", body);
        thing
    }

    #[rustfmt::skip]
    fn exhibits(&mut self) {
        let case = self.case.clone();
        let to = |org: &str| json!({"to": {"org": org}, "method": "by-hand"});
        let taken = json!({"offer": null, "from": self.me.actor, "digest": digest()});
        // A state, and the acts that lead there: mine or the prosecutor's.
        let bag = json!({"container": self.bag});
        let none = json!({});
        let until = json!({"until": null});
        let states: [(&'static str, &[Act]); 18] = [
            ("held", &[]),
            ("held by another", &[(false, "transfer-accepted", &taken)]),
            ("offered", &[(true, "transfer-offered", &to("crown-prosecution"))]),
            ("offered to me", &[(false, "transfer-accepted", &taken), (false, "transfer-offered", &to(POLICE))]),
            ("sealed", &[(true, "sealed", &json!({"seal": "S1"}))]),
            ("in a store", &[(true, "stored", &json!({"place": "shelf-4"}))]),
            ("with a carrier", &[(true, "consigned", &json!({"carrier": "courier-7"}))]),
            ("in a bag", &[(true, "packed", &bag)]),
            ("outside", &[(true, "handed-to-unenrolled", &json!({"digest": null}))]),
            ("lost", &[(true, "lost", &none)]),
            ("returned", &[(true, "returned", &json!({"authorisation": null}))]),
            ("disposed", &[(true, "disposed", &json!({"authorisation": null, "method": "shredding"}))]),
            ("destroyed", &[(true, "destroyed-unplanned", &none)]),
            ("on hold", &[(true, "hold-placed", &until)]),
            ("on another's hold", &[(false, "hold-placed", &until)]),
            ("disposal authorised", &[(false, "disposal-authorised", &json!({"method": "shredding"}))]),
            ("privileged", &[(false, "privilege-claimed", &none)]),
            ("held, restated by another", &[(false, "custody-restated", &json!({"holder": self.me.actor, "countersigns": null}))]),
        ];
        for (name, acts) in states {
            let exhibit = self.registered(&case, true);
            for (mine, event, body) in acts {
                self.act(*mine, &exhibit, event, (*body).clone());
            }
            self.exhibits.push(State { name, subject: exhibit.clone(), exhibit });
        }
        let phone = self.seized("device");
        let copy = self.world.subject();
        let video = self.exhibits[0].exhibit.clone();
        let made = json!({"case": case, "kind": "other", "role": "working", "digest": digest(), "parents": [{"exhibit": video, "digest": digest()}]});
        self.act(true, &copy, "copied", made);
        let held = self.opened(&["party-joined"]);
        let of_held = self.registered(&held, true);
        self.act(false, &held, "case-hold-placed", until);
        // Taken into a case on hold, whose hold its own case does not know of.
        let (other, own) = (self.opened(&[]), self.opened(&[]));
        let of_own = self.registered(&own, true);
        self.act(true, &other, "exhibit-linked", json!({"exhibit": of_own}));
        self.act(true, &other, "case-hold-placed", json!({"until": null}));
        let foreign = self.foreign();
        let of_other = self.registered(&foreign, false);
        let nothing = self.world.subject();
        for (name, exhibit) in [("not digested", phone), ("a working copy", copy), ("a bag", self.bag.clone()), ("its case on hold", of_held), ("linked into a case on hold", of_own), ("of a case that I am not in", of_other), ("not there", nothing)] {
            self.exhibits.push(State { name, subject: exhibit.clone(), exhibit });
        }
    }

    /// A case that I open, and the prosecutor joins if asked.
    fn opened(&mut self, acts: &[&str]) -> Subject {
        let case = self.world.subject();
        self.act(true, &case, "case-opened", json!({}));
        for event in acts {
            let join = json!({"org": "crown-prosecution", "part": "prosecution"});
            self.act(true, &case, event, join);
        }
        case
    }

    /// A case that the prosecutor opens, and I am not in.
    fn foreign(&mut self) -> Subject {
        let case = self.world.subject();
        self.act(false, &case, "case-opened", json!({}));
        case
    }

    fn cases(&mut self) {
        let add = |board: &mut Board, name: &'static str, case: Subject, claimed: bool| {
            let exhibit = match name {
                "not there" => board.world.subject(),
                _ => board.registered(&case, name != "I am not in it"),
            };
            if claimed {
                board.act(true, &exhibit, "privilege-claimed", json!({}));
            }
            let state = State {
                name,
                subject: case,
                exhibit,
            };
            board.cases.push(state);
        };
        let open = self.opened(&["party-joined"]);
        add(self, "open", open, false);
        let hold = self.opened(&["party-joined"]);
        self.act(true, &hold, "case-hold-placed", json!({"until": null}));
        add(self, "on my hold", hold, false);
        let hold = self.opened(&["party-joined"]);
        self.act(false, &hold, "case-hold-placed", json!({"until": null}));
        add(self, "on another's hold", hold, false);
        let claimed = self.opened(&["party-joined"]);
        add(self, "with privilege claimed", claimed, true);
        let given = self.opened(&["party-joined"]);
        add(self, "disclosed to me", given.clone(), false);
        let exhibit = self.cases.last().unwrap().exhibit.clone();
        let disclosed = json!({"exhibits": [exhibit], "to": [POLICE], "bundle": null});
        let e = self.act(false, &given, "disclosed", disclosed);
        let promised = self.act(true, &given, "undertaking-given", json!({"disclosure": e}));
        self.given
            .insert((given.clone(), "disclosed".to_owned()), e);
        self.given
            .insert((given, "undertaking-given".to_owned()), promised);
        let closed = self.opened(&["party-joined"]);
        add(self, "closed", closed.clone(), false);
        self.act(true, &closed, "case-closed", json!({}));
        let taking = self.opened(&["party-joined"]);
        let other = self.opened(&[]);
        self.of_my_other_case = self.registered(&other, true);
        let linked = json!({"exhibit": self.of_my_other_case});
        self.act(true, &taking, "exhibit-linked", linked);
        add(self, "that took it in before", taking, false);
        let foreign = self.foreign();
        add(self, "I am not in it", foreign, false);
        let nothing = self.world.subject();
        add(self, "not there", nothing, false);
    }

    /// The states that an event of a strand is tried in.
    pub fn states(&self, strand: Strand) -> Vec<(&'static str, Subject, Subject)> {
        let of = |list: &[State]| {
            let one = |one: &State| (one.name, one.subject.clone(), one.exhibit.clone());
            list.iter().map(one).collect()
        };
        let keys = |name, subject: Subject| (name, subject, self.bag.clone());
        match strand {
            Strand::Custody | Strand::Notes => of(&self.exhibits),
            Strand::Case | Strand::Exhibits | Strand::Access => of(&self.cases),
            Strand::Keys => vec![
                keys("mine", self.me.actor.subject()),
                keys("another organisation's", self.other.actor.subject()),
                keys("nobody's", self.nobody.clone()),
            ],
            Strand::Rules => vec![keys("the ledger", self.world.subject.clone())],
        }
    }

    /// Somebody of Northshire Police with this role alone; the authority is the one that genesis names.
    pub fn with_role(&mut self, role: &str) -> Person {
        match role {
            "authority" => world::clone(&self.world.authorities[&OrgId::new(POLICE).unwrap()]),
            "auditor" => self.world.enrol("inspectorate", role, &[role]),
            role => self.world.enrol(POLICE, role, &[role]),
        }
    }

    /// Who acts: everybody in one person, and where nobody else may, the authority or the service.
    pub fn actor_for(&self, row: &Row) -> Person {
        match row.roles.as_slice() {
            [Role::Authority] => {
                world::clone(&self.world.authorities[&OrgId::new(POLICE).unwrap()])
            }
            [Role::Service] => world::clone(&self.world.service),
            _ => world::clone(&self.me),
        }
    }

    /// The actor whose keys chain this is; of Northshire Police where it is nobody's.
    pub fn actor_of(&self, keys: &Subject) -> ActorId {
        let all = [&self.me.actor, &self.other.actor];
        let known = all.into_iter().find(|one| one.subject() == *keys);
        let org = OrgId::new(POLICE).unwrap();
        known.map_or_else(|| ActorId::from_parts(&org, keys), ActorId::clone)
    }

    /// The entry of a case that a later one points at, if it has one of this event.
    pub fn given(&self, case: &Subject, event: &str, otherwise: EntryHash) -> EntryHash {
        let given = self.given.get(&(case.clone(), event.to_owned()));
        given.copied().unwrap_or(otherwise)
    }

    /// A key of the actor whose keys chain this is.
    pub fn kid_of(&self, keys: &Subject) -> KeyId {
        let all = [&self.me, &self.other];
        let known = all.into_iter().find(|one| one.actor.subject() == *keys);
        known.unwrap_or(&self.me).key.public().id()
    }
}
