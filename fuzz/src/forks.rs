//! Proofs of fork: with the signed checkpoints of one honest log nobody can make one, whatever hashes they put in;
//! of two logs that part, every proof shows them as they are.

use std::sync::OnceLock;

use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::fork::{Evidence, Fork};
use custodes::protocol::hash::Hash;
use custodes::protocol::note;
use custodes::protocol::tree::{
    ConsistencyProof, EntryIndex, InclusionProof, LeafHash, MemoryTree, NodeId, NodeReader as _,
    RootHash, TreeSize, leaf_hash, prove_consistency, prove_inclusion, root,
};

use super::signed::{key, keys, name};

/// Leaves of each tree.
const SIZE: u64 = 13;

/// The first leaf that differs.
const PARTS: u64 = 5;

/// Two trees under one key, that part at a leaf.
struct Parted {
    trees: [MemoryTree; 2],
    /// Every hash that anyone could know of them.
    hashes: Vec<Hash>,
    /// Both trees at every size, from 1 on: what was signed, and under both keys of the log.
    signed: [Vec<(Checkpoint, String)>; 2],
}

fn parted() -> &'static Parted {
    static PARTED: OnceLock<Parted> = OnceLock::new();
    PARTED.get_or_init(|| {
        let trees = [1, 2].map(|branch| {
            let mut tree = MemoryTree::default();
            for at in 0..SIZE {
                tree.append(leaf_hash(&[at as u8, if at < PARTS { 0 } else { branch }]));
            }
            tree
        });
        let signed: [Vec<(Checkpoint, String)>; 2] = trees.each_ref().map(|tree| {
            let sizes = (1..=SIZE).map(TreeSize);
            let heads = sizes.map(|size| Checkpoint {
                origin: name(),
                size,
                root: root(size, tree).unwrap(),
            });
            let sign = |head: Checkpoint| {
                let text = head.to_text();
                let line = note::cosign(&text, &name(), 1, &key());
                (head, note::sign(&text, &name(), &key()) + &line)
            };
            heads.map(sign).collect()
        });
        let mut hashes = vec![Hash::ZERO];
        for (tree, heads) in trees.iter().zip(&signed) {
            let ids = (0..4).flat_map(|level| (0..SIZE).map(move |index| NodeId { level, index }));
            hashes.extend(ids.filter_map(|id| tree.node(id).ok()));
            hashes.extend(heads.iter().map(|(head, _)| head.root.0));
        }
        Parted {
            trees,
            hashes,
            signed,
        }
    })
}

impl Parted {
    /// Whether two checkpoints contradict each other.
    fn contradict(&self, [one, other]: [(usize, u64); 2]) -> bool {
        one.0 != other.0 && one.1.min(other.1) > PARTS
    }

    fn leaf(&self, tree: usize, index: u64) -> Hash {
        self.trees[tree].node(NodeId { level: 0, index }).unwrap()
    }
}

/// A text: a file that is read is written the same, and one that proves a fork of our log has two checkpoints that
/// our key signed and that contradict each other. Other bytes: evidence made of real hashes and edited.
pub fn fork(data: &[u8]) {
    match std::str::from_utf8(data) {
        Ok(text) if text.starts_with("custody") => file(text),
        _ => edited(data),
    }
}

fn file(text: &str) {
    let Ok(fork) = Fork::parse(text) else {
        return;
    };
    let Ok(proven) = fork.verify() else {
        return;
    };
    assert_eq!(proven.text, text);
    let [first, second] = &proven.checkpoints;
    assert!(first != second && first.origin == second.origin);
    assert!(first.size <= second.size || text.contains("\nleaf "));
    if !proven.guilty.iter().any(|key| keys().contains(key)) {
        return;
    }
    let place = |head: &Checkpoint| {
        let is_there = |tree: &usize| parted().signed[*tree].iter().any(|(one, _)| one == head);
        let tree = [0, 1].into_iter().find(is_there);
        (tree.expect("our key signed it"), head.size.0)
    };
    // Where both trees are still the same it is found in the first, so it must not be taken for a contradiction.
    assert!(parted().contradict([place(first), place(second)]));
}

