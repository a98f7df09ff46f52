//! Forks on the command line: what the reader kept and compares with, and what `custodes verify` says of a proof.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Outcome;
use super::failure::{Failure, read_limited};
use super::output::{Output, plain};
use crate::protocol::bundle::MAX_BUNDLE;
use crate::protocol::fork::Proven;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::verify::known::{Consistency, Known};
use crate::verify::{self, Finding, fork};

/// What came of checking a file that is to prove what a log did.
pub struct Checked {
    /// What is to be proven, as JSON names it.
    pub of: &'static str,
    /// For people.
    pub words: String,
    /// For programs; null where nothing is proven.
    pub value: Value,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Says it.
    pub fn tell(mut self, accepted: &BTreeSet<String>, output: Output) -> Outcome {
        let code = verify::exit_code(&self.findings, accepted);
        for finding in &self.findings {
            self.words.push_str(&format!("{finding}\n"));
        }
        let list: Vec<_> = self.findings.iter().map(Finding::json).collect();
        let value = json!({ "exit": code, self.of: self.value, "findings": list });
        output.result(&plain(&self.words), &value);
        Ok(code)
    }
}

/// Checks a proof of fork.
pub fn check(text: &str, policy: Option<&Policy>) -> Checked {
    let (findings, proven) = fork::verify_fork(text, policy);
    let words = match &proven {
        Some(proven) => in_words(proven, policy),
        None => "This is no proof of a fork.\n".to_owned(),
    };
    Checked {
        of: "fork",
        words,
        value: proven.as_ref().map(to_json).into(),
        findings,
    }
}

/// What a proof shows, for people.
fn in_words(proven: &Proven, policy: Option<&Policy>) -> String {
    let [first, second] = &proven.checkpoints;
    let line = |one: &crate::protocol::checkpoint::Checkpoint| {
        format!(
            "  {} leaves, root {}\n",
            one.size.0,
            one.root.0.to_base64url()
        )
    };
    let mut words = format!(
        "FORK of the log {}: these two cannot both be true.\n{}{}",
        first.origin,
        line(first),
        line(second)
    );
    for key in &proven.guilty {
        let of = whose(key, policy);
        words.push_str(&format!("Both were signed with {of}: {}\n", short(key)));
    }
    words
}

/// What a proof shows, for programs.
fn to_json(proven: &Proven) -> Value {
    let heads = proven.checkpoints.iter().map(
        |one| json!({ "origin": one.origin, "size": one.size, "root": one.root.0.to_base64url() }),
    );
    let guilty = proven.guilty.iter().map(VerifierKey::to_string);
    json!({ "checkpoints": heads.collect::<Vec<_>>(), "guilty": guilty.collect::<Vec<_>>() })
}

/// Whose key it is, as far as the policy says.
pub fn whose(key: &VerifierKey, policy: Option<&Policy>) -> String {
    let role = policy.and_then(|policy| fork::role(key, policy));
    role.map_or_else(
        || format!("a key under the name {}", key.name()),
        |role| format!("the key of {role}"),
    )
}

/// A key as people compare it: name, id, and the beginning of a long one.
pub fn short(key: &VerifierKey) -> String {
    let text = key.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// Largest answer with a consistency proof.
const MAX_PROOF: usize = 1 << 16;

/// What the reader kept, read from files.
pub struct Kept {
    files: Vec<(String, Vec<u8>)>,
    proofs: Vec<Consistency>,
}

impl Kept {
    /// Reads `--known` and `--consistency`.
    pub fn read(known: &[PathBuf], consistency: &[PathBuf]) -> Result<Kept, Failure> {
        let mut files = Vec::new();
        for path in known {
            files.push((path.display().to_string(), read_limited(path, MAX_BUNDLE)?));
        }
        let mut proofs = Vec::new();
        for path in consistency {
            let proof = serde_json::from_slice(&read_limited(path, MAX_PROOF)?);
            let words = format!("{} is no consistency proof", path.display());
            proofs.push(proof.map_err(|_| {
                Failure::new("consistency", words)
                    .next("it is what the service answers to GET /v1/consistency/OLD/NEW")
            })?);
        }
        Ok(Kept { files, proofs })
    }

    /// To compare with.
    pub fn known(&self) -> Known<'_> {
        Known {
            kept: &self.files,
            proofs: &self.proofs,
        }
    }
}

/// A proof of fork that was written beside what was checked, and how it went.
pub struct Written {
    /// For people.
    pub words: String,
    /// For programs; null where there is no fork.
    pub value: Value,
}

impl Written {
    /// Writes the first of these, if there is one, beside what was checked. That it cannot be written takes nothing from
    /// the finding, so it is shown instead.
    pub fn of(checked: &Path, forks: &[Proven], policy: &Policy) -> Written {
        let Some(proven) = forks.first() else {
            return Written {
                words: String::new(),
                value: Value::Null,
            };
        };
        let mut value = to_json(proven);
        let words = write_beside(checked, "custody-fork", &proven.text, &mut value);
        Written {
            words: format!("\n{}{words}", in_words(proven, Some(policy))),
            value,
        }
    }
}

/// Writes a proof beside what was checked, and says so. Where it cannot be written it is shown instead.
pub fn write_beside(checked: &Path, extension: &str, text: &str, value: &mut Value) -> String {
    let mut path = checked.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    let path = PathBuf::from(path);
    match write(&path, text) {
        Ok(()) => {
            value["file"] = path.to_string_lossy().into();
            let rest = "Anyone can check it with `custodes verify`: give a copy to an auditor and to the other parties";
            format!("The proof is in {}. {rest}.\n", path.display())
        }
        Err(error) => {
            value["text"] = text.into();
            let path = path.display();
            format!("The proof could not be written to {path} ({error}). It is:\n{text}")
        }
    }
}

/// Whole, in place of what was there.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
