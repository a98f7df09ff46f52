//! Witnesses: whoever holds a ledger to one history (C2SP tlog-witness).
//!
//! A witness remembers, for each log that it is told of, the newest checkpoint it has cosigned, and cosigns only
//! one that extends it. An operator who wanted to show two histories would have to find two sets of witnesses.
//!
//! [`cosigner`] decides and remembers, [`folder`] keeps what it remembers, [`request`] reads what is asked,
//! [`server`] speaks HTTP. `client` (with the service) is the other side: it asks a witness for its cosignatures.
//!
//! In scope: the witness of an ordinary log, `add-checkpoint` and the monitoring endpoint. Out of scope:
//! `sign-subtree`, checkpoints with extension lines (refused: type 0x06 would not cover them), bastions.

#[cfg(feature = "service")]
pub mod client;
pub mod cosigner;
pub mod folder;
pub mod request;
pub mod server;
