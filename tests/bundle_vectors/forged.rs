//! What an operator, or somebody with a key, writes into the log against the rules: true proofs of false entries.

use super::*;

use custodes::ledger::state::Known as _;
use custodes::protocol::base64url;
use custodes::protocol::entry::{EntryHash, Seen, UnverifiedEntry};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Strand;
use custodes::protocol::key::SecretKey;
use custodes::protocol::tree::{RootHash, TreeSize};
use world::Person;

pub fn vectors() -> Vec<Vector> {
    let mut all = signatures();
    all.extend(chains());
    all.extend(views());
    all.extend(branches());
    all
}

/// Writes an entry of the officer's on the custody of the video into the log, whatever the rules say.
pub fn with(
    code: &'static str,
    name: &str,
    says: &str,
    make: impl FnOnce(&mut Sample) -> UnverifiedEntry,
) -> Vector {
    let mut sample = sample();
    let entry = make(&mut sample);
    let subject = entry.payload().subject.clone();
    let fresh = sample
        .world
        .state
        .chain(&subject, entry.payload().strand)
        .is_none();
    assert!(!fresh, "the chain is there");
    sample.world.force(entry, true);
    let bundle = sample.world.exhibit_bundle(&sample.video);
    Vector::bad(code, name, says, &bundle)
}

pub fn sealed(sample: &mut Sample, by: &Person) -> UnverifiedEntry {
    let (video, body) = (sample.video.clone(), json!({"seal": "K7654321"}));
    let world = &mut sample.world;
    world.sign(by, &video, Strand::Custody, "sealed", body, json!({}))
}

/// An entry with another signature.
fn resigned(entry: &UnverifiedEntry, change: impl FnOnce(&mut [u8; 64])) -> UnverifiedEntry {
    let (signed, signature) = entry.jws().rsplit_once('.').unwrap();
    let mut signature: [u8; 64] = base64url::decode_array(signature).unwrap();
    change(&mut signature);
    let jws = format!("{signed}.{}", base64url::encode(&signature));
    let disclosures = entry.disclosures().iter().map(|one| one.as_str());
    UnverifiedEntry::from_parts(&jws, disclosures).unwrap()
}

/// The group order of Ed25519, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn signatures() -> Vec<Vector> {
    let examiner = |sample: &Sample| world::clone(&sample.examiner);
    vec![
        with(
            "signature",
            "signature-of-another-text",
            "A signature does not verify.",
            |s| {
                let by = examiner(s);
                resigned(&sealed(s, &by), |signature| signature[5] ^= 1)
            },
        ),
        with(
            "signature",
            "signature-malleable",
            "The group order is added to S: lenient verifiers accept it, RFC 8032 and FORMATS section 2 do not.",
            |s| {
                let by = examiner(s);
                resigned(&sealed(s, &by), |signature| {
                    let mut carry = 0;
                    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
                        let sum = u16::from(*byte) + u16::from(order) + carry;
                        (*byte, carry) = (sum as u8, sum >> 8);
                    }
                })
            },
        ),
        with(
            "signature",
            "signature-by-small-order",
            "R is the neutral element and S is 0: right for keys of small order, which are none here.",
            |s| {
                let by = examiner(s);
                resigned(&sealed(s, &by), |signature| {
                    *signature = [0; 64];
                    signature[0] = 1;
                })
            },
        ),
        with(
            "signer-unknown",
            "signed-by-a-stranger",
            "Nobody enrolled the key that signed.",
            |s| {
                let by = Person {
                    actor: s.examiner.actor.clone(),
                    key: SecretKey::from_seed([0x46; 32]),
                };
                sealed(s, &by)
            },
        ),
    ]
}

fn chains() -> Vec<Vector> {
    let end = |s: &Sample| s.world.state.chain(&s.video, Strand::Custody).unwrap();
    let signed = |s: &mut Sample, seq: u64, prev: Option<EntryHash>| {
        let by = world::clone(&s.examiner);
        let (video, body) = (s.video.clone(), json!({"seal": "K7654321"}));
        let (strand, none) = (Strand::Custody, json!({}));
        s.world
            .sign_at(&by, &video, strand, "sealed", body, none, (seq, prev))
    };
    vec![
        with(
            "chain-previous",
            "prev-of-another-entry",
            "An entry stands at its place and names another as the one before it.",
            |s| {
                let (length, opened) = (end(s).length, s.world.entries[0].entry.hash());
                signed(s, length, Some(opened))
            },
        ),
        with(
            "chain-position-taken",
            "position-taken-twice",
            "Two entries of one chain are signed for the same position.",
            |s| {
                let end = end(s);
                signed(s, end.length - 1, Some(end.last))
            },
        ),
        with(
            "chain-gap",
            "position-skipped",
            "An entry is signed for a position after the next one.",
            |s| {
                let end = end(s);
                signed(s, end.length + 1, Some(end.last))
            },
        ),
        with(
            "seen-ahead",
            "seen-ahead",
            "A signer had seen a tree that did not exist when the entry was recorded.",
            |s| {
                let ahead = Seen {
                    size: TreeSize(s.world.tree.size().0 + 1),
                    root: s.world.tree.root(),
                };
                let before = s.world.seen.replace(ahead);
                let by = world::clone(&s.examiner);
                let entry = sealed(s, &by);
                s.world.seen = before;
                entry
            },
        ),
        with(
            "consistency-failed",
            "seen-of-another-history",
            "A signer had seen a tree that is no beginning of this one; no proof leads from it.",
            |s| {
                let other = Seen {
                    size: TreeSize(5),
                    root: RootHash(Hash::of(&[b"another history"])),
                };
                let before = s.world.seen.replace(other);
                let by = world::clone(&s.examiner);
                let entry = sealed(s, &by);
                s.world.seen = before;
                entry
            },
        ),
    ]
}

