//! One sitting: `custodes unlock` asks for the passphrase and the purpose once, and a process of its own, the agent,
//! holds both until its time is up or `custodes lock` ends it.
//!
//! The agent signs and never gives the key away. It listens at `H/agent`, a socket in the person's own folder, and
//! answers processes of the same user alone; others of that user cannot read its memory, nor is it ever written to a
//! core file. One line of JSON is a question, one line the answer:
//!
//! ```text
//! {"ask":"who"}                          {"key":PUBLIC,"file":SHA-256 of key.pem,"until":UNIX SECONDS,"purpose":WORDS|null}
//! {"ask":"sign","message":BASE64URL}     {"signature":BASE64URL}
//! {"ask":"lock"}                         {"locked":true}
//! anything else, or its time is up       {"refused":WHY}
//! ```

mod holder;
mod unlock;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::holder::hold;
pub use self::unlock::{LockArgs, UnlockArgs, lock, unlock};
use super::home::Profile;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::protocol::base64url;
use crate::protocol::entry::MAX_ENTRY;
use crate::protocol::hash::Hash;
use crate::protocol::key::{NotSigned, PublicKey, SecretKey, Signer};

/// Longest line: an entry to sign, in base64url, and room around it.
const MAX_LINE: u64 = 2 * MAX_ENTRY as u64;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the agent of this person listens.
fn socket(home: &Path) -> PathBuf {
    home.join("agent")
}

/// What the agent says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    key: PublicKey,
    /// Of the key file that it was unlocked from.
    file: Hash,
    /// In Unix seconds.
    until: u64,
    purpose: Option<String>,
}

/// A connection to the agent.
struct Agent {
    who: Who,
    stream: Mutex<BufReader<UnixStream>>,
}

impl Agent {
    /// The agent of this person, where one is running.
    fn find(home: &Path) -> Option<Agent> {
        let stream = UnixStream::connect(socket(home)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        let mut stream = BufReader::new(stream);
        let who = ask(&mut stream, &json!({ "ask": "who" })).ok()?;
        Some(Agent {
            who: serde_json::from_value(who).ok()?,
            stream: Mutex::new(stream),
        })
    }

    /// Ends it. Its time being up is just as well.
    fn lock(&self) {
        let mut stream = self.stream.lock().expect("no holder of this lock panics");
        let _ = ask(&mut stream, &json!({ "ask": "lock" }));
    }
}

impl Signer for Agent {
    fn public(&self) -> PublicKey {
        self.who.key
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], NotSigned> {
        let mut stream = self.stream.lock().expect("no holder of this lock panics");
        let question = json!({ "ask": "sign", "message": base64url::encode(message) });
        let answer = ask(&mut stream, &question).map_err(NotSigned)?;
        let signature = answer["signature"].as_str().unwrap_or_default();
        let signature = base64url::decode_array(signature);
        let signature =
            signature.map_err(|_| NotSigned("its answer is no signature".to_owned()))?;
        match self.who.key.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(NotSigned("its signature does not verify".to_owned())),
        }
    }
}

/// One question.
fn ask(stream: &mut BufReader<UnixStream>, question: &Value) -> Result<Value, String> {
    let words = |error: std::io::Error| error.to_string();
    let line = format!("{question}\n");
    stream.get_mut().write_all(line.as_bytes()).map_err(words)?;
    let answer = read_line(stream).map_err(words)?;
    let answer = answer.ok_or("it ended")?;
    match answer["refused"].as_str() {
        Some(why) => Err(why.to_owned()),
        None => Ok(answer),
    }
}

/// The next line of JSON, if there is one.
fn read_line(stream: &mut BufReader<UnixStream>) -> std::io::Result<Option<Value>> {
    let mut line = String::new();
    stream.take(MAX_LINE).read_line(&mut line)?;
    match line.as_str() {
        "" => Ok(None),
        line => Ok(Some(serde_json::from_str(line)?)),
    }
}

/// What to do where the agent no longer signs.
pub fn gone(error: NotSigned) -> Failure {
    Failure::new(
        "locked",
        format!("the agent that holds your key did not sign: {error}"),
    )
    .next("run `custodes unlock` and then this again")
}

/// Whoever signs for this person: the agent where one was unlocked from their key file as it is now, or else the key
/// itself. With the agent comes the purpose of the sitting, where the command has none of its own.
pub fn signer(profile: &mut Profile) -> Result<Box<dyn Signer + Send + Sync>, Failure> {
    let path = profile.key_file();
    let pem = keys::read(&path)?;
    let agent = Agent::find(&profile.home);
    match agent.filter(|agent| agent.who.file == Hash::of(&[pem.as_bytes()])) {
        Some(agent) => {
            if profile.purpose.is_none() {
                profile.purpose.clone_from(&agent.who.purpose);
            }
            Ok(Box::new(agent))
        }
        None => Ok(Box::new(keys::open::<SecretKey>(&path, &pem)?)),
    }
}
