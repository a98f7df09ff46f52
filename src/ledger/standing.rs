//! What stands at a place of the log: who may speak of an exhibit; and flags, raised by the passing of time, by what became
//! known later, explained.

use super::flags::FlagRule;
use super::outcome::Flag;
use super::read::CUSTODIAN;
use super::rules::Rules;
use super::state::{ExhibitRecord, Known, Record, RecordKey, Status};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ChainId, Code, OrgId, Subject};
use crate::protocol::key::KeyId;
use crate::protocol::time::LogTime;

/// Whether an organisation may speak of an exhibit: it holds it, or is a party of its case; a custodian of the case
/// where it held the exhibit once, or is offered it.
pub(super) fn stands_at(
    known: &(impl Known + ?Sized),
    org: &OrgId,
    exhibit: &ExhibitRecord,
) -> bool {
    let offered = exhibit.offer.as_ref().map(|offer| offer.to.org());
    let handled = exhibit.holders.contains(org) || offered.as_ref() == Some(org);
    let part = known
        .case(&exhibit.case)
        .and_then(|case| case.parties.get(org).cloned());
    exhibit.holder.org == *org || part.is_some_and(|part| handled || part != CUSTODIAN)
}

/// What stands to be flagged of an exhibit at a stated log time, whatever was recorded last.
pub fn standing_flags(
    rules: &Rules,
    known: &(impl Known + ?Sized),
    exhibit: &Subject,
    record: &ExhibitRecord,
    at: LogTime,
) -> Vec<Flag> {
    let now = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
    let stands = |rule: &FlagRule| {
        let e = match (rule, &record.offer, record.retain_until) {
            (FlagRule::OfferStillOpen, Some(offer), _) => {
                let since = i64::try_from(offer.at.0 / 1000).unwrap_or(i64::MAX);
                (now - since > threshold(rules, known, "offer_open_for")).then_some(offer.e)
            }
            (FlagRule::RetentionOverdue, _, Some(until)) => {
                let kept = matches!(record.status, Status::Held | Status::Outside);
                let case = known.case(&record.case);
                let of_case = case.into_iter().flat_map(|one| one.holds.into_values());
                let mut holds = record.holds.values().cloned().chain(of_case);
                let held = holds.any(|hold| hold.is_in_force(at));
                (kept && !held && now > until).then_some(record.opened)
            }
            _ => None,
        };
        e.map(|e| rule.raise(e, Some(exhibit.clone())))
    };
    rules.standing_flag().iter().filter_map(stands).collect()
}

/// Whether an entry is signed with a key that is known, at the stated time, to have been compromised by then.
pub fn key_compromised(
    rules: &Rules,
    known: &(impl Known + ?Sized),
    kid: KeyId,
    recorded_at: LogTime,
) -> Option<FlagRule> {
    let rule = FlagRule::KeyCompromised;
    let since = known.key(kid)?.compromised_since?;
    let recorded = i64::try_from(recorded_at.0 / 1000).unwrap_or(i64::MAX);
    (recorded >= since && rules.standing_flag().contains(&rule)).then_some(rule)
}

/// The exhibit that a flag on an entry of this chain concerns, if one.
pub fn exhibit_of(known: &(impl Known + ?Sized), chain: &ChainId) -> Option<Subject> {
    let exhibit = known.exhibit(&chain.subject);
    exhibit.map(|_| chain.subject.clone())
}

/// A threshold in seconds: as the parties changed it, or as the table has it.
pub fn threshold(rules: &Rules, known: &(impl Known + ?Sized), name: &str) -> i64 {
    let changed = known
        .ledger()
        .and_then(|one| one.thresholds.get(name).copied());
    let seconds = changed.or_else(|| rules.thresholds().get(name).copied());
    i64::try_from(seconds.expect("rows and predicates name thresholds of the table"))
        .unwrap_or(i64::MAX)
}

/// Adds who explained each flag.
pub fn explain(known: &(impl Known + ?Sized), flags: &mut [Flag]) {
    for flag in flags {
        let code = Code::new(flag.code).expect("codes of flags are codes");
        for e in &flag.entries {
            if let Some(Record::Explained(given)) =
                known.get(&RecordKey::Explained(*e, code.clone()))
            {
                flag.explained.extend(given);
            }
        }
    }
}

/// What the rules flagged on an entry that is in the log, with its explanations so far.
pub fn flags_of(known: &(impl Known + ?Sized), e: EntryHash) -> Vec<Flag> {
    let (Some(Record::Flagged(rules)), Some(entry)) =
        (known.get(&RecordKey::Flagged(e)), known.entry(e))
    else {
        return Vec::new();
    };
    let exhibit = exhibit_of(known, &entry.chain);
    let mut flags: Vec<Flag> = rules
        .into_iter()
        .map(|rule| rule.raise(e, exhibit.clone()))
        .collect();
    explain(known, &mut flags);
    flags
}
