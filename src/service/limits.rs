//! What one request may cost the service, and what is said where it costs more.
//!
//! The guard stands before every route. It refuses what is too long before anything is read, paces the body, and
//! turns every error that does not come from a handler (no such path, wrong method, unreadable query, body too
//! long) into a problem with a stable code, so that a client has one form of error to read.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::{Instant, Sleep, sleep_until};

use super::problem::{self, Problem};

/// Longest path with query, in bytes: a reference of some hundred characters, percent-encoded, and room to spare.
pub const MAX_URI: usize = 4 << 10;

/// Longest header of a request, in bytes: a read token with the longest purpose takes under 3 KiB.
pub const MAX_HEADER: usize = 32 << 10;

/// Most header lines: proxies add some; nobody needs more.
pub const MAX_HEADERS: usize = 64;

/// How long the header of the next request may take, from the end of the answer before: a slow client pays for its
/// slowness with a new connection, not with the others' places.
pub const HEADER_PATIENCE: Duration = Duration::from_secs(30);

/// How long a body may stand still.
pub const BODY_PATIENCE: Duration = Duration::from_secs(20);

/// Slowest body, in bytes a second, after its first [`BODY_PATIENCE`]: a poor mobile link does more.
pub const BODY_RATE: u64 = 4 << 10;

/// How long an answer may stand still because nobody reads it.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// Most batches at once: each may take 16 MiB, and its answer more, and anybody may send one.
pub const MAX_BATCHES: usize = 8;

/// Most bundles put together at once; others wait. One takes a core, and memory for all that it holds.
pub const MAX_BUNDLES: usize = 2;

/// How long the body of a batch may take, so that a few slow ones do not keep all others out.
pub const BATCH_PATIENCE: Duration = Duration::from_secs(60);

/// Most connections at once. Below the 1024 files that a process may commonly have open, of which the database
/// takes some hundred.
pub const MAX_CONNECTIONS: usize = 512;

/// Most connections of one client's address, unless the operator says otherwise: enough for an office behind one
/// address; four are needed to keep everybody else out.
pub const MAX_OF_ADDRESS: usize = 128;

/// How long a stop waits for the answers to what was taken: longer than the slowest commit, shorter than the 90 s
/// after which a service manager kills.
pub const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Longest text of a library's own error that is passed on, in bytes.
const MAX_REASON: usize = 1 << 10;

/// Stands before every route.
pub async fn guard(request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query();
    if uri.is_some_and(|uri| uri.as_str().len() > MAX_URI) {
        return Problem::new(
            StatusCode::URI_TOO_LONG,
            "uri-too-long",
            format!("A path with its query is at most {MAX_URI} bytes."),
            "Shorten the reference, or use the opaque id.",
        )
        .into_response();
    }
    let slow = Arc::new(AtomicBool::new(false));
    let (parts, body) = request.into_parts();
    let paced = Body::new(Paced::new(body, Arc::clone(&slow)));
    let response = next.run(Request::from_parts(parts, paced)).await;
    if slow.load(Ordering::Relaxed) {
        return closing(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow-body",
            format!(
                "The body stood still for {} seconds, or came slower than {BODY_RATE} bytes a second.",
                BODY_PATIENCE.as_secs()
            ),
            "Send it again over a better link; a blob goes on from where it was.",
        ));
    }
    as_problem(response).await
}

/// An answer after which the connection ends: what is left of the request is not read.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// A library's own error becomes a problem; everything else stays as it is.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !(status.is_client_error() || status.is_server_error())
        || kind.is_some_and(|kind| kind == problem::MEDIA_TYPE)
    {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let reason = to_bytes(response.into_body(), MAX_REASON).await;
    let reason = reason.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let reason = reason.ok().filter(|reason| !reason.is_empty());
    let (code, detail, next) = match status {
        StatusCode::METHOD_NOT_ALLOWED => (
            "method-not-allowed",
            "This path does not take this method.".to_owned(),
            "Use one that the Allow header names.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "body-too-long",
            "The body is longer than this path takes.".to_owned(),
            "See /openapi.json for the limits; send a batch in parts.",
        ),
        _ => (
            "bad-request",
            reason.unwrap_or_else(|| "The request cannot be read.".to_owned()),
            "Correct the request; /openapi.json says what each path takes.",
        ),
    };
    let mut response = Problem::new(status, code, detail, next).into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// A request body that must keep coming. Only waiting for the client counts, not what the service does meanwhile.
struct Paced {
    body: Body,
    taken: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    slow: Arc<AtomicBool>,
}

impl Paced {
    fn new(body: Body, slow: Arc<AtomicBool>) -> Paced {
        Paced {
            body,
            taken: 0,
            waited: Duration::ZERO,
            waiting: None,
            slow,
        }
    }

    /// How long the client may take for the next piece.
    fn patience(&self) -> Duration {
        let earned = BODY_PATIENCE + Duration::from_secs(self.taken / BODY_RATE);
        BODY_PATIENCE.min(earned.saturating_sub(self.waited))
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                if let Some((since, _)) = self.waiting.take() {
                    self.waited += since.elapsed();
                }
                if let Some(Ok(frame)) = &frame {
                    self.taken += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let patience = self.patience();
                let (_, sleep) = self.waiting.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(sleep_until(now + patience)))
                });
                ready!(sleep.as_mut().poll(context));
                self.slow.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(
                    std::io::ErrorKind::TimedOut,
                )))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc;

    use super::*;

    /// A body of the pieces that are sent.
    struct Sent(mpsc::Receiver<Bytes>);

    impl HttpBody for Sent {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
            let piece = self.0.poll_recv(context);
            piece.map(|piece| piece.map(|bytes| Ok(http_body::Frame::data(bytes))))
        }
    }

    /// Whether a body whose pieces of `size` bytes come `pause` apart is taken whole.
    async fn takes(size: usize, pause: Duration, pieces: usize) -> bool {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for _ in 0..pieces {
                tokio::time::sleep(pause).await;
                let _ = sender.send(Bytes::from(vec![0; size])).await;
            }
        });
        let slow = Arc::new(AtomicBool::new(false));
        let body = Paced::new(Body::new(Sent(receiver)), Arc::clone(&slow));
        let taken = to_bytes(Body::new(body), usize::MAX).await.is_ok();
        assert_eq!(taken, !slow.load(Ordering::Relaxed));
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_but_not_stand_still_nor_drip() {
        let second = Duration::from_secs(1);
        assert!(takes(BODY_RATE as usize, second, 100).await);
        assert!(takes(1 << 20, BODY_PATIENCE - second, 3).await);
        assert!(!takes(1 << 20, BODY_PATIENCE + second, 2).await);
        assert!(!takes(1, second, 60).await);
        assert!(takes(1, second, 15).await);
    }
}
