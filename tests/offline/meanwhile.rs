//! What was recorded by others while somebody had no network.

use super::*;

#[test]
fn custody_that_moved_on_meanwhile_is_said_and_nothing_is_lost() {
    let ledger = with_phone();
    let other = "44NS1234526 JSM/2";
    seize(&ledger, other);
    let file = carry(&ledger, &[PHONE, other]);
    sign_chain(&ledger, &file);
    ok(&ledger.run(
        "smith",
        &offline(&file, &["record", "sealed", other, "--set", "seal=K9"]),
    ));
    // Somebody at the station records on the phone's custody, against what it is for.
    ok(&ledger.run("hart", &["record", "sealed", PHONE, "--set", "seal=K5"]));
    let said = ledger.run("smith", &["--json", "submit", &file]);
    let text = ends(&said, 2);
    let value = json(&said);
    let states: Vec<&str> = value["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["refused", "waits", "waits", "waits", "waits", "recorded"],
        "{text}"
    );
    assert_eq!(value["entries"][0]["problem"]["code"], "custody-moved-on");
    let words = ends(&ledger.run("smith", &["submit", &file]), 2);
    assert!(
        words.contains(
            "this file goes on from entry 1 of its chain, and the ledger's chain now has 2 entries"
        ) && words.contains("--late-branch \"WHY IT CAME LATE\"")
            && words.contains("5 of 6 are not recorded"),
        "{words}"
    );
    // The signed entries are still there, and still good.
    let check = ok(&ledger.run("webb", &["submit", &file, "--check"]));
    assert_eq!(check.matches("not submitted yet").count(), 5, "{check}");
    // They go beside the chain, as they were signed, by somebody who signed none of them.
    let keys = ["smith/key.pem", "webb/key.pem"].map(|key| ledger.path(key));
    for key in &keys {
        std::fs::rename(key, key.with_extension("away")).unwrap();
    }
    let copy = std::fs::read(&file).unwrap();
    let reason = "no network at the lab";
    let late = ["--json", "submit", &file, "--late-branch", reason];
    let value = json(&ledger.run("hart", &late));
    for entry in &value["entries"].as_array().unwrap()[..5] {
        assert_eq!(entry["state"], "on-a-branch");
    }
    std::fs::write(&file, copy).unwrap();
    let again = json(&ledger.run("hart", &late));
    let states = again["entries"].as_array().unwrap();
    for entry in &states[..5] {
        assert_eq!(
            entry["state"], "recorded",
            "sent again, nothing is recorded twice"
        );
    }
    let indexes: Vec<u64> = states[..5]
        .iter()
        .map(|entry| entry["receipt"]["index"].as_u64().unwrap())
        .collect();
    assert!(
        indexes.windows(2).all(|two| two[0] + 1 == two[1]),
        "{indexes:?}"
    );
    for key in &keys {
        std::fs::rename(key.with_extension("away"), key).unwrap();
    }
    let told = ok(&ledger.run("smith", &["history", PHONE]));
    assert_eq!(told.matches(", on a branch, logged").count(), 5, "{told}");
    assert!(
        told.contains("are put beside the custody of exhibit JSM/1 as they were signed: entry ")
            && told.contains("[late-branch]")
            && told.matches("[on-a-branch]").count() == 5,
        "{told}"
    );
    // Custody goes on where it stood; a file carried from here knows nothing of the branch.
    let next = ledger.path("next.carry").display().to_string();
    ok(&ledger.run("smith", &["carry", PHONE, "--out", &next]));
    ok(&ledger.run(
        "smith",
        &offline(&next, &["record", "unsealed", PHONE, "--set", "seal=K5"]),
    ));
    let said = ok(&ledger.run("smith", &["submit", &next]));
    assert!(said.contains("It is recorded"), "{said}");
    verified_and_audited("smith", ledger);
}
