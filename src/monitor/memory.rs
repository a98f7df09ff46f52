//! What a monitor remembers of one ledger, in plain files.
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked by the one process that uses the folder |
//! | `hashes`, `hashes-8`, … | the leaf hashes that were verified, and subtrees over them ([`super::kept_tree`]) |
//! | `contradicting/` | the same of leaves that contradict them, as last seen |
//! | `state.json` | the newest checkpoint that was verified, and what else to compare with |
//! | `map.N.lines`, `custody.N.lines` | for an auditor: what is needed to go on ([`super::audited`]) |
//! | `wrong-maps/` | proofs that it committed to a wrong map |
//! | `forks/` | proofs of fork |
//!
//! Hashes and lines are only added to, and synced before the state that counts on them takes the old one's place, which is
//! the commit point: what stands beyond is not counted. Nothing is written where nothing is new. A folder that is lost costs a full reading of the log, and what it would have noticed meanwhile.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::audited::{self, Audited};
use super::kept_tree::KeptTree;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::fork::Proven;
use crate::protocol::id::Origin;
use crate::protocol::tree::TreeSize;
use crate::verify::map_fault::Shown;

/// What is compared with at the next look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Which log is followed here.
    pub origin: Origin,
    /// How many leaves were verified.
    pub size: TreeSize,
    /// The newest checkpoint that was verified.
    pub note: String,
    /// Since when, in Unix seconds, no quorum has been seen; none where one stands behind the newest checkpoint.
    pub unwitnessed_since: Option<u64>,
    /// What the ledger says of itself: its log keys, genesis and rules.
    pub named: serde_json::Value,
    /// Codes of the alarms that were raised, so that each is told once while it lasts.
    pub raised: BTreeSet<String>,
    /// What an auditor has read.
    pub audited: Option<Audited>,
}

impl State {
    /// What its note says, which was verified when it was kept.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        Checkpoint::of_note(&self.note).ok()
    }
}

/// The folder of one ledger.
pub struct Memory {
    folder: PathBuf,
    _lock: File,
}

impl Memory {
    /// Takes the folder for this process.
    pub fn open(folder: &Path) -> io::Result<Memory> {
        std::fs::create_dir_all(folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))?;
        lock.try_lock().map_err(|_| {
            io::Error::other(format!("{} is in use by another monitor", folder.display()))
        })?;
        Ok(Memory {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// What was kept; nothing before the first look. Damage is an error, never a fresh start.
    pub fn state(&self) -> io::Result<Option<State>> {
        let path = self.folder.join("state.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let state: State = serde_json::from_slice(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        KeptTree::open(&self.folder, state.size)?;
        Ok(Some(state))
    }

    /// The tree of the leaves that were verified.
    pub fn tree(&self, size: TreeSize) -> io::Result<KeptTree> {
        KeptTree::open(&self.folder, size)
    }

    /// The same, to be added to; what is added counts once it is [kept](Memory::keep).
    pub fn tree_to_extend(&self, size: TreeSize) -> io::Result<KeptTree> {
        KeptTree::extend(&self.folder, size)
    }

    /// An empty tree, for leaves that may contradict what was verified.
    pub fn tree_beside(&self) -> io::Result<KeptTree> {
        KeptTree::extend(&self.folder.join("contradicting"), TreeSize(0))
    }

    /// Keeps the state, which counts on leaves and lines that are on disk: on disk when this returns.
    pub fn keep(&self, state: &State) -> io::Result<()> {
        let text = serde_json::to_vec(state).map_err(io::Error::other)?;
        write(&self.folder, "state.json", &text)?;
        audited::sweep(&self.folder, state.audited.as_ref())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the proof of a wrong map, and says where.
    pub fn keep_map_fault(&self, shown: &Shown) -> io::Result<PathBuf> {
        let name = format!("{}.custody-map-fault", shown.index.0);
        let folder = self.folder.join("wrong-maps");
        std::fs::create_dir_all(&folder)?;
        write(&folder, &name, shown.text.as_bytes())?;
        Ok(folder.join(name))
    }

    /// Keeps a proof of fork, and says where.
    pub fn keep_fork(&self, fork: &Proven) -> io::Result<PathBuf> {
        let [first, second] = &fork.checkpoints;
        let name = format!("{}-{}.custody-fork", first.size.0, second.size.0);
        let folder = self.folder.join("forks");
        std::fs::create_dir_all(&folder)?;
        write(&folder, &name, fork.text.as_bytes())?;
        Ok(folder.join(name))
    }
}

/// Puts a file in the place of the one before, unless that says the same.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    if std::fs::read(folder.join(name)).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    let beside = folder.join(format!("{name}.new"));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, folder.join(name))?;
    File::open(folder)?.sync_all()
}
