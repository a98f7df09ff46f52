//! Acceptance: no byte of a bundle, of a file beside it or of the evidence can be changed, and no entry
//! removed, repeated, moved or brought in from elsewhere, without verification failing with a code of
//! its own.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::{Bundle, Content, OpenContent};
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::Disclosure;
use custodes::protocol::hash::Hash;
use custodes::protocol::policy::Policy;
use custodes::protocol::tree::EntryIndex;
use custodes::verify::{Answer, Evidence, Inputs, Severity, Sidecar, Verification, verify};
use world::{Sample, sample, sample_of, withhold, withhold_entry};

fn evidence(bytes: &[u8]) -> Vec<Evidence> {
    let digest = EvidenceDigest::of_bytes(DigestKind::File, bytes);
    vec![Evidence {
        name: "camera4.mp4".to_owned(),
        digest,
    }]
}

fn check(
    bundle: &[u8],
    policy: &Policy,
    evidence: &[Evidence],
    sidecars: &[Sidecar],
) -> Verification {
    verify(Inputs {
        bundle,
        policy,
        rules: Rules::embedded(),
        evidence,
        sidecars,
    })
}

fn exit(found: &Verification) -> u8 {
    found.exit_code(&BTreeSet::new())
}

fn codes(found: &Verification, severity: Severity) -> BTreeSet<&str> {
    let these = found.findings.iter().filter(|one| one.severity == severity);
    these.map(|one| one.code.as_str()).collect()
}

fn show(found: &Verification) -> String {
    found
        .findings
        .iter()
        .map(|one| format!("{one}\n"))
        .collect()
}

/// The bundle after an edit, as somebody who knows the format would write it.
fn edited(sample: &Sample, edit: impl FnOnce(&mut Bundle)) -> Verification {
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    edit(&mut bundle);
    check(
        &bundle.to_bytes(),
        &sample.world.policy(),
        &evidence(&sample.bytes),
        &[],
    )
}

fn open(bundle: &mut Bundle, at: usize) -> &mut OpenContent {
    match &mut bundle.entries[at].content {
        Content::Open(content) => content,
        Content::Withheld(_) => panic!("the entry is withheld"),
    }
}

/// Position in the bundle of the first entry of this event.
fn find(sample: &Sample, bundle: &Bundle, event: &str) -> usize {
    let index = sample
        .world
        .entries
        .iter()
        .find(|one| one.entry.payload().event == event && bundle.entry(one.index).is_some())
        .unwrap()
        .index;
    bundle
        .entries
        .iter()
        .position(|one| one.index == index)
        .unwrap()
}

#[test]
fn an_honest_bundle_verifies() {
    let sample = sample();
    for bundle in [
        sample.world.exhibit_bundle(&sample.video),
        sample.world.exhibit_bundle(&sample.copy),
        sample.world.case_bundle(&sample.case),
    ] {
        let found = check(
            &bundle.to_bytes(),
            &sample.world.policy(),
            &evidence(&sample.bytes),
            &[],
        );
        assert_eq!(exit(&found), 3, "{}", show(&found));
        let accepted = BTreeSet::from(["completeness-not-shown".to_owned()]);
        assert_eq!(found.exit_code(&accepted), 0, "{}", show(&found));
        assert!(found.verified.is_some());
        let answers = found.questions.clone().map(|one| one.answer);
        use Answer::{AttestedOnly, Proven};
        assert_eq!(
            answers,
            [Proven, AttestedOnly, Proven, AttestedOnly, Proven]
        );
    }
}

