//! Digests of files and folders, in one pass over the bytes and on several cores.
//!
//! A file is read in batches of 16 MiB. While one thread continues the SHA-256 of the whole, others hash
//! the batch's chunks for the chunk tree. A folder is digested through its manifest: every file below it
//! (regular files only; links and special files are refused, since a manifest cannot say what they are).
//!
//! In scope: reading, walking, progress. Out of scope: the form of digest and manifest (`protocol`).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};

use crate::protocol::digest::{CHUNK, ChunkTree, DigestKind, EvidenceDigest, MAX_SIZE, chunk_leaf};
use crate::protocol::hash::Hash;
use crate::protocol::manifest::{MAX_MANIFEST, Manifest, ManifestError};

/// Chunks read at a time: enough work for every core, little memory.
const BATCH: usize = 16;

/// Why evidence could not be digested.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// It could not be read.
    #[error("cannot read {0}: {1}")]
    Read(String, io::Error),
    /// A link or special file in a folder.
    #[error("{0} is neither a file nor a folder; links and devices cannot be part of an exhibit")]
    Special(String),
    /// A name that is not UTF-8.
    #[error("the name {0:?} is not UTF-8")]
    Name(String),
    /// More than 16 TiB.
    #[error("evidence is limited to 16 TiB")]
    TooLarge,
    /// The manifest cannot hold the folder.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
}

/// A digest, and the manifest if it was a folder.
#[derive(Debug, Clone)]
pub struct Digested {
    /// The digest.
    pub digest: EvidenceDigest,
    /// The bytes of the manifest, for a folder.
    pub manifest: Option<Vec<u8>>,
}

/// Digests a file or a folder; `progress` shows a bar on standard error.
pub fn digest_path(path: &Path, progress: bool) -> Result<Digested, HashingError> {
    let meta = std::fs::metadata(path).map_err(|error| read_error(path, error))?;
    let bar = bar(progress, path);
    let digested = if meta.is_dir() {
        let mut manifest = Manifest::default();
        walk(path, "", &mut manifest, &bar)?;
        let bytes = manifest.to_bytes();
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong.into());
        }
        Digested {
            digest: manifest.digest(),
            manifest: Some(bytes),
        }
    } else {
        bar.set_length(meta.len());
        Digested {
            digest: digest_file(path, &bar)?,
            manifest: None,
        }
    };
    bar.finish_and_clear();
    Ok(digested)
}

fn walk(
    folder: &Path,
    prefix: &str,
    manifest: &mut Manifest,
    bar: &ProgressBar,
) -> Result<(), HashingError> {
    for item in std::fs::read_dir(folder).map_err(|error| read_error(folder, error))? {
        let item = item.map_err(|error| read_error(folder, error))?;
        let path = item.path();
        let name = item
            .file_name()
            .into_string()
            .map_err(|name| HashingError::Name(name.to_string_lossy().into_owned()))?;
        let kind = item.file_type().map_err(|error| read_error(&path, error))?;
        let inner = format!("{prefix}{name}");
        if kind.is_dir() {
            walk(&path, &format!("{inner}/"), manifest, bar)?;
        } else if kind.is_file() {
            manifest.insert(&inner, digest_file(&path, bar)?.sha256)?;
        } else {
            return Err(HashingError::Special(path.display().to_string()));
        }
    }
    Ok(())
}

fn digest_file(path: &Path, bar: &ProgressBar) -> Result<EvidenceDigest, HashingError> {
    let file = File::open(path).map_err(|error| read_error(path, error))?;
    digest_reader(file, bar).map_err(|error| match error {
        HashingError::Read(_, error) => read_error(path, error),
        other => other,
    })
}

fn digest_reader(mut reader: impl Read, bar: &ProgressBar) -> Result<EvidenceDigest, HashingError> {
    let mut whole = Sha256::new();
    let mut tree = ChunkTree::default();
    let mut size = 0u64;
    let mut batch = vec![0; BATCH * CHUNK];
    loop {
        let length = fill(&mut reader, &mut batch)
            .map_err(|error| HashingError::Read(String::new(), error))?;
        let bytes = &batch[..length];
        size += length as u64;
        if size > MAX_SIZE {
            return Err(HashingError::TooLarge);
        }
        hash_batch(bytes, &mut whole, &mut tree);
        bar.inc(length as u64);
        // Every batch but the last is full, so chunks never straddle two batches.
        if length < batch.len() {
            break;
        }
    }
    Ok(EvidenceDigest {
        kind: DigestKind::File,
        sha256: Hash(whole.finalize().into()),
        size,
        chunks: tree.root(),
    })
}

fn hash_batch(bytes: &[u8], whole: &mut Sha256, tree: &mut ChunkTree) {
    if bytes.len() <= CHUNK {
        whole.update(bytes);
        bytes
            .chunks(CHUNK)
            .for_each(|chunk| tree.push(chunk_leaf(chunk)));
        return;
    }
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(BATCH);
    let part = bytes.len().div_ceil(CHUNK).div_ceil(threads) * CHUNK;
    let leaves: Vec<Hash> = std::thread::scope(|scope| {
        let workers: Vec<_> = bytes
            .chunks(part)
            .map(|part| scope.spawn(|| part.chunks(CHUNK).map(chunk_leaf).collect::<Vec<Hash>>()))
            .collect();
        whole.update(bytes);
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .expect("hashing bytes in memory does not panic")
            })
            .collect()
    });
    leaves.into_iter().for_each(|leaf| tree.push(leaf));
}

/// Reads until the buffer is full or the end is reached.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn bar(show: bool, path: &Path) -> ProgressBar {
    if !show {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg} {bytes} of {total_bytes}, {binary_bytes_per_sec} [{bar:30}] {eta}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0)
        .with_style(style)
        .with_message(path.display().to_string())
}

fn read_error(path: &Path, error: io::Error) -> HashingError {
    HashingError::Read(path.display().to_string(), error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn batches_give_the_digest_of_the_whole() {
        for size in [
            0,
            1,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            BATCH * CHUNK,
            BATCH * CHUNK + 5,
        ] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let digest = digest_reader(bytes.as_slice(), &ProgressBar::hidden()).unwrap();
            assert_eq!(
                digest,
                EvidenceDigest::of_bytes(DigestKind::File, &bytes),
                "{size}"
            );
        }
    }

    #[test]
    fn a_folder_is_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("b/x"), b"1").unwrap();
        std::fs::write(folder.path().join("a"), b"2").unwrap();
        let digested = digest_path(folder.path(), false).unwrap();
        let manifest = String::from_utf8(digested.manifest.unwrap()).unwrap();
        let paths: Vec<&str> = manifest.lines().map(|line| &line[66..]).collect();
        assert_eq!(paths, ["a", "b/x"]);
        assert_eq!(digested.digest.kind, DigestKind::Manifest);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
            assert!(matches!(
                digest_path(folder.path(), false),
                Err(HashingError::Special(_))
            ));
        }
    }
}
