//! What a process took: processor time and memory, as the kernel counts them.
//!
//! Read from `/proc`, so on Linux alone; elsewhere these figures are absent, and said to be.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::cli::failure::Failure;

/// `/proc/PID/stat` counts in ticks of `USER_HZ`, which is 100 on every Linux that is published.
const TICKS: f64 = 100.0;

/// How often a process is looked at while it runs: the kernel forgets the peak of its memory when it ends.
const LOOK: Duration = Duration::from_millis(5);

/// Seconds of processor time of this process, all its threads, user and system.
pub fn own_cpu() -> Option<f64> {
    ticks("self", 13)
}

/// The same of another process.
pub fn cpu(id: u32) -> Option<f64> {
    ticks(&id.to_string(), 13)
}

/// The same of all processes that this one started and waited for.
pub fn children_cpu() -> Option<f64> {
    ticks("self", 15)
}

/// Most memory that a process ever held, in bytes.
pub fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|one| one.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Wall time, and what this program and the service take of the processors meanwhile.
pub struct Stopwatch {
    begun: Instant,
    own: Option<f64>,
    service: Option<(u32, f64)>,
}

/// What a stopwatch counted, in seconds.
pub struct Took {
    /// Wall time.
    pub seconds: f64,
    /// Processor time of this program.
    pub own: Option<f64>,
    /// Processor time of the service.
    pub service: Option<f64>,
}

impl Took {
    /// This and what came after it; a figure is known if both are.
    pub fn and(self, more: Took) -> Took {
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Took {
            seconds: self.seconds + more.seconds,
            own: sum(self.own, more.own),
            service: sum(self.service, more.service),
        }
    }
}

impl Stopwatch {
    /// Starts; `service` is the service's process, if it is to be looked at.
    pub fn start(service: Option<u32>) -> Stopwatch {
        Stopwatch {
            service: service.and_then(|id| Some((id, cpu(id)?))),
            own: own_cpu(),
            begun: Instant::now(),
        }
    }

    /// Stops.
    pub fn stop(self) -> Took {
        Took {
            seconds: self.begun.elapsed().as_secs_f64(),
            own: own_cpu()
                .zip(self.own)
                .map(|(after, before)| after - before),
            service: self
                .service
                .and_then(|(id, before)| Some(cpu(id)? - before)),
        }
    }
}

/// The sum of the field `first` (from 0) of `/proc/PID/stat` and the one after it.
fn ticks(process: &str, first: usize) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold anything; the third follows the last of them.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let at = |field: usize| fields.get(field - 2)?.parse::<f64>().ok();
    Some((at(first)? + at(first + 1)?) / TICKS)
}

/// What a process came to that ran to its end.
pub struct Ran {
    /// Exit code.
    pub code: Option<i32>,
    /// Wall time.
    pub seconds: f64,
    /// Processor time.
    pub cpu: Option<f64>,
    /// Most memory it held.
    pub peak_memory: Option<u64>,
}

/// Waits for a process that was just started.
pub fn watch(mut child: Child, begun: Instant, what: &Path) -> Result<Ran, Failure> {
    let before = children_cpu();
    let mut peak = None;
    let status = loop {
        peak = peak_memory(child.id()).or(peak);
        let ended = child.try_wait();
        match ended.map_err(|error| Failure::file("run", what, &error))? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Ran {
        code: status.code(),
        seconds,
        cpu: before
            .zip(children_cpu())
            .map(|(before, after)| after - before),
        peak_memory: peak,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{own_cpu, peak_memory};

    #[test]
    fn the_kernel_counts_what_this_process_takes() {
        let before = own_cpu().expect("Linux has /proc");
        let mut spun = 0_u64;
        while own_cpu().expect("Linux has /proc") < before + 0.05 {
            spun = spun.wrapping_add(1);
        }
        assert!(spun > 0);
        let peak = peak_memory(std::process::id()).expect("Linux has /proc");
        assert!(peak > 1 << 20, "{peak}");
    }
}
