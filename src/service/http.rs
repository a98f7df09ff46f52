//! The HTTP interface. Handlers parse, check, queue and answer; they never write to the store.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use super::folder::Identity;
use super::known::StoreKnown;
use super::problem::Problem;
use super::search::Search;
use super::sequencer::{self, Answer, Sequencer, Work};
use super::tokens::{Reader, Tokens};
use super::{blobs, bundles, public_log, reads};
use crate::ledger::state::Known as _;
use crate::ledger::{Rules, check_whole, signer};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::{EntryHash, MAX_ENTRY, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::manifest::MAX_MANIFEST;
use crate::protocol::receipt::Receipt;
use crate::protocol::tlog_proof::TlogProof;
use crate::storage::{Store, StoreError};

/// Largest batch, in bytes.
const MAX_BATCH: usize = 16 << 20;

/// What every handler has.
pub struct App {
    pub(super) store: Arc<dyn Store>,
    pub(super) identity: Arc<Identity>,
    /// The way to the writer.
    pub sequencer: Sequencer,
    tokens: Tokens,
    search: Search,
    url: String,
}

pub(super) type Shared = State<Arc<App>>;

impl App {
    /// Puts the service together; references are read in from the log.
    pub fn new(
        store: Arc<dyn Store>,
        identity: Arc<Identity>,
        sequencer: Sequencer,
        url: String,
    ) -> Result<Arc<App>, StoreError> {
        let search = Search::default();
        search.catch_up(&*store)?;
        Ok(Arc::new(App {
            store,
            identity,
            sequencer,
            tokens: Tokens::new(),
            search,
            url,
        }))
    }

    /// Who asks, from the token of this one request.
    pub(super) fn reader(
        &self,
        headers: &HeaderMap,
        method: &Method,
        uri: &OriginalUri,
        body: Option<Hash>,
    ) -> Result<Reader, Problem> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}{path}", self.url);
        self.tokens.check(
            &*self.store,
            &self.identity.origin,
            headers,
            method.as_str(),
            &uri,
            body,
        )
    }
}

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(
            "/v1/entries",
            post(post_entries).layer(DefaultBodyLimit::max(MAX_BATCH)),
        )
        .route("/v1/entries/{e}", get(get_entry))
        .route("/v1/entries/{e}/receipt", get(get_receipt))
        .route("/v1/entries/{e}/proof", get(get_proof))
        .route("/v1/heads/{subject}/{strand}", get(get_head))
        .route("/v1/{kind}/{subject}/history", get(get_history))
        .route("/v1/{kind}/{subject}/bundle", get(get_bundle))
        .route("/v1/lookup", get(get_lookup))
        .route("/v1/resolve", get(get_resolve))
        .route(
            "/v1/blobs/{sha256}",
            put(blobs::put_blob)
                .get(blobs::get_blob)
                .layer(DefaultBodyLimit::max(MAX_MANIFEST)),
        )
        .route("/v1/ledger", get(public_log::get_ledger))
        .route("/v1/rules", get(public_log::get_rules))
        .route(
            "/v1/consistency/{old}/{new}",
            get(public_log::get_consistency),
        )
        .route("/checkpoint", get(public_log::get_checkpoint))
        .route("/tile/{*path}", get(public_log::get_tile))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "no-such-path",
                "There is nothing at this path.",
                "See docs/ARCHITECTURE.md for the paths.",
            )
        })
        .with_state(app)
}

pub(super) fn json_answer(status: StatusCode, value: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}

pub(super) fn text_answer(kind: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn ready(State(app): Shared) -> Response {
    match app.sequencer.has_failed() {
        false => text_answer("text/plain; charset=utf-8", "ready\n"),
        true => Problem::from(sequencer::Unavailable::Stopped).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    entry: String,
}

async fn post_entries(
    State(app): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    match kind.split(';').next().unwrap_or("").trim() {
        "application/json" => {
            if body.len() > 2 * MAX_ENTRY {
                return Err(Problem::bad("too-long", "An entry is at most 1 MiB."));
            }
            let (status, receipt) = submit(&app, &body).await?;
            Ok(json_answer(status, &json!(receipt)))
        }
        "application/x-ndjson" => {
            // Lines may build on one another, so they go one by one, in order; each has its own result.
            let mut lines = String::new();
            for line in body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let result = match submit(&app, line).await {
                    Ok((status, receipt)) => json!({"status": status.as_u16(), "receipt": receipt}),
                    Err(problem) => {
                        json!({"status": problem.status.as_u16(), "problem": problem.into_body()})
                    }
                };
                lines.push_str(&result.to_string());
                lines.push('\n');
            }
            Ok(text_answer("application/x-ndjson", lines))
        }
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Entries come as application/json, or as application/x-ndjson, one a line.",
            "Set Content-Type.",
        )),
    }
}

