//! Having every published checkpoint cosigned, and holding the service to its own history.
//!
//! One thread for each witness of the policy, off the way of those who write: a slow or dead witness delays only
//! its own cosignature. Cosignatures are checked and added to the published checkpoint, for ever.
//!
//! **The gate.** Where the policy demands witnesses, nothing is recorded after a start until a quorum has cosigned
//! the newest published checkpoint, and the others of the policy have answered or had ten seconds to: a service
//! restored from an old copy of its folder would otherwise go on writing a second history. A checkpoint with the log's own signature that this tree does not continue shuts the
//! gate for good. Once open, the gate stays open when witnesses go away: receipts then say that they are not
//! witnessed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::folder::Identity;
use super::forks::Forks;
pub use super::gate::Gate;
use super::known::StoreKnown;
pub use super::nearest::{Nearest, size_of};
use super::say::say;
pub use super::witnessing_error::WitnessingError;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::note::{UnverifiedNote, VerifiedSignature, VerifierKey};
use crate::protocol::policy::Policy;
use crate::protocol::tree::{self, ConsistencyProof, EntryIndex, TreeSize};
use crate::storage::{Store, StoreError};
use crate::witness::client::{Reply, WitnessClient};

/// First pause after a witness did not cosign; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often a witness may answer with another size in one exchange before that is taken for nonsense.
const MAX_CORRECTIONS: usize = 3;

/// How long a quorum waits for the witnesses that have not answered yet, of which one may know better.
const LAST_WORD: Duration = Duration::from_secs(10);

/// What witnesses make of what is published.
pub struct Witnessing {
    store: Arc<dyn Store>,
    logs: Vec<VerifierKey>,
    pub(super) policy: Policy,
    forks: Forks,
    gate: Gate,
    state: Mutex<State>,
    news: Condvar,
    started: Instant,
    /// How many addresses are asked.
    addresses: usize,
    witnessed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Counts announcements, so that none is missed.
    announced: u64,
    stopping: bool,
    /// Names of witnesses that cosigned since the start.
    confirmed: BTreeSet<String>,
    /// Addresses whose witness has answered since the start.
    answered: BTreeSet<String>,
    quorum_at: Option<Instant>,
    alarm: Option<String>,
}

impl Witnessing {
    /// Starts one thread for each witness of the policy that has an address.
    pub fn start(
        store: Arc<dyn Store>,
        identity: &Identity,
        policy: Policy,
        forks: Forks,
    ) -> Result<Arc<Witnessing>, WitnessingError> {
        let mut addresses: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        let mut reachable = BTreeSet::new();
        for witness in &policy.witnesses {
            let Some(url) = &witness.url else { continue };
            let keys = addresses.entry(url.clone()).or_default();
            keys.push(witness.key.clone());
            reachable.insert(witness.name.clone());
        }
        if !policy.quorum_met(&reachable) {
            return Err(WitnessingError::NoAddress);
        }
        let gate = match policy.requires_witness() {
            true => Gate::waiting(),
            false => Gate::open(),
        };
        let witnessing = Arc::new(Witnessing {
            store,
            logs: identity.log_vkeys(),
            policy,
            forks,
            gate,
            state: Mutex::default(),
            news: Condvar::new(),
            started: Instant::now(),
            addresses: addresses.len(),
            witnessed: watch::Sender::new(0),
        });
        let newest = EntryIndex(witnessing.store.size()?.0);
        if let [Some(note), _] = Nearest::new(&witnessing).around(newest)?
            && witnessing.is_witnessed(&note)
        {
            witnessing
                .witnessed
                .send_replace(witnessing.open(&note)?.size.0);
        }
        for (url, keys) in addresses {
            let client = WitnessClient::new(&url, keys);
            let witnessing = Arc::clone(&witnessing);
            std::thread::spawn(move || witnessing.follow(&client));
        }
        Ok(witnessing)
    }

    /// Whether anything may be recorded.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Says that a checkpoint was published.
    pub fn announce(&self) {
        self.lock().announced += 1;
        self.news.notify_all();
    }

