//! Reading: rights first, then the access entry on disk, then content.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::blobs::on_disk;
use super::clock::now_ms;
use super::eraser;
use super::http::App;
use super::known::StoreKnown;
use super::problem::Problem;
use super::sequencer::{Answer, OwnEntry, Work};
use super::tokens::Reader;
use super::writer::last_recorded;
use crate::ledger::effects::Effect;
use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::ledger::{
    EntryView, ReadRight, Rules, access_view, entry_view, is_auditor, may_read, may_read_exhibit,
};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;
use crate::storage::{BlobFolder, Store, StoreError, StoredEntry};

/// What a reader may see of a target.
pub struct Target {
    /// Exhibit or case.
    pub kind: ScopeKind,
    /// Which.
    pub subject: Subject,
    /// The case: the target itself, the exhibit's, or one that took the exhibit in.
    pub case: Subject,
    /// Whether it is an exhibit of another case than that. Nobody who knows only that other case learns of it.
    pub linked: bool,
    /// What the reader may see there.
    pub right: ReadRight,
    /// Who reads.
    pub reader: ActorId,
}

impl Target {
    /// How much of an entry about the target the reader may see.
    pub fn view(
        &self,
        store: &dyn Store,
        entry: &UnverifiedEntry,
    ) -> Result<EntryView, StoreError> {
        let known = StoreKnown::new(store);
        let view = view(&known, &self.reader, &self.right, entry);
        known.check()?;
        Ok(view)
    }
}

/// Refuses who is no auditor what only auditors may have.
pub fn auditors_only(store: &dyn Store, reader: &Reader) -> Result<(), Problem> {
    let known = StoreKnown::new(store);
    let auditor = is_auditor(&known, &reader.actor);
    known.check()?;
    match auditor {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-an-auditor",
            "Only an auditor of an oversight body may have this.",
            "Ask an auditor for their finding.",
        )),
    }
}

/// How much of an entry of a case a reader with this right there may see.
pub fn view(
    known: &StoreKnown<'_>,
    reader: &ActorId,
    right: &ReadRight,
    entry: &UnverifiedEntry,
) -> EntryView {
    if entry.payload().strand != Strand::Access {
        return entry_view(known, right, entry.payload());
    }
    let read_by = entry.detail("reader").and_then(Value::as_str);
    let read_by = read_by.and_then(|text| ActorId::new(text).ok());
    access_view(known, reader, right, entry.payload(), read_by.as_ref())
}

/// Finds a target that the reader may see; nothing where there is none, or not for this reader.
pub fn find(
    store: &dyn Store,
    reader: &ActorId,
    kind: ScopeKind,
    subject: &Subject,
) -> Result<Option<Target>, StoreError> {
    find_under(store, reader, kind, subject, None)
}

/// The same; an exhibit that stands in several cases under one of them alone.
fn find_under(
    store: &dyn Store,
    reader: &ActorId,
    kind: ScopeKind,
    subject: &Subject,
    under: Option<&Subject>,
) -> Result<Option<Target>, StoreError> {
    let known = StoreKnown::new(store);
    let at = now(store)?;
    let found = match kind {
        ScopeKind::Case => Some((subject.clone(), may_read(&known, reader, subject, at)))
            .filter(|(_, right)| *right != ReadRight::None),
        ScopeKind::Exhibit => may_read_exhibit(&known, reader, subject, under, at),
    };
    let own = known.exhibit(subject).map(|exhibit| exhibit.case);
    known.check()?;
    Ok(found.map(|(case, right)| Target {
        kind,
        subject: subject.clone(),
        linked: own.is_some_and(|own| own != case),
        case,
        right,
        reader: reader.clone(),
    }))
}

/// The log time that an entry would get now: nobody reads by a disclosure that ended by then.
pub fn now(store: &dyn Store) -> Result<LogTime, StoreError> {
    let last = last_recorded(store, store.size()?)?;
    Ok(last.max(LogTime(now_ms())))
}

/// Whether an exhibit was disclosed to a reader's organisation, in a case that it is still in, and that has ended.
fn has_ended(
    store: &dyn Store,
    reader: &ActorId,
    exhibit: &Subject,
    under: Option<&Subject>,
) -> Result<bool, StoreError> {
    let known = StoreKnown::new(store);
    let at = now(store)?;
    let own = known.exhibit(exhibit).map(|one| one.case);
    let cases = own.into_iter().chain(known.links(exhibit).into_keys());
    let mut cases = cases.filter(|case| under.is_none_or(|under| under == case));
    let ended = cases.any(|case| {
        let org = reader.org();
        let in_it = may_read(&known, reader, &case, at) != ReadRight::None;
        let left = known.disclosures(&case, exhibit, &org, at);
        let key = RecordKey::Disclosed(case, exhibit.clone(), org);
        in_it && left.is_empty() && known.get(&key).is_some()
    });
    known.check()?;
    Ok(ended)
}

