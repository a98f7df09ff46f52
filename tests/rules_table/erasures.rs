//! What may be erased by law, and by whom: situations of the table.

use custodes::ledger::erasure::{erased, is_erased_file};

use crate::situations::{Flags, Play, Refused};
use crate::*;

/// On a thing of the forensic unit's, on its entries in the case, and on one of its people.
#[rustfmt::skip]
pub fn erasures(p: &mut Play) {
    let (case, video) = (p.s.case.clone(), p.s.video.clone());
    let registered = p.s.world.state.exhibit(&video).unwrap().opened;
    let what = |e: EntryHash, names: &[&str]| json!({"erase": [{"entry": e, "names": names}]});
    let clerk = p.s.world.enrol("northshire-forensics", "Ida Frost", &["officer"]);
    let enrolled = p.s.world.entries.last().unwrap().entry.hash();
    let phone = p.s.world.subject();
    let seized = json!({"case": case, "kind": "device", "from": null});
    let opened = p.line("examiner", &phone, "seized", seized, Flags(&[])).unwrap();

    // Of one's own organisation's entries about this exhibit, and not under a hold.
    p.line("examiner", &video, "details-erased", what(registered, &["place"]), Refused("not-erasable"));
    p.line("examiner", &phone, "details-erased", what(registered, &["place"]), Refused("not-erasable"));
    p.line("examiner", &phone, "details-erased", json!({"erase": []}), Refused("not-erasable"));
    p.line("examiner", &phone, "details-erased", json!({"erase": [{"entry": opened, "names": []}]}), Refused("bad-body"));
    let hold = json!({"until": null});
    let hold = p.line("prosecutor", &phone, "hold-placed", hold, Flags(&[])).unwrap();
    p.line("examiner", &phone, "details-erased", what(opened, &["place"]), Refused("under-hold"));
    p.line("prosecutor", &phone, "hold-lifted", json!({"hold": hold}), Flags(&[]));
    let first = p.line("examiner", &phone, "details-erased", what(opened, &["name", "place"]), Flags(&[])).unwrap();
    let again = p.line("examiner", &phone, "details-erased", what(opened, &["place", "terms"]), Flags(&[])).unwrap();
    let gone = erased(&p.s.world.state, opened);
    assert_eq!((gone["place"], gone["name"], gone["terms"]), (first, first, again), "the first stands");
    // What was erased, and who looked, stays.
    p.line("examiner", &phone, "details-erased", what(first, &["legal_basis"]), Refused("not-erasable"));
    let service = world::clone(&p.s.world.service);
    let reader = world::clone(&p.s.examiner);
    let token = p.s.world.token(&reader, &format!("exhibits/{phone}/history"), "Report");
    let why = json!({"reader": reader.actor, "purpose": "Report", "token": token});
    let read = json!({"target": "exhibit", "extent": "history"});
    let seen = p.s.world.record(&service, &phone, Strand::Access, "viewed", read, why);
    p.line("prosecutor", &phone, "details-erased", what(seen, &["purpose"]), Refused("not-erasable"));
    // A court has what others recorded erased.
    p.line("prosecutor", &phone, "details-erased", what(opened, &["title"]), Flags(&[]));

    // Files: a list of candidates that an entry about this exhibit attached.
    let list = Hash::of(&[b"candidates"]);
    let files = |file: Hash| json!({"erase": [], "files": [file]});
    p.line("examiner", &phone, "details-erased", files(list), Refused("not-erasable"));
    let search = json!({
        "probe": phone, "dataset": "custody-images", "dataset_version": "2026-03", "dataset_size": 10, "algorithm": "a", "algorithm_version": "1",
        "threshold": "0.6", "candidates": list, "asked": 10, "given": 10, "reviewer": p.s.officer.actor,
    });
    let mut told = details();
    told["corroboration"] = json!("as told");
    p.told("examiner", &phone, "searched", search, told, Flags(&[]));
    p.line("examiner", &phone, "details-erased", files(list), Flags(&[]));
    assert!(is_erased_file(&p.s.world.state, list));

    // The case, and a person.
    let named = p.s.world.record(&clerk, &case, Strand::Case, "case-reference-set", json!({}), details());
    let body = what(named, &["text"]);
    let says = p.s.world.attempt(&clerk, &case, Strand::Case, "case-details-erased", body, details());
    assert!(says.is_ok(), "{says:?}");
    let keys = clerk.actor.subject();
    p.line("northshire-police", &keys, "person-details-erased", what(enrolled, &["name"]), Refused("outside-organisation"));
    p.line("northshire-forensics", &keys, "person-details-erased", what(opened, &["name"]), Refused("not-erasable"));
    p.line("northshire-forensics", &keys, "person-details-erased", what(enrolled, &["name"]), Flags(&[]));
}
