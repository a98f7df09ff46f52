//! The sequencer: the only writer. It decides, commits and answers, one group at a time.
//!
//! Handlers parse entries and check their signatures; the writer (`writer.rs`) asks the rules again on top of
//! whatever the group already holds, writes the group in one synced commit, and only then answers. While it waits
//! for the disk, what comes meanwhile gathers for the next group. Whoever asked computes the receipt, on their own
//! thread, under the checkpoint of the group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use super::folder::Identity;
use super::map_keeper::MapHistory;
use super::metrics::Metrics;
use super::publish;
use super::say::say;
use super::witnessing::Gate;
pub use super::work::{Answer, OwnEntry, Sent, Unavailable, Work};
pub use super::writer::found;
use super::writer::{Around, Outcome, Writer};
use crate::storage::Store;

/// Most requests that wait; beyond it submitters are told to come back. Half of all connections: while the disk is
/// slow, the other half is for those who only read.
const QUEUE: usize = super::limits::MAX_CONNECTIONS / 2;

/// What is to be written together, in order, as far as the rules allow each.
pub(super) struct Job {
    pub work: Vec<Work>,
    pub reply: oneshot::Sender<Vec<Outcome>>,
}

/// How the writer ends: unless well, by error or panic, the service says that nothing is written any more.
struct Ending {
    flag: Arc<AtomicBool>,
    well: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.well {
            self.flag.store(true, Ordering::SeqCst);
        }
    }
}

/// The way to the sequencer.
#[derive(Clone)]
pub struct Sequencer {
    store: Arc<dyn Store>,
    identity: Arc<Identity>,
    jobs: SyncSender<Job>,
    failed: Arc<AtomicBool>,
    gate: Gate,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Proofs from the map.
    pub maps: MapHistory,
}

impl Sequencer {
    /// Starts the writer. It ends when every way to it is dropped, having answered what it had taken.
    pub fn start(
        store: Arc<dyn Store>,
        identity: Arc<Identity>,
        interval: Duration,
        gate: Gate,
        announce: impl Fn() + Send + 'static,
    ) -> (Sequencer, std::thread::JoinHandle<()>) {
        let (jobs, queue) = sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let shut = gate.clone();
        let metrics = Arc::new(Metrics::default());
        let counted = Arc::clone(&metrics);
        let maps = MapHistory::default();
        let replaced = maps.clone();
        let (written, signer) = (Arc::clone(&store), Arc::clone(&identity));
        let thread = std::thread::spawn(move || {
            let around = Around {
                gate: shut,
                announce: &announce,
                metrics: &counted,
                maps: replaced,
            };
            let mut ending = Ending { flag, well: false };
            let writer = Writer::new(&*written, &signer, interval, around);
            match writer.and_then(|mut writer| writer.run(&queue)) {
                Ok(()) => ending.well = true,
                // The outcome of the commit is unknown: nobody gets an answer, and nothing more is written.
                Err(error) => say(format_args!("writing stopped: {error}")),
            }
        });
        let sequencer = Sequencer {
            store,
            identity,
            jobs,
            failed,
            gate,
            metrics,
            maps,
        };
        (sequencer, thread)
    }

    /// Whether the writer has stopped.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Has something written, and waits until it is on disk.
    pub async fn write(&self, work: Work) -> Result<Answer, Unavailable> {
        let mut outcomes = self.queue(vec![work]).await?;
        let outcome = outcomes.pop().ok_or(Unavailable::Stopped)?;
        self.answer(outcome)
    }

    /// Has entries written in order and in one group, each as the rules decide on top of those before it, and waits
    /// until they are on disk. [`Sequencer::answer`] makes an answer of each outcome.
    pub async fn queue(&self, work: Vec<Work>) -> Result<Vec<Outcome>, Unavailable> {
        if self.gate.is_waiting() {
            return Err(Unavailable::Unconfirmed);
        }
        let stopped = || match self.gate.is_shut() {
            true => Unavailable::OtherHistory,
            false => Unavailable::Stopped,
        };
        if self.gate.is_shut() {
            return Err(stopped());
        }
        let (reply, answer) = oneshot::channel();
        let _waiting = self.metrics.wait();
        self.jobs
            .try_send(Job { work, reply })
            .map_err(|error| match error {
                TrySendError::Full(_) => Unavailable::Busy,
                TrySendError::Disconnected(_) => stopped(),
            })?;
        answer.await.map_err(|_| stopped())
    }

    /// The answer to an outcome. It reads the proof out of the store.
    pub fn answer(&self, outcome: Outcome) -> Result<Answer, Unavailable> {
        let written = match outcome {
            Outcome::Published => return Ok(Answer::Published),
            Outcome::Refused(refusal) => return Ok(Answer::Refused(refusal)),
            Outcome::At(written) => written,
        };
        let receipt = publish::receipt_under(&*self.store, &self.identity, &written);
        let receipt = receipt.map_err(|error| {
            say(format_args!(
                "no receipt for entry {}: {error}",
                written.index.0
            ));
            Unavailable::NoReceipt
        })?;
        Ok(match written.new {
            true => Answer::Recorded(Box::new(receipt)),
            false => Answer::Known(Box::new(receipt)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::faults::Bench;
    use super::*;
    use crate::storage::Mode;

    #[test]
    fn a_writer_that_panics_is_told_as_stopped() {
        let bench = Bench::new();
        let store = Arc::new(bench.disk.open(Mode::Write).unwrap());
        let (sequencer, writer) = Sequencer::start(
            store,
            Arc::clone(&bench.identity),
            Duration::from_millis(1),
            Gate::open(),
            || panic!("as a bug would"),
        );
        // It is told of the publication of what it wrote.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let _ = runtime.block_on(sequencer.write(bench.work(0)));
        assert!(writer.join().is_err());
        assert!(sequencer.has_failed());
    }
}
