//! A small ledger in memory: genesis, people, a case, exhibits and transfers, every entry taken in by
//! `ledger::admit`, and bundles of it. Everything is made from a counter, so each run gives the same bytes.
//! Beside a real service (`live.rs`) every entry goes there as well, and both must say the same.
//!
//! For tests alone. The bundles disclose everything; [`withhold`] leaves details out.

#![allow(dead_code, unused_imports, clippy::unwrap_used)]

#[path = "world_bundles.rs"]
mod bundles;
#[path = "world_live.rs"]
mod live;
#[path = "world_made.rs"]
mod made;
#[path = "world_sample.rs"]
mod sample;

use std::collections::{BTreeMap, BTreeSet};

use custodes::ledger::admit::{self, Admitted, Place};
use custodes::ledger::rules::Rules;
use custodes::ledger::state::{Known as _, MemoryState, Record, RecordKey};
use custodes::ledger::{Refusal, told};
use custodes::protocol::base64url;
use custodes::protocol::bundle::{
    Bundle, BundleChain, BundleEntry, Consistency, Content, FORMAT, MapProof, NodeRef, OpenContent,
    Scope, ScopeKind, WithheldContent,
};
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::{Draft, EntryHash, Payload, Seen, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, ChainId, OrgId, Origin, Strand, Subject};
use custodes::protocol::key::SecretKey;
use custodes::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use custodes::protocol::map;
use custodes::protocol::map_rows::{self, MemoryRows};
use custodes::protocol::note::{self, SignatureKind, VerifierKey};
use custodes::protocol::policy::Policy;
use custodes::protocol::time::{LogTime, Moment, Occurred};
use custodes::protocol::token::{Possession, ReadRequest};
use custodes::protocol::tree::{
    EntryIndex, MemoryTree, RootHash, TreeSize, leaf_hash, prove_consistency, prove_inclusion, root,
};
use custodes::verify::audit::AuditLeaf;
use serde_json::{Map, Value, json};

pub use bundles::{prune, untied, withhold, withhold_entry};
pub use live::{Founded, Queued, RealLedger};
pub use made::{Person, SECTORS, clone, details};
use made::{key, object, person, random, subject};
pub use sample::{Sample, sample, sample_in, sample_of};

/// When the world begins: 14 March 2026 09:00:00 UTC, in milliseconds.
pub const BEGINNING: u64 = 1_773_478_800_000;

/// An entry that the log took in.
#[derive(Clone)]
pub struct Recorded {
    pub index: EntryIndex,
    pub recorded_at: LogTime,
    pub entry: UnverifiedEntry,
}

impl Recorded {
    /// Its disclosures as they stand in it.
    pub fn disclosures(&self) -> Vec<String> {
        let all = self.entry.disclosures().iter();
        all.map(|one| one.as_str().to_owned()).collect()
    }
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
    /// Minutes by which the signers' clocks are ahead of the log's.
    pub clocks: i64,
    /// The real ledger beside it, if there is one.
    pub beside: Option<Box<dyn RealLedger>>,
    /// Where set, what is recorded waits here until [`World::send`].
    pub queue: Option<Vec<Queued>>,
    /// The exhibit that the service names in the next entry that it owes, in place of the right one.
    pub misled: Option<Subject>,
    /// Entries that this operator leaves out of bundles.
    pub omitted: BTreeSet<EntryIndex>,
    /// Whether it leaves them out of the map as well.
    pub map_lies: bool,
    /// The map leaves that were published, by index.
    pub maps: BTreeMap<EntryIndex, Hash>,
    /// Size of the tree when its last leaf was a map leaf.
    pub ends_in_map: TreeSize,
    /// Who signed last, the service apart.
    signed_by: Option<Person>,
    /// Sizes at which checkpoints were published, and when.
    published: BTreeMap<TreeSize, u64>,
    counter: u64,
    now: u64,
}

impl World {
    /// A ledger with five organisations that have accepted genesis.
    pub fn new(origin: &str) -> World {
        World::founded(origin, |_| {})
    }

