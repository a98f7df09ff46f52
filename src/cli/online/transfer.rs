//! `custodes transfer`: custody moves when the recipient signs, not when it is offered.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::members;
use super::reference;
use super::session::Session;
use super::signing::{self, Act};
use super::told::{self, OpenOffer};
use super::values::{self, Details};
use super::when;
use crate::cli::failure::Failure;
use crate::cli::{Outcome, evidence};
use crate::ledger::schema;
use crate::protocol::id::{ActorId, Strand, Subject};

/// Hand an exhibit on: offer, accept, refuse, withdraw.
#[derive(Debug, Subcommand)]
pub enum TransferCommand {
    /// Offer an exhibit to a person or organisation; you stay responsible until they accept.
    #[command(
        after_help = "Example: custodes transfer offer \"44NS1234526 JSM/1\" --to nfu --seal K1234567 --purpose extraction"
    )]
    Offer(OfferArgs),
    /// Accept what was offered; from then on you hold it.
    #[command(
        after_help = "Example: custodes transfer accept \"44NS1234526 JSM/1\" --seal K1234567 --condition \"sealed, undamaged\"\n\
                            Example: custodes transfer accept \"44NS1234526 JSM/2\" --file footage.mp4"
    )]
    Accept(AnswerArgs),
    /// Refuse what was offered, and say why.
    #[command(
        after_help = "Example: custodes transfer refuse \"44NS1234526 JSM/1\" --reason \"the seal is broken\""
    )]
    Refuse(AnswerArgs),
    /// Withdraw your own offer.
    #[command(
        after_help = "Example: custodes transfer withdraw \"44NS1234526 JSM/1\" --reason \"offered to the wrong unit\""
    )]
    Withdraw(AnswerArgs),
}

/// What every transfer command takes.
#[derive(Debug, Args)]
struct CommonArgs {
    /// The exhibit: its reference or opaque id.
    exhibit: String,
    /// The seal you saw.
    #[arg(long)]
    seal: Option<String>,
    /// The condition it was in.
    #[arg(long)]
    condition: Option<String>,
    /// Further details.
    #[arg(long = "detail", value_name = "NAME=TEXT|NAME:=JSON", value_parser = values::pair)]
    details: Vec<(String, Value)>,
    /// When, if not now.
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
}

/// An offer (what it is for: --purpose).
#[derive(Debug, Args)]
pub struct OfferArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// To whom: an organisation, an actor id, or a person's name.
    #[arg(long)]
    to: String,
    /// A store of that organisation: whoever is on duty there may accept.
    #[arg(long, value_name = "PLACE")]
    store: Option<String>,
    /// How it is handed over.
    #[arg(long, default_value = "by-hand")]
    method: String,
    /// Who carries it.
    #[arg(long)]
    carrier: Option<String>,
}

/// An answer to an offer.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// The bytes you received: they are digested again.
    #[arg(long, value_name = "FILE|FOLDER")]
    file: Option<PathBuf>,
    /// From whom, where there was no offer.
    #[arg(long, value_name = "ACTOR")]
    from: Option<ActorId>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub fn run(command: &TransferCommand, session: &Session) -> Outcome {
    match command {
        TransferCommand::Offer(args) => offer(args, session),
        TransferCommand::Accept(args) => accept(args, session),
        TransferCommand::Refuse(args) => decline(args, session, "transfer-refused"),
        TransferCommand::Withdraw(args) => decline(args, session, "transfer-withdrawn"),
    }
}

/// Offers an exhibit.
pub fn offer(args: &OfferArgs, session: &Session) -> Outcome {
    let exhibit = reference::exhibit(session, &args.common.exhibit, None)?;
    let to = members::recipient(session, &args.to, args.store.as_deref())?;
    let mut body = Map::new();
    body.insert("to".to_owned(), to);
    body.insert("method".to_owned(), json!(args.method));
    add_seal(&mut body, &args.common);
    let mut details = details(&args.common)?;
    details.add("purpose", session.profile.stated_purpose()?)?;
    details.add_some("carrier", args.carrier.as_ref())?;
    act(
        session,
        &args.common,
        exhibit,
        "transfer-offered",
        body,
        details,
    )
}

