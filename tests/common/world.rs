//! A small ledger in memory: genesis, people, a case, exhibits and transfers, every entry taken in by
//! `ledger::admit`, and bundles of it. Everything is made from a counter, so each run gives the same bytes.
//!
//! For tests alone. The bundles disclose everything; [`withhold`] leaves details out.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use custodes::ledger::admit::{self, Place};
use custodes::ledger::rules::Rules;
use custodes::ledger::state::{Known as _, MemoryState};
use custodes::protocol::bundle::{
    Bundle, BundleChain, BundleEntry, Consistency, Content, FORMAT, NodeRef, OpenContent, Scope,
    ScopeKind, WithheldContent,
};
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::{Draft, EntryHash, Payload, Seen, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, ChainId, OrgId, Origin, Strand, Subject};
use custodes::protocol::key::SecretKey;
use custodes::protocol::leaf::Commitment;
use custodes::protocol::note::{self, SignatureKind, VerifierKey};
use custodes::protocol::policy::Policy;
use custodes::protocol::time::{LogTime, Moment, Occurred};
use custodes::protocol::token::Possession;
use custodes::protocol::tree::{
    EntryIndex, MemoryTree, RootHash, TreeSize, prove_consistency, prove_inclusion, root,
};
use serde_json::{Map, Value, json};

/// When the world begins: 14 March 2026 09:00:00 UTC, in milliseconds.
pub const BEGINNING: u64 = 1_773_478_800_000;

/// Somebody with a key.
pub struct Person {
    pub actor: ActorId,
    pub key: SecretKey,
}

/// An entry that the log took in.
#[derive(Clone)]
pub struct Recorded {
    pub index: EntryIndex,
    pub recorded_at: LogTime,
    pub entry: UnverifiedEntry,
}

/// A ledger in memory.
pub struct World {
    pub origin: Origin,
    pub subject: Subject,
    pub state: MemoryState,
    pub tree: MemoryTree,
    pub entries: Vec<Recorded>,
    pub chains: BTreeMap<ChainId, Vec<EntryIndex>>,
    pub log: SecretKey,
    pub witness: SecretKey,
    pub service: Person,
    pub authorities: BTreeMap<OrgId, Person>,
    /// The head that signers name as seen; moved by [`World::publish`].
    pub seen: Option<Seen>,
    /// The rules that this service runs: a patched one runs others.
    pub rules: &'static Rules,
    /// What the service flagged.
    pub flags: BTreeSet<(EntryHash, &'static str)>,
    counter: u64,
    now: u64,
}

impl World {
    /// A ledger with four organisations that have accepted genesis.
    pub fn new(origin: &str) -> World {
        let mut counter = Hash::of(&[origin.as_bytes()]).0[0] as u64 * 1_000_000;
        let service = person(&mut counter, "operator.example");
        let sectors = [
            ("northshire-police", "police"),
            ("northshire-forensics", "forensic"),
            ("crown-prosecution", "prosecution"),
            ("ash-and-co", "defence"),
        ];
        let mut organisations = Vec::new();
        let mut authorities = BTreeMap::new();
        for (org, sector) in sectors {
            let authority = person(&mut counter, org);
            organisations.push(json!({
                "org": org,
                "sector": sector,
                "authority": {"actor": authority.actor, "key": authority.key.public()},
            }));
            authorities.insert(OrgId::new(org).unwrap(), authority);
        }
        let mut world = World {
            origin: Origin::new(origin).unwrap(),
            subject: subject(&mut counter),
            state: MemoryState::default(),
            tree: MemoryTree::default(),
            entries: Vec::new(),
            chains: BTreeMap::new(),
            log: key(&mut counter),
            witness: key(&mut counter),
            service,
            authorities,
            seen: None,
            rules: Rules::embedded(),
            flags: BTreeSet::new(),
            counter,
            now: BEGINNING,
        };
        let body = json!({
            "service": {"actor": world.service.actor, "key": world.service.key.public()},
            "log": [world.log_vkey().to_string()],
            "organisations": organisations,
            "witnesses": [world.witness_vkey().to_string()],
            "rules": Rules::embedded().sha256(),
            "predecessor": null,
        });
        let service = clone(&world.service);
        let ledger = world.subject.clone();
        let genesis = world.record(&service, &ledger, Strand::Rules, "genesis", body, json!({}));
        world.publish();
        let authorities: Vec<Person> = world.authorities.values().map(clone).collect();
        for authority in &authorities {
            let body = json!({"genesis": genesis});
            world.record(
                authority,
                &ledger,
                Strand::Rules,
                "genesis-accepted",
                body,
                json!({}),
            );
        }
        world
    }

