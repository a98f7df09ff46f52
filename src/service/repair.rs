//! Repairing a stopped ledger: a new database beside the damaged one, out of everything that can be read and proven.
//!
//! 1. Run the whole log again. Where an entry is missing, was changed or is refused, or the signed checkpoints do
//!    not cover the log to its end, nothing is changed: what is lost cannot be computed.
//! 2. Write `db.repaired`: entries, disclosures that open, checkpoints that are signed and right;
//!    leaves and everything derived as recomputed; the security log as it is. (Blobs are files of their own beside it.)
//! 3. Audit it. Only what step 2 names as lost may be wrong.
//! 4. Rename `db` to `db.damaged-N` and `db.repaired` to `db`. The damaged database is kept, as evidence.
//!
//! A crash before step 4 leaves the old database as it was; a crash inside it is finished by the next repair.

use std::path::{Path, PathBuf};

use super::audit::{self, Leaves, Progress, Replay};
use super::derived::{Derived, FAMILIES};
use super::folder;
use super::stored_log::Fault;
use crate::ledger::state::Known as _;
use crate::storage::{
    Batch, Cursor, Durability, Engine, Family, Mode, RocksStore, Store as _, StoreError, layout,
    lock, sync_folder,
};
use crate::verify::audit::Audit;
use crate::verify::{Finding, Severity};

/// Rows in one batch.
const BATCH: usize = 4096;

/// Bytes in one batch, roughly.
const BATCH_BYTES: usize = 8 << 20;

/// Codes of findings about the log that a repair leaves as they are: a lost detail leaves the entry provable.
const TOLERATED: [&str; 6] = [
    "disclosure-unreadable",
    "disclosure-missing",
    "leaf-missing",
    "security-log",
    "stray",
    "unreadable",
];

/// What a repair did.
#[derive(Debug)]
pub struct Repair {
    /// What was wrong before and no longer is.
    pub mended: Vec<Finding>,
    /// What is wrong still, and cannot be computed.
    pub lost: Vec<Finding>,
    /// Where the damaged database is kept, if another was put in its place.
    pub kept: Option<PathBuf>,
}

/// Repairs the ledger in `folder`, which no service may have open meanwhile.
pub fn repair(folder: &Path) -> Result<Repair, StoreError> {
    let db = folder.join("db");
    let repaired = folder.join("db.repaired");
    let salvaged = folder.join("db.salvaged");
    let _lock = lock(&db, Mode::Write)?;
    if !db.exists() && repaired.exists() {
        // A crash between the two renames: what stands there was proven before the first.
        rename(&repaired, &db)?;
    }
    remove(&repaired)?;
    remove(&salvaged)?;
    let (source, unreadable) = match RocksStore::open_locked(&db, Mode::Read) {
        Ok(store) => (store, None),
        Err(StoreError::Corrupt(why) | StoreError::Io(why)) if db.exists() => {
            let (store, in_part) = RocksStore::salvage(&db, &salvaged)?;
            (store, Some(Unreadable { why, in_part }))
        }
        Err(error) => return Err(error),
    };
    let outcome = from(folder, &source, unreadable, &repaired);
    drop(source);
    remove(&salvaged)?;
    if outcome.is_err() {
        remove(&repaired)?;
    }
    let (mended, lost, ready) = outcome?;
    let kept = if ready {
        let kept = (1..)
            .map(|n| folder.join(format!("db.damaged-{n}")))
            .find(|path| !path.exists());
        let kept = kept.expect("some number is free");
        rename(&db, &kept)?;
        rename(&repaired, &db)?;
        Some(kept)
    } else {
        remove(&repaired)?;
        None
    };
    Ok(Repair { mended, lost, kept })
}

/// A database that cannot be opened.
struct Unreadable {
    why: String,
    /// Whether it was saved only in part.
    in_part: bool,
}

/// What was mended, what was lost, and whether `repaired` is to be put in place.
type Made = (Vec<Finding>, Vec<Finding>, bool);