    /// The same, after an edit of what genesis says.
    pub fn founded(origin: &str, edit: impl FnOnce(&mut Value)) -> World {
        let mut counter = Hash::of(&[origin.as_bytes()]).0[0] as u64 * 1_000_000;
        let service = person(&mut counter, "operator.example");
        let mut organisations = Vec::new();
        let mut authorities = BTreeMap::new();
        for (org, sector) in SECTORS {
            let authority = person(&mut counter, org);
            organisations.push(json!({
                "org": org,
                "sector": sector,
                "authority": {"actor": authority.actor, "key": authority.key.public()},
            }));
            authorities.insert(OrgId::new(org).unwrap(), authority);
        }
        let origin = Origin::new(origin).unwrap();
        let subject = subject(&mut counter);
        let keys = [key(&mut counter), key(&mut counter)];
        let mut world = World::empty(origin, subject, keys, service, authorities, counter);
        let mut body = json!({
            "service": {"actor": world.service.actor, "key": world.service.key.public()},
            "log": [world.log_vkey().to_string()],
            "organisations": organisations,
            "witnesses": [world.witness_vkey().to_string()],
            "rules": Rules::embedded().sha256(),
        });
        edit(&mut body);
        let service = clone(&world.service);
        let ledger = world.subject.clone();
        let genesis = world.record(&service, &ledger, Strand::Rules, "genesis", body, json!({}));
        world.accept(genesis);
        world
    }

    fn accept(&mut self, genesis: EntryHash) {
        self.publish();
        let ledger = self.subject.clone();
        let authorities: Vec<Person> = self.authorities.values().map(clone).collect();
        for authority in &authorities {
            let body = json!({"genesis": genesis});
            self.record(
                authority,
                &ledger,
                Strand::Rules,
                "genesis-accepted",
                body,
                json!({}),
            );
        }
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

    /// A new authority of an organisation, in the place of an earlier one.
    pub fn authority(&mut self, org: &str) -> Person {
        let authority = person(&mut self.counter, org);
        self.authorities
            .insert(OrgId::new(org).unwrap(), clone(&authority));
        authority
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
        self.attempt(who, subject, strand, event, body, details)
            .unwrap_or_else(|code| panic!("{event}: {code}"))
            .0
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
        let entry = self.sign(who, subject, strand, event, body, details);
        self.submit(entry)
    }

    /// What the rules would say of an entry; nothing is taken in.
    pub fn trial(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
    ) -> Result<BTreeSet<&'static str>, String> {
        let entry = self.sign(who, subject, strand, event, body, details);
        let place = self.place();
        let admitted = self.admitted(&entry, place);
        admitted
            .map(|admitted| admitted.flags.iter().map(|flag| flag.code).collect())
            .map_err(|refusal| refusal.code)
    }

    fn admitted(&self, entry: &UnverifiedEntry, place: Place) -> Result<Admitted, Refusal> {
        admit::check_whole(self.rules, entry)?;
        let key = admit::signer(&self.state, entry)?;
        let verified = entry.clone().verify(&key).unwrap();
        let admitted = admit::admit(self.rules, &self.state, &verified, place);
        admitted.map_err(|refusal| told(self.rules, &self.state, &verified, place, refusal))
    }

    /// Where and when the next entry would be taken in.
    fn place(&mut self) -> Place {
        if let Some(beside) = &self.beside {
            self.now = self.now.max(beside.now_ms());
        }
        // A real service beside has map leaves in between, which are not here.
        let after = self.entries.last().map_or(0, |last| last.index.0 + 1);
        Place {
            index: EntryIndex(after.max(self.tree.size().0)),
            recorded_at: LogTime(self.now),
        }
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
        let (seq, prev) = chain.map_or((0, None), |chain| (chain.length, Some(chain.last)));
        self.sign_at(who, subject, strand, event, body, details, (seq, prev))
    }

