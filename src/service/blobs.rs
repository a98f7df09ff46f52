//! Blobs: content-addressed files that travel beside entries, such as manifests.

use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::http::{Shared, json_answer, text_answer};
use super::problem::Problem;
use super::reads;
use crate::protocol::bundle::ScopeKind;
use crate::protocol::hash::Hash;

fn blob_name(sha256: &str) -> Result<Hash, Problem> {
    Hash::from_hex(sha256)
        .ok_or_else(|| Problem::bad("bad-digest", "A blob's name is 64 hex digits."))
}

/// Keeps a blob under its SHA-256; the same answer whether it was there or not.
pub async fn put_blob(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(sha256): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let name = blob_name(&sha256)?;
    let actual = Hash::of(&[&body]);
    app.reader(&headers, &method, &uri, Some(actual))?;
    if name != actual {
        return Err(Problem::bad(
            "blob-differs",
            "The bytes do not have the SHA-256 they are put under.",
        ));
    }
    // Blobs are content-addressed: writing one twice changes nothing, so this needs no sequencer.
    app.store.put_blob(name, &body)?;
    Ok(json_answer(StatusCode::CREATED, &json!({"sha256": sha256})))
}

/// Hands a blob out, under the rights of the exhibit whose digest it is.
pub async fn get_blob(
    State(app): Shared,
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(sha256): Path<String>,
) -> Result<Response, Problem> {
    let reader = app.reader(&headers, &method, &uri, None)?;
    let name = blob_name(&sha256)?;
    // A manifest is read under the rights of the exhibit whose digest it is.
    for exhibit in app.store.exhibits_with(name)? {
        let Ok(target) = reads::find(&*app.store, &reader, ScopeKind::Exhibit, exhibit.as_str())
        else {
            continue;
        };
        let Some(bytes) = app.store.blob(name)? else {
            break;
        };
        reads::record(
            &app,
            &reader,
            "exported",
            target.kind,
            &target.subject,
            "blob",
        )
        .await?;
        return Ok(text_answer("application/octet-stream", bytes));
    }
    Err(Problem::not_visible())
}
