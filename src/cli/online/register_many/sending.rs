//! A part of the list on its way to the service, while the next is digested and signed.

use std::thread::{Scope, ScopedJoinHandle};

use super::Told;
use super::list::Item;
use super::progress::{Progress, State};
use crate::cli::failure::Failure;
use crate::cli::online::session::Session;
use crate::cli::online::submission::{self, Answers, Fate};
use crate::protocol::entry::UnverifiedEntry;

/// A part of the list on its way to the service.
pub(super) struct Sent<'scope, 'a> {
    waiting: Vec<&'a Item>,
    /// What was recorded before this command.
    before: Vec<&'a Item>,
    /// In order, as far as there were any; and why there are no more.
    answers: ScopedJoinHandle<'scope, (Answers, Option<Failure>)>,
}

/// Sends what was signed, now or before.
pub(super) fn send<'scope, 'a: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    session: &'a Session,
    part: &[(&'a Item, &super::Act)],
    progress: &Progress,
) -> Sent<'scope, 'a> {
    let (mut waiting, mut before, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (item, _) in part {
        match progress.states.get(&item.path) {
            Some(State::Signed(entry)) => {
                waiting.push(*item);
                entries.push(&**entry);
            }
            Some(State::Recorded(_)) => before.push(*item),
            None => {}
        }
    }
    let mut batches = Vec::new();
    let mut rest = &entries[..];
    while !rest.is_empty() {
        let batch = submission::batch(rest);
        rest = &rest[batch.len()..];
        batches.push(batch);
    }
    let client = &session.client;
    let answers = scope.spawn(move || {
        let mut answers = Vec::new();
        for batch in &batches {
            match submission::send(client, batch) {
                Ok(more) => answers.extend(more),
                Err(failure) => return (answers, Some(failure)),
            }
        }
        (answers, None)
    });
    Sent {
        waiting,
        before,
        answers,
    }
}

/// Waits for the answers, checks the receipts and keeps them.
pub(super) fn receive(
    session: &Session,
    sent: Sent,
    progress: &mut Progress,
    told: &mut Vec<Told>,
) -> Result<(), Failure> {
    let (answers, broken) = match sent.answers.join() {
        Ok(answers) => answers,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let entries: Vec<&UnverifiedEntry> = sent
        .waiting
        .iter()
        .filter_map(|item| match progress.states.get(&item.path) {
            Some(State::Signed(entry)) => Some(&**entry),
            _ => None,
        })
        .collect();
    let (mut receipts, mut refused) = (Vec::new(), Vec::new());
    let received = submission::receive(session, &entries, answers, |number, fate| {
        let item = sent.waiting[number];
        match fate {
            Fate::Recorded(receipt) => receipts.push((item.path.clone(), *receipt)),
            Fate::Refused(failure) => {
                // Only what was refused for good is signed anew next time: anything else may be recorded already.
                if failure.is_final() {
                    refused.push((item.path.clone(), failure.code.clone()));
                }
                told.push(Told::not(item, "refused", failure));
            }
        }
        Ok(())
    });
    progress.recorded(&receipts)?;
    progress.refused(&refused)?;
    let new = receipts.iter().map(|(path, _)| (path, "recorded"));
    let before = sent
        .before
        .iter()
        .map(|item| (&item.path, "recorded-before"));
    for (path, state) in before.chain(new) {
        if let Some(State::Recorded(entry)) = progress.states.get(path) {
            told.push(Told::recorded(path, state, entry));
        }
    }
    received
        .and(broken.map_or(Ok(()), Err))
        .map_err(|failure| Failure {
            next: Some(format!(
                "{}; then run the same command again: it goes on where it stopped",
                failure.next.unwrap_or_default()
            )),
            ..failure
        })
}
