//! The service: the sequencer (the only writer), HTTP, access control, bundles.
//!
//! A handler parses, checks signatures and queues; the sequencer decides, commits and answers. Content is
//! released only after the entry that records its reading is on disk.

mod attempts;
mod audit;
mod auditing;
mod auditors;
mod batch;
mod blobs;
mod branched;
mod bundles;
mod chain_ends;
mod clock;
mod derived;
mod draft;
mod eraser;
mod even;
#[cfg(test)]
mod faults;
mod folder;
mod followers;
mod forks;
mod gate;
mod history;
mod http;
mod known;
mod limits;
mod map_keeper;
mod metrics;
mod nearest;
mod openapi;
mod problem;
mod public_log;
mod publish;
mod ranges;
mod readings;
mod reads;
mod repair;
mod rotation;
mod routes;
mod say;
mod scrub;
mod search;
mod security_audit;
mod security_log;
mod sequencer;
mod server;
mod stored_log;
mod submit;
#[cfg(test)]
mod tampered;
mod tokens;
mod views;
mod witnessing;
mod witnessing_error;
mod work;
mod writer;
mod wrong_map;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub use audit::audit;
pub use folder::{
    FolderError, Founded, Founding, NextLogKeys, Organisation, ServiceKeys, init, service_key,
};
pub use public_log::tile_of;
pub use repair::{Repair, repair};
pub use scrub::ScrubStatus;
pub use wrong_map::{WrongMap, wrong_map};

use eraser::Eraser;
use forks::Forks;
use scrub::Scrub;
use search::Search;
use security_log::SecurityLog;
use tokio::signal::unix::{Signal, SignalKind, signal};
use witnessing::Witnessing;

use crate::protocol::key::SecretKey;
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::policy::Policy;
use crate::storage::BlobFolder;

/// How to serve a ledger.
pub struct Options {
    /// The ledger folder.
    pub dir: PathBuf,
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Address and port of a listener for `/metrics` alone.
    pub metrics_listen: Option<String>,
    /// How many connections one client's address may have, if not the usual number.
    pub connections_each: Option<usize>,
    /// The address under which readers reach it.
    pub public_url: Option<String>,
    /// How fast the scrub reads what is stored, in bytes a second; nothing turns it off.
    pub scrub_rate: Option<u64>,
    /// The witnesses to ask, and how many must answer.
    pub witness_policy: Policy,
    /// How often a checkpoint is published while there is news.
    pub publish_interval: Duration,
    /// Signs checkpoints.
    pub log_key: SecretKey,
    /// Signs published checkpoints a second time.
    pub log_pq_key: PqSecretKey,
    /// The keys that the log's are being rotated to.
    pub next_log_keys: Option<NextLogKeys>,
    /// Sign what the service records.
    pub service_keys: ServiceKeys,
}

