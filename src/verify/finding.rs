//! Findings, the five answers, and the exit code.
//!
//! A finding has a stable code (kebab-case; scripts and the test corpus rely on it), a severity, the
//! question of the five that it bears on, a place ("entry 12 (transfer-accepted), detail address") and
//! a sentence. Limit: [`MAX_FINDINGS`] findings of each severity are kept, so that a hostile bundle cannot fill
//! memory with complaints, nor hide what failed behind what is merely open; what was left out is counted, by
//! severity and question. Places and sentences are one line each, whatever a bundle says.
//!
//! In scope: collecting and summing up. Out of scope: finding.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::bundle::VerifiedBundle;
use super::plain;

/// Most findings kept of each severity: more than anybody reads, few enough to hold in memory.
pub const MAX_FINDINGS: usize = 1000;

/// What a finding means for the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A check failed: exit code 1.
    Failed,
    /// Something could not be checked: exit code 3 unless the reader accepts it by its code.
    Unchecked,
    /// Worth knowing; changes nothing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Failed => "failed",
            Severity::Unchecked => "not checked",
            Severity::Note => "note",
        })
    }
}

/// One thing that verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code, kebab-case.
    pub code: String,
    /// What it means for the outcome.
    pub severity: Severity,
    /// Which of the five questions it bears on, 1 to 5.
    pub question: u8,
    /// Where: "entry 12 (transfer-accepted), detail address".
    pub place: String,
    /// A sentence for people.
    pub words: String,
}

impl Finding {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "code": self.code,
            "severity": self.severity.to_string(),
            "question": self.question,
            "place": self.place,
            "words": self.words,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} [{}] {}: {}",
            self.severity, self.code, self.place, self.words
        )
    }
}

/// A count in words: "1 entry", "3 entries".
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Which of the five questions a finding bears on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// 1: Is this the file that was seized?
    File,
    /// 2: Who held it, who looked at it, when and why?
    Handling,
    /// 3: Who says so, and can they deny it?
    Signers,
    /// 4: Could anyone have changed, back-dated, removed or hidden an entry?
    History,
    /// 5: Can I check all of that without asking anyone?
    Offline,
}

impl Asked {
    pub(crate) fn number(self) -> u8 {
        match self {
            Asked::File => 1,
            Asked::Handling => 2,
            Asked::Signers => 3,
            Asked::History => 4,
            Asked::Offline => 5,
        }
    }
}

/// Collects findings, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    kept: BTreeMap<Severity, usize>,
    left_out: BTreeMap<(Severity, u8), usize>,
    failed: bool,
}

impl Findings {
    pub(crate) fn failed(
        &mut self,
        asked: Asked,
        code: &str,
        place: impl fmt::Display,
        words: impl fmt::Display,
    ) {
        self.failed = true;
        self.add(Severity::Failed, asked, code, place, words);
    }

    pub(crate) fn unchecked(
        &mut self,
        asked: Asked,
        code: &str,
        place: impl fmt::Display,
        words: impl fmt::Display,
    ) {
        self.add(Severity::Unchecked, asked, code, place, words);
    }

    pub(crate) fn note(
        &mut self,
        asked: Asked,
        code: &str,
        place: impl fmt::Display,
        words: impl fmt::Display,
    ) {
        self.add(Severity::Note, asked, code, place, words);
    }

    /// Whether anything failed so far.
    pub(crate) fn any_failed(&self) -> bool {
        self.failed
    }

