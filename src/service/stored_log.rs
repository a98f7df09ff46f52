//! The log as it is stored, entry by entry, out of four families of rows read side by side; and what is wrong with
//! the rows themselves.

use std::collections::BTreeMap;
use std::iter::Peekable;

use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::leaf::Commitment;
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Cursor, Damage, Engine, Family, Row, layout};
use crate::verify::audit::AuditLeaf;

/// Something wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable code.
    pub code: &'static str,
    /// Family and key in words.
    pub place: String,
    /// A sentence.
    pub words: String,
}

impl Fault {
    /// A fault.
    pub fn new(code: &'static str, place: String, words: impl Into<String>) -> Fault {
        let words = words.into();
        Fault { code, place, words }
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Fault {
        let after = match &damage.after {
            Some(key) => format!("rows after {}", layout::in_words(damage.family, key)),
            None => format!("the first rows of {}", damage.family.name()),
        };
        Fault::new("unreadable", after, format!("{}.", damage.why))
    }
}

/// A place of the log, opened.
pub enum Opened {
    /// An entry.
    Entry(AuditLeaf),
    /// A map leaf as far as it is there.
    Map(Option<Vec<u8>>),
    /// An entry that is not there, and its leaf as far as that is.
    Hole(Option<Vec<u8>>),
}

/// What is stored for one place of the log.
pub struct Stored {
    /// The place.
    pub index: EntryIndex,
    /// The leaf, if it is there.
    pub leaf: Option<Vec<u8>>,
    /// Whether a published tree ends here, so that a map leaf must stand here.
    ends_published: bool,
    entry: Option<Vec<u8>>,
    /// By name.
    disclosures: BTreeMap<Vec<u8>, Sealed>,
}

/// A disclosure as far as it is there.
#[derive(Default)]
struct Sealed {
    text: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl Stored {
    /// The entry with its disclosures opened, if it is there, and what is wrong. A leaf that is missing is computed.
    pub fn open(self) -> (Opened, Vec<Fault>) {
        let mut faults = Vec::new();
        let at = self.index.0;
        let entry = self
            .entry
            .map(|value| layout::entry_value(self.index, value));
        let (recorded_at, jws) = match entry {
            Some(Ok(entry)) => entry,
            None if self.ends_published || matches!(self.leaf.as_deref(), Some([0x02, ..])) => {
                if self.leaf.is_none() {
                    let words = "The map leaf is not stored or not readable; it can be computed from the entries.";
                    faults.push(Fault::new("leaf-missing", format!("leaf {at}"), words));
                }
                return (Opened::Map(self.leaf), faults);
            }
            found => {
                let words = match found {
                    None => "The entry is not stored or not readable.",
                    _ => "The stored entry is not a time and text.",
                };
                faults.push(Fault::new("entry-missing", format!("entry {at}"), words));
                if self.leaf.is_none() {
                    let place = format!("leaf {at}");
                    faults.push(Fault::new(
                        "leaf-missing",
                        place,
                        "It is not stored or not readable.",
                    ));
                }
                return (Opened::Hole(self.leaf), faults);
            }
        };
        let mut disclosures = Vec::new();
        for (name, Sealed { text, key: secret }) in self.disclosures {
            let key = [&at.to_be_bytes()[..], &name].concat();
            let place = layout::in_words(Family::Disclosures, &key);
            let opened = match (&text, &secret) {
                (None, _) => Err("Its text is not stored or not readable; its key is."),
                (_, None) => {
                    Err("Its key is not stored or not readable, so its text cannot be opened.")
                }
                (Some(sealed), Some(secret)) => layout::open_disclosure(self.index, secret, sealed)
                    .map_err(|_| "Its key does not open its text: one of the two was changed."),
            };
            match opened {
                Ok(text) => disclosures.push(text),
                Err(words) => faults.push(Fault::new("disclosure-unreadable", place, words)),
            }
        }
        let data = self.leaf.unwrap_or_else(|| {
            let place = format!("leaf {at}");
            let words = "It is not stored or not readable; it was computed from its entry.";
            faults.push(Fault::new("leaf-missing", place, words));
            leaf_of(recorded_at, &jws)
        });
        let leaf = AuditLeaf {
            recorded_at,
            data,
            jws,
            disclosures,
        };
        (Opened::Entry(leaf), faults)
    }
}

/// The leaf that commits to an entry.
pub fn leaf_of(recorded_at: LogTime, jws: &str) -> Vec<u8> {
    let e = EntryHash(Hash::of(&[jws.as_bytes()]));
    Commitment::new(recorded_at, e).leaf_data()
}

/// Reads the log from its beginning. Each item is a place of the log or a fault.
pub struct StoredLog<'s> {
    engine: &'s dyn Engine,
    leaves: Peekable<Cursor<'s>>,
    entries: Peekable<Cursor<'s>>,
    texts: Peekable<Cursor<'s>>,
    keys: Peekable<Cursor<'s>>,
    next: u64,
    /// Where the log ends by the last rows of it.
    end: u64,
    faults: Vec<Fault>,
}

impl<'s> StoredLog<'s> {
    /// The log in these rows, up to its last leaf or entry.
    pub fn new(engine: &'s dyn Engine) -> StoredLog<'s> {
        let mut faults = Vec::new();
        let mut end = 0;
        for family in [Family::Leaves, Family::Entries] {
            match engine.last(family, &[0xff; 9]) {
                Ok(Some((key, _))) => match layout::number(&key, family.name()) {
                    // A place that no log reaches is a row that should not be there, and is named as such below.
                    Ok(last) if last < u64::from(u32::MAX) => end = end.max(last + 1),
                    _ => {}
                },
                Ok(None) => {}
                Err(error) => faults.push(Fault::new(
                    "unreadable",
                    format!("the last rows of {}", family.name()),
                    format!("{error}."),
                )),
            }
        }
        let cursor = |family| Cursor::new(engine, family, b"").peekable();
        StoredLog {
            engine,
            leaves: cursor(Family::Leaves),
            entries: cursor(Family::Entries),
            texts: cursor(Family::Disclosures),
            keys: cursor(Family::DisclosureKeys),
            next: 0,
            end,
            faults,
        }
    }

    /// What was wrong with rows since this was last asked.
    pub fn faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Rows after the end of the log, which should not be there; call it at the end.
    pub fn strays(&mut self) -> Vec<Fault> {
        let all = [
            (Family::Leaves, &mut self.leaves),
            (Family::Entries, &mut self.entries),
            (Family::Disclosures, &mut self.texts),
            (Family::DisclosureKeys, &mut self.keys),
        ];
        for (family, rows) in all {
            while let Some((key, _)) = take(rows, |_| true, &mut self.faults) {
                self.faults.push(stray(family, &key));
            }
        }
        self.faults()
    }
}

/// A row that should not be there.
pub fn stray(family: Family, key: &[u8]) -> Fault {
    let place = layout::in_words(family, key);
    Fault::new(
        "stray",
        place,
        "This row should not be there: nothing in the log accounts for it.",
    )
}

/// The next row, if it is wanted; damage before it is noted.
fn take(
    rows: &mut Peekable<Cursor<'_>>,
    wanted: impl Fn(&[u8]) -> bool,
    faults: &mut Vec<Fault>,
) -> Option<Row> {
    loop {
        match rows.peek()? {
            Err(_) => {
                if let Some(Err(damage)) = rows.next() {
                    faults.push(damage.into());
                }
            }
            Ok((key, _)) if wanted(key) => return rows.next()?.ok(),
            Ok(_) => return None,
        }
    }
}

/// The rows of one place, with rows that precede it noted as strays.
fn at(
    family: Family,
    rows: &mut Peekable<Cursor<'_>>,
    prefix: &[u8],
    whole: bool,
    faults: &mut Vec<Fault>,
) -> Vec<Row> {
    let mut found = Vec::new();
    let belongs = |key: &[u8]| match whole {
        true => key == prefix,
        false => key.len() > 8 && key.starts_with(prefix),
    };
    // A key that sorts before or inside the place without belonging to it is a stray.
    while let Some((key, value)) = take(rows, |key| key < prefix || key.starts_with(prefix), faults)
    {
        if belongs(&key) {
            found.push((key, value));
        } else {
            faults.push(stray(family, &key));
        }
    }
    found
}

impl Iterator for StoredLog<'_> {
    type Item = Stored;

