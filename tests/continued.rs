//! A ledger is continued from another, through the real programs: the new one names where the old one ended, readers check
//! that under the old one's policy, and hold it against what they kept of it.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use custodes::cli::keyfile;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::hash::Hash;
use custodes::protocol::key::SecretKey;
use custodes::protocol::note;
use custodes::protocol::tree::RootHash;
use ledger::{CASE, Ledger, ends, ok};
use witness::get;
use witnessed::{log_keys, policy_of, published, until, witnessed};

fn register(ledger: &Ledger, name: &str) {
    let file = ledger.path(&name.replace('/', "-"));
    std::fs::write(&file, name).unwrap();
    ledger.register(&file, name);
}

fn bundle(ledger: &Ledger, name: &str) -> String {
    let to = ledger.path(name).display().to_string();
    ok(&ledger.run("smith", &["bundle", CASE, "--out", &to]));
    to
}

fn size_of(note: &str) -> u64 {
    Checkpoint::of_note(note).unwrap().size.0
}

#[test]
fn a_ledger_is_continued_from_another() {
    let (mut old, witnesses) = witnessed();
    let keys = log_keys(&old);
    register(&old, "JSM/1");
    until("all published", || published(&old).1 == 2 + 6);
    let early = bundle(&old, "early.custody.json");
    register(&old, "JSM/2");
    let last = bundle(&old, "last.custody.json");
    until("all published", || published(&old).1 == 2 + 6);
    let end = get(&format!("{}/checkpoint", old.url)).text;
    let early_size = {
        let text = std::fs::read_to_string(&early).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        size_of(
            value["checkpoints"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .as_str()
                .unwrap(),
        )
    };
    let proof = format!("{}/v1/consistency/{early_size}/{}", old.url, size_of(&end));
    std::fs::write(old.path("proof.json"), get(&proof).text).unwrap();
    let of_old = policy_of(&keys, &witnesses, 2);
    let folder = old.folder.path().to_owned();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).display().to_string()
    };
    let (checkpoint, policy) = (write("end", &end), write("old.policy", &of_old));

    // Only what the old ledger's readers believe can be continued.
    let dir = old.path("refused").display().to_string();
    let refused = |checkpoint: &str, policy: &str| {
        let args = [
            "init",
            "--dir",
            &dir,
            "--origin",
            "evidence.new.example",
            "--plain-keys",
            "--org",
            "police:police",
            "--continues",
            checkpoint,
            "--old-policy",
            policy,
        ];
        let said = ends(&old.run("nobody", &args), 1);
        assert!(said.contains("old-checkpoint"), "{said}");
    };
    let unwitnessed = end.split_inclusive('\n').take(5).collect::<String>();
    refused(&write("unwitnessed", &unwitnessed), &policy);
    refused(
        &write("changed", &end.replacen(&size_of(&end).to_string(), "3", 1)),
        &policy,
    );
    let more = ["--continues", &checkpoint, "--old-policy", &policy];
    let itself = [
        &[
            "init",
            "--dir",
            &dir,
            "--origin",
            "evidence.example",
            "--plain-keys",
            "--org",
            "police:police",
        ],
        &more[..],
    ]
    .concat();
    let said = ends(&old.run("nobody", &itself), 2);
    assert!(said.contains("does not continue itself"), "{said}");

    let new = Ledger::new_as("evidence.new.example", &more);
    register(&new, "JSM/1");
    let onward = bundle(&new, "onward.custody.json");
    let of_new = std::fs::read_to_string(new.path("ledger/policy")).unwrap();
    let of_new: String = of_new
        .lines()
        .filter(|line| line.starts_with("log "))
        .map(|line| format!("{line}\n"))
        .collect();
    let alone = write("new.policy", &format!("{of_new}quorum none\n"));
    // The old ledger's witnesses are nobody's quorum here.
    let lines = of_old
        .lines()
        .filter(|line| line.starts_with("log ") || line.starts_with("witness "));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    let both = write("both.policy", &format!("{of_new}{lines}quorum none\n"));
    let verify = |policy: &str, more: &[&str], code: i32| {
        let args = [&["verify", &onward, "--policy", policy][..], more].concat();
        ends(&new.run("nobody", &args), code)
    };
    let ended = format!(
        "This ledger continues evidence.example, from its {} leaves on",
        size_of(&end)
    );
    let said = verify(&alone, &[], 3);
    assert!(
        said.contains(&ended) && said.contains("names no key of that log"),
        "{said}"
    );
    let said = verify(&both, &[], 3);
    assert!(
        said.contains(&ended) && said.contains("which that log signed, as seen by e0 on"),
        "{said}"
    );
    // A policy with other keys for that log.
    let other = Ledger::founded(&["police:police".to_owned()]);
    let wrong: String = log_keys(&other)
        .iter()
        .map(|key| format!("log {key}\n"))
        .collect();
    let said = verify(
        &write("wrong.policy", &format!("{of_new}{wrong}quorum none\n")),
        &[],
        1,
    );
    assert!(said.contains("continued-not-signed"), "{said}");

    // What was kept of the old ledger: its end, something earlier, and something later.
    assert!(verify(&both, &["--known", &last], 3).contains("and is the beginning of those"));
    assert!(verify(&both, &["--known", &checkpoint], 3).contains("and is the beginning of those"));
    assert!(verify(&both, &["--known", &early], 3).contains("known-not-compared"));
    let proof = old.path("proof.json").display().to_string();
    let said = verify(&both, &["--known", &early, "--consistency", &proof], 3);
    assert!(said.contains("and is the beginning of those"), "{said}");
    register(&old, "JSM/3");
    let later = bundle(&old, "later.custody.json");
    let said = verify(&both, &["--known", &later], 3);
    assert!(said.contains("continued-went-on"), "{said}");
    old.stop();

    // A second history of the old ledger, of the same size: its key signed both.
    let key = std::fs::read_to_string(old.path("ledger/keys/log.pem")).unwrap();
    let key: SecretKey = keyfile::read(&key, None).unwrap();
    let mut forked = Checkpoint::of_note(&end).unwrap();
    forked.root = RootHash(Hash([7; 32]));
    let forked = write(
        "forked",
        &note::sign(&forked.to_text(), &forked.origin, &key),
    );
    let said = verify(&both, &["--known", &forked], 1);
    assert!(
        said.contains("[forked]") && said.contains("another history"),
        "{said}"
    );
}
