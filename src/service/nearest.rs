//! Published checkpoints around entries: witnessed ones where there are any near.

use std::collections::HashMap;

use super::witnessing::Witnessing;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::note::UnverifiedNote;
use crate::protocol::tree::{EntryIndex, TreeSize};
use crate::storage::StoreError;

/// How many published checkpoints are looked through for a witnessed one: more than an hour of them.
const MAX_WALK: usize = 2000;

/// Walks from entries to the witnessed checkpoints around them. Where it has been it remembers, so that many entries
/// beside a long time without witnesses cost one walk. It checks no signature: what is published was signed here, and
/// whoever hands a checkpoint out checks that one.
pub struct Nearest<'a> {
    witnessing: &'a Witnessing,
    /// For sizes that were passed, before an entry and after it: that of the witnessed checkpoint they lead to.
    passed: [HashMap<u64, Option<u64>>; 2],
}

impl<'a> Nearest<'a> {
    pub(super) fn new(witnessing: &'a Witnessing) -> Nearest<'a> {
        Nearest {
            witnessing,
            passed: Default::default(),
        }
    }

    /// As [`Store::published_around`](crate::storage::Store::published_around), but witnessed ones where there are any
    /// near.
    pub fn around(&mut self, index: EntryIndex) -> Result<[Option<String>; 2], StoreError> {
        let [before, after] = self.published_around(index)?;
        if !self.witnessing.demands_witnesses() {
            return Ok([before, after]);
        }
        Ok([self.witnessed(before, 0)?, self.witnessed(after, 1)?])
    }

    fn published_around(&self, index: EntryIndex) -> Result<[Option<String>; 2], StoreError> {
        self.witnessing.store().published_around(index)
    }

    /// The witnessed checkpoint that `plain` leads to, to smaller sizes (side 0) or larger ones (1); else `plain`.
    fn witnessed(
        &mut self,
        plain: Option<String>,
        side: usize,
    ) -> Result<Option<String>, StoreError> {
        let mut found = None;
        let mut walked = Vec::new();
        let mut next = plain.clone();
        while let Some(note) = next.take().filter(|_| walked.len() <= MAX_WALK) {
            let size = size_of(&note)?.0;
            if let Some(known) = self.passed[side].get(&size) {
                found = *known;
                break;
            }
            walked.push(size);
            if self.witnessing.is_witnessed(&note) {
                found = Some(size);
                break;
            }
            let from = if side == 0 {
                size.checked_sub(1)
            } else {
                Some(size)
            };
            if let Some(from) = from {
                next = self.published_around(EntryIndex(from))?[side].take();
            }
        }
        let passed = walked.into_iter().map(|size| (size, found));
        self.passed[side].extend(passed);
        match found {
            None => Ok(plain),
            Some(size) => Ok(self.published_around(EntryIndex(size.saturating_sub(1)))?[1].take()),
        }
    }
}

/// The size that a published checkpoint states.
pub fn size_of(note: &str) -> Result<TreeSize, StoreError> {
    let wrong = || StoreError::Corrupt("published".to_owned());
    let note = UnverifiedNote::parse(note).map_err(|_| wrong())?;
    let checkpoint = Checkpoint::parse_text(note.text()).map_err(|_| wrong())?;
    Ok(checkpoint.size)
}
