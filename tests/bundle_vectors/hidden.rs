//! What an operator does to the log itself, or leaves out of bundles and maps; and files that are not what was recorded.

use super::*;

use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ChainId, Strand};
use custodes::protocol::key::SecretKey;
use custodes::protocol::note::{self, SignatureKind, UnverifiedNote};
use custodes::protocol::tree::EntryIndex;
use forged::viewed;
use good::{noted, post_quantum_bundle, post_quantum_lines};
use opened::registered;
use world::untied;

pub fn vectors() -> Vec<Vector> {
    let mut all = logs();
    all.extend(left_out());
    all.extend(files());
    all
}

/// A key that signs for the log and that the log never named.
fn other_log_key() -> SecretKey {
    SecretKey::from_seed([0x45; 32])
}

pub fn other_log_vkey(origin: &Origin) -> VerifierKey {
    VerifierKey::ed25519(
        origin.clone(),
        SignatureKind::Ed25519,
        other_log_key().public(),
    )
}

/// The log itself: its keys, its rules, its clock, its history.
fn logs() -> Vec<Vector> {
    let honest = sample();
    let bundle = honest.world.exhibit_bundle(&honest.video);
    // Every checkpoint under a key that the log never named.
    let mut other_key = bundle.clone();
    for text in &mut other_key.checkpoints {
        let parsed = UnverifiedNote::parse(text).unwrap();
        let witness = text[text.find("— witness.example").unwrap()..].to_owned();
        *text = note::sign(parsed.text(), &other_key.ledger, &other_log_key()) + &witness;
    }
    let founded = World::founded("evidence.northshire.example", |body| {
        body["rules"] = json!(Hash::of(&[b"other rules"]));
    });
    let other_rules = world::sample_in(founded);
    let other_rules = other_rules.world.exhibit_bundle(&other_rules.video);

    // The operator's clock runs a year ahead for one entry; the witness keeps its own.
    let mut ahead = sample();
    ahead.world.wait(365 * 24 * 60);
    noted(&mut ahead, "a year later");
    let mut ahead = ahead.world.exhibit_bundle(&ahead.video);
    let text = ahead.checkpoints.pop().unwrap();
    let parsed = UnverifiedNote::parse(&text).unwrap();
    let own = text[..text.find("— witness.example").unwrap()].to_owned();
    let name = Origin::new("witness.example").unwrap();
    let time = world::BEGINNING / 1000 + 7200;
    let line = note::cosign(parsed.text(), &name, time, &honest.world.witness);
    ahead.checkpoints.push(own + &line);

    // Two histories under the same keys.
    let mut second = sample();
    noted(&mut second, "in one history");
    let mut third = sample();
    noted(&mut third, "in the other history");
    let forked = [&second, &third].map(|one| one.world.exhibit_bundle(&one.video));

    let mut pq = post_quantum_bundle();
    post_quantum_lines(&mut pq);
    let newest = pq.checkpoints.last_mut().unwrap();
    let at = newest.rfind("AAAA").unwrap_or(newest.len() - 200);
    newest.replace_range(at..=at, "B");
    let size = Checkpoint::parse_text(UnverifiedNote::parse(newest).unwrap().text()).unwrap();
    assert!(size.size.0 > 0, "still a checkpoint");
    vec![
        Vector::bad(
            "genesis-other-log",
            "log-key-never-named",
            "The policy's log key signed every checkpoint; the log never named it.",
            &other_key,
        )
        .under("other-log-key"),
        Vector::bad(
            "other-rules",
            "other-rules",
            "Genesis names another table of rules.",
            &other_rules,
        ),
        Vector::bad(
            "log-unknown",
            "policy-for-another-ledger",
            "The policy is for another ledger.",
            &bundle,
        )
        .under("other-ledger"),
        Vector::bad(
            "checkpoint-not-signed",
            "no-post-quantum-signature",
            "The policy lists ML-DSA-44 keys alone; only Ed25519 keys have signed.",
            &bundle,
        )
        .under("post-quantum"),
        Vector::bad(
            "checkpoint-not-signed",
            "post-quantum-signature-bad",
            "A byte of a post-quantum line of the newest checkpoint is another.",
            &pq,
        )
        .under("post-quantum"),
        Vector::bad(
            "recorded-outside-bracket",
            "recorded-a-year-ahead",
            "An entry is recorded a year after the witness saw it in the log.",
            &ahead,
        ),
        Vector::good("fork-one", "One of two histories.", &forked[0]),
        Vector::bad(
            "forked",
            "fork-other",
            "The other of two histories, against the one that the reader kept.",
            &forked[1],
        )
        .knowing("fork-one"),
    ]
}

