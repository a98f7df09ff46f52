//! A second verifier, in another language, says the same of every bundle of the corpus (`tests/vectors`). It needs the
//! Python environment that `.ci/setup.sh` makes.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What it leaves to others: the rules of custody and what only they tell, files, what a reader kept.
const NOT_ITS_OWN: [&str; 13] = [
    "chain-missing",
    "rule-broken",
    "companion-missing",
    "genesis-other-log",
    "other-rules",
    "evidence-mismatch",
    "evidence-digest-part",
    "blob-altered",
    "manifest-form",
    "forked",
    "chain-cut",
    "chain-out-of-scope",
    "withheld-not-allowed",
];

fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let python = cache.join("custodes/jwcrypto/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "no Python environment: run bash .ci/setup.sh test"
    );
    println!("skipped: no Python environment; run bash .ci/setup.sh test");
    None
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// What the second verifier prints first: "ok:" or a code.
fn second(python: &Path, bundle: &Path, policy: &Path) -> String {
    let done = Command::new(python)
        .arg(tests().join("second_verifier.py"))
        .args([bundle, policy])
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let word = said.split_whitespace().next().unwrap_or_default();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(!word.is_empty(), "{}: {error}", bundle.display());
    assert_eq!(done.status.success(), word == "ok:", "{said}{error}");
    word.to_owned()
}

#[test]
fn both_verifiers_say_the_same() {
    let Some(python) = python() else { return };
    let vectors = tests().join("vectors");
    let expected = std::fs::read(vectors.join("expected.json")).unwrap();
    let expected: Vec<Value> = serde_json::from_slice(&expected).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mut good, mut bad) = (0, 0);
    let mut differ = Vec::new();
    for vector in &expected {
        let policy = text(&vector["policy"]);
        if policy.contains("post-quantum") {
            continue;
        }
        let said = second(
            &python,
            &vectors.join(text(&vector["bundle"])),
            &vectors.join(policy),
        );
        let failed = vector["failed"].as_array().unwrap();
        let code = text(&vector["code"]);
        let same = match said.as_str() {
            "ok:" => vector["exit"] != 1 || NOT_ITS_OWN.contains(&code.as_str()),
            said => failed.iter().any(|one| one == said),
        };
        if !same {
            differ.push(format!("{}: {said}, not one of {failed:?}", vector["name"]));
        }
        *(if said == "ok:" { &mut good } else { &mut bad }) += 1;
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    println!("{good} bundles that it passes, {bad} that it does not");
    assert!(good >= 30 && bad >= 80);
}

/// No byte can be changed unseen. The one exception is what the first verifier names too: the line of a witness whose
/// name or key id is another is nobody's, and an older checkpoint without it dates nothing.
#[test]
fn it_notices_changed_bytes() {
    let Some(python) = python() else { return };
    let vectors = tests().join("vectors");
    let bytes = std::fs::read(vectors.join("bundles/good-exhibit.custody.json")).unwrap();
    let newest = bytes
        .windows(8)
        .position(|part| part == b"],\"nodes")
        .unwrap();
    let older = bytes[..newest]
        .iter()
        .rposition(|byte| *byte == b',')
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("changed.custody.json");
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let said = second(&python, &file, &vectors.join("policies/court.policy"));
        assert!(said != "ok:" || at < older, "byte {at}");
    }
}
