//! `custodes record`: any event of the rules, for what has no command of its own.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::{random_subject, unexpected};
use super::reference;
use super::register::parents;
use super::session::Session;
use super::signing::{self, Act};
use super::values::{self, Details};
use super::vocabulary;
use crate::cli::failure::Failure;
use crate::cli::{Outcome, evidence};
use crate::ledger::rules::Row;
use crate::ledger::schema::MemberType;
use crate::protocol::id::{ActorId, Strand, Subject};

/// Record any event.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "--set fills the body, which rules read: ids, codes, digests, numbers. --detail fills the details, which \
                        people read and which can be withheld. NAME:=JSON gives a value that is not text.\n\n\
                        Example: custodes record sealed \"44NS1234526 JSM/1\" --set seal=K1234567 --detail \"bag=B0099123\"\n\
                        Example: custodes record seized \"44NS1234526 JSM/4\" --set kind=device \
                        --detail \"description=Phone, black\" --detail \"power_or_consent=PACE 1984 s.19\""
)]
pub struct RecordArgs {
    /// The event, by its name in the rules.
    pub(super) event: String,
    /// What it is about: an exhibit, a case, an actor or `ledger`; for an exhibit that this opens, "CASE REFERENCE".
    pub(super) target: String,
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
    let strand = row.strand;
    let mut body = values::body(&args.set)?;
    let mut details = Details::default();
    let subject = match (row.opens, strand) {
        (true, Strand::Custody) => {
            let (case, reference) = reference::new_exhibit(session, &args.target)?;
            if let Some(reference) = reference {
                reference::is_new(session, &reference, "exhibit", Some(&case))?;
                details.add("reference", reference)?;
            }
            if row.body.contains_key("parents") {
                body.entry("parents")
                    .or_insert(parents(session, &args.parents, &case)?);
            }
            body.insert("case".to_owned(), json!(case));
            random_subject()?
        }
        (true, Strand::Case) => {
            reference::is_new(session, &args.target, "case", None)?;
            details.add("reference", args.target.as_str())?;
            random_subject()?
        }
        _ => target(session, strand, &args.target)?,
    };
    name_by_reference(session, row, &mut body)?;
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
    let recorded = signing::record(
        session,
        &Act {
            subject,
            strand,
            // Notes and the like may begin their chain, but rarely do: only a new exhibit or case surely does.
            opens: row.opens && matches!(strand, Strand::Custody | Strand::Case),
            event: args.event.clone(),
            body,
            details: details.into_map(),
            occurred_at: signing::occurred(args.occurred_at.as_deref())?,
        },
    )?;
    let words = format!("{}\nIt is about {}.", recorded.words(), recorded.subject);
    session.output.result(&words, &recorded.to_json());
    Ok(0)
}

/// Exhibits and people of the body may be named as people name them.
fn name_by_reference(
    session: &Session,
    row: &Row,
    body: &mut Map<String, Value>,
) -> Result<(), Failure> {
    for (name, member) in &row.body {
        let Some(Value::String(text)) = body.get(name) else {
            continue;
        };
        let named = match member.kind {
            MemberType::Subject if name != "case" => {
                json!(reference::exhibit(session, text, None)?)
            }
            MemberType::Actor | MemberType::ActorOrNull => json!(reference::actor(session, text)?),
            _ => continue,
        };
        body.insert(name.clone(), named);
    }
    Ok(())
}

fn target(session: &Session, strand: Strand, text: &str) -> Result<Subject, Failure> {
    match strand {
        Strand::Custody | Strand::Notes => reference::exhibit(session, text, None),
        Strand::Case => reference::case(session, text),
        Strand::Keys => match ActorId::new(text) {
            Ok(actor) => Ok(actor.subject()),
            Err(_) => Subject::new(text).map_err(|error| Failure::new("usage", error.to_string())),
        },
        Strand::Rules => ledger_subject(session),
        Strand::Access | Strand::Exhibits => Err(Failure::new(
            "service-only",
            "events of this kind are recorded by the service alone",
        )
        .next("nothing needs to be done: the service records each reading by itself")),
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
