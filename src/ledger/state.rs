//! What the rules know: small records, each under a key of its own, so that a store can keep and fetch them
//! one by one. A record never grows with the number of exhibits, entries or readers of a case, and deciding on
//! an entry reads a bounded number of them, none by listing. Which ones an entry needs follows from its event
//! alone only in part (an offer names nobody's container), so there is no list of keys to fetch beforehand: a
//! store that wants them warm puts a cache under [`Known::get`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use super::change::{Change, ProposalRecord};
pub use super::disclosed::{DisclosureRecord, Withheld};
use super::flags::FlagRule;
pub use super::memory_state::MemoryState;
pub use super::record_key::RecordKey;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, Code, OrgId, Origin, Strand, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::leaf::ChainHead;
use crate::protocol::map;
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;

/// What a person or system may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names are the field's own; DOMAIN section 1 lists what each does
pub enum Role {
    Authority,
    Officer,
    Examiner,
    Store,
    System,
    DisclosureOfficer,
    Prosecutor,
    Defence,
    Court,
    Probation,
    Prison,
    Auditor,
    Service,
}

/// A record. Large ones are boxed: an audit or a monitor holds those of entries and chains by the million.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // each variant holds the type that documents it
pub enum Record {
    Ledger(Box<LedgerRecord>),
    Org(OrgRecord),
    Actor(ActorRecord),
    Key(Box<KeyRecord>),
    Case(CaseRecord),
    Exhibit(Box<ExhibitRecord>),
    Chain(ChainRecord),
    Entry(EntryRecord),
    /// The entry that says so.
    Fact(EntryHash),
    /// Cases that took an exhibit of another in, and the entries that say so.
    Links(BTreeMap<Subject, EntryHash>),
    /// What a replay of the log would flag: derived state like every other record, and audited as such.
    Flagged(Vec<FlagRule>),
    Explained(Vec<Explanation>),
    Proposal(Box<ProposalRecord>),
    Branch(BranchRecord),
    /// Names of details of an entry that were erased, and under which entry.
    Erased(BTreeMap<String, EntryHash>),
    /// Each disclosure of an exhibit to an organisation.
    Disclosures(Vec<DisclosureRecord>),
}

/// What genesis said of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// Its origin.
    pub origin: Origin,
    /// Subject of its `rules` chain.
    pub subject: Subject,
    /// The entry itself.
    pub genesis: EntryHash,
    /// The actor that signs what the service records.
    pub service: ActorId,
    /// Keys that sign checkpoints, as vkeys.
    pub log_keys: Vec<String>,
    /// SHA-256 of the rules table that governs it.
    pub rules: Hash,
    /// Organisations that are not suspended.
    pub orgs: BTreeSet<OrgId>,
    /// Thresholds that the parties changed, in seconds; others are those of the table.
    pub thresholds: BTreeMap<String, u64>,
    /// Logs that this one goes on from.
    pub continues: BTreeSet<Origin>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrgRecord {
    /// Police, forensic, prosecution, court, prison, probation, defence or oversight.
    pub sector: String,
    /// The actor that enrols its people.
    pub authority: ActorId,
    /// Whether that actor has accepted genesis.
    pub accepted: bool,
    /// Whether its people may write no more.
    pub suspended: bool,
}

/// A person or system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActorRecord {
    /// Organisation and id.
    pub actor: ActorId,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Their keys, past ones included.
    pub keys: BTreeSet<KeyId>,
}

/// An enrolled key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Whose.
    pub actor: ActorId,
    /// The key.
    pub key: PublicKey,
    /// Valid from this Unix second by the log's clock, if limited.
    pub valid_from: Option<i64>,
    /// Valid until this Unix second by the log's clock, if limited.
    pub valid_until: Option<i64>,
    /// Log index from which it counts no more.
    pub revoked: Option<EntryIndex>,
    /// Declared compromised since this Unix second.
    pub compromised_since: Option<i64>,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Who opened it.
    pub opened_by: ActorId,
    /// Organisations in the case, and their part.
    pub parties: BTreeMap<OrgId, String>,
    /// Organisations that left it, and the part they had last.
    pub left: BTreeMap<OrgId, String>,
    /// Holds on the whole case, by the entries that placed them.
    pub holds: BTreeMap<EntryHash, Hold>,
}

/// A hold: nothing is disposed of, or erased, while it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who placed it.
    pub by: OrgId,
    /// The last Unix second at which it is in force, if it ends by itself.
    pub until: Option<i64>,
}

impl Hold {
    /// Whether it is in force at a log time, unless somebody lifts it before.
    pub fn is_in_force(&self, at: LogTime) -> bool {
        let now = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        self.until.is_none_or(|until| now <= until)
    }
}

