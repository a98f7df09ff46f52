//! Branches through the real command: one too long for a single `late-branch`, and what is erased of one.

use super::*;

/// More than one `late-branch` takes in (the rules say 100).
const LONG: usize = 103;

/// Numbers of the entries of an event in a history, with whether each stands on a branch.
fn numbers(ledger: &Ledger, event: &str) -> Vec<(u64, bool)> {
    let told = json(&ledger.run("smith", &["--json", "history", PHONE]));
    let entries = told["entries"].as_array().unwrap().iter();
    let is = |one: &&Value| {
        let jws = one["entry"].as_str().unwrap_or_default();
        let entry = custodes::protocol::entry::UnverifiedEntry::parse_extract(jws);
        entry.is_ok_and(|entry| entry.payload().event == event)
    };
    let number = |one: &Value| (one["index"].as_u64().unwrap(), one["on_branch"] == true);
    entries.filter(is).map(number).collect()
}

#[test]
fn a_long_branch_goes_in_in_parts_and_a_detail_of_it_is_erased_like_any_other() {
    let ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    for at in 0..LONG {
        let place = format!("place=locker-{at}");
        let location = format!("location=Corridor of Wim Vandersloot, door {at}");
        let args = [
            "record", "stored", PHONE, "--set", &place, "--detail", &location,
        ];
        ok(&ledger.run("smith", &offline(&file, &args)));
    }
    ok(&ledger.run("hart", &["record", "sealed", PHONE, "--set", "seal=K5"]));
    let late = ["submit", &file, "--late-branch", "no network in the cells"];
    let said = ok(&ledger.run("hart", &late));
    assert!(said.contains(&format!("All {LONG} are recorded")), "{said}");
    for part in [100, LONG - 100] {
        let words = format!("a late-branch, which puts {part} entries beside the chain");
        assert!(said.contains(&words), "{said}");
    }
    let parts = numbers(&ledger, "late-branch");
    assert_eq!(parts.len(), 2);
    let stored = numbers(&ledger, "stored");
    assert_eq!(stored.len(), LONG);
    assert!(stored.iter().all(|(_, on_branch)| *on_branch));
    // Behind the entry that takes it in, in the order in which it was signed.
    let behind = |part: u64, from: usize, until: usize| {
        let wanted = (1..).map(|at| part + at).take(until - from);
        stored[from..until].iter().map(|one| one.0).eq(wanted)
    };
    assert!(behind(parts[0].0, 0, 100) && behind(parts[1].0, 100, LONG));

    let erased = stored[LONG - 1].0;
    let detail = format!("{erased}:location");
    let args = ["erase", PHONE, &detail, "--legal-basis", "DPA 2018 s.47"];
    let said = ok(&ledger.run("smith", &args));
    assert!(
        said.contains(&format!("Erased: location of entry {erased}.")),
        "{said}"
    );
    let told = ok(&ledger.run("smith", &["history", PHONE]));
    assert!(!told.contains(&format!("door {}", LONG - 1)), "{told}");
    assert!(
        told.contains("door 0") && told.contains("Erased by law under entry "),
        "{told}"
    );
    verified_and_audited("smith", ledger);
}
