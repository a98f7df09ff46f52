//! Reading: rights first, then the access entry on disk, then content.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::http::App;
use super::known::StoreKnown;
use super::problem::Problem;
use super::sequencer::{Answer, OwnEntry, Work};
use super::tokens::Reader;
use super::writer::last_recorded;
use crate::ledger::state::{Known as _, Role};
use crate::ledger::{
    AccessView, Flag, ReadRight, Rules, access_view, exhibit_of, explain, flags_of,
    key_compromised, may_read, standing_flags,
};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Store, StoreError, StoredEntry};

/// What a reader may see of a target.
pub struct Target {
    /// Exhibit or case.
    pub kind: ScopeKind,
    /// Which.
    pub subject: Subject,
    /// The case: the target itself, or the exhibit's.
    pub case: Subject,
    /// What the reader may see there.
    pub right: ReadRight,
    /// Who reads.
    pub reader: ActorId,
}

impl Target {
    /// How much of an entry the reader may see; other strands than `access` are seen whole.
    pub fn view(
        &self,
        store: &dyn Store,
        entry: &UnverifiedEntry,
    ) -> Result<AccessView, StoreError> {
        if entry.payload().strand != Strand::Access {
            return Ok(AccessView::Whole);
        }
        let read_by = entry.detail("reader").and_then(Value::as_str);
        let read_by = read_by.and_then(|text| ActorId::new(text).ok());
        let known = StoreKnown::new(store);
        let view = access_view(&known, &self.reader, &self.right, read_by.as_ref());
        known.check()?;
        Ok(view)
    }
}

/// Refuses who is no auditor what only auditors may have.
pub fn auditors_only(store: &dyn Store, reader: &Reader) -> Result<(), Problem> {
    let known = StoreKnown::new(store);
    let actor = known.actor(&reader.actor);
    known.check()?;
    match actor.is_some_and(|actor| actor.roles.contains(&Role::Auditor)) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-an-auditor",
            "Only an auditor may have this.",
            "Ask your authority for that role, or an auditor for their finding.",
        )),
    }
}

/// Finds a target that the reader may see; anything else gets one and the same answer.
pub fn find(
    store: &dyn Store,
    reader: &Reader,
    kind: ScopeKind,
    subject: &str,
) -> Result<Target, Problem> {
    let subject = Subject::new(subject).map_err(|_| Problem::not_visible())?;
    let known = StoreKnown::new(store);
    let case = match kind {
        ScopeKind::Case => Some(subject.clone()),
        ScopeKind::Exhibit => known.exhibit(&subject).map(|exhibit| exhibit.case),
    };
    let target = case.map(|case| {
        let right = may_read(&known, &reader.actor, &case);
        Target {
            kind,
            subject,
            case,
            right,
            reader: reader.actor.clone(),
        }
    });
    let target = target.filter(|target| match kind {
        ScopeKind::Case => target.right != ReadRight::None,
        ScopeKind::Exhibit => target.right.covers(&known, &target.subject),
    });
    known.check()?;
    target.ok_or_else(Problem::not_visible)
}

/// Records the reading. Only when this has returned may content leave.
pub async fn record(
    app: &App,
    reader: &Reader,
    event: &str,
    target: &Target,
    extent: &str,
) -> Result<(), Problem> {
    let kind = match target.kind {
        ScopeKind::Case => "case",
        ScopeKind::Exhibit => "exhibit",
    };
    write(app, reader, event, (kind, &target.subject), extent).await
}

/// The same of something that is about the whole ledger.
pub async fn record_on_ledger(app: &App, reader: &Reader, extent: &str) -> Result<(), Problem> {
    let ledger = ("ledger", &app.identity.subject);
    write(app, reader, "viewed", ledger, extent).await
}

