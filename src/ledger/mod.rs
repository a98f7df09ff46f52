//! The rules of custody. Pure: (what is known, entry, log time) -> changes, or a refusal; and flags.
//!
//! The rules are data (`rules.json`): one row an event. Code are only the predicates and effects that rows
//! name, two closed lists. The same rules run in the service, in the verifier and in audits.
//!
//! Start reading at [`admit::admit`].

pub mod admit;
mod branches;
mod cases;
mod change;
pub mod context;
mod disclosed;
pub mod effects;
pub mod erasure;
mod exhibits;
mod flag_words;
mod flagged;
pub mod flags;
mod founding;
pub mod grounds;
mod listings;
mod meanings;
mod memory_state;
pub mod outcome;
mod outsiders;
pub mod page;
mod proposals;
pub mod read;
mod record_key;
mod refusal_words;
pub mod refusals;
pub mod rules;
pub mod schema;
mod standing;
pub mod state;

pub use admit::{Admitted, Companion, Place, admit, check_whole, missing_detail, signer};
pub use branches::{MAX_BRANCH, taken_in};
pub use exhibits::moves;
pub use founding::service_key_at;
pub use outcome::{Flag, Refusal, Severity};
pub use outsiders::{may_know_of, told};
pub use read::{
    EntryView, ReadRight, access_view, entry_view, is_auditor, may_read, may_read_exhibit,
};
pub use rules::Rules;
pub use standing::{exhibit_of, explain, flags_of, key_compromised, standing_flags};
pub use state::{Known, MemoryState, Record, RecordKey, map_value};
