//! `custodes history`: what was recorded about an exhibit or a case. Looking is recorded as well.

use clap::Args;

use super::reference;
use super::session::Session;
use super::told::{self, Told};
use crate::cli::Outcome;
use crate::cli::output::plain;

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
    for one in &told {
        words.push('\n');
        words.push_str(&line(one));
    }
    session.output.result(&plain(&words), &answer);
    Ok(0)
}

fn line(told: &Told) -> String {
    let when = format!("entry {}, {}", told.index.0, told.recorded_at.in_words());
    let Some(entry) = &told.entry else {
        return format!("{when}: withheld\n");
    };
    let payload = entry.payload();
    let actor = payload.actor.subject();
    let short = &actor.as_str()[..8];
    let mut text = format!(
        "{when}: {} ({}) by {} {short}\n",
        payload.event,
        payload.strand,
        payload.actor.org()
    );
    for disclosure in entry.disclosures() {
        let value = match disclosure.value() {
            serde_json::Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        let value: String = value.chars().take(200).collect();
        text.push_str(&format!("    {}: {value}\n", disclosure.name()));
    }
    let withheld: Vec<&str> = entry.withheld().collect();
    if !withheld.is_empty() {
        text.push_str(&format!("    withheld: {}\n", withheld.join(", ")));
    }
    text
}
