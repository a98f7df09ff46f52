//! The sequencer: the only writer. It decides, commits and answers, one group at a time.
//!
//! Handlers parse entries and check their signatures; the sequencer asks the rules again on top of whatever the
//! group already holds, writes the group in one synced commit, and only then answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::folder::Identity;
use super::known::StoreKnown;
use super::metrics::Metrics;
use super::publish;
use super::witnessing::Gate;
pub use super::work::{Answer, OwnEntry, Unavailable, Work};
use crate::ledger::admit::{Companion, Place};
use crate::ledger::state::{Known as _, RecordKey};
use crate::ledger::{Refusal, Rules, admit};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::{Draft, EntryHash, Payload, Seen, VerifiedEntry};
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::leaf::Commitment;
use crate::protocol::note;
use crate::protocol::time::{LogTime, Moment, Occurred};
use crate::protocol::tree::{self, EntryIndex, TreeSize};
use crate::storage::{Group, NewEntry, NewLeaf, Store, StoreError};

/// Most requests that wait; beyond it submitters are told to come back.
const QUEUE: usize = 1024;

/// Most entries in one group: bounds what one commit writes and how long the first waits for the last.
const GROUP: usize = 512;

struct Job {
    work: Work,
    reply: oneshot::Sender<Answer>,
}

/// The way to the sequencer.
#[derive(Clone)]
pub struct Sequencer {
    jobs: SyncSender<Job>,
    failed: Arc<AtomicBool>,
    gate: Gate,
    /// What is counted.
    pub metrics: Arc<Metrics>,
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
        let thread = std::thread::spawn(move || {
            let mut writer = Writer {
                store: &*store,
                identity: &identity,
                interval,
                gate: shut,
                announce: &announce,
                metrics: &counted,
            };
            if let Err(error) = writer.run(&queue) {
                // The outcome of the commit is unknown: nobody gets an answer, and nothing more is written.
                eprintln!("custodes: writing stopped: {error}");
                flag.store(true, Ordering::SeqCst);
            }
        });
        let sequencer = Sequencer {
            jobs,
            failed,
            gate,
            metrics,
        };
        (sequencer, thread)
    }

    /// Whether the writer has stopped.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Has something written, and waits until it is on disk.
    pub async fn write(&self, work: Work) -> Result<Answer, Unavailable> {
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
}

struct Writer<'a> {
    store: &'a dyn Store,
    identity: &'a Identity,
    interval: Duration,
    gate: Gate,
    announce: &'a (dyn Fn() + Send),
    metrics: &'a Metrics,
}

/// A group while it is put together.
struct Draftgroup<'a> {
    known: StoreKnown<'a>,
    group: Group,
    recorded_at: LogTime,
}

enum Outcome {
    At(EntryIndex, LogTime, EntryHash, bool),
    Refused(Refusal),
    Publish,
}

