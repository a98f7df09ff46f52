//! What court and defence read, from a verified bundle alone: page one, the timeline, access, flags.

pub mod page_one;
pub mod people;
pub mod timeline;
