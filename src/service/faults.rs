//! The real sequencer over a disk that fails: at every operation in turn, in every way, each followed by a power
//! cut, the ordinary start, the same entries submitted again, and an audit of everything.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::attempts::{Attempt, First};
use super::audit::audit_store;
use super::folder::{self, Identity, ServiceKeys};
use super::security_log::SecurityLog;
use super::sequencer::{self, Answer, OwnEntry, Sent, Sequencer, Unavailable, Work};
use super::witnessing::Gate;
use crate::ledger::Rules;
use crate::protocol::digest::{DigestKind, EvidenceDigest};
use crate::protocol::entry::{Draft, EntryHash, Payload, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, OrgId, Origin, Strand, Subject};
use crate::protocol::key::SecretKey;
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::receipt::Receipt;
use crate::protocol::time::{Moment, Occurred};
use crate::protocol::token::{Possession, ReadRequest};
use crate::protocol::tree::EntryIndex;
use crate::storage::model::{Fault, ModelDisk};
use crate::storage::{Mode, Store as _};

/// A founded ledger, and signed entries that build on it and on one another.
pub(super) struct Bench {
    pub disk: ModelDisk,
    pub identity: Arc<Identity>,
    pub entries: Vec<UnverifiedEntry>,
    /// Who signed each.
    keys: Vec<SecretKey>,
    /// What the last of them takes in with it, beside its chain.
    branch: Vec<UnverifiedEntry>,
    pub case: Subject,
    counter: u8,
    chains: BTreeMap<ChainId, (u64, EntryHash)>,
}

impl Bench {
    /// Police with an officer, a case, two exhibits, an offer and a note.
    pub(super) fn new() -> Bench {
        Bench::under(Rules::embedded().sha256())
    }

    /// The same, founded under the rules with this hash.
    pub(super) fn under(rules: Hash) -> Bench {
        let org = OrgId::new("police").unwrap();
        let subject = Subject::from_bytes;
        let authority = ActorId::from_parts(&org, &subject([1; 16]));
        let officer = ActorId::from_parts(&org, &subject([2; 16]));
        let service = ActorId::from_parts(&OrgId::new("operator").unwrap(), &subject([3; 16]));
        let key = |n| SecretKey::from_seed([n; 32]);
        let identity = Identity {
            origin: Origin::new("evidence.example").unwrap(),
            subject: subject([4; 16]),
            service: service.clone(),
            service_keys: ServiceKeys {
                keys: vec![key(3)],
                compromised_since: None,
            },
            log_key: key(4),
            log_pq_key: PqSecretKey::from_seed([5; 32]),
            next_log_keys: None,
        };
        let body = json!({
            "service": {"actor": service, "key": key(3).public()},
            "log": identity.log_vkeys().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "organisations": [{"org": org, "sector": "police", "authority": {"actor": authority, "key": key(1).public()}}],
            "witnesses": [],
            "rules": rules,
        });
        let disk = ModelDisk::default();
        let store = disk.open(Mode::Create).unwrap();
        let genesis = sequencer::found(&store, &identity, object(body), None).unwrap();
        let rules = chain(&identity.subject, Strand::Rules);
        let mut bench = Bench {
            disk,
            identity: Arc::new(identity),
            entries: vec![],
            keys: vec![],
            branch: vec![],
            case: subject([5; 16]),
            counter: 0,
            chains: BTreeMap::from([(rules.clone(), (1, genesis))]),
        };
        let (authority, officer) = ((authority, 1), (officer, 2));
        bench.sign(
            &authority,
            rules,
            "genesis-accepted",
            json!({"genesis": genesis}),
            json!({}),
        );
        let proof = Possession {
            ledger: bench.identity.origin.clone(),
            actor: officer.0.clone(),
            key: key(2).public(),
        };
        let enrolment = json!({
            "actor": officer.0, "key": key(2).public(), "roles": ["officer"], "valid_from": null,
            "valid_until": null, "proof": proof.sign(&key(2)),
        });
        let keys = chain(&officer.0.subject(), Strand::Keys);
        bench.sign(
            &authority,
            keys,
            "key-enrolled",
            enrolment,
            json!({"name": "PC Smith"}),
        );
        let case = chain(&bench.case, Strand::Case);
        let title = json!({"reference": "44NS1", "title": "R v Example"});
        bench.sign(&officer, case, "case-opened", json!({}), title);
        for n in [6, 7] {
            let digest = EvidenceDigest::of_bytes(DigestKind::File, &[n]);
            let body =
                json!({"case": bench.case, "kind": "other", "digest": digest, "role": "original"});
            let details = json!({
                "reference": format!("JSM/{n}"), "description": "a file", "power_or_consent": "consent",
            });
            let custody = chain(&subject([n; 16]), Strand::Custody);
            bench.sign(&officer, custody, "registered", body, details);
        }
        let offer = json!({"to": {"actor": authority.0}, "method": "in-person"});
        let custody = chain(&subject([6; 16]), Strand::Custody);
        bench.sign(
            &officer,
            custody,
            "transfer-offered",
            offer,
            json!({"purpose": "store"}),
        );
        bench.sign_branch(&officer, &chain(&subject([6; 16]), Strand::Custody));
        bench
    }

