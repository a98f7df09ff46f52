//! The rules as a table of situations: who records what in which state, and whether it is taken in, flagged or
//! refused. Every event of the table is taken in at least once; every role is tried on every event.

#![allow(clippy::unwrap_used)]

#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;

use custodes::court::{flags, schedule, timeline};
use custodes::ledger::state::{Known as _, Role, Status};
use custodes::ledger::{Rules, page};
use custodes::protocol::digest::{CHUNK, DigestKind, EvidenceDigest};
use custodes::protocol::entry::EntryHash;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{Strand, Subject};
use custodes::protocol::leaf::Commitment;
use custodes::protocol::tree::{MemoryTree, TreeSize, leaf_hash, prove_consistency};
use custodes::verify::audit::{Audit, AuditLeaf};
use custodes::verify::{Inputs, Severity, Verification, verify};
use serde_json::{Value, json};
use world::{Person, Sample, sample};

/// What is expected: taken in with exactly these flags, or refused with this code.
enum Expect {
    Flags(&'static [&'static str]),
    Refused(&'static str),
}
use Expect::{Flags, Refused};

/// Details that satisfy every event.
fn details() -> Value {
    let names = [
        "basis",
        "reason",
        "purpose",
        "circumstances",
        "text",
        "name",
        "old",
        "new",
        "terms",
        "reference",
        "description",
        "power_or_consent",
        "title",
        "period",
        "place",
        "tool",
        "legal_basis",
        "operator_remarks",
        "conclusion",
        "clock_offset",
    ];
    Value::Object(
        names
            .iter()
            .map(|name| ((*name).to_owned(), json!("as told")))
            .collect(),
    )
}

struct Play {
    s: Sample,
    prosecutor: Person,
}

impl Play {
    fn new() -> Play {
        let mut s = sample();
        let prosecutor = s.world.enrol(
            "crown-prosecution",
            "Sam Okoro",
            &["prosecutor", "court", "disclosure-officer", "defence"],
        );
        let join = json!({"org": "crown-prosecution", "part": "prosecution"});
        let (officer, case) = (world::clone(&s.officer), s.case.clone());
        s.world.record(
            &officer,
            &case,
            Strand::Case,
            "party-joined",
            join,
            details(),
        );
        Play { s, prosecutor }
    }

    /// One line of the table.
    fn line(
        &mut self,
        who: &str,
        subject: &Subject,
        event: &str,
        body: Value,
        expect: Expect,
    ) -> Option<EntryHash> {
        self.told(who, subject, event, body, details(), expect)
    }

    /// One line of the table, with these details.
    fn told(
        &mut self,
        who: &str,
        subject: &Subject,
        event: &str,
        body: Value,
        details: Value,
        expect: Expect,
    ) -> Option<EntryHash> {
        let who = match who {
            "officer" => world::clone(&self.s.officer),
            "examiner" => world::clone(&self.s.examiner),
            "prosecutor" => world::clone(&self.prosecutor),
            org => world::clone(
                &self.s.world.authorities[&custodes::protocol::id::OrgId::new(org).unwrap()],
            ),
        };
        let strand = Rules::embedded().row(event).unwrap().strand;
        let got = self
            .s
            .world
            .attempt(&who, subject, strand, event, body, details);
        match (got, expect) {
            (Ok((e, flags)), Flags(wanted)) => {
                assert_eq!(flags, wanted.iter().copied().collect(), "{event}");
                Some(e)
            }
            (Err(code), Refused(wanted)) => {
                assert_eq!(code, wanted, "{event}");
                None
            }
            (got, Flags(wanted)) => panic!("{event}: {got:?}, expected flags {wanted:?}"),
            (got, Refused(wanted)) => panic!("{event}: {got:?}, expected refusal {wanted}"),
        }
    }
}

fn digest(bytes: &[u8]) -> EvidenceDigest {
    EvidenceDigest::of_bytes(DigestKind::File, bytes)
}

