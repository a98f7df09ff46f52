//! What a disclosure gives, for how long, without what; and that it can be taken back: situations of the table.

use custodes::ledger::{EntryView, entry_view, may_read, may_read_exhibit};
use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::time::{LogTime, Moment};

use crate::situations::{Flags, Play, Refused};
use crate::*;

/// What a solicitor sees of an entry at a log time, in the case of the play.
fn seen(p: &Play, who: &ActorId, entry: &UnverifiedEntry, at: LogTime) -> EntryView {
    let right = may_read(&p.s.world.state, who, &p.s.case, at);
    entry_view(&p.s.world.state, &right, entry.payload())
}

fn without(names: &[&str]) -> EntryView {
    EntryView::Without(names.iter().map(|one| (*one).to_owned()).collect())
}

/// Lines of the table.
#[rustfmt::skip]
pub fn disclosures(p: &mut Play) {
    let case = p.s.case.clone();
    let solicitor = p.s.world.enrol("ash-and-co", "Kit Ash", &["defence"]).actor;
    let part = json!({"org": "ash-and-co", "part": "defence"});
    p.line("officer", &case, "party-joined", part, Flags(&[]));
    let thing = p.s.world.subject();
    let seized = json!({"case": case, "kind": "device", "from": null});
    let details = json!({
        "description": "A phone", "power_or_consent": "PACE s.19", "address": "4 Mill Lane", "witness": "A neighbour",
    });
    let opened = p.told("officer", &thing, "seized", seized, details, Flags(&["incomplete"])).unwrap();
    let entry = p.s.world.entries.iter().find(|one| one.entry.hash() == opened).unwrap().entry.clone();
    p.line("examiner", &thing, "examined", json!({}), Flags(&["not-the-holder"]));
    let examined = p.s.world.entries.last().unwrap().entry.clone();
    let end = Moment::parse("2026-12-01T10:00:00+00:00").unwrap();
    let (before, after) = (LogTime(end.unix_seconds() as u64 * 1000), LogTime(end.unix_seconds() as u64 * 1000 + 1000));
    let reads = |p: &Play, at: LogTime| may_read_exhibit(&p.s.world.state, &solicitor, &thing, Some(&case), at).is_some();
    assert!(!reads(p, before));

    let with = |more: Value| {
        let mut body = json!({"exhibits": [thing], "to": ["ash-and-co"], "bundle": null});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    // Names that are none are no secret kept: those of events are refused, as are profiles that are not in the rules.
    p.line("prosecutor", &case, "disclosed", with(json!({"withhold_events": ["seizd"]})), Refused("event-not-known"));
    p.line("prosecutor", &case, "disclosed", with(json!({"withhold_profile": "mg6c"})), Refused("bad-body"));
    p.line("prosecutor", &case, "disclosed", with(json!({"withhold_details": []})), Refused("bad-body"));
    let part = json!({"withhold_details": ["address", "witness", "bag"], "withhold_events": ["examined"], "expires": end.as_str()});
    let first = p.line("prosecutor", &case, "disclosed", with(part), Flags(&[])).unwrap();
    assert!(reads(p, before) && !reads(p, after));
    assert_eq!(seen(p, &solicitor, &entry, before), without(&["address", "witness"]));
    assert_eq!(seen(p, &solicitor, &examined, before), EntryView::WithoutDetails);

    // By a profile, for good: what either of the two shows is shown, as long as it is in force.
    let profile = json!({"withhold_profile": "personal-data", "withhold_details": ["description"]});
    let second = p.line("prosecutor", &case, "disclosed", with(profile), Flags(&[])).unwrap();
    assert_eq!(seen(p, &solicitor, &entry, before), without(&["address", "witness"]));
    assert_eq!(seen(p, &solicitor, &entry, after), without(&["address", "description", "witness"]));
    assert_eq!(seen(p, &solicitor, &examined, after), without(&["description"]));
    assert!(reads(p, after));

    // In full; and taken back, which leaves the others in force.
    let third = p.line("prosecutor", &case, "disclosed", with(json!({})), Flags(&[])).unwrap();
    assert_eq!(seen(p, &solicitor, &entry, after), EntryView::Whole);
    let withdraw = |e: EntryHash| json!({"disclosure": e});
    p.line("prosecutor", &case, "disclosure-withdrawn", withdraw(opened), Refused("no-such-disclosure"));
    p.line("officer", &case, "disclosure-withdrawn", withdraw(third), Refused("no-role"));
    p.line("prosecutor", &case, "disclosure-withdrawn", withdraw(third), Flags(&["disclosure-withdrawn"]));
    assert_eq!(seen(p, &solicitor, &entry, after), without(&["address", "description", "witness"]));
    p.line("prosecutor", &case, "disclosure-withdrawn", withdraw(second), Flags(&["disclosure-withdrawn"]));
    assert!(reads(p, before) && !reads(p, after));
    p.line("prosecutor", &case, "disclosure-withdrawn", withdraw(first), Flags(&["disclosure-withdrawn"]));
    assert!(!reads(p, before));
    p.line("officer", &case, "party-left", json!({"org": "ash-and-co"}), Flags(&["put-out"]));
}
