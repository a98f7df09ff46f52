//! Whether two things take the same time.
//!
//! The clock of a test says little where others work on the same machine. So the two are asked in turn, their medians
//! are compared, and a difference counts only if it is there three times in a row: one that the service makes is.

use std::time::{Duration, Instant};

/// An answer that could say something by its time leaves at a whole multiple of this after its request.
pub const STEP: Duration = Duration::from_millis(10);

const ROUNDS: usize = 3;
const EACH: usize = 41;

/// Fails unless the medians of both lie within `room` of each other. The shortest time of all.
pub fn take_the_same_time(what: &str, room: Duration, mut asks: [&mut dyn FnMut(); 2]) -> Duration {
    let mut shortest = Duration::MAX;
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let mut times: [Vec<Duration>; 2] = Default::default();
        for _ in 0..EACH {
            for (times, ask) in times.iter_mut().zip(&mut asks) {
                let begun = Instant::now();
                ask();
                times.push(begun.elapsed());
            }
        }
        let [one, other] = times.map(|mut times| {
            times.sort();
            shortest = shortest.min(times[0]);
            times[EACH / 2]
        });
        if one.abs_diff(other) < room {
            return shortest;
        }
        seen.push((one, other));
    }
    panic!("{what}: the medians were {seen:?}");
}