    /// Enrols somebody.
    pub fn enrol(&mut self, org: &str, name: &str, roles: &[&str]) -> Person {
        let enrolled = person(&mut self.counter, org);
        let authority = clone(&self.authorities[&OrgId::new(org).unwrap()]);
        let proof = Possession {
            ledger: self.origin.clone(),
            actor: enrolled.actor.clone(),
            key: enrolled.key.public(),
        };
        let body = json!({
            "actor": enrolled.actor,
            "key": enrolled.key.public(),
            "roles": roles,
            "valid_from": null,
            "valid_until": null,
            "proof": proof.sign(&enrolled.key),
        });
        let keys = enrolled.actor.subject();
        self.record(
            &authority,
            &keys,
            Strand::Keys,
            "key-enrolled",
            body,
            json!({"name": name}),
        );
        enrolled
    }

    /// A fresh subject.
    pub fn subject(&mut self) -> Subject {
        subject(&mut self.counter)
    }

    /// Signs and takes in an entry, and what the service must write because of it.
    pub fn record(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
    ) -> EntryHash {
        let entry = self.sign(who, subject, strand, event, body, details);
        let e = entry.hash();
        for companion in self.take_in(entry) {
            let service = clone(&self.service);
            let chain = &companion.chain;
            let body = Value::Object(companion.body);
            self.record(
                &service,
                &chain.subject,
                chain.strand,
                companion.event,
                body,
                json!({}),
            );
        }
        e
    }

    /// Signs an entry at the present end of its chain.
    pub fn sign(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
    ) -> UnverifiedEntry {
        let chain = self.state.chain(subject, strand);
        let occurred = Moment::from_unix((self.now / 1000) as i64, 0).unwrap();
        let payload = Payload {
            ledger: self.origin.clone(),
            subject: subject.clone(),
            strand,
            seq: chain.as_ref().map_or(0, |chain| chain.length),
            prev: chain.map(|chain| chain.last),
            event: event.to_owned(),
            actor: who.actor.clone(),
            occurred_at: Occurred::At(occurred),
            seen: self.seen,
            client: "custodes-test".to_owned(),
            jti: self.subject(),
            body: object(body),
            details: BTreeMap::new(),
        };
        let draft = Draft {
            payload,
            details: object(details).into_iter().collect(),
        };
        let counter = &mut self.counter;
        draft.sign(&who.key, || random(counter)).unwrap()
    }

    /// Tries to have something recorded: the codes of its flags, or the code of the refusal.
    pub fn attempt(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
    ) -> Result<(EntryHash, BTreeSet<&'static str>), String> {
        let entry = self.sign(who, subject, strand, event, body.clone(), details.clone());
        let rules = Rules::embedded();
        let code = |refusal: custodes::ledger::Refusal| refusal.code;
        admit::check_whole(rules, &entry).map_err(code)?;
        let key = admit::signer(&self.state, &entry).map_err(code)?;
        let verified = entry.verify(&key).unwrap();
        let place = Place {
            index: EntryIndex(self.entries.len() as u64),
            recorded_at: LogTime(self.now),
        };
        let admitted = admit::admit(rules, &self.state, &verified, place).map_err(code)?;
        let flags = admitted.flags.iter().map(|flag| flag.code).collect();
        Ok((
            self.record(who, subject, strand, event, body, details),
            flags,
        ))
    }

    fn take_in(&mut self, entry: UnverifiedEntry) -> Vec<admit::Companion> {
        let index = EntryIndex(self.entries.len() as u64);
        let recorded_at = LogTime(self.now);
        self.now += 60_000;
        let rules = self.rules;
        admit::check_whole(rules, &entry).unwrap();
        let key = admit::signer(&self.state, &entry).unwrap();
        let verified = entry.clone().verify(&key).unwrap();
        let place = Place { index, recorded_at };
        let admitted = admit::admit(rules, &self.state, &verified, place)
            .unwrap_or_else(|refusal| panic!("{}: {refusal}", entry.payload().event));
        let flags = admitted.flags.iter();
        self.flags
            .extend(flags.map(|one| (one.entries[0], one.code)));
        self.state.apply(admitted.changes);
        self.tree
            .append(Commitment::new(recorded_at, entry.hash()).leaf_hash());
        self.chains
            .entry(entry.payload().chain())
            .or_default()
            .push(index);
        self.entries.push(Recorded {
            index,
            recorded_at,
            entry,
        });
        admitted.companions
    }

