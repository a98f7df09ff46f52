//! The reports, read as a solicitor would: sentences, names, fallbacks, limits.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use custodes::court::{access, flags, page_one, timeline};
use custodes::ledger::rules::Rules;
use custodes::protocol::bundle::Bundle;
use custodes::protocol::digest::{CHUNK, DigestKind, EvidenceDigest};
use custodes::protocol::id::Strand;
use custodes::protocol::tree::{MemoryTree, TreeSize, leaf_hash, prove_consistency};
use custodes::verify::{Answer, Evidence, Inputs, Verification, verify};
use serde_json::json;
use world::{Sample, sample, withhold, withhold_entry};

fn check(sample: &Sample, bundle: &Bundle) -> Verification {
    check_file(sample, bundle, &sample.bytes)
}

fn check_file(sample: &Sample, bundle: &Bundle, bytes: &[u8]) -> Verification {
    let digest = EvidenceDigest::of_bytes(DigestKind::File, bytes);
    verify(Inputs {
        bundle: &bundle.to_bytes(),
        policy: &sample.world.policy(),
        rules: Rules::embedded(),
        evidence: &[Evidence {
            name: "camera4.mp4".to_owned(),
            digest,
        }],
        sidecars: &[],
    })
}

#[test]
fn a_case_in_plain_words() {
    let sample = sample();
    let found = check(&sample, &sample.world.case_bundle(&sample.case));
    let page = page_one::page_one(&found);
    for words in [
        "About the case \"R v Doe\" (44NS1234526), in the ledger \"evidence.northshire.example\"",
        "1. Is this the file that was seized?\n   PROVEN.",
        "4. Could anyone, the operator included, have changed, back-dated, removed or hidden an entry?\n   \
         ATTESTED ONLY.",
        "Exhibit JSM/1 (surveillance footage): the file \"camera4.mp4\" has its registered digest; last \
         recorded with Dr Ana Iyer (northshire-forensics); custody as recorded is unbroken",
        "Exhibit JSM/2 (device): it has no registered digest;",
        "Latest independent witnessing: \"court\" at 14 March 2026",
        "WHAT THIS DOES NOT SHOW",
    ] {
        assert!(page.contains(words), "{words}\n\n{page}");
    }
    let bundle = found.verified.as_ref().unwrap();
    let told = timeline::timeline(bundle);
    for words in [
        "14 March 2026 09:",
        "PC Jo Smith (northshire-police) recorded that they opened the case \"R v Doe\" (44NS1234526).",
        "PC Jo Smith (northshire-police) recorded that they registered exhibit JSM/1 (surveillance \
         footage, original), described as \"Footage of the car park, camera 4\", under \"Consent of the keeper\"",
        "recorded that they seized exhibit JSM/2 (device), described as \"A black phone\", under \
         \"PACE s.19\", sealed as K1234567.",
        "recorded that they offered exhibit JSM/1 to Dr Ana Iyer (northshire-forensics) (in person), for \
         the purpose \"Examination\".",
        "Dr Ana Iyer (northshire-forensics) recorded that they received exhibit JSM/1 from PC Jo Smith \
         (northshire-police), in answer to entry 14; they digested the bytes and the digest is the \
         registered one. Also recorded: condition: \"Sealed, undamaged\".",
        "recorded that they acquired exhibit AI/1 (surveillance footage, working) from exhibit JSM/1",
        "The authority of northshire-police recorded that PC Jo Smith (northshire-police) holds a key",
    ] {
        assert!(told.contains(words), "{words}\n\n{told}");
    }
    assert!(
        !told.contains("there was the event"),
        "every event has a sentence\n{told}"
    );
    let looked = access::access_history(bundle);
    let words = "The ledger's service recorded that PC Jo Smith (northshire-police) read the history of \
                 exhibit JSM/1, for the purpose \"Preparing a statement\".";
    assert!(looked.contains(words), "{looked}");
    let raised: Vec<&str> = bundle.flags.iter().map(|flag| flag.code).collect();
    // Nobody checked the camera's clock, said where the phone was seized, or named the tool of the copy.
    assert_eq!(raised, ["no-clock-check", "incomplete", "incomplete"]);
    assert!(flags::flags(bundle).contains("No check of the device's clock was recorded."));
    if std::env::var_os("SHOW").is_some() {
        println!("{page}\n{told}\n{looked}");
    }
    let mut without = found.verified.unwrap();
    without.flags.clear();
    assert!(flags::flags(&without).contains("The rules of custody raise no flag."));
}

#[test]
fn what_is_withheld_is_named_and_nothing_is_made_up() {
    let sample = sample();
    let world = &sample.world;
    let mut bundle = world.exhibit_bundle(&sample.video);
    for recorded in &world.entries {
        let payload = recorded.entry.payload();
        if bundle.entry(recorded.index).is_none() {
            continue;
        }
        match payload.event.as_str() {
            "key-enrolled" => withhold(&mut bundle, recorded.index, &["name"]),
            "registered" => withhold(&mut bundle, recorded.index, &["reference", "address"]),
            "viewed" => withhold_entry(&mut bundle, recorded.index),
            _ => {}
        }
    }
    let found = check(&sample, &bundle);
    let verified = found.verified.as_ref().unwrap();
    let told = timeline::timeline(verified);
    assert!(
        told.contains("A person of northshire-police (id "),
        "{told}"
    );
    assert!(
        told.contains("Withheld here: address, reference."),
        "{told}"
    );
    assert!(
        !told.contains("Jo Smith") && !told.contains("JSM/1"),
        "{told}"
    );
    let looked = access::access_history(verified);
    assert!(
        looked.contains("1 of 1 consultations are withheld"),
        "{looked}"
    );
    assert!(page_one::page_one(&found).contains("Withheld: 4 details, and 1 whole entry."));
}