#[test]
fn what_cannot_be_checked_is_named() {
    let sample = sample();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &bundle, "registered");
    let index = bundle.entries[at].index;
    withhold(&mut bundle, index, &["address"]);
    let viewed = find(&sample, &bundle, "viewed");
    let index = bundle.entries[viewed].index;
    withhold_entry(&mut bundle, index);
    bundle.blobs = vec![Hash::of(&[b"a blob"])];
    let found = check(&bundle.to_bytes(), &sample.world.lax_policy(), &[], &[]);
    assert_eq!(
        codes(&found, Severity::Unchecked),
        BTreeSet::from([
            "blob-not-given",
            "completeness-not-shown",
            "details-withheld",
            "entries-withheld",
            "evidence-not-given",
            "no-witness",
        ])
    );
    assert!(
        found
            .findings
            .iter()
            .any(|one| one.words == "1 detail withheld: address.")
    );
    assert_eq!(exit(&found), 3);
    assert_eq!(found.questions[0].answer, Answer::NotShown);
    assert_eq!(found.questions[3].answer, Answer::NotShown);
    assert_eq!(found.questions[4].answer, Answer::NotShown);
}

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
fn each_edit_of_a_list_has_a_code_of_its_own() {
    let sample = sample();
    let other = sample_of("evidence.southshire.example");
    let foreign = other.world.exhibit_bundle(&other.video);
    let honest = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &honest, "transfer-offered");
    let registered = find(&sample, &honest, "registered");
    let custody = |bundle: &Bundle| {
        let index = bundle.entries[registered].index;
        bundle
            .chains
            .iter()
            .position(|chain| chain.entries.contains(&index))
            .unwrap()
    };
    let outsider = sample.world.exhibit_bundle(&sample.phone);
    let phone = outsider
        .entries
        .iter()
        .find(|one| honest.entry(one.index).is_none())
        .unwrap()
        .clone();
    type Edit<'a> = Box<dyn Fn(&mut Bundle) + 'a>;
    let edits: Vec<(&str, Edit<'_>)> = vec![
        // An interior entry removed from the list of entries alone, and from its chain too.
        (
            "entry-missing",
            Box::new(|bundle| drop(bundle.entries.remove(at))),
        ),
        (
            "chain-gap",
            Box::new(|bundle| {
                let index = bundle.entries.remove(at).index;
                let chain = custody(bundle);
                bundle.chains[chain].entries.retain(|one| *one != index);
            }),
        ),
        // Repeated: in the list, and in its chain.
        (
            "bundle-order",
            Box::new(|bundle| bundle.entries.insert(at, bundle.entries[at].clone())),
        ),
        (
            "chain-repeat",
            Box::new(|bundle| {
                let chain = custody(bundle);
                let first = bundle.chains[chain].entries[0];
                bundle.chains[chain].entries.insert(0, first);
            }),
        ),
        // Out of order: in the list, and in its chain.
        (
            "bundle-order",
            Box::new(|bundle| bundle.entries.swap(at, at + 1)),
        ),
        (
            "chain-order",
            Box::new(|bundle| {
                let chain = custody(bundle);
                bundle.chains[chain].entries.swap(0, 1);
            }),
        ),
        // The last entry of the chain cut off, together with the head of what is left.
        (
            "chain-head",
            Box::new(|bundle| {
                let chain = custody(bundle);
                bundle.chains[chain].entries.pop();
            }),
        ),
        (
            "entry-in-no-chain",
            Box::new(|bundle| drop(bundle.chains.remove(custody(bundle)))),
        ),
        (
            "entry-in-two-chains",
            Box::new(|bundle| {
                let chain = custody(bundle);
                let index = bundle.chains[chain].entries[0];
                let next = if chain == 0 { 1 } else { 0 };
                bundle.chains[next].entries.insert(0, index);
                bundle.chains[next].entries.sort();
            }),
        ),
        // Entries from elsewhere: another ledger; the same one, with another content at the same index;
        // another exhibit of the same ledger, with its true proof out of reach.
        (
            "other-ledger",
            Box::new(|bundle| bundle.entries[at].content = foreign.entries[at].content.clone()),
        ),
        (
            "entry-repeated",
            Box::new(|bundle| {
                bundle.entries[at].content = bundle.entries[registered].content.clone()
            }),
        ),
        (
            "not-in-log",
            Box::new(|bundle| bundle.entries[at].content = phone.content.clone()),
        ),
        (
            "time-backwards",
            Box::new(|bundle| bundle.entries[at].recorded_at.0 -= 3_600_000),
        ),
        (
            "not-in-log",
            Box::new(|bundle| bundle.entries[at].recorded_at.0 += 1),
        ),
        // Disclosures.
        (
            "disclosure-order",
            Box::new(|bundle| open(bundle, registered).disclosures.swap(0, 1)),
        ),
        (
            "disclosure-unreferenced",
            Box::new(|bundle| {
                let stray = Disclosure::new([1; 16], "zeal", &"x".into());
                open(bundle, registered)
                    .disclosures
                    .push(stray.as_str().to_owned());
            }),
        ),
        (
            "disclosure-unreferenced",
            Box::new(|bundle| {
                let other = open(bundle, at).disclosures[0].clone();
                open(bundle, registered).disclosures[0] = other;
            }),
        ),
        (
            "disclosure-twice",
            Box::new(|bundle| {
                let second = Disclosure::new([1; 16], "address", &"5 Mill Lane".into());
                open(bundle, registered)
                    .disclosures
                    .insert(1, second.as_str().to_owned());
            }),
        ),
        (
            "disclosure-form",
            Box::new(|bundle| open(bundle, registered).disclosures[0] = "AAAA".to_owned()),
        ),
        (
            "withheld-list",
            Box::new(|bundle| drop(open(bundle, registered).disclosures.remove(0))),
        ),
        (
            "withheld-list",
            Box::new(|bundle| open(bundle, registered).withheld.push("secret".to_owned())),
        ),
        (
            "withheld-not-allowed",
            Box::new(|bundle| {
                let last = bundle.chains[custody(bundle)].entries[2];
                withhold_entry(bundle, last);
            }),
        ),
        // Proofs and heads.
        (
            "node-unused",
            Box::new(|bundle| {
                bundle.nodes.push(Hash([0xff; 32]));
            }),
        ),
        (
            "node-missing",
            Box::new(|bundle| bundle.entries[at].proof[0].0 = 100_000),
        ),
        (
            "consistency-missing",
            Box::new(|bundle| drop(bundle.consistency.remove(0))),
        ),
        (
            "consistency-superfluous",
            Box::new(|bundle| bundle.consistency[0].root.0 = Hash::ZERO),
        ),
        (
            "consistency-failed",
            Box::new(|bundle| bundle.consistency[0].proof.clear()),
        ),
        (
            "checkpoint-order",
            Box::new(|bundle| bundle.checkpoints.swap(0, 1)),
        ),
        (
            "checkpoint-missing",
            Box::new(|bundle| bundle.checkpoints.clear()),
        ),
        (
            "checkpoint-not-signed",
            Box::new(|bundle| bundle.checkpoints[0] = foreign.checkpoints[0].clone()),
        ),
        (
            "quorum-not-met",
            Box::new(|bundle| {
                let newest = bundle.checkpoints.last_mut().unwrap();
                let end = newest.find("— witness.example").unwrap();
                newest.truncate(end);
            }),
        ),
        (
            "evaluated-at",
            Box::new(|bundle| bundle.evaluated_at.0 += 1),
        ),
        (
            "log-unknown",
            Box::new(|bundle| bundle.ledger = other.world.origin.clone()),
        ),
        (
            "chain-missing",
            Box::new(|bundle| bundle.scope.subject = sample.phone.clone()),
        ),
    ];
    for (code, edit) in edits {
        let found = edited(&sample, edit);
        assert_eq!(exit(&found), 1, "{code}: {}", show(&found));
        assert!(
            codes(&found, Severity::Failed).contains(code),
            "{code}:\n{}",
            show(&found)
        );
        assert!(found.verified.is_none(), "{code}");
        let asked = found
            .questions
            .iter()
            .filter(|one| one.answer == Answer::Failed)
            .count();
        assert!(asked > 0, "{code}: one of the five questions must say so");
    }
}

