//! The map of completeness, kept in rows of four levels each.
//!
//! A row is a node at depth 0, 4, 8, …, 252 with its sixteen descendants four levels below. A descendant with one chain
//! under it stands there as that chain, however deep its value is: a map of n chains has about n / 2.8 rows. The root's
//! row is always there, any other where two chains or more are below it.
//!
//! In scope: what an update changes, and paths. Out of scope: where rows are kept ([`RowReader`]).

use std::collections::BTreeMap;

use super::hash::Hash;
use super::map::{self, DEPTH, MapPath};

/// Levels in a row.
const LEVELS: usize = 4;

/// Descendants in a row.
const WIDTH: usize = 1 << LEVELS;

/// A row's place: the bits of the keys below it that all of them begin with, four at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowId(Vec<u8>);

impl RowId {
    /// The row of the root.
    pub fn root() -> RowId {
        RowId::default()
    }

    fn child(&self, nibble: usize) -> RowId {
        let mut nibbles = self.0.clone();
        nibbles.push(nibble as u8);
        RowId(nibbles)
    }

    fn depth(&self) -> usize {
        self.0.len() * LEVELS
    }

    /// How many groups of four bits, then these groups, two a byte.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.0.len() as u8];
        let pairs = self.0.chunks(2);
        bytes.extend(pairs.map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)));
        bytes
    }

    /// Reads [`RowId::to_bytes`]; nothing for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<RowId> {
        let (count, packed) = bytes.split_first()?;
        let mut nibbles: Vec<u8> = packed.iter().flat_map(|two| [two >> 4, two & 15]).collect();
        nibbles.truncate(usize::from(*count));
        let id = RowId(nibbles);
        (id.depth() < DEPTH && id.to_bytes() == bytes).then_some(id)
    }
}

/// A chain that stands alone below some node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alone {
    key: Hash,
    value: Hash,
    /// Hash of the node that it stands below.
    hash: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Child {
    #[default]
    Empty,
    Chain(Alone),
    /// Two chains or more: the hash of the row below.
    Row(Hash),
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row([Child; WIDTH]);

impl Row {
    /// For each descendant a byte that says what it is, and its hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for child in &self.0 {
            match child {
                Child::Empty => bytes.push(0),
                Child::Chain(alone) => {
                    bytes.push(1);
                    for hash in [alone.key, alone.value, alone.hash] {
                        bytes.extend(hash.0);
                    }
                }
                Child::Row(hash) => {
                    bytes.push(2);
                    bytes.extend(hash.0);
                }
            }
        }
        bytes
    }

    /// Reads [`Row::to_bytes`]; nothing for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Row> {
        let mut left = bytes;
        let hash = |left: &mut &[u8]| {
            let (hash, rest) = left.split_first_chunk::<32>()?;
            *left = rest;
            Some(Hash(*hash))
        };
        let mut row = Row::default();
        for child in &mut row.0 {
            let (kind, rest) = left.split_first()?;
            left = rest;
            *child = match kind {
                0 => Child::Empty,
                1 => Child::Chain(Alone {
                    key: hash(&mut left)?,
                    value: hash(&mut left)?,
                    hash: hash(&mut left)?,
                }),
                2 => Child::Row(hash(&mut left)?),
                _ => return None,
            };
        }
        left.is_empty().then_some(row)
    }

    /// Its nodes, the topmost first: node `i` has the children `2i` and `2i + 1`; the last sixteen are the descendants.
    fn nodes(&self, depth: usize) -> [Hash; 2 * WIDTH] {
        let mut nodes = [Hash::ZERO; 2 * WIDTH];
        for (at, child) in self.0.iter().enumerate() {
            nodes[WIDTH + at] = match child {
                Child::Empty => map::empty(depth + LEVELS),
                Child::Chain(alone) => alone.hash,
                Child::Row(hash) => *hash,
            };
        }
        for at in (1..WIDTH).rev() {
            let (left, right) = (nodes[2 * at], nodes[2 * at + 1]);
            let below = depth + at.ilog2() as usize + 1;
            nodes[at] = match left == right && left == map::empty(below) {
                true => map::empty(below - 1),
                false => map::node(left, right),
            };
        }
        nodes
    }
}

