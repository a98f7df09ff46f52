//! Somebody who signs entries and posts them to the service, without the command line: many at once, or in batches.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use custodes::cli::keyfile;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::{Draft, EntryHash, Payload, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, Origin, Strand, Subject};
use custodes::protocol::key::SecretKey;
use custodes::protocol::time::{Moment, Occurred};
use custodes::protocol::token::Possession;
use serde_json::{Value, json};

use crate::ledger::Ledger;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Somebody with a key.
pub struct Submitter {
    pub actor: ActorId,
    pub key: SecretKey,
    pub origin: Origin,
}

/// What the service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub fn index(&self) -> u64 {
        self.body["index"].as_u64().unwrap()
    }

    pub fn code(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default()
    }
}

/// 16 bytes that no other call gives.
pub fn fresh() -> [u8; 16] {
    let count = COUNTER.fetch_add(1, Ordering::SeqCst).to_be_bytes();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hash = Hash::of(&[&count, &now.as_nanos().to_be_bytes()]);
    *hash.0.first_chunk().unwrap()
}

impl Submitter {
    /// The person in a folder of the ledger's.
    pub fn of(ledger: &Ledger, home: &str) -> Submitter {
        Submitter::from_files(
            ledger,
            &format!("{home}/key.pem"),
            &format!("{home}/config.toml"),
        )
    }

    /// The authority of an organisation.
    pub fn authority(ledger: &Ledger, org: &str) -> Submitter {
        let home = format!("ledger/authority/{org}");
        Submitter::from_files(
            ledger,
            &format!("{home}.pem"),
            &format!("{home}/config.toml"),
        )
    }

    fn from_files(ledger: &Ledger, key: &str, config: &str) -> Submitter {
        let pem = std::fs::read_to_string(ledger.path(key)).unwrap();
        let config = std::fs::read_to_string(ledger.path(config)).unwrap();
        let config: toml::Table = config.parse().unwrap();
        Submitter {
            actor: ActorId::new(config["actor"].as_str().unwrap()).unwrap(),
            key: keyfile::read(&pem, None).unwrap(),
            origin: Origin::new(config["ledger"].as_str().unwrap()).unwrap(),
        }
    }

    /// Signs an entry at a position of a chain.
    pub fn sign(
        &self,
        (subject, strand): (&Subject, Strand),
        end: Option<(u64, EntryHash)>,
        event: &str,
        body: Value,
        details: Value,
    ) -> UnverifiedEntry {
        let object = |value: Value| value.as_object().unwrap().clone();
        let payload = Payload {
            ledger: self.origin.clone(),
            subject: subject.clone(),
            strand,
            seq: end.map_or(0, |(length, _)| length),
            prev: end.map(|(_, last)| last),
            event: event.to_owned(),
            actor: self.actor.clone(),
            occurred_at: Occurred::At(Moment::from_unix(1_773_478_800, 0).unwrap()),
            seen: None,
            client: "custodes-test".to_owned(),
            jti: Subject::from_bytes(fresh()),
            body: object(body),
            details: BTreeMap::new(),
        };
        let details = object(details).into_iter().collect();
        Draft { payload, details }.sign(&self.key, fresh).unwrap()
    }

    /// Opens a case.
    pub fn case(&self, case: &Subject) -> UnverifiedEntry {
        let title = json!({"title": "R v Example"});
        self.sign((case, Strand::Case), None, "case-opened", json!({}), title)
    }

    /// Registers an exhibit.
    pub fn exhibit(&self, case: &Subject, exhibit: &Subject) -> UnverifiedEntry {
        let digest = EvidenceDigest::of_bytes(DigestKind::File, exhibit.as_str().as_bytes());
        let body = json!({"case": case, "kind": "other", "digest": digest, "role": "original"});
        let details = json!({"description": "a file", "power_or_consent": "consent"});
        self.sign(
            (exhibit, Strand::Custody),
            None,
            "registered",
            body,
            details,
        )
    }

    /// Digests an exhibit again, at a position of its chain.
    pub fn digest(&self, exhibit: &Subject, end: (u64, EntryHash)) -> UnverifiedEntry {
        let digest = EvidenceDigest::of_bytes(DigestKind::File, exhibit.as_str().as_bytes());
        let body = json!({"digest": digest});
        self.sign(
            (exhibit, Strand::Custody),
            Some(end),
            "digested",
            body,
            json!({}),
        )
    }

    /// Enrols another officer of the same organisation: as its authority.
    pub fn enrol(&self, seed: [u8; 32]) -> (UnverifiedEntry, Submitter) {
        let officer = Submitter {
            actor: ActorId::from_parts(&self.actor.org(), &Subject::from_bytes(fresh())),
            key: SecretKey::from_seed(seed),
            origin: self.origin.clone(),
        };
        let proof = Possession {
            ledger: self.origin.clone(),
            actor: officer.actor.clone(),
            key: officer.key.public(),
        };
        let body = json!({
            "actor": officer.actor, "key": officer.key.public(), "roles": ["officer"], "valid_from": null,
            "valid_until": null, "proof": proof.sign(&officer.key),
        });
        let keys = officer.actor.subject();
        let name = json!({"name": "PC Jones"});
        let entry = self.sign((&keys, Strand::Keys), None, "key-enrolled", body, name);
        (entry, officer)
    }
}

/// Posts bytes; `None` when the connection ended without a whole answer.
pub fn post(url: &str, kind: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://")?).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .ok()?;
    let length = body.len();
    let request = format!(
        "POST /v1/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    if body.len() != length.parse::<usize>().ok()? {
        return None;
    }
    Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
}

/// Posts one entry.
pub fn submit(url: &str, entry: &UnverifiedEntry) -> Option<Answer> {
    let body = json!({"entry": entry.to_text()}).to_string();
    let (status, body) = post(url, "application/json", &body)?;
    let body = serde_json::from_str(&body).ok()?;
    Some(Answer { status, body })
}

/// Posts lines as a batch, each already a line's text.
pub fn submit_lines(url: &str, lines: &[String]) -> Option<Vec<Answer>> {
    let (status, body) = post(url, "application/x-ndjson", &lines.join("\n"))?;
    assert_eq!(status, 200, "{body}");
    let answers = body.lines().map(|line| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let status = value["status"].as_u64().unwrap() as u16;
        let member = if status < 300 { "receipt" } else { "problem" };
        Answer {
            status,
            body: value[member].take(),
        }
    });
    Some(answers.collect())
}

/// The line of a batch for an entry.
pub fn line(entry: &UnverifiedEntry) -> String {
    json!({"entry": entry.to_text()}).to_string()
}

/// A fresh subject.
pub fn subject() -> Subject {
    Subject::from_bytes(fresh())
}
