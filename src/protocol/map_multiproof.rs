//! One proof of many places of the map: what of it an update of these places leaves as it was.
//!
//! Walk the map from the root, at each node left before right, and go down only where one of the places is. What is
//! passed by on the way are the siblings; of each a bit says whether it is not an empty subtree, and those that are not
//! are given, both in the order of the walk. With a value for every place the root follows; with another value for every
//! place, from the same siblings, the root that the map has after they changed.
//!
//! In scope: making and checking it. Out of scope: keeping a map (`map_rows`), a single place (`map`).

use std::collections::BTreeMap;

use super::hash::Hash;
use super::map::{self, DEPTH, MapPath, PathError};
use super::map_rows::{self, RowReader};

/// The siblings of some places of the map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapMultiproof {
    /// A bit for each sibling, the most significant of the first byte first; those that fill the last byte are 0.
    pub present: Vec<u8>,
    /// The siblings that are not empty.
    pub siblings: Vec<Hash>,
}

impl MapMultiproof {
    /// The proof of these places, by ascending key and each once; of none, it is the root.
    pub fn prove<R: RowReader>(rows: &R, keys: &[Hash]) -> Result<MapMultiproof, R::Error> {
        let mut paths = BTreeMap::new();
        for key in keys {
            paths.insert(*key, map_rows::prove(rows, *key)?.1);
        }
        let mut proof = Writer::default();
        match keys.is_empty() {
            true => proof.push(map_rows::root(rows)?, 0),
            false => proof.walk(&paths, keys, 0),
        }
        Ok(proof.proof)
    }

    /// The roots of the maps that have the first, and that have the second, of these values at each key.
    pub fn roots(&self, values: &BTreeMap<Hash, [Hash; 2]>) -> Result<[Hash; 2], PathError> {
        let values: Vec<(Hash, [Hash; 2])> = values.iter().map(|(key, two)| (*key, *two)).collect();
        let mut reader = Reader {
            proof: self,
            bits: 0,
            siblings: 0,
        };
        let roots = reader.walk(&values, 0)?;
        let spare = self.present.len() * 8 - reader.bits;
        let filled = self
            .present
            .last()
            .map_or(0, |last| last.trailing_zeros() as usize);
        match spare < 8 && filled >= spare && reader.siblings == self.siblings.len() {
            true => Ok(roots),
            false => Err(PathError::TooMany),
        }
    }
}

/// The keys that go left, and that go right; they ascend, so those come first.
fn split<T>(places: &[T], key: impl Fn(&T) -> Hash, depth: usize) -> (&[T], &[T]) {
    places.split_at(places.partition_point(|place| !map::goes_right(key(place), depth)))
}

#[derive(Default)]
struct Writer {
    proof: MapMultiproof,
    bits: usize,
}

impl Writer {
    fn walk(&mut self, paths: &BTreeMap<Hash, MapPath>, keys: &[Hash], depth: usize) {
        if depth == DEPTH {
            return;
        }
        let (left, right) = split(keys, |key| *key, depth);
        for side in [left, right] {
            match side {
                [] => self.push(paths[&keys[0]].sibling(depth + 1), depth + 1),
                _ => self.walk(paths, side, depth + 1),
            }
        }
    }

    fn push(&mut self, sibling: Hash, depth: usize) {
        if self.bits.is_multiple_of(8) {
            self.proof.present.push(0);
        }
        if sibling != map::empty(depth) {
            self.proof.present[self.bits / 8] |= 0x80 >> (self.bits % 8);
            self.proof.siblings.push(sibling);
        }
        self.bits += 1;
    }
}

struct Reader<'p> {
    proof: &'p MapMultiproof,
    bits: usize,
    siblings: usize,
}

