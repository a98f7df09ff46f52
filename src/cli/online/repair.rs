//! `custodes repair`: mend a stopped ledger from what can be read and proven.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::Outcome;
use crate::cli::failure::{CHECK_FAILED, Failure};
use crate::cli::output::{Output, plain};
use crate::cli::verify::finding_json;
use crate::service;

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

/// Runs the command.
pub fn run(args: &RepairArgs, output: Output) -> Outcome {
    let repair = service::repair(&args.dir).map_err(|error| {
        Failure::new("repair", error.to_string())
            .next("check that this is a ledger's folder, that its service is stopped and that the disk has room")
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
            "Nothing was changed: what is lost cannot be computed from what is left. Restore the folder from a backup.".to_owned()
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
        findings.iter().map(finding_json).collect()
    };
    let value = json!({
        "exit": code, "mended": list(&repair.mended), "lost": list(&repair.lost), "kept": repair.kept,
    });
    output.result(&plain(&words), &value);
    Ok(code)
}