    /// Ends the threads, each when its exchange is over.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.news.notify_all();
    }

    /// Size of the newest checkpoint that a quorum has cosigned.
    pub fn witnessed(&self) -> TreeSize {
        TreeSize(*self.witnessed.borrow())
    }

    /// The published checkpoint to hand out: where the policy demands witnesses, one that they have seen and that
    /// covers everything published now, if there is one within `patience`; else the newest.
    pub async fn newest(&self, patience: Duration) -> Result<String, StoreError> {
        let missing = || StoreError::Corrupt("published".to_owned());
        let newest = self.store.published()?.ok_or_else(missing)?;
        if !self.policy.requires_witness() {
            return Ok(newest);
        }
        let size = self.open(&newest)?.size;
        let mut witnessed = self.witnessed.subscribe();
        let seen = witnessed.wait_for(|seen| *seen >= size.0);
        match tokio::time::timeout(patience, seen).await {
            Ok(Ok(seen)) => {
                let seen = seen.saturating_sub(1);
                let [_, note] = self.store.published_around(EntryIndex(seen))?;
                note.ok_or_else(missing)
            }
            _ => Ok(newest),
        }
    }

    /// One sentence on the state of witnessing, and whether all is well.
    pub fn status(&self) -> (bool, String) {
        let state = self.lock();
        if let Some(alarm) = &state.alarm {
            let open = !self.gate.is_shut() && !self.gate.is_waiting();
            return (open, alarm.clone());
        }
        if !self.policy.requires_witness() {
            return (true, "no witness is demanded".to_owned());
        }
        let words = match state.quorum_at {
            Some(at) => format!(
                "witnessed up to size {}, last quorum {} s ago",
                self.witnessed().0,
                at.elapsed().as_secs()
            ),
            None => "no quorum of witnesses since the start".to_owned(),
        };
        (!self.gate.is_waiting(), words)
    }

    /// Time since the last quorum, or since the start; nothing where no witness is demanded.
    pub fn quorum_age(&self) -> Option<Duration> {
        let at = self.lock().quorum_at.unwrap_or(self.started);
        self.policy.requires_witness().then(|| at.elapsed())
    }

    /// Whether the policy demands witnesses.
    pub(super) fn demands_witnesses(&self) -> bool {
        self.policy.requires_witness()
    }

    /// Where it publishes.
    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Whether a published note carries a quorum; its lines were checked when they were added.
    pub(super) fn is_witnessed(&self, note: &str) -> bool {
        let Ok(note) = UnverifiedNote::parse(note) else {
            return false;
        };
        let witnesses = self.policy.witnesses.iter();
        let signed = witnesses.filter(|one| note.has_line_of(&one.key));
        let names = signed.map(|one| one.name.clone()).collect();
        self.policy.requires_witness() && self.policy.quorum_met(&names)
    }

    fn open(&self, note: &str) -> Result<Checkpoint, StoreError> {
        checkpoint::open(note, &self.logs[0])
            .map(|(checkpoint, _)| checkpoint)
            .map_err(|_| StoreError::Corrupt("published".to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows one witness until told to stop.
    fn follow(&self, client: &WitnessClient) {
        let (mut seen, mut known, mut pause) = (None, TreeSize(0), None::<Duration>);
        loop {
            // 1. Wait for news, or for the pause to end.
            let mut state = self.lock();
            let begun = Instant::now();
            loop {
                if state.stopping || self.gate.is_shut() {
                    return;
                }
                match pause {
                    None if seen != Some(state.announced) => break,
                    None if self.gate.is_waiting() => {
                        self.open_gate(&state);
                        let waited = self.news.wait_timeout(state, FIRST_PAUSE);
                        state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    }
                    None => {
                        state = self
                            .news
                            .wait(state)
                            .unwrap_or_else(PoisonError::into_inner)
                    }
                    Some(pause) => {
                        let Some(left) = pause.checked_sub(begun.elapsed()) else {
                            break;
                        };
                        let waited = self.news.wait_timeout(state, left);
                        state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    }
                }
            }
            let announced = state.announced;
            drop(state);
            // 2. Have the newest published checkpoint cosigned.
            match self.exchange(client, &mut known) {
                Ok(()) => {
                    if pause.take().is_some() {
                        say(format_args!(
                            "the witness at {} cosigns again",
                            client.url()
                        ));
                    }
                    seen = Some(announced);
                    let mut state = self.lock();
                    state.answered.insert(client.url().to_owned());
                    self.open_gate(&state);
                }
                Err(why) => {
                    // An alarm has been printed already.
                    if pause.is_none() && !why.starts_with("ALARM") {
                        say(format_args!(
                            "the witness at {} does not cosign: {why}",
                            client.url()
                        ));
                    }
                    pause = Some(pause.map_or(FIRST_PAUSE, |pause| LONGEST_PAUSE.min(pause * 2)));
                }
            }
        }
    }

    fn exchange(&self, client: &WitnessClient, known: &mut TreeSize) -> Result<(), String> {
        for _ in 0..=MAX_CORRECTIONS {
            let storage = |error: StoreError| error.to_string();
            let Some(note) = self.store.published().map_err(storage)? else {
                return Ok(());
            };
            let logs: Vec<&VerifierKey> = self.logs.iter().collect();
            let (head, open) =
                checkpoint::open_with(&note, &logs, &[]).map_err(|error| error.to_string())?;
            // Only the log's own signatures are sent.
            let own: String = open.verified.iter().map(|one| one.line.as_str()).collect();
            let own = format!("{}\n{own}", open.text);
            let old = *known;
            let proof = match old.0 {
                0 => ConsistencyProof(Vec::new()),
                _ => tree::prove_consistency(old, head.size, &StoreKnown::new(&*self.store))
                    .map_err(storage)?,
            };
            match client.submit(old, &proof, &own) {
                Reply::Cosigned(lines) => {
                    *known = head.size;
                    return self.keep(&head, &lines).map_err(storage);
                }
                // It was asked to go on from that very size, and it is the size of this checkpoint: what some
                // witnesses answer to another root of the same size.
                Reply::OtherSize(size) if size == old && size == head.size => {
                    let words = format!("it has cosigned another tree of {} entries", size.0);
                    return Err(self.accuse(client, &head, words));
                }
                Reply::OtherSize(size) if size <= head.size => *known = size,
                Reply::OtherSize(size) => {
                    let words = format!(
                        "it has cosigned {} entries, this ledger has published {}",
                        size.0, head.size.0
                    );
                    return Err(self.accuse(client, &head, words));
                }
                Reply::Refused(why) => {
                    let words = format!(
                        "it refuses {} entries as no continuation: {}",
                        head.size.0,
                        why.trim_end()
                    );
                    return Err(self.accuse(client, &head, words));
                }
                Reply::Nothing(why) => return Err(why),
            }
        }
        Err("it names another size each time".to_owned())
    }

    /// A witness says that there is a history which this ledger does not continue. If it shows a checkpoint that
    /// this log signed, nothing more is recorded.
    fn accuse(&self, client: &WitnessClient, head: &Checkpoint, words: String) -> String {
        let logs: Vec<&VerifierKey> = self.logs.iter().collect();
        let shown = client
            .newest(&logs)
            .filter(|(shown, _)| !self.continues(shown));
        let words = match shown {
            None => format!(
                "ALARM: the witness at {} accuses this ledger and shows no proof: {words}",
                client.url()
            ),
            Some((shown, note)) => {
                self.gate.shut();
                self.forks.accuse(&*self.store, &self.logs, &shown, &note);
                let kind = match shown.size > head.size {
                    true => "was rolled back",
                    false => "was changed",
                };
                say(format_args!(
                    "what the witness at {} shows:\n{note}",
                    client.url()
                ));
                format!(
                    "ALARM: this ledger {kind}. The witness at {} holds a checkpoint signed by this log over {} \
                     entries, root {}, which the {} entries here do not continue. Nothing is recorded or signed; \
                     restore the newest copy of the folder, keep this one, and tell the other parties",
                    client.url(),
                    shown.size.0,
                    shown.root.0.to_base64url(),
                    head.size.0
                )
            }
        };
        say(&words);
        self.lock().alarm = Some(words.clone());
        words
    }

    /// Whether the tree here begins with that checkpoint's.
    fn continues(&self, shown: &Checkpoint) -> bool {
        let Ok(size) = self.store.size() else {
            return true;
        };
        shown.size <= size
            && tree::root(shown.size, &StoreKnown::new(&*self.store))
                .is_ok_and(|root| root == shown.root)
    }

    /// Adds cosignatures to the published checkpoint.
    pub(super) fn keep(
        &self,
        head: &Checkpoint,
        lines: &[VerifiedSignature],
    ) -> Result<(), StoreError> {
        // The lock keeps two witnesses from overwriting each other's lines.
        let mut state = self.lock();
        let [_, note] = self
            .store
            .published_around(EntryIndex(head.size.0.saturating_sub(1)))?;
        let mut note = note.ok_or_else(|| StoreError::Corrupt("published".to_owned()))?;
        let there = UnverifiedNote::parse(&note);
        let there = there.map_err(|_| StoreError::Corrupt("published".to_owned()))?;
        let mut new = false;
        for line in lines {
            if !there.has_line_of(&line.key) {
                note.push_str(&line.line);
                new = true;
            }
            let names = self
                .policy
                .witnesses
                .iter()
                .filter(|one| one.key == line.key);
            state.confirmed.extend(names.map(|one| one.name.clone()));
        }
        if new {
            self.store.add_signatures(head.size, &note)?;
        }
        if self.is_witnessed(&note) {
            state.quorum_at = Some(Instant::now());
            self.witnessed.send_if_modified(|seen| {
                let newer = head.size.0 > *seen;
                *seen = head.size.0.max(*seen);
                newer
            });
        }
        Ok(())
    }

    /// Opens the gate once a quorum has cosigned, unless a witness objects or one that has not spoken may still do so.
    fn open_gate(&self, state: &State) {
        let all_spoke =
            state.answered.len() >= self.addresses || self.started.elapsed() >= LAST_WORD;
        if state.alarm.is_none() && all_spoke && self.policy.quorum_met(&state.confirmed) {
            self.gate.confirm();
        }
    }
}

#[cfg(test)]
mod tests;
