//! `custodes key accept-genesis`: an authority accepts the ledger's first entry; before that its
//! organisation cannot write.

use clap::Args;
use serde_json::{Map, json};

use super::authority::AuthorityArgs;
use super::client::unexpected;
use super::home::Profile;
use super::record::ledger_subject;
use super::session::Session;
use super::signing::{self, Act};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::Strand;
use crate::protocol::tlog_proof::TlogProof;
use crate::protocol::tree::EntryIndex;

/// Accept a ledger's genesis, as authority of an organisation.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes key accept-genesis --authority authority/nfu.pem --org nfu"
)]
pub struct AcceptArgs {
    #[command(flatten)]
    authority: AuthorityArgs,
}

/// Runs the command.
pub fn run(args: &AcceptArgs, profile: Profile, output: Output) -> Outcome {
    let session = args.authority.session(profile, output)?;
    let subject = ledger_subject(&session)?;
    let mut body = Map::new();
    body.insert("genesis".to_owned(), json!(genesis(&session)?));
    let details = std::collections::BTreeMap::new();
    let act = Act::now(subject, Strand::Rules, "genesis-accepted", body, details)?;
    signing::record(&session, &act)?.say(&session);
    Ok(0)
}

/// The genesis entry, shown by its proof to be the first of the log that the authority's policy names.
fn genesis(session: &Session) -> Result<EntryHash, Failure> {
    let e = session.genesis()?;
    let path = format!("/v1/entries/{e}/proof");
    let text = session
        .client
        .read(&session.reader, &path, "accepting genesis")?
        .text()?;
    let proof = TlogProof::parse(&text).map_err(|error| unexpected(&error.to_string()))?;
    let held = session
        .log_keys()
        .into_iter()
        .any(|log| proof.verify(e, log).is_ok());
    if !held || proof.index != EntryIndex(0) {
        return Err(Failure::check(
            "genesis",
            "the entry that the service calls genesis is not shown to be the first of the log",
        )
        .next("do not accept it: check the address of the service and your policy"));
    }
    Ok(e)
}