#[test]
fn a_handover_without_an_offer_breaks_custody_on_page_one() {
    let mut sample = sample();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"other bytes");
    let body = json!({"offer": null, "from": sample.examiner.actor, "digest": digest});
    let (officer, video) = (world::clone(&sample.officer), sample.video.clone());
    let strand = Strand::Custody;
    sample.world.record(
        &officer,
        &video,
        strand,
        "transfer-accepted",
        body,
        json!({}),
    );
    let found = check(&sample, &sample.world.exhibit_bundle(&sample.video));
    let page = page_one::page_one(&found);
    assert!(
        page.contains("custody as recorded is NOT unbroken: see entry "),
        "{page}"
    );
    let verified = found.verified.as_ref().unwrap();
    assert!(timeline::timeline(verified).contains("the digest is NOT the registered one"));
    let flags = flags::flags(verified);
    assert!(
        flags.contains("- Serious: The bytes the recipient received are not"),
        "{flags}"
    );
}

#[test]
fn a_failed_bundle_is_reported_without_a_story() {
    let sample = sample();
    let mut bundle = sample.world.exhibit_bundle(&sample.video);
    bundle.evaluated_at.0 += 1;
    let page = page_one::page_one(&check(&sample, &bundle));
    assert!(
        page.contains("WHAT FAILED") && page.contains("[evaluated-at]"),
        "{page}"
    );
    assert!(
        !page.contains("PROVEN") && !page.contains("Jo Smith"),
        "{page}"
    );
}

/// Bytes recorded for the exhibit in a second `digested` or as grown, and what a file of them is found to be.
fn answer_for(sample: &Sample, bytes: &[u8]) -> (Answer, String) {
    let found = check_file(sample, &sample.world.exhibit_bundle(&sample.video), bytes);
    (found.questions[0].answer, found.questions[0].words.clone())
}

#[test]
fn what_was_registered_stands_whatever_digest_is_recorded_later() {
    let mut sample = sample();
    let swapped = b"other bytes, put in the place of the video";
    let digest = EvidenceDigest::of_bytes(DigestKind::File, swapped);
    let (officer, video) = (world::clone(&sample.officer), sample.video.clone());
    let body = json!({"digest": digest});
    let strand = Strand::Custody;
    let world = &mut sample.world;
    world.record(&officer, &video, strand, "digested", body, json!({}));
    let (answer, words) = answer_for(&sample, swapped);
    assert_eq!(answer, Answer::Failed, "{words}");
    assert!(words.contains("recorded these bytes later"), "{words}");
    assert_eq!(answer_for(&sample, &sample.bytes.clone()).0, Answer::Proven);
}

#[test]
fn a_feed_that_grew_is_what_was_registered_only_as_far_as_that_is_proven() {
    let mut sample = sample();
    let (officer, case) = (world::clone(&sample.officer), sample.case.clone());
    let bytes: Vec<u8> = (0..3 * CHUNK).map(|at| (at / 999) as u8).collect();
    let of = |chunks: usize| EvidenceDigest::of_bytes(DigestKind::File, &bytes[..chunks * CHUNK]);
    let mut tree = MemoryTree::default();
    for chunk in bytes.chunks(CHUNK) {
        tree.append(leaf_hash(chunk));
    }
    let feed = sample.world.subject();
    let opened =
        json!({"case": case, "kind": "wearable-data", "digest": of(1), "role": "original"});
    let details = json!({"reference": "T/1", "description": "Tag", "power_or_consent": "Order"});
    let world = &mut sample.world;
    world.record(
        &officer,
        &feed,
        Strand::Custody,
        "registered",
        opened,
        details,
    );
    sample.video = feed.clone();
    let proof = prove_consistency(TreeSize(1), TreeSize(2), &tree)
        .unwrap()
        .0;
    for (old, new, proof, expected) in [
        (of(1), 2, Some(proof), Answer::Proven),
        (of(2), 3, None, Answer::AttestedOnly),
    ] {
        let mut body = json!({"previous": old, "digest": of(new)});
        if let Some(proof) = proof {
            body["proof"] = json!(proof);
        }
        let period = json!({"period": "a day"});
        let world = &mut sample.world;
        world.record(&officer, &feed, Strand::Custody, "extended", body, period);
        let (answer, words) = answer_for(&sample, &bytes[..new * CHUNK]);
        assert_eq!(answer, expected, "{words}");
        // What the feed was before it grew is what was registered still.
        assert_eq!(answer_for(&sample, &bytes[..CHUNK]).0, Answer::Proven);
    }
    // Another feed, said to be this one's growth, replaces nothing.
    let body =
        json!({"previous": of(1), "digest": EvidenceDigest::of_bytes(DigestKind::File, b"other")});
    let world = &mut sample.world;
    let period = json!({"period": "a day"});
    world.record(&officer, &feed, Strand::Custody, "extended", body, period);
    assert_eq!(answer_for(&sample, b"other").0, Answer::Failed);
    assert_eq!(answer_for(&sample, &bytes).0, Answer::AttestedOnly);
}
