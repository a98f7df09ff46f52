//! Taking entries in: `POST /v1/entries`, one entry or a batch of them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::batch;
use super::http::{App, Shared, head, json_answer, text_answer};
use super::known::StoreKnown;
use super::problem::{Problem, capital};
use super::sequencer::{self, Answer, Work};
use crate::ledger::{Rules, check_whole, signer};
use crate::protocol::entry::{MAX_ENTRY, UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::ChainId;
use crate::protocol::receipt::Receipt;

/// Largest batch, in bytes.
pub const MAX_BATCH: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    entry: String,
}

/// Takes entries in: one, or a batch.
pub async fn post_entries(
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
            let lines = batch::take_in(&app, body).await?;
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

/// Status and receipt of an entry that was taken in.
pub type Accepted = (StatusCode, Box<Receipt>);

/// Why an entry was not verified.
pub enum NotVerified {
    /// No key is known by which to verify it.
    NoKey(Box<UnverifiedEntry>, Problem),
    /// Anything else.
    Bad(Problem),
}

async fn submit(app: &App, body: &[u8]) -> Result<Accepted, Problem> {
    let result = decide(app, body).await;
    count(app, &result);
    result
}

/// Counts what became of an entry.
pub fn count(app: &App, result: &Result<Accepted, Problem>) {
    app.sequencer.metrics.entry(match result {
        Ok((StatusCode::CREATED, _)) => "recorded",
        Ok(_) => "known",
        Err(problem) => problem.code(),
    });
}

async fn decide(app: &App, body: &[u8]) -> Result<Accepted, Problem> {
    let entry = verify(app, parse(body)?).map_err(|error| match error {
        NotVerified::NoKey(_, problem) | NotVerified::Bad(problem) => problem,
    })?;
    let chain = entry.payload().chain();
    let answer = app.sequencer.write(Work::Submitted(Box::new(entry)));
    accepted(app, &chain, answer.await?)
}

/// Reads a submission.
pub fn parse(body: &[u8]) -> Result<UnverifiedEntry, Problem> {
    let submission: Submission = serde_json::from_slice(body)
        .map_err(|_| Problem::bad("bad-request", "Expected {\"entry\":\"<entry>\"}."))?;
    let entry = UnverifiedEntry::parse_whole(&submission.entry)
        .map_err(|error| Problem::bad("bad-entry", capital(&error.to_string())))?;
    check_whole(Rules::embedded(), &entry)?;
    Ok(entry)
}

/// Verifies an entry's signature under the key that its signer has enrolled.
pub fn verify(app: &App, entry: UnverifiedEntry) -> Result<VerifiedEntry, NotVerified> {
    let known = StoreKnown::new(&*app.store);
    let key = signer(&known, &entry);
    known
        .check()
        .map_err(|error| NotVerified::Bad(error.into()))?;
    let key = match key {
        Ok(key) => key,
        Err(refusal) => return Err(NotVerified::NoKey(Box::new(entry), refusal.into())),
    };
    entry.verify(&key).map_err(|error| {
        NotVerified::Bad(Problem::bad("bad-signature", capital(&error.to_string())))
    })
}

/// What the submitter is told of an answer.
pub fn accepted(app: &App, chain: &ChainId, answer: Answer) -> Result<Accepted, Problem> {
    match answer {
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
