//! Why a command could not be carried out: a stable code, what is wrong, and what to do next.

use std::path::Path;

/// A check failed.
#[cfg(feature = "service")]
pub const CHECK_FAILED: u8 = 1;

/// Usage, environment, or a refusal by the service.
pub const CANNOT: u8 = 2;

/// Printed as `error[code]: detail`, then the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error[{code}]: {detail}")]
pub struct Failure {
    /// Stable, lower-case words joined by `-`.
    pub code: String,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// What to do about it.
    pub next: Option<String>,
    /// Exit code.
    pub exit: u8,
    /// The HTTP status that a service answered with, where one did.
    pub status: Option<u16>,
}

/// The code where no answer came.
#[cfg(feature = "service")]
pub const UNREACHABLE: &str = "service-unreachable";

impl Failure {
    /// The command cannot be carried out as things stand (exit code 2).
    pub fn new(code: &str, detail: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            detail: detail.into(),
            next: None,
            exit: CANNOT,
            status: None,
        }
    }

    /// A check failed (exit code 1).
    #[cfg(feature = "service")]
    pub fn check(code: &str, detail: impl Into<String>) -> Failure {
        Failure {
            exit: CHECK_FAILED,
            ..Failure::new(code, detail)
        }
    }

    /// Whether the same request may fare better a little later: no answer came, or one that decides nothing.
    #[cfg(feature = "service")]
    pub fn is_passing(&self) -> bool {
        match self.status {
            None => self.code == UNREACHABLE,
            Some(status) => matches!(status, 408 | 429) || status >= 500,
        }
    }

    /// Whether the service decided against the request for good. An answer that is no problem of its own, such as a
    /// proxy's, decides nothing.
    #[cfg(feature = "service")]
    pub fn is_final(&self) -> bool {
        let refused = self
            .status
            .is_some_and(|status| (400..500).contains(&status));
        refused && !self.is_passing() && !self.code.starts_with("http-")
    }

    /// Adds the next step.
    pub fn next(self, next: impl Into<String>) -> Failure {
        Failure {
            next: Some(next.into()),
            ..self
        }
    }

    /// A file that could not be read or written.
    pub fn file(what: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::new("file", format!("cannot {what} {}: {error}", path.display()))
    }
}

/// Reads a file of at most `limit` bytes.
pub fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| Failure::file("read", path, &error);
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() > limit {
        return Err(Failure::new(
            "file-too-long",
            format!("{} is longer than {limit} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes.
pub fn read_text(path: &Path, limit: usize) -> Result<String, Failure> {
    String::from_utf8(read_limited(path, limit)?).map_err(|_| {
        Failure::new(
            "file-not-text",
            format!("{} is not UTF-8 text", path.display()),
        )
    })
}
