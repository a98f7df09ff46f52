//! Submitting many signed entries: in batches, in order, each with its own answer, and each receipt verified.
//!
//! Sending the same bytes again is harmless, so a broken connection or a busy service is simply tried again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::Client;
use super::patience::patiently;
use super::session::Session;
use super::{signing, watch};
use crate::cli::failure::Failure;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::receipt::Receipt;

/// Most entries in one batch: what one group commit takes.
pub const BATCH: usize = 500;

/// Most bytes in one batch, half of what the service takes.
const BATCH_BYTES: usize = 8 << 20;

/// What became of an entry.
pub enum Fate {
    /// It is recorded; the receipt was verified.
    Recorded(Box<Receipt>),
    /// The service refused it.
    Refused(Failure),
}

/// What the service said of each entry of a batch, in order.
pub type Answers = Vec<Result<Value, Failure>>;

/// Submits entries in order; `told` learns what became of each, by its number.
pub fn submit(
    session: &Session,
    entries: &[&UnverifiedEntry],
    mut told: impl FnMut(usize, Fate) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut from = 0;
    while from < entries.len() {
        let texts = batch(&entries[from..]);
        let to = from + texts.len();
        let answers = send(&session.client, &texts)?;
        receive(session, &entries[from..to], answers, |number, fate| {
            told(from + number, fate)
        })?;
        from = to;
    }
    Ok(())
}

/// As many of the entries, from the first on, as go in one batch.
pub fn batch(entries: &[&UnverifiedEntry]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut bytes = 0;
    for entry in entries.iter().take(BATCH) {
        let text = entry.to_text();
        if !texts.is_empty() && bytes + text.len() > BATCH_BYTES {
            break;
        }
        bytes += text.len();
        texts.push(text);
    }
    texts
}

/// Sends one batch; what merely could not be answered yet is sent again.
pub fn send(client: &Client, texts: &[String]) -> Result<Answers, Failure> {
    let passing = |answer: &Result<Value, Failure>| answer.as_ref().is_err_and(Failure::is_passing);
    patiently(
        || client.post_batch(texts),
        |answers| answers.iter().any(passing),
    )
}

/// Checks the receipts of a batch; `told` learns what became of each entry, by its number in the batch.
pub fn receive(
    session: &Session,
    batch: &[&UnverifiedEntry],
    answers: Answers,
    mut told: impl FnMut(usize, Fate) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut checkpoints = BTreeSet::new();
    let mut fates = Vec::new();
    for (entry, answer) in batch.iter().zip(answers) {
        fates.push(match answer {
            Ok(value) => {
                let receipt = signing::check_receipt(session, entry, &value)?;
                checkpoints.insert(receipt.checkpoint.clone());
                Fate::Recorded(Box::new(receipt))
            }
            Err(failure) => Fate::Refused(failure),
        });
    }
    for checkpoint in &checkpoints {
        watch::accept(session, checkpoint)?;
    }
    for (number, fate) in fates.into_iter().enumerate() {
        told(number, fate)?;
    }
    Ok(())
}
