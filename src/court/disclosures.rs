//! Of the disclosure report: each disclosure, who acknowledged or inspected it, and whether their own digests agree.

use serde_json::{Value, json};

use super::disclosure_report::{Report, in_words};
use super::served::{Own, Said, lasting, own_digest};
use super::stated::{Stated, grouped};
use super::telling::Telling as _;
use crate::ledger::schema::ExhibitDigest;
use crate::protocol::id::{OrgId, Subject};
use crate::protocol::time::Moment;
use crate::protocol::tree::EntryIndex;

impl Report<'_, '_> {
    /// Each disclosure and what its recipients said of it.
    pub(super) fn disclosures(&self) -> (String, Value) {
        let mut text = String::from("\nEACH DISCLOSURE\n\n");
        let mut values = Vec::new();
        for one in self.case.each("disclosed") {
            let exhibits: Vec<Subject> = one.read("exhibits").unwrap_or_default();
            let called: Vec<String> = exhibits.iter().map(|one| self.names.exhibit(one)).collect();
            let orgs: Vec<OrgId> = one.read("to").unwrap_or_default();
            let to: Vec<&str> = orgs.iter().map(OrgId::as_str).collect();
            let stage = one.code("stage");
            let stage_words =
                stage.map_or_else(String::new, |stage| format!(", for {}", in_words(stage)));
            let terms = self.terms(&one);
            text.push_str(&format!(
                "- {}: {} disclosed {} to {}{stage_words}, on the basis {} [entry {}]\n",
                one.item.recorded_at.in_words(),
                self.by(&one),
                called.join(", "),
                to.join(", "),
                Stated::first(self.names, one.entry, &["basis"]).in_words(),
                one.item.index.0
            ));
            terms
                .words
                .iter()
                .for_each(|line| text.push_str(&format!("  - {line}\n")));
            let mut recipients = Vec::new();
            for org in &orgs {
                let (lines, value) = self.recipient(&one, &exhibits, org);
                lines
                    .iter()
                    .for_each(|line| text.push_str(&format!("  - {line}\n")));
                recipients.push(value);
            }
            values.push(json!({
                "entry": one.item.index,
                "at": one.item.recorded_at,
                "by": self.by(&one),
                "exhibits": exhibits,
                "called": called,
                "stage": stage,
                "bundle": one.entry.payload().body.get("bundle"),
                "expires": terms.expires,
                "expired": terms.expired,
                "withdrawn_by": terms.withdrawn,
                "withheld": terms.withheld,
                "recipients": recipients,
            }));
        }
        if values.is_empty() {
            text.push_str("Nothing was disclosed.\n");
        }
        (text, values.into())
    }

    /// Until when it lets its recipients read, and without what.
    fn terms(&self, one: &Said<'_>) -> Terms {
        let mut words = Vec::new();
        let expires = one.read::<Option<Moment>>("expires").flatten();
        let expired = expires
            .as_ref()
            .is_some_and(|at| at.unix_seconds() < self.case.now());
        if let Some(at) = &expires {
            let state = if expired {
                "EXPIRED since"
            } else {
                "in force until"
            };
            words.push(format!("{state} {}", at.in_words()));
        }
        let withdrawn = self
            .case
            .each("disclosure-withdrawn")
            .find(|said| said.read("disclosure") == Some(one.item.e));
        if let Some(said) = &withdrawn {
            words.push(format!(
                "WITHDRAWN by {} on {}, because {} [entry {}]",
                self.within(said),
                said.item.recorded_at.in_words(),
                Stated::first(self.names, said.entry, &["reason"]).in_words(),
                said.item.index.0
            ));
        }
        let list = |member: &str| one.read::<Vec<String>>(member).unwrap_or_default();
        let (details, events) = (list("withhold_details"), list("withhold_events"));
        let profile = one.code("withhold_profile");
        let parts = [
            profile.map(|name| format!("those of the profile {name}")),
            (!details.is_empty()).then(|| details.join(", ").replace('_', " ")),
            (!events.is_empty()).then(|| format!("every one of {}", events.join(", "))),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            words.push(format!("withheld details: {}", parts.join("; ")));
        }
        Terms {
            words,
            expires,
            expired,
            withdrawn: withdrawn.map(|said| said.item.index),
            withheld: json!({"profile": profile, "details": details, "events": events}),
        }
    }

    fn recipient(&self, one: &Said<'_>, exhibits: &[Subject], org: &OrgId) -> (Vec<String>, Value) {
        let names_it = |said: &Said<'_>| {
            said.read("disclosure") == Some(one.item.e) && said.entry.payload().actor.org() == *org
        };
        let answers = |event| self.case.each(event).filter(names_it).collect::<Vec<_>>();
        let (acknowledged, inspected) = (answers("disclosure-acknowledged"), answers("inspected"));
        let (mut lines, mut values) = (Vec::new(), Vec::new());
        for said in &acknowledged {
            let stated: Vec<ExhibitDigest> = said.read("digests").unwrap_or_default();
            let own = |exhibit: &Subject| {
                let own = stated.iter().find(|one| one.exhibit == *exhibit);
                own_digest(
                    self.bundle,
                    exhibit,
                    own.map(|one| &one.digest),
                    said.item.index,
                )
            };
            let found: Vec<(&Subject, Own)> = exhibits.iter().map(|one| (one, own(one))).collect();
            let by_answer: Vec<String> = grouped(found.iter().map(|(one, own)| (*own, *one)))
                .into_iter()
                .map(|(own, these)| {
                    let called: Vec<String> = these
                        .into_iter()
                        .map(|one| self.names.exhibit(one))
                        .collect();
                    format!("{}: {}", own_words(own), called.join(", "))
                })
                .collect();
            lines.push(format!(
                "acknowledged by {} on {} [entry {}]; {}",
                self.within(said),
                said.item.recorded_at.in_words(),
                said.item.index.0,
                by_answer.join("; ")
            ));
            let digests = found
                .iter()
                .map(|(exhibit, own)| json!({"exhibit": exhibit, "own_digest": own_code(*own)}));
            values.push(json!({
                "entry": said.item.index,
                "at": said.item.recorded_at,
                "by": self.by(said),
                "digests": digests.collect::<Vec<_>>(),
            }));
        }
        let since = self.case.now().saturating_sub(one.recorded());
        if acknowledged.is_empty() {
            lines.push(format!(
                "not acknowledged by {org}, after {}",
                lasting(since)
            ));
        }
        for said in &inspected {
            lines.push(format!(
                "inspected by {} on {} [entry {}]",
                self.within(said),
                said.item.recorded_at.in_words(),
                said.item.index.0
            ));
        }
        let value = json!({
            "org": org,
            "acknowledged": values,
            "seconds_since": since,
            "inspected": inspected.iter().map(|one| one.item.index).collect::<Vec<_>>(),
        });
        (lines, value)
    }
}

struct Terms {
    words: Vec<String>,
    expires: Option<Moment>,
    expired: bool,
    withdrawn: Option<EntryIndex>,
    withheld: Value,
}

fn own_words(own: Own) -> &'static str {
    match own {
        Own::Agrees => "their own digest agrees",
        Own::Differs => "their own digest is ANOTHER than the registered one",
        Own::NotStated => "no digest of their own",
        Own::NotComparable => "their own digest cannot be compared here",
    }
}

fn own_code(own: Own) -> &'static str {
    match own {
        Own::Agrees => "agrees",
        Own::Differs => "differs",
        Own::NotStated => "not-stated",
        Own::NotComparable => "not-comparable",
    }
}