    /// Two acts that go on from the registration of an exhibit, as the offer does, and what takes them in.
    fn sign_branch(&mut self, officer: &(ActorId, u8), custody: &ChainId) {
        let (end, entries) = (self.chains[custody], self.entries.len());
        let mut registered = self.entries.iter().map(|one| (one.payload(), one.hash()));
        let registered = registered.find(|one| one.0.chain() == *custody).unwrap().1;
        self.chains.insert(custody.clone(), (1, registered));
        for place in ["cells", "locker-2"] {
            let (body, details) = (json!({"place": place}), json!({"location": "out of reach"}));
            self.sign(officer, custody.clone(), "stored", body, details);
        }
        self.branch = self.entries.split_off(entries);
        self.keys.truncate(entries);
        self.chains.insert(custody.clone(), end);
        let names: Vec<EntryHash> = self.branch.iter().map(UnverifiedEntry::hash).collect();
        let body = json!({"from": registered, "entries": names});
        let why = json!({"reason": "no network"});
        self.sign(officer, custody.clone(), "late-branch", body, why);
    }

    fn sign(
        &mut self,
        (actor, key): &(ActorId, u8),
        chain: ChainId,
        event: &str,
        body: Value,
        details: Value,
    ) {
        let key = SecretKey::from_seed([*key; 32]);
        self.counter += 1;
        let end = self.chains.get(&chain).copied();
        let payload = Payload {
            ledger: self.identity.origin.clone(),
            subject: chain.subject.clone(),
            strand: chain.strand,
            seq: end.map_or(0, |(length, _)| length),
            prev: end.map(|(_, last)| last),
            event: event.to_owned(),
            actor: actor.clone(),
            occurred_at: Occurred::At(Moment::from_unix(1_773_478_800, 0).unwrap()),
            seen: None,
            client: "test".to_owned(),
            jti: Subject::from_bytes([self.counter; 16]),
            body: object(body),
            details: BTreeMap::new(),
        };
        let details = object(details).into_iter().collect();
        let draft = Draft { payload, details };
        let entry = draft.sign(&key, || [9; 16]).unwrap();
        let end = (end.map_or(0, |(length, _)| length) + 1, entry.hash());
        self.chains.insert(chain, end);
        self.entries.push(entry);
        self.keys.push(key);
    }

    pub(super) fn work(&self, at: usize) -> Work {
        let key = self.keys[at].public();
        let verify = |entry: &UnverifiedEntry| entry.clone().verify(&key).unwrap();
        let branch = match at + 1 == self.entries.len() {
            true => self.branch.iter().map(verify).collect(),
            false => Vec::new(),
        };
        Work::Submitted(Box::new(Sent {
            entry: verify(&self.entries[at]),
            branch,
        }))
    }

