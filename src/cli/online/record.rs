//! `custodes record`: any event of the rules, for what has no command of its own.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::unexpected;
use super::fresh::random_subject;
use super::guide::ask::{self, Answers};
use super::members::{Members, points_at};
use super::reference;
use super::register::parents;
use super::session::Session;
use super::signing::{self, Act};
use super::values::{self, Details};
use super::vocabulary;
use super::when;
use crate::cli::failure::{Failure, read_limited};
use crate::cli::{Outcome, evidence};
use crate::ledger::rules::Row;
use crate::ledger::schema::{self, MemberType};
use crate::ledger::state::Role;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Strand, Subject};

/// Largest file that an entry carries, as the service takes them.
const MAX_BLOB: usize = 64 << 20;

/// Record any event. At a terminal, what is missing is asked for.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "--set fills the body, which rules read: ids, codes, digests, numbers. --detail fills the details, which \
                        people read and which can be withheld. An exhibit is named by its reference, a person by name, another entry by its \
                        number in the history; NAME:=JSON gives any other value that is not text.\n\n\
                        Example: custodes record sealed \"44NS1234526 JSM/1\" --set seal=K1234567 --detail \"bag=B0099123\"\n\
                        Example: custodes record seized \"44NS1234526 JSM/4\" --set kind=device \
                        --detail \"description=Phone, black\" --detail \"power_or_consent=PACE 1984 s.19\"\n\
                        Example: custodes record seized \"44NS1234526 JSM/4\"   # at a terminal: asks for the rest"
)]
pub struct RecordArgs {
    /// The event, by its name in the rules.
    pub(super) event: String,
    /// What it is about: an exhibit, a case, an actor or `ledger`; for an exhibit that this opens, "CASE REFERENCE".
    pub(super) target: Option<String>,
    /// Body members.
    #[arg(long = "set", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    pub(super) set: Vec<(String, Value)>,
    /// Details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    pub(super) details: Vec<(String, Value)>,
    /// A TOML or JSON file whose fields become details.
    #[arg(long, value_name = "FILE")]
    pub(super) meta: Option<PathBuf>,
    /// A file or folder whose digest becomes `digest`.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(super) digest_file: Option<PathBuf>,
    /// A file or folder whose digest becomes `verification`.
    #[arg(long, value_name = "FILE|FOLDER")]
    pub(super) verification_file: Option<PathBuf>,
    /// A file that travels with the entry, such as the list of candidates of a search.
    #[arg(long, value_name = "NAME=FILE")]
    pub(super) attach: Vec<String>,
    /// An exhibit that this one comes of. With =FILE, the bytes it was made from: they are digested.
    #[arg(long = "parent", value_name = "EXHIBIT[=FILE]")]
    pub(super) parents: Vec<String>,
    /// When, if not now: a time, or FROM/TO.
    #[arg(long, value_name = "TIME")]
    pub(super) occurred_at: Option<String>,
}

/// Runs the command.
pub fn run(args: &RecordArgs, session: &Session) -> Outcome {
    let row = vocabulary::event(&args.event)?;
    let mut body = values::body(&args.set)?;
    let mut details = Details::default();
    let about = about(args, session, row)?;
    let subject = subject(session, row, &about, &mut body, &mut details)?;
    if let (true, false, Some(case)) = (
        row.body.contains_key("parents"),
        args.parents.is_empty(),
        schema::read(&body, "case"),
    ) {
        body.insert(
            "parents".to_owned(),
            parents(session, &args.parents, &case)?,
        );
    }
    let members = Members::new(session, row, &subject);
    members.read_all(&mut body)?;
    for text in &args.attach {
        let (name, file) = attached(row, text)?;
        body.insert(name.to_owned(), attach(session, file)?);
    }
    for (name, file) in [
        ("digest", &args.digest_file),
        ("verification", &args.verification_file),
    ] {
        let Some(file) = file else { continue };
        let digested = evidence::digest(file, session.output)?;
        if let Some(manifest) = &digested.manifest {
            session.put_blob(manifest)?;
        }
        body.insert(name.to_owned(), evidence::to_json(&digested.digest));
    }
    details.add_pairs(&args.details)?;
    if let Some(meta) = &args.meta {
        details.add_file(meta)?;
    }
    let answers = Answers {
        row,
        about: &about,
        body,
        details,
        occurred_at: args.occurred_at.clone(),
    };
    let (body, details, occurred_at) = match answers.lack_something() && ask::can_ask(session) {
        true => answers.complete(session, &members)?,
        false => {
            let occurred_at = when::occurred(args.occurred_at.as_deref())?;
            (answers.body, answers.details, occurred_at)
        }
    };
    let recorded = signing::record(
        session,
        &Act {
            subject: subject.clone(),
            strand: row.strand,
            // Notes and the like may begin their chain, but rarely do: only a new exhibit or case surely does.
            opens: row.opens && matches!(row.strand, Strand::Custody | Strand::Case),
            event: args.event.clone(),
            body,
            details: details.into_map(),
            occurred_at,
        },
    )?;
    let words = format!(
        "{}\nIt is about {}.",
        recorded.words(),
        called(&about, &recorded.subject)
    );
    session.output.result(&words, &recorded.to_json());
    Ok(0)
}

