//! Connections: how many, how slow, and how they end. HTTP/1.1 through hyper, since what a public service must limit
//! is set there.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

use super::attempts::Peer;
use super::limits::{
    ANSWER_PATIENCE, HEADER_PATIENCE, MAX_CONNECTIONS, MAX_HEADER, MAX_HEADERS, MAX_OF_ADDRESS,
    STOP_PATIENCE,
};
use super::problem::{self, Problem};
use super::say::say;

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
    /// How many one client may have, if the operator said so.
    each: Option<usize>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that is taken, and by whom; it comes free when this is dropped.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _free: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.by_address();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

impl Places {
    /// All free; `each` is how many one address may have.
    pub fn new(each: Option<usize>) -> Places {
        Places {
            free: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            turned_away: Arc::new(Semaphore::new(MAX_TURNED_AWAY)),
            each,
            by_address: Mutex::default(),
        }
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .expect("no holder of this lock panics")
    }

    /// How many this client may have. A proxy on this machine speaks for everybody.
    fn limit(&self, address: IpAddr) -> usize {
        self.each.unwrap_or(match address.is_loopback() {
            true => MAX_CONNECTIONS,
            false => MAX_OF_ADDRESS,
        })
    }

    /// Takes a place for an address, or says why there is none.
    fn take(self: &Arc<Places>, address: IpAddr) -> Result<Place, Problem> {
        let none = |code, why, next| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, why, next);
        let free = Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            none(
                "too-many-connections",
                format!("The service has {MAX_CONNECTIONS} connections open and takes no more."),
                "Try again in a second.",
            )
        })?;
        let address = subscriber(address);
        let (limit, mut taken) = (self.limit(address), self.by_address());
        let count = taken.entry(address).or_default();
        if *count >= limit {
            return Err(none(
                "too-many-connections-of-address",
                format!("Your address has {limit} connections open and gets no more."),
                "Close some, or use those there are for more requests.",
            ));
        }
        *count += 1;
        Ok(Place {
            places: Arc::clone(self),
            address,
            _free: free,
        })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        MAX_CONNECTIONS - self.free.available_permits()
    }
}

/// The address that stands for one client: of IPv6 the first 64 bits, since whoever has one address has all of these.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

/// Serves until `stop`, then takes no more connections and answers what it had taken, for at most
/// [`STOP_PATIENCE`]; a second `stop` ends that wait.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    places: &Arc<Places>,
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
        let (stream, peer) = tokio::select! {
            // A signal is taken or not; asking anew loses none.
            () = stop() => break,
            // What ended is cleared away, so that the set does not grow.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    say(format_args!("no connection could be taken: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let place = match places.take(peer.ip()) {
            Ok(place) => place,
            Err(problem) => {
                if let Ok(place) = Arc::clone(&places.turned_away).try_acquire_owned() {
                    connections.spawn(async move {
                        let _ = timeout(TURNED_AWAY_PATIENCE, turn_away(stream, problem)).await;
                        drop(place);
                    });
                }
                continue;
            }
        };
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Patient::new(stream));
        let routes = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            routes.call(request)
        });
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

async fn turn_away(mut stream: TcpStream, problem: Problem) -> io::Result<()> {
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

    #[test]
    fn one_client_gets_its_own_places_and_no_more_and_a_proxy_here_gets_all() {
        let places = Arc::new(Places::new(None));
        let take = |address: &str| places.take(address.parse().unwrap());
        let mut held: Vec<Place> = (0..MAX_OF_ADDRESS)
            .map(|_| take("192.0.2.1").unwrap())
            .collect();
        let refused = |address: &str| take(address).map(|_| ()).unwrap_err().code().to_owned();
        assert_eq!(refused("192.0.2.1"), "too-many-connections-of-address");
        // The same address as IPv6 writes it.
        assert_eq!(
            refused("::ffff:192.0.2.1"),
            "too-many-connections-of-address"
        );
        held.push(take("192.0.2.2").unwrap());
        held.remove(0);
        held.push(take("192.0.2.1").unwrap());
        assert_eq!(refused("192.0.2.1"), "too-many-connections-of-address");
        // All addresses of one IPv6 network are one client.
        held.clear();
        held.extend((0..MAX_OF_ADDRESS).map(|n| take(&format!("2001:db8::{n:x}")).unwrap()));
        assert_eq!(
            refused("2001:db8::ffff:1"),
            "too-many-connections-of-address"
        );
        held.push(take("2001:db8:0:1::1").unwrap());
        held.extend((held.len()..MAX_CONNECTIONS).map(|_| take("::1").unwrap()));
        assert_eq!(refused("127.0.0.1"), "too-many-connections");
        assert_eq!(places.taken(), MAX_CONNECTIONS);
        held.clear();
        assert_eq!((places.taken(), places.by_address().len()), (0, 0));
    }

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
