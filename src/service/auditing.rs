//! `GET /v1/audit`: the service audits its own ledger for an auditor while it runs.
//!
//! What is audited is frozen first, so that it is one state of the ledger, whatever is recorded meanwhile. The answer
//! is NDJSON: `{"entries":n}` each second, so that the connection is seen to live; then a line `{"finding":...}` for
//! each finding; and `{"audit":...}` at the end, without which nothing was found out. One audit runs at a time, and
//! one whose asker has gone ends. That it was asked for is recorded first, on the ledger's own `access` chain.
//!
//! It shows what the service says of its own disk. Who does not trust the operator audits a copy of the folder on a
//! machine of their own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::interval;

use super::audit::{self, Progress};
use super::blobs::on_disk;
use super::http::{App, Shared, text_answer};
use super::problem::Problem;
use super::reads;
use super::say::say;
use super::tokens::Reader;
use crate::protocol::id::ActorId;
use crate::storage::{BlobFolder, Engine, StoreError};
use crate::verify::{self, Finding, Severity};

/// How often it says how far it is: more often than any proxy ends a silent connection.
const TOLD: Duration = Duration::from_secs(1);

/// When to ask again while another audit runs, in seconds: the smaller ledgers are done by then.
const RETRY: u16 = 60;

/// Memory that an audit needs for each leaf, in bytes: measured at 1.7 KiB (docs/PERFORMANCE.md), and room to spare.
const MEMORY_EACH: u64 = 2 << 10;

/// Audits the ledger.
pub async fn get_audit(
    State(app): Shared,
    method: Method,
    reader: Reader,
) -> Result<Response, Problem> {
    reads::auditors_only(&*app.store, &reader)?;
    if method == Method::HEAD {
        return Ok(text_answer("application/x-ndjson", ""));
    }
    let place = Arc::clone(&app.audits).try_acquire_owned();
    let place = place.map_err(|_| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "audit-running",
            "An audit is running; the service does one at a time.",
            "Ask again when it has ended: some two minutes for each million entries.",
        )
        .retry_after(RETRY)
    })?;
    fits(app.store.size()?.0, available_memory())?;
    reads::record_on_ledger(&app, &reader, "audit").await?;
    let audit = Frozen::of(&app, place).await?;
    let progress = Arc::new(Progress::default());
    let (sender, lines) = mpsc::channel(16);
    tokio::spawn(audit.run(reader.actor, Arc::clone(&progress), sender));
    let lines = Lines { lines, progress };
    Ok(text_answer("application/x-ndjson", Body::new(lines)))
}

/// The service would rather not be ended by the system for want of memory.
fn fits(leaves: u64, available: Option<u64>) -> Result<(), Problem> {
    let needed = leaves.saturating_mul(MEMORY_EACH);
    if available.is_none_or(|available| needed <= available) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "audit-too-large",
        format!(
            "An audit of {leaves} leaves needs some {} MiB of memory, more than the service's machine has left.",
            needed >> 20
        ),
        "Have the operator copy the folder while the service is stopped, and audit the copy on a larger machine.",
    ))
}

