//! Formats and proofs. Pure: no I/O, no clock, no randomness, no threads.

pub mod base64url;
pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod digest;
pub mod entry;
pub mod fork;
pub mod hash;
pub mod id;
pub mod json;
pub mod jws;
pub mod key;
pub mod leaf;
pub mod manifest;
pub mod map;
pub mod mldsa;
pub mod note;
pub mod policy;
pub mod policy_review;
pub mod receipt;
pub mod security;
pub mod tile;
pub mod time;
pub mod tlog_proof;
pub mod token;
pub mod tree;