impl Writer<'_> {
    fn run(&mut self, queue: &Receiver<Job>) -> Result<(), StoreError> {
        let mut published_at = Instant::now();
        loop {
            let first = match queue.recv_timeout(self.interval) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.publish(),
            };
            let mut jobs: Vec<Job> = first.into_iter().collect();
            while jobs.len() < GROUP {
                let Ok(job) = queue.try_recv() else { break };
                jobs.push(job);
            }
            // What was queued before the gate was shut gets no answer and is not recorded.
            if self.gate.is_shut() {
                continue;
            }
            let asked = jobs.iter().any(|job| matches!(job.work, Work::Publish));
            let answers = self.write_group(&jobs)?;
            if asked || published_at.elapsed() >= self.interval {
                self.publish()?;
                published_at = Instant::now();
            }
            for (job, answer) in jobs.into_iter().zip(answers) {
                // Whoever asked may have gone; the entry is written all the same.
                let _ = job.reply.send(answer);
            }
        }
    }

    fn publish(&self) -> Result<(), StoreError> {
        if !self.gate.is_shut() && publish::publish(self.store, self.identity)? {
            (self.announce)();
        }
        Ok(())
    }

    fn write_group(&self, jobs: &[Job]) -> Result<Vec<Answer>, StoreError> {
        let size = self.store.size()?;
        let mut draft = self.begin(size)?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(match &job.work {
                Work::Publish => Outcome::Publish,
                Work::Submitted(entry) => self.take_in(&mut draft, entry, size)?,
                Work::Own(own) => {
                    let entry = self.sign_own(&draft, own, size)?;
                    self.take_in(&mut draft, &entry, size)?
                }
            });
        }
        if !draft.group.leaves.is_empty() {
            self.commit(draft)?;
        }
        outcomes
            .into_iter()
            .map(|outcome| self.answer(outcome))
            .collect()
    }

    fn begin(&self, size: TreeSize) -> Result<Draftgroup<'_>, StoreError> {
        let last = match size.0.checked_sub(1) {
            Some(last) => self
                .store
                .entry(EntryIndex(last))?
                .map_or(0, |entry| entry.recorded_at.0),
            None => 0,
        };
        // The clock may be set back; log time never goes back.
        let recorded_at = LogTime(last.max(now_ms()));
        let group = Group {
            expected_size: size,
            leaves: Vec::new(),
            nodes: Vec::new(),
            records: Vec::new(),
            digests: Vec::new(),
            checkpoint: String::new(),
        };
        Ok(Draftgroup {
            known: StoreKnown::new(self.store),
            group,
            recorded_at,
        })
    }

    fn take_in(
        &self,
        draft: &mut Draftgroup<'_>,
        entry: &VerifiedEntry,
        size: TreeSize,
    ) -> Result<Outcome, StoreError> {
        let e = entry.hash();
        if let Some(known) = draft.known.entry(e) {
            let recorded_at = match self.store.entry(known.index)? {
                Some(stored) => stored.recorded_at,
                None => draft.recorded_at,
            };
            return Ok(Outcome::At(known.index, recorded_at, e, false));
        }
        if let Some(refusal) = self.check_seen(draft, entry, size)? {
            return Ok(Outcome::Refused(refusal));
        }
        let place = Place {
            index: EntryIndex(size.0 + draft.group.leaves.len() as u64),
            recorded_at: draft.recorded_at,
        };
        let admitted = admit(Rules::embedded(), &draft.known, entry, place);
        draft.known.check()?;
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        append(draft, entry, place)?;
        draft.known.changes.extend(admitted.changes);
        for companion in admitted.companions {
            let Companion { chain, event, body } = companion;
            let own = OwnEntry {
                chain,
                event: event.to_owned(),
                body,
                details: Map::new(),
            };
            let entry = self.sign_own(draft, &own, size)?;
            match self.take_in(draft, &entry, size)? {
                Outcome::At(..) => {}
                _ => panic!(
                    "the rules refuse the entry that they themselves asked for: {}",
                    own.event
                ),
            }
        }
        Ok(Outcome::At(place.index, place.recorded_at, e, true))
    }

    /// `seen` must be a state of this very tree.
    fn check_seen(
        &self,
        draft: &Draftgroup<'_>,
        entry: &VerifiedEntry,
        size: TreeSize,
    ) -> Result<Option<Refusal>, StoreError> {
        let Some(seen) = entry.payload().seen else {
            return Ok(None);
        };
        let ours = seen.size.0 > 0 && seen.size <= size;
        if ours && tree::root(seen.size, &draft.known)? == seen.root {
            return Ok(None);
        }
        Ok(Some(Refusal::new(
            "seen-not-on-tree",
            "The checkpoint that the signer says to have seen is not part of this log's history.",
            "If you did see it, this log was changed or replaced: keep your checkpoint and tell your witness.",
        )))
    }

    fn sign_own(
        &self,
        draft: &Draftgroup<'_>,
        own: &OwnEntry,
        size: TreeSize,
    ) -> Result<VerifiedEntry, StoreError> {
        let chain = draft.known.chain(&own.chain.subject, own.chain.strand);
        draft.known.check()?;
        let (seq, prev) = chain.map_or((0, None), |chain| (chain.length, Some(chain.last)));
        let seconds = i64::try_from(draft.recorded_at.0 / 1000).unwrap_or(0);
        let occurred = Moment::from_unix(seconds, 0)
            .map_err(|_| StoreError::Io("the clock shows no possible date".to_owned()))?;
        let seen = match size.0 {
            0 => None,
            _ => Some(Seen {
                size,
                root: tree::root(size, &draft.known)?,
            }),
        };
        let payload = Payload {
            ledger: self.identity.origin.clone(),
            subject: own.chain.subject.clone(),
            strand: own.chain.strand,
            seq,
            prev,
            event: own.event.clone(),
            actor: self.identity.service.clone(),
            occurred_at: Occurred::At(occurred),
            seen,
            client: super::CLIENT.to_owned(),
            jti: Subject::from_bytes(random()?),
            body: own.body.clone(),
            details: Default::default(),
        };
        let mut salts = Vec::new();
        for _ in 0..own.details.len() {
            salts.push(random()?);
        }
        let details = own.details.clone().into_iter().collect();
        let entry = Draft { payload, details }
            .sign(&self.identity.service_key, || {
                salts.pop().expect("one salt for each detail")
            })
            .and_then(|entry| Ok(entry.verify(&self.identity.service_key.public())?))
            .map_err(|error| StoreError::Io(format!("the service cannot sign: {error}")))?;
        Ok(entry)
    }

    fn commit(&self, mut draft: Draftgroup<'_>) -> Result<(), StoreError> {
        let size = TreeSize(draft.group.expected_size.0 + draft.group.leaves.len() as u64);
        let checkpoint = Checkpoint {
            origin: self.identity.origin.clone(),
            size,
            root: tree::root(size, &draft.known)?,
        };
        draft.group.checkpoint = note::sign(
            &checkpoint.to_text(),
            &self.identity.origin,
            &self.identity.log_key,
        );
        draft.group.nodes = std::mem::take(&mut draft.known.nodes).into_iter().collect();
        for (key, record) in &draft.known.changes {
            let json = serde_json::to_vec(record).expect("a record is plain data and serialises");
            draft.group.records.push((key.to_bytes(), json));
            if let (RecordKey::Exhibit(subject), crate::ledger::Record::Exhibit(exhibit)) =
                (key, record)
            {
                draft
                    .group
                    .digests
                    .extend(exhibit.digest.as_ref().map(|d| (d.sha256, subject.clone())));
            }
        }
        let begun = Instant::now();
        self.store.commit(&draft.group)?;
        self.metrics
            .group(draft.group.leaves.len(), begun.elapsed());
        Ok(())
    }

    fn answer(&self, outcome: Outcome) -> Result<Answer, StoreError> {
        let (index, recorded_at, e, new) = match outcome {
            Outcome::Publish => return Ok(Answer::Published),
            Outcome::Refused(refusal) => return Ok(Answer::Refused(refusal)),
            Outcome::At(index, recorded_at, e, new) => (index, recorded_at, e, new),
        };
        let receipt = Box::new(publish::receipt(
            self.store,
            self.identity,
            TreeSize(0),
            index,
            recorded_at,
            e,
        )?);
        Ok(if new {
            Answer::Recorded(receipt)
        } else {
            Answer::Known(receipt)
        })
    }
}

