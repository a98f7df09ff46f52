//! Taking entries in: `POST /v1/entries`, one entry or a batch of them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::http::{App, Shared, head, json_answer, text_answer};
use super::known::StoreKnown;
use super::problem::{Problem, capital};
use super::sequencer::{self, Answer, Work};
use crate::ledger::{Rules, check_whole, signer};
use crate::protocol::entry::{MAX_ENTRY, UnverifiedEntry};
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
    let result = decide(app, body).await;
    app.sequencer.metrics.entry(match &result {
        Ok((StatusCode::CREATED, _)) => "recorded",
        Ok(_) => "known",
        Err(problem) => problem.code(),
    });
    result
}

async fn decide(app: &App, body: &[u8]) -> Result<(StatusCode, Box<Receipt>), Problem> {
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
