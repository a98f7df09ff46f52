//! What the rules of custody refuse, recorded by a patched service all the same: true proofs, and a broken rule.

use super::*;

use custodes::protocol::digest::{DigestKind, EvidenceDigest};
use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::id::Strand;
use forged::{sealed, with};
use world::Person;

/// What the rules of custody refuse, recorded all the same.
pub fn vectors() -> Vec<Vector> {
    type Make = fn(&mut Sample) -> UnverifiedEntry;
    fn sign(s: &mut Sample, by: &Person, on: &str, event: &str, body: Value) -> UnverifiedEntry {
        let strand = custodes::ledger::Rules::embedded()
            .row(event)
            .unwrap()
            .strand;
        let subject = match on {
            "video" => s.video.clone(),
            "case" => s.case.clone(),
            "ledger" => s.world.subject.clone(),
            _ => s.officer.actor.subject(),
        };
        s.world
            .sign(by, &subject, strand, event, body, world::details())
    }
    fn authority(s: &Sample, org: &str) -> Person {
        let org = custodes::protocol::id::OrgId::new(org).unwrap();
        world::clone(&s.world.authorities[&org])
    }
    let rows: Vec<(&str, &str, Make)> = vec![
        (
            "refused-no-standing",
            "Somebody whose organisation is not in the case records on its exhibit.",
            |s| {
                let by = s
                    .world
                    .enrol("crown-prosecution", "Lee Ash", &["prosecutor"]);
                sign(
                    s,
                    &by,
                    "video",
                    "annotated",
                    json!({"target": s.world.entries[0].entry.hash()}),
                )
            },
        ),
        (
            "refused-no-role",
            "An officer authorises what a prosecutor or a court may.",
            |s| {
                let by = world::clone(&s.officer);
                sign(
                    s,
                    &by,
                    "case",
                    "order-made",
                    json!({"type": "production", "expires": null}),
                )
            },
        ),
        (
            "refused-not-holder",
            "Somebody offers what another organisation holds.",
            |s| {
                let by = world::clone(&s.officer);
                sign(
                    s,
                    &by,
                    "video",
                    "transfer-offered",
                    json!({"to": {"org": "northshire-forensics"}, "method": "van"}),
                )
            },
        ),
        (
            "refused-offer-to-self",
            "Somebody offers to their own organisation.",
            |s| {
                let by = world::clone(&s.examiner);
                sign(
                    s,
                    &by,
                    "video",
                    "transfer-offered",
                    json!({"to": {"actor": by.actor}, "method": "van"}),
                )
            },
        ),
        (
            "refused-no-such-offer",
            "An offer is accepted by refusal that was never made.",
            |s| {
                let by = world::clone(&s.officer);
                sign(
                    s,
                    &by,
                    "video",
                    "transfer-refused",
                    json!({"offer": s.world.entries[3].entry.hash(), "from": by.actor}),
                )
            },
        ),
        (
            "refused-unknown-member",
            "A body has a member that its event does not.",
            |s| {
                let by = world::clone(&s.examiner);
                sign(
                    s,
                    &by,
                    "video",
                    "sealed",
                    json!({"seal": "K1", "remark": "x"}),
                )
            },
        ),
        (
            "refused-member-missing",
            "A body lacks what its event needs.",
            |s| {
                let by = world::clone(&s.examiner);
                sign(s, &by, "video", "sealed", json!({}))
            },
        ),
        (
            "refused-wrong-type",
            "A digest is a list of its members.",
            |s| {
                let by = world::clone(&s.examiner);
                let digest = EvidenceDigest::of_bytes(DigestKind::File, b"x");
                let listed = json!(["file", digest.sha256, digest.size, digest.chunks]);
                sign(s, &by, "video", "digested", json!({"digest": listed}))
            },
        ),
        (
            "refused-detail-missing",
            "An event lacks a detail that must be there.",
            |s| {
                let (by, video) = (world::clone(&s.examiner), s.video.clone());
                let body = json!({"to": {"org": "northshire-police"}, "method": "van"});
                s.world.sign(
                    &by,
                    &video,
                    Strand::Custody,
                    "transfer-offered",
                    body,
                    json!({}),
                )
            },
        ),
        (
            "refused-unknown-event",
            "The rules have no such event.",
            |s| {
                let (by, video) = (world::clone(&s.examiner), s.video.clone());
                s.world.sign(
                    &by,
                    &video,
                    Strand::Custody,
                    "vanished",
                    json!({}),
                    json!({}),
                )
            },
        ),
        (
            "refused-wrong-strand",
            "An event of custody stands among the notes.",
            |s| {
                let (by, video) = (world::clone(&s.examiner), s.video.clone());
                let body = json!({"seal": "K7654321"});
                s.world
                    .sign(&by, &video, Strand::Notes, "sealed", body, json!({}))
            },
        ),
        (
            "refused-second-genesis",
            "A second genesis stands in the log.",
            |s| {
                let genesis = s.world.entries[0].entry.payload().body.clone();
                let by = world::clone(&s.world.service);
                sign(s, &by, "ledger", "genesis", Value::Object(genesis))
            },
        ),
        (
            "refused-outside-organisation",
            "An authority changes the roles of another organisation's person.",
            |s| {
                let by = authority(s, "northshire-forensics");
                sign(
                    s,
                    &by,
                    "officer",
                    "roles-changed",
                    json!({"roles": ["officer"]}),
                )
            },
        ),
        (
            "refused-reserved-role",
            "An authority makes a person an authority.",
            |s| {
                let by = authority(s, "northshire-police");
                sign(
                    s,
                    &by,
                    "officer",
                    "roles-changed",
                    json!({"roles": ["authority"]}),
                )
            },
        ),
        (
            "refused-service-for-a-person",
            "The service records that an exhibit was sealed.",
            |s| {
                let by = world::clone(&s.world.service);
                sign(s, &by, "video", "sealed", json!({"seal": "K7654321"}))
            },
        ),
        (
            "refused-person-for-the-service",
            "A person records that somebody looked.",
            |s| {
                let by = world::clone(&s.examiner);
                sign(
                    s,
                    &by,
                    "video",
                    "viewed",
                    json!({"target": "exhibit", "extent": "history"}),
                )
            },
        ),
        (
            "refused-for-another",
            "A person signs in the name of a colleague.",
            |s| {
                let by = Person {
                    actor: s.officer.actor.clone(),
                    key: world::clone(&s.examiner).key,
                };
                sealed(s, &by)
            },
        ),
        (
            "refused-under-hold",
            "Disposal is authorised under a hold.",
            |s| {
                let (officer, video) = (world::clone(&s.officer), s.video.clone());
                let (hold, none) = (json!({"until": null}), world::details());
                s.world
                    .record(&officer, &video, Strand::Notes, "hold-placed", hold, none);
                sign(
                    s,
                    &officer,
                    "video",
                    "disposal-authorised",
                    json!({"method": "shredding"}),
                )
            },
        ),
        (
            "refused-own-disposal",
            "The holder authorises the disposal of what they hold.",
            |s| {
                let (by, video) = (world::clone(&s.officer), s.video.clone());
                let assumed = json!({"from": s.examiner.actor});
                s.world.record(
                    &by,
                    &video,
                    Strand::Custody,
                    "custody-assumed",
                    assumed,
                    world::details(),
                );
                sign(
                    s,
                    &by,
                    "video",
                    "disposal-authorised",
                    json!({"method": "shredding"}),
                )
            },
        ),
        (
            "refused-key-revoked",
            "An entry is signed with a key that was revoked before.",
            |s| {
                let (by, keys) = (
                    authority(s, "northshire-forensics"),
                    s.examiner.actor.subject(),
                );
                let revoked =
                    json!({"key": s.examiner.key.public().id(), "compromised_since": null});
                s.world.record(
                    &by,
                    &keys,
                    Strand::Keys,
                    "key-revoked",
                    revoked,
                    world::details(),
                );
                let by = world::clone(&s.examiner);
                sealed(s, &by)
            },
        ),
    ];
    let row = |(name, says, make)| with("rule-broken", name, says, make);
    rows.into_iter().map(row).collect()
}
