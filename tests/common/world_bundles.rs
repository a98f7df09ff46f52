//! Bundles of the ledger in memory.

use super::*;

use custodes::protocol::note::UnverifiedNote;

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
        // Chains that there might be, and are not.
        let might = |subject: &Subject, strands: &[Strand]| {
            let chain = |strand: &Strand| ChainId {
                subject: subject.clone(),
                strand: *strand,
            };
            strands.iter().map(chain).collect::<Vec<_>>()
        };
        for one in &exhibits {
            wanted.extend(might(one, &[Strand::Custody, Strand::Notes]));
        }
        for one in &of {
            wanted.extend(might(one, &[Strand::Access]));
        }
        for one in &cases {
            wanted.extend(might(
                one,
                &[Strand::Case, Strand::Exhibits, Strand::Access],
            ));
        }
        let recorded: Vec<&Recorded> = self
            .entries
            .iter()
            .filter(|one| wanted.contains(&one.entry.payload().chain()))
            .filter(|one| !self.omitted.contains(&one.index))
            .collect();
        self.assemble(scope, &wanted, &recorded)
    }

    /// The tree with the map of every chain behind it, as a published one ends, and the map.
    pub fn mapped(&self) -> (MemoryTree, MemoryRows) {
        let values = self.chains.iter().filter_map(|(chain, all)| {
            let entries = match self.map_lies {
                true => self.listed(chain),
                false => all.clone(),
            };
            let key = map::key(chain);
            let value = map::value(key, entries.len() as u64, self.head_of(&entries));
            (!entries.is_empty()).then_some((key, value))
        });
        let mut rows = MemoryRows::default();
        let updated = map_rows::update(&rows, &values.collect()).unwrap();
        rows.extend(updated.rows);
        let mut tree = self.tree.clone();
        if tree.size() == self.ends_in_map {
            return (tree, rows);
        }
        let own = EntryIndex(tree.size().0);
        tree.append(leaf_hash(&map_leaf_data(own, updated.root)));
        (tree, rows)
    }

    /// Publishes a tree that ends in a map leaf, as a service does. From then on an entry's index is not its position in
    /// [`World::entries`].
    pub fn publish_map(&mut self) {
        let (tree, rows) = self.mapped();
        let own = EntryIndex(tree.size().0 - 1);
        self.maps.insert(own, map_rows::root(&rows).unwrap());
        self.tree = tree;
        self.ends_in_map = self.tree.size();
        self.publish();
    }

    /// A chain as bundles have it.
    fn listed(&self, chain: &ChainId) -> Vec<EntryIndex> {
        let all = self.chains.get(chain).into_iter().flatten();
        let kept = all.filter(|index| !self.omitted.contains(index));
        kept.copied().collect()
    }

    fn head_of(&self, indexes: &[EntryIndex]) -> ChainHead {
        indexes.iter().fold(ChainHead::EMPTY, |head, index| {
            let at = self.entries.binary_search_by_key(index, |one| one.index);
            let one = &self.entries[at.unwrap()];
            head.extend(*index, Commitment::new(one.recorded_at, one.entry.hash()))
        })
    }

    /// A bundle of just these chains and entries.
    pub fn assemble(
        &self,
        scope: Scope,
        chains: &BTreeSet<ChainId>,
        recorded: &[&Recorded],
    ) -> Bundle {
        let (tree, rows) = self.mapped();
        let size = tree.size();
        let map_leaf = EntryIndex(size.0 - 1);
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
            heads.insert((*older, root(*older, &tree).unwrap().0), ());
        }
        let inclusion: Vec<Vec<Hash>> = recorded
            .iter()
            .map(|one| prove_inclusion(one.index, size, &tree).unwrap().0)
            .collect();
        let consistency: Vec<Vec<Hash>> = heads
            .keys()
            .map(|head| prove_consistency(head.0, size, &tree).unwrap().0)
            .collect();
        let paths: Vec<map::MapPath> = chains
            .iter()
            .map(|chain| map_rows::prove(&rows, map::key(chain)).unwrap().1)
            .collect();
        let of_leaf = prove_inclusion(map_leaf, size, &tree).unwrap().0;
        let nodes: BTreeSet<Hash> = inclusion
            .iter()
            .chain(&consistency)
            .chain(paths.iter().map(|path| &path.siblings))
            .chain([&of_leaf])
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
                .map(|older| self.checkpoint_of(&tree, older, true))
                .chain([self.checkpoint_of(&tree, size, true)])
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
                .zip(&paths)
                .map(|(chain, path)| BundleChain {
                    subject: chain.subject.clone(),
                    strand: chain.strand,
                    head: self.head_of(&self.listed(chain)),
                    entries: self.listed(chain),
                    map: Some(MapProof {
                        leaf: map_leaf,
                        proof: refs(&of_leaf),
                        present: base64url::encode(&path.present),
                        siblings: refs(&path.siblings),
                    }),
                })
                .collect(),
            nodes,
            blobs: Vec::new(),
        }
    }
}

/// Leaves out the hashes that nothing refers to.
pub fn prune(bundle: &mut Bundle) {
    let mut lists: Vec<&mut Vec<NodeRef>> = Vec::new();
    lists.extend(bundle.entries.iter_mut().map(|one| &mut one.proof));
    lists.extend(bundle.consistency.iter_mut().map(|one| &mut one.proof));
    for map in bundle.chains.iter_mut().filter_map(|one| one.map.as_mut()) {
        lists.push(&mut map.proof);
        lists.push(&mut map.siblings);
    }
    let used: BTreeSet<u32> = lists
        .iter()
        .flat_map(|list| list.iter())
        .map(|at| at.0)
        .collect();
    let order: Vec<u32> = used.into_iter().collect();
    for at in lists.into_iter().flatten() {
        at.0 = order.binary_search(&at.0).unwrap() as u32;
    }
    bundle.nodes = order.iter().map(|at| bundle.nodes[*at as usize]).collect();
}

/// A bundle without what ties it to the newest tree of another.
pub fn untied(mut bundle: Bundle, from: &Bundle) -> Bundle {
    let note = UnverifiedNote::parse(from.checkpoints.last().unwrap()).unwrap();
    let size = Checkpoint::parse_text(note.text()).unwrap().size;
    let of_size = format!("\n{}\n", size.0);
    bundle.checkpoints.retain(|note| !note.contains(&of_size));
    bundle.consistency.retain(|one| one.size != size);
    prune(&mut bundle);
    bundle
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
