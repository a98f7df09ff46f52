//! `custodes security-log`: what the service refused, for auditors, its chain and signatures checked.
//!
//! The file `security-log` in the person's folder says how long the log was when last read, and how it ended: a log
//! that is shorter, or has another record in that place, is an alarm.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::client::unexpected;
use super::home::write_atomically;
use super::names::Names;
use super::receipt;
use super::reference;
use super::rules_chain;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::output::plain;
use crate::ledger::service_key_at;
use crate::ledger::state::MemoryState;
use crate::protocol::hash::Hash;
use crate::protocol::id::Subject;
use crate::protocol::security::{AttemptKind, By, SecurityRecord};
use crate::protocol::tree::EntryIndex;
use crate::verify::security::{ChainEnd, SecurityChain};

/// Longest file that says how the log ended.
const MAX_KEPT: usize = 1 << 10;

/// Show what the service refused: entries, tokens and readings (for auditors; say why with --purpose).
///
/// Every record's signature and place in the chain is checked, and that the log is the one you read before, grown
/// longer. What the operator left off an end that no auditor had read is not shown by anything.
#[derive(Debug, Args)]
#[command(
    after_help = "That you read it becomes part of the record, which says how long it was.\n\n\
                        Example: custodes security-log --new --purpose \"weekly review\""
)]
pub struct SecurityLogArgs {
    /// Only what you have not read yet.
    #[arg(long)]
    new: bool,
}

/// Runs the command.
pub fn run(args: &SecurityLogArgs, session: &Session) -> Outcome {
    session.profile.stated_purpose()?;
    let known = kept(session)?;
    let begin = match args.new {
        true => known,
        false => ChainEnd::default(),
    };
    let keys = service_keys(session)?;
    let mut reading = Reading {
        session,
        chain: SecurityChain::after(session.reader.ledger.clone(), begin),
        known,
        keys,
    };
    let records = reading.all()?;
    let end = reading.chain.end();
    let path = session.profile.security_log_file();
    write_atomically(&path, format!("{}\n", end.extent()).as_bytes())?;
    let mut words = Words::new(session);
    let mut text = String::new();
    for record in &records {
        text.push_str(&words.of(record)?);
    }
    text.push_str(&format!(
        "{} of {} shown; every signature and the whole chain behind them are right.",
        crate::verify::counted(records.len(), "record", "records"),
        end.length
    ));
    let value = json!({"length": end.length, "head": end.head, "records": records});
    session.output.result(&plain(&text), &value);
    Ok(0)
}

/// How the log ended when it was last read.
fn kept(session: &Session) -> Result<ChainEnd, Failure> {
    let path = session.profile.security_log_file();
    if !path.exists() {
        return Ok(ChainEnd::default());
    }
    let text = read_text(&path, MAX_KEPT)?;
    ChainEnd::of_extent(text.trim_end()).ok_or_else(|| {
        Failure::new("file", format!("{} was changed", path.display())).next(
            "if you did not change it, tell somebody; without it a log cut short goes unnoticed",
        )
    })
}

/// The keys that sign the security log: the ledger's `rules` chain names them, and receipts under the log's key, which
/// your policy names, prove that its genesis is the first entry of the log and that each change of the key stands where
/// the service says. A change that the service keeps back leaves records that nobody has signed.
fn service_keys(session: &Session) -> Result<MemoryState, Failure> {
    let (chain, state) = rules_chain::read(session, "checking the security log")?;
    for (at, (index, _, entry)) in chain.iter().enumerate() {
        if at > 0 && entry.payload().event != "service-key-rotated" {
            continue;
        }
        let receipt = receipt::fetch(session, &entry.hash().to_string())?;
        receipt::seen_by(session, &receipt)?;
        let place = if at == 0 { EntryIndex(0) } else { *index };
        if receipt.index != place || receipt.e != entry.hash() {
            let words = format!(
                "the entry {} is not shown to be at the place {} of the log",
                entry.hash(),
                place.0
            );
            return Err(Failure::check("rules-chain", words));
        }
    }
    Ok(state)
}

/// Reading page by page.
struct Reading<'s> {
    session: &'s Session,
    chain: SecurityChain,
    known: ChainEnd,
    keys: MemoryState,
}

