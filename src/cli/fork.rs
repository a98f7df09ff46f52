//! A proof of fork on the command line: what `custodes verify` says of one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Outcome;
use super::output::{Output, plain};
use crate::protocol::fork::Proven;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::verify::{self, Finding, fork};

/// Runs `custodes verify` on a proof of fork.
pub fn run(
    text: &str,
    policy: Option<&Policy>,
    accepted: &BTreeSet<String>,
    output: Output,
) -> Outcome {
    let (findings, proven) = fork::verify_fork(text, policy);
    let code = verify::exit_code(&findings, accepted);
    let mut words = match &proven {
        Some(proven) => in_words(proven, policy),
        None => "This is no proof of a fork.\n".to_owned(),
    };
    for finding in &findings {
        words.push_str(&finding.to_string());
        words.push('\n');
    }
    let list: Vec<_> = findings.iter().map(Finding::json).collect();
    let value = json!({ "exit": code, "fork": proven.as_ref().map(to_json), "findings": list });
    output.result(&plain(&words), &value);
    Ok(code)
}

/// What a proof shows, for people.
pub fn in_words(proven: &Proven, policy: Option<&Policy>) -> String {
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
        let role = policy
            .and_then(|policy| fork::role(key, policy))
            .map_or_else(
                || format!("a key under the name {}", key.name()),
                |role| format!("the key of {role}"),
            );
        words.push_str(&format!("Both were signed with {role}: {}\n", short(key)));
    }
    words
}

/// What a proof shows, for programs.
pub fn to_json(proven: &Proven) -> Value {
    let heads = proven.checkpoints.iter().map(
        |one| json!({ "origin": one.origin, "size": one.size, "root": one.root.0.to_base64url() }),
    );
    let guilty = proven.guilty.iter().map(VerifierKey::to_string);
    json!({ "checkpoints": heads.collect::<Vec<_>>(), "guilty": guilty.collect::<Vec<_>>() })
}

/// A key as people compare it: name, id, and the beginning of a long one.
fn short(key: &VerifierKey) -> String {
    let text = key.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}
