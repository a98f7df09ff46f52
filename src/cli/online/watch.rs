//! Watching the ledger's history: every checkpoint must continue the newest one we verified.
//!
//! Before anything is signed, the service's checkpoint is fetched, its signature checked, and its tree
//! shown to contain the tree we knew (RFC 6962 consistency). A smaller tree is routine for a short while,
//! but only if it is a beginning of the tree we knew. Anything else means that the ledger shows different
//! histories to different people: an alarm that stops the command, and both checkpoints are kept.

use super::client::unexpected;
use super::home::write_atomically;
use super::lock::Lock;
use super::session::Session;
use crate::cli::failure::{Failure, read_text};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::Seen;
use crate::protocol::note::MAX_NOTE;
use crate::protocol::tree::ConsistencyProof;

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
    let Err(why) = continues(session, older, newer)? else {
        return Ok(());
    };
    let name = format!("checkpoint.alarm-{}", offered.size.0);
    write_atomically(&session.profile.home.join(name), note.as_bytes())?;
    Err(alarm(known, Some(offered), &why))
}

/// Whether the tree of `older` is a beginning of the tree of `newer`; the inner error says why not.
fn continues(
    session: &Session,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<Result<(), String>, Failure> {
    if older.size == newer.size {
        let same = older.root == newer.root;
        return Ok(if same {
            Ok(())
        } else {
            Err("one size has two different roots".to_owned())
        });
    }
    let path = format!("/v1/consistency/{}/{}", older.size.0, newer.size.0);
    let answer = match session.client.public(&path) {
        Ok(Some(answer)) => answer.json()?,
        Ok(None) => {
            return Ok(Err(
                "the service has no proof that one continues the other".to_owned()
            ));
        }
        // What a service says of sizes that its log does not have.
        Err(failure) if failure.status == Some(400) => {
            return Ok(Err(format!(
                "the service gives no proof: {}",
                failure.detail
            )));
        }
        // A service, or a proxy before it, that cannot answer now says nothing about the history.
        Err(failure) => return Err(failure),
    };
    let proof: ConsistencyProof = answer
        .get("proof")
        .cloned()
        .and_then(|proof| serde_json::from_value(proof).ok())
        .ok_or_else(|| unexpected("no consistency proof"))?;
    Ok(proof
        .verify(older.size, older.root, newer.size, newer.root)
        .map_err(|error| error.to_string()))
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
