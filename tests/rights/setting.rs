//! A real ledger with a case, and with people who stand to it in every way there is.

use std::collections::BTreeMap;

use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ChainId, OrgId, Strand, Subject};
use serde_json::{Value, json};

use crate::live::{self, Live};
use crate::wire;
use crate::world::{self, Person, World, details};

/// The roles that an authority gives, auditors apart.
pub const ROLES: [&str; 10] = [
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
];

/// How an organisation stands to the case: in words, its name, its sector, its part, if it is given one, and the role
/// that is usual there.
const RELATIONS: [(&str, &str, &str, Option<&str>, &str); 16] = [
    ("opened the case", "police", "police", None, "officer"),
    (
        "prosecution",
        "cps",
        "prosecution",
        Some("prosecution"),
        "prosecutor",
    ),
    (
        "forensic unit",
        "forensics",
        "forensic",
        Some("forensic"),
        "examiner",
    ),
    ("court", "crown-court", "court", Some("court"), "court"),
    (
        "probation",
        "probation-service",
        "probation",
        Some("probation"),
        "probation",
    ),
    (
        "prison",
        "prison-service",
        "prison",
        Some("prison"),
        "prison",
    ),
    (
        "oversight as a party",
        "ombudsman",
        "oversight",
        Some("oversight"),
        "officer",
    ),
    (
        "defence, nothing disclosed",
        "ash",
        "defence",
        Some("defence"),
        "defence",
    ),
    (
        "defence, this disclosed",
        "birch",
        "defence",
        Some("defence"),
        "defence",
    ),
    (
        "defence, another disclosed",
        "cedar",
        "defence",
        Some("defence"),
        "defence",
    ),
    (
        "custodian who holds it",
        "north-lab",
        "forensic",
        Some("custodian"),
        "store",
    ),
    (
        "custodian of nothing",
        "south-store",
        "police",
        Some("custodian"),
        "store",
    ),
    (
        "left the case",
        "gone-lab",
        "forensic",
        Some("forensic"),
        "examiner",
    ),
    (
        "suspended",
        "shut-lab",
        "forensic",
        Some("forensic"),
        "examiner",
    ),
    (
        "party of a case that took it in",
        "harbour-police",
        "police",
        None,
        "officer",
    ),
    (
        "not in the case",
        "elsewhere-police",
        "police",
        None,
        "officer",
    ),
];

/// Whose auditors read everything.
const INSPECTORATE: &str = "inspectorate";

/// Somebody who asks.
pub struct Asker {
    pub relation: &'static str,
    pub role: &'static str,
    pub person: Person,
    /// Of those of this relation, the one whose role is usual there.
    pub usual: bool,
}

pub struct Setting {
    pub world: World,
    pub askers: Vec<Asker>,
    /// An officer of the case, of all of these roles.
    pub officer: Person,
    pub case: Subject,
    /// The exhibit that is meant, of the case.
    pub exhibit: Subject,
    /// The case that took it in.
    pub covert: Subject,
    /// The manifest that is the exhibit's file.
    pub manifest: Vec<u8>,
    /// Entries by what they are.
    pub entries: BTreeMap<&'static str, EntryHash>,
}

impl Setting {
    pub fn live(&self) -> &Live {
        let beside = self.world.beside.as_ref().unwrap().as_any_ref();
        beside.downcast_ref().unwrap()
    }

    pub fn new() -> Setting {
        let mut founding: Vec<(&str, &str)> = RELATIONS.iter().map(|one| (one.1, one.2)).collect();
        founding.push((INSPECTORATE, "oversight"));
        let mut world = live::world_of(&founding);
        let mut askers = enrol(&mut world);
        let every: Vec<&str> = ROLES.to_vec();
        let mut of = |org: &str| world.enrol(org, "Jo Smith", &every);
        let (officer, lab, birch) = (of("police"), of("north-lab"), of("birch"));
        let manifest = b"the manifest of a folder of footage\n".to_vec();
        let [case, exhibit, other, covert] = [(); 4].map(|()| world.subject());
        let mut setting = Setting {
            world,
            askers: Vec::new(),
            officer,
            case,
            exhibit,
            covert,
            manifest,
            entries: BTreeMap::new(),
        };
        setting.open(&other);
        setting.hand_over(&lab);
        setting.take_in();
        setting.look(&birch);
        setting.suspend("shut-lab");
        let service = world::clone(&setting.world.service);
        askers.push(asker("the service", "service", service));
        setting.askers = askers;
        setting
    }

    fn act(
        &mut self,
        name: &'static str,
        subject: &Subject,
        event: &str,
        body: Value,
    ) -> EntryHash {
        let officer = world::clone(&self.officer);
        self.act_as(&officer, name, subject, event, body)
    }

    fn act_as(
        &mut self,
        who: &Person,
        name: &'static str,
        subject: &Subject,
        event: &str,
        body: Value,
    ) -> EntryHash {
        let rules = custodes::ledger::Rules::embedded();
        let strand = rules.row(event).unwrap().strand;
        let mut all = details();
        let reference = match name {
            "case opened" => "OPEN",
            "covert case opened" => "COVERT",
            "other registered" => "JSM/2",
            _ => "JSM/1",
        };
        all["reference"] = json!(reference);
        let e = self.world.record(who, subject, strand, event, body, all);
        self.entries.insert(name, e);
        e
    }

