//! The chain of a ledger's security log: each record read, its signature and its place checked.
//!
//! Whoever knows the length and head of the chain as it was (an auditor from an earlier reading, the ledger from the
//! access entry of that reading) sees whether this is the same chain grown longer. What was cut off an end that
//! nobody had read is not shown.

use crate::protocol::hash::Hash;
use crate::protocol::id::Origin;
use crate::protocol::key::PublicKey;
use crate::protocol::security::{SecurityRecord, UnverifiedRecord};
use crate::protocol::time::LogTime;
use crate::protocol::tree::TreeSize;

/// How far a chain is known: so many records, of which the last has this head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainEnd {
    /// Number of records.
    pub length: u64,
    /// SHA-256 of the last; nothing where there is none.
    pub head: Option<Hash>,
}

/// What an access entry to the security log has as its `extent`: `security-log <length> <head>`.
const EXTENT: &str = "security-log";

impl ChainEnd {
    /// The extent of a reading at this end.
    pub fn extent(self) -> String {
        let head = self
            .head
            .map_or_else(|| "none".to_owned(), |head| head.to_string());
        format!("{EXTENT} {} {head}", self.length)
    }

    /// Reads an extent; nothing where it is of something else.
    pub fn of_extent(text: &str) -> Option<ChainEnd> {
        let mut parts = text.split(' ');
        let (name, length, head) = (parts.next()?, parts.next()?, parts.next()?);
        let end = ChainEnd {
            length: length.parse().ok()?,
            head: Hash::from_base64url(head).ok(),
        };
        (name == EXTENT && parts.next().is_none() && end.extent() == text).then_some(end)
    }
}

/// A chain as far as it was read.
#[derive(Debug, Clone)]
pub struct SecurityChain {
    ledger: Origin,
    end: ChainEnd,
    last: LogTime,
}

impl SecurityChain {
    /// Goes on after what is known; from the default end, at the beginning.
    pub fn after(ledger: Origin, end: ChainEnd) -> SecurityChain {
        SecurityChain {
            ledger,
            end,
            last: LogTime(0),
        }
    }

    /// How far it was read.
    pub fn end(&self) -> ChainEnd {
        self.end
    }

    /// Takes the next record; `key` is asked for the key with which the service signed after so many leaves of the log,
    /// as many as the record says that there were. After an error it goes on behind that record, so that what is wrong
    /// further on is found too.
    pub fn take(
        &mut self,
        text: &str,
        key: impl Fn(TreeSize) -> Option<PublicKey>,
    ) -> Result<SecurityRecord, String> {
        let before = self.end;
        self.end = ChainEnd {
            length: before.length + 1,
            head: Some(Hash::of(&[text.as_bytes()])),
        };
        let unverified = UnverifiedRecord::parse(text).map_err(|error| format!("{error}"))?;
        let key = key(unverified.claimed().seen.size)
            .filter(|key| key.id() == unverified.kid())
            .ok_or("it is not signed with the key that the ledger's service had then")?;
        let record = unverified
            .verify(&key)
            .map_err(|error| format!("{error}"))?;
        if record.ledger != self.ledger {
            return Err(format!("it is of another ledger, {}", record.ledger));
        }
        if record.seq != before.length {
            return Err(format!(
                "it says position {}, where {} was due: a record was removed, repeated or moved",
                record.seq, before.length
            ));
        }
        if record.prev != before.head {
            return Err("it does not follow from the record before".to_owned());
        }
        if record.last < self.last {
            return Err("it is said to be older than the record before".to_owned());
        }
        self.last = record.last;
        Ok(record)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::key::SecretKey;
    use crate::protocol::security::tests::record;

    fn key() -> SecretKey {
        SecretKey::from_seed([1; 32])
    }

    fn chain(length: u64) -> Vec<String> {
        let mut prev = None;
        let one = |seq| {
            let text = record(seq, prev).sign(&key());
            prev = Some(Hash::of(&[text.as_bytes()]));
            text
        };
        (0..length).map(one).collect()
    }

    /// What is wrong, by place.
    fn wrong(records: &[String]) -> Vec<(usize, String)> {
        let origin = record(0, None).ledger;
        let mut chain = SecurityChain::after(origin, ChainEnd::default());
        let mut taken = records
            .iter()
            .map(|text| chain.take(text, |_| Some(key().public())));
        let taken: Vec<_> = taken.by_ref().collect();
        let wrong = taken.into_iter().enumerate();
        wrong
            .filter_map(|(at, one)| Some((at, one.err()?)))
            .collect()
    }

    #[test]
    fn changed_moved_removed_repeated_and_forged_records_are_named() {
        let good = chain(5);
        assert_eq!(wrong(&good), []);
        type Edit = fn(&mut Vec<String>);
        let edits: [(&str, usize, Edit); 9] = [
            ("position", 2, |all| drop(all.remove(2))),
            ("position", 0, |all| drop(all.remove(0))),
            ("position", 3, |all| all.insert(3, all[2].clone())),
            ("position", 1, |all| all.swap(1, 2)),
            // Of another history, signed by the same service.
            ("follow", 3, |all| {
                let prev = Some(Hash::ZERO);
                all[3] = record(3, prev).sign(&key());
            }),
            ("not signed with the key", 1, |all| {
                let prev = Some(Hash::of(&[all[0].as_bytes()]));
                all[1] = record(1, prev).sign(&SecretKey::from_seed([2; 32]));
            }),
            ("another ledger", 0, |all| {
                let mut other = record(0, None);
                other.ledger = Origin::new("other.example").unwrap();
                all[0] = other.sign(&key());
            }),
            ("older", 1, |all| {
                let mut old = record(1, Some(Hash::of(&[all[0].as_bytes()])));
                (old.first, old.last) = (LogTime(1), LogTime(1));
                all[1] = old.sign(&key());
            }),
            ("verify", 4, |all| {
                let (signed, _) = all[4].rsplit_once('.').unwrap();
                let (_, other) = all[3].rsplit_once('.').unwrap();
                all[4] = format!("{signed}.{other}");
            }),
        ];
        for (why, place, edit) in edits {
            let mut records = good.clone();
            edit(&mut records);
            let found = wrong(&records);
            let first = found
                .first()
                .unwrap_or_else(|| panic!("{why} at {place} is missed"));
            assert!(
                first.0 == place && first.1.contains(why),
                "{why} at {place}: {found:?}"
            );
        }
    }

    #[test]
    fn an_end_is_written_and_read_in_one_way() {
        let none = ChainEnd::default();
        let some = ChainEnd {
            length: 12,
            head: Some(Hash([3; 32])),
        };
        for end in [none, some] {
            assert_eq!(ChainEnd::of_extent(&end.extent()), Some(end));
        }
        for other in [
            "history",
            "security-log",
            "security-log 012 none",
            "security-log 1 none 2",
        ] {
            assert_eq!(ChainEnd::of_extent(other), None, "{other}");
        }
    }
}
