//! `custodes bench`: what this program does on this machine, through the real service, storage and command.
//!
//! [`stage`] founds a ledger and serves it as a process of its own; [`ingest`] and [`reads`] load it over HTTP;
//! [`beside`] says what the one costs the other; [`floors`] measures the parts by themselves; [`digests`] needs no service. Every figure is a [`Row`].

mod beside;
mod digests;
mod exhibits;
mod floors;
mod ingest;
mod machine;
mod process;
mod reads;
mod row;
mod stage;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use self::exhibits::{ENTRIES, Exhibits};
use self::ingest::Submitted;
use self::machine::Machine;
use self::row::Row;
use self::stage::{Stage, metric};
use super::client::unexpected;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// Entries on which the floors of reading, verifying, hashing and signing are measured.
const FLOOR_ENTRIES: usize = 3000;

/// Measure this machine: entries recorded, read and audited through a service of its own, files digested.
#[derive(Debug, Args)]
#[command(
    after_help = "The service that is measured is this program, started with a new ledger on this machine and stopped \
                  in the end. Load and service share the machine: the table says what each took of it, in cores. \
                  Figures of one run can be compared, those of two runs only on a quiet machine.\n\n\
                  Exit codes: 0 measured; 1 the log does not hold what was acknowledged, or its audit fails; \
                  2 it could not be measured.\n\n\
                  Examples:\n  custodes bench\n  custodes bench --only single,batch,floors --entries 50000 --dir /srv\n  \
                  custodes bench --keep /srv/million --only batch --entries 1000000\n  \
                  custodes bench --keep /srv/million --only open,audit --json"
)]
pub struct BenchArgs {
    /// What to measure [default: everything].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    only: Vec<Part>,
    /// Entries recorded in batches; rounded up to whole exhibits of three entries each.
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = at_least_one(100_000_000))]
    entries: u64,
    /// Entries recorded one to a request; a single client records a tenth as many.
    #[arg(long, default_value_t = 3000, value_name = "COUNT", value_parser = at_least_one(1_000_000))]
    singles: u64,
    /// Clients at once, for single entries and for readings.
    #[arg(long, default_value_t = 16, value_name = "COUNT", value_parser = at_least_one(256))]
    clients: u64,
    /// Entries in a batch.
    #[arg(long, default_value_t = 256, value_name = "COUNT", value_parser = at_least_one(2000))]
    batch: u64,
    /// Connections that send batches [default: one for each core].
    #[arg(long, value_name = "COUNT", value_parser = at_least_one(64))]
    connections: Option<u64>,
    /// Readings of each kind.
    #[arg(long, default_value_t = 500, value_name = "COUNT", value_parser = at_least_one(100_000))]
    reads: u64,
    /// Readings, or entries, a second beside which writers are measured.
    #[arg(long, default_value_t = 200, value_name = "COUNT", value_parser = at_least_one(100_000))]
    beside: u64,
    /// Size of the file to digest.
    #[arg(long, default_value_t = 512, value_name = "MIB", value_parser = at_least_one(1 << 20))]
    digest_mib: u64,
    /// Files in the folder to digest.
    #[arg(long, default_value_t = 20_000, value_name = "COUNT", value_parser = at_least_one(1_000_000))]
    files: u64,
    /// Where a temporary folder is made; choose the disk that a ledger would be on [default: the system's].
    #[arg(long, value_name = "FOLDER", conflicts_with = "keep")]
    dir: Option<PathBuf>,
    /// Keep the ledger in this folder; one that is there from before is measured, and grows.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Entries recorded, one to a request.
    Single,
    /// Entries recorded in batches.
    Batch,
    /// An entry, a history, a lookup by digest, a bundle.
    Reads,
    /// What writers do beside readers, and beside as many more entries.
    Beside,
    /// The service's start on the ledger.
    Open,
    /// The whole ledger recomputed.
    Audit,
    /// The parts of recording, by themselves.
    Floors,
    /// A large file, beside sha256sum and openssl.
    Digest,
    /// A folder of many small files.
    Files,
}

