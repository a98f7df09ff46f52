//! The common events as verbs: `seal`, `unseal`, `store`, `pack`, `hold`, `explain`, `check`, `acquire`, `copy`, `derive`,
//! `extend`. Each is
//! `record` or `register` with the event filled in; `hand-over` is `transfer offer` by the name that people use.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::record::{self, RecordArgs};
use super::reference;
use super::register::{self, RegisterArgs};
use super::session::Session;
use super::told;
use super::values;
use super::vocabulary;
use crate::cli::failure::{CHECK_FAILED, Failure};
use crate::cli::{Outcome, evidence};
use crate::protocol::digest::{CHUNK, DigestKind, EvidenceDigest};
use crate::protocol::tree::{self, EntryIndex, MemoryTree, TreeSize, leaf_hash, prove_consistency};

/// Verbs for the common events.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Record that you sealed an exhibit.
    #[command(
        after_help = "Example: custodes seal \"44NS1234526 JSM/1\" K1234567 --detail bag=B0099123"
    )]
    Seal(SealArgs),
    /// Record that you opened the seal of an exhibit.
    #[command(
        after_help = "Example: custodes unseal \"44NS1234526 JSM/1\" K1234567 --detail reason=extraction"
    )]
    Unseal(SealArgs),
    /// Digest the bytes of an exhibit again, and record whether they are the registered ones.
    #[command(
        after_help = "Exit code 1 where they are not; that is recorded too.\n\n\
                            Example: custodes check \"44NS1234526 JSM/2\" footage.mp4"
    )]
    Check(CheckArgs),
    /// Explain something that was flagged; the flag stays, with the explanation.
    #[command(
        after_help = "Example: custodes explain \"44NS1234526 JSM/1\" recorded-late 12 --text \"cordon duty until the next evening\""
    )]
    Explain(ExplainArgs),
    /// Record that you put an exhibit into a store.
    #[command(
        after_help = "Example: custodes store \"44NS1234526 JSM/1\" shelf-4 --detail \"location=Property store, bay 2\""
    )]
    Store(StoreArgs),
    /// Record that you put an exhibit into a bag or box, which it then moves with.
    #[command(after_help = "Example: custodes pack \"44NS1234526 JSM/5\" \"44NS1234526 JSM/4\"")]
    Pack(PackArgs),
    /// Place a hold: while it is in force, nobody can authorise disposal.
    #[command(
        after_help = "Example: custodes hold \"44NS1234526 JSM/1\" --basis \"appeal lodged\""
    )]
    Hold(HoldArgs),
    /// Register what you acquired from an exhibit, such as the image of a disc.
    #[command(
        after_help = "Example: custodes acquire \"44NS1234526 JSM/1\" phone.bin --kind forensic-image --reference KB/1 \
                            --description \"Image of the phone\" --detail \"tool=Cellebrite 7.1\""
    )]
    Acquire(MakeArgs),
    /// Register a copy of an exhibit; its bytes should be those of its source.
    #[command(
        after_help = "Example: custodes copy \"44NS1234526 JSM/2\" working.mp4 --kind surveillance-footage \
                            --reference KB/2 --description \"Working copy\""
    )]
    Copy(MakeArgs),
    /// Register what you made out of an exhibit: a clip, a redaction, an enhancement.
    #[command(
        after_help = "Example: custodes derive \"44NS1234526 KB/2\" clip.mp4 --kind surveillance-footage --role clip \
                            --reference KB/3 --description \"Clip, 21:14 to 21:16\""
    )]
    Derive(MakeArgs),
    /// Record that a feed grew, and prove that the new bytes begin with the old where they can.
    #[command(
        after_help = "Example: custodes extend \"44NS1234526 JSM/3\" week1.bin weeks1-2.bin --period \"7 to 14 March 2026\""
    )]
    Extend(ExtendArgs),
}

/// What every verb takes.
#[derive(Debug, Clone, Default, Args)]
struct Said {
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    details: Vec<(String, Value)>,
    /// When, if not now: a time, or FROM/TO.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// `seal`
#[derive(Debug, Args)]
pub struct SealArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The number on the seal.
    seal: String,
    #[command(flatten)]
    said: Said,
}

/// `check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// Its bytes, as you have them.
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    #[command(flatten)]
    said: Said,
}

/// `explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The category, as the history shows it in brackets.
    category: String,
    /// The flagged entry, by its number in the history.
    entry: String,
    /// The explanation.
    #[arg(long, value_name = "WORDS")]
    text: String,
    #[command(flatten)]
    said: Said,
}

