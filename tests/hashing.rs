//! Digests through the real command: what other tools compute, in little memory however large the file.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn digest(path: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(["--json", "digest"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sha256sum(path: &Path) -> String {
    let output = Command::new("sha256sum")
        .arg("-z")
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn digests_are_those_of_sha256sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for size in [0usize, 1, 1 << 20, (1 << 20) + 1, 5 << 20, (37 << 20) + 11] {
        let bytes: Vec<u8> = (0..size).map(|at| (at * at / 7 % 256) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        let digest = digest(&path);
        assert_eq!(digest["sha256_hex"], sha256sum(&path), "{size}");
        assert_eq!(digest["digest"]["size"], size);
    }
    for path in common::data_dir()
        .iter()
        .flat_map(|data| common::files(&data.join("evidence")))
    {
        assert_eq!(
            digest(&path)["sha256_hex"],
            sha256sum(&path),
            "{}",
            path.display()
        );
    }
}

/// GNU time, which tells how much memory a command had in use at most.
fn memory_kib(path: &Path) -> Option<u64> {
    let time = Path::new("/usr/bin/time");
    if !time.exists() {
        println!("skipped: no /usr/bin/time");
        return None;
    }
    let output = Command::new(time)
        .args(["-f", "%M", env!("CARGO_BIN_EXE_custodes"), "digest"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    Some(told.trim().parse().unwrap())
}

#[test]
fn a_large_file_needs_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(400 << 20).unwrap();
    if let Some(kib) = memory_kib(&path) {
        assert!(kib < 100 << 10, "{kib} KiB");
    }
}

#[test]
fn a_folder_is_its_manifest_whatever_the_order_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("export");
    let mut lines = Vec::new();
    for number in (0..300).rev() {
        let sub = inside.join(format!("part{}", number % 7));
        std::fs::create_dir_all(&sub).unwrap();
        let path = sub.join(format!("{number}.txt"));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&vec![number as u8; number * 37]).unwrap();
        let name = path.strip_prefix(&inside).unwrap().display().to_string();
        lines.push((name, sha256sum(&path)));
    }
    lines.sort();
    let manifest: String = lines
        .iter()
        .map(|(name, sha256)| format!("{sha256}  {name}\n"))
        .collect();
    let written = folder.path().join("manifest-sha256.txt");
    std::fs::write(&written, manifest).unwrap();
    for _ in 0..3 {
        assert_eq!(digest(&inside)["sha256_hex"], sha256sum(&written));
    }
}