impl Reading<'_> {
    fn all(&mut self) -> Result<Vec<SecurityRecord>, Failure> {
        let mut records = Vec::new();
        loop {
            let before = self.chain.end().length;
            let end = self.page(&mut records)?;
            let here = self.chain.end();
            if end.length < self.known.length {
                let why = format!(
                    "it has {} records, and had {}",
                    end.length, self.known.length
                );
                return Err(alarm(&why));
            }
            if here.length == end.length {
                return match here == end {
                    true => Ok(records),
                    false => Err(alarm(
                        "its last record is another than the one it had, or than it says",
                    )),
                };
            }
            if here.length == before {
                return Err(unexpected("fewer records than the service says there are"));
            }
        }
    }

    /// Takes a page; how the log ends, as the service says.
    fn page(&mut self, records: &mut Vec<SecurityRecord>) -> Result<ChainEnd, Failure> {
        let path = format!("/v1/security-log?from={}", self.chain.end().length);
        let purpose = self.session.profile.stated_purpose()?;
        let answer = self
            .session
            .client
            .read(&self.session.reader, &path, purpose)?;
        let mut end = None;
        for line in answer.text()?.lines() {
            let line: Value =
                serde_json::from_str(line).map_err(|error| unexpected(&error.to_string()))?;
            match line["record"].as_str() {
                Some(record) => records.push(self.take(record)?),
                None => {
                    end = line["length"]
                        .as_u64()
                        .map(|length| (length, line["head"].clone()))
                }
            }
        }
        let (length, head) = end.ok_or_else(|| unexpected("an answer that was cut short"))?;
        let head: Option<Hash> =
            serde_json::from_value(head).map_err(|error| unexpected(&error.to_string()))?;
        Ok(ChainEnd { length, head })
    }

    fn take(&mut self, text: &str) -> Result<SecurityRecord, Failure> {
        let place = self.chain.end().length;
        let keys = &self.keys;
        let taken = self.chain.take(text, |size| service_key_at(keys, size));
        let record = taken.map_err(|why| alarm(&format!("record {place}: {why}")))?;
        let end = self.chain.end();
        if end.length == self.known.length && end != self.known {
            return Err(alarm(&format!(
                "record {place} is another than the one you read before"
            )));
        }
        Ok(record)
    }
}

fn alarm(why: &str) -> Failure {
    Failure::check(
        "security-log",
        format!("ALARM: the security log is not the one that was signed and read before: {why}"),
    )
    .next("keep your folder as it is, and tell the other auditors: the operator or its disk changed the log")
}

/// Records in sentences.
struct Words<'s> {
    session: &'s Session,
    names: Names<'s>,
    called: BTreeMap<String, String>,
}

impl<'s> Words<'s> {
    fn new(session: &'s Session) -> Words<'s> {
        Words {
            session,
            names: Names::new(session),
            called: BTreeMap::new(),
        }
    }

    fn of(&mut self, record: &SecurityRecord) -> Result<String, Failure> {
        let when = match record.count {
            1 => record.last.in_words(),
            count => format!(
                "{}, and {} by {}",
                record.first.in_words(),
                crate::verify::counted(
                    usize::try_from(count - 1).unwrap_or(usize::MAX),
                    "more like it",
                    "more like it"
                ),
                record.last.in_words()
            ),
        };
        if record.kind == AttemptKind::LeftOut {
            return Ok(format!(
                "{} to {}: {} more refusals, too many to record one by one. [record {}]\n",
                record.first.in_words(),
                record.last.in_words(),
                record.count,
                record.seq
            ));
        }
        let name = match &record.actor {
            Some(actor) => self.names.of(actor)?,
            None => String::new(),
        };
        let who = match record.by {
            By::Proven => name,
            By::Claimed => format!("Somebody who said they were {name}, and did not prove it,"),
            By::Unknown => "Somebody unknown".to_owned(),
            By::Defence => "Somebody of the defence".to_owned(),
        };
        let act = record.act.as_ref().map(|act| act.as_str());
        let what = match (record.kind, act) {
            (AttemptKind::Entry, Some(event)) => format!("tried to record \"{event}\""),
            (AttemptKind::Entry, None) => "sent an entry that says nothing known here".to_owned(),
            (_, act) => asked_for(act.unwrap_or_default()),
        };
        let about = match &record.target {
            Some(target) => format!(" ({})", self.called(target.as_str())?),
            None => String::new(),
        };
        let from = match &record.source {
            Some(source) => format!(", from {source}"),
            None => String::new(),
        };
        Ok(format!(
            "{when}: {who} {what}{about}: refused, {}. [record {}{from}]\n",
            record.code, record.seq
        ))
    }

    /// What people call a case or exhibit; an id as it is.
    fn called(&mut self, target: &str) -> Result<String, Failure> {
        if let Some(called) = self.called.get(target) {
            return Ok(called.clone());
        }
        let known = match Subject::new(target) {
            Ok(subject) => reference::called(self.session, &subject)?,
            Err(_) => None,
        };
        let called = match known {
            Some(reference) => format!("{reference}, {target}"),
            None => target.to_owned(),
        };
        self.called.insert(target.to_owned(), called.clone());
        Ok(called)
    }
}

/// A request in words.
fn asked_for(act: &str) -> String {
    let what = match act {
        "GET /v1/{kind}/{subject}/history" => "the history of an exhibit or case",
        "GET /v1/{kind}/{subject}/bundle" => "the bundle of an exhibit or case",
        "GET /v1/{kind}/{subject}/completeness" => "the number of entries of an exhibit or case",
        "GET /v1/entries/{e}" => "an entry",
        "GET /v1/entries/{e}/receipt" => "the receipt of an entry",
        "GET /v1/entries/{e}/proof" => "the proof of an entry",
        "GET /v1/lookup" => "the exhibit with a digest",
        "GET /v1/resolve" => "what a reference stands for",
        "GET /v1/blobs/{sha256}" => "a file kept beside the entries",
        "GET /v1/security-log" => "the security log",
        "GET /v1/audit" => "an audit of the ledger",
        "PUT /v1/blobs/{sha256}" => return "tried to deposit a file".to_owned(),
        other => return format!("asked {other}"),
    };
    format!("asked for {what}")
}