    /// Submits everything, with a publication and a reading in between, to a service on `disk`.
    pub(super) fn run(&self, disk: &ModelDisk, together: bool) -> Vec<Result<Answer, Unavailable>> {
        // Opening counts among the operations: a disk may fail there, and then nothing is served at all.
        let Ok(store) = disk.open(Mode::Write) else {
            return vec![];
        };
        if folder::check(&store, &self.identity).is_err() {
            return vec![];
        }
        // Published when asked and at the end alone, so that a run is the same each time.
        let interval = Duration::from_secs(3600);
        let identity = Arc::clone(&self.identity);
        let (sequencer, thread) =
            Sequencer::start(Arc::new(store), identity, interval, Gate::open(), || {});
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let answers = runtime.block_on(async {
            let mut answers = Vec::new();
            if together {
                let tasks = (0..self.entries.len()).map(|at| {
                    let (sequencer, work) = (sequencer.clone(), self.work(at));
                    async move { sequencer.write(work).await }
                });
                for answer in in_order(tasks).await {
                    answers.push(answer);
                }
                answers.push(sequencer.write(Work::Publish).await);
            } else {
                for at in 0..self.entries.len() {
                    answers.push(sequencer.write(self.work(at)).await);
                    if at == 3 {
                        answers.push(sequencer.write(Work::Publish).await);
                    }
                }
            }
            answers.push(sequencer.write(self.reading()).await);
            answers
        });
        drop(sequencer);
        thread.join().unwrap();
        answers
    }

    /// Has attempts recorded in the security log, each unlike the others.
    pub(super) fn refuse(&self, disk: &ModelDisk, count: u64) {
        let store = Arc::new(disk.open(Mode::Write).unwrap());
        let log = SecurityLog::open(store, Arc::clone(&self.identity)).unwrap();
        for n in 0..count {
            log.note(Attempt::example(&format!("code-{n}")), First::default());
        }
        assert_eq!(log.flush().unwrap().length, count);
    }

    fn reading(&self) -> Work {
        // The authority, whom genesis names: after a fault nobody else may be enrolled.
        let org = OrgId::new("police").unwrap();
        let reader = ActorId::from_parts(&org, &Subject::from_bytes([1; 16]));
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let mut jti = [0; 16];
        jti.copy_from_slice(&now.as_nanos().to_be_bytes());
        let request = ReadRequest {
            ledger: self.identity.origin.clone(),
            actor: reader.clone(),
            method: "GET".to_owned(),
            uri: format!("https://log.example/v1/cases/{}/history", self.case),
            body: None,
            purpose: "test".to_owned(),
            client: "test 1.0".to_owned(),
            iat: now.as_secs(),
            exp: now.as_secs() + 60,
            jti: Subject::from_bytes(jti),
        };
        let token = request.sign(&SecretKey::from_seed([1; 32]));
        Work::Own(OwnEntry {
            chain: chain(&self.case, Strand::Access),
            event: "viewed".to_owned(),
            body: object(json!({"target": "case", "extent": "history"})),
            details: object(json!({"reader": reader, "purpose": "test", "token": token})),
        })
    }
}

/// Runs tasks at once; all are begun, in order, before any is waited for.
async fn in_order<T: Send + 'static>(
    tasks: impl Iterator<Item = impl Future<Output = T> + 'static>,
) -> Vec<T> {
    let local = tokio::task::LocalSet::new();
    let begun: Vec<_> = tasks.map(|task| local.spawn_local(task)).collect();
    local
        .run_until(async {
            let mut done = Vec::new();
            for task in begun {
                done.push(task.await.unwrap());
            }
            done
        })
        .await
}

