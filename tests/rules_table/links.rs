//! One exhibit in two cases: who may take it in, what that gives, and what the other case is not told.

use crate::situations::{Expect, Flags, Play, Refused};
use crate::*;

/// Another case, and an exhibit of it.
fn elsewhere(p: &mut Play, who: &str) -> (Subject, Subject) {
    let (case, thing) = (p.s.world.subject(), p.s.world.subject());
    p.line(who, &case, "case-opened", json!({}), Flags(&[]));
    let body =
        json!({"case": case, "kind": "other", "digest": digest(b"elsewhere"), "role": "original"});
    p.line(who, &thing, "registered", body, Flags(&[]));
    (case, thing)
}

fn digest(bytes: &[u8]) -> EvidenceDigest {
    EvidenceDigest::of_bytes(DigestKind::File, bytes)
}

fn link(p: &mut Play, who: &str, thing: &Subject, expect: Expect) -> Option<EntryHash> {
    let case = p.s.case.clone();
    p.line(
        who,
        &case,
        "exhibit-linked",
        json!({"exhibit": thing}),
        expect,
    )
}

/// Lines of the table.
pub fn links(p: &mut Play) {
    let (open, thing) = elsewhere(p, "officer");
    let (_, of_others) = elsewhere(p, "prosecutor");
    let (own, nothing) = (p.s.video.clone(), p.s.world.subject());
    for exhibit in [own, nothing, of_others] {
        link(p, "officer", &exhibit, Refused("not-linkable"));
    }
    // Who stands in one of the two cases alone, on either side, or for the defence.
    link(p, "prosecutor", &thing, Refused("not-linkable"));
    let join = |part: &str| json!({"org": "crown-prosecution", "part": part});
    p.line(
        "officer",
        &open,
        "party-joined",
        join("defence"),
        Flags(&[]),
    );
    link(p, "prosecutor", &thing, Refused("not-linkable"));
    let leave = json!({"org": "crown-prosecution"});
    p.line("prosecutor", &open, "party-left", leave, Flags(&[]));
    link(p, "examiner", &thing, Refused("no-role"));
    link(p, "officer", &thing, Flags(&[]));
    link(p, "officer", &thing, Refused("listed-already"));
    // What was taken in is worked on in the case that took it in, by whoever stands there.
    let made = |case: &Subject| {
        let parents = json!([{"exhibit": thing, "digest": digest(b"elsewhere")}]);
        json!({"case": case, "kind": "other", "role": "working", "digest": digest(b"elsewhere"), "parents": parents})
    };
    let (case, copy) = (p.s.case.clone(), p.s.world.subject());
    p.line("examiner", &copy, "copied", made(&case), Flags(&[]));
    let (third, _) = elsewhere(p, "prosecutor");
    let copy = p.s.world.subject();
    let elsewhere = made(&third);
    p.line(
        "prosecutor",
        &copy,
        "copied",
        elsewhere,
        Refused("unknown-parent"),
    );
    // Its own record stays that of its own case.
    let body = json!({"seal": "X1"});
    p.line("examiner", &thing, "sealed", body, Refused("no-standing"));
}

/// The codes of what fails in the bundle of a case.
fn failures(play: &Play, case: &Subject) -> BTreeSet<String> {
    let bundle = play.s.world.case_bundle(case).to_bytes();
    failed(&verify(Inputs {
        bundle: &bundle,
        policy: &play.s.world.policy(),
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    }))
}

fn audited(play: &Play) -> Vec<String> {
    let mut audit = Audit::new(Rules::embedded());
    let leaves = play.s.world.leaves().into_iter();
    leaves.for_each(|leaf| audit.step(leaf));
    audit.finish().into_iter().map(|one| one.code).collect()
}

#[test]
fn a_hold_in_either_case_stops_disposal_and_closing_a_case_frees_nothing() {
    let mut play = Play::new();
    let p = &mut play;
    let (open, thing) = elsewhere(p, "officer");
    let join = json!({"org": "northshire-forensics", "part": "forensic"});
    p.line("officer", &open, "party-joined", join, Flags(&[]));
    let offered = json!({"to": {"org": "northshire-forensics"}, "method": "by-hand"});
    let e = p.line("officer", &thing, "transfer-offered", offered, Flags(&[]));
    let from = p.s.officer.actor.clone();
    let accepted = json!({"offer": e, "from": from, "digest": digest(b"elsewhere")});
    p.line(
        "examiner",
        &thing,
        "transfer-accepted",
        accepted,
        Flags(&[]),
    );
    link(p, "officer", &thing, Flags(&[]));
    let case = p.s.case.clone();
    let disposal = |p: &mut Play, expect: Expect| {
        let method = json!({"method": "shredding"});
        p.line("officer", &thing, "disposal-authorised", method, expect);
    };
    let hold = |p: &mut Play, case: &Subject| {
        let until = json!({"until": null});
        p.line("officer", case, "case-hold-placed", until, Flags(&[]))
    };
    let lift = |p: &mut Play, case: &Subject, hold: Option<EntryHash>| {
        let hold = json!({"hold": hold.unwrap()});
        p.line("officer", case, "case-hold-lifted", hold, Flags(&[]));
    };
    let here = hold(p, &case);
    disposal(p, Refused("under-hold"));
    for case in [&open, &case] {
        p.line("officer", case, "case-closed", json!({}), Flags(&[]));
        disposal(p, Refused("under-hold"));
    }
    let there = hold(p, &open);
    lift(p, &case, here);
    disposal(p, Refused("under-hold"));
    lift(p, &open, there);
    disposal(p, Flags(&[]));
    for case in [&open, &case] {
        assert_eq!(failures(&play, case), BTreeSet::new());
    }
    assert!(audited(&play).is_empty());
}