fn accept(args: &AnswerArgs, session: &Session) -> Outcome {
    let exhibit = reference::exhibit(session, &args.common.exhibit, None)?;
    let open = open_offer(session, &exhibit, "transfer-accepted")?;
    let (offer, from) = match (open, &args.from) {
        (Some(offer), None) => (json!(offer.e), offer.by),
        (Some(offer), Some(from)) if *from == offer.by => (json!(offer.e), offer.by),
        (_, Some(from)) => (Value::Null, from.clone()),
        (None, None) => return Err(no_offer("or say from whom you took it with --from ACTOR")),
    };
    let digest = match &args.file {
        Some(file) => evidence::to_json(&evidence::digest(file, session.output)?.digest),
        None => Value::Null,
    };
    let mut body = Map::new();
    body.insert("offer".to_owned(), offer);
    body.insert("from".to_owned(), json!(from));
    body.insert("digest".to_owned(), digest);
    add_seal(&mut body, &args.common);
    let mut details = details(&args.common)?;
    details.add_some("reason", args.reason.as_ref())?;
    act(
        session,
        &args.common,
        exhibit,
        "transfer-accepted",
        body,
        details,
    )
}

fn decline(args: &AnswerArgs, session: &Session, event: &str) -> Outcome {
    if args.reason.is_none() {
        return Err(Failure::new("usage", "say why with --reason"));
    }
    if args.file.is_some() || args.from.is_some() {
        return Err(Failure::new(
            "usage",
            "--file and --from go with an acceptance",
        ));
    }
    let exhibit = reference::exhibit(session, &args.common.exhibit, None)?;
    let offer = open_offer(session, &exhibit, event)?
        .ok_or_else(|| no_offer("nothing is open to be answered"))?;
    let mut body = Map::new();
    body.insert("offer".to_owned(), json!(offer.e));
    if event == "transfer-refused" {
        body.insert("from".to_owned(), json!(offer.by));
        add_seal(&mut body, &args.common);
    }
    let mut details = details(&args.common)?;
    details.add_some("reason", args.reason.as_ref())?;
    act(session, &args.common, exhibit, event, body, details)
}

fn act(
    session: &Session,
    common: &CommonArgs,
    subject: Subject,
    event: &str,
    body: Map<String, Value>,
    details: Details,
) -> Outcome {
    let act = Act {
        subject,
        strand: Strand::Custody,
        opens: false,
        event: event.to_owned(),
        body,
        details: details.into_map(),
        occurred_at: when::occurred(common.occurred_at.as_deref())?,
    };
    if answered_before(session, &act.event, &act.subject).is_some() {
        let before = signing::recorded_before(session, &act)?;
        let before = before.ok_or_else(|| {
            no_offer(
                "you answered it before, in other words: `custodes history` shows what is recorded",
            )
        })?;
        before.say(session);
        return Ok(0);
    }
    signing::record(session, &act)?.say(session);
    Ok(0)
}

/// The open offer; or where none is, the one that this person answered without seeing that the service recorded it.
fn open_offer(
    session: &Session,
    exhibit: &Subject,
    event: &str,
) -> Result<Option<OpenOffer>, Failure> {
    let open = find_offer(session, exhibit)?;
    Ok(open.or_else(|| answered_before(session, event, exhibit)))
}

/// The offer that an earlier command answered with this event, where that was sent only now.
fn answered_before(session: &Session, event: &str, exhibit: &Subject) -> Option<OpenOffer> {
    let settled = session.settled.borrow();
    let payloads = settled.iter().map(|one| one.entry.payload());
    let mut answers = payloads.filter(|one| one.event == event && one.subject == *exhibit);
    let answer = answers.next_back()?;
    let own = session.reader.actor.clone();
    Some(OpenOffer {
        e: schema::read(&answer.body, "offer")?,
        by: schema::read(&answer.body, "from").unwrap_or(own),
    })
}

fn find_offer(session: &Session, exhibit: &Subject) -> Result<Option<OpenOffer>, Failure> {
    if let Some(carry) = &session.carry {
        let carry = carry.borrow();
        let offer = carry
            .standing
            .get(exhibit)
            .and_then(|exhibit| exhibit.offer.clone());
        return Ok(offer.map(|offer| OpenOffer {
            e: offer.e,
            by: offer.by,
        }));
    }
    let path = format!("/v1/exhibits/{exhibit}/history?strand=custody");
    let told = told::read(&session.history_for(&path, "answering a transfer")?)?;
    Ok(told::open_offer(&told, exhibit))
}

fn no_offer(next: &str) -> Failure {
    Failure::new("no-open-offer", "this exhibit has no open offer").next(format!(
        "ask the holder to make one with `custodes transfer offer`; {next}"
    ))
}

fn add_seal(body: &mut Map<String, Value>, common: &CommonArgs) {
    if let Some(seal) = &common.seal {
        body.insert("seal".to_owned(), json!(seal));
    }
}

fn details(common: &CommonArgs) -> Result<Details, Failure> {
    let mut details = Details::default();
    details.add_some("condition", common.condition.as_ref())?;
    details.add_pairs(&common.details)?;
    Ok(details)
}
