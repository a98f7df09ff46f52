//! What the operator watches, in the Prometheus text format (version 0.0.4).
//!
//! Counters begin at 0 when the service starts. No label holds anything of the content: routes are templates, codes
//! are ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;

use super::http::{App, Shared, text_answer};
use super::problem::{Problem, ProblemCode};
use crate::protocol::checkpoint;
use crate::protocol::tree::EntryIndex;
use crate::storage::StoreError;

/// Upper bounds of the latency buckets, seconds: from a tile out of memory to a bundle of a large case.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Upper bounds of the group size buckets, entries.
const ENTRIES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Everything that is counted.
#[derive(Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    waiting: AtomicUsize,
}

/// One that waits for the writer, counted until it has its answer or has gone.
pub struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(String, String, u16), u64>,
    problems: BTreeMap<String, u64>,
    latency: BTreeMap<String, Histogram>,
    entries: BTreeMap<String, u64>,
    groups: Histogram,
    commits: Histogram,
    /// Seconds.
    map: f64,
}

#[derive(Default)]
struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, bounds: &[f64], value: f64) {
        self.buckets.resize(bounds.len(), 0);
        for (bucket, bound) in self.buckets.iter_mut().zip(bounds) {
            *bucket += u64::from(value <= *bound);
        }
        self.count += 1;
        self.sum += value;
    }

    fn write(&self, text: &mut String, name: &str, label: &str, bounds: &[f64]) {
        let comma = if label.is_empty() { "" } else { "," };
        for (at, bound) in bounds.iter().enumerate() {
            let count = self.buckets.get(at).unwrap_or(&0);
            line(
                text,
                &format!("{name}_bucket{{{label}{comma}le=\"{bound}\"}}"),
                count,
            );
        }
        line(
            text,
            &format!("{name}_bucket{{{label}{comma}le=\"+Inf\"}}"),
            self.count,
        );
        let braces = match label {
            "" => String::new(),
            _ => format!("{{{label}}}"),
        };
        line(text, &format!("{name}_sum{braces}"), self.sum);
        line(text, &format!("{name}_count{braces}"), self.count);
    }
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no holder of this lock panics")
    }

    /// Somebody waits for the writer.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// A request was answered.
    fn request(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let mut counts = self.counts();
        // Methods are the caller's to choose: only those there are get a row of their own.
        let method = match *method {
            Method::GET | Method::HEAD | Method::POST | Method::PUT => method.as_str(),
            _ => "other",
        };
        let row = (route.to_owned(), method.to_owned(), status.as_u16());
        *counts.requests.entry(row).or_default() += 1;
        let latency = counts.latency.entry(route.to_owned()).or_default();
        latency.add(SECONDS, took.as_secs_f64());
    }

    fn problem(&self, code: &str) {
        *self.counts().problems.entry(code.to_owned()).or_default() += 1;
    }

    /// An entry that was submitted had this outcome: `recorded`, `known`, or the code of its refusal.
    pub fn entry(&self, outcome: &str) {
        *self.counts().entries.entry(outcome.to_owned()).or_default() += 1;
    }

    /// A group was committed.
    pub fn group(&self, entries: usize, took: Duration) {
        let mut counts = self.counts();
        counts.groups.add(ENTRIES, entries as f64);
        counts.commits.add(SECONDS, took.as_secs_f64());
    }

    /// The writer was busy with the map of completeness.
    pub fn map(&self, took: Duration) {
        self.counts().map += took.as_secs_f64();
    }

    fn text(&self, gauges: &[(&str, &str, f64)]) -> String {
        let mut text = String::new();
        let counts = self.counts();
        head(
            &mut text,
            "custodes_requests_total",
            "counter",
            "Requests answered.",
        );
        for ((route, method, status), count) in &counts.requests {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            line(
                &mut text,
                &format!("custodes_requests_total{{{labels}}}"),
                count,
            );
        }
        head(
            &mut text,
            "custodes_request_seconds",
            "histogram",
            "Time from header read to answer begun.",
        );
        for (route, histogram) in &counts.latency {
            let label = format!("route=\"{route}\"");
            histogram.write(&mut text, "custodes_request_seconds", &label, SECONDS);
        }
        head(
            &mut text,
            "custodes_problems_total",
            "counter",
            "Answers that were problems, by code.",
        );
        for (code, count) in &counts.problems {
            line(
                &mut text,
                &format!("custodes_problems_total{{code=\"{code}\"}}"),
                count,
            );
        }
        head(
            &mut text,
            "custodes_entries_total",
            "counter",
            "Entries submitted: recorded, known already, or the code of the refusal.",
        );
        for (outcome, count) in &counts.entries {
            line(
                &mut text,
                &format!("custodes_entries_total{{outcome=\"{outcome}\"}}"),
                count,
            );
        }
        head(
            &mut text,
            "custodes_group_entries",
            "histogram",
            "Entries in one commit.",
        );
        counts
            .groups
            .write(&mut text, "custodes_group_entries", "", ENTRIES);
        head(
            &mut text,
            "custodes_commit_seconds",
            "histogram",
            "Time of one synced commit.",
        );
        counts
            .commits
            .write(&mut text, "custodes_commit_seconds", "", SECONDS);
        head(
            &mut text,
            "custodes_map_seconds_total",
            "counter",
            "Time that the writer spent on the map of completeness, beside commits.",
        );
        line(&mut text, "custodes_map_seconds_total", counts.map);
        for (name, help, value) in gauges {
            head(&mut text, name, "gauge", help);
            line(&mut text, name, value);
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name} {value}");
}

