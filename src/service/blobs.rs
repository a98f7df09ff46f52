//! Blobs over HTTP: files that travel beside entries, such as manifests, streamed to and from disk.
//!
//! - `PUT /v1/blobs/<sha256>` takes the whole. If the connection breaks, what came is kept.
//! - The same with `Content-Range: bytes FIRST-LAST/TOTAL` takes a piece. Pieces go in order; the token's `body` is
//!   the SHA-256 of the piece; the last one completes the blob.
//! - `GET /v1/blobs/<sha256>/upload` says how far the asker's own upload got. Nobody learns of another's.
//! - `GET /v1/blobs/<sha256>` hands it out once an entry of an organisation that put it refers to it, with `Range` if wanted.
//!
//! A put is answered alike whether the blob was there or not. A request holds one piece of [`PIECE`] bytes in memory.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::eraser;
use super::http::{App, Shared, json_answer};
use super::problem::Problem;
use super::ranges::{ContentRange, Wanted, wanted};
use super::readings::Reading;
use super::reads;
use super::say::say;
use super::tokens::{self, BodyHash, Reader};
use crate::protocol::hash::Hash;
use crate::storage::{BlobError, MAX_BLOB, StoreError, Upload};

/// How much is held in memory at once, in bytes: large enough that the disk, not the call, takes the time.
const PIECE: usize = 256 << 10;

fn blob_name(sha256: &str) -> Result<Hash, Problem> {
    Hash::from_hex(sha256)
        .filter(|hash| hash.to_hex() == sha256)
        .ok_or_else(|| Problem::bad("bad-digest", "A blob's name is 64 lower-case hex digits."))
}

/// Runs what may wait for the disk where waiting is allowed.
pub(super) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work)
        .await
        .expect("what is run here does not panic and is not aborted")
}

/// Keeps a blob, or the next piece of one, under its SHA-256.
pub async fn put_blob(
    State(app): Shared,
    Path(sha256): Path<String>,
    parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let name = blob_name(&sha256)?;
    let piece = match parts.headers.get(header::CONTENT_RANGE) {
        None => None,
        Some(value) => Some(
            ContentRange::parse(value)
                .ok_or_else(|| bad_range("Content-Range is: bytes FIRST-LAST/TOTAL."))?,
        ),
    };
    // Of a whole blob the body's hash is its name; of a piece the token says what it will be.
    let promised = match piece {
        None => BodyHash::Known(Some(name)),
        Some(_) => BodyHash::Later,
    };
    let reader = app.reader(&parts, promised)?;
    refuse_erased(&app, name).await?;
    if piece.is_some_and(|piece| piece.total > MAX_BLOB) {
        return Err(BlobError::TooLong.into());
    }
    let (at, end) = piece.map_or((0, MAX_BLOB), |piece| (piece.first, piece.last + 1));
    let (shared, owner) = (Arc::clone(&app), reader.actor.clone());
    let upload = on_disk(move || shared.blobs.upload(&owner, name, at)).await?;
    let (upload, taken) = take(upload, body, end - at).await?;
    let problem = match (taken, piece) {
        (Taken::All(length, hash), Some(piece)) if at + length == end => {
            match reader.body == Some(hash) {
                true if end < piece.total => {
                    let have = on_disk(|| upload.pause()).await?;
                    return Ok(progress(StatusCode::ACCEPTED, &sha256, have, false));
                }
                true => return finish(&app, upload, name, end).await,
                false => tokens::other_request(parts.method.as_str(), &parts.uri.to_string()),
            }
        }
        (Taken::All(length, _), None) => return finish(&app, upload, name, length).await,
        (Taken::All(..), Some(_)) => bad_range("The body is shorter than Content-Range says."),
        (Taken::TooLong, Some(_)) => bad_range("The body is longer than Content-Range says."),
        (Taken::TooLong, None) => BlobError::TooLong.into(),
        (Taken::Broken, None) => {
            // Whoever sent it comes back and asks how far it got.
            on_disk(|| upload.pause()).await?;
            return Err(Problem::bad(
                "body-broken",
                "The body ended before its end.",
            ));
        }
        (Taken::Broken, Some(_)) => Problem::bad("body-broken", "The body ended before its end."),
    };
    // A piece that is not what was promised is as if it had not come.
    on_disk(|| upload.undo()).await?;
    Err(problem)
}

async fn finish(
    app: &Arc<App>,
    upload: Upload,
    name: Hash,
    length: u64,
) -> Result<Response, Problem> {
    on_disk(|| upload.finish()).await?;
    // Erased while it came.
    refuse_erased(app, name).await?;
    Ok(progress(StatusCode::CREATED, &name.to_hex(), length, true))
}

/// What was erased by law does not come back.
async fn refuse_erased(app: &Arc<App>, name: Hash) -> Result<(), Problem> {
    let app = Arc::clone(app);
    let erased = on_disk(move || -> Result<bool, Problem> {
        let erased = eraser::is_erased(&*app.store, name)?;
        if erased {
            app.blobs.erase(name)?;
        }
        Ok(erased)
    });
    match erased.await? {
        false => Ok(()),
        true => Err(Problem::new(
            StatusCode::GONE,
            "erased",
            "A file with this SHA-256 was erased by law, and is not taken in again.",
            "Look at the exhibit's history for the erasure and its legal basis.",
        )),
    }
}

fn progress(status: StatusCode, sha256: &str, have: u64, whole: bool) -> Response {
    let value = json!({"sha256": sha256, "have": have, "whole": whole});
    json_answer(status, &value)
}

