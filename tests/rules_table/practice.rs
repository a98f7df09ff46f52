//! More situations of the table: containers, feeds, handovers, clocks, what practice expects, what nobody may.

use custodes::protocol::key::SecretKey;
use custodes::protocol::token::Possession;

use super::*;
use crate::situations::digest;

/// A bag moves what is in it; a store takes in whoever is on duty there.
#[rustfmt::skip]
pub fn bags(p: &mut Play) {
    let (case, video) = (p.s.case.clone(), p.s.video.clone());
    let examiner = p.s.examiner.actor.clone();
    let (bag, sim, disc) = (p.s.world.subject(), p.s.world.subject(), p.s.world.subject());
    let thing = |kind: &str| json!({"case": case, "kind": kind, "from": null});
    p.line("officer", &bag, "seized", thing("container"), Flags(&[]));
    p.line("officer", &sim, "seized", thing("device"), Flags(&[]));
    p.line("officer", &disc, "seized", thing("device"), Flags(&[]));
    let into = |container: &Subject| json!({"container": container});
    p.line("officer", &sim, "packed", into(&video), Refused("not-a-container"));
    p.line("officer", &bag, "packed", into(&bag), Refused("not-a-container"));
    p.line("officer", &sim, "packed", into(&bag), Flags(&[]));
    p.line("officer", &sim, "packed", into(&bag), Flags(&["while-packed"]));
    p.line("officer", &disc, "packed", into(&bag), Flags(&[]));
    let to_store = json!({"to": {"store": {"org": "northshire-forensics", "place": "store-2"}}, "method": "van"});
    let e = p.line("officer", &bag, "transfer-offered", to_store, Flags(&[])).unwrap();
    let accepted = json!({"offer": e, "from": p.s.officer.actor, "digest": null});
    p.line("examiner", &bag, "transfer-accepted", accepted, Flags(&[]));
    for one in [&bag, &sim, &disc] {
        let record = p.s.world.state.exhibit(one).unwrap();
        assert_eq!(record.holder.person, Some(examiner.clone()), "the bag's content moved with it");
    }
    assert_eq!(p.s.world.state.exhibit(&bag).unwrap().place.as_deref(), Some("store-2"));
    p.line("examiner", &bag, "lost", json!({}), Flags(&["lost"]));
    p.line("officer", &bag, "produced", json!({"hearing": "t20260001"}), Flags(&["while-lost"]));
    assert_eq!(p.s.world.state.exhibit(&sim).unwrap().status, Status::Lost);
    p.line("examiner", &bag, "found", json!({}), Flags(&["custody-gap"]));
    // Out of the bag by itself, said or not said.
    p.line("examiner", &sim, "unpacked", into(&bag), Flags(&[]));
    p.line("examiner", &sim, "unpacked", into(&bag), Flags(&["not-packed"]));
    // Through a seal.
    p.line("examiner", &bag, "sealed", json!({"seal": "K7000001"}), Flags(&[]));
    p.line("examiner", &sim, "packed", into(&bag), Flags(&["container-sealed"]));
    p.line("examiner", &sim, "unpacked", into(&bag), Flags(&["container-sealed"]));
    p.line("examiner", &bag, "unsealed", json!({"seal": "K7000001"}), Flags(&[]));
    p.line("examiner", &disc, "stored", json!({"place": "shelf-4"}), Flags(&["while-packed"]));
    p.line("examiner", &bag, "lost", json!({}), Flags(&["lost"]));
    for one in [&sim, &disc] {
        assert_eq!(p.s.world.state.exhibit(one).unwrap().status, Status::Held, "out of the bag it moves no more with it");
    }
}

