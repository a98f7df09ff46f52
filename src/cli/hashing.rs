//! Digests of files and folders, in one pass over the bytes and on several cores.
//!
//! A file of several chunks goes through three stages at once: one thread reads chunks of 1 MiB into buffers
//! from a small pool, this thread continues the SHA-256 of the whole, others hash the same chunks for the
//! chunk tree; who is last with a buffer gives it back. So reading and both hashes overlap, and memory stays
//! at a few chunks however large the file.
//!
//! A folder is digested through its manifest: every file below it (regular files only; links and special
//! files are refused, since a manifest cannot say what they are). A few files are read at a time; the manifest
//! is in the order of the paths, whichever is done first.
//!
//! In scope: reading, walking, progress. Out of scope: the form of digest and manifest (`protocol`).

mod file;
mod folder;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use self::file::digest_file;
use self::folder::digest_folder;
use crate::protocol::digest::{EvidenceDigest, MAX_SIZE};
use crate::protocol::manifest::ManifestError;

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
    /// Its size or time of change is not what it was before the reading.
    #[error("{0} changed while it was being read")]
    Changed(String),
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
        digest_folder(path, &bar)
    } else {
        bar.set_length(meta.len());
        digest_file(path, &bar).map(|digest| Digested {
            digest,
            manifest: None,
        })
    };
    bar.finish_and_clear();
    digested
}

fn open(path: &Path) -> Result<(File, Metadata), HashingError> {
    let file = File::open(path).map_err(|error| read_error(path, error))?;
    let meta = file.metadata().map_err(|error| read_error(path, error))?;
    Ok((file, meta))
}

/// A file that was written to meanwhile has a digest of something that never was.
fn unchanged(path: &Path, file: &File, before: &Metadata, read: u64) -> Result<(), HashingError> {
    let after = file.metadata().map_err(|error| read_error(path, error))?;
    let time = |meta: &Metadata| meta.modified().ok();
    // Devices and pipes state no size.
    let sizes = !before.is_file() || (before.len() == read && after.len() == read);
    if sizes && time(before) == time(&after) {
        return Ok(());
    }
    Err(HashingError::Changed(path.display().to_string()))
}

/// Reads until the buffer is full or the end is reached.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, HashingError> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HashingError::Read(String::new(), error)),
        }
    }
    Ok(length)
}

fn grown(size: u64, length: usize) -> Result<u64, HashingError> {
    match size + length as u64 {
        size if size > MAX_SIZE => Err(HashingError::TooLarge),
        size => Ok(size),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn bar(show: bool, path: &Path) -> ProgressBar {
    if !show {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{msg} {bytes} of {total_bytes}, {binary_bytes_per_sec} [{bar:30}] {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0)
        .with_style(style)
        .with_message(path.display().to_string())
}

fn read_error(path: &Path, error: io::Error) -> HashingError {
    HashingError::Read(path.display().to_string(), error)
}

/// Says of which file.
fn named(path: &Path, error: HashingError) -> HashingError {
    match error {
        HashingError::Read(_, error) => read_error(path, error),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Content of a file of this size.
    pub(super) fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn a_file_that_grew_meanwhile_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, b"before").unwrap();
        let (file, before) = open(&path).unwrap();
        std::fs::write(&path, b"before and after").unwrap();
        assert!(matches!(
            unchanged(&path, &file, &before, 6),
            Err(HashingError::Changed(_))
        ));
    }
}
