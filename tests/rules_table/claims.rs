//! Holds that end by themselves, claims of privilege and who decides them, parties that are put out and come back,
//! custodians, and seals that nobody recorded: situations of the table.

use custodes::ledger::{ReadRight, may_read, may_read_exhibit};
use custodes::protocol::time::LogTime;

use crate::situations::{Expect, Flags, Play, Refused};
use crate::*;

const PAST: &str = "2026-01-05T09:00:00+00:00";
const FUTURE: &str = "2199-01-05T09:00:00+00:00";

/// Somebody who is not of the play.
fn other(
    p: &mut Play,
    who: &Person,
    subject: &Subject,
    event: &str,
    body: Value,
    expect: Expect,
) -> Option<EntryHash> {
    let strand = Rules::embedded().row(event).unwrap().strand;
    let got =
        p.s.world
            .attempt(who, subject, strand, event, body, details());
    p.expect(event, got, expect)
}

fn seized(p: &mut Play, who: &str) -> Subject {
    let thing = p.s.world.subject();
    let body = json!({"case": p.s.case, "kind": "device", "from": null});
    p.line(who, &thing, "seized", body, Flags(&[]));
    thing
}

/// Lines of the table.
pub fn claims(p: &mut Play) {
    holds(p);
    privilege(p);
    parties(p);
    custodians(p);
    seals(p);
}

/// A hold is in force until its time, or until it is lifted.
#[rustfmt::skip]
fn holds(p: &mut Play) {
    let (case, thing) = (p.s.case.clone(), seized(p, "examiner"));
    let until = |until: &str| json!({"until": until});
    let method = json!({"method": "shredding"});
    let disposal = |p: &mut Play, expect: Expect| p.line("prosecutor", &thing, "disposal-authorised", method.clone(), expect);
    let over = p.line("officer", &thing, "hold-placed", until(PAST), Flags(&[])).unwrap();
    p.line("officer", &case, "case-hold-placed", until(PAST), Flags(&[]));
    disposal(p, Flags(&[]));
    // One that is over is lifted like any other: whoever reads the history sees it gone.
    p.line("examiner", &thing, "hold-lifted", json!({"hold": over}), Refused("no-role"));
    p.line("officer", &thing, "hold-lifted", json!({"hold": over}), Flags(&[]));
    p.line("officer", &thing, "hold-lifted", json!({"hold": over}), Refused("no-such-hold"));
    let held = p.line("officer", &thing, "hold-placed", until(FUTURE), Flags(&[])).unwrap();
    disposal(p, Refused("under-hold"));
    p.line("officer", &thing, "hold-lifted", json!({"hold": held}), Flags(&[]));
    // A hold on a bag keeps what is in it, too; taken out, it is kept no more.
    let bag = p.s.world.subject();
    p.line("examiner", &bag, "seized", json!({"case": case, "kind": "container", "from": null}), Flags(&[]));
    p.line("examiner", &thing, "packed", json!({"container": bag}), Flags(&[]));
    let held = p.line("officer", &bag, "hold-placed", until(FUTURE), Flags(&[])).unwrap();
    disposal(p, Refused("under-hold"));
    p.line("officer", &bag, "hold-lifted", json!({"hold": held}), Flags(&[]));
    disposal(p, Flags(&[]));
    p.line("officer", &bag, "hold-placed", until(FUTURE), Flags(&[]));
    p.line("examiner", &thing, "unpacked", json!({"container": bag}), Flags(&[]));
    disposal(p, Flags(&[]));
    let held = p.line("officer", &case, "case-hold-placed", until(FUTURE), Flags(&[])).unwrap();
    disposal(p, Refused("under-hold"));
    p.line("examiner", &thing, "returned", json!({"authorisation": null}), Flags(&["not-authorised", "under-hold"]));
    p.line("officer", &case, "case-hold-lifted", json!({"hold": held}), Flags(&[]));
}

