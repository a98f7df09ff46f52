//! The table itself: a situation a line.

use super::*;
use crate::branches::{adoption, branches};
use crate::claims::claims;
use crate::disclosures::disclosures;
use crate::erasures::erasures;
use crate::links::links;
use crate::organisations::organisations;
use crate::practice::{bags, clocks, feeds, flags_of_practice, handovers, permissions};

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
    pub fn told(
        &mut self,
        who: &str,
        subject: &Subject,
        event: &str,
        body: Value,
        details: Value,
        expect: Expect,
    ) -> Option<EntryHash> {
        let who = self.who(who);
        let strand = Rules::embedded().row(event).unwrap().strand;
        let got = self
            .s
            .world
            .attempt(&who, subject, strand, event, body, details);
        self.expect(event, got, expect)
    }

    /// Somebody of the play, or the authority of an organisation.
    pub fn who(&self, who: &str) -> Person {
        match who {
            "officer" => world::clone(&self.s.officer),
            "examiner" => world::clone(&self.s.examiner),
            "prosecutor" => world::clone(&self.prosecutor),
            "service" => world::clone(&self.s.world.service),
            org => world::clone(
                &self.s.world.authorities[&custodes::protocol::id::OrgId::new(org).unwrap()],
            ),
        }
    }

    /// What came of it, against what was expected.
    pub fn expect(
        &mut self,
        event: &str,
        got: Result<(EntryHash, BTreeSet<&'static str>), String>,
        expect: Expect,
    ) -> Option<EntryHash> {
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

pub fn digest(bytes: &[u8]) -> EvidenceDigest {
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
    p.line("officer", &phone, "resealed", seal("K1234567"), Flags(&["seal-reused", "sealed-twice"]));
    p.line("officer", &phone, "stored", json!({"place": "shelf-4"}), Flags(&[]));
    p.line("examiner", &phone, "stored", json!({"place": "shelf-5"}), Flags(&["not-the-holder"]));
    let carried = json!({"carrier": "courier-7", "seal": "X9"});
    p.line("officer", &phone, "consigned", carried, Flags(&["seal-differs"]));
    let none = json!({"digest": null});
    p.line("officer", &phone, "handed-to-unenrolled", none.clone(), Flags(&["one-side-only"]));
    assert_eq!(p.s.world.state.exhibit(&phone).unwrap().status, Status::Outside);
    p.line("officer", &phone, "received-from-unenrolled", none, Flags(&["one-side-only", "seal-not-stated"]));
    p.line("examiner", &phone, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed", "seal-not-stated"]));
    p.line("officer", &phone, "transfer-offered", org("northshire-forensics"), Refused("not-holder"));
    p.line("examiner", &phone, "transfer-offered", org("northshire-forensics"), Refused("offer-to-self"));
    p.line("examiner", &phone, "transfer-offered", org("ash-and-co"), Refused("recipient-not-in-case"));
    p.line("examiner", &phone, "lost", json!({}), Flags(&["lost"]));
    p.line("examiner", &phone, "sealed", seal("S9"), Flags(&["sealed-twice", "while-lost"]));
    p.line("officer", &phone, "found", json!({}), Flags(&["custody-gap", "seal-not-stated"]));
    p.line("officer", &phone, "found", json!({}), Flags(&["found-not-lost", "seal-not-stated"]));
    bags(p);
    feeds(p);
    flags_of_practice(p);
    handovers(p);
    clocks(p);
    branches(p);
    permissions(p);
    links(p);
    claims(p);
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
    p.line("examiner", &phone, "transfer-accepted", accepted, Flags(&["seal-not-stated"]));
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
    p.line("officer", &video, "verified", both(&bytes), Flags(&["after-end"]));
    let fresh = p.s.world.subject();
    p.line("examiner", &fresh, "copied", made(&bytes, "working"), Flags(&["source-gone"]));

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

    // A signer who knows the log only as it was before what they build on.
    let (old, change) = (p.s.world.seen, json!({"threshold": "seen_old_after", "seconds": 0}));
    let sooner = p.line("northshire-police", &ledger, "rule-proposed", change, Flags(&[]));
    for org in ["crown-prosecution", "ash-and-co"] {
        p.line(org, &ledger, "rule-approved", json!({"proposal": sooner.unwrap()}), Flags(&[]));
    }
    p.s.world.wait(10);
    p.line("examiner", &copy, "sealed", seal("E1"), Flags(&["seen-old"]));
    p.s.world.publish();
    p.s.world.wait(10);
    p.line("examiner", &copy, "unsealed", seal("E1"), Flags(&[]));
    let change = json!({"threshold": "seen_old_after", "seconds": 86_400});
    let later = p.line("northshire-police", &ledger, "rule-proposed", change, Flags(&[]));
    for org in ["crown-prosecution", "ash-and-co"] {
        p.s.world.publish();
        p.line(org, &ledger, "rule-approved", json!({"proposal": later.unwrap()}), Flags(&[]));
    }
    p.s.world.seen = old;

    disclosures(p);
    erasures(p);

    // People.
    let keys = p.s.officer.actor.subject();
    let roles = json!({"roles": ["officer", "examiner"]});
    p.line("northshire-forensics", &keys, "roles-changed", roles.clone(), Refused("outside-organisation"));
    p.line("northshire-police", &keys, "roles-changed", roles, Flags(&[]));
    p.line("northshire-police", &keys, "roles-changed", json!({"roles": ["authority"]}), Refused("reserved-role"));
    p.line("northshire-police", &keys, "roles-changed", json!({"roles": ["auditor"]}), Refused("auditor-of-oversight"));
    let kid = p.s.officer.key.public().id();
    let revoked = json!({"key": kid, "compromised_since": null});
    p.line("northshire-police", &keys, "key-revoked", revoked, Flags(&[]));
    p.line("officer", &phone, "found", json!({}), Refused("key-not-valid"));
    adoption(p);
    p.line("examiner", &case, "party-left", json!({"org": "crown-prosecution"}), Refused("not-yours-to-put-out"));
    p.line("prosecutor", &case, "party-left", json!({"org": "crown-prosecution"}), Flags(&[]));
    p.line("prosecutor", &video, "annotated", json!({"target": examined.unwrap()}), Refused("no-standing"));
    let service = world::clone(&p.s.world.service);
    let read = json!({"target": "exhibit", "extent": "bundle"});
    let reader = world::clone(&p.s.examiner);
    let uri = format!("exhibits/{video}/bundle");
    let token = p.s.world.token(&reader, &uri, "");
    let no_reason = json!({"reader": examiner, "token": token});
    let seen = p.told("service", &video, "viewed", read.clone(), no_reason, Flags(&["no-purpose"]));
    let why = json!({"category": "no-purpose", "targets": [seen.unwrap()]});
    p.line("examiner", &video, "irregularity-explained", why, Flags(&[]));
    let token = p.s.world.token(&reader, &uri, "Report");
    let why = json!({"reader": examiner, "purpose": "Report", "token": token});
    p.s.world.record(&service, &video, Strand::Access, "exported", read.clone(), why);
    let token = p.s.world.token(&reader, &format!("{uri}?report=true"), "Report");
    let why = json!({"reader": examiner, "purpose": "Report", "token": token});
    p.s.world.record(&service, &video, Strand::Access, "reported", read, why);
    organisations(p);
    play
}