/// What an operator leaves out of a bundle whose log and map are true; and maps that leave it out too.
fn left_out() -> Vec<Vector> {
    let honest = looked_at();
    let chain = |strand| {
        let subject = match strand {
            Strand::Exhibits => &honest.case,
            _ => &honest.video,
        };
        let id = ChainId {
            subject: subject.clone(),
            strand,
        };
        honest.world.chains[&id].clone()
    };
    let (access, notes) = (chain(Strand::Access), chain(Strand::Notes));
    let (custody, contents) = (chain(Strand::Custody), chain(Strand::Exhibits));
    let last = |list: &[EntryIndex]| vec![*list.last().unwrap()];
    let mut all = Vec::new();
    for (code, name, says, omitted, of_case) in [
        (
            "map-differs",
            "left-out-newest-view",
            "The newest reading is left out; the map knows of it.",
            last(&access),
            false,
        ),
        (
            "map-differs",
            "left-out-every-view",
            "Every reading is left out.",
            access.clone(),
            false,
        ),
        (
            "map-differs",
            "left-out-derivative",
            "That something was made from the exhibit is left out.",
            last(&notes),
            false,
        ),
        (
            "map-differs",
            "left-out-newest-custody",
            "The newest act of custody is left out.",
            last(&custody),
            false,
        ),
        (
            "map-differs",
            "left-out-exhibit",
            "An exhibit of the case is left out of its table of contents.",
            last(&contents),
            true,
        ),
        (
            "chain-gap",
            "left-out-view-in-the-middle",
            "A reading in the middle is left out.",
            vec![access[access.len() - 2]],
            false,
        ),
    ] {
        let mut sample = looked_at();
        sample.world.omitted = omitted.into_iter().collect();
        let bundle = match of_case {
            true => sample.world.case_bundle(&sample.case),
            false => sample.world.exhibit_bundle(&sample.video),
        };
        all.push(Vector::bad(code, name, says, &bundle));
    }
    // From here on the map leaves the newest view out as well: the operator's word, until somebody kept the older one.
    let mut sample = looked_at();
    let seen = sample.world.seen;
    sample.world.publish_map();
    let kept = sample.world.exhibit_bundle(&sample.video);
    sample.world.omitted = last(&access).into_iter().collect();
    sample.world.map_lies = true;
    // Nobody names the older tree as seen.
    sample.world.seen = seen;
    noted(&mut sample, "seen on the shelf");
    let lied = sample.world.exhibit_bundle(&sample.video);
    all.push(Vector::good(
        "cut-kept",
        "Three readings, as the reader kept it.",
        &kept,
    ));
    all.push(
        Vector::good(
            "cut-alone",
            "A later bundle whose map leaves out the newest reading: by itself complete as committed by the operator.",
            &lied,
        )
        .note("completeness-by-operator"),
    );
    all.push(
        Vector::bad(
            "chain-cut",
            "cut-against-kept",
            "The same, against the one that the reader kept.",
            &lied,
        )
        .knowing("cut-kept"),
    );
    all.push(
        Vector::bad(
            "chain-cut",
            "cut-against-kept-untied",
            "The same, and nothing ties it to the tree that the reader kept.",
            &untied(lied, &kept),
        )
        .knowing("cut-kept"),
    );
    all
}

/// The sample, with readings of the video.
fn looked_at() -> Sample {
    let mut sample = sample();
    for purpose in ["first look", "second look", "third look"] {
        sample.world.wait(20);
        let uri = format!("exhibits/{}/history", sample.video);
        let token = sample.world.token(&sample.officer, &uri, purpose);
        viewed(&mut sample, purpose, &token);
    }
    sample
}

/// Evidence, blobs, and what the service owes.
fn files() -> Vec<Vector> {
    let honest = sample();
    let bundle = honest.world.exhibit_bundle(&honest.video);
    let mut whole = EvidenceDigest::of_bytes(DigestKind::File, &honest.bytes);
    whole.size += 1;
    let (part, exhibit) = registered(whole);
    let part = part.world.exhibit_bundle(&exhibit);
    let blob = b"a file that travels beside the bundle";
    let mut with_blob = bundle.clone();
    with_blob.blobs = vec![Hash::of(&[blob])];
    let name = with_blob.blobs[0].to_hex();
    let no_manifest = b"no manifest\n";
    let (folder, exhibit) = registered(EvidenceDigest::of_bytes(DigestKind::Manifest, no_manifest));
    let mut folder = folder.world.exhibit_bundle(&exhibit);
    folder.blobs = vec![Hash::of(&[no_manifest])];
    let manifest = folder.blobs[0].to_hex();

    // The service answers a registration with an exhibit that the case has already.
    let mut misled = sample();
    misled.world.misled = Some(misled.video.clone());
    let officer = world::clone(&misled.officer);
    let exhibit = misled.world.subject();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"bytes");
    let body =
        json!({"case": misled.case, "kind": "document", "digest": digest, "role": "original"});
    let (strand, details) = (Strand::Custody, world::details());
    misled
        .world
        .record(&officer, &exhibit, strand, "registered", body, details);
    vec![
        Vector::bad(
            "evidence-mismatch",
            "file-other",
            "The reader's file is not what was registered.",
            &bundle,
        )
        .holding(&["other.mp4"]),
        Vector::bad(
            "evidence-digest-part",
            "file-of-another-size",
            "The SHA-256 that was registered is the file's, the size is not.",
            &part,
        )
        .holding(&[EVIDENCE]),
        Vector::good("good-blob", "A file lies beside the bundle.", &with_blob).beside(&name, blob),
        Vector::bad(
            "blob-altered",
            "blob-altered",
            "The file beside the bundle was changed.",
            &with_blob,
        )
        .beside(&name, b"A file that travels beside the bundle"),
        Vector::bad(
            "manifest-form",
            "manifest-form",
            "The manifest of a folder is none.",
            &folder,
        )
        .beside(&manifest, no_manifest),
        Vector::bad(
            "companion-missing",
            "companion-of-another-exhibit",
            "In the case's table of contents the service put another exhibit than the one that was registered.",
            &misled.world.exhibit_bundle(&exhibit),
        ),
    ]
}
