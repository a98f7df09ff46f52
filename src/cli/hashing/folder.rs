//! A folder through its manifest, a few files at a time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::{Digested, HashingError, cores, fill, grown, named, open, read_error, unchanged};
use crate::protocol::hash::Hash;
use crate::protocol::manifest::{MAX_MANIFEST, Manifest, ManifestError};

/// Read at a time: most files of a folder are small.
const FOLDER_BUFFER: usize = 256 << 10;

/// A file of a folder.
struct Found {
    path: PathBuf,
    inner: String,
}

/// Digests a folder.
pub fn digest_folder(folder: &Path, bar: &ProgressBar) -> Result<Digested, HashingError> {
    let mut files = Vec::new();
    let bytes = walk(folder, "", &mut files)?;
    bar.set_length(bytes);
    let next = AtomicUsize::new(0);
    let threads = cores().min(files.len()).max(1);
    let mut manifest = Manifest::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| digest_some(&files, &next, bar)))
            .collect();
        for worker in workers {
            let done = worker
                .join()
                .expect("reading returns its errors and does not panic")?;
            for (number, sha256) in done {
                manifest.insert(&files[number].inner, sha256)?;
            }
        }
        Ok::<(), HashingError>(())
    })?;
    let bytes = manifest.to_bytes();
    if bytes.len() > MAX_MANIFEST {
        return Err(ManifestError::TooLong.into());
    }
    Ok(Digested {
        digest: manifest.digest(),
        manifest: Some(bytes),
    })
}

/// Lists regular files and adds up their sizes.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<Found>) -> Result<u64, HashingError> {
    let mut bytes = 0;
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
            bytes += walk(&path, &format!("{inner}/"), files)?;
        } else if kind.is_file() {
            bytes += item.metadata().map_or(0, |meta| meta.len());
            files.push(Found { path, inner });
        } else {
            return Err(HashingError::Special(path.display().to_string()));
        }
    }
    Ok(bytes)
}

/// Digests whichever file is next until there is none. A manifest needs no chunk tree of each.
fn digest_some(
    files: &[Found],
    next: &AtomicUsize,
    bar: &ProgressBar,
) -> Result<Vec<(usize, Hash)>, HashingError> {
    let mut buffer = vec![0; FOLDER_BUFFER];
    let mut done = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(found) = files.get(number) else {
            return Ok(done);
        };
        let sha256 = sha256_of(&found.path, &mut buffer, bar).inspect_err(|_| {
            // The others need not go on for a manifest that will not be.
            next.store(files.len(), Ordering::Relaxed);
        })?;
        done.push((number, sha256));
    }
}

fn sha256_of(path: &Path, buffer: &mut [u8], bar: &ProgressBar) -> Result<Hash, HashingError> {
    let (mut file, before) = open(path)?;
    let (mut sha256, mut size) = (Sha256::new(), 0);
    loop {
        let length = fill(&mut file, buffer).map_err(|error| named(path, error))?;
        size = grown(size, length)?;
        sha256.update(&buffer[..length]);
        bar.inc(length as u64);
        if length < buffer.len() {
            break;
        }
    }
    unchanged(path, &file, &before, size)?;
    Ok(Hash(sha256.finalize().into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::hashing::digest_path;
    use crate::protocol::digest::DigestKind;

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn a_folder_is_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        std::fs::write(folder.path().join("b/x"), b"1").unwrap();
        std::fs::write(folder.path().join("a"), b"2").unwrap();
        std::fs::write(folder.path().join("large"), bytes(3 * FOLDER_BUFFER + 1)).unwrap();
        let digested = digest_path(folder.path(), false).unwrap();
        let manifest = String::from_utf8(digested.manifest.unwrap()).unwrap();
        let lines: Vec<String> = [
            ("a", b"2".to_vec()),
            ("b/x", b"1".to_vec()),
            ("large", bytes(3 * FOLDER_BUFFER + 1)),
        ]
        .into_iter()
        .map(|(path, bytes)| format!("{}  {path}", Hash::of(&[&bytes]).to_hex()))
        .collect();
        assert_eq!(manifest.lines().collect::<Vec<_>>(), lines);
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
