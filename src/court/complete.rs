//! How far a report is shown to be complete, in the same words everywhere.

use crate::verify::{Answer, Completeness, Verification, VerifiedBundle, complete_as_of};

/// "Complete, as committed by the operator: 41 of 41 entries as of 14 March 2026 09:12:04 UTC (tree size 1204331)."
pub fn in_words(bundle: &VerifiedBundle) -> String {
    match bundle.completeness {
        Completeness::NotShown => "Complete: not shown to be.".to_owned(),
        Completeness::AsCommitted => format!(
            "Complete, as committed by the operator: {}.",
            complete_as_of(bundle)
        ),
        Completeness::Recomputed => format!(
            "Complete, recomputed by {}: {}.",
            bundle.auditors.join(", "),
            complete_as_of(bundle)
        ),
    }
}

/// The same with the answer before it, and what stands against it.
pub fn told(verification: &Verification, bundle: &VerifiedBundle) -> String {
    let unwitnessed = match is_unwitnessed(verification) {
        true => {
            " No independent witness is asked for, so the operator may show others another log."
        }
        false => "",
    };
    format!(
        "Nothing left out: {}. {}{unwitnessed}",
        answer(verification, bundle).to_string().to_uppercase(),
        in_words(bundle)
    )
}

/// The same as one of the four answers. Where no witness is asked for, the operator may show others another log.
pub fn answer(verification: &Verification, bundle: &VerifiedBundle) -> Answer {
    match (is_unwitnessed(verification), bundle.completeness) {
        (true, _) | (_, Completeness::NotShown) => Answer::NotShown,
        (false, Completeness::AsCommitted) => Answer::AttestedOnly,
        (false, Completeness::Recomputed) => Answer::Proven,
    }
}

fn is_unwitnessed(verification: &Verification) -> bool {
    let mut findings = verification.findings.iter();
    findings.any(|one| one.code == "no-witness")
}