/// A claim is waived by whoever made it; another's is rejected by a court, or flagged.
#[rustfmt::skip]
fn privilege(p: &mut Play) {
    let thing = seized(p, "officer");
    let says = |outcome: &str| json!({"outcome": outcome});
    let counsel = p.s.world.enrol("crown-prosecution", "Ines Roth", &["prosecutor"]);
    let claim = |p: &mut Play, who: &str| p.line(who, &thing, "privilege-claimed", json!({}), Flags(&[]));
    let claimed = |p: &Play| p.s.world.state.exhibit(&thing).unwrap().privilege.len();
    p.line("officer", &thing, "privilege-resolved", says("waived"), Refused("no-claim"));
    claim(p, "examiner");
    for outcome in ["upheld", "rejected", "waived"] {
        p.line("officer", &thing, "privilege-resolved", says(outcome), Refused("not-your-claim"));
    }
    p.line("prosecutor", &thing, "privilege-resolved", says("waived"), Refused("not-your-claim"));
    p.line("officer", &thing, "quarantined", json!({}), Flags(&[]));
    // One waives its own; the other's stands.
    p.line("examiner", &thing, "privilege-resolved", says("waived"), Flags(&[]));
    assert_eq!(claimed(p), 1);
    other(p, &counsel, &thing, "privilege-resolved", says("upheld"), Flags(&[]));
    assert_eq!(claimed(p), 1, "upheld, it lasts");
    other(p, &counsel, &thing, "privilege-resolved", says("rejected"), Flags(&["privilege-not-by-court"]));
    assert_eq!(claimed(p), 0);
    claim(p, "examiner");
    p.line("prosecutor", &thing, "privilege-resolved", says("rejected"), Flags(&[]));
    claim(p, "prosecutor");
    other(p, &counsel, &thing, "privilege-resolved", says("rejected"), Flags(&[]));
    assert_eq!(claimed(p), 0, "one's own claim needs no court");
}

/// Who leaves, who is put out, and who comes back as something else.
#[rustfmt::skip]
fn parties(p: &mut Play) {
    let (case, alone) = (p.s.case.clone(), p.s.world.subject());
    let solicitor = p.s.world.enrol("ash-and-co", "Lee Ash", &["defence"]);
    let join = |org: &str, part: &str| json!({"org": org, "part": part});
    let left = |org: &str| json!({"org": org});
    p.line("officer", &case, "party-joined", join("ash-and-co", "defence"), Flags(&[]));
    other(p, &solicitor, &case, "party-left", left("northshire-police"), Refused("not-yours-to-put-out"));
    p.line("officer", &case, "party-left", left("ash-and-co"), Flags(&["put-out"]));
    other(p, &solicitor, &case, "party-left", left("ash-and-co"), Refused("no-standing"));
    p.line("officer", &case, "party-joined", join("ash-and-co", "defence"), Flags(&[]));
    p.line("officer", &case, "party-joined", join("ash-and-co", "defence"), Flags(&[]));
    p.line("officer", &case, "party-joined", join("ash-and-co", "prosecution"), Flags(&["part-changed"]));
    other(p, &solicitor, &case, "party-left", left("ash-and-co"), Flags(&[]));
    p.line("officer", &case, "party-joined", join("ash-and-co", "defence"), Flags(&["part-changed"]));
    other(p, &solicitor, &case, "party-left", left("ash-and-co"), Flags(&[]));
    // A court puts out whom it will, but not the last.
    p.line("officer", &alone, "case-opened", json!({}), Flags(&[]));
    p.line("officer", &alone, "party-left", left("northshire-police"), Refused("last-party"));
    p.line("officer", &alone, "party-joined", join("crown-prosecution", "court"), Flags(&[]));
    p.line("prosecutor", &alone, "party-left", left("northshire-police"), Flags(&[]));
    p.line("prosecutor", &alone, "party-left", left("crown-prosecution"), Refused("last-party"));
}

