//! The one verifier: bundle, evidence and trust policy in, findings and five answers out.
//!
//! Steps, in order; each failure has a stable code and a place:
//!
//! 1. The bundle has its one canonical form.
//! 2. Every checkpoint is signed by a log key of the policy for this origin; sizes ascend; the newest is
//!    cosigned by the quorum that the policy demands.
//! 3. Every older checkpoint, and every head that a signer names in `seen`, is a beginning of the newest.
//! 4. Every entry stands in the newest tree at its index with its time; disclosures are the ones signed
//!    for; `withheld` names the missing ones exactly; log time never decreases, and lies between the witnessed
//!    checkpoints around the entry, give or take ten minutes.
//! 5. Every entry is in one chain, or right behind the `late-branch` that takes it in; every chain is whole from
//!    position 0 and leads to its head; the chains
//!    that the scope demands are here, and no others.
//! 6. Every entry is signed by a key that the log enrolled for its actor, valid at its place.
//! 7. The rules of custody, run again in the order of the log, admit every entry and give the flags.
//! 8. Entry 0 is the genesis; it names the policy's log key and the rules that were run.
//! 9. Every file given is what was registered for an exhibit of the bundle.
//! 10. Files beside the bundle have the SHA-256 that the bundle lists; manifests are readable.
//! 11. Whether chains are shown to end where they end, and those left out not to exist; `evaluated_at` is the
//!     newest time here; the times that the log recorded agree with the clocks of the witnesses.
//! 12. It is of one history with the checkpoints that the reader kept ([`known`]), and so is the last checkpoint of any
//!     ledger that this one continues.
//!
//! When 2 to 5 fail, 6 to 8 are not run: what does not stand in the log is nobody's statement. When 6 to
//! 8 fail, 9 and 10 are not run: what the rules refuse registers nothing.
//!
//! Work is bounded by the size of the bundle (256 MiB) times small constants; findings are bounded
//! ([`MAX_FINDINGS`]). Hostile input yields findings, never a panic.
//!
//! In scope: everything a reader can check offline. Out of scope: reading files, printing (`cli`), plain
//! English reports (`court`), a whole ledger (`audit`).

mod access;
mod answers;
pub mod audit;
pub mod audit_state;
pub mod bundle;
pub mod chain_ends;
mod chains;
mod chains_known;
mod checkpoints;
mod continued;
mod entries;
mod evidence;
pub mod finding;
pub mod fork;
pub mod known;
pub mod map_audit;
pub mod map_fault;
mod nodes;
mod owed;
pub(crate) mod plain;
pub mod proof;
mod replay;
mod scope;
pub mod security;

pub(crate) use answers::complete_as_of;
pub use bundle::{
    Bracket, Completeness, Cosigned, Descent, EvidenceMatch, VerifiedBundle, VerifiedItem, Version,
    Witnessed,
};
pub use finding::{
    Answer, Finding, MAX_FINDINGS, QUESTIONS, Question, Severity, Verification, counted, exit_code,
};

#[cfg(feature = "service")]
pub(crate) use entries::refusal;

use chains::Standing;
use checkpoints::Brackets;
use entries::ReadEntry;
use finding::{Asked, Findings};
use known::Known;
use nodes::Nodes;
use replay::Replay;
use scope::Covered;

use crate::ledger::erasure::erased;
use crate::ledger::rules::Rules;
use crate::ledger::state::{Known as _, MemoryState};
use crate::protocol::bundle::{Bundle, BundleError};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::fork::Proven;
use crate::protocol::hash::Hash;
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;

/// A file or folder that the reader holds, digested by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What to call it in findings: normally its file name.
    pub name: String,
    /// Its digest.
    pub digest: EvidenceDigest,
}

/// A file found beside the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// The SHA-256 that its name states.
    pub sha256: Hash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All that verification reads.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The bundle's bytes.
    pub bundle: &'a [u8],
    /// Whom the reader trusts; obtained elsewhere than the bundle.
    pub policy: &'a Policy,
    /// The rules of custody.
    pub rules: &'a Rules,
    /// What the reader holds.
    pub evidence: &'a [Evidence],
    /// What lies beside the bundle.
    pub sidecars: &'a [Sidecar],
}

/// Checks a bundle.
pub fn verify(inputs: Inputs<'_>) -> Verification {
    verify_against(inputs, Known::default()).0
}

/// Checks a bundle, and compares it with checkpoints that the reader kept; hands out the forks that this proves.
pub fn verify_against(inputs: Inputs<'_>, known: Known<'_>) -> (Verification, Vec<Proven>) {
    let mut findings = Findings::default();
    let verified = run(inputs, &mut findings);
    let forks = known::compare_bundle(inputs.bundle, inputs.policy, known, &mut findings);
    let list = findings.into_list();
    let verification = Verification {
        questions: answers::answers(&list, verified.as_ref()),
        findings: list,
        verified,
    };
    (verification, forks)
}