/// A feed grows: proven where the old bytes end with a chunk, flagged where nothing proves it.
#[rustfmt::skip]
pub fn feeds(p: &mut Play) {
    let case = p.s.case.clone();
    let bytes: Vec<u8> = (0..4 * CHUNK).map(|at| (at / 1000) as u8).collect();
    let of = |chunks: usize| EvidenceDigest::of_bytes(DigestKind::File, &bytes[..chunks * CHUNK]);
    let short = EvidenceDigest::of_bytes(DigestKind::File, &bytes[..100]);
    let mut tree = MemoryTree::default();
    for chunk in bytes.chunks(CHUNK) {
        tree.append(leaf_hash(chunk));
    }
    let proof = |old: u64, new: u64| prove_consistency(TreeSize(old), TreeSize(new), &tree).unwrap().0;
    let feed = p.s.world.subject();
    let body = |digest: &EvidenceDigest| json!({"case": case, "kind": "wearable-data", "digest": digest, "role": "original"});
    p.line("officer", &feed, "registered", body(&of(1)), Flags(&[]));
    let grown = |old: &EvidenceDigest, new: &EvidenceDigest, proof: Vec<Hash>| json!({"previous": old, "digest": new, "proof": proof});
    p.line("officer", &feed, "extended", grown(&of(1), &of(3), proof(1, 3)), Flags(&[]));
    p.line("officer", &feed, "extended", grown(&of(3), &of(4), proof(3, 4)), Flags(&[]));
    p.line("officer", &feed, "extended", grown(&of(1), &of(4), proof(1, 4)), Flags(&["extends-other"]));
    p.line("officer", &feed, "extended", grown(&of(4), &of(3), proof(3, 4)), Flags(&["extension-not-proven"]));
    p.line("officer", &feed, "extended", grown(&of(3), &of(4), proof(1, 3)), Flags(&["extension-not-proven"]));
    let without = |old: &EvidenceDigest, new: &EvidenceDigest| json!({"previous": old, "digest": new});
    p.line("officer", &feed, "extended", without(&of(4), &short), Flags(&["extension-not-proven"]));
    p.line("officer", &feed, "extended", without(&short, &of(1)), Flags(&["extension-not-proven"]));
}

/// What practice expects: a clock checked, a strong digest, details, roles, order, and no sealed thing examined.
#[rustfmt::skip]
pub fn flags_of_practice(p: &mut Play) {
    let (case, video) = (p.s.case.clone(), p.s.video.clone());
    let body = json!({"case": case, "kind": "surveillance-footage", "digest": digest(b"more"), "role": "original"});
    let with = |left_out: &str, added: &str| {
        let mut all = details();
        let map = all.as_object_mut().unwrap();
        map.remove(left_out);
        map.insert(added.to_owned(), json!("as told"));
        all
    };
    let fresh = p.s.world.subject();
    p.told("officer", &fresh, "registered", body.clone(), with("clock_offset", "x"), Flags(&["no-clock-check"]));
    let fresh = p.s.world.subject();
    p.told("officer", &fresh, "registered", body.clone(), with("x", "md5"), Flags(&["weak-digest-only"]));
    let fresh = p.s.world.subject();
    let mut both = with("x", "md5");
    both["sha256"] = json!("as told");
    p.told("officer", &fresh, "registered", body, both, Flags(&[]));
    let seized = json!({"case": case, "kind": "device", "from": null, "seal": "T1"});
    let fresh = p.s.world.subject();
    let e = p.told("officer", &fresh, "seized", seized, with("place", "x"), Flags(&["incomplete"])).unwrap();
    p.line("officer", &fresh, "supplemented", json!({"target": e}), Flags(&[]));
    let given = custodes::ledger::flags_of(&p.s.world.state, e);
    assert_eq!((given.len(), given[0].explained.len()), (1, 1), "supplied later, and still flagged");
    p.line("officer", &fresh, "examined", json!({}), Flags(&["while-sealed"]));
    p.line("examiner", &fresh, "examined", json!({}), Flags(&["not-the-holder", "while-sealed"]));
    let image = p.s.world.subject();
    let taken = json!({"case": case, "kind": "forensic-image", "digest": digest(b"image"), "role": "master", "parents": [{"exhibit": fresh, "digest": null}]});
    p.line("officer", &image, "acquired", taken, Flags(&["source-sealed"]));
    // Showing footage to somebody who may recognise a person is logged (PACE Code D, part B).
    let shown = |to: &str, recognition: &str| json!({"to": to, "recognition": recognition});
    p.line("officer", &fresh, "shown", shown("witness", "somebody"), Flags(&["while-sealed"]));
    p.line("officer", &fresh, "shown", shown("witness", "perhaps"), Refused("bad-body"));
    p.line("examiner", &fresh, "shown", shown("expert", "not-asked"), Refused("no-role"));
    p.told("officer", &video, "shown", shown("police-officer", "nobody"), with("circumstances", "x"), Flags(&["incomplete"]));
    p.line("officer", &video, "shown", shown("suspect", "not-asked"), Flags(&[]));
    p.line("officer", &fresh, "unsealed", json!({"seal": "T1"}), Flags(&[]));
    p.line("officer", &fresh, "examined", json!({}), Flags(&[]));
    p.line("prosecutor", &fresh, "stored", json!({"place": "desk"}), Flags(&["not-the-holder", "unusual-role"]));
}

