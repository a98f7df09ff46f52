//! Synced before acknowledged: the system calls of the real service show that every 201 is sent after a completed
//! sync of the write-ahead log that began after the entry was written to it.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/tracer.rs"]
mod tracer;

use std::collections::BTreeMap;

use custodes::protocol::entry::UnverifiedEntry;
use ledger::Ledger;
use submitter::{Submitter, line, subject, submit, submit_lines};

/// A system call: the line where it begins and the one where it ends, with what it was given.
#[derive(Debug)]
struct Call<'t> {
    name: &'t str,
    text: &'t str,
    begins: usize,
    ends: usize,
    worked: bool,
}

fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut open: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (at, row) in trace.lines().enumerate() {
        let Some((thread, text)) = row.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if text.starts_with("<...") {
            let Some((begins, begun)) = open.remove(thread) else {
                continue;
            };
            calls.push(call(begun, text, begins, at));
        } else if text.ends_with("<unfinished ...>") {
            open.insert(thread, (at, text));
        } else if !text.starts_with(['+', '-']) {
            calls.push(call(text, text, at, at));
        }
    }
    // What is still open at the end was begun, and did not end.
    calls.extend(open.into_values().map(|(at, text)| Call {
        worked: false,
        ..call(text, text, at, usize::MAX)
    }));
    calls
}

fn call<'t>(text: &'t str, end: &str, begins: usize, ends: usize) -> Call<'t> {
    let result = end.rsplit_once(" = ").map_or("-1", |(_, result)| result);
    Call {
        name: text.split('(').next().unwrap_or_default(),
        text,
        begins,
        ends,
        worked: !result.starts_with('-') && !result.starts_with('?'),
    }
}

impl<'t> Call<'t> {
    /// The write-ahead log it is about, if it is.
    fn log(&self) -> Option<&'t str> {
        let (_, rest) = self.text.split_once('<')?;
        let (path, _) = rest.split_once('>')?;
        path.ends_with(".log").then_some(path)
    }

    fn is_sync(&self) -> bool {
        matches!(self.name, "fsync" | "fdatasync")
    }
}

/// Entries whose acknowledgement in the trace does not follow a sync of what holds them, and why.
fn unsynced(trace: &str, entries: &[UnverifiedEntry]) -> Vec<String> {
    let calls = calls(trace);
    let mut faults = Vec::new();
    for entry in entries {
        let jws = entry.jws();
        // A block border of the log may cut one of them, never all.
        let ends = [jws.len() - 40, jws.len() - 200, jws.len() - 400];
        let probes = ends.map(|start| &jws[start..start + 40]);
        let e = serde_json::to_string(&entry.hash()).unwrap();
        let e = e.trim_matches('"');
        // An answer holds the hash and no part of the entry.
        let answer = calls
            .iter()
            .filter(|call| call.log().is_none() && call.text.contains(e));
        let answer = answer.min_by_key(|call| call.begins);
        let written = calls.iter().filter(|call| {
            call.log().is_some() && probes.iter().any(|probe| call.text.contains(probe))
        });
        let written = written.max_by_key(|call| call.ends);
        let (Some(answer), Some(written)) = (answer, written) else {
            faults.push(format!("{e}: no answer or no write of it in the trace"));
            continue;
        };
        let synced = calls.iter().any(|call| {
            call.is_sync()
                && call.worked
                && call.log() == written.log()
                && call.begins > written.ends
                && call.ends < answer.begins
        });
        if !synced {
            faults.push(format!(
                "{e}: written {written:?}, answered {}",
                answer.begins
            ));
        }
    }
    faults
}

#[test]
fn every_acknowledgement_follows_a_sync_of_the_entry() {
    let mut ledger = Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let case = subject();
    assert_eq!(
        submit(&ledger.url, &officer.case(&case)).unwrap().status,
        201
    );
    let file = ledger.path("trace");
    let calls = "trace=write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,sync_file_range,msync";
    let args = ["-y", "-s", "4000000", "-e", calls];
    let Some(mut tracer) = tracer::attach(&ledger, &args, &file) else {
        return;
    };
    let url = &ledger.url;
    let work = |at: usize| -> Vec<UnverifiedEntry> {
        let mut entries = Vec::new();
        for _ in 0..8 {
            let some: Vec<_> = (0..1 + at % 2 * 9)
                .map(|_| officer.exhibit(&case, &subject()))
                .collect();
            let answers = match some.as_slice() {
                [one] => vec![submit(url, one).unwrap()],
                some => submit_lines(url, &some.iter().map(line).collect::<Vec<_>>()).unwrap(),
            };
            assert!(
                answers.iter().all(|answer| answer.status == 201),
                "{answers:?}"
            );
            entries.extend(some);
        }
        entries
    };
    let entries: Vec<UnverifiedEntry> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|at| {
                let work = &work;
                scope.spawn(move || work(at))
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    ledger.signal("TERM");
    ledger.ended();
    tracer.wait().unwrap();
    let trace = std::fs::read(&file).unwrap();
    let trace = String::from_utf8_lossy(&trace);
    assert_eq!(unsynced(&trace, &entries), Vec::<String>::new());

    // The check itself: without the syncs, or with syncs that failed, it accuses every entry.
    let without: Vec<&str> = trace.lines().filter(|row| !row.contains("sync")).collect();
    assert_eq!(unsynced(&without.join("\n"), &entries).len(), entries.len());
    let failed: Vec<String> = trace
        .lines()
        .map(|row| match row.contains("sync") {
            true => row.replace(" = 0", " = -1 EIO (Input/output error)"),
            false => row.to_owned(),
        })
        .collect();
    assert_eq!(unsynced(&failed.join("\n"), &entries).len(), entries.len());
    println!("{} entries, each answered after its sync", entries.len());
}
