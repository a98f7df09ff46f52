//! The shared table of hashes: every proof points into it, and every hash must be pointed at.

use super::finding::{Asked, Findings};
use crate::protocol::bundle::NodeRef;
use crate::protocol::hash::Hash;
use crate::protocol::map::DEPTH;

/// Longest proof: the siblings of a place in the map. One in the tree has two paths of 63 hashes at most.
const MAX_PROOF: usize = DEPTH;

/// The table, and which of it was used.
pub(crate) struct Nodes<'a> {
    table: &'a [Hash],
    used: Vec<bool>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(table: &'a [Hash]) -> Nodes<'a> {
        Nodes {
            table,
            used: vec![false; table.len()],
        }
    }

    fn one(&mut self, at: NodeRef) -> Option<Hash> {
        let at = at.0 as usize;
        *self.used.get_mut(at)? = true;
        self.table.get(at).copied()
    }

    /// The hashes of a proof; nothing if it points outside the table or is longer than any proof.
    pub(crate) fn resolve(&mut self, proof: &[NodeRef]) -> Option<Vec<Hash>> {
        if proof.len() > MAX_PROOF {
            return None;
        }
        proof.iter().map(|at| self.one(*at)).collect()
    }

    /// Every hash must have served a proof: nothing may travel unseen.
    pub(crate) fn check_all_used(&self, findings: &mut Findings) {
        if let Some(at) = self.used.iter().position(|used| !used) {
            findings.failed(
                Asked::History,
                "node-unused",
                format!("node {at}"),
                "A hash in the table belongs to no proof.",
            );
        }
    }
}
