//! A wrong map on the command line: what `custodes verify` says of a proof, and writing one.

#[cfg(feature = "service")]
use std::path::Path;

use serde_json::{Value, json};

use super::fork::{Checked, short, whose};
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::verify::map_fault::{Shown, verify_map_fault};

/// Checks a proof of a wrong map.
pub fn check(text: &str, policy: Option<&Policy>) -> Checked {
    let (findings, shown) = verify_map_fault(text, policy);
    let words = match &shown {
        Some(shown) => in_words(shown, policy),
        None => "This is no proof of a wrong map.\n".to_owned(),
    };
    Checked {
        of: "map_fault",
        words,
        value: shown.as_ref().map(to_json).into(),
        findings,
    }
}

/// What a proof shows, for people.
fn in_words(shown: &Shown, policy: Option<&Policy>) -> String {
    let head = &shown.checkpoint;
    let mut words = format!(
        "WRONG MAP of the log {}: what it commits to at leaf {} cannot stand there; {}.\n  {} leaves, root {}\n",
        head.origin, shown.index.0, shown.wrong, head.size.0, head.root.0,
    );
    for key in &shown.guilty {
        let of = whose(key, policy);
        words.push_str(&format!("This was signed with {of}: {}\n", short(key)));
    }
    words
}

/// What a proof shows, for programs.
fn to_json(shown: &Shown) -> Value {
    let head = &shown.checkpoint;
    let guilty = shown.guilty.iter().map(VerifierKey::to_string);
    json!({
        "checkpoint": { "origin": head.origin, "size": head.size, "root": head.root },
        "index": shown.index,
        "wrong": shown.wrong.to_string(),
        "guilty": guilty.collect::<Vec<_>>(),
    })
}

/// Writes a proof beside what was checked, and says what it shows and where it is.
#[cfg(feature = "service")]
pub fn write(checked: &Path, shown: &Shown) -> (String, Value) {
    let mut value = to_json(shown);
    let words = super::fork::write_beside(checked, "custody-map-fault", &shown.text, &mut value);
    let holds = "It holds the signed entries of that stretch of the log: codes and ids, no names and no other details.";
    (format!("{}{words}{holds}\n", in_words(shown, None)), value)
}
