//! What was to be served on whom by when, and when it was: worked out from the case's entries, and stored nowhere.
//!
//! - Owed is what stands on schedule MG6E (it may undermine the prosecution's case or assist the defence's), to every
//!   defence organisation of the case; and what a request was granted of, by name, to whoever asked.
//! - MG6C (not sensitive, unused) lists what may be asked for, MG6D what is kept back: neither owes anything.
//! - It is due when the schedule's entry says, by its stage; or the decision's, by its date; else at the first due date
//!   that had not passed when it was owed. A date that a stage was given later counts from then on, and the earlier one is
//!   kept with it.
//! - It is served when the first `disclosed` entry that names both is recorded: by the log's clock, as the date said in it
//!   may be anybody's.
//!
//! In scope: facts. Out of scope: words and JSON ([`super::disclosure_report`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::ledger::state::Known as _;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::id::{OrgId, Strand, Subject};
use crate::protocol::time::{LogTime, Moment};
use crate::protocol::tree::EntryIndex;
use crate::verify::{Descent, VerifiedBundle, VerifiedItem};

/// An entry of the case.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// Where it stands.
    pub item: &'a VerifiedItem,
    /// What it says.
    pub entry: &'a VerifiedEntry,
}

impl<'a> Said<'a> {
    /// A body member.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let value = self.entry.payload().body.get(name)?;
        serde_json::from_value(value.clone()).ok()
    }

    /// A body member that is a code.
    pub fn code(&self, name: &str) -> Option<&'a str> {
        self.entry.payload().body.get(name)?.as_str()
    }

    /// When the log recorded it, in Unix seconds.
    pub fn recorded(&self) -> i64 {
        seconds(self.item.recorded_at)
    }

    /// What a disclosure gives to whom.
    pub fn pairs(&self) -> Vec<(Subject, OrgId)> {
        let exhibits: Vec<Subject> = self.read("exhibits").unwrap_or_default();
        let orgs: Vec<OrgId> = self.read("to").unwrap_or_default();
        let to_each = |org: &OrgId| {
            exhibits
                .iter()
                .cloned()
                .zip(std::iter::repeat(org.clone()))
                .collect::<Vec<_>>()
        };
        orgs.iter().flat_map(to_each).collect()
    }

    fn is(&self, event: &str) -> bool {
        self.entry.payload().event == event
    }
}

/// A log time in Unix seconds.
pub fn seconds(at: LogTime) -> i64 {
    i64::try_from(at.0 / 1000).unwrap_or(i64::MAX)
}

/// What the case's own entries say, in the order of the log.
pub struct Case<'a> {
    bundle: &'a VerifiedBundle,
    said: Vec<Said<'a>>,
    /// The first entry that discloses an exhibit to an organisation.
    served: BTreeMap<(Subject, OrgId), Said<'a>>,
}

impl<'a> Case<'a> {
    /// Reads a case of a bundle.
    pub fn of(bundle: &'a VerifiedBundle, case: &Subject) -> Case<'a> {
        let items = bundle
            .entries
            .iter()
            .filter(|item| item.chain.strand == Strand::Case && item.chain.subject == *case);
        let said = items.filter_map(|item| {
            let entry = item.entry.as_ref()?;
            Some(Said { item, entry })
        });
        let mut case = Case {
            bundle,
            said: said.filter(|one| !is_kept_back(one)).collect(),
            served: BTreeMap::new(),
        };
        let mut served = BTreeMap::new();
        for one in case.each("disclosed") {
            for pair in one.pairs() {
                served.entry(pair).or_insert(one);
            }
        }
        case.served = served;
        case
    }

    /// Every entry.
    pub fn all(&self) -> impl Iterator<Item = Said<'a>> {
        self.said.iter().copied()
    }

    /// The entries of an event.
    pub fn each(&self, event: &'static str) -> impl Iterator<Item = Said<'a>> {
        self.all().filter(move |one| one.is(event))
    }

    /// What stands on a schedule, in the order in which it was put there.
    pub fn on_schedule(&self, schedule: &'static str) -> impl Iterator<Item = Said<'a>> {
        self.each("scheduled")
            .filter(move |one| one.code("schedule") == Some(schedule))
    }

    /// The stages that were set, in the order of their due dates; those without a date come last.
    pub fn stages(&self) -> Vec<Stage<'a>> {
        let mut stages: BTreeMap<&str, Vec<Said<'a>>> = BTreeMap::new();
        for one in self.each("stage-set") {
            stages
                .entry(one.code("stage").unwrap_or_default())
                .or_default()
                .push(one);
        }
        let mut stages: Vec<Stage<'a>> = stages
            .into_iter()
            .map(|(code, set)| Stage { code, set })
            .collect();
        stages.sort_by_key(|stage| stage.due_at().unwrap_or(i64::MAX));
        stages
    }

    /// The first entry that discloses an exhibit to an organisation.
    pub fn served(&self, exhibit: &Subject, to: &OrgId) -> Option<Said<'a>> {
        self.served.get(&(exhibit.clone(), to.clone())).copied()
    }

