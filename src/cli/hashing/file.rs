//! One file in one pass: reading and both hashes overlap.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};

use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::{HashingError, cores, fill, grown, named, open, unchanged};
use crate::protocol::digest::{CHUNK, ChunkTree, DigestKind, EvidenceDigest, chunk_leaf};
use crate::protocol::hash::Hash;

/// Chunks in memory at a time: enough that no stage waits for another's hiccup.
const BUFFERS: usize = 16;

/// Digests a file.
pub fn digest_file(path: &Path, bar: &ProgressBar) -> Result<EvidenceDigest, HashingError> {
    let (file, before) = open(path)?;
    let digest = digest_reader(&file, before.len(), bar).map_err(|error| named(path, error))?;
    unchanged(path, &file, &before, digest.size)?;
    Ok(digest)
}

fn digest_reader(
    reader: impl Read + Send,
    expected: u64,
    bar: &ProgressBar,
) -> Result<EvidenceDigest, HashingError> {
    // Threads cost more than they save where there is nothing to share out.
    let workers = match expected <= 2 * CHUNK as u64 {
        true => 0,
        false => cores().saturating_sub(1).max(1),
    };
    let whole = match workers {
        0 => in_turn(reader, bar),
        workers => overlapping(reader, workers, bar),
    }?;
    Ok(EvidenceDigest {
        kind: DigestKind::File,
        sha256: whole.sha256,
        size: whole.size,
        chunks: whole.chunks,
    })
}

/// What one pass gives.
struct Whole {
    sha256: Hash,
    size: u64,
    chunks: Hash,
}

fn in_turn(mut reader: impl Read, bar: &ProgressBar) -> Result<Whole, HashingError> {
    let (mut sha256, mut tree, mut size) = (Sha256::new(), ChunkTree::default(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = fill(&mut reader, &mut buffer)?;
        size = grown(size, length)?;
        if length > 0 {
            sha256.update(&buffer[..length]);
            tree.push(chunk_leaf(&buffer[..length]));
            bar.inc(length as u64);
        }
        if length < CHUNK {
            return Ok(Whole {
                sha256: Hash(sha256.finalize().into()),
                size,
                chunks: tree.root(),
            });
        }
    }
}

/// A chunk on its way, shared by the two hashes.
type Chunk = Arc<Vec<u8>>;

/// Hashes the whole here, the chunks on `workers` threads, and reads on one more.
fn overlapping(
    reader: impl Read + Send,
    workers: usize,
    bar: &ProgressBar,
) -> Result<Whole, HashingError> {
    let (give_back, pool) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        give_back
            .send(vec![0; CHUNK])
            .expect("the pool has room for every buffer, and its end is held here");
    }
    let (to_whole, for_whole) = sync_channel::<Chunk>(BUFFERS);
    let (to_tree, for_tree) = sync_channel::<(u64, Chunk)>(BUFFERS);
    let for_tree = Mutex::new(for_tree);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_chunks(reader, &pool, &to_whole, &to_tree));
        let (leaf, leaves) = channel();
        for _ in 0..workers {
            let (leaf, for_tree, give_back) = (leaf.clone(), &for_tree, &give_back);
            scope.spawn(move || hash_chunks(for_tree, &leaf, give_back));
        }
        drop(leaf);
        let mut sha256 = Sha256::new();
        let mut tree = Leaves::default();
        for chunk in for_whole {
            sha256.update(chunk.as_slice());
            bar.inc(chunk.len() as u64);
            recycle(chunk, &give_back);
            leaves.try_iter().for_each(|leaf| tree.add(leaf));
        }
        leaves.iter().for_each(|leaf| tree.add(leaf));
        let size = reading
            .join()
            .expect("reading returns its errors and does not panic")?;
        Ok(Whole {
            sha256: Hash(sha256.finalize().into()),
            size,
            chunks: tree.in_order.root(),
        })
    })
}