fn bad_range(why: &str) -> Problem {
    Problem::bad("bad-range", why)
}

/// What came of a body.
enum Taken {
    All(u64, Hash),
    TooLong,
    Broken,
}

/// Writes a body of at most `most` bytes into an upload, a piece at a time.
async fn take(mut upload: Upload, mut body: Body, most: u64) -> Result<(Upload, Taken), Problem> {
    let mut hasher = Sha256::new();
    let mut length = 0;
    let mut held: Vec<u8> = Vec::new();
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let (ended, broken) = (frame.is_none(), matches!(frame, Some(Err(_))));
        if let Some(Ok(data)) = frame.and_then(Result::ok).map(Frame::into_data) {
            held.extend_from_slice(&data);
        }
        if held.len() < PIECE && !ended && !broken {
            continue;
        }
        length += held.len() as u64;
        if length > most {
            return Ok((upload, Taken::TooLong));
        }
        hasher.update(&held);
        let bytes = std::mem::take(&mut held);
        let (back, result) = on_disk(move || {
            let result = upload.append(&bytes);
            (upload, result)
        })
        .await;
        upload = back;
        if let Err(error) = result {
            on_disk(|| upload.undo()).await?;
            return Err(error.into());
        }
        if broken {
            return Ok((upload, Taken::Broken));
        }
        if ended {
            let hash = Hash(hasher.finalize().into());
            return Ok((upload, Taken::All(length, hash)));
        }
    }
}

/// How far the asker's own upload got.
pub async fn get_upload(
    State(app): Shared,
    Path(sha256): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let name = blob_name(&sha256)?;
    let found = on_disk(move || app.blobs.progress(&reader.actor, name)).await?;
    Ok(progress(StatusCode::OK, &sha256, found.have, found.whole))
}

/// Hands a blob out, under the rights of the exhibit that refers to it.
pub async fn get_blob(
    State(app): Shared,
    Path(sha256): Path<String>,
    reader: Reader,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = blob_name(&sha256)?;
    // It is read under the rights of the exhibit that refers to it.
    let (shared, actor) = (Arc::clone(&app), reader.actor.clone());
    let key = on_disk(move || reads::key_to_blob(&*shared.store, &shared.blobs, &actor, name));
    let target = key.await?.ok_or_else(Problem::not_visible)?;
    let shared = Arc::clone(&app);
    let blob = on_disk(move || shared.blobs.read(name)).await?;
    let (file, length) = blob.ok_or_else(Problem::not_visible)?;
    let (first, count, status) = match wanted(headers.get(header::RANGE), length) {
        Wanted::Whole => (0, length, StatusCode::OK),
        Wanted::Part(first, last) => (first, last - first + 1, StatusCode::PARTIAL_CONTENT),
        Wanted::Nowhere => {
            let why = format!("The blob has {length} bytes; the range lies beyond.");
            let next = "Ask for a range within it, or for the whole.";
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let problem = Problem::new(status, "no-such-range", why, next);
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((range, problem).into_response());
        }
    };
    let reading = Reading {
        reader: reader.actor.clone(),
        exhibit: target.subject.clone(),
        blob: name,
        purpose: reader.purpose.clone(),
    };
    let record = async || reads::record(&app, &reader, "exported", &target, "blob").await;
    app.readings.once(reading, record).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, format!("\"{sha256}\"")),
    ];
    // Of HEAD the body is not read: nothing to stream then.
    let body = Body::new(Pieces::of(file, first, count));
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + count - 1;
        let range = format!("bytes {first}-{last}/{length}");
        let range = range.parse().expect("digits are a header value");
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// A file as a body, read ahead by no more than two pieces.
struct Pieces {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    left: u64,
}

impl Pieces {
    fn of(mut file: File, first: u64, count: u64) -> Pieces {
        let (sender, pieces) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut left = count;
            let mut found = on_disk(move || file.seek(SeekFrom::Start(first)).map(|_| file)).await;
            while left > 0 {
                let length = left.min(PIECE as u64) as usize;
                let piece = match found {
                    Err(error) => Err(error),
                    Ok(mut file) => {
                        on_disk(move || {
                            let mut piece = vec![0; length];
                            file.read_exact(&mut piece).map(|()| (file, piece))
                        })
                        .await
                    }
                };
                let (next, piece) = match piece {
                    Ok((file, piece)) => (Ok(file), Ok(Bytes::from(piece))),
                    Err(error) => {
                        say(format_args!("a blob could not be read: {error}"));
                        let kind = error.kind();
                        (Err(error), Err(kind.into()))
                    }
                };
                found = next;
                let failed = piece.is_err();
                // The reader may have gone.
                if sender.send(piece).await.is_err() || failed {
                    return;
                }
                left -= length as u64;
            }
        });
        Pieces {
            pieces,
            left: count,
        }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let piece = self.pieces.poll_recv(context);
        if let Poll::Ready(Some(Ok(bytes))) = &piece {
            self.left -= bytes.len() as u64;
        }
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Keeps what entries refer to by now, and forgets what none has referred to for too long.
pub fn sweep(app: &App) {
    let referred =
        |sha256| -> Result<bool, StoreError> {
            Ok(!app.store.exhibits_with(sha256)?.is_empty()
                && !eraser::is_erased(&*app.store, sha256)?)
        };
    if let Err(error) = app.blobs.sweep(std::time::SystemTime::now(), referred) {
        say(format_args!("uploads could not be cleared away: {error}"));
    }
}
