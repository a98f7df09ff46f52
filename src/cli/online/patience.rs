//! Sending the same bytes again while the service is busy or out of reach. That is harmless: byte-identical entries
//! get the first receipt.

use std::time::Duration;

use crate::cli::failure::Failure;

/// How often the same bytes are sent while the service is busy or out of reach.
pub const ATTEMPTS: u32 = 6;

/// Pause before the second time; it doubles each time.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 250 });

/// Sends until something is decided, or for as long as is worth waiting; `undecided` says whether an answer is to be
/// asked for again.
///
/// # Errors
/// What was refused, and the last that could not be answered.
pub fn patiently<T>(
    mut send: impl FnMut() -> Result<T, Failure>,
    undecided: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match send() {
            Err(failure) if failure.is_passing() => {}
            Ok(answer) if undecided(&answer) => {}
            decided => return decided,
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
    send()
}
