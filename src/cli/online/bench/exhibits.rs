//! The load: exhibits of other cases all the time, each registered, sealed and digested again, signed on this side.
//!
//! The service adds one entry of its own for each exhibit, to its case's table of contents. A case holds
//! [`CASE`] exhibits.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::online::fresh::random_subject;
use crate::cli::online::session::Session;
use crate::cli::online::signing::{self, Act, Head};
use crate::cli::online::watch;
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::entry::{EntryHash, Seen};
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};

/// Entries that an exhibit brings, each signed by the officer.
pub const ENTRIES: usize = 3;

/// Exhibits of a case.
const CASE: usize = 100;

/// An exhibit with its entries, signed and not yet submitted.
pub struct Exhibit {
    /// Its id.
    pub subject: Subject,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// The name of its first entry.
    pub e: EntryHash,
    /// Its entries as they are submitted, in order.
    pub entries: Vec<String>,
}

/// Makes exhibits.
pub struct Exhibits<'s> {
    session: &'s Session,
    seen: Option<Seen>,
    case: Option<Subject>,
    made: usize,
    /// Cases opened so far: an entry each, beside those of the exhibits.
    pub cases: usize,
}

impl<'s> Exhibits<'s> {
    /// Signed by this officer, who has seen the newest checkpoint.
    pub fn new(session: &'s Session) -> Result<Exhibits<'s>, Failure> {
        Ok(Exhibits {
            session,
            seen: watch::look(session)?,
            case: None,
            made: 0,
            cases: 0,
        })
    }

    /// So many exhibits, in cases that are opened on the way.
    pub fn make(&mut self, count: usize) -> Result<Vec<Exhibit>, Failure> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Result<Exhibit, Failure> {
        let case = match self.case.take() {
            Some(case) if !self.made.is_multiple_of(CASE) => case,
            _ => self.open_case()?,
        };
        self.made += 1;
        let subject = random_subject()?;
        let digest = EvidenceDigest::of_bytes(DigestKind::File, subject.as_str().as_bytes());
        let seal = format!("L{}", hex::encode(&digest.sha256.0[..6]));
        let registered =
            json!({"case": case, "kind": "other", "digest": digest, "role": "original"});
        let told =
            json!({"description": "a file for a measurement", "power_or_consent": "consent"});
        let acts = [
            ("registered", registered, told),
            ("sealed", json!({ "seal": seal }), json!({ "bag": seal })),
            ("digested", json!({ "digest": digest }), json!({})),
        ];
        let mut head = Head {
            length: 0,
            last: None,
        };
        let mut entries = Vec::with_capacity(ENTRIES);
        let mut first = None;
        for (event, body, details) in acts {
            let entry = self.sign(&subject, Strand::Custody, event, body, details, &head)?;
            let (e, text) = entry;
            first = first.or(Some(e));
            head = Head {
                length: head.length + 1,
                last: Some(e),
            };
            entries.push(text);
        }
        self.case = Some(case);
        Ok(Exhibit {
            subject,
            sha256: digest.sha256,
            e: first.expect("an exhibit has entries"),
            entries,
        })
    }

    fn open_case(&mut self) -> Result<Subject, Failure> {
        let case = random_subject()?;
        let none = Head {
            length: 0,
            last: None,
        };
        let title = json!({"title": "a case for a measurement"});
        let (_, text) = self.sign(&case, Strand::Case, "case-opened", json!({}), title, &none)?;
        self.session.client.post_entry(&text)?;
        self.cases += 1;
        Ok(case)
    }

    fn sign(
        &self,
        subject: &Subject,
        strand: Strand,
        event: &str,
        body: Value,
        details: Value,
        head: &Head,
    ) -> Result<(EntryHash, String), Failure> {
        let act = Act {
            subject: subject.clone(),
            strand,
            opens: head.length == 0,
            event: event.to_owned(),
            body: object(body),
            details: object(details).into_iter().collect::<BTreeMap<_, _>>(),
            occurred_at: crate::cli::online::when::occurred(None)?,
        };
        let entry = signing::sign(self.session, &act, head, self.seen)?;
        Ok((entry.hash(), entry.to_text()))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
