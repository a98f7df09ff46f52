//! `custodes key enrol` and `custodes key revoke`: an authority vouches for its own people.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::authority::AuthorityArgs;
use super::carry::people;
use super::fresh::random_subject;
use super::home::{Profile, write_atomically};
use super::key::request;
use super::session::Session;
use super::signing::{self, Act};
use super::values::Details;
use super::{reference, vocabulary};
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::keys;
use crate::cli::output::Output;
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};
use crate::protocol::policy::MAX_POLICY;
use crate::protocol::time::Moment;
use crate::protocol::token::Possession;

/// Longest enrolment request read.
const MAX_REQUEST: usize = 64 << 10;

/// Enrol a person's key: as authority of their organisation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key enrol --authority authority/nfu.pem --org nfu --role examiner --name \"Kim Barnes\" --request barnes.json"
)]
pub struct EnrolArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// Roles, joined by commas: officer, examiner, store, disclosure-officer, prosecutor, defence, court and so on.
    #[arg(long, required = true, value_delimiter = ',', value_parser = vocabulary::role)]
    role: Vec<String>,
    /// The person's name: a detail, which can be withheld.
    #[arg(long)]
    name: String,
    /// What the person wrote with `key show --request`.
    #[arg(long, value_name = "FILE", required_unless_present = "home_of")]
    request: Option<PathBuf>,
    /// The person's folder, if it is on this machine; its configuration is filled in.
    #[arg(long, value_name = "FOLDER", conflicts_with = "request")]
    home_of: Option<PathBuf>,
    /// Not valid before.
    #[arg(long, value_name = "TIME")]
    valid_from: Option<String>,
    /// Not valid after.
    #[arg(long, value_name = "TIME")]
    valid_until: Option<String>,
}

/// Revoke a key: as authority of the person's organisation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key revoke --authority authority/nfu.pem --org nfu --of \"Kim Barnes\" --kid KEY-ID --reason \"laptop stolen\" \
                        --compromised-since 2026-03-20T00:00:00+00:00"
)]
pub struct RevokeArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// Whose key: an actor id, or a name.
    #[arg(long, value_name = "ACTOR")]
    of: String,
    /// The key id, as `key show` prints it.
    #[arg(long, allow_hyphen_values = true)]
    kid: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Since when it may have been in other hands.
    #[arg(long, value_name = "TIME")]
    compromised_since: Option<String>,
}

/// Give a person other roles in the place of theirs: as authority of their organisation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key roles --authority authority/nfu.pem --org nfu --of \"Kim Barnes\" --role examiner,store --reason \"moved to the store\""
)]
pub struct RolesArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// Whose: an actor id, or a name.
    #[arg(long, value_name = "ACTOR")]
    of: String,
    /// The roles that they have from now on, joined by commas.
    #[arg(long, required = true, value_delimiter = ',', value_parser = vocabulary::role)]
    role: Vec<String>,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// Explain what was flagged on a person's keys: as authority of their organisation. The flag stays, with the explanation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key explain key-not-cosigned 41 --authority authority/nfu.pem --org nfu --of \"Kim Barnes\" --text \"the phone with the first key was lost\""
)]
pub struct ExplainArgs {
    /// The flag, as printed in brackets.
    #[arg(value_name = "FLAG")]
    flag: String,
    /// The entry it is on, by its number.
    #[arg(value_name = "ENTRY")]
    entry: u64,
    #[command(flatten)]
    authority: AuthorityArgs,
    /// On whose keys: an actor id, or a name.
    #[arg(long, value_name = "ACTOR")]
    of: String,
    /// What happened.
    #[arg(long, value_name = "WORDS")]
    text: String,
}

/// What somebody wrote with `key show --request`.
pub fn read_request(file: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&read_text(file, MAX_REQUEST)?)
        .map_err(|error| Failure::new("request", format!("{}: {error}", file.display())))
}

/// Who holds which key, by the proof in a request, and the proof itself.
pub fn possession<'r>(
    request: &'r Value,
    session: &Session,
) -> Result<(Possession, &'r str), Failure> {
    let proof = request["proof"].as_str().unwrap_or_default();
    let person = Possession::verify(proof).map_err(|error| {
        Failure::check(
            "possession",
            format!("the request does not prove who holds the key: {error}"),
        )
    })?;
    if person.ledger != session.reader.ledger {
        return Err(other_request());
    }
    Ok((person, proof))
}

fn other_request() -> Failure {
    Failure::new(
        "request",
        "the request is for another ledger or organisation",
    )
}

