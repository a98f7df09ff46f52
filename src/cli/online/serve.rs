//! `custodes serve`: run the service of a ledger.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{log_keys, service_key};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::output::{Output, write_ready_file};
use crate::cli::policy;
use crate::service::{self, FolderError, Options, ServeError};
use crate::storage::StoreError;

/// Run the service of a ledger until it is told to stop (Ctrl-C, SIGTERM).
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes serve --dir ledger --listen 127.0.0.1:8420 --public-url https://evidence.northshire.example"
)]
pub struct ServeArgs {
    /// The ledger's folder, made by `custodes init`.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8420", value_name = "ADDRESS:PORT")]
    listen: String,
    /// A file to write the service's address to once it is up.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Whose cosignatures every published checkpoint needs: a trust policy with the addresses of witnesses
    /// [default: the file policy in the ledger's folder].
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
    /// How often a checkpoint is published while there is news, in milliseconds.
    #[arg(long, default_value_t = 2000, value_name = "MS", value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    publish_every: u64,
    /// A listener for Prometheus `/metrics` alone [default: where it listens, if only this machine reaches that].
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,
    /// Most connections of one client address [default: 128; for this machine, where a proxy may run, no such limit].
    ///
    /// Behind a proxy on another machine everybody comes from its address: give 512 then, which is the most of all.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=512))]
    connections_each: Option<u16>,
    /// How fast everything stored is read and hashed again while the service runs, in bytes a second; 0 turns it off.
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    scrub_rate: u64,
    /// The address under which readers reach it, which their tokens name [default: where it listens].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// Runs the command.
pub fn run(args: &ServeArgs, output: Output) -> Outcome {
    if !args.dir.join("ledger.toml").is_file() {
        return Err(Failure::new(
            "ledger-missing",
            format!("there is no ledger in {}", args.dir.display()),
        )
        .next("found one with `custodes init`"));
    }
    let next_log_keys = log_keys::next(&args.dir)?;
    let options = Options {
        dir: args.dir.clone(),
        listen: args.listen.clone(),
        connections_each: args.connections_each.map(usize::from),
        metrics_listen: args.metrics_listen.clone(),
        public_url: args.public_url.clone(),
        scrub_rate: (args.scrub_rate > 0).then_some(args.scrub_rate),
        witness_policy: policy::load(
            &args
                .witness_policy
                .clone()
                .unwrap_or_else(|| args.dir.join("policy")),
        )?,
        publish_interval: Duration::from_millis(args.publish_every),
        log_key: keys::load(&args.dir.join("keys/log.pem"))?,
        log_pq_key: keys::load(&args.dir.join("keys/log-pq.pem"))?,
        next_log_keys,
        service_keys: service_key::load(&args.dir)?,
    };
    let ready = |url: &str| {
        let words = format!("Serving the ledger at {url}");
        output.result(&words, &json!({ "url": url }));
        write_ready_file(args.ready_file.as_deref(), url)
    };
    service::serve(options, ready).map_err(|error| failure(args, &error))?;
    Ok(0)
}

/// What the operator does next depends on what is wrong, so each has a code and a next step of its own.
fn failure(args: &ServeArgs, error: &ServeError) -> Failure {
    let (code, next) = match error {
        ServeError::Folder(error) => folder_failure(error),
        ServeError::Listen(_, error) => listen_failure(error.kind()),
        ServeError::Witnessing(_) => (
            "witnessing",
            "see what the trust policy of --witness-policy says of witnesses".to_owned(),
        ),
        ServeError::Clock(_) => (
            "clock-behind",
            "if this machine's clock is wrong, set it and start again; if it was wrong when that entry was recorded, \
             log time cannot go back: start again once the clock has come near it, and tell your auditor"
                .to_owned(),
        ),
        ServeError::System(..) => (
            "serve",
            format!(
                "see what the system says; nothing in {} was changed",
                args.dir.display()
            ),
        ),
    };
    Failure::new(code, error.to_string()).next(next)
}

fn listen_failure(kind: ErrorKind) -> (&'static str, String) {
    let (code, next) = match kind {
        ErrorKind::AddrInUse => (
            "port-taken",
            "another program listens there: stop it, or give another --listen",
        ),
        ErrorKind::PermissionDenied => (
            "port-not-permitted",
            "ports below 1024 are the system's: give another --listen, and a proxy before it",
        ),
        _ => (
            "listen",
            "give --listen an address of this machine and a port",
        ),
    };
    (code, next.to_owned())
}

fn folder_failure(error: &FolderError) -> (&'static str, String) {
    let (code, next) = match error {
        FolderError::Store(error) => return store_failure(error),
        FolderError::File { error, .. } => return io_failure(&error.to_string()),
        FolderError::OtherKey(_) => (
            "other-key",
            "put back the keys that `custodes init` made; nothing was changed",
        ),
        FolderError::Settings(..) => (
            "not-a-ledger",
            "give --dir the folder that `custodes init` made; if it is that, run `custodes repair`",
        ),
        _ => DAMAGED,
    };
    (code, next.to_owned())
}

/// What to do about damage.
const DAMAGED: (&str, &str) = (
    "ledger-damaged",
    "run `custodes audit`, which says what is damaged, then `custodes repair`; do not write to it meanwhile",
);

/// Code and next step where a ledger's folder cannot be used.
pub(super) fn store_failure(error: &StoreError) -> (&'static str, String) {
    let (code, next) = match error {
        StoreError::InUse(_) => (
            "ledger-in-use",
            "only one process uses a ledger's folder: stop the other with SIGTERM first",
        ),
        StoreError::NewerFormat { .. } => (
            "ledger-newer",
            "nothing was changed; install the version of custodes that wrote it, or a newer one",
        ),
        StoreError::OlderFormat { .. } => (
            "ledger-older",
            "nothing was changed; use the version of custodes that wrote it, or make a new ledger",
        ),
        StoreError::OtherRules => (
            "ledger-other-rules",
            "nothing was changed; use the version of custodes that the ledger was founded with, or one that has its rules",
        ),
        StoreError::NotALedger(_) => (
            "ledger-missing",
            "give --dir the folder that `custodes init` made",
        ),
        StoreError::Io(text) => return io_failure(text),
        _ => DAMAGED,
    };
    (code, next.to_owned())
}

/// RocksDB hands on what the system said as text.
fn io_failure(text: &str) -> (&'static str, String) {
    let says = |pieces: &[&str]| pieces.iter().any(|piece| text.contains(piece));
    let (code, next) = if says(&["No space left", "File too large", "Disk quota"]) {
        (
            "disk-full",
            "make room and start again: what was acknowledged is there",
        )
    } else if says(&["Read-only file system", "Permission denied"]) {
        (
            "folder-read-only",
            "the service must be able to write its folder; `custodes audit` checks a copy that nobody writes",
        )
    } else {
        (
            "storage",
            "see what the system says about the disk; `custodes audit` checks what is on it",
        )
    };
    (code, next.to_owned())
}
