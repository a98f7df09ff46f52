//! From what people call a thing to its opaque id.
//!
//! `44NS1234526` is a case, `44NS1234526 JSM/1` an exhibit, `JSM/1` an exhibit if only one is called so; 22
//! characters of base64url are an opaque id already. The service's index answers over details that the
//! asker may see; an ambiguous reference is an error that lists the candidates.

use serde::Deserialize;

use super::carry::Carry;
use super::client::{query, unexpected};
use super::session::Session;
use crate::cli::failure::Failure;
use crate::protocol::id::{ActorId, Subject};

/// What a reference stands for.
#[derive(Debug, Clone, Deserialize)]
pub struct Match {
    /// `case`, `exhibit` or `actor`.
    pub kind: String,
    /// Its opaque id.
    pub subject: String,
    /// What it is called.
    #[serde(default)]
    pub reference: Option<String>,
    /// The case of an exhibit.
    #[serde(default)]
    pub case: Option<Subject>,
    /// An actor, in full.
    #[serde(default)]
    pub actor: Option<ActorId>,
    /// The name of an actor.
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct Matches {
    matches: Vec<Match>,
}

/// A case.
pub fn case(session: &Session, text: &str) -> Result<Subject, Failure> {
    match Subject::new(text) {
        Ok(subject) => Ok(subject),
        Err(_) => only(text, "case", find(session, text, |one| one.kind == "case")?),
    }
}

/// An exhibit; `within` narrows the search to one case.
pub fn exhibit(
    session: &Session,
    text: &str,
    within: Option<&Subject>,
) -> Result<Subject, Failure> {
    if let Ok(subject) = Subject::new(text) {
        return Ok(subject);
    }
    let mut found = find(session, text, |_| true)?;
    let a_case = found.iter().any(|one| one.kind == "case");
    found.retain(|one| {
        one.kind == "exhibit" && within.is_none_or(|case| one.case.as_ref() == Some(case))
    });
    if found.is_empty() && a_case {
        return Err(Failure::new(
            "reference-unknown",
            format!("{text:?} is a case, not an exhibit"),
        )
        .next(format!(
            "name the exhibit as well, such as \"{text} JSM/1\""
        )));
    }
    for one in &mut found {
        // Told apart by what people call their cases.
        if let Some(case) = one.case.clone().filter(|_| session.carry.is_none()) {
            one.name = called(session, &case)?;
        }
    }
    only(text, "exhibit", found)
}

/// A case or an exhibit, and which.
pub fn either(session: &Session, text: &str) -> Result<(String, Subject), Failure> {
    let (kind, subject, _) = either_in(session, text)?;
    Ok((kind, subject))
}

/// The same, with the case of an exhibit that was named.
fn either_in(session: &Session, text: &str) -> Result<(String, Subject, Option<Subject>), Failure> {
    let found = find(session, text, |one| {
        one.kind == "case" || one.kind == "exhibit"
    })?;
    let kind = found
        .first()
        .map_or("exhibit", |one| one.kind.as_str())
        .to_owned();
    // The service knows opaque ids too; where it does not say, an id is taken to be an exhibit's.
    match Subject::new(text) {
        Ok(subject) => Ok((kind, subject, None)),
        Err(_) => {
            let one = one(text, "case or exhibit", found)?;
            let subject = Subject::new(one.subject);
            let subject = subject.map_err(|error| unexpected(&error.to_string()))?;
            Ok((kind, subject, one.case))
        }
    }
}

/// A case or an exhibit to be read: which, its id, and the path of what the service has of it. An exhibit that was named
/// with a case is read under that case, even where it stands in others.
pub fn to_read(
    session: &Session,
    text: &str,
    what: &str,
) -> Result<(String, Subject, String), Failure> {
    let (kind, subject, case) = either_in(session, text)?;
    let path = format!("/v1/{kind}s/{subject}/{what}");
    let path = match case {
        Some(case) => format!("{path}?case={case}"),
        None => path,
    };
    Ok((kind, subject, path))
}

/// Says so where a reference is in use: two things of one name could no longer be told apart by it.
pub fn is_new(
    session: &Session,
    text: &str,
    kind: &str,
    within: Option<&Subject>,
) -> Result<(), Failure> {
    // What was signed before under this very reference, and sent just now, is perhaps what is asked for.
    let settled = session.settled.borrow();
    let own = |subject: &str| {
        let mut subjects = settled
            .iter()
            .map(|one| one.entry.payload().subject.as_str());
        subjects.any(|one| one == subject)
    };
    let taken = find(session, text, |one| {
        one.kind == kind
            && within.is_none_or(|case| one.case.as_ref() == Some(case))
            && !own(&one.subject)
    })?;
    match taken.first() {
        None => Ok(()),
        Some(one) => Err(Failure::new(
            "reference-taken",
            format!(
                "{text} is already the reference of another {kind} ({})",
                one.subject
            ),
        )
        .next("choose another reference; if it is the same thing, it needs no second entry")),
    }
}

/// A person, by name or actor id.
pub fn actor(session: &Session, text: &str) -> Result<ActorId, Failure> {
    if let Ok(actor) = ActorId::new(text) {
        return Ok(actor);
    }
    let found = one(
        text,
        "person",
        find(session, text, |one| one.kind == "actor")?,
    )?;
    found
        .actor
        .ok_or_else(|| unexpected("a person without an actor id"))
}

/// The name under which a person was enrolled.
pub fn name(session: &Session, actor: &ActorId) -> Result<Option<String>, Failure> {
    let found = find(session, actor.as_str(), |one| one.kind == "actor")?;
    Ok(found.into_iter().find_map(|one| one.name))
}

/// What people call a case or exhibit.
pub fn called(session: &Session, subject: &Subject) -> Result<Option<String>, Failure> {
    let found = find(session, subject.as_str(), |one| {
        one.subject == subject.as_str()
    })?;
    Ok(found.into_iter().find_map(|one| one.reference))
}

/// A case and the reference of an exhibit that does not exist yet: `44NS1234526 JSM/1`.
pub fn new_exhibit(session: &Session, text: &str) -> Result<(Subject, Option<String>), Failure> {
    match text.split_once(' ') {
        Some((case_text, reference)) => {
            Ok((case(session, case_text)?, Some(reference.trim().to_owned())))
        }
        None => match case(session, text) {
            Ok(case) => Ok((case, None)),
            Err(failure) if failure.code == "reference-unknown" => Err(failure.next(
                "this opens a new exhibit: name its case first, such as \"44NS1234526 JSM/4\"",
            )),
            Err(failure) => Err(failure),
        },
    }
}

fn find(
    session: &Session,
    text: &str,
    wanted: impl Fn(&Match) -> bool,
) -> Result<Vec<Match>, Failure> {
    if let Some(carry) = &session.carry {
        return Ok(carried(&carry.borrow(), text)
            .into_iter()
            .filter(wanted)
            .collect());
    }
    let path = format!("/v1/resolve?reference={}", query(text));
    let answer = session
        .client
        .read_json(&session.reader, &path, "finding a reference")?;
    let matches: Matches =
        serde_json::from_value(answer).map_err(|error| unexpected(&error.to_string()))?;
    Ok(matches.matches.into_iter().filter(wanted).collect())
}

/// The same answer out of a carried file.
fn carried(carry: &Carry, text: &str) -> Vec<Match> {
    let matched = |kind: &str, subject: &str, reference: Option<&str>| Match {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        reference: reference.map(str::to_owned),
        case: None,
        actor: None,
        name: None,
    };
    let mut found = Vec::new();
    for case in &carry.written.cases {
        if case.subject.as_str() == text || case.reference.as_deref() == Some(text) {
            found.push(matched(
                "case",
                case.subject.as_str(),
                case.reference.as_deref(),
            ));
        }
    }
    for exhibit in carry.standing.exhibits() {
        let called = exhibit.reference.as_deref();
        let full = carry
            .case_reference(&exhibit.case)
            .zip(called)
            .is_some_and(|(case, called)| text == format!("{case} {called}"));
        if full || called == Some(text) || exhibit.subject.as_str() == text {
            found.push(Match {
                case: Some(exhibit.case.clone()),
                ..matched("exhibit", exhibit.subject.as_str(), called)
            });
        }
    }
    for actor in carry.people_called(text) {
        found.push(Match {
            actor: Some(actor.clone()),
            ..matched("actor", actor.subject().as_str(), None)
        });
    }
    found
}

fn only(text: &str, what: &str, found: Vec<Match>) -> Result<Subject, Failure> {
    Subject::new(one(text, what, found)?.subject).map_err(|error| unexpected(&error.to_string()))
}

fn one(text: &str, what: &str, found: Vec<Match>) -> Result<Match, Failure> {
    if found.len() > 1 {
        let list: Vec<String> = found
            .iter()
            .map(|one| {
                let called = one
                    .reference
                    .as_deref()
                    .or(one.name.as_deref())
                    .unwrap_or("-");
                let case = match (&one.case, &one.name) {
                    (Some(_), Some(name)) => format!(" in case {name}"),
                    (Some(case), None) => format!(" in case {case}"),
                    (None, _) => String::new(),
                };
                format!("\n  {} {} ({called}{case})", one.kind, one.subject)
            })
            .collect();
        return Err(Failure::new(
            "reference-ambiguous",
            format!("{text:?} may be:{}", list.concat()),
        )
        .next("give the case as well, or the opaque id"));
    }
    found.into_iter().next().ok_or_else(|| {
        Failure::new(
            "reference-unknown",
            format!("no {what} called {text:?} is known to you"),
        )
        .next("check the spelling; you only find what you may see, or offline what the carried file holds")
    })
}