/// The table: a situation a line, which the formatter would spread over a thousand.
#[rustfmt::skip]
fn play() -> Play {
    let mut play = Play::new();
    let p = &mut play;
    let (case, video, phone, copy) = (p.s.case.clone(), p.s.video.clone(), p.s.phone.clone(), p.s.copy.clone());
    let (officer, examiner) = (p.s.officer.actor.clone(), p.s.examiner.actor.clone());
    let bytes = digest(&p.s.bytes);
    let other = digest(b"other bytes");
    let made = |digest: &EvidenceDigest, role: &str| json!({"case": case, "kind": "surveillance-footage", "role": role, "digest": digest, "parents": [{"exhibit": video, "digest": bytes}]});

    // Made out of others: a failed clone is a report of fact, and flagged.
    let fresh = p.s.world.subject();
    p.line("examiner", &fresh, "copied", made(&bytes, "working"), Flags(&[]));
    let fresh = p.s.world.subject();
    p.line("examiner", &fresh, "copied", made(&other, "working"), Flags(&["copy-differs"]));
    let fresh = p.s.world.subject();
    p.line("examiner", &fresh, "derived", made(&other, "clip"), Flags(&[]));
    let fresh = p.s.world.subject();
    p.line("examiner", &fresh, "split", made(&other, "part"), Flags(&[]));

    // Possession of the phone, held by the officer under seal K1234567.
    let org = |name: &str| json!({"to": {"org": name}, "method": "in-person"});
    let seal = |number: &str| json!({"seal": number});
    p.line("officer", &phone, "unsealed", seal("K1234567"), Flags(&[]));
    p.line("officer", &phone, "unsealed", seal("K1234567"), Flags(&["not-sealed"]));
    p.line("officer", &phone, "resealed", seal("K2"), Flags(&[]));
    p.line("officer", &phone, "resealed", seal("K1234567"), Flags(&["seal-reused"]));
    p.line("officer", &phone, "stored", json!({"place": "shelf-4"}), Flags(&[]));
    p.line("examiner", &phone, "stored", json!({"place": "shelf-5"}), Flags(&["not-the-holder"]));
    let carried = json!({"carrier": "courier-7", "seal": "X9"});
    p.line("officer", &phone, "consigned", carried, Flags(&["seal-differs"]));
    let none = json!({"digest": null});
    p.line("officer", &phone, "handed-to-unenrolled", none.clone(), Flags(&["one-side-only"]));
    assert_eq!(p.s.world.state.exhibit(&phone).unwrap().status, Status::Outside);
    p.line("officer", &phone, "received-from-unenrolled", none, Flags(&["one-side-only"]));
    p.line("examiner", &phone, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed"]));
    p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Refused("not-holder"));
    p.line("examiner", &phone, "transfer-offered", org("northshire-forensics"), Refused("offer-to-self"));
    p.line("examiner", &phone, "transfer-offered", org("ash-and-co"), Refused("recipient-not-in-case"));
    p.line("examiner", &phone, "lost", json!({}), Flags(&["lost"]));
    p.line("examiner", &phone, "sealed", seal("S9"), Flags(&["sealed-twice", "while-lost"]));
    p.line("officer", &phone, "found", json!({}), Flags(&["custody-gap"]));
    p.line("officer", &phone, "found", json!({}), Flags(&["found-not-lost"]));
    bags(p);
    feeds(p);
    flags_of_practice(p);
    let offer = |e: Option<EntryHash>| json!({"offer": e.unwrap()});
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Refused("offer-open"));
    let refused = json!({"offer": e.unwrap(), "from": officer});
    p.line("examiner", &phone, "transfer-refused", refused.clone(), Flags(&[]));
    p.line("examiner", &phone, "transfer-refused", refused, Refused("no-such-offer"));
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    p.line("examiner", &phone, "transfer-withdrawn", offer(e), Refused("not-offeror"));
    p.line("officer", &phone, "transfer-withdrawn", offer(e), Flags(&[]));
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    p.s.world.wait(8 * 24 * 60);
    let accepted = json!({"offer": e.unwrap(), "from": officer, "digest": null});
    p.line("examiner", &phone, "transfer-accepted", accepted, Flags(&["offer-open-long"]));
    p.line("examiner", &phone, "digested", json!({"digest": bytes}), Flags(&[]));
    p.line("examiner", &phone, "digested", json!({"digest": other}), Flags(&["digest-differs"]));

    // Notes.
    let examined = p.line("examiner", &video, "examined", json!({}), Flags(&["not-a-working-copy"]));
    p.line("examiner", &copy, "examined", json!({}), Flags(&[]));
    let search = |reviewer: Value| {
        json!({
            "probe": video, "dataset": "custody-images", "dataset_version": "2026-03", "dataset_size": 100,
            "algorithm": "fr", "algorithm_version": "4.1", "threshold": "0.62", "candidates": null,
            "asked": 10, "given": 3, "reviewer": reviewer,
        })
    };
    p.line("examiner", &video, "searched", search(json!(null)), Flags(&["no-reviewer", "no-corroboration"]));
    p.line("examiner", &video, "searched", search(json!(examiner)), Flags(&["no-reviewer", "no-corroboration"]));
    p.line("examiner", &video, "searched", search(json!(officer)), Flags(&["no-corroboration"]));
    p.line("examiner", &video, "combined", json!({"inputs": [video], "output": copy}), Flags(&[]));
    let both = |actual: &EvidenceDigest| json!({"expected": bytes, "actual": actual});
    p.line("officer", &video, "verified", both(&bytes), Flags(&[]));
    p.line("officer", &video, "verified", both(&other), Flags(&["verified-differs"]));
    p.line("officer", &video, "verification-failed", both(&other), Flags(&["verification-failed"]));
    let target = json!({"target": examined.unwrap()});
    p.line("officer", &video, "annotated", target.clone(), Flags(&[]));
    p.line("officer", &copy, "annotated", target.clone(), Refused("unknown-target"));
    p.line("officer", &video, "supplemented", target.clone(), Flags(&[]));
    p.line("officer", &video, "corrected", target, Flags(&["corrected"]));
    let restated = |first: Option<EntryHash>, holder: &Person| json!({"holder": holder.actor, "countersigns": first});
    let (one, two) = (world::clone(&p.s.officer), world::clone(&p.s.examiner));
    let first = p.line("officer", &video, "custody-restated", restated(None, &one), Flags(&["custody-restated"]));
    assert_eq!(p.s.world.state.exhibit(&video).unwrap().holder.person, Some(examiner.clone()));
    p.line("officer", &video, "custody-restated", restated(first, &one), Refused("not-countersigned"));
    p.line("examiner", &video, "custody-restated", restated(first, &two), Refused("not-countersigned"));
    p.line("examiner", &video, "custody-restated", restated(first, &one), Flags(&["custody-restated"]));
    assert_eq!(p.s.world.state.exhibit(&video).unwrap().holder.person, Some(officer.clone()));
    p.line("officer", &video, "exhibit-re-referenced", json!({}), Flags(&[]));
    p.line("officer", &video, "produced", json!({"hearing": "t20260001"}), Flags(&[]));

    // Holds, authorisation, the end of an exhibit.
    let method = json!({"method": "shredding"});
    let hold = |e: Option<EntryHash>| json!({"hold": e.unwrap()});
    let until = json!({"until": null});
    let held = p.line("prosecutor", &video, "hold-placed", until.clone(), Flags(&[]));
    p.line("prosecutor", &video, "disposal-authorised", method.clone(), Refused("under-hold"));
    p.line("officer", &video, "hold-lifted", hold(held), Refused("not-your-hold"));
    p.line("prosecutor", &video, "hold-lifted", hold(held), Flags(&[]));
    p.line("prosecutor", &video, "hold-lifted", hold(held), Refused("no-such-hold"));
    let held = p.line("officer", &case, "case-hold-placed", until.clone(), Flags(&[]));
    p.line("prosecutor", &video, "disposal-authorised", method.clone(), Refused("under-hold"));
    p.line("prosecutor", &case, "case-hold-lifted", hold(held), Flags(&[]));
    p.line("officer", &video, "disposal-authorised", method.clone(), Refused("own-disposal"));
    p.line("officer", &video, "retention-set", until, Flags(&[]));
    let allowed = p.line("prosecutor", &video, "disposal-authorised", method, Flags(&[]));
    let disposed = json!({"authorisation": allowed.unwrap(), "method": "shredding"});
    p.line("officer", &video, "disposed", disposed, Flags(&[]));
    let returned = json!({"authorisation": null});
    p.line("officer", &video, "returned", returned, Flags(&["after-end", "not-authorised"]));
    p.line("officer", &video, "destroyed-unplanned", json!({}), Flags(&["after-end", "destroyed-unplanned"]));

    // Privilege, schedules, disclosure.
    let scheduled = json!({"exhibit": copy, "schedule": "mg6c"});
    let disclosed = json!({"exhibits": [copy], "to": ["crown-prosecution"], "bundle": null});
    p.line("prosecutor", &copy, "privilege-resolved", json!({"outcome": "rejected"}), Refused("no-claim"));
    p.line("prosecutor", &copy, "privilege-claimed", json!({}), Flags(&[]));
    p.line("prosecutor", &case, "scheduled", scheduled.clone(), Refused("privileged"));
    p.line("prosecutor", &case, "disclosed", disclosed.clone(), Refused("privileged"));
    p.line("prosecutor", &copy, "privilege-resolved", json!({"outcome": "rejected"}), Flags(&[]));
    p.line("prosecutor", &case, "scheduled", scheduled, Flags(&[]));
    let given = p.line("prosecutor", &case, "disclosed", disclosed, Flags(&[]));
    p.line("examiner", &copy, "quarantined", json!({}), Flags(&[]));
    let given = json!({"disclosure": given.unwrap()});
    p.line("prosecutor", &case, "inspected", given.clone(), Flags(&[]));
    let promised = p.line("prosecutor", &case, "undertaking-given", given.clone(), Flags(&[]));
    let other_entry = json!({"undertaking": given["disclosure"]});
    p.line("prosecutor", &case, "undertaking-discharged", other_entry, Refused("no-such-undertaking"));
    p.line("prosecutor", &case, "undertaking-discharged", json!({"undertaking": promised.unwrap()}), Flags(&[]));
    let got = json!({"disclosure": given["disclosure"], "digests": [{"exhibit": copy, "digest": other}]});
    p.line("prosecutor", &case, "disclosure-acknowledged", got, Flags(&["acknowledged-digest-differs"]));
    p.line("prosecutor", &case, "disclosure-requested", json!({"under": "cpia-s8"}), Flags(&[]));
    p.line("prosecutor", &case, "disclosure-decided", json!({"request": null, "outcome": "in-part"}), Flags(&[]));
    p.line("prosecutor", &case, "order-made", json!({"type": "production", "expires": null}), Flags(&[]));
    p.line("officer", &case, "stage-set", json!({"stage": "ptph", "due": null}), Flags(&[]));
    p.line("officer", &case, "case-reference-set", json!({}), Flags(&[]));
    p.line("officer", &case, "party-left", json!({"org": "ash-and-co"}), Refused("not-a-party"));
    p.line("officer", &case, "case-closed", json!({}), Flags(&[]));

    // Irregularities: explained, never removed.
    let why = json!({"category": "not-a-working-copy", "targets": [examined.unwrap()]});
    p.line("prosecutor", &video, "irregularity-raised", why.clone(), Flags(&["irregularity-raised"]));
    p.line("examiner", &video, "irregularity-explained", why, Flags(&[]));

    // Thresholds change when more than half of the organisations want it.
    let ledger = p.s.world.subject.clone();
    let change = json!({"threshold": "offer_open_for", "seconds": 60});
    let proposal = p.line("northshire-police", &ledger, "rule-proposed", change, Flags(&[]));
    let proposal = json!({"proposal": proposal.unwrap()});
    p.line("northshire-police", &ledger, "rule-approved", proposal.clone(), Refused("approved-already"));
    p.line("crown-prosecution", &ledger, "rule-approved", proposal.clone(), Flags(&[]));
    let offered = |p: &mut Play, expect: Expect| {
        let e = p.line("examiner", &copy, "transfer-offered", org("northshire-police"), Flags(&[]));
        p.s.world.wait(10);
        let accepted = json!({"offer": e.unwrap(), "from": examiner, "digest": bytes});
        p.line("officer", &copy, "transfer-accepted", accepted, expect);
        p.line("examiner", &copy, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed"]));
    };
    offered(p, Flags(&[]));
    p.line("ash-and-co", &ledger, "rule-approved", proposal, Flags(&[]));
    offered(p, Flags(&["offer-open-long"]));

    // People.
    let keys = p.s.officer.actor.subject();
    let roles = json!({"roles": ["officer", "examiner"]});
    p.line("northshire-forensics", &keys, "roles-changed", roles.clone(), Refused("outside-organisation"));
    p.line("northshire-police", &keys, "roles-changed", roles, Flags(&[]));
    p.line("northshire-police", &keys, "roles-changed", json!({"roles": ["authority"]}), Refused("reserved-role"));
    let kid = p.s.officer.key.public().id();
    let revoked = json!({"key": kid, "compromised_since": null});
    p.line("northshire-police", &keys, "key-revoked", revoked, Flags(&[]));
    p.line("officer", &phone, "found", json!({}), Refused("key-not-valid"));
    p.line("examiner", &case, "party-left", json!({"org": "crown-prosecution"}), Refused("no-role"));
    p.line("prosecutor", &case, "party-left", json!({"org": "crown-prosecution"}), Flags(&[]));
    p.line("prosecutor", &video, "annotated", json!({"target": examined.unwrap()}), Refused("no-standing"));
    let service = world::clone(&p.s.world.service);
    let read = json!({"target": "exhibit", "extent": "bundle"});
    let why = json!({"reader": examiner, "purpose": "Report", "token": "a.b.c"});
    p.s.world.record(&service, &video, Strand::Access, "exported", read, why);
    play
}