/// Runs the command.
pub fn run(args: &BenchArgs, output: Output) -> Outcome {
    let folder = match &args.keep {
        Some(keep) => keep.clone(),
        None => args
            .dir
            .clone()
            .unwrap_or_else(std::env::temp_dir)
            .join(format!("custodes-bench-{}", std::process::id())),
    };
    let mut stage = Stage::new(folder, args.keep.is_some())?;
    let machine = Machine::look(stage.folder())?;
    let bar = bar(output);
    let rows = measure(args, &mut stage, &bar);
    bar.finish_and_clear();
    let rows = rows?;
    let words = format!(
        "{}\n\n{}\nCPU in cores: of the load generator, and of the service. A floor is one core's.",
        machine.words(),
        row::table(&rows)
    );
    let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"), "machine": machine.to_json(), "rows": rows,
    });
    output.result(&words, &value);
    Ok(0)
}

fn measure(args: &BenchArgs, stage: &mut Stage, bar: &ProgressBar) -> Result<Vec<Row>, Failure> {
    let wants = |part| args.only.is_empty() || args.only.contains(&part);
    let any = |parts: &[Part]| parts.iter().any(|part| wants(*part));
    let mut rows = Vec::new();
    if any(&[
        Part::Single,
        Part::Batch,
        Part::Reads,
        Part::Beside,
        Part::Open,
        Part::Audit,
        Part::Floors,
    ]) {
        rows.extend(of_ledger(args, stage, bar, &wants)?);
    }
    if wants(Part::Digest) {
        bar.set_message("digesting a file");
        rows.extend(digests::file(stage.folder(), args.digest_mib)?);
    }
    if wants(Part::Files) {
        bar.set_message("digesting a folder");
        rows.push(digests::folder(stage.folder(), args.files as usize)?);
    }
    Ok(rows)
}

/// What the service counts of entries.
const RECORDED: &str = "custodes_group_entries_sum";

fn of_ledger(
    args: &BenchArgs,
    stage: &mut Stage,
    bar: &ProgressBar,
    wants: &dyn Fn(Part) -> bool,
) -> Result<Vec<Row>, Failure> {
    bar.set_message("starting a service");
    stage.serve()?;
    let session = stage.session()?;
    let before = metric(&session, RECORDED)?;
    let mut submitted = Submitted::default();
    let mut rows = load(args, stage, &session, bar, wants, &mut submitted)?;
    // Map leaves, which the service adds when it publishes, are no entries.
    let grown = metric(&session, RECORDED)? - before;
    let expected = submitted.entries + submitted.exhibits;
    if grown != expected as f64 {
        return Err(Failure::check(
            "count",
            format!("{expected} entries were acknowledged or due, the service recorded {grown}"),
        ));
    }
    if wants(Part::Reads) {
        bar.set_message("reading");
        let shape = (
            args.clients as usize,
            args.reads as usize,
            args.batch as usize,
        );
        rows.extend(reads::all(stage, &session, shape, &mut submitted)?);
    }
    if wants(Part::Beside) {
        bar.set_message("writing beside readers");
        let shape = (
            args.clients as usize,
            args.singles as usize,
            args.beside as usize,
        );
        rows.extend(beside::both(&session, shape)?);
    }
    let leaves = size(&session)?;
    let samples = match wants(Part::Floors) {
        true => Some(Exhibits::new(&session)?.make(FLOOR_ENTRIES / ENTRIES)?),
        false => None,
    };
    stage.stop()?;
    if wants(Part::Open) {
        bar.set_message("starting the service again");
        rows.push(open(stage, leaves)?);
    }
    if wants(Part::Audit) {
        bar.set_message("auditing");
        rows.push(audit(stage, leaves)?);
    }
    if let Some(samples) = samples {
        bar.set_message("measuring floors");
        let (floors, measured) = floors::measure(&samples, &*session.reader.key)?;
        let written = floors::Written::sample(stage)?;
        for row in &mut rows {
            floors.compare(stage, &written, row)?;
        }
        rows.extend(measured);
    }
    Ok(rows)
}

