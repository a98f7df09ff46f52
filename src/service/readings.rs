//! Readings of late: the bytes of a blob, read again by the same person for the same purpose within a quarter of an
//! hour, are the reading that is on record already. A player asks for a recording in a hundred ranges, and that is
//! one viewing.
//!
//! In scope is only what cannot say anything new the second time, and the further parts of a long history, which go on
//! from the first. A history from its beginning or a bundle may say something new, so each reading of one is an entry
//! of its own. What is remembered here is forgotten with the process: one more entry, never one fewer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Subject};

/// How long a reading counts as the same.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Most readings remembered, some 300 bytes each; one that finds no room is recorded each time.
const MOST: usize = 1 << 16;

/// Who reads what, under which exhibit, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reading {
    /// Who.
    pub reader: ActorId,
    /// The exhibit under whose rights it is read.
    pub exhibit: Subject,
    /// The blob; of a history, what [`history`] gives.
    pub blob: Hash,
    /// Why, in the reader's words.
    pub purpose: String,
}

/// What stands for the history of a target under a case, where no blob is read.
pub fn history(target: &Subject, case: &Subject) -> Hash {
    Hash::of(&[b"history", &target.to_bytes(), &case.to_bytes()])
}

/// When a reading was recorded, if it was; held locked while it is being recorded.
type Recorded = Arc<Mutex<Option<Instant>>>;

/// The readings of late.
#[derive(Default)]
pub struct Readings {
    recent: Lock<HashMap<Reading, Recorded>>,
}

impl Readings {
    /// Records a reading with `record`, unless it is on record. When this has returned well, it is. Of several at
    /// once the first records, and the others wait for it.
    pub async fn once<E>(
        &self,
        reading: Reading,
        record: impl AsyncFnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(recorded) = self.place(reading) else {
            return record().await;
        };
        let mut recorded = recorded.lock().await;
        let begun = Instant::now();
        if recorded.is_some_and(|at| begun.duration_since(at) < WINDOW) {
            return Ok(());
        }
        record().await?;
        *recorded = Some(begun);
        Ok(())
    }

    /// Records a reading with `record`, whether or not it is on record, and remembers it for [`Readings::once`].
    pub async fn anew<E>(
        &self,
        reading: Reading,
        record: impl AsyncFnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let begun = Instant::now();
        record().await?;
        if let Some(recorded) = self.place(reading) {
            *recorded.lock().await = Some(begun);
        }
        Ok(())
    }

    fn place(&self, reading: Reading) -> Option<Recorded> {
        let mut recent = self.recent.lock().expect("no holder of this lock panics");
        if recent.len() >= MOST && !recent.contains_key(&reading) {
            // One that is locked is being recorded just now.
            recent.retain(|_, recorded| {
                let at = recorded.try_lock().map(|at| *at);
                at.map_or(true, |at| at.is_some_and(|at| at.elapsed() < WINDOW))
            });
            if recent.len() >= MOST {
                return None;
            }
        }
        Some(Arc::clone(recent.entry(reading).or_default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn reading(number: u64, purpose: &str) -> Reading {
        Reading {
            reader: ActorId::new("police/AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            exhibit: Subject::from_bytes([7; 16]),
            blob: Hash::of(&[&number.to_be_bytes()]),
            purpose: purpose.to_owned(),
        }
    }

    /// How many of these readings are recorded.
    async fn recorded(readings: &Readings, all: impl Iterator<Item = Reading>) -> usize {
        let count = AtomicUsize::new(0);
        for one in all {
            let recorded = readings.once(one, async || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(())
            });
            recorded.await.unwrap();
        }
        count.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn one_reader_blob_and_purpose_is_recorded_once_in_a_quarter_of_an_hour() {
        let readings = Readings::default();
        let same = || std::iter::repeat_n(reading(1, "interview"), 100);
        assert_eq!(recorded(&readings, same()).await, 1);
        let other = [reading(2, "interview"), reading(1, "statement")];
        assert_eq!(recorded(&readings, other.into_iter()).await, 2);
        tokio::time::advance(WINDOW - Duration::from_secs(1)).await;
        assert_eq!(recorded(&readings, same()).await, 0);
        // Recorded anew, it is remembered from then on.
        let anew = readings.anew(reading(3, "interview"), async || Ok::<_, ()>(()));
        anew.await.unwrap();
        let third = std::iter::repeat_n(reading(3, "interview"), 2);
        assert_eq!(recorded(&readings, third).await, 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(recorded(&readings, same()).await, 1);
    }

    #[tokio::test]
    async fn what_could_not_be_recorded_is_not_taken_for_recorded() {
        let readings = Readings::default();
        let failed = readings.once(reading(1, "x"), async || Err("disk")).await;
        assert_eq!(failed, Err("disk"));
        assert_eq!(recorded(&readings, [reading(1, "x")].into_iter()).await, 1);
        // Nor is one that ended before it was done.
        let never = readings.once(reading(2, "x"), async || {
            std::future::pending::<Result<(), ()>>().await
        });
        let given_up = tokio::time::timeout(Duration::ZERO, never).await;
        assert!(given_up.is_err());
        assert_eq!(recorded(&readings, [reading(2, "x")].into_iter()).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_room_every_reading_is_recorded() {
        let readings = Readings::default();
        let many = |from| (from..from + MOST as u64).map(|number| reading(number, "x"));
        assert_eq!(recorded(&readings, many(0)).await, MOST);
        let late = || std::iter::repeat_n(reading(u64::MAX, "x"), 3);
        assert_eq!(recorded(&readings, late()).await, 3);
        assert_eq!(recorded(&readings, many(0)).await, 0);
        tokio::time::advance(WINDOW).await;
        assert_eq!(recorded(&readings, late()).await, 1);
    }
}
