//! What the rows of a ledger hold.
//!
//! | family | key | value | |
//! |---|---|---|---|
//! | `meta` | `format` | u32be format version | |
//! | `meta` | `erasing`, `erased` | u64be size of the log at the last erasure, and up to which it is done on disk | |
//! | `entries` | u64be index | u64be recorded_at, JWS | |
//! | `leaves` | u64be index | leaf data | |
//! | `disclosures` | u64be index, name | sealed text | |
//! | `disclosure_keys` | u64be index, name | key | |
//! | `checkpoints` | u64be size | signed note, of every commit | |
//! | `published` | u64be size | signed note | |
//! | `security` | u64be position | record of the security log, a JWS | |
//! | `by_hash` | e | u64be index | derived |
//! | `chains` | subject, strand, 0x00, u64be seq | u64be index; an entry of a branch has no row | derived |
//! | `nodes` | level, u64be index | hash | derived |
//! | `map` | place of a row (`protocol/map_rows.rs`) | the row, as of the newest map leaf | derived |
//! | `map` | 0xff | u64be index of that map leaf | derived |
//! | `records` | key of the record | JSON | derived |
//! | `digests` | SHA-256, subject | empty | derived |
//! | `search`, `named` | see `service/search.rs` | | derived |
//! | `scrub` | see `service/scrub.rs` | | derived |
//!
//! Beside the rows the engine keeps the newest published checkpoint once more, apart (`head`).

use super::engine::Family;
use super::sealed;
use super::store::StoreError;
use crate::ledger::RecordKey;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Subject};
use crate::protocol::map_rows::RowId;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, NodeId};

/// Key in `meta`: the size of the log at the last erasure by law.
pub const ERASING: &[u8] = b"erasing";

/// Key in `meta`: the size up to which what was erased is destroyed on disk.
pub const ERASED: &[u8] = b"erased";

/// Version of the layout above, and of the formats that it keeps. Version 1 had no map.
pub const FORMAT: u32 = 2;

/// Key in `map` of the index of the map leaf that commits to the rows: no row's key begins so.
pub const MAP_LEAF: &[u8] = &[0xff];

/// Key of an entry's place in its chain.
pub fn chain_key(chain: &ChainId, seq: u64) -> Vec<u8> {
    [&chain_prefix(chain)[..], &seq.to_be_bytes()].concat()
}

/// Subject, strand, zero: no strand is a prefix of another with the zero.
pub fn chain_prefix(chain: &ChainId) -> Vec<u8> {
    [
        &chain.subject.to_bytes()[..],
        chain.strand.as_str().as_bytes(),
        &[0],
    ]
    .concat()
}

/// Key of a tree node.
pub fn node_key(id: NodeId) -> [u8; 9] {
    let mut key = [id.level; 9];
    key[1..].copy_from_slice(&id.index.to_be_bytes());
    key
}

/// Key of a disclosure and of the key that seals it.
pub fn disclosure_key(index: EntryIndex, name: &str) -> Vec<u8> {
    [&index.0.to_be_bytes()[..], name.as_bytes()].concat()
}

/// Key of an evidence digest and the exhibit that has it.
pub fn digest_key(sha256: Hash, exhibit: &Subject) -> Vec<u8> {
    [&sha256.0[..], &exhibit.to_bytes()].concat()
}

/// An entry's row: when it was recorded, and its signed part.
pub fn entry_value(index: EntryIndex, mut value: Vec<u8>) -> Result<(LogTime, String), StoreError> {
    let Some(time) = value.first_chunk::<8>() else {
        return Err(StoreError::Corrupt(format!("entry {}", index.0)));
    };
    let recorded_at = LogTime(u64::from_be_bytes(*time));
    value.drain(..8);
    Ok((recorded_at, utf8(value, "entries")?))
}

/// A disclosure's text, out of its key and its sealed text.
pub fn open_disclosure(
    index: EntryIndex,
    secret: &[u8],
    sealed: &[u8],
) -> Result<String, StoreError> {
    let text = sealed::open(&fixed(secret, "disclosure_keys")?, sealed)
        .ok_or_else(|| StoreError::Corrupt(format!("a disclosure of entry {}", index.0)))?;
    utf8(text, "disclosures")
}

pub(super) fn fixed<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt(what.to_owned()))
}

/// A number as rows hold it.
pub fn number(bytes: &[u8], what: &str) -> Result<u64, StoreError> {
    fixed(bytes, what).map(u64::from_be_bytes)
}

pub(super) fn utf8(bytes: Vec<u8>, what: &str) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Corrupt(what.to_owned()))
}

/// A row's place in words, for findings.
pub fn in_words(family: Family, key: &[u8]) -> String {
    let shown = known_in_words(family, key);
    shown.unwrap_or_else(|| format!("{} row with key {}", family.name(), hex::encode(key)))
}

fn known_in_words(family: Family, key: &[u8]) -> Option<String> {
    let hash = || Some(Hash(key.get(..32)?.try_into().ok()?));
    let index = || number(key, "").ok();
    Some(match family {
        Family::Meta => format!("meta {}", std::str::from_utf8(key).ok()?),
        Family::Entries => format!("entry {}", index()?),
        Family::Leaves => format!("leaf {}", index()?),
        Family::Checkpoints => format!("checkpoint of size {}", index()?),
        Family::Published => format!("published checkpoint of size {}", index()?),
        Family::Security => format!("security record {}", index()?),
        Family::Disclosures | Family::DisclosureKeys => {
            let (index, name) = key.split_first_chunk::<8>()?;
            let name = std::str::from_utf8(name)
                .ok()
                .filter(|name| !name.is_empty())?;
            let index = u64::from_be_bytes(*index);
            let what = match family {
                Family::Disclosures => "detail",
                _ => "key of detail",
            };
            format!("entry {index}, {what} {name}")
        }
        Family::ByHash if key.len() == 32 => format!("by_hash of entry {}", hash()?),
        Family::Chains => {
            let (chain, seq) = key.split_at_checked(key.len().checked_sub(8)?)?;
            let (subject, strand) = chain.split_first_chunk::<16>()?;
            let strand = std::str::from_utf8(strand.strip_suffix(&[0])?).ok()?;
            let subject = Subject::from_bytes(*subject);
            format!(
                "chain {subject} {strand}, position {}",
                number(seq, "").ok()?
            )
        }
        Family::Nodes => {
            let (level, index) = key.split_first()?;
            format!("tree node {} of level {level}", number(index, "").ok()?)
        }
        Family::Map if key == MAP_LEAF => "map, the leaf that commits to it".to_owned(),
        Family::Map => {
            let id = RowId::from_bytes(key)?;
            format!("map row {}", hex::encode(id.to_bytes()))
        }
        Family::Records => format!("record {:?}", RecordKey::from_bytes(key)?),
        Family::Digests => {
            let exhibit = Subject::from_bytes(key.get(32..)?.try_into().ok()?);
            format!("digest {} of exhibit {exhibit}", hash()?.to_hex())
        }
        _ => return None,
    })
}
