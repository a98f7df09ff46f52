//! Storing a blob with the service, in parts.

use std::time::Duration;

use serde_json::Value;

use super::{Call, Client, Reader};
use crate::cli::failure::Failure;
use crate::protocol::hash::Hash;

/// A part of a blob, in bytes: some seconds of a poor link.
const PART: usize = 1 << 20;

/// How often a broken upload is taken up again.
const TRIES: usize = 3;

/// Pause before that.
const BREATH: Duration = Duration::from_secs(1);

impl Client {
    /// Stores a blob under its SHA-256, in parts. What an earlier try brought there is not sent again, and a connection
    /// that breaks is taken up where it broke.
    pub fn put_blob(&self, reader: &Reader, bytes: &[u8]) -> Result<Hash, Failure> {
        let sha256 = Hash::of(&[bytes]);
        let path = format!("/v1/blobs/{}", sha256.to_hex());
        if bytes.len() <= PART {
            let token = self.token(reader, "PUT", &path, Some(sha256), "deposit")?;
            self.send(&Call::put(&path, bytes).with(&token))?;
            return Ok(sha256);
        }
        let mut progress = self.upload(reader, &path)?;
        let mut tries = 0;
        while progress["whole"] != true {
            let have = progress["have"].as_u64();
            let have = have.and_then(|have| usize::try_from(have).ok());
            let left = have
                .and_then(|have| bytes.get(have..))
                .filter(|left| !left.is_empty());
            // An upload that is longer than this blob, or as long and still not it, is not its beginning.
            let left = left.unwrap_or(bytes);
            let at = bytes.len() - left.len();
            let part = &left[..left.len().min(PART)];
            let range = format!("bytes {at}-{}/{}", at + part.len() - 1, bytes.len());
            let token = self.token(reader, "PUT", &path, Some(Hash::of(&[part])), "deposit")?;
            let call = Call {
                range: Some(&range),
                ..Call::put(&path, part).with(&token)
            };
            progress = match self.send(&call) {
                Ok(answer) => answer.json()?,
                // Nothing came back, or the service has not noticed yet that the try before broke off.
                Err(refused) if matches!(refused.status, None | Some(409)) && tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(BREATH);
                    self.upload(reader, &path)?
                }
                Err(refused) => return Err(refused),
            };
        }
        Ok(sha256)
    }

    /// How far an upload of ours got.
    fn upload(&self, reader: &Reader, path: &str) -> Result<Value, Failure> {
        self.read_json(reader, &format!("{path}/upload"), "deposit")
    }
}
