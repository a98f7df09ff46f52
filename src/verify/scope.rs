//! Step 5, second half: the chains that the scope demands are here, and none that it does not explain.

use std::collections::BTreeSet;

use super::chains::{self, Standing};
use super::entries::ReadEntry;
use super::finding::{Asked, Findings, counted};
use super::replay;
use crate::ledger::state::{Known as _, MemoryState};
use crate::protocol::bundle::{Bundle, ScopeKind};
use crate::protocol::id::{ChainId, Strand, Subject};

/// What the scope covers, by the state after the last entry.
pub(crate) struct Covered {
    /// The exhibits that the bundle is about.
    pub exhibits: BTreeSet<Subject>,
    /// These and all that they come from.
    lineage: BTreeSet<Subject>,
    /// The cases of all of them.
    cases: BTreeSet<Subject>,
}

impl Covered {
    pub(crate) fn of(bundle: &Bundle, state: &MemoryState) -> Covered {
        let subject = &bundle.scope.subject;
        let mut cases = BTreeSet::new();
        let exhibits = match bundle.scope.kind {
            ScopeKind::Exhibit => {
                // Read in a case that took it in, it stands in that case too.
                cases.extend(state.links(subject).into_keys());
                BTreeSet::from([subject.clone()])
            }
            ScopeKind::Case => {
                cases.insert(subject.clone());
                let here = bundle.chains.iter().map(|chain| &chain.subject);
                let of_case = |one: &&Subject| {
                    let own = state
                        .exhibit(one)
                        .is_some_and(|exhibit| exhibit.case == *subject);
                    own || state.links(one).contains_key(subject)
                };
                here.filter(of_case).cloned().collect()
            }
        };
        let mut lineage = BTreeSet::new();
        let mut open: Vec<Subject> = exhibits.iter().cloned().collect();
        while let Some(next) = open.pop() {
            if !lineage.insert(next.clone()) {
                continue;
            }
            if let Some(record) = state.exhibit(&next) {
                // What happened to a container happened to what was in it.
                open.extend(record.parents.iter().chain(&record.containers).cloned());
                cases.insert(record.case.clone());
            }
        }
        Covered {
            exhibits,
            lineage,
            cases,
        }
    }

    /// The chains that must be here, and that no other is.
    pub(crate) fn check_chains(
        &self,
        bundle: &Bundle,
        read: &[ReadEntry],
        state: &MemoryState,
        findings: &mut Findings,
    ) {
        let here: BTreeSet<ChainId> = bundle.chains.iter().map(chains::id).collect();
        let mut wanted = Vec::new();
        for exhibit in &self.lineage {
            wanted.push((exhibit, Strand::Custody));
        }
        for case in &self.cases {
            wanted.push((case, Strand::Case));
            if !self.lineage.is_empty() {
                wanted.push((case, Strand::Exhibits));
            }
        }
        let ledger = state.ledger().map(|ledger| ledger.subject);
        if let Some(ledger) = &ledger {
            wanted.push((ledger, Strand::Rules));
        }
        for (subject, strand) in wanted {
            let chain = ChainId {
                subject: subject.clone(),
                strand,
            };
            if !here.contains(&chain) {
                findings.failed(
                    Asked::History,
                    "chain-missing",
                    chains::place(&chain),
                    "What the bundle is about demands this chain, and it is not there.",
                );
            }
        }
        let actors = replay::actors_named(read);
        for chain in &here {
            let explained = match chain.strand {
                Strand::Rules => ledger.as_ref() == Some(&chain.subject),
                Strand::Keys => actors.contains(&chain.subject),
                Strand::Case | Strand::Exhibits => self.cases.contains(&chain.subject),
                Strand::Custody | Strand::Notes => self.lineage.contains(&chain.subject),
                Strand::Access => {
                    self.lineage.contains(&chain.subject) || self.cases.contains(&chain.subject)
                }
            };
            if !explained {
                findings.failed(
                    Asked::History,
                    "chain-out-of-scope",
                    chains::place(chain),
                    "Nothing that the bundle is about explains why this chain is in it.",
                );
            }
        }
        self.check_contents(state, findings);
    }

