//! One entry with its `.tlog-proof`: that this log holds it, at which index and since when.
//!
//! In scope: the entry's form, its place in a signed (and, if the policy demands, witnessed) checkpoint.
//! Out of scope: its signature, chain and the rules, which need the keys and chains that only a bundle holds.

use super::checkpoints;
use super::entries::refusal;
use super::finding::{Asked, Finding, Findings, counted};
use super::known::{self, Known};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::fork::Proven;
use crate::protocol::leaf::Commitment;
use crate::protocol::policy::Policy;
use crate::protocol::tlog_proof::TlogProof;

/// Checks the text of an entry (details may be left out) against the text of its proof.
pub fn verify_proof(entry: &str, proof: &str, policy: &Policy) -> Vec<Finding> {
    verify_proof_against(entry, proof, policy, Known::default()).0
}

/// The same, compared with checkpoints that the reader kept; hands out the forks that this proves.
pub fn verify_proof_against(
    entry: &str,
    proof: &str,
    policy: &Policy,
    known: Known<'_>,
) -> (Vec<Finding>, Vec<Proven>) {
    let mut findings = Findings::default();
    check(entry, proof, policy, &mut findings);
    let read = UnverifiedEntry::parse_extract(entry).ok();
    let forks = match read.zip(TlogProof::parse(proof).ok()) {
        None => Vec::new(),
        Some((entry, proof)) => {
            let ledger = &entry.payload().ledger;
            known::compare_proof(ledger, entry.hash(), &proof, policy, known, &mut findings)
        }
    };
    (findings.into_list(), forks)
}

fn check(entry: &str, proof: &str, policy: &Policy, findings: &mut Findings) {
    // 1. The entry reads as an entry.
    let entry = match UnverifiedEntry::parse_extract(entry) {
        Ok(entry) => entry,
        Err(error) => {
            let (code, detail) = refusal(&error);
            return findings.failed(Asked::Signers, code, format!("entry{detail}"), error);
        }
    };
    // 2. The proof reads as a proof.
    let proof = match TlogProof::parse(proof) {
        Ok(proof) => proof,
        Err(error) => return findings.failed(Asked::History, "proof-form", "proof", error),
    };
    // 3. A log key of the policy for the entry's ledger signed the checkpoint.
    let logs = policy.logs_for(&entry.payload().ledger);
    if logs.is_empty() {
        let words = format!(
            "The trust policy names no key of the log \"{}\".",
            entry.payload().ledger
        );
        return findings.failed(Asked::History, "log-unknown", "checkpoint", words);
    }
    let opened = match checkpoints::open_one(&proof.checkpoint, &logs, policy) {
        Ok(opened) => opened,
        Err(error) => {
            let words = error.to_string();
            return findings.failed(Asked::History, "checkpoint-not-signed", "checkpoint", words);
        }
    };
    checkpoints::witnessing(&opened, "checkpoint", policy, findings);
    // 4. The checkpoint covers the entry at the index and time stated.
    let checkpoint = &opened.checkpoint;
    let leaf = Commitment::new(proof.recorded_at, entry.hash()).leaf_hash();
    if let Err(error) = proof
        .proof
        .verify(proof.index, checkpoint.size, leaf, checkpoint.root)
    {
        findings.failed(
            Asked::History,
            "not-in-log",
            "entry",
            format!("This entry with this time is not what the log holds at this index: {error}."),
        );
    }
    checkpoints::check_recorded_before(proof.recorded_at, &opened, "entry", findings);
    // 5. What a proof of one entry cannot show.
    findings.unchecked(
        Asked::Signers,
        "signature-not-checked",
        "entry",
        "Who signed, and whether the rules of custody admit it, needs a bundle to check.",
    );
    let withheld: Vec<&str> = entry.withheld().collect();
    if !withheld.is_empty() {
        findings.unchecked(
            Asked::Handling,
            "details-withheld",
            "entry",
            format!(
                "{} withheld: {}.",
                counted(withheld.len(), "detail", "details"),
                withheld.join(", ")
            ),
        );
    }
}
