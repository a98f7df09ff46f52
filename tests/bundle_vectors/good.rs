//! Bundles about which everything can be checked and holds.

use super::*;

use custodes::protocol::bundle::BundleChain;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Strand;
use custodes::protocol::key::SecretKey;
use custodes::protocol::note::{self, UnverifiedNote};
use custodes::protocol::tree::{RootHash, TreeSize};
use world::withhold;

pub fn vectors() -> Vec<Vector> {
    let honest = sample();
    let video = honest.world.exhibit_bundle(&honest.video);
    let mut branched = sample();
    branched.branch();
    let mut all = vec![
        Vector::good(
            "good-exhibit",
            "An exhibit that was registered, handed over and looked at; complete as committed by the operator.",
            &video,
        )
        .note("completeness-by-operator"),
        Vector::good(
            "good-copy",
            "A working copy, with what it was made from.",
            &honest.world.exhibit_bundle(&honest.copy),
        ),
        Vector::good(
            "good-case",
            "A case with three exhibits.",
            &honest.world.case_bundle(&honest.case),
        ),
        Vector::good(
            "good-audited",
            "The policy names the witness in the group map-recomputed: complete, recomputed by it.",
            &video,
        )
        .under("auditor"),
        Vector::good(
            "good-branch",
            "A seized phone, which has no digest; two went on from the same entry, and what one of them signed stands beside the chain.",
            &branched.world.exhibit_bundle(&branched.phone),
        )
        .holding(&[])
        .flagged(&["late-branch"]),
    ];
    all.extend(of_two_maps());
    all.extend(continued());
    all.push(post_quantum());
    all.push(erased());
    all
}

/// The last checkpoint of another ledger and a key of its log, with which the checkpoint is signed.
pub fn ended() -> (Checkpoint, VerifierKey) {
    let origin = Origin::new("evidence.old.example").unwrap();
    let kind = note::SignatureKind::Ed25519;
    let key = VerifierKey::ed25519(
        origin.clone(),
        kind,
        SecretKey::from_seed([0x45; 32]).public(),
    );
    let (size, root) = (TreeSize(1204), RootHash(Hash::of(&[b"where it ended"])));
    (Checkpoint { origin, size, root }, key)
}

/// A ledger that goes on where another ended.
fn continued() -> Vec<Vector> {
    let continuing = |seed: u8| {
        let (end, _) = ended();
        let key = SecretKey::from_seed([seed; 32]);
        let checkpoint = note::sign(&end.to_text(), &end.origin, &key);
        let mut sample = sample();
        let world = &mut sample.world;
        let (service, ledger) = (world::clone(&world.service), world.subject.clone());
        let body = json!({ "checkpoint": checkpoint });
        world.record(
            &service,
            &ledger,
            Strand::Rules,
            "continued-from",
            body,
            json!({}),
        );
        sample.world.exhibit_bundle(&sample.video)
    };
    let signed = continuing(0x45);
    let (of_log, of_nobody) = (
        "The ledger goes on where another ended, and the policy names the key of that one's log.",
        "The ledger is said to go on where another ended; the policy names a key of that log, which did not sign where.",
    );
    vec![
        Vector::good("continued", of_log, &signed)
            .under("continued")
            .note("continued"),
        Vector::good(
            "continued-from-unknown",
            "The ledger goes on where another ended, of which the policy names no key.",
            &signed,
        )
        .note("continued"),
        Vector::bad(
            "continued-not-signed",
            "continued-not-signed",
            of_nobody,
            &continuing(0x46),
        )
        .under("continued"),
    ]
}

/// Two published trees, each ending in its map; the second bundle holds the older checkpoint too.
fn of_two_maps() -> Vec<Vector> {
    let mut sample = sample();
    sample.world.publish_map();
    let kept = sample.world.exhibit_bundle(&sample.video);
    noted(&mut sample, "a note in between");
    let newer = sample.world.exhibit_bundle(&sample.video);
    vec![
        Vector::good("good-kept", "The exhibit as it was when its reader kept this.", &kept),
        Vector::good(
            "good-newer",
            "A note was recorded since. Against good-kept: consistent, and in the other chains nothing happened.",
            &newer,
        )
        .knowing("good-kept")
        .note("known-unchanged"),
        Vector::good(
            "good-consistent",
            "The same, of which the reader wants to know only whether it continues what was kept.",
            &newer,
        )
        .knowing("good-kept")
        .note("known-consistent"),
    ]
}

