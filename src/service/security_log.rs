//! The security log: what was refused, written as a chain that the service signs, beside the log of entries.
//!
//! Whoever refuses notes it and answers; a thread writes what was noted within [`TURN`], synced. A crash loses at most
//! what was noted since, a clean stop nothing, and a reader sees all that was refused before they asked.
//!
//! **Floods.** Attempts that are alike within a turn become one record with their number. In an hour of the clock at
//! most [`HOURLY_PROVEN`] records are written for persons who proved who they are and [`HOURLY_OTHERS`] for everybody
//! else, so that strangers cannot crowd persons out; what goes beyond is counted, and the number is a record, at most
//! one every [`COUNT_PAUSE`] and one for each reading. So a flood of strangers adds some 20 MB a day and no more.
//!
//! | family | key | value |
//! |---|---|---|
//! | `security` | u64be position | the record, a JWS |

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::attempts::{Alike, Attempt, First};
use super::clock::now_ms;
use super::folder::Identity;
use super::known::StoreKnown;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::Seen;
use crate::protocol::hash::Hash;
use crate::protocol::id::Code;
use crate::protocol::security::{AttemptKind, By, SecurityRecord, UnverifiedRecord};
use crate::protocol::time::LogTime;
use crate::storage::{Batch, Durability, Family, Store, StoreError, layout};
use crate::verify::security::ChainEnd;

/// How long attempts that are alike are gathered, and how often at most the disk is waited for.
pub const TURN: Duration = Duration::from_secs(1);

/// Records in an hour for attempts of persons who proved who they are: one a second.
pub const HOURLY_PROVEN: u64 = 3600;

/// Records in an hour for all other attempts.
pub const HOURLY_OTHERS: u64 = 600;

/// How often what was left out is counted up in a record.
pub const COUNT_PAUSE: Duration = Duration::from_secs(60);

/// Most attempts, each unlike the others, that wait for a turn: bounds memory.
const MAX_WAITING: usize = 4096;

/// Most records in one answer.
const PAGE: usize = 1000;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// Attempts that were alike.
#[derive(Debug, Clone)]
pub struct Tally {
    first: First,
    count: u64,
    from: u64,
    to: u64,
}

impl Tally {
    fn one(first: First, now: u64) -> Tally {
        Tally {
            first,
            count: 1,
            from: now,
            to: now,
        }
    }

    fn add(&mut self, other: &Tally) {
        self.count += other.count;
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
    }
}

#[derive(Default)]
struct Waiting {
    alike: Alike,
    left_out: Option<Tally>,
    stopped: bool,
}

/// Counts what is not recorded one by one.
fn leave_out(left_out: &mut Option<Tally>, mut tally: Tally) {
    tally.first = First::default();
    match left_out {
        Some(left_out) => left_out.add(&tally),
        None => *left_out = Some(tally),
    }
}

/// The end of the chain, and what this hour still allows.
struct End {
    chain: ChainEnd,
    last: u64,
    hour: u64,
    used: BTreeMap<bool, u64>,
    counted_at: u64,
}

/// The security log of a service.
pub struct SecurityLog {
    store: Arc<dyn Store>,
    identity: Arc<Identity>,
    waiting: Mutex<Waiting>,
    come: Condvar,
    end: Mutex<End>,
    /// As the end says, for those who must not wait for the disk.
    length: AtomicU64,
    failed: AtomicBool,
}

