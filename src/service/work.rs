//! What is asked of the sequencer, and what it answers.

use serde_json::{Map, Value};

use crate::ledger::Refusal;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::ChainId;
use crate::protocol::receipt::Receipt;

/// Something to write.
pub enum Work {
    /// An entry that somebody signed.
    Submitted(Box<Sent<VerifiedEntry>>),
    /// An entry of the service's own: it is signed here, where its position is known.
    Own(OwnEntry),
    /// Publish a checkpoint over all there is.
    Publish,
}

/// An entry as it is sent: alone or, if it takes in a branch, with the entries of that, in order.
#[derive(Debug, Clone)]
pub struct Sent<E> {
    /// The entry.
    pub entry: E,
    /// What it takes in.
    pub branch: Vec<E>,
}

/// An entry that the service signs itself.
pub struct OwnEntry {
    /// Its chain.
    pub chain: ChainId,
    /// Its event.
    pub event: String,
    /// Its body.
    pub body: Map<String, Value>,
    /// Its details.
    pub details: Map<String, Value>,
}

/// What became of it.
#[derive(Debug)]
pub enum Answer {
    /// Newly written, under this receipt.
    Recorded(Box<Receipt>),
    /// The same bytes were there already.
    Known(Box<Receipt>),
    /// The rules refuse it.
    Refused(Refusal),
    /// A checkpoint over all there is, is published.
    Published,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too many wait.
    #[error("too many requests wait; try again in a second")]
    Busy,
    /// The writer stopped.
    #[error("the service has stopped writing after a storage failure; what it says is read-only")]
    Stopped,
    /// It is on disk, but the proof of it could not be read.
    #[error(
        "the entry may have been recorded, but the service could not read its storage to prove it"
    )]
    NoReceipt,
    /// After a start, until the witnesses have confirmed the history.
    #[error(
        "the witnesses have not yet confirmed this ledger's history since it was started; nothing is recorded until they have"
    )]
    Unconfirmed,
    /// A witness shows another history.
    #[error(
        "a witness shows a history, signed by this log, that this ledger does not continue; nothing is recorded"
    )]
    OtherHistory,
}
