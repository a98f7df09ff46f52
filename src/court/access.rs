//! The access history: who looked, when and why, as the service recorded it.

use super::names::Names;
use super::sentences;
use crate::protocol::id::Strand;
use crate::verify::{VerifiedBundle, VerifiedItem};

/// What no access entry shows.
pub const ONLY_HERE: &str = "Only consultations through the ledger's service are recorded. Whoever holds a copy of the \
                             bytes can look at that copy without leaving a trace here.";

/// One line for each consultation, in the order of the log; withheld ones are counted too.
pub fn access_history(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let items: Vec<&VerifiedItem> = bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Access)
        .collect();
    let withheld = items.iter().filter(|item| item.entry.is_none()).count();
    let mut text = String::from("WHO LOOKED AT IT\n\n");
    if items.is_empty() {
        text.push_str("No consultation is recorded in this bundle.\n");
    }
    for item in &items {
        text.push_str(&format!("- {}\n", sentences::line(&names, item)));
    }
    if withheld > 0 {
        text.push_str(&format!(
            "\n{withheld} of {} consultations are withheld from the recipient of this bundle.\n",
            items.len()
        ));
    }
    text.push_str(&format!("\n{ONLY_HERE}\n"));
    text
}