/// Who has an exhibit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The organisation.
    pub org: OrgId,
    /// The person, where one is named.
    pub person: Option<ActorId>,
}

/// Whom something is offered to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Recipient {
    /// A named person.
    Actor(ActorId),
    /// Anyone of an organisation.
    Org(OrgId),
    /// Anyone of the organisation that keeps a store: whoever is on duty there.
    Store(StoreRef),
}

/// A store: a property store, a shelf, a locker, a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreRef {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub place: Code,
}

impl Recipient {
    /// The organisation that is offered to.
    pub fn org(&self) -> OrgId {
        match self {
            Recipient::Actor(actor) => actor.org(),
            Recipient::Org(org) => org.clone(),
            Recipient::Store(store) => store.org.clone(),
        }
    }
}

/// An offer that nobody has answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The entry that made it.
    pub e: EntryHash,
    /// To whom.
    pub to: Recipient,
    /// By whom.
    pub by: ActorId,
    /// When the log recorded it.
    pub at: LogTime,
}

/// What became of an exhibit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Somebody has it.
    Held,
    /// Somebody outside the ledger has it; the last holder answers for it.
    Outside,
    /// Nobody knows where it is.
    Lost,
    /// It was given back.
    Returned,
    /// It was destroyed as authorised, or as somebody thought it was.
    Disposed,
    /// It was destroyed by accident.
    Destroyed,
}

/// Who authorised disposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorisation {
    /// The entry.
    pub e: EntryHash,
    /// Who.
    pub by: ActorId,
}

/// What one person says the custody should be, until a second person says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restatement {
    /// The entry.
    pub e: EntryHash,
    /// Who says so.
    pub by: ActorId,
    /// Who is said to hold it.
    pub holder: ActorId,
}

/// Somebody's explanation of a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The entry that explains.
    pub e: EntryHash,
    /// Who.
    pub by: ActorId,
    /// When the log recorded it.
    pub at: LogTime,
}

/// An exhibit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExhibitRecord {
    /// The case it was opened in.
    pub case: Subject,
    /// Kind of evidence.
    pub kind: String,
    /// What its bytes are, once they are known.
    pub digest: Option<EvidenceDigest>,
    /// Who has it.
    pub holder: Holder,
    /// Organisations that have it or had it.
    pub holders: BTreeSet<OrgId>,
    /// The open offer, if there is one.
    pub offer: Option<Offer>,
    /// Number of the seal that is on it.
    pub seal: Option<String>,
    /// Every seal number used on it.
    pub seals_used: BTreeSet<String>,
    /// What it was made from.
    pub parents: Vec<Subject>,
    /// Original, master, working copy and so on.
    pub role: String,
    /// The entry that opened it.
    pub opened: EntryHash,
    /// What became of it.
    pub status: Status,
    /// Where it is kept, if in a store.
    pub place: Option<String>,
    /// Who carries it, if it is on its way.
    pub carrier: Option<String>,
    /// The container it is in.
    pub container: Option<Subject>,
    /// Every container it was ever in: what happened to them happened to it.
    pub containers: BTreeSet<Subject>,
    /// What is in it, if it is a container.
    pub contents: BTreeSet<Subject>,
    /// When the latest act on its custody chain happened, by its signer, in Unix seconds.
    pub latest: i64,
    /// Holds on it, by the entries that placed them.
    pub holds: BTreeMap<EntryHash, Hold>,
    /// To be kept until this Unix second, if set.
    pub retain_until: Option<i64>,
    /// Who authorised its disposal, if anybody did.
    pub authorised: Option<Authorisation>,
    /// Organisations whose claim of privilege waits for a decision, or was upheld.
    pub privilege: BTreeSet<OrgId>,
    /// A restatement of its custody that waits for a second person.
    pub restatement: Option<Restatement>,
}

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainRecord {
    /// Number of entries.
    pub length: u64,
    /// The last of them.
    pub last: EntryHash,
    /// The head over them.
    pub head: ChainHead,
    /// Where in the log the last of them stands.
    pub index: EntryIndex,
    /// When the log recorded it.
    pub at: LogTime,
}

/// Where an entry stands: bodies point at entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Place in the log.
    pub index: EntryIndex,
    /// Its chain, or the one that it branches off.
    pub chain: ChainId,
    /// Its position there, as it says.
    pub seq: u64,
    /// Its event.
    pub event: String,
    /// Who recorded it.
    pub actor: ActorId,
}

/// Where an entry of a branch must stand, and what it must say: the `late-branch` that names it states both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The chain that it branches off.
    pub chain: ChainId,
    /// The position that it says.
    pub seq: u64,
    /// The entry that it says it follows.
    pub prev: EntryHash,
    /// Its place in the log.
    pub index: EntryIndex,
}