    /// From now on signers name the present head as seen.
    pub fn publish(&mut self) {
        self.seen = Some(Seen {
            size: self.tree.size(),
            root: self.tree.root(),
        });
    }

    /// Lets time pass.
    pub fn wait(&mut self, minutes: u64) {
        self.now += minutes * 60_000;
    }

    pub fn log_vkey(&self) -> VerifierKey {
        VerifierKey::ed25519(
            self.origin.clone(),
            SignatureKind::Ed25519,
            self.log.public(),
        )
    }

    pub fn witness_vkey(&self) -> VerifierKey {
        let name = Origin::new("witness.example").unwrap();
        VerifierKey::ed25519(name, SignatureKind::CosignatureV1, self.witness.public())
    }

    /// A policy that demands the witness.
    pub fn policy(&self) -> Policy {
        let (log, witness) = (self.log_vkey(), self.witness_vkey());
        Policy::parse(&format!(
            "log {log}\nwitness court {witness}\nquorum court\n"
        ))
        .unwrap()
    }

    /// A policy that demands nobody.
    pub fn lax_policy(&self) -> Policy {
        Policy::parse(&format!("log {}\nquorum none\n", self.log_vkey())).unwrap()
    }

    /// The signed note over the first `size` leaves, cosigned if asked.
    pub fn checkpoint(&self, size: TreeSize, cosigned: bool) -> String {
        let root: RootHash = root(size, &self.tree).unwrap();
        let text = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        }
        .to_text();
        let mut note = note::sign(&text, &self.origin, &self.log);
        if cosigned {
            let name = Origin::new("witness.example").unwrap();
            note.push_str(&note::cosign(&text, &name, self.now / 1000, &self.witness));
        }
        note
    }

    /// The bundle of an exhibit.
    pub fn exhibit_bundle(&self, exhibit: &Subject) -> Bundle {
        let scope = Scope {
            kind: ScopeKind::Exhibit,
            subject: exhibit.clone(),
        };
        self.bundle(scope, self.lineage([exhibit.clone()]))
    }

    /// The bundle of a case, with every exhibit of it.
    pub fn case_bundle(&self, case: &Subject) -> Bundle {
        let scope = Scope {
            kind: ScopeKind::Case,
            subject: case.clone(),
        };
        let exhibits = self.state.exhibits_of(case);
        self.bundle(scope, self.lineage(exhibits))
    }

    fn lineage(&self, exhibits: impl IntoIterator<Item = Subject>) -> BTreeSet<Subject> {
        let mut open: Vec<Subject> = exhibits.into_iter().collect();
        let mut lineage = BTreeSet::new();
        while let Some(next) = open.pop() {
            let record = self.state.exhibit(&next).unwrap();
            if lineage.insert(next) {
                open.extend(record.parents.into_iter().chain(record.containers));
            }
        }
        lineage
    }

    fn bundle(&self, scope: Scope, exhibits: BTreeSet<Subject>) -> Bundle {
        let mut cases: BTreeSet<Subject> = exhibits
            .iter()
            .map(|one| self.state.exhibit(one).unwrap().case)
            .collect();
        if scope.kind == ScopeKind::Case {
            cases.insert(scope.subject.clone());
        }
        let mut wanted: BTreeSet<ChainId> = self
            .chains
            .keys()
            .filter(|chain| {
                chain.subject == self.subject
                    || exhibits.contains(&chain.subject)
                    || cases.contains(&chain.subject)
            })
            .cloned()
            .collect();
        let mut actors = BTreeSet::new();
        for recorded in &self.entries {
            let payload = recorded.entry.payload();
            if wanted.contains(&payload.chain()) {
                actors.insert(payload.actor.subject());
                collect_actors(&Value::Object(payload.body.clone()), &mut actors);
            }
        }
        let keys = self
            .chains
            .keys()
            .filter(|chain| chain.strand == Strand::Keys && actors.contains(&chain.subject));
        wanted.extend(keys.cloned());
        let recorded: Vec<&Recorded> = self
            .entries
            .iter()
            .filter(|one| wanted.contains(&one.entry.payload().chain()))
            .collect();
        self.assemble(scope, &wanted, &recorded)
    }

