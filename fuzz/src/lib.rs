//! What must hold for any bytes at all. Each target is a function that panics when a property does not hold;
//! `cargo fuzz` drives them, and `tests/corpus.rs` of the project runs the same functions over the corpus.

#![allow(clippy::unwrap_used)]

pub mod bundles;
pub mod forks;
pub mod map_faults;
pub mod seeds;
pub mod signed;
pub mod texts;
#[path = "../../tests/common/world.rs"]
pub mod world;

/// One property, or a few that belong together.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 18] = [
    ("base64url", texts::base64url),
    ("bundle", bundles::bundle),
    ("bundle_edit", bundles::bundle_edit),
    ("checkpoint", signed::checkpoint),
    ("disclosure", signed::disclosure),
    ("entry", signed::entry),
    ("fork", forks::fork),
    ("id", texts::id),
    ("json", texts::json),
    ("manifest", texts::manifest),
    ("map_fault", map_faults::map_fault),
    ("note", signed::note),
    ("policy", texts::policy),
    ("rules", texts::rules),
    ("tile_path", texts::tile_path),
    ("time", texts::time),
    ("tlog_proof", bundles::tlog_proof),
    ("token", signed::token),
];

/// Runs one target over these bytes.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    target(data);
}
