//! `custodes history`: what was recorded about an exhibit or a case. Looking is recorded as well.

use clap::Args;
use serde_json::Value;

use super::names::{MAX_VALUE, Names};
use super::reference;
use super::session::Session;
use super::told::{self, Told};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::ledger::Severity;
use crate::protocol::id::ActorId;

/// Show what was recorded about an exhibit or a case (say why with --purpose).
#[derive(Debug, Args)]
#[command(
    after_help = "That you looked, and why, becomes part of the record. What you see is what the service says: \
                        to check it, take a bundle and verify that.\n\n\
                        Example: custodes history \"44NS1234526 JSM/2\" --purpose \"charging decision\""
)]
pub struct HistoryArgs {
    /// The exhibit or case: its reference or opaque id.
    target: String,
}

/// Runs the command.
pub fn run(args: &HistoryArgs, session: &Session) -> Outcome {
    session.profile.stated_purpose()?;
    let (kind, subject) = reference::either(session, &args.target)?;
    let answer = session.read_json(&format!("/v1/{kind}s/{subject}/history"))?;
    let told = told::read(&answer)?;
    let mut words = format!(
        "{} ({kind} {subject}), as the service tells it:\n",
        args.target
    );
    let mut names = Names::new(session);
    for one in &told {
        words.push('\n');
        words.push_str(&lines(one, &mut names)?);
    }
    session.output.result(&plain(&words), &answer);
    Ok(0)
}

fn lines(told: &Told, names: &mut Names<'_>) -> Result<String, Failure> {
    let logged = told.recorded_at.in_words();
    let Some(entry) = &told.entry else {
        return Ok(format!("{logged}: withheld [entry {}]\n", told.index.0));
    };
    let flagged = flagged(told, names)?;
    let payload = entry.payload();
    let mut text = format!(
        "{logged}: {}, recorded by {} [entry {}, {}]\n",
        payload.event,
        names.of(&payload.actor)?,
        told.index.0,
        payload.strand
    );
    let occurred = payload.occurred_at.in_words();
    // To the second they are mostly the same.
    if occurred != logged {
        text.push_str(&format!("    happened: {occurred}\n"));
    }
    for (name, value) in &payload.body {
        if let Some(value) = names.value(value)? {
            text.push_str(&format!("    {}: {value}\n", name.replace('_', " ")));
        }
    }
    for disclosure in entry.disclosures() {
        // The reader's signed request: for programs, which check it.
        if disclosure.name() == "token" {
            continue;
        }
        let value = match disclosure.value() {
            Value::String(value) => match ActorId::new(value.as_str()) {
                Ok(actor) => names.of(&actor)?,
                Err(_) => value.clone(),
            },
            other => other.to_string(),
        };
        let value: String = value.chars().take(MAX_VALUE).collect();
        text.push_str(&format!(
            "    {}: {value}\n",
            disclosure.name().replace('_', " ")
        ));
    }
    let withheld: Vec<&str> = entry.withheld().collect();
    if !withheld.is_empty() {
        text.push_str(&format!("    withheld: {}\n", withheld.join(", ")));
    }
    text.push_str(&flagged);
    Ok(text)
}

fn flagged(told: &Told, names: &mut Names<'_>) -> Result<String, Failure> {
    let mut text = String::new();
    for flag in &told.flags {
        let matters = match flag.severity {
            Severity::Serious => "serious",
            Severity::Notice => "to be explained",
            Severity::Info => "for information",
        };
        text.push_str(&format!(
            "    flagged {} ({matters}): {}\n",
            flag.code, flag.words
        ));
        for one in &flag.explained {
            text.push_str(&format!(
                "        explained by {} on {}\n",
                names.of(&one.by)?,
                one.at.in_words()
            ));
        }
    }
    Ok(text)
}
