//! Formats and proofs. Pure: no I/O, no clock, no randomness, no threads.

pub mod base64url;
pub mod entry;
pub mod hash;
pub mod id;
pub mod json;
pub mod jws;
pub mod leaf;
pub mod map;
pub mod time;
pub mod token;
