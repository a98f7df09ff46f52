//! `custodes organisation`: who takes part in the ledger, as its organisations decide it together.
//!
//! One authority proposes, others approve; the change holds from the entry on with which more than half of the
//! organisations that are not suspended stand behind it. [`list`] reads the ledger's `rules` chain, checks it and runs
//! the rules on it: what it shows is not the service's word.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::authority::AuthorityArgs;
use super::enrol;
use super::home::Profile;
use super::record::ledger_subject;
use super::rules_chain;
use super::session::Session;
use super::signing::{self, Act, Recorded};
use super::values::Details;
use super::vocabulary;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::ledger::RecordKey;
use crate::ledger::state::{Change, Known as _, OrgRecord, ProposalRecord, Record};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{OrgId, Strand};

/// Admit or suspend an organisation, give an authority another key, approve what was proposed; list all.
#[derive(Debug, Subcommand)]
pub enum OrganisationCommand {
    Admit(AdmitArgs),
    Suspend(SuspendArgs),
    RotateKey(RotateArgs),
    Approve(ApproveArgs),
    List(ListArgs),
}

/// Propose that an organisation take part; it may write once more than half of the others approved and it accepted the
/// ledger's genesis.
#[derive(Debug, Args)]
#[command(
    after_help = "The new organisation's authority makes its key and request first: custodes key new; custodes key show --request new.json --org … --ledger …\n\n\
                        Example: custodes organisation admit --authority authority/cps.pem --org cps --sector defence --request new.json --basis \"instructed in 44NS1234526\""
)]
pub struct AdmitArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// police, forensic, prosecution, court, prison, probation, defence or oversight.
    #[arg(long)]
    sector: String,
    /// What the new organisation's authority wrote with `key show --request`.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// On what basis.
    #[arg(long)]
    basis: String,
}

/// Propose that an organisation write and read no more; what it recorded stays as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes organisation suspend --authority authority/cps.pem --org cps --of old-lab --reason \"accreditation withdrawn\""
)]
pub struct SuspendArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// Which organisation.
    #[arg(long, value_name = "ORG")]
    of: OrgId,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// Give an authority a new key: your own at once, another organisation's once more than half approve.
#[derive(Debug, Args)]
#[command(
    after_help = "The request for the new key names the authority's id: custodes key show --request new.json --org … --ledger … --actor …\n\n\
                        Example: custodes organisation rotate-key --authority authority/cps.pem --org cps --request new.json --reason \"yearly change\""
)]
pub struct RotateArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// What the authority wrote with `key show --request --actor`.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Since when the earlier key may have been in other hands.
    #[arg(long, value_name = "TIME")]
    compromised_since: Option<String>,
}

/// Stand behind what another authority proposed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes organisation approve --authority authority/defence-llp.pem --org defence-llp --proposal ENTRY"
)]
pub struct ApproveArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// The entry that proposed it, as `organisation list` shows it.
    #[arg(long, value_name = "E")]
    proposal: String,
}

/// Show the ledger's organisations and what is proposed, by its rules chain, which is checked here.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes organisation list")]
pub struct ListArgs {}

/// Runs the command.
pub fn run(command: &OrganisationCommand, profile: Profile, output: Output) -> Outcome {
    match command {
        OrganisationCommand::Admit(args) => admit_one(args, profile, output),
        OrganisationCommand::Suspend(args) => {
            let session = args.authority.session(profile, output)?;
            let body = Map::from_iter([("org".to_owned(), json!(args.of))]);
            let reason = ("reason", args.reason.as_str());
            told(
                &session,
                &record(&session, "organisation-suspended", body, Some(reason))?,
            )
        }
        OrganisationCommand::RotateKey(args) => rotate(args, profile, output),
        OrganisationCommand::Approve(args) => {
            let session = args.authority.session(profile, output)?;
            let proposal = Hash::from_base64url(&args.proposal)
                .map_err(|error| Failure::new("usage", format!("--proposal: {error}")))?;
            let body = Map::from_iter([("proposal".to_owned(), json!(proposal))]);
            told(&session, &record(&session, "rule-approved", body, None)?)
        }
        OrganisationCommand::List(_) => list(&Session::open(profile, output)?),
    }
}

fn admit_one(args: &AdmitArgs, profile: Profile, output: Output) -> Outcome {
    if !vocabulary::sectors().contains(&args.sector.as_str()) {
        let known = vocabulary::sectors().join(", ");
        let why = format!("{:?} is no sector; the sectors are {known}", args.sector);
        return Err(Failure::new("usage", why));
    }
    let session = args.authority.session(profile, output)?;
    let request = enrol::read_request(&args.request)?;
    let (person, proof) = enrol::possession(&request, &session)?;
    let body = Map::from_iter([
        ("org".to_owned(), json!(person.actor.org())),
        ("sector".to_owned(), json!(args.sector)),
        ("actor".to_owned(), json!(person.actor)),
        ("key".to_owned(), json!(person.key)),
        ("proof".to_owned(), json!(proof)),
    ]);
    let basis = ("basis", args.basis.as_str());
    told(
        &session,
        &record(&session, "organisation-admitted", body, Some(basis))?,
    )
}