fn from(
    folder: &Path,
    source: &RocksStore,
    unreadable: Option<Unreadable>,
    repaired: &Path,
) -> Result<Made, StoreError> {
    let engine = source.engine();
    let mut before = audit::check(engine);
    if let Some(Unreadable { why, .. }) = &unreadable {
        let words = format!("It cannot be opened: {why}.");
        before.found("unreadable", "database", &words);
    }
    let ledger = before.state().ledger();
    if ledger.is_some_and(|ledger| !folder::is_governed(&ledger)) {
        // What these rules would give is not this ledger's state.
        return Err(StoreError::OtherRules);
    }
    let ledger = before.state().ledger().filter(|_| before.is_whole());
    let settings = ledger
        .as_ref()
        .map(|ledger| folder::matches_genesis(folder, ledger));
    if let Some(Err(why)) = &settings {
        before.found("settings-differ", "ledger.toml", why);
    }
    let before = wrong(before);
    if before.is_empty() {
        return Ok((vec![], vec![], false));
    }

    // 1. The log, with leaves as its entries give them, must be what was signed.
    let Replay {
        audit,
        computed: leaves,
        ..
    } = audit::replay(engine, Leaves::FromEntries, &Progress::default());
    let mut lost = Vec::new();
    if unreadable.is_some_and(|unreadable| unreadable.in_part) {
        // The log proves itself whole below; of other rows nobody knows how many there were.
        lost.push(finding(&Fault::new(
            "unreadable",
            "database".to_owned(),
            "It could not be opened, so parts were left behind: checkpoints, publications and blobs may be missing.",
        )));
    }
    let notes = signed(engine, &audit, &mut lost);
    let covered = notes
        .last()
        .is_some_and(|(size, _)| *size == audit.size().0);
    let provable = audit.is_whole() && covered && lost.iter().all(|one| one.code != "root-differs");
    let Some(tree) = audit.tree().filter(|_| provable) else {
        return Ok((vec![], before, false));
    };
    let derived = Derived {
        state: audit.state(),
        tree,
        map: audit.map(),
    };

    // 2. A new database.
    let store = RocksStore::open_locked(repaired, Mode::Create)?;
    let mut writer = Writer::new(store.engine());
    copy_log(engine, audit.size().0, &leaves, &mut writer)?;
    copy_notes(engine, &audit, &mut writer)?;
    // Records of the security log prove themselves or are named by the audit; none can be computed, and of the last
    // of them nothing else tells that they were there.
    for row in Cursor::new(engine, Family::Security, b"") {
        match row {
            Ok((key, value)) => writer.put(Family::Security, key, value)?,
            Err(damage) => lost.push(finding(&damage.into())),
        }
    }
    for family in FAMILIES {
        for (key, value) in derived.rows(family) {
            writer.put(family, key, value)?;
        }
    }
    writer.finish()?;
    drop(writer);
    if let Some(newest) = store.published()? {
        store.engine().keep_head(&newest)?;
    }
    if let (Some(ledger), Some(Err(_))) = (&ledger, &settings) {
        folder::write_settings(folder, ledger)?;
    }
    let mut findings = audit.finish();
    findings
        .retain(|one| one.severity != Severity::Note && !TOLERATED.contains(&one.code.as_str()));
    if !findings.is_empty() {
        return Ok((vec![], before, false));
    }

    // 3. The proof.
    drop(store);
    let store = RocksStore::open_locked(repaired, Mode::Read)?;
    let after = wrong(audit::check(store.engine()));
    if let Some(other) = after
        .iter()
        .find(|one| !TOLERATED.contains(&one.code.as_str()))
    {
        return Err(StoreError::Corrupt(format!(
            "the repaired database ({other})"
        )));
    }
    lost.extend(after);
    let is_lost = |one: &Finding| lost.iter().any(|other| other.place == one.place);
    let mended = before.into_iter().filter(|one| !is_lost(one)).collect();
    Ok((mended, lost, true))
}

/// Findings that mean that something is wrong.
fn wrong(audit: Audit<'_>) -> Vec<Finding> {
    let mut findings = audit.finish();
    findings.retain(|one| one.severity != Severity::Note);
    findings
}

fn finding(fault: &Fault) -> Finding {
    Finding {
        code: fault.code.to_owned(),
        severity: Severity::Failed,
        question: 4,
        place: fault.place.clone(),
        words: fault.words.clone(),
    }
}

/// Every checkpoint that is signed by the log and right, by size; the others are named as lost.
fn signed(engine: &dyn Engine, audit: &Audit<'_>, lost: &mut Vec<Finding>) -> Vec<(u64, String)> {
    let keys = audit.log_keys();
    let mut found = Vec::new();
    for family in [Family::Checkpoints, Family::Published] {
        audit::notes(engine, family, &keys, |note| match note {
            Ok((_, note, checkpoint)) => match audit.agrees(&checkpoint) {
                true => found.push((checkpoint.size.0, note)),
                false => lost.push(differs(checkpoint.size.0)),
            },
            Err(fault) => lost.push(finding(&fault)),
        });
    }
    if let Some((size, note)) = head(engine, audit) {
        match note {
            Some(note) => found.push((size, note)),
            None => lost.push(differs(size)),
        }
    }
    found.sort();
    found
}

