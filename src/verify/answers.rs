//! The five answers, each with one plain sentence.

use std::collections::{BTreeMap, BTreeSet};

use super::bundle::{Completeness, Cosigned, Descent, VerifiedBundle};
use super::finding::{Answer, Finding, Question, Severity, counted};
use crate::ledger::outcome::Severity as FlagSeverity;
use crate::ledger::state::Known as _;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::time::LogTime;

/// Sums the findings up.
pub(crate) fn answers(findings: &[Finding], verified: Option<&VerifiedBundle>) -> [Question; 5] {
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
    let (file, file_words) = file(verified);
    let (handling, handling_words) = handling(verified, has("entries-withheld"));
    let (signers, signers_words) = signers(verified);
    let (history, history_words) = history(verified, has("no-witness"), has("time-not-bounded"));
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

fn file(verified: &VerifiedBundle) -> (Answer, String) {
    let exhibits: BTreeSet<_> = verified.versions.iter().map(|one| &one.exhibit).collect();
    // The best that was given for each exhibit.
    let mut found = BTreeMap::new();
    for version in verified.evidence.iter().flat_map(|one| &one.versions) {
        let best = found.entry(&version.exhibit).or_insert(version);
        if version.descent < best.descent {
            *best = version;
        }
    }
    let not_shown = |words: String| (Answer::NotShown, words);
    if exhibits.is_empty() {
        return not_shown(
            "No exhibit here has a registered digest yet, so no file can be compared.".to_owned(),
        );
    }
    if found.is_empty() {
        return not_shown("No file was given to compare with what was registered.".to_owned());
    }
    if found.len() < exhibits.len() {
        return not_shown(format!(
            "Files were given and match for {} of {} exhibits only.",
            found.len(),
            exhibits.len()
        ));
    }
    let grown = |descent: Descent| {
        let these = found.values().filter(|one| one.descent == descent);
        let entries: Vec<String> = these.map(|one| format!("entry {}", one.index.0)).collect();
        (!entries.is_empty()).then(|| entries.join(", "))
    };
    if let Some(entries) = grown(Descent::Claimed) {
        return (
            Answer::AttestedOnly,
            format!(
                "What was given is, byte for byte, what {entries} recorded as grown out of what was registered; \
                 nothing proves that it begins with that."
            ),
        );
    }
    let mut words = match found.len() {
        1 => "The file given is, byte for byte, the one that was registered".to_owned(),
        count => format!(
            "The files given are, byte for byte, those registered for all {count} exhibits that have a registered \
             digest"
        ),
    };
    if let Some(entries) = grown(Descent::Continued) {
        words.push_str(&format!(
            ", as it had grown by {entries}: proven to begin with what was registered first"
        ));
    }
    words.push('.');
    (Answer::Proven, words)
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
        .filter_map(|item| item.entry.as_ref());
    // The service's key stands in the beginning of the log; no organisation enrolled it.
    let service = verified.state.ledger().map(|ledger| ledger.service);
    let by_service = |entry: &&VerifiedEntry| Some(&entry.payload().actor) == service.as_ref();
    let (own, signed): (Vec<_>, Vec<_>) = signed.partition(by_service);
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
            "All {} that people signed and that can be read here are signed with keys that the signers' own \
             organisations enrolled; {} by the service that keeps the log, with its own key.",
            counted(signed.len(), "entry", "entries"),
            counted(own.len(), "more is signed", "more are signed"),
        ),
    )
}

fn history(verified: &VerifiedBundle, no_witness: bool, unbounded: bool) -> (Answer, String) {
    let changed = match unbounded {
        true => "changed",
        false => "changed or back-dated",
    };
    let by: Vec<&str> = verified.operators().iter().map(|one| one.0).collect();
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
                "Nothing here was {changed} since {} saw the log; that no further entry \
                 exists is not shown.{}",
                by.join(", "),
                newest(verified)
            ),
        ),
        (false, Completeness::AsCommitted) => (
            Answer::AttestedOnly,
            format!(
                "Nothing here was {changed} since {} saw the log; it is complete as committed by the operator: \
                 {}.{}",
                by.join(", "),
                complete_as_of(verified),
                newest(verified)
            ),
        ),
        (false, Completeness::Recomputed) => (
            Answer::Proven,
            format!(
                "Nothing here was {changed} since {} saw the log; it is complete, recomputed by {}: {}.{}",
                by.join(", "),
                verified.auditors.join(", "),
                complete_as_of(verified),
                newest(verified)
            ),
        ),
    }
}

/// "41 of 41 entries as of 14 March 2026 09:12:04 UTC (tree size 1204331)".
pub(crate) fn complete_as_of(verified: &VerifiedBundle) -> String {
    let entries = verified.entries.len() as u64;
    as_of(entries, &verified.cosigned, &verified.checkpoint)
}

/// The same of this many entries under a checkpoint.
pub(crate) fn as_of(entries: u64, cosigned: &[Cosigned], checkpoint: &Checkpoint) -> String {
    let size = checkpoint.size.0;
    let times = cosigned.iter().map(|one| one.time);
    match times.min() {
        Some(time) => format!(
            "{entries} of {entries} entries as of {} (tree size {size})",
            LogTime(time.saturating_mul(1000)).in_words()
        ),
        None => format!("{entries} of {entries} entries as of tree size {size}"),
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