/// Why the service did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The ledger folder.
    #[error("{0}")]
    Folder(#[from] FolderError),
    /// Witnessing.
    #[error("{0}")]
    Witnessing(#[from] witnessing::WitnessingError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, std::io::Error),
    /// The clock.
    #[error("{0}")]
    Clock(#[from] clock::ClockBehind),
    /// The system.
    #[error("cannot {0}: {1}")]
    System(String, std::io::Error),
}

/// How often uploads that no entry refers to are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// How long a stop waits for the last group to be written.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);

/// Serves a ledger until SIGINT or SIGTERM, then answers what it had taken and stops. A second signal ends the wait
/// for slow clients: what was acknowledged is on disk, and what was not is not. `ready` is told the address once it is
/// up.
pub fn serve(
    options: Options,
    ready: impl FnOnce(&str) -> std::io::Result<()>,
) -> Result<(), ServeError> {
    let (store, identity) = folder::open(
        &options.dir,
        options.log_key,
        options.log_pq_key,
        options.next_log_keys,
        options.service_keys,
    )?;
    let blobs = Arc::new(BlobFolder::open(&options.dir).map_err(FolderError::Store)?);
    let size = store.size().map_err(FolderError::Store)?;
    clock::check_start(writer::last_recorded(&*store, size).map_err(FolderError::Store)?)?;
    let runtime = tokio::runtime::Runtime::new().map_err(system("start"))?;
    let result = runtime.block_on(async {
        let listener = listen(&options.listen).await?;
        let address = listener.local_addr().map_err(system("listen"))?;
        let metrics = match &options.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let url = options
            .public_url
            .unwrap_or_else(|| format!("http://{address}"));
        let url = url.trim_end_matches('/').to_owned();
        let identity = Arc::new(identity);
        let witnessing = Witnessing::start(
            Arc::clone(&store),
            &identity,
            options.witness_policy,
            Forks::of(&options.dir),
        )?;
        let announcer = Arc::clone(&witnessing);
        let (sequencer, writer) = sequencer::Sequencer::start(
            Arc::clone(&store),
            Arc::clone(&identity),
            options.publish_interval,
            witnessing.gate(),
            move || announcer.announce(),
        );
        let places = Arc::new(server::Places::new(options.connections_each));
        let reach = http::Reach {
            url: url.clone(),
            places: Arc::clone(&places),
            metrics_here: metrics.is_none() && address.ip().is_loopback(),
        };
        let search = Arc::new(Search::new(Arc::clone(&store)));
        let scrub = options
            .scrub_rate
            .map(|rate| Scrub::new(Arc::clone(&store), Arc::clone(&blobs), rate));
        let scrub = scrub.map(Arc::new);
        let security = SecurityLog::open(Arc::clone(&store), Arc::clone(&identity));
        let security = Arc::new(security.map_err(FolderError::Store)?);
        let audits = Arc::new(tokio::sync::Semaphore::new(1));
        let eraser = Eraser::new(
            Arc::clone(&store),
            Arc::clone(&blobs),
            Arc::clone(&search),
            Arc::clone(&audits),
        );
        // What a crash left undone comes before anybody reads.
        eraser.catch_up().map_err(FolderError::Store)?;
        let background = Background::start(&search, &security, scrub.as_ref(), eraser);
        let app = http::App::new(
            store,
            blobs,
            identity,
            sequencer,
            http::Beside {
                witnessing: Arc::clone(&witnessing),
                search,
                scrub,
                security,
                audits,
            },
            reach,
        );
        let swept = Arc::clone(&app);
        let sweeps = tokio::spawn(async move {
            let mut hours = tokio::time::interval(SWEEP_INTERVAL);
            loop {
                hours.tick().await;
                let app = Arc::clone(&swept);
                blobs::on_disk(move || blobs::sweep(&app)).await;
            }
        });
        let rotating = rotation::record_next(&app);
        let mut signals = Signals::new().map_err(system("watch for signals"))?;
        ready(&url).map_err(system("say that it is up"))?;
        let apart = metrics.map(|listener| {
            let router = http::metrics_router(Arc::clone(&app));
            tokio::spawn(async move {
                let places = Arc::new(server::Places::new(None));
                server::serve(listener, router, &places, std::future::pending).await;
            })
        });
        server::serve(listener, http::router(app), &places, async || {
            signals.next().await
        })
        .await;
        for task in apart.into_iter().chain([sweeps, rotating]) {
            task.abort();
            let _ = task.await;
        }
        witnessing.stop();
        // Every way to the sequencer is dropped by now; it ends once it has answered what it had taken.
        let ended = tokio::task::spawn_blocking(move || {
            let _ = writer.join();
            background.stop();
        });
        let _ = tokio::time::timeout(WRITER_PATIENCE, ended).await;
        Ok(())
    });
    runtime.shutdown_timeout(WRITER_PATIENCE);
    result
}

/// Threads beside the service's own work: they read what was committed, and write the security log.
struct Background {
    following: Arc<AtomicBool>,
    security: Arc<SecurityLog>,
    scrub: Option<Arc<Scrub>>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    fn start(
        search: &Arc<Search>,
        security: &Arc<SecurityLog>,
        scrub: Option<&Arc<Scrub>>,
        eraser: Eraser,
    ) -> Background {
        let following = Arc::new(AtomicBool::new(true));
        let (search, flag) = (Arc::clone(search), Arc::clone(&following));
        let mut threads = vec![std::thread::spawn(move || search.follow(&flag))];
        let flag = Arc::clone(&following);
        threads.push(std::thread::spawn(move || eraser.follow(&flag)));
        let written = Arc::clone(security);
        threads.push(std::thread::spawn(move || written.run()));
        if let Some(scrub) = scrub.cloned() {
            threads.push(std::thread::spawn(move || scrub.run()));
        }
        Background {
            following,
            security: Arc::clone(security),
            scrub: scrub.cloned(),
            threads,
        }
    }

    /// Ends them, so that nothing reads the database while it is closed.
    fn stop(self) {
        self.following.store(false, Ordering::SeqCst);
        self.security.stop();
        if let Some(scrub) = self.scrub {
            scrub.stop();
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

async fn listen(address: &str) -> Result<tokio::net::TcpListener, ServeError> {
    tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| ServeError::Listen(address.to_owned(), error))
}

fn system(what: &str) -> impl FnOnce(std::io::Error) -> ServeError {
    let what = what.to_owned();
    move |error| ServeError::System(what, error)
}

/// What tells the service to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