/// Rows as they are kept.
pub trait RowReader {
    /// Why one could not be read.
    type Error;
    /// The row, if there is one.
    fn row(&self, id: &RowId) -> Result<Option<Row>, Self::Error>;
    /// What to say of a row that is not there as another says.
    fn missing(&self, id: &RowId) -> Self::Error;
}

/// Rows in memory, as bytes, which are far smaller than what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryRows(BTreeMap<RowId, Box<[u8]>>);

impl MemoryRows {
    /// Takes in what an update changed.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = (RowId, Row)>) {
        let rows = rows.into_iter();
        self.0
            .extend(rows.map(|(id, row)| (id, row.to_bytes().into_boxed_slice())));
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is a map without chains that was never written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every row, as bytes.
    pub fn rows(&self) -> impl Iterator<Item = (&RowId, &[u8])> {
        self.0.iter().map(|(id, row)| (id, &**row))
    }

    /// One row, as bytes.
    pub fn bytes(&self, id: &RowId) -> Option<&[u8]> {
        self.0.get(id).map(|row| &**row)
    }
}

/// A map that lacks a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of the map is missing or not what it was")]
pub struct MissingRow;

impl RowReader for MemoryRows {
    type Error = MissingRow;
    fn row(&self, id: &RowId) -> Result<Option<Row>, MissingRow> {
        Ok(self.0.get(id).and_then(|bytes| Row::from_bytes(bytes)))
    }
    fn missing(&self, _: &RowId) -> MissingRow {
        MissingRow
    }
}

/// What a map becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Its new root.
    pub root: Hash,
    /// The rows that are new or not as they were.
    pub rows: BTreeMap<RowId, Row>,
}

/// Puts values at keys. The caller knows that the root's row is right; each row below is checked. Work and reading grow with the number of keys and the depth of the map there, not with the map.
pub fn update<R: RowReader>(rows: &R, values: &BTreeMap<Hash, Hash>) -> Result<Updated, R::Error> {
    let root = RowId::root();
    let row = rows.row(&root)?.unwrap_or_default();
    let values: Vec<(Hash, Hash)> = values.iter().map(|(key, value)| (*key, *value)).collect();
    let mut changed = BTreeMap::new();
    let root = update_row(rows, root, row, &values, &mut changed)?;
    Ok(Updated {
        root,
        rows: changed,
    })
}

/// The new hash of a row. `values` are by ascending key, and of the row's part of the map.
fn update_row<R: RowReader>(
    rows: &R,
    id: RowId,
    mut row: Row,
    values: &[(Hash, Hash)],
    changed: &mut BTreeMap<RowId, Row>,
) -> Result<Hash, R::Error> {
    let depth = id.depth();
    for group in values.chunk_by(|a, b| nibble(a.0, depth) == nibble(b.0, depth)) {
        let at = nibble(group[0].0, depth);
        row.0[at] = match (row.0[at], group) {
            (Child::Empty, [one]) => alone(*one, depth + LEVELS),
            (Child::Chain(old), [one]) if old.key == one.0 => alone(*one, depth + LEVELS),
            (Child::Row(hash), _) => {
                let below = id.child(at);
                // Nothing is built on a row that is not the one above says: the root would be signed.
                let there = rows.row(&below)?;
                let there = there.filter(|row| row.nodes(below.depth())[1] == hash);
                let there = there.ok_or_else(|| rows.missing(&below))?;
                Child::Row(update_row(rows, below, there, group, changed)?)
            }
            (old, _) => {
                let mut together: BTreeMap<Hash, Hash> = group.iter().copied().collect();
                if let Child::Chain(old) = old {
                    together.entry(old.key).or_insert(old.value);
                }
                let together: Vec<(Hash, Hash)> = together.into_iter().collect();
                let new = Row::default();
                Child::Row(update_row(rows, id.child(at), new, &together, changed)?)
            }
        };
    }
    let hash = row.nodes(depth)[1];
    changed.insert(id, row);
    Ok(hash)
}