/// Somebody who stands only in the case that an exhibit is linked into takes custody of it as a custodian of its own
/// case, and reads there only what they are handed.
#[rustfmt::skip]
fn custodians(p: &mut Play) -> Subject {
    let (open, thing, aside) = (p.s.world.subject(), p.s.world.subject(), p.s.world.subject());
    p.line("officer", &open, "case-opened", json!({}), Flags(&[]));
    for one in [&thing, &aside] {
        p.line("officer", one, "seized", json!({"case": open, "kind": "device", "from": null}), Flags(&[]));
    }
    let case = p.s.case.clone();
    p.line("officer", &case, "exhibit-linked", json!({"exhibit": thing}), Flags(&[]));
    let offer = json!({"to": {"org": "northshire-forensics"}, "method": "by-hand"});
    p.line("officer", &thing, "transfer-offered", offer.clone(), Refused("recipient-not-in-case"));
    let join = json!({"org": "northshire-forensics", "part": "custodian"});
    p.line("officer", &open, "party-joined", join, Flags(&[]));
    let examiner = p.s.examiner.actor.clone();
    let reads = |p: &Play, one: &Subject, under: &Subject| may_read_exhibit(&p.s.world.state, &examiner, one, Some(under), LogTime(0)).is_some();
    assert!(reads(p, &thing, &case) && !reads(p, &thing, &open) && !reads(p, &aside, &open));
    assert!(matches!(may_read(&p.s.world.state, &examiner, &open, LogTime(0)), ReadRight::Handed(..)));
    let e = p.line("officer", &thing, "transfer-offered", offer.clone(), Flags(&[])).unwrap();
    assert!(reads(p, &thing, &open), "what it is offered it may look at first");
    let accepted = json!({"offer": e, "from": p.s.officer.actor, "digest": null});
    p.line("examiner", &thing, "transfer-accepted", accepted, Flags(&[]));
    p.line("examiner", &thing, "sealed", json!({"seal": "C1"}), Flags(&[]));
    assert!(reads(p, &thing, &open) && !reads(p, &aside, &open));
    // It speaks of what it was handed, and of nothing else; it runs nothing of the case.
    p.line("examiner", &aside, "sealed", json!({"seal": "C2"}), Refused("no-standing"));
    p.line("examiner", &aside, "irregularity-raised", json!({"category": "x", "targets": [e]}), Refused("no-standing"));
    let manager = p.s.world.enrol("northshire-forensics", "Ray Pike", &["officer", "court"]);
    let until = json!({"until": null});
    other(p, &manager, &aside, "hold-placed", until.clone(), Refused("no-standing"));
    other(p, &manager, &open, "case-hold-placed", until, Refused("custodian-only"));
    let join = json!({"org": "crown-prosecution", "part": "prosecution"});
    other(p, &manager, &open, "party-joined", join, Refused("custodian-only"));
    other(p, &manager, &open, "party-left", json!({"org": "northshire-police"}), Refused("not-yours-to-put-out"));
    // Of what it may not know it makes nothing known elsewhere.
    let third = p.s.world.subject();
    let officer = p.s.world.enrol("northshire-forensics", "Jo Hale", &["officer"]);
    other(p, &officer, &third, "case-opened", json!({}), Flags(&[]));
    other(p, &officer, &third, "exhibit-linked", json!({"exhibit": thing}), Refused("not-linkable"));
    let back = json!({"to": {"org": "northshire-police"}, "method": "by-hand", "seal": "C1"});
    let e = p.line("examiner", &thing, "transfer-offered", back, Flags(&[])).unwrap();
    let accepted = json!({"offer": e, "from": examiner, "digest": null, "seal": "C1"});
    p.line("officer", &thing, "transfer-accepted", accepted, Flags(&[]));
    assert!(!reads(p, &thing, &open), "handed back, it is read no more");
    let sealed = p.s.world.state.chain(&thing, Strand::Custody).unwrap().last;
    p.line("examiner", &thing, "annotated", json!({"target": sealed}), Flags(&[]));
    open
}

