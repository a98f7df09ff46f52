//! The service: the sequencer (the only writer), HTTP, access control, bundles.
//!
//! A handler parses, checks signatures and queues; the sequencer decides, commits and answers. Content is
//! released only after the entry that records its reading is on disk.

mod audit;
mod blobs;
mod bundles;
#[cfg(test)]
mod faults;
mod folder;
mod http;
mod known;
mod problem;
mod public_log;
mod publish;
mod reads;
mod search;
mod sequencer;
mod submit;
mod tokens;
mod views;
mod witnessing;
mod work;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use audit::audit;
pub use folder::{FolderError, Founded, Founding, Organisation, init};

use witnessing::Witnessing;

use crate::protocol::key::SecretKey;
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::policy::Policy;

/// What software the service's own entries name.
const CLIENT: &str = concat!("custodes ", env!("CARGO_PKG_VERSION"), " service");

/// How to serve a ledger.
pub struct Options {
    /// The ledger folder.
    pub dir: PathBuf,
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// A file to write the service's address to once it is up.
    pub ready_file: Option<PathBuf>,
    /// The address under which readers reach it.
    pub public_url: Option<String>,
    /// The witnesses to ask, and how many must answer.
    pub witness_policy: Policy,
    /// How often a checkpoint is published while there is news.
    pub publish_interval: Duration,
    /// Signs checkpoints.
    pub log_key: SecretKey,
    /// Signs published checkpoints a second time.
    pub log_pq_key: PqSecretKey,
    /// Signs what the service records.
    pub service_key: SecretKey,
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
    /// The network or the system.
    #[error("cannot {0}: {1}")]
    System(String, std::io::Error),
}

/// Serves a ledger until SIGINT or SIGTERM, then answers what it had taken and stops.
pub fn serve(options: Options) -> Result<(), ServeError> {
    let (store, identity) = folder::open(
        &options.dir,
        options.log_key,
        options.log_pq_key,
        options.service_key,
    )?;
    let system = |what: &str| {
        let what = what.to_owned();
        move |error| ServeError::System(what, error)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(system("start"))?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&options.listen)
            .await
            .map_err(system(&format!("listen on {}", options.listen)))?;
        let address = listener.local_addr().map_err(system("listen"))?;
        let url = options
            .public_url
            .unwrap_or_else(|| format!("http://{address}"));
        let url = url.trim_end_matches('/').to_owned();
        let identity = Arc::new(identity);
        let witnessing = Witnessing::start(Arc::clone(&store), &identity, options.witness_policy)?;
        let announcer = Arc::clone(&witnessing);
        let (sequencer, writer) = sequencer::Sequencer::start(
            Arc::clone(&store),
            Arc::clone(&identity),
            options.publish_interval,
            witnessing.gate(),
            move || announcer.announce(),
        );
        let app = http::App::new(
            store,
            identity,
            sequencer,
            Arc::clone(&witnessing),
            url.clone(),
        )
        .map_err(FolderError::Store)?;
        println!("Serving the ledger at {url}");
        std::io::stdout().flush().map_err(system("write"))?;
        if let Some(path) = &options.ready_file {
            std::fs::write(path, &url).map_err(system("write the ready file"))?;
        }
        axum::serve(listener, http::router(app))
            .with_graceful_shutdown(stop_signal())
            .await
            .map_err(system("serve"))?;
        witnessing.stop();
        // Every way to the sequencer is dropped by now; it ends once it has answered what it had taken.
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        Ok(())
    })
}

async fn stop_signal() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a handler for SIGTERM can be installed at start");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