fn alone((key, value): (Hash, Hash), depth: usize) -> Child {
    Child::Chain(Alone {
        key,
        value,
        hash: map::alone(key, value, DEPTH, depth),
    })
}

fn nibble(key: Hash, depth: usize) -> usize {
    usize::from(key.0[depth / 8] >> (4 - depth % 8) & 15)
}

/// The path to a key, and the value there; nothing where the map has none.
pub fn prove<R: RowReader>(rows: &R, key: Hash) -> Result<(Option<Hash>, MapPath), R::Error> {
    let mut siblings: Vec<(usize, Hash)> = Vec::new();
    let mut id = RowId::root();
    let mut row = rows.row(&id)?.unwrap_or_default();
    let found = loop {
        let depth = id.depth();
        let nodes = row.nodes(depth);
        let mut at = 1;
        for level in 1..=LEVELS {
            at = 2 * at + usize::from(map::goes_right(key, depth + level - 1));
            siblings.push((depth + level, nodes[at ^ 1]));
        }
        match row.0[at - WIDTH] {
            Child::Empty => break None,
            Child::Chain(alone) if alone.key == key => break Some(alone.value),
            Child::Chain(other) => {
                // It stands beside the key at the depth where the two part.
                let mut apart = depth + LEVELS;
                while map::goes_right(key, apart) == map::goes_right(other.key, apart) {
                    apart += 1;
                }
                let hash = map::alone(other.key, other.value, DEPTH, apart + 1);
                siblings.push((apart + 1, hash));
                break None;
            }
            Child::Row(_) => {
                id = id.child(at - WIDTH);
                row = rows.row(&id)?.ok_or_else(|| rows.missing(&id))?;
            }
        }
    };
    Ok((found, MapPath::new(siblings)))
}

/// Whether a row holds what it should by the rows beside it: its chains hash to what it says, and the row above, or
/// `root` above all of them, says its hash. A row that is not there does not.
pub fn is_sound<R: RowReader>(rows: &R, id: &RowId, root: Hash) -> Result<bool, R::Error> {
    let Some(row) = rows.row(id)? else {
        return Ok(false);
    };
    let depth = id.depth();
    let chains = row.0.iter().enumerate().all(|(at, child)| match child {
        Child::Chain(one) => {
            let way = id.0.iter().map(|nibble| usize::from(*nibble)).chain([at]);
            (0..DEPTH)
                .step_by(LEVELS)
                .zip(way)
                .all(|(depth, at)| nibble(one.key, depth) == at)
                && one.hash == map::alone(one.key, one.value, DEPTH, depth + LEVELS)
        }
        Child::Empty | Child::Row(_) => true,
    });
    let hash = row.nodes(depth)[1];
    let above = match id.0.split_last() {
        None => hash == root,
        Some((at, above)) => {
            let above = rows.row(&RowId(above.to_vec()))?;
            above.is_some_and(|above| above.0[usize::from(*at)] == Child::Row(hash))
        }
    };
    Ok(chains && above)
}

