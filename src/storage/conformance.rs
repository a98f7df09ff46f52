//! What every backend must do, as one function over anything that can be opened again. RocksDB and the model disk
//! pass it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::engine::{Batch, Durability, Family};
use super::layout::{FORMAT, MAP_LEAF};
use super::log_store::Mode;
use super::model::{Fault, ModelDisk};
use super::rocks::RocksStore;
use super::store::{Group, NewEntry, NewLeaf, Publication, Row, Store, StoreError};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, NodeId, TreeSize};

/// A place for one ledger, empty at first.
trait Backend {
    fn open(&self, mode: Mode) -> Result<Box<dyn Store>, StoreError>;
}

struct Rocks(tempfile::TempDir);

impl Backend for Rocks {
    fn open(&self, mode: Mode) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(RocksStore::open(&self.0.path().join("db"), mode)?))
    }
}

impl Backend for ModelDisk {
    fn open(&self, mode: Mode) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(ModelDisk::open(self, mode)?))
    }
}

#[test]
fn rocksdb_conforms() {
    conforms(|| Rocks(tempfile::tempdir().unwrap()));
}

#[test]
fn the_model_disk_conforms() {
    conforms(ModelDisk::default);
}

fn conforms<B: Backend>(fresh: impl Fn() -> B) {
    opens_what_it_should_and_nothing_else(&fresh());
    for format in [FORMAT - 1, FORMAT + 1] {
        refuses_another_format(&fresh(), format);
    }
    keeps_groups_whole_in_order(&fresh());
    refuses_a_group_that_does_not_fit(&fresh());
    keeps_published_checkpoints(&fresh());
    tells_who_waits_that_the_log_grew(&fresh());
    reads_rows_in_the_order_of_their_keys(&fresh());
}

fn subject(n: u8) -> Subject {
    Subject::from_bytes([n; 16])
}

fn chain(n: u8, strand: Strand) -> ChainId {
    ChainId {
        subject: subject(n),
        strand,
    }
}

/// A leaf whose entry is number `n` of everything, and number `seq` of its chain.
fn leaf(n: u64, chain: ChainId, seq: u64) -> NewLeaf {
    let detail = |name: &str| (name.to_owned(), format!("{name} of {n}"));
    NewLeaf {
        data: n.to_be_bytes().to_vec(),
        entry: Some(NewEntry {
            recorded_at: LogTime(1000 + n),
            e: EntryHash(Hash([n as u8 + 1; 32])),
            jws: format!("jws {n}"),
            disclosures: match n % 3 {
                0 => vec![],
                1 => vec![detail("place")],
                _ => vec![detail("place"), detail("remarks")],
            },
            place: Some((chain, seq)),
        }),
    }
}

fn group(expected: u64, leaves: Vec<NewLeaf>) -> Group {
    let end = expected + leaves.len() as u64;
    let node = |index| (NodeId { level: 0, index }, Hash([index as u8; 32]));
    Group {
        expected_size: TreeSize(expected),
        leaves,
        nodes: (expected..end).map(node).collect(),
        records: vec![
            (b"L".to_vec(), format!("at {end}").into_bytes()),
            (format!("E{end:02}").into_bytes(), b"{}".to_vec()),
        ],
        digests: vec![(Hash([8; 32]), subject(end as u8))],
        erased: None,
        checkpoint: format!("note {end}"),
        published: None,
    }
}

/// Three groups: one entry; a map leaf and two entries; one entry. The chains interleave.
fn groups() -> [Group; 3] {
    let custody = || chain(1, Strand::Custody);
    // The same subject, and a strand and a subject that sort beside it.
    let notes = || chain(1, Strand::Notes);
    let map_leaf = NewLeaf {
        data: vec![2; 41],
        entry: None,
    };
    [
        group(0, vec![leaf(0, custody(), 0)]),
        group(
            1,
            vec![map_leaf, leaf(2, notes(), 0), leaf(3, custody(), 1)],
        ),
        group(4, vec![leaf(4, chain(2, Strand::Custody), 0)]),
    ]
}

