//! The keys of log and witnesses are rotated while a real ledger goes on, and at no time is there a reader whose policy
//! does not hold, or a checkpoint without its quorum.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use custodes::protocol::note::VerifierKey;
use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;
use witness::{Witness, get};
use witnessed::{policy_of, published, ready, three, until};

/// The keys of the log as the command shows them: the present ones, and the next.
fn shown(ledger: &Ledger) -> (Vec<VerifierKey>, Vec<VerifierKey>) {
    let dir = ledger.path("ledger").display().to_string();
    let said = ok(&ledger.run("nobody", &["--json", "key", "show", "--log", &dir]));
    let said: Value = serde_json::from_str(&said).unwrap();
    let keys = |name: &str| {
        let list = said[name].as_array().into_iter().flatten();
        list.map(|key| VerifierKey::parse(key.as_str().unwrap()).unwrap())
            .collect()
    };
    (keys("log_keys"), keys("next_log_keys"))
}

fn rotate(ledger: &Ledger, more: &[&str]) -> std::process::Output {
    let dir = ledger.path("ledger").display().to_string();
    ledger.run(
        "nobody",
        &[&["key", "rotate-log", "--dir", &dir], more].concat(),
    )
}

fn bundle(ledger: &Ledger, name: &str) -> String {
    let file = ledger.bundle("smith", CASE, name);
    file.display().to_string()
}

/// What a reader with this policy finds.
fn verify(ledger: &Ledger, bundle: &str, policy: &str) -> (i32, String) {
    let file = ledger.path("reader.policy");
    std::fs::write(&file, policy).unwrap();
    let policy = file.display().to_string();
    let args = ["verify", bundle, "--timeline", "--policy", &policy];
    let output = ledger.run("nobody", &args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), said)
}

/// Has the service ask these witnesses, two of whom must answer, for a log with these keys.
fn serve(ledger: &mut Ledger, keys: &[VerifierKey], witnesses: &[Witness]) {
    std::fs::write(ledger.path("ledger/policy"), policy_of(keys, witnesses, 2)).unwrap();
    ledger.start();
    until("a quorum", || ready(ledger).0 == 200);
}

#[test]
fn keys_of_log_and_witnesses_are_rotated_without_a_gap() {
    let mut ledger = Ledger::new();
    let mut witnesses = three(&ledger);
    let (old, none) = shown(&ledger);
    assert!(old.len() == 2 && none.is_empty());
    ledger.stop();
    serve(&mut ledger, &old, &witnesses);
    ledger.register_new("smith", "before");
    until("all published", || published(&ledger).1 == 2 + 6);
    let first = bundle(&ledger, "first.custody.json");
    let watched = ledger.path("watch.policy");
    std::fs::write(&watched, policy_of(&old, &[], 0)).unwrap();
    assert_eq!(ledger.monitor(&watched).0, 0);

    // New keys are not taken for the log's just because they lie there in the place of the old ones.
    ledger.stop();
    ok(&rotate(&ledger, &["--plain"]));
    assert!(ends(&rotate(&ledger, &["--plain"]), 2).contains("rotation-under-way"));
    assert!(ends(&rotate(&ledger, &["--finish"]), 2).contains("not-signed-by-next"));
    let (present, next) = shown(&ledger);
    assert!(present == old && next.len() == 2 && next != old);

    // They sign beside the old ones, and the ledger says so.
    serve(&mut ledger, &old, &witnesses);
    ledger.register_new("smith", "during");
    until("all published", || published(&ledger).1 == 4 + 6);
    let said: Value =
        serde_json::from_str(&get(&format!("{}/v1/ledger", ledger.url)).text).unwrap();
    assert_eq!(said["log_keys"].as_array().unwrap().len(), 4);
    let (code, said) = ledger.monitor(&watched);
    assert_eq!(
        (code, &said["ledgers"][0]["alarms"][0]["code"]),
        (1, &"log-keys-changed".into())
    );
    assert_eq!(ledger.monitor(&watched).0, 0, "it is told once");
    let second = bundle(&ledger, "second.custody.json");
    for keys in [&old, &next] {
        let (code, said) = verify(&ledger, &second, &policy_of(keys, &witnesses, 2));
        // Only a policy that keeps the old line covers the checkpoints from before.
        let wanted = if keys == &old { 3 } else { 1 };
        assert_eq!(code, wanted, "{said}");
    }
    let both = [old.clone(), next.clone()].concat();
    let (code, said) = verify(&ledger, &second, &policy_of(&both, &witnesses, 2));
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("further keys of the log"), "{said}");

    // Everybody adds the new lines to their policy. The witnesses are told, and one of them gets keys of its own: a new witness, beside its old self for a while.
    for witness in &mut witnesses {
        witness.trust(&next);
        witness.stop();
        witness.start();
    }
    std::fs::write(ledger.path("smith/policy"), policy_of(&both, &[], 0)).unwrap();
    let successor = Witness::new("witness.court.example", &both);
    ledger.stop();
    ok(&rotate(&ledger, &["--finish"]));
    let (present, none) = shown(&ledger);
    assert!(present == next && none.is_empty());
    let leaving = std::mem::replace(&mut witnesses[0], successor);
    serve(&mut ledger, &both, &witnesses);
    ledger.register_new("smith", "after");
    until("all published", || published(&ledger).1 == 2 + 6);
    drop(leaving);

    // The new keys sign alone: who knows the old ones alone is told so, who knows both reads all of it.
    let third = bundle(&ledger, "third.custody.json");
    let (code, said) = verify(&ledger, &third, &policy_of(&both, &witnesses, 2));
    assert_eq!(code, 3, "{said}");
    let (code, said) = verify(&ledger, &third, &policy_of(&old, &witnesses, 2));
    assert!(
        code == 1 && said.contains("checkpoint-not-signed"),
        "{said}"
    );
    let (code, said) = verify(&ledger, &first, &policy_of(&both, &[], 0));
    assert_eq!(code, 3, "{said}");
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    let audited = ledger.audit("ledger");
    assert_eq!(audited.status.code(), Some(0), "{audited:?}");
    // Keys that the ledger does not name are no keys of its log.
    for name in ["log.pem", "log-pq.pem"] {
        std::fs::remove_file(ledger.path("ledger/keys").join(name)).unwrap();
    }
    ok(&ledger.run(
        "nobody",
        &[
            "init",
            "--dir",
            &ledger.path("other").display().to_string(),
            "--origin",
            "evidence.example",
            "--plain-keys",
            "--org",
            "police:police",
        ],
    ));
    for name in ["log.pem", "log-pq.pem"] {
        let keys = ["other/keys", "ledger/keys"].map(|folder| ledger.path(folder).join(name));
        std::fs::copy(&keys[0], &keys[1]).unwrap();
    }
    let refused = ledger.run(
        "nobody",
        &["serve", "--dir", &dir, "--listen", "127.0.0.1:0"],
    );
    assert!(ends(&refused, 2).contains("other-key"));
}
