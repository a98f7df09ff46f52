//! What a ledger in memory is made of: people, keys and ids from a counter, and details.

use super::*;

/// Somebody with a key.
pub struct Person {
    pub actor: ActorId,
    pub key: SecretKey,
}

/// Organisations of the ledger, and their sectors.
pub const SECTORS: [(&str, &str); 5] = [
    ("northshire-police", "police"),
    ("northshire-forensics", "forensic"),
    ("crown-prosecution", "prosecution"),
    ("ash-and-co", "defence"),
    ("inspectorate", "oversight"),
];

/// Details that satisfy every event.
pub fn details() -> Value {
    let names = [
        "basis",
        "reason",
        "purpose",
        "circumstances",
        "text",
        "name",
        "old",
        "new",
        "terms",
        "reference",
        "description",
        "power_or_consent",
        "title",
        "period",
        "place",
        "tool",
        "legal_basis",
        "operator_remarks",
        "conclusion",
        "clock_offset",
    ];
    Value::Object(
        names
            .iter()
            .map(|name| ((*name).to_owned(), json!("as told")))
            .collect(),
    )
}

/// The same person again: keys of tests may be copied.
pub fn clone(person: &Person) -> Person {
    Person {
        actor: person.actor.clone(),
        key: SecretKey::from_seed(*person.key.seed()),
    }
}

pub(super) fn person(counter: &mut u64, org: &str) -> Person {
    let org = OrgId::new(org).unwrap();
    Person {
        actor: ActorId::from_parts(&org, &subject(counter)),
        key: key(counter),
    }
}

pub(super) fn key(counter: &mut u64) -> SecretKey {
    *counter += 1;
    SecretKey::from_seed(Hash::of(&[b"key", &counter.to_be_bytes()]).0)
}

pub(super) fn subject(counter: &mut u64) -> Subject {
    Subject::from_bytes(random(counter))
}

pub(super) fn random(counter: &mut u64) -> [u8; 16] {
    *counter += 1;
    let hash = Hash::of(&[b"random", &counter.to_be_bytes()]);
    hash.0[..16].try_into().unwrap()
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

impl World {
    /// Nothing recorded yet; the keys are those of the log and of the witness.
    pub(super) fn empty(
        origin: Origin,
        subject: Subject,
        [log, witness]: [SecretKey; 2],
        service: Person,
        authorities: BTreeMap<OrgId, Person>,
        counter: u64,
    ) -> World {
        World {
            origin,
            subject,
            state: MemoryState::default(),
            tree: MemoryTree::default(),
            entries: Vec::new(),
            chains: BTreeMap::new(),
            log,
            witness,
            service,
            authorities,
            seen: None,
            rules: Rules::embedded(),
            flags: BTreeSet::new(),
            clocks: 0,
            beside: None,
            queue: None,
            misled: None,
            omitted: BTreeSet::new(),
            map_lies: false,
            maps: BTreeMap::new(),
            ends_in_map: TreeSize(0),
            signed_by: None,
            published: BTreeMap::new(),
            counter,
            now: BEGINNING,
        }
    }
}
