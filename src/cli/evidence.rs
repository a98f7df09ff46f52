//! Evidence on disk: digests of files and folders, with progress.

use std::path::Path;

use serde_json::Value;

use super::failure::Failure;
use super::hashing::{self, Digested};
use super::output::Output;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::hash::Hash;

/// Digests a file, or a folder through its manifest, and shows how far it has come.
pub fn digest(path: &Path, output: Output) -> Result<Digested, Failure> {
    hashing::digest_path(path, output.shows_progress()).map_err(|error| {
        Failure::new("evidence-unreadable", error.to_string()).next(
            "check that the path is right, that you may read it, and that nothing is changing it",
        )
    })
}

/// The digest as entries carry it.
pub fn to_json(digest: &EvidenceDigest) -> Value {
    serde_json::to_value(digest).expect("a digest is plain data and serialises")
}

/// SHA-256 of the whole file, or of the manifest.
pub fn sha256(digest: &EvidenceDigest) -> Hash {
    digest.sha256
}
