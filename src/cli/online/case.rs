//! `custodes case`: open a case, let other organisations join it, take an exhibit of another case into it.

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

/// Open a case, let an organisation join it, or take an exhibit of another case into it.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    Open(OpenArgs),
    Join(JoinArgs),
    Link(LinkArgs),
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
    /// Its part. The defence reads what was disclosed to it, prison and probation the same, a custodian what it is handed; every other part all of the case.
    #[arg(long, value_parser = vocabulary::parts())]
    part: String,
    /// On what basis.
    #[arg(long, default_value = "party to the case")]
    basis: String,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// Take an exhibit of another case into a case too; you must stand in both.
#[derive(Debug, Args)]
#[command(
    after_help = "The parties of the case can then read the exhibit and disclose it there. Nothing of this stands in the record of the exhibit \
                        or of its own case: who knows only that case learns nothing of this one. What you read of it, read as an exhibit of \
                        this case, so that the reading goes on this case's record. A hold on this case keeps the exhibit from being disposed of.\n\n\
                        Example: custodes case link 44NS1234526 \"44NS9876526 JSM/1\" --basis \"same van, burglary of 3 March\"\n\
                        Then: custodes history \"44NS1234526 JSM/1\""
)]
pub struct LinkArgs {
    /// The case that takes it in: its reference or opaque id.
    case: String,
    /// The exhibit of the other case: its reference there, or its opaque id.
    exhibit: String,
    /// On what basis.
    #[arg(long)]
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
        CaseCommand::Link(args) => link(args, session),
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

fn link(args: &LinkArgs, session: &Session) -> Outcome {
    let mut details = Details::default();
    details.add("basis", args.basis.as_str())?;
    let exhibit = reference::exhibit(session, &args.exhibit, None)?;
    signing::record(
        session,
        &Act {
            subject: reference::case(session, &args.case)?,
            strand: Strand::Exhibits,
            opens: false,
            event: "exhibit-linked".to_owned(),
            body: values::body(&[("exhibit".to_owned(), json!(exhibit))])?,
            details: details.into_map(),
            occurred_at: when::occurred(args.occurred_at.as_deref())?,
        },
    )?
    .say(session);
    Ok(0)
}
