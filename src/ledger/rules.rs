//! The rules table: `rules.json`, embedded and published.
//!
//! A row says of one event: on which strand, whether it may open a chain, which roles may record it, what its
//! body holds, which details it must name, what is refused, what is flagged, what it changes, and the category
//! of processing that DPA 2018 s.62 asks to be logged. Everything a row names is in a closed list: a table
//! with an unknown name does not load. Lists that many rows share (kinds of evidence, the roles of everybody)
//! stand once under `lists`; `"@name"` stands for one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::effects::Effect;
use super::flags::FlagRule;
use super::refusals::RefuseRule;
use super::schema::Member;
use super::state::{Role, Withheld};
use crate::protocol::hash::Hash;
#[cfg(test)]
use crate::protocol::id::Code;
use crate::protocol::id::Strand;

/// One event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Wire name.
    pub event: String,
    /// Its strand.
    pub strand: Strand,
    /// Whether it may be the first entry of a chain.
    pub opens: bool,
    /// Who may record it: any one of these roles.
    pub roles: Vec<Role>,
    /// Members of the body.
    pub body: BTreeMap<String, Member>,
    /// Details that must be named.
    pub details: Vec<String>,
    /// What is refused.
    pub refuse: Vec<RefuseRule>,
    /// What is flagged.
    pub flag: Vec<FlagRule>,
    /// What it changes.
    pub effect: Effect,
    /// What it gives a name to, if it does.
    #[serde(default)]
    pub names: Option<Names>,
    /// Roles that usually record it; empty where every role that may does.
    #[serde(default)]
    pub usual_roles: Vec<Role>,
    /// Details that practice records with it beside those that must be named.
    #[serde(default)]
    pub usual_details: Vec<String>,
    /// Category of processing (DPA 2018 s.62).
    pub category: Option<String>,
}

/// What an event names, and with which of its details.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// What is named: the chain's subject.
    pub what: Named,
    /// The detail that holds the name.
    pub detail: String,
}

/// Things that people call by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// A case, by its reference.
    Case,
    /// An exhibit, by its reference.
    Exhibit,
    /// A person or system, by name.
    Actor,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u64,
    #[allow(dead_code)] // used up when the rows were read
    lists: Value,
    thresholds: BTreeMap<String, u64>,
    always_flag: Vec<FlagRule>,
    standing_flag: Vec<FlagRule>,
    branch_flag: Vec<FlagRule>,
    withholding_profiles: BTreeMap<String, Withheld>,
    events: Vec<Row>,
}

/// A rules table.
#[derive(Debug)]
pub struct Rules {
    rows: BTreeMap<String, Row>,
    always_flag: Vec<FlagRule>,
    standing_flag: Vec<FlagRule>,
    branch_flag: Vec<FlagRule>,
    thresholds: BTreeMap<String, u64>,
    withholding_profiles: BTreeMap<String, Withheld>,
    sha256: Hash,
}

/// A text that is not a rules table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rules table: {0}")]
pub struct BadRules(String);

impl Rules {
    /// Reads a table.
    pub fn parse(text: &str) -> Result<Rules, BadRules> {
        let bad = |error: serde_json::Error| BadRules(error.to_string());
        let mut value: Value = serde_json::from_str(text).map_err(bad)?;
        let lists = value.get("lists").cloned().unwrap_or_default();
        if let Some(events) = value.get_mut("events") {
            put_lists(events, &lists)?;
        }
        let table: Table = serde_json::from_value(value).map_err(bad)?;
        if table.version != 1 {
            return Err(BadRules(format!("version {} is not 1", table.version)));
        }
        let mut rows = BTreeMap::new();
        for row in table.events {
            if let Some(twice) = rows.insert(row.event.clone(), row) {
                return Err(BadRules(format!("event {:?} stands twice", twice.event)));
            }
        }
        Ok(Rules {
            rows,
            always_flag: table.always_flag,
            standing_flag: table.standing_flag,
            branch_flag: table.branch_flag,
            thresholds: table.thresholds,
            withholding_profiles: table.withholding_profiles,
            sha256: Hash::of(&[text.as_bytes()]),
        })
    }

    /// The table this software was built with.
    pub fn embedded() -> &'static Rules {
        static RULES: OnceLock<Rules> = OnceLock::new();
        RULES.get_or_init(|| {
            Rules::parse(Rules::text()).expect("the embedded rules table loads; a test loads it")
        })
    }

    /// Its text, as published.
    pub fn text() -> &'static str {
        include_str!("rules.json")
    }

    /// SHA-256 of the text: genesis names it.
    pub fn sha256(&self) -> Hash {
        self.sha256
    }

    /// The row of an event.
    pub fn row(&self, event: &str) -> Option<&Row> {
        self.rows.get(event)
    }

    /// Every row, by event.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// What is flagged of an exhibit at a stated log time, whatever was recorded last.
    pub fn standing_flag(&self) -> &[FlagRule] {
        &self.standing_flag
    }

    /// Thresholds and their values where the parties changed nothing, in seconds.
    pub fn thresholds(&self) -> &BTreeMap<String, u64> {
        &self.thresholds
    }

    /// Lists of what a disclosure keeps back, by their names.
    pub fn withholding_profiles(&self) -> &BTreeMap<String, Withheld> {
        &self.withholding_profiles
    }

    /// What is flagged on an entry of a branch.
    pub fn branch_flag(&self) -> &[FlagRule] {
        &self.branch_flag
    }

    /// What is flagged on every event that a person records.
    pub fn always_flag(&self) -> &[FlagRule] {
        &self.always_flag
    }
}

/// Puts each list in the place of its name.
fn put_lists(value: &mut Value, lists: &Value) -> Result<(), BadRules> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix('@') {
                *value = lists
                    .get(name)
                    .cloned()
                    .ok_or_else(|| BadRules(format!("there is no list {name:?}")))?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| put_lists(item, lists)),
        Value::Object(map) => map.values_mut().try_for_each(|item| put_lists(item, lists)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_names_events_there_are_and_every_profile_can_be_stated() {
        let rules = Rules::embedded();
        let row = rules.row("disclosed").expect("an event of the table");
        let stated = &row.body["withhold_profile"].values;
        let named: Vec<&String> = rules.withholding_profiles().keys().collect();
        assert_eq!(stated.iter().collect::<Vec<_>>(), named);
        for profile in rules.withholding_profiles().values() {
            let known = |event: &Code| rules.row(event.as_str()).is_some();
            assert!(profile.events.iter().all(known));
        }
    }

    #[test]
    fn the_embedded_table_loads_and_unknown_names_do_not() {
        assert!(Rules::embedded().row("genesis").is_some());
        for (from, to) in [
            ("\"in-case\"", "\"in-cases\""),
            ("\"effect\": \"offer\"", "\"effect\": \"offers\""),
            ("\"type\": \"code\"", "\"type\": \"prose\""),
            ("\"event\": \"sealed\"", "\"event\": \"unsealed\""),
            ("\"@any\"", "\"@anybody\""),
            ("\"version\": 1", "\"version\": 2"),
        ] {
            assert!(Rules::text().contains(from), "{from}");
            assert!(
                Rules::parse(&Rules::text().replacen(from, to, 1)).is_err(),
                "{to}"
            );
        }
    }
}
