//! One sentence for each event: "PC Jo Smith (northshire-police) recorded that they ...".
//!
//! A sentence uses what the rules read (the body) and the details that are disclosed. Details that it does
//! not use follow it by name; withheld ones are named as withheld. An event without a template of its own
//! is named, with its details.

use serde_json::Value;

use super::names::{Names, plain, quoted, short};
use crate::ledger::state::Known as _;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Subject};
use crate::verify::{VerifiedBundle, VerifiedItem};

/// "14 March 2026 09:12:00 UTC: PC Jo Smith (northshire-police) recorded that ... [entry 12]".
pub fn line(bundle: &VerifiedBundle, names: &Names<'_>, item: &VerifiedItem) -> String {
    let index = item.index.0;
    let logged = item.recorded_at.in_words();
    let Some(entry) = &item.entry else {
        return format!(
            "{logged}: an entry of the {} chain that is wholly withheld. [entry {index}]",
            item.chain.strand
        );
    };
    let when = entry.payload().occurred_at.in_words();
    let who = names.person(&entry.payload().actor);
    let (what, used) = Writer {
        bundle,
        names,
        entry,
    }
    .sentence();
    let mut line = format!("{when}: {who} recorded that {what}.");
    let rest: Vec<String> = entry
        .disclosures()
        .iter()
        .filter(|one| !used.contains(&one.name()))
        .map(|one| format!("{}: {}", one.name().replace('_', " "), quoted(one.value())))
        .collect();
    if !rest.is_empty() {
        line.push_str(&format!(" Also recorded: {}.", rest.join("; ")));
    }
    let withheld: Vec<&str> = entry.withheld().collect();
    if !withheld.is_empty() {
        line.push_str(&format!(" Withheld here: {}.", withheld.join(", ")));
    }
    line.push_str(&format!(" [entry {index}, logged {logged}"));
    if let Some(bounds) = item.bracket.in_words() {
        line.push_str(&format!(", recorded {bounds}"));
    } else if let Some(latest) = item.bracket.after.as_ref().and_then(|seen| seen.earliest()) {
        line.push_str(&format!(", seen by a witness by {}", latest.in_words()));
    }
    line.push(']');
    line
}

pub(super) struct Writer<'a> {
    pub(super) bundle: &'a VerifiedBundle,
    pub(super) names: &'a Names<'a>,
    pub(super) entry: &'a VerifiedEntry,
}