    /// Hands the list out.
    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        for ((severity, question), count) in self.left_out {
            self.list.push(Finding {
                code: "too-many-findings".to_owned(),
                severity,
                question,
                place: "bundle".to_owned(),
                words: format!(
                    "{} on this question left out here.",
                    counted(count, "more finding is", "more findings are")
                ),
            });
        }
        self.list
    }

    fn add(
        &mut self,
        severity: Severity,
        asked: Asked,
        code: &str,
        place: impl fmt::Display,
        words: impl fmt::Display,
    ) {
        let kept = self.kept.entry(severity).or_default();
        if *kept >= MAX_FINDINGS {
            *self.left_out.entry((severity, asked.number())).or_default() += 1;
            return;
        }
        *kept += 1;
        self.list.push(Finding {
            code: code.to_owned(),
            severity,
            question: asked.number(),
            place: plain::one_line(&place.to_string()),
            words: plain::one_line(&words.to_string()),
        });
    }
}

/// How far one of the five questions is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Checked by computation; nobody's word is needed for it.
    Proven,
    /// Somebody says so, and cannot deny having said it.
    AttestedOnly,
    /// What is here does not show it.
    NotShown,
    /// A check failed.
    Failed,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Proven => "proven",
            Answer::AttestedOnly => "attested only",
            Answer::NotShown => "not shown",
            Answer::Failed => "failed",
        })
    }
}

/// The five questions, in order.
pub const QUESTIONS: [&str; 5] = [
    "Is this the file that was seized?",
    "Who held it, who looked at it, when and why?",
    "Who says so, and can they deny it?",
    "Could anyone, the operator included, have changed, back-dated, removed or hidden an entry?",
    "Can I check all of that without asking anyone?",
];

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// How far it is answered.
    pub answer: Answer,
    /// One plain sentence.
    pub words: String,
}

/// What verification found.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The answers, in the order of [`QUESTIONS`].
    pub questions: [Question; 5],
    /// Everything found, in the order of the steps.
    pub findings: Vec<Finding>,
    /// What was verified; nothing if a check of the bundle itself failed. (Evidence that does not match
    /// is a failure, and leaves the bundle verified.)
    pub verified: Option<VerifiedBundle>,
}

impl Verification {
    /// 0: everything was checked; 1: something failed; 3: nothing failed, but something could not be
    /// checked whose code is not among `accepted`.
    pub fn exit_code(&self, accepted: &BTreeSet<String>) -> u8 {
        exit_code(&self.findings, accepted)
    }

    /// Whether a finding with this code is here.
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

/// The exit code that a list of findings calls for: see [`Verification::exit_code`].
pub fn exit_code(findings: &[Finding], accepted: &BTreeSet<String>) -> u8 {
    let open = |finding: &Finding| {
        finding.severity == Severity::Unchecked && !accepted.contains(&finding.code)
    };
    if findings
        .iter()
        .any(|finding| finding.severity == Severity::Failed)
    {
        1
    } else if findings.iter().any(open) {
        3
    } else {
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_and_the_limit() {
        let mut findings = Findings::default();
        findings.note(Asked::File, "n", "bundle", "nothing");
        findings.unchecked(Asked::History, "no-witness", "bundle", "nobody watched");
        let list = findings.into_list();
        assert_eq!(exit_code(&list, &BTreeSet::new()), 3);
        assert_eq!(
            exit_code(&list, &BTreeSet::from(["no-witness".to_owned()])),
            0
        );

        let mut findings = Findings::default();
        for at in 0..=MAX_FINDINGS {
            findings.unchecked(Asked::History, "x", at, "x");
        }
        findings.failed(
            Asked::History,
            "y",
            "late",
            "a failure past the limit still counts",
        );
        findings.failed(Asked::File, "z", "a\nb", "c\nverified");
        let list = findings.into_list();
        assert_eq!(list.len(), MAX_FINDINGS + 3);
        let all = BTreeSet::from(["x".to_owned(), "too-many-findings".to_owned()]);
        assert_eq!(exit_code(&list, &all), 1);
        let z = list.iter().find(|one| one.code == "z").unwrap();
        assert_eq!(z.to_string(), "failed [z] a\\nb: c\\nverified");
        let last = list.last().unwrap();
        let told = (last.severity, last.question);
        assert_eq!(told, (Severity::Unchecked, Asked::History.number()));
    }
}
