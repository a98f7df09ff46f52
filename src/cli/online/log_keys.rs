//! `custodes key rotate-log`: the log of a ledger gets new keys, without a gap.
//!
//! 1. New keys are made; from the next start on they sign beside the present ones, and the ledger records them.
//! 2. Their public keys go into everybody's trust policy and to the witnesses, beside those there.
//! 3. Once everybody has them, the new keys sign alone.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::keys;
use crate::cli::output::Output;
use crate::protocol::checkpoint;
use crate::protocol::key::SecretKey;
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::note::{UnverifiedNote, VerifierKey};
use crate::service::NextLogKeys;

/// Longest `head` file read: a note with a few signatures.
const MAX_HEAD: usize = 64 << 10;

const PRESENT: [&str; 2] = ["log.pem", "log-pq.pem"];
const NEXT: [&str; 2] = ["log-next.pem", "log-next-pq.pem"];
const RETIRED: [&str; 2] = ["log-retired.pem", "log-retired-pq.pem"];

/// Give the log of a ledger new keys: first beside the present ones, then, with --finish, in their place.
#[derive(Debug, Args)]
#[command(
    after_help = "Where a key may have been stolen, hand round the new ones at once and finish as soon as you can; see keys/README.md.\n\n\
                        Example: custodes key rotate-log --dir ledger\n\
                        Example: custodes key rotate-log --dir ledger --finish"
)]
pub struct RotateLogArgs {
    /// The ledger's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// The new keys sign alone from the next start on: everybody's policy and every witness has them.
    #[arg(long)]
    finish: bool,
    /// Write the new keys without a passphrase.
    #[arg(long, conflicts_with = "finish")]
    plain: bool,
}

/// Runs the command.
pub fn run(args: &RotateLogArgs, output: Output) -> Outcome {
    match args.finish {
        true => finish(&args.dir, output),
        false => begin(args, output),
    }
}

/// The next keys, where a rotation is under way.
pub fn next(dir: &Path) -> Result<Option<NextLogKeys>, Failure> {
    let [ed25519, ml_dsa_44] = NEXT.map(|name| dir.join("keys").join(name));
    if !ed25519.exists() && !ml_dsa_44.exists() {
        return Ok(None);
    }
    Ok(Some(NextLogKeys {
        ed25519: keys::load(&ed25519)?,
        ml_dsa_44: keys::load(&ml_dsa_44)?,
    }))
}

/// Prints the public keys of a ledger's log, for trust policies and witnesses.
pub fn show(dir: &Path, output: Output) -> Outcome {
    let [ed25519, ml_dsa_44] = PRESENT.map(|name| dir.join("keys").join(name));
    let present = NextLogKeys {
        ed25519: keys::load::<SecretKey>(&ed25519)?,
        ml_dsa_44: keys::load::<PqSecretKey>(&ml_dsa_44)?,
    };
    let origin = head(dir)?.1.origin;
    let present = present.vkeys(&origin);
    let next = next(dir)?.map(|next| next.vkeys(&origin));
    let lines = |keys: &[VerifierKey; 2]| format!("log {}\nlog {}", keys[0], keys[1]);
    let mut words = lines(&present);
    if let Some(next) = &next {
        words.push_str(&format!(
            "\n# The next keys, which sign beside these:\n{}",
            lines(next)
        ));
    }
    let texts = |keys: &[VerifierKey; 2]| keys.each_ref().map(VerifierKey::to_string);
    let value = json!({"log_keys": texts(&present), "next_log_keys": next.as_ref().map(texts)});
    output.result(&words, &value);
    Ok(0)
}

fn begin(args: &RotateLogArgs, output: Output) -> Outcome {
    let origin = head(&args.dir)?.1.origin;
    let [ed25519, ml_dsa_44] = NEXT.map(|name| args.dir.join("keys").join(name));
    if ed25519.exists() || ml_dsa_44.exists() {
        return Err(Failure::new(
            "rotation-under-way",
            format!("{} has next keys of the log already", args.dir.display()),
        )
        .next("finish that rotation first, with --finish"));
    }
    let passphrase = match args.plain {
        true => None,
        false => Some(keys::new_passphrase()?),
    };
    let passphrase = passphrase.as_deref().map(String::as_str);
    let next = NextLogKeys {
        ed25519: keys::create(&ed25519, passphrase)?,
        ml_dsa_44: keys::create(&ml_dsa_44, passphrase)?,
    };
    let [first, second] = next.vkeys(&origin);
    let words = format!(
        "Made the next keys of the log {origin}. Start the service again: from then on they sign beside the present ones.\n\
         Hand these lines round, for every trust policy and witness, beside those there:\nlog {first}\nlog {second}\n\
         Once everybody has them: custodes key rotate-log --dir {} --finish",
        args.dir.display()
    );
    let value = json!({"next_log_keys": [first.to_string(), second.to_string()]});
    output.result(&words, &value);
    Ok(0)
}

fn finish(dir: &Path, output: Output) -> Outcome {
    let under = dir.join("keys");
    let Some(next) = next(dir)? else {
        return Err(Failure::new(
            "no-rotation",
            format!("{} has no next keys of the log", dir.display()),
        )
        .next("begin with `custodes key rotate-log --dir FOLDER`"));
    };
    // What was published last must hold for those who will know the new keys alone.
    let (note, head) = head(dir)?;
    let keys = next.vkeys(&head.origin);
    let signed = UnverifiedNote::parse(&note).is_ok_and(|note| {
        note.verify(&keys)
            .is_ok_and(|note| note.verified.len() == keys.len())
    });
    if !signed {
        return Err(Failure::new(
            "not-signed-by-next",
            "the newest published checkpoint does not bear the signatures of the next keys yet",
        )
        .next("start the service, record something, and stop it; then finish"));
    }
    let file = |name: &&str| under.join(name);
    if let Some(retired) = RETIRED.iter().map(file).find(|file| file.exists()) {
        return Err(Failure::new(
            "key-exists",
            format!("{} exists already", retired.display()),
        )
        .next("destroy the keys that were retired before"));
    }
    for ((next, present), retired) in NEXT.iter().zip(&PRESENT).zip(&RETIRED) {
        rename(&file(present), &file(retired))?;
        rename(&file(next), &file(present))?;
    }
    let words = format!(
        "From the next start on the new keys sign alone. Destroy the old ones, {} and {}; policies keep their public keys, \
         which old checkpoints need.",
        under.join(RETIRED[0]).display(),
        under.join(RETIRED[1]).display()
    );
    output.result(&words, &json!({"finished": true}));
    Ok(0)
}

/// The newest published checkpoint, as the file `head` keeps it.
fn head(dir: &Path) -> Result<(String, checkpoint::Checkpoint), Failure> {
    let note = read_text(&dir.join("head"), MAX_HEAD)?;
    let text = note.split_inclusive('\n').take(3).collect::<String>();
    let head = checkpoint::Checkpoint::parse_text(&text)
        .map_err(|error| Failure::new("head", format!("the file head: {error}")))?;
    Ok((note, head))
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::rename(from, to).map_err(|error| Failure::file("rename", from, &error))
}
