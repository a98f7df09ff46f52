//! A folder through its manifest, a few files at a time, while the folder is still being listed.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use super::{Digested, HashingError, cores, fill, grown, named, open, read_error, unchanged};
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::hash::Hash;
use crate::protocol::manifest::{LINE, MAX_MANIFEST, Manifest, ManifestError};

/// Read at a time: most files of a folder are small.
const FOLDER_BUFFER: usize = 256 << 10;

/// Digests a folder.
pub fn digest_folder(folder: &Path, bar: &ProgressBar) -> Result<Digested, HashingError> {
    // The listing never waits for the hashing: a link at the far end of a folder of terabytes is refused in
    // seconds. What may wait here is bounded by what a manifest can hold.
    let (found, listed) = channel();
    let listed = Mutex::new(listed);
    let stop = AtomicBool::new(false);
    let mut manifest = Manifest::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores())
            .map(|_| scope.spawn(|| digest_some(folder, &listed, &stop, bar)))
            .collect();
        let mut walk = Walk {
            found,
            manifest: 0,
            stop: &stop,
            bar,
        };
        let walked = walk.below(folder, "");
        if walked.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        drop(walk);
        walked?;
        for worker in workers {
            let part = worker
                .join()
                .expect("reading returns its errors and does not panic")?;
            manifest.append(part);
        }
        Ok::<(), HashingError>(())
    })?;
    let bytes = manifest.to_bytes();
    if bytes.len() > MAX_MANIFEST {
        return Err(ManifestError::TooLong.into());
    }
    Ok(Digested {
        digest: EvidenceDigest::of_bytes(DigestKind::Manifest, &bytes),
        manifest: Some(bytes),
    })
}

/// Lists regular files, for the workers to take.
struct Walk<'a> {
    /// Paths below the folder, with `/`.
    found: Sender<String>,
    /// Bytes of the manifest so far, at the least.
    manifest: usize,
    /// Set when a worker has failed.
    stop: &'a AtomicBool,
    bar: &'a ProgressBar,
}

impl Walk<'_> {
    /// Lists what is below a folder; `prefix` is what the paths of its files begin with.
    fn below(&mut self, folder: &Path, prefix: &str) -> Result<(), HashingError> {
        for item in std::fs::read_dir(folder).map_err(|error| read_error(folder, error))? {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let item = item.map_err(|error| read_error(folder, error))?;
            let name = item
                .file_name()
                .into_string()
                .map_err(|name| HashingError::Name(name.to_string_lossy().into_owned()))?;
            let kind = item
                .file_type()
                .map_err(|error| read_error(&item.path(), error))?;
            let inner = format!("{prefix}{name}");
            if kind.is_dir() {
                self.below(&item.path(), &format!("{inner}/"))?;
            } else if kind.is_file() {
                self.file(&item, inner)?;
            } else {
                return Err(HashingError::Special(item.path().display().to_string()));
            }
        }
        Ok(())
    }

    fn file(&mut self, item: &std::fs::DirEntry, inner: String) -> Result<(), HashingError> {
        self.manifest += LINE + inner.len();
        if self.manifest > MAX_MANIFEST {
            return Err(ManifestError::TooLong.into());
        }
        // Asking each file for its size costs as much as listing it, and only who watches wants to know.
        if !self.bar.is_hidden() {
            self.bar
                .inc_length(item.metadata().map_or(0, |meta| meta.len()));
        }
        self.found
            .send(inner)
            .expect("the other end is held until the walk is over");
        Ok(())
    }
}

/// Digests whichever file is next until there is none. A manifest needs no chunk tree of each.
fn digest_some(
    folder: &Path,
    listed: &Mutex<Receiver<String>>,
    stop: &AtomicBool,
    bar: &ProgressBar,
) -> Result<Manifest, HashingError> {
    let mut buffer = vec![0; FOLDER_BUFFER];
    let mut done = Manifest::default();
    loop {
        let next = listed.lock().expect("no holder of this lock panics").recv();
        let Ok(inner) = next else {
            return Ok(done);
        };
        // No need to go on for a manifest that will not be.
        if stop.load(Ordering::Relaxed) {
            return Ok(done);
        }
        let digested = sha256_of(&folder.join(&inner), &mut buffer, bar)
            .and_then(|sha256| Ok(done.insert(&inner, sha256)?));
        digested.inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
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
    use crate::cli::hashing::tests::bytes;
    use crate::protocol::digest::DigestKind;

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

    #[test]
    fn the_manifest_of_many_files_is_in_the_order_of_bytes_whoever_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = Manifest::default();
        for number in 0..600 {
            let inner = format!("{}/{}%{number}", number % 7, number % 5);
            std::fs::create_dir_all(folder.path().join(&inner).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(&inner), bytes(number)).unwrap();
            let sha256 = Hash::of(&[&bytes(number)]);
            expected.insert(&inner, sha256).unwrap();
        }
        let digested = digest_path(folder.path(), false).unwrap();
        let manifest = digested.manifest.unwrap();
        assert_eq!(Manifest::parse(&manifest), Ok(expected));
        let digest = EvidenceDigest::of_bytes(DigestKind::Manifest, &manifest);
        assert_eq!(digested.digest, digest);
    }

    #[cfg(unix)]
    #[test]
    fn one_bad_file_among_many_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..600 {
            std::fs::write(folder.path().join(format!("{number}")), b"x").unwrap();
        }
        let link = folder.path().join("300.link");
        std::os::unix::fs::symlink("300", &link).unwrap();
        match digest_path(folder.path(), false) {
            Err(HashingError::Special(path)) => assert_eq!(path, link.display().to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_went_after_it_was_listed_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), b"x").unwrap();
        let (found, listed) = channel();
        for inner in ["there", "gone", "there"] {
            found.send(inner.to_owned()).unwrap();
        }
        let (listed, stop) = (Mutex::new(listed), AtomicBool::new(false));
        let bar = ProgressBar::hidden();
        let some = || digest_some(folder.path(), &listed, &stop, &bar);
        assert!(matches!(some(), Err(HashingError::Read(path, _)) if path.ends_with("gone")));
        // Neither the other workers go on nor the walk.
        assert!(some().unwrap().is_empty());
        let mut walk = Walk {
            found,
            manifest: 0,
            stop: &stop,
            bar: &bar,
        };
        walk.below(folder.path(), "").unwrap();
        assert_eq!(walk.manifest, 0);
    }

    #[test]
    fn more_files_than_a_manifest_holds_are_refused_while_they_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), b"x").unwrap();
        let (found, _listed) = channel();
        let bar = ProgressBar::hidden();
        let mut walk = Walk {
            found,
            manifest: MAX_MANIFEST - LINE - 2,
            stop: &AtomicBool::new(false),
            bar: &bar,
        };
        let walked = walk.below(folder.path(), "");
        assert!(matches!(
            walked,
            Err(HashingError::Manifest(ManifestError::TooLong))
        ));
    }
}
