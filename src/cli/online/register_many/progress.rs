//! What came of a list so far, in a file beside it, so that the command can be interrupted and run again.
//!
//! ```text
//! {"format":"custodes-register-v1","ledger","actor","case"}
//! {"path","entry":"<signed entry>"}          before it is submitted
//! {"path","receipt":{…}}                     it is recorded
//! {"path","refused":"<code>"}                it is not, and will be signed anew
//! ```
//!
//! An entry is written and synced before it is submitted, so after a crash the same bytes are sent again and
//! nothing is recorded twice. A last line that a crash cut off is dropped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::failure::{Failure, read_limited};
use crate::cli::online::lock;
use crate::cli::online::session::Session;
use crate::held::Held;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::{ActorId, Origin, Subject};
use crate::protocol::receipt::Receipt;
use crate::protocol::tree::EntryIndex;

/// Longest file read: half a million entries.
const MAX_FILE: usize = 4 << 30;

/// What the file is for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    ledger: Origin,
    actor: ActorId,
    case: Subject,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    path: String,
    entry: Option<String>,
    receipt: Option<Receipt>,
    refused: Option<String>,
}

/// What became of one path.
#[derive(Debug, Clone)]
pub enum State {
    /// Signed; whether it is recorded is not known.
    Signed(Box<UnverifiedEntry>),
    /// Recorded.
    Recorded(Box<Recorded>),
}

/// What is told of a recorded entry; of twenty thousand, the entries themselves would take half a gigabyte.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    subject: Subject,
    e: EntryHash,
    index: EntryIndex,
    digest: Option<Value>,
    reference: Option<Value>,
}

impl Recorded {
    fn of(entry: &UnverifiedEntry, receipt: &Receipt) -> Recorded {
        Recorded {
            subject: entry.payload().subject.clone(),
            e: entry.hash(),
            index: receipt.index,
            digest: entry.payload().body.get("digest").cloned(),
            reference: entry.detail("reference").cloned(),
        }
    }
}

/// The file.
pub struct Progress {
    path: PathBuf,
    file: Held,
    /// By path.
    pub states: BTreeMap<String, State>,
}

impl Progress {
    /// Opens the file beside a list, or begins it.
    pub fn open(list: &Path, session: &Session, case: &Subject) -> Result<Progress, Failure> {
        let mut path = list.as_os_str().to_owned();
        path.push(".progress");
        let path = PathBuf::from(path);
        let header = Header {
            format: "custodes-register-v1".to_owned(),
            ledger: session.reader.ledger.clone(),
            actor: session.reader.actor.clone(),
            case: case.clone(),
        };
        let fail = |error: std::io::Error| Failure::file("write", &path, &error);
        let begun = path.exists();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        let mut file = lock::take(file, &path)?;
        let mut states = BTreeMap::new();
        let mut good = 0;
        if begun {
            let bytes = read_limited(&path, MAX_FILE)?;
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let whole = line.strip_suffix(b"\n");
                let Some(line_bytes) = whole else { break };
                let bad = |why: String| {
                    Failure::new("progress", format!("{}: {why}", path.display()))
                    .next("if it is of another case or person, give the list another name; do not delete the file before everything in it is recorded")
                };
                if good == 0 {
                    let found: Header = serde_json::from_slice(line_bytes)
                        .map_err(|error| bad(error.to_string()))?;
                    if found != header {
                        return Err(bad(
                            "it belongs to another ledger, person or case".to_owned()
                        ));
                    }
                } else {
                    let found: Line = serde_json::from_slice(line_bytes)
                        .map_err(|error| bad(error.to_string()))?;
                    take_in(&mut states, found).map_err(bad)?;
                }
                good += line.len() as u64;
            }
        }
        file.set_len(good).map_err(fail)?;
        file.seek(SeekFrom::Start(good)).map_err(fail)?;
        let mut progress = Progress { path, file, states };
        if good == 0 {
            progress.write(&[json!(header)])?;
        }
        Ok(progress)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps signed entries, before they are submitted.
    pub fn signed(&mut self, entries: Vec<(String, UnverifiedEntry)>) -> Result<(), Failure> {
        let lines: Vec<Value> = entries
            .iter()
            .map(|(path, entry)| json!({ "path": path, "entry": entry.to_text() }))
            .collect();
        self.write(&lines)?;
        for (path, entry) in entries {
            self.states.insert(path, State::Signed(Box::new(entry)));
        }
        Ok(())
    }

    /// Keeps receipts.
    pub fn recorded(&mut self, receipts: &[(String, Receipt)]) -> Result<(), Failure> {
        let lines: Vec<Value> = receipts
            .iter()
            .map(|(path, receipt)| json!({ "path": path, "receipt": receipt }))
            .collect();
        self.write(&lines)?;
        for (path, receipt) in receipts {
            if let Some(state) = self.states.get_mut(path)
                && let State::Signed(entry) = &*state
            {
                *state = State::Recorded(Box::new(Recorded::of(entry, receipt)));
            }
        }
        Ok(())
    }

    /// Forgets entries that the service refused.
    pub fn refused(&mut self, codes: &[(String, String)]) -> Result<(), Failure> {
        let lines: Vec<Value> = codes
            .iter()
            .map(|(path, code)| json!({ "path": path, "refused": code }))
            .collect();
        self.write(&lines)?;
        for (path, _) in codes {
            self.states.remove(path);
        }
        Ok(())
    }

    fn write(&mut self, lines: &[Value]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| Failure::file("write", &self.path, &error))
    }
}

fn take_in(states: &mut BTreeMap<String, State>, line: Line) -> Result<(), String> {
    match (line.entry, line.receipt, line.refused) {
        (Some(text), None, None) => {
            let entry = UnverifiedEntry::parse_whole(&text).map_err(|error| error.to_string())?;
            states.insert(line.path, State::Signed(Box::new(entry)));
        }
        (None, Some(receipt), None) => match states.remove(&line.path) {
            Some(State::Signed(entry)) if entry.hash() == receipt.e => {
                let recorded = Recorded::of(&entry, &receipt);
                states.insert(line.path, State::Recorded(Box::new(recorded)));
            }
            _ => return Err(format!("a receipt for {:?} without its entry", line.path)),
        },
        (None, None, Some(_)) => {
            states.remove(&line.path);
        }
        _ => return Err("a line is not of the form".to_owned()),
    }
    Ok(())
}
