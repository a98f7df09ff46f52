//! Changes of the ledger itself that organisations decide together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::protocol::id::{ActorId, Code, OrgId};
use crate::protocol::key::PublicKey;

/// What organisations decide together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A threshold has another value.
    Threshold {
        /// Which.
        threshold: String,
        /// Its new value.
        seconds: u64,
    },
    /// There is one organisation more.
    Admit {
        /// Its name.
        org: OrgId,
        /// Police, forensic, prosecution, court, prison, probation, defence or oversight.
        sector: Code,
        /// Who enrols its people.
        authority: ActorId,
        /// That actor's key.
        key: PublicKey,
    },
    /// The people of an organisation write no more.
    Suspend {
        /// Which.
        org: OrgId,
    },
    /// An authority has another key.
    AuthorityKey {
        /// Which.
        authority: ActorId,
        /// The new key.
        key: PublicKey,
        /// The earlier ones are compromised since this Unix second, if they are.
        since: Option<i64>,
    },
}

/// A change that organisations stand behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRecord {
    /// Which.
    pub change: Change,
    /// Organisations that stand behind it, the proposer's included.
    pub behind: BTreeSet<OrgId>,
    /// Whether enough of them have stood behind it, so that it took effect.
    pub in_force: bool,
}
