//! `custodes serve`: run the service of a ledger.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::output::Output;
use crate::cli::policy;
use crate::service::{self, Options};

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
    /// The address under which readers reach it, which their tokens name [default: where it listens].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// Runs the command.
pub fn run(args: &ServeArgs, _output: Output) -> Outcome {
    if !args.dir.join("ledger.toml").is_file() {
        return Err(Failure::new(
            "ledger-missing",
            format!("there is no ledger in {}", args.dir.display()),
        )
        .next("found one with `custodes init`"));
    }
    let options = Options {
        dir: args.dir.clone(),
        listen: args.listen.clone(),
        ready_file: args.ready_file.clone(),
        public_url: args.public_url.clone(),
        witness_policy: policy::load(
            &args
                .witness_policy
                .clone()
                .unwrap_or_else(|| args.dir.join("policy")),
        )?,
        publish_interval: Duration::from_millis(args.publish_every),
        log_key: keys::load(&args.dir.join("keys/log.pem"))?,
        log_pq_key: keys::load(&args.dir.join("keys/log-pq.pem"))?,
        service_key: keys::load(&args.dir.join("keys/service.pem"))?,
    };
    service::serve(options).map_err(|error| Failure::new("serve", error.to_string()))?;
    Ok(0)
}
