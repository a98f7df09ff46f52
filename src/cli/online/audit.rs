//! `custodes audit`: recompute a whole ledger, from its folder or by its service.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::audit_map;
use super::client::unexpected;
use super::serve::store_failure;
use super::session::Session;
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::map_fault;
use crate::cli::output::{Output, plain};
use crate::service::WrongMap;
use crate::verify::{Finding, Severity};
use crate::{service, verify};

/// Recompute a whole ledger from its folder, with the service stopped; or, as an auditor, have a running service do it.
///
/// With --service the operator's machine reads its own disk and says what it found. Who does not rely on that audits a
/// copy of the folder with --dir.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: custodes audit --dir ledger\n          custodes audit --service --purpose \"yearly audit\"\n          custodes audit --service --cosign auditor --purpose \"map of the week\""
)]
pub struct AuditArgs {
    /// The ledger's folder; its service must be stopped.
    #[arg(
        long,
        value_name = "FOLDER",
        required_unless_present = "service",
        conflicts_with = "service"
    )]
    dir: Option<PathBuf>,
    /// Ask the running service; you must be an auditor.
    #[arg(long)]
    pub service: bool,
    /// Recompute on this machine the map of which chains there are and how long, over every entry; then cosign the
    /// newest checkpoint with the keys of this witness folder (made with `custodes witness init`), and send that to the
    /// service. What was recomputed is kept in your folder, so the next time only what is new is read.
    ///
    /// The service's policy, and those of readers, name these keys as witnesses in a group "map-recomputed".
    #[arg(long, value_name = "FOLDER", requires = "service")]
    cosign: Option<PathBuf>,
    /// Accept that something could not be checked, by its code as printed.
    #[arg(long, value_name = "CODE", num_args = 1..)]
    accept: Vec<String>,
}

/// Audits a folder.
pub fn run(args: &AuditArgs, output: Output) -> Outcome {
    let dir = args.dir.as_deref();
    let dir = dir.ok_or_else(|| Failure::new("usage", "give --dir, or --service"))?;
    let findings = service::audit(dir).map_err(|error| {
        let (code, next) = store_failure(&error);
        Failure::new(code, error.to_string()).next(next)
    })?;
    let proof = prove(dir, &findings)?;
    told(args, &findings, proof, output)
}

/// Where the audit found what a wrong map can have come of, the proof of it, written beside the folder; for people and
/// for programs.
fn prove(dir: &Path, findings: &[Finding]) -> Result<(String, Value), Failure> {
    let of_map = [
        "map-differs",
        "map-superfluous",
        "rule-broken",
        "entry-form",
    ];
    let is_of_map =
        |one: &Finding| one.severity == Severity::Failed && of_map.contains(&&*one.code);
    if !findings.iter().any(is_of_map) {
        return Ok((String::new(), Value::Null));
    }
    let said = match service::wrong_map(dir) {
        Ok(WrongMap::Shown(shown)) => return Ok(map_fault::write(dir, &shown)),
        Ok(WrongMap::Nowhere) => return Ok((String::new(), Value::Null)),
        Ok(WrongMap::NotShown(why)) => why,
        Err(error) => error.to_string(),
    };
    let words = format!("No proof of a wrong map could be made of what is stored: {said}.\n");
    Ok((words, Value::Null))
}

/// Has the service audit itself.
pub fn by_service(args: &AuditArgs, session: &Session) -> Outcome {
    let purpose = session.profile.stated_purpose()?;
    if let Some(folder) = &args.cosign {
        return audit_map::run(folder, purpose, session);
    }
    let mut findings = Vec::new();
    let mut ended = false;
    let bar = bar(session.output);
    let client = &session.client;
    client.read_lines(&session.reader, "/v1/audit", purpose, |line| {
        if let Some(entries) = line.get("entries").and_then(Value::as_u64) {
            bar.set_position(entries);
        }
        findings.extend(line.get("finding").map(finding));
        ended |= line.get("audit").is_some();
    })?;
    bar.finish_and_clear();
    if !ended {
        return Err(Failure::new(
            "audit-broken",
            "the audit ended before its end: nothing was found out",
        )
        .next("run it again; if the service was stopped meanwhile, audit its folder with --dir"));
    }
    let findings: Option<Vec<Finding>> = findings.into_iter().collect();
    let findings = findings.ok_or_else(|| unexpected("a finding in a form that is not known"))?;
    told(
        args,
        &findings,
        (String::new(), Value::Null),
        session.output,
    )
}

pub(super) fn bar(output: Output) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{human_pos} entries audited in {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::no_length().with_style(style)
}

/// A finding as the service tells it.
fn finding(value: &Value) -> Option<Finding> {
    let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let severity = text("severity")?;
    let all = [Severity::Failed, Severity::Unchecked, Severity::Note];
    Some(Finding {
        code: text("code")?,
        severity: all.into_iter().find(|one| one.to_string() == severity)?,
        question: u8::try_from(value.get("question")?.as_u64()?).ok()?,
        place: text("place")?,
        words: text("words")?,
    })
}

fn told(
    args: &AuditArgs,
    findings: &[Finding],
    (proof, value): (String, Value),
    output: Output,
) -> Outcome {
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let code = verify::exit_code(findings, &accepted);
    let mut words = String::new();
    for finding in findings {
        words.push_str(&format!("{finding}\n"));
    }
    words.push_str(&proof);
    words.push_str(match code {
        0 => "The whole ledger was recomputed: every entry, chain, rule and checkpoint is as it should be.",
        3 => "Nothing failed, but what is named above could not be checked.",
        _ => "The ledger is not as it should be.",
    });
    let list: Vec<_> = findings.iter().map(Finding::json).collect();
    let value = json!({ "exit": code, "findings": list, "map_fault": value });
    output.result(&plain(&words), &value);
    Ok(code)
}
