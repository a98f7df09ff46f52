//! The flags that the rules of custody raise, the gravest first.

use std::collections::HashMap;

use super::names::Names;
use super::telling::Telling as _;
use crate::ledger::outcome::{Flag, Severity};
use crate::protocol::entry::EntryHash;
use crate::verify::{VerifiedBundle, VerifiedItem};

/// What a severity is called.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Serious => "Serious",
        Severity::Notice => "To be explained",
        Severity::Info => "For information",
    }
}

/// One line for each flag.
pub fn flags(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let places: HashMap<EntryHash, &VerifiedItem> =
        bundle.entries.iter().map(|item| (item.e, item)).collect();
    let mut flags: Vec<&Flag> = bundle.flags.iter().collect();
    flags.sort_by_key(|flag| std::cmp::Reverse(flag.severity));
    let mut text = String::from("FLAGS\n\n");
    if flags.is_empty() {
        text.push_str("The rules of custody raise no flag.\n");
    }
    for flag in flags {
        let entries: Vec<String> = flag
            .entries
            .iter()
            .filter_map(|e| places.get(e))
            .map(|item| match &item.entry {
                Some(entry) => format!("entry {} ({})", item.index.0, entry.payload().event),
                None => format!("entry {}", item.index.0),
            })
            .collect();
        let exhibit = flag
            .exhibit
            .as_ref()
            .map_or_else(String::new, |one| format!(", {}", names.exhibit(one)));
        let explained: Vec<String> = flag
            .explained
            .iter()
            .map(|one| {
                let place = match places.get(&one.e) {
                    Some(item) => format!("entry {}", item.index.0),
                    None => "an entry that is not here".to_owned(),
                };
                let who = names.person_within(&one.by);
                format!(" Explained by {who} on {} ({place}).", one.at.in_words())
            })
            .collect();
        text.push_str(&format!(
            "- {}: {} [{}; {}{exhibit}]{}\n",
            severity(flag.severity),
            flag.words,
            flag.code,
            entries.join(", "),
            explained.concat(),
        ));
    }
    text.push_str("\nA flag is computed from the entries; it can be explained, never removed.\n");
    text
}
