//! Blobs as files, named by their SHA-256, so that `sha256sum` checks them.
//!
//! ```text
//! blobs/<sha256>                   an entry refers to it: kept for ever
//! uploads/<owner>/<sha256>         whole, and no entry refers to it yet: 7 days
//! uploads/<owner>/<sha256>.part    begun: 1 day after the last piece
//! uploaders/<sha256>/<org>         empty: somebody of this organisation has put the whole; as long as the blob
//! ```
//!
//! `<owner>` is the SHA-256 of the uploader's actor id, `<org>` that of their organisation's: what one uploader has put is nobody else's to see or to
//! continue, so nobody learns from an upload whether another has the same file. A file gets its final name only
//! when its bytes are on disk and have been hashed, and the name is on disk before the upload is acknowledged.
//!
//! A file moves one way only: from `.part` to whole, from there to `blobs`. Whoever looks for one
//! looks in the same order, ending at `blobs`, so that one which moves meanwhile is not missed; so does what erases.
//!
//! The folder is a database of plain files; in scope are names, lengths and hashes, out of scope is who may read.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::blob_error::BlobError;
use super::store::StoreError;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, OrgId};

/// Largest blob: a manifest of some hundred thousand files, or a list of candidates with their pictures.
pub const MAX_BLOB: u64 = 64 << 20;

/// Most that one uploader may have waiting for an entry that refers to it, in bytes: sixteen of the largest.
pub const MAX_WAITING: u64 = 16 * MAX_BLOB;

/// How long a whole blob waits for an entry that refers to it: over a bank holiday weekend, with a day to spare.
pub const KEEP_WAITING: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a begun upload waits for its next piece.
pub const KEEP_PART: Duration = Duration::from_secs(24 * 3600);

/// How much is read at once when a file is hashed.
const PIECE: usize = 256 << 10;

/// The blobs of one ledger.
pub struct BlobFolder {
    pub(super) blobs: PathBuf,
    pub(super) uploads: PathBuf,
    pub(super) uploaders: PathBuf,
    pub(super) busy: Arc<Mutex<HashSet<PathBuf>>>,
}

/// How far an upload got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk.
    pub have: u64,
    /// Whether that is the whole blob.
    pub whole: bool,
}

