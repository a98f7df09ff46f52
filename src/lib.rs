//! Custodes: a chain-of-custody ledger for digital evidence.
//!
//! Data flows one way and imports point inward; `docs/ARCHITECTURE.md` has the picture, `docs/FORMATS.md` the
//! bytes. Start reading at [`protocol::entry`], then [`ledger::admit()`].

#![forbid(unsafe_code)]

pub mod cli;
pub mod court;
#[cfg(feature = "witness")]
mod held;
pub mod ledger;
#[cfg(feature = "monitor")]
pub mod monitor;
pub mod protocol;
#[cfg(feature = "service")]
pub mod service;
#[cfg(feature = "service")]
pub mod software;
#[cfg(feature = "service")]
pub mod storage;
pub mod verify;
#[cfg(feature = "witness")]
pub mod witness;
