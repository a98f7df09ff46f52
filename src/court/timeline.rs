//! The custody timeline: what was recorded of each exhibit, and of the case, in the order of the log.

use super::names::Names;
use super::sentences;
use super::telling::Telling as _;
use crate::protocol::id::{Strand, Subject};
use crate::verify::{VerifiedBundle, VerifiedItem};

pub use super::access::access_history;
pub use super::flags::flags;

/// One part for each exhibit in the order of its first entry, then the case, then keys and the ledger.
pub fn timeline(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let mut exhibits: Vec<&Subject> = Vec::new();
    for item in bundle.entries.iter().filter(|item| of_exhibit(item)) {
        if !exhibits.contains(&&item.chain.subject) {
            exhibits.push(&item.chain.subject);
        }
    }
    let mut text = String::from("CUSTODY TIMELINE\n");
    let mut part = |title: String, wanted: &dyn Fn(&VerifiedItem) -> bool| {
        let items: Vec<&VerifiedItem> = bundle.entries.iter().filter(|item| wanted(item)).collect();
        if items.is_empty() {
            return;
        }
        text.push_str(&format!("\n{title}\n"));
        for item in items {
            text.push_str(&format!("- {}\n", sentences::line(&names, item)));
        }
    };
    for exhibit in exhibits {
        let title = capital(&names.exhibit(exhibit));
        part(title, &|item| {
            of_exhibit(item) && item.chain.subject == *exhibit
        });
    }
    part("The case".to_owned(), &|item| {
        matches!(item.chain.strand, Strand::Case | Strand::Exhibits)
    });
    part("Whose keys count, and who says so".to_owned(), &|item| {
        matches!(item.chain.strand, Strand::Keys | Strand::Rules)
    });
    text
}

fn of_exhibit(item: &VerifiedItem) -> bool {
    matches!(item.chain.strand, Strand::Custody | Strand::Notes)
}

/// The first letter in capitals.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