/// Readings that nobody asked for.
fn views() -> Vec<Vector> {
    const WHY: &str = "Curiosity";
    type Make = fn(&mut Sample, &str) -> String;
    let rows: [(&str, &str, Make); 7] = [
        (
            "view-without-a-request",
            "The request of the reader is none.",
            |_, _| "a.b.c".to_owned(),
        ),
        (
            "view-asked-by-another",
            "The request is another person's.",
            |s, uri| s.world.token(&s.examiner, uri, WHY),
        ),
        (
            "view-for-another-purpose",
            "The request states another purpose.",
            |s, uri| s.world.token(&s.officer, uri, "Work"),
        ),
        (
            "view-of-another-exhibit",
            "The request is for another exhibit.",
            |s, _| {
                s.world
                    .token(&s.officer, "exhibits/q83vEjRWeJCrze8SNFZ4kA/history", WHY)
            },
        ),
        (
            "view-asked-long-ago",
            "The request is an hour old.",
            |s, uri| {
                let token = s.world.token(&s.officer, uri, WHY);
                s.world.wait(60);
                token
            },
        ),
        (
            "view-asked-with-an-unknown-key",
            "The request is signed with a key that nobody enrolled.",
            |s, uri| {
                let key = SecretKey::from_seed([77; 32]);
                let stranger = Person {
                    actor: s.officer.actor.clone(),
                    key,
                };
                s.world.token(&stranger, uri, WHY)
            },
        ),
        (
            "view-asked-once-shown-twice",
            "One request stands behind two readings.",
            |s, uri| {
                let token = s.world.token(&s.officer, uri, WHY);
                viewed(s, WHY, &token);
                token
            },
        ),
    ];
    let row = |(name, says, make): (&str, &str, Make)| {
        let mut sample = sample();
        let uri = format!("exhibits/{}/history", sample.video);
        let token = make(&mut sample, &uri);
        viewed(&mut sample, WHY, &token);
        let bundle = sample.world.exhibit_bundle(&sample.video);
        Vector::bad("view-not-signed", name, says, &bundle)
    };
    let mut all: Vec<Vector> = rows.into_iter().map(row).collect();
    all.extend(by_another_key());
    all
}

/// Readings that the service signed after it changed its key: with the new one, and with the one that it gave up.
fn by_another_key() -> Vec<Vector> {
    let mut sample = sample();
    let before = sample.world.rotate_service();
    let now = world::clone(&sample.world.service);
    let mut signed_by = |service: &Person| {
        let view = sample.world.view(service, &sample.officer, &sample.video);
        sample.world.force(view, true);
        sample.world.exhibit_bundle(&sample.video)
    };
    let good = signed_by(&now);
    let says = "The service changed its key, and signed a reading with the new one.";
    let good = Vector::good("service-key-rotated", says, &good);
    let bad = signed_by(&before);
    let says = "The service signed a reading with the key that it had given up.";
    let bad = Vector::bad(
        "rule-broken",
        "view-under-a-service-key-given-up",
        says,
        &bad,
    );
    vec![good, bad]
}

/// The service records that the officer looked at the video.
pub fn viewed(sample: &mut Sample, purpose: &str, token: &str) {
    let service = world::clone(&sample.world.service);
    let video = sample.video.clone();
    let details = json!({"reader": sample.officer.actor, "purpose": purpose, "token": token});
    let body = json!({"target": "exhibit", "extent": "history"});
    let (strand, world) = (Strand::Access, &mut sample.world);
    world.record(&service, &video, strand, "viewed", body, details);
}

/// Branches that a patched service made up.
fn branches() -> Vec<Vector> {
    let rows = [
        (
            false,
            "branch-missing",
            "branch-invented",
            "Behind a late-branch stands another entry than it names.",
        ),
        (
            true,
            "rule-broken",
            "branch-of-nothing",
            "An entry of a branch follows none that the branch goes on from.",
        ),
    ];
    let row = |(named, code, name, says)| {
        let mut sample = sample();
        let (phone, officer) = (sample.phone.clone(), world::clone(&sample.officer));
        let examiner = world::clone(&sample.examiner);
        let opened = sample.world.state.exhibit(&phone).unwrap().opened;
        let strand = Strand::Custody;
        let (place, none) = (json!({"place": "shelf-4"}), json!({}));
        sample
            .world
            .record(&examiner, &phone, strand, "stored", place, none);
        let mut stored = |seq: u64| {
            let (body, none) = (json!({"place": "cells"}), json!({}));
            let (world, at) = (&mut sample.world, (seq, Some(opened)));
            world.sign_at(&officer, &phone, strand, "stored", body, none, at)
        };
        let (one, other) = (stored(1), stored(7));
        let names = [if named { other.hash() } else { one.hash() }];
        let body = json!({"from": opened, "entries": names});
        let (reason, world) = (json!({"reason": "x"}), &mut sample.world);
        let late = world.sign(&examiner, &phone, strand, "late-branch", body, reason);
        world.force(late, true);
        world.force(other, false);
        Vector::bad(code, name, says, &sample.world.exhibit_bundle(&phone))
    };
    rows.into_iter().map(row).collect()
}