fn append(
    draft: &mut Draftgroup<'_>,
    entry: &VerifiedEntry,
    place: Place,
) -> Result<(), StoreError> {
    let e = entry.hash();
    let commitment = Commitment::new(place.recorded_at, e);
    let nodes = tree::nodes_completed_by(place.index, commitment.leaf_hash(), &draft.known)?;
    draft.known.nodes.extend(nodes);
    let payload = entry.payload();
    let disclosures = entry.disclosures().iter();
    draft.group.leaves.push(NewLeaf {
        data: commitment.leaf_data(),
        entry: Some(NewEntry {
            recorded_at: place.recorded_at,
            e,
            jws: entry.jws().to_owned(),
            disclosures: disclosures
                .map(|one| (one.name().to_owned(), one.as_str().to_owned()))
                .collect(),
            chain: payload.chain(),
            seq: payload.seq,
        }),
    });
    Ok(())
}

/// Founds a ledger: writes genesis as its first leaf.
pub fn found(
    store: &dyn Store,
    identity: &Identity,
    subject: &Subject,
    body: Map<String, Value>,
) -> Result<EntryHash, StoreError> {
    let writer = Writer {
        store,
        identity,
        interval: Duration::ZERO,
        gate: Gate::open(),
        announce: &|| {},
        metrics: &Metrics::default(),
    };
    let size = TreeSize(0);
    let mut draft = writer.begin(size)?;
    let own = OwnEntry {
        chain: ChainId {
            subject: subject.clone(),
            strand: Strand::Rules,
        },
        event: "genesis".to_owned(),
        body,
        details: Map::new(),
    };
    let entry = writer.sign_own(&draft, &own, size)?;
    match writer.take_in(&mut draft, &entry, size)? {
        Outcome::Refused(refusal) => Err(StoreError::Io(refusal.to_string())),
        _ => {
            writer.commit(draft)?;
            writer.publish()?;
            Ok(entry.hash())
        }
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|_| StoreError::Io("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}
