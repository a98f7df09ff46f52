//! What reading a ledger as its auditor came to: held in memory from one look to the next, and kept on disk for the next
//! run, each time only what is new.
//!
//! | file | a line for each |
//! |---|---|
//! | `map.N.lines` | chain: how it ended, when it was last read |
//! | `custody.N.lines` | record that the rules of custody know, where they are run |
//!
//! They count as far as [`Audited`] says, which is part of the monitor's state ([`super::memory::State`]). Both are held
//! against their digest there; the chains have to give the root of the leaves that the log signed, too.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::custody::Custody;
use super::kept_lines::{Counted, KeptLines};
use super::memory::Memory;
use super::recompute::{self, News, Source, Unread};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::hash::Hash;
use crate::protocol::tree::TreeSize;
use crate::verify::map_audit::{ChainEnd, MapAudit, Recomputed};

/// How far it was read, and what was kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audited {
    /// Number of leaves; the last is a map leaf.
    pub size: TreeSize,
    /// Roots of the complete subtrees that the tree before it is made of, the largest first.
    before: Vec<Hash>,
    chains: Counted,
    /// None where the rules were not run.
    records: Option<Counted>,
}

impl Audited {
    fn is_of(&self, head: &Checkpoint, flags: bool) -> bool {
        self.size == head.size && (!flags || self.records.is_some())
    }

    /// Whether what was kept is there.
    ///
    /// # Errors
    /// It was changed.
    fn check(&self, folder: &Path) -> io::Result<bool> {
        let chains = chain_lines(folder).read(&self.chains, |_| Some(()))?;
        let records = match &self.records {
            Some(records) => record_lines(folder).read(records, |_| Some(()))?,
            None => true,
        };
        Ok(chains && records)
    }
}

/// Removes files of a folder that do not count.
pub fn sweep(folder: &Path, audited: Option<&Audited>) -> io::Result<()> {
    chain_lines(folder).sweep(audited.map(|kept| &kept.chains))?;
    record_lines(folder).sweep(audited.and_then(|kept| kept.records.as_ref()))
}

fn chain_lines(folder: &Path) -> KeptLines<'_> {
    let name = "map";
    KeptLines { folder, name }
}

fn record_lines(folder: &Path) -> KeptLines<'_> {
    let name = "custody";
    KeptLines { folder, name }
}

/// What a process has of it from one look to the next.
#[derive(Default)]
pub enum Held {
    /// Nothing: what was kept is read back.
    #[default]
    Nothing,
    /// Nothing: what was kept is all there, and has not been needed.
    Checked,
    /// All of it.
    Loaded(Box<Audit>),
}

/// A reading that can go on.
pub struct Audit {
    map: MapAudit,
    chains: Counted,
    custody: Option<(Custody, Counted)>,
}

impl Held {
    /// Reads what is new up to a checkpoint that was verified, and puts it on disk; it counts once `audited` is kept.
    /// Answers with what was recorded about keys, organisations and rules, and what is flagged.
    ///
    /// # Errors
    /// What was kept cannot be used.
    pub fn read_on(
        &mut self,
        source: &Source<'_>,
        flags: bool,
        head: &Checkpoint,
        note: &str,
        audited: &mut Option<Audited>,
    ) -> io::Result<Result<Vec<News>, Unread>> {
        let folder = source.memory.folder();
        if let Some(kept) = audited.as_ref().filter(|kept| kept.is_of(head, flags)) {
            if !matches!(self, Held::Nothing) {
                return Ok(Ok(Vec::new()));
            }
            if kept.check(folder)? {
                *self = Held::Checked;
                return Ok(Ok(Vec::new()));
            }
        }
        let mut audit = match std::mem::take(self) {
            Held::Loaded(audit) => audit,
            Held::Nothing | Held::Checked => {
                Box::new(Audit::load(source.memory, audited.as_ref(), flags)?)
            }
        };
        let from = audit.map.size();
        let custody = audit.custody.as_mut().map(|(custody, _)| custody);
        match recompute::read(source, &mut audit.map, custody, note, head) {
            Ok((new, mut events)) => {
                let told = |kept: &Audited, event: &News| match event.flag {
                    None => event.index < kept.size.0,
                    Some(_) => kept.records.is_some() && event.index < kept.size.0,
                };
                events.retain(|event| !audited.as_ref().is_some_and(|kept| told(kept, event)));
                *audited = Some(audit.keep(folder, new)?);
                *self = Held::Loaded(audit);
                Ok(Ok(events))
            }
            Err(unread) => {
                // A reading that came to nothing is begun again from what was kept.
                if audit.map.size() == from && matches!(unread, Unread::Unreachable(_)) {
                    *self = Held::Loaded(audit);
                }
                Ok(Err(unread))
            }
        }
    }
}