/// A bag moves what is in it; a store takes in whoever is on duty there.
#[rustfmt::skip]
fn bags(p: &mut Play) {
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
    assert_eq!(p.s.world.state.exhibit(&sim).unwrap().status, Status::Lost);
    p.line("examiner", &bag, "found", json!({}), Flags(&["custody-gap"]));
    // Out of the bag by itself, said or not said.
    p.line("examiner", &sim, "unpacked", into(&bag), Flags(&[]));
    p.line("examiner", &sim, "unpacked", into(&bag), Flags(&["not-packed"]));
    p.line("examiner", &disc, "stored", json!({"place": "shelf-4"}), Flags(&["while-packed"]));
    p.line("examiner", &bag, "lost", json!({}), Flags(&["lost"]));
    for one in [&sim, &disc] {
        assert_eq!(p.s.world.state.exhibit(one).unwrap().status, Status::Held, "out of the bag it moves no more with it");
    }
}

/// A feed grows: proven where the old bytes end with a chunk, flagged where nothing proves it.
#[rustfmt::skip]
fn feeds(p: &mut Play) {
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
fn flags_of_practice(p: &mut Play) {
    let case = p.s.case.clone();
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
    p.line("officer", &fresh, "unsealed", json!({"seal": "T1"}), Flags(&[]));
    p.line("officer", &fresh, "examined", json!({}), Flags(&[]));
    p.line("prosecutor", &fresh, "stored", json!({"place": "desk"}), Flags(&["not-the-holder", "unusual-role"]));
}

fn check(play: &Play) -> Verification {
    let bundle = play.s.world.case_bundle(&play.s.case);
    verify(Inputs {
        bundle: &bundle.to_bytes(),
        policy: &play.s.world.policy(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    })
}

fn failed(found: &Verification) -> BTreeSet<String> {
    let failed = found
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Failed);
    failed.map(|one| one.code.clone()).collect()
}

#[test]
fn every_event_in_every_state_and_the_same_flags_offline() {
    let play = play();
    let recorded: BTreeSet<&str> = play
        .s
        .world
        .entries
        .iter()
        .map(|one| one.entry.payload().event.as_str())
        .collect();
    let all: BTreeSet<&str> = Rules::embedded()
        .rows()
        .map(|row| row.event.as_str())
        .collect();
    assert_eq!(recorded, all, "every event was taken in");

    let found = check(&play);
    assert_eq!(failed(&found), BTreeSet::new(), "{:?}", found.findings);
    let bundle = found.verified.unwrap();
    let offline: BTreeSet<(EntryHash, &str)> = bundle
        .flags
        .iter()
        .map(|flag| (flag.entries[0], flag.code))
        .collect();
    assert_eq!(
        offline, play.s.world.flags,
        "the bundle gives the flags that the service gave"
    );

    let text = flags::flags(&bundle);
    let line = text
        .lines()
        .find(|line| line.contains("not-a-working-copy"))
        .unwrap();
    assert!(
        line.contains("Explained by Dr Ana Iyer (northshire-forensics) on "),
        "{line}"
    );
    let acts = schedule::schedule(&bundle);
    let hers = acts
        .split("\n\n")
        .find(|part| part.starts_with("Dr Ana Iyer (northshire-forensics)\n"));
    let hers = hers.unwrap();
    let mine = |one: &&str| one.contains(": Dr Ana Iyer (northshire-forensics) recorded that ");
    assert_eq!(
        hers.lines().skip(1).filter(mine).count(),
        hers.lines().count() - 1
    );
    let made = play
        .s
        .world
        .entries
        .iter()
        .filter(|one| one.entry.payload().actor == play.s.examiner.actor);
    assert_eq!(hers.lines().count() - 1, made.count(), "all of her acts");
    let told = timeline::timeline(&bundle);
    assert!(
        !told.contains("there was the event"),
        "every event has a sentence\n{told}"
    );
    for words in [
        "recorded that they took exhibit JSM/2 over from PC Jo Smith (northshire-police), because \"as told\".",
        "recorded that they placed a hold on",
        "version 2026-03 (100 items) with fr version 4.1 at threshold 0.62",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
}

#[test]
fn every_role_on_every_event() {
    let mut s = sample();
    let roles = [
        "officer",
        "examiner",
        "store",
        "system",
        "disclosure-officer",
        "prosecutor",
        "defence",
        "court",
        "probation",
        "prison",
        "auditor",
    ];
    for role in roles {
        let person = s.world.enrol("northshire-police", role, &[role]);
        let role: Role = serde_json::from_value(json!(role)).unwrap();
        for row in Rules::embedded()
            .rows()
            .filter(|row| row.event != "genesis")
        {
            let subject = match (row.strand, row.opens) {
                (Strand::Custody | Strand::Case, true) => s.world.subject(),
                (Strand::Custody | Strand::Notes | Strand::Access, _) => s.video.clone(),
                (Strand::Case | Strand::Exhibits, _) => s.case.clone(),
                (Strand::Keys, _) => s.examiner.actor.subject(),
                (Strand::Rules, _) => s.world.subject.clone(),
            };
            let mut trial = Trial(&mut s);
            let code = trial.refusal(&person, &subject, row.strand, &row.event);
            let may = row.roles.contains(&role);
            assert_eq!(
                code.as_deref() == Some("no-role"),
                !may,
                "{role:?} {}: {code:?}",
                row.event
            );
        }
    }
}

/// Tries an entry without a body; nothing is kept.
struct Trial<'s>(&'s mut Sample);

impl Trial<'_> {
    fn refusal(
        &mut self,
        who: &Person,
        subject: &Subject,
        strand: Strand,
        event: &str,
    ) -> Option<String> {
        let before = self.0.world.entries.len();
        let body = json!({"unknown": true});
        let mut all = details();
        all["reader"] = json!("somebody");
        all["token"] = json!("a.b.c");
        let got = self.0.world.attempt(who, subject, strand, event, body, all);
        assert_eq!(
            self.0.world.entries.len(),
            before,
            "{event}: a body that does not fit is refused"
        );
        got.err()
    }
}

