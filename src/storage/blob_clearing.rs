//! What leaves the folder of blobs: uploads that no entry has referred to for too long, and what is erased by law,
//! every copy of it, with who had put it.

use std::time::SystemTime;
use std::{fs, io};

use super::blob_error::BlobError;
use super::blob_folder::{BlobFolder, KEEP_PART, KEEP_WAITING, Place, files, sync_folder};
use super::store::StoreError;
use crate::protocol::hash::Hash;

impl BlobFolder {
    /// Keeps what an entry refers to by now, and forgets what none has referred to for too long.
    pub fn sweep(
        &self,
        now: SystemTime,
        referred: impl Fn(Hash) -> Result<bool, StoreError>,
    ) -> Result<(), BlobError> {
        for folder in files(&self.uploads)? {
            for file in files(&folder)? {
                let Ok(_place) = Place::take(&self.busy, &file.with_extension("part")) else {
                    continue;
                };
                let name = file.file_name().and_then(|name| name.to_str());
                let sha256 = name.and_then(Hash::from_hex);
                let age = file.metadata().and_then(|one| one.modified());
                let age = age.ok().and_then(|then| now.duration_since(then).ok());
                let age = age.unwrap_or_default();
                match sha256 {
                    Some(sha256) if referred(sha256)? => {
                        self.keep(&file, &self.blobs.join(sha256.to_hex()))?;
                    }
                    Some(_) if age > KEEP_WAITING => gone(fs::remove_file(&file))?,
                    None if age > KEEP_PART => gone(fs::remove_file(&file))?,
                    _ => {}
                }
            }
        }
        self.forget_uploaders()
    }

    /// Forgets who has put what is not here any more.
    fn forget_uploaders(&self) -> Result<(), BlobError> {
        for of_blob in files(&self.uploaders)? {
            let name = of_blob.file_name().unwrap_or_default();
            // One that comes again just now finds all of them or none.
            let _nobody_puts = self.busy.lock().expect("no holder of this lock panics");
            let waits = files(&self.uploads)?.into_iter().any(|folder| {
                let whole = folder.join(name);
                whole.with_extension("part").is_file() || whole.is_file()
            });
            if !waits && !self.blobs.join(name).is_file() {
                gone(fs::remove_dir_all(&of_blob))?;
            }
        }
        Ok(())
    }

    /// Deletes a blob wherever it lies. Whoever has it open keeps what is open until they close it.
    pub fn erase(&self, sha256: Hash) -> Result<(), BlobError> {
        let name = sha256.to_hex();
        for folder in files(&self.uploads)? {
            let whole = folder.join(&name);
            gone(fs::remove_file(whole.with_extension("part")))?;
            gone(fs::remove_file(whole))?;
            sync_folder(&folder)?;
        }
        // Last, so that one which a reader moves here meanwhile is not missed.
        gone(fs::remove_file(self.blobs.join(&name)))?;
        gone(fs::remove_dir_all(self.uploaders.join(&name)))?;
        sync_folder(&self.uploaders)?;
        Ok(sync_folder(&self.blobs)?)
    }
}

/// What is not there need not be deleted.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::blob_folder::tests::{folder, owner};
    use super::*;
    use crate::protocol::id::ActorId;

    fn put(blobs: &BlobFolder, owner: &ActorId, text: &[u8]) -> Hash {
        let name = Hash::of(&[text]);
        let mut upload = blobs.upload(owner, name, 0).unwrap();
        upload.append(text).unwrap();
        upload.finish().unwrap();
        name
    }

    #[test]
    fn the_sweep_keeps_what_is_referred_to_and_forgets_the_rest_in_time() {
        let (_dir, blobs) = folder();
        let smith = owner("police");
        let [kept, dropped] = [&b"kept"[..], b"dropped"].map(|text| put(&blobs, &smith, text));
        blobs
            .upload(&smith, Hash([9; 32]), 0)
            .unwrap()
            .pause()
            .unwrap();
        let now = SystemTime::now();
        let left = || files(&blobs.folder_of(&smith)).unwrap().len();
        blobs.sweep(now, |_| Ok(false)).unwrap();
        assert_eq!(left(), 3);
        blobs
            .sweep(now + KEEP_PART * 2, |one| Ok(one == kept))
            .unwrap();
        assert_eq!(left(), 1);
        blobs.sweep(now + KEEP_WAITING * 2, |_| Ok(false)).unwrap();
        assert_eq!(left(), 0);
        assert!(blobs.read(kept).unwrap().is_some());
        assert!(blobs.read(dropped).unwrap().is_none());
        assert!(blobs.has(kept).unwrap() && !blobs.has(dropped).unwrap());
        // Who put what is kept is remembered, and who put what is gone is not.
        let by = |org: &str, one| blobs.uploaded_by(&owner(org).org(), one);
        assert!(by("police", kept) && !by("forensic", kept) && !by("police", dropped));
    }

    #[test]
    fn of_many_first_readers_none_misses_it_while_it_moves() {
        const READERS: usize = 4;
        let (_dir, blobs) = folder();
        let smith = owner("police");
        for number in 0..300_u32 {
            let name = put(&blobs, &smith, &number.to_be_bytes());
            let together = std::sync::Barrier::new(READERS + 1);
            std::thread::scope(|scope| {
                for _ in 0..READERS {
                    scope.spawn(|| {
                        together.wait();
                        assert!(blobs.read(name).unwrap().is_some(), "blob {number}");
                        assert!(blobs.has(name).unwrap());
                    });
                }
                // Nor does what clears away meanwhile forget who has put it.
                together.wait();
                blobs.forget_uploaders().unwrap();
            });
            assert!(blobs.uploaded_by(&smith.org(), name), "blob {number}");
        }
    }

    #[test]
    fn what_is_erased_while_it_is_first_read_is_nowhere() {
        let (_dir, blobs) = folder();
        let smith = owner("police");
        for number in 0..300_u32 {
            let name = put(&blobs, &smith, &number.to_be_bytes());
            let together = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    together.wait();
                    let _ = blobs.read(name).unwrap();
                });
                together.wait();
                blobs.erase(name).unwrap();
            });
            assert!(!blobs.has(name).unwrap(), "blob {number}");
            assert!(!blobs.uploaded_by(&smith.org(), name));
        }
    }
}