    fn next(&mut self) -> Option<Stored> {
        if self.next >= self.end {
            return None;
        }
        let prefix = self.next.to_be_bytes();
        let faults = &mut self.faults;
        let leaf = at(Family::Leaves, &mut self.leaves, &prefix, true, faults).pop();
        let entry = at(Family::Entries, &mut self.entries, &prefix, true, faults).pop();
        let texts = at(Family::Disclosures, &mut self.texts, &prefix, false, faults);
        let keys = at(
            Family::DisclosureKeys,
            &mut self.keys,
            &prefix,
            false,
            faults,
        );
        let mut disclosures: BTreeMap<Vec<u8>, Sealed> = BTreeMap::new();
        for (key, value) in texts {
            disclosures.entry(key[8..].to_vec()).or_default().text = Some(value);
        }
        for (key, value) in keys {
            disclosures.entry(key[8..].to_vec()).or_default().key = Some(value);
        }
        let index = EntryIndex(self.next);
        self.next += 1;
        let published = || self.engine.get(Family::Published, &self.next.to_be_bytes());
        let ends_published = entry.is_none() && matches!(published(), Ok(Some(_)));
        Some(Stored {
            index,
            leaf: leaf.map(|(_, value)| value),
            ends_published,
            entry: entry.map(|(_, value)| value),
            disclosures,
        })
    }
}
