//! Whose key counts: an entry under any other is refused, and forced into a bundle by a patched service it fails.

use custodes::protocol::id::{OrgId, Strand};
use custodes::protocol::token::Possession;
use serde_json::{Value, json};

use super::*;
use crate::world::{Person, World, clone};

/// A further key of somebody, valid as stated.
fn further(world: &mut World, of: &Person, valid: (Option<&str>, Option<&str>)) -> Person {
    let mut person = world.enrol("northshire-police", "Somebody else", &["officer"]);
    let fresh = custodes::protocol::key::SecretKey::from_seed(
        [valid.0.is_some() as u8 + 2 * valid.1.is_some() as u8 + 90; 32],
    );
    let org = OrgId::new("northshire-police").unwrap();
    let authority = clone(&world.authorities[&org]);
    let proof = Possession {
        ledger: world.origin.clone(),
        actor: of.actor.clone(),
        key: fresh.public(),
    };
    let body = json!({
        "actor": of.actor, "key": fresh.public(), "roles": ["officer"], "valid_from": valid.0, "valid_until": valid.1,
        "proof": proof.sign(&fresh),
    });
    let (keys, name) = (of.actor.subject(), json!({"name": "PC Jo Smith"}));
    let enrolled = world.attempt(&authority, &keys, Strand::Keys, "key-enrolled", body, name);
    // Behind their back: nobody of theirs signed for it.
    assert!(enrolled.unwrap().1.contains("key-not-cosigned"));
    person.actor = of.actor.clone();
    person.key = fresh;
    person
}

/// An entry by somebody is refused with this code; in the bundle all the same, it fails with that one.
fn refused(make: impl FnOnce(&mut Sample) -> Person, code: &str, fails: &str) {
    let mut sample = sample();
    let who = make(&mut sample);
    let video = sample.video.clone();
    let world = &mut sample.world;
    let body = json!({"place": "shelf-4"});
    let entry = world.sign(&who, &video, Strand::Custody, "stored", body, json!({}));
    assert_eq!(world.submit(entry.clone()).unwrap_err(), code);
    world.force(entry, true);
    let bundle = world.exhibit_bundle(&video).to_bytes();
    let found = check(&bundle, &world.policy(), &[], &[]);
    let failed = codes(&found, Severity::Failed);
    assert_eq!(failed, BTreeSet::from([fails]), "{code}");
}

#[test]
fn keys_that_are_not_valid_here_or_another_persons_are_refused_and_fail_in_a_bundle() {
    let past = Some("2026-01-01T00:00:00+00:00");
    let future = Some("2199-01-01T00:00:00+00:00");
    let mine = |sample: &Sample| clone(&sample.officer);
    refused(
        |sample| {
            let me = mine(sample);
            further(&mut sample.world, &me, (None, past))
        },
        "key-not-valid",
        "rule-broken",
    );
    refused(
        |sample| {
            let me = mine(sample);
            further(&mut sample.world, &me, (future, None))
        },
        "key-not-valid",
        "rule-broken",
    );
    refused(
        |sample| {
            let org = OrgId::new("northshire-police").unwrap();
            let (authority, me) = (clone(&sample.world.authorities[&org]), mine(sample));
            let body = json!({"key": me.key.public().id(), "compromised_since": Value::Null});
            let (keys, reason) = (me.actor.subject(), json!({"reason": "lost"}));
            let world = &mut sample.world;
            world.record(&authority, &keys, Strand::Keys, "key-revoked", body, reason);
            me
        },
        "key-not-valid",
        "rule-broken",
    );
    // Somebody else's, of the same organisation and of another.
    refused(
        |sample| {
            let colleague = sample
                .world
                .enrol("northshire-police", "PC Lee", &["officer"]);
            let mut me = mine(sample);
            me.key = colleague.key;
            me
        },
        "key-of-another",
        "signer-unknown", // nothing in the bundle has to do with that colleague
    );
    refused(
        |sample| {
            let mut me = mine(sample);
            me.key = clone(&sample.examiner).key;
            me
        },
        "key-of-another",
        "rule-broken",
    );
}
