//! One look at one ledger: what it publishes now, against what was verified before and what its witnesses hold.

use std::collections::BTreeSet;
use std::io;

use super::audited::Held;
use super::kept_tree::KeptTree;
use super::leaves::read_bundle;
use super::memory::{Memory, State};
use super::recompute::{Auditor, Source, Unread};
use super::seen::Seen;
use super::web::Web;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::fork::{Fork, Proven};
use crate::protocol::hash::Hash;
use crate::protocol::note::VerifierKey;
use crate::protocol::policy::Policy;
use crate::protocol::tile::{TILE_WIDTH, TilePath};
use crate::protocol::tree::{self, ConsistencyProof, TreeSize};

/// A ledger to look at.
pub struct Ledger<'a> {
    /// Where it is served.
    pub url: &'a str,
    /// Whom to believe.
    pub policy: &'a Policy,
    /// How long a published checkpoint may stand without a quorum, in seconds.
    pub stalled_after: u64,
    /// Who may read its entries.
    pub auditors: &'a [Auditor],
    /// Whether they run the rules of custody, too.
    pub flags: bool,
}

struct Look<'a> {
    ledger: &'a Ledger<'a>,
    memory: &'a Memory,
    held: &'a mut Held,
    web: &'a Web,
    seen: Seen,
}

/// Looks at a ledger, and keeps what was verified, on disk and for the next look in `held`; `now` is the clock in Unix
/// seconds. What it gives beside what was seen is to be [kept](Memory::keep) once that has been told: where it is not,
/// and `held` is emptied, the next look sees it as new again.
pub fn look(
    ledger: &Ledger<'_>,
    memory: &Memory,
    held: &mut Held,
    web: &Web,
    now: u64,
) -> io::Result<(Seen, Option<State>)> {
    let mut look = Look {
        ledger,
        memory,
        held,
        web,
        seen: Seen::default(),
    };
    let known = memory.state()?;
    let mut next = look.advance(known.as_ref(), now)?;
    if let Some(next) = &mut next {
        look.ask_witnesses(next)?;
        look.compare_names(known.as_ref(), next);
        look.recompute(next)?;
    }
    let mut next = next.or_else(|| known.clone());
    look.raised(known.as_ref(), next.as_mut());
    Ok((look.seen, next))
}

