//! The chains of a bundle that the reader kept, against the same chains in the one that is shown: what was in a chain
//! once is in it for ever, and by two maps it is shown where nothing was added between two checkpoints.
//!
//! Chains that contradict each other need nothing that ties the two trees: either the log is forked, or the map of one
//! of them is wrong. An operator who commits to two maps in turn, and leaves out of a bundle what would tie it to the
//! other, is caught all the same.
//!
//! In scope: two bundles that are no fork. Out of scope: whether one tree continues the other (`known`).

use super::chains::{self, is_mapped};
use super::finding::{Asked, Findings, counted};
use crate::protocol::bundle::Bundle;
use crate::protocol::checkpoint::Checkpoint;

/// A bundle, and the newest checkpoint in it.
pub(crate) type WithHead<'a> = (&'a Bundle, &'a Checkpoint);

/// Compares the chains that both have; `name` is what the reader calls what was kept, and `tied` says whether the one
/// tree is shown to continue the other.
pub(crate) fn compare(
    name: &str,
    kept: WithHead<'_>,
    shown: WithHead<'_>,
    tied: bool,
    findings: &mut Findings,
) {
    let (older, newer) = match kept.1.size <= shown.1.size {
        true => (kept, shown),
        false => (shown, kept),
    };
    let mut unchanged = Vec::new();
    for old in &older.0.chains {
        let mut chains = newer.0.chains.iter();
        let Some(new) = chains.find(|one| chains::id(one) == chains::id(old)) else {
            continue;
        };
        let place = chains::place(&chains::id(old));
        // What came later stands behind the older tree; before its end it was left out of the older bundle.
        let further = new.entries.get(old.entries.len());
        let left_out = further.is_some_and(|index| index.0 < older.1.size.0);
        if left_out || !new.entries.starts_with(&old.entries) {
            let why = match tied {
                true => "somebody was shown less than there is",
                false => "somebody was shown less than there is, or another history",
            };
            let words = format!(
                "The {place} has {} under the tree of {} leaves, and others of that time under that of {}: {why}.",
                counted(old.entries.len(), "entry", "entries"),
                older.1.size.0,
                newer.1.size.0
            );
            findings.failed(Asked::History, "chain-cut", name, words);
        } else if tied
            && older.1.size < newer.1.size
            && new.entries.len() == old.entries.len()
            && is_mapped(older.0, old, older.1)
            && is_mapped(newer.0, new, newer.1)
        {
            unchanged.push(format!("{place} ({})", old.entries.len()));
        }
    }
    if !unchanged.is_empty() {
        let words = format!(
            "By the maps of both, nothing was recorded between {} and {} leaves in: {}.",
            older.1.size.0,
            newer.1.size.0,
            unchanged.join(", ")
        );
        findings.note(Asked::History, "known-unchanged", name, words);
    }
}
