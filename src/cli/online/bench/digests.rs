//! Digests: a large file beside the tools that everybody has, and a folder of many small files.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::process::{self, Stopwatch};
use super::row::Row;
use crate::cli::failure::Failure;
use crate::cli::hashing::{HashingError, digest_path};

/// Size of each of many small files.
const SMALL: usize = 4 << 10;

/// Other programs that compute a SHA-256: row, program, arguments.
const OTHERS: [(&str, &str, &[&str]); 2] = [
    ("digest_sha256sum", "sha256sum", &[]),
    ("digest_openssl", "openssl", &["dgst", "-sha256"]),
];

/// A file of so many MiB.
pub fn file(folder: &Path, mib: u64) -> Result<Vec<Row>, Failure> {
    let path = folder.join("image");
    write_file(&path, mib).map_err(|error| Failure::file("write", &path, &error))?;
    // Once for the page cache: what is compared is hashing, not who reads the disk first.
    digest_path(&path, false).map_err(failed)?;
    let gib = mib as f64 / 1024.0;
    let mut rows = Vec::new();
    let mut own = Row::new(
        "digest_file",
        format!("digest of {mib} MiB, with its chunk tree"),
        "GiB",
    );
    own.count = gib;
    timed(&mut own, || digest_path(&path, false).map_err(failed))?;
    for (name, program, args) in OTHERS {
        let mut row = Row::new(name, format!("the same by {program}"), "GiB");
        row.count = gib;
        let before = process::children_cpu();
        let begun = Instant::now();
        let ran = Command::new(program)
            .args(args)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !ran.is_ok_and(|status| status.success()) {
            continue;
        }
        row.seconds = begun.elapsed().as_secs_f64();
        row.generator_cpu = process::children_cpu().zip(before).map(|(a, b)| a - b);
        own.say(
            &format!("time_against_{program}"),
            own.seconds / row.seconds,
        );
        rows.push(row);
    }
    rows.insert(0, own);
    std::fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    Ok(rows)
}

/// A folder of so many files of 4 KiB.
pub fn folder(folder: &Path, files: usize) -> Result<Row, Failure> {
    let path = folder.join("files");
    write_files(&path, files).map_err(|error| Failure::file("write", &path, &error))?;
    digest_path(&path, false).map_err(failed)?;
    let mut row = Row::new(
        "digest_folder",
        format!("digest of a folder of {files} files of 4 KiB"),
        "files",
    );
    row.count = files as f64;
    timed(&mut row, || digest_path(&path, false).map_err(failed))?;
    if let Some(cpu) = row.generator_cpu {
        row.say("cores_busy", cpu / row.seconds);
    }
    std::fs::remove_dir_all(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    Ok(row)
}

fn timed<T>(row: &mut Row, work: impl FnOnce() -> Result<T, Failure>) -> Result<(), Failure> {
    let watch = Stopwatch::start(None);
    work()?;
    row.keep_time(watch.stop());
    Ok(())
}

/// No two MiB are the same.
fn write_file(path: &Path, mib: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let mut piece: Vec<u8> = (0..1_u32 << 20).map(|at| (at ^ (at >> 9)) as u8).collect();
    for number in 0..mib {
        piece[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&piece)?;
    }
    file.sync_all()
}

fn write_files(folder: &Path, files: usize) -> std::io::Result<()> {
    let mut piece = vec![0x5a; SMALL];
    for number in 0..files {
        let below = folder.join(format!("{:03}", number / 1000));
        if number % 1000 == 0 {
            std::fs::create_dir_all(&below)?;
        }
        piece[..8].copy_from_slice(&(number as u64).to_be_bytes());
        std::fs::write(below.join(format!("{number:06}")), &piece)?;
    }
    Ok(())
}

fn failed(error: HashingError) -> Failure {
    Failure::new("digest", error.to_string())
}
