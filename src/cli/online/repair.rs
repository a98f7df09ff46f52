//! `custodes repair`: mend a stopped ledger from what can be read and proven.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Outcome;
use crate::cli::failure::{CHECK_FAILED, Failure};
use crate::cli::online::serve::store_failure;
use crate::cli::output::{Output, plain};
use crate::service;
use crate::storage::StoreError;

/// Mend a ledger's folder from what can be read and proven; the service must be stopped.
///
/// Everything that follows from the entries is made anew, in a database beside the old one, and audited. Only then it
/// takes the old one's place; the old one is kept. What cannot be computed (entries, keys, details, checkpoints) is
/// named, and where an entry is lost nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes repair --dir ledger")]
pub struct RepairArgs {
    /// The ledger's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
}

/// What is left to do where the entries themselves are lost.
const RESTORE: &str = "nothing was changed: keep this folder as it is, restore the newest backup beside it, audit that, \
                       and compare it with the newest checkpoint that witnesses and readers hold";

/// Runs the command.
pub fn run(args: &RepairArgs, output: Output) -> Outcome {
    let repair = service::repair(&args.dir).map_err(|error| {
        let (code, next) = match &error {
            // What can be read is read; an error of this kind is that nothing could.
            StoreError::Corrupt(_) => ("beyond-repair", RESTORE.to_owned()),
            other => store_failure(other),
        };
        Failure::new(code, error.to_string()).next(next)
    })?;
    let mut words = String::new();
    for (title, findings) in [("mended", &repair.mended), ("not mended", &repair.lost)] {
        for one in findings {
            words.push_str(&format!(
                "{title} [{}] {}: {}\n",
                one.code, one.place, one.words
            ));
        }
    }
    words.push_str(&match (&repair.kept, repair.lost.is_empty()) {
        (None, true) => "Nothing needs to be mended; nothing was changed.".to_owned(),
        (None, false) => {
            "Nothing was changed: what is lost cannot be computed from what is left. Keep this folder as it is, restore the \
             newest backup beside it, audit that, and compare it with the newest checkpoint that witnesses and readers hold."
                .to_owned()
        }
        (Some(kept), whole) => format!(
            "{} The damaged database is kept in {}.",
            match whole {
                true => "Everything was mended, and audited.",
                false => "What could be mended was mended, and audited; the rest, named above, is lost.",
            },
            kept.display()
        ),
    });
    let code = if repair.lost.is_empty() {
        0
    } else {
        CHECK_FAILED
    };
    let list = |findings: &[crate::verify::Finding]| -> Vec<_> {
        findings.iter().map(crate::verify::Finding::json).collect()
    };
    let value = json!({
        "exit": code, "mended": list(&repair.mended), "lost": list(&repair.lost), "kept": repair.kept,
    });
    output.result(&plain(&words), &value);
    Ok(code)
}