impl SecurityLog {
    /// Goes on at the end of the chain.
    pub fn open(store: Arc<dyn Store>, identity: Arc<Identity>) -> Result<SecurityLog, StoreError> {
        let newest = store.engine().last(Family::Security, &[0xff; 9])?;
        let (mut chain, mut last) = (ChainEnd::default(), 0);
        if let Some((key, record)) = newest {
            chain = ChainEnd {
                length: layout::number(&key, "security")?.saturating_add(1),
                head: Some(Hash::of(&[&record])),
            };
            // One that was damaged on disk stays for the audit to name; the chain goes on behind it.
            let record = UnverifiedRecord::parse(&String::from_utf8_lossy(&record));
            last = record.map_or(0, |one| one.claimed().last.0);
        }
        Ok(SecurityLog {
            store,
            identity,
            waiting: Mutex::default(),
            come: Condvar::new(),
            length: AtomicU64::new(chain.length),
            failed: AtomicBool::new(false),
            end: Mutex::new(End {
                chain,
                last,
                hour: 0,
                used: BTreeMap::new(),
                counted_at: 0,
            }),
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of this lock panics")
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().expect("no holder of this lock panics")
    }

    /// Notes an attempt. It is on disk a turn later; nobody waits for that.
    pub fn note(&self, attempt: Attempt, first: First) {
        let now = now_ms();
        let mut waiting = self.waiting();
        let Waiting {
            alike, left_out, ..
        } = &mut *waiting;
        let room = alike.len() < MAX_WAITING;
        let tally = Tally::one(first, now);
        match alike.entry(attempt) {
            Entry::Occupied(mut same) => same.get_mut().add(&tally),
            Entry::Vacant(new) if room => _ = new.insert(tally),
            Entry::Vacant(_) => leave_out(left_out, tally),
        }
        drop(waiting);
        self.come.notify_all();
    }

    /// Writes what is noted, turn by turn, until it is told to stop; then what is left.
    pub fn run(&self) {
        loop {
            let stopped = self.wait_for_some();
            if self.write(stopped).is_err() || stopped {
                return;
            }
            self.pause(TURN);
        }
    }

    /// Ends [`SecurityLog::run`].
    pub fn stop(&self) {
        self.waiting().stopped = true;
        self.come.notify_all();
    }

    /// Waits until something is noted; whether it was told to stop.
    fn wait_for_some(&self) -> bool {
        let mut waiting = self.waiting();
        while waiting.alike.is_empty() && !waiting.stopped {
            let counting = waiting.left_out.is_some();
            let woken = self.come.wait_timeout(waiting, COUNT_PAUSE);
            let (held, slept) = woken.expect("no holder of this lock panics");
            waiting = held;
            if counting && slept.timed_out() {
                break;
            }
        }
        waiting.stopped
    }

    fn pause(&self, pause: Duration) {
        let waiting = self.waiting();
        let slept = self
            .come
            .wait_timeout_while(waiting, pause, |waiting| !waiting.stopped);
        drop(slept.expect("no holder of this lock panics"));
    }

    /// Writes all that was noted before, and says where the chain ends.
    pub fn flush(&self) -> Result<ChainEnd, StoreError> {
        self.write(true)
    }

    /// Whether a write failed: its outcome is unknown, and nothing more is written until the service starts again.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Number of records.
    pub fn length(&self) -> u64 {
        self.length.load(Ordering::SeqCst)
    }

    fn write(&self, count_up: bool) -> Result<ChainEnd, StoreError> {
        let mut end = self.end();
        if self.has_failed() {
            let why = "the security log could not be written, and is not written any more";
            return Err(StoreError::Io(why.to_owned()));
        }
        let records = self.due(&mut end, count_up);
        if records.is_empty() {
            return Ok(end.chain);
        }
        let written = self.append(&mut end, records);
        if let Err(error) = &written {
            super::say::say(format_args!(
                "the security log is not written any more: {error}"
            ));
            self.failed.store(true, Ordering::SeqCst);
        }
        written?;
        self.length.store(end.chain.length, Ordering::SeqCst);
        Ok(end.chain)
    }

    /// What is to be written now, in the order in which it happened.
    fn due(&self, end: &mut End, count_up: bool) -> Vec<(Attempt, Tally)> {
        let now = now_ms();
        if end.hour != now / HOUR_MS {
            end.hour = now / HOUR_MS;
            end.used.clear();
        }
        let mut waiting = self.waiting();
        let mut due: Vec<(Attempt, Tally)> =
            std::mem::take(&mut waiting.alike).into_iter().collect();
        due.sort_by_key(|(_, tally)| tally.to);
        due.retain(|(attempt, tally)| {
            let proven = attempt.by == By::Proven;
            let allowed = if proven { HOURLY_PROVEN } else { HOURLY_OTHERS };
            let used = end.used.entry(proven).or_default();
            let within = *used < allowed;
            match within {
                true => *used += 1,
                false => leave_out(&mut waiting.left_out, tally.clone()),
            }
            within
        });
        let pause = u128::from(now.saturating_sub(end.counted_at));
        if count_up || pause >= COUNT_PAUSE.as_millis() {
            let left_out = waiting.left_out.take();
            due.extend(left_out.map(|tally| (left_out_attempt(), tally)));
            end.counted_at = now;
        }
        due
    }

    fn append(&self, end: &mut End, records: Vec<(Attempt, Tally)>) -> Result<(), StoreError> {
        let (seen, mut batch) = (self.seen()?, Batch::default());
        // Read after the checkpoint, so that what it says of the keys up to there is settled.
        let known = StoreKnown::new(&*self.store);
        let key = self.identity.service_keys.signing(&known, seen.size)?;
        let (mut chain, mut last) = (end.chain, end.last);
        for (attempt, tally) in records {
            // The clock may be set back; the chain's time never goes back.
            last = last.max(tally.to);
            let record = SecurityRecord {
                ledger: self.identity.origin.clone(),
                seq: chain.length,
                prev: chain.head,
                seen,
                kind: attempt.kind,
                code: attempt.code,
                act: attempt.act,
                target: tally.first.target,
                by: attempt.by,
                actor: attempt.actor,
                source: attempt.source,
                digest: tally.first.digest,
                count: tally.count,
                first: LogTime(tally.from),
                last: LogTime(last),
            };
            let text = record.sign(key);
            batch.put(Family::Security, chain.length.to_be_bytes(), text.as_str());
            chain = ChainEnd {
                length: chain.length + 1,
                head: Some(Hash::of(&[text.as_bytes()])),
            };
        }
        self.store.engine().write(&batch, Durability::Synced)?;
        (end.chain, end.last) = (chain, last);
        Ok(())
    }

    /// The log of entries as it was committed last.
    fn seen(&self) -> Result<Seen, StoreError> {
        let unreadable = || StoreError::Corrupt("checkpoints".to_owned());
        let note = self.store.checkpoint()?.ok_or_else(unreadable)?;
        let opened = checkpoint::open(&note, &self.identity.log_vkey());
        let (Checkpoint { size, root, .. }, _) = opened.map_err(|_| unreadable())?;
        Ok(Seen { size, root })
    }

    /// Records from a position on, as many as go into one answer, none behind `upto`.
    pub fn page(&self, from: u64, upto: u64) -> Result<Vec<String>, StoreError> {
        let engine = self.store.engine();
        let rows = engine.rows(Family::Security, &from.to_be_bytes());
        let most = usize::try_from(upto.saturating_sub(from)).unwrap_or(PAGE);
        rows.take(most.min(PAGE))
            .map(|row| {
                let unreadable = |_| StoreError::Corrupt("security".to_owned());
                String::from_utf8(row?.1).map_err(unreadable)
            })
            .collect()
    }
}

fn left_out_attempt() -> Attempt {
    Attempt {
        kind: AttemptKind::LeftOut,
        code: Code::new("left-out").expect("two words"),
        act: None,
        target: None,
        by: By::Unknown,
        actor: None,
        source: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::id::ActorId;
    use crate::service::faults::Bench;
    use crate::storage::Mode;
    use crate::storage::model::{Fault, ModelDisk};
    use crate::verify::security::SecurityChain;

    fn open(bench: &Bench, disk: &ModelDisk) -> SecurityLog {
        let store = Arc::new(disk.open(Mode::Write).unwrap());
        SecurityLog::open(store, Arc::clone(&bench.identity)).unwrap()
    }

    /// Every record, its chain and signatures checked.
    fn records(bench: &Bench, log: &SecurityLog) -> Vec<SecurityRecord> {
        let mut chain = SecurityChain::after(bench.identity.origin.clone(), ChainEnd::default());
        let mut records = Vec::new();
        while chain.end().length < log.length() {
            for text in log.page(chain.end().length, log.length()).unwrap() {
                let key = bench.identity.service_keys.keys[0].public();
                records.push(chain.take(&text, |_| Some(key)).unwrap());
            }
        }
        assert_eq!(chain.end(), log.flush().unwrap());
        records
    }

    fn proven(code: String) -> Attempt {
        Attempt {
            by: By::Proven,
            actor: Some(ActorId::new("police/V1StGXR8Z5jdHi6BmyT0kA").unwrap()),
            ..Attempt::example(&code)
        }
    }

    #[test]
    fn what_is_alike_is_one_record_and_a_restart_goes_on_at_the_end() {
        let bench = Bench::new();
        let digest = |n| First {
            digest: Some(Hash([n; 32])),
            target: None,
        };
        let log = open(&bench, &bench.disk);
        log.note(Attempt::example("bad-entry"), digest(1));
        log.note(Attempt::example("bad-entry"), digest(2));
        log.note(Attempt::example("stale-prev"), digest(3));
        assert_eq!(log.flush().unwrap().length, 2);
        log.note(Attempt::example("bad-entry"), digest(4));
        log.flush().unwrap();
        drop(log);
        let log = open(&bench, &bench.disk);
        log.note(Attempt::example("no-role"), digest(5));
        log.flush().unwrap();
        let told = records(&bench, &log);
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.code.as_str(), one.count, one.digest))
            .collect();
        let hash = |n| Some(Hash([n; 32]));
        assert_eq!(
            told,
            [
                ("bad-entry", 2, hash(1)),
                ("stale-prev", 1, hash(3)),
                ("bad-entry", 1, hash(4)),
                ("no-role", 1, hash(5))
            ]
        );
    }

    #[test]
    fn a_flood_is_bounded_counted_and_crowds_out_nobody_who_is_proven() {
        let bench = Bench::new();
        let log = open(&bench, &bench.disk);
        // Whatever the hour turns to meanwhile, no more than two of them are begun.
        let mut noted = 0;
        for turn in 0..4 {
            for n in 0..5000 {
                log.note(
                    Attempt::example(&format!("code-{turn}-{n}")),
                    First::default(),
                );
                noted += 1;
            }
            log.write(false).unwrap();
        }
        log.note(proven("no-standing".to_owned()), First::default());
        log.flush().unwrap();
        let told = records(&bench, &log);
        let count = |kind| {
            let of_kind = told.iter().filter(|one| one.kind == kind);
            of_kind.map(|one| one.count).sum::<u64>()
        };
        let of_strangers = told
            .iter()
            .filter(|one| one.kind == AttemptKind::Entry && one.by == By::Unknown);
        assert!(of_strangers.count() as u64 <= 2 * HOURLY_OTHERS);
        assert_eq!(
            count(AttemptKind::Entry) + count(AttemptKind::LeftOut),
            noted + 1
        );
        assert!(told.iter().any(|one| one.by == By::Proven));
        assert!(told.len() as u64 <= 2 * HOURLY_OTHERS + 1 + 3);
    }

    #[test]
    fn a_write_that_fails_is_the_last_and_what_was_written_before_stays() {
        let bench = Bench::new();
        for fault in Fault::ALL {
            let mut at = 0;
            loop {
                let disk = bench.disk.copy();
                let log = open(&bench, &disk);
                log.note(Attempt::example("bad-entry"), First::default());
                log.flush().unwrap();
                log.note(Attempt::example("no-role"), First::default());
                disk.fail_at(at, fault);
                let written = log.flush();
                if !disk.heal() {
                    assert!(written.is_ok());
                    break;
                }
                assert!(written.is_err() && log.has_failed(), "{fault:?} at {at}");
                log.note(Attempt::example("late"), First::default());
                assert!(log.flush().is_err());
                drop(log);
                disk.power_cut();
                let log = open(&bench, &disk);
                let told = records(&bench, &log);
                assert_eq!(told[0].code.as_str(), "bad-entry");
                let persisted = told.len() == 2 && told[1].code.as_str() == "no-role";
                assert!(told.len() == 1 || persisted, "{fault:?} at {at}: {told:?}");
                log.note(Attempt::example("again"), First::default());
                log.flush().unwrap();
                assert_eq!(records(&bench, &log).len(), told.len() + 1);
                at += 1;
            }
            assert!(
                at >= 2,
                "reading the checkpoint and writing are two operations"
            );
        }
    }
}
