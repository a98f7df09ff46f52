//! What it was measured on: a figure without its machine says nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::failure::Failure;

/// Most writes that are synced to learn how long one takes, and how long that may go on.
const SYNCS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(2);

/// A machine, as far as it bears on the figures.
pub struct Machine {
    cores: usize,
    processor: Option<String>,
    memory: Option<u64>,
    load: Option<f64>,
    sync: f64,
}

impl Machine {
    /// Looks at the machine, and at the disk that holds a folder.
    pub fn look(folder: &Path) -> Result<Machine, Failure> {
        Ok(Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field("/proc/cpuinfo", "model name"),
            memory: field("/proc/meminfo", "MemTotal").and_then(|text| {
                let kib: u64 = text.split(' ').next()?.parse().ok()?;
                Some(kib << 10)
            }),
            load: std::fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split(' ').next()?.parse().ok()),
            sync: synced_append(folder, 4096)?,
        })
    }

    /// For people.
    pub fn words(&self) -> String {
        let or_unknown =
            |text: Option<String>| text.unwrap_or_else(|| "unknown to this system".to_owned());
        format!(
            "custodes {}; {} cores ({}); memory {}; load before {}; 4 KiB written and synced in {:.2} ms",
            env!("CARGO_PKG_VERSION"),
            self.cores,
            or_unknown(self.processor.clone()),
            or_unknown(
                self.memory
                    .map(|bytes| format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64))
            ),
            or_unknown(self.load.map(|load| format!("{load:.2}"))),
            self.sync * 1e3,
        )
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "cores": self.cores, "processor": self.processor, "memory_bytes": self.memory,
            "load_before": self.load, "sync_seconds": self.sync,
        })
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let (_, value) = text
        .lines()
        .find(|line| line.starts_with(name))?
        .split_once(':')?;
    Some(value.trim().to_owned())
}

/// Seconds that it takes to append so many bytes to a file in the folder and have them on disk: the median, since
/// whoever else uses the disk makes some of them wait for long.
pub fn synced_append(folder: &Path, bytes: usize) -> Result<f64, Failure> {
    let path = folder.join("sync-probe");
    let fail = |error: std::io::Error| Failure::file("write", &path, &error);
    let piece = vec![0x5a; bytes.max(1)];
    let mut file = File::create(&path).map_err(fail)?;
    let begun = Instant::now();
    let mut took = Vec::with_capacity(SYNCS);
    while took.len() < SYNCS && (took.is_empty() || begun.elapsed() < PATIENCE) {
        let begun = Instant::now();
        file.write_all(&piece)
            .and_then(|()| file.sync_data())
            .map_err(fail)?;
        took.push(begun.elapsed().as_secs_f64());
    }
    std::fs::remove_file(&path).map_err(fail)?;
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}