/// Counts every request.
pub async fn count(State(app): Shared, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.sequencer
        .metrics
        .request(&route, &method, response.status(), begun.elapsed());
    if let Some(ProblemCode(code)) = response.extensions().get() {
        app.sequencer.metrics.problem(code);
    }
    response
}

/// The metrics, where they may be seen: on a listener of their own, or on this one if only this machine reaches it.
pub async fn get_metrics(State(app): Shared, headers: HeaderMap) -> Response {
    let forwarded = ["forwarded", "x-forwarded-for", "via"];
    let forwarded = forwarded.iter().any(|name| headers.contains_key(*name));
    if !app.metrics_here || forwarded {
        return Problem::no_such_path().into_response();
    }
    answer(&app)
}

/// The metrics, to whoever reaches the listener.
pub async fn get_metrics_apart(State(app): Shared) -> Response {
    answer(&app)
}

fn answer(app: &App) -> Response {
    match gauges(app) {
        Ok(gauges) => text_answer(
            "text/plain; version=0.0.4; charset=utf-8",
            app.sequencer.metrics.text(&gauges),
        ),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn gauges(app: &App) -> Result<Vec<(&'static str, &'static str, f64)>, StoreError> {
    let size = app.store.size()?;
    let published = match app.store.published()? {
        Some(note) => checkpoint::open(&note, &app.identity.log_vkey())
            .map_or(0, |(published, _)| published.size.0),
        None => 0,
    };
    // The oldest entry that no published checkpoint covers: it should be younger than the interval.
    let waiting = match published < size.0 {
        true => app.store.entry(EntryIndex(published))?,
        false => None,
    };
    let waiting = waiting.map_or(0, |entry| {
        super::clock::now_ms().saturating_sub(entry.recorded_at.0)
    });
    let scrub = app.scrub.as_ref().map(|scrub| scrub.status());
    let mut gauges = vec![
        ("custodes_log_size", "Leaves in the log.", size.0 as f64),
        (
            "custodes_published_size",
            "Leaves under the newest published checkpoint.",
            published as f64,
        ),
        (
            "custodes_unpublished_seconds",
            "Age of the oldest entry that no published checkpoint covers.",
            waiting as f64 / 1000.0,
        ),
        (
            "custodes_queue_waiting",
            "Requests that wait for the writer.",
            app.sequencer.metrics.waiting.load(Ordering::Relaxed) as f64,
        ),
        (
            "custodes_connections",
            "Connections open.",
            app.places.taken() as f64,
        ),
        (
            "custodes_security_records",
            "Records in the security log: what was refused.",
            app.security.length() as f64,
        ),
        (
            "custodes_writing",
            "1 while the service can write, 0 after a storage failure.",
            f64::from(u8::from(!app.sequencer.has_failed())),
        ),
    ];
    if let Some(age) = app.witnessing.quorum_age() {
        gauges.push((
            "custodes_quorum_age_seconds",
            "Time since a quorum of witnesses last cosigned; from the start on until the first.",
            age.as_secs_f64(),
        ));
    }
    if let Some(scrub) = scrub {
        gauges.extend([
            (
                "custodes_scrub_findings",
                "Damaged places found in what is stored.",
                scrub.findings.len() as f64,
            ),
            (
                "custodes_scrub_passes",
                "Whole passes of the scrub over everything stored.",
                scrub.passes as f64,
            ),
            (
                "custodes_scrub_rows",
                "Rows that the scrub has read in this pass.",
                scrub.rows as f64,
            ),
        ]);
    }
    Ok(gauges)
}
