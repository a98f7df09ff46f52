//! Step 4: every entry stands in the log at its index with its time, and reads as what was signed.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::finding::{Asked, Findings};
use super::nodes::Nodes;
use crate::protocol::bundle::{Bundle, BundleEntry, Content, OpenContent};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::{EntryError, EntryHash, MAX_ENTRY, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::leaf::Commitment;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, InclusionProof, TreeSize};

/// An entry whose place in the log was checked, if no finding says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct ReadEntry {
    pub index: EntryIndex,
    pub recorded_at: LogTime,
    pub e: EntryHash,
    pub commitment: Commitment,
    /// Nothing where it is wholly withheld (or did not parse, which is a failure).
    pub entry: Option<UnverifiedEntry>,
}

impl ReadEntry {
    /// "entry 12 (transfer-accepted)".
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            index: self.index,
            event: self
                .entry
                .as_ref()
                .map(|entry| entry.payload().event.as_str()),
        }
    }
}

/// Names an entry in a finding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub index: EntryIndex,
    pub event: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "entry {} ({event})", self.index.0),
            None => write!(f, "entry {}", self.index.0),
        }
    }
}

/// Step 4. The result has one item for each entry of the bundle, in order.
pub(crate) fn read_all(
    bundle: &Bundle,
    newest: &Checkpoint,
    nodes: &mut Nodes<'_>,
    findings: &mut Findings,
) -> Vec<ReadEntry> {
    let mut last = LogTime(0);
    let mut places: HashMap<EntryHash, EntryIndex> = HashMap::new();
    let mut read = Vec::with_capacity(bundle.entries.len());
    for one in &bundle.entries {
        let entry = read_one(one, findings);
        let place = entry.place();
        check_inclusion(one, &entry, newest, nodes, findings);
        if let Some(payload) = entry.entry.as_ref().map(UnverifiedEntry::payload)
            && payload.ledger != bundle.ledger
        {
            findings.failed(
                Asked::History,
                "other-ledger",
                place,
                format!(
                    "The entry was signed for the ledger \"{}\".",
                    payload.ledger
                ),
            );
        }
        if let Some(first) = places.insert(entry.e, one.index) {
            findings.failed(
                Asked::History,
                "entry-repeated",
                place,
                format!("The same entry stands at {} already.", first.0),
            );
        }
        if one.recorded_at < last {
            findings.failed(
                Asked::History,
                "time-backwards",
                place,
                "It is recorded earlier than the entry before it; log time never decreases.",
            );
        }
        last = last.max(one.recorded_at);
        read.push(entry);
    }
    read
}

fn read_one(one: &BundleEntry, findings: &mut Findings) -> ReadEntry {
    let (e, entry) = match &one.content {
        Content::Withheld(content) => (content.e, None),
        Content::Open(content) => {
            let e = EntryHash(Hash::of(&[content.jws.as_bytes()]));
            (e, read_open(one.index, content, findings))
        }
    };
    let commitment = Commitment::new(one.recorded_at, e);
    ReadEntry {
        index: one.index,
        recorded_at: one.recorded_at,
        e,
        commitment,
        entry,
    }
}

fn read_open(
    index: EntryIndex,
    content: &OpenContent,
    findings: &mut Findings,
) -> Option<UnverifiedEntry> {
    let place = Place { index, event: None };
    let length: usize = content.disclosures.iter().map(|one| one.len() + 1).sum();
    if content.jws.len() + 1 + length > MAX_ENTRY {
        findings.failed(Asked::Signers, "entry-too-long", place, EntryError::TooLong);
        return None;
    }
    let disclosures = content.disclosures.iter().map(String::as_str);
    let entry = match UnverifiedEntry::from_parts(&content.jws, disclosures) {
        Ok(entry) => entry,
        Err(error) => {
            let (code, detail) = refusal(&error);
            findings.failed(
                Asked::Signers,
                code,
                format!("{place}{detail}"),
                words(&error),
            );
            return None;
        }
    };
    if !entry
        .withheld()
        .eq(content.withheld.iter().map(String::as_str))
    {
        let place = Place {
            index,
            event: Some(&entry.payload().event),
        };
        let missing: Vec<&str> = entry.withheld().collect();
        findings.failed(
            Asked::Handling,
            "withheld-list",
            place,
            format!(
                "The details left out are not the ones that the bundle names; they are: {}.",
                missing.join(", ")
            ),
        );
    }
    Some(entry)
}

/// What a parse error means to somebody who did not write the software.
fn words(error: &EntryError) -> String {
    match error {
        EntryError::Jws(_) | EntryError::Payload(_) => {
            format!("What was signed was changed or damaged: it can no longer be read ({error}).")
        }
        _ => format!("{error}."),
    }
}

/// The stable code of a parse error, and the place within the entry.
pub(crate) fn refusal(error: &EntryError) -> (&'static str, String) {
    let detail = |name: &String| format!(", detail {name}");
    match error {
        EntryError::TooLong => ("entry-too-long", String::new()),
        EntryError::NoTilde => ("entry-form", String::new()),
        EntryError::Jws(_) => ("entry-signed-part", String::new()),
        EntryError::Payload(_) => ("entry-payload", String::new()),
        EntryError::DisclosureForm(at) => ("disclosure-form", format!(", disclosure {at}")),
        EntryError::DisclosureUnreferenced(name) => ("disclosure-unreferenced", detail(name)),
        EntryError::DisclosureTwice(name) => ("disclosure-twice", detail(name)),
        EntryError::DisclosureOrder(name) => ("disclosure-order", detail(name)),
        EntryError::DisclosureMissing(name) => ("disclosure-missing", detail(name)),
    }
}

fn check_inclusion(
    one: &BundleEntry,
    entry: &ReadEntry,
    newest: &Checkpoint,
    nodes: &mut Nodes<'_>,
    findings: &mut Findings,
) {
    let Some(hashes) = nodes.resolve(&one.proof) else {
        findings.failed(
            Asked::History,
            "node-missing",
            entry.place(),
            "The proof points outside the table of hashes.",
        );
        return;
    };
    let leaf = entry.commitment.leaf_hash();
    if let Err(error) = InclusionProof(hashes).verify(one.index, newest.size, leaf, newest.root) {
        findings.failed(
            Asked::History,
            "not-in-log",
            entry.place(),
            format!(
                "What it says, or when it says it was recorded, is not what the log holds in this \
                 place: it was changed, or belongs to another log ({error})."
            ),
        );
    }
}

/// The heads that signers say they had seen, with the place of the first entry that names each.
pub(crate) fn seen_heads(entries: &[ReadEntry]) -> BTreeMap<(TreeSize, Hash), String> {
    let mut heads = BTreeMap::new();
    for one in entries {
        if let Some(seen) = one.entry.as_ref().and_then(|entry| entry.payload().seen) {
            heads
                .entry((seen.size, seen.root.0))
                .or_insert_with(|| format!("{}, seen", one.place()));
        }
    }
    heads
}

/// A signer cannot have seen, before signing, a log that already held the entry.
pub(crate) fn check_seen(entries: &[ReadEntry], findings: &mut Findings) {
    for one in entries {
        let seen = one.entry.as_ref().and_then(|entry| entry.payload().seen);
        if seen.is_some_and(|seen| seen.size.0 > one.index.0) {
            findings.failed(
                Asked::History,
                "seen-ahead",
                one.place(),
                "The signer names a log that already holds this entry.",
            );
        }
    }
}
