//! `custodes report`: who looked, what was done with the data of a case in a period, and what was disclosed when. From a bundle that is verified
//! first, so that whoever holds it makes the same report again, without a network.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::{Failure, read_limited};
use super::output::{Output, plain};
use super::{Outcome, policy};
use crate::court::about::About;
use crate::court::{access_report, disclosure_report, page_one, processing};
use crate::ledger::rules::Rules;
use crate::protocol::bundle::{MAX_BUNDLE, ScopeKind};
use crate::protocol::policy::Policy;
use crate::protocol::time::Moment;
use crate::verify::{self, Finding, Inputs, Severity, Verification, VerifiedBundle};

/// A day, in seconds.
const DAY: i64 = 24 * 60 * 60;

/// Report who looked at evidence, what was done with a case's data in a period, or what was disclosed when.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Who looked at an exhibit: when, why, at how much of it, with which key and program they asked.
    #[command(
        after_help = "The report is made from a bundle that is verified first: with --bundle one that you hold, offline; else one \
                      that is taken from the service, which becomes part of the record. It says how complete it is \
                      shown to be, what is withheld from you, and what is shown as a count only.\n\n\
                      Exit codes: 0 everything was checked; 1 the bundle failed; 3 nothing failed, but what is named \
                      could not be checked and was not accepted with --accept.\n\n\
                      Example: custodes report access \"44NS1234526 JSM/2\" --purpose \"disclosure review\" --keep JSM-2.custody.json\n\
                      Example: custodes report access --bundle JSM-2.custody.json --policy trust.policy\n\
                      Example: custodes report access JSM/2 --bundle case.custody.json --policy trust.policy --json"
    )]
    Access(AccessArgs),
    /// What was done with a case's data in a period, by the six categories of section 62 of the Data Protection Act 2018.
    #[command(
        after_help = "Collection, alteration, consultation, disclosure, combination, erasure: each by person and justification. \
                      Days are those of UTC; a moment may be given in full, such as 2026-03-01T00:00:00+01:00, and then \
                      the period ends just before it. Made from a verified bundle, as `report access` is.\n\n\
                      Exit codes: 0 everything was checked; 1 the bundle failed; 3 nothing failed, but what is named \
                      could not be checked and was not accepted with --accept.\n\n\
                      Example: custodes report processing 44NS1234526 --from 2026-03-01 --to 2026-03-31 --purpose \"annual return\"\n\
                      Example: custodes report processing --from 2026-03-01 --to 2026-03-31 --bundle case.custody.json --policy trust.policy"
    )]
    Processing(ProcessingArgs),
    /// What was disclosed in a case in time, late or not at all; acknowledgements, requests, undertakings.
    #[command(
        after_help = "By stage: what stands on schedule MG6E or was granted, and whether it was served in time, late, by how much, or \
                      not at all, as of the log time of the bundle. Then each disclosure with what its recipients acknowledged and whether \
                      their own digests agree, each request with its decision or its age, and undertakings. Every party of the \
                      case may make it. Made from a verified bundle, as `report access` is.\n\n\
                      Exit codes: 0 everything was checked; 1 the bundle failed; 3 nothing failed, but what is named \
                      could not be checked and was not accepted with --accept.\n\n\
                      Example: custodes report disclosure 44NS1234526 --purpose \"disclosure review\"\n\
                      Example: custodes report disclosure --bundle case.custody.json --policy trust.policy --json"
    )]
    Disclosure(DisclosureArgs),
}

/// What was disclosed when.
#[derive(Debug, Args)]
pub struct DisclosureArgs {
    /// The case: its reference or opaque id. With --bundle it may be left out.
    #[arg(value_name = "CASE")]
    target: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
}

/// Who looked.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// The exhibit (or a case, for all of it): its reference or opaque id. With --bundle it may be left out.
    #[arg(value_name = "EXHIBIT")]
    target: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
}

