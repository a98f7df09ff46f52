//! `custodes register-many`: the files of a list become exhibits, in one sitting.

mod list;
mod progress;
mod sending;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use self::list::Item;
use self::progress::{Progress, Recorded};
use self::sending::{Sent, receive, send};
use super::fresh::random_subject;
use super::reference;
use super::session::Session;
use super::signing::{self, Act, Head};
use super::submission;
use super::watch;
use super::when;
use crate::cli::Outcome;
use crate::cli::failure::{CANNOT, CHECK_FAILED, Failure};
use crate::cli::hashing::{self, Digested};
use crate::cli::output::plain;
use crate::cli::{evidence, output::Output};
use crate::ledger::{Rules, check_whole, missing_detail, schema};
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::entry::Seen;
use crate::protocol::id::{Strand, Subject};

/// The event that each file is recorded by.
const EVENT: &str = "registered";

/// Columns that go into the body.
const BODY: [&str; 3] = ["kind", "role", "media_type"];

/// Register the files of a list as exhibits of a case.
#[derive(Debug, Args)]
#[command(
    after_help = "The list is a manifest as sha256sum and BagIt write it, a .csv with column names in its first line, or .ndjson \
                        with one object a line. Columns: path; sha256 (checked against the file); kind, role, media_type; occurred_at; \
                        every other column becomes a detail, such as reference, description, power_or_consent or camera. \
                        What a line does not say is taken from the flags.\n\
                        It may be interrupted and run again: LIST.progress keeps what was signed, and nothing is registered twice.\n\n\
                        Example: custodes register-many 44NS1234526 dock-17.csv --kind surveillance-footage --power \"police body-worn video\"\n\
                        Example: sha256sum *.mp4 > files.sha256 && custodes register-many 44NS1234526 files.sha256 \
                        --kind surveillance-footage --description \"CCTV export\" --power \"provided voluntarily\""
)]
pub struct RegisterManyArgs {
    /// The case: its reference or opaque id.
    case: String,
    /// The list of files.
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// Folder that the paths start from [default: the list's own].
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Kind of evidence, where the list does not say.
    #[arg(long)]
    kind: Option<String>,
    /// What each is, where the list does not say.
    #[arg(long)]
    description: Option<String>,
    /// Under which power or consent, where the list does not say.
    #[arg(long)]
    power: Option<String>,
    /// original or master, where the list does not say.
    #[arg(long, default_value = "original")]
    role: String,
}

/// What became of one file.
struct Told {
    path: String,
    state: &'static str,
    /// The entry, where it is recorded.
    entry: Option<Recorded>,
    failure: Option<Failure>,
}

/// Runs the command.
pub fn run(args: &RegisterManyArgs, session: &Session) -> Outcome {
    let items = list::read(&args.list)?;
    let case = reference::case(session, &args.case)?;
    let acts = acts(args, &items, &case)?;
    let root = match &args.root {
        Some(root) => root.clone(),
        None => args.list.parent().unwrap_or(Path::new("")).to_owned(),
    };
    let mut progress = Progress::open(&args.list, session, &case)?;
    let seen = watch::look(session)?;
    let bar = bar(session.output, items.len());
    let mut told = Vec::new();
    let work: Vec<(&Item, &Act)> = items.iter().zip(&acts).collect();
    std::thread::scope(|scope| {
        let mut sent: Option<Sent> = None;
        for part in work.chunks(submission::BATCH) {
            // While the service records one part, the next is digested and signed.
            let signed = sign(session, part, &root, &mut progress, seen, &mut told);
            if let Some(sent) = sent.take() {
                receive(session, sent, &mut progress, &mut told)?;
            }
            signed?;
            sent = Some(send(scope, session, part, &progress));
            bar.inc(part.len() as u64);
        }
        sent.map_or(Ok(()), |sent| {
            receive(session, sent, &mut progress, &mut told)
        })
    })?;
    bar.finish_and_clear();
    let place: BTreeMap<&str, usize> = items.iter().map(|item| (&*item.path, item.line)).collect();
    told.sort_by_key(|one| place.get(&*one.path));
    say(session, &progress, &told)
}

