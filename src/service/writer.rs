//! The writer: it decides, commits and answers, one group at a time, on one thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Map, json};

use super::clock::Clock;
use super::draft::DraftGroup;
use super::folder::Identity;
use super::map_keeper::{MapHistory, MapKeeper, map_leaf};
use super::metrics::Metrics;
use super::publish::published_note;
use super::rotation;
use super::say::say;
use super::sequencer::{Job, OwnEntry, Sent, Work};
use super::witnessing::Gate;
use crate::ledger::admit::{Companion, Place};
use crate::ledger::state::{Known as _, file_named};
use crate::ledger::{Refusal, Rules, admit, taken_in, told};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::{Draft, EntryHash, Payload, Seen, VerifiedEntry};
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::time::{LogTime, Moment, Occurred};
use crate::protocol::tree::{self, EntryIndex, TreeSize};
use crate::storage::{Publication, Store, StoreError};

/// How many entries a group has before it takes in no further job: bounds what one commit writes and how long the
/// first waits for the last. The job that passes it brings at most [`BATCH`] more.
const GROUP: usize = 512;

/// Most entries in one job.
pub const BATCH: usize = 256;

/// The end of the log.
#[derive(Debug)]
pub struct Head {
    /// Number of leaves.
    pub size: TreeSize,
    /// Log time of the last.
    pub recorded_at: LogTime,
    /// Signed note over all of it.
    pub checkpoint: String,
}

/// An entry on disk.
#[derive(Debug)]
pub struct Written {
    /// Its place.
    pub index: EntryIndex,
    /// Log time.
    pub recorded_at: LogTime,
    /// Its hash.
    pub e: EntryHash,
    /// Whether this submission wrote it.
    pub new: bool,
    /// A synced end of the log that covers it.
    pub head: Arc<Head>,
}

/// What became of it, on disk.
#[derive(Debug)]
pub enum Outcome {
    /// It is there.
    At(Written),
    /// The rules refuse it.
    Refused(Refusal),
    /// A checkpoint over all there is, is published.
    Published,
}

/// What was decided, before it is on disk.
enum Decided {
    At(EntryIndex, LogTime, EntryHash, bool),
    Refused(Refusal),
    Publish,
}

/// What else has to do with writing.
pub struct Around<'a> {
    /// Whether witnesses let it write.
    pub gate: Gate,
    /// Told of each publication.
    pub announce: &'a (dyn Fn() + Send),
    /// What is counted.
    pub metrics: &'a Metrics,
    /// What publications replaced of the map.
    pub maps: MapHistory,
}

/// The only writer of a log.
pub struct Writer<'a> {
    store: &'a dyn Store,
    identity: &'a Identity,
    interval: Duration,
    around: Around<'a>,
    head: Arc<Head>,
    /// Size of the newest published tree.
    published: TreeSize,
    map: MapKeeper<'a>,
    clock: Clock,
}