impl Reader<'_> {
    fn walk(&mut self, values: &[(Hash, [Hash; 2])], depth: usize) -> Result<[Hash; 2], PathError> {
        match values {
            [] => return self.next(depth).map(|sibling| [sibling; 2]),
            [(_, value), ..] if depth == DEPTH => return Ok(*value),
            _ => {}
        }
        let (left, right) = split(values, |(key, _)| *key, depth);
        let left = self.walk(left, depth + 1)?;
        let right = self.walk(right, depth + 1)?;
        Ok([map::node(left[0], right[0]), map::node(left[1], right[1])])
    }

    fn next(&mut self, depth: usize) -> Result<Hash, PathError> {
        let byte = self
            .proof
            .present
            .get(self.bits / 8)
            .ok_or(PathError::TooFew)?;
        let is_present = byte << (self.bits % 8) & 0x80 != 0;
        self.bits += 1;
        if !is_present {
            return Ok(map::empty(depth));
        }
        let sibling = self
            .proof
            .siblings
            .get(self.siblings)
            .ok_or(PathError::TooFew)?;
        self.siblings += 1;
        match *sibling == map::empty(depth) {
            true => Err(PathError::EmptySpelled),
            false => Ok(*sibling),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::map_rows::{MemoryRows, root, update};

    /// Keys that share long beginnings, and keys that share none.
    fn key() -> impl Strategy<Value = Hash> {
        let near = (0usize..256).prop_map(|bit| {
            let mut key = [0x5a; 32];
            key[bit / 8] ^= 0x80 >> (bit % 8);
            Hash(key)
        });
        prop_oneof![any::<[u8; 32]>().prop_map(Hash), near]
    }

    fn values() -> impl Strategy<Value = BTreeMap<Hash, Hash>> {
        proptest::collection::btree_map(key(), any::<[u8; 32]>().prop_map(Hash), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_gives_the_root_before_and_after_any_update(old in values(), new in values(), again in 0usize..6) {
            // Some of the places that change were there before.
            let mut new = new;
            new.extend(old.keys().take(again).map(|key| (*key, Hash([7; 32]))));
            let mut rows = MemoryRows::default();
            rows.extend(update(&rows, &old).unwrap().rows);
            let before = root(&rows).unwrap();
            let after = update(&rows, &new).unwrap().root;
            let keys: Vec<Hash> = new.keys().copied().collect();
            let proof = MapMultiproof::prove(&rows, &keys).unwrap();
            let was = |key: &Hash| old.get(key).copied().unwrap_or(map::empty(DEPTH));
            let both = new.iter().map(|(key, value)| (*key, [was(key), *value])).collect();
            prop_assert_eq!(proof.roots(&both), Ok([before, after]));
            // Each value, each hash and each bit corrupted in turn; one too many and one too few.
            for key in &keys {
                let mut bad = both.clone();
                bad.get_mut(key).unwrap()[0].0[9] ^= 1;
                prop_assert_ne!(proof.roots(&bad).unwrap()[0], before);
            }
            let refused = |bad: &MapMultiproof| bad.roots(&both).map_or(true, |roots| roots[0] != before);
            for at in (0..proof.siblings.len()).step_by(3) {
                let mut bad = proof.clone();
                bad.siblings[at].0[7] ^= 1;
                prop_assert!(refused(&bad));
                bad.siblings.remove(at);
                prop_assert!(refused(&bad));
                bad.siblings.insert(at, Hash([1; 32]));
                bad.siblings.insert(at, Hash([1; 32]));
                prop_assert!(refused(&bad));
            }
            // A prime step: there are some two hundred and fifty bits a key.
            for bit in (0..proof.present.len() * 8).step_by(61) {
                let mut bad = proof.clone();
                bad.present[bit / 8] ^= 0x80 >> (bit % 8);
                prop_assert!(refused(&bad));
            }
            let mut bad = proof.clone();
            bad.present.push(0);
            prop_assert!(refused(&bad));
            bad.present.truncate(proof.present.len() - 1);
            prop_assert!(refused(&bad));
        }
    }

    #[test]
    fn of_no_place_it_is_the_root() {
        let values = BTreeMap::from([(Hash([3; 32]), Hash([4; 32]))]);
        let mut rows = MemoryRows::default();
        let empty = MapMultiproof::prove(&rows, &[]).unwrap();
        assert_eq!(empty.roots(&BTreeMap::new()), Ok([map::empty(0); 2]));
        rows.extend(update(&rows, &values).unwrap().rows);
        let proof = MapMultiproof::prove(&rows, &[]).unwrap();
        assert_eq!(proof.roots(&BTreeMap::new()), Ok([root(&rows).unwrap(); 2]));
    }
}
