//! Thresholds that the organisations change together.

use std::collections::BTreeSet;

use super::context::Context;
use super::effects::Changes;
use super::state::{Known, ProposalRecord, Record, RecordKey};
use crate::protocol::entry::EntryHash;

/// A change of a threshold is proposed.
pub(super) fn propose<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let (Some(threshold), Some(seconds)) =
        (context.text("threshold"), context.read::<u64>("seconds"))
    else {
        return Vec::new(); // the schema has checked both
    };
    let proposal = ProposalRecord {
        threshold: threshold.to_owned(),
        seconds,
        behind: BTreeSet::from([context.actor().org()]),
        in_force: false,
    };
    settle(context, context.entry.hash(), proposal)
}

/// One organisation more stands behind it.
pub(super) fn approve<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(e) = context.read::<EntryHash>("proposal") else {
        return Vec::new();
    };
    match context.known.get(&RecordKey::Proposal(e)) {
        Some(Record::Proposal(mut proposal)) => {
            proposal.behind.insert(context.actor().org());
            settle(context, e, proposal)
        }
        _ => Vec::new(), // the rules refuse a proposal that is not there
    }
}

/// Keeps a proposal; it holds from here on when more than half of the organisations stand behind it for the first
/// time. Who joins it later brings back nothing that another proposal has changed since.
fn settle<K: Known + ?Sized>(
    context: &Context<'_, K>,
    e: EntryHash,
    mut proposal: ProposalRecord,
) -> Changes {
    let mut changes = Changes::new();
    if let Some(mut ledger) = context.known.ledger() {
        let enough = proposal.behind.len() * 2 > ledger.orgs.len();
        if enough && !proposal.in_force {
            proposal.in_force = true;
            let threshold = proposal.threshold.clone();
            ledger.thresholds.insert(threshold, proposal.seconds);
            changes.push((RecordKey::Ledger, Record::Ledger(ledger)));
        }
    }
    changes.push((RecordKey::Proposal(e), Record::Proposal(proposal)));
    changes
}
