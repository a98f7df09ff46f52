//! The ledger in memory beside a real one.

use super::*;

/// A real ledger that goes beside the one in memory.
pub trait RealLedger: Send + Sync {
    /// Has entries taken in as one batch: where and when, or the code of the refusal.
    fn submit(&mut self, entries: &[UnverifiedEntry]) -> Vec<Result<Place, String>>;
    /// Has an entry taken in with the branch that it names.
    fn submit_branch(
        &mut self,
        entry: &UnverifiedEntry,
        branch: &[UnverifiedEntry],
    ) -> Result<Place, String>;
    /// Length and last entry of a chain, as somebody is told it who may know of it.
    fn end(&mut self, chain: &ChainId, reader: &Person) -> (u64, EntryHash);
    /// The newest head it signed.
    fn newest(&mut self) -> Option<Seen>;
    /// Lets more than a second pass.
    fn wait(&mut self);
    /// Its clock.
    fn now_ms(&self) -> u64;
    /// What it is.
    fn as_any(&mut self) -> &mut dyn std::any::Any;
    /// The same, to look at.
    fn as_any_ref(&self) -> &dyn std::any::Any;
}

/// What a real ledger began with.
pub struct Founded {
    pub origin: Origin,
    pub subject: Subject,
    pub service: Person,
    pub log: SecretKey,
    pub authorities: BTreeMap<OrgId, Person>,
    pub recorded_at: LogTime,
    pub genesis: UnverifiedEntry,
}

/// An entry that a real service is still to be sent, and what the rules in memory said of it.
pub type Queued = (UnverifiedEntry, Result<(), String>);

impl World {
    /// The same beside a real ledger, that has begun already.
    pub fn live(founded: Founded, beside: Box<dyn RealLedger>) -> World {
        let mut counter = 0;
        let now = founded.recorded_at.0;
        let mut world = World {
            beside: Some(beside),
            now,
            ..World::empty(
                founded.origin,
                founded.subject,
                [founded.log, key(&mut counter)],
                founded.service,
                founded.authorities,
                counter,
            )
        };
        let genesis = founded.genesis.hash();
        let place = world.place();
        world.take_in(founded.genesis, place).unwrap();
        world.accept(genesis);
        world
    }

    /// Has a signed entry taken in, here and by the real ledger beside, if there is one: they must say the same.
    pub fn submit(
        &mut self,
        entry: UnverifiedEntry,
    ) -> Result<(EntryHash, BTreeSet<&'static str>), String> {
        let e = entry.hash();
        let event = entry.payload().event.clone();
        let told = match (&self.queue, &mut self.beside) {
            (None, Some(beside)) => beside.submit(std::slice::from_ref(&entry)).pop(),
            _ => None,
        };
        let place = match &told {
            Some(Ok(place)) => *place,
            _ => self.place(),
        };
        let here = self.take_in(entry.clone(), place);
        let here = here.map_err(|refusal| refusal.code);
        let code = |told: &Result<Place, String>| told.as_ref().err().cloned();
        if let Some(told) = &told {
            let same = here.as_ref().err().cloned() == code(told);
            assert!(same, "{event}: in memory {here:?}, by the service {told:?}");
        }
        if let Some(queue) = &mut self.queue {
            queue.push((entry, here.as_ref().map(drop).map_err(String::clone)));
        }
        let (flags, companions) = here?;
        for companion in companions {
            assert!(
                self.queue.is_none(),
                "the service's own entries cannot wait"
            );
            self.accompany(companion, place);
        }
        Ok((e, flags))
    }

    /// Has an entry taken in with the branch that is sent with it, all of it or nothing, here and by the real ledger
    /// beside, if there is one: they must say the same. The flags on it, then those on each entry of the branch.
    pub fn submit_branch(
        &mut self,
        entry: UnverifiedEntry,
        branch: &[UnverifiedEntry],
    ) -> Result<Vec<BTreeSet<&'static str>>, String> {
        let told = self.beside.as_mut();
        let told = told.map(|beside| beside.submit_branch(&entry, branch));
        let first = match &told {
            Some(Ok(place)) => *place,
            _ => self.place(),
        };
        let all: Vec<&UnverifiedEntry> = std::iter::once(&entry).chain(branch).collect();
        let places = (0..).map(|at| Place {
            index: EntryIndex(first.index.0 + at),
            recorded_at: LogTime(match self.beside {
                Some(_) => first.recorded_at.0,
                None => first.recorded_at.0 + 60_000 * at,
            }),
        });
        let places: Vec<Place> = places.take(all.len()).collect();
        let before = self.state.clone();
        let here = self.would_take_in(&all, &places);
        self.state = before;
        if let Some(told) = &told {
            let (here, told) = (here.as_ref().err(), told.as_ref().err());
            assert_eq!(here, told, "a branch in memory, and by the service");
        }
        here?;
        let take_in = |(entry, place): (&&UnverifiedEntry, Place)| {
            self.take_in((*entry).clone(), place).unwrap().0
        };
        Ok(all.iter().zip(places).map(take_in).collect())
    }

    /// Tries entries one behind the other; the state is moved on.
    fn would_take_in(&mut self, all: &[&UnverifiedEntry], places: &[Place]) -> Result<(), String> {
        for (entry, place) in all.iter().zip(places) {
            let admitted = self.admitted(entry, *place);
            let admitted = admitted.map_err(|refusal| refusal.code)?;
            let sent = all[1..].iter().map(|entry| entry.hash());
            if place.index == places[0].index && !sent.eq(admitted.takes_in) {
                return Err("branch-differs".to_owned());
            }
            self.state.apply(admitted.changes);
        }
        Ok(())
    }

    /// Takes in what the service writes because of an entry.
    fn accompany(&mut self, companion: admit::Companion, place: Place) {
        let service = clone(&self.service);
        let chain = companion.chain;
        let mut body = Value::Object(companion.body);
        if let Some(exhibit) = self.misled.take() {
            body["exhibit"] = json!(exhibit);
        }
        let (event, none) = (companion.event, json!({}));
        let entry = self.sign(&service, &chain.subject, chain.strand, event, body, none);
        let index = EntryIndex(self.entries.len() as u64);
        let place = match self.beside {
            Some(_) => Place { index, ..place },
            None => self.place(),
        };
        self.take_in(entry, place).unwrap();
        if let Some(beside) = &mut self.beside {
            // The service signed its own, with other random bytes; people build on that one.
            let signer = self
                .signed_by
                .as_ref()
                .expect("somebody signed what this follows from");
            let (length, last) = beside.end(&chain, signer);
            let mut record = self.state.chain(&chain.subject, chain.strand).unwrap();
            assert_eq!(record.length, length);
            record.last = last;
            let key = RecordKey::Chain(chain);
            self.state.apply([(key, Record::Chain(record))]);
        }
    }

    /// Sends what waited as one batch; the real ledger must say of each entry what was said here.
    pub fn send(&mut self) -> usize {
        let queue = self.queue.take().expect("entries were queued");
        let entries: Vec<UnverifiedEntry> = queue.iter().map(|one| one.0.clone()).collect();
        let told = self.beside.as_mut().unwrap().submit(&entries);
        for ((entry, here), told) in queue.iter().zip(told) {
            let event = &entry.payload().event;
            assert_eq!(told.map(drop), *here, "{event}: by the service, and here");
        }
        entries.len()
    }
}
