//! Auditing: everything stored is read and checked again, in the folder of a stopped ledger or in rows that stand still.
//!
//! Signatures are checked on every core ahead of the rules, which run in the order of the log on one. Memory holds
//! the state that the rules give and some hundred bytes an entry; rows are read one after the other.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, RwLock};

use super::derived::{Derived, FAMILIES};
use super::folder;
use super::followers::{self, Names};
use super::search;
use super::security_audit;
use super::stored_log::{Fault, Opened, Stored, StoredLog, leaf_of, stray};
use crate::ledger::Rules;
use crate::ledger::erasure::is_erased_file;
use crate::ledger::state::{Known as _, Record, RecordKey, file_named};
use crate::protocol::digest::DigestKind;
use crate::protocol::hash::Hash;
use crate::protocol::id::Subject;
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::note::VerifierKey;
use crate::protocol::tree::EntryIndex;
use crate::storage::{
    BlobFolder, Cursor, Engine, Family, Mode, RocksStore, Row, Store, StoreError, layout,
};
use crate::verify::Finding;
use crate::verify::audit::{self, Audit, Prepared};

/// Entries that go from thread to thread together.
const BATCH: usize = 256;

/// Batches under way: bounds memory.
const DEPTH: usize = 8;

/// Recomputes the ledger in `folder`, which no service may have open meanwhile.
pub fn audit(folder: &Path) -> Result<Vec<Finding>, StoreError> {
    let opened = RocksStore::open(&folder.join("db"), Mode::Read);
    let store = match opened {
        Ok(store) => store,
        Err(StoreError::Corrupt(why)) => {
            let mut audit = Audit::new(Rules::embedded());
            audit.found(
                "unreadable",
                "database",
                &format!("It cannot be opened: {why}."),
            );
            return Ok(audit.finish());
        }
        Err(error) => return Err(error),
    };
    let mut audit = check(store.engine());
    let ledger = audit.state().ledger().filter(|_| audit.is_whole());
    if let Some(Err(why)) = ledger.map(|ledger| folder::matches_genesis(folder, &ledger)) {
        audit.found("settings-differ", "ledger.toml", &why);
    }
    match BlobFolder::open(folder) {
        Ok(blobs) => check_blobs(&blobs, &mut audit, &Progress::default()),
        Err(error) => unreadable(&mut audit, &error),
    }
    Ok(audit.finish())
}

/// The files beside the database have the SHA-256 that is their name, and those that exhibits refer to are there.
pub(super) fn check_blobs(folder: &BlobFolder, audit: &mut Audit<'_>, progress: &Progress) {
    let blobs = match folder.check() {
        Ok(blobs) => blobs,
        Err(error) => return unreadable(audit, &error),
    };
    for blob in blobs.take_while(|_| !progress.is_stopped()) {
        match blob {
            Ok((_, true)) => {}
            Ok((name, false)) => {
                let words = "Its bytes do not have the SHA-256 that is its name.";
                audit.found("blob-differs", &format!("blob {name}"), words);
            }
            Err(error) => unreadable(audit, &error),
        }
    }
    for (sha256, exhibit) in files_named(audit) {
        match folder.has(sha256) {
            Ok(true) => {}
            Ok(false) => audit.unchecked(
                "blob-missing",
                &format!("blob {}", sha256.to_hex()),
                &format!("Exhibit {exhibit} refers to it, and it is not here; whoever has it can put it again."),
            ),
            Err(error) => unreadable(audit, &error),
        }
    }
}

/// The files that exhibits refer to: manifests, and what entries name beside.
fn files_named(audit: &Audit<'_>) -> Vec<(Hash, Subject)> {
    let records = audit.state().other_records();
    let named = records.filter(|(_, record)| match record {
        Record::Exhibit(exhibit) => {
            let digest = exhibit.digest.as_ref();
            digest.is_some_and(|digest| digest.kind == DigestKind::Manifest)
        }
        _ => true,
    });
    named
        .filter_map(|(key, record)| file_named(key, record))
        .filter(|(sha256, _)| !is_erased_file(audit.state(), *sha256))
        .collect()
}

