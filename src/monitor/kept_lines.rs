//! A file of lines that is only added to, and of which a stated beginning counts.
//!
//! Whoever counts on the lines writes down [`Counted`] once they are on disk, in one step, and that is the commit point: what
//! stands behind them was left by a run that ended before it, and is dropped when more is added. A file whose lines are
//! mostly out of date is written anew under the next number, so that the old one counts until the new one does.
//!
//! In scope: adding, reading back, and noticing that what counts was changed. The digest shows a change to whoever wrote
//! [`Counted`] down; it is no signature. Out of scope: what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::protocol::hash::Hash;

/// Lines out of date that do not matter: a file so small is read at once.
const SLACK: u64 = 1000;

/// What counts of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The number in the file's name.
    number: u64,
    lines: u64,
    bytes: u64,
    /// SHA-256 of the digest of the lines before, 32 zero bytes for none, and the last line.
    digest: Hash,
}

impl Counted {
    /// Nothing yet, in a file beside the one that counted so far.
    pub fn anew(after: Option<&Counted>) -> Counted {
        Counted {
            number: after.map_or(1, |after| after.number + 1),
            lines: 0,
            bytes: 0,
            digest: Hash([0; 32]),
        }
    }

    /// Whether most lines are out of date, once so many are added, if so many say all that there is to say.
    pub fn is_mostly_old(&self, added: usize, needed: usize) -> bool {
        self.lines + added as u64 > 2 * needed as u64 + SLACK
    }

    fn add(&mut self, line: &str) {
        self.lines += 1;
        self.bytes += line.len() as u64 + 1;
        self.digest = Hash::of(&[&self.digest.0, line.as_bytes()]);
    }
}

/// Files of one name in a folder.
pub struct KeptLines<'a> {
    /// Where.
    pub folder: &'a Path,
    /// The name before the number.
    pub name: &'static str,
}

