//! Forks of small trees, each shown, and everything else refused.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::protocol::id::Origin;
use crate::protocol::key::SecretKey;
use crate::protocol::note;
use crate::protocol::tree::{self, MemoryTree, NodeId, NodeReader as _, TreeSize, leaf_hash};

/// Leaves that differ between branches from `fork` on.
fn tree(size: u64, fork: u64, branch: u8) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for n in 0..size {
        let branch = if n < fork { 0 } else { branch };
        tree.append(leaf_hash(&[n as u8, branch]));
    }
    tree
}

fn log() -> (Origin, SecretKey, VerifierKey) {
    let (name, key) = (
        Origin::new("log.example").unwrap(),
        SecretKey::from_seed([1; 32]),
    );
    let vkey = VerifierKey::ed25519(name.clone(), SignatureKind::Ed25519, key.public());
    (name, key, vkey)
}

fn signed(tree: &MemoryTree, size: u64) -> String {
    let (origin, key, _) = log();
    let size = TreeSize(size);
    let root = tree::root(size, tree).unwrap();
    let head = Checkpoint {
        origin: origin.clone(),
        size,
        root,
    };
    note::sign(&head.to_text(), &origin, &key)
}

fn between(first: (&MemoryTree, u64), second: (&MemoryTree, u64)) -> Result<Proven, ForkError> {
    let (old, new) = (TreeSize(first.1), TreeSize(second.1));
    let proof = tree::prove_consistency(old, new, second.0).unwrap();
    let given = tree::root(old, second.0).unwrap();
    let notes = [signed(first.0, first.1), signed(second.0, second.1)];
    let notes = notes.each_ref().map(String::as_str);
    Fork::by_consistency(notes, [&log().2], &proof, Some(given))
}

fn by_leaf(
    first: (&MemoryTree, u64),
    second: (&MemoryTree, u64),
    index: u64,
) -> Result<Proven, ForkError> {
    let branch = |(tree, size): (&MemoryTree, u64)| {
        let index = EntryIndex(index);
        let proof = tree::prove_inclusion(index, TreeSize(size), tree).unwrap();
        (
            LeafHash(
                tree.node(NodeId {
                    level: 0,
                    index: index.0,
                })
                .unwrap(),
            ),
            proof,
        )
    };
    let branches = [branch(first), branch(second)];
    let notes = [signed(first.0, first.1), signed(second.0, second.1)];
    let notes = notes.each_ref().map(String::as_str);
    let index = EntryIndex(index);
    Fork::prove(notes, [&log().2], Evidence::Leaf { index, branches })
}

#[test]
fn every_fork_of_two_small_trees_is_proven_and_no_extension_is() {
    for fork in 0..9 {
        let (one, other) = (tree(9, fork, 1), tree(9, fork, 2));
        for m in 1..=9 {
            for n in m..=9 {
                let result = between((&one, m), (&other, n));
                if m <= fork {
                    assert!(matches!(result, Err(ForkError::NoFork(_))), "{m} {n}");
                } else {
                    let proven = result.unwrap();
                    assert_eq!(Fork::parse(&proven.text).unwrap().verify().unwrap(), proven);
                }
                for index in 0..m {
                    let result = by_leaf((&one, m), (&other, n), index);
                    assert_eq!(result.is_ok(), index >= fork, "{m} {n} {index}");
                    if let Ok(proven) = result {
                        let read = Fork::parse(&proven.text).unwrap();
                        assert_eq!(read.verify().unwrap(), proven);
                    }
                }
            }
        }
    }
}

#[test]
fn a_tampered_file_proves_nothing() {
    let (one, other) = (tree(9, 4, 1), tree(9, 4, 2));
    let files = [
        between((&one, 8), (&other, 8)),
        between((&one, 6), (&other, 9)),
        between((&one, 8), (&other, 9)),
        by_leaf((&one, 7), (&other, 9), 5),
    ];
    for file in files {
        let text = file.unwrap().text;
        for at in 0..text.len() {
            for bit in [1, 2, 0x20] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let result = Fork::parse(&changed).and_then(|fork| fork.verify());
                assert!(result.is_err(), "byte {at}: {changed}");
            }
            if let Some(cut) = text.get(..at) {
                let result = Fork::parse(cut).and_then(|fork| fork.verify());
                assert!(result.is_err(), "cut at {at}");
            }
        }
    }
}

#[test]
fn nobody_is_accused_of_what_others_signed() {
    let (one, other) = (tree(9, 4, 1), tree(9, 4, 2));
    let (origin, _, vkey) = log();
    let stranger = SecretKey::from_seed([9; 32]);
    let foreign = |tree: &MemoryTree, name: &Origin| {
        let root = tree::root(TreeSize(9), tree).unwrap();
        let head = Checkpoint {
            origin: origin.clone(),
            size: TreeSize(9),
            root,
        };
        note::sign(&head.to_text(), name, &stranger)
    };
    let other_key = |name: &Origin| {
        VerifierKey::ed25519(name.clone(), SignatureKind::Ed25519, stranger.public())
    };
    // Each checkpoint by another key.
    let notes = [signed(&one, 9), foreign(&other, &origin)];
    let keys = [vkey.clone(), other_key(&origin)];
    Fork::prove(
        notes.each_ref().map(String::as_str),
        &keys,
        Evidence::SameSize,
    )
    .unwrap_err();
    // A key of another log that signs what it has no business with.
    let name = Origin::new("other.example").unwrap();
    let notes = [foreign(&one, &name), foreign(&other, &name)];
    let keys = [other_key(&name)];
    Fork::prove(
        notes.each_ref().map(String::as_str),
        &keys,
        Evidence::SameSize,
    )
    .unwrap_err();
    // Two logs.
    let elsewhere = signed(&other, 9).replace("log.example\n9", "log.exampl2\n9");
    let notes = [signed(&one, 9), elsewhere];
    Fork::prove(
        notes.each_ref().map(String::as_str),
        [&vkey],
        Evidence::SameSize,
    )
    .unwrap_err();
}
