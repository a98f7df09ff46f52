//! Connections: how many, how slow, and how they end. HTTP/1.1 through hyper, since what a public service must limit
//! is set there.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

use super::limits::{
    ANSWER_PATIENCE, HEADER_PATIENCE, MAX_CONNECTIONS, MAX_HEADER, MAX_HEADERS, STOP_PATIENCE,
};
use super::problem::{self, Problem};

/// How many are told that there is no place; more than that find the door shut.
const MAX_TURNED_AWAY: usize = 64;

/// How long the telling may take.
const TURNED_AWAY_PATIENCE: Duration = Duration::from_secs(2);

/// Pause after the system refused a connection, such as for want of files: it will not do better at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Places for connections.
pub struct Places {
    free: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
}

impl Places {
    /// All free.
    pub fn new() -> Places {
        Places {
            free: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            turned_away: Arc::new(Semaphore::new(MAX_TURNED_AWAY)),
        }
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        MAX_CONNECTIONS - self.free.available_permits()
    }
}

/// Serves until `stop`, then takes no more connections and answers what it had taken, for at most
/// [`STOP_PATIENCE`]; a second `stop` ends that wait.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    places: &Places,
    mut stop: impl AsyncFnMut(),
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEADER)
        .max_buf_size(2 * MAX_HEADER);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            // A signal is taken or not; asking anew loses none.
            () = stop() => break,
            // What ended is cleared away, so that the set does not grow.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    eprintln!("custodes: no connection could be taken: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&places.free).try_acquire_owned() else {
            if let Ok(place) = Arc::clone(&places.turned_away).try_acquire_owned() {
                connections.spawn(async move {
                    let _ = timeout(TURNED_AWAY_PATIENCE, turn_away(stream)).await;
                    drop(place);
                });
            }
            continue;
        };
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Patient::new(stream));
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(io, service));
        connections.spawn(async move {
            // A client that goes, stalls or sends nonsense ends its own connection and nothing else.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        _ = graceful.shutdown() => {}
        _ = sleep(STOP_PATIENCE) => {}
        _ = stop() => {}
    }
    connections.shutdown().await;
}

async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-many-connections",
        format!("The service has {MAX_CONNECTIONS} connections open and takes no more."),
        "Try again in a second.",
    );
    let body = problem.into_body().to_string();
    let kind = problem::MEDIA_TYPE;
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {kind}\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// A connection that ends when what is written to it is not taken for [`ANSWER_PATIENCE`].
struct Patient<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S) -> Patient<S> {
        Patient {
            stream,
            stalled: None,
        }
    }

    fn timed<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(ANSWER_PATIENCE)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timed(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.timed(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.timed(context, result)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_and_one_that_is_read_slowly_does_not() {
        let (mut client, service) = duplex(16);
        let mut service = Patient::new(service);
        let reader = tokio::spawn(async move {
            let mut piece = [0; 16];
            for _ in 0..4 {
                sleep(ANSWER_PATIENCE - Duration::from_secs(1)).await;
                client.read_exact(&mut piece).await.unwrap();
            }
            client
        });
        service.write_all(&[7; 64]).await.unwrap();
        let client = reader.await.unwrap();
        let error = service.write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