#[test]
fn true_entries_of_another_exhibit_or_without_their_keys_are_refused() {
    let sample = sample();
    let world = &sample.world;
    let honest = world.exhibit_bundle(&sample.video);
    let chains: BTreeSet<_> = honest
        .chains
        .iter()
        .map(|chain| custodes::protocol::id::ChainId {
            subject: chain.subject.clone(),
            strand: chain.strand,
        })
        .collect();
    let with = |chains: &BTreeSet<custodes::protocol::id::ChainId>| {
        let recorded: Vec<_> = world
            .entries
            .iter()
            .filter(|one| chains.contains(&one.entry.payload().chain()))
            .collect();
        let bundle = world.assemble(honest.scope.clone(), chains, &recorded);
        check(
            &bundle.to_bytes(),
            &world.policy(),
            &evidence(&sample.bytes),
            &[],
        )
    };
    assert_eq!(codes(&with(&chains), Severity::Failed), BTreeSet::new());
    let mut more = chains.clone();
    more.extend(
        world
            .chains
            .keys()
            .filter(|chain| chain.subject == sample.phone)
            .cloned(),
    );
    assert_eq!(
        codes(&with(&more), Severity::Failed),
        BTreeSet::from(["chain-out-of-scope"])
    );

    // Without a chain that the others need.
    use custodes::protocol::id::Strand;
    for (strand, code) in [
        (Strand::Keys, "signer-unknown"),
        (Strand::Rules, "genesis-missing"),
        (Strand::Case, "rule-broken"),
        (Strand::Exhibits, "chain-missing"),
    ] {
        let fewer: BTreeSet<_> = chains
            .iter()
            .filter(|chain| chain.strand != strand)
            .cloned()
            .collect();
        let found = with(&fewer);
        assert!(
            codes(&found, Severity::Failed).contains(code),
            "{strand}: {}",
            show(&found)
        );
    }
}

