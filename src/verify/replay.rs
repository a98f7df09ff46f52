//! Steps 6 to 8: signatures under the keys that the log itself enrolled, the rules of custody run again
//! in the order of the log, and the beginning of the log bound to the reader's policy.
//!
//! A wholly withheld entry cannot be run again: only its chain moves on. What the rules refuse because
//! the bundle does not hold what they ask about is told apart: see
//! [`names_exhibit_elsewhere`].

use std::collections::BTreeSet;

use serde_json::Value;

use super::access::Readings;
use super::chains::Standing;
use super::entries::ReadEntry;
use super::finding::{Asked, Findings};
use super::owed::Owed;
use crate::ledger::admit::{self, Place};
use crate::ledger::outcome::{Flag, Refusal};
use crate::ledger::rules::Rules;
use crate::ledger::state::{ChainRecord, EntryRecord, Known as _, MemoryState, Record, RecordKey};
use crate::ledger::{exhibit_of, explain, key_compromised, standing_flags};
use crate::protocol::entry::{UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::leaf::ChainHead;
use crate::protocol::note::VerifierKey;
use crate::protocol::time::LogTime;

/// What running the rules again gave.
pub(crate) struct Replay {
    pub state: MemoryState,
    pub flags: Vec<Flag>,
    /// For each entry of the bundle, in order: the entry with its signature checked.
    pub entries: Vec<Option<VerifiedEntry>>,
    owed: Owed,
    readings: Readings,
}

impl Replay {
    pub(crate) fn new() -> Replay {
        Replay {
            state: MemoryState::default(),
            flags: Vec::new(),
            entries: Vec::new(),
            owed: Owed::default(),
            readings: Readings::default(),
        }
    }

    /// Takes the next entry in, in the order of the log.
    pub(crate) fn step(
        &mut self,
        rules: &Rules,
        read: &ReadEntry,
        standing: &Standing,
        findings: &mut Findings,
    ) {
        let verified = read.entry.as_ref().and_then(|entry| {
            self.admit(rules, read, entry, findings).or_else(|| {
                self.pass_over(read, standing);
                None
            })
        });
        if read.entry.is_none() {
            self.pass_over(read, standing);
        }
        if let Some(verified) = &verified {
            self.owed.pay(verified);
        }
        self.entries.push(verified);
    }

    fn admit(
        &mut self,
        rules: &Rules,
        read: &ReadEntry,
        entry: &UnverifiedEntry,
        findings: &mut Findings,
    ) -> Option<VerifiedEntry> {
        // 6. The key is the one that the log enrolled for this actor, and it signed.
        let key = match admit::signer(&self.state, entry) {
            Ok(key) => key,
            Err(refusal) => {
                let words = format!(
                    "Nothing in the bundle enrols the key that is said to have signed: {}",
                    refusal.why
                );
                findings.failed(Asked::Signers, "signer-unknown", read.place(), words);
                return None;
            }
        };
        let verified = match entry.clone().verify(&key) {
            Ok(verified) => verified,
            Err(error) => {
                findings.failed(
                    Asked::Signers,
                    "signature",
                    read.place(),
                    format!("{error}."),
                );
                return None;
            }
        };
        // 7. The rules admit it at this place.
        let place = Place {
            index: read.index,
            recorded_at: read.recorded_at,
        };
        match admit::admit(rules, &self.state, &verified, place) {
            Ok(admitted) => {
                self.readings.check(
                    &self.state,
                    &verified,
                    read.recorded_at,
                    read.place(),
                    findings,
                );
                self.owed.add(read.e, &admitted);
                self.state.apply(admitted.changes);
                self.flags.extend(admitted.flags);
                Some(verified)
            }
            Err(refusal) if names_exhibit_elsewhere(&self.state, &verified, &refusal) => {
                findings.note(
                    Asked::Handling,
                    "audit-only",
                    read.place(),
                    "It names an exhibit that this bundle does not hold; only an audit can run its rules.",
                );
                self.list_exhibit(&verified);
                self.pass_over_signed(read, &verified);
                Some(verified)
            }
            Err(refusal) => {
                findings.failed(
                    Asked::Handling,
                    "rule-broken",
                    read.place(),
                    format!(
                        "The rules of custody refuse this entry ({}): {}",
                        refusal.code, refusal.why
                    ),
                );
                None
            }
        }
    }

    fn pass_over(&mut self, read: &ReadEntry, standing: &Standing) {
        if standing.on_branch {
            return; // no chain moves on
        }
        let chain = ChainRecord {
            length: standing.seq + 1,
            last: read.e,
            head: standing.head,
            index: read.index,
            at: read.recorded_at,
        };
        let key = RecordKey::Chain(standing.chain.clone());
        self.state.apply([(key, Record::Chain(chain))]);
        let service = self.state.ledger().map(|ledger| ledger.service);
        if let (Strand::Access, Some(actor)) = (standing.chain.strand, service) {
            // A reading that is withheld here may be what somebody explained.
            let record = EntryRecord {
                index: read.index,
                chain: standing.chain.clone(),
                seq: standing.seq,
                event: String::new(),
                actor,
            };
            self.state
                .apply([(RecordKey::Entry(read.e), Record::Entry(record))]);
        }
    }

    /// The chain of an entry whose signature stands, and whose rules ask about something elsewhere.
    fn pass_over_signed(&mut self, read: &ReadEntry, entry: &VerifiedEntry) {
        let chain = entry.payload().chain();
        let before = self.state.chain(&chain.subject, chain.strand);
        let (seq, head) =
            before.map_or((0, ChainHead::EMPTY), |record| (record.length, record.head));
        let head = head.extend(read.index, read.commitment);
        let standing = Standing {
            chain,
            seq,
            head,
            on_branch: false,
        };
        self.pass_over(read, &standing);
    }

    /// A table of contents lists an exhibit of which the bundle holds nothing else.
    fn list_exhibit(&mut self, entry: &VerifiedEntry) {
        let case = entry.payload().subject.clone();
        if let ("exhibit-added" | "exhibit-linked", Some(exhibit)) =
            (entry.payload().event.as_str(), exhibit_named(entry))
        {
            if entry.payload().event == "exhibit-linked" {
                let mut links = self.state.links(&exhibit);
                links.insert(case.clone(), entry.hash());
                let key = RecordKey::Links(exhibit.clone());
                self.state.apply([(key, Record::Links(links))]);
            }
            let key = RecordKey::CaseExhibit(case, exhibit);
            self.state.apply([(key, Record::Fact(entry.hash()))]);
        }
    }

    /// Entries of the service that the rules say follow must be there, unless their chain is not in the
    /// bundle or has withheld entries; and says what of requests to read could not be checked.
    pub(crate) fn check_service(
        &self,
        read: &[ReadEntry],
        standing: &[Standing],
        findings: &mut Findings,
    ) {
        let mut chains = BTreeSet::new();
        let mut with_gaps = BTreeSet::new();
        for (read, standing) in read.iter().zip(standing) {
            chains.insert(&standing.chain);
            if read.entry.is_none() {
                with_gaps.insert(&standing.chain);
            }
        }
        self.owed.finish(
            |chain| chains.contains(chain) && !with_gaps.contains(chain),
            findings,
        );
        self.readings.finish(findings);
    }

    /// Flags that only later entries bring to light.
    pub(crate) fn late_flags(&mut self, rules: &Rules, read: &[ReadEntry], at: LogTime) {
        for (read, entry) in read.iter().zip(&self.entries) {
            let Some(entry) = entry else { continue };
            if let Some(rule) = key_compromised(rules, &self.state, entry.kid(), read.recorded_at) {
                let exhibit = exhibit_of(&self.state, &entry.payload().chain());
                self.flags.push(rule.raise(read.e, exhibit));
            }
        }
        // What is still so at the stated time, and who explained what.
        let exhibits = self
            .state
            .records()
            .filter_map(|(key, record)| match record {
                Record::Exhibit(record) => Some((key, record)),
                _ => None,
            });
        let mut standing = Vec::new();
        for (key, record) in exhibits {
            if let RecordKey::Exhibit(exhibit) = key {
                standing.extend(standing_flags(rules, &self.state, exhibit, record, at));
            }
        }
        self.flags.extend(standing);
        explain(&self.state, &mut self.flags);
    }
}

/// Whether the rules refused an entry only because it names an exhibit that the bundle does not hold:
/// a table of contents lists exhibits outside the bundle, a parent names its children. No other refusal
/// is excused, so nothing can be made acceptable by leaving something out.
fn names_exhibit_elsewhere(known: &MemoryState, entry: &VerifiedEntry, refusal: &Refusal) -> bool {
    let event = entry.payload().event.as_str();
    let expected = [
        ("exhibit-added", "not-in-case"),
        ("child-added", "not-a-child"),
        ("exhibit-linked", "not-linkable"),
    ];
    expected.contains(&(event, refusal.code.as_str()))
        && exhibit_named(entry).is_some_and(|exhibit| known.exhibit(&exhibit).is_none())
}

fn exhibit_named(entry: &VerifiedEntry) -> Option<Subject> {
    Subject::new(entry.payload().body.get("exhibit")?.as_str()?).ok()
}

fn collect_strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, into)),
        Value::Object(map) => map.values().for_each(|item| collect_strings(item, into)),
        _ => {}
    }
}