/// The bundle as verified, unless a check of it failed.
fn run(inputs: Inputs<'_>, findings: &mut Findings) -> Option<VerifiedBundle> {
    // 1. Canonical form.
    let bundle = match Bundle::parse(inputs.bundle) {
        Ok(bundle) => bundle,
        Err(error) => {
            findings.failed(
                Asked::Offline,
                form_code(&error),
                "bundle",
                format!("{error}."),
            );
            return None;
        }
    };

    // 2. Checkpoints.
    let opened = checkpoints::open_all(&bundle, inputs.policy, findings)?;
    let newest = opened.last()?;
    let mut nodes = Nodes::new(&bundle.nodes);

    // 4. Entries (before 3, which asks what signers had seen).
    let read = entries::read_all(&bundle, &newest.checkpoint, &mut nodes, findings);
    entries::check_seen(&read, findings);
    let brackets = Brackets::new(&opened);
    checkpoints::check_brackets(&read, &brackets, inputs.policy, findings);

    // 3. Consistency.
    let seen = entries::seen_heads(&read);
    checkpoints::check_consistency(&bundle, &opened, &seen, &mut nodes, findings);

    // 5. Chains.
    let standing = chains::check_all(&bundle, &read, findings);

    // 11. Completeness, which uses the last of the nodes.
    let unshown = chains::check_maps(&bundle, &newest.checkpoint, &mut nodes, findings);
    nodes.check_all_used(findings);
    check_evaluated_at(&bundle, findings);
    if findings.any_failed() {
        return None;
    }
    let standing: Vec<Standing> = standing.into_iter().flatten().collect();
    assert_eq!(
        standing.len(),
        read.len(),
        "an entry in no chain is a failure and ends above"
    );

    // 6. and 7. Signatures and rules, in the order of the log.
    let mut replay = Replay::new();
    for (read, standing) in read.iter().zip(&standing) {
        replay.step(inputs.rules, read, standing, findings);
    }
    replay.check_service(&read, &standing, findings);
    replay.late_flags(inputs.rules, &read, bundle.evaluated_at);

    // 8. Genesis.
    replay::check_genesis(&read, &newest.logs, inputs.rules, findings);

    continued::check(&read, inputs.policy, findings);

    // 5. again: which chains the scope demands is known only after the rules were run.
    let covered = Covered::of(&bundle, &replay.state);
    covered.check_chains(&bundle, &read, &replay.state, findings);
    let absent = covered.absent(&bundle);
    let auditors = newest.auditors(inputs.policy);
    let completeness = chains::completeness(&bundle, unshown, absent, &auditors, findings);
    covered.check_withheld(&bundle, &read, &standing, &replay.state, findings);
    let withheld_details = withheld_details(&read, &replay.state, findings);
    // What failed registers nothing that evidence could be compared with.
    if findings.any_failed() {
        return None;
    }

    // 9. Evidence.
    let entries = items(&read, &standing, replay.entries, &brackets);
    let versions = evidence::versions(&covered.exhibits, &entries, &replay.flags, inputs.rules);
    let evidence = evidence::check_evidence(&versions, inputs.evidence, findings);

    // 10. Files beside the bundle.
    evidence::check_sidecars(&bundle.blobs, inputs.sidecars, &versions, findings);
    Some(VerifiedBundle {
        origin: bundle.ledger.clone(),
        scope: bundle.scope.clone(),
        checkpoint: newest.checkpoint.clone(),
        cosigned: newest.cosigned.clone(),
        evaluated_at: bundle.evaluated_at,
        entries,
        state: replay.state,
        flags: replay.flags,
        withheld_details,
        evidence,
        versions,
        completeness,
        auditors,
    })
}

fn form_code(error: &BundleError) -> &'static str {
    match error {
        BundleError::TooLong => "bundle-too-long",
        BundleError::Shape(_) => "bundle-form",
        BundleError::NotCanonical(_) => "bundle-not-canonical",
        BundleError::Order(_) => "bundle-order",
    }
}

fn check_evaluated_at(bundle: &Bundle, findings: &mut Findings) {
    let newest = bundle.entries.iter().map(|entry| entry.recorded_at).max();
    if newest.unwrap_or(LogTime(0)) != bundle.evaluated_at {
        findings.failed(
            Asked::Handling,
            "evaluated-at",
            "evaluated_at",
            "It is not the time of the newest entry here, so flags would be judged at another time.",
        );
    }
}

fn withheld_details(
    read: &[ReadEntry],
    state: &MemoryState,
    findings: &mut Findings,
) -> Vec<(EntryIndex, Vec<String>)> {
    let mut withheld = Vec::new();
    for one in read {
        let Some(entry) = &one.entry else { continue };
        let erased = erased(state, one.e);
        let (gone, names): (Vec<&str>, Vec<&str>) = entry
            .withheld()
            .partition(|name| erased.contains_key(*name));
        for name in gone {
            let under = erased.get(name).and_then(|under| state.entry(*under));
            let under = under.map_or_else(String::new, |under| format!(" {}", under.index.0));
            let words = format!("The detail {name} was erased by law, under entry{under}.");
            findings.note(Asked::Handling, "detail-erased", one.place(), words);
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if names.is_empty() {
            continue;
        }
        findings.unchecked(
            Asked::Handling,
            "details-withheld",
            one.place(),
            format!(
                "{} withheld: {}.",
                counted(names.len(), "detail", "details"),
                names.join(", ")
            ),
        );
        withheld.push((one.index, names));
    }
    withheld
}

fn items(
    read: &[ReadEntry],
    standing: &[Standing],
    entries: Vec<Option<crate::protocol::entry::VerifiedEntry>>,
    brackets: &Brackets,
) -> Vec<VerifiedItem> {
    let together = read.iter().zip(standing).zip(entries);
    together
        .map(|((read, standing), entry)| VerifiedItem {
            index: read.index,
            recorded_at: read.recorded_at,
            e: read.e,
            chain: standing.chain.clone(),
            seq: standing.seq,
            on_branch: standing.on_branch,
            entry,
            bracket: brackets.around(read.index),
        })
        .collect()
}
