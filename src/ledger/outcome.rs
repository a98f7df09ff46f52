//! What the rules answer: a refusal, or flags.

use serde::{Deserialize, Serialize};

use super::state::Explanation;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::Subject;

/// The rules do not take the entry in. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {why} {next}")]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// One sentence: why.
    pub why: String,
    /// One sentence: what to do next.
    pub next: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &str, why: impl Into<String>, next: impl Into<String>) -> Refusal {
        Refusal {
            code: code.to_owned(),
            why: why.into(),
            next: next.into(),
        }
    }
}

/// How much a flag matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should explain it.
    Notice,
    /// It may decide what the exhibit is worth.
    Serious,
}

/// Something that was recorded as having happened and that a reader should know of. Derived, never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Stable category.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The entries concerned.
    pub entries: Vec<EntryHash>,
    /// The exhibit concerned, if one is.
    pub exhibit: Option<Subject>,
    /// Plain words.
    pub words: String,
    /// Who explained it. A flag is never removed.
    pub explained: Vec<Explanation>,
}
