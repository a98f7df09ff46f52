//! With Ed25519 worthless, as a large quantum computer would make it, a changed history still does not pass a
//! post-quantum policy. Whoever can forge every Ed25519 signature is played by somebody who holds every Ed25519 key:
//! those of the log, the service, the people and the witnesses. What they lack is the ML-DSA-44 keys.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use std::time::{SystemTime, UNIX_EPOCH};

use custodes::cli::keyfile;
use custodes::protocol::bundle::Bundle;
use custodes::protocol::key::SecretKey;
use custodes::protocol::note::{self, SignatureKind, UnverifiedNote, VerifierKey};
use ledger::{CASE, Ledger, copy, ok};
use witness::Witness;
use witnessed::{log_keys, policy, ready, until, witnessed};

fn bundle(ledger: &Ledger, home: &str, name: &str) -> Bundle {
    let to = ledger.path(name).display().to_string();
    ok(&ledger.run(home, &["bundle", CASE, "--out", &to]));
    Bundle::parse(&std::fs::read(to).unwrap()).unwrap()
}

/// What a reader with the policy in this file finds: exit code and words.
fn verify(ledger: &Ledger, bundle: &Bundle, policy: &str) -> (i32, String) {
    let file = ledger.path("shown.custody.json");
    std::fs::write(&file, bundle.to_bytes()).unwrap();
    let (file, policy) = (file.display().to_string(), ledger.path(policy));
    let policy = policy.display().to_string();
    let output = ledger.run("nobody", &["verify", &file, "--policy", &policy]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), said)
}

/// The checkpoint with the line of each Ed25519 key, of the log and of the witnesses, and these further lines.
fn forged(checkpoint: &str, log: &VerifierKey, witnesses: &[Witness], more: &str) -> String {
    let open = UnverifiedNote::parse(checkpoint).unwrap();
    let open = open.verify([log]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut note = format!("{}\n{}", open.text, open.verified[0].line);
    for witness in witnesses {
        let pem = std::fs::read_to_string(witness.dir().join("keys/ed25519.pem")).unwrap();
        let key: SecretKey = keyfile::read(&pem, None).unwrap();
        let name = witness.vkeys[0].name();
        note.push_str(&note::cosign(&open.text, name, now.as_secs(), &key));
    }
    note + more
}

#[test]
fn forged_ed25519_does_not_pass_a_post_quantum_policy() {
    let (mut ledger, witnesses) = witnessed();
    let keys = log_keys(&ledger);
    for (name, post_quantum) in [("any.policy", false), ("pq.policy", true)] {
        let text = policy(&ledger, &witnesses, 2, post_quantum);
        std::fs::write(ledger.path(name), text).unwrap();
    }
    ledger.stop();
    copy(&ledger.path("ledger"), &ledger.path("second"));
    copy(&ledger.path("smith"), &ledger.path("smith-second"));
    ledger.start();
    until("a quorum", || ready(&ledger).0 == 200);
    let file = ledger.path("photograph");
    std::fs::write(&file, "photograph").unwrap();
    ledger.register(&file, "photograph");
    let honest = bundle(&ledger, "smith", "honest.custody.json");
    for name in ["any.policy", "pq.policy"] {
        let (code, said) = verify(&ledger, &honest, name);
        assert!(code != 1, "{said}");
    }

    // Another history, which its forger signs and cosigns with everything but ML-DSA-44.
    ledger.stop();
    std::fs::rename(ledger.path("ledger"), ledger.path("first")).unwrap();
    std::fs::rename(ledger.path("second"), ledger.path("ledger")).unwrap();
    std::fs::write(
        ledger.path("ledger/policy"),
        format!("log {}\nlog {}\nquorum none\n", keys[0], keys[1]),
    )
    .unwrap();
    ledger.start();
    let changed = bundle(&ledger, "smith-second", "changed.custody.json");
    let last = |bundle: &Bundle| {
        bundle
            .checkpoints
            .last()
            .unwrap()
            .lines()
            .nth(2)
            .unwrap()
            .to_owned()
    };
    assert_ne!(last(&changed), last(&honest));
    let with = |more: &str| {
        let mut bundle = changed.clone();
        for note in &mut bundle.checkpoints {
            *note = forged(note, &keys[0], &witnesses, more);
        }
        bundle
    };
    // For a policy that Ed25519 alone satisfies, it is as good as the true one.
    let (code, said) = verify(&ledger, &with(""), "any.policy");
    assert!(code != 1 && said.contains("by the clocks of"), "{said}");
    // For a post-quantum one it is nothing: not as it is, and not with lines that were signed for something else.
    let newest = honest.checkpoints.last().unwrap();
    let is_pq = |key: &&VerifierKey| key.kind() == SignatureKind::MlDsa44;
    let pq: Vec<&VerifierKey> = witnesses.iter().flat_map(|one| &one.vkeys).collect();
    let pq: Vec<&VerifierKey> = pq.into_iter().chain(&keys).filter(is_pq).collect();
    let true_lines = UnverifiedNote::parse(newest).unwrap();
    let true_lines = true_lines.verify(pq.iter().copied()).unwrap().verified;
    assert!(true_lines.len() >= 3, "the log's and those of a quorum");
    let glued: String = true_lines.iter().map(|one| one.line.as_str()).collect();
    for more in ["", &glued] {
        let (code, said) = verify(&ledger, &with(more), "pq.policy");
        assert!(
            code == 1 && said.contains("checkpoint-not-signed"),
            "{said}"
        );
    }
    // Lines of another log's and other witnesses' keys under the same names are nobody's.
    let origin = keys[0].name();
    let mut strange = changed.clone();
    for note in &mut strange.checkpoints {
        let text = UnverifiedNote::parse(note).unwrap().text().to_owned();
        let head = custodes::protocol::checkpoint::Checkpoint::parse_text(&text).unwrap();
        let key = custodes::protocol::mldsa::PqSecretKey::from_seed([9; 32]);
        let more = note::cosign_ml_dsa_44(&head, origin, 0, &key);
        *note = forged(note, &keys[0], &witnesses, &more);
    }
    let (code, said) = verify(&ledger, &strange, "pq.policy");
    assert!(
        code == 1 && said.contains("checkpoint-not-signed"),
        "{said}"
    );
}
