//! Steps 2 and 3: the signed heads of the log, and that the log only ever grew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bundle::{Bracket, Cosigned, Witnessed};
use super::entries::ReadEntry;
use super::finding::{Asked, Findings, counted};
use super::nodes::Nodes;
use crate::protocol::bundle::Bundle;
use crate::protocol::checkpoint::{self, Checkpoint, CheckpointError};
use crate::protocol::hash::Hash;
use crate::protocol::note::{Note, VerifierKey};
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{ConsistencyProof, EntryIndex, TreeSize};

/// A checkpoint that a believed log key signed.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub checkpoint: Checkpoint,
    /// The log keys of the policy that signed it.
    pub logs: Vec<VerifierKey>,
    /// Witnesses of the policy that cosigned it.
    pub cosigned: Vec<Cosigned>,
    /// Whether these satisfy the policy's quorum.
    pub witnessed: bool,
}

impl Opened {
    /// The policy's auditors who cosigned it, each once.
    pub(crate) fn auditors(&self, policy: &Policy) -> Vec<String> {
        let auditors = policy.auditors();
        let signed = auditors.filter(|one| self.cosigned.iter().any(|by| by.witness == one.name));
        let names: BTreeSet<&str> = signed.map(|one| policy.operator(one)).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

/// Opens one signed checkpoint that a log key of the policy signed.
pub(crate) fn open_one(
    text: &str,
    logs: &[&VerifierKey],
    policy: &Policy,
) -> Result<Opened, CheckpointError> {
    let witnesses: Vec<&VerifierKey> = policy.witnesses.iter().map(|one| &one.key).collect();
    let (checkpoint, note) = checkpoint::open_with(text, logs, &witnesses)?;
    let cosigned = cosignatures(&note, policy);
    let names = cosigned.iter().map(|one| one.witness.clone()).collect();
    let signed = note.verified.iter().map(|one| one.key.clone());
    Ok(Opened {
        checkpoint,
        logs: signed.filter(|key| logs.contains(&key)).collect(),
        cosigned,
        witnessed: policy.requires_witness() && policy.quorum_met(&names),
    })
}

/// A cosignature without a time does not say that the witness had seen nothing newer, so it does not count.
fn cosignatures(note: &Note, policy: &Policy) -> Vec<Cosigned> {
    let known = note.verified.iter().filter_map(|signature| {
        let witness = policy
            .witnesses
            .iter()
            .find(|one| one.key == signature.key)?;
        Some(Cosigned {
            witness: witness.name.clone(),
            operator: policy.operator(witness).to_owned(),
            time: signature.time?,
        })
    });
    known.collect()
}

/// Step 2. Hands out the checkpoints that opened, by ascending size, if all did.
pub(crate) fn open_all(
    bundle: &Bundle,
    policy: &Policy,
    findings: &mut Findings,
) -> Option<Vec<Opened>> {
    let logs = policy.logs_for(&bundle.ledger);
    if logs.is_empty() {
        findings.failed(
            Asked::History,
            "log-unknown",
            "bundle",
            format!(
                "The trust policy names no key of the log \"{}\".",
                bundle.ledger
            ),
        );
        return None;
    }
    // More than two for every entry, and the newest, would serve no purpose.
    if bundle.checkpoints.len() > 2 * bundle.entries.len() + 1 {
        findings.failed(
            Asked::History,
            "checkpoint-superfluous",
            "checkpoints",
            "There are more checkpoints than entries can need.",
        );
        return None;
    }
    let mut opened: Vec<Opened> = Vec::new();
    for (at, text) in bundle.checkpoints.iter().enumerate() {
        let place = format!("checkpoint {at}");
        match open_one(text, &logs, policy) {
            Ok(one) => opened.push(one),
            Err(error) => {
                findings.failed(
                    Asked::History,
                    "checkpoint-not-signed",
                    place,
                    format!(
                        "No log key of the trust policy stands behind this checkpoint: {error}."
                    ),
                );
                return None;
            }
        }
    }
    if !opened.is_sorted_by(|a, b| a.checkpoint.size < b.checkpoint.size) {
        findings.failed(
            Asked::History,
            "checkpoint-order",
            "checkpoints",
            "Checkpoints must come by ascending size, each size once.",
        );
        return None;
    }
    let Some(newest) = opened.last() else {
        findings.failed(
            Asked::History,
            "checkpoint-missing",
            "checkpoints",
            "There is no checkpoint.",
        );
        return None;
    };
    witnessing(
        newest,
        &format!("checkpoint {}", opened.len() - 1),
        policy,
        findings,
    );
    for (at, older) in opened.iter().enumerate().rev().skip(1) {
        if policy.requires_witness() && !older.witnessed {
            findings.note(
                Asked::History,
                "older-checkpoint-not-witnessed",
                format!("checkpoint {at}"),
                "Too few witnesses of the trust policy cosigned this older checkpoint; it dates nothing.",
            );
        }
    }
    Some(opened)
}

/// Whether the newest checkpoint has the witnesses that the policy demands, and whether it demands any.
pub(crate) fn witnessing(newest: &Opened, place: &str, policy: &Policy, findings: &mut Findings) {
    if !policy.requires_witness() {
        findings.unchecked(
            Asked::History,
            "no-witness",
            place,
            "The trust policy demands no witness, so the operator could show other people another history.",
        );
    } else if !newest.witnessed {
        findings.failed(
            Asked::History,
            "quorum-not-met",
            place,
            "The newest checkpoint is not cosigned by the witnesses that the trust policy demands.",
        );
    }
}

/// Step 3. `seen` are the heads that signers of entries named, with the place of the first of each.
pub(crate) fn check_consistency(
    bundle: &Bundle,
    opened: &[Opened],
    seen: &BTreeMap<(TreeSize, Hash), String>,
    nodes: &mut Nodes<'_>,
    findings: &mut Findings,
) {
    let Some((newest, older)) = opened.split_last() else {
        return;
    };
    let newest = &newest.checkpoint;
    let mut wanted: BTreeMap<(TreeSize, Hash), String> = seen.clone();
    for (at, one) in older.iter().enumerate() {
        wanted
            .entry((one.checkpoint.size, one.checkpoint.root.0))
            .or_insert_with(|| format!("checkpoint {at}"));
    }
    let mut shown = BTreeSet::new();
    for (at, one) in bundle.consistency.iter().enumerate() {
        let head = (one.size, one.root.0);
        let Some(place) = wanted.get(&head) else {
            findings.failed(
                Asked::History,
                "consistency-superfluous",
                format!("consistency proof {at}"),
                "Nothing in the bundle asks for this proof.",
            );
            continue;
        };
        shown.insert(head);
        let Some(hashes) = nodes.resolve(&one.proof) else {
            findings.failed(
                Asked::History,
                "node-missing",
                format!("consistency proof {at}"),
                "The proof points outside the table of hashes.",
            );
            continue;
        };
        let proof = ConsistencyProof(hashes);
        if let Err(error) = proof.verify(one.size, one.root, newest.size, newest.root) {
            findings.failed(
                Asked::History,
                "consistency-failed",
                place,
                format!(
                    "The log of {} entries named here is not shown to be the beginning of the newest one: \
                     {error}. If the proof was not damaged, history was rewritten.",
                    one.size.0
                ),
            );
        }
    }
    for (head, place) in &wanted {
        if !shown.contains(head) {
            findings.failed(
                Asked::History,
                "consistency-missing",
                place,
                format!(
                    "No proof ties the log of {} entries named here to the newest one.",
                    head.0.0
                ),
            );
        }
    }
}

/// How far the log's clock may be from the clocks of witnesses: clocks of machines that nobody looks after, and the
/// time that an exchange with a slow witness takes.
pub(crate) const TOLERANCE: LogTime = LogTime(10 * 60 * 1000);

/// The checkpoints of a bundle that enough witnesses saw, by ascending size.
pub(crate) struct Brackets(Vec<Arc<Witnessed>>);

impl Brackets {
    pub(crate) fn new(opened: &[Opened]) -> Brackets {
        let witnessed = opened.iter().filter(|one| one.witnessed);
        Brackets(witnessed.map(|one| Arc::new(one.seen())).collect())
    }

    /// The witnessed checkpoints next to an entry.
    pub(crate) fn around(&self, index: EntryIndex) -> Bracket {
        let split = self.0.partition_point(|one| one.size.0 <= index.0);
        Bracket {
            before: split.checked_sub(1).map(|at| Arc::clone(&self.0[at])),
            after: self.0.get(split).cloned(),
        }
    }
}

impl Opened {
    fn seen(&self) -> Witnessed {
        Witnessed {
            size: self.checkpoint.size,
            by: self.cosigned.clone(),
        }
    }
}

/// Step 4: the time that the log states for an entry lies between the witnessed checkpoints around it, by the clock
/// of every witness.
pub(crate) fn check_brackets(
    read: &[ReadEntry],
    brackets: &Brackets,
    policy: &Policy,
    findings: &mut Findings,
) {
    let mut unbounded = 0;
    for one in read {
        let bracket = brackets.around(one.index);
        // Nothing can have been seen before the beginning of the log.
        let begun = one.index.0 == 0 || bracket.before.is_some();
        unbounded += usize::from(!begun || bracket.after.is_none());
        check_bracket(one, &bracket, findings);
    }
    if policy.requires_witness() && unbounded > 0 {
        let one = "entry has no witnessed checkpoint before, or after, it";
        let many = "entries have no witnessed checkpoint before, or after, them";
        let words = format!(
            "{}, so that the operator's clock alone says when.",
            counted(unbounded, one, many)
        );
        findings.unchecked(Asked::History, "time-not-bounded", "entries", words);
    }
}

fn check_bracket(one: &ReadEntry, bracket: &Bracket, findings: &mut Findings) {
    let before = bracket.before.as_ref().and_then(|seen| seen.latest());
    let after = bracket.after.as_ref().and_then(|seen| seen.earliest());
    let early = before.filter(|seen| one.recorded_at.0.saturating_add(TOLERANCE.0) < seen.0);
    let (order, seen) = match (early, after) {
        (Some(seen), _) => ("but witnesses had seen the log without it at", seen),
        (_, Some(seen)) if is_late(one.recorded_at, seen) => {
            ("but witnesses had seen it in the log by", seen)
        }
        _ => return,
    };
    findings.failed(
        Asked::History,
        "recorded-outside-bracket",
        one.place(),
        outside(one.recorded_at, order, seen),
    );
}

/// Step 4, where there is one checkpoint alone: it is not said to have been recorded after a witness had seen it.
pub(crate) fn check_recorded_before(
    recorded_at: LogTime,
    opened: &Opened,
    place: &str,
    findings: &mut Findings,
) {
    let seen = opened.seen().earliest().filter(|_| opened.witnessed);
    if let Some(seen) = seen.filter(|seen| is_late(recorded_at, *seen)) {
        let words = outside(recorded_at, "but witnesses had seen it in the log by", seen);
        findings.failed(Asked::History, "recorded-outside-bracket", place, words);
    }
}

fn is_late(recorded_at: LogTime, seen: LogTime) -> bool {
    recorded_at.0 > seen.0.saturating_add(TOLERANCE.0)
}

fn outside(recorded_at: LogTime, order: &str, seen: LogTime) -> String {
    format!(
        "The log says that it was recorded at {}, {order} {}, which is more than {} minutes apart.",
        recorded_at.in_words(),
        seen.in_words(),
        TOLERANCE.0 / 60_000
    )
}