/// Reads to the end; every chunk but the last is full.
fn read_chunks(
    mut reader: impl Read,
    pool: &Receiver<Vec<u8>>,
    to_whole: &SyncSender<Chunk>,
    to_tree: &SyncSender<(u64, Chunk)>,
) -> Result<u64, HashingError> {
    let mut size = 0;
    for number in 0.. {
        let mut buffer = pool
            .recv()
            .expect("the hashing stages give buffers back as long as this one reads");
        buffer.resize(CHUNK, 0);
        let length = fill(&mut reader, &mut buffer)?;
        size = grown(size, length)?;
        buffer.truncate(length);
        if length > 0 {
            let chunk = Arc::new(buffer);
            let taken =
                to_tree.send((number, Arc::clone(&chunk))).is_ok() && to_whole.send(chunk).is_ok();
            assert!(
                taken,
                "the hashing stages take chunks until this one is done"
            );
        }
        if length < CHUNK {
            break;
        }
    }
    Ok(size)
}

fn hash_chunks(
    chunks: &Mutex<Receiver<(u64, Chunk)>>,
    leaf: &Sender<(u64, Hash)>,
    give_back: &SyncSender<Vec<u8>>,
) {
    loop {
        let next = chunks.lock().expect("no holder of this lock panics").recv();
        let Ok((number, chunk)) = next else {
            return;
        };
        leaf.send((number, chunk_leaf(&chunk)))
            .expect("the leaves are taken until every worker is done");
        recycle(chunk, give_back);
    }
}

/// The chunk tree out of leaves that come a little out of order: at most as many wait as there are buffers.
#[derive(Default)]
struct Leaves {
    in_order: ChunkTree,
    next: u64,
    early: BTreeMap<u64, Hash>,
}

impl Leaves {
    fn add(&mut self, (number, leaf): (u64, Hash)) {
        self.early.insert(number, leaf);
        while let Some(leaf) = self.early.remove(&self.next) {
            self.in_order.push(leaf);
            self.next += 1;
        }
    }
}

/// Whoever is last with a chunk gives its buffer back; when reading is over nobody takes it, and that is well.
fn recycle(chunk: Chunk, give_back: &SyncSender<Vec<u8>>) {
    if let Some(buffer) = Arc::into_inner(chunk) {
        let _ = give_back.send(buffer);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::hashing::tests::bytes;
    use std::io;

    #[test]
    fn every_way_gives_the_digest_of_the_whole() {
        let bar = ProgressBar::hidden();
        for size in [
            0,
            1,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            3 * CHUNK,
            BUFFERS * CHUNK,
            BUFFERS * CHUNK + 5,
            2 * BUFFERS * CHUNK - 1,
        ] {
            let bytes = bytes(size);
            let expected = EvidenceDigest::of_bytes(DigestKind::File, &bytes);
            let is_expected = |whole: Whole| {
                let got = (whole.sha256, whole.size, whole.chunks);
                assert_eq!(
                    got,
                    (expected.sha256, expected.size, expected.chunks),
                    "{size}"
                );
            };
            is_expected(in_turn(bytes.as_slice(), &bar).unwrap());
            for workers in [1, 2, 5] {
                is_expected(overlapping(bytes.as_slice(), workers, &bar).unwrap());
            }
        }
    }

    /// Gives some bytes in odd pieces, then fails.
    struct Failing(usize);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.min(buffer.len()).min(70_001);
            self.0 -= length;
            match length {
                0 => Err(io::Error::other("bad sector")),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn a_read_error_ends_it_from_any_place() {
        let bar = ProgressBar::hidden();
        for good in [0, 5, CHUNK, 3 * CHUNK + 7, 40 * CHUNK] {
            for workers in [1, 3] {
                let error = overlapping(Failing(good), workers, &bar).err();
                assert!(matches!(error, Some(HashingError::Read(..))), "{good}");
            }
            assert!(in_turn(Failing(good), &bar).is_err());
        }
    }
}