fn unreadable(audit: &mut Audit<'_>, error: &dyn std::fmt::Display) {
    let words = format!("They cannot be read: {error}.");
    audit.found("unreadable", "blobs", &words);
}

/// Recomputes a ledger that nobody writes meanwhile.
#[cfg(test)]
pub(super) fn audit_store(store: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    Ok(check(store.engine()).finish())
}

/// How far an audit is, and whether anybody still wants it.
#[derive(Default)]
pub(super) struct Progress {
    /// Entries so far.
    pub entries: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Ends it early; what it found so far means nothing then.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was ended early.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Everything but the files beside the database.
pub(super) fn check(engine: &dyn Engine) -> Audit<'static> {
    check_watched(engine, &Progress::default())
}

/// The same, watched.
pub(super) fn check_watched(engine: &dyn Engine, progress: &Progress) -> Audit<'static> {
    let Replay {
        mut audit, names, ..
    } = replay(engine, Leaves::AsStored, progress);
    if audit
        .state()
        .ledger()
        .is_some_and(|ledger| !folder::is_governed(&ledger))
    {
        let words = "The ledger runs under other rules than the ones in this program; use the version that has them.";
        audit.found("other-rules", "entry 0 (genesis), rules", words);
    }
    check_erased(engine, &mut audit);
    let keys = audit.log_keys();
    for family in [Family::Checkpoints, Family::Published] {
        if progress.is_stopped() {
            return audit;
        }
        notes(engine, family, &keys, |note| match note {
            Ok((_, _, checkpoint)) => {
                audit.opened_checkpoint(&checkpoint);
                if family == Family::Published {
                    audit.published(checkpoint.size);
                }
            }
            Err(fault) => found(&mut audit, fault),
        });
    }
    check_ends(engine, &keys, &mut audit);
    check_meta(engine, &mut audit);
    followers::check(engine, &mut audit, &names);
    security_audit::check(engine, &mut audit);
    if audit.is_whole() && audit.tree().is_some() {
        let mut faults = Vec::new();
        if let Some(tree) = audit.tree() {
            let derived = Derived {
                state: audit.state(),
                tree,
                map: audit.map(),
            };
            for family in FAMILIES {
                if progress.is_stopped() {
                    break;
                }
                derived.compare(engine, family, &mut |fault| faults.push(fault));
            }
        }
        faults
            .into_iter()
            .for_each(|fault| found(&mut audit, fault));
    }
    audit
}

fn found(audit: &mut Audit<'_>, fault: Fault) {
    audit.found(fault.code, &fault.place, &fault.words);
}

/// What stands in the tree where a leaf is missing or does not commit to its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// The leaf as stored.
    AsStored,
    /// What the entry gives; only a signed root can prove it right.
    FromEntries,
}

/// A place of the log, ready for the audit.
enum Ready {
    Entry(Prepared),
    Map(Option<Vec<u8>>),
    Hole(Option<Vec<u8>>),
}

/// What a worker makes of one place of the log; what is wrong; the leaf, where it was not the stored one.
type Done = (Ready, Vec<Fault>, Option<Row>);

/// The whole log, run again.
pub(super) struct Replay {
    /// What came of it.
    pub audit: Audit<'static>,
    /// Leaves that were computed in place of what is stored.
    pub computed: Vec<Row>,
    /// What its entries name.
    pub names: Names,
}

