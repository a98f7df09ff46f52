//! Floors: what the parts of recording an entry cost by themselves, on one core, in the same run. Their sum is the
//! least that an entry can cost one core; what is measured above it is the price of everything else. A service on
//! several cores can be faster than the floor of one.

use std::time::Instant;

use serde_json::json;

use super::exhibits::{ENTRIES, Exhibit};
use super::machine::synced_append;
use super::row::Row;
use super::stage::Stage;
use crate::cli::failure::Failure;
use crate::ledger::{Rules, check_whole};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::key::Signer;
use crate::protocol::leaf::Commitment;
use crate::protocol::time::LogTime;
use crate::protocol::tree::MemoryTree;
use crate::storage::{
    Batch, Durability, Family, Mode, RocksStore, Row as Stored, Store as _, StoreError,
};

/// Leaves whose rows are written again for the floor of writing.
const SAMPLE: u64 = 8192;

/// Seconds of each part, for one entry.
pub struct Floors {
    parse: f64,
    verify: f64,
    hash: f64,
    sign: f64,
}

/// Measures parsing, verifying, hashing and signing on these exhibits' entries.
pub fn measure(exhibits: &[Exhibit], key: &dyn Signer) -> Result<(Floors, Vec<Row>), Failure> {
    let bad = |why: String| Failure::new("floors", why);
    let bodies: Vec<String> = exhibits
        .iter()
        .flat_map(|exhibit| &exhibit.entries)
        .map(|entry| json!({ "entry": entry }).to_string())
        .collect();
    let mut rows = Vec::new();
    let mut measured = |name, words: &str, begun: Instant| {
        let seconds = begun.elapsed().as_secs_f64();
        let mut row = Row::new(name, words, "entries");
        (row.count, row.seconds) = (bodies.len() as f64, seconds);
        let each = seconds / row.count.max(1.0);
        row.say("microseconds_each", each * 1e6);
        rows.push(row);
        each
    };

    let begun = Instant::now();
    let mut parsed = Vec::with_capacity(bodies.len());
    for body in &bodies {
        let value: serde_json::Value =
            serde_json::from_str(body).map_err(|error| bad(error.to_string()))?;
        let text = value["entry"].as_str().unwrap_or_default();
        let entry = UnverifiedEntry::parse_whole(text).map_err(|error| bad(error.to_string()))?;
        check_whole(Rules::embedded(), &entry).map_err(|error| bad(error.to_string()))?;
        parsed.push(entry);
    }
    let parse = measured(
        "floor_parse",
        "floor: read an entry and check its form",
        begun,
    );

    let public = key.public();
    let begun = Instant::now();
    let mut verified = Vec::with_capacity(parsed.len());
    for entry in parsed {
        verified.push(
            entry
                .verify(&public)
                .map_err(|error| bad(error.to_string()))?,
        );
    }
    let verify = measured("floor_verify", "floor: verify a signature", begun);

    let mut tree = MemoryTree::default();
    let begun = Instant::now();
    for entry in &verified {
        tree.append(Commitment::new(LogTime(0), entry.hash()).leaf_hash());
    }
    let hash = measured("floor_hash", "floor: hash an entry into the tree", begun);

    let begun = Instant::now();
    for entry in &verified {
        let _ = std::hint::black_box(key.signature(std::hint::black_box(entry.jws().as_bytes())));
    }
    let sign = measured("floor_sign", "floor: sign", begun);
    let floors = Floors {
        parse,
        verify,
        hash,
        sign,
    };
    Ok((floors, rows))
}

/// Rows of the ledger, as many as some thousand leaves brought, to be written again.
pub struct Written {
    families: Vec<(Family, Vec<Stored>)>,
    leaves: f64,
}

impl Written {
    /// Takes every so many-th row of each family of a stopped ledger.
    pub fn sample(stage: &Stage) -> Result<Written, Failure> {
        let store = RocksStore::open(&stage.ledger().join("db"), Mode::Read).map_err(failed)?;
        let size = store.size().map_err(failed)?.0;
        let every = size.div_ceil(SAMPLE).max(1) as usize;
        let mut families = Vec::new();
        for family in Family::ALL {
            let rows = store.engine().rows(family, &[]).step_by(every);
            let rows = rows.collect::<Result<Vec<_>, _>>().map_err(failed)?;
            families.push((family, rows));
        }
        Ok(Written {
            families,
            leaves: size as f64 / every as f64,
        })
    }

    /// Writes them into an empty database in groups of so many leaves, unsynced, then syncs as many bytes as a group
    /// has: seconds for a leaf to be written, and for a group to be synced.
    fn again(&self, stage: &Stage, in_group: f64) -> Result<(f64, f64), Failure> {
        let folder = stage.folder().join("floor");
        let _ = std::fs::remove_dir_all(&folder);
        let store = RocksStore::open(&folder.join("db"), Mode::Create).map_err(failed)?;
        let groups = (self.leaves / in_group.max(1.0)).round().max(1.0) as usize;
        let mut batches = Vec::with_capacity(groups);
        let mut bytes = 0;
        for group in 0..groups {
            let mut batch = Batch::default();
            for (family, rows) in &self.families {
                let part = rows.len() * group / groups..rows.len() * (group + 1) / groups;
                for (key, value) in rows.get(part).unwrap_or_default() {
                    bytes += key.len() + value.len();
                    batch.put(*family, key.clone(), value.clone());
                }
            }
            batches.push(batch);
        }
        let begun = Instant::now();
        for batch in &batches {
            let written = store.engine().write(batch, Durability::Later);
            written.map_err(failed)?;
        }
        let write = begun.elapsed().as_secs_f64() / self.leaves.max(1.0);
        drop(store);
        let sync = synced_append(&folder, bytes / groups)?;
        std::fs::remove_dir_all(&folder)
            .map_err(|error| Failure::file("remove", &folder, &error))?;
        Ok((write, sync))
    }
}

impl Floors {
    /// Says in a row of ingest what fraction it is of what the floors alone would allow one core.
    pub fn compare(&self, stage: &Stage, written: &Written, row: &mut Row) -> Result<(), Failure> {
        let said = |row: &Row, name: &str| row.more.get(name).and_then(|value| value.as_f64());
        let (Some(leaves), Some(groups)) = (said(row, "log_leaves"), said(row, "commits")) else {
            return Ok(());
        };
        let in_group = leaves / groups.max(1.0);
        let (write, sync) = written.again(stage, in_group)?;
        let leaves_each = leaves / row.count.max(1.0);
        let groups_each = groups / row.count.max(1.0);
        // One entry of the service's own for every exhibit, signed and verified as it writes it.
        let own_each = 1.0 / ENTRIES as f64;
        let parts = [
            ("parse", self.parse),
            ("verify", self.verify * (1.0 + own_each)),
            ("sign", self.sign * (own_each + groups_each)),
            ("hash", self.hash * leaves_each),
            ("write", write * leaves_each),
            ("sync", sync * groups_each),
        ];
        let sum: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
        let shown: Vec<String> = parts
            .iter()
            .map(|(name, seconds)| format!("{name} {:.1}", seconds * 1e6))
            .collect();
        row.say("floors_in_microseconds_an_entry", shown.join(", "));
        row.say("floor_entries_per_second", 1.0 / sum);
        row.say("fraction_of_floor", row.rate() * sum);
        Ok(())
    }
}

fn failed(error: StoreError) -> Failure {
    Failure::new("floors", error.to_string())
}
