//! `custodes audit`: recompute a whole ledger, with its service stopped.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::online::serve::store_failure;
use crate::cli::output::{Output, plain};
use crate::cli::verify::finding_json;
use crate::{service, verify};

/// Recompute a whole ledger from its folder; the service must be stopped.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes audit --dir ledger")]
pub struct AuditArgs {
    /// The ledger's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Accept that something could not be checked, by its code as printed.
    #[arg(long, value_name = "CODE", num_args = 1..)]
    accept: Vec<String>,
}

/// Runs the command.
pub fn run(args: &AuditArgs, output: Output) -> Outcome {
    let findings = service::audit(&args.dir).map_err(|error| {
        let (code, next) = store_failure(&error);
        Failure::new(code, error.to_string()).next(next)
    })?;
    let accepted: BTreeSet<String> = args.accept.iter().cloned().collect();
    let code = verify::exit_code(&findings, &accepted);
    let mut words = String::new();
    for finding in &findings {
        words.push_str(&format!("{finding}\n"));
    }
    words.push_str(match code {
        0 => "The whole ledger was recomputed: every entry, chain, rule and checkpoint is as it should be.",
        3 => "Nothing failed, but what is named above could not be checked.",
        _ => "The ledger is not as it should be.",
    });
    let list: Vec<_> = findings.iter().map(finding_json).collect();
    output.result(&plain(&words), &json!({ "exit": code, "findings": list }));
    Ok(code)
}