/// Runs the whole log again.
pub(super) fn replay(engine: &dyn Engine, leaves: Leaves, progress: &Progress) -> Replay {
    let mut audit = Audit::new(Rules::embedded());
    let mut computed = Vec::new();
    let mut names = Names::default();
    let keys: RwLock<HashMap<KeyId, PublicKey>> = RwLock::default();
    let open = |stored: Stored| -> Done {
        let (index, kept) = (stored.index, stored.leaf.clone());
        let (leaf, faults) = stored.open();
        let mut leaf = match leaf {
            Opened::Entry(leaf) => leaf,
            Opened::Map(data) => return (Ready::Map(data), faults, None),
            Opened::Hole(data) => return (Ready::Hole(data), faults, None),
        };
        if leaves == Leaves::FromEntries {
            leaf.data = leaf_of(leaf.recorded_at, &leaf.jws);
        }
        let differs = kept.as_ref() != Some(&leaf.data);
        let row = differs.then(|| (index.0.to_be_bytes().to_vec(), leaf.data.clone()));
        let known = |kid| {
            let keys = keys.read().expect("no holder of this lock panics");
            keys.get(&kid).copied()
        };
        (Ready::Entry(Prepared::new(leaf, known)), faults, row)
    };
    let batches = || {
        let mut log = StoredLog::new(engine);
        let mut ended = false;
        std::iter::from_fn(move || {
            if ended || progress.is_stopped() {
                return None;
            }
            let batch: Vec<Stored> = log.by_ref().take(BATCH).collect();
            let mut faults = log.faults();
            if batch.is_empty() {
                ended = true;
                faults.extend(log.strays());
            }
            Some((faults, batch))
        })
    };
    let work = |(faults, batch): (Vec<Fault>, Vec<Stored>)| {
        let opened: Vec<Done> = batch.into_iter().map(open).collect();
        (faults, opened)
    };
    in_order(batches, work, |(faults, batch)| {
        faults
            .into_iter()
            .for_each(|fault| found(&mut audit, fault));
        for (entry, faults, row) in batch {
            faults
                .into_iter()
                .for_each(|fault| found(&mut audit, fault));
            computed.extend(row);
            progress.entries.fetch_add(1, Ordering::Relaxed);
            match entry {
                Ready::Entry(prepared) => {
                    if let Some(entry) = prepared.entry() {
                        names.take(EntryIndex(audit.size().0), entry);
                    }
                    audit.take(prepared);
                }
                Ready::Map(data) => {
                    let index = audit.size().0;
                    let right = audit.take_map_leaf(data.as_deref(), leaves == Leaves::FromEntries);
                    computed.extend(right.map(|data| (index.to_be_bytes().to_vec(), data)));
                }
                Ready::Hole(data) => audit.take_hole(data.as_deref()),
            }
            let new = audit.new_keys();
            if !new.is_empty() {
                let mut keys = keys.write().expect("no holder of this lock panics");
                keys.extend(new);
            }
        }
    });
    Replay {
        audit,
        computed,
        names,
    }
}

/// Does `work` on every core and hands the results on in the order of the jobs.
fn in_order<J: Send, R: Send, I: Iterator<Item = J>>(
    jobs: impl FnOnce() -> I + Send,
    work: impl Fn(J) -> R + Sync,
    mut take: impl FnMut(R),
) {
    let (to_workers, waiting) = sync_channel::<(J, SyncSender<R>)>(DEPTH);
    let (to_taker, results) = sync_channel::<Receiver<R>>(DEPTH);
    let waiting = Mutex::new(waiting);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let job = waiting
                        .lock()
                        .expect("no holder of this lock panics")
                        .recv();
                    let Ok((job, reply)) = job else { return };
                    // Nobody takes it when the taker panicked, which ends everything.
                    let _ = reply.send(work(job));
                }
            });
        }
        scope.spawn(move || {
            for job in jobs() {
                let (reply, result) = sync_channel(1);
                if to_taker.send(result).is_err() || to_workers.send((job, reply)).is_err() {
                    return;
                }
            }
        });
        for result in results {
            take(
                result
                    .recv()
                    .expect("a worker answers every job that it took"),
            );
        }
    });
}

/// A checkpoint's row, and what it says.
type Note = (Vec<u8>, String, crate::protocol::checkpoint::Checkpoint);