/// Memory that the system could give, in bytes; nothing where it does not say.
fn available_memory() -> Option<u64> {
    let lines = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = lines
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// What is audited, and the place that doing so takes. Rows go before the place comes free: the next audit's are kept
/// in the same folder.
struct Frozen {
    rows: Box<dyn Engine>,
    blobs: Arc<BlobFolder>,
    place: OwnedSemaphorePermit,
}

impl Frozen {
    /// Whoever goes away meanwhile keeps the place taken until this is done.
    async fn of(app: &App, place: OwnedSemaphorePermit) -> Result<Frozen, StoreError> {
        let (store, blobs) = (Arc::clone(&app.store), Arc::clone(&app.blobs));
        on_disk(move || {
            let rows = store.engine().frozen()?;
            Ok(Frozen { rows, blobs, place })
        })
        .await
    }

    fn audit(self, progress: &Progress) -> (u64, Vec<Finding>) {
        let mut audit = audit::check_watched(&*self.rows, progress);
        audit::check_blobs(&self.blobs, &mut audit, progress);
        drop(self.rows);
        drop(self.place);
        (audit.size().0, audit.finish())
    }

    async fn run(self, asker: ActorId, progress: Arc<Progress>, lines: mpsc::Sender<Bytes>) {
        let watched = Arc::clone(&progress);
        let audit = on_disk(move || self.audit(&watched));
        tokio::pin!(audit);
        let mut told = interval(TOLD);
        let (size, findings) = loop {
            tokio::select! {
                done = &mut audit => break done,
                _ = told.tick() => {
                    let entries = progress.entries.load(Ordering::Relaxed);
                    // Whoever has gone stops the audit by going.
                    let _ = lines.send(line(&json!({"entries": entries}))).await;
                }
            }
        };
        if progress.is_stopped() {
            return;
        }
        let failed = findings
            .iter()
            .filter(|one| one.severity == Severity::Failed);
        let failed = failed.count();
        say(format_args!(
            "{asker} had the ledger audited: {size} entries, {failed} findings that failed"
        ));
        for finding in &findings {
            let finding = line(&json!({"finding": finding.json()}));
            if lines.send(finding).await.is_err() {
                return;
            }
        }
        let _ = lines.send(line(&summary(size, &findings))).await;
    }
}

fn summary(size: u64, findings: &[Finding]) -> Value {
    let exit = verify::exit_code(findings, &Default::default());
    json!({"audit": {"entries": size, "findings": findings.len(), "exit": exit}})
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

/// The answer. When it is dropped, nobody reads it any more.
struct Lines {
    lines: mpsc::Receiver<Bytes>,
    progress: Arc<Progress>,
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.progress.stop();
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let line = self.lines.poll_recv(context);
        line.map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::Semaphore;

    use super::super::faults::Bench;
    use super::*;
    use crate::storage::{Mode, Store as _};

    /// The lines of an audit of a small ledger, and whether its place is free afterwards.
    async fn audited(asker_stays: bool) -> (Vec<Value>, bool) {
        let store = Bench::new().disk.open(Mode::Write).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let places = Arc::new(Semaphore::new(1));
        let frozen = Frozen {
            rows: store.engine().frozen().unwrap(),
            blobs: Arc::new(BlobFolder::open(folder.path()).unwrap()),
            place: Arc::clone(&places).try_acquire_owned().unwrap(),
        };
        let progress = Arc::new(Progress::default());
        let (sender, mut lines) = mpsc::channel(64);
        if !asker_stays {
            let (_, lines) = mpsc::channel(1);
            let progress = Arc::clone(&progress);
            drop(Lines { lines, progress });
        }
        let asker = ActorId::new("oversight/AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        frozen.run(asker, progress, sender).await;
        let mut told = Vec::new();
        while let Some(line) = lines.recv().await {
            told.push(serde_json::from_slice(&line).unwrap());
        }
        (told, places.available_permits() == 1)
    }

    #[tokio::test]
    async fn an_audit_ends_in_its_outcome_and_one_that_nobody_reads_in_silence() {
        let (told, free) = audited(true).await;
        let last = told.last().unwrap();
        assert!(last["audit"]["entries"].as_u64().unwrap() > 0, "{told:?}");
        assert!(free);
        let (told, free) = audited(false).await;
        assert!(told.iter().all(|line| line["audit"].is_null()), "{told:?}");
        assert!(free);
    }

    #[test]
    fn an_audit_that_does_not_fit_into_memory_is_refused() {
        assert!(fits(1000, Some(2 << 20)).is_ok());
        assert!(fits(1000, None).is_ok());
        let refused = fits(1_000_000, Some(1 << 30)).unwrap_err();
        assert_eq!(refused.code(), "audit-too-large");
        assert!(fits(u64::MAX, Some(1 << 40)).is_err());
        if cfg!(target_os = "linux") {
            assert!(available_memory().unwrap() > 1 << 20);
        }
    }
}
