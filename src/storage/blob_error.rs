//! Why a blob could not be put or read.

use std::io;

use super::blob_folder::{MAX_BLOB, MAX_WAITING};
use super::store::StoreError;

/// Why an upload did not go on. The uploader can do something about each but the last.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The piece does not begin where the upload stands.
    #[error("the upload stands at byte {0}")]
    Offset(u64),
    /// Longer than [`MAX_BLOB`].
    #[error("a blob is at most {MAX_BLOB} bytes")]
    TooLong,
    /// More waiting than [`MAX_WAITING`].
    #[error(
        "you have {0} bytes waiting for an entry that refers to them; the most is {MAX_WAITING}"
    )]
    Quota(u64),
    /// Another request is uploading the same blob for the same owner.
    #[error("another request of yours is uploading this blob")]
    Busy,
    /// The whole has another hash than its name.
    #[error("the bytes do not have the SHA-256 they are put under")]
    Differs,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The disk failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> BlobError {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => BlobError::Full,
            _ => BlobError::Store(StoreError::Io(format!("blobs: {error}"))),
        }
    }
}
