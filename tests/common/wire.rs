//! HTTP by hand, with read tokens: what a client library would hide is seen.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use custodes::cli::keyfile;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, Origin, Subject};
use custodes::protocol::token::ReadRequest;
use serde_json::Value;

use crate::ledger::Ledger;

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Answer {
            status: head[9..12].parse().unwrap(),
            body: bytes[end + 4..].to_vec(),
            head,
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}\n{}", self.head, self.text()))
    }

    /// It is this status and a whole problem with this code.
    pub fn is_problem(&self, status: u16, code: &str) {
        let all = format!("{}\n\n{}", self.head, self.text());
        assert_eq!(self.status, status, "expected {code}: {all}");
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{all}"
        );
        let problem = self.json();
        assert_eq!(
            problem["type"],
            format!("urn:custodes:problem:{code}"),
            "{all}"
        );
        assert_eq!(problem["status"], status);
        for member in ["title", "detail", "next"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{all}"
            );
        }
    }
}

pub fn connect(ledger: &Ledger) -> TcpStream {
    let stream = TcpStream::connect(ledger.url.strip_prefix("http://").unwrap()).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// Sends these bytes and reads the answer to its end.
pub fn raw(ledger: &Ledger, request: &[u8]) -> Answer {
    let mut stream = connect(ledger);
    // A service that has said enough may close before it has read all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::of(&answer)
}

pub fn head(method: &str, path: &str, headers: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    )
}

pub fn ask(ledger: &Ledger, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let head = head(method, path, headers, body.len());
    raw(ledger, &[head.as_bytes(), body].concat())
}

/// A token of the person with this folder, as a header line.
pub fn token(ledger: &Ledger, home: &str, method: &str, path: &str, body: Option<Hash>) -> String {
    token_for(ledger, home, method, path, body, "test")
}

/// The same for this purpose.
pub fn token_for(
    ledger: &Ledger,
    home: &str,
    method: &str,
    path: &str,
    body: Option<Hash>,
    purpose: &str,
) -> String {
    let home = ledger.path(home);
    let key = std::fs::read_to_string(home.join("key.pem")).unwrap();
    let config = std::fs::read_to_string(home.join("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let origin = Origin::new(config["ledger"].as_str().unwrap()).unwrap();
    let actor = ActorId::new(config["actor"].as_str().unwrap()).unwrap();
    let request = request(ledger, origin, actor, (method, path), body, purpose);
    let token = request.sign(&keyfile::read(&key, None).unwrap());
    format!("authorization: Custody {token}\r\n")
}

/// What a token for one request says.
pub fn request(
    ledger: &Ledger,
    origin: Origin,
    actor: ActorId,
    (method, path): (&str, &str),
    body: Option<Hash>,
    purpose: &str,
) -> ReadRequest {
    let mut jti = [0; 16];
    getrandom::fill(&mut jti).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    ReadRequest {
        ledger: origin,
        actor,
        method: method.to_owned(),
        uri: format!("{}{path}", ledger.url),
        body,
        purpose: purpose.to_owned(),
        client: "test 1.0".to_owned(),
        iat: now,
        exp: now + 60,
        jti: Subject::from_bytes(jti),
    }
}

/// A request without a body, with a token and perhaps more headers.
pub fn read(ledger: &Ledger, home: &str, method: &str, path: &str, headers: &str) -> Answer {
    let token = token(ledger, home, method, path, None);
    ask(ledger, method, path, &format!("{token}{headers}"), b"")
}
