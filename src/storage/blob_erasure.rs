//! Erasing a blob: every copy of it in the folder, and who had put it.

use std::{fs, io};

use super::blob_error::BlobError;
use super::blob_folder::{BlobFolder, files, sync_folder};
use crate::protocol::hash::Hash;

impl BlobFolder {
    /// Deletes a blob wherever it lies. Whoever has it open keeps what is open until they close it.
    pub fn erase(&self, sha256: Hash) -> Result<(), BlobError> {
        let name = sha256.to_hex();
        gone(fs::remove_file(self.blobs.join(&name)))?;
        for folder in files(&self.uploads)? {
            let whole = folder.join(&name);
            gone(fs::remove_file(whole.with_extension("part")))?;
            gone(fs::remove_file(whole))?;
            sync_folder(&folder)?;
        }
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
