//! Names that people know, for ids that entries hold. A withheld name leaves the organisation and a short id.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::protocol::id::{ActorId, Subject};
use crate::verify::VerifiedBundle;

/// Names and references found in a bundle's details.
pub struct People {
    actors: BTreeMap<ActorId, String>,
    subjects: BTreeMap<Subject, String>,
}

impl People {
    /// Collects them; the newest wins.
    pub fn of(bundle: &VerifiedBundle) -> People {
        let mut people = People {
            actors: BTreeMap::new(),
            subjects: BTreeMap::new(),
        };
        for entry in bundle.entries.iter().filter_map(|item| item.entry.as_ref()) {
            let payload = entry.payload();
            let text = |name: &str| {
                entry
                    .detail(name)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            if payload.event == "key-enrolled" {
                let actor = payload.body.get("actor").and_then(Value::as_str);
                let actor = actor.and_then(|text| ActorId::new(text).ok());
                people.actors.extend(actor.zip(text("name")));
            }
            let reference = text("reference");
            people
                .subjects
                .extend(reference.map(|name| (payload.subject.clone(), name)));
        }
        people
    }

    /// "DC Jo Smith (northshire-police)".
    pub fn actor(&self, actor: &ActorId) -> String {
        match self.actors.get(actor) {
            Some(name) => format!("{name} ({})", actor.org()),
            None => format!(
                "someone of {} ({}…)",
                actor.org(),
                &actor.subject().as_str()[..6]
            ),
        }
    }

    /// "exhibit JSM/1", or a short id.
    pub fn subject(&self, subject: &Subject) -> String {
        self.subjects
            .get(subject)
            .cloned()
            .unwrap_or_else(|| format!("{}…", &subject.as_str()[..6]))
    }
}
