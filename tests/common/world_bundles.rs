//! Bundles of the ledger in memory.

use super::*;

impl World {
    /// The bundle of an exhibit.
    pub fn exhibit_bundle(&self, exhibit: &Subject) -> Bundle {
        let scope = Scope {
            kind: ScopeKind::Exhibit,
            subject: exhibit.clone(),
        };
        self.bundle(scope, BTreeSet::from([exhibit.clone()]))
    }

    /// The bundle of a case, with every exhibit of it.
    pub fn case_bundle(&self, case: &Subject) -> Bundle {
        let scope = Scope {
            kind: ScopeKind::Case,
            subject: case.clone(),
        };
        let exhibits = self.state.exhibits_of(case);
        self.bundle(scope, exhibits)
    }

    fn lineage(&self, exhibits: impl IntoIterator<Item = Subject>) -> BTreeSet<Subject> {
        let mut open: Vec<Subject> = exhibits.into_iter().collect();
        let mut lineage = BTreeSet::new();
        while let Some(next) = open.pop() {
            let record = self.state.exhibit(&next).unwrap();
            if lineage.insert(next) {
                open.extend(record.parents.into_iter().chain(record.containers));
            }
        }
        lineage
    }

    fn bundle(&self, scope: Scope, of: BTreeSet<Subject>) -> Bundle {
        let exhibits = self.lineage(of.iter().cloned());
        let mut cases: BTreeSet<Subject> = exhibits
            .iter()
            .map(|one| self.state.exhibit(one).unwrap().case)
            .collect();
        if scope.kind == ScopeKind::Case {
            cases.insert(scope.subject.clone());
        }
        let mut wanted: BTreeSet<ChainId> = self
            .chains
            .keys()
            .filter(|chain| {
                chain.subject == self.subject
                    || of.contains(&chain.subject)
                    || exhibits.contains(&chain.subject) && chain.strand != Strand::Access
                    || cases.contains(&chain.subject)
            })
            .cloned()
            .collect();
        let mut actors = BTreeSet::new();
        for recorded in &self.entries {
            let payload = recorded.entry.payload();
            if wanted.contains(&payload.chain()) {
                actors.insert(payload.actor.subject());
                collect_actors(&Value::Object(payload.body.clone()), &mut actors);
                if let Some(reader) = recorded.entry.detail("reader") {
                    collect_actors(reader, &mut actors);
                }
            }
        }
        let keys = self
            .chains
            .keys()
            .filter(|chain| chain.strand == Strand::Keys && actors.contains(&chain.subject));
        wanted.extend(keys.cloned());
        let recorded: Vec<&Recorded> = self
            .entries
            .iter()
            .filter(|one| wanted.contains(&one.entry.payload().chain()))
            .collect();
        self.assemble(scope, &wanted, &recorded)
    }

