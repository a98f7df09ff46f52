//! Places where a service cannot run: each is told apart, and the ledger stays as it was.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use custodes::storage::{Batch, Durability, Family, Mode, RocksStore, Store as _};
use ledger::{CASE, Ledger, copy, ends, ok};

/// The service on this folder ends with exit code 2 and this code, and says what to do.
fn refuses(ledger: &Ledger, folder: &Path, listen: &str, code: &str) -> String {
    let dir = folder.display().to_string();
    let said = ends(
        &ledger.run("nobody", &["serve", "--dir", &dir, "--listen", listen]),
        2,
    );
    assert!(
        said.contains(&format!("error[{code}]")),
        "expected {code}: {said}"
    );
    assert!(said.lines().count() >= 2, "no next step: {said}");
    said
}

const ANY_PORT: &str = "127.0.0.1:0";

/// The ledger is whole: the audit recomputes all of it.
fn is_whole(ledger: &Ledger, folder: &Path) {
    let dir = folder.display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}

#[test]
fn two_services_one_folder_and_a_port_that_is_taken() {
    let mut ledger = Ledger::new();
    let folder = ledger.path("ledger");
    refuses(&ledger, &folder, ANY_PORT, "ledger-in-use");
    // The first goes on.
    ok(&ledger.run("smith", &["history", CASE]));
    let taken = ledger.url.strip_prefix("http://").unwrap().to_owned();
    let other = Ledger::new();
    let mut stopped = other;
    stopped.kill();
    refuses(&stopped, &stopped.path("ledger"), &taken, "port-taken");
    refuses(
        &stopped,
        &stopped.path("ledger"),
        "192.0.2.1:8420",
        "listen",
    );
    ledger.kill();
    is_whole(&ledger, &folder);
}

#[test]
fn keys_that_are_others_or_open_to_others() {
    let mut ledger = Ledger::new();
    ledger.kill();
    let folder = ledger.path("ledger");
    for name in ["log", "service"] {
        let key = folder.join(format!("keys/{name}.pem"));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        let said = refuses(&ledger, &folder, ANY_PORT, "key-readable-by-others");
        assert!(said.contains("chmod 600"), "{said}");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let kept = std::fs::read(&key).unwrap();
        std::fs::copy(folder.join("authority/police.pem"), &key).unwrap();
        refuses(&ledger, &folder, ANY_PORT, "other-key");
        std::fs::write(&key, &kept).unwrap();
    }
    let key = folder.join("keys/log.pem");
    std::fs::rename(&key, folder.join("kept")).unwrap();
    refuses(&ledger, &folder, ANY_PORT, "key-missing");
    std::fs::rename(folder.join("kept"), &key).unwrap();
    is_whole(&ledger, &folder);
    ledger.start();
    ok(&ledger.run("smith", &["history", CASE]));
}

#[test]
fn folders_that_are_no_ledger_or_a_newer_one() {
    let mut ledger = Ledger::new();
    ledger.kill();
    let empty = ledger.path("empty");
    std::fs::create_dir(&empty).unwrap();
    refuses(&ledger, &empty, ANY_PORT, "ledger-missing");
    let bare = ledger.path("bare");
    copy(&ledger.path("ledger"), &bare);
    std::fs::remove_dir_all(bare.join("db")).unwrap();
    refuses(&ledger, &bare, ANY_PORT, "ledger-missing");
    let odd = ledger.path("odd");
    copy(&ledger.path("ledger"), &odd);
    std::fs::write(odd.join("ledger.toml"), "name = \"something else\"\n").unwrap();
    refuses(&ledger, &odd, ANY_PORT, "not-a-ledger");
    let newer = ledger.path("newer");
    copy(&ledger.path("ledger"), &newer);
    let store = RocksStore::open(&newer.join("db"), Mode::Write).unwrap();
    let mut batch = Batch::default();
    batch.put(Family::Meta, *b"format", 99_u32.to_be_bytes());
    store.engine().write(&batch, Durability::Synced).unwrap();
    drop(store);
    refuses(&ledger, &newer, ANY_PORT, "ledger-newer");
    let other = ledger.path("other");
    copy(&ledger.path("ledger"), &other);
    let store = RocksStore::open(&other.join("db"), Mode::Write).unwrap();
    let of_genesis = |row: &(Vec<u8>, Vec<u8>)| {
        let text = String::from_utf8_lossy(&row.1);
        text.contains("\"genesis\":") && text.contains("\"rules\":\"")
    };
    let mut rows = store
        .engine()
        .rows(Family::Records, b"")
        .map(Result::unwrap);
    let (key, value) = rows.find(of_genesis).unwrap();
    drop(rows);
    let text = String::from_utf8(value).unwrap();
    let (before, rest) = text.split_once("\"rules\":\"").unwrap();
    let changed = format!("{before}\"rules\":\"{}{}", "A".repeat(43), &rest[43..]);
    let mut batch = Batch::default();
    batch.put(Family::Records, key, changed);
    store.engine().write(&batch, Durability::Synced).unwrap();
    drop(store);
    refuses(&ledger, &other, ANY_PORT, "ledger-other-rules");
}

