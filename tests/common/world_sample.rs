//! The case that most tests are about.

use super::*;

/// A case with a registered video, a seized phone and a working copy, a transfer, and readers.
pub struct Sample {
    pub world: World,
    pub case: Subject,
    pub video: Subject,
    pub phone: Subject,
    pub copy: Subject,
    /// The bytes of the video (the working copy has the same).
    pub bytes: Vec<u8>,
    pub officer: Person,
    pub examiner: Person,
}

/// Makes the sample.
pub fn sample() -> Sample {
    sample_of("evidence.northshire.example")
}

/// Makes the sample in a ledger of this name.
pub fn sample_of(origin: &str) -> Sample {
    sample_in(World::new(origin))
}

/// Makes the sample in this ledger.
pub fn sample_in(mut world: World) -> Sample {
    let officer = world.enrol("northshire-police", "PC Jo Smith", &["officer"]);
    let examiner = world.enrol("northshire-forensics", "Dr Ana Iyer", &["examiner"]);
    let case = world.subject();
    world.publish();
    let title = json!({"title": "R v Doe", "reference": "44NS1234526"});
    world.record(
        &officer,
        &case,
        Strand::Case,
        "case-opened",
        json!({}),
        title,
    );
    let join = json!({"org": "northshire-forensics", "part": "forensic"});
    let basis = json!({"basis": "Forensic examination"});
    world.record(&officer, &case, Strand::Case, "party-joined", join, basis);

    let bytes = b"not really a video, but bytes all the same".to_vec();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, &bytes);
    let video = world.subject();
    let body = json!({
        "case": case, "kind": "surveillance-footage", "digest": digest, "role": "original",
    });
    let details = json!({
        "reference": "JSM/1",
        "description": "Footage of the car park, camera 4",
        "power_or_consent": "Consent of the keeper",
        "address": "4 Mill Lane",
    });
    world.record(
        &officer,
        &video,
        Strand::Custody,
        "registered",
        body,
        details,
    );

    let phone = world.subject();
    let body = json!({"case": case, "kind": "device", "from": null, "seal": "K1234567"});
    let details = json!({
        "reference": "JSM/2", "description": "A black phone", "power_or_consent": "PACE s.19",
    });
    world.record(&officer, &phone, Strand::Custody, "seized", body, details);

    world.wait(30);
    let body = json!({"to": {"actor": examiner.actor}, "method": "in-person"});
    let purpose = json!({"purpose": "Examination"});
    let offer = world.record(
        &officer,
        &video,
        Strand::Custody,
        "transfer-offered",
        body,
        purpose,
    );
    let body = json!({"offer": offer, "from": officer.actor, "digest": digest});
    let condition = json!({"condition": "Sealed, undamaged"});
    world.record(
        &examiner,
        &video,
        Strand::Custody,
        "transfer-accepted",
        body,
        condition,
    );

    let copy = world.subject();
    let body = json!({
        "case": case, "kind": "surveillance-footage", "role": "working", "digest": digest,
        "parents": [{"exhibit": video, "digest": digest}],
    });
    let details = json!({"description": "Working copy", "reference": "AI/1"});
    world.record(&examiner, &copy, Strand::Custody, "acquired", body, details);

    let service = clone(&world.service);
    let body = json!({"target": "exhibit", "extent": "history"});
    let purpose = "Preparing a statement";
    let token = world.token(&officer, &format!("exhibits/{video}/history"), purpose);
    let details = json!({"reader": officer.actor, "purpose": purpose, "token": token});
    world.record(&service, &video, Strand::Access, "viewed", body, details);
    Sample {
        world,
        case,
        video,
        phone,
        copy,
        bytes,
        officer,
        examiner,
    }
}

impl World {
    /// A request of somebody to read, as the service puts it into an access entry.
    pub fn token(&mut self, reader: &Person, uri: &str, purpose: &str) -> String {
        self.place();
        let request = ReadRequest {
            ledger: self.origin.clone(),
            actor: reader.actor.clone(),
            method: "GET".to_owned(),
            uri: format!("https://log.example/v1/{uri}"),
            body: None,
            purpose: purpose.to_owned(),
            client: "test 1.0".to_owned(),
            iat: self.now / 1000,
            exp: self.now / 1000 + 60,
            jti: self.subject(),
        };
        request.sign(&reader.key)
    }
}

impl World {
    /// The service signs with another key from here on; the one that it signed with before.
    pub fn rotate_service(&mut self) -> Person {
        let before = clone(&self.service);
        let next = key(&mut self.counter);
        let body = self.service_rotation(&next, &next);
        let ledger = self.subject.clone();
        self.record(
            &before,
            &ledger,
            Strand::Rules,
            "service-key-rotated",
            body,
            json!({}),
        );
        self.service.key = next;
        before
    }

    /// What names the next key of the service, whose possession this key proves.
    pub fn service_rotation(&self, next: &SecretKey, proven_by: &SecretKey) -> Value {
        let possession = Possession {
            ledger: self.origin.clone(),
            actor: self.service.actor.clone(),
            key: next.public(),
        };
        json!({
            "actor": possession.actor, "key": possession.key, "proof": possession.sign(proven_by),
            "compromised_since": null,
        })
    }

    /// Has the service sign that somebody read an exhibit, with this key of its.
    pub fn view(
        &mut self,
        service: &Person,
        reader: &Person,
        exhibit: &Subject,
    ) -> UnverifiedEntry {
        let purpose = "Preparing a statement";
        let token = self.token(reader, &format!("exhibits/{exhibit}/history"), purpose);
        let body = json!({"target": "exhibit", "extent": "history"});
        let details = json!({"reader": reader.actor, "purpose": purpose, "token": token});
        self.sign(service, exhibit, Strand::Access, "viewed", body, details)
    }
}

impl Sample {
    /// The custody of the phone is continued twice: what the officer signed offline goes beside the chain. The place of
    /// the `late-branch`; behind it are the two entries that it takes in.
    pub fn branch(&mut self) -> EntryIndex {
        let (phone, officer) = (self.phone.clone(), clone(&self.officer));
        let opened = self.world.state.exhibit(&phone).unwrap().opened;
        let details = || json!({"reason": "No network in the cells", "condition": "Undamaged"});
        let mut signed = Vec::new();
        let mut after = (1, Some(opened));
        for (event, body) in [
            ("unsealed", json!({"seal": "K1234567"})),
            ("stored", json!({"place": "cells"})),
        ] {
            let world = &mut self.world;
            let entry = world.sign_at(
                &officer,
                &phone,
                Strand::Custody,
                event,
                body,
                details(),
                after,
            );
            after = (after.0 + 1, Some(entry.hash()));
            signed.push(entry);
        }
        let examiner = clone(&self.examiner);
        let body = json!({"place": "shelf-4"});
        let (strand, world) = (Strand::Custody, &mut self.world);
        world.record(&examiner, &phone, strand, "stored", body, details());
        let names: Vec<EntryHash> = signed.iter().map(UnverifiedEntry::hash).collect();
        let body = json!({"from": opened, "entries": names});
        let late = world.sign(&examiner, &phone, strand, "late-branch", body, details());
        let index = EntryIndex(world.entries.len() as u64);
        world.submit_branch(late, &signed).unwrap();
        let body = json!({"place": "shelf-5"});
        world.record(&examiner, &phone, strand, "stored", body, details());
        index
    }
}
