//! Where a service keeps the proof that its own log has signed two histories: `forks/` in its folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::known::StoreKnown;
use super::say::say;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::fork::{Fork, Proven};
use crate::protocol::note::VerifierKey;
use crate::protocol::tree;
use crate::storage::{Store, StoreError};

/// The folder `forks/`.
pub struct Forks {
    folder: PathBuf,
    /// Held while a proof is written: several witnesses may show the same two checkpoints at once.
    writing: Mutex<()>,
}

impl Forks {
    /// In the folder of a service.
    pub fn of(dir: &Path) -> Forks {
        Forks {
            folder: dir.join("forks"),
            writing: Mutex::new(()),
        }
    }

    /// Keeps the proof that the log has signed two histories, where a checkpoint that somebody shows and the newest
    /// published one prove it: not where this tree was merely rolled back, which contradicts nothing yet.
    pub fn accuse(&self, store: &dyn Store, logs: &[VerifierKey], shown: &Checkpoint, note: &str) {
        let Ok(Some(fork)) = prove(store, logs, shown, note) else {
            return;
        };
        match self.keep(&fork) {
            Ok(path) => say(format_args!(
                "the proof of fork is in {}; anyone can check it with `custodes verify`",
                path.display()
            )),
            Err(error) => say(format_args!(
                "the proof of fork could not be written ({error}):\n{}",
                fork.text
            )),
        }
    }

    /// On disk when this returns. A later start that sees the same two checkpoints writes the same file.
    fn keep(&self, fork: &Proven) -> io::Result<PathBuf> {
        let [first, second] = &fork.checkpoints;
        let name = format!("{}-{}.custody-fork", first.size.0, second.size.0);
        let path = self.folder.join(&name);
        let _writing = self.writing.lock().expect("no holder of this lock panics");
        std::fs::create_dir_all(&self.folder)?;
        let beside = self.folder.join(name + ".new");
        let mut file = File::create(&beside)?;
        file.write_all(fork.text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(path)
    }
}

fn prove(
    store: &dyn Store,
    logs: &[VerifierKey],
    shown: &Checkpoint,
    note: &str,
) -> Result<Option<Proven>, StoreError> {
    let Some(own) = store.published()? else {
        return Ok(None);
    };
    let keys: Vec<&VerifierKey> = logs.iter().collect();
    let (head, _) = checkpoint::open_with(&own, &keys, &[])
        .map_err(|_| StoreError::Corrupt("published".to_owned()))?;
    if shown.size.0 == 0 || shown.size > head.size {
        return Ok(None);
    }
    let known = StoreKnown::new(store);
    let proof = tree::prove_consistency(shown.size, head.size, &known)?;
    let root = tree::root(shown.size, &known)?;
    Ok(Fork::by_consistency([note, &own], logs, &proof, Some(root)).ok())
}