/// Bytes that are not what they should be, and people who are not who was expected.
#[rustfmt::skip]
pub fn handovers(p: &mut Play) {
    let case = p.s.case.clone();
    let (good, bad) = (digest(b"good"), digest(b"bad"));
    let (officer, examiner) = (p.s.officer.actor.clone(), p.s.examiner.actor.clone());
    let disc = p.s.world.subject();
    let body = json!({"case": case, "kind": "other", "digest": good, "role": "original"});
    p.line("officer", &disc, "registered", body, Flags(&[]));
    let acquired = |parent: &EvidenceDigest, verification: &EvidenceDigest, errors: u64| json!({
        "case": case, "kind": "forensic-image", "role": "master", "digest": good, "verification": verification,
        "read_errors": errors, "parents": [{"exhibit": disc, "digest": parent}],
    });
    for (parent, check, errors, flags) in [
        (&good, &good, 0, &[][..]),
        (&bad, &good, 0, &["parent-digest-differs"]),
        (&good, &bad, 0, &["verification-differs"]),
        (&good, &good, 3, &["read-errors"]),
    ] {
        let image = p.s.world.subject();
        p.line("officer", &image, "acquired", acquired(parent, check, errors), Flags(flags));
    }
    let to = json!({"to": {"org": "northshire-forensics"}, "method": "van"});
    let colleague = p.s.world.enrol("northshire-police", "DC Lee Hart", &["officer"]);
    let holder = std::mem::replace(&mut p.s.officer, colleague);
    let e = p.line("officer", &disc, "transfer-offered", to, Flags(&["colleague-of-holder"]));
    let from = p.s.officer.actor.clone();
    let colleague = std::mem::replace(&mut p.s.officer, holder);
    let accepted = |e: Option<EntryHash>, from: &ActorId, digest: Option<&EvidenceDigest>| json!({"offer": e, "from": from, "digest": digest});
    p.line("examiner", &disc, "transfer-accepted", accepted(e, &from, None), Flags(&["accepted-without-digest"]));
    let back = |p: &mut Play| p.line("examiner", &disc, "transfer-offered", json!({"to": {"actor": officer}, "method": "van"}), Flags(&[]));
    let e = back(p);
    p.line("officer", &disc, "transfer-accepted", accepted(e, &examiner, Some(&bad)), Flags(&["accepted-digest-differs"]));
    p.line("officer", &disc, "transfer-accepted", accepted(e, &officer, Some(&good)), Flags(&["accepted-without-offer"]));
    p.line("examiner", &disc, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed"]));
    let e = back(p);
    let holder = std::mem::replace(&mut p.s.officer, colleague);
    p.line("officer", &disc, "transfer-accepted", accepted(e, &examiner, Some(&good)), Flags(&["accepted-by-colleague"]));
    p.s.officer = holder;
    p.line("examiner", &disc, "custody-assumed", json!({"from": from}), Flags(&["custody-assumed"]));
    let e = p.line("examiner", &disc, "transfer-offered", json!({"to": {"actor": p.prosecutor.actor}, "method": "van"}), Flags(&[]));
    p.line("officer", &disc, "transfer-accepted", accepted(e, &from, Some(&good)), Flags(&["accepted-by-other", "accepted-from-other"]));
    p.line("officer", &disc, "handed-to-unenrolled", json!({"digest": bad}), Flags(&["handed-digest-differs", "one-side-only"]));
    let allowed = p.line("prosecutor", &disc, "disposal-authorised", json!({"method": "shredding"}), Flags(&[]));
    p.line("prosecutor", &disc, "hold-placed", json!({"until": null}), Flags(&[]));
    let disposed = json!({"authorisation": allowed, "method": "shredding"});
    p.line("prosecutor", &disc, "disposed", disposed, Flags(&["not-the-holder", "own-authorisation", "under-hold"]));
}

/// Clocks that differ, entries out of their order, and a signer who commits to no state of the log.
#[rustfmt::skip]
pub fn clocks(p: &mut Play) {
    let case = p.s.case.clone();
    let shelf = json!({"place": "shelf-4"});
    let stored = |p: &mut Play, thing: &Subject, clocks: i64, flags: &'static [&'static str]| {
        p.s.world.clocks = clocks;
        p.line("officer", thing, "stored", shelf.clone(), Flags(flags));
        p.s.world.clocks = 0;
    };
    let seized = |p: &mut Play| {
        let thing = p.s.world.subject();
        p.line("officer", &thing, "seized", json!({"case": case, "kind": "device", "from": null}), Flags(&[]));
        thing
    };
    let thing = seized(p);
    stored(p, &thing, 4, &[]);
    stored(p, &thing, 20, &["clock-ahead"]);
    // A clock that ran ahead puts no later entry out of order.
    stored(p, &thing, 0, &[]);
    let thing = seized(p);
    stored(p, &thing, 0, &[]);
    stored(p, &thing, -25 * 60, &["out-of-order", "recorded-late"]);
    let seen = p.s.world.seen.take();
    stored(p, &thing, 0, &["seen-missing"]);
    p.s.world.seen = seen;
}

