//! The five answers, each with one plain sentence.

use super::bundle::{Completeness, VerifiedBundle};
use super::finding::{Answer, Finding, Question, Severity, counted};
use crate::ledger::outcome::Severity as FlagSeverity;

/// Sums the findings up. `exhibits` is how many exhibits have a registered digest.
pub(crate) fn answers(
    findings: &[Finding],
    verified: Option<&VerifiedBundle>,
    exhibits: usize,
) -> [Question; 5] {
    let of = |question: u8, severity: Severity| {
        findings
            .iter()
            .filter(move |one| one.question == question && one.severity == severity)
    };
    let failed = |question: u8| {
        let count = of(question, Severity::Failed).count();
        let first = of(question, Severity::Failed).next()?;
        let more = match count {
            1 => String::new(),
            _ => format!(
                " ({} failed.)",
                counted(count - 1, "more check", "more checks")
            ),
        };
        let words = format!("{}: {}{more}", first.place, first.words);
        Some(Question {
            answer: Answer::Failed,
            words,
        })
    };
    let Some(verified) = verified else {
        return [1, 2, 3, 4, 5].map(|question| {
            failed(question).unwrap_or_else(|| Question {
                answer: Answer::NotShown,
                words: "The bundle failed other checks, so it shows nothing here.".to_owned(),
            })
        });
    };
    let has = |code: &str| findings.iter().any(|one| one.code == code);
    let question = |number: u8, answer: Answer, words: String| {
        failed(number).unwrap_or(Question { answer, words })
    };
    let (file, file_words) = file(verified, exhibits);
    let (handling, handling_words) = handling(verified, has("entries-withheld"));
    let (signers, signers_words) = signers(verified);
    let (history, history_words) = history(verified, has("no-witness"));
    let offline = of(5, Severity::Unchecked).count();
    let (offline, offline_words) = match offline {
        0 => (
            Answer::Proven,
            "Every check above was made from the bundle, the files given and the trust policy alone."
                .to_owned(),
        ),
        _ => (
            Answer::NotShown,
            "Some of what belongs to the bundle was not here to check; the findings name it.".to_owned(),
        ),
    };
    [
        question(1, file, file_words),
        question(2, handling, handling_words),
        question(3, signers, signers_words),
        question(4, history, history_words),
        question(5, offline, offline_words),
    ]
}

fn file(verified: &VerifiedBundle, exhibits: usize) -> (Answer, String) {
    let mut found: Vec<_> = verified
        .evidence
        .iter()
        .flat_map(|one| &one.exhibits)
        .collect();
    found.sort();
    found.dedup();
    match (found.len(), exhibits) {
        (_, 0) => (
            Answer::NotShown,
            "No exhibit here has a registered digest yet, so no file can be compared.".to_owned(),
        ),
        (0, _) => (
            Answer::NotShown,
            "No file was given to compare with what was registered.".to_owned(),
        ),
        (1, 1) => (
            Answer::Proven,
            "The file given is, byte for byte, the one that was registered.".to_owned(),
        ),
        (found, exhibits) if found == exhibits => (
            Answer::Proven,
            format!(
                "The files given are, byte for byte, those registered for all {exhibits} exhibits that have a \
                 registered digest."
            ),
        ),
        (found, exhibits) => (
            Answer::NotShown,
            format!("Files were given and match for {found} of {exhibits} exhibits only."),
        ),
    }
}

fn handling(verified: &VerifiedBundle, withheld: bool) -> (Answer, String) {
    let details: usize = verified
        .withheld_details
        .iter()
        .map(|(_, names)| names.len())
        .sum();
    let serious = verified
        .flags
        .iter()
        .filter(|flag| flag.severity == FlagSeverity::Serious)
        .count();
    let mut words =
        String::from("People recorded who held it and who looked at it, under signature");
    if withheld {
        words.push_str("; some entries are wholly withheld");
    }
    if details > 0 {
        let details = counted(details, "detail is", "details are");
        words.push_str(&format!("; {details} withheld"));
    }
    match serious {
        0 => words.push('.'),
        _ => words.push_str(&format!(
            "; the rules of custody raise {}.",
            counted(serious, "serious flag", "serious flags")
        )),
    }
    (Answer::AttestedOnly, words)
}

fn signers(verified: &VerifiedBundle) -> (Answer, String) {
    let signed = verified
        .entries
        .iter()
        .filter(|item| item.entry.is_some())
        .count();
    let compromised = verified
        .flags
        .iter()
        .any(|flag| flag.code == "key-compromised");
    if compromised {
        return (
            Answer::AttestedOnly,
            "Every signature is good, but a key that signed here was later declared compromised."
                .to_owned(),
        );
    }
    (
        Answer::Proven,
        format!(
            "All {signed} entries that can be read here are signed with keys that the signers' own \
             organisations enrolled."
        ),
    )
}

fn history(verified: &VerifiedBundle, no_witness: bool) -> (Answer, String) {
    let by: Vec<&str> = verified
        .cosigned
        .iter()
        .map(|one| one.witness.as_str())
        .collect();
    match (no_witness, verified.completeness) {
        (true, _) => (
            Answer::NotShown,
            "The log is consistent in itself, but no independent witness is asked for, so only the \
             operator vouches for it."
                .to_owned(),
        ),
        (false, Completeness::NotShown) => (
            Answer::AttestedOnly,
            format!(
                "Nothing here was changed or back-dated since {} saw the log; that no further entry \
                 exists is not shown.{}",
                by.join(", "),
                newest(verified)
            ),
        ),
        (false, Completeness::AsCommitted) => (
            Answer::AttestedOnly,
            format!(
                "Nothing here was changed or back-dated since {} saw the log; it is complete as \
                 committed by the operator.{}",
                by.join(", "),
                newest(verified)
            ),
        ),
    }
}

/// When the newest entry that both sides bound was recorded.
fn newest(verified: &VerifiedBundle) -> String {
    let mut entries = verified.entries.iter().rev();
    let bounded = entries.find_map(|item| Some((item.index.0, item.bracket.in_words()?)));
    bounded.map_or_else(String::new, |(index, bounds)| {
        format!(" Entry {index} was recorded {bounds}.")
    })
}