/// The exhibit or case that a request names in its path, and who asks. As an argument of a handler it goes last, as a
/// reader does.
pub struct Sought {
    /// Who asks.
    pub reader: Reader,
    kind: String,
    subject: String,
    under: Under,
}

/// The query.
#[derive(Deserialize)]
struct Under {
    /// The case under which an exhibit is read that stands in several.
    case: Option<String>,
}

impl FromRequestParts<Arc<App>> for Sought {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Sought, Response> {
        let path = Path::from_request_parts(parts, app).await;
        let Path((kind, subject)) = path.map_err(|refused| refused.into_response())?;
        let query = Query::from_request_parts(parts, app).await;
        let Query(under) = query.map_err(|refused| refused.into_response())?;
        let reader = Reader::from_request_parts(parts, app).await;
        Ok(Sought {
            reader: reader.map_err(|refused| refused.into_response())?,
            kind,
            subject,
            under,
        })
    }
}

impl Sought {
    /// Finds it: anything that cannot be seen gets one and the same answer, but for what the reader could see once, of
    /// which they are told that this has ended.
    pub async fn find(&self, app: &App) -> Result<Target, Problem> {
        let kind = match self.kind.as_str() {
            "exhibits" => ScopeKind::Exhibit,
            "cases" => ScopeKind::Case,
            _ => return Err(Problem::not_visible()),
        };
        let read = |text: &String| Subject::new(text).map_err(|_| Problem::not_visible());
        let subject = read(&self.subject)?;
        let under = self.under.case.as_ref().map(read).transpose()?;
        let (store, reader) = (Arc::clone(&app.store), self.reader.actor.clone());
        on_disk(move || -> Result<Target, Problem> {
            let (store, under) = (&*store, under.as_ref());
            if let Some(found) = find_under(store, &reader, kind, &subject, under)? {
                return Ok(found);
            }
            match kind == ScopeKind::Exhibit && has_ended(store, &reader, &subject, under)? {
                true => Err(disclosure_ended()),
                false => Err(Problem::not_visible()),
            }
        })
        .await
    }
}

fn disclosure_ended() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "disclosure-ended",
        "It was disclosed to your organisation, and that has expired or was withdrawn.",
        "Read the history of the case, which says which; ask the discloser to disclose it again.",
    )
}

/// The exhibits whose bytes have this SHA-256, among those that the reader may see.
pub fn with_digest(
    store: &dyn Store,
    reader: &ActorId,
    sha256: Hash,
) -> Result<Vec<Target>, StoreError> {
    let known = StoreKnown::new(store);
    let mut targets = Vec::new();
    for exhibit in store.exhibits_with(sha256)? {
        // A list of candidates is not what the exhibit is.
        let attached = known.get(&RecordKey::Attached(sha256, exhibit.clone()));
        let digest = known.exhibit(&exhibit).and_then(|one| one.digest);
        known.check()?;
        if attached.is_none() || digest.is_some_and(|digest| digest.sha256 == sha256) {
            targets.extend(find(store, reader, ScopeKind::Exhibit, &exhibit)?);
        }
    }
    Ok(targets)
}

