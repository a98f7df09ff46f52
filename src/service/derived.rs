//! What the derived rows of a ledger should be, out of a whole recomputation: what `audit` compares and `repair`
//! writes.

use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::protocol::map_rows::{MemoryRows, RowId};
use crate::protocol::tree::{EntryIndex, MemoryTree, NodeId, NodeReader as _};
use crate::storage::{Cursor, Engine, Family, Row, layout};
use crate::verify::audit_state::AuditState;

use super::stored_log::{Fault, stray};

/// Families that a recomputation gives.
pub const FAMILIES: [Family; 6] = [
    Family::ByHash,
    Family::Chains,
    Family::Nodes,
    Family::Map,
    Family::Records,
    Family::Digests,
];

/// A recomputed ledger.
#[derive(Clone, Copy)]
pub struct Derived<'a> {
    /// The state that the rules give.
    pub state: &'a AuditState,
    /// The tree.
    pub tree: &'a MemoryTree,
    /// The map as of the newest map leaf, and where that stands.
    pub map: (&'a MemoryRows, Option<EntryIndex>),
}

impl<'a> Derived<'a> {
    /// The value that a row should have; nothing if there should be no such row.
    fn value(&self, family: Family, key: &[u8], found: &[u8]) -> Option<Vec<u8>> {
        match family {
            Family::ByHash => {
                let e = crate::protocol::entry::EntryHash(crate::protocol::hash::Hash(
                    key.try_into().ok()?,
                ));
                Some(self.state.index_of(e)?.0.to_be_bytes().to_vec())
            }
            Family::Chains => {
                // The row says where to look; what stands there must say the same of itself.
                let index = layout::number(found, "chains").ok()?;
                let (chain, seq) = self.state.in_chain(EntryIndex(index))?;
                (layout::chain_key(chain, seq) == key).then(|| found.to_vec())
            }
            Family::Nodes => {
                let (level, index) = key.split_first()?;
                let index = layout::number(index, "nodes").ok()?;
                let id = NodeId {
                    level: *level,
                    index,
                };
                Some(self.tree.node(id).ok()?.0.to_vec())
            }
            Family::Map if key == layout::MAP_LEAF => Some(self.map.1?.0.to_be_bytes().to_vec()),
            Family::Map => Some(self.map.0.bytes(&RowId::from_bytes(key)?)?.to_vec()),
            Family::Records => {
                let record = self.state.get(&RecordKey::from_bytes(key)?)?;
                Some(json(&record))
            }
            Family::Digests => {
                let digests = self.state.digests();
                let (sha256, exhibit) = key.split_first_chunk::<32>()?;
                let exhibit = crate::protocol::id::Subject::from_bytes(exhibit.try_into().ok()?);
                digests
                    .contains(&(crate::protocol::hash::Hash(*sha256), exhibit))
                    .then(Vec::new)
            }
            _ => None,
        }
    }

    /// Every row that there should be, in no order.
    pub fn rows(self, family: Family) -> Box<dyn Iterator<Item = Row> + 'a> {
        let (state, tree) = (self.state, self.tree);
        match family {
            Family::ByHash => Box::new(
                state
                    .entries()
                    .map(|(e, index)| (e.0.0.to_vec(), index.0.to_be_bytes().to_vec())),
            ),
            Family::Chains => Box::new(state.entries().filter_map(move |(_, index)| {
                let (chain, seq) = state.in_chain(index)?;
                Some((
                    layout::chain_key(chain, seq),
                    index.0.to_be_bytes().to_vec(),
                ))
            })),
            Family::Nodes => {
                let size = tree.size().0;
                let levels = (0..64u8).take_while(move |level| size >> level > 0);
                let ids = levels.flat_map(move |level| {
                    (0..size >> level).map(move |index| NodeId { level, index })
                });
                Box::new(ids.filter_map(move |id| {
                    let hash = tree.node(id).ok()?;
                    Some((layout::node_key(id).to_vec(), hash.0.to_vec()))
                }))
            }
            Family::Map => {
                let leaf = self
                    .map
                    .1
                    .map(|leaf| (layout::MAP_LEAF.to_vec(), leaf.0.to_be_bytes().to_vec()));
                let rows = self.map.0.rows();
                Box::new(
                    rows.map(|(id, row)| (id.to_bytes(), row.to_vec()))
                        .chain(leaf),
                )
            }
            Family::Records => {
                let others = state
                    .other_records()
                    .map(|(key, record)| (key.to_bytes(), json(record)));
                let entries = state.entries().filter_map(move |(e, _)| {
                    let key = RecordKey::Entry(e);
                    Some((key.to_bytes(), json(&state.get(&key)?)))
                });
                Box::new(others.chain(entries))
            }
            Family::Digests => Box::new(
                state
                    .digests()
                    .iter()
                    .map(|(sha256, exhibit)| (layout::digest_key(*sha256, exhibit), Vec::new())),
            ),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// What is wrong with the stored rows of a family; each is handed to `report`.
    pub fn compare(&self, engine: &dyn Engine, family: Family, report: &mut dyn FnMut(Fault)) {
        let mut right = 0u64;
        let mut wrong = false;
        for row in Cursor::new(engine, family, b"") {
            let (key, value) = match row {
                Ok(row) => row,
                Err(damage) => {
                    wrong = true;
                    report(damage.into());
                    continue;
                }
            };
            match self.value(family, &key, &value) {
                Some(expected) if expected == value => right += 1,
                Some(expected) => {
                    wrong = true;
                    report(differs(family, &key, &expected, &value));
                }
                None if family == Family::Chains => {
                    wrong = true;
                    let words =
                        "It does not lead to the entry that stands at this place of the chain.";
                    report(Fault::new(
                        code(family),
                        layout::in_words(family, &key),
                        words,
                    ));
                }
                None => report(stray(family, &key)),
            }
        }
        let expected = match family {
            Family::ByHash => self.state.entry_count(),
            Family::Chains => self.state.entry_count() - self.state.branch_count(),
            Family::Nodes => (0..64).map(|level| self.tree.size().0 >> level).sum(),
            Family::Map => self.map.0.len() as u64 + u64::from(self.map.1.is_some()),
            Family::Records => self.state.record_count(),
            Family::Digests => self.state.digests().len() as u64,
            _ => 0,
        };
        // Only a family that lacks something is read a second time, to say what.
        if right == expected && !wrong {
            return;
        }
        for (key, _) in self.rows(family) {
            if let Ok(None) = engine.get(family, &key) {
                let words = "It is not stored; it can be rebuilt from the entries.";
                report(Fault::new(
                    code(family),
                    layout::in_words(family, &key),
                    words,
                ));
            }
        }
    }
}

fn json(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record is plain data and serialises")
}

/// Code of a difference in a family.
fn code(family: Family) -> &'static str {
    match family {
        Family::Nodes => "node-differs",
        Family::Map => "map-row-differs",
        Family::Records => "state-differs",
        _ => "index-differs",
    }
}

fn differs(family: Family, key: &[u8], expected: &[u8], found: &[u8]) -> Fault {
    let show = |value: &[u8]| match (family, value.len()) {
        (Family::Records, _) => String::from_utf8_lossy(value).chars().take(300).collect(),
        (_, 8) => u64::from_be_bytes(value.try_into().expect("eight bytes")).to_string(),
        _ => hex::encode(&value[..value.len().min(64)]),
    };
    let words = format!(
        "Expected {}, found {}; it can be rebuilt from the entries.",
        show(expected),
        show(found)
    );
    Fault::new(code(family), layout::in_words(family, key), words)
}
