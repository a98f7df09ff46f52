//! The scrub: while the service runs, everything stored is read and hashed again, slowly, over and over.
//!
//! It checks each row by itself and against those it follows from: an entry against its leaf, signature, key and
//! indexes; a tree node against its children; a row of the map against the one above it; a checkpoint against the tree; a blob against its name. Whether the
//! rules would still give the stored state only an audit can say.
//!
//! | family | key | value |
//! |---|---|---|
//! | `scrub` | `progress` | JSON of [`ScrubStatus`]: where it is, so that a restart goes on from there |

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::known::StoreKnown;
use super::map_keeper::{MapHistory, map_leaf};
use super::say::say;
use super::stored_log::{Fault, leaf_of};
use crate::ledger::erasure::erased;
use crate::ledger::state::Known as _;
use crate::ledger::{Record, RecordKey, service_key_at, signer};
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::map_rows::{self, RowId};
use crate::protocol::note::VerifierKey;
use crate::protocol::security::UnverifiedRecord;
use crate::protocol::tree::{self, EntryIndex, NodeId, NodeReader as _, TreeSize};
use crate::storage::{Batch, BlobFolder, Cursor, Durability, Family, Store, StoreError, layout};
use crate::verify::audit;

/// Rows between two notes of progress.
const PAGE: usize = 256;

/// Bytes of blobs after which it pauses.
const PAGE_OF_BLOBS: u64 = 1 << 20;

/// Most findings kept; one is enough to act on.
const MAX_FINDINGS: usize = 100;

/// Pause after a whole pass.
const REST: Duration = Duration::from_secs(60);

/// Where the scrub is, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubStatus {
    /// Whole passes so far.
    pub passes: u64,
    /// Rows checked in this pass.
    pub rows: u64,
    /// Bytes read in this pass.
    pub bytes: u64,
    /// Number of the family that it reads, in the order of `Family::ALL`; the one after the last is the blobs.
    family: usize,
    /// The key after which it goes on.
    after: Vec<u8>,
    /// What is damaged, as found since the last whole pass without a finding.
    pub findings: Vec<String>,
    /// Findings of this pass.
    found: usize,
}

impl ScrubStatus {
    fn add(&mut self, fault: &Fault) {
        self.found += 1;
        let finding = format!("[{}] {}: {}", fault.code, fault.place, fault.words);
        if self.findings.len() < MAX_FINDINGS && !self.findings.contains(&finding) {
            say(format_args!("scrub found damage: {finding}"));
            self.findings.push(finding);
        }
    }

