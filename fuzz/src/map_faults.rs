//! Proofs of a wrong map: with what an honest log published, and whatever an accuser makes of it, nothing is shown.

use std::sync::OnceLock;

use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::hash::Hash;
use custodes::protocol::leaf::ChainHead;
use custodes::protocol::map_rows;
use custodes::protocol::note;
use custodes::protocol::tree::{
    ConsistencyProof, EntryIndex, MemoryTree, TreeSize, prove_consistency, root,
};
use custodes::verify::map_audit::{LogPlace, MapAudit, Recomputed};
use custodes::verify::map_fault::{Content, MapFault, Stretch};

use super::signed::{key, keys, name};
use super::world::sample;

/// An honest log that published twice, a branch in its second stretch.
struct Log {
    tree: MemoryTree,
    /// Its two stretches.
    stretches: [Stretch; 2],
    /// Checkpoints at the ends of both.
    notes: [String; 2],
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let mut sample = sample();
        let first = map_root(&sample.world.mapped().1);
        sample.world.publish_map();
        let end = sample.world.tree.size().0;
        sample.branch();
        let (tree, rows) = sample.world.mapped();
        let entries = sample.world.entries.iter().map(|one| LogPlace::Entry {
            index: one.index,
            recorded_at: one.recorded_at,
            jws: one.entry.jws().to_owned(),
        });
        let mut places: Vec<LogPlace> = entries.collect();
        let map = |index: u64, map| LogPlace::Map {
            index: EntryIndex(index),
            map,
        };
        places.insert(end as usize - 1, map(end - 1, first));
        places.push(map(tree.size().0 - 1, map_root(&rows)));
        let ends = [end, tree.size().0];
        let stretches = ends.map(|end| stretch(&places[..end as usize]));
        let notes = ends.map(|end| signed(&tree, end));
        Log {
            tree,
            stretches,
            notes,
        }
    })
}

fn map_root(rows: &map_rows::MemoryRows) -> Hash {
    map_rows::root(rows).unwrap()
}

fn signed(tree: &MemoryTree, size: u64) -> String {
    let size = TreeSize(size);
    let root = root(size, tree).unwrap();
    let head = Checkpoint {
        origin: name(),
        size,
        root,
    };
    note::sign(&head.to_text(), &name(), &key())
}

/// The last stretch of an honest log, as somebody hands it out who says that it is wrong.
fn stretch(places: &[LogPlace]) -> Stretch {
    let (last, before) = places.split_last().unwrap();
    let LogPlace::Map { index, map } = last else {
        panic!("a stretch ends in a map leaf");
    };
    let mut audit = MapAudit::resume(Recomputed::default());
    before.iter().for_each(|place| audit.take(place).unwrap());
    let lie = LogPlace::Map {
        index: *index,
        map: Hash::ZERO,
    };
    audit.take(&lie).unwrap_err();
    let mut stretch = audit.wrong().unwrap().clone();
    stretch.map = Some(*map);
    stretch
}

/// A text: a file that is read is written the same, and shows something of a log whose key we hold only where that
/// log lied. Other bytes: edits of what an honest log published.
pub fn map_fault(data: &[u8]) {
    match std::str::from_utf8(data) {
        Ok(text) if text.starts_with("custody") => file(text),
        _ => edited(data),
    }
}

fn file(text: &str) {
    let Ok(shown) = MapFault::parse(text).and_then(|fault| fault.verify()) else {
        return;
    };
    assert_eq!(shown.text, text);
    assert!(shown.index.0 < shown.checkpoint.size.0);
    let honest = |note: &String| note.contains(&shown.checkpoint.to_text());
    let ours = shown.guilty.iter().any(|one| keys().contains(one));
    assert!(!ours || !log().notes.iter().any(honest));
}

/// A stretch, a checkpoint, and edits of three bytes each: what, where, and with which other thing.
fn edited(data: &[u8]) {
    let [which, edits @ ..] = data else { return };
    let log = log();
    let mut one = log.stretches[usize::from(which & 1)].clone();
    let other = &log.stretches[usize::from(which & 1 ^ 1)];
    for edit in edits.chunks_exact(3).take(8) {
        let [what, at, with] = [edit[0], edit[1], edit[2]].map(usize::from);
        let hash = other.siblings.siblings.get(with).copied();
        let hash = hash.or(one.map_before).unwrap_or(Hash::ZERO);
        let count = one.entries.len().max(1);
        let siblings = one.siblings.siblings.len().max(1);
        match what % 16 {
            0 => one.map = None,
            1 => one.map = Some(hash),
            2 => one.map_before = None,
            3 => one.map_before = Some(hash),
            4 => one.tree_before = other.tree_before.clone(),
            5 => one.entries.truncate(at),
            6 => one.entries.rotate_left(at % count),
            7 if !one.entries.is_empty() => drop(one.entries.remove(at % count)),
            8 => one.entries.extend(other.entries.get(with).cloned()),
            9 => one.siblings.siblings.rotate_left(at % siblings),
            10 if !one.siblings.siblings.is_empty() => {
                one.siblings.siblings[at % siblings] = hash;
            }
            11 => one.siblings = other.siblings.clone(),
            12 if !one.siblings.present.is_empty() => {
                let at = at % one.siblings.present.len();
                one.siblings.present[at] ^= 1 << (with % 8);
            }
            what => {
                let Some(given) = one.entries.get_mut(at % count) else {
                    continue;
                };
                match what {
                    13 => given.recorded_at.0 ^= with as u64,
                    14 => given.before = Some((with as u64, ChainHead(hash))),
                    _ if with == 0 => given.before = None,
                    _ => given.content = Content::read(&[with as u8; 9]),
                }
            }
        }
    }
    for (note, size) in log.notes.iter().zip([&log.stretches[0], &log.stretches[1]]) {
        let size = size.end();
        let end = one.end();
        let proof = match 0 < end.0 && end <= size {
            true => prove_consistency(end, size, &log.tree).unwrap(),
            false => ConsistencyProof(Vec::new()),
        };
        let result = one.signed(note, keys(), proof);
        assert!(result.is_err(), "an honest log was accused");
    }
}

/// A map that hides what it should not, as a text; and edits.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let log = log();
    let mut lied = log.stretches[1].clone();
    lied.map = Some(Hash::ZERO);
    // What such a log has signed.
    let mut tree = MemoryTree::default();
    let leaf = |index: u64| {
        use custodes::protocol::tree::{LeafHash, NodeId, NodeReader as _};
        LeafHash(log.tree.node(NodeId { level: 0, index }).unwrap())
    };
    let last = lied.end().0 - 1;
    for index in 0..last {
        tree.append(leaf(index));
    }
    let data = custodes::protocol::leaf::map_leaf_data(EntryIndex(last), Hash::ZERO);
    tree.append(custodes::protocol::tree::leaf_hash(&data));
    let note = signed(&tree, lied.end().0);
    let none = ConsistencyProof(Vec::new());
    let shown = lied.signed(&note, keys(), none).unwrap();
    vec![
        ("wrong-map", shown.text.into_bytes()),
        ("honest", vec![1]),
        ("cut", vec![1, 5, 3, 0, 0, 0, 0]),
        ("time", vec![0, 13, 4, 9]),
    ]
}
