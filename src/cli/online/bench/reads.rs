//! Reading: each content is given out only after its access entry is on disk, so a first reading is a write too.

use std::time::Instant;

use super::exhibits::{Exhibit, Exhibits};
use super::ingest::{self, Submitted, count, on_connections};
use super::process::Stopwatch;
use super::row::Row;
use super::stage::Stage;
use crate::cli::failure::Failure;
use crate::cli::online::session::Session;

/// A way to read: name, words, the path for an exhibit.
type Way = (&'static str, &'static str, fn(&Exhibit) -> String);

/// What is measured. Each way has a purpose of its own, so that none counts as a repetition of another.
const WAYS: [Way; 4] = [
    ("read_entry", "one entry", |exhibit| {
        format!("/v1/entries/{}", exhibit.e)
    }),
    ("read_history", "an exhibit's history", |exhibit| {
        format!("/v1/exhibits/{}/history", exhibit.subject)
    }),
    ("read_lookup", "whose bytes have this SHA-256", |exhibit| {
        format!("/v1/lookup?sha256={}", exhibit.sha256.to_hex())
    }),
    ("read_bundle", "an exhibit's bundle", |exhibit| {
        format!("/v1/exhibits/{}/bundle", exhibit.subject)
    }),
];

/// So many readings of each way, by so many clients at once.
pub fn all(
    stage: &Stage,
    session: &Session,
    (clients, readings, batch): (usize, usize, usize),
    submitted: &mut Submitted,
) -> Result<Vec<Row>, Failure> {
    let (client, reader) = (&session.client, &session.reader);
    let mut exhibits = Exhibits::new(session)?;
    let made = exhibits.make(readings)?;
    ingest::post(client, &made, batch)?;
    count(submitted, &exhibits, made.len());
    let mut rows = Vec::new();
    for (name, words, path) in WAYS {
        let watch = Stopwatch::start(stage.service_id());
        let waits = on_connections(&made, clients, |share| {
            let mut waits = Vec::with_capacity(share.len());
            for exhibit in share {
                let begun = Instant::now();
                client.read(reader, &path(exhibit), name)?;
                waits.push(begun.elapsed().as_secs_f64());
            }
            Ok(waits)
        })?;
        let mut row = Row::new(name, format!("{words}, {clients} clients"), "readings");
        row.keep_time(watch.stop());
        row.count = waits.len() as f64;
        row.keep_waits(waits);
        rows.push(row);
    }
    Ok(rows)
}
