//! What is signed has one spelling: what derived readers would take as well is refused.

use super::*;

use custodes::protocol::entry::{EntryError, Payload, UnverifiedEntry};
use custodes::protocol::id::Strand;
use custodes::protocol::jws::{self, JwsType};
use custodes::protocol::token::{Possession, ReadRequest, UnverifiedRead};
use serde_json::{Value, json};

#[test]
fn a_payload_has_one_spelling() {
    let sample = sample();
    let bundle = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &bundle, "transfer-offered");
    let index = bundle.entries[at].index.0 as usize;
    let payload: &Payload = sample.world.entries[index].entry.payload();
    let honest = serde_json::to_value(payload).unwrap();
    let (size, root) = (&honest["seen"]["size"], &honest["seen"]["root"]);
    assert!(size.is_u64() && root.is_string(), "{honest}");
    let time = &honest["occurred_at"];
    let sign = |payload: &Value| {
        let text = payload.to_string();
        jws::sign(JwsType::Entry, &text, &sample.officer.key)
    };
    for (name, other) in [
        ("seen", json!([size, root])),
        ("occurred_at", json!([time, time])),
        ("strand", json!({"custody": null})),
    ] {
        let mut payload = honest.clone();
        payload[name] = other;
        let jws = sign(&payload);
        let read = UnverifiedEntry::from_parts(&jws, []);
        assert!(
            matches!(read, Err(EntryError::Payload(_))),
            "{name}: {read:?}"
        );
        let mut bundle = bundle.clone();
        open(&mut bundle, at).jws = jws;
        let found = check(&bundle.to_bytes(), &sample.world.policy(), &[], &[]);
        assert!(found.has("entry-payload"), "{name}: {}", show(&found));
    }
    UnverifiedEntry::from_parts(&sign(&honest), []).unwrap();
}

#[test]
fn a_body_has_one_spelling() {
    let mut sample = sample();
    let officer = world::clone(&sample.officer);
    let examiner = world::clone(&sample.examiner);
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"bytes");
    let listed = json!(["file", digest.sha256, digest.size, digest.chunks]);
    let named = json!({
        "kind": {"file": null}, "sha256": digest.sha256, "size": digest.size, "chunks": digest.chunks,
    });
    let (case, video) = (sample.case.clone(), sample.video.clone());
    let copied = |parents: Value| {
        json!({
            "case": case, "kind": "surveillance-footage", "role": "working", "digest": null,
            "parents": parents,
        })
    };
    let registered = |digest: &Value| json!({"case": case, "kind": "surveillance-footage", "role": "original", "digest": digest});
    for (who, event, body) in [
        (&officer, "registered", registered(&listed)),
        (&officer, "registered", registered(&named)),
        (&examiner, "acquired", copied(json!([{"exhibit": video}]))),
        (&examiner, "acquired", copied(json!([[video, null]]))),
    ] {
        let exhibit = sample.world.subject();
        let said = sample.world.attempt(
            who,
            &exhibit,
            Strand::Custody,
            event,
            body,
            world::details(),
        );
        assert_eq!(said.unwrap_err(), "bad-body", "{event}");
    }
    let authority = world::clone(&sample.world.authorities[&officer.actor.org()]);
    let proof = Possession {
        ledger: sample.world.origin.clone(),
        actor: officer.actor.clone(),
        key: officer.key.public(),
    };
    let body = json!({
        "actor": officer.actor, "key": officer.key.public(), "roles": [{"officer": null}],
        "valid_from": null, "valid_until": null, "proof": proof.sign(&officer.key),
    });
    let keys = officer.actor.subject();
    let said = sample.world.attempt(
        &authority,
        &keys,
        Strand::Keys,
        "key-enrolled",
        body,
        world::details(),
    );
    assert_eq!(said.unwrap_err(), "bad-body");
}

#[test]
fn a_token_has_one_spelling() {
    let sample = sample();
    let request = ReadRequest {
        ledger: sample.world.origin.clone(),
        actor: sample.officer.actor.clone(),
        method: "GET".to_owned(),
        uri: "https://log.example/v1/exhibits/x".to_owned(),
        body: None,
        purpose: "Preparing a statement".to_owned(),
        client: "test 1.0".to_owned(),
        iat: 1_773_479_526,
        exp: 1_773_479_586,
        jti: sample.video.clone(),
    };
    let honest = serde_json::to_value(&request).unwrap();
    let sign =
        |payload: &Value| jws::sign(JwsType::Read, &payload.to_string(), &sample.officer.key);
    UnverifiedRead::parse(&sign(&honest)).unwrap();
    for client in ["", "two\nlines", &"x".repeat(201)] {
        let mut unnamed = honest.clone();
        unnamed["client"] = client.into();
        assert!(UnverifiedRead::parse(&sign(&unnamed)).is_err());
    }
    let mut without = honest.clone();
    without.as_object_mut().unwrap().remove("body");
    assert!(UnverifiedRead::parse(&sign(&without)).is_err());
}
