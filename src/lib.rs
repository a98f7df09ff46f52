//! Custodes: a chain-of-custody ledger for digital evidence.

#![forbid(unsafe_code)]

pub mod cli;
pub mod protocol;
