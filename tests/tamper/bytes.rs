//! Every byte of a bundle, of evidence, of files beside a bundle and of a single proof counts.

use super::*;

#[test]
fn every_byte_of_a_bundle_counts() {
    let sample = sample();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &bundle, "registered");
    let index = bundle.entries[at].index;
    withhold(&mut bundle, index, &["address"]);
    let (bytes, policy) = (bundle.to_bytes(), sample.world.policy());
    let evidence = evidence(&sample.bytes);
    let try_all = |from: usize| {
        for at in (from..bytes.len()).step_by(2) {
            // A neighbour of the byte for each; then one of a few bytes that mean something in JSON.
            let other = [0x20, b'"' ^ bytes[at], b'0' ^ bytes[at], 0x80][at / 2 % 4];
            for flip in [1, other] {
                if flip == 0 {
                    continue;
                }
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let found = check(&bytes, &policy, &evidence, &[]);
                // The line of a witness whose name or key id is another is nobody's: an older checkpoint without it
                // dates nothing, and that is said.
                if found.has("older-checkpoint-not-witnessed") {
                    assert_eq!(exit(&found), 3, "byte {at} xor {flip}: {}", show(&found));
                    continue;
                }
                assert_eq!(exit(&found), 1, "byte {at} xor {flip}: {}", show(&found));
                assert!(found.verified.is_none());
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| try_all(0));
        scope.spawn(|| try_all(1));
    });
    for length in (0..bytes.len()).step_by(97) {
        assert_eq!(exit(&check(&bytes[..length], &policy, &evidence, &[])), 1);
    }
}

#[test]
fn every_byte_of_evidence_and_blobs_counts() {
    let sample = sample();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    let blob = b"a file that travels beside the bundle".to_vec();
    let sha256 = Hash::of(&[&blob]);
    bundle.blobs = vec![sha256];
    let (bytes, policy) = (bundle.to_bytes(), sample.world.policy());
    let good = [Sidecar {
        sha256,
        bytes: blob.clone(),
    }];
    let found = check(&bytes, &policy, &evidence(&sample.bytes), &good);
    assert!(
        codes(&found, Severity::Failed).is_empty(),
        "{}",
        show(&found)
    );
    assert!(!found.has("blob-not-given"));
    for at in 0..sample.bytes.len() {
        let mut changed = sample.bytes.clone();
        changed[at] ^= 1;
        let found = check(&bytes, &policy, &evidence(&changed), &good);
        assert_eq!(
            codes(&found, Severity::Failed),
            BTreeSet::from(["evidence-mismatch"])
        );
        assert_eq!(found.questions[0].answer, Answer::Failed);
        assert!(found.verified.is_some(), "the bundle itself is good");
    }
    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        let bad = [Sidecar {
            sha256,
            bytes: changed,
        }];
        let found = check(&bytes, &policy, &evidence(&sample.bytes), &bad);
        assert_eq!(
            codes(&found, Severity::Failed),
            BTreeSet::from(["blob-altered"])
        );
    }
    let stray = [Sidecar {
        sha256: Hash::of(&[b"x"]),
        bytes: b"x".to_vec(),
    }];
    let found = check(&bytes, &policy, &evidence(&sample.bytes), &stray);
    assert_eq!(
        codes(&found, Severity::Failed),
        BTreeSet::from(["blob-not-listed"])
    );
    let mut part = evidence(&sample.bytes);
    part[0].digest.size += 1;
    let found = check(&bytes, &policy, &part, &good);
    assert_eq!(
        codes(&found, Severity::Failed),
        BTreeSet::from(["evidence-digest-part"])
    );
}

#[test]
fn a_single_entry_and_its_proof() {
    use custodes::protocol::tlog_proof::TlogProof;
    use custodes::protocol::tree::prove_inclusion;
    use custodes::verify::proof::verify_proof;
    let sample = sample();
    let world = &sample.world;
    let recorded = &world.entries[8];
    let size = world.tree.size();
    let proof = TlogProof {
        recorded_at: recorded.recorded_at,
        index: EntryIndex(8),
        proof: prove_inclusion(EntryIndex(8), size, &world.tree).unwrap(),
        checkpoint: world.checkpoint(size, true),
    }
    .to_text();
    let failed = |entry: &str, proof: &str| -> BTreeSet<String> {
        let findings = verify_proof(entry, proof, &world.policy());
        let failed = findings
            .into_iter()
            .filter(|one| one.severity == Severity::Failed);
        failed.map(|one| one.code).collect()
    };
    let entry = recorded.entry.to_text();
    assert_eq!(failed(&entry, &proof), BTreeSet::new());
    let other = world.entries[7].entry.to_text();
    assert_eq!(
        failed(&other, &proof),
        BTreeSet::from(["not-in-log".to_owned()])
    );
    for at in 0..proof.len() {
        let mut bytes = proof.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(!failed(&entry, &text).is_empty(), "byte {at}");
        }
    }
}

/// The same through the program: a proof, the entry and the bundle's sidecar as files.
#[test]
fn the_program_catches_every_changed_byte_of_a_proof_and_entry() {
    use custodes::protocol::tlog_proof::TlogProof;
    use custodes::protocol::tree::prove_inclusion;
    let sample = sample();
    let world = &sample.world;
    let size = world.tree.size();
    let proof = TlogProof {
        recorded_at: world.entries[8].recorded_at,
        index: EntryIndex(8),
        proof: prove_inclusion(EntryIndex(8), size, &world.tree).unwrap(),
        checkpoint: world.checkpoint(size, true),
    }
    .to_text();
    let entry = world.entries[8].entry.to_text();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (log, witness) = (world.log_vkey(), world.witness_vkey());
    let policy = format!("log {log}\nwitness court {witness}\nquorum court\n");
    std::fs::write(path("trust.policy"), policy).unwrap();
    let run = |proof: &[u8], entry: &[u8]| {
        std::fs::write(path("a.tlog-proof"), proof).unwrap();
        std::fs::write(path("entry"), entry).unwrap();
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_custodes"))
            .args(["verify", "a.tlog-proof", "--entry", "entry"])
            .args([
                "--policy",
                "trust.policy",
                "--accept",
                "signature-not-checked",
            ])
            .current_dir(folder.path())
            .output()
            .unwrap();
        done.status.code()
    };
    assert_eq!(run(proof.as_bytes(), entry.as_bytes()), Some(0));
    for at in 0..proof.len() {
        let mut changed = proof.clone().into_bytes();
        changed[at] ^= 1;
        // What is no longer text is refused as such (2); everything else fails as a check (1).
        let wanted = if std::str::from_utf8(&changed).is_ok() {
            1
        } else {
            2
        };
        assert_eq!(
            run(&changed, entry.as_bytes()),
            Some(wanted),
            "proof, byte {at}"
        );
    }
    for at in (0..entry.len() - 1).step_by(7) {
        let mut changed = entry.clone().into_bytes();
        changed[at] ^= 1;
        assert_eq!(run(proof.as_bytes(), &changed), Some(1), "entry, byte {at}");
    }
}
