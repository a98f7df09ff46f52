//! `custodes key adopt`: what somebody signed offline, and whose key was revoked or ran out before it was submitted,
//! is taken in by their authority, or by themselves with a key that counts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::authority::OptionalAuthority;
use super::carry::Carry;
use super::home::Profile;
use super::reference;
use super::session::Session;
use super::signing::{self, Act};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, Strand};

/// Take in what somebody signed offline before their key was revoked or ran out.
#[derive(Debug, Args)]
#[command(
    after_help = "It says that these entries count as signed; whoever reads them is told who took them in, and why. Submit the \
                        file afterwards. What the ledger already has is left out.\n\n\
                        Example: custodes key adopt case.carry --of \"PC Ray Lunt\" --reason \"signed on 3 March, before he left\" \
                        --authority authority/northshire-police.pem --org northshire-police\n\
                        Example: custodes key adopt case.carry --reason \"my own, with the key of the laptop that broke\""
)]
pub struct AdoptArgs {
    /// The carried file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    authority: OptionalAuthority,
    /// Who signed: an actor id, or a name. Yourself, unless you say otherwise.
    #[arg(long, value_name = "ACTOR")]
    of: Option<String>,
    /// Why their key did not count any more, and why these entries are theirs. It is told to every reader of them.
    #[arg(long)]
    reason: String,
}

/// Runs the command.
pub fn run(args: &AdoptArgs, profile: Profile, output: Output) -> Outcome {
    let session = match args.authority.chosen() {
        Some(authority) => authority.session(profile, output)?,
        None => Session::open_to_record(profile, output)?,
    };
    let carry = Carry::look(&args.file, &session)?;
    let of = match &args.of {
        Some(name) => signer(&carry, name).map_or_else(|| reference::actor(&session, name), Ok)?,
        None => session.reader.actor.clone(),
    };
    let waiting = carry.entries.iter().zip(&carry.written.queue);
    let entries: Vec<EntryHash> = waiting
        .filter(|(entry, queued)| queued.receipt.is_none() && entry.payload().actor == of)
        .map(|(entry, _)| entry.hash())
        .collect();
    if entries.is_empty() {
        let who = carry.people.name(&of);
        let words = format!(
            "{} holds nothing by {who} that is not recorded",
            args.file.display()
        );
        return Err(Failure::new("nothing-to-adopt", words)
            .next("`custodes submit FILE --check` lists what it holds, and who signed"));
    }
    let body = [("entries".to_owned(), json!(entries))];
    let act = Act::now(
        of.subject(),
        Strand::Keys,
        "adopted",
        body.into_iter().collect(),
        [("reason".to_owned(), json!(args.reason))].into(),
    )?;
    let recorded = signing::record(&session, &act)?;
    let words = format!(
        "{}\n{} of {} now {} as signed: submit the file with `custodes submit {}`.",
        recorded.words(),
        match entries.len() {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        },
        carry.people.name(&of),
        match entries.len() {
            1 => "counts",
            _ => "count",
        },
        args.file.display()
    );
    let mut value = recorded.to_json();
    value["entries"] = json!(entries);
    output.result(&words, &value);
    Ok(0)
}

/// The person of the file who is called so, where it is one: somebody who left may share a name with nobody there.
fn signer(carry: &Carry, name: &str) -> Option<ActorId> {
    let called: BTreeSet<ActorId> = carry.people_called(name).into_iter().collect();
    let mut called = called.into_iter();
    match (called.next(), called.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}