/// The root of a map.
pub fn root<R: RowReader>(rows: &R) -> Result<Hash, R::Error> {
    let row = rows.row(&RowId::root())?.unwrap_or_default();
    Ok(row.nodes(0)[1])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every node by its definition: slow, and nothing in it is shared with the rows.
    fn naive(values: &[(Hash, Hash)], depth: usize) -> Hash {
        match values {
            [] => map::empty(depth),
            [(_, value)] if depth == DEPTH => *value,
            _ => {
                let (right, left): (Vec<_>, Vec<_>) = values
                    .iter()
                    .copied()
                    .partition(|(key, _)| key.0[depth / 8] >> (7 - depth % 8) & 1 == 1);
                map::node(naive(&left, depth + 1), naive(&right, depth + 1))
            }
        }
    }

    /// Keys that share long beginnings, and keys that share none.
    fn keys() -> impl Strategy<Value = Hash> {
        let near = (0usize..256, any::<u8>()).prop_map(|(bit, tail)| {
            let mut key = [0x5a; 32];
            key[bit / 8] ^= 0x80 >> (bit % 8);
            key[31] ^= tail & 3;
            Hash(key)
        });
        prop_oneof![any::<[u8; 32]>().prop_map(Hash), near]
    }

    fn values() -> impl Strategy<Value = BTreeMap<Hash, Hash>> {
        proptest::collection::btree_map(keys(), any::<[u8; 32]>().prop_map(Hash), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn as_the_naive_map_after_any_updates(
            groups in proptest::collection::vec(values(), 1..5),
            absent in proptest::collection::vec(keys(), 1..4),
        ) {
            let mut rows = MemoryRows::default();
            let mut all = BTreeMap::new();
            for group in groups {
                all.extend(group.clone());
                let updated = update(&rows, &group).unwrap();
                rows.extend(updated.rows);
                let list: Vec<_> = all.iter().map(|(key, value)| (*key, *value)).collect();
                prop_assert_eq!(updated.root, naive(&list, 0));
                prop_assert_eq!(root(&rows).unwrap(), updated.root);
            }
            // The same map whatever the order it came in.
            let at_once = update(&MemoryRows::default(), &all).unwrap();
            let mut other = MemoryRows::default();
            other.extend(at_once.rows);
            prop_assert_eq!(&other, &rows);
            for (id, row) in rows.rows() {
                prop_assert_eq!(RowId::from_bytes(&id.to_bytes()), Some(id.clone()));
                let read = Row::from_bytes(row).unwrap();
                prop_assert_eq!(read.to_bytes(), row);
            }
            for (id, _) in rows.rows() {
                prop_assert!(is_sound(&rows, id, at_once.root).unwrap());
                for at in (0..rows.0[id].len()).step_by(11) {
                    let mut bad = rows.clone();
                    bad.0.get_mut(id).unwrap()[at] ^= 1;
                    prop_assert!(!is_sound(&bad, id, at_once.root).unwrap());
                }
            }
            for key in all.keys().chain(&absent) {
                let (value, path) = prove(&rows, *key).unwrap();
                prop_assert_eq!(value.as_ref(), all.get(key));
                let shown = value.unwrap_or(map::empty(DEPTH));
                prop_assert_eq!(path.root(*key, shown), Ok(at_once.root));
                // Another value, and each hash corrupted in turn.
                prop_assert_ne!(path.root(*key, Hash([1; 32])), Ok(at_once.root));
                for at in 0..path.siblings.len() {
                    let mut bad = path.clone();
                    bad.siblings[at].0[7] ^= 1;
                    prop_assert_ne!(bad.root(*key, shown), Ok(at_once.root));
                }
                for bit in 0..DEPTH {
                    let mut bad = path.clone();
                    bad.present[bit / 8] ^= 0x80 >> (bit % 8);
                    prop_assert_ne!(bad.root(*key, shown), Ok(at_once.root));
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(0u8..4, 0..600)) {
            if let Some(row) = Row::from_bytes(&bytes) {
                prop_assert_eq!(row.to_bytes(), bytes.clone());
            }
            if let Some(id) = RowId::from_bytes(&bytes) {
                prop_assert_eq!(id.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn a_row_that_is_gone_is_missed() {
        let keys: Vec<Hash> = (0..40u8).map(|n| Hash::of(&[&[n]])).collect();
        let values = keys.iter().map(|key| (*key, Hash([3; 32]))).collect();
        let mut rows = MemoryRows::default();
        rows.extend(update(&rows, &values).unwrap().rows);
        assert!(rows.len() > 5);
        let root = RowId::root();
        rows.0.retain(|id, _| *id == root);
        let missed = keys.iter().filter(|key| prove(&rows, **key).is_err());
        assert!(missed.count() > 5);
        assert_eq!(update(&rows, &values), Err(MissingRow));
    }
}
