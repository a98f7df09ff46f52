//! Reading over HTTP: who asks, what they may see, the access entry on disk, and only then the content.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::auditors::newest_audited;
use super::blobs::on_disk;
use super::even::evened;
use super::history::{self, Part};
use super::http::{App, Shared, head, json_answer, text_answer};
use super::known::StoreKnown;
use super::nearest::size_of;
use super::problem::Problem;
use super::publish;
use super::readings::{self, Reading};
use super::reads::{Sought, Target};
use super::sequencer::Work;
use super::tokens::Reader;
use super::{bundles, reads};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::receipt::Receipt;
use crate::protocol::tlog_proof::TlogProof;
use crate::protocol::tree::EntryIndex;

/// How long a bundle waits for the witnesses; without them it is handed out all the same, and says so.
const WITNESS_PATIENCE: Duration = Duration::from_secs(10);

/// The end of a chain.
pub async fn get_head(
    State(app): Shared,
    Path((subject, strand)): Path<(String, String)>,
    reader: Reader,
) -> Result<Response, Problem> {
    let subject =
        Subject::new(subject).map_err(|error| Problem::bad("bad-subject", error.to_string()))?;
    let strand = Strand::parse(&strand)
        .ok_or_else(|| Problem::bad("bad-strand", "There is no such strand."))?;
    let head = head(&*app.store, &reader.actor, &subject, strand)?;
    let answer = json_answer(StatusCode::OK, &head);
    // None, or not theirs.
    Ok(match head["last"].is_null() {
        true => evened(answer),
        false => answer,
    })
}

/// The query of a history.
#[derive(Deserialize)]
pub struct Asked {
    strand: Option<String>,
    from: Option<u64>,
}

impl Asked {
    fn part(&self) -> Result<Part, Problem> {
        let unknown = || Problem::bad("bad-strand", "There is no such strand.");
        let read = |text: &String| Strand::parse(text).ok_or_else(unknown);
        Ok(Part {
            strand: self.strand.as_ref().map(read).transpose()?,
            from: EntryIndex(self.from.unwrap_or(0)),
        })
    }
}

/// The entries of an exhibit or case that the reader may see.
pub async fn get_history(
    State(app): Shared,
    Query(query): Query<Asked>,
    sought: Sought,
) -> Result<Response, Problem> {
    let part = query.part()?;
    let target = sought.find(&app).await?;
    let reader = sought.reader;
    let reading = Reading {
        reader: reader.actor.clone(),
        exhibit: target.subject.clone(),
        blob: readings::history(&target.subject, &target.case),
        purpose: reader.purpose.clone(),
    };
    let record = async || reads::record(&app, &reader, "viewed", &target, "history").await;
    match part.from.0 {
        0 => app.readings.anew(reading, record).await?,
        _ => app.readings.once(reading, record).await?,
    }
    let history = on_disk(move || history::history(&*app.store, &target, part)).await?;
    Ok(json_answer(StatusCode::OK, &history))
}

/// The query of a bundle.
#[derive(Deserialize)]
pub struct OfBundle {
    /// Whether it is to end where an auditor has recomputed the map.
    #[serde(default)]
    pub(super) audited: bool,
    /// Whether it is taken to make a report of it.
    #[serde(default)]
    report: bool,
}

/// The checkpoint of the newest tree whose map an auditor recomputed, if it has the target.
pub(super) fn audited(app: &App, target: &Target) -> Result<String, Problem> {
    let none = || {
        Problem::new(
            StatusCode::CONFLICT,
            "not-audited",
            "No auditor has recomputed the map of the ledger since this was recorded, or none did of late.",
            "Take the bundle without asking for that, or ask an auditor to run custodes audit --service --cosign.",
        )
    };
    let note = newest_audited(app)?.ok_or_else(none)?;
    let strand = match target.kind {
        ScopeKind::Exhibit => Strand::Custody,
        ScopeKind::Case => Strand::Case,
    };
    let chain = ChainId {
        subject: target.subject.clone(),
        strand,
    };
    let first = app.store.chain(&chain)?.first().copied();
    let covered = first.is_some_and(|first| first.0 < size_of(&note).map_or(0, |size| size.0));
    covered.then_some(note).ok_or_else(none)
}

/// The bundle of an exhibit or case.
pub async fn get_bundle(
    State(app): Shared,
    Query(query): Query<OfBundle>,
    sought: Sought,
) -> Result<Response, Problem> {
    let target = sought.find(&app).await?;
    let event = match query.report {
        true => "reported",
        false => "exported",
    };
    reads::record(&app, &sought.reader, event, &target, "bundle").await?;
    // The newest published checkpoint must cover all there is, this reading included.
    app.sequencer.write(Work::Publish).await?;
    // Once that is witnessed, so is what was published before it.
    let newest = app.witnessing.newest(WITNESS_PATIENCE).await?;
    let note = match query.audited {
        true => audited(&app, &target)?,
        false => newest,
    };
    let shared = Arc::clone(&app);
    let place = shared.bundles.acquire().await;
    let _place = place.expect("this semaphore is never closed");
    let bundle = on_disk(move || -> Result<Vec<u8>, Problem> {
        let log = StoreKnown::new(&*app.store).log_keys()?;
        let bundle = bundles::assemble(
            &*app.store,
            &app.witnessing,
            &app.sequencer.maps,
            &log,
            note,
            &target,
        )?;
        Ok(bundle.to_bytes())
    });
    Ok(text_answer("application/json", bundle.await?))
}

