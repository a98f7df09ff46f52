//! What a report is about: all that its bundle is about, or one exhibit of a case's bundle.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::complete;
use super::names::{Names, name_of};
use super::telling::Telling as _;
use crate::ledger::state::Known as _;
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{Strand, Subject};
use crate::verify::{Verification, VerifiedBundle, VerifiedItem};

/// An exhibit or a case of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Exhibit or case.
    pub kind: ScopeKind,
    /// Which.
    pub subject: Subject,
    exhibits: BTreeSet<Subject>,
    cases: BTreeSet<Subject>,
}

impl About {
    /// All that the bundle is about.
    pub fn whole(bundle: &VerifiedBundle) -> About {
        let subject = &bundle.scope.subject;
        match bundle.scope.kind {
            ScopeKind::Exhibit => About::exhibit(bundle, subject),
            ScopeKind::Case => About {
                kind: ScopeKind::Case,
                subject: subject.clone(),
                exhibits: exhibits(bundle),
                cases: BTreeSet::from([subject.clone()]),
            },
        }
    }

    /// What somebody named, by id or by reference: the bundle's case or an exhibit that the bundle is about. More than
    /// one where several are called so.
    pub fn named(bundle: &VerifiedBundle, text: &str) -> Vec<About> {
        let names = Names::of(bundle);
        let wanted = name_of(&Value::from(text));
        let called = |subject: &Subject| names.reference(subject).map(str::to_owned);
        let whole = About::whole(bundle);
        let scope = &bundle.scope.subject;
        if scope.as_str() == text || called(scope).as_ref() == Some(&wanted) {
            return vec![whole];
        }
        let is_named = |exhibit: &&Subject| {
            let case = bundle
                .state
                .exhibit(exhibit)
                .and_then(|one| called(&one.case));
            let own = called(exhibit);
            let full = case
                .zip(own.as_ref())
                .map(|(case, own)| format!("{case} {own}"));
            exhibit.as_str() == text
                || own.as_ref() == Some(&wanted)
                || full.as_deref() == Some(text)
        };
        let found = whole.exhibits.iter().filter(is_named);
        found.map(|one| About::exhibit(bundle, one)).collect()
    }

    fn exhibit(bundle: &VerifiedBundle, exhibit: &Subject) -> About {
        let own = bundle.state.exhibit(exhibit).map(|one| one.case);
        let linking = bundle.state.links(exhibit).into_keys();
        About {
            kind: ScopeKind::Exhibit,
            subject: exhibit.clone(),
            exhibits: BTreeSet::from([exhibit.clone()]),
            cases: own.into_iter().chain(linking).collect(),
        }
    }

    /// Whether an entry is about it. Of the cases of an exhibit, what names other exhibits alone is not; what cannot
    /// be read is.
    pub fn covers(&self, item: &VerifiedItem) -> bool {
        let subject = &item.chain.subject;
        let of_case = || {
            let concerns = |entry: &VerifiedEntry| self.concerns(entry);
            self.cases.contains(subject) && item.entry.as_ref().is_none_or(concerns)
        };
        match item.chain.strand {
            Strand::Custody | Strand::Notes => self.exhibits.contains(subject),
            Strand::Access => self.exhibits.contains(subject) || of_case(),
            Strand::Case | Strand::Exhibits => of_case(),
            // Who may sign is everybody's; what the rules are is nobody's.
            Strand::Keys => true,
            Strand::Rules => false,
        }
    }

    /// Whether a consultation is on record for a case: of all of it, or of an exhibit that it took in.
    pub fn is_of_case(&self, item: &VerifiedItem) -> bool {
        self.cases.contains(&item.chain.subject)
    }

    fn concerns(&self, entry: &VerifiedEntry) -> bool {
        let body = &entry.payload().body;
        let is_here = |value: &Value| {
            let named = value.as_str();
            named.is_some_and(|text| self.exhibits.iter().any(|one| one.as_str() == text))
        };
        match (self.kind, body.get("exhibit"), body.get("exhibits")) {
            (ScopeKind::Case, _, _) => true,
            (ScopeKind::Exhibit, Some(one), _) => is_here(one),
            (ScopeKind::Exhibit, None, Some(Value::Array(all))) => all.iter().any(is_here),
            (ScopeKind::Exhibit, None, _) => true,
        }
    }

    /// What a report of this name says for programs, whatever else it says: of what it is, as of when, how complete that
    /// is shown to be, and what the report does not show.
    pub fn heading(
        &self,
        report: &str,
        verification: &Verification,
        bundle: &VerifiedBundle,
        limits: &[&str],
    ) -> Value {
        let called = self.in_words(&Names::of(bundle));
        json!({
            "report": report,
            "ledger": bundle.origin,
            "about": {"kind": self.kind, "subject": self.subject, "called": called},
            "size": bundle.checkpoint.size,
            "evaluated_at": bundle.evaluated_at,
            "complete": {
                "answer": complete::answer(verification, bundle).to_string(),
                "words": complete::in_words(bundle),
            },
            "limits": limits,
        })
    }

    /// In words.
    pub fn in_words(&self, names: &Names<'_>) -> String {
        match self.kind {
            ScopeKind::Exhibit => names.exhibit(&self.subject),
            ScopeKind::Case => names.case(&self.subject),
        }
    }
}

/// What a report does not show, as it ends.
pub fn limits_in_words(limits: &[&str]) -> String {
    limits
        .iter()
        .fold(String::from("\n"), |text, limit| text + limit + "\n")
}

/// The exhibits that the bundle is about, and not merely what they were made from.
fn exhibits(bundle: &VerifiedBundle) -> BTreeSet<Subject> {
    let case = &bundle.scope.subject;
    let of_case = |exhibit: &&Subject| {
        let own = bundle.state.exhibit(exhibit).map(|one| one.case);
        own.as_ref() == Some(case) || bundle.state.links(exhibit).contains_key(case)
    };
    let custody = bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Custody);
    custody
        .map(|item| &item.chain.subject)
        .filter(of_case)
        .cloned()
        .collect()
}
