//! Watching the ledger's history: every checkpoint must continue the newest one we verified.
//!
//! Before anything is signed, the service's checkpoint is fetched, its signature checked, and its tree
//! shown to contain the tree we knew (RFC 6962 consistency). A smaller tree is routine for a short while,
//! but only if it is a beginning of the tree we knew. Anything else means that the ledger shows different
//! histories to different people: an alarm that stops the command, and both checkpoints are kept, with the proof of fork where they show it.

use super::client::unexpected;
use super::home::write_atomically;
use super::lock::Lock;
use super::session::Session;
use crate::cli::failure::{Failure, read_text};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::Seen;
use crate::protocol::fork::Fork;
use crate::protocol::note::MAX_NOTE;
use crate::protocol::tree::{ConsistencyProof, RootHash, TreeSize};

/// Fetches the service's checkpoint and checks that it continues what we knew.
///
/// Returns what the signer has now seen; nothing where the ledger has not published anything and we knew
/// of nothing.
pub fn look(session: &Session) -> Result<Option<Seen>, Failure> {
    let known = known(session)?;
    let Some(answer) = session.client.public("/checkpoint")? else {
        return match known {
            None => Ok(None),
            Some(known) => Err(alarm(
                &known,
                None,
                "the service now says that it has published nothing",
            )),
        };
    };
    let note = answer.text()?;
    let newest = advance(session, &note)?;
    Ok(Some(Seen {
        size: newest.size,
        root: newest.root,
    }))
}

/// The service's checkpoint as a signed note, checked to continue what we knew.
pub fn newest_note(session: &Session) -> Result<String, Failure> {
    look(session)?;
    read_text(&session.profile.checkpoint_file(), MAX_NOTE)
}

/// Checks that a signed checkpoint continues what we knew, and keeps the newer of the two.
pub fn accept(session: &Session, note: &str) -> Result<(), Failure> {
    advance(session, note).map(|_| ())
}

fn advance(session: &Session, note: &str) -> Result<Checkpoint, Failure> {
    let offered = session.open_checkpoint(note)?;
    let path = session.profile.checkpoint_file();
    loop {
        let known = known(session)?;
        if let Some(known) = &known {
            compare(session, known, &offered, note)?;
        }
        if let Some(known) = known.as_ref().filter(|known| known.size >= offered.size) {
            return Ok(known.clone());
        }
        let _lock = Lock::wait(&path)?;
        // Another command of the same person may have seen a newer one meanwhile: never go back behind that.
        if self::known(session)? == known {
            write_atomically(&path, note.as_bytes())?;
            return Ok(offered);
        }
    }
}

/// Checks that one of two checkpoints continues the other; if not, both are kept.
fn compare(
    session: &Session,
    known: &Checkpoint,
    offered: &Checkpoint,
    note: &str,
) -> Result<(), Failure> {
    let (older, newer) = if offered.size < known.size {
        (offered, known)
    } else {
        (known, offered)
    };
    let Err(Doubt { why, shown }) = continues(session, older, newer)? else {
        return Ok(());
    };
    let name = format!("checkpoint.alarm-{}", offered.size.0);
    let home = &session.profile.home;
    write_atomically(&home.join(&name), note.as_bytes())?;
    let failure = alarm(known, Some(offered), &why);
    let kept = read_text(&session.profile.checkpoint_file(), MAX_NOTE)?;
    let notes = match older == known {
        true => [kept.as_str(), note],
        false => [note, kept.as_str()],
    };
    let (proof, root) = shown;
    let Ok(fork) = Fork::by_consistency(notes, session.log_keys(), &proof, root) else {
        return Err(failure);
    };
    let path = home.join(name + ".custody-fork");
    write_atomically(&path, fork.text.as_bytes())?;
    let words = format!(
        "the proof of fork is {}: give a copy to an auditor and to the other parties, who can check it with \
         `custodes verify`; keep your folder as it is",
        path.display()
    );
    Err(failure.next(words))
}

/// Why one checkpoint is not taken to continue another, and what the service showed of it: hashes, and the root at the
/// older size.
struct Doubt {
    why: String,
    shown: (ConsistencyProof, Option<RootHash>),
}