/// Two checkpoints, a kind of evidence, and edits of three bytes each.
fn edited(data: &[u8]) {
    let [trees, m, n, kind, index, edits @ ..] = data else {
        return;
    };
    let parted = parted();
    let (one, other) = (usize::from(trees & 1), usize::from(trees >> 1 & 1));
    let (m, n) = (1 + u64::from(*m) % SIZE, 1 + u64::from(*n) % SIZE);
    let index = u64::from(*index) % SIZE;
    let edits = edits.chunks_exact(3).take(12);
    let honest = edits.len() == 0;
    let possible = match kind % 3 {
        0 => m == n,
        1 => m < n,
        _ => (PARTS..m.min(n)).contains(&index),
    };
    let mut hashes = match kind % 3 {
        0 => Default::default(),
        1 if m <= n => {
            let tree = &parted.trees[other];
            let proof = prove_consistency(TreeSize(m), TreeSize(n), tree).unwrap();
            [vec![root(TreeSize(m), tree).unwrap().0], proof.0]
        }
        1 => [vec![Hash::ZERO], Vec::new()],
        _ => [(one, m), (other, n)].map(|(tree, size)| {
            let at = index.min(size - 1);
            let proof = prove_inclusion(EntryIndex(at), TreeSize(size), &parted.trees[tree]);
            [vec![parted.leaf(tree, at)], proof.unwrap().0].concat()
        }),
    };
    for edit in edits {
        let list = &mut hashes[usize::from(edit[0] & 1)];
        let hash = parted.hashes[usize::from(edit[2]) % parted.hashes.len()];
        let at = usize::from(edit[1]) % (list.len() + 1);
        match edit[0] >> 1 & 3 {
            0 => list.insert(at, hash),
            1 if at < list.len() => list[at] = hash,
            2 if at < list.len() => drop(list.remove(at)),
            _ => list.reverse(),
        }
    }
    let [first, second] = hashes;
    let evidence = match (kind % 3, first.split_first(), second.split_first()) {
        (0, ..) => Evidence::SameSize,
        (1, Some((start, _)), _) => Evidence::Prefix {
            root: RootHash(*start),
            proof: ConsistencyProof(second),
        },
        (2, Some((leaf, path)), Some((leaf_2, path_2))) => Evidence::Leaf {
            index: EntryIndex(index),
            branches: [(*leaf, path), (*leaf_2, path_2)]
                .map(|(leaf, path)| (LeafHash(leaf), InclusionProof(path.to_vec()))),
        },
        _ => return,
    };
    let heads = [(one, m), (other, n)].map(|(tree, size)| &parted.signed[tree][size as usize - 1]);
    let contradict = parted.contradict([(one, m), (other, n)]);
    let notes = heads.map(|(_, note)| note.as_str());
    let Ok(proven) = Fork::prove(notes, keys(), evidence.clone()) else {
        let complete = honest && possible && contradict;
        assert!(!complete, "an honest proof of a fork was refused");
        return;
    };
    assert!(contradict, "a fork was proven where there is none");
    assert!(possible);
    assert_eq!(proven.checkpoints.each_ref(), heads.map(|(head, _)| head));
    match evidence {
        Evidence::SameSize => {}
        Evidence::Prefix { root: start, .. } => {
            assert_eq!(start, root(TreeSize(m), &parted.trees[other]).unwrap());
        }
        Evidence::Leaf { branches, .. } => {
            let leaves = branches.map(|(leaf, _)| leaf.0);
            assert_eq!(leaves, [one, other].map(|tree| parted.leaf(tree, index)));
        }
    }
    // Both keys of the log that signed are named, and what was written is read as the same.
    assert_eq!(proven.guilty.len(), 2);
    let read = Fork::parse(&proven.text).unwrap();
    assert_eq!(read.verify().as_ref(), Ok(&proven));
}

/// Proofs of every kind, as texts.
pub fn seeds() -> Vec<(&'static str, String)> {
    let kinds = [
        ("same-size", 0, 9, 9),
        ("prefix", 1, 7, 12),
        ("leaf", 2, 8, 11),
    ];
    let seed = |(kind, number, m, n): (&'static str, u8, u64, u64)| {
        let parted = parted();
        let [one, other] = [(0, m), (1, n)];
        let branch = |(tree, size): (usize, u64)| {
            let proof = prove_inclusion(EntryIndex(6), TreeSize(size), &parted.trees[tree]);
            (LeafHash(parted.leaf(tree, 6)), proof.unwrap())
        };
        let evidence = match number {
            0 => Evidence::SameSize,
            1 => Evidence::Prefix {
                root: root(TreeSize(m), &parted.trees[1]).unwrap(),
                proof: prove_consistency(TreeSize(m), TreeSize(n), &parted.trees[1]).unwrap(),
            },
            _ => Evidence::Leaf {
                index: EntryIndex(6),
                branches: [one, other].map(branch),
            },
        };
        let notes =
            [one, other].map(|(tree, size)| parted.signed[tree][size as usize - 1].1.as_str());
        (kind, Fork::prove(notes, keys(), evidence).unwrap().text)
    };
    kinds.map(seed).into()
}
