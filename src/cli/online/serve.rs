//! `custodes serve`: run the service of a ledger.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::output::Output;
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
        log_key: keys::load(&args.dir.join("keys/log.pem"))?,
        service_key: keys::load(&args.dir.join("keys/service.pem"))?,
    };
    service::serve(options).map_err(|error| Failure::new("serve", error.to_string()))?;
    Ok(0)
}