impl From<String> for Doubt {
    fn from(why: String) -> Doubt {
        let shown = (ConsistencyProof(Vec::new()), None);
        Doubt { why, shown }
    }
}

/// Whether the tree of `older` is a beginning of the tree of `newer`; the inner error says why not.
fn continues(
    session: &Session,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<Result<(), Doubt>, Failure> {
    if older.size == newer.size {
        let same = older.root == newer.root;
        return Ok(if same {
            Ok(())
        } else {
            Err("one size has two different roots".to_owned().into())
        });
    }
    let path = format!("/v1/consistency/{}/{}", older.size.0, newer.size.0);
    let answer = match session.client.public(&path) {
        Ok(Some(answer)) => answer.json()?,
        Ok(None) => {
            return Ok(Err("the service has no proof that one continues the other"
                .to_owned()
                .into()));
        }
        // What a service says of sizes that its log does not have.
        Err(failure) if failure.status == Some(400) => {
            return Ok(Err(format!(
                "the service gives no proof: {}",
                failure.detail
            )
            .into()));
        }
        // A service, or a proxy before it, that cannot answer now says nothing about the history.
        Err(failure) => return Err(failure),
    };
    let proof = read_proof(&answer)?;
    let root = answer.get("root").cloned();
    let root = root.and_then(|root| serde_json::from_value(root).ok());
    let checked = proof.verify(older.size, older.root, newer.size, newer.root);
    Ok(checked.map_err(|error| Doubt {
        why: error.to_string(),
        shown: (proof, root),
    }))
}

fn read_proof(answer: &serde_json::Value) -> Result<ConsistencyProof, Failure> {
    let proof = answer.get("proof").cloned();
    let proof = proof.and_then(|proof| serde_json::from_value(proof).ok());
    proof.ok_or_else(|| unexpected("no consistency proof"))
}

/// Whether a checkpoint that the service gives is of the history that was verified here before.
pub fn is_known(session: &Session, head: &Checkpoint) -> Result<(), Failure> {
    let Some(known) = known(session)? else {
        return Ok(());
    };
    let (older, newer) = match known.size <= head.size {
        true => (&known, head),
        false => (head, &known),
    };
    continues(session, older, newer)?.map_err(|doubt| {
        let words = format!(
            "the checkpoint is of another history than the one seen before: {}",
            doubt.why
        );
        Failure::check("forked", words).next("keep your folder and tell the other parties")
    })
}

/// The proof that the service gives for two sizes, unchecked.
pub fn consistency(
    session: &Session,
    older: TreeSize,
    newer: TreeSize,
) -> Result<ConsistencyProof, Failure> {
    let path = format!("/v1/consistency/{}/{}", older.0, newer.0);
    let answer = session.client.public(&path)?;
    read_proof(
        &answer
            .ok_or_else(|| unexpected("no consistency proof"))?
            .json()?,
    )
}

/// The newest checkpoint that we verified earlier.
pub fn known(session: &Session) -> Result<Option<Checkpoint>, Failure> {
    let path = session.profile.checkpoint_file();
    if !path.exists() {
        return Ok(None);
    }
    session
        .open_checkpoint(&read_text(&path, MAX_NOTE)?)
        .map(Some)
        .map_err(|failure| Failure {
            detail: format!("{}: {}", path.display(), failure.detail),
            ..failure
        })
}

fn alarm(known: &Checkpoint, offered: Option<&Checkpoint>, why: &str) -> Failure {
    let shown =
        |one: &Checkpoint| format!("size {}, root {}", one.size.0, one.root.0.to_base64url());
    let offered = offered.map_or_else(|| "none".to_owned(), shown);
    Failure::check(
        "fork",
        format!(
            "ALARM: the ledger does not continue the history you verified before; nothing was recorded.\n\
             \x20 verified before: {}\n  offered now:     {offered}\n  why:             {why}",
            shown(known)
        ),
    )
    .next("keep your folder as it is (both checkpoints are in it), and tell an auditor and the other parties")
}