#[test]
fn who_reads_the_other_case_is_told_nothing_of_the_link() {
    let mut play = Play::new();
    let p = &mut play;
    let (open, thing) = elsewhere(p, "officer");
    let before = p.s.world.state.exhibit(&thing);
    let e = link(p, "officer", &thing, Flags(&[])).unwrap();
    let case = p.s.case.clone();
    let until = json!({"until": null});
    p.line("officer", &case, "case-hold-placed", until, Flags(&[]));
    assert_eq!(p.s.world.state.exhibit(&thing), before);
    let bundle =
        |p: &Play, of: &Subject| String::from_utf8(p.s.world.case_bundle(of).to_bytes()).unwrap();
    let text = bundle(&play, &case);
    for id in [case.to_string(), e.to_string()] {
        assert!(text.contains(&id) || is_signed_within(&play, &case, &id));
        assert!(!bundle(&play, &open).contains(&id));
        assert!(!is_signed_within(&play, &open, &id));
    }
}

/// Whether an entry of a case's bundle names something in what was signed.
fn is_signed_within(play: &Play, case: &Subject, name: &str) -> bool {
    let bundle = play.s.world.case_bundle(case);
    let world = &play.s.world;
    let here = world
        .entries
        .iter()
        .filter(|one| bundle.entry(one.index).is_some());
    here.into_iter().any(|one| {
        let payload = one.entry.payload();
        let body = Value::Object(payload.body.clone()).to_string();
        one.entry.hash().to_string() == name
            || payload.subject.as_str() == name
            || body.contains(name)
    })
}

#[test]
fn what_a_patched_service_links_or_lets_be_disposed_of_is_caught() {
    // Taken in by somebody who does not stand in its own case.
    let mut play = Play::new();
    let (_, thing) = elsewhere(&mut play, "officer");
    play.s.world.rules = permissive();
    link(&mut play, "prosecutor", &thing, Flags(&[]));
    let case = play.s.case.clone();
    assert!(failures(&play, &case).contains("rule-broken"));
    assert_eq!(audited(&play), ["rule-broken"]);

    // Disposal authorised under a hold of the case that took it in: seen there, and by an audit.
    let mut play = Play::new();
    let (open, thing) = elsewhere(&mut play, "officer");
    let join = json!({"org": "crown-prosecution", "part": "prosecution"});
    play.line("officer", &open, "party-joined", join, Flags(&[]));
    link(&mut play, "officer", &thing, Flags(&[]));
    let until = json!({"until": null});
    play.line("officer", &case, "case-hold-placed", until, Flags(&[]));
    let method = json!({"method": "shredding"});
    play.s.world.rules = permissive();
    play.line(
        "prosecutor",
        &thing,
        "disposal-authorised",
        method,
        Flags(&[]),
    );
    assert!(failures(&play, &case).contains("rule-broken"));
    assert_eq!(failures(&play, &open), BTreeSet::new());
    assert_eq!(audited(&play), ["rule-broken"]);
}

#[test]
fn a_bundle_without_the_link_or_with_another_exhibit_in_it_fails() {
    let mut play = Play::new();
    let (_, thing) = elsewhere(&mut play, "officer");
    let e = link(&mut play, "officer", &thing, Flags(&[])).unwrap();
    let case = play.s.case.clone();
    let honest = play.s.world.case_bundle(&case);
    let check = |edit: &dyn Fn(&mut custodes::protocol::bundle::Bundle)| {
        let mut bundle = honest.clone();
        edit(&mut bundle);
        failed(&verify(Inputs {
            bundle: &bundle.to_bytes(),
            policy: &play.s.world.policy(),
            rules: Rules::embedded(),
            evidence: &[],
            sidecars: &[],
        }))
    };
    assert_eq!(check(&|_| {}), BTreeSet::new());
    let index = play.s.world.state.entry(e).unwrap().index;
    // Left out: its chain shows that.
    let cut = check(&|bundle| bundle.entries.retain(|one| one.index != index));
    assert!(cut.contains("entry-missing"), "{cut:?}");
    // Withheld: then nothing explains why the exhibit is here, and its case's own list may not be withheld.
    let hidden = check(&|bundle| world::withhold_entry(bundle, index));
    assert!(hidden.contains("withheld-not-allowed"), "{hidden:?}");
    assert!(hidden.contains("chain-out-of-scope"), "{hidden:?}");
}