fn differs(size: u64) -> Finding {
    finding(&Fault::new(
        "root-differs",
        format!("checkpoint of size {size}"),
        "The entries stored do not give the root that the log signed.",
    ))
}

/// Size of the checkpoint kept apart, if the log signed it, and the note if it is right.
fn head(engine: &dyn Engine, audit: &Audit<'_>) -> Option<(u64, Option<String>)> {
    let note = engine.head().ok()??;
    let checkpoint = crate::verify::audit::open(&note, &audit.log_keys())?;
    let right = audit.agrees(&checkpoint);
    Some((checkpoint.size.0, right.then_some(note)))
}

/// Entries, their leaves, and the disclosures that open.
fn copy_log(
    engine: &dyn Engine,
    size: u64,
    leaves: &[(Vec<u8>, Vec<u8>)],
    writer: &mut Writer<'_>,
) -> Result<(), StoreError> {
    for family in [Family::Entries, Family::Leaves] {
        for (key, value) in Cursor::new(engine, family, b"").flatten() {
            if layout::number(&key, "").is_ok_and(|index| index < size) {
                writer.put(family, key, value)?;
            }
        }
    }
    for (key, value) in leaves {
        writer.put(Family::Leaves, key.clone(), value.clone())?;
    }
    for (key, sealed) in Cursor::new(engine, Family::Disclosures, b"").flatten() {
        let Some(index) = key.first_chunk::<8>().map(|at| u64::from_be_bytes(*at)) else {
            continue;
        };
        let Ok(Some(secret)) = engine.get(Family::DisclosureKeys, &key) else {
            continue;
        };
        let at = crate::protocol::tree::EntryIndex(index);
        if index < size && layout::open_disclosure(at, &secret, &sealed).is_ok() {
            writer.put(Family::Disclosures, key.clone(), sealed)?;
            writer.put(Family::DisclosureKeys, key, secret)?;
        }
    }
    Ok(())
}

/// Checkpoints that are signed and right.
fn copy_notes(
    engine: &dyn Engine,
    audit: &Audit<'_>,
    writer: &mut Writer<'_>,
) -> Result<(), StoreError> {
    let keys = audit.log_keys();
    let mut copied = Ok(());
    let mut newest = None;
    let mut committed = 0;
    for family in [Family::Checkpoints, Family::Published] {
        audit::notes(engine, family, &keys, |note| {
            let note = note
                .ok()
                .filter(|(_, _, checkpoint)| audit.agrees(checkpoint));
            let Some((key, note, checkpoint)) = note.filter(|_| copied.is_ok()) else {
                return;
            };
            let size = checkpoint.size.0;
            if family == Family::Checkpoints {
                committed = committed.max(size);
            }
            newest = newest.take().max(Some((size, note.clone())));
            copied = writer.put(family, key, note.into_bytes());
        });
    }
    copied?;
    // What was published last is published still, whichever copy of it is left.
    if let Some((size, Some(note))) = head(engine, audit) {
        let key = size.to_be_bytes().to_vec();
        newest = newest.max(Some((size, note.clone())));
        writer.put(Family::Published, key, note.into_bytes())?;
    }
    // The checkpoint of the last commit, if only its publication is left: that has more signatures, after its own.
    if let Some((size, note)) = newest.filter(|(size, _)| *size > committed) {
        let lines = note.split_inclusive('\n');
        let first = lines.clone().position(|line| line.starts_with('\u{2014}'));
        let note: String = lines.take(first.map_or(usize::MAX, |at| at + 1)).collect();
        let key = size.to_be_bytes().to_vec();
        writer.put(Family::Checkpoints, key, note.into_bytes())?;
    }
    Ok(())
}

struct Writer<'e> {
    engine: &'e dyn Engine,
    batch: Batch,
    bytes: usize,
}

impl<'e> Writer<'e> {
    fn new(engine: &'e dyn Engine) -> Writer<'e> {
        Writer {
            engine,
            batch: Batch::default(),
            bytes: 0,
        }
    }

    fn put(&mut self, family: Family, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.bytes += key.len() + value.len();
        self.batch.put(family, key, value);
        if self.batch.changes.len() < BATCH && self.bytes < BATCH_BYTES {
            return Ok(());
        }
        self.bytes = 0;
        self.engine
            .write(&std::mem::take(&mut self.batch), Durability::Later)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.engine
            .write(&std::mem::take(&mut self.batch), Durability::Synced)
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to)
        .map_err(|error| StoreError::Io(format!("cannot rename {}: {error}", from.display())))?;
    sync_folder(to)
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    if !folder.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(folder)
        .map_err(|error| StoreError::Io(format!("cannot remove {}: {error}", folder.display())))
}
