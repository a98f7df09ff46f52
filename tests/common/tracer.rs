//! strace, beside a running service.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::ledger::Ledger;

/// Follows all threads of the service; what it sees goes to a file. `None`, with a printed line, where the system
/// does not permit that.
pub fn attach(ledger: &Ledger, args: &[&str], file: &Path) -> Option<Child> {
    let tracer = Command::new("strace")
        .arg("-f")
        .args(args)
        .args(["-p", &ledger.service_id().to_string(), "-o"])
        .arg(file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut tracer = match tracer {
        Ok(tracer) => tracer,
        Err(error) => {
            println!("skipped: strace: {error}");
            return None;
        }
    };
    let mut said = String::new();
    let mut lines = BufReader::new(tracer.stderr.take().unwrap());
    lines.read_line(&mut said).unwrap();
    if !said.contains("attached") {
        println!("skipped: {said}");
        tracer.wait().unwrap();
        return None;
    }
    // It goes on saying which threads it follows; nobody needs to know.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Some(tracer)
}
