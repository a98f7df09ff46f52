//! The schedule of handling: each person's own acts, an aide-memoire for their statement (MG11), not the statement.

use super::names::Names;
use super::sentences;
use super::telling::Telling as _;
use crate::protocol::id::{ActorId, Strand};
use crate::verify::{VerifiedBundle, VerifiedItem};

/// One part for each person, in the order of their first act.
pub fn schedule(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let mut people: Vec<(ActorId, Vec<&VerifiedItem>)> = Vec::new();
    for item in &bundle.entries {
        let Some(entry) = &item.entry else { continue };
        // The service's own entries, and those of authorities about keys, are nobody's handling.
        if !matches!(
            item.chain.strand,
            Strand::Custody | Strand::Notes | Strand::Case
        ) || matches!(entry.payload().event.as_str(), "child-added")
        {
            continue;
        }
        let actor = &entry.payload().actor;
        match people.iter_mut().find(|(one, _)| one == actor) {
            Some((_, items)) => items.push(item),
            None => people.push((actor.clone(), vec![item])),
        }
    }
    let mut text = String::from(
        "SCHEDULES OF HANDLING\n\nWhat each person recorded that they did, to help them write their statement. \
         It is not a statement, and says nothing of what they did not record.\n",
    );
    for (actor, items) in people {
        text.push_str(&format!("\n{}\n", names.person(&actor)));
        for item in items {
            text.push_str(&format!("- {}\n", sentences::line(&names, item)));
        }
    }
    text
}