    /// How many chains that these exhibits and cases may have are not here, nor shown not to exist.
    pub(crate) fn absent(&self, bundle: &Bundle) -> usize {
        let here: BTreeSet<ChainId> = bundle.chains.iter().map(chains::id).collect();
        // Who looked at what an exhibit was made from is part of the bundle of that.
        let of_exhibits = self.lineage.iter().flat_map(|one| {
            [Strand::Custody, Strand::Notes, Strand::Access]
                .into_iter()
                .filter(|strand| *strand != Strand::Access || self.exhibits.contains(one))
                .map(move |strand| (one, strand))
        });
        let of_cases = self.cases.iter().flat_map(|one| {
            [Strand::Case, Strand::Exhibits, Strand::Access].map(|strand| (one, strand))
        });
        let may_be = of_exhibits
            .chain(of_cases)
            .map(|(subject, strand)| ChainId {
                subject: subject.clone(),
                strand,
            });
        may_be.filter(|chain| !here.contains(chain)).count()
    }

    /// Exhibits of the case that the recipient was not given.
    fn check_contents(&self, state: &MemoryState, findings: &mut Findings) {
        for case in &self.cases {
            let listed = state.exhibits_of(case);
            let missing = listed.difference(&self.lineage).count();
            if missing > 0 {
                findings.note(
                    Asked::Handling,
                    "exhibits-not-included",
                    format!("case {case}"),
                    format!(
                        "The case has {} not part of this bundle.",
                        counted(missing, "more exhibit that is", "more exhibits that are")
                    ),
                );
            }
        }
    }

    /// Which entries may be wholly withheld: access entries, and those of another case.
    pub(crate) fn check_withheld(
        &self,
        bundle: &Bundle,
        read: &[ReadEntry],
        standing: &[Standing],
        state: &MemoryState,
        findings: &mut Findings,
    ) {
        let own_cases: BTreeSet<Subject> = match bundle.scope.kind {
            ScopeKind::Case => BTreeSet::from([bundle.scope.subject.clone()]),
            ScopeKind::Exhibit => {
                let exhibit = &bundle.scope.subject;
                let taken_in: BTreeSet<Subject> = state.links(exhibit).into_keys().collect();
                match taken_in.is_empty() {
                    true => state
                        .exhibit(exhibit)
                        .map(|one| one.case)
                        .into_iter()
                        .collect(),
                    false => taken_in,
                }
            }
        };
        // By the case's table of contents, which names exhibits of which nothing can be read too.
        let listed: BTreeSet<Subject> = own_cases
            .iter()
            .flat_map(|case| state.exhibits_of(case))
            .collect();
        let mut withheld = 0usize;
        for (entry, standing) in read.iter().zip(standing) {
            if entry.entry.is_some() {
                continue;
            }
            withheld += 1;
            let subject = &standing.chain.subject;
            let allowed = match standing.chain.strand {
                Strand::Access => true,
                Strand::Rules | Strand::Keys => false,
                Strand::Case | Strand::Exhibits => !own_cases.contains(subject),
                Strand::Custody | Strand::Notes => {
                    !self.exhibits.contains(subject)
                        && !listed.contains(subject)
                        && !state
                            .exhibit(subject)
                            .is_some_and(|one| own_cases.contains(&one.case))
                }
            };
            if !allowed {
                findings.failed(
                    Asked::History,
                    "withheld-not-allowed",
                    entry.place(),
                    format!(
                        "An entry of the {} may not be wholly withheld.",
                        chains::place(&standing.chain)
                    ),
                );
            }
        }
        if withheld > 0 {
            findings.unchecked(
                Asked::Handling,
                "entries-withheld",
                "entries",
                format!(
                    "{} wholly withheld (consultations, or of another case); only place and number \
                     are shown.",
                    counted(withheld, "entry is", "entries are")
                ),
            );
        }
    }
}