    /// Signs an entry at any place of its chain.
    #[allow(clippy::too_many_arguments)]
    pub fn sign_at(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
        (seq, prev): (u64, Option<EntryHash>),
    ) -> UnverifiedEntry {
        self.place();
        if who.actor != self.service.actor {
            self.signed_by = Some(clone(who));
        }
        let occurred = Moment::from_unix((self.now / 1000) as i64 + self.clocks * 60, 0).unwrap();
        let payload = Payload {
            ledger: self.origin.clone(),
            subject: subject.clone(),
            strand,
            seq,
            prev,
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

    fn take_in(
        &mut self,
        entry: UnverifiedEntry,
        place: Place,
    ) -> Result<(BTreeSet<&'static str>, Vec<admit::Companion>), Refusal> {
        let Place { index, recorded_at } = place;
        let admitted = self.admitted(&entry, place)?;
        let flags: BTreeSet<_> = admitted.flags.iter().map(|flag| flag.code).collect();
        let e = entry.hash();
        self.flags.extend(flags.iter().map(|code| (e, *code)));
        self.now = match self.beside {
            Some(_) => recorded_at.0,
            None => self.now + 60_000,
        };
        self.state.apply(admitted.changes);
        self.tree
            .append(Commitment::new(recorded_at, entry.hash()).leaf_hash());
        if admitted.in_chain {
            let chain = entry.payload().chain();
            self.chains.entry(chain).or_default().push(index);
        }
        self.entries.push(Recorded {
            index,
            recorded_at,
            entry,
        });
        Ok((flags, admitted.companions))
    }

    /// Writes an entry whatever the rules say, into its chain or beside it, as a patched service would.
    pub fn force(&mut self, entry: UnverifiedEntry, in_chain: bool) -> EntryIndex {
        let place = self.place();
        let (index, recorded_at) = (place.index, place.recorded_at);
        self.now += 60_000;
        let commitment = Commitment::new(recorded_at, entry.hash());
        self.tree.append(commitment.leaf_hash());
        if in_chain {
            let chain = entry.payload().chain();
            let mut record = self.state.chain(&chain.subject, chain.strand).unwrap();
            record.length += 1;
            record.last = entry.hash();
            record.head = record.head.extend(index, commitment);
            self.chains.entry(chain.clone()).or_default().push(index);
            let key = RecordKey::Chain(chain);
            self.state.apply([(key, Record::Chain(record))]);
        }
        self.entries.push(Recorded {
            index,
            recorded_at,
            entry,
        });
        index
    }

    /// The whole log, as an audit reads it.
    pub fn leaves(&self) -> Vec<AuditLeaf> {
        let leaf = |one: &Recorded| AuditLeaf {
            recorded_at: one.recorded_at,
            data: Commitment::new(one.recorded_at, one.entry.hash()).leaf_data(),
            jws: one.entry.jws().to_owned(),
            disclosures: one.disclosures(),
        };
        self.entries.iter().map(leaf).collect()
    }

    /// From now on signers name the present head as seen.
    pub fn publish(&mut self) {
        let ours = Seen {
            size: self.tree.size(),
            root: self.tree.root(),
        };
        self.published.entry(ours.size).or_insert(self.now);
        self.seen = match &mut self.beside {
            Some(beside) => beside.newest(),
            None => Some(ours),
        };
    }

    /// Lets time pass: beside a real service, more than a second.
    pub fn wait(&mut self, minutes: u64) {
        match &mut self.beside {
            Some(beside) => beside.wait(),
            None => self.now += minutes * 60_000,
        }
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

    /// The signed note over the first `size` leaves, cosigned if asked: when it was published, else now.
    pub fn checkpoint(&self, size: TreeSize, cosigned: bool) -> String {
        self.checkpoint_of(&self.tree, size, cosigned)
    }

    /// The same of a tree that may have a map leaf more.
    fn checkpoint_of(&self, tree: &MemoryTree, size: TreeSize, cosigned: bool) -> String {
        let time = self.published.get(&size).unwrap_or(&self.now) / 1000;
        let root: RootHash = root(size, tree).unwrap();
        let text = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        }
        .to_text();
        let mut note = note::sign(&text, &self.origin, &self.log);
        if cosigned {
            let name = Origin::new("witness.example").unwrap();
            note.push_str(&note::cosign(&text, &name, time, &self.witness));
        }
        note
    }
}
