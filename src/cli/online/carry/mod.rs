//! Working without a network: what is carried along, what is signed meanwhile, and submitting it later.
//!
//! `custodes carry` writes a file while there is a network: where the custody chains of some exhibits stand,
//! the checkpoint that this person verified, and the enrolments of the people who may take part, each proven
//! by the log. Whoever holds the exhibit records with `--offline FILE`: the entry is signed and added to the
//! file, which goes with the exhibit to the next person, whose tool checks everything in it first. Later
//! anybody submits it; the same bytes go in, so nobody signs twice.
//!
//! Only custody can be recorded offline, since it has one writer at a time, the holder; notes have many.
//!
//! [`file`] is the format and its checks, [`standing`] where the exhibits stand, [`sign`] adds an entry.

mod branch;
pub mod file;
pub mod people;
mod sign;
mod standing;

pub mod submit;
pub mod take;

pub use file::Carry;
pub use people::keep_own;
