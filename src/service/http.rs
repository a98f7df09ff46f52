//! The HTTP interface. Handlers parse, check, queue and answer; they never write to the store.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::attempts;
use super::even;
use super::folder::Identity;
use super::known::StoreKnown;
use super::limits;
use super::metrics;
use super::problem::Problem;
use super::readings::Readings;
use super::reads::now;
use super::routes::ROUTES;
use super::scrub::Scrub;
use super::search::Search;
use super::security_log::SecurityLog;
use super::sequencer::{self, Sequencer};
use super::server::Places;
use super::tokens::{BodyHash, Reader, Tokens};
use super::witnessing::Witnessing;
use crate::ledger::state::Known as _;
use crate::ledger::{ReadRight, may_know_of, may_read, may_read_exhibit};
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::storage::{BlobFolder, Store, StoreError};

/// What every handler has.
pub struct App {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<BlobFolder>,
    pub(super) identity: Arc<Identity>,
    /// The way to the writer.
    pub sequencer: Sequencer,
    /// What witnesses make of what is published.
    pub witnessing: Arc<Witnessing>,
    /// Connections of the listener that this is served on.
    pub(super) places: Arc<Places>,
    /// Whether `/metrics` is shown on that listener.
    pub(super) metrics_here: bool,
    tokens: Tokens,
    pub(super) search: Arc<Search>,
    pub(super) scrub: Option<Arc<Scrub>>,
    /// Places for the batches that may be taken in at once.
    pub(super) batches: Arc<Semaphore>,
    /// Places for the bundles that are put together at once.
    pub(super) bundles: Semaphore,
    /// A place for the one audit that may run.
    pub(super) audits: Arc<Semaphore>,
    pub(super) readings: Readings,
    pub(super) security: Arc<SecurityLog>,
    url: String,
}

/// Where the service is reached.
pub struct Reach {
    /// The public address, which tokens name.
    pub url: String,
    /// Connections of the listener.
    pub places: Arc<Places>,
    /// Whether `/metrics` is shown on that listener.
    pub metrics_here: bool,
}

pub(super) type Shared = State<Arc<App>>;

/// What works beside the requests.
pub struct Beside {
    /// Has checkpoints witnessed.
    pub witnessing: Arc<Witnessing>,
    /// Follows the log with the index of references.
    pub search: Arc<Search>,
    /// Reads everything stored again, unless turned off.
    pub scrub: Option<Arc<Scrub>>,
    /// Records what is refused.
    pub security: Arc<SecurityLog>,
    /// The one place of an audit, which erasure waits for.
    pub audits: Arc<Semaphore>,
}

impl App {
    /// Puts the service together.
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<BlobFolder>,
        identity: Arc<Identity>,
        sequencer: Sequencer,
        beside: Beside,
        reach: Reach,
    ) -> Arc<App> {
        Arc::new(App {
            store,
            blobs,
            identity,
            sequencer,
            witnessing: beside.witnessing,
            places: reach.places,
            metrics_here: reach.metrics_here,
            tokens: Tokens::new(),
            search: beside.search,
            scrub: beside.scrub,
            batches: Arc::new(Semaphore::new(limits::MAX_BATCHES)),
            bundles: Semaphore::new(limits::MAX_BUNDLES),
            audits: beside.audits,
            readings: Readings::default(),
            security: beside.security,
            url: reach.url,
        })
    }

    /// Who asks, from the token of this one request.
    pub(super) fn reader(&self, parts: &Parts, body: BodyHash) -> Result<Reader, Problem> {
        let path = parts.uri.path_and_query();
        let uri = format!("{}{}", self.url, path.map_or("/", |path| path.as_str()));
        let ledger = &self.identity.origin;
        self.tokens.check(&*self.store, ledger, parts, &uri, body)
    }
}

/// The routes of the table.
pub fn router(app: Arc<App>) -> Router {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| {
            router.route(route.path, (route.handler)())
        })
        .fallback(async || Problem::no_such_path())
        .layer(from_fn_with_state(Arc::clone(&app), attempts::watch))
        .layer(from_fn(even::even))
        .layer(from_fn(limits::guard))
        .layer(from_fn_with_state(Arc::clone(&app), metrics::count))
        .with_state(app)
}

/// The routes of the listener for the operator's own machines.
pub fn metrics_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::get_metrics_apart))
        .fallback(async || Problem::no_such_path())
        .layer(from_fn(limits::guard))
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

pub(super) async fn ready(State(app): Shared) -> Response {
    if app.sequencer.has_failed() {
        return Problem::from(sequencer::Unavailable::Stopped).into_response();
    }
    if app.security.has_failed() {
        let words = "What is refused can no longer be recorded, after a storage failure.";
        let next = "The operator starts the service again; the cause is in its log.";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "security-log", words, next)
            .into_response();
    }
    let scrub = app.scrub.as_ref().map(|scrub| scrub.status());
    if scrub.as_ref().is_some_and(|scrub| !scrub.is_healthy()) {
        let next = "Stop the service and run custodes audit, then custodes repair, on the ledger's folder.";
        let words = "Stored data is damaged; what is damaged is in the service's log.";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "damaged", words, next)
            .into_response();
    }
    match app.witnessing.status() {
        (true, words) => text_answer("text/plain; charset=utf-8", format!("ready\n{words}\n")),
        (false, words) => {
            let next = "Nothing is recorded meanwhile; published checkpoints and tiles are served.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "held", words, next).into_response()
        }
    }
}

fn reads(known: &StoreKnown<'_>, actor: &ActorId, subject: &Subject, at: LogTime) -> bool {
    may_read(known, actor, subject, at) != ReadRight::None
        || may_read_exhibit(known, actor, subject, None, at).is_some()
}

/// The end of a chain, as clients need it to sign the next entry. To whoever has no business with the exhibit or case
/// there is no such chain.
pub(super) fn head(
    store: &dyn Store,
    actor: &ActorId,
    subject: &Subject,
    strand: Strand,
) -> Result<Value, StoreError> {
    let known = StoreKnown::new(store);
    let theirs = match strand {
        Strand::Keys | Strand::Rules => true,
        // Nobody but the service goes on with it, and its length says how often somebody looked.
        Strand::Access => reads(&known, actor, subject, now(store)?),
        _ => may_know_of(&known, actor, subject),
    };
    let chain = known.chain(subject, strand).filter(|_| theirs);
    known.check()?;
    Ok(match chain {
        Some(chain) => json!({"length": chain.length, "last": chain.last}),
        None => json!({"length": 0, "last": null}),
    })
}
