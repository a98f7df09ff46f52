//! The ledger in memory beside a real one: the same entries, signed by the same people, go to a real service over
//! HTTP, and what it answers must be what the rules in memory say.
//!
//! The service writes entries of its own, with its own random bytes; where people build on those, their chain's end
//! is asked for over HTTP.
#![allow(dead_code, clippy::unwrap_used)]

use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use custodes::cli::keyfile;
use custodes::ledger::admit::Place;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::entry::{EntryHash, Seen, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, ChainId, OrgId, Origin, Strand, Subject};
use custodes::protocol::receipt::Receipt;
use custodes::protocol::time::LogTime;
use serde_json::Value;

use crate::ledger::Ledger;
use crate::wire::{self, Answer};
use crate::world::{Founded, Person, RealLedger, SECTORS, World};

/// A real service, and somebody who may read.
pub struct Live {
    pub ledger: Ledger,
    reader: Person,
    origin: Origin,
    newest: Option<Seen>,
}

pub const ORIGIN: &str = "evidence.example";

/// A ledger in memory whose every entry also goes to a real service.
pub fn world() -> World {
    world_of(&SECTORS)
}

/// The same, of these organisations and their sectors.
pub fn world_of(organisations: &[(&str, &str)]) -> World {
    let named = organisations.iter();
    let named: Vec<String> = named
        .map(|(org, sector)| format!("{org}:{sector}"))
        .collect();
    let ledger = Ledger::founded(&named);
    let person = |key: String, config: String| {
        let pem = std::fs::read_to_string(ledger.path(&key)).unwrap();
        let config = std::fs::read_to_string(ledger.path(&config)).unwrap();
        let config: toml::Table = config.parse().unwrap();
        let actor = config.get("actor").or(config.get("service")).unwrap();
        Person {
            actor: ActorId::new(actor.as_str().unwrap()).unwrap(),
            key: keyfile::read(&pem, None).unwrap(),
        }
    };
    let authority = |org: &str| {
        let home = format!("ledger/authority/{org}");
        person(format!("{home}.pem"), format!("{home}/config.toml"))
    };
    let settings = std::fs::read_to_string(ledger.path("ledger/ledger.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let log = std::fs::read_to_string(ledger.path("ledger/keys/log.pem")).unwrap();
    let service = person(
        "ledger/keys/service.pem".to_owned(),
        "ledger/ledger.toml".to_owned(),
    );
    let authorities = organisations.iter();
    let authorities = authorities.map(|(org, _)| (OrgId::new(*org).unwrap(), authority(org)));
    let authorities = authorities.collect();
    let log = keyfile::read(&log, None).unwrap();
    let subject = Subject::new(settings["subject"].as_str().unwrap()).unwrap();
    let mut live = Live {
        reader: authority(organisations[0].0),
        ledger,
        origin: Origin::new(ORIGIN).unwrap(),
        newest: None,
    };
    let rules = ChainId {
        subject: subject.clone(),
        strand: Strand::Rules,
    };
    let reader = crate::world::clone(&live.reader);
    let (_, genesis) = live.end(&rules, &reader);
    let genesis = live.read(&format!("/v1/entries/{genesis}")).json();
    let founded = Founded {
        origin: live.origin.clone(),
        subject,
        service,
        log,
        authorities,
        recorded_at: LogTime(genesis["recorded_at"].as_u64().unwrap()),
        genesis: UnverifiedEntry::parse_extract(genesis["entry"].as_str().unwrap()).unwrap(),
    };
    World::live(founded, Box::new(live))
}

impl Live {
    /// Reads as somebody who is in the case, from now on.
    pub fn read_as(&mut self, who: &Person) {
        self.reader = crate::world::clone(who);
    }

    /// A request with a token of the reader's.
    pub fn read(&self, path: &str) -> Answer {
        let answer = self.ask(path, "test");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    /// The same for a stated purpose, whatever the answer.
    pub fn ask(&self, path: &str, purpose: &str) -> Answer {
        self.ask_as(&self.reader, path, purpose)
    }

    /// The same as somebody else, this once.
    pub fn ask_as(&self, reader: &Person, path: &str, purpose: &str) -> Answer {
        let header = format!(
            "authorization: Custody {}\r\n",
            self.token(reader, "GET", path, None, purpose)
        );
        wire::ask(&self.ledger, "GET", path, &header, b"")
    }

    /// A token of somebody's for one request.
    pub fn token(
        &self,
        reader: &Person,
        method: &str,
        path: &str,
        body: Option<Hash>,
        purpose: &str,
    ) -> String {
        let (origin, actor) = (self.origin.clone(), reader.actor.clone());
        let to = (method, path);
        let request = wire::request(&self.ledger, origin, actor, to, body, purpose);
        request.sign(&reader.key)
    }

    /// What the real verifier says, offline, of the bundle of a case.
    pub fn verified(&self, case: &Subject) -> Value {
        let bundle = self.read(&format!("/v1/cases/{case}/bundle")).body;
        let path = self.ledger.path("case.custody.json");
        std::fs::write(&path, &bundle).unwrap();
        let policy = self.ledger.path("ledger/policy");
        let args = [
            "verify",
            path.to_str().unwrap(),
            "--json",
            "--policy",
            policy.to_str().unwrap(),
        ];
        let said: Output = self.ledger.run("nobody", &args);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}

impl Live {
    /// Sends lines as one batch.
    fn post(&mut self, lines: Vec<String>) -> Vec<Result<Place, String>> {
        let kind = "content-type: application/x-ndjson\r\n";
        let body = lines.join("\n");
        let answer = wire::ask(&self.ledger, "POST", "/v1/entries", kind, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let answers: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), lines.len(), "{text}");
        let told = answers.into_iter().map(|mut one| {
            if one["problem"].is_object() {
                let kind = one["problem"]["type"].as_str().unwrap();
                return Err(kind.rsplit(':').next().unwrap().to_owned());
            }
            let receipt: Receipt = serde_json::from_value(one["receipt"].take()).unwrap();
            let text = receipt.checkpoint.split("\n\n").next().unwrap();
            let head = Checkpoint::parse_text(&format!("{text}\n")).unwrap();
            self.newest = Some(Seen {
                size: head.size,
                root: head.root,
            });
            Ok(Place {
                index: receipt.index,
                recorded_at: receipt.recorded_at,
            })
        });
        told.collect()
    }
}

impl RealLedger for Live {
    fn submit(&mut self, entries: &[UnverifiedEntry]) -> Vec<Result<Place, String>> {
        let line = |entry: &UnverifiedEntry| serde_json::json!({"entry": entry.to_text()});
        self.post(entries.iter().map(|one| line(one).to_string()).collect())
    }

    fn submit_branch(
        &mut self,
        entry: &UnverifiedEntry,
        branch: &[UnverifiedEntry],
    ) -> Result<Place, String> {
        let branch: Vec<String> = branch.iter().map(UnverifiedEntry::to_text).collect();
        let line = serde_json::json!({"entry": entry.to_text(), "branch": branch});
        self.post(vec![line.to_string()]).pop().unwrap()
    }

    fn end(&mut self, chain: &ChainId, reader: &Person) -> (u64, EntryHash) {
        let path = format!("/v1/heads/{}/{}", chain.subject, chain.strand);
        let head = self.ask_as(reader, &path, "test").json();
        (
            head["length"].as_u64().unwrap(),
            serde_json::from_value(head["last"].clone()).unwrap(),
        )
    }

    fn newest(&mut self) -> Option<Seen> {
        self.newest
    }

    /// Time is what is tested; so a second of it is let pass.
    fn wait(&mut self) {
        let until = SystemTime::now() + Duration::from_millis(1_100);
        while SystemTime::now() < until {
            std::thread::yield_now();
        }
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn as_any(&mut self) -> &mut dyn std::any::Any {
        self
    }

    fn as_any_ref(&self) -> &dyn std::any::Any {
        self
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