fn rotate(args: &RotateArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let request = enrol::read_request(&args.request)?;
    let (person, proof) = enrol::possession(&request, &session)?;
    let since = enrol::time(args.compromised_since.as_ref())?;
    let body = Map::from_iter([
        ("actor".to_owned(), json!(person.actor)),
        ("key".to_owned(), json!(person.key)),
        ("proof".to_owned(), json!(proof)),
        ("compromised_since".to_owned(), since),
    ]);
    let reason = ("reason", args.reason.as_str());
    let recorded = record(&session, "authority-key-rotated", body, Some(reason))?;
    // With its own old key nothing more can be asked of the service.
    if person.actor == session.reader.actor {
        output.result(
            &format!(
                "{}\nThe new key counts from here on, and the old one no more.",
                recorded.words()
            ),
            &recorded.to_json(),
        );
        return Ok(0);
    }
    told(&session, &recorded)
}

fn record(
    session: &Session,
    event: &str,
    body: Map<String, Value>,
    detail: Option<(&str, &str)>,
) -> Result<Recorded, Failure> {
    let mut details = Details::default();
    if let Some((name, value)) = detail {
        details.add(name, value)?;
    }
    let ledger = ledger_subject(session)?;
    let act = Act::now(ledger, Strand::Rules, event, body, details.into_map())?;
    signing::record(session, &act)
}

/// Says what was recorded, and how the proposal stands.
fn told(session: &Session, recorded: &Recorded) -> Outcome {
    let standing = Standing::read(session)?;
    let mut about = None;
    for (e, proposal) in &standing.proposals {
        let approved = standing.approved.get(&recorded.e) == Some(e);
        if *e == recorded.e || approved {
            about = Some((e, proposal));
        }
    }
    let mut value = recorded.to_json();
    let mut words = recorded.words();
    if let Some((e, proposal)) = about {
        value["proposal"] = standing.proposal_json(*e, proposal);
        words.push('\n');
        words.push_str(&standing.proposal_words(*e, proposal));
    }
    session.output.result(&words, &value);
    Ok(0)
}

fn list(session: &Session) -> Outcome {
    let standing = Standing::read(session)?;
    let mut lines = Vec::new();
    let mut orgs = Vec::new();
    for (org, record) in &standing.orgs {
        let state = match (record.suspended, record.accepted) {
            (true, _) => "suspended",
            (false, true) => "takes part",
            (false, false) => "has not accepted the genesis",
        };
        let (sector, authority) = (&record.sector, &record.authority);
        lines.push(format!("{org} ({sector}): {state}; authority {authority}"));
        orgs.push(json!({
            "org": org, "sector": record.sector, "authority": record.authority,
            "accepted": record.accepted, "suspended": record.suspended,
        }));
    }
    let mut proposals = Vec::new();
    for (e, proposal) in &standing.proposals {
        lines.push(standing.proposal_words(*e, proposal));
        proposals.push(standing.proposal_json(*e, proposal));
    }
    let value = json!({ "organisations": orgs, "proposals": proposals });
    session.output.result(&lines.join("\n"), &value);
    Ok(0)
}

/// The ledger's organisations and proposals, by its rules chain.
struct Standing {
    orgs: BTreeMap<OrgId, OrgRecord>,
    proposals: Vec<(EntryHash, ProposalRecord)>,
    /// Which proposal each approval is of.
    approved: BTreeMap<EntryHash, EntryHash>,
    active: usize,
}

impl Standing {
    fn read(session: &Session) -> Result<Standing, Failure> {
        let (chain, state) = rules_chain::read(session, "looking at the ledger's organisations")?;
        let mut approved = BTreeMap::new();
        for (_, _, entry) in &chain {
            let named = entry.payload().body.get("proposal").and_then(Value::as_str);
            if let Some(Ok(proposal)) = named.map(Hash::from_base64url) {
                approved.insert(entry.hash(), EntryHash(proposal));
            }
        }
        let mut standing = Standing {
            orgs: BTreeMap::new(),
            proposals: Vec::new(),
            approved,
            active: state.ledger().map_or(0, |ledger| ledger.orgs.len()),
        };
        for (key, record) in state.records() {
            if let (RecordKey::Org(org), Record::Org(record)) = (key, record) {
                standing.orgs.insert(org.clone(), record.clone());
            }
        }
        for (_, _, entry) in &chain {
            let e = entry.hash();
            if let Some(Record::Proposal(proposal)) = state.get(&RecordKey::Proposal(e)) {
                standing.proposals.push((e, *proposal));
            }
        }
        Ok(standing)
    }

    fn proposal_words(&self, e: EntryHash, proposal: &ProposalRecord) -> String {
        let what = match &proposal.change {
            Change::Threshold { threshold, seconds } => format!("{threshold} is {seconds} seconds"),
            Change::Admit { org, sector, .. } => format!("{org} ({sector}) is admitted"),
            Change::Suspend { org } => format!("{org} is suspended"),
            Change::AuthorityKey { authority, .. } => format!("{authority} has another key"),
        };
        let behind: Vec<&str> = proposal.behind.iter().map(OrgId::as_str).collect();
        let behind = behind.join(", ");
        match proposal.in_force {
            true => format!("decided: {what}, by {behind} [{e}]"),
            false => format!(
                "proposed: {what}; behind it: {behind}; it needs more than half of {} [{e}]",
                self.active
            ),
        }
    }

    fn proposal_json(&self, e: EntryHash, proposal: &ProposalRecord) -> Value {
        json!({
            "e": e, "change": proposal.change, "behind": proposal.behind,
            "in_force": proposal.in_force, "organisations": self.active,
        })
    }
}
