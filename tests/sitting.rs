//! One sitting with an encrypted key: unlocked once, used by several commands, over when it is locked or its time is up.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use ledger::{CASE, Ledger, ends, ok};

const PASSPHRASE: &str = "four badgers in a lift";

/// A ledger in which Smith's key is encrypted.
fn encrypted() -> Ledger {
    let ledger = Ledger::new();
    let key = ledger.path("smith/key.pem");
    let sealed = Command::new("openssl")
        .args([
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-passout",
            "pass:four badgers in a lift",
        ])
        .arg("-in")
        .arg(&key)
        .output()
        .unwrap();
    assert!(sealed.status.success());
    std::fs::write(&key, sealed.stdout).unwrap();
    ledger
}

/// A command of Smith's: with the passphrase in its environment, or without and without a terminal.
fn smith(ledger: &Ledger, passphrase: bool, args: &[&str]) -> Output {
    let mut command = ledger.command("smith", args);
    command.env_remove("CUSTODES_PURPOSE");
    match passphrase {
        true => command.env("CUSTODES_PASSPHRASE", PASSPHRASE),
        false => command.env_remove("CUSTODES_PASSPHRASE"),
    };
    command.output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_key_is_unlocked_once_and_signs_until_it_is_locked() {
    let ledger = encrypted();
    let locked = smith(&ledger, false, &["history", CASE, "--purpose", "a look"]);
    ends(&locked, 2);

    let purpose = "reviewing the case file";
    let unlock = ["unlock", "--for", "30m", "--purpose", purpose];
    let unlocked = smith(&ledger, true, &unlock);
    ok(&unlocked);
    assert!(words(&unlocked).contains(purpose), "{}", words(&unlocked));
    let socket = std::fs::metadata(ledger.path("smith/agent")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);

    // It signs entries and requests, and says why they are made.
    let file = ledger.path("note.txt").display().to_string();
    std::fs::write(&file, "seen at the door").unwrap();
    let mut register = vec![
        "register", CASE, &file, "--kind", "other", "--power", "consent",
    ];
    register.extend(["--description", "a note", "--reference", "SIT/1"]);
    ok(&smith(&ledger, false, &register));
    ok(&smith(&ledger, false, &["history", CASE]));
    let other = ["history", CASE, "--purpose", "something else"];
    ok(&smith(&ledger, false, &other));
    let history = words(&smith(&ledger, false, &["history", CASE]));
    assert!(history.contains(purpose), "{history}");
    assert!(history.contains("something else"), "{history}");

    let lock = smith(&ledger, false, &["lock"]);
    ok(&lock);
    assert_eq!(words(&lock), "Locked.\n");
    ends(
        &smith(&ledger, false, &["history", CASE, "--purpose", "a look"]),
        2,
    );
    assert_eq!(
        words(&smith(&ledger, false, &["lock"])),
        "Nothing was unlocked.\n"
    );
}

#[test]
fn another_sitting_takes_the_place_of_the_one_before() {
    let ledger = encrypted();
    for purpose in ["the first", "the second"] {
        ok(&smith(&ledger, true, &["unlock", "--purpose", purpose]));
    }
    ok(&smith(&ledger, false, &["history", CASE]));
    let history = words(&smith(&ledger, false, &["history", CASE]));
    assert!(
        history.contains("the second") && !history.contains("the first"),
        "{history}"
    );
    ok(&smith(&ledger, false, &["lock"]));
}

#[test]
fn a_sitting_does_not_outlast_its_time_nor_its_key_file() {
    let ledger = encrypted();
    // The wrong passphrase, and times that are none, begin nothing.
    for time in ["0s", "17h", "soon"] {
        ends(&smith(&ledger, true, &["unlock", "--for", time]), 2);
    }
    let mut wrong = ledger.command("smith", &["unlock"]);
    wrong.env("CUSTODES_PASSPHRASE", "wrong");
    ends(&wrong.output().unwrap(), 2);
    assert!(!ledger.path("smith/agent").exists());

    // Unlocked from a file that is not the key file any more: the agent is not asked.
    ok(&smith(&ledger, true, &["unlock", "--purpose", "a look"]));
    let key = ledger.path("smith/key.pem");
    let kept = std::fs::read(&key).unwrap();
    std::fs::write(&key, [&kept[..], b"\n"].concat()).unwrap();
    ends(
        &smith(&ledger, false, &["history", CASE, "--purpose", "a look"]),
        2,
    );
    std::fs::write(&key, &kept).unwrap();
    ok(&smith(&ledger, false, &["history", CASE]));

    // One second, which the commands before it have long used up when the agent says so.
    ok(&smith(&ledger, true, &["unlock", "--for", "1s"]));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while smith(&ledger, false, &["history", CASE, "--purpose", "a look"])
        .status
        .success()
    {
        assert!(std::time::Instant::now() < deadline, "the sitting goes on");
    }
}
