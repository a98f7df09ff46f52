//! Who takes part in the ledger, and with which authority's key: situations of the table.

use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::id::{OrgId, Origin};
use custodes::protocol::key::SecretKey;
use custodes::protocol::note::{self, SignatureKind, VerifierKey};
use custodes::protocol::token::Possession;

use custodes::protocol::tree::RootHash;

use crate::situations::{Flags, Play, Refused};
use crate::*;

const LAB: &str = "north-lab";

/// A request to be admitted as authority of the laboratory.
fn request(p: &Play, person: &Person) -> Value {
    json!({
        "org": LAB, "sector": "forensic",
        "actor": person.actor, "key": person.key.public(), "proof": proof(p, &person.actor, &person.key),
    })
}

fn proof(p: &Play, actor: &ActorId, key: &SecretKey) -> String {
    let statement = Possession {
        ledger: p.s.world.origin.clone(),
        actor: actor.clone(),
        key: key.public(),
    };
    statement.sign(key)
}

fn suspended(p: &Play, org: &str) -> bool {
    let org = p.s.world.state.org(&OrgId::new(org).unwrap());
    org.is_some_and(|org| org.suspended)
}

/// Admitted by three of five, suspended by four of six, and admitted again.
#[rustfmt::skip]
pub fn organisations(p: &mut Play) {
    let ledger = p.s.world.subject.clone();
    let genesis = p.s.world.entries[0].entry.hash();
    let lab = p.s.world.authority(LAB);
    let asked = request(p, &lab);
    let with = |name: &str, value: Value| { let mut body = asked.clone(); body[name] = value; body };
    let accept = json!({"genesis": genesis});
    let named = |e: Option<EntryHash>| json!({"proposal": e.unwrap()});
    let police = "northshire-police";

    // The service says which further keys sign checkpoints; nobody else does, and not of another log.
    let origin = p.s.world.origin.clone();
    let vkey = |name: &Origin, kind| json!({"log": [VerifierKey::ed25519(name.clone(), kind, SecretKey::from_seed([77; 32]).public()).to_string()]});
    let other = vkey(&Origin::new("evidence.elsewhere.example").unwrap(), SignatureKind::Ed25519);
    p.line("service", &ledger, "log-key-rotated", other, Refused("bad-body"));
    p.line("service", &ledger, "log-key-rotated", vkey(&origin, SignatureKind::CosignatureV1), Refused("bad-body"));
    p.line(police, &ledger, "log-key-rotated", vkey(&origin, SignatureKind::Ed25519), Refused("no-role"));
    p.line("service", &ledger, "log-key-rotated", vkey(&origin, SignatureKind::Ed25519), Flags(&[]));
    p.line("service", &ledger, "log-key-rotated", vkey(&origin, SignatureKind::Ed25519), Refused("bad-body"));

    // It goes on where another ended, once, and not where it ends itself.
    let end = |name: &str| {
        let origin = Origin::new(name).unwrap();
        let root = RootHash(Hash::of(&[b"where it ended"]));
        let end = Checkpoint { origin, size: TreeSize(1204), root };
        json!({"checkpoint": note::sign(&end.to_text(), &end.origin, &SecretKey::from_seed([78; 32]))})
    };
    p.line("prosecutor", &ledger, "continued-from", end("evidence.old.example"), Refused("no-role"));
    p.line(police, &ledger, "continued-from", json!({"checkpoint": "evidence.old.example"}), Refused("bad-body"));
    p.line(police, &ledger, "continued-from", end(origin.as_str()), Refused("bad-body"));
    p.line(police, &ledger, "continued-from", end("evidence.old.example"), Flags(&[]));
    p.line("service", &ledger, "continued-from", end("evidence.older.example"), Flags(&[]));
    p.line("service", &ledger, "continued-from", end("evidence.old.example"), Refused("bad-body"));

    // The service changes its own key alone, and has the next one. The real service beside has no next key.
    if p.s.world.beside.is_none() {
        let next = p.s.world.authority("spare.example").key;
        let body = p.s.world.service_rotation(&next, &next);
        let other = |name: &str, value: Value| { let mut body = body.clone(); body[name] = value; body };
        p.line(police, &ledger, "service-key-rotated", body.clone(), Refused("no-role"));
        let officer = json!(p.s.officer.actor);
        p.line("service", &ledger, "service-key-rotated", other("actor", officer), Refused("no-possession"));
        p.line("service", &ledger, "service-key-rotated", other("key", json!(p.s.officer.key.public())), Refused("key-taken"));
        let unproven = p.s.world.service_rotation(&next, &p.s.world.service.key);
        p.line("service", &ledger, "service-key-rotated", unproven, Refused("no-possession"));
        let of_another = json!(p.s.officer.actor);
        let mut body = other("actor", of_another);
        body["proof"] = json!(proof(p, &p.s.officer.actor, &next));
        p.line("service", &ledger, "service-key-rotated", body, Refused("bad-body"));
        p.s.world.authorities.remove(&OrgId::new("spare.example").unwrap());
        let before = p.s.world.rotate_service();
        let further = vkey(&origin, SignatureKind::CosignatureV1);
        let says = p.s.world.attempt(&before, &ledger, Strand::Rules, "log-key-rotated", further, json!({}));
        assert_eq!(says.unwrap_err(), "key-not-valid");
    }

    // Proposed with the proof that its authority holds its key; nobody's name or id is taken.
    p.line(police, &ledger, "organisation-admitted", with("org", json!("ash-and-co")), Refused("organisation-taken"));
    p.line(police, &ledger, "organisation-admitted", with("org", json!("operator.example")), Refused("organisation-taken"));
    p.line(police, &ledger, "organisation-admitted", with("actor", json!(p.s.examiner.actor)), Refused("organisation-taken"));
    p.line(police, &ledger, "organisation-admitted", with("key", json!(p.s.examiner.key.public())), Refused("key-taken"));
    p.line(police, &ledger, "organisation-admitted", with("proof", json!(proof(p, &p.s.examiner.actor, &lab.key))), Refused("no-possession"));
    let asks = p.line(police, &ledger, "organisation-admitted", asked.clone(), Flags(&[]));
    let twice = p.line("ash-and-co", &ledger, "organisation-admitted", asked.clone(), Flags(&[]));
    p.line(LAB, &ledger, "genesis-accepted", accept.clone(), Refused("unknown-key"));
    p.line("ash-and-co", &ledger, "rule-approved", named(asks), Flags(&[]));
    assert_eq!(p.s.world.state.ledger().unwrap().orgs.len(), 5, "two of five are not enough");
    p.line("inspectorate", &ledger, "rule-approved", named(asks), Flags(&[]));
    assert_eq!(p.s.world.state.ledger().unwrap().orgs.len(), 6);
    p.line(police, &ledger, "rule-approved", named(twice), Refused("no-such-proposal"));

    // It writes once it has accepted how the ledger begins.
    let change = json!({"threshold": "offer_open_for", "seconds": 1});
    p.line(LAB, &ledger, "rule-proposed", change.clone(), Refused("organisation-not-accepted"));
    p.line(LAB, &ledger, "genesis-accepted", accept.clone(), Flags(&[]));
    let chemist = p.s.world.enrol(LAB, "Dr Noor Haddad", &["officer", "examiner"]);
    let case = p.s.world.subject();
    p.s.world.record(&chemist, &case, Strand::Case, "case-opened", json!({}), details());
    let sample = p.s.world.subject();
    let seized = json!({"case": case, "kind": "device", "from": null});
    p.s.world.record(&chemist, &sample, Strand::Custody, "seized", seized, details());
    let offered = p.s.world.subject();
    let seized = json!({"case": p.s.case, "kind": "device", "from": null});
    p.line("examiner", &offered, "seized", seized, Flags(&[]));
    let join = json!({"org": LAB, "part": "forensic"});
    let officer = p.s.world.enrol("northshire-forensics", "Lee Park", &["officer"]);
    p.s.world.record(&officer, &p.s.case.clone(), Strand::Case, "party-joined", join.clone(), details());

    // Suspended by four of six: it counts among them, and has a voice until then.
    p.line(police, &ledger, "organisation-suspended", json!({"org": "nobody.example"}), Refused("unknown-organisation"));
    let ends = p.line(police, &ledger, "organisation-suspended", json!({"org": LAB}), Flags(&[]));
    for org in ["ash-and-co", "inspectorate"] {
        p.line(org, &ledger, "rule-approved", named(ends), Flags(&[]));
    }
    assert!(!suspended(p, LAB), "three of six are not enough");
    let left = p.line(LAB, &ledger, "rule-proposed", change.clone(), Flags(&[]));
    p.line("crown-prosecution", &ledger, "rule-approved", named(ends), Flags(&[]));
    assert!(suspended(p, LAB));
    p.line(LAB, &ledger, "rule-proposed", change.clone(), Refused("organisation-suspended"));
    p.line(police, &ledger, "organisation-suspended", json!({"org": LAB}), Refused("unknown-organisation"));
    let says = p.s.world.attempt(&chemist, &sample, Strand::Custody, "sealed", json!({"seal": "N1"}), details());
    assert_eq!(says.unwrap_err(), "organisation-suspended");
    let to = json!({"to": {"org": LAB}, "method": "in-person"});
    p.line("examiner", &offered, "transfer-offered", to, Refused("recipient-not-in-case"));
    let says = p.s.world.attempt(&officer, &p.s.case.clone(), Strand::Case, "party-joined", join, details());
    assert_eq!(says.unwrap_err(), "unknown-organisation");
    // What it recorded stands, and so do the keys of its people.
    let held = p.s.world.state.exhibit(&sample).unwrap();
    assert_eq!((held.holder.org.as_str(), held.seal), (LAB, None));
    assert!(p.s.world.state.key(chemist.key.public().id()).unwrap().revoked.is_none());
    // What it stood behind has its voice no more: three of five are needed, with it there are two.
    p.line(police, &ledger, "rule-approved", named(left), Flags(&[]));
    p.line("inspectorate", &ledger, "rule-approved", named(left), Flags(&[]));
    assert_ne!(p.s.world.state.ledger().unwrap().thresholds["offer_open_for"], 1);

    // It comes back with another authority; the keys of the earlier one count no more.
    let successor = p.s.world.authority(LAB);
    let again = p.line(police, &ledger, "organisation-admitted", request(p, &successor), Flags(&[]));
    for org in ["ash-and-co", "inspectorate"] {
        p.line(org, &ledger, "rule-approved", named(again), Flags(&[]));
    }
    let says = p.s.world.attempt(&lab, &ledger, Strand::Rules, "genesis-accepted", accept.clone(), json!({}));
    assert_eq!(says.unwrap_err(), "key-not-valid");
    let says = p.s.world.attempt(&chemist, &sample, Strand::Custody, "sealed", json!({"seal": "N1"}), details());
    assert_eq!(says.unwrap_err(), "organisation-not-accepted");
    p.line(LAB, &ledger, "genesis-accepted", accept, Flags(&[]));
    p.s.world.record(&chemist, &sample, Strand::Custody, "sealed", json!({"seal": "N1"}), details());

    // An authority changes its own key at once, and that of another with the others.
    let fresh = p.s.world.authority("spare.example").key;
    let body = json!({"actor": successor.actor, "key": fresh.public(), "proof": proof(p, &successor.actor, &fresh), "compromised_since": null});
    let other = |name: &str, value: Value| { let mut body = body.clone(); body[name] = value; body };
    p.line(LAB, &ledger, "authority-key-rotated", other("actor", json!(chemist.actor)), Refused("not-an-authority"));
    p.line(LAB, &ledger, "authority-key-rotated", other("key", json!(successor.key.public())), Refused("key-taken"));
    p.line(LAB, &ledger, "authority-key-rotated", other("proof", json!(proof(p, &successor.actor, &lab.key))), Refused("no-possession"));
    p.line(LAB, &ledger, "authority-key-rotated", body, Flags(&[]));
    p.line(LAB, &ledger, "rule-proposed", change.clone(), Refused("key-not-valid"));
    let now = Person { actor: successor.actor.clone(), key: SecretKey::from_seed(*fresh.seed()) };
    p.s.world.authorities.insert(OrgId::new(LAB).unwrap(), now);
    p.s.world.enrol(LAB, "Sol Vega", &["examiner"]);
    let third = p.s.world.authority("spare.example").key;
    let since = "2026-03-01T00:00:00+00:00";
    let body = json!({"actor": successor.actor, "key": third.public(), "proof": proof(p, &successor.actor, &third), "compromised_since": since});
    let stolen = p.line(police, &ledger, "authority-key-rotated", body, Flags(&[]));
    for org in ["ash-and-co", "inspectorate"] {
        p.line(org, &ledger, "rule-approved", named(stolen), Flags(&[]));
    }
    assert_eq!(p.s.world.state.key(fresh.public().id()).unwrap().revoked, None, "three of six are not enough");
    p.line("crown-prosecution", &ledger, "rule-approved", named(stolen), Flags(&[]));
    p.line(LAB, &ledger, "rule-proposed", change, Refused("key-not-valid"));
    let taken = p.s.world.state.key(fresh.public().id()).unwrap();
    assert!(taken.revoked.is_some() && taken.compromised_since.is_some());

    // And suspended for good, so that five are left.
    let ends = p.line(police, &ledger, "organisation-suspended", json!({"org": LAB}), Flags(&[]));
    for org in ["ash-and-co", "inspectorate", "crown-prosecution"] {
        p.line(org, &ledger, "rule-approved", named(ends), Flags(&[]));
    }
    p.s.world.authorities.remove(&OrgId::new("spare.example").unwrap());
    assert_eq!(p.s.world.state.ledger().unwrap().orgs.len(), 5);
}
