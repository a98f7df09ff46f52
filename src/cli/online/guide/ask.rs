//! Guided recording: at a terminal, `custodes record` asks for what is missing, in words.
//!
//! Only what was not said on the command line is asked for. Each answer is checked at once; what will be signed is
//! shown before it is signed. Where nobody sits at a terminal nothing is ever asked: the error says what is missing.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{fields, kinds};
use crate::cli::evidence;
use crate::cli::failure::Failure;
use crate::cli::online::members::{Members, points_at};
use crate::cli::online::record;
use crate::cli::online::session::Session;
use crate::cli::online::values::Details;
use crate::cli::online::when;
use crate::court::names::{plain, quoted};
use crate::ledger::rules::Row;
use crate::ledger::schema::{self, Member, MemberType};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::time::Occurred;

/// Whether somebody can be asked: a person types, reads, and did not ask for JSON.
pub fn can_ask(session: &Session) -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !session.output.is_json()
}

/// What is recorded, as far as it is known.
pub struct Answers<'a> {
    /// The event.
    pub row: &'a Row,
    /// What it is about, as people call it.
    pub about: &'a str,
    /// What the rules read.
    pub body: Map<String, Value>,
    /// What people read.
    pub details: Details,
    /// When it happened, if that was said.
    pub occurred_at: Option<String>,
}

impl Answers<'_> {
    /// Whether something that must be said is missing.
    pub fn lack_something(&self) -> bool {
        let members = self.row.body.iter();
        let mut needed = members.filter(|(_, member)| member.required);
        needed.any(|(name, _)| !self.body.contains_key(name))
            || self.row.details.iter().any(|name| !self.details.has(name))
    }

    /// Asks for what is missing, shows what will be signed, and asks whether to sign it.
    pub fn complete(
        mut self,
        session: &Session,
        members: &Members<'_>,
    ) -> Result<(Map<String, Value>, Details, Occurred), Failure> {
        if let Some(name) = self.row.body.iter().find_map(|(name, member)| {
            let missing = member.required && !self.body.contains_key(name);
            (missing && !can_be_typed(member.kind)).then_some(name)
        }) {
            return Err(Failure::new(
                "bad-body",
                format!(
                    "\"{}\" has a command of its own: {name} cannot be typed in",
                    self.row.event
                ),
            )
            .next("`custodes help` lists the commands"));
        }
        tell(&format!(
            "Recording \"{}\" of {}. Enter takes what stands in [brackets], or leaves out what may be left out; \
             Ctrl-C records nothing.\n",
            self.row.event, self.about
        ));
        self.ask_members(session, members)?;
        self.ask_details()?;
        self.ask_metadata()?;
        let occurred_at = match &self.occurred_at {
            Some(stated) => when::occurred(Some(stated))?,
            None => ask("When did it happen", Some("now"), |text| {
                when::occurred((text != "now").then_some(text)).map(Some)
            })?
            .expect("the question has a default"),
        };
        self.show(session, &occurred_at);
        match ask_line("Sign and record this? (yes or no)")?.as_str() {
            "y" | "yes" => Ok((self.body, self.details, occurred_at)),
            _ => Err(Failure::new("stopped", "nothing was signed or recorded")
                .next("run it again when you are ready")),
        }
    }

    fn ask_members(&mut self, session: &Session, members: &Members<'_>) -> Result<(), Failure> {
        for (name, member) in &self.row.body {
            if self.body.contains_key(name) || !can_be_typed(member.kind) {
                continue;
            }
            // The bodies of others are for programs, unless they must be there.
            let optional = !member.required || nullable(member.kind);
            if !member.required && matches!(member.kind, MemberType::Hashes) {
                continue;
            }
            let newest = members.newest(name)?.map(|number| number.to_string());
            let mut question = sentence(name, member);
            if optional && newest.is_none() {
                question.push_str(" (may be left out)");
            }
            let answer = ask(&question, newest.as_deref(), |text| {
                if text.is_empty() && optional {
                    return Ok(None);
                }
                let value = typed(session, members, name, member, text)?;
                schema::check_value(member, &value).map_err(|why| Failure::new("bad-body", why))?;
                Ok(Some(value))
            })?;
            match answer {
                Some(value) => drop(self.body.insert(name.clone(), value)),
                None if member.required => drop(self.body.insert(name.clone(), Value::Null)),
                None => {}
            }
        }
        Ok(())
    }

    fn ask_details(&mut self) -> Result<(), Failure> {
        let usual = self.row.usual_details.iter().map(String::as_str);
        let usual = usual.chain(fields::usual(&self.row.event).iter().copied());
        let mut wanted: Vec<(&str, bool)> = Vec::new();
        let needed = self.row.details.iter().map(|name| (name.as_str(), true));
        for (name, must) in needed.chain(usual.map(|name| (name, false))) {
            if !self.details.has(name) && wanted.iter().all(|(one, _)| *one != name) {
                wanted.push((name, must));
            }
        }
        for (name, must) in wanted {
            let left_out = if must { "" } else { " (may be left out)" };
            let question = format!("{}{left_out}", capital(&fields::words(name)));
            let answer = ask(&question, None, |text| match text.is_empty() {
                true if must => Err(Failure::new("detail-missing", "this must be said")),
                _ => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
            })?;
            self.details.add_some(name, answer.as_ref())?;
        }
        Ok(())
    }

    /// What practice records of a kind of evidence, if the person wants to say it now.
    fn ask_metadata(&mut self) -> Result<(), Failure> {
        let kind = self.body.get("kind").and_then(Value::as_str);
        let Some(kind) = kind.map(str::to_owned) else {
            return Ok(());
        };
        let fields = kinds::fields(&kind).filter(|(name, _)| !self.details.has(name));
        let fields: Vec<_> = fields.copied().collect();
        let question = format!(
            "Practice records {} more things of {kind}. Go through them now (yes or no)",
            fields.len()
        );
        let go = ask(&question, Some("no"), |text| match text {
            "y" | "yes" => Ok(Some(true)),
            "n" | "no" => Ok(None),
            _ => Err(Failure::new("usage", "yes or no")),
        })?;
        if go.is_none() {
            return Ok(());
        }
        for (name, words) in fields {
            let answer = ask_line(&format!("{} (may be left out)", capital(words)))?;
            let answer = Some(answer).filter(|text| !text.is_empty());
            self.details.add_some(name, answer.as_ref())?;
        }
        Ok(())
    }

    /// What will be signed.
    fn show(&self, session: &Session, occurred_at: &Occurred) {
        let mut lines = vec![
            ("you".to_owned(), session.reader.actor.to_string()),
            ("record".to_owned(), self.row.event.clone()),
            ("about".to_owned(), self.about.to_owned()),
            ("happened".to_owned(), occurred_at.in_words()),
        ];
        let body = self.body.iter().filter(|(name, _)| *name != "case");
        lines.extend(body.map(|(name, value)| (label(name), shown(value))));
        let details = self.details.iter();
        lines.extend(details.map(|(name, value)| (label(name), quoted(value))));
        tell("\nThis will be signed with your key:\n");
        for (name, value) in lines {
            tell(&format!("  {name:<18} {value}\n"));
        }
    }
}

