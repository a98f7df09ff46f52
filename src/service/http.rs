//! The HTTP interface. Handlers parse, check, queue and answer; they never write to the store.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};

use super::folder::Identity;
use super::known::StoreKnown;
use super::problem::Problem;
use super::search::Search;
use super::sequencer::{self, Sequencer};
use super::tokens::{Reader, Tokens};
use super::witnessing::Witnessing;
use super::{blobs, public_log, submit, views};
use crate::ledger::state::Known as _;
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::manifest::MAX_MANIFEST;
use crate::storage::{Store, StoreError};

/// What every handler has.
pub struct App {
    pub(super) store: Arc<dyn Store>,
    pub(super) identity: Arc<Identity>,
    /// The way to the writer.
    pub sequencer: Sequencer,
    /// What witnesses make of what is published.
    pub witnessing: Arc<Witnessing>,
    tokens: Tokens,
    pub(super) search: Search,
    url: String,
}

pub(super) type Shared = State<Arc<App>>;

impl App {
    /// Puts the service together; references are read in from the log.
    pub fn new(
        store: Arc<dyn Store>,
        identity: Arc<Identity>,
        sequencer: Sequencer,
        witnessing: Arc<Witnessing>,
        url: String,
    ) -> Result<Arc<App>, StoreError> {
        let search = Search::default();
        search.catch_up(&*store)?;
        Ok(Arc::new(App {
            store,
            identity,
            sequencer,
            witnessing,
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
            post(submit::post_entries).layer(DefaultBodyLimit::max(submit::MAX_BATCH)),
        )
        .route("/v1/entries/{e}", get(views::get_entry))
        .route("/v1/entries/{e}/receipt", get(views::get_receipt))
        .route("/v1/entries/{e}/proof", get(views::get_proof))
        .route("/v1/heads/{subject}/{strand}", get(views::get_head))
        .route("/v1/{kind}/{subject}/history", get(views::get_history))
        .route("/v1/{kind}/{subject}/bundle", get(views::get_bundle))
        .route("/v1/lookup", get(views::get_lookup))
        .route("/v1/resolve", get(views::get_resolve))
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
    if app.sequencer.has_failed() {
        return Problem::from(sequencer::Unavailable::Stopped).into_response();
    }
    match app.witnessing.status() {
        (true, words) => text_answer("text/plain; charset=utf-8", format!("ready\n{words}\n")),
        (false, words) => {
            let next = "Nothing is recorded meanwhile; published checkpoints and tiles are served.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "held", words, next).into_response()
        }
    }
}

/// The end of a chain, as clients need it to sign the next entry.
pub(super) fn head(
    store: &dyn Store,
    subject: &Subject,
    strand: Strand,
) -> Result<Value, StoreError> {
    let known = StoreKnown::new(store);
    let chain = known.chain(subject, strand);
    known.check()?;
    Ok(match chain {
        Some(chain) => json!({"length": chain.length, "last": chain.last}),
        None => json!({"length": 0, "last": null}),
    })
}
