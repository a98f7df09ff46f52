//! What the service tells its operator, on standard error.

use std::fmt::Display;
use std::io::Write as _;

/// Says something. Where it cannot be written (a full disk, a reader that has gone) it is lost: a service that says
/// nothing is better than none.
pub fn say(words: impl Display) {
    let _ = writeln!(std::io::stderr(), "custodes: {words}");
}