    /// A bundle of just these chains and entries.
    pub fn assemble(
        &self,
        scope: Scope,
        chains: &BTreeSet<ChainId>,
        recorded: &[&Recorded],
    ) -> Bundle {
        let size = self.tree.size();
        let older = self
            .seen
            .map(|seen| seen.size)
            .filter(|older| *older < size);
        let mut heads: BTreeMap<(TreeSize, Hash), ()> = BTreeMap::new();
        for seen in recorded.iter().filter_map(|one| one.entry.payload().seen) {
            heads.insert((seen.size, seen.root.0), ());
        }
        if let Some(older) = older {
            heads.insert((older, root(older, &self.tree).unwrap().0), ());
        }
        let inclusion: Vec<Vec<Hash>> = recorded
            .iter()
            .map(|one| prove_inclusion(one.index, size, &self.tree).unwrap().0)
            .collect();
        let consistency: Vec<Vec<Hash>> = heads
            .keys()
            .map(|head| prove_consistency(head.0, size, &self.tree).unwrap().0)
            .collect();
        let nodes: BTreeSet<Hash> = inclusion
            .iter()
            .chain(&consistency)
            .flatten()
            .copied()
            .collect();
        let nodes: Vec<Hash> = nodes.into_iter().collect();
        let refs = |proof: &[Hash]| -> Vec<NodeRef> {
            proof
                .iter()
                .map(|hash| NodeRef(nodes.binary_search(hash).unwrap() as u32))
                .collect()
        };
        let entries = recorded
            .iter()
            .zip(&inclusion)
            .map(|(one, proof)| BundleEntry {
                index: one.index,
                recorded_at: one.recorded_at,
                proof: refs(proof),
                content: Content::Open(OpenContent {
                    jws: one.entry.jws().to_owned(),
                    disclosures: one
                        .entry
                        .disclosures()
                        .iter()
                        .map(|d| d.as_str().to_owned())
                        .collect(),
                    withheld: Vec::new(),
                }),
            })
            .collect();
        Bundle {
            format: FORMAT.to_owned(),
            ledger: self.origin.clone(),
            scope,
            evaluated_at: recorded.last().map_or(LogTime(0), |one| one.recorded_at),
            checkpoints: older
                .into_iter()
                .map(|older| self.checkpoint(older, false))
                .chain([self.checkpoint(size, true)])
                .collect(),
            consistency: heads
                .keys()
                .zip(&consistency)
                .map(|(head, proof)| Consistency {
                    size: head.0,
                    root: RootHash(head.1),
                    proof: refs(proof),
                })
                .collect(),
            entries,
            chains: chains
                .iter()
                .map(|chain| BundleChain {
                    subject: chain.subject.clone(),
                    strand: chain.strand,
                    head: self.state.chain(&chain.subject, chain.strand).unwrap().head,
                    entries: self.chains[chain].clone(),
                    map: None,
                })
                .collect(),
            nodes,
            blobs: Vec::new(),
        }
    }
}

/// Leaves details of an entry out.
pub fn withhold(bundle: &mut Bundle, index: EntryIndex, names: &[&str]) {
    let entry = bundle
        .entries
        .iter_mut()
        .find(|one| one.index == index)
        .unwrap();
    let Content::Open(content) = &mut entry.content else {
        panic!("the entry is withheld already")
    };
    let whole =
        UnverifiedEntry::from_parts(&content.jws, content.disclosures.iter().map(String::as_str))
            .unwrap();
    let (out, kept): (Vec<_>, Vec<_>) = whole
        .disclosures()
        .iter()
        .partition(|one| names.contains(&one.name()));
    content.disclosures = kept.iter().map(|one| one.as_str().to_owned()).collect();
    content
        .withheld
        .extend(out.iter().map(|one| one.name().to_owned()));
    content.withheld.sort();
}

/// Withholds an entry wholly.
pub fn withhold_entry(bundle: &mut Bundle, index: EntryIndex) {
    let entry = bundle
        .entries
        .iter_mut()
        .find(|one| one.index == index)
        .unwrap();
    if let Content::Open(content) = &entry.content {
        let e = EntryHash(Hash::of(&[content.jws.as_bytes()]));
        entry.content = Content::Withheld(WithheldContent { e });
    }
}

/// A case with a registered video, a seized phone and a working copy, a transfer, and readers.
pub struct Sample {
    pub world: World,
    pub case: Subject,
    pub video: Subject,
    pub phone: Subject,
    pub copy: Subject,
    /// The bytes of the video (the working copy has the same).
    pub bytes: Vec<u8>,
    pub officer: Person,
    pub examiner: Person,
}