impl BlobFolder {
    /// Opens the folder of a ledger, or makes it.
    pub fn open(ledger: &Path) -> Result<BlobFolder, StoreError> {
        let folder = BlobFolder {
            blobs: ledger.join("blobs"),
            uploads: ledger.join("uploads"),
            uploaders: ledger.join("uploaders"),
            busy: Arc::default(),
        };
        for path in [&folder.blobs, &folder.uploads, &folder.uploaders] {
            fs::create_dir_all(path)
                .and_then(|()| sync_folder(ledger))
                .map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))?;
        }
        Ok(folder)
    }

    /// Opens a blob that an entry refers to, with its length. The caller has made sure that one does.
    pub fn read(&self, sha256: Hash) -> Result<Option<(File, u64)>, BlobError> {
        let kept = self.blobs.join(sha256.to_hex());
        if !kept.is_file()
            && let Some(waiting) = self.waiting(sha256)?
        {
            self.keep(&waiting, &kept)?;
        }
        match File::open(&kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => {
                let file = file?;
                let length = file.metadata()?.len();
                Ok(Some((file, length)))
            }
        }
    }

    /// How far an owner's upload got.
    pub fn progress(&self, owner: &ActorId, sha256: Hash) -> Result<Progress, BlobError> {
        let whole = self.folder_of(owner).join(sha256.to_hex());
        let part = whole.with_extension("part");
        Ok(match (length(&part)?, length(&whole)?) {
            (_, Some(have)) => Progress { have, whole: true },
            (have, None) => Progress {
                have: have.unwrap_or(0),
                whole: false,
            },
        })
    }

    /// Goes on with an upload at byte `at`; at 0 it begins anew.
    pub fn upload(&self, owner: &ActorId, sha256: Hash, at: u64) -> Result<Upload, BlobError> {
        let folder = self.folder_of(owner);
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            sync_folder(&self.uploads)?;
        }
        let whole = folder.join(sha256.to_hex());
        let part = whole.with_extension("part");
        let place = Place::take(&self.busy, &part)?;
        let have = length(&part)?.unwrap_or(0);
        if at != 0 && at != have {
            return Err(BlobError::Offset(have));
        }
        let mut waiting = 0;
        for file in files(&folder)? {
            if file != part && file != whole {
                waiting += length(&file)?.unwrap_or(0);
            }
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)?;
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Upload {
            file,
            part,
            whole,
            uploader: self.uploader(&owner.org(), sha256),
            sha256,
            begun_at: at,
            length: at,
            waiting,
            place,
        })
    }

    fn uploader(&self, org: &OrgId, sha256: Hash) -> PathBuf {
        let of_blob = self.uploaders.join(sha256.to_hex());
        of_blob.join(Hash::of(&[org.as_str().as_bytes()]).to_hex())
    }

    /// Whether somebody of an organisation has put the whole blob here.
    pub fn uploaded_by(&self, org: &OrgId, sha256: Hash) -> bool {
        self.uploader(org, sha256).is_file()
    }

    /// Whether the whole blob is here.
    pub fn has(&self, sha256: Hash) -> Result<bool, BlobError> {
        Ok(self.waiting(sha256)?.is_some() || self.blobs.join(sha256.to_hex()).is_file())
    }

    /// The names of the blobs that are kept, in order.
    pub fn names(&self) -> Result<Vec<String>, BlobError> {
        let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        let mut names: Vec<String> = files(&self.blobs)?.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Reads a blob that is kept: its length, and whether its bytes have the hash that is its name.
    pub fn check_one(&self, name: &str) -> Result<(u64, bool), BlobError> {
        let mut file = File::open(self.blobs.join(name))?;
        let good = Hash::from_hex(name) == Some(hash(&mut file)?);
        Ok((file.metadata()?.len(), good))
    }

    /// Every blob that is kept, by the name it bears, with whether its bytes have that hash.
    pub fn check(
        &self,
    ) -> Result<impl Iterator<Item = Result<(String, bool), BlobError>>, BlobError> {
        let check = |name: String| Ok((name.clone(), self.check_one(&name)?.1));
        Ok(self.names()?.into_iter().map(check))
    }

    pub(super) fn folder_of(&self, owner: &ActorId) -> PathBuf {
        let owner = Hash::of(&[owner.as_str().as_bytes()]);
        self.uploads.join(owner.to_hex())
    }

    fn waiting(&self, sha256: Hash) -> Result<Option<PathBuf>, BlobError> {
        let name = sha256.to_hex();
        let mut places = files(&self.uploads)?.into_iter();
        Ok(places.find_map(|folder| Some(folder.join(&name)).filter(|file| file.is_file())))
    }

    pub(super) fn keep(&self, waiting: &Path, kept: &Path) -> Result<(), BlobError> {
        match fs::rename(waiting, kept) {
            // Another reader was quicker, or it was erased.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
        Ok(sync_folder(&self.blobs)?)
    }
}

/// An upload in progress. Dropped without [`Upload::pause`] or [`Upload::finish`], what came stays, unacknowledged.
pub struct Upload {
    file: File,
    part: PathBuf,
    whole: PathBuf,
    uploader: PathBuf,
    sha256: Hash,
    begun_at: u64,
    length: u64,
    waiting: u64,
    place: Place,
}

impl Upload {
    /// Adds bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let length = self.length + bytes.len() as u64;
        if length > MAX_BLOB {
            return Err(BlobError::TooLong);
        }
        if self.waiting + length > MAX_WAITING {
            return Err(BlobError::Quota(self.waiting));
        }
        self.file.write_all(bytes)?;
        self.length = length;
        Ok(())
    }

    /// Takes back what this request brought.
    pub fn undo(self) -> Result<(), BlobError> {
        Ok(self.file.set_len(self.begun_at)?)
    }

    /// Has what came so far on disk; another request goes on with it.
    pub fn pause(self) -> Result<u64, BlobError> {
        self.file.sync_all()?;
        sync_parent(&self.part)?;
        Ok(self.length)
    }

    /// Hashes the whole and gives it its name. What has another hash is deleted: there is no way to mend it.
    pub fn finish(mut self) -> Result<(), BlobError> {
        self.file.seek(SeekFrom::Start(0))?;
        if hash(&mut self.file)? != self.sha256 {
            fs::remove_file(&self.part)?;
            return Err(BlobError::Differs);
        }
        self.file.sync_all()?;
        let busy = Arc::clone(&self.place.busy);
        let _nobody_forgets = busy.lock().expect("no holder of this lock panics");
        if !self.uploader.is_file() {
            let of_blob = self.uploader.parent().expect("a marker stands in a folder");
            fs::create_dir_all(of_blob)?;
            File::create(&self.uploader)?;
            sync_folder(of_blob)?;
            sync_parent(of_blob)?;
        }
        // Writing sets the time from which it waits; a blob put again waits anew.
        fs::rename(&self.part, &self.whole)?;
        Ok(sync_parent(&self.whole)?)
    }
}