impl Audit {
    /// What was kept; a beginning where nothing was, or where the rules were not run and are to be run now.
    fn load(memory: &Memory, kept: Option<&Audited>, flags: bool) -> io::Result<Audit> {
        let whole = kept.map(|kept| Audit::read_back(memory, kept, flags));
        if let Some(audit) = whole.transpose()?.flatten() {
            return Ok(audit);
        }
        let records = Counted::anew(kept.and_then(|kept| kept.records.as_ref()));
        Ok(Audit {
            map: MapAudit::resume(Recomputed::default()),
            chains: Counted::anew(kept.map(|kept| &kept.chains)),
            custody: flags.then(|| (Custody::default(), records)),
        })
    }

    fn read_back(memory: &Memory, kept: &Audited, flags: bool) -> io::Result<Option<Audit>> {
        let folder = memory.folder();
        let custody = match (&kept.records, flags) {
            (Some(counted), true) => {
                let mut custody = Custody::default();
                if !record_lines(folder).read(counted, |line| custody.take_back(line))? {
                    return Ok(None);
                }
                Some((custody, counted.clone()))
            }
            (None, true) => return Ok(None),
            (_, false) => None,
        };
        let mut chains = Vec::new();
        let there = chain_lines(folder).read(&kept.chains, |line| {
            chains.push(serde_json::from_str::<ChainEnd>(line).ok()?);
            Some(())
        })?;
        let recomputed = Recomputed {
            size: kept.size.0,
            before: kept.before.clone(),
            chains,
        };
        if !there {
            return Ok(None);
        }
        let map = MapAudit::resume(recomputed);
        // Else what was changed here would be held against the ledger.
        if map.root() != Some(memory.tree(kept.size)?.root()?) {
            return Err(chain_lines(folder).changed(&kept.chains));
        }
        Ok(Some(Audit {
            map,
            chains: kept.chains.clone(),
            custody,
        }))
    }

    /// Adds what is new to the files.
    fn keep(&mut self, folder: &Path, new: Recomputed) -> io::Result<Audited> {
        let chain =
            |end: &ChainEnd| serde_json::to_string(end).expect("numbers and hashes serialise");
        let file = chain_lines(folder);
        let mostly_old = (self.chains).is_mostly_old(new.chains.len(), self.map.chain_count());
        self.chains = match mostly_old {
            true => {
                let anew = Counted::anew(Some(&self.chains));
                file.append(&anew, self.map.chain_ends().map(chain))?
            }
            false => file.append(&self.chains, new.chains.iter().map(chain))?,
        };
        if let Some((custody, counted)) = &mut self.custody {
            let (file, keys) = (record_lines(folder), custody.changed());
            *counted = match counted.is_mostly_old(keys.len(), custody.record_count()) {
                true => {
                    let all = custody.keys().map(|key| custody.line(key));
                    file.append(&Counted::anew(Some(counted)), all)?
                }
                false => file.append(counted, keys.iter().map(|key| custody.line(key)))?,
            };
        }
        Ok(Audited {
            size: TreeSize(new.size),
            before: new.before,
            chains: self.chains.clone(),
            records: self.custody.as_ref().map(|(_, counted)| counted.clone()),
        })
    }
}
