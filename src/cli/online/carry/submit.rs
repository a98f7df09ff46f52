//! `custodes submit`: what was signed offline goes into the ledger, byte for byte as it was signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::branch;
use super::file::Carry;
use crate::cli::Outcome;
use crate::cli::failure::{CANNOT, Failure};
use crate::cli::online::client::unexpected;
use crate::cli::online::session::Session;
use crate::cli::online::submission::{self, Fate};
use crate::cli::output::plain;
use crate::protocol::base64url;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::Subject;
use crate::protocol::tree::EntryIndex;

/// Submit what was signed offline.
#[derive(Debug, Args)]
#[command(
    after_help = "The entries go in as they were signed, in order; anybody enrolled may submit them. It may be interrupted and \
                        run again: nothing is recorded twice. Receipts are kept in the file.\n\n\
                        Example: custodes submit case.carry\n\
                        Example: custodes submit case.carry --check\n\
                        Example: custodes submit case.carry --late-branch \"no network in the cells; DC Hart had sealed it at the station meanwhile\""
)]
pub struct SubmitArgs {
    /// The carried file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where custody has moved on meanwhile: put what was signed here beside it, whole, and say why it came late.
    #[arg(long, value_name = "REASON", conflicts_with = "check")]
    pub late_branch: Option<String>,
    /// Only check the file and list what it holds; no network is used.
    #[arg(long)]
    pub check: bool,
}

/// What became of one entry.
enum Line {
    Before,
    Now,
    Waits,
    /// Beside the chain; the entry that takes it in.
    OnBranch(EntryIndex),
    Refused(Failure),
}

/// Runs `submit --check`.
pub fn check(session: &Session) -> Outcome {
    let carry = session
        .carry
        .as_ref()
        .ok_or_else(|| unexpected("no carried file"))?;
    let carry = carry.borrow();
    let mut words = format!("{}: every signature in it holds.", carry.path.display());
    for (at, entry) in carry.entries.iter().enumerate() {
        let state = match carry.written.queue[at].receipt {
            Some(_) => "recorded",
            None => "not submitted yet",
        };
        let when = entry.payload().occurred_at.in_words();
        words.push_str(&format!(
            "\n  {}. {when}: {} ({state})",
            at + 1,
            carry.describe(entry)
        ));
    }
    if carry.entries.is_empty() {
        words.push_str("\n  Nothing was signed into it yet.");
    }
    for exhibit in carry.standing.exhibits() {
        let seal = exhibit
            .seal
            .as_deref()
            .map_or_else(|| "no seal".to_owned(), |seal| format!("seal {seal}"));
        let offer = match &exhibit.offer {
            Some(offer) => format!(", on offer by {}", carry.people.name(&offer.by)),
            None => String::new(),
        };
        words.push_str(&format!(
            "\nBy this file {} is held by {}, {seal}{offer}.",
            carry.called(&exhibit.subject),
            exhibit.holder
        ));
    }
    let value = json!({
        "file": carry.path.to_string_lossy(),
        "entries": carry.entries.iter().zip(&carry.written.queue).map(|(entry, queued)| json!({
            "e": entry.hash(), "event": entry.payload().event, "subject": entry.payload().subject,
            "actor": entry.payload().actor, "occurred_at": entry.payload().occurred_at,
            "recorded": queued.receipt.is_some(),
        })).collect::<Vec<_>>(),
        "exhibits": carry.standing.exhibits().collect::<Vec<_>>(),
    });
    session.output.result(&plain(&words), &value);
    Ok(0)
}

/// Runs `submit`.
pub fn run(args: &SubmitArgs, session: &Session) -> Outcome {
    let mut carry = Carry::open(&args.file, session)?;
    let waiting: Vec<usize> = (0..carry.entries.len())
        .filter(|at| carry.written.queue[*at].receipt.is_none())
        .collect();
    if !waiting.is_empty() {
        for text in carry.written.blobs.values() {
            let bytes = base64url::decode(text).map_err(|_| {
                Failure::new("carry-form", "a manifest in the file is not base64url")
            })?;
            session.client.put_blob(&session.reader, &bytes)?;
        }
    }
    let mut lines: Vec<Line> = carry.entries.iter().map(|_| Line::Before).collect();
    let entries: Vec<_> = waiting.iter().map(|at| &carry.entries[*at]).collect();
    let mut stuck: BTreeSet<Subject> = BTreeSet::new();
    let queue = &mut carry.written.queue;
    let sent = submission::submit(session, &entries, |number, fate| {
        let at = waiting[number];
        let subject = &entries[number].payload().subject;
        lines[at] = match fate {
            Fate::Recorded(receipt) => {
                queue[at].receipt = Some(*receipt);
                Line::Now
            }
            // Only the first refusal of a chain says why; the others merely follow it.
            Fate::Refused(_) if stuck.contains(subject) => Line::Waits,
            Fate::Refused(failure) => {
                stuck.insert(subject.clone());
                Line::Refused(failure)
            }
        };
        Ok(())
    });
    // What was acknowledged is kept, whatever happened after it.
    carry.save()?;
    sent?;
    if let Some(reason) = &args.late_branch {
        put_on_branches(session, &mut carry, reason, &mut lines)?;
    }
    for (line, entry) in lines.iter_mut().zip(&carry.entries) {
        let Line::Refused(failure) = line else {
            continue;
        };
        match failure.code.as_str() {
            "stale-prev" => *failure = overtaken(session, &carry, entry)?,
            "key-not-valid" => {
                let next = format!(
                    "its signer, with a key that counts, or the authority of their organisation takes it in: custodes key adopt {} \
                     --of \"{}\" --reason WHY; then submit the file again",
                    carry.path.display(),
                    entry.payload().actor
                );
                failure.next = Some(next);
            }
            _ => {}
        }
    }
    say(session, &carry, &lines)
}

