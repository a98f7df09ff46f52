//! Recording an act: look at the ledger, sign on this machine, submit, check the receipt.
//!
//! If somebody else wrote to the same chain in between, the service says so (409), and the entry is made
//! anew at the chain's new end, up to [`ATTEMPTS`] times. Where no answer comes, the same bytes are sent again, by this
//! command or the next ([`unsent`]), so that nothing is recorded twice. Nothing counts as recorded before its receipt was
//! verified: the entry is in the tree under a checkpoint that continues the history we knew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::agent;
use super::client::unexpected;
use super::fresh::{random, random_subject, unix_now};
use super::session::Session;
use super::unsent;
use super::{vocabulary, watch, when};
use crate::cli::failure::Failure;
use crate::ledger::{missing_detail, schema};
use crate::protocol::entry::{Draft, DraftError, EntryHash, Payload, Seen, UnverifiedEntry};
use crate::protocol::id::{Strand, Subject};
use crate::protocol::receipt::Receipt;
use crate::protocol::time::Occurred;

/// How often an entry is made anew because its chain had moved on.
pub const ATTEMPTS: usize = 5;

/// Something that somebody did, not yet signed.
#[derive(Debug, Clone)]
pub struct Act {
    /// What it is about.
    pub subject: Subject,
    /// Which chain of it.
    pub strand: Strand,
    /// Whether it is the first entry of a chain about something new.
    pub opens: bool,
    /// Wire name of the event.
    pub event: String,
    /// What the rules read.
    pub body: Map<String, Value>,
    /// What people read.
    pub details: BTreeMap<String, Value>,
    /// When it happened.
    pub occurred_at: Occurred,
}

impl Act {
    /// What happened just now, on a chain of something that was there before.
    pub fn now(
        subject: Subject,
        strand: Strand,
        event: &str,
        body: Map<String, Value>,
        details: BTreeMap<String, Value>,
    ) -> Result<Act, Failure> {
        Ok(Act {
            subject,
            strand,
            opens: false,
            event: event.to_owned(),
            body,
            details,
            occurred_at: when::occurred(None)?,
        })
    }
}

/// Something recorded, with its verified receipt.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The name of the entry.
    pub e: EntryHash,
    /// What it is about.
    pub subject: Subject,
    outcome: Done,
}

/// Where the entry is now.
#[derive(Debug, Clone)]
enum Done {
    /// In the ledger, under this receipt.
    Recorded(Box<Receipt>),
    /// In a carried file, in this place.
    Queued(usize, PathBuf),
}

/// Where a chain stands.
#[derive(Debug, Deserialize)]
pub struct Head {
    /// Number of entries.
    pub length: u64,
    /// The last of them.
    pub last: Option<EntryHash>,
}