/// An exhibit under whose rights the reader may have a blob. Its digest or an entry about it names the blob, and was
/// recorded by an organisation that has put the blob here: whoever merely knows the digest of another's blob makes no
/// key to it by naming it.
pub fn key_to_blob(
    store: &dyn Store,
    blobs: &BlobFolder,
    reader: &ActorId,
    sha256: Hash,
) -> Result<Option<Target>, StoreError> {
    if eraser::is_erased(store, sha256)? {
        return Ok(None);
    }
    for exhibit in store.exhibits_with(sha256)? {
        let Some(found) = find(store, reader, ScopeKind::Exhibit, &exhibit)? else {
            continue;
        };
        if named_by_uploader(store, blobs, &exhibit, sha256)?
            && !is_kept_back(store, &found, sha256)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a file that an entry names beside the exhibit's digest is kept back from a reader, with that entry's details.
fn is_kept_back(store: &dyn Store, target: &Target, sha256: Hash) -> Result<bool, StoreError> {
    let known = StoreKnown::new(store);
    let named = known.get(&RecordKey::Attached(sha256, target.subject.clone()));
    let digest = known.exhibit(&target.subject).and_then(|one| one.digest);
    known.check()?;
    let (Some(Record::Fact(e)), false) =
        (named, digest.is_some_and(|digest| digest.sha256 == sha256))
    else {
        return Ok(false);
    };
    let stored = store.index_of(e)?.map(|index| store.entry(index));
    let Some(stored) = stored.transpose()?.flatten() else {
        return Ok(true);
    };
    let view = target.view(store, &parse(&stored)?)?;
    Ok(matches!(
        view,
        EntryView::WithoutDetails | EntryView::Withheld
    ))
}

fn named_by_uploader(
    store: &dyn Store,
    blobs: &BlobFolder,
    exhibit: &Subject,
    sha256: Hash,
) -> Result<bool, StoreError> {
    let known = StoreKnown::new(store);
    let key = RecordKey::Attached(sha256, exhibit.clone());
    if let Some(Record::Fact(e)) = known.get(&key)
        && let Some(entry) = known.entry(e)
        && blobs.uploaded_by(&entry.actor.org(), sha256)
    {
        return Ok(true);
    }
    known.check()?;
    let chain = ChainId {
        subject: exhibit.clone(),
        strand: Strand::Custody,
    };
    for index in store.chain(&chain)? {
        let Some(stored) = store.entry(index)? else {
            continue;
        };
        let entry = parse(&stored)?;
        let payload = entry.payload();
        let row = Rules::embedded().row(&payload.event);
        let states = row.is_some_and(|row| {
            matches!(
                row.effect,
                Effect::OpenExhibit | Effect::SetDigest | Effect::Extend
            )
        });
        let digest = payload.body.get("digest").cloned();
        let digest =
            digest.and_then(|digest| serde_json::from_value::<EvidenceDigest>(digest).ok());
        if states
            && digest.is_some_and(|digest| digest.sha256 == sha256)
            && blobs.uploaded_by(&payload.actor.org(), sha256)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records the reading. Only when this has returned may content leave.
pub async fn record(
    app: &App,
    reader: &Reader,
    event: &str,
    target: &Target,
    extent: &str,
) -> Result<(), Problem> {
    let linked = Some(&target.subject).filter(|_| target.linked);
    let of = match target.kind {
        ScopeKind::Exhibit if linked.is_none() => ("exhibit", &target.subject),
        // The exhibit's own chain is read in its own case, where nothing shows the link.
        ScopeKind::Case | ScopeKind::Exhibit => ("case", &target.case),
    };
    write(app, reader, event, of, extent, linked).await
}

/// The same of something that is about the whole ledger.
pub async fn record_on_ledger(app: &App, reader: &Reader, extent: &str) -> Result<(), Problem> {
    let ledger = ("ledger", &app.identity.subject);
    write(app, reader, "viewed", ledger, extent, None).await
}

async fn write(
    app: &App,
    reader: &Reader,
    event: &str,
    (target, subject): (&str, &Subject),
    extent: &str,
    linked: Option<&Subject>,
) -> Result<(), Problem> {
    let mut body = object(json!({"target": target, "extent": extent}));
    body.extend(linked.map(|exhibit| ("exhibit".to_owned(), json!(exhibit))));
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

/// The disclosures of an entry but those of these names.
pub fn keep(entry: &UnverifiedEntry, without: &BTreeSet<String>) -> Vec<String> {
    let all = entry.disclosures().iter();
    let kept = all.filter(|one| !without.contains(one.name()));
    kept.map(|one| one.as_str().to_owned()).collect()
}

/// An entry that the reader may see, with the exhibit or case that the reading counts under, if any.
pub fn find_entry(
    store: &dyn Store,
    reader: &ActorId,
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
    let target = find(store, reader, kind, &payload.subject)?;
    let target = target.ok_or_else(Problem::not_visible)?;
    match target.view(store, &entry)? {
        EntryView::Whole => {}
        EntryView::Without(names) => stored.disclosures = keep(&entry, &names),
        EntryView::WithoutDetails => stored.disclosures.clear(),
        EntryView::Withheld => return Err(Problem::not_visible()),
    }
    Ok((index, stored, Some(target)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::faults::Bench;
    use super::*;
    use crate::storage::Mode;
    use crate::storage::model::Fault;

    #[test]
    fn a_storage_failure_is_not_told_as_nothing_there() {
        let bench = Bench::new();
        bench.run(&bench.disk, true);
        let store = bench.disk.open(Mode::Read).unwrap();
        let opened = bench.entries.iter().map(UnverifiedEntry::payload);
        let mut opened = opened.filter(|one| one.event == "case-opened");
        let officer = opened.next().unwrap().actor.clone();
        let mut failed = 0;
        for at in 0.. {
            bench.disk.fail_at(at, Fault::Failed);
            let found = find(&store, &officer, ScopeKind::Case, &bench.case);
            if !bench.disk.heal() {
                assert!(found.unwrap().is_some());
                break;
            }
            failed += 1;
            assert!(found.is_err(), "read {at}");
        }
        assert!(failed > 1);
    }
}