async fn write(
    app: &App,
    reader: &Reader,
    event: &str,
    (target, subject): (&str, &Subject),
    extent: &str,
) -> Result<(), Problem> {
    let body = object(json!({"target": target, "extent": extent}));
    let details = object(json!({
        "reader": reader.actor,
        "purpose": reader.purpose,
        "token": reader.token,
    }));
    let chain = ChainId {
        subject: subject.clone(),
        strand: Strand::Access,
    };
    let own = OwnEntry {
        chain,
        event: event.to_owned(),
        body,
        details,
    };
    match app.sequencer.write(Work::Own(own)).await? {
        Answer::Refused(refusal) => Err(refusal.into()),
        _ => Ok(()),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The entries of an exhibit or case that the reader may see, by log index.
pub fn history(store: &dyn Store, target: &Target) -> Result<Value, Problem> {
    let strands: &[Strand] = match target.kind {
        ScopeKind::Exhibit => &[Strand::Custody, Strand::Notes, Strand::Access],
        ScopeKind::Case => &[Strand::Case, Strand::Exhibits, Strand::Access],
    };
    let known = StoreKnown::new(store);
    let evaluated_at = last_recorded(store, store.size()?)?;
    let standing = standing(&known, target, evaluated_at);
    let mut entries = Vec::new();
    for strand in strands {
        for index in store.chain(&ChainId {
            subject: target.subject.clone(),
            strand: *strand,
        })? {
            let Some(stored) = store.entry(index)? else {
                continue;
            };
            let entry = parse(&stored)?;
            let flags = flags_at(&known, &stored, &entry, &standing);
            let content = match target.view(store, &entry)? {
                AccessView::Whole => ("entry", json!(text(&stored.jws, &stored.disclosures))),
                AccessView::WithoutReader => ("entry", json!(text(&stored.jws, &[]))),
                AccessView::Withheld => ("e", json!(EntryHash(Hash::of(&[stored.jws.as_bytes()])))),
            };
            entries.push((
                index,
                json!({
                    "index": index,
                    "recorded_at": stored.recorded_at,
                    "flags": flags,
                    "chain": {"subject": target.subject, "strand": strand},
                    content.0: content.1,
                }),
            ));
        }
    }
    known.check()?;
    entries.sort_by_key(|(index, _)| *index);
    let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(json!({"evaluated_at": evaluated_at, "entries": entries}))
}

/// What is flagged of an exhibit at this log time, whatever was recorded last.
fn standing(known: &StoreKnown<'_>, target: &Target, at: LogTime) -> Vec<Flag> {
    if target.kind != ScopeKind::Exhibit {
        return Vec::new();
    }
    known.exhibit(&target.subject).map_or_else(Vec::new, |one| {
        standing_flags(Rules::embedded(), known, &target.subject, &one, at)
    })
}

/// The flags on an entry, with its explanations: those that its recording raised, then those that stand at the
/// stated time.
fn flags_at(
    known: &StoreKnown<'_>,
    stored: &StoredEntry,
    entry: &UnverifiedEntry,
    standing: &[Flag],
) -> Vec<Flag> {
    let e = entry.hash();
    let rules = Rules::embedded();
    let compromised = key_compromised(rules, known, entry.kid(), stored.recorded_at);
    let exhibit = exhibit_of(known, &entry.payload().chain());
    let of_key = compromised.map(|rule| rule.raise(e, exhibit));
    let of_time = standing.iter().filter(|flag| flag.entries.contains(&e));
    let mut later: Vec<Flag> = of_key.into_iter().chain(of_time.cloned()).collect();
    explain(known, &mut later);
    let mut flags = flags_of(known, e);
    flags.append(&mut later);
    flags
}

/// An entry as text, with these disclosures.
pub fn text(jws: &str, disclosures: &[String]) -> String {
    let mut text = jws.to_owned();
    for disclosure in disclosures {
        text.push('~');
        text.push_str(disclosure);
    }
    text.push('~');
    text
}

/// A stored entry, parsed.
pub fn parse(stored: &StoredEntry) -> Result<UnverifiedEntry, StoreError> {
    UnverifiedEntry::from_parts(&stored.jws, stored.disclosures.iter().map(String::as_str))
        .map_err(|error| StoreError::Corrupt(format!("entry {}: {error}", stored.index.0)))
}

/// An entry that the reader may see, with the exhibit or case that the reading counts under, if any.
pub fn find_entry(
    store: &dyn Store,
    reader: &Reader,
    e: &str,
) -> Result<(EntryIndex, StoredEntry, Option<Target>), Problem> {
    let e = Hash::from_base64url(e).map_err(|_| Problem::not_visible())?;
    let index = store
        .index_of(EntryHash(e))?
        .ok_or_else(Problem::not_visible)?;
    let mut stored = store.entry(index)?.ok_or_else(Problem::not_visible)?;
    let entry = parse(&stored)?;
    let payload = entry.payload();
    let kind = match payload.strand {
        // Keys and rules are what everybody needs to check anything.
        Strand::Keys | Strand::Rules => return Ok((index, stored, None)),
        Strand::Custody | Strand::Notes => ScopeKind::Exhibit,
        Strand::Case | Strand::Exhibits => ScopeKind::Case,
        Strand::Access => {
            let is_case = StoreKnown::new(store).case(&payload.subject).is_some();
            if is_case {
                ScopeKind::Case
            } else {
                ScopeKind::Exhibit
            }
        }
    };
    let target = find(store, reader, kind, payload.subject.as_str())?;
    match target.view(store, &entry)? {
        AccessView::Whole => {}
        AccessView::WithoutReader => stored.disclosures.clear(),
        AccessView::Withheld => return Err(Problem::not_visible()),
    }
    Ok((index, stored, Some(target)))
}