/// Puts what no longer follows its chain beside it.
fn put_on_branches(
    session: &Session,
    carry: &mut Carry,
    reason: &str,
    lines: &mut [Line],
) -> Result<(), Failure> {
    let overtaken: BTreeSet<Subject> = lines
        .iter()
        .zip(&carry.entries)
        .filter(|(line, _)| matches!(line, Line::Refused(failure) if failure.code == "stale-prev"))
        .map(|(_, entry)| entry.payload().subject.clone())
        .collect();
    for exhibit in &overtaken {
        let taken_in = branch::record(session, carry, exhibit, reason);
        // What was acknowledged is kept, whatever happened after it.
        carry.save()?;
        let taken_in = taken_in?;
        for (at, line) in lines.iter_mut().enumerate() {
            let Some(receipt) = &carry.written.queue[at].receipt else {
                continue;
            };
            let by = taken_in.iter().map(|one| one.index);
            let by = by.filter(|index| *index < receipt.index).max();
            let waited = matches!(line, Line::Waits | Line::Refused(_));
            if let (true, Some(by)) = (waited, by) {
                *line = Line::OnBranch(by);
            }
        }
    }
    Ok(())
}

/// Somebody else wrote to the chain meanwhile.
fn overtaken(
    session: &Session,
    carry: &Carry,
    entry: &UnverifiedEntry,
) -> Result<Failure, Failure> {
    let (exhibit, seq) = (&entry.payload().subject, entry.payload().seq);
    let path = format!("/v1/heads/{exhibit}/custody");
    let head =
        session
            .client
            .read_json(&session.reader, &path, "submitting what was signed offline")?;
    let called = carry.called(exhibit);
    Ok(Failure::new(
        "custody-moved-on",
        format!(
            "somebody recorded on the custody of {called} meanwhile: this file goes on from entry {seq} of its chain, \
             and the ledger's chain now has {} entries",
            head["length"]
        ),
    )
    .next(format!(
        "look at `custodes history {called}`; what was signed here goes beside it, as it was signed and flagged, with: \
         custodes submit {} --late-branch \"WHY IT CAME LATE\"; nobody needs to sign again",
        carry.path.display()
    )))
}

fn say(session: &Session, carry: &Carry, lines: &[Line]) -> Outcome {
    let mut words = String::new();
    let mut values = Vec::new();
    let mut left = 0;
    for (at, ((line, entry), queued)) in lines
        .iter()
        .zip(&carry.entries)
        .zip(&carry.written.queue)
        .enumerate()
    {
        let recorded = |how: &str| match &queued.receipt {
            Some(receipt) => format!(
                "{how} as entry {} at {}",
                receipt.index.0,
                receipt.recorded_at.in_words()
            ),
            None => how.to_owned(),
        };
        let (code, state, next) = match line {
            Line::Before => ("recorded-before", recorded("recorded before"), None),
            Line::Now => ("recorded", recorded("recorded"), None),
            Line::OnBranch(_) => (
                "on-a-branch",
                format!("{}, beside the chain", recorded("recorded")),
                None,
            ),
            Line::Waits => (
                "waits",
                "not recorded: it follows the one that was refused".to_owned(),
                None,
            ),
            Line::Refused(failure) => (
                "refused",
                format!("not recorded: {failure}"),
                failure.next.clone(),
            ),
        };
        left += usize::from(matches!(line, Line::Waits | Line::Refused(_)));
        words.push_str(&format!("{}. {}: {state}\n", at + 1, carry.describe(entry)));
        if let Some(next) = &next {
            words.push_str(&format!("   next: {next}\n"));
        }
        let problem = match line {
            Line::Refused(failure) => {
                json!({"code": failure.code, "detail": failure.detail, "next": failure.next})
            }
            _ => Value::Null,
        };
        values.push(json!({
            "e": entry.hash(), "event": entry.payload().event, "subject": entry.payload().subject,
            "state": code, "receipt": queued.receipt, "problem": problem,
        }));
    }
    let mut taken_in: BTreeMap<EntryIndex, usize> = BTreeMap::new();
    for line in lines {
        if let Line::OnBranch(by) = line {
            *taken_in.entry(*by).or_default() += 1;
        }
    }
    for (by, count) in taken_in {
        let entries = match count {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        };
        words.push_str(&format!(
            "Recorded as entry {} before them: a late-branch, which puts {entries} beside the chain as signed.\n",
            by.0
        ));
    }
    words.push_str(&match (left, lines.len()) {
        (_, 0) => "Nothing was signed into this file.".to_owned(),
        (0, 1) => "It is recorded. Receipt verified, and kept in the file.".to_owned(),
        (0, all) => format!("All {all} are recorded. Receipts verified, and kept in the file."),
        (left, all) => {
            format!("{left} of {all} are not recorded. The file keeps them as they were signed.")
        }
    });
    let value = json!({ "file": carry.path.to_string_lossy(), "left": left, "entries": values });
    session.output.result(&plain(&words), &value);
    Ok(if left == 0 { 0 } else { CANNOT })
}