    /// Everything that was to be served, then what was served without having been owed.
    pub fn services(&self) -> Vec<Service<'a>> {
        let stages = self.stages();
        let mut services = Services::default();
        for one in self.all() {
            if one.code("schedule") == Some("mg6e")
                && let Some(exhibit) = one.read::<Subject>("exhibit")
            {
                for (org, joined) in self.defence() {
                    let due = due_by_stage(&stages, one.code("stage"), one.recorded(), joined);
                    services.add(self, Some(one), exhibit.clone(), org, due);
                }
            }
            if one.is("disclosure-decided") && one.code("outcome") != Some("withhold") {
                let Some(asked) = one.read("request").and_then(|e| self.entry(e)) else {
                    continue;
                };
                let by = one.read::<Option<Moment>>("due").flatten();
                for exhibit in one.read::<Vec<Subject>>("exhibits").unwrap_or_default() {
                    let due = match &by {
                        Some(at) => Due {
                            stage: None,
                            at: Some(at.clone()),
                        },
                        None => due_by_stage(&stages, None, one.recorded(), i64::MIN),
                    };
                    let to = asked.entry.payload().actor.org();
                    services.add(self, Some(one), exhibit, to, due);
                }
            }
        }
        for one in self.each("disclosed") {
            let stage = one.code("stage");
            let set = stages.iter().find(|set| Some(set.code) == stage);
            for (exhibit, to) in one.pairs() {
                let at = set.and_then(Stage::due_date);
                services.add(self, None, exhibit, to, Due { stage, at });
            }
        }
        services.list
    }

    /// The defence organisations of the case, and since when they are in it.
    fn defence(&self) -> Vec<(OrgId, i64)> {
        let mut parties: BTreeMap<OrgId, i64> = BTreeMap::new();
        for one in self.all() {
            let Some(org) = one.read::<OrgId>("org") else {
                continue;
            };
            if one.is("party-left") {
                parties.remove(&org);
            } else if one.is("party-joined") && one.code("part") == Some("defence") {
                parties.entry(org).or_insert(one.recorded());
            } else if one.is("party-joined") {
                parties.remove(&org); // it has another part now
            }
        }
        parties.into_iter().collect()
    }

    /// An entry of the case.
    pub fn entry(&self, e: EntryHash) -> Option<Said<'a>> {
        self.all().find(|one| one.item.e == e)
    }

    /// The log time at which the bundle is evaluated, in Unix seconds.
    pub fn now(&self) -> i64 {
        seconds(self.bundle.evaluated_at)
    }
}

/// Whether an entry is of the schedule of sensitive material, and kept back from the bundle's recipient: nothing is made
/// of it then, not even a count.
fn is_kept_back(one: &Said<'_>) -> bool {
    one.is("scheduled")
        && one.code("schedule") == Some("mg6d")
        && one.entry.detail("description").is_none()
}

/// By when something is due, and for which stage.
struct Due<'a> {
    stage: Option<&'a str>,
    at: Option<Moment>,
}

/// By the stage that was named, unless whom it is for joined after its date; else by the next one.
fn due_by_stage<'a>(
    stages: &[Stage<'a>],
    named: Option<&'a str>,
    since: i64,
    joined: i64,
) -> Due<'a> {
    let dated = || stages.iter().filter_map(|one| Some((one, one.due_at()?)));
    let of_stage = named.and_then(|named| dated().find(|(one, _)| one.code == named));
    let found = match of_stage {
        Some((one, at)) if at >= joined => Some(one),
        None if named.is_some() => None,
        _ => dated()
            .find(|(_, at)| *at >= since.max(joined))
            .map(|(one, _)| one),
    };
    Due {
        stage: found.map(|one| one.code).or(named),
        at: found.and_then(Stage::due_date),
    }
}

/// What was to be served, each exhibit and organisation once: owed since the first entry that says so.
#[derive(Default)]
struct Services<'a> {
    list: Vec<Service<'a>>,
    known: BTreeSet<(Subject, OrgId)>,
}