/// `store`
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The store, by its short name.
    place: String,
    #[command(flatten)]
    said: Said,
}

/// `pack`
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The bag or box: an exhibit of the kind "container".
    container: String,
    #[command(flatten)]
    said: Said,
}

/// `hold`
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The exhibit, or the whole case: its reference or opaque id.
    target: String,
    /// On what basis.
    #[arg(long)]
    basis: String,
    /// Until when, if that is known.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    said: Said,
}

/// `acquire`, `copy`, `derive`
#[derive(Debug, Args)]
pub struct MakeArgs {
    /// The exhibit it comes of, as "CASE REFERENCE".
    source: String,
    /// The file or folder that was made; it is digested here.
    path: PathBuf,
    /// Kind of evidence.
    #[arg(long, value_parser = vocabulary::kinds())]
    kind: String,
    /// master, working, defence, clip, redaction, enhancement, transcode, extraction or part.
    #[arg(long)]
    role: Option<String>,
    /// What people call it.
    #[arg(long)]
    reference: Option<String>,
    /// What it is.
    #[arg(long)]
    description: String,
    /// The source's bytes, as you found them: they are digested, and compared with what was registered.
    #[arg(long, value_name = "FILE|FOLDER")]
    source_file: Option<PathBuf>,
    /// A file whose digest the tool should have arrived at.
    #[arg(long, value_name = "FILE")]
    verification_file: Option<PathBuf>,
    /// A TOML or JSON file whose fields become details.
    #[arg(long, value_name = "FILE")]
    meta: Option<PathBuf>,
    #[command(flatten)]
    said: Said,
}

/// `extend`
#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The file as it was.
    old: PathBuf,
    /// The file as it is now.
    new: PathBuf,
    /// The time that was added.
    #[arg(long)]
    period: String,
    #[command(flatten)]
    said: Said,
}

/// Runs a verb.
pub fn run(verb: &Verb, session: &Session) -> Outcome {
    let simple = |event: &str, exhibit: &str, set: Vec<(&str, Value)>, said: &Said| {
        let set = set
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let args = RecordArgs {
            event: event.to_owned(),
            target: Some(exhibit.to_owned()),
            set: set.collect(),
            details: said.details.clone(),
            occurred_at: said.occurred_at.clone(),
            ..RecordArgs::default()
        };
        record::run(&args, session)
    };
    match verb {
        Verb::Seal(args) => simple(
            "sealed",
            &args.exhibit,
            vec![("seal", json!(args.seal))],
            &args.said,
        ),
        Verb::Unseal(args) => simple(
            "unsealed",
            &args.exhibit,
            vec![("seal", json!(args.seal))],
            &args.said,
        ),
        Verb::Check(args) => {
            let expected = registered(session, &args.exhibit)?;
            let actual = evidence::digest(&args.path, session.output)?.digest;
            let (event, code) = match actual == expected {
                true => ("verified", 0),
                false => ("verification-failed", CHECK_FAILED),
            };
            let both = vec![
                ("expected", evidence::to_json(&expected)),
                ("actual", evidence::to_json(&actual)),
            ];
            simple(event, &args.exhibit, both, &args.said)?;
            match code {
                0 => eprintln!("The bytes are those that were registered."),
                _ => eprintln!("The bytes are NOT those that were registered."),
            }
            Ok(code)
        }
        Verb::Explain(args) => {
            let mut said = args.said.clone();
            said.details.push(("text".to_owned(), json!(args.text)));
            let set = vec![
                ("category", json!(args.category)),
                ("targets", json!(args.entry)),
            ];
            simple("irregularity-explained", &args.exhibit, set, &said)
        }
        Verb::Store(args) => simple(
            "stored",
            &args.exhibit,
            vec![("place", json!(args.place))],
            &args.said,
        ),
        Verb::Pack(args) => simple(
            "packed",
            &args.exhibit,
            vec![("container", json!(args.container))],
            &args.said,
        ),
        Verb::Hold(args) => {
            let mut said = args.said.clone();
            said.details.push(("basis".to_owned(), json!(args.basis)));
            let until = vec![("until", json!(args.until))];
            let event = match reference::either(session, &args.target)?.0.as_str() {
                "case" => "case-hold-placed",
                _ => "hold-placed",
            };
            simple(event, &args.target, until, &said)
        }
        Verb::Acquire(args) => make("acquired", Some("master"), args, session),
        Verb::Copy(args) => make("copied", Some("working"), args, session),
        Verb::Derive(args) => make("derived", None, args, session),
        Verb::Extend(args) => {
            let mut said = args.said.clone();
            said.details.push(("period".to_owned(), json!(args.period)));
            simple("extended", &args.exhibit, grown(args, session)?, &said)
        }
    }
}

