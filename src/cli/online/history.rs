//! `custodes history`: what was recorded about an exhibit or a case. Looking is recorded as well.

use clap::Args;
use serde_json::Value;

use super::completeness::{self, Held};
use super::names::Names;
use super::reference;
use super::session::Session;
use super::told::{self, Told};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::output::plain;
use crate::court::telling::Telling as _;
use crate::court::{flags, sentences};
use crate::protocol::id::{Strand, Subject};
use crate::protocol::tree::EntryIndex;

/// Show what was recorded about an exhibit or a case (say why with --purpose).
#[derive(Debug, Args)]
#[command(
    after_help = "That you looked, and why, becomes part of the record. What you see is what the service says, \
                        held against the log's own count of entries: the last line says whether it is all and as recorded (exit code 3 where that is not shown, 1 where it is not so). \
                        To check the entries themselves, take a bundle and verify that. What happened to a bag while the exhibit was in it is told with it.\n\n\
                        Example: custodes history \"44NS1234526 JSM/2\" --purpose \"charging decision\""
)]
pub struct HistoryArgs {
    /// The exhibit or case: its reference or opaque id.
    target: String,
}

/// Runs the command.
pub fn run(args: &HistoryArgs, session: &Session) -> Outcome {
    session.profile.stated_purpose()?;
    let (kind, subject, path) = reference::to_read(session, &args.target, "history")?;
    // Asked first: what is told later has all that is counted now.
    let counts = path.replacen("/history", "/completeness", 1);
    let ends = completeness::ask(session, (&kind, &subject), &counts);
    if let Err(failure) = &ends
        && failure.code == NOT_THERE
    {
        // Asking again would be a second attempt in the security log.
        return Err(failure.clone());
    }
    let mut answer = session.history(&path)?;
    let mut history = told::read(&answer)?;
    let own = completeness::strands(&kind);
    let mut held = completeness::hold(session, ends, (&subject, &own), &history)?;
    let hidden = add_containers(session, &mut history, &mut held)?;
    let mut names = Names::new(session);
    names.learn(&history)?;
    let (looked, handled): (Vec<&Told>, Vec<&Told>) =
        history.iter().partition(|one| one.strand == Strand::Access);
    let mut words = match held.exit {
        // Nobody is to read it as what was recorded before they come to the last line.
        1 => format!("{}\n\n", held.words),
        _ => String::new(),
    };
    words.push_str(&format!(
        "{} ({kind} {subject}), as the service tells it:\n\n",
        args.target
    ));
    handled
        .iter()
        .for_each(|one| words.push_str(&lines(one, &names)));
    for container in hidden {
        words.push_str(&format!(
            "It was in {}, whose history you may not see.\n",
            names.exhibit(&container)
        ));
    }
    if !looked.is_empty() {
        words.push_str("\nWho looked:\n\n");
    }
    looked
        .iter()
        .for_each(|one| words.push_str(&lines(one, &names)));
    words.push_str(&format!("\n{}\n", held.words));
    answer["completeness"] = held.value;
    session.output.result(&plain(&words), &answer);
    Ok(held.exit)
}

/// What the service answers where it has nothing, or nothing for the asker.
const NOT_THERE: &str = "not-registered-or-not-visible";

/// What an exhibit may have recorded of itself while it lies in a bag, and still go where the bag goes.
const INSIDE: [&str; 5] = ["sealed", "unsealed", "resealed", "digested", "extended"];

/// Puts in what happened to each bag or box while the exhibit was in it, held against the count of its own custody.
/// Those that may not be seen are returned.
fn add_containers(
    session: &Session,
    history: &mut Vec<Told>,
    held: &mut Held,
) -> Result<Vec<Subject>, Failure> {
    let mut stays: Vec<(Subject, EntryIndex, EntryIndex)> = Vec::new();
    let mut inside: Option<(Subject, EntryIndex)> = None;
    let custody = history
        .iter()
        .filter(|told| told.strand == Strand::Custody && !told.on_branch);
    for told in custody {
        let Some(payload) = told.entry.as_ref().map(|entry| entry.payload()) else {
            continue;
        };
        if INSIDE.contains(&payload.event.as_str()) {
            continue;
        }
        stays.extend(inside.take().map(|(bag, from)| (bag, from, told.index)));
        if payload.event == "packed" {
            let bag = payload.body.get("container").and_then(Value::as_str);
            let bag = bag.and_then(|text| Subject::new(text).ok());
            inside = bag.map(|bag| (bag, told.index));
        }
    }
    stays.extend(inside.map(|(bag, from)| (bag, from, EntryIndex(u64::MAX))));
    let mut hidden = Vec::new();
    for (bag, from, until) in stays {
        let path = format!("/v1/exhibits/{bag}");
        let ends = completeness::ask(session, ("exhibit", &bag), &format!("{path}/completeness"));
        if ends.as_ref().is_err_and(|one| one.code == NOT_THERE) {
            hidden.push(bag);
            continue;
        }
        let answer = session.history(&format!("{path}/history?strand=custody"))?;
        let mut of_bag = told::read(&answer)?;
        let own = (&bag, &[Strand::Custody][..]);
        held.and(&bag, completeness::hold(session, ends, own, &of_bag)?);
        of_bag.retain(|told| {
            told.strand == Strand::Custody && from < told.index && told.index < until
        });
        history.extend(of_bag);
    }
    history.sort_by_key(|told| told.index);
    Ok(hidden)
}

/// The sentence of an entry, and under it what the rules flagged.
fn lines(told: &Told, names: &Names<'_>) -> String {
    let index = told.index.0;
    let Some(entry) = &told.entry else {
        return format!(
            "{}: an entry that is withheld from you. [entry {index}]\n",
            told.recorded_at.in_words()
        );
    };
    names.tell_as_of(told.index);
    let mut text = format!(
        "{} [entry {index}{}, logged {}]\n",
        sentences::told(names, entry, told.index),
        sentences::beside(told.on_branch),
        sentences::logged(entry, told.recorded_at)
    );
    for flag in &told.flags {
        let explained: Vec<String> = flag
            .explained
            .iter()
            .map(|one| {
                let place = match names.index(one.e) {
                    Some(place) => format!(" in entry {}", place.0),
                    None => String::new(),
                };
                format!(" Explained by {}{place}.", names.person_within(&one.by))
            })
            .collect();
        text.push_str(&format!(
            "    {}: {} [{}]{}\n",
            flags::severity(flag.severity),
            flag.words,
            flag.code,
            explained.concat()
        ));
    }
    text
}
