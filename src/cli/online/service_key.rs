//! `custodes key rotate-service`: the service of a ledger signs what it records with a new key, without a gap.
//!
//! 1. A new key is made; at the next start the service records it, signed with the present one, and from the next entry on
//!    signs with the new key alone.
//! 2. The new key takes the old one's place in the folder.
//!
//! Nobody's policy changes: the ledger itself says whose signature counts where. Each command that was cut short is run
//! again, and does what was left.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::key_slot::{self, Slot};
use super::serve::store_failure;
use super::when;
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::keys;
use crate::cli::output::Output;
use crate::protocol::key::SecretKey;
use crate::protocol::time::Moment;
use crate::service::{self, ServiceKeys};

/// Longest file that says since when the old key was in other hands: one time.
const MAX_SINCE: usize = 100;

/// Give the service of a ledger a new key: first recorded by the service, then, with --finish, in the old one's place.
///
/// A command that was cut short is run again.
#[derive(Debug, Args)]
#[command(
    after_help = "Where the old key may have been stolen, say since when: what it signed from then on is flagged for every reader.\n\n\
                        Example: custodes key rotate-service --dir ledger\n\
                        Example: custodes key rotate-service --dir ledger --compromised-since \"2026-11-20 18:00\"\n\
                        Example: custodes key rotate-service --dir ledger --finish"
)]
pub struct RotateServiceArgs {
    /// The ledger's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// The service has recorded the new key: it takes the old one's place.
    #[arg(long)]
    finish: bool,
    /// Write the new key without a passphrase.
    #[arg(long, conflicts_with = "finish")]
    plain: bool,
    /// Since when the old key may have been in other hands.
    #[arg(long, value_name = "TIME", conflicts_with = "finish")]
    compromised_since: Option<String>,
}

/// Runs the command.
pub fn run(args: &RotateServiceArgs, output: Output) -> Outcome {
    match args.finish {
        true => finish(&args.dir, output),
        false => begin(args, output),
    }
}

fn slot(dir: &Path) -> Slot {
    Slot::of(
        dir,
        "service.pem",
        "service-next.pem",
        "service-retired.pem",
    )
}

fn since_file(dir: &Path) -> PathBuf {
    dir.join("keys/service-next.since")
}

/// The service's keys: the present one, and the next where a rotation is under way.
pub fn load(dir: &Path) -> Result<ServiceKeys, Failure> {
    let slot = slot(dir);
    let files = [&slot.present, &slot.next];
    let mut keys = Vec::new();
    for file in files.into_iter().filter(|file| file.exists()) {
        keys.push(keys::load::<SecretKey>(file)?);
    }
    if keys.is_empty() {
        keys.push(keys::load(&slot.present)?); // it says what is missing
    }
    let since = since_file(dir);
    let compromised_since = match slot.next.exists() && since.exists() {
        false => None,
        true => {
            let text = read_text(&since, MAX_SINCE)?;
            let time = Moment::parse(text.trim_end());
            Some(time.map_err(|error| {
                Failure::new("file", format!("{}: {error}", since.display()))
                    .next("begin the rotation again")
            })?)
        }
    };
    Ok(ServiceKeys {
        keys,
        compromised_since,
    })
}

fn begin(args: &RotateServiceArgs, output: Output) -> Outcome {
    let slot = slot(&args.dir);
    if slot.next.exists() {
        return Err(Failure::new(
            "rotation-under-way",
            format!(
                "{} has a next key of the service already",
                args.dir.display()
            ),
        )
        .next("start the service, stop it, and finish that rotation first, with --finish"));
    }
    if !slot.present.exists() {
        return Err(Failure::new(
            "key-missing",
            format!("there is no key at {}", slot.present.display()),
        )
        .next("give --dir the folder of a ledger; a service key that was lost cannot be rotated: see keys/README.md"));
    }
    // First, so that no key is recorded without it.
    let since = since_file(&args.dir);
    let written = match &args.compromised_since {
        Some(text) => std::fs::write(&since, format!("{}\n", when::stated(text)?.as_str())),
        None if since.exists() => std::fs::remove_file(&since),
        None => Ok(()),
    };
    written.map_err(|error| Failure::file("write", &since, &error))?;
    let passphrase = match args.plain {
        true => None,
        false => Some(keys::new_passphrase()?),
    };
    let next: SecretKey = slot.make_next(passphrase.as_deref().map(String::as_str))?;
    let words = format!(
        "Made the next key of the service, {}. Start the service again: it records the key and signs with it from then on.\n\
         Then stop it: custodes key rotate-service --dir {} --finish",
        next.public().id(),
        args.dir.display()
    );
    output.result(&words, &json!({ "next_service_key": next.public() }));
    Ok(0)
}

fn finish(dir: &Path, output: Output) -> Outcome {
    let slot = slot(dir);
    if !slot.next.exists() {
        return Err(Failure::new(
            "no-rotation",
            format!("{} has no next key of the service", dir.display()),
        )
        .next("begin with `custodes key rotate-service --dir FOLDER`"));
    }
    let next: SecretKey = keys::load(&slot.next)?;
    let signs = service::service_key(dir).map_err(|error| {
        let (code, next) = store_failure(&error);
        Failure::new(code, error.to_string()).next(next)
    })?;
    if signs != Some(next.public()) {
        return Err(Failure::new(
            "not-recorded",
            "the ledger does not name the next key of its service yet",
        )
        .next("start the service, wait until it says so, and stop it; then finish"));
    }
    if slot.is_blocked() {
        return Err(key_slot::blocked(&slot.retired));
    }
    slot.take_over()?;
    let since = since_file(dir);
    if since.exists() {
        std::fs::remove_file(&since).map_err(|error| Failure::file("remove", &since, &error))?;
    }
    let words = format!(
        "The new key is the service's alone. Destroy the old one, {}: it signs nothing that counts any more.",
        slot.retired.display()
    );
    output.result(&words, &json!({"finished": true}));
    Ok(0)
}
