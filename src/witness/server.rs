//! The witness over HTTP.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | 200 signature lines; 400, 403, 404, 409 (`text/x.tlog.size`), 422 as tlog-witness says; 500 and 503 when it cannot cosign now |
//! | `GET /<SHA-256 of the origin>/checkpoint` | the newest checkpoint cosigned, or 404 |
//! | `GET /healthz` | `ok` |
//!
//! Everything is bounded: connections, head, body, and the time that each may take.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;

use super::cosigner::{Cosigner, Verdict};

/// Longest body: a checkpoint with more than the 16 signatures of 5 kB that must be read, and a proof.
const MAX_BODY: usize = 160 << 10;

/// Most connections at once; more wait. With bodies it bounds the memory.
const CONNECTIONS: usize = 32;

/// How long a request's head, and then its body, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may live; a client that is not done makes another.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);

/// How long requests under way are waited for when the witness is told to stop.
const FAREWELL: Duration = Duration::from_secs(15);

/// Threads that check and cosign.
const WORKERS: usize = 2;

type Answer = Response<Full<Bytes>>;

/// Serves until `stop` is ready. `ready` is told the address once connections are accepted.
pub fn serve(
    cosigner: Cosigner,
    listen: &str,
    ready: impl FnOnce(std::net::SocketAddr) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(WORKERS)
        .build()?;
    // Dropping the runtime waits for whatever is being written to disk.
    runtime.block_on(accept(Arc::new(cosigner), listen, ready))
}

async fn accept(
    cosigner: Arc<Cosigner>,
    listen: &str,
    ready: impl FnOnce(std::net::SocketAddr) -> std::io::Result<()>,
) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    ready(listener.local_addr()?)?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            let slot = slot.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or a client that left at once: a pause, not a busy loop.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let cosigner = Arc::clone(&cosigner);
        let service = hyper::service::service_fn(move |request| {
            let cosigner = Arc::clone(&cosigner);
            async move { Ok::<_, Infallible>(answer(cosigner, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(32 << 10)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's affair.
            let _ = tokio::time::timeout(CONNECTION_LIFE, connection).await;
            drop(slot);
        });
    }
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    Ok(())
}

async fn answer(cosigner: Arc<Cosigner>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::POST, "/add-checkpoint") => add_checkpoint(cosigner, request).await,
        (_, "/add-checkpoint") => not_allowed("POST"),
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n".to_owned()),
        (method, path) => {
            let hash = path
                .strip_prefix('/')
                .and_then(|path| path.strip_suffix("/checkpoint"));
            let Some(hash) = hash else {
                return text(
                    StatusCode::NOT_FOUND,
                    "There is nothing at this path.\n".to_owned(),
                );
            };
            if *method != Method::GET {
                return not_allowed("GET");
            }
            match cosigner.checkpoint(hash) {
                Some(note) => text(StatusCode::OK, note),
                None => text(
                    StatusCode::NOT_FOUND,
                    "This witness has cosigned no checkpoint of that log.\n".to_owned(),
                ),
            }
        }
    }
}

async fn add_checkpoint(cosigner: Arc<Cosigner>, request: Request<Incoming>) -> Answer {
    let body = match tokio::time::timeout(PATIENCE, read(request.into_body())).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            let words = format!("The body is longer than {MAX_BODY} bytes, or broke off.\n");
            return text(StatusCode::BAD_REQUEST, words);
        }
        Err(_) => {
            return text(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long.\n".to_owned(),
            );
        }
    };
    let verdict = tokio::task::spawn_blocking(move || cosigner.add_checkpoint(&body, now())).await;
    match verdict {
        Ok(verdict) => respond(verdict),
        // Our own bug, which the thread has printed; nothing was cosigned.
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The witness failed.\n".to_owned(),
        ),
    }
}

/// The body, if it is not too long. Somewhat more is read and dropped, so that the client gets to hear of it.
async fn read(mut body: Incoming) -> Option<Vec<u8>> {
    let announced = body.size_hint().exact().unwrap_or(0);
    let room = usize::try_from(announced).unwrap_or(MAX_BODY).min(MAX_BODY);
    let (mut bytes, mut length) = (Vec::with_capacity(room), 0);
    while let Some(frame) = body.frame().await {
        let data = frame.ok()?.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX_BODY {
            bytes.extend_from_slice(&data);
        } else if length > 8 * MAX_BODY {
            return None;
        } else {
            bytes = Vec::new();
        }
    }
    (length <= MAX_BODY).then_some(bytes)
}

fn respond(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Cosigned(lines) => text(StatusCode::OK, lines),
        Verdict::Malformed(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        Verdict::NotSigned(why) => text(StatusCode::FORBIDDEN, format!("{why}\n")),
        Verdict::UnknownLog => text(
            StatusCode::NOT_FOUND,
            "This witness was not told of that log.\n".to_owned(),
        ),
        Verdict::OtherSize(size) => {
            let mut answer = text(StatusCode::CONFLICT, format!("{}\n", size.0));
            let kind = hyper::header::HeaderValue::from_static("text/x.tlog.size");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        Verdict::Inconsistent { why, note } => {
            eprintln!("custodes witness: REFUSED a checkpoint that its log signed: {why}");
            if let Some(note) = note {
                eprintln!(
                    "It is kept in forks/, with the one cosigned and the proof of fork, where the two show it:\n{note}"
                );
            }
            text(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n"))
        }
        Verdict::NotKept(why) => {
            eprintln!(
                "custodes witness: a checkpoint could not be kept, so it was not cosigned: {why}"
            );
            let words = "The checkpoint could not be kept, so it is not cosigned.\n";
            text(StatusCode::INTERNAL_SERVER_ERROR, words.to_owned())
        }
        Verdict::ClockNotSet => {
            eprintln!(
                "custodes witness: the clock of this machine is not set; nothing is cosigned"
            );
            let words = "The clock of this witness is not set.\n";
            text(StatusCode::SERVICE_UNAVAILABLE, words.to_owned())
        }
    }
}

fn text(status: StatusCode, body: String) -> Answer {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(body)))
        .expect("status and header are well formed")
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("Use {allowed}.\n"));
    let value = hyper::header::HeaderValue::from_static(allowed);
    answer.headers_mut().insert(ALLOW, value);
    answer
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
