//! Many files in one sitting, through the real command: interrupted, run again, and never doubled.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use std::path::PathBuf;
use std::process::{Command, Output};

use ledger::{CASE, Ledger, ends, ok};
use serde_json::Value;

/// A list of numbered files with a reference each, and the flags that say the rest.
struct Sitting {
    ledger: Ledger,
    list: PathBuf,
}

impl Sitting {
    fn new(files: usize) -> Sitting {
        let ledger = Ledger::new();
        let folder = ledger.path("dock");
        std::fs::create_dir(&folder).unwrap();
        let mut text = "path,reference,camera,kind\n".to_owned();
        for number in 0..files {
            let name = format!("clip {number}.mp4");
            std::fs::write(folder.join(&name), vec![number as u8; 1000 + number]).unwrap();
            text.push_str(&format!("{name},BWV/{number},\"cam 7, chest\",\n"));
        }
        let list = folder.join("dock.csv");
        std::fs::write(&list, text).unwrap();
        Sitting { ledger, list }
    }

    fn run(&self, more: &[&str]) -> Output {
        let list = self.list.display().to_string();
        let args = [
            "--json",
            "register-many",
            CASE,
            &list,
            "--kind",
            "surveillance-footage",
            "--description",
            "body-worn video",
            "--power",
            "PACE 1984",
        ];
        self.ledger.run("smith", &[&args[..], more].concat())
    }

    fn progress(&self) -> PathBuf {
        self.list.with_extension("csv.progress")
    }