/// Asks until the answer is understood.
fn ask<T>(
    question: &str,
    default: Option<&str>,
    mut read: impl FnMut(&str) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let bracket = default.map_or_else(String::new, |default| format!(" [{default}]"));
    loop {
        let line = ask_line(&format!("{question}{bracket}"))?;
        let answer = match (line.is_empty(), default) {
            (true, Some(default)) => default,
            _ => &line,
        };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(failure) => {
                tell(&format!("  {}\n", failure.detail));
                if let Some(next) = failure.next {
                    tell(&format!("  next: {next}\n"));
                }
            }
        }
    }
}

/// Asks once. The end of what is typed stops everything.
pub fn ask_line(question: &str) -> Result<String, Failure> {
    tell(&format!("{question}: "));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read {
        Ok(length) if length > 0 => Ok(line.trim().to_owned()),
        _ => Err(Failure::new("stopped", "nothing was signed or recorded")),
    }
}

fn tell(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// The value that an answer stands for.
fn typed(
    session: &Session,
    members: &Members<'_>,
    name: &str,
    member: &Member,
    text: &str,
) -> Result<Value, Failure> {
    use MemberType as T;
    Ok(match member.kind {
        T::Digest | T::DigestOrNull => {
            let digested = evidence::digest(Path::new(text), session.output)?;
            if let Some(manifest) = &digested.manifest {
                session.put_blob(manifest)?;
            }
            evidence::to_json(&digested.digest)
        }
        T::Hash | T::HashOrNull if points_at(name).is_none() => {
            record::attach(session, Path::new(text))?
        }
        T::Enum => match text.parse::<usize>() {
            Ok(number) => json!(number.checked_sub(1).and_then(|at| member.values.get(at))),
            Err(_) => json!(text),
        },
        _ => members.read(name, member, text)?,
    })
}

/// The question for a member.
fn sentence(name: &str, member: &Member) -> String {
    let words = capital(&fields::words(name));
    match member.kind {
        MemberType::Enum => {
            let choices = (1..).zip(&member.values);
            let choices: Vec<String> = choices.map(|(at, value)| format!("{at} {value}")).collect();
            format!("{words}, one of {}", choices.join(", "))
        }
        MemberType::Bool => format!("{words} (yes or no)"),
        MemberType::Integer => format!("{words} (a whole number)"),
        MemberType::Subjects | MemberType::Parents | MemberType::Orgs | MemberType::Codes => {
            format!("{words} (several with commas)")
        }
        _ if points_at(name).is_some() => format!("{words} (number of the entry)"),
        _ => words,
    }
}

fn can_be_typed(kind: MemberType) -> bool {
    use MemberType as T;
    !matches!(
        kind,
        T::Key
            | T::KeyId
            | T::Jws
            | T::Identity
            | T::Organisations
            | T::Vkeys
            | T::Checkpoint
            | T::ExhibitDigests
    )
}

fn nullable(kind: MemberType) -> bool {
    use MemberType as T;
    matches!(
        kind,
        T::ActorOrNull | T::HashOrNull | T::DigestOrNull | T::TimeOrNull
    )
}

/// A member of the body as it will be signed.
fn shown(value: &Value) -> String {
    match serde_json::from_value::<EvidenceDigest>(value.clone()) {
        Ok(digest) => format!("{} bytes, SHA-256 {}", digest.size, digest.sha256.to_hex()),
        Err(_) if value.is_null() => "none".to_owned(),
        Err(_) => plain(value),
    }
}

fn label(name: &str) -> String {
    name.replace('_', " ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