    /// A case with two exhibits, and everybody's part in it.
    fn open(&mut self, other: &Subject) {
        let (case, exhibit) = (self.case.clone(), self.exhibit.clone());
        self.act("case opened", &case, "case-opened", json!({}));
        for (_, org, _, part, _) in RELATIONS {
            if let Some(part) = part {
                let body = json!({"org": org, "part": part});
                self.act("joined", &case, "party-joined", body);
            }
        }
        // A file is put before the entry that refers to it.
        let name = Hash::of(&[&self.manifest]);
        let path = format!("/v1/blobs/{}", name.to_hex());
        let live = self.live();
        let token = live.token(&self.officer, "PUT", &path, Some(name), "test");
        let header = format!("authorization: Custody {token}\r\n");
        let put = wire::ask(&live.ledger, "PUT", &path, &header, &self.manifest);
        assert_eq!(put.status, 201, "{}", put.text());
        let registered = |bytes: &[u8]| {
            let digest = EvidenceDigest::of_bytes(DigestKind::Manifest, bytes);
            json!({"case": case, "kind": "other", "digest": digest, "role": "original"})
        };
        let body = registered(&self.manifest);
        let opened = self.act("registered", &exhibit, "registered", body);
        let listed = ChainId {
            subject: case.clone(),
            strand: Strand::Exhibits,
        };
        let listed = self.end(&listed);
        self.entries.insert("listed", listed);
        self.act("noted", &exhibit, "annotated", json!({"target": opened}));
        self.act(
            "other registered",
            other,
            "registered",
            registered(b"another"),
        );
        for (name, schedule) in [
            ("scheduled openly", "mg6c"),
            ("scheduled as sensitive", "mg6d"),
        ] {
            let body = json!({"exhibit": exhibit, "schedule": schedule});
            self.act(name, &case, "scheduled", body);
        }
        for (name, given, to) in [
            ("disclosed", &exhibit, "birch"),
            ("other disclosed", other, "cedar"),
        ] {
            let body = json!({"exhibits": [given], "to": [to], "bundle": null});
            self.act(name, &case, "disclosed", body);
        }
        self.act("left", &case, "party-left", json!({"org": "gone-lab"}));
    }

    /// The custodian accepts what it is offered.
    fn hand_over(&mut self, lab: &Person) {
        let (exhibit, officer) = (self.exhibit.clone(), self.officer.actor.clone());
        let body = json!({"to": {"org": "north-lab"}, "method": "in-person"});
        let offer = self.act("offered", &exhibit, "transfer-offered", body);
        let digest = EvidenceDigest::of_bytes(DigestKind::Manifest, &self.manifest);
        let body = json!({"offer": offer, "from": officer, "digest": digest});
        self.act_as(lab, "accepted", &exhibit, "transfer-accepted", body);
    }

    /// Another case takes the exhibit in.
    fn take_in(&mut self) {
        let covert = self.covert.clone();
        self.act("covert case opened", &covert, "case-opened", json!({}));
        let body = json!({"org": "harbour-police", "part": "police"});
        self.act("joined the covert case", &covert, "party-joined", body);
        let body = json!({"exhibit": self.exhibit});
        self.act("taken in", &covert, "exhibit-linked", body);
    }

    /// Somebody of the police and of the defence look at the exhibit.
    fn look(&mut self, birch: &Person) {
        let path = format!("/v1/exhibits/{}/history", self.exhibit);
        let access = ChainId {
            subject: self.exhibit.clone(),
            strand: Strand::Access,
        };
        let officer = world::clone(&self.officer);
        for (name, who) in [("police looked", &officer), ("defence looked", birch)] {
            let answer = self.live().ask_as(who, &path, "my part in this");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let end = self.end(&access);
            self.entries.insert(name, end);
        }
    }

    /// More than half of the organisations put one out of the ledger.
    fn suspend(&mut self, org: &str) {
        let ledger = self.world.subject.clone();
        let authorities = self.world.authorities.iter();
        let authorities: Vec<Person> = authorities
            .filter(|(name, _)| name.as_str() != org)
            .map(|(_, person)| world::clone(person))
            .collect();
        let (first, others) = authorities.split_first().unwrap();
        let body = json!({"org": org});
        let proposal = self.act_as(first, "proposed", &ledger, "organisation-suspended", body);
        let org = OrgId::new(org).unwrap();
        for other in others {
            use custodes::ledger::Known as _;
            if self.world.state.org(&org).unwrap().suspended {
                return;
            }
            let body = json!({"proposal": proposal});
            self.act_as(other, "approved", &ledger, "rule-approved", body);
        }
        panic!("{org} is not suspended");
    }

    /// The last entry of a chain, as the officer is told it.
    pub fn end(&self, chain: &ChainId) -> EntryHash {
        let path = format!("/v1/heads/{}/{}", chain.subject, chain.strand);
        let head = self.live().ask_as(&self.officer, &path, "test").json();
        serde_json::from_value(head["last"].clone()).unwrap()
    }
}

fn asker(relation: &'static str, role: &'static str, person: Person) -> Asker {
    Asker {
        relation,
        role,
        person,
        usual: true,
    }
}

/// Somebody of each role in each organisation, the authorities, and an auditor.
fn enrol(world: &mut World) -> Vec<Asker> {
    let mut askers = Vec::new();
    for (relation, org, _, _, usual) in RELATIONS {
        let mut of_role = |role| Asker {
            usual: role == usual,
            ..asker(relation, role, world.enrol(org, "Alex Morgan", &[role]))
        };
        askers.extend(ROLES.map(&mut of_role));
        let authority = &world.authorities[&OrgId::new(org).unwrap()];
        askers.push(Asker {
            usual: false,
            ..asker(relation, "authority", world::clone(authority))
        });
    }
    let auditor = world.enrol(INSPECTORATE, "Ada Osei", &["auditor"]);
    askers.push(asker("auditor of an oversight body", "auditor", auditor));
    let officer = world.enrol(INSPECTORATE, "Ola Berg", &["officer"]);
    askers.push(asker(
        "of an oversight body, no auditor",
        "officer",
        officer,
    ));
    askers
}
