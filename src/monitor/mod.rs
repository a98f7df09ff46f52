//! The monitor: follows ledgers from outside, and says when one does not keep to a single history.
//!
//! It reads what a ledger publishes, as C2SP tlog-tiles has it, and believes nothing that the policy's log keys did not
//! sign and the hashes do not show. [`follow`] looks at one ledger once, [`memory`] keeps what was verified, [`web`]
//! fetches.
//! With an auditor's key [`recompute`] reads every entry, without its details, and recomputes the map of completeness, and
//! [`custody`] runs the rules; [`audited`] keeps what that came to.
//!
//! In scope: checkpoints, consistency, leaves and tiles, witnesses' checkpoints, the keys and rules that a ledger names;
//! for an auditor the map, what becomes of keys, and the rules of custody with their flags. Out of scope: what needs the
//! details of entries, which the service's own audit and bundles show (`custodes audit`, `custodes verify`).

pub mod audited;
mod custody;
pub mod follow;
mod kept_lines;
mod kept_tree;
mod leaves;
pub mod memory;
pub mod recompute;
pub mod seen;
pub mod web;
