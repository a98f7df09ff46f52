//! Help with what to say: words for the fields of events, metadata by kind of evidence, and templates.

mod fields;
mod kinds;

pub mod ask;
pub mod template;