fn chain(subject: &Subject, strand: Strand) -> ChainId {
    ChainId {
        subject: subject.clone(),
        strand,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Receipts of what was acknowledged.
fn acknowledged(answers: &[Result<Answer, Unavailable>]) -> Vec<&Receipt> {
    let receipt = |answer: &'_ Result<Answer, Unavailable>| match answer {
        Ok(Answer::Recorded(_) | Answer::Known(_)) => true,
        Ok(Answer::Published) | Err(_) => false,
        Ok(Answer::Refused(refusal)) => {
            // An entry that builds on one that was not acknowledged is refused, or not answered either.
            assert_ne!(refusal.code, "already-recorded", "{refusal}");
            false
        }
    };
    answers
        .iter()
        .filter(|answer| receipt(answer))
        .map(|answer| match answer {
            Ok(Answer::Recorded(receipt) | Answer::Known(receipt)) => &**receipt,
            _ => unreachable!("filtered above"),
        })
        .collect()
}

fn fails_at_every_operation(together: bool) {
    let bench = Bench::new();
    for fault in Fault::ALL {
        let mut at = 0;
        loop {
            let context = format!("{fault:?} at operation {at}, together: {together}");
            let disk = bench.disk.copy();
            disk.fail_at(at, fault);
            let answers = bench.run(&disk, together);
            let reached = disk.heal();
            let kept: Vec<Receipt> = acknowledged(&answers).into_iter().cloned().collect();
            if !reached {
                assert_eq!(kept.len(), bench.entries.len() + 1, "{context}");
            }
            disk.power_cut();

            // Whatever was acknowledged is there, at its place, under a tree that continues the receipt's.
            let store = disk.open(Mode::Write).unwrap();
            folder::check(&store, &bench.identity).unwrap_or_else(|e| panic!("{context}: {e}"));
            for receipt in &kept {
                let index = store.index_of(receipt.e).unwrap();
                assert_eq!(index, Some(receipt.index), "{context}");
                let entry = store.entry(receipt.index).unwrap().unwrap();
                assert_eq!(entry.recorded_at, receipt.recorded_at, "{context}");
            }
            clean(&store, &context);
            // A branch is there whole, behind what takes it in, or not at all.
            let late = bench.entries.last().unwrap().hash();
            let late = store.index_of(late).unwrap().map(|index| index.0);
            for (at, of_branch) in (1..).zip(&bench.branch) {
                let index = store.index_of(of_branch.hash()).unwrap();
                assert_eq!(
                    index.map(|one| one.0),
                    late.map(|one| one + at),
                    "{context}"
                );
            }
            drop(store);

            // The same entries again: each is there once.
            let again = bench.run(&disk, together);
            assert_eq!(
                acknowledged(&again).len(),
                bench.entries.len() + 1,
                "{context}: {again:?}"
            );
            for receipt in acknowledged(&again) {
                if let Some(first) = kept.iter().find(|one| one.e == receipt.e) {
                    assert_eq!(first.index, receipt.index, "{context}");
                }
            }
            let store = disk.open(Mode::Read).unwrap();
            clean(&store, &context);
            // Genesis, what was submitted with its branch, two companions, and a reading for each run that got there.
            let readings = store.chain(&chain(&bench.case, Strand::Access)).unwrap();
            let submitted = bench.entries.len() + bench.branch.len();
            let expected = 1 + submitted + 2 + readings.len();
            let places = (0..store.size().unwrap().0).map(EntryIndex);
            let entries = places.filter(|at| store.entry(*at).unwrap().is_some());
            assert_eq!(entries.count(), expected, "{context}");
            assert!(matches!(readings.len(), 1 | 2), "{context}");
            if !reached {
                break;
            }
            at += 1;
        }
        assert!(at > 50, "a run has more operations than {at}");
    }
}

fn clean(store: &dyn crate::storage::Store, context: &str) {
    let findings = audit_store(store).unwrap();
    assert!(findings.is_empty(), "{context}: {findings:?}");
}

#[test]
fn a_disk_that_fails_at_any_operation_loses_and_doubles_nothing_one_by_one() {
    fails_at_every_operation(false);
}

#[test]
fn a_disk_that_fails_at_any_operation_loses_and_doubles_nothing_in_groups() {
    fails_at_every_operation(true);
}