/// Whose request to read an access entry carries, where it is disclosed.
fn reader_of(entry: &UnverifiedEntry) -> Option<&str> {
    let is_access = entry.payload().strand == Strand::Access;
    entry.detail("reader").filter(|_| is_access)?.as_str()
}

/// Every actor that the entries name, as signer, in a body, or as reader.
pub(crate) fn actors_named(read: &[ReadEntry]) -> BTreeSet<Subject> {
    let mut actors = BTreeSet::new();
    for entry in read.iter().filter_map(|one| one.entry.as_ref()) {
        actors.insert(entry.payload().actor.subject());
        let mut strings = Vec::new();
        for value in entry.payload().body.values() {
            collect_strings(value, &mut strings);
        }
        strings.extend(reader_of(entry));
        actors.extend(
            strings
                .iter()
                .filter_map(|text| Some(ActorId::new(*text).ok()?.subject())),
        );
    }
    actors
}

/// Step 8. The first leaf of the log is its genesis, it names the log key that the reader trusts, and
/// the rules it names are the ones run here.
pub(crate) fn check_genesis(
    read: &[ReadEntry],
    logs: &[VerifierKey],
    rules_run: &Rules,
    findings: &mut Findings,
) {
    let genesis = read
        .first()
        .filter(|one| one.index.0 == 0)
        .and_then(|one| one.entry.as_ref())
        .filter(|entry| entry.payload().event == "genesis");
    let Some(genesis) = genesis else {
        findings.failed(
            Asked::Signers,
            "genesis-missing",
            "entry 0",
            "The bundle does not hold the beginning of the log, which says whose keys count.",
        );
        return;
    };
    let body = &genesis.payload().body;
    // Whether further ones are the log's to name is for the rules, which are run on them as on all.
    let entries = read.iter().filter_map(|one| one.entry.as_ref());
    let rotated = entries.filter(|entry| entry.payload().event == "log-key-rotated");
    let bodies = std::iter::once(body).chain(rotated.map(|entry| &entry.payload().body));
    let named: Vec<&Value> = bodies
        .filter_map(|body| body.get("log").and_then(Value::as_array))
        .flatten()
        .collect();
    let is_named = |log: &VerifierKey| {
        let vkey = log.to_string();
        named.iter().any(|one| one.as_str() == Some(&vkey))
    };
    if !logs.iter().all(is_named) {
        findings.failed(
            Asked::History,
            "genesis-other-log",
            "entry 0 (genesis), log",
            "The log key of the trust policy is not one that this log names.",
        );
    }
    check_rules(genesis, rules_run, findings);
}

/// The ledger runs under the rules that are run here.
pub(crate) fn check_rules(genesis: &UnverifiedEntry, rules_run: &Rules, findings: &mut Findings) {
    let named = genesis.payload().body.get("rules").and_then(Value::as_str);
    if named != Some(rules_run.sha256().to_base64url().as_str()) {
        findings.failed(
            Asked::Handling,
            "other-rules",
            "entry 0 (genesis), rules",
            "The ledger runs under other rules than the ones in this verifier; use the version that has them.",
        );
    }
}