/// Somebody notes something about the video.
pub fn noted(sample: &mut Sample, text: &str) {
    use custodes::ledger::state::Known as _;
    sample.world.wait(20);
    let officer = world::clone(&sample.officer);
    let video = sample.video.clone();
    let target = sample.world.state.exhibit(&video).unwrap().opened;
    let (body, details) = (json!({"target": target}), json!({"text": text}));
    let (strand, world) = (Strand::Notes, &mut sample.world);
    world.record(&officer, &video, strand, "annotated", body, details);
}

/// Adds the post-quantum lines of the log and of the witness to every checkpoint.
pub fn post_quantum_lines(bundle: &mut Bundle) {
    let [log, witness] = post_quantum_keys();
    let of_before = World::new(bundle.ledger.as_str()).witness_vkey();
    let name = Origin::new("witness.example").unwrap();
    for text in &mut bundle.checkpoints {
        let note = UnverifiedNote::parse(text).unwrap();
        let checkpoint = Checkpoint::parse_text(note.text()).unwrap();
        let time = note.verify([&of_before]).unwrap().verified[0].time.unwrap();
        let of_log = note::cosign_ml_dsa_44(&checkpoint, &bundle.ledger, 0, &log);
        let of_witness = note::cosign_ml_dsa_44(&checkpoint, &name, time, &witness);
        text.push_str(&of_log);
        text.push_str(&of_witness);
    }
}

/// The video's bundle in a ledger whose genesis names a post-quantum key of the log as well.
pub fn post_quantum_bundle() -> Bundle {
    let log = VerifierKey::ml_dsa_44(
        Origin::new("evidence.northshire.example").unwrap(),
        post_quantum_keys()[0].public(),
    );
    let founded = World::founded("evidence.northshire.example", |body| {
        let keys = body["log"].as_array_mut().unwrap();
        keys.push(json!(log.to_string()));
    });
    let sample = world::sample_in(founded);
    sample.world.exhibit_bundle(&sample.video)
}

fn post_quantum() -> Vector {
    let mut bundle = post_quantum_bundle();
    post_quantum_lines(&mut bundle);
    Vector::good(
        "good-post-quantum",
        "The policy lists ML-DSA-44 keys alone; log and witness signed every checkpoint with both kinds.",
        &bundle,
    )
    .under("post-quantum")
}

/// An address that was erased by law: its value is nowhere, and that is no withholding.
fn erased() -> Vector {
    use custodes::ledger::state::Known as _;
    let mut sample = sample();
    let officer = world::clone(&sample.officer);
    let video = sample.video.clone();
    let opened = sample.world.state.exhibit(&video).unwrap();
    let body = json!({"erase": [{"entry": opened.opened, "names": ["address"]}]});
    let basis = json!({"legal_basis": "Order of the court"});
    let (strand, world) = (Strand::Notes, &mut sample.world);
    world.record(&officer, &video, strand, "details-erased", body, basis);
    let mut bundle = sample.world.exhibit_bundle(&video);
    let at = find(&sample, &bundle, "registered");
    let index = bundle.entries[at].index;
    withhold(&mut bundle, index, &["address"]);
    Vector::good("good-erased", "A detail was erased by law.", &bundle).note("detail-erased")
}

/// The chain of this subject and strand.
pub fn chain<'b>(
    bundle: &'b mut Bundle,
    subject: &custodes::protocol::id::Subject,
    strand: Strand,
) -> &'b mut BundleChain {
    let is_it = |one: &&mut BundleChain| one.subject == *subject && one.strand == strand;
    bundle.chains.iter_mut().find(is_it).unwrap()
}
