//! What cannot be done offline, what only warns, and two at once at one file.

use super::*;

#[test]
fn what_cannot_be_done_offline_is_said_before_anything_is_signed() {
    let mut ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    let there = ledger.run("smith", &["carry", PHONE, "--out", &file]);
    assert!(ends(&there, 2).contains("file-exists"));
    ledger.kill();
    let table: &[(&str, &[&str], &str)] = &[
        ("smith", &["history", PHONE], "not-offline"),
        ("smith", &["case", "open", "--title", "x"], "not-offline"),
        (
            "smith",
            &[
                "record",
                "party-joined",
                CASE,
                "--set",
                "org=cps",
                "--set",
                "part=court",
                "--detail",
                "basis=x",
            ],
            "not-offline",
        ),
        ("smith", &["record", "sealed", PHONE], "bad-body"),
        (
            "smith",
            &["record", "sealed", "JSM/7", "--set", "seal=K1"],
            "reference-unknown",
        ),
        ("smith", &["record", "seled", PHONE], "event-unknown"),
        (
            "smith",
            &[
                "transfer",
                "offer",
                PHONE,
                "--to",
                "Nobody Known",
                "--purpose",
                "x",
            ],
            "reference-unknown",
        ),
        ("webb", &["transfer", "accept", PHONE], "no-open-offer"),
        (
            "webb",
            &[
                "record",
                "seized",
                "44NS1234526 JSM/8",
                "--set",
                "kind=device",
                "--detail",
                "description=x",
                "--detail",
                "power_or_consent=x",
            ],
            "no-role",
        ),
        (
            "stranger",
            &["record", "sealed", PHONE, "--set", "seal=K1"],
            "not-enrolled",
        ),
    ];
    let before = std::fs::read(&file).unwrap();
    for (who, args, code) in table {
        let said = ends(&ledger.run(who, &offline(&file, args)), 2);
        assert!(said.contains(&format!("error[{code}]")), "{args:?}: {said}");
        assert!(said.contains("next: "), "{args:?}: {said}");
        assert_eq!(std::fs::read(&file).unwrap(), before, "{args:?}");
    }
    let nothing = offline(
        "/nonexistent.carry",
        &["record", "sealed", PHONE, "--set", "seal=K1"],
    );
    assert!(ends(&ledger.run("smith", &nothing), 2).contains("error[file]"));
    let said = ends(
        &ledger.run("smith", &["record", "sealed", PHONE, "--set", "seal=K1"]),
        2,
    );
    assert!(
        said.contains("service-unreachable") && said.contains("--offline"),
        "{said}"
    );
}

#[test]
fn two_commands_at_one_carried_file_lose_nothing() {
    let (mut ledger, file) = with_case_alone();
    let seize = |number: usize| {
        let target = format!("{CASE} JSM/{number}");
        let args = seized(&target);
        // Whoever comes while another command writes is told so, and tries again.
        loop {
            let output = ledger.run("smith", &offline(&file, &args));
            if output.status.success() {
                return;
            }
            assert!(ends(&output, 2).contains("error[in-use]"));
        }
    };
    std::thread::scope(|scope| {
        for half in [0, 5] {
            let seize = &seize;
            scope.spawn(move || (half..half + 5).for_each(seize));
        }
    });
    let check = ok(&ledger.run("smith", &["submit", &file, "--check"]));
    assert_eq!(check.matches("not submitted yet").count(), 10, "{check}");
    // Looking needs no lock, and so no folder that can be written.
    let lock = ledger.path("case.carry.lock");
    let held = std::fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    ok(&ledger.run("smith", &["submit", &file, "--check"]));
    ledger.start();
    let said = ends(&ledger.run("smith", &["submit", &file]), 2);
    assert!(said.contains("error[in-use]"), "{said}");
}

#[test]
fn who_holds_what_moved_in_a_bag_the_file_does_not_know_so_it_only_warns() {
    let mut ledger = with_phone();
    let file = carry(&ledger, &[PHONE]);
    // As where the phone came back to its holder in a bag, which is not in the phone's own chain.
    let mut written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    written["exhibits"][0]["holder"] = "defence-llp".into();
    std::fs::write(&file, written.to_string()).unwrap();
    ledger.kill();
    let said = ends(&ledger.run("smith", &offline(&file, CHAIN[1].1)), 0);
    assert!(
        said.contains("By this file JSM/1 is held by defence-llp")
            && said.contains("Signed offline"),
        "{said}"
    );
    ledger.start();
    let said = ok(&ledger.run("smith", &["submit", &file]));
    assert!(said.contains("It is recorded"), "{said}");
}
