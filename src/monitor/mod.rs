//! The monitor: follows ledgers from outside, and says when one does not keep to a single history.
//!
//! It reads what a ledger publishes, as C2SP tlog-tiles has it, and believes nothing that the policy's log keys did not
//! sign and the hashes do not show. [`follow`] looks at one ledger once, [`memory`] keeps what was verified, [`web`]
//! fetches.
//!
//! In scope: checkpoints, consistency, leaves and tiles, witnesses' checkpoints, the keys and rules that a ledger names.
//! Out of scope: what entries say, which is not public; a bundle shows that (`custodes verify`).

pub mod follow;
pub mod memory;
pub mod web;
