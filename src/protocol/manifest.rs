//! Manifests: a folder as one exhibit (BagIt `manifest-sha256.txt`, RFC 8493, in one spelling).
//!
//! ```text
//! <64 lower-case hex digits of SHA-256> SP SP <path> LF
//! ```
//!
//! Sorted by the bytes of the written path; paths relative, with `/`, without empty, `.` or `..` segments
//! and without `data/` prefix; CR, LF and `%` written `%0D`, `%0A`, `%25`. An empty folder has an empty
//! manifest. Limits: 64 MiB ([`MAX_MANIFEST`], the limit of a blob), paths of 4096 bytes.
//!
//! In scope: the text. Out of scope: walking folders, links and special files (`cli`).

use std::collections::BTreeMap;

use super::hash::Hash;

/// Largest manifest, in bytes: about half a million files.
pub const MAX_MANIFEST: usize = 64 << 20;

/// Bytes of a line beside the path: 64 digits, two spaces, LF.
pub const LINE: usize = 67;

/// Longest path, in bytes: the limit of common file systems.
pub const MAX_PATH: usize = 4096;

/// Why a manifest or path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More than [`MAX_MANIFEST`] bytes.
    #[error("the manifest is larger than 64 MiB; register parts of the folder apart")]
    TooLong,
    /// A line is not of the form.
    #[error("manifest line {0}: expected 64 hex digits, two spaces and a relative path")]
    Line(usize),
    /// Lines out of order, or a path twice.
    #[error("manifest line {0}: lines must be sorted by path, each path once")]
    Order(usize),
    /// A path that a manifest cannot hold.
    #[error(
        "the path {0:?} is not relative, is too long, or has an empty, \".\" or \"..\" segment"
    )]
    Path(String),
}

/// Files of a folder and their SHA-256, by written path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    files: BTreeMap<String, Hash>,
}

impl Manifest {
    /// Adds a file by its real path, relative to the folder, with `/`.
    pub fn insert(&mut self, path: &str, sha256: Hash) -> Result<(), ManifestError> {
        check_path(path)?;
        self.files.insert(escape(path), sha256);
        Ok(())
    }

    /// Adds the files of another part of the folder.
    pub fn append(&mut self, mut other: Manifest) {
        self.files.append(&mut other.files);
    }

    /// Real paths and their SHA-256.
    pub fn files(&self) -> impl Iterator<Item = (String, Hash)> + '_ {
        self.files
            .iter()
            .map(|(path, hash)| (unescape(path).unwrap_or_else(|| path.clone()), *hash))
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads the one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::Line(1))?;
        let mut files = BTreeMap::new();
        let mut last = String::new();
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let bad = || ManifestError::Line(at + 1);
            let line = line.strip_suffix('\n').ok_or_else(bad)?;
            let (hex, path) = line.split_once("  ").ok_or_else(bad)?;
            let hash = Hash::from_hex(hex)
                .filter(|hash| hash.to_hex() == hex)
                .ok_or_else(bad)?;
            check_path(&unescape(path).ok_or_else(bad)?)?;
            if at > 0 && path <= last.as_str() {
                return Err(ManifestError::Order(at + 1));
            }
            path.clone_into(&mut last);
            files.insert(path.to_owned(), hash);
        }
        Ok(Manifest { files })
    }

    /// Writes the one spelling.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = self.files.keys().map(|path| LINE + path.len()).sum();
        let mut text = String::with_capacity(length);
        for (path, hash) in &self.files {
            text.push_str(&hash.to_hex());
            text.push_str("  ");
            text.push_str(path);
            text.push('\n');
        }
        text.into_bytes()
    }
}

fn check_path(path: &str) -> Result<(), ManifestError> {
    let good = path.len() <= MAX_PATH
        && !path.contains('\0')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if good {
        Ok(())
    } else {
        Err(ManifestError::Path(path.to_owned()))
    }
}

fn escape(path: &str) -> String {
    // As nearly all are.
    if !path.contains(['%', '\r', '\n']) {
        return path.to_owned();
    }
    path.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Undoes [`escape`]; any other escape, or a raw CR, is not of the one spelling.
fn unescape(path: &str) -> Option<String> {
    let real = path
        .replace("%0A", "\n")
        .replace("%0D", "\r")
        .replace("%25", "%");
    (escape(&real) == path).then_some(real)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling() {
        let mut manifest = Manifest::default();
        let hash = Hash([0xab; 32]);
        for path in ["b/c.txt", "a b", "100%", "new\nline", "b.txt"] {
            manifest.insert(path, hash).unwrap();
        }
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::parse(&bytes), Ok(manifest));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("  100%25\n") && text.contains("  new%0Aline\n"));
        let line = format!("{}  a\n", hash.to_hex());
        for bad in [
            line.trim_end().to_owned(),
            line.to_uppercase(),
            line.clone() + &line,
            line.replace("  ", " "),
            line.replace("  a", "  ../a"),
            line.replace("  a", "  /a"),
            line.replace("  a", "  a%20b"),
            line.replace("  a", "  a%"),
            line.replace("  a", "  "),
        ] {
            assert!(Manifest::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_path_survives(path in "[^/\0]{1,30}") {
            let mut manifest = Manifest::default();
            if manifest.insert(&path, Hash::ZERO).is_ok() {
                let again = Manifest::parse(&manifest.to_bytes()).unwrap();
                prop_assert_eq!(again.files().next().unwrap().0, path);
            }
        }
    }
}
