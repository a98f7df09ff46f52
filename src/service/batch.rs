//! A batch of entries: read and verified on every core, written in groups, each line with its own result.
//!
//! Lines are decided in order, each on top of those before it. A key that an earlier line of the same batch enrols
//! is not in the store when the batch is read: such a line waits until those before it are written.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::attempts::Submitted;
use super::http::App;
use super::known::StoreKnown;
use super::problem::Problem;
use super::sequencer::{Sent, Work};
use super::submit::{self, Accepted, NotTaken, NotVerified, Sought};
use super::writer::BATCH;
use crate::protocol::entry::{UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::Code;

/// Most lines of a batch. Entries that fill one are fewer; lines of a byte would cost some hundred bytes each before
/// any is looked at.
const MAX_LINES: usize = 32_768;

/// What became of a line.
type LineResult = Result<Accepted, NotTaken>;

/// A line that was read.
enum Line {
    Verified(Box<Verified>),
    /// Well formed, but no key is known by which to verify it; perhaps an earlier line enrols it.
    NoKey(Box<Sent<UnverifiedEntry>>),
    Bad(NotTaken),
}

/// An entry with what the security log says of it, should it be refused.
type Verified = (Sent<VerifiedEntry>, Submitted);

/// Takes in the lines of a batch. The answer has one line for each; and whether any of them was refused.
pub async fn take_in(
    app: &Arc<App>,
    source: Option<Code>,
    body: Bytes,
) -> Result<(String, bool), Problem> {
    if filled(&body).take(MAX_LINES + 1).count() > MAX_LINES {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-many-lines",
            format!("A batch has at most {MAX_LINES} lines."),
            "Send it in parts.",
        ));
    }
    let (mut answer, mut refused) = (String::new(), false);
    for part in parts(&body) {
        let reading = Arc::clone(app);
        let read = off_thread(move || read_all(&reading, &part)).await?;
        for result in write_all(app, read).await? {
            refused |= result.is_err();
            answer.push_str(&result_line(app, source.clone(), result).to_string());
            answer.push('\n');
        }
    }
    Ok((answer, refused))
}

/// The lines that are not empty.
fn filled(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = body.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty())
}

/// The lines, as many together as one job takes.
fn parts(body: &Bytes) -> Vec<Vec<Bytes>> {
    let lines: Vec<Bytes> = filled(body).map(|line| body.slice_ref(line)).collect();
    lines.chunks(BATCH).map(<[Bytes]>::to_vec).collect()
}

fn result_line(app: &App, source: Option<Code>, result: LineResult) -> Value {
    submit::count(app, source, &result);
    match result {
        Ok((status, receipt)) => json!({"status": status.as_u16(), "receipt": receipt}),
        Err(NotTaken { problem, .. }) => {
            json!({"status": problem.status.as_u16(), "problem": problem.into_body()})
        }
    }
}

/// Runs what computes for long beside the threads that talk to clients.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The batch could not be processed to its end.",
            "Send the same bytes again: none is recorded twice. Tell the operator.",
        )
    })
}

/// Reads and verifies lines on every core.
fn read_all(app: &App, lines: &[Bytes]) -> Vec<Line> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let share = lines.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let shares: Vec<_> = lines
            .chunks(share)
            .map(|share| {
                scope.spawn(move || {
                    let known = StoreKnown::new(&*app.store);
                    share
                        .iter()
                        .map(|line| read(&known, line))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let read = shares.into_iter().map(|share| share.join());
        read.flat_map(|share| share.expect("reading a line does not panic on any input"))
            .collect()
    })
}

fn read(known: &StoreKnown<'_>, line: &[u8]) -> Line {
    let entry = match submit::parse(line) {
        Ok(entry) => entry,
        Err(not_taken) => return Line::Bad(not_taken),
    };
    match submit::verify(known, entry) {
        Ok(entry) => Line::Verified(Box::new(entry)),
        Err(NotVerified::NoKey(entry, _)) => Line::NoKey(entry),
        Err(NotVerified::Bad(not_taken)) => Line::Bad(not_taken),
    }
}

/// Writes the lines that verify, in order and in as few groups as keys enrolled on the way allow.
async fn write_all(app: &Arc<App>, lines: Vec<Line>) -> Result<Vec<LineResult>, Problem> {
    let mut results = Vec::with_capacity(lines.len());
    let mut gathered = Vec::new();
    for line in lines {
        let line = match line {
            Line::NoKey(entry) => {
                results.extend(write(app, std::mem::take(&mut gathered)).await?);
                // Looked up anew: what was just written enrols the key, if anything does.
                let verified = submit::verify(&StoreKnown::new(&*app.store), *entry);
                verified.map(Box::new).map_err(NotTaken::from)
            }
            Line::Verified(entry) => Ok(entry),
            Line::Bad(not_taken) => Err(not_taken),
        };
        gathered.push(line);
    }
    results.extend(write(app, gathered).await?);
    Ok(results)
}

/// Writes entries in one group; what cannot be written keeps its place among the results.
async fn write(
    app: &Arc<App>,
    lines: Vec<Result<Box<Verified>, NotTaken>>,
) -> Result<Vec<LineResult>, Problem> {
    let mut work = Vec::with_capacity(lines.len());
    let mut places: Vec<Result<(Sought, Submitted), NotTaken>> = Vec::with_capacity(lines.len());
    for line in lines {
        places.push(line.map(|verified| {
            let (sent, what) = *verified;
            let chain = Sought::of(&sent.entry);
            work.push(Work::Submitted(Box::new(sent)));
            (chain, what)
        }));
    }
    if work.is_empty() {
        return Ok(places
            .into_iter()
            .filter_map(Result::err)
            .map(Err)
            .collect());
    }
    let outcomes = app.sequencer.queue(work).await;
    let app = Arc::clone(app);
    off_thread(move || {
        let mut outcomes = outcomes.map(Vec::into_iter);
        let decide = |place: Result<(Sought, Submitted), NotTaken>| {
            let (chain, what) = place?;
            let answer = match &mut outcomes {
                Err(unavailable) => Err(*unavailable),
                Ok(outcomes) => app.sequencer.answer(
                    outcomes
                        .next()
                        .expect("the writer gives an outcome for each entry of a job"),
                ),
            };
            let accepted = answer
                .map_err(Problem::from)
                .and_then(|answer| submit::accepted(&app, &chain, answer));
            accepted.map_err(|problem| NotTaken::new(what, problem))
        };
        places.into_iter().map(decide).collect()
    })
    .await
}