/// A small file system of its own, where this is permitted.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: PathBuf, size: &str) -> Option<Mounted> {
        std::fs::create_dir_all(&at).unwrap();
        let option = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "tmpfs"])
            .arg(&at)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Mounted(at));
        }
        println!("skipped: no file system may be mounted here");
        None
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        let done = Command::new("mount")
            .args(["-o", &option])
            .arg(&self.0)
            .status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A stopped ledger, and a copy of its folder on a small file system.
fn on_a_small_file_system() -> Option<(Ledger, Mounted, PathBuf)> {
    let mut ledger = Ledger::new();
    ledger.kill();
    let mounted = Mounted::new(ledger.path("mounted"), "64m")?;
    let folder = mounted.0.join("ledger");
    copy(&ledger.path("ledger"), &folder);
    Some((ledger, mounted, folder))
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_can_still_be_audited() {
    let Some((ledger, mounted, folder)) = on_a_small_file_system() else {
        return;
    };
    mounted.remount("ro");
    refuses(&ledger, &folder, ANY_PORT, "folder-read-only");
    is_whole(&ledger, &folder);
}

#[test]
fn a_disk_that_fills_up_loses_nothing_that_was_acknowledged() {
    let Some((mut ledger, mounted, folder)) = on_a_small_file_system() else {
        return;
    };
    // The ledger lives there from now on.
    std::fs::rename(ledger.path("ledger"), ledger.path("old")).unwrap();
    std::os::unix::fs::symlink(&folder, ledger.path("ledger")).unwrap();
    ledger.start();
    let file = ledger.path("file");
    let register = |ledger: &Ledger, number: usize| {
        std::fs::write(&file, number.to_string()).unwrap();
        ledger.register_as("smith", &file, &format!("JSM/{number}"))
    };
    ok(&register(&ledger, 0));
    // Something else fills the disk to the last block.
    let full = mounted.0.join("full");
    let _ = Command::new("dd")
        .arg("if=/dev/zero")
        .arg(format!("of={}", full.display()))
        .arg("bs=4k")
        .output();
    let mut acknowledged = 1;
    let refused = loop {
        let output = register(&ledger, acknowledged);
        if !output.status.success() {
            break ends(&output, 2);
        }
        acknowledged += 1;
        assert!(acknowledged < 1000, "the disk is never full");
    };
    assert!(
        refused.contains("error[stopped]") || refused.contains("error[storage]"),
        "{refused}"
    );
    // What can be read is read, and a start says why there is none.
    ledger.kill();
    refuses(&ledger, &folder, ANY_PORT, "disk-full");
    std::fs::remove_file(&full).unwrap();
    ledger.start();
    let found = ok(&ledger.run("smith", &["history", CASE]));
    for number in 0..acknowledged {
        std::fs::write(&file, number.to_string()).unwrap();
        let shown = file.display().to_string();
        ok(&ledger.run("smith", &["lookup", &shown]));
    }
    assert!(!found.is_empty());
    ok(&register(&ledger, acknowledged + 1));
    ledger.kill();
    is_whole(&ledger, &folder);
}
