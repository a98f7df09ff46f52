//! Reading all rows of a family that can be read, and saying which cannot.
//!
//! A backend's iterator ends at the first damaged block. A cursor finds the nearest key after the damage from which
//! reading works again (by doubling the distance, then halving it) and goes on there.

use super::engine::{Engine, Family, Rows};
use super::store::Row;

/// A stretch of a family that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which family.
    pub family: Family,
    /// The last key read before it, if there is one.
    pub after: Option<Vec<u8>>,
    /// What the backend says.
    pub why: String,
}

/// Rows of a family in the order of their keys; damaged stretches are passed over, each named once.
pub struct Cursor<'s> {
    engine: &'s dyn Engine,
    family: Family,
    rows: Option<Rows<'s>>,
    last: Option<Vec<u8>>,
}

impl<'s> Cursor<'s> {
    /// Begins at the first row at or after `from`.
    pub fn new(engine: &'s dyn Engine, family: Family, from: &[u8]) -> Cursor<'s> {
        Cursor {
            engine,
            family,
            rows: Some(engine.rows(family, from)),
            last: None,
        }
    }

    /// The rows after the damage, if there are any.
    fn resume(&self) -> Option<Rows<'s>> {
        let last = key_number(self.last.as_deref().unwrap_or_default());
        let works = |at: u128| {
            let mut rows = self.engine.rows(self.family, &number_key(at));
            !matches!(rows.next(), Some(Err(_)))
        };
        // The nearest power of two at which reading works; what is one step nearer does not.
        let step = (0..u128::BITS).find(|step| match last.checked_add(1 << step) {
            Some(at) => works(at),
            None => true,
        })?;
        let mut good = last.checked_add(1 << step)?;
        let mut bad = last + if step == 0 { 0 } else { 1 << (step - 1) };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if works(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(self.engine.rows(self.family, &number_key(good)))
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Row, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.as_mut()?.next() {
            Some(Ok((key, value))) => {
                self.last = Some(key.clone());
                Some(Ok((key, value)))
            }
            Some(Err(error)) => {
                let damage = Damage {
                    family: self.family,
                    after: self.last.clone(),
                    why: error.to_string(),
                };
                self.rows = self.resume();
                Some(Err(damage))
            }
            None => {
                self.rows = None;
                None
            }
        }
    }
}

/// The first 16 bytes of a key as a number, in the order of keys.
fn key_number(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(key) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}

/// The first key that has this number: without the zeros that a shorter key would be filled up with.
fn number_key(number: u128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let length = bytes.iter().rposition(|byte| *byte != 0);
    bytes[..length.map_or(0, |at| at + 1)].to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::storage::StoreError;
    use crate::storage::engine::{Batch, Durability, View};

    /// Rows 0 to 999 under u64be keys; reading one in a damaged range fails.
    struct Damaged(Vec<std::ops::Range<u64>>);

    impl Engine for Damaged {
        fn get(&self, _: Family, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            unreachable!("a cursor only scans")
        }
        fn rows<'s>(&'s self, _: Family, from: &[u8]) -> Rows<'s> {
            let from = from.to_vec();
            let rows = (0..1000u64).filter(move |n| n.to_be_bytes()[..] >= from[..]);
            let mut failed = false;
            Box::new(rows.map_while(move |n| {
                if failed {
                    return None;
                }
                failed = self.0.iter().any(|range| range.contains(&n));
                Some(match failed {
                    true => Err(StoreError::Corrupt("block".to_owned())),
                    false => Ok((n.to_be_bytes().to_vec(), vec![])),
                })
            }))
        }
        fn last(&self, _: Family, _: &[u8]) -> Result<Option<Row>, StoreError> {
            unreachable!("a cursor only scans")
        }
        fn view<'s>(&'s self, _: Family) -> Result<Box<dyn View + 's>, StoreError> {
            unreachable!("a cursor only scans")
        }
        fn write(&self, _: &Batch, _: Durability) -> Result<(), StoreError> {
            unreachable!("a cursor only scans")
        }
        fn frozen(&self) -> Result<Box<dyn Engine>, StoreError> {
            unreachable!("a cursor only scans")
        }
        fn destroy_deleted(&self) -> Result<(), StoreError> {
            unreachable!("a cursor only scans")
        }
        fn head(&self) -> Result<Option<String>, StoreError> {
            unreachable!("a cursor only scans")
        }
        fn keep_head(&self, _: &str) -> Result<(), StoreError> {
            unreachable!("a cursor only scans")
        }
    }

    #[test]
    fn every_row_outside_the_damage_is_read() {
        let one = |range: std::ops::Range<u64>| [range];
        let cases: [&[std::ops::Range<u64>]; 5] = [
            &[],
            &one(0..1),
            &[0..10, 11..12],
            &[5..6, 7..300, 998..1000],
            &one(0..1000),
        ];
        for damaged in cases {
            let engine = Damaged(damaged.to_vec());
            let mut read = Vec::new();
            let mut found = Vec::new();
            for row in Cursor::new(&engine, Family::Entries, b"") {
                match row {
                    Ok((key, _)) => read.push(u64::from_be_bytes(key.try_into().unwrap())),
                    Err(damage) => found.push(damage.after.map(|key| key_number(&key) >> 64)),
                }
            }
            let whole: Vec<u64> = (0..1000)
                .filter(|n| !damaged.iter().any(|range| range.contains(n)))
                .collect();
            assert_eq!(read, whole, "{damaged:?}");
            let before: Vec<_> = damaged
                .iter()
                .map(|range| range.start.checked_sub(1).map(u128::from))
                .collect();
            assert_eq!(found, before, "{damaged:?}");
        }
    }
}
