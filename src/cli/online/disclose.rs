//! `custodes disclose` and `custodes acknowledge`: what the defence was given, and that they have it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::members::Members;
use super::reference;
use super::session::Session;
use super::signing::{self, Act, Recorded};
use super::told;
use super::values::{self, Details};
use super::vocabulary;
use super::when;
use crate::cli::failure::{Failure, read_limited};
use crate::cli::{Outcome, evidence};
use crate::ledger::Rules;
use crate::ledger::state::Withheld;
use crate::protocol::bundle::MAX_BUNDLE;
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{Code, OrgId, Strand, Subject};
use crate::verify::counted;

/// Disclose exhibits of a case to other parties.
#[derive(Debug, Args)]
#[command(
    after_help = "What is withheld is left out of all that the recipients are given of these exhibits; each bundle says which details \
                  those are, and still verifies. A later disclosure that withholds less shows more of the same entries. What was \
                  disclosed by mistake is withdrawn with `custodes record disclosure-withdrawn`.\n\n\
                  Example: custodes disclose 44NS1234526 --to defence-llp --exhibit JSM/2 --basis \"CPIA 1996 s.3\"\n\
                  Example: custodes disclose 44NS1234526 --to defence-llp --exhibit JSM/2 --stage stage-1 --withhold address witness --expires 2026-12-01"
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
    /// Until when they may read it here; without this there is no end.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Details that they are not told, by name: address, witness and so on. The names stay visible to them.
    #[arg(long, value_name = "DETAIL", num_args = 1..)]
    withhold: Vec<String>,
    /// Events of whose entries they are told no detail, nor given the files.
    #[arg(long, value_name = "EVENT", num_args = 1..)]
    withhold_event: Vec<String>,
    /// A list of details and events kept in the rules: mg6d-sensitive, personal-data.
    #[arg(long, value_name = "PROFILE")]
    withhold_profile: Option<String>,
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
    if let Some(expires) = &args.expires {
        body.insert("expires".to_owned(), json!(when::stated(expires)?.as_str()));
    }
    for (member, named) in [
        ("withhold_details", &args.withhold),
        ("withhold_events", &args.withhold_event),
    ] {
        if !named.is_empty() {
            body.insert(member.to_owned(), json!(named));
        }
    }
    if let Some(profile) = &args.withhold_profile {
        body.insert("withhold_profile".to_owned(), json!(profile));
    }
    let withheld = withheld(args)?;
    let told = match withheld == Withheld::default() {
        true => None,
        false => Some(preview(session, &case, &exhibits, args, &withheld)?),
    };
    let mut details = Details::default();
    details.add("basis", args.basis.as_str())?;
    details.add_pairs(&args.details)?;
    let when = args.occurred_at.as_deref();
    let recorded = record(session, case, "disclosed", body, details, when)?;
    let words = recorded.words();
    let (words, preview) = match told {
        Some((told, value)) => (format!("{words}\n{told}"), value),
        None => (words, Value::Null),
    };
    let mut value = recorded.to_json();
    value["withheld"] = preview;
    session.output.result(&words, &value);
    Ok(0)
}

/// What a disclosure withholds, by name, by event and by profile together.
fn withheld(args: &DiscloseArgs) -> Result<Withheld, Failure> {
    let profiles = Rules::embedded().withholding_profiles();
    let mut withheld = match &args.withhold_profile {
        None => Withheld::default(),
        Some(name) => profiles.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
            Failure::new(
                "usage",
                format!("--withhold-profile {name}: there is no such profile"),
            )
            .next(format!("one of {}", known.join(", ")))
        })?,
    };
    let code = |text: &String| {
        Code::new(text.as_str()).map_err(|error| Failure::new("usage", format!("{text}: {error}")))
    };
    for name in &args.withhold {
        withheld.details.insert(code(name)?);
    }
    for event in &args.withhold_event {
        vocabulary::event(event)?;
        withheld.events.insert(code(event)?);
    }
    Ok(withheld)
}

/// What the recipients will not see of what is recorded so far; a name that is misspelt withholds nothing, which is said.
fn preview(
    session: &Session,
    case: &Subject,
    exhibits: &[Subject],
    args: &DiscloseArgs,
    withheld: &Withheld,
) -> Result<(String, Value), Failure> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut count = 0usize;
    for exhibit in exhibits {
        let path = format!("/v1/exhibits/{exhibit}/history?case={case}");
        for told in told::read(&session.history_for(&path, "withholding details")?)? {
            let Some(entry) = told.entry.filter(|_| told.strand != Strand::Access) else {
                continue;
            };
            let payload = entry.payload();
            let all = payload.details.keys();
            let kept_back: Vec<&String> = all
                .filter(|name| withheld.has(&payload.event, name))
                .collect();
            count += kept_back.len();
            names.extend(kept_back.into_iter().cloned());
        }
    }
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut words = format!(
        "Of what is recorded so far they are not told {}: {}.",
        counted(count, "detail", "details"),
        match listed.is_empty() {
            true => "nothing has such a name".to_owned(),
            false => listed.join(", "),
        }
    );
    let unused: Vec<&String> = args
        .withhold
        .iter()
        .filter(|one| !names.contains(*one))
        .collect();
    for name in &unused {
        words.push_str(&format!(
            "\nNo detail is called {name} so far: check the spelling. It stays withheld in what is recorded later."
        ));
    }
    Ok((
        words,
        json!({"count": count, "names": names, "unused": unused}),
    ))
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
    let when = args.occurred_at.as_deref();
    record(
        session,
        case,
        "disclosure-acknowledged",
        body,
        details,
        when,
    )?
    .say(session);
    Ok(0)
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
) -> Result<Recorded, Failure> {
    let act = Act {
        subject: case,
        strand: Strand::Case,
        opens: false,
        event: event.to_owned(),
        body,
        details: details.into_map(),
        occurred_at: when::occurred(occurred_at)?,
    };
    signing::record(session, &act)
}