/// Runs `key enrol`.
pub fn run(args: &EnrolArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let request = match (&args.home_of, &args.request) {
        (Some(home), _) => {
            let key = keys::load(&home.join("key.pem"))?;
            let actor = prepare(home, &args.authority.org, &session)?;
            request(&key, &session.reader.ledger, &actor)
        }
        (None, Some(file)) => read_request(file)?,
        (None, None) => {
            return Err(Failure::new(
                "usage",
                "give --request FILE or --home-of FOLDER",
            ));
        }
    };
    let (person, proof) = possession(&request, &session)?;
    if person.actor.org() != args.authority.org {
        return Err(other_request());
    }
    let mut body = Map::new();
    body.insert("actor".to_owned(), json!(person.actor));
    body.insert("key".to_owned(), json!(person.key));
    body.insert("roles".to_owned(), json!(args.role));
    body.insert("valid_from".to_owned(), time(args.valid_from.as_ref())?);
    body.insert("valid_until".to_owned(), time(args.valid_until.as_ref())?);
    body.insert("proof".to_owned(), json!(proof));
    if let Some(cosigned) = request.get("cosigned") {
        body.insert("cosigned".to_owned(), cosigned.clone());
    }
    let mut details = Details::default();
    details.add("name", args.name.as_str())?;
    let recorded = signing::record(
        &session,
        &act(person.actor.subject(), "key-enrolled", body, details)?,
    )?;
    let mut value = recorded.to_json();
    value["actor"] = json!(person.actor);
    output.result(
        &format!("{}\n{} is {}.", recorded.words(), args.name, person.actor),
        &value,
    );
    Ok(0)
}

/// Fills in a person's folder before anything is recorded: an actor id that only the ledger knew would leave the key
/// that it enrols without its owner.
fn prepare(home: &Path, org: &OrgId, session: &Session) -> Result<ActorId, Failure> {
    let mut theirs = session.profile.at(home)?;
    let ledger = session.reader.ledger.clone();
    let actor = match theirs.config.actor_in(org, &ledger) {
        Some(actor) => actor,
        None => ActorId::from_parts(org, &random_subject()?),
    };
    theirs.config.url = Some(session.client.url().to_owned());
    theirs.config.ledger = Some(ledger);
    theirs.config.actor = Some(actor.clone());
    theirs.config.org = Some(org.clone());
    theirs.config.store(home)?;
    let policy = read_text(&session.profile.policy_file(), MAX_POLICY)?;
    write_atomically(&theirs.policy_file(), policy.as_bytes())?;
    Ok(actor)
}

/// Runs `key revoke`.
pub fn revoke(args: &RevokeArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let actor = reference::actor(&session, &args.of)?;
    let mut body = Map::new();
    body.insert("key".to_owned(), json!(args.kid));
    body.insert(
        "compromised_since".to_owned(),
        time(args.compromised_since.as_ref())?,
    );
    let mut details = Details::default();
    details.add("reason", args.reason.as_str())?;
    signing::record(
        &session,
        &act(actor.subject(), "key-revoked", body, details)?,
    )?
    .say(&session);
    Ok(0)
}

/// Runs `key roles`.
pub fn roles(args: &RolesArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let actor = reference::actor(&session, &args.of)?;
    let body = Map::from_iter([("roles".to_owned(), json!(args.role))]);
    let mut details = Details::default();
    details.add("reason", args.reason.as_str())?;
    let act = act(actor.subject(), "roles-changed", body, details)?;
    signing::record(&session, &act)?.say(&session);
    Ok(0)
}

/// Runs `key explain`.
pub fn explain(args: &ExplainArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let actor = reference::actor(&session, &args.of)?;
    let chain = people::fetch(&session, &actor.subject())?;
    let mut chain = chain.iter().map(|one| &one.receipt);
    let entry = chain.find(|one| one.index.0 == args.entry);
    let entry = entry.ok_or_else(|| {
        let words = format!("entry {} is not of the keys of {}", args.entry, args.of);
        Failure::new("entry-unknown", words)
            .next("name the entry by the number that `custodes verify` shows beside the flag")
    })?;
    let body = Map::from_iter([
        ("category".to_owned(), json!(args.flag)),
        ("targets".to_owned(), json!([entry.e])),
    ]);
    let mut details = Details::default();
    details.add("text", args.text.as_str())?;
    let event = "person-irregularity-explained";
    let act = act(actor.subject(), event, body, details)?;
    signing::record(&session, &act)?.say(&session);
    Ok(0)
}

fn act(
    subject: Subject,
    event: &str,
    body: Map<String, Value>,
    details: Details,
) -> Result<Act, Failure> {
    Act::now(subject, Strand::Keys, event, body, details.into_map())
}

/// A moment that was stated, or null.
pub fn time(text: Option<&String>) -> Result<Value, Failure> {
    match text {
        None => Ok(Value::Null),
        Some(text) => Moment::parse(text)
            .map(|moment| json!(moment))
            .map_err(|error| Failure::new("usage", error.to_string())),
    }
}
