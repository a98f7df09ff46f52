//! Plain English for a solicitor, from a verified bundle alone: who holds the bundle can make the same
//! report again.
//!
//! Nothing here says that something happened; it says that somebody **recorded that** it happened. Words
//! that people wrote are put in quotation marks, on one line, without characters that could pass for
//! lines of the report ([`names::quoted`]).
//!
//! In scope: page one, timeline, schedules of handling, access history, flags, as text; who looked, the processing of a
//! period, and what was served when, as text and JSON. Out of scope: checking (`verify`).

pub mod about;
pub mod access;
pub mod access_report;
pub mod complete;
pub mod disclosure_report;
mod disclosures;
pub mod flags;
pub mod names;
pub mod page_one;
pub mod processing;
mod requests;
pub mod schedule;
pub mod sentences;
pub mod served;
pub mod stated;
pub mod telling;
pub mod timeline;
pub mod undertakings;
