//! `custodes disclose` and `custodes acknowledge`: what the defence was given, and that they have it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::members::Members;
use super::reference;
use super::session::Session;
use super::signing::{self, Act};
use super::told;
use super::values::{self, Details};
use super::vocabulary;
use super::when;
use crate::cli::failure::{Failure, read_limited};
use crate::cli::{Outcome, evidence};
use crate::protocol::bundle::MAX_BUNDLE;
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{OrgId, Strand, Subject};

/// Disclose exhibits of a case to other parties.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes disclose 44NS1234526 --to defence-llp --exhibit JSM/2 --basis \"CPIA 1996 s.3\""
)]
pub struct DiscloseArgs {
    /// The case: its reference or opaque id.
    case: String,
    /// To which organisations.
    #[arg(long, required = true, num_args = 1.., value_name = "ORG")]
    to: Vec<OrgId>,
    /// Which exhibits.
    #[arg(long = "exhibit", required = true, num_args = 1.., value_name = "EXHIBIT")]
    exhibits: Vec<String>,
    /// On what basis.
    #[arg(long, default_value = "disclosure to a party")]
    basis: String,
    /// For which stage of the proceedings: idpc, ptph, stage-1 to stage-4, trial, appeal.
    #[arg(long)]
    stage: Option<String>,
    /// The bundle that was handed over: its SHA-256 is recorded.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    details: Vec<(String, Value)>,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// Acknowledge what was disclosed to your organisation.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes acknowledge 44NS1234526 --file JSM/2=footage.mp4")]
pub struct AcknowledgeArgs {
    /// The case: its reference or opaque id.
    case: String,
    /// Which disclosure, by the number of its entry; otherwise the newest one to your organisation.
    #[arg(long, value_name = "ENTRY")]
    disclosure: Option<String>,
    /// What you received: EXHIBIT=FILE, digested again.
    #[arg(long = "file", value_name = "EXHIBIT=FILE", num_args = 1..)]
    files: Vec<String>,
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    details: Vec<(String, Value)>,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// Runs `disclose`.
pub fn run(args: &DiscloseArgs, session: &Session) -> Outcome {
    let case = reference::case(session, &args.case)?;
    let exhibits = args
        .exhibits
        .iter()
        .map(|text| reference::exhibit(session, text, Some(&case)))
        .collect::<Result<Vec<_>, _>>()?;
    let bundle = match &args.bundle {
        Some(file) => json!(Hash::of(&[&read_limited(file, MAX_BUNDLE)?])),
        None => Value::Null,
    };
    let mut body = Map::new();
    body.insert("exhibits".to_owned(), json!(exhibits));
    body.insert("to".to_owned(), json!(args.to));
    body.insert("bundle".to_owned(), bundle);
    if let Some(stage) = &args.stage {
        body.insert("stage".to_owned(), json!(stage));
    }
    let mut details = Details::default();
    details.add("basis", args.basis.as_str())?;
    details.add_pairs(&args.details)?;
    record(
        session,
        case,
        "disclosed",
        body,
        details,
        args.occurred_at.as_deref(),
    )
}

/// Runs `acknowledge`.
pub fn acknowledge(args: &AcknowledgeArgs, session: &Session) -> Outcome {
    let case = reference::case(session, &args.case)?;
    let disclosure = match &args.disclosure {
        Some(text) => {
            let row = vocabulary::event("disclosure-acknowledged")?;
            EntryHash(Members::new(session, row, &case).entry(text)?)
        }
        None => newest_disclosure(session, &case)?,
    };
    let mut digests = Vec::new();
    for text in &args.files {
        let (exhibit, file) = text
            .split_once('=')
            .ok_or_else(|| Failure::new("usage", "--file: expected EXHIBIT=FILE"))?;
        let exhibit = reference::exhibit(session, exhibit, Some(&case))?;
        let digest = evidence::digest(file.as_ref(), session.output)?.digest;
        digests.push(json!({ "exhibit": exhibit, "digest": evidence::to_json(&digest) }));
    }
    let mut body = Map::new();
    body.insert("disclosure".to_owned(), json!(disclosure));
    body.insert("digests".to_owned(), digests.into());
    let mut details = Details::default();
    details.add_pairs(&args.details)?;
    record(
        session,
        case,
        "disclosure-acknowledged",
        body,
        details,
        args.occurred_at.as_deref(),
    )
}

fn newest_disclosure(session: &Session, case: &Subject) -> Result<EntryHash, Failure> {
    let path = format!("/v1/cases/{case}/history");
    let told = told::read(&session.history_for(&path, "acknowledging a disclosure")?)?;
    let org = session.reader.actor.org();
    told.iter()
        .filter_map(|one| one.entry.as_ref())
        .rfind(|entry| {
            let payload = entry.payload();
            let to = payload.body.get("to").and_then(Value::as_array);
            let to_us =
                |list: &Vec<Value>| list.iter().any(|one| one.as_str() == Some(org.as_str()));
            payload.event == "disclosed" && payload.subject == *case && to.is_some_and(to_us)
        })
        .map(|entry| entry.hash())
        .ok_or_else(|| {
            Failure::new(
                "no-disclosure",
                format!("nothing was disclosed to {org} in this case"),
            )
            .next("name the disclosure with --disclosure ENTRY")
        })
}

fn record(
    session: &Session,
    case: Subject,
    event: &str,
    body: Map<String, Value>,
    details: Details,
    occurred_at: Option<&str>,
) -> Outcome {
    let act = Act {
        subject: case,
        strand: Strand::Case,
        opens: false,
        event: event.to_owned(),
        body,
        details: details.into_map(),
        occurred_at: when::occurred(occurred_at)?,
    };
    signing::record(session, &act)?.say(session);
    Ok(0)
}
