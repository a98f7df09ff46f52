//! Checkpoints (C2SP tlog-checkpoint v1.0.0), without extension lines.
//!
//! ```text
//! <origin> LF <size in decimal> LF <base64 of the 32-byte root> LF
//! ```
//!
//! The key that signs a checkpoint for a log carries the log's origin as its name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hash::Hash;
use super::id::Origin;
use super::json::MAX_INTEGER;
use super::note::{Note, NoteError, UnverifiedNote, VerifierKey};
use super::tree::{RootHash, TreeSize};

/// The head of a log: how many leaves, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// Number of leaves.
    pub size: TreeSize,
    /// Root of the tree.
    pub root: RootHash,
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is bad.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The text is not origin, size and root.
    #[error("checkpoint: the text is not three lines of origin, size and root")]
    Text,
    /// It is of another log.
    #[error("checkpoint: it is of the log {0:?}, not of {1:?}")]
    OtherLog(Origin, Origin),
}

impl Checkpoint {
    /// Reads the text of a checkpoint.
    pub fn parse_text(text: &str) -> Result<Checkpoint, CheckpointError> {
        let bad = || CheckpointError::Text;
        let mut lines = text.strip_suffix('\n').ok_or_else(bad)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(bad());
        };
        let number: u64 = size.parse().map_err(|_| bad())?;
        if number.to_string() != size || number > MAX_INTEGER {
            return Err(bad());
        }
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        Ok(Checkpoint {
            origin: Origin::new(origin).map_err(|_| bad())?,
            size: TreeSize(number),
            root: RootHash(Hash(root.ok_or_else(bad)?)),
        })
    }

    /// What a signed checkpoint says, whoever signed it.
    pub fn of_note(note: &str) -> Result<Checkpoint, CheckpointError> {
        let note = UnverifiedNote::parse(note)?;
        Checkpoint::parse_text(note.text())
    }

    /// Writes the text of a checkpoint.
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size.0,
            STANDARD.encode(self.root.0.0)
        )
    }
}

/// Opens a signed checkpoint under the log's key.
pub fn open(note: &str, log: &VerifierKey) -> Result<(Checkpoint, Note), CheckpointError> {
    open_with(note, &[log], &[])
}

/// Opens a signed checkpoint that one of these log keys signed, and checks the cosignatures of known witnesses.
/// A signature by any of these keys that does not verify makes the whole bad.
pub fn open_with(
    note: &str,
    logs: &[&VerifierKey],
    witnesses: &[&VerifierKey],
) -> Result<(Checkpoint, Note), CheckpointError> {
    let keys: Vec<&VerifierKey> = logs.iter().chain(witnesses).copied().collect();
    let note = UnverifiedNote::parse(note)?.verify(keys.iter().copied())?;
    let log = note
        .verified
        .iter()
        .find(|one| logs.contains(&&one.key))
        .ok_or(NoteError::NoKnownSignature)?;
    let checkpoint = Checkpoint::parse_text(&note.text)?;
    if checkpoint.origin != *log.key.name() {
        return Err(CheckpointError::OtherLog(
            checkpoint.origin,
            log.key.name().clone(),
        ));
    }
    Ok((checkpoint, note))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let root = STANDARD.encode([7; 32]);
        let good = format!("log.example\n12\n{root}\n");
        assert_eq!(Checkpoint::parse_text(&good).unwrap().to_text(), good);
        for bad in [
            format!("log.example\n012\n{root}\n"),
            format!("log.example\n+12\n{root}\n"),
            format!("log.example\n12\n{root}\nextension\n"),
            format!("log.example\n12\n{root}"),
            "log.example\n12\nAAAA\n".to_owned(),
            format!("log example\n12\n{root}\n"),
            format!("log.example\n9007199254740992\n{root}\n"),
        ] {
            assert_eq!(
                Checkpoint::parse_text(&bad),
                Err(CheckpointError::Text),
                "{bad}"
            );
        }
    }
}
