//! Real evidence files, digested by the real command and by `sha256sum`.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use serde_json::Value;

#[test]
fn digests_are_those_of_sha256sum() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let files = common::files(&data.join("evidence"));
    assert!(files.len() >= 9);
    for path in files {
        let ours = Command::new(env!("CARGO_BIN_EXE_custodes"))
            .args(["digest", "--json"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            ours.status.success(),
            "{}",
            String::from_utf8_lossy(&ours.stderr)
        );
        let ours: Value = serde_json::from_slice(&ours.stdout).unwrap();
        let theirs = Command::new("sha256sum")
            .arg("--")
            .arg(&path)
            .output()
            .unwrap();
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let hex = theirs.split_whitespace().next().unwrap().to_owned();
        let text = ours.to_string();
        assert!(text.contains(&hex), "{hex} is not in {text}");
    }
}