/// The digest that an exhibit has by now.
fn registered(session: &Session, exhibit: &str) -> Result<EvidenceDigest, Failure> {
    let exhibit = reference::exhibit(session, exhibit, None)?;
    let path = format!("/v1/exhibits/{exhibit}/history?strand=custody");
    let told = told::read(&session.history_for(&path, "checking the bytes")?)?;
    let newest = told::past(&told).digest(&exhibit, EntryIndex(u64::MAX));
    newest.ok_or_else(|| {
        Failure::new("no-digest", "this exhibit has no registered digest").next(
            "record its first one: custodes record digested EXHIBIT --digest-file FILE --detail tool=TOOL",
        )
    })
}

/// Registers what was made, in the role stated or else the usual one.
fn make(event: &str, usual: Option<&str>, args: &MakeArgs, session: &Session) -> Outcome {
    let Some(role) = args.role.as_deref().or(usual) else {
        return Err(Failure::new(
            "usage",
            "say what was made with --role: clip, redaction, enhancement, transcode, extraction",
        ));
    };
    let Some((case, _)) = args.source.split_once(' ') else {
        return Err(Failure::new(
            "usage",
            "the source is named by its case and reference, such as \"44NS1234526 JSM/1\"",
        ));
    };
    let source = reference::exhibit(session, &args.source, None)?;
    let args = RegisterArgs {
        case: case.to_owned(),
        paths: vec![args.path.clone()],
        kind: args.kind.clone(),
        reference: args.reference.clone(),
        description: args.description.clone(),
        meta: args.meta.clone(),
        role: Some(role.to_owned()),
        event: event.to_owned(),
        parents: vec![match &args.source_file {
            Some(file) => format!("{source}={}", file.display()),
            None => source.to_string(),
        }],
        verification_file: args.verification_file.clone(),
        details: args.said.details.clone(),
        occurred_at: args.said.occurred_at.clone(),
        ..RegisterArgs::default()
    };
    register::run(&args, session)
}

/// The digests before and after, and the proof between them where the old bytes end with a chunk.
fn grown(args: &ExtendArgs, session: &Session) -> Result<Vec<(&'static str, Value)>, Failure> {
    let old = evidence::digest(&args.old, session.output)?;
    let new = evidence::digest(&args.new, session.output)?;
    if let Some(manifest) = &new.manifest {
        session.put_blob(manifest)?;
    }
    let mut body = vec![
        ("previous", evidence::to_json(&old.digest)),
        ("digest", evidence::to_json(&new.digest)),
    ];
    let (old, new) = (old.digest, new.digest);
    let whole = old.size.is_multiple_of(CHUNK as u64) && 0 < old.size && old.size < new.size;
    if whole && new.kind == DigestKind::File {
        let tree = chunks(&args.new)?;
        let from = TreeSize(old.size / CHUNK as u64);
        let begins = tree::root(from, &tree).is_ok_and(|root| root.0 == old.chunks);
        match prove_consistency(from, tree.size(), &tree) {
            Ok(_) if tree.root().0 == new.chunks && !begins => eprintln!(
                "The new file does NOT begin with the old one: it was made anew. It is recorded, and flagged as not proven.",
            ),
            Ok(proof) if tree.root().0 == new.chunks => body.push(("proof", json!(proof.0))),
            _ => {
                return Err(Failure::new(
                    "unreadable",
                    "the file changed while it was read",
                ));
            }
        }
    } else {
        eprintln!(
            "The old file does not end with a whole MiB, so nothing in the entry proves that the new begins with it; \
             whoever has both can compare them.",
        );
    }
    Ok(body)
}

/// The file's chunk tree with its inner nodes, of which a digest keeps the root alone: a second reading.
fn chunks(path: &Path) -> Result<MemoryTree, Failure> {
    let bad =
        |error: std::io::Error| Failure::new("unreadable", format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(bad)?;
    let mut tree = MemoryTree::default();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let limit = CHUNK as u64;
        if (&mut file)
            .take(limit)
            .read_to_end(&mut chunk)
            .map_err(bad)?
            == 0
        {
            return Ok(tree);
        }
        tree.append(leaf_hash(&chunk));
    }
}
