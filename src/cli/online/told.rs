//! Entries as the service tells them: read, not verified (for that there are bundles). That details are the ones signed
//! for is checked even so: what does not read as what was signed is the service's doing, and nothing of it is told.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::client::unexpected;
use super::session::Session;
use crate::cli::failure::Failure;
use crate::court::telling::Past;
use crate::ledger::Rules;
use crate::ledger::effects::Effect;
use crate::ledger::outcome::Severity;
use crate::ledger::state::Explanation;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::{ActorId, ChainId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;
use crate::verify::refusal;

/// One entry of a history.
#[derive(Debug)]
pub struct Told {
    /// Place in the log.
    pub index: EntryIndex,
    /// When the log recorded it.
    pub recorded_at: LogTime,
    /// Exhibit, case or actor that it is about.
    pub subject: Subject,
    /// Which chain of its subject it stands in.
    pub strand: Strand,
    /// Whether it stands beside the chain, on a branch that changes nothing.
    pub on_branch: bool,
    /// The entry, unless it is withheld.
    pub entry: Option<UnverifiedEntry>,
    /// SHA-256 of its signed part.
    pub e: EntryHash,
    /// What the rules noticed of it.
    pub flags: Vec<ToldFlag>,
}

/// A flag, as the service derives it.
#[derive(Debug, Deserialize)]
pub struct ToldFlag {
    /// Its category.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// Plain words.
    pub words: String,
    /// Who explained it.
    pub explained: Vec<Explanation>,
}

#[derive(Deserialize)]
struct Raw {
    index: EntryIndex,
    recorded_at: LogTime,
    chain: Chain,
    #[serde(default)]
    on_branch: bool,
    #[serde(default)]
    flags: Vec<ToldFlag>,
    #[serde(default)]
    entry: Option<String>,
    #[serde(default)]
    e: Option<EntryHash>,
}

#[derive(Deserialize)]
struct Chain {
    subject: Subject,
    strand: Strand,
}

/// A whole history, in however many parts the service gives it, as one answer.
pub fn whole(session: &Session, path: &str, purpose: &str) -> Result<Value, Failure> {
    let (client, reader) = (&session.client, &session.reader);
    let joined = if path.contains('?') { '&' } else { '?' };
    let mut answer = client.read_json(reader, path, purpose)?;
    let mut entries: BTreeMap<u64, Value> = BTreeMap::new();
    loop {
        // What somebody adopted is told with each part that it is about.
        let Some(Value::Array(part)) = answer.get_mut("entries").map(Value::take) else {
            return Err(unexpected("a history without entries"));
        };
        let placed = |one: Value| Some((one["index"].as_u64()?, one));
        entries.extend(part.into_iter().filter_map(placed));
        let Some(next) = answer["next"].as_u64() else {
            break;
        };
        answer = client.read_json(reader, &format!("{path}{joined}from={next}"), purpose)?;
    }
    answer["entries"] = entries.into_values().collect();
    Ok(answer)
}

/// Reads `{"entries":[…]}`.
pub fn read(answer: &Value) -> Result<Vec<Told>, Failure> {
    let list: Vec<Raw> = serde_json::from_value(answer["entries"].clone())
        .map_err(|error| unexpected(&error.to_string()))?;
    list.into_iter().map(read_one).collect()
}

fn read_one(raw: Raw) -> Result<Told, Failure> {
    let place = format!("entry {}", raw.index.0);
    let entry = raw.entry.as_deref().map(|text| entry_of(text, &place));
    let entry = entry.transpose()?;
    let Chain { subject, strand } = raw.chain;
    match &entry {
        Some(entry) => {
            let chain = ChainId {
                subject: subject.clone(),
                strand,
            };
            if entry.payload().chain() != chain {
                let why = "it was signed for another chain than the one it is told of";
                return Err(not_as_signed("entry-moved", &place, why));
            }
        }
        // Of anything else its signer, its kind and the names of its details are always told.
        None if strand != Strand::Access => {
            let why = "only that somebody looked may be withheld as a whole";
            return Err(not_as_signed("withheld-not-allowed", &place, why));
        }
        None => {}
    }
    let e = entry.as_ref().map(UnverifiedEntry::hash).or(raw.e);
    let e = e.ok_or_else(|| unexpected("an entry that is neither told nor named"))?;
    Ok(Told {
        e,
        index: raw.index,
        recorded_at: raw.recorded_at,
        subject,
        strand,
        on_branch: raw.on_branch,
        entry,
        flags: raw.flags,
    })
}

/// An entry that the service tells; each detail of it that is here is the one that was signed for.
pub fn entry_of(text: &str, place: &str) -> Result<UnverifiedEntry, Failure> {
    UnverifiedEntry::parse_extract(text).map_err(|error| {
        let (code, detail) = refusal(&error);
        not_as_signed(code, &format!("{place}{detail}"), &error.to_string())
    })
}

fn not_as_signed(code: &str, place: &str, why: &str) -> Failure {
    let words = format!("{place}: what the service tells is not what was signed: {why}");
    Failure::check(code, words).next(
        "rely on nothing that this service tells: nothing of this answer is shown; take a bundle, which is evidence of \
         it, and tell the other parties",
    )
}

/// What these entries come to over time; those beside their chain change nothing.
pub fn past(told: &[Told]) -> Past {
    let mut past = Past::default();
    for one in told.iter().filter(|one| !one.on_branch) {
        if let Some(entry) = &one.entry {
            past.read(entry, one.index);
        }
    }
    past
}

/// An offer that nobody has accepted, refused or withdrawn.
#[derive(Debug, Clone)]
pub struct OpenOffer {
    /// The offer's entry.
    pub e: EntryHash,
    /// Who made it.
    pub by: ActorId,
}

/// The newest open offer of an exhibit.
pub fn open_offer(told: &[Told], exhibit: &Subject) -> Option<OpenOffer> {
    let mut open: Option<OpenOffer> = None;
    let custody = told
        .iter()
        .filter(|one| !one.on_branch)
        .filter_map(|one| one.entry.as_ref())
        .filter(|entry| {
            entry.payload().strand == Strand::Custody && entry.payload().subject == *exhibit
        });
    for entry in custody {
        let payload = entry.payload();
        let row = Rules::embedded().row(&payload.event);
        match row.map(|row| row.effect) {
            Some(Effect::Offer) => {
                open = Some(OpenOffer {
                    e: entry.hash(),
                    by: payload.actor.clone(),
                })
            }
            Some(effect) if closes_offer(effect) => open = None,
            _ => {}
        }
    }
    open
}

/// Whether an act leaves no offer open: it is answered, or whoever made it has the exhibit no more.
pub fn closes_offer(effect: Effect) -> bool {
    use Effect as E;
    matches!(
        effect,
        E::CloseOffer | E::Accept | E::Find | E::Lose | E::Return | E::Dispose | E::Destroy
    )
}