impl Look<'_> {
    /// Notes what was raised, and what of it is new.
    fn raised(&mut self, known: Option<&State>, next: Option<&mut State>) {
        let codes = self.seen.alarms.iter().map(|one| one.code.to_owned());
        let codes: BTreeSet<String> = codes.collect();
        let before = known.map(|known| known.raised.clone()).unwrap_or_default();
        self.seen.new = codes.difference(&before).cloned().collect();
        if let Some(next) = next {
            self.seen.size = next.size.0;
            next.raised = codes;
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.ledger.url)
    }

    /// Takes the newest checkpoint, if it continues what is known.
    fn advance(&mut self, known: Option<&State>, now: u64) -> io::Result<Option<State>> {
        // 1. A believed key signed it.
        let note = match self.web.text(&self.path("checkpoint")) {
            Ok(note) => note,
            Err(why) => {
                let words = format!("the checkpoint cannot be fetched: {why}");
                self.seen.unchecked.push(words);
                return Ok(None);
            }
        };
        let (head, witnessed) = match self.open(&note) {
            Ok(opened) => opened,
            Err(why) => {
                self.seen.alarm("checkpoint-not-signed", why);
                return Ok(None);
            }
        };
        if let Some(known) = known.filter(|known| known.origin != head.origin) {
            let words = format!("it is the log {}, where {} was", head.origin, known.origin);
            self.seen.alarm("other-log", words);
            return Ok(None);
        }
        // 2. It continues what was verified.
        let from = known.map_or(TreeSize(0), |known| known.size);
        if head.size < from {
            let known = known.expect("nothing is known of a size that is 0");
            self.went_back(known, &head, &note)?;
            return Ok(None);
        }
        if let Some(known) = known.filter(|known| known.size == head.size)
            && let Some(fork) = self.against(known, &head, &note)?
        {
            self.forked(&fork)?;
            return Ok(None);
        }
        if head.size > from || from.0 == 0 {
            let mut tree = self.memory.tree_to_extend(from)?;
            if let Err(why) = self.take_leaves(&mut tree, head.size.0)? {
                self.seen.unchecked.push(why);
                return Ok(None);
            }
            if tree.root()? != head.root {
                self.contradicts(known, &head, &note)?;
                return Ok(None);
            }
            tree.sync()?;
            // 3. The tiles say the same as the leaves.
            match self.compare_tiles(from.0, head.size.0, &tree) {
                Ok(None) => {}
                Ok(Some(differs)) => {
                    self.seen.alarm("tile-differs", differs);
                    return Ok(None);
                }
                Err(why) => {
                    self.seen.unchecked.push(why);
                    return Ok(None);
                }
            }
        }
        // 4. Witnesses keep up.
        let since = known.and_then(|known| known.unwitnessed_since);
        let since = match witnessed || !self.ledger.policy.requires_witness() {
            true => None,
            false => Some(since.unwrap_or(now)),
        };
        if let Some(since) =
            since.filter(|since| now.saturating_sub(*since) >= self.ledger.stalled_after)
        {
            let words = format!(
                "no quorum of witnesses has been seen for {} seconds",
                now - since
            );
            self.seen.alarm("witnessing-stalled", words);
        }
        self.seen.witnessed = witnessed;
        let state = State {
            origin: head.origin.clone(),
            size: head.size,
            note,
            unwitnessed_since: since,
            named: known.map_or(serde_json::Value::Null, |known| known.named.clone()),
            raised: known.map(|known| known.raised.clone()).unwrap_or_default(),
            audited: known.and_then(|known| known.audited.clone()),
        };
        self.memory.keep(&state)?;
        Ok(Some(state))
    }

    fn open(&self, note: &str) -> Result<(Checkpoint, bool), String> {
        let policy = self.ledger.policy;
        let logs: Vec<&VerifierKey> = policy.logs.iter().map(|(key, _)| key).collect();
        let witnesses: Vec<&VerifierKey> = policy.witnesses.iter().map(|one| &one.key).collect();
        let opened = checkpoint::open_with(note, &logs, &witnesses);
        let (head, note) = opened.map_err(|error| error.to_string())?;
        let timed = note.verified.iter().filter(|one| one.time.is_some());
        let names = timed.filter_map(|line| {
            let mut all = policy.witnesses.iter();
            all.find(|one| one.key == line.key)
                .map(|one| one.name.clone())
        });
        let met = policy.requires_witness() && policy.quorum_met(&names.collect());
        Ok((head, met))
    }

    /// Adds the leaves up to `end` to a tree, from entry bundles; or says why not.
    fn take_leaves(&self, tree: &mut KeptTree, end: u64) -> io::Result<Result<(), String>> {
        let width = u64::from(TILE_WIDTH);
        while tree.size().0 < end {
            let (start, index) = (tree.size().0, tree.size().0 / width);
            let leaves = match self.bundle(index, (end - index * width).min(width)) {
                Ok(leaves) => leaves,
                Err(why) => return Ok(Err(why)),
            };
            let skip = usize::try_from(start - index * width).expect("less than 256");
            tree.append(&leaves[skip..])?;
        }
        Ok(Ok(()))
    }

    /// The leaf hashes of an entry bundle.
    fn bundle(&self, index: u64, count: u64) -> Result<Vec<Hash>, String> {
        let path = TilePath {
            level: None,
            index,
            width: u16::try_from(count).expect("a bundle has at most 256 entries"),
        };
        let place = path.to_string();
        let fetched = self.web.get(&self.path(&place));
        let body = fetched.map_err(|why| format!("{place} cannot be fetched: {why}"))?;
        read_bundle(&body, index * u64::from(TILE_WIDTH))
            .filter(|leaves| leaves.len() as u64 == count)
            .ok_or_else(|| format!("{place} is not {count} leaves of a ledger"))
    }

    /// Every tile that the new leaves touch holds the hashes that the leaves give: the first that does not, in words.
    ///
    /// # Errors
    /// A tile cannot be fetched, which says nothing about what it holds.
    fn compare_tiles(
        &self,
        from: u64,
        size: u64,
        tree: &KeptTree,
    ) -> Result<Option<String>, String> {
        use tree::NodeReader as _;
        let width = u64::from(TILE_WIDTH);
        for level in 0..=5u8 {
            let (first, count) = (from >> (8 * level), size >> (8 * level));
            let mut index = first / width;
            while first < count && index * width < count {
                let wide = (count - index * width).min(width);
                let path = TilePath {
                    level: Some(level),
                    index,
                    width: u16::try_from(wide).expect("a tile has at most 256 hashes"),
                };
                let place = path.to_string();
                let fetched = self.web.get(&self.path(&place));
                let body = fetched.map_err(|why| format!("{place} cannot be fetched: {why}"))?;
                let mut own = Vec::new();
                for at in index * width..index * width + wide {
                    let id = tree::NodeId {
                        level: 8 * level,
                        index: at,
                    };
                    let node = tree.node(id);
                    own.extend_from_slice(&node.map_err(|_| "a node is missing")?.0);
                }
                if body != own {
                    return Ok(Some(format!("{place} is not what the leaves give")));
                }
                index += 1;
            }
        }
        Ok(None)
    }

    /// A smaller tree: a fork if it is not the beginning of the one known, and a step back if it is.
    fn went_back(&mut self, known: &State, head: &Checkpoint, note: &str) -> io::Result<()> {
        let fork = self.against(known, head, note)?;
        match fork {
            Some(fork) => self.forked(&fork),
            None => {
                let words = format!(
                    "it publishes {} leaves, and had published {}",
                    head.size.0, known.size.0
                );
                self.seen.alarm("rolled-back", words);
                Ok(())
            }
        }
    }

    /// The proof that a checkpoint, not larger than what is known, contradicts it.
    fn against(&self, known: &State, head: &Checkpoint, note: &str) -> io::Result<Option<Proven>> {
        if head.size.0 == 0 || head.size > known.size {
            return Ok(None);
        }
        let kept = known.checkpoint();
        if kept.is_some_and(|kept| (kept.size, kept.root) == (head.size, head.root)) {
            return Ok(None);
        }
        let tree = self.memory.tree(known.size)?;
        let Ok(root) = tree::root(head.size, &tree) else {
            return Ok(None);
        };
        if root == head.root {
            return Ok(None);
        }
        let proof = tree::prove_consistency(head.size, known.size, &tree)
            .unwrap_or(ConsistencyProof(Vec::new()));
        let keys = self.ledger.policy.logs_for(&head.origin);
        Ok(Fork::by_consistency([note, &known.note], keys, &proof, Some(root)).ok())
    }

    /// A larger tree that what is known does not lead to: it begins otherwise, or its leaves are not what was signed.
    fn contradicts(
        &mut self,
        known: Option<&State>,
        head: &Checkpoint,
        note: &str,
    ) -> io::Result<()> {
        let mut tree = self.memory.tree_beside()?;
        if let Err(why) = self.take_leaves(&mut tree, head.size.0)? {
            self.seen.alarm("leaves-differ", why);
            return Ok(());
        }
        let proven = known.filter(|known| known.size.0 > 0).and_then(|known| {
            let root = tree::root(known.size, &tree).ok()?;
            let proof = tree::prove_consistency(known.size, head.size, &tree).ok()?;
            let keys = self.ledger.policy.logs_for(&head.origin);
            Fork::by_consistency([&known.note, note], keys, &proof, Some(root)).ok()
        });
        match proven {
            Some(fork) => self.forked(&fork),
            None => {
                let words = format!(
                    "the leaves that it serves do not lead to the root that it signed for {}",
                    head.size.0
                );
                self.seen.alarm("leaves-differ", words);
                Ok(())
            }
        }
    }

    fn forked(&mut self, fork: &Proven) -> io::Result<()> {
        let path = self.memory.keep_fork(fork)?;
        let [first, second] = &fork.checkpoints;
        let words = format!(
            "FORK: it signed {} leaves and {} leaves that cannot both be true; check {} with `custodes verify`",
            first.size.0,
            second.size.0,
            path.display()
        );
        self.seen.accuse("fork", words, Some(path));
        Ok(())
    }

    /// What its witnesses hold is what it shows here.
    fn ask_witnesses(&mut self, state: &State) -> io::Result<()> {
        let hash = Hash::of(&[state.origin.as_str().as_bytes()]).to_hex();
        let urls = self.ledger.policy.witnesses.iter();
        let urls: BTreeSet<&String> = urls.filter_map(|one| one.url.as_ref()).collect();
        for url in urls {
            let place = format!("{}/{hash}/checkpoint", url.trim_end_matches('/'));
            let note = match self.web.text(&place) {
                Ok(note) => note,
                Err(why) => {
                    let words = format!("the witness at {url} cannot be asked: {why}");
                    self.seen.unchecked.push(words);
                    continue;
                }
            };
            let logs = self.ledger.policy.logs_for(&state.origin);
            let Ok((head, _)) = checkpoint::open_with(&note, &logs, &[]) else {
                let words = format!("the witness at {url} shows no checkpoint of this log");
                self.seen.unchecked.push(words);
                continue;
            };
            if let Some(fork) = self.against(state, &head, &note)? {
                self.forked(&fork)?;
            } else if head.size > state.size {
                // It may have been published since.
                let again = self.web.text(&self.path("checkpoint")).ok();
                let again = again.and_then(|note| self.open(&note).ok());
                if again.is_some_and(|(again, _)| again.size < head.size) {
                    let words = format!(
                        "the witness at {url} holds {} leaves that the log signed; {} are shown here",
                        head.size.0, state.size.0
                    );
                    self.seen.alarm("behind-witness", words);
                }
            }
        }
        Ok(())
    }

    /// Recomputes the map over what is new, where somebody may read the entries.
    fn recompute(&mut self, state: &mut State) -> io::Result<()> {
        let auditors = self.ledger.auditors;
        if auditors.is_empty() {
            return Ok(());
        }
        let Some(auditor) = auditors.iter().find(|one| one.ledger == state.origin) else {
            let words = format!("none of the auditors given is one of {}", state.origin);
            self.seen.unchecked.push(words);
            return Ok(());
        };
        let head = state
            .checkpoint()
            .expect("it was verified before it was kept");
        let source = Source {
            url: self.ledger.url,
            auditor,
            web: self.web,
            memory: self.memory,
            logs: &self.ledger.policy.logs_for(&state.origin),
        };
        let flags = self.ledger.flags;
        let (note, audited) = (&state.note, &mut state.audited);
        match self.held.read_on(&source, flags, &head, note, audited)? {
            Ok(events) => {
                self.seen.recomputed = Some(head.size.0);
                self.seen.events = events;
            }
            Err(Unread::Wrong(wrong, proof)) => {
                self.seen.accuse(wrong.code, wrong.to_string(), proof);
            }
            Err(Unread::Unreachable(why)) => self.seen.unchecked.push(why),
        }
        Ok(())
    }

    /// The keys, genesis and rules that the ledger names are those of the last look.
    fn compare_names(&mut self, known: Option<&State>, next: &mut State) {
        let answer = self.web.get(&self.path("v1/ledger"));
        let read = answer.and_then(|body| {
            serde_json::from_slice::<serde_json::Value>(&body).map_err(|error| error.to_string())
        });
        let value = match read {
            Ok(value) => value,
            Err(why) => {
                let words = format!("what the ledger says of itself cannot be read: {why}");
                self.seen.unchecked.push(words);
                return;
            }
        };
        let named = serde_json::json!({
            "log_keys": value["log_keys"], "service_key": value["service_key"], "genesis": value["genesis"],
            "rules_sha256": value["rules_sha256"],
        });
        let before = known
            .map(|known| &known.named)
            .filter(|named| !named.is_null());
        if let Some(before) = before {
            for (name, code) in [
                ("log_keys", "log-keys-changed"),
                ("service_key", "service-key-changed"),
                ("genesis", "genesis-changed"),
                ("rules_sha256", "rules-changed"),
            ] {
                if before[name] != named[name] {
                    let words = format!("{name} was {}, and is {}", before[name], named[name]);
                    self.seen.alarm(code, words);
                }
            }
        }
        next.named = named;
    }
}
