//! A proof of fork, through the real program: what it shows, whom it names, and what it does not accept as one.
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;

use std::path::Path;

use custodes::protocol::fork::Fork;
use custodes::protocol::note::VerifierKey;
use custodes::protocol::tree::{self, TreeSize};
use witness::{Log, Witness, run};

/// The proof that two branches contradict each other, at these sizes.
fn proof(first: (&Log, u64), second: (&Log, u64)) -> Result<String, String> {
    let old = TreeSize(first.1);
    let proof = second.0.proof(first.1, second.1);
    let root = tree::root(old, &second.0.tree).unwrap();
    let notes = [first, second].map(|(log, size)| log.sign(&log.checkpoint(size)));
    let notes = notes.each_ref().map(String::as_str);
    Fork::by_consistency(notes, &first.0.vkeys(), &proof, Some(root))
        .map(|proven| proven.text)
        .map_err(|error| error.to_string())
}

fn verify(folder: &Path, text: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = folder.join("shown.custody-fork");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let ended = run(&[&["verify", &file], more].concat());
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    (
        ended.status.code(),
        said + &String::from_utf8_lossy(&ended.stderr),
    )
}

fn policy(folder: &Path, keys: &[VerifierKey]) -> String {
    let lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
    let file = folder.join("trust.policy");
    std::fs::write(&file, format!("{lines}quorum none\n")).unwrap();
    file.display().to_string()
}

#[test]
fn a_fork_is_shown_with_the_key_that_is_guilty_of_it() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (Log::forked(300, 200, 1), Log::forked(300, 200, 2));
    let policy = policy(home.path(), &one.vkeys());
    for (m, n) in [(300, 300), (256, 300), (250, 300), (201, 256)] {
        let text = proof((&one, m), (&other, n)).unwrap();
        let (code, said) = verify(home.path(), &text, &["--policy", &policy]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("FORK of the log log.example"), "{said}");
        assert_eq!(said.matches("the key of the log log.example").count(), 2);
        // Without a policy nobody says whose the key is.
        let (code, said) = verify(home.path(), &text, &[]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("key-not-known"), "{said}");
        let (code, _) = verify(home.path(), &text, &["--accept", "key-not-known"]);
        assert_eq!(code, Some(0));
        let (code, said) = verify(home.path(), &text, &["--policy", &policy, "--json"]);
        assert_eq!(code, Some(0));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["fork"]["guilty"].as_array().unwrap().len(), 2);
        assert_eq!(said["fork"]["checkpoints"][0]["size"], m);
    }
    // A key that the policy does not name is not said to be the log's.
    let stranger = Witness::new("w", &[]);
    let file = home.path().join("other.policy");
    let log = custodes::protocol::key::SecretKey::from_seed([7; 32]).public();
    let kind = custodes::protocol::note::SignatureKind::Ed25519;
    let log = VerifierKey::ed25519(one.origin.clone(), kind, log);
    let text = format!("log {log}\nwitness w {}\nquorum w\n", stranger.vkeys[0]);
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let text = proof((&one, 300), (&other, 300)).unwrap();
    let (code, said) = verify(home.path(), &text, &["--policy", &file]);
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn an_extension_and_a_tampered_file_are_no_fork() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (Log::forked(300, 200, 1), Log::forked(300, 200, 2));
    // A history that is continued cannot be made into a proof.
    for (m, n) in [(200, 300), (128, 300), (1, 2), (300, 300)] {
        proof((&one, m), (&one, n)).unwrap_err();
        if m <= 200 {
            proof((&one, m), (&other, n)).unwrap_err();
        }
    }
    let policy = policy(home.path(), &one.vkeys());
    let text = proof((&one, 250), (&other, 300)).unwrap();
    let root = text
        .lines()
        .find(|line| line.starts_with("prefix "))
        .unwrap();
    let first_root = |log: &Log, size| {
        let head = log.checkpoint(size).to_text();
        head.lines().nth(2).unwrap().to_owned()
    };
    let changed = [
        text.replace(root, &format!("prefix {}", first_root(&one, 250))),
        text.replace(root, "same-size"),
        text.replace("\n250\n", "\n251\n"),
        text.replace("custody-fork-v1", "custody-fork-v2"),
        text[..text.len() - 1].to_owned(),
        text.clone() + "\n",
        text.replacen("— log.example ", "— log.example  ", 1),
        String::new(),
        "custody-fork-v1\n".repeat(70_000),
    ];
    for changed in changed {
        assert_ne!(changed, text);
        let (code, said) = verify(home.path(), &changed, &["--policy", &policy]);
        assert_ne!(code, Some(0), "{said}");
        assert!(
            said.contains("fork-not-shown") || said.contains("file-too-long"),
            "{said}"
        );
    }
}
