//! Formats and proofs. Pure: no I/O, no clock, no randomness, no threads.

pub mod base64url;
pub mod hash;
