//! What reading costs those who write: their throughput beside so many readings a second, each of which is an access
//! entry, and beside a writer of as many entries a second. Both in one run, in turn, so that the ratio means something.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::exhibits::{ENTRIES, Exhibits};
use super::exhibits_for;
use super::ingest::{self, one_by_one};
use super::row::Row;
use crate::cli::failure::Failure;
use crate::cli::online::session::Session;

/// How often each of the two is measured.
const ROUNDS: usize = 5;

/// Connections that read, or write, beside those whose throughput is measured.
const BESIDE: usize = 4;

/// What goes on beside.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Readers,
    Writers,
}

/// Throughput of so many clients, each round of so many entries, beside so many readings or entries a second.
pub fn both(
    session: &Session,
    (clients, entries, rate): (usize, usize, usize),
) -> Result<Vec<Row>, Failure> {
    let row = |name, what: &str| {
        let words = format!("{clients} clients write, beside {rate} {what} a second");
        (Row::new(name, words, "entries"), 0)
    };
    let mut rows = [
        row("beside_readers", "readings"),
        row("beside_writers", "entries"),
    ];
    for _ in 0..ROUNDS {
        for (beside, row) in [Beside::Readers, Beside::Writers]
            .into_iter()
            .zip(&mut rows)
        {
            round(session, (clients, entries, rate), beside, row)?;
        }
    }
    let ratio = rows[0].0.rate() / rows[1].0.rate().max(1e-9);
    rows[0].0.say("of_that_beside_writers", ratio);
    let finished = rows.map(|(mut row, count)| {
        row.say("beside_each_second", count as f64 / row.seconds.max(1e-9));
        row
    });
    Ok(finished.into())
}

fn round(
    session: &Session,
    (clients, entries, rate): (usize, usize, usize),
    beside: Beside,
    (row, done): &mut (Row, usize),
) -> Result<(), Failure> {
    // Signed before the clock starts, as everywhere; more than can be sent meanwhile, at a tenth of the usual speed.
    let made = Exhibits::new(session)?.make(exhibits_for(entries))?;
    let spare = Exhibits::new(session)?.make(exhibits_for(entries * 2))?;
    if beside == Beside::Readers {
        for share in spare.chunks(spare.len().div_ceil(BESIDE).max(1)) {
            ingest::post(&session.client, &share[..1], ENTRIES)?;
        }
    }
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (client, reader) = (&session.client, &session.reader);
    let begun = Instant::now();
    let written = std::thread::scope(|scope| {
        let share = spare.len().div_ceil(BESIDE).max(1);
        let threads: Vec<_> = spare
            .chunks(share)
            .map(|share| {
                let (over, count) = (&over, &count);
                scope.spawn(move || match beside {
                    Beside::Readers => {
                        let read = share.first().into_iter().cycle();
                        paced(rate, over, count, read, |exhibit| {
                            let path = format!("/v1/entries/{}", exhibit.e);
                            client.read(reader, &path, "beside").map(drop)
                        })
                    }
                    Beside::Writers => {
                        let entries = share.iter().flat_map(|exhibit| &exhibit.entries);
                        paced(rate, over, count, entries, |entry| {
                            client.post_entry(entry).map(drop)
                        })
                    }
                })
            })
            .collect();
        let written = one_by_one(client, &made, clients);
        over.store(true, Ordering::SeqCst);
        for thread in threads {
            thread
                .join()
                .expect("a connection returns its errors and does not panic")?;
        }
        written
    })?;
    row.seconds += begun.elapsed().as_secs_f64();
    row.count += written.len() as f64;
    row.waits.extend(written);
    row.waits.sort_by(f64::total_cmp);
    *done += count.into_inner();
    Ok(())
}

/// Does one thing after another at a share of the rate, until it is over.
fn paced<T>(
    rate: usize,
    over: &AtomicBool,
    count: &AtomicUsize,
    things: impl Iterator<Item = T>,
    act: impl Fn(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let each = Duration::from_secs_f64(BESIDE as f64 / rate.max(1) as f64);
    let mut due = Instant::now();
    for thing in things {
        if over.load(Ordering::SeqCst) {
            break;
        }
        act(thing)?;
        count.fetch_add(1, Ordering::Relaxed);
        due += each;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