impl<'a> Writer<'a> {
    /// Goes on at the end of the log.
    pub fn new(
        store: &'a dyn Store,
        identity: &'a Identity,
        interval: Duration,
        around: Around<'a>,
    ) -> Result<Writer<'a>, StoreError> {
        let size = store.size()?;
        let head = Head {
            size,
            recorded_at: last_recorded(store, size)?,
            checkpoint: store.checkpoint()?.unwrap_or_default(),
        };
        let maps = around.maps.clone();
        Ok(Writer {
            store,
            identity,
            interval,
            around,
            head: Arc::new(head),
            published: map_leaf(store)?
                .map_or(TreeSize(0), |leaf| TreeSize(leaf.0.saturating_add(1))),
            map: MapKeeper::resume(store, maps)?,
            clock: Clock::system(),
        })
    }

    /// Writes what comes until every way to the queue is dropped.
    pub fn run(&mut self, queue: &Receiver<Job>) -> Result<(), StoreError> {
        let mut published_at = Instant::now();
        loop {
            let (first, ended) = match queue.recv_timeout(self.interval) {
                Ok(job) => (Some(job), false),
                Err(RecvTimeoutError::Timeout) => (None, false),
                Err(RecvTimeoutError::Disconnected) => (None, true),
            };
            let mut jobs: Vec<Job> = first.into_iter().collect();
            let mut entries = jobs.iter().map(|job| job.work.len()).sum::<usize>();
            while entries < GROUP {
                let Ok(job) = queue.try_recv() else { break };
                entries += job.work.len();
                jobs.push(job);
            }
            // What was queued before the gate was shut gets no answer and is not recorded.
            if !self.around.gate.is_shut() {
                let mut works = jobs.iter().flat_map(|job| &job.work);
                let wanted = works.any(|work| matches!(work, Work::Publish));
                let publish = wanted || ended || published_at.elapsed() >= self.interval;
                let outcomes = self.write_group(&jobs, publish)?;
                for (job, outcomes) in jobs.into_iter().zip(outcomes) {
                    // Whoever asked may have gone; the entry is written all the same.
                    let _ = job.reply.send(outcomes);
                }
                if publish {
                    published_at = Instant::now();
                }
                // Nobody waits for this.
                let begun = Instant::now();
                self.map.absorb_many()?;
                self.around.metrics.map(begun.elapsed());
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Writes a group; with a map leaf behind it, and published, if that is wanted and there is news.
    fn write_group(
        &mut self,
        jobs: &[Job],
        publish: bool,
    ) -> Result<Vec<Vec<Outcome>>, StoreError> {
        if jobs.is_empty() && !(publish && self.head.size > self.published) {
            return Ok(Vec::new());
        }
        let mut draft = self.begin();
        let mut decided = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mut of_job = Vec::with_capacity(job.work.len());
            for work in &job.work {
                of_job.push(match work {
                    Work::Publish => Decided::Publish,
                    Work::Submitted(sent) => self.take_in_sent(&mut draft, sent)?,
                    Work::Own(own) => {
                        let entry = self.sign_own(&draft, own)?;
                        self.take_in(&mut draft, &entry)?
                    }
                });
            }
            decided.push(of_job);
        }
        let news = self.head.size > self.published || !draft.group.leaves.is_empty();
        if !draft.group.leaves.is_empty() || (publish && news) {
            self.commit(draft, publish)?;
        }
        let outcome = |decided| match decided {
            Decided::Publish => Outcome::Published,
            Decided::Refused(refusal) => Outcome::Refused(refusal),
            Decided::At(index, recorded_at, e, new) => Outcome::At(Written {
                index,
                recorded_at,
                e,
                new,
                head: Arc::clone(&self.head),
            }),
        };
        let of_job = |job: Vec<Decided>| job.into_iter().map(outcome).collect();
        Ok(decided.into_iter().map(of_job).collect())
    }

    fn begin(&mut self) -> DraftGroup<'a> {
        let now = self.clock.now();
        // The clock may be set back; log time never goes back.
        let recorded_at = LogTime(self.head.recorded_at.0.max(now.ms));
        if let Some(warning) = now.warning(self.head.recorded_at) {
            say(&warning);
        }
        DraftGroup::new(self.store, self.head.size, recorded_at)
    }

    /// Takes in an entry with the branch that it names: all of it, or nothing.
    fn take_in_sent(
        &self,
        draft: &mut DraftGroup<'_>,
        sent: &Sent<VerifiedEntry>,
    ) -> Result<Decided, StoreError> {
        let named = taken_in(&sent.entry);
        if named.is_empty() && sent.branch.is_empty() {
            return self.take_in(draft, &sent.entry);
        }
        let before = draft.mark();
        let decided = self.take_in(draft, &sent.entry)?;
        if !matches!(decided, Decided::At(.., true)) {
            return Ok(decided);
        }
        let refused = match sent.branch.iter().map(|entry| entry.hash()).eq(named) {
            true => self.take_in_branch(draft, &sent.branch)?,
            false => Some(Refusal::new(
                "branch-differs",
                "What was sent with the entry is not exactly the branch that it names.",
                "Send the entries of the branch with it, as they were signed and in order (custodes submit FILE --late-branch).",
            )),
        };
        Ok(match refused {
            None => decided,
            Some(refusal) => {
                draft.back_to(before);
                Decided::Refused(refusal)
            }
        })
    }

    /// Takes in the entries of a branch; why one of them is refused.
    fn take_in_branch(
        &self,
        draft: &mut DraftGroup<'_>,
        branch: &[VerifiedEntry],
    ) -> Result<Option<Refusal>, StoreError> {
        for (number, entry) in (1..).zip(branch) {
            if let Decided::Refused(refusal) = self.take_in(draft, entry)? {
                let why = format!("Entry {number} of the branch: {}", refusal.why);
                return Ok(Some(Refusal { why, ..refusal }));
            }
        }
        Ok(None)
    }

    fn take_in(
        &self,
        draft: &mut DraftGroup<'_>,
        entry: &VerifiedEntry,
    ) -> Result<Decided, StoreError> {
        let e = entry.hash();
        let recorded = draft.known.entry(e);
        draft.known.check()?;
        if let Some(known) = recorded {
            let recorded_at = match self.store.entry(known.index)? {
                Some(stored) => stored.recorded_at,
                None => draft.recorded_at,
            };
            return Ok(Decided::At(known.index, recorded_at, e, false));
        }
        if let Some(refusal) = draft.check_seen(entry)? {
            return Ok(Decided::Refused(refusal));
        }
        let place = Place {
            index: draft.next(),
            recorded_at: draft.recorded_at,
        };
        let admitted = admit(Rules::embedded(), &draft.known, entry, place);
        draft.known.check()?;
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let told = told(Rules::embedded(), &draft.known, entry, place, refusal);
                draft.known.check()?;
                return Ok(Decided::Refused(told));
            }
        };
        if let Some(refusal) = rotation::names_key_elsewhere(self.identity, entry) {
            return Ok(Decided::Refused(refusal));
        }
        draft.append(entry, place, admitted.in_chain)?;
        draft.known.changes.extend(admitted.changes);
        if admitted.in_chain {
            draft.erase(entry)?;
        }
        for companion in admitted.companions {
            let Companion { chain, event, body } = companion;
            let own = OwnEntry {
                chain,
                event: event.to_owned(),
                body,
                details: Map::new(),
            };
            let entry = self.sign_own(draft, &own)?;
            match self.take_in(draft, &entry)? {
                Decided::At(..) => {}
                _ => panic!(
                    "the rules refuse the entry that they themselves asked for: {}",
                    own.event
                ),
            }
        }
        Ok(Decided::At(place.index, place.recorded_at, e, true))
    }

    fn sign_own(
        &self,
        draft: &DraftGroup<'_>,
        own: &OwnEntry,
    ) -> Result<VerifiedEntry, StoreError> {
        let chain = draft.known.chain(&own.chain.subject, own.chain.strand);
        let keys = &self.identity.service_keys;
        let key = match draft.known.ledger() {
            None => &keys.keys[0], // genesis names it
            Some(_) => keys.signing(&draft.known, TreeSize(draft.next().0))?,
        };
        draft.known.check()?;
        let (seq, prev) = chain.map_or((0, None), |chain| (chain.length, Some(chain.last)));
        let seconds = i64::try_from(draft.recorded_at.0 / 1000).unwrap_or(0);
        let occurred = Moment::from_unix(seconds, 0)
            .map_err(|_| StoreError::Io("the clock shows no possible date".to_owned()))?;
        let size = draft.group.expected_size;
        let seen = match size.0 {
            0 => None,
            _ => Some(Seen {
                size,
                root: draft.root(size)?,
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
            client: crate::software::client().to_owned(),
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
            .sign(key, || salts.pop().expect("one salt for each detail"))
            .map_err(|error| StoreError::Io(format!("the service cannot sign: {error}")))?;
        entry
            .verify(&key.public())
            .map_err(|error| StoreError::Io(format!("the service cannot sign: {error}")))
    }

    fn commit(&mut self, mut draft: DraftGroup<'_>, publish: bool) -> Result<(), StoreError> {
        let begun = Instant::now();
        self.map.note(&draft.known.changes);
        let mut map_rows = Vec::new();
        if publish {
            let (leaf, root) = (draft.next(), self.map.absorb()?);
            draft.append_map(root)?;
            map_rows = self.map.take_rows(leaf)?;
        }
        self.around.metrics.map(begun.elapsed());
        let size = TreeSize(draft.group.expected_size.0 + draft.group.leaves.len() as u64);
        let checkpoint = Checkpoint {
            origin: self.identity.origin.clone(),
            size,
            root: tree::root(size, &draft.known)?,
        };
        draft.group.checkpoint = self.identity.sign(&checkpoint);
        draft.group.published = publish.then(|| Publication {
            note: published_note(self.identity, &checkpoint, &draft.group.checkpoint),
            map: map_rows,
        });
        draft.group.nodes = std::mem::take(&mut draft.known.nodes).into_iter().collect();
        for (key, record) in &draft.known.changes {
            let json = serde_json::to_vec(record).expect("a record is plain data and serialises");
            draft.group.records.push((key.to_bytes(), json));
            draft.group.digests.extend(file_named(key, record));
        }
        let begun = Instant::now();
        self.store.commit(&draft.group)?;
        let metrics = self.around.metrics;
        let entries = draft
            .group
            .leaves
            .iter()
            .filter(|leaf| leaf.entry.is_some());
        metrics.group(entries.count(), begun.elapsed());
        self.head = Arc::new(Head {
            size,
            recorded_at: draft.recorded_at,
            checkpoint: draft.group.checkpoint,
        });
        if publish {
            self.published = size;
            (self.around.announce)();
        }
        Ok(())
    }
}

/// Founds a ledger: writes genesis as its first leaf, and behind it the last checkpoint of the ledger that it continues,
/// where it does.
pub fn found(
    store: &dyn Store,
    identity: &Identity,
    body: Map<String, serde_json::Value>,
    continues: Option<String>,
) -> Result<EntryHash, StoreError> {
    let metrics = Metrics::default();
    let around = Around {
        gate: Gate::open(),
        announce: &|| {},
        metrics: &metrics,
        maps: MapHistory::default(),
    };
    let mut writer = Writer::new(store, identity, Duration::ZERO, around)?;
    let mut draft = writer.begin();
    let continued = continues.map(|note| {
        let body = Map::from_iter([("checkpoint".to_owned(), json!(note))]);
        ("continued-from", body)
    });
    let mut entries = Vec::new();
    for (event, body) in std::iter::once(("genesis", body)).chain(continued) {
        let own = OwnEntry {
            chain: ChainId {
                subject: identity.subject.clone(),
                strand: Strand::Rules,
            },
            event: event.to_owned(),
            body,
            details: Map::new(),
        };
        let entry = writer.sign_own(&draft, &own)?;
        if let Decided::Refused(refusal) = writer.take_in(&mut draft, &entry)? {
            return Err(StoreError::Io(refusal.to_string()));
        }
        entries.push(entry.hash());
    }
    writer.commit(draft, true)?;
    Ok(entries[0])
}

/// Log time of the last entry of a log with so many leaves.
pub fn last_recorded(store: &dyn Store, size: TreeSize) -> Result<LogTime, StoreError> {
    // A map leaf has no time, and an entry stands before it.
    for index in (0..size.0).rev().take(2) {
        if let Some(entry) = store.entry(EntryIndex(index))? {
            return Ok(entry.recorded_at);
        }
    }
    Ok(LogTime(0))
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|_| StoreError::Io("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}
