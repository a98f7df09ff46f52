//! The clock behind log time, watched for being set back or forward.
//!
//! Log time never goes back, so a clock that was far ahead once would hold it there. Hence: a jump against the
//! machine's steady clock is said in the service's log, and a service does not start on a log that is far ahead of
//! the clock, because every entry of that time would bear one and the same false time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::time::LogTime;

/// How far the last entry may be ahead of the clock at a start: more than any time zone mistake.
pub const MAX_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the clock may move against the steady clock before it is said: time services correct less at a time.
const JUMP: Duration = Duration::from_secs(60);

/// The last entry is far ahead of the clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ledger's last entry was recorded {ahead_hours} hours ahead of this machine's clock, more than the {} hours \
     that are accepted; nothing was started",
    MAX_AHEAD.as_secs() / 3600
)]
pub struct ClockBehind {
    ahead_hours: u64,
}

/// Refuses to start on a log whose last entry is far ahead of the clock.
pub fn check_start(last: LogTime) -> Result<(), ClockBehind> {
    ahead(last, now_ms())
}

fn ahead(last: LogTime, now: u64) -> Result<(), ClockBehind> {
    let ahead = Duration::from_millis(last.0.saturating_sub(now));
    if ahead <= MAX_AHEAD {
        return Ok(());
    }
    let ahead_hours = ahead.as_secs() / 3600;
    Err(ClockBehind { ahead_hours })
}

/// Watches the clock.
pub struct Clock {
    /// The clock less the steady clock when last looked, milliseconds.
    offset: Option<i128>,
    steady: Instant,
}

/// The time, and how far the clock moved against the steady clock since last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Milliseconds since the Unix epoch.
    pub ms: u64,
    moved: i128,
}

impl Clock {
    /// The machine's.
    pub fn system() -> Clock {
        Clock {
            offset: None,
            steady: Instant::now(),
        }
    }

    /// Looks.
    pub fn now(&mut self) -> Reading {
        self.look(now_ms(), self.steady.elapsed())
    }

    fn look(&mut self, ms: u64, steady: Duration) -> Reading {
        let offset = i128::from(ms) - i128::try_from(steady.as_millis()).unwrap_or(i128::MAX);
        let before = self.offset.replace(offset).unwrap_or(offset);
        Reading {
            ms,
            moved: offset - before,
        }
    }
}

impl Reading {
    /// What the operator should know, once for each jump.
    pub fn warning(self, last: LogTime) -> Option<String> {
        let seconds = self.moved.unsigned_abs() / 1000;
        if u128::from(JUMP.as_secs()) > seconds {
            return None;
        }
        let way = if self.moved > 0 { "forward" } else { "back" };
        let held = match last.0 > self.ms {
            true => {
                "; log time does not go back: until the clock has caught up, entries bear the time of the last one"
            }
            false => "; if that was a mistake, stop the service now: log time does not go back",
        };
        Some(format!(
            "the machine's clock was set {way} by {seconds} seconds{held}"
        ))
    }
}

/// Milliseconds since the Unix epoch by the machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_said_once_and_ordinary_running_is_not() {
        let mut clock = Clock::system();
        let second = Duration::from_secs(1);
        let said = |reading: Reading| reading.warning(LogTime(1_000_000));
        assert_eq!(said(clock.look(1_000_000, second)), None);
        assert_eq!(said(clock.look(1_001_000, second * 2)), None);
        // A service that slept for an hour is not a jump: both clocks moved.
        assert_eq!(said(clock.look(4_601_000, second * 3602)), None);
        let forward = said(clock.look(8_202_000, second * 3603)).unwrap_or_default();
        assert!(
            forward.contains("forward by 3600 seconds; if that"),
            "{forward}"
        );
        assert_eq!(said(clock.look(8_203_000, second * 3604)), None);
        let back = said(clock.look(900_000, second * 3605)).unwrap_or_default();
        assert!(back.contains("back by 7304 seconds; log time"), "{back}");
        assert_eq!(said(clock.look(901_000, second * 3606)), None);
    }

    #[test]
    fn a_start_far_behind_the_log_is_refused_and_a_small_lag_is_not() {
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(ahead(LogTime(day), 0), Ok(()));
        assert_eq!(ahead(LogTime(0), day), Ok(()));
        let refused = ahead(LogTime(day * 2), 0).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|why| why.contains("48 hours ahead")));
    }
}