/// What was done in a period.
#[derive(Debug, Args)]
pub struct ProcessingArgs {
    /// The case (or an exhibit): its reference or opaque id. With --bundle it may be left out.
    #[arg(value_name = "CASE")]
    target: Option<String>,
    /// The first day, or a moment.
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The last day, which is part of the period; or a moment, just before which it ends.
    #[arg(long, value_name = "DATE")]
    to: String,
    #[command(flatten)]
    source: SourceArgs,
}

/// Where the report is made from.
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// A bundle that you hold (*.custody.json): nothing is asked of the service.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Whom you trust: a policy file from another source than the bundle; of the service's [default: your own].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Accept that something could not be checked, by its code as printed.
    #[arg(long, value_name = "CODE", num_args = 1..)]
    accept: Vec<String>,
    /// Keep the bundle that the report was made from, so that others can make it again.
    #[cfg(feature = "service")]
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub keep: Option<PathBuf>,
}

impl SourceArgs {
    /// The policy that was named.
    pub fn trust(&self) -> Result<Option<Policy>, Failure> {
        self.policy.as_deref().map(policy::load).transpose()
    }
}

impl ReportCommand {
    /// Where it is made from.
    pub fn source(&self) -> &SourceArgs {
        match self {
            ReportCommand::Access(args) => &args.source,
            ReportCommand::Processing(args) => &args.source,
            ReportCommand::Disclosure(args) => &args.source,
        }
    }

    /// What it is to be about, if said.
    pub fn target(&self) -> Option<&str> {
        match self {
            ReportCommand::Access(args) => args.target.as_deref(),
            ReportCommand::Processing(args) => args.target.as_deref(),
            ReportCommand::Disclosure(args) => args.target.as_deref(),
        }
    }

    /// Whether a finding bears on it. What the bundle holds of evidence and files beside it does not. Who looked, and what
    /// was disclosed, say themselves what is withheld there; and the latter nothing of exhibits that its reader was not
    /// given, as these may be sensitive.
    fn bears_on(&self, finding: &Finding) -> bool {
        let elsewhere: &[&str] = match self {
            ReportCommand::Access(_) => &["details-withheld"],
            ReportCommand::Processing(_) => &[],
            ReportCommand::Disclosure(_) => &["details-withheld", "exhibits-not-included"],
        };
        (2..=4).contains(&finding.question) && !elsewhere.contains(&finding.code.as_str())
    }

    /// Refuses a period that is none, before anything is asked of anybody.
    #[cfg(feature = "service")]
    pub fn check(&self) -> Result<(), Failure> {
        self.period().map(|_| ())
    }

    /// The period, where it is about one.
    fn period(&self) -> Result<Option<processing::Period>, Failure> {
        let ReportCommand::Processing(args) = self else {
            return Ok(None);
        };
        let period = processing::Period {
            from: moment(&args.from, 0)?,
            until: moment(&args.to, DAY)?,
        };
        match period.from.unix_seconds() < period.until.unix_seconds() {
            true => Ok(Some(period)),
            false => Err(Failure::new("usage", "the period ends before it begins")),
        }
    }
}

/// Makes the report from a bundle on this machine.
pub fn run(command: &ReportCommand, output: Output) -> Outcome {
    let source = command.source();
    command.period()?;
    let Some(file) = &source.bundle else {
        return Err(Failure::new(
            "usage",
            "which bundle? Name one with --bundle",
        ));
    };
    let Some(trust) = source.trust()? else {
        return Err(Failure::new(
            "usage",
            "whom do you trust? Name a policy file with --policy",
        ));
    };
    let bytes = read_limited(file, MAX_BUNDLE)?;
    of_bytes(command, command.target(), &bytes, &trust, output)
}