/// Everything that the three groups put there, and nothing more.
fn holds_the_groups(store: &dyn Store) {
    assert_eq!(store.size().unwrap(), TreeSize(5));
    for n in [0, 2, 3, 4] {
        let entry = store.entry(EntryIndex(n)).unwrap().unwrap();
        assert_eq!(entry.index, EntryIndex(n));
        assert_eq!(entry.recorded_at, LogTime(1000 + n));
        assert_eq!(entry.jws, format!("jws {n}"));
        let expected: Vec<String> = match n % 3 {
            0 => vec![],
            1 => vec![format!("place of {n}")],
            _ => vec![format!("place of {n}"), format!("remarks of {n}")],
        };
        assert_eq!(entry.disclosures, expected);
        let data = store.leaf(EntryIndex(n)).unwrap().unwrap();
        assert_eq!(data, n.to_be_bytes());
        let e = EntryHash(Hash([n as u8 + 1; 32]));
        assert_eq!(store.index_of(e).unwrap(), Some(EntryIndex(n)));
    }
    assert_eq!(store.entry(EntryIndex(1)).unwrap(), None);
    assert_eq!(store.leaf(EntryIndex(1)).unwrap(), Some(vec![2; 41]));
    assert_eq!(store.leaf(EntryIndex(5)).unwrap(), None);
    assert_eq!(store.entry(EntryIndex(5)).unwrap(), None);
    assert_eq!(store.index_of(EntryHash(Hash([99; 32]))).unwrap(), None);
    for (chain, expected) in [
        (chain(1, Strand::Custody), vec![0, 3]),
        (chain(1, Strand::Notes), vec![2]),
        (chain(2, Strand::Custody), vec![4]),
        (chain(2, Strand::Notes), vec![]),
        (chain(3, Strand::Custody), vec![]),
    ] {
        let found = store.chain(&chain).unwrap();
        let found: Vec<u64> = found.into_iter().map(|index| index.0).collect();
        assert_eq!(found, expected, "{chain:?}");
    }
    for index in 0..5 {
        let node = store.node(NodeId { level: 0, index }).unwrap();
        assert_eq!(node, Some(Hash([index as u8; 32])));
    }
    let absent = [(0, 5), (1, 0)];
    for (level, index) in absent {
        assert_eq!(store.node(NodeId { level, index }).unwrap(), None);
    }
    assert_eq!(store.record(b"L").unwrap().as_deref(), Some(&b"at 5"[..]));
    assert!(store.record(b"E01").unwrap().is_some());
    assert_eq!(store.record(b"E02").unwrap(), None);
    assert_eq!(store.checkpoint().unwrap().as_deref(), Some("note 5"));
    let exhibits = store.exhibits_with(Hash([8; 32])).unwrap();
    assert_eq!(exhibits, [1, 4, 5].map(subject));
    assert_eq!(store.exhibits_with(Hash([9; 32])).unwrap(), []);
}

/// Every row that is not encrypted anew each time.
fn rows(store: &dyn Store) -> Vec<(Family, Row)> {
    let mut found = Vec::new();
    for family in Family::ALL {
        let rows = store.engine().rows(family, b"");
        found.extend(rows.map(|row| (family, row.unwrap())));
    }
    found
}

fn opens_what_it_should_and_nothing_else(backend: &impl Backend) {
    for mode in [Mode::Write, Mode::Read] {
        let refused = backend.open(mode).err();
        assert!(matches!(refused, Some(StoreError::NotALedger(_))));
    }
    let store = backend.open(Mode::Create).unwrap();
    assert_eq!(store.size().unwrap(), TreeSize(0));
    assert_eq!(store.checkpoint().unwrap(), None);
    for mode in [Mode::Write, Mode::Read] {
        let refused = backend.open(mode).err();
        assert!(matches!(refused, Some(StoreError::InUse(_))), "{mode:?}");
    }
    drop(store);
    let refused = backend.open(Mode::Create).err();
    assert!(matches!(refused, Some(StoreError::Exists(_))));
    let store = backend.open(Mode::Read).unwrap();
    assert!(store.commit(&groups()[0]).is_err(), "opened to read");
    drop(store);
    backend
        .open(Mode::Write)
        .unwrap()
        .commit(&groups()[0])
        .unwrap();
}

