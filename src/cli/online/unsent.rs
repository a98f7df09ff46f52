//! Entries that were signed, and of which it is not known whether the service recorded them.
//!
//! A signed entry is written and synced to `H/unsent/<entry>` before it is sent, and removed once its receipt was
//! verified or the service refused it for good. While nothing is decided the same bytes are sent again, which the
//! service never records twice. What is left when a command ends without an answer, however it ends, is sent by the
//! next command that records.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::client::unexpected;
use super::home::{owner_only, sync_folder, write_atomically};
use super::patience::patiently;
use super::session::Session;
use super::signing::check_receipt;
use super::{lock, watch};
use crate::cli::failure::{Failure, read_text};
use crate::held::Held;
use crate::protocol::entry::{EntryHash, MAX_ENTRY, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::receipt::Receipt;

/// An entry that an earlier command had signed, and that is recorded now.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The entry.
    pub entry: UnverifiedEntry,
    /// Its receipt.
    pub receipt: Receipt,
}

/// Sends a newly signed entry; its receipt was verified and is kept in `H/receipts/`.
pub fn send(session: &Session, entry: &UnverifiedEntry) -> Result<Receipt, Failure> {
    let mut receipts = Vec::new();
    send_together(session, std::slice::from_ref(entry), |_, receipt| {
        receipts.push(receipt);
    })?;
    receipts
        .pop()
        .ok_or_else(|| unexpected("no answer to an entry"))
}

/// Sends newly signed entries that belong together. All are kept until the last is answered, so that whoever repeats a
/// command that broke off half way is told of those that were recorded, too.
pub fn send_together(
    session: &Session,
    entries: &[UnverifiedEntry],
    mut told: impl FnMut(usize, Receipt),
) -> Result<(), Failure> {
    let kept = entries
        .iter()
        .map(|entry| Kept::new(session, entry))
        .collect::<Result<Vec<_>, _>>()?;
    for (at, entry) in entries.iter().enumerate() {
        match settle(session, entry) {
            Ok(receipt) => told(at, receipt),
            Err(failure) if failure.is_final() => {
                kept.into_iter().try_for_each(Kept::done)?;
                return Err(match at {
                    0 => failure,
                    _ => also(
                        failure,
                        &format!(
                            "{at} of {} were recorded before it: leave those out",
                            entries.len()
                        ),
                    ),
                });
            }
            Err(failure) => {
                return Err(also(
                    failure,
                    "what was signed is kept: whichever command of yours records next sends the same bytes first; repeat \
                     this one, or record something else, but not the same in another way",
                ));
            }
        }
    }
    kept.into_iter().try_for_each(Kept::done)
}

/// Adds to the next step.
fn also(failure: Failure, more: &str) -> Failure {
    let next = match &failure.next {
        Some(next) => format!("{next}; {more}"),
        None => more.to_owned(),
    };
    failure.next(next)
}

/// Sends what earlier commands left, says what became of it, and remembers what is recorded now.
pub fn send_left(session: &Session) -> Result<(), Failure> {
    let folder = folder(session);
    let Ok(items) = std::fs::read_dir(&folder) else {
        return Ok(());
    };
    let mut paths: Vec<PathBuf> = items.flatten().map(|item| item.path()).collect();
    paths.sort();
    let mut left = Vec::new();
    for path in paths {
        let Some(kept) = Kept::left(&path)? else {
            continue;
        };
        let entry = read(&path)?;
        if entry.payload().ledger == session.reader.ledger {
            left.push((entry, kept));
        }
    }
    // Of one chain, in its order.
    left.sort_by_key(|(entry, _)| entry.payload().seq);
    for (entry, kept) in left {
        let payload = entry.payload();
        let what = format!(
            "\"{}\" of {}, signed before and left without an answer,",
            payload.event,
            payload.occurred_at.in_words()
        );
        match settle(session, &entry) {
            Ok(receipt) => {
                kept.done()?;
                eprintln!("{what} is recorded, as entry {}.", receipt.index.0);
                session
                    .settled
                    .borrow_mut()
                    .push(Settled { entry, receipt });
            }
            Err(failure) if failure.is_final() => {
                kept.done()?;
                eprintln!("{what} was refused, and is not recorded: {failure}");
                if let Some(next) = &failure.next {
                    eprintln!("  next: {next}");
                }
            }
            Err(failure) => {
                return Err(Failure {
                    detail: format!("{what} could not be sent: {}", failure.detail),
                    ..failure
                });
            }
        }
    }
    Ok(())
}

/// Sends an entry until something is decided.
fn settle(session: &Session, entry: &UnverifiedEntry) -> Result<Receipt, Failure> {
    let text = entry.to_text();
    let answer = patiently(|| session.client.post_entry(&text), |_| false)?;
    let receipt = check_receipt(session, entry, &answer)?;
    watch::accept(session, &receipt.checkpoint)?;
    let receipts = session.profile.home.join("receipts");
    write_atomically(
        &receipts.join(format!("{}.json", receipt.index.0)),
        answer.to_string().as_bytes(),
    )?;
    Ok(receipt)
}

fn folder(session: &Session) -> PathBuf {
    session.profile.home.join("unsent")
}

fn read(path: &Path) -> Result<UnverifiedEntry, Failure> {
    let bad = |why: String| {
        Failure::new("unsent", format!("{}: {why}", path.display())).next(
            "the file was changed or damaged: look at the history for what it held, then move it away",
        )
    };
    let entry = UnverifiedEntry::parse_whole(&read_text(path, MAX_ENTRY)?)
        .map_err(|error| bad(error.to_string()))?;
    match path.file_name() == Some(entry.hash().to_string().as_ref()) {
        true => Ok(entry),
        false => Err(bad("it holds another entry than its name says".to_owned())),
    }
}

/// An entry's file, locked against other commands of the same person while it is being sent.
struct Kept {
    path: PathBuf,
    _file: Held,
}

impl Kept {
    fn new(session: &Session, entry: &UnverifiedEntry) -> Result<Kept, Failure> {
        let folder = folder(session);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        let path = folder.join(entry.hash().to_string());
        let fail = |error: std::io::Error| Failure::file("write", &path, &error);
        // Locked before it has its name, so that no other command takes it for one that was left.
        let unnamed = path.with_extension("new");
        let file = owner_only().open(&unnamed).map_err(fail)?;
        let mut file = lock::take(file, &unnamed)?;
        file.write_all(entry.to_text().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&unnamed, &path))
            .and_then(|()| sync_folder(&folder))
            .map_err(fail)?;
        Ok(Kept { path, _file: file })
    }

    /// One that was left; nothing where it is no entry, or another command is sending it.
    fn left(path: &Path) -> Result<Option<Kept>, Failure> {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_none_or(|name| Hash::from_base64url(name).map(EntryHash).is_err()) {
            return Ok(None);
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        // Whoever sends it removes it before letting go.
        match lock::take(file, path) {
            Ok(file) if path.exists() => Ok(Some(Kept {
                path: path.to_owned(),
                _file: file,
            })),
            _ => Ok(None),
        }
    }

    fn done(self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path)
            .map_err(|error| Failure::file("remove", &self.path, &error))
    }
}
