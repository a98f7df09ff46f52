//! Of the disclosure report: each request with its decisions, and those that wait for one.

use serde_json::{Value, json};

use super::disclosure_report::Report;
use super::served::{Said, lasting};
use super::stated::Stated;
use super::telling::Telling as _;
use crate::protocol::id::Subject;
use crate::protocol::time::Moment;

impl Report<'_, '_> {
    /// Each request with its decisions; then decisions on no request that is here.
    pub(super) fn requests(&self) -> (String, Value) {
        let mut text = String::from("\nREQUESTS FOR DISCLOSURE\n\n");
        let mut values = Vec::new();
        let decisions: Vec<Said<'_>> = self.case.each("disclosure-decided").collect();
        let mut decided_here = Vec::new();
        for one in self.case.each("disclosure-requested") {
            let about_it = |said: &&Said<'_>| said.read("request") == Some(one.item.e);
            let its: Vec<Said<'_>> = decisions.iter().filter(about_it).copied().collect();
            let under = one.code("under").unwrap_or_default();
            let age = self.case.now().saturating_sub(one.recorded());
            let words = Stated::first(self.names, one.entry, &["text"]);
            text.push_str(&format!(
                "- {}: {} asked under {}: {} [entry {}]\n",
                one.item.recorded_at.in_words(),
                self.by(&one),
                under.replace('-', " "),
                words.in_words(),
                one.item.index.0
            ));
            if its.is_empty() {
                text.push_str(&format!("  - OPEN for {}\n", lasting(age)));
            }
            for decision in &its {
                let after = decision.recorded().saturating_sub(one.recorded());
                let words = self.decision(decision);
                text.push_str(&format!("  - {words}, {} later\n", lasting(after)));
            }
            values.push(json!({
                "entry": one.item.index,
                "at": one.item.recorded_at,
                "by": self.by(&one),
                "under": under,
                "text": words.json(),
                "open_seconds": its.is_empty().then_some(age),
                "decisions": its.iter().map(|one| self.decision_json(one)).collect::<Vec<_>>(),
            }));
            decided_here.extend(its.iter().map(|one| one.item.index));
        }
        let other = decisions
            .iter()
            .filter(|one| !decided_here.contains(&one.item.index));
        for decision in other {
            let words = self.decision(decision);
            text.push_str(&format!("- On no request that is here: {words}\n"));
            values.push(json!({"entry": null, "decisions": [self.decision_json(decision)]}));
        }
        if values.is_empty() {
            text.push_str("None was made.\n");
        }
        (text, values.into())
    }

    fn decision(&self, one: &Said<'_>) -> String {
        let exhibits: Vec<Subject> = one.read("exhibits").unwrap_or_default();
        let called: Vec<String> = exhibits.iter().map(|one| self.names.exhibit(one)).collect();
        let which = match called.is_empty() {
            true => String::new(),
            false => format!(", namely {}", called.join(", ")),
        };
        let due = one.read::<Option<Moment>>("due").flatten();
        let due = due.map_or_else(String::new, |due| format!(", by {}", due.in_words()));
        format!(
            "decided by {}: {}{which}{due}, on the basis {} [entry {}]",
            self.within(one),
            one.code("outcome").unwrap_or_default().replace('-', " "),
            Stated::first(self.names, one.entry, &["basis"]).in_words(),
            one.item.index.0
        )
    }

    fn decision_json(&self, one: &Said<'_>) -> Value {
        let body = &one.entry.payload().body;
        json!({
            "entry": one.item.index,
            "at": one.item.recorded_at,
            "by": self.by(one),
            "outcome": body.get("outcome"),
            "exhibits": body.get("exhibits"),
            "due": body.get("due"),
            "basis": Stated::first(self.names, one.entry, &["basis"]).json(),
        })
    }
}
