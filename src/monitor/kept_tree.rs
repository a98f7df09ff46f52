//! The tree of a ledger's leaves on disk: memory does not grow with it.
//!
//! | file | what |
//! |---|---|
//! | `hashes` | leaf hashes, 32 bytes each, in order |
//! | `hashes-8`, `hashes-16`, … | hashes of the complete subtrees of 256, 65,536, … leaves |
//!
//! A node in between is computed from at most 128 hashes of the level below. What stands in the files beyond the size that
//! somebody counts on is not counted, and dropped before more is added.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::protocol::hash::Hash;
use crate::protocol::tree::{self, NodeId, NodeReader, RootHash, TreeSize, node_hash};

/// Levels between two files.
const STEP: u8 = 8;

/// Levels that have files: a log has fewer than 2^53 leaves.
const LEVELS: [u8; 6] = [8, 16, 24, 32, 40, 48];

/// A tree in a folder.
pub struct KeptTree {
    folder: PathBuf,
    size: TreeSize,
}

impl KeptTree {
    /// The tree of the first so many leaves.
    ///
    /// # Errors
    /// They are not all there.
    pub fn open(folder: &Path, size: TreeSize) -> io::Result<KeptTree> {
        let tree = KeptTree {
            folder: folder.to_owned(),
            size,
        };
        if tree.kept(0) < size.0 {
            return Err(io::Error::other("hashes are missing"));
        }
        tree.complete()?;
        Ok(tree)
    }

    /// The same, to be added to: what stands behind is dropped.
    pub fn extend(folder: &Path, size: TreeSize) -> io::Result<KeptTree> {
        std::fs::create_dir_all(folder)?;
        let tree = KeptTree {
            folder: folder.to_owned(),
            size,
        };
        for level in [0].into_iter().chain(LEVELS) {
            let want = size.0 >> level;
            if tree.kept(level) > want {
                tree.file(level)?.set_len(want * 32)?;
            }
        }
        KeptTree::open(folder, size)
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Adds leaves. They are on disk once [`KeptTree::sync`] returns.
    pub fn append(&mut self, leaves: &[Hash]) -> io::Result<()> {
        self.write(0, leaves)?;
        self.size.0 += leaves.len() as u64;
        self.complete()
    }

    /// Waits until all of it is on disk.
    pub fn sync(&self) -> io::Result<()> {
        let with_nodes = |level: &u8| self.size.0 >> level > 0;
        let mut levels = [0].into_iter().chain(LEVELS).filter(with_nodes);
        levels.try_for_each(|level| self.file(level)?.sync_all())
    }

    /// The root.
    pub fn root(&self) -> io::Result<RootHash> {
        tree::root(self.size, self)
    }

    /// Computes the complete subtrees that have no hash in their file yet.
    fn complete(&self) -> io::Result<()> {
        for level in LEVELS {
            let mut new = Vec::new();
            for index in self.kept(level)..self.size.0 >> level {
                new.push(self.subtree(level - STEP, index << STEP, 1 << STEP)?);
            }
            self.write(level, &new)?;
        }
        Ok(())
    }

    /// How many hashes the file of a level holds.
    fn kept(&self, level: u8) -> u64 {
        std::fs::metadata(self.path(level)).map_or(0, |file| file.len() / 32)
    }

    fn path(&self, level: u8) -> PathBuf {
        match level {
            0 => self.folder.join("hashes"),
            _ => self.folder.join(format!("hashes-{level}")),
        }
    }

    fn file(&self, level: u8) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path(level))
    }

    fn write(&self, level: u8, hashes: &[Hash]) -> io::Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let mut file = self.file(level)?;
        // A hash that was cut short by a crash is written anew.
        file.seek(SeekFrom::Start(self.kept(level) * 32))?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        file.write_all(&bytes)
    }

    /// The root over hashes of a level, a power of two of them.
    fn subtree(&self, level: u8, from: u64, count: u64) -> io::Result<Hash> {
        let mut file = File::open(self.path(level))?;
        file.seek(SeekFrom::Start(from * 32))?;
        let mut bytes = Vec::new();
        file.take(count * 32).read_to_end(&mut bytes)?;
        let hashes = bytes.as_chunks::<32>().0.iter();
        let mut hashes: Vec<Hash> = hashes.map(|one| Hash(*one)).collect();
        if hashes.len() as u64 != count {
            return Err(io::Error::other("hashes are missing"));
        }
        while hashes.len() > 1 {
            let pairs = hashes.as_chunks::<2>().0.iter();
            hashes = pairs
                .map(|[left, right]| node_hash(*left, *right))
                .collect();
        }
        Ok(hashes[0])
    }
}

impl NodeReader for KeptTree {
    type Error = io::Error;

    fn node(&self, id: NodeId) -> io::Result<Hash> {
        let base = id.level / STEP * STEP;
        let above = id.level - base;
        self.subtree(base, id.index << above, 1 << above)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::tree::{LeafHash, MemoryTree, prove_consistency};

    fn leaf(n: u64) -> Hash {
        Hash::of(&[&n.to_be_bytes()])
    }

    #[test]
    fn it_is_the_tree_in_memory_at_every_size_and_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let (mut memory, mut size) = (MemoryTree::default(), 0);
        for more in [1, 1, 253, 1, 1, 300, 65_000, 0, 70_000] {
            // What was written beyond, and not counted on, is gone; a level that is missing is made anew.
            let mut kept = KeptTree::extend(folder.path(), TreeSize(size)).unwrap();
            kept.append(&[leaf(9_999_999); 600]).unwrap();
            let _ = std::fs::remove_file(folder.path().join("hashes-16"));
            let mut kept = KeptTree::extend(folder.path(), TreeSize(size)).unwrap();
            let new: Vec<Hash> = (size..size + more).map(leaf).collect();
            for part in new.chunks(256) {
                kept.append(part).unwrap();
            }
            kept.sync().unwrap();
            new.iter()
                .for_each(|hash| _ = memory.append(LeafHash(*hash)));
            size += more;
            let kept = KeptTree::open(folder.path(), TreeSize(size)).unwrap();
            assert_eq!(
                (kept.size(), kept.root().unwrap()),
                (memory.size(), memory.root())
            );
            for old in [1, size / 3 + 1, size] {
                let (old, new) = (TreeSize(old), TreeSize(size));
                let same = prove_consistency(old, new, &memory).unwrap();
                assert_eq!(prove_consistency(old, new, &kept).unwrap(), same);
            }
        }
        assert!(KeptTree::open(folder.path(), TreeSize(size + 1)).is_err());
    }
}
