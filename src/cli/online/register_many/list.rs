//! Lists of files to register: a manifest as sha256sum and BagIt write it, CSV, or NDJSON.
//!
//! ```text
//! manifest  <64 hex digits> SP (SP|*) <path>             one a line
//! CSV       a first line of column names, `path` among them
//! NDJSON    one object a line, with the member `path`
//! ```
//!
//! The columns `kind`, `role` and `media_type` go into the body, `sha256` is checked against the file,
//! `occurred_at` is when; every other column becomes a detail of that name. An empty cell says nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::failure::{Failure, read_text};
use crate::protocol::entry::is_name;
use crate::protocol::hash::Hash;
use crate::protocol::json::{self, Numbers};
use crate::protocol::manifest::MAX_MANIFEST;

/// One file to register.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Line of the list, from 1.
    pub line: usize,
    /// As the list writes it.
    pub path: String,
    /// What the list says its SHA-256 is.
    pub sha256: Option<Hash>,
    /// What else the list says, by column.
    pub fields: BTreeMap<String, Value>,
}

/// Reads a list; every line that is wrong is named.
pub fn read(path: &Path) -> Result<Vec<Item>, Failure> {
    let text = read_text(path, MAX_MANIFEST)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = match path.extension().and_then(|one| one.to_str()) {
        Some("csv") => csv(text),
        Some("ndjson" | "jsonl") => ndjson(text),
        _ => manifest(text),
    };
    let mut items = Vec::new();
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (line, result) in lines {
        let item = result.and_then(|mut fields| {
            let item = item(line, &mut fields)?;
            match seen.insert(item.path.clone(), line) {
                None => Ok(item),
                Some(before) => Err(format!("the same path as in line {before}")),
            }
        });
        match item {
            Ok(item) => items.push(item),
            Err(why) => wrong.push(format!("\n  line {line}: {why}")),
        }
    }
    if !wrong.is_empty() {
        let more = match wrong.len().saturating_sub(20) {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        wrong.truncate(20);
        return Err(Failure::new(
            "list",
            format!(
                "{}: nothing was registered, since these lines are wrong:{}{more}",
                path.display(),
                wrong.concat()
            ),
        )
        .next(
            "correct them and run it again; `custodes register-many --help` says what a line holds",
        ));
    }
    if items.is_empty() {
        return Err(Failure::new(
            "list",
            format!("{} lists no file", path.display()),
        ));
    }
    Ok(items)
}

type Line = (usize, Result<Map<String, Value>, String>);

fn item(line: usize, fields: &mut Map<String, Value>) -> Result<Item, String> {
    fields.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    let path = match fields.remove("path") {
        Some(Value::String(path)) => path,
        _ => return Err("it names no path".to_owned()),
    };
    let sha256 = match fields.remove("sha256") {
        None => None,
        Some(value) => Some(
            value
                .as_str()
                .and_then(Hash::from_hex)
                .ok_or("sha256 is not 64 hex digits")?,
        ),
    };
    if let Some(name) = fields.keys().find(|name| !is_name(name, b'_')) {
        return Err(format!(
            "the column {name:?} cannot be a detail: names are of a-z, 0-9 and '_'"
        ));
    }
    Ok(Item {
        line,
        path,
        sha256,
        fields: std::mem::take(fields).into_iter().collect(),
    })
}

fn manifest(text: &str) -> Vec<Line> {
    let wanted = "expected 64 hex digits, two spaces and a path, as sha256sum writes it";
    numbered(text)
        .map(|(number, line)| {
            let parts = line.split_once(' ').and_then(|(hex, rest)| {
                let path = rest.strip_prefix(['*', ' '])?;
                Hash::from_hex(hex).map(|_| (hex, path))
            });
            let fields = parts.ok_or(wanted.to_owned()).map(|(hex, path)| {
                let field = |name: &str, value: &str| (name.to_owned(), Value::from(value));
                Map::from_iter([field("sha256", hex), field("path", path)])
            });
            (number, fields)
        })
        .collect()
}

fn ndjson(text: &str) -> Vec<Line> {
    numbered(text)
        .map(|(number, line)| {
            let fields = match json::parse(line.as_bytes(), Numbers::Any) {
                Ok(Value::Object(fields)) => Ok(fields),
                Ok(_) => Err("expected an object".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            (number, fields)
        })
        .collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
}

fn csv(text: &str) -> Vec<Line> {
    let mut reader = ::csv::ReaderBuilder::new()
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let names = match reader.headers() {
        Ok(names) => names.clone(),
        Err(error) => return vec![(1, Err(error.to_string()))],
    };
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return vec![(1, Err(format!("the column {twice:?} stands twice")))];
    }
    if !names.iter().any(|name| name == "path") {
        return vec![(1, Err("the first line names no column \"path\"".to_owned()))];
    }
    let mut lines = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = |position: Option<&::csv::Position>| {
            position.map_or(at + 2, |position| {
                usize::try_from(position.line()).unwrap_or(at + 2)
            })
        };
        lines.push(match record {
            Ok(record) => {
                let fields = names
                    .iter()
                    .zip(&record)
                    .map(|(name, value)| (name.to_owned(), Value::from(value)));
                (line(record.position()), Ok(fields.collect()))
            }
            Err(error) => (line(error.position()), Err(error.to_string())),
        });
    }
    lines
}

/// Where the file is: beside the list, or below the folder given.
pub fn locate(root: &Path, path: &str) -> PathBuf {
    root.join(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn list(name: &str, text: &str) -> Result<Vec<Item>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn three_forms_say_the_same() {
        let hash = Hash([0xab; 32]);
        let hex = hash.to_hex();
        let manifest = list(
            "manifest-sha256.txt",
            &format!("{hex}  data/a b.mp4\n{hex} *c\n"),
        )
        .unwrap();
        assert_eq!(manifest[0].path, "data/a b.mp4");
        assert_eq!(
            (manifest[1].path.as_str(), manifest[1].sha256),
            ("c", Some(hash))
        );
        let csv = list(
            "list.csv",
            &format!("\u{feff}path,sha256,reference,kind\n\"a, b.mp4\",{hex},JSM/1,audio\nc,,,\n"),
        )
        .unwrap();
        assert_eq!((csv[0].path.as_str(), csv[0].line), ("a, b.mp4", 2));
        assert_eq!(csv[0].fields["reference"], "JSM/1");
        assert!(csv[1].fields.is_empty() && csv[1].sha256.is_none());
        let json = list(
            "list.ndjson",
            "{\"path\":\"c\",\"clock\":{\"offset\":3}}\n\n{\"path\":\"d\"}\n",
        )
        .unwrap();
        assert_eq!(
            (json[0].fields["clock"]["offset"].as_i64(), json[1].line),
            (Some(3), 3)
        );
    }

    #[test]
    fn every_wrong_line_is_named() {
        let hex = Hash::ZERO.to_hex();
        for (name, text, why) in [
            (
                "m.txt",
                format!("{hex}  a\n{hex}  a\n"),
                "line 2: the same path as in line 1",
            ),
            (
                "m.txt",
                "abc  a\n".to_owned(),
                "line 1: expected 64 hex digits",
            ),
            ("l.csv", "file\na\n".to_owned(), "names no column \"path\""),
            ("l.csv", "path,path\na,b\n".to_owned(), "stands twice"),
            ("l.csv", "path,kind\na,audio\nb\n".to_owned(), "line 3"),
            (
                "l.csv",
                "path,Bad Name\na,b\n".to_owned(),
                "cannot be a detail",
            ),
            (
                "l.csv",
                "path,sha256\na,12\n".to_owned(),
                "not 64 hex digits",
            ),
            (
                "l.ndjson",
                "{\"path\":\"a\",\"path\":\"b\"}\n".to_owned(),
                "line 1",
            ),
            ("l.ndjson", "[]\n".to_owned(), "expected an object"),
            ("l.csv", "path\n".to_owned(), "lists no file"),
        ] {
            let failure = list(name, &text).unwrap_err();
            assert!(failure.detail.contains(why), "{why}: {}", failure.detail);
        }
    }
}
