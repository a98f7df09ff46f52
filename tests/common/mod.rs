//! What several tests share.
#![allow(dead_code)] // each test uses its own part

use std::path::{Path, PathBuf};

/// Real evidence and test vectors: `CUSTODES_TEST_DATA`, else `../shared/data` beside the project. Absent data
/// skips a test with a printed line, and fails it where `CI=true`.
pub fn data_dir() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("CUSTODES_TEST_DATA").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "no test data in {}: set CUSTODES_TEST_DATA",
        folder.display()
    );
    println!("skipped: no test data in {}", folder.display());
    None
}

/// What was made is what stands in this file, line by line; `UPDATE=1` writes it anew.
pub fn stands_in(path: &str, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, made).expect("a file of this tree can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    for (line, (made, kept)) in made.lines().zip(kept.lines()).enumerate() {
        assert_eq!(made, kept, "{path}, line {}", line + 1);
    }
    assert_eq!(made.lines().count(), kept.lines().count(), "{path}");
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a test data folder can be read") {
            let path = entry.expect("a test data folder can be read").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found.sort();
    found
}