    /// Whether nothing is known to be damaged.
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The scrub of a running service.
pub struct Scrub {
    store: Arc<dyn Store>,
    blobs: Arc<BlobFolder>,
    /// Names of the blobs that this pass still has to read, once it has come to them.
    left: Mutex<Option<VecDeque<String>>>,
    /// Bytes a second.
    rate: u64,
    status: Mutex<ScrubStatus>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Scrub {
    /// Goes on where the last one stopped.
    pub fn new(store: Arc<dyn Store>, blobs: Arc<BlobFolder>, rate: u64) -> Scrub {
        let progress = store.engine().get(Family::Scrub, b"progress");
        let progress = progress.ok().flatten();
        let status = progress.and_then(|json| serde_json::from_slice(&json).ok());
        Scrub {
            store,
            blobs,
            left: Mutex::default(),
            rate: rate.max(1),
            status: Mutex::new(status.unwrap_or_default()),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
        }
    }

    /// Where it is, and what it found.
    pub fn status(&self) -> ScrubStatus {
        let status = self.status.lock();
        status.expect("no holder of this lock panics").clone()
    }

    /// Reads until it is told to stop.
    pub fn run(&self) {
        loop {
            let (bytes, ended) = self.page();
            let pause = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
            if self.pause(if ended { pause + REST } else { pause }) {
                return;
            }
        }
    }

    /// Tells it to stop.
    pub fn stop(&self) {
        *self.stopped.lock().expect("no holder of this lock panics") = true;
        self.stop.notify_all();
    }

    /// Waits; whether it was told to stop.
    fn pause(&self, pause: Duration) -> bool {
        let stopped = self.stopped.lock().expect("no holder of this lock panics");
        let waited = self
            .stop
            .wait_timeout_while(stopped, pause, |stopped| !*stopped);
        *waited.expect("no holder of this lock panics").0
    }

    /// Checks one page of rows: bytes read, and whether a pass ended.
    pub fn page(&self) -> (u64, bool) {
        let mut status = self.status();
        if status.family == Family::ALL.len() {
            let bytes = self.page_of_blobs(&mut status);
            self.note(status);
            return (bytes, false);
        }
        let Some(family) = Family::ALL.get(status.family).copied() else {
            status.passes += 1;
            if status.found == 0 {
                status.findings.clear();
            }
            let again = ScrubStatus {
                passes: status.passes,
                findings: status.findings,
                ..ScrubStatus::default()
            };
            self.note(again);
            return (0, true);
        };
        let from = match status.after.is_empty() {
            true => vec![],
            false => [&status.after[..], &[0]].concat(),
        };
        let mut bytes = 0;
        let mut rows = 0;
        for row in Cursor::new(self.store.engine(), family, &from).take(PAGE) {
            rows += 1;
            let checked = match row {
                Ok((key, value)) => {
                    bytes += (key.len() + value.len()) as u64;
                    let checked = self.check(family, &key, &value);
                    status.after = key;
                    checked
                }
                Err(damage) => Err(damage.into()),
            };
            if let Err(fault) = checked {
                status.add(&fault);
            }
        }
        status.rows += rows as u64;
        status.bytes += bytes;
        if rows < PAGE {
            status.family += 1;
            status.after.clear();
        }
        self.note(status);
        (bytes, false)
    }

    /// Reads some of the blobs: as many bytes as one of them, or a page of small ones, has.
    fn page_of_blobs(&self, status: &mut ScrubStatus) -> u64 {
        let mut left = self.left.lock().expect("no holder of this lock panics");
        let fault = |name: &str, words: String| Fault::new("scrub", format!("blob {name}"), &words);
        let names = match left.take() {
            Some(names) => Ok(names),
            None => self.blobs.names().map(|mut names| {
                names.retain(|name| name.as_bytes() > &status.after[..]);
                names.into()
            }),
        };
        let mut names: VecDeque<String> = names.unwrap_or_else(|error| {
            status.add(&fault("", format!("They cannot be listed: {error}.")));
            VecDeque::new()
        });
        let mut bytes = 0;
        while bytes < PAGE_OF_BLOBS
            && let Some(name) = names.pop_front()
        {
            status.rows += 1;
            match self.blobs.check_one(&name) {
                Ok((length, good)) => {
                    bytes += length;
                    if !good {
                        let words = "Its bytes do not have the SHA-256 that is its name.";
                        status.add(&fault(&name, words.to_owned()));
                    }
                }
                Err(error) => status.add(&fault(&name, format!("It cannot be read: {error}."))),
            }
            status.after = name.into_bytes();
        }
        status.bytes += bytes;
        if names.is_empty() {
            status.family += 1;
            status.after.clear();
        } else {
            *left = Some(names);
        }
        bytes
    }

    fn note(&self, status: ScrubStatus) {
        let json = serde_json::to_vec(&status).expect("numbers and texts serialise");
        let mut batch = Batch::default();
        batch.put(Family::Scrub, *b"progress", json);
        // A note that is lost costs reading some rows again.
        let _ = self.store.engine().write(&batch, Durability::Later);
        *self.status.lock().expect("no holder of this lock panics") = status;
    }

    fn check(&self, family: Family, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let wrong = |words: &str| Fault::new("scrub", layout::in_words(family, key), words);
        let failed = |error: StoreError| wrong(&format!("{error}."));
        let known = StoreKnown::new(&*self.store);
        match family {
            Family::Entries => {
                let index = layout::number(key, "entries").map_err(failed)?;
                self.check_entry(EntryIndex(index), &known)
                    .map_err(|words| wrong(&words))
            }
            Family::Nodes => {
                let (level, index) = key.split_first().ok_or_else(|| wrong("It has no key."))?;
                let index = layout::number(index, "nodes").map_err(failed)?;
                let hash = match level.checked_sub(1) {
                    None => {
                        let leaf = self.store.leaf(EntryIndex(index)).map_err(failed)?;
                        tree::leaf_hash(&leaf.unwrap_or_default()).0
                    }
                    Some(level) => {
                        let child = |side| {
                            known.node(NodeId {
                                level,
                                index: 2 * index + side,
                            })
                        };
                        tree::node_hash(child(0).map_err(failed)?, child(1).map_err(failed)?)
                    }
                };
                match hash.0[..] == *value {
                    true => Ok(()),
                    false => Err(wrong("It is not the hash of what is below it.")),
                }
            }
            Family::Map => {
                // The newest map leaf, as the rows have it: the root, and each row by the one above it.
                let leaf = map_leaf(&*self.store).map_err(failed)?;
                let size = leaf.map_or(TreeSize(0), |leaf| TreeSize(leaf.0.saturating_add(1)));
                let then = MapHistory::default().at(&*self.store, size);
                let then = then.map_err(failed)?;
                // A publication meanwhile wrote rows that the next pass reads.
                let moved = map_leaf(&*self.store).map_err(failed)? != leaf;
                let sound = match (&then, RowId::from_bytes(key)) {
                    _ if moved => true,
                    (Some(_), None) => key == layout::MAP_LEAF,
                    (Some(then), Some(id)) => {
                        let root = map_rows::root(then).map_err(failed)?;
                        map_rows::is_sound(then, &id, root).map_err(failed)?
                    }
                    (None, _) => false,
                };
                match sound {
                    true => Ok(()),
                    false => Err(wrong(
                        "It is not the map that the newest map leaf commits to.",
                    )),
                }
            }
            Family::Checkpoints | Family::Published => {
                let keys = known
                    .ledger()
                    .map(|ledger| ledger.log_keys)
                    .unwrap_or_default();
                let keys: Vec<VerifierKey> = keys
                    .iter()
                    .filter_map(|key| VerifierKey::parse(key).ok())
                    .collect();
                let note = std::str::from_utf8(value).ok();
                let checkpoint = note.and_then(|note| audit::open(note, &keys));
                let checkpoint = checkpoint.ok_or_else(|| wrong("It is not signed by the log."))?;
                let root = tree::root(checkpoint.size, &known).map_err(failed)?;
                match root == checkpoint.root && key == checkpoint.size.0.to_be_bytes() {
                    true => Ok(()),
                    false => Err(wrong("It is not a checkpoint of the stored tree.")),
                }
            }
            Family::Records => {
                let right = RecordKey::from_bytes(key).is_some()
                    && serde_json::from_slice::<Record>(value).is_ok();
                match right {
                    true => Ok(()),
                    false => Err(wrong("It is not a record.")),
                }
            }
            Family::Security => {
                let right = std::str::from_utf8(value).ok().and_then(|text| {
                    let record = UnverifiedRecord::parse(text).ok()?;
                    let key = service_key_at(&known, record.claimed().seen.size)?;
                    record.verify(&key).ok()
                });
                match right.is_some_and(|record| key == record.seq.to_be_bytes()) {
                    true => Ok(()),
                    false => Err(wrong(
                        "It is not a record that the service signed for this place.",
                    )),
                }
            }
            // Their blocks were read and their checksums compared; entries lead to the rows that matter.
            _ => Ok(()),
        }
    }

    fn check_entry(&self, index: EntryIndex, known: &StoreKnown<'_>) -> Result<(), String> {
        let store = &*self.store;
        let failed = |error: StoreError| format!("{error}.");
        let stored = store.entry(index).map_err(failed)?;
        let stored = stored.ok_or("It is not there any more.")?;
        if store.leaf(index).map_err(failed)? != Some(leaf_of(stored.recorded_at, &stored.jws)) {
            return Err("Its leaf does not commit to it.".to_owned());
        }
        let disclosures = stored.disclosures.iter().map(String::as_str);
        let entry = UnverifiedEntry::from_parts(&stored.jws, disclosures)
            .map_err(|error| format!("{error}."))?;
        let erased = erased(known, entry.hash());
        let missing = entry.withheld().find(|name| !erased.contains_key(*name));
        if let Some(name) = missing {
            return Err(format!("Its detail {name} is not stored or not readable."));
        }
        let e: EntryHash = entry.hash();
        if store.index_of(e).map_err(failed)? != Some(index) {
            return Err("The index by hash does not lead to it.".to_owned());
        }
        let place = layout::chain_key(&entry.payload().chain(), entry.payload().seq);
        let place = store.engine().get(Family::Chains, &place).map_err(failed)?;
        let leads_here = place.as_deref() == Some(&index.0.to_be_bytes());
        // An entry of a branch takes no place in its chain.
        if leads_here == known.branch(e).is_some() {
            return Err("Its chain does not lead to it.".to_owned());
        }
        let key = signer(known, &entry).map_err(|refusal| refusal.why)?;
        entry.verify(&key).map_err(|error| format!("{error}."))?;
        let record = known.entry(e);
        known.check().map_err(failed)?;
        match record.is_some_and(|record| record.index == index) {
            true => Ok(()),
            false => Err("Its record does not lead to it.".to_owned()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::service::faults::Bench;
    use crate::storage::Mode;

    /// Scrubs a whole pass.
    fn pass(scrub: &Scrub) -> ScrubStatus {
        while !scrub.page().1 {}
        scrub.status()
    }

    #[test]
    fn it_finds_changed_rows_goes_on_after_a_restart_and_forgets_what_was_mended() {
        let bench = Bench::new();
        let disk = bench.disk.copy();
        bench.run(&disk, false);
        bench.refuse(&disk, 3);
        let folder = tempfile::tempdir().unwrap();
        let blobs = Arc::new(BlobFolder::open(folder.path()).unwrap());
        let name = crate::protocol::hash::Hash::of(&[b"blob"]).to_hex();
        let blob = folder.path().join("blobs").join(name);
        std::fs::write(&blob, b"blob").unwrap();
        let open = || {
            let store = Arc::new(disk.open(Mode::Write).unwrap());
            Scrub::new(store, Arc::clone(&blobs), 1)
        };
        let scrub = open();
        let status = pass(&scrub);
        assert!(status.is_healthy(), "{status:?}");
        assert_eq!(status.passes, 1);
        for family in [
            Family::Entries,
            Family::Leaves,
            Family::Disclosures,
            Family::DisclosureKeys,
            Family::ByHash,
            Family::Chains,
            Family::Nodes,
            Family::Map,
            Family::Records,
            Family::Checkpoints,
            Family::Published,
            Family::Security,
        ] {
            let (key, value) = disk.rows(family).pop().unwrap();
            let mut changed = value.clone();
            changed[0] ^= 1;
            disk.tamper(family, &key, Some(&changed));
            assert!(!pass(&scrub).is_healthy(), "{family:?}");
            disk.tamper(family, &key, Some(&value));
            assert!(pass(&scrub).is_healthy(), "{family:?} is mended");
        }
        std::fs::write(&blob, b"blot").unwrap();
        let status = pass(&scrub);
        assert!(status.findings[0].contains("blob"), "{status:?}");
        std::fs::write(&blob, b"blob").unwrap();
        assert!(pass(&scrub).is_healthy());
        // A restart goes on in the middle of a pass, and remembers.
        scrub.page();
        scrub.page();
        let before = scrub.status();
        assert!(before.rows > 0);
        drop(scrub);
        assert_eq!(open().status(), before);
    }
}
