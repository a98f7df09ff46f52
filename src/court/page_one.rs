//! Page one: the five questions, what is wrong, what could not be checked, and the limits in plain words.

use crate::verify::finding::QUESTIONS;
use crate::verify::{Severity, Verification};

/// Page one as text.
pub fn page_one(verification: &Verification) -> String {
    let mut page = String::new();
    if let Some(bundle) = &verification.verified {
        let people = super::people::People::of(bundle);
        page.push_str(&format!(
            "Ledger {}, about {}, as of {} ({} entries in the log)\n\n",
            bundle.origin,
            people.subject(&bundle.scope.subject),
            bundle.evaluated_at.in_words(),
            bundle.checkpoint.size.0
        ));
    }
    for (number, (question, answer)) in QUESTIONS.iter().zip(&verification.questions).enumerate() {
        page.push_str(&format!(
            "{}. {question}\n   {}: {}\n",
            number + 1,
            answer.answer.to_string().to_uppercase(),
            answer.words
        ));
    }
    for (severity, heading) in [
        (Severity::Failed, "What failed"),
        (Severity::Unchecked, "What could not be checked"),
        (Severity::Note, "Worth knowing"),
    ] {
        let found: Vec<_> = verification
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .collect();
        if found.is_empty() {
            continue;
        }
        page.push_str(&format!("\n{heading}\n"));
        for finding in found {
            page.push_str(&format!(
                "  - [{}] {}: {}\n",
                finding.code, finding.place, finding.words
            ));
        }
    }
    page.push_str(
        "\nWhat this does not show: what happened before the registration, or that what a person recorded is \
         true. It shows who recorded what, and that the record was not changed since.\n",
    );
    page
}