/// Signs and submits an act; offline, signs it into the carried file.
pub fn record(session: &Session, act: &Act) -> Result<Recorded, Failure> {
    check_form(act)?;
    if let Some(carry) = &session.carry {
        return carry.borrow_mut().sign(session, act);
    }
    if let Some(recorded) = recorded_before(session, act)? {
        return Ok(recorded);
    }
    let seen = watch::look(session)?;
    let mut refused = None;
    for _ in 0..ATTEMPTS {
        let head = head(session, act)?;
        let entry = sign(session, act, &head, seen)?;
        match unsent::send(session, &entry) {
            Ok(receipt) => return Ok(Recorded::settled(&entry, receipt)),
            Err(failure) if failure.code == "stale-prev" => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.unwrap_or_else(|| unexpected("no answer")))
}

/// Records acts that each open an exhibit, as one sitting: who repeats it after it broke off doubles none of them.
pub fn open_together(
    session: &Session,
    acts: &[Act],
    mut told: impl FnMut(usize, &Recorded),
) -> Result<(), Failure> {
    acts.iter().try_for_each(check_form)?;
    let mut open = Vec::new();
    for (at, act) in acts.iter().enumerate() {
        if session.carry.is_some() {
            told(at, &record(session, act)?);
        } else if let Some(recorded) = recorded_before(session, act)? {
            told(at, &recorded);
        } else {
            open.push(at);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let seen = watch::look(session)?;
    let start = Head {
        length: 0,
        last: None,
    };
    let entries = open
        .iter()
        .map(|at| sign(session, &acts[*at], &start, seen))
        .collect::<Result<Vec<_>, _>>()?;
    unsent::send_together(session, &entries, |at, receipt| {
        told(open[at], &Recorded::settled(&entries[at], receipt));
    })
}

/// What the service would refuse for its form is said before anything is signed.
fn check_form(act: &Act) -> Result<(), Failure> {
    let row = vocabulary::event(&act.event)?;
    schema::check(&row.body, &act.body).map_err(|why| {
        Failure::new("bad-body", why).next(format!(
            "`custodes template {}` shows what it needs",
            row.event
        ))
    })?;
    let Some(missing) = missing_detail(row, |name| act.details.get(name)) else {
        return Ok(());
    };
    let flag = match missing {
        "power_or_consent" => {
            "--power WORDS (register) or --detail \"power_or_consent=WORDS\"".to_owned()
        }
        "purpose" => "--purpose WORDS".to_owned(),
        name => format!("--detail \"{name}=WORDS\""),
    };
    Err(Failure::new(
        "detail-missing",
        format!(
            "\"{}\" needs to say: {}",
            row.event,
            missing.replace('_', " ")
        ),
    )
    .next(format!("give it with {flag}")))
}

/// Where the chain of an act stands.
pub fn head(session: &Session, act: &Act) -> Result<Head, Failure> {
    if act.opens {
        return Ok(Head {
            length: 0,
            last: None,
        });
    }
    let path = format!("/v1/heads/{}/{}", act.subject, act.strand);
    let answer = session
        .client
        .read_json(&session.reader, &path, "recording")?;
    serde_json::from_value(answer).map_err(|error| unexpected(&error.to_string()))
}

/// Signs an act at the end of a chain.
pub fn sign(
    session: &Session,
    act: &Act,
    head: &Head,
    seen: Option<Seen>,
) -> Result<UnverifiedEntry, Failure> {
    let payload = Payload {
        ledger: session.reader.ledger.clone(),
        subject: act.subject.clone(),
        strand: act.strand,
        seq: head.length,
        prev: head.last,
        event: act.event.clone(),
        actor: session.reader.actor.clone(),
        occurred_at: act.occurred_at.clone(),
        seen,
        client: crate::software::client().to_owned(),
        jti: random_subject()?,
        body: act.body.clone(),
        details: BTreeMap::new(),
    };
    let mut salts = act
        .details
        .keys()
        .map(|_| random::<16>())
        .collect::<Result<Vec<_>, _>>()?;
    let salt = || salts.pop().expect("one salt was drawn for each detail");
    Draft {
        payload,
        details: act.details.clone(),
    }
    .sign(&*session.reader.key, salt)
    .map_err(|error| match error {
        DraftError::NotSigned(error) => agent::gone(error),
        error => Failure::new("entry-form", error.to_string()),
    })
}

/// Checks that a receipt is for this entry, and that a log key of the policy stands behind it. Whether its
/// checkpoint continues the history we knew is for [`watch::accept`].
pub fn check_receipt(
    session: &Session,
    entry: &UnverifiedEntry,
    answer: &Value,
) -> Result<Receipt, Failure> {
    let bad = |why: String| {
        Failure::check(
            "receipt",
            format!("the service's receipt does not hold: {why}"),
        )
        .next("the entry may not be recorded: keep this message, and tell an auditor")
    };
    let receipt: Receipt =
        serde_json::from_value(answer.clone()).map_err(|error| unexpected(&error.to_string()))?;
    if receipt.e != entry.hash() || receipt.ledger != session.reader.ledger {
        return Err(bad("it is for another entry".to_owned()));
    }
    let mut why = "the policy lists no log key".to_owned();
    let holds = session
        .log_keys()
        .into_iter()
        .any(|key| match receipt.verify(key) {
            Ok(()) => true,
            Err(error) => {
                why = error.to_string();
                false
            }
        });
    if !holds {
        return Err(bad(why));
    }
    Ok(receipt)
}

/// The same act, where an earlier command had signed it and this one has sent it: who saw no answer says it again.
pub fn recorded_before(session: &Session, act: &Act) -> Result<Option<Recorded>, Failure> {
    let mut settled = session.settled.borrow_mut();
    let at = settled.iter().position(|one| {
        let payload = one.entry.payload();
        let about = match act.opens {
            true => payload.seq == 0 && payload.strand == act.strand,
            false => payload.subject == act.subject && payload.strand == act.strand,
        };
        let mut details = act.details.iter();
        let same_details = act.details.len() == one.entry.disclosures().len()
            && details.all(|(name, value)| one.entry.detail(name) == Some(value));
        about
            && payload.event == act.event
            && payload.body == act.body
            && same_details
            && (payload.occurred_at == act.occurred_at || is_now(&act.occurred_at))
    });
    let Some(at) = at else {
        let reference = act.details.get("reference").filter(|_| act.opens);
        let taken = reference.is_some_and(|_| {
            let mut entries = settled.iter().map(|one| &one.entry);
            entries.any(|entry| entry.detail("reference") == reference)
        });
        return match taken {
            true => Err(Failure::new(
                "reference-taken",
                "something else was recorded under this reference just now: you had signed it before",
            )
            .next("choose another reference; if it is the same thing, it needs no second entry")),
            false => Ok(None),
        };
    };
    let settled = settled.remove(at);
    eprintln!(
        "\"{}\" is what you asked for, so it is not signed anew; if it happened a second time, run this again.",
        act.event
    );
    Ok(Some(Recorded::settled(&settled.entry, settled.receipt)))
}

/// Whether it is the time that stands where none was stated.
fn is_now(occurred: &Occurred) -> bool {
    let now = i64::try_from(unix_now()).unwrap_or(i64::MAX);
    (0..60).contains(&now.saturating_sub(occurred.earliest()))
}

impl Recorded {
    /// An entry that is in the ledger, by a verified receipt.
    pub fn settled(entry: &UnverifiedEntry, receipt: Receipt) -> Recorded {
        Recorded {
            e: receipt.e,
            subject: entry.payload().subject.clone(),
            outcome: Done::Recorded(Box::new(receipt)),
        }
    }

    /// An entry that was signed into a carried file.
    pub fn queued(entry: &UnverifiedEntry, number: usize, file: &Path) -> Recorded {
        Recorded {
            e: entry.hash(),
            subject: entry.payload().subject.clone(),
            outcome: Done::Queued(number, file.to_owned()),
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match &self.outcome {
            Done::Recorded(receipt) => format!(
                "Recorded as entry {} at {}. Receipt verified. Durable; {}.",
                receipt.index.0,
                receipt.recorded_at.in_words(),
                match receipt.witnessed {
                    true => "witnessed",
                    false => "not yet witnessed",
                }
            ),
            Done::Queued(number, file) => format!(
                "Signed offline, as entry {number} of {}. It is not in the ledger before it is submitted: custodes submit {}",
                file.display(),
                file.display()
            ),
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "subject": self.subject, "e": self.e });
        match &self.outcome {
            Done::Recorded(receipt) => {
                value["index"] = json!(receipt.index);
                value["recorded_at"] = json!(receipt.recorded_at);
                value["receipt"] = json!(receipt);
            }
            Done::Queued(number, file) => {
                value["offline"] = json!({ "file": file.to_string_lossy(), "number": number });
            }
        }
        value
    }

    /// Prints it.
    pub fn say(&self, session: &Session) {
        session.output.result(&self.words(), &self.to_json());
    }
}
