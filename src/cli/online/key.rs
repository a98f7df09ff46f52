//! `custodes key`: a person's key, and what an authority does with it.
//!
//! The private key is made on the person's machine and stays there. Where the authority sits at another
//! machine, `key show --request` writes what it needs (`{"ledger","actor","key","proof"}`), and
//! `key enrol --request FILE` uses it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::fresh::random_subject;
use super::home::Profile;
use super::{accept_genesis, adopt, enrol, erase, log_keys, service_key};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::output::Output;
use crate::protocol::id::{ActorId, OrgId, Origin};
use crate::protocol::key::SecretKey;
use crate::protocol::token::Possession;

/// Make, show, enrol or revoke a key; change somebody's roles; have a name erased by law; adopt what somebody signed; accept
/// a ledger's genesis; give a ledger's log or service new keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    New(NewArgs),
    Show(ShowArgs),
    Enrol(enrol::EnrolArgs),
    Roles(enrol::RolesArgs),
    Explain(enrol::ExplainArgs),
    Erase(erase::PersonArgs),
    Revoke(enrol::RevokeArgs),
    Adopt(adopt::AdoptArgs),
    AcceptGenesis(accept_genesis::AcceptArgs),
    RotateLog(log_keys::RotateLogArgs),
    RotateService(service_key::RotateServiceArgs),
}

/// Make a key in your own folder.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes key new --home ~/custodes")]
pub struct NewArgs {
    /// Write it without a passphrase.
    #[arg(long)]
    plain: bool,
}

/// Show your public key, or write a request to be enrolled; or the public keys of a ledger's log.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes key show\n\
                        Example: custodes key show --log ledger\n\
                        Example: custodes key show --request me.json --org northshire-police --ledger evidence.northshire.example\n\
                        Example: custodes key show --home new --request more.json --org northshire-police --ledger evidence.northshire.example --actor northshire-police/V1StGXR8Z5jdHi6BmyT0kA --earlier-key old/key.pem")]
pub struct ShowArgs {
    /// Write a request to be enrolled, with proof that you hold the key.
    #[arg(long, value_name = "FILE", requires = "org", requires = "ledger")]
    request: Option<PathBuf>,
    /// Your organisation.
    #[arg(long)]
    org: Option<OrgId>,
    /// Origin of the ledger.
    #[arg(long)]
    ledger: Option<Origin>,
    /// Your id in the ledger, where you have one: for a further key, or an authority's new one.
    #[arg(long, requires = "request")]
    actor: Option<ActorId>,
    /// The private key that you have had so far: it signs for the further one, which is flagged otherwise.
    #[arg(long, value_name = "FILE", requires = "actor")]
    earlier_key: Option<PathBuf>,
    /// Show the keys of the log of the ledger in this folder, for trust policies and witnesses, instead of yours.
    #[arg(long, value_name = "FOLDER", conflicts_with = "request")]
    log: Option<PathBuf>,
}

/// Runs the command.
pub fn run(command: &KeyCommand, profile: Profile, output: Output) -> Outcome {
    match command {
        KeyCommand::New(args) => new(args, &profile, output),
        KeyCommand::Show(args) => show(args, profile, output),
        KeyCommand::Enrol(args) => enrol::run(args, profile, output),
        KeyCommand::Erase(args) => erase::person(args, profile, output),
        KeyCommand::Roles(args) => enrol::roles(args, profile, output),
        KeyCommand::Explain(args) => enrol::explain(args, profile, output),
        KeyCommand::Revoke(args) => enrol::revoke(args, profile, output),
        KeyCommand::Adopt(args) => adopt::run(args, profile, output),
        KeyCommand::AcceptGenesis(args) => accept_genesis::run(args, profile, output),
        KeyCommand::RotateLog(args) => log_keys::run(args, output),
        KeyCommand::RotateService(args) => service_key::run(args, output),
    }
}

fn new(args: &NewArgs, profile: &Profile, output: Output) -> Outcome {
    let path = profile.key_file();
    if path.exists() {
        return Err(
            Failure::new("key-exists", format!("{} exists already", path.display())).next(
                "a key belongs to one person for ever: choose another --home for another person",
            ),
        );
    }
    let passphrase = if args.plain {
        None
    } else {
        Some(keys::new_passphrase()?)
    };
    let key = keys::create(&path, passphrase.as_deref().map(String::as_str))?;
    let words = format!(
        "Made {}{}.\n{}",
        path.display(),
        if args.plain {
            ", without a passphrase"
        } else {
            ""
        },
        describe(&key)
    );
    output.result(&words, &public_json(&key));
    Ok(0)
}

fn show(args: &ShowArgs, mut profile: Profile, output: Output) -> Outcome {
    if let Some(ledger) = &args.log {
        return log_keys::show(ledger, output);
    }
    let key = keys::load(&profile.key_file())?;
    if let (Some(file), Some(org), Some(ledger)) = (&args.request, &args.org, &args.ledger) {
        if args.actor.as_ref().is_some_and(|one| one.org() != *org) {
            return Err(Failure::new(
                "usage",
                "--actor is of another organisation than --org",
            ));
        }
        let known = args.actor.clone();
        let actor = match known.or_else(|| profile.config.actor_in(org, ledger)) {
            Some(actor) => actor,
            None => ActorId::from_parts(org, &random_subject()?),
        };
        let mut text = request(&key, ledger, &actor);
        if let Some(earlier) = &args.earlier_key {
            let possession = Possession {
                ledger: ledger.clone(),
                actor: actor.clone(),
                key: key.public(),
            };
            text["cosigned"] = json!(possession.sign(&keys::load(earlier)?));
        }
        let text = text.to_string();
        profile.config.ledger = Some(ledger.clone());
        profile.config.actor = Some(actor);
        profile.config.org = Some(org.clone());
        // First, so that nobody is enrolled under an id that this folder does not know.
        profile.config.store(&profile.home)?;
        std::fs::write(file, text).map_err(|error| Failure::file("write", file, &error))?;
    }
    let mut value = public_json(&key);
    value["actor"] = json!(profile.config.actor);
    let actor = profile
        .config
        .actor
        .as_ref()
        .map(|actor| format!("\nactor       {actor}"))
        .unwrap_or_default();
    output.result(&format!("{}{actor}", describe(&key)), &value);
    Ok(0)
}

/// What an authority needs to enrol a key.
pub fn request(key: &SecretKey, ledger: &Origin, actor: &ActorId) -> Value {
    let possession = Possession {
        ledger: ledger.clone(),
        actor: actor.clone(),
        key: key.public(),
    };
    json!({ "ledger": ledger, "actor": actor, "key": possession.key, "proof": possession.sign(key) })
}

fn describe(key: &SecretKey) -> String {
    let public = key.public();
    let text = json!(public);
    format!(
        "key id      {}\npublic key  {}",
        public.id(),
        text.as_str().unwrap_or_default()
    )
}

fn public_json(key: &SecretKey) -> Value {
    json!({ "kid": key.public().id(), "key": key.public() })
}