/// Makes the report from these bytes, of `target` where the bundle is about more.
pub fn of_bytes(
    command: &ReportCommand,
    target: Option<&str>,
    bytes: &[u8],
    trust: &Policy,
    output: Output,
) -> Outcome {
    let period = command.period()?;
    let verification = verify::verify(Inputs {
        bundle: bytes,
        policy: trust,
        rules: Rules::embedded(),
        evidence: &[],
        sidecars: &[],
    });
    let Some(bundle) = &verification.verified else {
        return Ok(failed(&verification, output));
    };
    let about = about(bundle, target)?;
    let (mut words, mut value) = match (command, &period) {
        (ReportCommand::Disclosure(_), _) if about.kind != ScopeKind::Case => {
            return Err(
                Failure::new("usage", "what was disclosed when is reported of a case")
                    .next("name the case, or a bundle of it"),
            );
        }
        (ReportCommand::Disclosure(_), _) => {
            disclosure_report::disclosure_report(&verification, bundle, &about)
        }
        (_, None) => access_report::access_report(&verification, bundle, &about),
        (_, Some(period)) => processing::processing(&verification, bundle, &about, period),
    };
    let findings: Vec<Finding> = verification
        .findings
        .iter()
        .filter(|one| command.bears_on(one))
        .cloned()
        .collect();
    let accepted: BTreeSet<String> = command.source().accept.iter().cloned().collect();
    let code = verify::exit_code(&findings, &accepted);
    let unchecked = page_one::listed(&findings, Severity::Unchecked, "WHAT COULD NOT BE CHECKED");
    words.push_str(&unchecked);
    if about.kind == ScopeKind::Case {
        let absent: Vec<Finding> = findings
            .iter()
            .filter(|one| one.code == "exhibits-not-included")
            .cloned()
            .collect();
        words.push_str(&page_one::listed(
            &absent,
            Severity::Note,
            "NOT IN THIS REPORT",
        ));
    }
    value["findings"] = findings.iter().map(Finding::json).collect();
    value["exit"] = json!(code);
    output.result(&plain(&words), &value);
    Ok(code)
}

/// No report is made from what failed.
fn failed(verification: &Verification, output: Output) -> u8 {
    let findings: Vec<Value> = verification.findings.iter().map(Finding::json).collect();
    let words = format!(
        "No report: the bundle failed.\n{}",
        page_one::listed(&verification.findings, Severity::Failed, "WHAT FAILED")
    );
    let code = verification.exit_code(&BTreeSet::new());
    let value = json!({"report": null, "findings": findings, "exit": code});
    output.result(&plain(&words), &value);
    code
}

fn about(bundle: &VerifiedBundle, target: Option<&str>) -> Result<About, Failure> {
    let Some(target) = target else {
        return Ok(About::whole(bundle));
    };
    let mut found = About::named(bundle, target);
    match (found.pop(), found.len()) {
        (Some(about), 0) => Ok(about),
        (None, _) => Err(Failure::new(
            "reference-unknown",
            format!("the bundle is not about anything called {target:?}"),
        )
        .next("take the bundle of that exhibit or case, or leave the name out")),
        (Some(_), _) => Err(Failure::new(
            "reference-ambiguous",
            format!("{target:?} may be several exhibits of the bundle"),
        )
        .next("give the opaque id")),
    }
}

/// A day, at its beginning or so many seconds later; or a moment as it stands.
fn moment(text: &str, later: i64) -> Result<Moment, Failure> {
    let bad = || {
        Failure::new("usage", format!("{text:?} is not a date"))
            .next("a day is written 2026-03-14, a moment 2026-03-14T09:12:04+00:00")
    };
    if let Ok(moment) = Moment::parse(text) {
        return Ok(moment);
    }
    let day = Moment::parse(&format!("{text}T00:00:00+00:00")).map_err(|_| bad())?;
    Moment::from_unix(day.unix_seconds() + later, 0).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_begins_and_ends_in_utc_and_a_moment_stands() {
        let day = |later| moment("2026-02-28", later).unwrap();
        assert_eq!(day(0).as_str(), "2026-02-28T00:00:00+00:00");
        assert_eq!(day(DAY).as_str(), "2026-03-01T00:00:00+00:00");
        let stated = "2026-02-28T09:12:04+01:00";
        assert_eq!(moment(stated, DAY).unwrap().as_str(), stated);
        for bad in ["2026-02-30", "28/02/2026", "today", ""] {
            assert!(moment(bad, 0).is_err(), "{bad}");
        }
    }
}