/// Reads a family of signed notes: each with its signature checked, or what is wrong with it.
pub(super) fn notes(
    engine: &dyn Engine,
    family: Family,
    keys: &[VerifierKey],
    take: impl FnMut(Result<Note, Fault>),
) {
    let work = |row: Result<Row, crate::storage::Damage>| -> Result<Note, Fault> {
        let (key, note) = row?;
        let place = layout::in_words(family, &key);
        let fault = |words: &str| Fault::new("checkpoint", place.clone(), words);
        let note = String::from_utf8(note).map_err(|_| fault("It is not text."))?;
        let checkpoint = audit::open(&note, keys)
            .ok_or_else(|| fault("It is not signed by the log's key, or was changed."))?;
        if key != checkpoint.size.0.to_be_bytes() {
            return Err(fault("It is stored under another size than it states."));
        }
        Ok((key, note, checkpoint))
    };
    in_order(|| Cursor::new(engine, family, b""), work, take);
}

/// The newest checkpoints cover the log to its end, and agree with the one kept apart.
fn check_ends(engine: &dyn Engine, keys: &[VerifierKey], audit: &mut Audit<'_>) {
    let size = audit.size().0;
    let last = |family| match engine.last(family, &[0xff; 9]) {
        Ok(Some((key, _))) => layout::number(&key, "").ok(),
        _ => None,
    };
    if size > 0 && last(Family::Checkpoints) != Some(size) {
        let words = format!("There is no checkpoint over all {size} entries stored.");
        audit.found("checkpoint", "checkpoints", &words);
    }
    match engine.head() {
        Ok(None) => audit.unchecked(
            "head-missing",
            "head",
            "The file is not there, so it cannot be seen whether the database lost its end; repair makes it anew.",
        ),
        Err(error) => audit.found("head-differs", "head", &format!("{error}.")),
        Ok(Some(note)) => match audit::open(&note, keys) {
            None => audit.found(
                "head-differs",
                "head",
                "It is not signed by the log's key, or was changed.",
            ),
            Some(checkpoint) => {
                audit.opened_checkpoint(&checkpoint);
                // Lines of witnesses, whose keys are not known here, are compared with the other copy. A crash
                // between the two writes leaves the head with fewer.
                let stored = engine.get(Family::Published, &checkpoint.size.0.to_be_bytes());
                if let Ok(Some(stored)) = stored
                    && !stored.starts_with(note.as_bytes())
                {
                    let words = "It is not the published checkpoint of its size.";
                    audit.found("head-differs", "head", words);
                }
                if last(Family::Published).is_none_or(|last| last < checkpoint.size.0) {
                    let place = format!("published checkpoint of size {}", checkpoint.size.0);
                    let words = "It was published, as the file head shows, but is not stored.";
                    audit.found("checkpoint", &place, words);
                }
            }
        },
    }
}

/// What was erased by law is not stored any more.
fn check_erased(engine: &dyn Engine, audit: &mut Audit<'_>) {
    let mut kept = Vec::new();
    for (key, record) in audit.state().other_records() {
        let (RecordKey::Erased(e), Record::Erased(names)) = (key, record) else {
            continue;
        };
        let Some(index) = audit.state().index_of(*e) else {
            continue;
        };
        for name in names.keys() {
            let key = layout::disclosure_key(index, name);
            for family in [Family::Disclosures, Family::DisclosureKeys] {
                if !matches!(engine.get(family, &key), Ok(None)) {
                    kept.push(layout::in_words(family, &key));
                }
            }
        }
    }
    for place in kept {
        let words = "It was erased by law, and is stored still.";
        audit.found("erased-still-stored", &place, words);
    }
}

fn check_meta(engine: &dyn Engine, audit: &mut Audit<'_>) {
    for row in Cursor::new(engine, Family::Meta, b"") {
        match row {
            Err(damage) => found(audit, damage.into()),
            Ok((key, value)) => {
                let right = match key.as_slice() {
                    b"format" => value == layout::FORMAT.to_be_bytes(),
                    search::SECRET => value.len() == 32,
                    search::NEXT | layout::ERASING | layout::ERASED => {
                        layout::number(&value, "").is_ok_and(|next| next <= audit.size().0)
                    }
                    _ => {
                        found(audit, stray(Family::Meta, &key));
                        continue;
                    }
                };
                if !right {
                    let place = layout::in_words(Family::Meta, &key);
                    audit.found("meta", &place, "Its value is not what it can be.");
                }
            }
        }
    }
}
