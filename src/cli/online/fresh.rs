//! What each request and each new thing needs afresh: the time, random bytes, an id.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::failure::Failure;
use crate::protocol::id::Subject;

/// Seconds since the Unix epoch by this machine's clock.
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(
            "no-randomness",
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    Ok(bytes)
}

/// A new opaque id.
pub fn random_subject() -> Result<Subject, Failure> {
    Ok(Subject::from_bytes(random::<16>()?))
}
