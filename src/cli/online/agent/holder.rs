//! The agent's process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::process::{DumpableBehavior, getuid, set_dumpable_behavior};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Who, read_line};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::online::fresh::unix_now;
use crate::protocol::base64url;
use crate::protocol::hash::Hash;
use crate::protocol::key::SecretKey;

/// Longest pause between two looks at the clock: a machine that slept must not go on where it was.
const LOOK: Duration = Duration::from_secs(5);

/// What `custodes unlock` hands over, on standard input.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// The key, in base64url.
    pub seed: Zeroizing<String>,
    /// Of the file it came from.
    pub file: Hash,
    /// When it ends, in Unix seconds.
    pub until: u64,
    /// Of the sitting.
    pub purpose: Option<String>,
    /// Where to listen.
    pub socket: PathBuf,
}

struct Holder {
    key: SecretKey,
    who: Who,
    locked: AtomicBool,
}

/// A socket, and its number in the file system: the next agent may have put its own in its place.
struct Listening(PathBuf, u64);

impl Drop for Listening {
    fn drop(&mut self) {
        let there = std::fs::metadata(&self.0);
        if there.is_ok_and(|there| there.ino() == self.1) {
            // What is left answers nobody, and the next agent takes its place.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

/// Holds the key that standard input gives until its time is up; the word `ready` on standard output says that it
/// listens.
pub fn hold() -> Outcome {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        Failure::new("agent", format!("the agent cannot {what}: {why}"))
    };
    // Before there is a key: neither a debugger of the same user nor a core file may have it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed("protect its memory", &error))?;
    let mut text = Zeroizing::new(String::new());
    let read = BufReader::new(std::io::stdin())
        .take(super::MAX_LINE)
        .read_line(&mut text);
    read.map_err(|error| failed("read what it is to hold", &error))?;
    let handed: Handed =
        serde_json::from_str(&text).map_err(|error| failed("read what it is to hold", &error))?;
    drop(text);
    let seed = base64url::decode_array(&handed.seed);
    let seed = seed.map_err(|error| failed("read what it is to hold", &error))?;
    let key = SecretKey::from_seed(seed);
    let (listener, _listening) =
        listen(&handed.socket).map_err(|error| failed("listen", &error))?;
    let holder = Arc::new(Holder {
        who: Who {
            key: key.public(),
            file: handed.file,
            until: handed.until,
            purpose: handed.purpose,
        },
        key,
        locked: AtomicBool::new(false),
    });
    let mut out = std::io::stdout();
    out.write_all(b"ready\n")
        .and_then(|()| out.flush())
        .map_err(|error| failed("say that it listens", &error))?;
    let (end, ended) = sync_channel(1);
    let answering = Arc::clone(&holder);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (holder, end) = (Arc::clone(&answering), end.clone());
            std::thread::spawn(move || holder.serve(stream, &end));
        }
    });
    while unix_now() < holder.who.until {
        match ended.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(0)
}

/// Listens in the place of an agent that is gone.
fn listen(socket: &Path) -> std::io::Result<(UnixListener, Listening)> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    let number = std::fs::metadata(socket)?.ino();
    Ok((listener, Listening(socket.to_owned(), number)))
}

impl Holder {
    /// Answers one connection until it ends.
    fn serve(&self, stream: UnixStream, end: &SyncSender<()>) {
        let asker = rustix::net::sockopt::socket_peercred(&stream);
        if asker.map(|asker| asker.uid) != Ok(getuid()) {
            return;
        }
        let mut stream = BufReader::new(stream);
        while let Ok(Some(question)) = read_line(&mut stream) {
            let locked = question["ask"] == "lock";
            let answer = format!("{}\n", self.answer(&question));
            let sent = stream.get_mut().write_all(answer.as_bytes());
            if locked {
                // It may have been told already.
                let _ = end.try_send(());
            }
            if locked || sent.is_err() {
                return;
            }
        }
    }

    fn answer(&self, question: &Value) -> Value {
        if self.locked.load(Ordering::SeqCst) || unix_now() >= self.who.until {
            return json!({ "refused": "its time is up" });
        }
        match question["ask"].as_str() {
            Some("who") => json!(self.who),
            Some("lock") => {
                self.locked.store(true, Ordering::SeqCst);
                json!({ "locked": true })
            }
            Some("sign") => match question["message"].as_str().map(base64url::decode) {
                Some(Ok(message)) => {
                    json!({ "signature": base64url::encode(&self.key.sign(&message)) })
                }
                _ => json!({ "refused": "the message is not base64url" }),
            },
            _ => json!({ "refused": "it knows who, sign and lock" }),
        }
    }
}