fn refuses_another_format(backend: &impl Backend, format: u32) {
    let store = backend.open(Mode::Create).unwrap();
    let mut batch = Batch::default();
    batch.put(Family::Meta, *b"format", format.to_be_bytes());
    store.engine().write(&batch, Durability::Synced).unwrap();
    drop(store);
    let refused = backend.open(Mode::Write).err();
    assert!(
        matches!(refused, Some(StoreError::NewerFormat { found, known } | StoreError::OlderFormat { found, known })
        if (found, known) == (format, FORMAT))
    );
}

fn keeps_groups_whole_in_order(backend: &impl Backend) {
    let store = backend.open(Mode::Create).unwrap();
    for group in groups() {
        store.commit(&group).unwrap();
    }
    holds_the_groups(&*store);
    let before = rows(&*store);
    drop(store);
    for mode in [Mode::Read, Mode::Write, Mode::Read] {
        let store = backend.open(mode).unwrap();
        holds_the_groups(&*store);
        assert_eq!(rows(&*store), before, "opened again: {mode:?}");
    }
}

fn refuses_a_group_that_does_not_fit(backend: &impl Backend) {
    let store = backend.open(Mode::Create).unwrap();
    let [first, second, third] = groups();
    store.commit(&first).unwrap();
    let before = rows(&*store);
    for group in [&first, &third] {
        let refused = store.commit(group).unwrap_err();
        let expected = group.expected_size.0;
        assert!(
            matches!(refused, StoreError::Conflict { found: 1, expected: e } if e == expected),
            "{refused}"
        );
        assert_eq!(rows(&*store), before, "a conflict writes nothing");
    }
    store.commit(&second).unwrap();
    store.commit(&third).unwrap();
    holds_the_groups(&*store);
}

fn keeps_published_checkpoints(backend: &impl Backend) {
    let store = backend.open(Mode::Create).unwrap();
    assert_eq!(store.published().unwrap(), None);
    assert_eq!(store.engine().head().unwrap(), None);
    let [first, second, third] = groups();
    let publishing = |group: Group, row: &str| {
        let end = group.expected_size.0 + group.leaves.len() as u64;
        let published = Some(Publication {
            note: format!("published {end}"),
            map: vec![(vec![0], row.as_bytes().to_vec())],
        });
        Group { published, ..group }
    };
    store.commit(&publishing(first, "one")).unwrap();
    let view = store.engine().view(Family::Map).unwrap();
    store.commit(&publishing(second, "two")).unwrap();
    // A view stands still.
    assert_eq!(view.get(&[0]).unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(view.get(MAP_LEAF).unwrap(), Some(vec![0; 8]));
    drop(view);
    let around = |store: &dyn Store, index| {
        let around = store.published_around(EntryIndex(index)).unwrap();
        around.map(|note| note.unwrap_or_default())
    };
    drop(store);
    let store = backend.open(Mode::Write).unwrap();
    assert_eq!(store.published().unwrap().as_deref(), Some("published 4"));
    let head = store.engine().head().unwrap();
    assert_eq!(head.as_deref(), Some("published 4"));
    for (index, before, after) in [
        (0, "", "published 1"),
        (1, "published 1", "published 4"),
        (3, "published 1", "published 4"),
        (4, "published 4", ""),
    ] {
        assert_eq!(around(&*store, index), [before, after], "entry {index}");
    }
    let row = store.engine().get(Family::Map, &[0]).unwrap();
    assert_eq!(row.as_deref(), Some(&b"two"[..]));
    store.commit(&third).unwrap();
    assert_eq!(around(&*store, 4), ["published 4", ""], "none is asked for");
    let mut last = third;
    last.expected_size = TreeSize(5);
    store.commit(&publishing(last, "three")).unwrap();
    assert_eq!(around(&*store, 4), ["published 4", "published 6"]);
}

fn tells_who_waits_that_the_log_grew(backend: &impl Backend) {
    let store = backend.open(Mode::Create).unwrap();
    let nothing = store.wait_beyond(TreeSize(0), Duration::from_millis(1));
    assert_eq!(nothing.unwrap(), TreeSize(0));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| store.wait_beyond(TreeSize(0), Duration::from_secs(60)));
        store.commit(&groups()[0]).unwrap();
        assert_eq!(waits.join().unwrap().unwrap(), TreeSize(1));
    });
    let at_once = store.wait_beyond(TreeSize(0), Duration::from_secs(60));
    assert_eq!(at_once.unwrap(), TreeSize(1));
}