/// The table with nothing refused: what a service patched to let everything in would run.
fn permissive() -> &'static Rules {
    let mut table: Value = serde_json::from_str(Rules::text()).unwrap();
    for row in table["events"].as_array_mut().unwrap() {
        row["refuse"] = json!([]);
    }
    Box::leak(Box::new(Rules::parse(&table.to_string()).unwrap()))
}

#[test]
fn what_a_patched_service_lets_in_is_caught_by_verify_and_audit() {
    let forbidden: [(&str, Value); 4] = [
        (
            "transfer-offered",
            json!({"to": {"org": "northshire-police"}, "method": "post"}),
        ),
        ("disposal-authorised", json!({"method": "shredding"})),
        (
            "hold-lifted",
            json!({"hold": EntryHash(Hash::of(&[b"none"]))}),
        ),
        ("privilege-resolved", json!({"outcome": "rejected"})),
    ];
    for (event, body) in forbidden {
        let mut play = Play::new();
        let video = play.s.video.clone();
        play.line(
            "prosecutor",
            &video,
            "hold-placed",
            json!({"until": null}),
            Flags(&[]),
        );
        assert_eq!(failed(&check(&play)), BTreeSet::new());
        let who = match event {
            "transfer-offered" => world::clone(&play.s.officer),
            _ => world::clone(&play.prosecutor),
        };
        let strand = Rules::embedded().row(event).unwrap().strand;
        play.s.world.rules = permissive();
        play.s
            .world
            .record(&who, &video, strand, event, body, details());
        assert!(
            failed(&check(&play)).contains("rule-broken"),
            "verify: {event}"
        );
        let mut audit = Audit::new(Rules::embedded());
        for one in &play.s.world.entries {
            audit.step(AuditLeaf {
                recorded_at: one.recorded_at,
                data: Commitment::new(one.recorded_at, one.entry.hash()).leaf_data(),
                jws: one.entry.jws().to_owned(),
                disclosures: one
                    .entry
                    .disclosures()
                    .iter()
                    .map(|d| d.as_str().to_owned())
                    .collect(),
            });
        }
        let codes: Vec<String> = audit.finish().into_iter().map(|one| one.code).collect();
        assert_eq!(codes, ["rule-broken"], "audit: {event}");
    }
}

#[test]
fn the_page_of_the_rules_is_fresh() {
    let made = page::rules_page(Rules::embedded());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RULES.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/RULES.md is stale: UPDATE=1 cargo test --release --test rules_table"
    );
}

#[test]
fn every_body_has_a_schema_that_names_its_members() {
    for row in Rules::embedded().rows() {
        let schema = page::body_schema(row);
        let members: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            row.body.keys().collect::<Vec<_>>(),
            "{}",
            row.event
        );
        assert_eq!(schema["additionalProperties"], json!(false));
    }
}