/// What is to be signed of each, but for the digest. A line that would be refused for its form is told before
/// anything is signed.
fn acts(args: &RegisterManyArgs, items: &[Item], case: &Subject) -> Result<Vec<Act>, Failure> {
    let row = Rules::embedded()
        .row(EVENT)
        .expect("the rules have the event that registers");
    let mut acts = Vec::new();
    let mut wrong = Vec::new();
    let mut references: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let act = act(args, item, case)?;
        let mut trial = act.body.clone();
        let nothing = EvidenceDigest::of_bytes(DigestKind::File, b"");
        trial.insert("digest".to_owned(), evidence::to_json(&nothing));
        let missing = missing_detail(row, |name| act.details.get(name));
        if let Err(why) = schema::check(&row.body, &trial) {
            wrong.push(format!("\n  line {}: {why}", item.line));
        } else if let Some(name) = missing {
            wrong.push(format!(
                "\n  line {}: {} is not said, neither in the list nor by flag",
                item.line,
                name.replace('_', " ")
            ));
        }
        if let Some(Value::String(reference)) = act.details.get("reference")
            && let Some(before) = references.insert(reference.clone(), item.line)
        {
            wrong.push(format!(
                "\n  line {}: the reference {reference} is that of line {before}",
                item.line
            ));
        }
        acts.push(act);
    }
    if wrong.is_empty() {
        return Ok(acts);
    }
    let more = match wrong.len().saturating_sub(20) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    wrong.truncate(20);
    Err(Failure::new(
        "list",
        format!(
            "{}: nothing was registered, since these lines are wrong:{}{more}",
            args.list.display(),
            wrong.concat()
        ),
    )
    .next("correct them, or say it for all by flag, and run it again"))
}

fn act(args: &RegisterManyArgs, item: &Item, case: &Subject) -> Result<Act, Failure> {
    let mut details = item.fields.clone();
    let mut body = Map::new();
    let flags = [
        ("kind", args.kind.as_ref()),
        ("role", Some(&args.role)),
        ("description", args.description.as_ref()),
        ("power_or_consent", args.power.as_ref()),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            details
                .entry(name.to_owned())
                .or_insert_with(|| json!(flag));
        }
    }
    for name in BODY {
        if let Some(value) = details.remove(name) {
            body.insert(name.to_owned(), value);
        }
    }
    body.insert("case".to_owned(), json!(case));
    let occurred_at = details.remove("occurred_at");
    let occurred_at = occurred_at.as_ref().and_then(Value::as_str);
    details
        .entry("file_name".to_owned())
        .or_insert_with(|| json!(item.path.rsplit('/').next().unwrap_or_default()));
    Ok(Act {
        subject: random_subject()?,
        strand: Strand::Custody,
        opens: true,
        event: EVENT.to_owned(),
        body,
        details,
        occurred_at: when::occurred(occurred_at).map_err(|failure| Failure {
            detail: format!("line {}: {}", item.line, failure.detail),
            ..failure
        })?,
    })
}

