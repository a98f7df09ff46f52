//! Where exhibits stand: what the entries of their custody chains come to, as far as an offline signer must
//! know it. It is computed from entries each time, never stored, so it cannot disagree with them.
//!
//! Out of scope: who holds what is in a bag that moves, and custody that was restated. Both are decided by entries that
//! are not in the file, so the holder told here is good for a warning and for nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::online::told;
use crate::ledger::Rules;
use crate::ledger::effects::Effect;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};

/// One exhibit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibit {
    /// Its opaque id.
    pub subject: Subject,
    /// Its case.
    pub case: Subject,
    /// What people call it.
    pub reference: Option<String>,
    /// Entries in its custody chain.
    pub length: u64,
    /// The last of them.
    pub last: EntryHash,
    /// The organisation that holds it, by its own chain alone.
    pub holder: OrgId,
    /// The offer that nobody has answered.
    pub offer: Option<Offer>,
    /// The seal that is on it.
    pub seal: Option<String>,
}

/// An open offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The entry that made it.
    pub e: EntryHash,
    /// Who made it.
    pub by: ActorId,
}

/// Exhibits, by their opaque id.
#[derive(Debug, Clone, Default)]
pub struct Standing(BTreeMap<Subject, Exhibit>);

impl Standing {
    /// Adds an exhibit as it stood when the file was made.
    pub fn add(&mut self, exhibit: Exhibit) {
        self.0.insert(exhibit.subject.clone(), exhibit);
    }

    /// An exhibit.
    pub fn get(&self, subject: &Subject) -> Option<&Exhibit> {
        self.0.get(subject)
    }

    /// All of them.
    pub fn exhibits(&self) -> impl Iterator<Item = &Exhibit> {
        self.0.values()
    }

    /// Takes in the next custody entry; says why it does not follow.
    pub fn follow(&mut self, entry: &UnverifiedEntry) -> Result<(), String> {
        let payload = entry.payload();
        if payload.strand != Strand::Custody {
            return Err(format!(
                "it belongs to the chain \"{}\", not to custody",
                payload.strand
            ));
        }
        let row = Rules::embedded()
            .row(&payload.event)
            .ok_or_else(|| format!("the rules know no event {:?}", payload.event))?;
        let Some(exhibit) = self.0.get_mut(&payload.subject) else {
            if !row.opens || payload.seq != 0 {
                return Err("it is about an exhibit that is not in this file".to_owned());
            }
            self.open(entry)?;
            return Ok(());
        };
        if payload.seq != exhibit.length || payload.prev != Some(exhibit.last) {
            return Err(format!(
                "it says position {}, but the chain stands at {}",
                payload.seq, exhibit.length
            ));
        }
        exhibit.length += 1;
        exhibit.last = entry.hash();
        let seal = || {
            let seal = payload.body.get("seal").and_then(Value::as_str);
            seal.map(str::to_owned)
        };
        if told::closes_offer(row.effect) {
            exhibit.offer = None;
        }
        match row.effect {
            Effect::Offer => {
                exhibit.offer = Some(Offer {
                    e: entry.hash(),
                    by: payload.actor.clone(),
                });
            }
            // Custody moves on acceptance, whichever offer it names.
            Effect::Accept | Effect::Find => exhibit.holder = payload.actor.org(),
            Effect::Seal => exhibit.seal = seal(),
            Effect::Unseal => exhibit.seal = None,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, entry: &UnverifiedEntry) -> Result<(), String> {
        let payload = entry.payload();
        let text = |name: &str| payload.body.get(name).and_then(Value::as_str);
        let case = text("case").and_then(|case| Subject::new(case).ok());
        let reference = entry.detail("reference").and_then(Value::as_str);
        self.add(Exhibit {
            subject: payload.subject.clone(),
            case: case.ok_or("it names no case")?,
            reference: reference.map(str::to_owned),
            length: 1,
            last: entry.hash(),
            holder: payload.actor.org(),
            offer: None,
            seal: text("seal").map(str::to_owned),
        });
        Ok(())
    }
}