/// Entries recorded.
fn load(
    args: &BenchArgs,
    stage: &Stage,
    session: &Session,
    bar: &ProgressBar,
    wants: &dyn Fn(Part) -> bool,
    submitted: &mut Submitted,
) -> Result<Vec<Row>, Failure> {
    let (clients, singles) = (args.clients as usize, args.singles as usize);
    let mut rows = Vec::new();
    if wants(Part::Single) {
        bar.set_message("recording entries one by one");
        let row = Row::new("single_1", "one entry a request, 1 client", "entries");
        let tenth = singles.div_ceil(10);
        rows.push(ingest::single(stage, session, row, 1, tenth, submitted)?);
        let words = format!("one entry a request, {clients} clients");
        let row = Row::new("single_many", words, "entries");
        rows.push(ingest::single(
            stage, session, row, clients, singles, submitted,
        )?);
    }
    if wants(Part::Batch) {
        bar.set_message("recording entries in batches");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let connections = args.connections.map_or(cores, |count| count as usize);
        let batch = args.batch as usize;
        let words = format!("batches of {batch}, {connections} connections");
        let row = Row::new("batch", words, "entries");
        let shape = (connections, batch);
        let entries = args.entries as usize;
        rows.push(ingest::batches(
            stage, session, row, shape, entries, bar, submitted,
        )?);
    }
    Ok(rows)
}

/// The service's start on the ledger as it is.
fn open(stage: &mut Stage, leaves: u64) -> Result<Row, Failure> {
    let started = stage.start()?;
    stage.stop()?;
    let mut row = Row::new("open", format!("start on a log of {leaves}"), "starts");
    (row.count, row.seconds) = (1.0, started.seconds);
    row.service_cpu = started.cpu;
    row.say("log_leaves_there", leaves);
    if let Some(peak) = started.peak_memory {
        row.say("peak_memory_mib", peak as f64 / f64::from(1 << 20));
    }
    let disk = stage.disk()?;
    row.say("disk_bytes", disk);
    row.say("disk_bytes_a_leaf", disk as f64 / leaves.max(1) as f64);
    Ok(row)
}

/// The whole ledger recomputed by `custodes audit`.
fn audit(stage: &Stage, leaves: u64) -> Result<Row, Failure> {
    let dir = stage.ledger();
    let dir = dir.to_string_lossy();
    let ran = stage.measure(&["audit", "--dir", &dir])?;
    // 3: nothing failed, but something (witnesses, here) could not be checked.
    if !matches!(ran.code, Some(0 | 3)) {
        return Err(Failure::check(
            "audit",
            "the audit of the ledger that was just written fails",
        )
        .next(
            "run it again with --keep FOLDER, and look at `custodes audit --dir FOLDER/ledger`",
        ));
    }
    let mut row = Row::new("audit", "audit of the whole log", "entries");
    (row.count, row.seconds) = (leaves as f64, ran.seconds);
    row.service_cpu = ran.cpu;
    if let Some(peak) = ran.peak_memory {
        row.say("peak_memory_mib", peak as f64 / f64::from(1 << 20));
    }
    Ok(row)
}

/// Leaves of the log.
fn size(session: &Session) -> Result<u64, Failure> {
    let answer = session.client.public("/v1/ledger")?;
    let ledger = answer.ok_or_else(|| unexpected("nothing"))?.json()?;
    ledger["size"].as_u64().ok_or_else(|| unexpected("no size"))
}

/// Whole exhibits that make up at least so many entries.
fn exhibits_for(entries: usize) -> usize {
    entries.div_ceil(ENTRIES)
}

fn at_least_one(most: u64) -> clap::builder::RangedU64ValueParser {
    clap::builder::RangedU64ValueParser::new().range(1..=most)
}

fn bar(output: Output) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {pos}/{len} [{bar:30}] {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
