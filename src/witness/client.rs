//! Asking one witness for its cosignatures.
//!
//! The client knows nothing of the witness but its address and its keys: what it answers is believed as far as a
//! signature goes. A witness that says that it knows a longer or another history is asked for the checkpoint
//! that it cosigned: only one that bears the log's own signature shows that.

use std::time::Duration;

use super::folder::origin_hash;
use super::request::to_body;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::note::{UnverifiedNote, VerifiedSignature, VerifierKey};
use crate::protocol::tree::{ConsistencyProof, TreeSize};

/// How long one exchange may take: a slow witness is as good as none for this checkpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer read: a checkpoint with many post-quantum signatures.
const MAX_ANSWER: u64 = 256 << 10;

/// One witness.
pub struct WitnessClient {
    agent: ureq::Agent,
    url: String,
    keys: Vec<VerifierKey>,
}

/// What a witness answered.
pub enum Reply {
    /// Cosignatures by its known keys, each with a time; at least one.
    Cosigned(Vec<VerifiedSignature>),
    /// The newest checkpoint that it cosigned has this size.
    OtherSize(TreeSize),
    /// It says that the checkpoint does not extend what it cosigned.
    Refused(String),
    /// Anything else: out of reach, not told of the log, not to be understood.
    Nothing(String),
}

impl WitnessClient {
    /// A witness with these keys, under this submission prefix.
    pub fn new(url: &str, keys: Vec<VerifierKey>) -> WitnessClient {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .user_agent(concat!("custodes/", env!("CARGO_PKG_VERSION")))
            .build();
        WitnessClient {
            agent: agent.into(),
            url: url.trim_end_matches('/').to_owned(),
            keys,
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Submits a signed checkpoint.
    pub fn submit(&self, old: TreeSize, proof: &ConsistencyProof, note: &str) -> Reply {
        let body = to_body(old, proof, note);
        let sent = self
            .agent
            .post(format!("{}/add-checkpoint", self.url))
            .content_type("text/plain; charset=utf-8")
            .send(body);
        let (status, text) = match sent.and_then(read) {
            Ok(answer) => answer,
            Err(error) => return Reply::Nothing(error.to_string()),
        };
        match status {
            200 => self.cosignatures(note, &text),
            409 => match text.trim_end().parse() {
                Ok(size) => Reply::OtherSize(TreeSize(size)),
                Err(_) => Reply::Nothing("it answered 409 without a size".to_owned()),
            },
            422 => Reply::Refused(text),
            _ => Reply::Nothing(format!("HTTP status {status}: {}", first_line(&text))),
        }
    }

    fn cosignatures(&self, note: &str, lines: &str) -> Reply {
        let head = note.split_inclusive("\n\n").next().unwrap_or_default();
        let opened = UnverifiedNote::parse(&format!("{head}{lines}"));
        match opened.and_then(|note| note.verify(&self.keys)) {
            Ok(note) => {
                let timed = note.verified.into_iter().filter(|one| one.time.is_some());
                let timed: Vec<VerifiedSignature> = timed.collect();
                match timed.is_empty() {
                    true => Reply::Nothing("its cosignatures state no time".to_owned()),
                    false => Reply::Cosigned(timed),
                }
            }
            Err(error) => Reply::Nothing(error.to_string()),
        }
    }

    /// The newest checkpoint that it serves to those who monitor, if these keys of the log have signed it.
    pub fn newest(&self, logs: &[&VerifierKey]) -> Option<(Checkpoint, String)> {
        let origin = origin_hash(logs.first()?.name());
        let got = self.agent.get(format!("{}/{origin}/checkpoint", self.url));
        let (status, note) = got.call().and_then(read).ok()?;
        let (checkpoint, _) = checkpoint::open_with(&note, logs, &[]).ok()?;
        (status == 200).then_some((checkpoint, note))
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, String), ureq::Error> {
    let body = response.body_mut().with_config().limit(MAX_ANSWER);
    let text = body.read_to_string()?;
    Ok((response.status().as_u16(), text))
}

/// At most 200 characters of what somebody else wrote, none of them a control.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