fn reads_rows_in_the_order_of_their_keys(backend: &impl Backend) {
    let store = backend.open(Mode::Create).unwrap();
    let engine = store.engine();
    let mut batch = Batch::default();
    for key in [&b"b"[..], b"", b"ba", b"a\xff", b"c"] {
        batch.put(Family::Search, key, key);
    }
    batch.put(Family::Named, *b"a", *b"other family");
    engine.write(&batch, Durability::Later).unwrap();
    let keys = |from: &[u8]| -> Vec<Vec<u8>> {
        let rows = engine.rows(Family::Search, from);
        rows.map(|row| row.unwrap().0).collect()
    };
    assert_eq!(keys(b""), [&b""[..], b"a\xff", b"b", b"ba", b"c"]);
    assert_eq!(keys(b"b"), [&b"b"[..], b"ba", b"c"]);
    assert_eq!(keys(b"d"), Vec::<Vec<u8>>::new());
    let last = |upto: &[u8]| {
        let row = engine.last(Family::Search, upto).unwrap();
        row.map(|(key, _)| key)
    };
    assert_eq!(last(b"bb").as_deref(), Some(&b"ba"[..]));
    assert_eq!(last(b"").as_deref(), Some(&b""[..]));
    let mut batch = Batch::default();
    batch.delete(Family::Search, *b"b");
    batch.put(Family::Search, *b"c", *b"new");
    engine.write(&batch, Durability::Synced).unwrap();
    assert_eq!(engine.get(Family::Search, b"b").unwrap(), None);
    let changed = engine.get(Family::Search, b"c").unwrap();
    assert_eq!(changed.as_deref(), Some(&b"new"[..]));
    assert_eq!(keys(b"b"), [&b"ba"[..], b"c"]);
}

/// What the model has beyond the contract: it must fail as it says.
#[test]
fn the_model_disk_fails_as_it_says() {
    for (fault, read_back, after_power_cut) in [
        (Fault::Failed, 0, 0),
        (Fault::FailedButPersisted, 1, 1),
        (Fault::FailedUnsynced, 1, 0),
    ] {
        let disk = ModelDisk::default();
        let store = disk.open(Mode::Create).unwrap();
        // A commit asks for the size, then writes.
        disk.fail_at(1, fault);
        assert!(matches!(store.commit(&groups()[0]), Err(StoreError::Io(_))));
        assert!(disk.heal(), "the fault was reached");
        assert_eq!(store.size().unwrap(), TreeSize(read_back), "{fault:?}");
        let again = store.commit(&group(read_back, vec![]));
        assert!(again.is_err(), "nothing is written after a failed write");
        disk.power_cut();
        assert!(store.size().is_err(), "whoever had it open has it no more");
        let store = disk.open(Mode::Write).unwrap();
        assert_eq!(
            store.size().unwrap(),
            TreeSize(after_power_cut),
            "{fault:?}"
        );
    }
    let disk = ModelDisk::default();
    let store = disk.open(Mode::Create).unwrap();
    let mut batch = Batch::default();
    batch.put(Family::Scrub, *b"a", *b"");
    store.engine().write(&batch, Durability::Later).unwrap();
    assert_eq!(rows(&store).len(), 2);
    disk.power_cut();
    let store = disk.open(Mode::Write).unwrap();
    assert_eq!(rows(&store).len(), 1, "what was not synced is gone");
    store.engine().write(&batch, Durability::Later).unwrap();
    store.commit(&groups()[0]).unwrap();
    let before = rows(&store);
    disk.power_cut();
    let store = disk.open(Mode::Read).unwrap();
    assert_eq!(
        rows(&store),
        before,
        "a sync covers what was written before"
    );
}