/// Makes the sample.
pub fn sample() -> Sample {
    sample_of("evidence.northshire.example")
}

/// Makes the sample in a ledger of this name.
pub fn sample_of(origin: &str) -> Sample {
    let mut world = World::new(origin);
    let officer = world.enrol("northshire-police", "PC Jo Smith", &["officer"]);
    let examiner = world.enrol("northshire-forensics", "Dr Ana Iyer", &["examiner"]);
    let case = world.subject();
    world.publish();
    let title = json!({"title": "R v Doe", "reference": "44NS1234526"});
    world.record(
        &officer,
        &case,
        Strand::Case,
        "case-opened",
        json!({}),
        title,
    );
    let join = json!({"org": "northshire-forensics", "part": "forensic"});
    let basis = json!({"basis": "Forensic examination"});
    world.record(&officer, &case, Strand::Case, "party-joined", join, basis);

    let bytes = b"not really a video, but bytes all the same".to_vec();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, &bytes);
    let video = world.subject();
    let body = json!({
        "case": case, "kind": "surveillance-footage", "digest": digest, "role": "original",
    });
    let details = json!({
        "reference": "JSM/1",
        "description": "Footage of the car park, camera 4",
        "power_or_consent": "Consent of the keeper",
        "address": "4 Mill Lane",
    });
    world.record(
        &officer,
        &video,
        Strand::Custody,
        "registered",
        body,
        details,
    );

    let phone = world.subject();
    let body = json!({"case": case, "kind": "device", "from": null, "seal": "K1234567"});
    let details = json!({
        "reference": "JSM/2", "description": "A black phone", "power_or_consent": "PACE s.19",
    });
    world.record(&officer, &phone, Strand::Custody, "seized", body, details);

    world.wait(30);
    let body = json!({"to": {"actor": examiner.actor}, "method": "in-person"});
    let purpose = json!({"purpose": "Examination"});
    let offer = world.record(
        &officer,
        &video,
        Strand::Custody,
        "transfer-offered",
        body,
        purpose,
    );
    let body = json!({"offer": offer, "from": officer.actor, "digest": digest});
    let condition = json!({"condition": "Sealed, undamaged"});
    world.record(
        &examiner,
        &video,
        Strand::Custody,
        "transfer-accepted",
        body,
        condition,
    );

    let copy = world.subject();
    let body = json!({
        "case": case, "kind": "surveillance-footage", "role": "working", "digest": digest,
        "parents": [{"exhibit": video, "digest": digest}],
    });
    let details = json!({"description": "Working copy", "reference": "AI/1"});
    world.record(&examiner, &copy, Strand::Custody, "acquired", body, details);

    let service = clone(&world.service);
    let body = json!({"target": "exhibit", "extent": "history"});
    let details = json!({
        "reader": officer.actor, "purpose": "Preparing a statement", "token": "a.b.c",
    });
    world.record(&service, &video, Strand::Access, "viewed", body, details);
    Sample {
        world,
        case,
        video,
        phone,
        copy,
        bytes,
        officer,
        examiner,
    }
}

/// The same person again: keys of tests may be copied.
pub fn clone(person: &Person) -> Person {
    Person {
        actor: person.actor.clone(),
        key: SecretKey::from_seed(*person.key.seed()),
    }
}

fn person(counter: &mut u64, org: &str) -> Person {
    let org = OrgId::new(org).unwrap();
    Person {
        actor: ActorId::from_parts(&org, &subject(counter)),
        key: key(counter),
    }
}

fn key(counter: &mut u64) -> SecretKey {
    *counter += 1;
    SecretKey::from_seed(Hash::of(&[b"key", &counter.to_be_bytes()]).0)
}

fn subject(counter: &mut u64) -> Subject {
    Subject::from_bytes(random(counter))
}

fn random(counter: &mut u64) -> [u8; 16] {
    *counter += 1;
    let hash = Hash::of(&[b"random", &counter.to_be_bytes()]);
    hash.0[..16].try_into().unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn collect_actors(value: &Value, into: &mut BTreeSet<Subject>) {
    match value {
        Value::String(text) => {
            into.extend(ActorId::new(text.as_str()).ok().map(|one| one.subject()))
        }
        Value::Array(items) => items.iter().for_each(|item| collect_actors(item, into)),
        Value::Object(map) => map.values().for_each(|item| collect_actors(item, into)),
        _ => {}
    }
}
