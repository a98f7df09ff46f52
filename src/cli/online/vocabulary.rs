//! Words that the rules know: events, kinds, parts, roles. Taken from the table itself, so help, completion and
//! checks never say other words than the rules do.

use std::collections::BTreeSet;

use clap::builder::PossibleValuesParser;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::ledger::Rules;
use crate::ledger::rules::Row;
use crate::ledger::state::Role;

/// How much of a word must be right for it to be suggested.
const LIKENESS: f64 = 0.75;

/// The values of a member of an event's body.
fn values(event: &str, member: &str) -> Vec<&'static str> {
    Rules::embedded()
        .row(event)
        .and_then(|row| row.body.get(member))
        .map(|member| member.values.iter().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Kinds of evidence.
pub fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(kind_names())
}

/// Their names.
pub fn kind_names() -> Vec<&'static str> {
    values("seized", "kind")
}

/// The row of an event, where the name might have been meant as a kind.
pub fn event_or_kind(name: &str) -> Result<&'static Row, Failure> {
    event(name).map_err(|failure| {
        let mut kinds = kind_names().into_iter();
        match kinds.find(|kind| strsim::jaro_winkler(name, kind) > LIKENESS + 0.1) {
            Some(kind) => failure.next(format!("did you mean {kind}?")),
            None => failure,
        }
    })
}

/// Parts that an organisation can have in a case.
pub fn parts() -> PossibleValuesParser {
    PossibleValuesParser::new(values("party-joined", "part"))
}

/// Sectors that an organisation can belong to.
pub fn sectors() -> Vec<&'static str> {
    values("organisation-admitted", "sector")
}

/// Reads a role that an authority can give.
pub fn role(text: &str) -> Result<String, String> {
    let rows = Rules::embedded().rows().flat_map(|row| row.roles.iter());
    let given: BTreeSet<Role> = rows
        .copied()
        .chain([Role::Auditor])
        .filter(|role| !matches!(role, Role::Authority | Role::Service))
        .collect();
    let words: Vec<String> = given
        .into_iter()
        .filter_map(|role| json!(role).as_str().map(str::to_owned))
        .collect();
    match words.iter().any(|word| word == text) {
        true => Ok(text.to_owned()),
        false => Err(format!("the roles are {}", words.join(", "))),
    }
}

/// The row of an event, or what else was probably meant.
pub fn event(name: &str) -> Result<&'static Row, Failure> {
    Rules::embedded().row(name).ok_or_else(|| {
        let mut near: Vec<(f64, &str)> = Rules::embedded()
            .rows()
            .map(|row| (strsim::jaro_winkler(name, &row.event), row.event.as_str()))
            .filter(|(likeness, _)| *likeness > LIKENESS)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        let near: Vec<&str> = near.iter().take(3).map(|(_, event)| *event).collect();
        let all: Vec<&str> = Rules::embedded()
            .rows()
            .filter(|row| !row.roles.contains(&Role::Service))
            .map(|row| row.event.as_str())
            .collect();
        Failure::new("event-unknown", format!("the rules know no event {name:?}")).next(match near
            .is_empty()
        {
            true => format!("the events are: {}", all.join(", ")),
            false => format!("did you mean {}?", near.join(" or ")),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_from_the_rules_and_near_ones_are_suggested() {
        assert!(values("seized", "kind").contains(&"wearable-data"));
        assert!(sectors().contains(&"oversight"));
        assert!(event("sealed").is_ok());
        let next = |name: &str| event(name).err().and_then(|failure| failure.next);
        assert!(next("seald").is_some_and(|next| next.contains("did you mean sealed")));
        assert!(next("zzz").is_some_and(|next| next.contains("transfer-offered")));
    }
}