/// Digests and signs what was not signed before.
fn sign(
    session: &Session,
    part: &[(&Item, &Act)],
    root: &Path,
    progress: &mut Progress,
    seen: Option<Seen>,
    told: &mut Vec<Told>,
) -> Result<(), Failure> {
    let fresh: Vec<&(&Item, &Act)> = part
        .iter()
        .filter(|(item, _)| !progress.states.contains_key(&item.path))
        .collect();
    let paths: Vec<PathBuf> = fresh
        .iter()
        .map(|(item, _)| list::locate(root, &item.path))
        .collect();
    let mut entries = Vec::new();
    for ((item, act), digested) in fresh.iter().zip(digest_all(&paths)) {
        let digested = match digested {
            Ok(digested) => digested,
            Err(error) => {
                let failure = Failure::new("evidence-unreadable", error.to_string());
                told.push(Told::not(item, "unreadable", failure));
                continue;
            }
        };
        if let Some(listed) = item.sha256.filter(|one| *one != digested.digest.sha256) {
            let failure = Failure::check(
                "list-mismatch",
                format!(
                    "the file's SHA-256 is {}, the list says {}",
                    digested.digest.sha256.to_hex(),
                    listed.to_hex()
                ),
            );
            told.push(Told::not(item, "mismatch", failure));
            continue;
        }
        if let Some(manifest) = &digested.manifest {
            session.put_blob(manifest)?;
        }
        let mut act = (*act).clone();
        act.body
            .insert("digest".to_owned(), evidence::to_json(&digested.digest));
        let start = Head {
            length: 0,
            last: None,
        };
        let entry = signing::sign(session, &act, &start, seen)?;
        check_whole(Rules::embedded(), &entry)
            .map_err(|refusal| Failure::new(&refusal.code, refusal.why).next(refusal.next))?;
        entries.push((item.path.clone(), entry));
    }
    progress.signed(entries)
}

/// Small files side by side; a large one is hashed on several cores by itself.
fn digest_all(paths: &[PathBuf]) -> Vec<Result<Digested, hashing::HashingError>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, path)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    paths.get(at).map(|path| (at, path))
                } {
                    let digested = hashing::digest_path(path, false);
                    done.lock()
                        .expect("no holder of this lock panics")
                        .push((at, digested));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no holder of this lock panicked");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, digested)| digested).collect()
}

impl Told {
    fn not(item: &Item, state: &'static str, failure: Failure) -> Told {
        Told {
            path: item.path.clone(),
            state,
            entry: None,
            failure: Some(failure),
        }
    }

    fn recorded(path: &str, state: &'static str, entry: &Recorded) -> Told {
        Told {
            path: path.to_owned(),
            state,
            entry: Some(entry.clone()),
            failure: None,
        }
    }

    fn to_json(&self) -> Value {
        let problem = self.failure.as_ref().map(
            |failure| json!({"code": failure.code, "detail": failure.detail, "next": failure.next}),
        );
        json!({"path": self.path, "state": self.state, "entry": self.entry, "problem": problem})
    }
}

fn say(session: &Session, progress: &Progress, told: &[Told]) -> Outcome {
    let mut words = String::new();
    for one in told {
        if let Some(failure) = &one.failure {
            words.push_str(&format!("{}: not registered: {failure}\n", one.path));
        }
    }
    let failed = told.iter().filter(|one| one.failure.is_some()).count();
    let before = told
        .iter()
        .filter(|one| one.state == "recorded-before")
        .count();
    let new = told.len() - failed - before;
    words.push_str(&format!("{new} registered, receipts verified"));
    if before > 0 {
        words.push_str(&format!("; {before} were registered before"));
    }
    if failed > 0 {
        words.push_str(&format!(
            "; {failed} not registered. Correct what is named above and run the same command again"
        ));
    }
    words.push_str(&format!(
        ".\nEntries and receipts are kept in {}.",
        progress.path().display()
    ));
    let value = json!({
        "registered": new, "before": before, "failed": failed,
        "progress": progress.path().to_string_lossy(),
        "files": told.iter().map(Told::to_json).collect::<Vec<_>>(),
    });
    session.output.result(&plain(&words), &value);
    let worst = told
        .iter()
        .filter_map(|one| one.failure.as_ref())
        .map(|failure| failure.exit);
    // A digest that is not the listed one is a failed check; it outweighs what merely could not be done.
    Ok(worst.fold(0, |code, exit| match (code, exit) {
        (CHECK_FAILED, _) | (_, CHECK_FAILED) => CHECK_FAILED,
        _ => CANNOT,
    }))
}

fn bar(output: Output, files: usize) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{pos} of {len} files, {per_sec} [{bar:30}] {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(files as u64).with_style(style)
}
