//! Names and values on the command line: `k=v` is text, `k:=json` any JSON; and metadata files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::cli::failure::{Failure, read_text};
use crate::protocol::json::{self, Numbers};

/// Longest metadata file read: more does not fit an entry.
const MAX_META: usize = 1 << 20;

/// Reads one `k=v` or `k:=json`.
pub fn pair(text: &str) -> Result<(String, Value), String> {
    let shape = "expected name=text or name:=json";
    let (name, value) = text.split_once('=').ok_or(shape)?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => (
            name,
            json::parse(value.as_bytes(), Numbers::Any).map_err(|error| error.to_string())?,
        ),
        None => (name, Value::from(value)),
    };
    if name.is_empty() {
        Err(shape.to_owned())
    } else {
        Ok((name.to_owned(), value))
    }
}

/// Puts pairs into a body; a name given twice is an error.
pub fn body(pairs: &[(String, Value)]) -> Result<Map<String, Value>, Failure> {
    let mut body = Map::new();
    for (name, value) in pairs {
        if body.insert(name.clone(), value.clone()).is_some() {
            return Err(twice(name));
        }
    }
    Ok(body)
}

/// Details, gathered from flags and files; a name given twice is an error.
#[derive(Debug, Default)]
pub struct Details(BTreeMap<String, Value>);

impl Details {
    /// Adds one detail.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) -> Result<(), Failure> {
        match self.0.insert(name.to_owned(), value.into()) {
            None => Ok(()),
            Some(_) => Err(twice(name)),
        }
    }

    /// Adds a detail that was given.
    pub fn add_some(&mut self, name: &str, value: Option<&String>) -> Result<(), Failure> {
        value.map_or(Ok(()), |value| self.add(name, value.as_str()))
    }

    /// Adds pairs.
    pub fn add_pairs(&mut self, pairs: &[(String, Value)]) -> Result<(), Failure> {
        pairs
            .iter()
            .try_for_each(|(name, value)| self.add(name, value.clone()))
    }

    /// Adds every field of a TOML or JSON file; one that is left empty says nothing.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Failure> {
        let text = read_text(path, MAX_META)?;
        let bad = |error: String| Failure::new("metadata", format!("{}: {error}", path.display()));
        let fields = if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            json::parse(text.as_bytes(), Numbers::Any).map_err(|error| bad(error.to_string()))?
        } else {
            let table: toml::Table =
                toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?;
            from_toml(toml::Value::Table(table))
        };
        let Value::Object(fields) = fields else {
            return Err(bad("expected an object of names and values".to_owned()));
        };
        fields
            .into_iter()
            .filter(|(_, value)| value.as_str() != Some(""))
            .try_for_each(|(name, value)| self.add(&name, value))
    }

    /// Whether a detail says something.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// Every detail, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// What was gathered.
    pub fn into_map(self) -> BTreeMap<String, Value> {
        self.0
    }
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(name, value)| (name, from_toml(value)))
                .collect(),
        ),
    }
}

fn twice(name: &str) -> Failure {
    Failure::new("usage", format!("{name:?} is given two values"))
        .next("say it once: by flag or in the file")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_are_text_or_json() {
        assert_eq!(pair("seal=K1=2"), Ok(("seal".to_owned(), json!("K1=2"))));
        assert_eq!(pair("errors:=3"), Ok(("errors".to_owned(), json!(3))));
        for bad in ["seal", "=x", ":=1", "n:=x", r#"n:={"a":1,"a":2}"#] {
            assert!(pair(bad).is_err(), "{bad}");
        }
        assert!(body(&[pair("a=1").unwrap(), pair("a=2").unwrap()]).is_err());
    }

    #[test]
    fn metadata_files_become_details() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meta.toml");
        std::fs::write(
            &path,
            "camera = \"CAM-04\"\nat = 2026-03-14T09:00:00Z\n[clock]\noffset = -3\n",
        )
        .unwrap();
        let mut details = Details::default();
        details.add_file(&path).unwrap();
        assert!(details.add("camera", "x").is_err());
        let map = details.into_map();
        assert_eq!(map["clock"], json!({"offset": -3}));
        assert_eq!(map["at"], json!("2026-03-14T09:00:00Z"));
    }
}