    /// A bundle of just these chains and entries.
    pub fn assemble(
        &self,
        scope: Scope,
        chains: &BTreeSet<ChainId>,
        recorded: &[&Recorded],
    ) -> Bundle {
        let size = self.tree.size();
        // Around each entry, as the service takes them.
        let mut older = BTreeSet::new();
        for one in recorded {
            let (covers, before) = (TreeSize(one.index.0 + 1), TreeSize(one.index.0));
            older.extend(self.published.range(..=before).next_back());
            older.extend(self.published.range(covers..).next());
        }
        let older: BTreeSet<TreeSize> = older.into_iter().map(|one| *one.0).collect();
        let older: Vec<TreeSize> = older.into_iter().filter(|one| *one < size).collect();
        let mut heads: BTreeMap<(TreeSize, Hash), ()> = BTreeMap::new();
        for seen in recorded.iter().filter_map(|one| one.entry.payload().seen) {
            heads.insert((seen.size, seen.root.0), ());
        }
        for older in &older {
            heads.insert((*older, root(*older, &self.tree).unwrap().0), ());
        }
        let inclusion: Vec<Vec<Hash>> = recorded
            .iter()
            .map(|one| prove_inclusion(one.index, size, &self.tree).unwrap().0)
            .collect();
        let consistency: Vec<Vec<Hash>> = heads
            .keys()
            .map(|head| prove_consistency(head.0, size, &self.tree).unwrap().0)
            .collect();
        let nodes: BTreeSet<Hash> = inclusion
            .iter()
            .chain(&consistency)
            .flatten()
            .copied()
            .collect();
        let nodes: Vec<Hash> = nodes.into_iter().collect();
        let refs = |proof: &[Hash]| -> Vec<NodeRef> {
            proof
                .iter()
                .map(|hash| NodeRef(nodes.binary_search(hash).unwrap() as u32))
                .collect()
        };
        let entries = recorded
            .iter()
            .zip(&inclusion)
            .map(|(one, proof)| BundleEntry {
                index: one.index,
                recorded_at: one.recorded_at,
                proof: refs(proof),
                content: Content::Open(OpenContent {
                    jws: one.entry.jws().to_owned(),
                    disclosures: one.disclosures(),
                    withheld: Vec::new(),
                }),
            })
            .collect();
        Bundle {
            format: FORMAT.to_owned(),
            ledger: self.origin.clone(),
            scope,
            evaluated_at: recorded.last().map_or(LogTime(0), |one| one.recorded_at),
            checkpoints: older
                .into_iter()
                .map(|older| self.checkpoint(older, true))
                .chain([self.checkpoint(size, true)])
                .collect(),
            consistency: heads
                .keys()
                .zip(&consistency)
                .map(|(head, proof)| Consistency {
                    size: head.0,
                    root: RootHash(head.1),
                    proof: refs(proof),
                })
                .collect(),
            entries,
            chains: chains
                .iter()
                .map(|chain| BundleChain {
                    subject: chain.subject.clone(),
                    strand: chain.strand,
                    head: self.state.chain(&chain.subject, chain.strand).unwrap().head,
                    entries: self.chains[chain].clone(),
                    map: None,
                })
                .collect(),
            nodes,
            blobs: Vec::new(),
        }
    }
}

/// Leaves details of an entry out.
pub fn withhold(bundle: &mut Bundle, index: EntryIndex, names: &[&str]) {
    let entry = bundle
        .entries
        .iter_mut()
        .find(|one| one.index == index)
        .unwrap();
    let Content::Open(content) = &mut entry.content else {
        panic!("the entry is withheld already")
    };
    let whole =
        UnverifiedEntry::from_parts(&content.jws, content.disclosures.iter().map(String::as_str))
            .unwrap();
    let (out, kept): (Vec<_>, Vec<_>) = whole
        .disclosures()
        .iter()
        .partition(|one| names.contains(&one.name()));
    content.disclosures = kept.iter().map(|one| one.as_str().to_owned()).collect();
    content
        .withheld
        .extend(out.iter().map(|one| one.name().to_owned()));
    content.withheld.sort();
}

/// Withholds an entry wholly.
pub fn withhold_entry(bundle: &mut Bundle, index: EntryIndex) {
    let entry = bundle
        .entries
        .iter_mut()
        .find(|one| one.index == index)
        .unwrap();
    if let Content::Open(content) = &entry.content {
        let e = EntryHash(Hash::of(&[content.jws.as_bytes()]));
        entry.content = Content::Withheld(WithheldContent { e });
    }
}

fn collect_actors(value: &Value, into: &mut BTreeSet<Subject>) {
    match value {
        Value::String(text) => {
            into.extend(ActorId::new(text.as_str()).ok().map(|one| one.subject()))
        }
        Value::Array(items) => items.iter().for_each(|item| collect_actors(item, into)),
        Value::Object(map) => map.values().for_each(|item| collect_actors(item, into)),
        _ => {}
    }
}