impl<'a> Services<'a> {
    fn add(
        &mut self,
        case: &Case<'a>,
        because: Option<Said<'a>>,
        exhibit: Subject,
        to: OrgId,
        due: Due<'a>,
    ) {
        if self.known.insert((exhibit.clone(), to.clone())) {
            self.list.push(Service {
                served: case.served(&exhibit, &to),
                exhibit,
                to,
                because,
                stage: due.stage,
                due: due.at,
            });
        }
    }
}

/// A stage of the proceedings.
pub struct Stage<'a> {
    /// Its code.
    pub code: &'a str,
    /// The entries that set it, oldest first; the last one's date counts.
    pub set: Vec<Said<'a>>,
}

impl Stage<'_> {
    /// The date that counts.
    pub fn due_date(&self) -> Option<Moment> {
        self.set.last()?.read::<Option<Moment>>("due").flatten()
    }

    /// The same in Unix seconds.
    pub fn due_at(&self) -> Option<i64> {
        self.due_date().map(|due| due.unix_seconds())
    }
}

/// What one organisation was to be given, or was given, of one exhibit.
pub struct Service<'a> {
    /// What.
    pub exhibit: Subject,
    /// To whom.
    pub to: OrgId,
    /// The entry by which it is owed; nothing where it was served without that.
    pub because: Option<Said<'a>>,
    /// For which stage.
    pub stage: Option<&'a str>,
    /// By when.
    pub due: Option<Moment>,
    /// The entry that disclosed it.
    pub served: Option<Said<'a>>,
}

/// How it was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Not after the due date.
    InTime,
    /// So many seconds after it.
    Late(i64),
    /// At no date that was set.
    Served,
    /// Not, and the date passed so many seconds ago.
    Overdue(i64),
    /// Not yet, and there is time.
    NotYetDue,
    /// Not, and no date is set.
    NotServed,
}

impl Service<'_> {
    /// How it was served, as of a Unix second.
    pub fn timing(&self, now: i64) -> Timing {
        let due = self.due.as_ref().map(Moment::unix_seconds);
        match (&self.served, due) {
            (Some(_), None) => Timing::Served,
            (Some(one), Some(due)) if one.recorded() <= due => Timing::InTime,
            (Some(one), Some(due)) => Timing::Late(one.recorded() - due),
            (None, None) => Timing::NotServed,
            (None, Some(due)) if now <= due => Timing::NotYetDue,
            (None, Some(due)) => Timing::Overdue(now - due),
        }
    }
}

/// What a recipient's own digest of an exhibit is to what was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// The same.
    Agrees,
    /// Another.
    Differs,
    /// They stated none.
    NotStated,
    /// Nothing is registered here to compare it with.
    NotComparable,
}

/// Compares a recipient's digest with the exhibit's, as it was registered when they stated it.
pub fn own_digest(
    bundle: &VerifiedBundle,
    exhibit: &Subject,
    stated: Option<&EvidenceDigest>,
    at: EntryIndex,
) -> Own {
    let mut before = bundle
        .versions
        .iter()
        .filter(|one| one.exhibit == *exhibit && one.index < at)
        .filter(|one| one.descent != Descent::Other)
        .peekable();
    let known = before.peek().is_some()
        || bundle
            .state
            .exhibit(exhibit)
            .is_some_and(|one| one.digest.is_some());
    match (stated, known) {
        (None, _) => Own::NotStated,
        (Some(_), false) => Own::NotComparable,
        (Some(own), true) if before.any(|one| one.digest == *own) => Own::Agrees,
        (Some(_), true) => Own::Differs,
    }
}

/// A span of time as people say it: the two largest units of days, hours and minutes that are not nought.
pub fn lasting(seconds: i64) -> String {
    let unit = |value: i64, one: &str| match value {
        0 => None,
        1 => Some(format!("1 {one}")),
        many => Some(format!("{many} {one}s")),
    };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let units = [
        unit(days, "day"),
        unit(hours, "hour"),
        unit(minutes, "minute"),
    ];
    let told: Vec<String> = units.into_iter().flatten().take(2).collect();
    match told.is_empty() {
        true => "less than a minute".to_owned(),
        false => told.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_told_in_their_two_largest_units() {
        for (seconds, told) in [
            (0, "less than a minute"),
            (61, "1 minute"),
            (7_260, "2 hours 1 minute"),
            (86_400, "1 day"),
            (3 * 86_400 + 3_600 + 120, "3 days 1 hour"),
        ] {
            assert_eq!(lasting(seconds), told);
        }
    }
}
