//! People's names, and what the rules read in words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reference;
use super::session::Session;
use crate::cli::failure::Failure;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::id::ActorId;

/// Longest value shown, in characters.
pub const MAX_VALUE: usize = 200;

/// People's names, as their authorities enrolled them.
pub struct Names<'a> {
    session: &'a Session,
    known: BTreeMap<ActorId, String>,
}

impl<'a> Names<'a> {
    /// Nobody is known yet.
    pub fn new(session: &'a Session) -> Names<'a> {
        Names {
            session,
            known: BTreeMap::new(),
        }
    }

    /// "DC Jo Smith (northshire-police)".
    pub fn of(&mut self, actor: &ActorId) -> Result<String, Failure> {
        if let Some(name) = self.known.get(actor) {
            return Ok(name.clone());
        }
        let name = match reference::name(self.session, actor)? {
            Some(name) => format!("{name} ({})", actor.org()),
            // The service and the authorities have no name of their own.
            None => actor.org().to_string(),
        };
        self.known.insert(actor.clone(), name.clone());
        Ok(name)
    }

    /// What the rules read, in words; nothing for what only programs can use.
    pub fn value(&mut self, value: &Value) -> Result<Option<String>, Failure> {
        let digest: Option<EvidenceDigest> = serde_json::from_value(value.clone()).ok();
        if let Some(digest) = digest {
            return Ok(Some(format!(
                "SHA-256 {}, {} bytes",
                digest.sha256.to_hex(),
                digest.size
            )));
        }
        Ok(match value {
            Value::String(text) => match ActorId::new(text.as_str()) {
                Ok(actor) => Some(self.of(&actor)?),
                // Opaque ids and hashes.
                Err(_) if matches!(text.len(), 22 | 43) && !text.contains([' ', '.', '/']) => None,
                Err(_) => Some(text.chars().take(MAX_VALUE).collect()),
            },
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
            Value::Object(map) if map.len() == 1 => match map.values().next() {
                Some(only) => self.value(only)?,
                None => None,
            },
            _ => None,
        })
    }
}
