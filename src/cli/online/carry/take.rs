//! `custodes carry`: take along what is needed to record custody without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::file::{Case, FORMAT, Written, add_people};
use super::people::{self, Proven};
use super::standing::Standing;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::online::client::unexpected;
use crate::cli::online::reference;
use crate::cli::online::session::Session;
use crate::cli::online::{told, watch};
use crate::protocol::id::{Strand, Subject};

/// Take exhibits or cases along, to record custody where there is no network.
#[derive(Debug, Args)]
#[command(
    after_help = "Record with --offline FILE; hand the file on with the exhibit; submit it later with `custodes submit FILE`. \
                        Nobody has to sign again.\n\
                        The file names the exhibits and the people who have signed or are named with --with, and holds what is \
                        signed while offline, in clear: treat it like the exhibit's paperwork.\n\n\
                        Example: custodes carry \"44NS1234526 JSM/1\" --with \"Kim Barnes\" --out case.carry --purpose \"handover at the scene\"\n\
                        Example: custodes carry 44NS1234526 --out case.carry --purpose \"search without network\""
)]
pub struct CarryArgs {
    /// Exhibits, or cases in which exhibits will be opened: references or opaque ids.
    #[arg(required = true, value_name = "EXHIBIT|CASE")]
    targets: Vec<String>,
    /// Where to write the file; it must not exist yet.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Somebody who may take part, besides you and those who have signed already: a name or actor id.
    #[arg(long = "with", value_name = "PERSON")]
    with: Vec<String>,
}

/// Runs the command.
pub fn run(args: &CarryArgs, session: &Session) -> Outcome {
    if args.out.exists() {
        return Err(Failure::new(
            "file-exists",
            format!("{} exists already", args.out.display()),
        )
        .next("it may hold signed entries that were not submitted: choose another name"));
    }
    let purpose = session.profile.stated_purpose()?;
    let mut standing = Standing::default();
    let mut people = BTreeSet::from([session.reader.actor.subject()]);
    let mut cases = BTreeMap::new();
    for target in &args.targets {
        let (kind, subject) = reference::either(session, target)?;
        if kind == "case" {
            let called = reference::called(session, &subject)?;
            cases.insert(subject, called);
            continue;
        }
        let path = format!("/v1/exhibits/{subject}/history?strand=custody");
        let answer = session.history_for(&path, purpose)?;
        for told in told::read(&answer)? {
            let Some(entry) = told.entry else { continue };
            let payload = entry.payload();
            let in_chain = payload.strand == Strand::Custody && !told.on_branch;
            if !in_chain || payload.subject != subject {
                continue;
            }
            standing.follow(&entry).map_err(|why| unexpected(&why))?;
            people.insert(payload.actor.subject());
        }
        let case = standing
            .get(&subject)
            .map(|exhibit| exhibit.case.clone())
            .ok_or_else(|| unexpected("an exhibit without custody entries"))?;
        let called = reference::called(session, &case)?;
        cases.insert(case, called);
    }
    for person in &args.with {
        people.insert(reference::actor(session, person)?.subject());
    }
    let written = Written {
        format: FORMAT.to_owned(),
        ledger: session.reader.ledger.clone(),
        genesis: genesis(session)?,
        people: chains(session, &people)?,
        cases: cases
            .into_iter()
            .map(|(subject, reference)| Case { subject, reference })
            .collect(),
        exhibits: standing.exhibits().cloned().collect(),
        blobs: BTreeMap::new(),
        queue: Vec::new(),
        // Last, so that it covers what was read before.
        checkpoint: watch::newest_note(session)?,
    };
    written.write(&args.out)?;
    let count = |number: usize, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    };
    let words = format!(
        "Wrote {}: {}, {}, {} whose signatures can be checked.\n\
         Record with --offline {}, hand the file on with the exhibit, and submit it later with: custodes submit {}",
        args.out.display(),
        count(written.exhibits.len(), "exhibit", "exhibits"),
        count(written.cases.len(), "case", "cases"),
        count(people.len(), "person", "people"),
        args.out.display(),
        args.out.display(),
    );
    let value = json!({
        "file": args.out.to_string_lossy(),
        "exhibits": written.exhibits,
        "cases": written.cases,
        "people": people,
    });
    session.output.result(&words, &value);
    Ok(0)
}

fn chains(session: &Session, people: &BTreeSet<Subject>) -> Result<Vec<Proven>, Failure> {
    let mut all = Vec::new();
    for person in people {
        add_people(&mut all, people::fetch(session, person)?);
    }
    Ok(all)
}

fn genesis(session: &Session) -> Result<Proven, Failure> {
    let e = session.genesis()?;
    Ok(Proven::fetch(session, &e)?.0)
}