/// Seals that nobody recorded, or nobody speaks of; a sealed bag; and what somebody outside has.
#[rustfmt::skip]
fn seals(p: &mut Play) {
    let (officer, examiner) = (p.s.officer.actor.clone(), p.s.examiner.actor.clone());
    let thing = seized(p, "officer");
    let offer = |to: &str, seal: Option<&str>| {
        let mut body = json!({"to": {"org": to}, "method": "by-hand"});
        if let Some(seal) = seal {
            body["seal"] = json!(seal);
        }
        body
    };
    let taken = |e: Option<EntryHash>, from: &ActorId, seal: Option<&str>| {
        let mut body = json!({"offer": e, "from": from, "digest": null});
        if let Some(seal) = seal {
            body["seal"] = json!(seal);
        }
        body
    };
    let e = p.line("officer", &thing, "transfer-offered", offer("northshire-forensics", Some("Q1")), Flags(&["seal-not-recorded"]));
    p.line("examiner", &thing, "transfer-accepted", taken(e, &officer, Some("Q1")), Flags(&["seal-not-recorded"]));
    p.line("examiner", &thing, "sealed", json!({"seal": "Q2"}), Flags(&[]));
    let e = p.line("examiner", &thing, "transfer-offered", offer("northshire-police", None), Flags(&[]));
    p.line("officer", &thing, "transfer-accepted", taken(e, &examiner, None), Flags(&["seal-not-stated"]));
    p.line("examiner", &thing, "custody-assumed", json!({"from": officer}), Flags(&["custody-assumed", "seal-not-stated"]));
    p.line("officer", &thing, "custody-assumed", json!({"from": officer, "seal": "Q2"}), Flags(&["accepted-from-other", "custody-assumed"]));
    p.line("examiner", &thing, "custody-assumed", json!({"from": officer, "seal": "Q2"}), Flags(&["custody-assumed"]));
    // Offered to one organisation, taken by another; and what is taken otherwise is offered no more.
    let e = p.line("examiner", &thing, "transfer-offered", offer("crown-prosecution", None), Flags(&[]));
    p.line("officer", &thing, "transfer-accepted", taken(e, &examiner, Some("Q2")), Flags(&["accepted-by-other"]));
    let e = p.line("officer", &thing, "transfer-offered", offer("crown-prosecution", None), Flags(&[]));
    p.line("examiner", &thing, "found", json!({"seal": "Q2"}), Flags(&["found-not-lost"]));
    assert_eq!(p.s.world.state.exhibit(&thing).unwrap().offer, None);
    p.line("prosecutor", &thing, "transfer-refused", json!({"offer": e, "from": officer}), Refused("no-such-offer"));
    // Examined out of a sealed bag, and copied from it.
    let bag = p.s.world.subject();
    let body = json!({"case": p.s.case, "kind": "container", "from": null});
    p.line("examiner", &bag, "seized", body, Flags(&[]));
    p.line("examiner", &thing, "unsealed", json!({"seal": "Q2"}), Flags(&[]));
    p.line("examiner", &thing, "packed", json!({"container": bag}), Flags(&[]));
    p.line("examiner", &bag, "sealed", json!({"seal": "Q3"}), Flags(&[]));
    p.line("examiner", &thing, "examined", json!({}), Flags(&["while-sealed"]));
    let image = p.s.world.subject();
    let digest = EvidenceDigest::of_bytes(DigestKind::File, b"image");
    let body = json!({"case": p.s.case, "kind": "forensic-image", "digest": digest, "role": "master", "parents": [{"exhibit": thing, "digest": null}]});
    p.line("examiner", &image, "acquired", body, Flags(&["source-sealed"]));
    p.line("examiner", &thing, "unpacked", json!({"container": bag}), Flags(&["container-sealed"]));
    p.line("examiner", &thing, "examined", json!({}), Flags(&[]));
    // With somebody outside, nobody here puts it on a shelf.
    p.line("examiner", &thing, "handed-to-unenrolled", json!({"digest": null}), Flags(&["one-side-only"]));
    p.line("examiner", &thing, "stored", json!({"place": "shelf-4"}), Flags(&["while-outside"]));
    p.line("examiner", &thing, "received-from-unenrolled", json!({"digest": null}), Flags(&["one-side-only"]));
    // A colleague of the holder; of what is in a store, nobody is more than another.
    let colleague = p.s.world.enrol("northshire-forensics", "Kit Vane", &["examiner", "store"]);
    other(p, &colleague, &thing, "sealed", json!({"seal": "Q4"}), Flags(&["colleague-of-holder"]));
    other(p, &colleague, &thing, "stored", json!({"place": "shelf-4"}), Flags(&["colleague-of-holder"]));
    other(p, &colleague, &thing, "unsealed", json!({"seal": "Q4"}), Flags(&[]));
    other(p, &colleague, &thing, "lost", json!({}), Flags(&["lost"]));
}

#[test]
fn a_hold_that_ended_stops_nothing_and_keeps_nothing_back_from_being_overdue() {
    let mut play = Play::new();
    let phone = play.s.phone.clone();
    let until = |until: &str| json!({"until": until});
    let (soon, method) = ("2026-03-20T09:00:00+00:00", json!({"method": "shredding"}));
    play.line("prosecutor", &phone, "hold-placed", until(soon), Flags(&[]));
    play.line(
        "officer",
        &phone,
        "retention-set",
        until("2026-03-15T09:00:00+00:00"),
        Flags(&[]),
    );
    play.line(
        "prosecutor",
        &phone,
        "disposal-authorised",
        method.clone(),
        Refused("under-hold"),
    );
    let overdue = |play: &Play| {
        let raised = check(play).verified.unwrap().flags;
        raised.iter().any(|flag| flag.code == "retention-overdue")
    };
    play.s.world.wait(3 * 24 * 60);
    play.s.world.publish();
    play.line(
        "officer",
        &phone,
        "examined",
        json!({}),
        Flags(&["while-sealed"]),
    );
    assert!(!overdue(&play), "held until the 20th");
    play.s.world.wait(8 * 24 * 60);
    play.s.world.publish();
    play.line(
        "officer",
        &phone,
        "examined",
        json!({}),
        Flags(&["while-sealed"]),
    );
    assert!(overdue(&play));
    play.line(
        "prosecutor",
        &phone,
        "disposal-authorised",
        method,
        Flags(&[]),
    );
    assert_eq!(failed(&check(&play)), BTreeSet::new());
}

#[test]
fn each_case_verifies_by_itself_where_a_custodian_held_what_both_have() {
    let mut play = Play::new();
    let open = custodians(&mut play);
    for case in [open, play.s.case.clone()] {
        let found = verify(Inputs {
            bundle: &play.s.world.case_bundle(&case).to_bytes(),
            policy: &play.s.world.policy(),
            rules: Rules::embedded(),
            evidence: &[],
            sidecars: &[],
        });
        assert_eq!(failed(&found), BTreeSet::new(), "{:?}", found.findings);
    }
}
