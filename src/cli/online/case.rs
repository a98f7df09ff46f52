//! `custodes case`: open a case, and let other organisations join it.

use clap::{Args, Subcommand};
use serde_json::{Map, json};

use super::fresh::random_subject;
use super::reference;
use super::session::Session;
use super::signing::{self, Act};
use super::values::{self, Details};
use super::vocabulary;
use super::when;
use crate::cli::Outcome;
use crate::protocol::id::{OrgId, Strand};

/// Open a case, or let an organisation join it.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    Open(OpenArgs),
    Join(JoinArgs),
}

/// Open a case; your organisation becomes its first party.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes case open --reference 44NS1234526 --title \"Burglary, Harbour Street\""
)]
pub struct OpenArgs {
    /// What people call it, such as its URN.
    #[arg(long)]
    reference: Option<String>,
    /// What it is about.
    #[arg(long)]
    title: String,
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    details: Vec<(String, serde_json::Value)>,
    /// When, if not now: YYYY-MM-DDThh:mm:ss+hh:mm.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// Let an organisation join a case.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes case join 44NS1234526 --org defence-llp --part defence --basis \"representation order\""
)]
pub struct JoinArgs {
    /// The case: its reference or opaque id.
    case: String,
    /// The organisation that joins.
    #[arg(long)]
    org: OrgId,
    /// Its part.
    #[arg(long, value_parser = vocabulary::parts())]
    part: String,
    /// On what basis.
    #[arg(long, default_value = "party to the case")]
    basis: String,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// Runs the command.
pub fn run(command: &CaseCommand, session: &Session) -> Outcome {
    match command {
        CaseCommand::Open(args) => open(args, session),
        CaseCommand::Join(args) => join(args, session),
    }
}

fn open(args: &OpenArgs, session: &Session) -> Outcome {
    if let Some(text) = &args.reference {
        reference::is_new(session, text, "case", None)?;
    }
    let mut details = Details::default();
    details.add("title", args.title.as_str())?;
    details.add_some("reference", args.reference.as_ref())?;
    details.add_pairs(&args.details)?;
    let recorded = signing::record(
        session,
        &Act {
            subject: random_subject()?,
            strand: Strand::Case,
            opens: true,
            event: "case-opened".to_owned(),
            body: Map::new(),
            details: details.into_map(),
            occurred_at: when::occurred(args.occurred_at.as_deref())?,
        },
    )?;
    let words = format!("{}\nThe case is {}.", recorded.words(), recorded.subject);
    session.output.result(&words, &recorded.to_json());
    Ok(0)
}

fn join(args: &JoinArgs, session: &Session) -> Outcome {
    let mut details = Details::default();
    details.add("basis", args.basis.as_str())?;
    let body = [
        ("org".to_owned(), json!(args.org)),
        ("part".to_owned(), json!(args.part)),
    ];
    signing::record(
        session,
        &Act {
            subject: reference::case(session, &args.case)?,
            strand: Strand::Case,
            opens: false,
            event: "party-joined".to_owned(),
            body: values::body(&body)?,
            details: details.into_map(),
            occurred_at: when::occurred(args.occurred_at.as_deref())?,
        },
    )?
    .say(session);
    Ok(0)
}