impl Writer<'_> {
    /// What was recorded, and the details that the sentence already holds.
    fn sentence(&self) -> (String, &'static [&'static str]) {
        let payload = self.entry.payload();
        let exhibit = self.names.exhibit(&payload.subject);
        let case = self.names.case(&payload.subject);
        let named = self.exhibit("exhibit");
        match payload.event.as_str() {
            "genesis" => (format!("the ledger \"{}\" begins", payload.ledger), &[]),
            "genesis-accepted" => ("it accepts how the ledger begins".to_owned(), &[]),
            "key-enrolled" => (self.enrolled(), &["name"]),
            "key-revoked" => (
                format!(
                    "the key {} counts no more{}{}",
                    short(self.text("key")),
                    self.after(", compromised since ", "compromised_since"),
                    self.said(", because ", "reason"),
                ),
                &["reason"],
            ),
            "case-opened" => (format!("they opened {case}"), &["title", "reference"]),
            "case-reference-set" => (
                format!("the case has the reference{}", self.said(" ", "reference")),
                &["reference"],
            ),
            "party-joined" => (
                format!(
                    "{} joined {case} with the part \"{}\"{}",
                    self.text("org"),
                    self.text("part"),
                    self.said(", on the basis ", "basis")
                ),
                &["basis"],
            ),
            "seized" => (
                format!(
                    "they seized {exhibit}, {}{}{}{}{}",
                    self.kind(),
                    self.said(", described as ", "description"),
                    self.said(", under ", "power_or_consent"),
                    self.by(", from ", "from"),
                    self.after(", sealed as ", "seal"),
                ),
                &["description", "power_or_consent", "reference"],
            ),
            "registered" => (
                format!(
                    "they registered {exhibit}, {}{}{}, as {} with {}",
                    self.kind(),
                    self.said(", described as ", "description"),
                    self.said(", under ", "power_or_consent"),
                    self.text("role"),
                    self.digest(),
                ),
                &["description", "power_or_consent", "reference"],
            ),
            "acquired" | "copied" | "derived" | "split" => (
                format!(
                    "they made {exhibit} ({}, {}) out of {}{}, with {}",
                    self.kind(),
                    self.text("role"),
                    self.parents(),
                    self.said(", described as ", "description"),
                    self.digest(),
                ),
                &["description", "reference"],
            ),
            "digested" => (format!("they digested {exhibit}: {}", self.digest()), &[]),
            "sealed" => (
                format!("they sealed {exhibit} with seal {}", self.text("seal")),
                &[],
            ),
            "unsealed" => (
                format!("they opened the seal {} of {exhibit}", self.text("seal")),
                &[],
            ),
            "transfer-offered" => (
                format!(
                    "they offered {exhibit} to {} ({}){}{}",
                    self.recipient(),
                    self.text("method"),
                    self.said(", for the purpose ", "purpose"),
                    self.after(", under seal ", "seal"),
                ),
                &["purpose"],
            ),
            "transfer-accepted" => (
                format!(
                    "they received {exhibit}{}{}{}; {}",
                    self.by(" from ", "from"),
                    self.pointing("offer", ", as offered in", ", without an offer"),
                    self.after(", under seal ", "seal"),
                    self.received(),
                ),
                &[],
            ),
            "transfer-refused" => (
                format!(
                    "they refused to take {exhibit}{}",
                    self.said(", because ", "reason")
                ),
                &["reason"],
            ),
            "transfer-withdrawn" => (
                format!(
                    "they withdrew the offer of {exhibit}{}",
                    self.said(", because ", "reason")
                ),
                &["reason"],
            ),
            "viewed" | "exported" => (self.read(), &["reader", "purpose", "token"]),
            "exhibit-added" => (
                format!("{named} was added to the case's list of exhibits"),
                &[],
            ),
            "child-added" => (format!("{named} was made out of {exhibit}"), &[]),
            "disclosed" => (
                format!(
                    "they disclosed {} to {}{}",
                    self.list("exhibits"),
                    self.list("to"),
                    self.said(", on the basis ", "basis")
                ),
                &["basis"],
            ),
            "disclosure-acknowledged" => (
                format!(
                    "they received what was disclosed{}",
                    self.pointing("disclosure", " in", "")
                ),
                &[],
            ),
            other => match self.more(other) {
                Some(told) => told,
                None => (format!("there was the event \"{other}\""), &[]),
            },
        }
    }

    pub(super) fn body(&self, name: &str) -> Option<&Value> {
        self.entry
            .payload()
            .body
            .get(name)
            .filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.body(name)
            .and_then(Value::as_str)
            .unwrap_or("(not stated)")
    }

    pub(super) fn kind(&self) -> String {
        self.text("kind").replace('-', " ")
    }

    /// `before` and a body member, where it is there.
    pub(super) fn after(&self, before: &str, name: &str) -> String {
        self.body(name)
            .map_or_else(String::new, |value| format!("{before}{}", plain(value)))
    }

    /// `before` and a detail, where it is disclosed.
    pub(super) fn said(&self, before: &str, name: &str) -> String {
        self.entry
            .detail(name)
            .map_or_else(String::new, |value| format!("{before}{}", quoted(value)))
    }

    /// `before` and a person of the body, where one is named.
    pub(super) fn by(&self, before: &str, name: &str) -> String {
        let actor = self
            .body(name)
            .and_then(Value::as_str)
            .and_then(|text| ActorId::new(text).ok());
        actor.map_or_else(String::new, |actor| {
            format!("{before}{}", self.names.person_within(&actor))
        })
    }

    pub(super) fn exhibit(&self, name: &str) -> String {
        match Subject::new(self.text(name)) {
            Ok(subject) => self.names.exhibit(&subject),
            Err(_) => "an exhibit".to_owned(),
        }
    }

    fn enrolled(&self) -> String {
        let roles = self
            .body("roles")
            .and_then(Value::as_array)
            .map_or_else(String::new, |roles| {
                roles.iter().map(plain).collect::<Vec<_>>().join(", ")
            });
        let who = self.by("", "actor");
        format!("{who} holds a key and acts as {roles}")
    }

    fn recipient(&self) -> String {
        let to = self.body("to");
        let actor = to.and_then(|to| to.get("actor")).and_then(Value::as_str);
        match actor.map(ActorId::new) {
            Some(Ok(actor)) => self.names.person_within(&actor),
            _ if to.and_then(|to| to.get("store")).is_some() => {
                let store = to.and_then(|to| to.get("store"));
                let part = |name: &str| {
                    store
                        .and_then(|one| one.get(name))
                        .map_or_else(String::new, plain)
                };
                format!("the store \"{}\" of {}", part("place"), part("org"))
            }
            _ => to
                .and_then(|to| to.get("org"))
                .map_or_else(|| "(not stated)".to_owned(), plain),
        }
    }

    fn parents(&self) -> String {
        let parents = self.body("parents").and_then(Value::as_array);
        let name = |parent: &Value| {
            let subject = Subject::new(parent.get("exhibit")?.as_str()?).ok()?;
            Some(self.names.exhibit(&subject))
        };
        let list: Vec<String> = parents.into_iter().flatten().filter_map(name).collect();
        if list.is_empty() {
            "nothing stated".to_owned()
        } else {
            list.join(", ")
        }
    }

    pub(super) fn list(&self, name: &str) -> String {
        let items = self.body(name).and_then(Value::as_array);
        let word = |value: &Value| match Subject::new(value.as_str().unwrap_or_default()) {
            Ok(subject) => self.names.exhibit(&subject),
            Err(_) => plain(value),
        };
        items
            .into_iter()
            .flatten()
            .map(word)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn own_digest(&self) -> Option<EvidenceDigest> {
        serde_json::from_value(self.body("digest")?.clone()).ok()
    }

    pub(super) fn digest(&self) -> String {
        self.own_digest().map_or_else(
            || "no digest".to_owned(),
            |digest| {
                format!(
                    "{} bytes and SHA-256 {}",
                    digest.size,
                    digest.sha256.to_hex()
                )
            },
        )
    }

    fn received(&self) -> String {
        let registered = self
            .bundle
            .state
            .exhibit(&self.entry.payload().subject)
            .and_then(|one| one.digest);
        match (self.own_digest(), registered) {
            (None, None) => "there were no bytes to digest".to_owned(),
            (None, Some(_)) => "they did not compute a digest of their own".to_owned(),
            (Some(own), Some(registered)) if own == registered => {
                "they digested the bytes and the digest is the registered one".to_owned()
            }
            (Some(own), _) => format!(
                "they digested the bytes and the digest is NOT the registered one (SHA-256 {})",
                own.sha256.to_hex()
            ),
        }
    }

    /// `found` and the entry that a member points at, or `none`.
    pub(super) fn pointing(&self, name: &str, found: &str, none: &str) -> String {
        let Some(Ok(e)) = self
            .body(name)
            .and_then(Value::as_str)
            .map(Hash::from_base64url)
        else {
            return none.to_owned();
        };
        match self.bundle.state.entry(EntryHash(e)) {
            Some(record) => format!("{found} entry {}", record.index.0),
            None => format!("{found} an entry that is not here"),
        }
    }

    fn read(&self) -> String {
        let reader = self.entry.detail("reader").map(plain);
        let reader = match reader.as_deref().map(ActorId::new) {
            Some(Ok(actor)) => self.names.person_within(&actor),
            Some(Err(_)) => reader.unwrap_or_default(),
            None => "somebody (withheld)".to_owned(),
        };
        let what = match self.text("target") {
            "case" => self.names.case(&self.entry.payload().subject),
            _ => self.names.exhibit(&self.entry.payload().subject),
        };
        let verb = if self.entry.payload().event == "viewed" {
            "viewed"
        } else {
            "exported"
        };
        format!(
            "{reader} {verb} {what} (extent: {}){}",
            self.text("extent"),
            self.said(", for the purpose ", "purpose")
        )
    }
}