/// What nobody may: name what is not there, or take what is another's.
#[rustfmt::skip]
pub fn permissions(p: &mut Play) {
    let (case, video, phone, copy) = (p.s.case.clone(), p.s.video.clone(), p.s.phone.clone(), p.s.copy.clone());
    let (ledger, none) = (p.s.world.subject.clone(), p.s.world.subject());
    let nothing = EntryHash(Hash::of(&[b"none"]));
    let opened = p.s.world.state.exhibit(&video).unwrap().opened;
    p.line("northshire-police", &ledger, "genesis-accepted", json!({"genesis": nothing}), Refused("other-genesis"));
    p.line("northshire-police", &ledger, "rule-approved", json!({"proposal": opened}), Refused("no-such-proposal"));

    // Cases and exhibits. An id that is an exhibit's cannot become a case's.
    p.line("officer", &video, "case-opened", json!({}), Refused("already-open"));
    let join = |org: &str| json!({"org": org, "part": "oversight"});
    p.line("officer", &case, "party-joined", join("nobody.example"), Refused("unknown-organisation"));
    let fresh = p.s.world.subject();
    let made = json!({"case": case, "kind": "other", "role": "clip", "digest": digest(b"x"), "parents": [{"exhibit": none, "digest": null}]});
    p.line("officer", &fresh, "derived", made, Refused("unknown-parent"));
    let disclosed = json!({"exhibits": [none], "to": ["northshire-forensics"], "bundle": null});
    p.line("prosecutor", &case, "disclosed", disclosed, Refused("not-disclosable"));
    let elsewhere = json!({"exhibits": [video], "to": ["ash-and-co"], "bundle": null});
    p.line("prosecutor", &case, "disclosed", elsewhere, Refused("recipient-not-in-case"));
    p.line("prosecutor", &case, "scheduled", json!({"exhibit": none, "schedule": "mg6c"}), Refused("not-disclosable"));
    p.line("prosecutor", &case, "inspected", json!({"disclosure": opened}), Refused("not-disclosed-to-you"));

    // What the service alone writes, and even the service only where it is so.
    let mut read = details();
    (read["reader"], read["token"]) = (json!(p.s.examiner.actor), json!("a.b.c"));
    p.told("officer", &video, "viewed", json!({"target": "exhibit", "extent": "history"}), read, Refused("no-role"));
    let named = |exhibit: &Subject, cause: EntryHash| json!({"exhibit": exhibit, "cause": cause});
    p.line("service", &case, "exhibit-added", named(&none, opened), Refused("not-in-case"));
    p.line("service", &case, "exhibit-added", named(&phone, nothing), Refused("unknown-cause"));
    p.line("service", &phone, "child-added", named(&copy, opened), Refused("not-a-child"));

    // Keys.
    let person = p.s.world.enrol("northshire-police", "DS Kim Reed", &["officer"]);
    let (keys, kid) = (person.actor.subject(), person.key.public().id());
    let enrol = |actor: &ActorId, key: &SecretKey, proof: &Possession| json!({
        "actor": actor, "key": key.public(), "roles": ["officer"], "valid_from": null, "valid_until": null, "proof": proof.sign(key),
    });
    let proof = |p: &Play, actor: &ActorId, key: &SecretKey| Possession { ledger: p.s.world.origin.clone(), actor: actor.clone(), key: key.public() };
    let fresh = SecretKey::from_seed([42; 32]);
    let good = proof(p, &person.actor, &fresh);
    let another = proof(p, &p.s.examiner.actor.clone(), &fresh);
    let police = "northshire-police";
    p.line(police, &none, "key-enrolled", enrol(&person.actor, &fresh, &good), Refused("subject-is-not-actor"));
    p.line(police, &keys, "key-enrolled", enrol(&person.actor, &fresh, &another), Refused("no-possession"));
    let known = proof(p, &person.actor, &person.key);
    p.line(police, &keys, "key-enrolled", enrol(&person.actor, &person.key, &known), Refused("key-taken"));
    let mut vouched = enrol(&person.actor, &fresh, &good);
    vouched["cosigned"] = json!(good.sign(&person.key));
    p.line(police, &keys, "key-enrolled", vouched, Flags(&[]));
    // Further keys of the officer: one that the earlier key signed for, and two that none did (another's word, and none).
    let (officer, of_officer) = (world::clone(&p.s.officer), p.s.officer.actor.subject());
    let alone: &[&str] = &["key-not-cosigned"];
    let mut alone_last = None;
    for (seed, cosigns, flags) in [
        (43, Some(&officer.key), &[][..]),
        (44, Some(&person.key), alone),
        (45, None, alone),
    ] {
        let key = SecretKey::from_seed([seed; 32]);
        let further = proof(p, &officer.actor, &key);
        let mut body = enrol(&officer.actor, &key, &further);
        if let Some(earlier) = cosigns {
            body["cosigned"] = json!(further.sign(earlier));
        }
        alone_last = p.told(police, &of_officer, "key-enrolled", body, json!({"name": "PC Jo Smith"}), Flags(flags));
    }
    let why = |e| json!({"category": "key-not-cosigned", "targets": [e]});
    let (last, opened) = (alone_last.unwrap(), p.s.world.state.exhibit(&p.s.video).unwrap().opened);
    p.line("northshire-forensics", &of_officer, "person-irregularity-explained", why(last), Refused("outside-organisation"));
    p.line(police, &of_officer, "person-irregularity-explained", why(opened), Refused("unknown-target"));
    p.line(police, &of_officer, "person-irregularity-explained", why(last), Flags(&[]));
    let revoked = |kid| json!({"key": kid, "compromised_since": null});
    p.line(police, &p.s.officer.actor.subject(), "key-revoked", revoked(kid), Refused("key-of-another"));
    p.line(police, &none, "roles-changed", json!({"roles": ["officer"]}), Refused("unknown-actor"));
}