    /// Exhibits in the case, by the service's own list.
    fn exhibits(&self) -> usize {
        let told = ok(&self.ledger.run("smith", &["history", CASE]));
        told.matches("was added to the case's list of exhibits")
            .count()
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn indexes(value: &Value) -> Vec<u64> {
    let files = value["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["entry"]["index"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_list_is_registered_once_however_often_it_is_run() {
    let mut sitting = Sitting::new(30);
    let first = json(&sitting.run(&[]));
    assert_eq!(
        (first["registered"].as_u64(), first["failed"].as_u64()),
        (Some(30), Some(0))
    );
    assert_eq!(sitting.exhibits(), 30);
    let found = ok(&sitting
        .ledger
        .run("smith", &["history", "44NS1234526 BWV/7"]));
    assert!(
        found.contains("camera: \"cam 7, chest\"") && found.contains("file name: \"clip 7.mp4\""),
        "{found}"
    );
    let again = json(&sitting.run(&[]));
    assert_eq!(
        (again["registered"].as_u64(), again["before"].as_u64()),
        (Some(0), Some(30))
    );
    assert_eq!(indexes(&again), indexes(&first));
    // As if the machine had died after the entries were sent and before any receipt was kept, in mid-line.
    let text = std::fs::read_to_string(sitting.progress()).unwrap();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains("\"receipt\""))
        .collect();
    assert_eq!(kept.len(), 31);
    std::fs::write(
        sitting.progress(),
        format!("{}\n{{\"path\":\"cli", kept.join("\n")),
    )
    .unwrap();
    // And the service with it.
    sitting.ledger.kill();
    sitting.ledger.start();
    let after = json(&sitting.run(&[]));
    assert_eq!(indexes(&after), indexes(&first));
    assert_eq!(sitting.exhibits(), 30);
}

#[test]
fn what_fails_is_named_and_the_rest_goes_on() {
    let sitting = Sitting::new(5);
    let folder = sitting.list.parent().unwrap().to_owned();
    std::fs::remove_file(folder.join("clip 1.mp4")).unwrap();
    let wrong = "0".repeat(64);
    std::fs::write(
        &sitting.list,
        format!("path,sha256,reference\nclip 0.mp4,{wrong},BWV/0\nclip 1.mp4,,BWV/1\nclip 2.mp4,,BWV/2\n"),
    )
    .unwrap();
    let said = sitting.run(&[]);
    // A file that is not the listed one is a failed check.
    ends(&said, 1);
    let value = json(&said);
    let states: Vec<&str> = value["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["mismatch", "unreadable", "recorded"]);
    assert_eq!(value["files"][0]["problem"]["code"], "list-mismatch");
    // Corrected and run again: only what was missing is added.
    std::fs::write(folder.join("clip 1.mp4"), b"found").unwrap();
    std::fs::write(
        &sitting.list,
        "path,reference\nclip 0.mp4,BWV/0\nclip 1.mp4,BWV/1\nclip 2.mp4,BWV/2\n",
    )
    .unwrap();
    let value = json(&sitting.run(&[]));
    assert_eq!(
        (value["registered"].as_u64(), value["before"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(sitting.exhibits(), 3);
}

#[test]
fn a_list_that_cannot_be_taken_registers_nothing() {
    let sitting = Sitting::new(2);
    for (list, why) in [
        (
            "path,kind\nclip 0.mp4,camera\n",
            "one of surveillance-footage",
        ),
        (
            "path,description\nclip 0.mp4, \nclip 0.mp4,x\n",
            "the same path as in line 2",
        ),
        (
            "path,reference\nclip 0.mp4,A/1\nclip 1.mp4,A/1\n",
            "the reference A/1 is that of line 2",
        ),
        (
            "path,occurred_at\nclip 0.mp4,some day\n",
            "line 2: \"some day\" is not a time",
        ),
        ("name\nclip 0.mp4\n", "names no column \"path\""),
    ] {
        std::fs::write(&sitting.list, list).unwrap();
        let said = ends(&sitting.run(&[]), 2);
        assert!(said.contains(&why.replace('"', "\\\"")), "{why}: {said}");
    }
    let list = sitting.list.display().to_string();
    std::fs::write(&sitting.list, "path\nclip 0.mp4\n").unwrap();
    let said = ends(
        &sitting.ledger.run("smith", &["register-many", CASE, &list]),
        2,
    );
    assert!(
        said.contains("line 2: the body lacks \"kind\"") && said.contains("next: "),
        "{said}"
    );
    assert!(!sitting.progress().exists());
    assert_eq!(sitting.exhibits(), 0);
    // Somebody else's progress is not gone on with.
    ok(&sitting.run(&[]));
    sitting
        .ledger
        .enrol("hart", "police", "officer", "DC Lee Hart");
    let args = [
        "register-many",
        CASE,
        &list,
        "--kind",
        "audio",
        "--description",
        "x",
        "--power",
        "x",
    ];
    let said = ends(&sitting.ledger.run("hart", &args), 2);
    assert!(said.contains("another ledger, person or case"), "{said}");
}

#[test]
fn real_evidence_registers_from_the_manifest_that_sha256sum_writes() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let ledger = Ledger::new();
    let evidence = data.join("evidence");
    let names: Vec<String> = common::files(&evidence)
        .iter()
        .map(|path| path.strip_prefix(&evidence).unwrap().display().to_string())
        .collect();
    let sums = Command::new("sha256sum")
        .args(&names)
        .current_dir(&evidence)
        .output()
        .unwrap();
    let list = ledger.path("evidence.sha256");
    std::fs::write(&list, &sums.stdout).unwrap();
    let (list, root) = (list.display().to_string(), evidence.display().to_string());
    let args = [
        "register-many",
        CASE,
        &list,
        "--root",
        &root,
        "--kind",
        "other",
        "--description",
        "sample",
        "--power",
        "consent",
    ];
    let said = ok(&ledger.run("smith", &args));
    assert!(
        said.contains(&format!("{} registered, receipts verified", names.len())),
        "{said}"
    );
    for line in String::from_utf8(sums.stdout).unwrap().lines() {
        let found = ok(&ledger.run("smith", &["lookup", "--sha256", &line[..64]]));
        assert!(found.contains("exhibit"), "{found}");
    }
}
