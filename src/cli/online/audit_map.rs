//! `custodes audit --service --cosign`: recompute the map of completeness over every entry, and say so.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::audit::bar;
use super::client::unexpected;
use super::home::write_atomically;
use super::session::Session;
use super::watch::consistency;
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::map_fault;
use crate::cli::output::plain;
use crate::cli::witness;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::tree::ConsistencyProof;
use crate::verify::counted;
use crate::verify::map_audit::{LogPlace, MapAudit, Recomputed, WrongLog};
use crate::verify::map_fault::{Shown, Stretch};

/// Longest file of what was recomputed: some five million chains.
const MAX_KEPT: usize = 1 << 30;

/// Runs it.
pub fn run(folder: &Path, purpose: &str, session: &Session) -> Outcome {
    // The keys first: a passphrase is asked for before the work, not after.
    let keys = witness::load_keys(folder)?;
    let mut audit = MapAudit::resume(kept(session)?);
    let begun = audit.size().0;
    // That this is read is recorded too, and read with the rest.
    let bar = bar(session.output);
    while read(&mut audit, purpose, session, &bar)? {}
    let note = checkpoint(session)?;
    let head = session.open_checkpoint(&note)?;
    while audit.size() < head.size && read(&mut audit, purpose, session, &bar)? {}
    bar.finish_and_clear();
    check_end(&audit, &head)?;
    let recomputed = audit.keep().ok_or_else(|| {
        Failure::check(
            "map-missing",
            "the published tree does not end in a map leaf",
        )
        .next("tell the operator, and who relies on the ledger; nothing was cosigned")
    })?;
    let json = serde_json::to_vec(&recomputed).expect("numbers and hashes serialise");
    write_atomically(&session.profile.map_file(), &json)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    let lines = keys.cosign(&head, now);
    session.client.post_cosignature(&format!("{note}{lines}"))?;
    let (chains, entries) = (audit.chain_count(), audit.entry_count());
    let words = format!(
        "Recomputed the map over {} leaves ({} of them new): {} in {}. It is the map that the log commits to; {} has \
         cosigned, and the ledger keeps it.",
        head.size.0,
        head.size.0 - begun,
        counted(
            usize::try_from(entries).unwrap_or(usize::MAX),
            "entry",
            "entries"
        ),
        counted(chains, "chain", "chains"),
        keys.name,
    );
    let value = json!({"size": head.size, "new": head.size.0 - begun, "entries": entries, "chains": chains});
    session.output.result(&plain(&words), &value);
    Ok(0)
}

/// Reads and takes a page; whether there was anything.
fn read(
    audit: &mut MapAudit,
    purpose: &str,
    session: &Session,
    bar: &ProgressBar,
) -> Result<bool, Failure> {
    let from = audit.size().0;
    let mut wrong: Option<WrongLog> = None;
    let mut strange = false;
    let mut ended = false;
    let path = format!("/v1/log?from={from}");
    let client = &session.client;
    client.read_lines(&session.reader, &path, purpose, |line: Value| {
        if line.get("size").is_some() {
            ended = true;
            return;
        }
        match serde_json::from_value::<LogPlace>(line) {
            Ok(place) if wrong.is_none() => wrong = audit.take(&place).err(),
            Ok(_) => {}
            Err(_) => strange = true,
        }
        bar.set_position(audit.size().0);
    })?;
    if let Some(wrong) = wrong {
        return Err(accuse(audit, &wrong, session));
    }
    match ended && !strange {
        true => Ok(audit.size().0 > from),
        false => Err(unexpected(
            "the log was cut short or has places of an unknown form",
        )),
    }
}

/// What is wrong, with the proof of it beside: that it cannot be had takes nothing from the finding.
fn accuse(audit: &MapAudit, wrong: &WrongLog, session: &Session) -> Failure {
    let shown = match audit.wrong() {
        Some(stretch) => prove(stretch, session).map_err(|failure| failure.detail),
        None => Err("the service left a place of its log out".to_owned()),
    };
    let proof = match shown {
        Ok(shown) => map_fault::write(&session.profile.wrong_map_file(), &shown).0,
        Err(why) => format!("It could not be proven with what the service gave: {why}."),
    };
    Failure::check(wrong.code, format!("{wrong}\n{proof}")).next(
        "nothing was cosigned; have the folder audited (custodes audit --dir), keep what you have, and tell the other parties",
    )
}

/// Makes the log answer for a stretch, with its newest checkpoint.
fn prove(stretch: &Stretch, session: &Session) -> Result<Shown, Failure> {
    let note = checkpoint(session)?;
    let head = session.open_checkpoint(&note)?;
    let end = stretch.end();
    let proof = match end == head.size {
        true => ConsistencyProof(Vec::new()),
        false => consistency(session, end, head.size)?,
    };
    let shown = stretch.signed(&note, session.log_keys(), proof);
    shown.map_err(|error| Failure::check("map-fault-not-shown", error.to_string()))
}

fn checkpoint(session: &Session) -> Result<String, Failure> {
    let answer = session.client.public("/checkpoint")?;
    answer.ok_or_else(|| unexpected("no checkpoint"))?.text()
}

/// The places read are those under the checkpoint.
fn check_end(audit: &MapAudit, head: &Checkpoint) -> Result<(), Failure> {
    if audit.size() == head.size && audit.root() == Some(head.root) {
        return Ok(());
    }
    let words = format!(
        "the {} leaves read do not give the root that the log signed for {}",
        audit.size().0,
        head.size.0
    );
    Err(Failure::check("root-differs", words)
        .next("nothing was cosigned; if it was published meanwhile, run it again, else tell the other parties"))
}

fn kept(session: &Session) -> Result<Recomputed, Failure> {
    let path = session.profile.map_file();
    if !path.exists() {
        return Ok(Recomputed::default());
    }
    serde_json::from_str(&read_text(&path, MAX_KEPT)?).map_err(|_| {
        Failure::new("file", format!("{} was changed", path.display()))
            .next("remove it: the map is then recomputed from the beginning")
    })
}