/// Where the map of completeness holds a chain, and what, if the record is one of a chain.
pub fn map_value(key: &RecordKey, record: &Record) -> Option<(Hash, Hash)> {
    let (RecordKey::Chain(chain), Record::Chain(record)) = (key, record) else {
        return None;
    };
    let key = map::key(chain);
    Some((key, map::value(key, record.length, record.head)))
}

/// The file that a record has an exhibit refer to, where it does: the file's SHA-256, the exhibit.
pub fn file_named(key: &RecordKey, record: &Record) -> Option<(Hash, Subject)> {
    match (key, record) {
        (RecordKey::Exhibit(exhibit), Record::Exhibit(record)) => {
            let digest = record.digest.as_ref()?;
            Some((digest.sha256, exhibit.clone()))
        }
        (RecordKey::Attached(sha256, exhibit), _) => Some((*sha256, exhibit.clone())),
        _ => None,
    }
}

/// What is known before an entry: by replay, or out of a store.
pub trait Known {
    /// The record under a key.
    fn get(&self, key: &RecordKey) -> Option<Record>;

    /// The ledger, once genesis is in.
    fn ledger(&self) -> Option<LedgerRecord> {
        match self.get(&RecordKey::Ledger)? {
            Record::Ledger(record) => Some(*record),
            _ => None,
        }
    }

    /// An organisation.
    fn org(&self, org: &OrgId) -> Option<OrgRecord> {
        match self.get(&RecordKey::Org(org.clone()))? {
            Record::Org(record) => Some(record),
            _ => None,
        }
    }

    /// An actor; the whole id must match, not only its second half.
    fn actor(&self, actor: &ActorId) -> Option<ActorRecord> {
        match self.get(&RecordKey::Actor(actor.subject()))? {
            Record::Actor(record) if record.actor == *actor => Some(record),
            _ => None,
        }
    }

    /// A key.
    fn key(&self, kid: KeyId) -> Option<KeyRecord> {
        match self.get(&RecordKey::Key(kid))? {
            Record::Key(record) => Some(*record),
            _ => None,
        }
    }

    /// A case.
    fn case(&self, case: &Subject) -> Option<CaseRecord> {
        match self.get(&RecordKey::Case(case.clone()))? {
            Record::Case(record) => Some(record),
            _ => None,
        }
    }

    /// An exhibit.
    fn exhibit(&self, exhibit: &Subject) -> Option<ExhibitRecord> {
        match self.get(&RecordKey::Exhibit(exhibit.clone()))? {
            Record::Exhibit(record) => Some(*record),
            _ => None,
        }
    }

    /// Whether a case's table of contents lists an exhibit.
    fn has_exhibit(&self, case: &Subject, exhibit: &Subject) -> bool {
        let key = RecordKey::CaseExhibit(case.clone(), exhibit.clone());
        self.get(&key).is_some()
    }

    /// The cases that took an exhibit of another case in, and the entries that say so.
    fn links(&self, exhibit: &Subject) -> BTreeMap<Subject, EntryHash> {
        match self.get(&RecordKey::Links(exhibit.clone())) {
            Some(Record::Links(links)) => links,
            _ => BTreeMap::new(),
        }
    }

    /// Disclosures of an exhibit of a case to an organisation that are in force at a log time: not expired, nor withdrawn.
    fn disclosures(
        &self,
        case: &Subject,
        exhibit: &Subject,
        org: &OrgId,
        at: LogTime,
    ) -> Vec<DisclosureRecord> {
        let key = RecordKey::Disclosed(case.clone(), exhibit.clone(), org.clone());
        let Some(Record::Disclosures(mut all)) = self.get(&key) else {
            return Vec::new();
        };
        let withdrawn = |e| self.get(&RecordKey::Withdrawn(e)).is_some();
        all.retain(|one| one.is_in_time(at) && !withdrawn(one.e));
        all
    }

    /// A chain.
    fn chain(&self, subject: &Subject, strand: Strand) -> Option<ChainRecord> {
        match self.get(&RecordKey::Chain(ChainId {
            subject: subject.clone(),
            strand,
        }))? {
            Record::Chain(record) => Some(record),
            _ => None,
        }
    }

    /// What a `late-branch` says of an entry, if one names it.
    fn branch(&self, e: EntryHash) -> Option<BranchRecord> {
        match self.get(&RecordKey::Branch(e))? {
            Record::Branch(record) => Some(record),
            _ => None,
        }
    }

    /// An entry.
    fn entry(&self, e: EntryHash) -> Option<EntryRecord> {
        match self.get(&RecordKey::Entry(e))? {
            Record::Entry(record) => Some(record),
            _ => None,
        }
    }
}