impl KeptLines<'_> {
    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}.{number}.lines", self.name))
    }

    /// Gives out each line that counts; false where the file is not there.
    ///
    /// # Errors
    /// It cannot be read; it is not what was kept; a line is of no use to who takes it.
    pub fn read(
        &self,
        counted: &Counted,
        mut take: impl FnMut(&str) -> Option<()>,
    ) -> io::Result<bool> {
        let path = self.path(counted.number);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut file = BufReader::new(file.take(counted.bytes));
        let mut found = Counted {
            number: counted.number,
            ..Counted::anew(None)
        };
        let mut bytes = Vec::new();
        while file.read_until(b'\n', &mut bytes)? > 0 {
            let line = bytes.strip_suffix(b"\n");
            let line = line.and_then(|line| std::str::from_utf8(line).ok());
            let line = line.ok_or_else(|| changed(&path))?;
            take(line).ok_or_else(|| changed(&path))?;
            found.add(line);
            bytes.clear();
        }
        match found == *counted {
            true => Ok(true),
            false => Err(changed(&path)),
        }
    }

    /// Adds lines behind those that count. They are on disk when this returns, and count once the answer is kept.
    pub fn append(
        &self,
        counted: &Counted,
        lines: impl Iterator<Item = String>,
    ) -> io::Result<Counted> {
        let path = self.path(counted.number);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        if file.metadata()?.len() < counted.bytes {
            return Err(changed(&path));
        }
        file.set_len(counted.bytes)?;
        file.seek(SeekFrom::Start(counted.bytes))?;
        let (mut file, mut counted) = (BufWriter::new(file), counted.clone());
        for line in lines {
            writeln!(file, "{line}")?;
            counted.add(&line);
        }
        file.into_inner()?.sync_all()?;
        Ok(counted)
    }

    /// What is said of a file that was changed.
    pub fn changed(&self, counted: &Counted) -> io::Error {
        changed(&self.path(counted.number))
    }

    /// Removes files that do not count.
    pub fn sweep(&self, counted: Option<&Counted>) -> io::Result<()> {
        let keep = counted.map(|counted| self.path(counted.number));
        for file in std::fs::read_dir(self.folder)? {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name
                .and_then(|name| name.strip_prefix(self.name))
                .and_then(|name| name.strip_prefix('.'))
                .and_then(|name| name.strip_suffix(".lines"));
            if number.is_some_and(|number| number.parse::<u64>().is_ok())
                && Some(&path) != keep.as_ref()
            {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn changed(path: &Path) -> io::Error {
    io::Error::other(format!(
        "{} is not what was kept. Move it out of the folder: the next look reads the entries from the beginning",
        path.display()
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines(from: u64, to: u64) -> impl Iterator<Item = String> {
        (from..to).map(|n| format!("line {n}"))
    }

    fn read(kept: &KeptLines<'_>, counted: &Counted) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        let found = kept.read(counted, |line| {
            all.push(line.to_owned());
            Some(())
        })?;
        assert!(found);
        Ok(all)
    }

    #[test]
    fn what_a_crash_left_is_dropped_and_what_counts_is_not_changed_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptLines {
            folder: folder.path(),
            name: "map",
        };
        let path = folder.path().join("map.1.lines");
        let empty = Counted::anew(None);
        assert!(!kept.read(&empty, |_| None).unwrap(), "there is no file");
        let first = kept.append(&empty, lines(0, 5)).unwrap();
        let begun = std::fs::read(&path).unwrap();
        let second = kept.append(&first, lines(5, 8)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert!(whole.starts_with(&begun));
        // A run that ended anywhere before the second counted, or left something else altogether.
        for end in begun.len()..=whole.len() {
            for tail in [&b""[..], &[0; 40], b"\n\n", b"line 5\nline 99\n"] {
                let mut left = whole[..end].to_vec();
                left.extend_from_slice(tail);
                std::fs::write(&path, left).unwrap();
                assert_eq!(
                    read(&kept, &first).unwrap(),
                    lines(0, 5).collect::<Vec<_>>()
                );
                assert_eq!(kept.append(&first, lines(5, 8)).unwrap(), second);
                assert_eq!(std::fs::read(&path).unwrap(), whole);
            }
        }
        assert_eq!(
            read(&kept, &second).unwrap(),
            lines(0, 8).collect::<Vec<_>>()
        );
        // Every byte counts, and so does each that is missing.
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            std::fs::write(&path, other).unwrap();
            let error = read(&kept, &second).unwrap_err().to_string();
            assert!(
                error.contains("map.1.lines is not what was kept"),
                "{error}"
            );
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&kept, &second).is_err());
            assert!(kept.append(&second, lines(8, 9)).is_err());
        }
    }

    #[test]
    fn a_file_written_anew_stands_beside_the_old_one_until_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptLines {
            folder: folder.path(),
            name: "map",
        };
        let other = folder.path().join("map.1.lines.copy");
        std::fs::write(&other, "somebody's").unwrap();
        let old = kept.append(&Counted::anew(None), lines(0, 5)).unwrap();
        let anew = Counted::anew(Some(&old));
        let _left = kept.append(&anew, lines(0, 2)).unwrap();
        let new = kept.append(&anew, lines(3, 5)).unwrap();
        assert_eq!(read(&kept, &old).unwrap().len(), 5);
        assert_eq!(read(&kept, &new).unwrap(), ["line 3", "line 4"]);
        kept.sweep(Some(&new)).unwrap();
        assert!(!kept.read(&old, |_| Some(())).unwrap());
        assert_eq!(read(&kept, &new).unwrap().len(), 2);
        kept.sweep(None).unwrap();
        assert!(!kept.read(&new, |_| Some(())).unwrap());
        assert!(other.exists());
        // Most of it is out of date: more than two lines for one that is needed.
        assert!(!old.is_mostly_old(1000, 3) && old.is_mostly_old(1000, 2));
    }
}