/// One entry.
pub async fn get_entry(
    State(app): Shared,
    Path(e): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let (store, actor) = (Arc::clone(&app.store), reader.actor.clone());
    let found = on_disk(move || reads::find_entry(&*store, &actor, &e));
    let (index, stored, target) = found.await?;
    if let Some(target) = target {
        reads::record(&app, &reader, "viewed", &target, "entry").await?;
    }
    let entry = reads::text(&stored.jws, &stored.disclosures);
    let answer = json!({"index": index, "recorded_at": stored.recorded_at, "entry": entry});
    Ok(json_answer(StatusCode::OK, &answer))
}

/// An entry's receipt under the newest checkpoint.
pub async fn get_receipt(
    State(app): Shared,
    Path(e): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let receipt = on_disk(move || receipt(&app, &reader, &e)).await?;
    Ok(json_answer(StatusCode::OK, &json!(receipt)))
}

fn receipt(app: &App, reader: &Reader, e: &str) -> Result<Receipt, Problem> {
    let (index, stored, _) = reads::find_entry(&*app.store, &reader.actor, e)?;
    let e = EntryHash(Hash::of(&[stored.jws.as_bytes()]));
    Ok(publish::receipt(
        &*app.store,
        &app.identity,
        app.witnessing.witnessed(),
        index,
        stored.recorded_at,
        e,
    )?)
}

/// An entry's proof as a `.tlog-proof` file.
pub async fn get_proof(
    State(app): Shared,
    Path(e): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let receipt = on_disk(move || receipt(&app, &reader, &e)).await?;
    let proof = TlogProof {
        recorded_at: receipt.recorded_at,
        index: receipt.index,
        proof: receipt.proof,
        checkpoint: receipt.checkpoint,
    };
    Ok(text_answer("text/plain; charset=utf-8", proof.to_text()))
}

/// The query.
#[derive(Deserialize)]
pub struct Lookup {
    /// What is looked for.
    sha256: String,
}

/// Exhibits whose bytes have this SHA-256.
pub async fn get_lookup(
    State(app): Shared,
    Query(query): Query<Lookup>,
    reader: Reader,
) -> Result<Response, Problem> {
    let sha256 = Hash::from_hex(&query.sha256)
        .ok_or_else(|| Problem::bad("bad-digest", "sha256 is 64 hex digits."))?;
    let (store, actor) = (Arc::clone(&app.store), reader.actor.clone());
    let targets = on_disk(move || reads::with_digest(&*store, &actor, sha256)).await?;
    let mut found = Vec::new();
    for target in targets {
        reads::record(&app, &reader, "viewed", &target, "lookup").await?;
        found.push(json!({"subject": target.subject, "case": target.case}));
    }
    if found.is_empty() {
        return Err(Problem::not_visible());
    }
    Ok(json_answer(StatusCode::OK, &json!({"exhibits": found})))
}

/// The query.
#[derive(Deserialize)]
pub struct Resolve {
    /// What is looked for.
    reference: String,
}

/// What a reference such as "JSM/1" stands for.
pub async fn get_resolve(
    State(app): Shared,
    Query(query): Query<Resolve>,
    reader: Reader,
) -> Result<Response, Problem> {
    let found = on_disk(move || app.search.resolve(&reader.actor, &query.reference)).await?;
    // What else has the name, and is not theirs, was looked at too.
    let answer = json_answer(StatusCode::OK, &json!({"matches": found}));
    Ok(evened(answer))
}

/// The query.
#[derive(Deserialize)]
pub struct From {
    /// The first record, or place of the log, wanted.
    pub(super) from: u64,
}

/// What was refused, for auditors: records of the security log from a position on, a line each; the last line says
/// how many there are, and is missing from an answer that was cut short.
pub async fn get_security_log(
    State(app): Shared,
    Query(query): Query<From>,
    reader: Reader,
) -> Result<Response, Problem> {
    reads::auditors_only(&*app.store, &reader)?;
    let security = Arc::clone(&app.security);
    let end = on_disk(move || security.flush()).await?;
    // The entry of this reading says how long the log was and how it ended: from then on nothing can be cut off it.
    reads::record_on_ledger(&app, &reader, &end.extent()).await?;
    let security = Arc::clone(&app.security);
    let records = on_disk(move || security.page(query.from, end.length)).await?;
    let lines = records.iter().map(|record| json!({"record": record}));
    let last = json!({"length": end.length, "head": end.head});
    let lines: String = lines
        .chain([last])
        .map(|line| format!("{line}\n"))
        .collect();
    Ok(text_answer("application/x-ndjson", lines))
}
