//! The table itself: a situation a line.

use custodes::protocol::key::SecretKey;
use custodes::protocol::token::Possession;

use super::*;

/// What is expected: taken in with exactly these flags, or refused with this code.
pub enum Expect {
    Flags(&'static [&'static str]),
    Refused(&'static str),
}
pub use Expect::{Flags, Refused};

pub struct Play {
    pub s: Sample,
    pub prosecutor: Person,
    /// Codes of the refusals so far.
    pub refused: BTreeSet<String>,
}

impl Play {
    pub fn new() -> Play {
        Play::within(sample())
    }

    /// The same in this ledger.
    pub fn within(mut s: Sample) -> Play {
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
        Play {
            s,
            prosecutor,
            refused: BTreeSet::new(),
        }
    }

    /// One line of the table.
    pub fn line(
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
            "service" => world::clone(&self.s.world.service),
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
                self.refused.insert(code);
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
pub fn play(mut play: Play) -> Play {
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
    handovers(p);
    clocks(p);
    permissions(p);
    let offer = |e: Option<EntryHash>| json!({"offer": e.unwrap()});
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Refused("offer-open"));
    let refused = json!({"offer": e.unwrap(), "from": officer});
    p.line("officer", &phone, "transfer-refused", refused.clone(), Refused("not-offeree"));
    p.line("examiner", &phone, "transfer-refused", refused.clone(), Flags(&[]));
    p.line("examiner", &phone, "transfer-refused", refused, Refused("no-such-offer"));
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    p.line("examiner", &phone, "transfer-withdrawn", offer(e), Refused("not-offeror"));
    p.line("officer", &phone, "transfer-withdrawn", offer(e), Flags(&[]));
    let e = p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Flags(&[]));
    let accepted = json!({"offer": e.unwrap(), "from": officer, "digest": null});
    p.line("examiner", &phone, "transfer-accepted", accepted, Flags(&[]));
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
    let got = p.line("prosecutor", &case, "disclosure-acknowledged", got, Flags(&["acknowledged-digest-differs"]));
    p.line("prosecutor", &case, "disclosure-requested", json!({"under": "cpia-s8"}), Flags(&[]));
    p.line("prosecutor", &case, "disclosure-decided", json!({"request": null, "outcome": "in-part"}), Flags(&[]));
    p.line("prosecutor", &case, "order-made", json!({"type": "production", "expires": null}), Flags(&[]));
    p.line("officer", &case, "stage-set", json!({"stage": "ptph", "due": null}), Flags(&[]));
    p.line("officer", &case, "case-reference-set", json!({}), Flags(&[]));
    p.line("officer", &case, "party-left", json!({"org": "ash-and-co"}), Refused("not-a-party"));
    p.line("officer", &case, "case-closed", json!({}), Flags(&[]));
    let wrong = json!({"category": "acknowledged-digest-differs", "targets": [got.unwrap()]});
    p.line("examiner", &video, "irregularity-explained", wrong.clone(), Refused("unknown-target"));
    p.line("prosecutor", &case, "case-irregularity-raised", wrong.clone(), Flags(&["irregularity-raised"]));
    p.line("examiner", &case, "case-irregularity-explained", wrong, Flags(&[]));

    // Irregularities: explained, never removed.
    let why = json!({"category": "not-a-working-copy", "targets": [examined.unwrap()]});
    p.line("prosecutor", &video, "irregularity-raised", why.clone(), Flags(&["irregularity-raised"]));
    p.line("examiner", &video, "irregularity-explained", why, Flags(&[]));

    // Thresholds change when more than half of the organisations want it.
    let ledger = p.s.world.subject.clone();
    let change = json!({"threshold": "offer_open_for", "seconds": 0});
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
    p.line("ash-and-co", &ledger, "rule-approved", proposal.clone(), Flags(&[]));
    offered(p, Flags(&["offer-open-long"]));
    // Changed again; who joins the first proposal now does not bring it back.
    let change = json!({"threshold": "offer_open_for", "seconds": 7200});
    let again = p.line("northshire-police", &ledger, "rule-proposed", change, Flags(&[]));
    for org in ["crown-prosecution", "ash-and-co"] {
        p.line(org, &ledger, "rule-approved", json!({"proposal": again.unwrap()}), Flags(&[]));
    }
    offered(p, Flags(&[]));
    p.line("northshire-forensics", &ledger, "rule-approved", proposal, Flags(&[]));
    offered(p, Flags(&[]));

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
fn handovers(p: &mut Play) {
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
    p.s.officer = holder;
    let accepted = |e: Option<EntryHash>, from: &ActorId, digest: Option<&EvidenceDigest>| json!({"offer": e, "from": from, "digest": digest});
    p.line("examiner", &disc, "transfer-accepted", accepted(e, &from, None), Flags(&["accepted-without-digest"]));
    let back = |p: &mut Play| p.line("examiner", &disc, "transfer-offered", json!({"to": {"actor": officer}, "method": "van"}), Flags(&[]));
    let e = back(p);
    p.line("officer", &disc, "transfer-accepted", accepted(e, &examiner, Some(&bad)), Flags(&["accepted-digest-differs"]));
    p.line("officer", &disc, "transfer-accepted", accepted(e, &officer, Some(&good)), Flags(&["accepted-without-offer"]));
    p.line("examiner", &disc, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed"]));
    let e = p.line("examiner", &disc, "transfer-offered", json!({"to": {"actor": p.prosecutor.actor}, "method": "van"}), Flags(&[]));
    p.line("officer", &disc, "transfer-accepted", accepted(e, &from, Some(&good)), Flags(&["accepted-by-colleague", "accepted-from-other"]));
    p.line("officer", &disc, "handed-to-unenrolled", json!({"digest": bad}), Flags(&["handed-digest-differs", "one-side-only"]));
    let allowed = p.line("prosecutor", &disc, "disposal-authorised", json!({"method": "shredding"}), Flags(&[]));
    p.line("prosecutor", &disc, "hold-placed", json!({"until": null}), Flags(&[]));
    let disposed = json!({"authorisation": allowed, "method": "shredding"});
    p.line("prosecutor", &disc, "disposed", disposed, Flags(&["not-the-holder", "own-authorisation", "under-hold"]));
}

/// Clocks that differ, entries out of their order, and a signer who commits to no state of the log.
#[rustfmt::skip]
fn clocks(p: &mut Play) {
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
    stored(p, &thing, 0, &["out-of-order"]);
    let thing = seized(p);
    stored(p, &thing, 0, &[]);
    stored(p, &thing, -25 * 60, &["out-of-order", "recorded-late"]);
    let seen = p.s.world.seen.take();
    stored(p, &thing, 0, &["seen-missing"]);
    p.s.world.seen = seen;
}

/// What nobody may: name what is not there, or take what is another's.
#[rustfmt::skip]
fn permissions(p: &mut Play) {
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
    p.line(police, &keys, "key-enrolled", enrol(&person.actor, &fresh, &good), Flags(&[]));
    let revoked = |kid| json!({"key": kid, "compromised_since": null});
    p.line(police, &p.s.officer.actor.subject(), "key-revoked", revoked(kid), Refused("key-of-another"));
    p.line(police, &none, "roles-changed", json!({"roles": ["officer"]}), Refused("unknown-actor"));
}