#[test]
fn what_is_of_the_same_case_cannot_be_withheld_as_of_another() {
    let sample = sample();
    let world = &sample.world;
    let mut bundle = world.exhibit_bundle(&sample.copy);
    let of_parent = |one: &EntryIndex| {
        let payload = world.entries[one.0 as usize].entry.payload();
        payload.subject == sample.video && payload.event != "viewed"
    };
    let indexes: Vec<EntryIndex> = bundle.entries.iter().map(|one| one.index).collect();
    indexes
        .into_iter()
        .filter(of_parent)
        .for_each(|index| withhold_entry(&mut bundle, index));
    let found = check(&bundle.to_bytes(), &world.policy(), &[], &[]);
    assert_eq!(exit(&found), 1, "{}", show(&found));
    assert!(
        found.has("withheld-not-allowed") || found.has("rule-broken"),
        "{}",
        show(&found)
    );
}

#[test]
fn a_chain_that_is_left_out_is_counted() {
    let sample = sample();
    let world = &sample.world;
    let words = |bundle: &Bundle| {
        let found = check(&bundle.to_bytes(), &world.policy(), &[], &[]);
        assert!(
            codes(&found, Severity::Failed).is_empty(),
            "{}",
            show(&found)
        );
        let open = found.findings.into_iter();
        open.filter(|one| one.code == "completeness-not-shown")
            .map(|one| one.words)
            .collect::<String>()
    };
    let whole = world.exhibit_bundle(&sample.video);
    // There are no access entries on the case.
    assert!(
        words(&whole).contains("Not here: 1 chain of these"),
        "{}",
        words(&whole)
    );
    let without: BTreeSet<_> = world
        .chains
        .keys()
        .filter(|chain| {
            whole
                .chains
                .iter()
                .any(|one| (&one.subject, one.strand) == (&chain.subject, chain.strand))
                && chain.strand != custodes::protocol::id::Strand::Access
        })
        .cloned()
        .collect();
    let recorded: Vec<_> = world
        .entries
        .iter()
        .filter(|one| without.contains(&one.entry.payload().chain()))
        .collect();
    let less = world.assemble(whole.scope.clone(), &without, &recorded);
    assert!(
        words(&less).contains("Not here: 2 chains of these"),
        "{}",
        words(&less)
    );
    // A chain without entries needs a map proof that there is none.
    let found = edited(&sample, |bundle| {
        let mut none = bundle.chains[0].clone();
        none.subject = sample.phone.clone();
        none.entries.clear();
        none.head = custodes::protocol::leaf::ChainHead::EMPTY;
        bundle.chains.push(none);
        bundle
            .chains
            .sort_by_key(|one| (one.subject.clone(), one.strand));
    });
    assert!(found.has("chain-empty"), "{}", show(&found));
}

#[test]
fn clocks_of_witnesses_bound_the_time_of_an_entry() {
    let mut sample = sample();
    // The operator's clock runs a year ahead for one entry; the witness keeps its own.
    let seal = serde_json::json!({"seal": "K7654321"});
    let examiner = world::clone(&sample.examiner);
    let video = sample.video.clone();
    sample.world.wait(365 * 24 * 60);
    let strand = custodes::protocol::id::Strand::Custody;
    sample.world.record(
        &examiner,
        &video,
        strand,
        "sealed",
        seal,
        serde_json::json!({}),
    );
    let mut bundle = sample.world.exhibit_bundle(&video);
    let text = bundle.checkpoints.pop().unwrap();
    let own = text.split_inclusive('\n').take(5).collect::<String>();
    let body = own.split("\n\n").next().unwrap().to_owned() + "\n";
    let name = custodes::protocol::id::Origin::new("witness.example").unwrap();
    let time = world::BEGINNING / 1000 + 7200;
    let line = custodes::protocol::note::cosign(&body, &name, time, &sample.world.witness);
    bundle.checkpoints.push(own + &line);
    let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
    let late: Vec<_> = found
        .findings
        .iter()
        .filter(|one| one.code == "recorded-outside-bracket")
        .collect();
    assert_eq!(late.len(), 1, "{}", show(&found));
    assert!(late[0].place.contains("sealed"), "{}", late[0]);
}

#[test]
fn a_policy_for_another_key_of_the_same_log_is_not_satisfied() {
    let sample = sample();
    let bundle = sample.world.exhibit_bundle(&sample.video).to_bytes();
    let other = sample_of("evidence.southshire.example");
    let found = check(&bundle, &other.world.policy(), &[], &[]);
    assert_eq!(
        codes(&found, Severity::Failed),
        BTreeSet::from(["log-unknown"])
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
