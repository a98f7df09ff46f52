//! Entries submitted and acknowledged: one to a request, and in batches.
//!
//! Everything is signed before the clock starts, since people sign on machines of their own. An entry counts when
//! its receipt came: it is on disk then.

use std::time::Instant;

use indicatif::ProgressBar;

use super::exhibits::{ENTRIES, Exhibit, Exhibits};
use super::exhibits_for;
use super::process::{Stopwatch, Took};
use super::row::Row;
use super::stage::{Stage, metric};
use crate::cli::failure::Failure;
use crate::cli::online::client::Client;
use crate::cli::online::session::Session;

/// Batches that each connection sends between two rounds of signing: bounds the memory that signed entries take.
const ROUND: usize = 16;

/// What a load left in the log, to be checked against the log's size.
#[derive(Default)]
pub struct Submitted {
    /// Entries that officers signed.
    pub entries: u64,
    /// Exhibits among them, for each of which the service writes one entry more.
    pub exhibits: u64,
}

/// What the service counts: commits, leaves in them, seconds in them, seconds on the map.
const COUNTED: [&str; 4] = [
    "custodes_group_entries_count",
    "custodes_group_entries_sum",
    "custodes_commit_seconds_sum",
    "custodes_map_seconds_total",
];

/// A stopwatch of which only the laps count, and what the service counted in them.
#[derive(Default)]
struct Watch {
    took: Option<Took>,
    counted: [f64; 4],
}

impl Watch {
    fn lap<T>(
        &mut self,
        stage: &Stage,
        session: &Session,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for (sum, name) in self.counted.iter_mut().zip(COUNTED) {
            *sum -= metric(session, name)?;
        }
        let watch = Stopwatch::start(stage.service_id());
        let done = work()?;
        let lap = watch.stop();
        for (sum, name) in self.counted.iter_mut().zip(COUNTED) {
            *sum += metric(session, name)?;
        }
        self.took = Some(match self.took.take() {
            None => lap,
            Some(before) => before.and(lap),
        });
        Ok(done)
    }

    fn into_row(self, mut row: Row) -> Row {
        let [groups, leaves, commits, map] = self.counted;
        if let Some(took) = self.took {
            row.keep_time(took);
        }
        if let Some(cpu) = row.service_cpu {
            row.say(
                "service_cpu_microseconds_an_entry",
                cpu * 1e6 / row.count.max(1.0),
            );
        }
        row.say("log_leaves", leaves);
        row.say("commits", groups);
        row.say("leaves_in_a_commit", leaves / groups.max(1.0));
        row.say("share_of_time_in_commits", commits / row.seconds.max(1e-9));
        // Without the map no more than this could be saved: the writer is one thread.
        row.say("share_of_time_on_the_map", map / row.seconds.max(1e-9));
        row
    }
}

/// One entry to a request, by so many clients at once.
pub fn single(
    stage: &Stage,
    session: &Session,
    mut row: Row,
    clients: usize,
    entries: usize,
    submitted: &mut Submitted,
) -> Result<Row, Failure> {
    let mut exhibits = Exhibits::new(session)?;
    let made = exhibits.make(exhibits_for(entries))?;
    let mut watch = Watch::default();
    let client = &session.client;
    let waits = watch.lap(stage, session, || one_by_one(client, &made, clients))?;
    row.count = waits.len() as f64;
    row.keep_waits(waits);
    count(submitted, &exhibits, made.len());
    Ok(watch.into_row(row))
}

/// Batches of so many entries, on so many connections.
pub fn batches(
    stage: &Stage,
    session: &Session,
    mut row: Row,
    (connections, batch): (usize, usize),
    entries: usize,
    bar: &ProgressBar,
    submitted: &mut Submitted,
) -> Result<Row, Failure> {
    let client = &session.client;
    let all = exhibits_for(entries);
    let mut left = all;
    let round = (ROUND * connections * batch).div_ceil(ENTRIES);
    let mut exhibits = Exhibits::new(session)?;
    let mut watch = Watch::default();
    let mut waits = Vec::new();
    bar.set_length((left * ENTRIES) as u64);
    while left > 0 {
        let made = exhibits.make(left.min(round))?;
        left -= made.len();
        waits.extend(watch.lap(stage, session, || {
            on_connections(&made, connections, |share| {
                let waits = post(client, share, batch);
                bar.inc((share.len() * ENTRIES) as u64);
                waits
            })
        })?);
        row.count += (made.len() * ENTRIES) as f64;
    }
    count(submitted, &exhibits, all);
    row.keep_waits(waits);
    Ok(watch.into_row(row))
}

/// Submits exhibits in batches, each line of which must be recorded; how long each batch took.
pub fn post(client: &Client, share: &[Exhibit], batch: usize) -> Result<Vec<f64>, Failure> {
    let entries: Vec<String> = share
        .iter()
        .flat_map(|exhibit| exhibit.entries.iter().cloned())
        .collect();
    let mut waits = Vec::new();
    for lines in entries.chunks(batch) {
        let begun = Instant::now();
        let answers = client.post_batch(lines)?;
        waits.push(begun.elapsed().as_secs_f64());
        answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    }
    Ok(waits)
}

/// Counts what went in.
pub fn count(submitted: &mut Submitted, exhibits: &Exhibits<'_>, made: usize) {
    submitted.entries += (made * ENTRIES + exhibits.cases) as u64;
    submitted.exhibits += made as u64;
}

/// Submits the entries of exhibits, one to a request, by so many clients at once; the answer is how long each took.
pub fn one_by_one(client: &Client, made: &[Exhibit], clients: usize) -> Result<Vec<f64>, Failure> {
    on_connections(made, clients, |share| {
        let mut waits = Vec::with_capacity(share.len() * ENTRIES);
        for entry in share.iter().flat_map(|exhibit| &exhibit.entries) {
            let begun = Instant::now();
            client.post_entry(entry)?;
            waits.push(begun.elapsed().as_secs_f64());
        }
        Ok(waits)
    })
}

/// Deals out work to threads, one for each connection, and gathers what they measured.
pub fn on_connections<T: Sync>(
    all: &[T],
    connections: usize,
    work: impl Fn(&[T]) -> Result<Vec<f64>, Failure> + Sync,
) -> Result<Vec<f64>, Failure> {
    let share = all.len().div_ceil(connections.max(1)).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .chunks(share)
            .map(|share| scope.spawn(|| work(share)))
            .collect();
        let mut waits = Vec::new();
        for thread in threads {
            waits.extend(
                thread
                    .join()
                    .expect("a connection returns its errors and does not panic")?,
            );
        }
        Ok(waits)
    })
}