async fn submit(app: &App, body: &[u8]) -> Result<(StatusCode, Box<Receipt>), Problem> {
    let submission: Submission = serde_json::from_slice(body)
        .map_err(|_| Problem::bad("bad-request", "Expected {\"entry\":\"<entry>\"}."))?;
    let entry = UnverifiedEntry::parse_whole(&submission.entry)
        .map_err(|error| Problem::bad("bad-entry", capital(&error.to_string())))?;
    check_whole(Rules::embedded(), &entry)?;
    let key = {
        let known = StoreKnown::new(&*app.store);
        let key = signer(&known, &entry);
        known.check()?;
        key?
    };
    let chain = entry.payload().chain();
    let entry = entry
        .verify(&key)
        .map_err(|error| Problem::bad("bad-signature", capital(&error.to_string())))?;
    match app
        .sequencer
        .write(Work::Submitted(Box::new(entry)))
        .await?
    {
        Answer::Recorded(receipt) => Ok((StatusCode::CREATED, receipt)),
        Answer::Known(receipt) => Ok((StatusCode::OK, receipt)),
        Answer::Published => Err(sequencer::Unavailable::Stopped.into()),
        Answer::Refused(refusal) => {
            let stale = refusal.code == "stale-prev";
            let problem = Problem::from(refusal);
            if !stale {
                return Err(problem);
            }
            let head = head(&*app.store, &chain.subject, chain.strand)?;
            Err(problem.with("head", head))
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    first + letters.as_str() + "."
}

fn head(store: &dyn Store, subject: &Subject, strand: Strand) -> Result<Value, StoreError> {
    let known = StoreKnown::new(store);
    let chain = known.chain(subject, strand);
    known.check()?;
    Ok(match chain {
        Some(chain) => json!({"length": chain.length, "last": chain.last}),
        None => json!({"length": 0, "last": null}),
    })
}

async fn get_head(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path((subject, strand)): Path<(String, String)>,
) -> Result<Response, Problem> {
    app.reader(&headers, &method, &uri, None)?;
    let subject =
        Subject::new(subject).map_err(|error| Problem::bad("bad-subject", error.to_string()))?;
    let strand = Strand::parse(&strand)
        .ok_or_else(|| Problem::bad("bad-strand", "There is no such strand."))?;
    Ok(json_answer(
        StatusCode::OK,
        &head(&*app.store, &subject, strand)?,
    ))
}

fn scope(kind: &str) -> Result<ScopeKind, Problem> {
    match kind {
        "exhibits" => Ok(ScopeKind::Exhibit),
        "cases" => Ok(ScopeKind::Case),
        _ => Err(Problem::not_visible()),
    }
}

async fn get_history(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path((kind, subject)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let target = reads::find(&*app.store, &reader, scope(&kind)?, &subject)?;
    reads::record(
        &app,
        &reader,
        "viewed",
        target.kind,
        &target.subject,
        "history",
    )
    .await?;
    Ok(json_answer(
        StatusCode::OK,
        &reads::history(&*app.store, &target)?,
    ))
}

async fn get_bundle(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path((kind, subject)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let target = reads::find(&*app.store, &reader, scope(&kind)?, &subject)?;
    reads::record(
        &app,
        &reader,
        "exported",
        target.kind,
        &target.subject,
        "bundle",
    )
    .await?;
    // The newest published checkpoint must cover all there is, this reading included.
    app.sequencer.write(Work::Publish).await?;
    let bundle = bundles::assemble(&*app.store, &app.identity.log_vkey(), &target)?;
    Ok(text_answer("application/json", bundle.to_bytes()))
}

async fn get_entry(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(e): Path<String>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let (index, stored, target) = reads::find_entry(&*app.store, &reader, &e)?;
    if let Some(target) = target {
        reads::record(
            &app,
            &reader,
            "viewed",
            target.kind,
            &target.subject,
            "entry",
        )
        .await?;
    }
    let entry = reads::text(&stored.jws, &stored.disclosures);
    let answer = json!({"index": index, "recorded_at": stored.recorded_at, "entry": entry});
    Ok(json_answer(StatusCode::OK, &answer))
}

async fn get_receipt(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(e): Path<String>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let receipt = receipt(&app, &reader, &e)?;
    Ok(json_answer(StatusCode::OK, &json!(receipt)))
}

fn receipt(app: &App, reader: &Reader, e: &str) -> Result<Receipt, Problem> {
    let (index, stored, _) = reads::find_entry(&*app.store, reader, e)?;
    let e = EntryHash(Hash::of(&[stored.jws.as_bytes()]));
    Ok(sequencer::receipt(
        &*app.store,
        &app.identity,
        index,
        stored.recorded_at,
        e,
    )?)
}

async fn get_proof(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(e): Path<String>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let receipt = receipt(&app, &reader, &e)?;
    let proof = TlogProof {
        recorded_at: receipt.recorded_at,
        index: receipt.index,
        proof: receipt.proof,
        checkpoint: receipt.checkpoint,
    };
    Ok(text_answer("text/plain; charset=utf-8", proof.to_text()))
}

#[derive(Deserialize)]
struct Lookup {
    sha256: String,
}

async fn get_lookup(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Query(query): Query<Lookup>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let sha256 = Hash::from_hex(&query.sha256)
        .ok_or_else(|| Problem::bad("bad-digest", "sha256 is 64 hex digits."))?;
    let mut found = Vec::new();
    for exhibit in app.store.exhibits_with(sha256)? {
        let Ok(target) = reads::find(&*app.store, &reader, ScopeKind::Exhibit, exhibit.as_str())
        else {
            continue;
        };
        reads::record(
            &app,
            &reader,
            "viewed",
            target.kind,
            &target.subject,
            "lookup",
        )
        .await?;
        found.push(json!({"subject": target.subject, "case": target.case}));
    }
    if found.is_empty() {
        return Err(Problem::not_visible());
    }
    Ok(json_answer(StatusCode::OK, &json!({"exhibits": found})))
}

#[derive(Deserialize)]
struct Resolve {
    reference: String,
}

async fn get_resolve(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Query(query): Query<Resolve>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let found = app
        .search
        .resolve(&*app.store, &reader.actor, &query.reference)?;
    Ok(json_answer(StatusCode::OK, &json!({"matches": found})))
}
