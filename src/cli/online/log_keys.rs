//! `custodes key rotate-log`: the log of a ledger gets new keys, without a gap.
//!
//! 1. New keys are made; from the next start on they sign beside the present ones, and the ledger records them.
//! 2. Their public keys go into everybody's trust policy and to the witnesses, beside those there.
//! 3. Once everybody has them, the new keys sign alone.
//!
//! Each command that was cut short is run again, and does what was left.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::key_slot::{self, Slot};
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::keys;
use crate::cli::output::Output;
use crate::protocol::checkpoint;
use crate::protocol::note::{UnverifiedNote, VerifierKey};
use crate::service::NextLogKeys;

/// Longest `head` file read: a note with a few signatures.
const MAX_HEAD: usize = 64 << 10;

/// The Ed25519 key, and the ML-DSA-44 key; both commands touch them in this order.
fn slots(dir: &Path) -> [Slot; 2] {
    [
        Slot::of(dir, "log.pem", "log-next.pem", "log-retired.pem"),
        Slot::of(dir, "log-pq.pem", "log-next-pq.pem", "log-retired-pq.pem"),
    ]
}

/// Give the log of a ledger new keys: first beside the present ones, then, with --finish, in their place.
///
/// A command that was cut short is run again.
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
    let [ed25519, ml_dsa_44] = slots(dir);
    if !ed25519.next.exists() && !ml_dsa_44.next.exists() {
        return Ok(None);
    }
    let slots = [&ed25519, &ml_dsa_44];
    if !slots
        .iter()
        .all(|one| one.next.exists() && one.present.exists())
    {
        let finish = if ed25519.next.exists() && ed25519.present.exists() {
            ""
        } else {
            " --finish"
        };
        let shown = dir.display();
        return Err(Failure::new(
            "rotation-cut-short",
            format!("a rotation of the log's keys in {shown} was cut short"),
        )
        .next(format!(
            "run it again: custodes key rotate-log --dir {shown}{finish}"
        )));
    }
    Ok(Some(NextLogKeys {
        ed25519: keys::load(&ed25519.next)?,
        ml_dsa_44: keys::load(&ml_dsa_44.next)?,
    }))
}

/// Prints the public keys of a ledger's log, for trust policies and witnesses.
pub fn show(dir: &Path, output: Output) -> Outcome {
    let next = next(dir)?;
    let [ed25519, ml_dsa_44] = slots(dir);
    let present = NextLogKeys {
        ed25519: keys::load(&ed25519.present)?,
        ml_dsa_44: keys::load(&ml_dsa_44.present)?,
    };
    let origin = head(dir)?.1.origin;
    let present = present.vkeys(&origin);
    let next = next.map(|next| next.vkeys(&origin));
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
    let [ed25519, ml_dsa_44] = slots(&args.dir);
    if ml_dsa_44.next.exists() || !ed25519.present.exists() {
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
        ed25519: match ed25519.next.exists() {
            true => keys::load(&ed25519.next)?, // made before this command was cut short
            false => ed25519.make_next(passphrase)?,
        },
        ml_dsa_44: ml_dsa_44.make_next(passphrase)?,
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
    let slots = slots(dir);
    let [ed25519, ml_dsa_44] = &slots;
    if !ml_dsa_44.next.exists() {
        return Err(Failure::new(
            "no-rotation",
            format!("{} has no next keys of the log", dir.display()),
        )
        .next("begin with `custodes key rotate-log --dir FOLDER`"));
    }
    let next = NextLogKeys {
        ed25519: keys::load(ed25519.newest())?,
        ml_dsa_44: keys::load(ml_dsa_44.newest())?,
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
    if let Some(slot) = slots.iter().find(|slot| slot.is_blocked()) {
        return Err(key_slot::blocked(&slot.retired));
    }
    slots.iter().try_for_each(Slot::take_over)?;
    let words = format!(
        "From the next start on the new keys sign alone. Destroy the old ones, {} and {}; policies keep their public keys, \
         which old checkpoints need.",
        ed25519.retired.display(),
        ml_dsa_44.retired.display()
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