/// The right to write one upload, given back when dropped.
pub(super) struct Place {
    busy: Arc<Mutex<HashSet<PathBuf>>>,
    part: PathBuf,
}

impl Place {
    pub(super) fn take(
        busy: &Arc<Mutex<HashSet<PathBuf>>>,
        part: &Path,
    ) -> Result<Place, BlobError> {
        let mut taken = busy.lock().expect("no holder of this lock panics");
        if !taken.insert(part.to_path_buf()) {
            return Err(BlobError::Busy);
        }
        Ok(Place {
            busy: Arc::clone(busy),
            part: part.to_path_buf(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.busy.lock().expect("no holder of this lock panics");
        taken.remove(&self.part);
    }
}

pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => Ok(entries?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()?),
    }
}

fn length(file: &Path) -> Result<Option<u64>, BlobError> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn hash(file: &mut File) -> Result<Hash, BlobError> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Hash(hasher.finalize().into())),
            read => hasher.update(&piece[..read]),
        }
    }
}

fn sync_parent(file: &Path) -> io::Result<()> {
    sync_folder(file.parent().expect("a file of this folder has a parent"))
}

/// A name is on disk when its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub fn owner(name: &str) -> ActorId {
        ActorId::new(format!("{name}/V1StGXR8Z5jdHi6BmyT0kA")).unwrap()
    }

    pub fn folder() -> (tempfile::TempDir, BlobFolder) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::open(dir.path()).unwrap();
        (dir, blobs)
    }

    #[test]
    fn an_upload_goes_on_where_it_stood_and_only_for_its_owner() {
        let (_dir, blobs) = folder();
        let (smith, other) = (owner("police"), owner("forensic"));
        let name = Hash::of(&[b"one two"]);
        let mut upload = blobs.upload(&smith, name, 0).unwrap();
        assert!(matches!(
            blobs.upload(&smith, name, 0),
            Err(BlobError::Busy)
        ));
        upload.append(b"one ").unwrap();
        assert_eq!(upload.pause().unwrap(), 4);
        assert_eq!(
            blobs.progress(&smith, name).unwrap(),
            Progress {
                have: 4,
                whole: false
            }
        );
        assert_eq!(
            blobs.progress(&other, name).unwrap(),
            Progress {
                have: 0,
                whole: false
            }
        );
        assert!(matches!(
            blobs.upload(&smith, name, 3),
            Err(BlobError::Offset(4))
        ));
        let mut upload = blobs.upload(&smith, name, 4).unwrap();
        upload.append(b"too").unwrap();
        upload.undo().unwrap();
        let mut upload = blobs.upload(&smith, name, 4).unwrap();
        upload.append(b"two").unwrap();
        upload.finish().unwrap();
        assert_eq!(
            blobs.progress(&smith, name).unwrap(),
            Progress {
                have: 7,
                whole: true
            }
        );
        let (mut file, length) = blobs.read(name).unwrap().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), length), ("one two", 7));
        let check = || -> Vec<_> { blobs.check().unwrap().map(Result::unwrap).collect() };
        assert_eq!(check(), [(name.to_hex(), true)]);
        fs::write(blobs.blobs.join(name.to_hex()), "one Two").unwrap();
        assert_eq!(check(), [(name.to_hex(), false)]);
    }

    #[test]
    fn other_bytes_than_the_name_says_leave_nothing() {
        let (_dir, blobs) = folder();
        let name = Hash::of(&[b"right"]);
        let mut upload = blobs.upload(&owner("police"), name, 0).unwrap();
        upload.append(b"wrong").unwrap();
        assert!(matches!(upload.finish(), Err(BlobError::Differs)));
        assert_eq!(blobs.progress(&owner("police"), name).unwrap().have, 0);
        assert!(blobs.read(name).unwrap().is_none());
    }

    #[test]
    fn length_and_quota_are_limits() {
        let (_dir, blobs) = folder();
        let smith = owner("police");
        let mut upload = blobs.upload(&smith, Hash([1; 32]), 0).unwrap();
        upload.length = MAX_BLOB;
        assert!(matches!(upload.append(b"x"), Err(BlobError::TooLong)));
        drop(upload);
        // A sparse file takes no room and counts in full.
        let big = blobs.folder_of(&smith).join(Hash([2; 32]).to_hex());
        File::create(&big).unwrap().set_len(MAX_WAITING).unwrap();
        let mut upload = blobs.upload(&smith, Hash([1; 32]), 0).unwrap();
        assert!(matches!(upload.append(b"x"), Err(BlobError::Quota(_))));
    }
}