/// What people called it in the command, with its id: both lead to it again.
fn called(about: &str, subject: &Subject) -> String {
    match about == subject.as_str() {
        true => about.to_owned(),
        false => format!("{about} (id {subject})"),
    }
}

/// What it is about, as people call it: as stated, or asked for.
fn about(args: &RecordArgs, session: &Session, row: &Row) -> Result<String, Failure> {
    match &args.target {
        Some(target) => Ok(target.clone()),
        None if row.strand == Strand::Rules => Ok("ledger".to_owned()),
        None if ask::can_ask(session) => ask::ask_line(match (row.opens, row.strand) {
            (true, Strand::Custody) => {
                "Case, and the reference of the new exhibit, such as 44NS1234526 JSM/4"
            }
            (true, Strand::Case) => "Reference of the new case",
            (_, Strand::Case | Strand::Exhibits) => "Case",
            (_, Strand::Keys) => "Person, by actor id",
            _ => "Exhibit, such as 44NS1234526 JSM/1",
        }),
        None => Err(Failure::new(
            "usage",
            format!("\"{}\" is about something: say what", row.event),
        )
        .next("name the exhibit or case after the event, such as \"44NS1234526 JSM/1\"")),
    }
}

/// The subject that people mean. What is new gets an id, and its reference becomes a detail.
fn subject(
    session: &Session,
    row: &Row,
    about: &str,
    body: &mut Map<String, Value>,
    details: &mut Details,
) -> Result<Subject, Failure> {
    match (row.opens, row.strand) {
        (true, Strand::Custody) => {
            let (case, reference) = reference::new_exhibit(session, about)?;
            if let Some(reference) = reference {
                reference::is_new(session, &reference, "exhibit", Some(&case))?;
                details.add("reference", reference)?;
            }
            body.insert("case".to_owned(), json!(case));
            random_subject()
        }
        (true, Strand::Case) => {
            reference::is_new(session, about, "case", None)?;
            details.add("reference", about)?;
            random_subject()
        }
        _ => target(session, row, about),
    }
}

/// The member and the file of `--attach NAME=FILE`.
fn attached<'t>(row: &Row, text: &'t str) -> Result<(&'t str, &'t Path), Failure> {
    let member = text.split_once('=');
    let member = member.filter(|(name, _)| {
        let kind = row.body.get(*name).map(|member| member.kind);
        points_at(name).is_none() && matches!(kind, Some(MemberType::Hash | MemberType::HashOrNull))
    });
    let (name, file) = member.ok_or_else(|| {
        Failure::new(
            "usage",
            format!("--attach {text}: expected NAME=FILE, with a member that names a file"),
        )
        .next(format!(
            "`custodes template {}` shows what it needs",
            row.event
        ))
    })?;
    Ok((name, Path::new(file)))
}

/// Stores a file that an entry carries; the entry names it by its SHA-256.
pub fn attach(session: &Session, file: &Path) -> Result<Value, Failure> {
    let bytes = read_limited(file, MAX_BLOB)?;
    session.put_blob(&bytes)?;
    Ok(json!(Hash::of(&[&bytes])))
}

fn target(session: &Session, row: &Row, text: &str) -> Result<Subject, Failure> {
    match row.strand {
        _ if row.roles == [Role::Service] => Err(Failure::new(
            "service-only",
            "events of this kind are recorded by the service alone",
        )
        .next("nothing needs to be done: the service records each reading by itself")),
        Strand::Custody | Strand::Notes | Strand::Access => reference::exhibit(session, text, None),
        Strand::Case | Strand::Exhibits => reference::case(session, text),
        Strand::Keys => match ActorId::new(text) {
            Ok(actor) => Ok(actor.subject()),
            Err(_) => Subject::new(text).map_err(|error| Failure::new("usage", error.to_string())),
        },
        Strand::Rules => ledger_subject(session),
    }
}

/// The subject of the ledger itself.
pub fn ledger_subject(session: &Session) -> Result<Subject, Failure> {
    let answer = session
        .client
        .public("/v1/ledger")?
        .ok_or_else(|| unexpected("no /v1/ledger"))?
        .json()?;
    serde_json::from_value(answer["subject"].clone())
        .map_err(|error| unexpected(&error.to_string()))
}
