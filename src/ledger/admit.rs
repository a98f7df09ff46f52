//! Admission: whether an entry is taken in at a place of the log, what it changes, and what is flagged.
//!
//! Refused are bad form and position, unknown or invalid keys, missing standing, and permissions that break a
//! rule. Reports of what happened are taken in and flagged.

use serde_json::{Map, Value};

use super::context::Context;
use super::flags::FlagRule;
use super::grounds::Ground;
use super::outcome::{Flag, Refusal};
use super::rules::{Row, Rules};
use super::schema::{self, Identity};
use super::state::{ChainRecord, EntryRecord, KeyRecord, Known, Record, RecordKey};
use super::{branches, effects, flagged, refusals};
use crate::protocol::entry::{EntryHash, UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::{ChainId, Strand};
use crate::protocol::key::PublicKey;
use crate::protocol::leaf::{ChainHead, Commitment};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;

/// Where and when the log takes an entry in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Log index.
    pub index: EntryIndex,
    /// Log time.
    pub recorded_at: LogTime,
}

/// An entry that the service must write in the same batch, because of the one admitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// Its chain.
    pub chain: ChainId,
    /// Its event.
    pub event: &'static str,
    /// Its body.
    pub body: Map<String, Value>,
}

/// What admission gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// Records to write.
    pub changes: Vec<(RecordKey, Record)>,
    /// What readers should know of.
    pub flags: Vec<Flag>,
    /// Entries that must follow.
    pub companions: Vec<Companion>,
    /// Whether it takes a place in its chain; an entry of a branch takes none.
    pub in_chain: bool,
    /// Entries of a branch, signed by others, that must follow at once, in this order.
    pub takes_in: Vec<EntryHash>,
}

/// The key under which `entry` must verify.
pub fn signer(
    known: &(impl Known + ?Sized),
    entry: &UnverifiedEntry,
) -> Result<PublicKey, Refusal> {
    if known.ledger().is_none() {
        let identity: Option<Identity> = schema::read(&entry.payload().body, "service");
        return match identity {
            Some(service) if entry.payload().event == "genesis" => Ok(service.key),
            _ => Err(Ground::NoGenesis.refusal()),
        };
    }
    match known.key(entry.kid()) {
        Some(record) => Ok(record.key),
        None => Err(Ground::UnknownKey.refusal()),
    }
}

/// Checks what can only be checked while every detail is present: that required ones say something.
pub fn check_whole(rules: &Rules, entry: &UnverifiedEntry) -> Result<(), Refusal> {
    let Some(row) = rules.row(&entry.payload().event) else {
        return Ok(());
    };
    match missing_detail(row, |name| entry.detail(name)) {
        Some(name) => Err(detail_missing(name)),
        None => Ok(()),
    }
}

/// The first required detail that says nothing.
pub fn missing_detail<'r, 'v>(
    row: &'r Row,
    detail: impl Fn(&str) -> Option<&'v Value>,
) -> Option<&'r str> {
    let says = |name: &str| match detail(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(_) => true,
    };
    let mut names = row.details.iter().map(String::as_str);
    names.find(|name| !says(name))
}

fn detail_missing(name: &str) -> Refusal {
    let mut refusal =
        Ground::DetailMissing.because(format!("This event needs the detail \"{name}\"."));
    refusal.next = format!("Give it, for example --detail {name}=…");
    refusal
}

/// Decides on an entry at `place`. Pure: the same knowledge and entry always give the same answer.
pub fn admit(
    rules: &Rules,
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
) -> Result<Admitted, Refusal> {
    let payload = entry.payload();
    let e = entry.hash();
    let row = find_row(rules, entry)?;
    check_ledger(known, entry, place)?;
    if known.entry(e).is_some() {
        return Err(Ground::AlreadyRecorded.refusal());
    }
    let branch = match check_position(known, entry, row) {
        Ok(()) => None,
        Err(refusal) => Some(known.branch(e).ok_or(refusal)?),
    };
    if let Some(branch) = &branch {
        branches::check_position(entry, place, row, branch)?;
    }
    if payload.event != "genesis" {
        check_signer(known, entry, place, row)?;
    }
    check_content(row, entry)?;
    let context = Context::new(rules, known, entry, place);
    let refuse = match branch {
        Some(_) => branches::REFUSE,
        None => &row.refuse,
    };
    for rule in refuse {
        refusals::refuse(*rule, &context)?;
    }
    let by_service = known
        .ledger()
        .is_none_or(|ledger| ledger.service == payload.actor);
    let always = if by_service { &[] } else { rules.always_flag() };
    let found = match branch {
        Some(_) => flagged::found(rules.branch_flag().iter(), &context),
        None => flagged::found(always.iter().chain(&row.flag), &context),
    };
    let (mut changes, companions) = match branch {
        Some(_) => Default::default(),
        None => effects::apply(row.effect, &context)?,
    };
    if !found.is_empty() {
        let key = RecordKey::Flagged(e);
        changes.push((key, Record::Flagged(found.clone())));
    }
    let exhibit = context.exhibit().map(|_| payload.subject.clone());
    let flag = |rule: FlagRule| rule.raise(e, exhibit.clone());
    changes.extend(position_changes(known, entry, place, branch.is_none()));
    Ok(Admitted {
        in_chain: branch.is_none(),
        takes_in: branches::taken_in(entry),
        changes,
        flags: found.into_iter().map(flag).collect(),
        companions,
    })
}

/// Checks what an entry says by itself, whatever is known.
pub(super) fn check_content(row: &Row, entry: &VerifiedEntry) -> Result<(), Refusal> {
    let payload = entry.payload();
    schema::check(&row.body, &payload.body)
        .map_err(|why| Ground::BadBody.because(capitalise(&why)))?;
    let mut required = row.details.iter();
    match required.find(|name| !payload.details.contains_key(*name)) {
        Some(name) => Err(detail_missing(name)),
        None => Ok(()),
    }
}

fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).chain(['.']).collect()
    })
}

pub(super) fn find_row<'r>(rules: &'r Rules, entry: &VerifiedEntry) -> Result<&'r Row, Refusal> {
    let payload = entry.payload();
    let row = rules.row(&payload.event).ok_or_else(|| {
        let event = &payload.event;
        Ground::UnknownEvent.because(format!("This ledger's rules have no event \"{event}\"."))
    })?;
    // Reading a case leaves its entry on the case's own access chain, so the strand alone decides.
    if row.strand != payload.strand {
        let (event, strand) = (&row.event, row.strand);
        let why = format!("\"{event}\" belongs on the strand \"{strand}\".");
        return Err(Ground::WrongStrand.because(why));
    }
    Ok(row)
}

pub(super) fn check_ledger(
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
) -> Result<(), Refusal> {
    let payload = entry.payload();
    let genesis = payload.event == "genesis";
    match known.ledger() {
        None if genesis && place.index.0 == 0 => Ok(()),
        None => Err(Ground::NoGenesis.refusal()),
        Some(_) if genesis => Err(Ground::SecondGenesis.refusal()),
        Some(ledger) if ledger.origin != payload.ledger => {
            Err(Ground::OtherLedger.because(format!(
                "The entry is for the ledger \"{}\", this is \"{}\".",
                payload.ledger, ledger.origin
            )))
        }
        Some(_) => Ok(()),
    }
}

fn check_position(
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    row: &Row,
) -> Result<(), Refusal> {
    let payload = entry.payload();
    let chain = known.chain(&payload.subject, payload.strand);
    let (length, last) = chain.map_or((0, None), |chain| (chain.length, Some(chain.last)));
    if payload.seq != length || payload.prev != last {
        return Err(stale(payload.seq, length));
    }
    let begun_elsewhere = matches!(
        payload.strand,
        Strand::Notes | Strand::Keys | Strand::Access
    );
    if length == 0 && !row.opens && !begun_elsewhere {
        let why = format!("\"{}\" cannot be the first entry of a chain.", row.event);
        return Err(Ground::NotOpened.because(why));
    }
    if length > 0 && row.opens && matches!(payload.strand, Strand::Custody | Strand::Case) {
        return Err(Ground::AlreadyOpen.refusal());
    }
    Ok(())
}

pub(super) fn stale(seq: u64, length: u64) -> Refusal {
    Ground::StalePrev.because(format!(
        "The entry says position {seq}, but the chain stands at {length}."
    ))
}

pub(super) fn check_signer(
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
    row: &Row,
) -> Result<(), Refusal> {
    let payload = entry.payload();
    let actor = known
        .actor(&payload.actor)
        .ok_or_else(|| Ground::UnknownActor.refusal())?;
    let key = known
        .key(entry.kid())
        .filter(|key| key.actor == payload.actor)
        .ok_or_else(|| Ground::KeyOfAnother.refusal())?;
    if let Some(why) = not_valid(&key, place)
        && !branches::is_adopted(known, entry)
    {
        return Err(Ground::KeyNotValid.because(why));
    }
    let org = known.org(&payload.actor.org());
    if org.as_ref().is_some_and(|org| org.suspended) {
        return Err(Ground::OrganisationSuspended.refusal());
    }
    let accepted = org.is_some_and(|org| org.accepted);
    if !accepted
        && payload.event != "genesis-accepted"
        && !row.roles.contains(&super::state::Role::Service)
    {
        return Err(Ground::OrganisationNotAccepted.refusal());
    }
    if !row.roles.iter().any(|role| actor.roles.contains(role)) {
        let why = format!("None of this actor's roles may record \"{}\".", row.event);
        return Err(Ground::NoRole.because(why));
    }
    Ok(())
}

/// Why a key does not count at a place of the log, if it does not.
pub(super) fn not_valid(key: &KeyRecord, place: Place) -> Option<&'static str> {
    let now = i64::try_from(place.recorded_at.0 / 1000).unwrap_or(i64::MAX);
    if key.revoked.is_some_and(|revoked| revoked <= place.index) {
        return Some("The key was revoked.");
    }
    if key.valid_from.is_some_and(|from| now < from) {
        return Some("The key is not valid yet.");
    }
    if key.valid_until.is_some_and(|until| now > until) {
        return Some("The key is no longer valid.");
    }
    None
}

fn position_changes(
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
    in_chain: bool,
) -> Vec<(RecordKey, Record)> {
    let payload = entry.payload();
    let e: EntryHash = entry.hash();
    let chain = payload.chain();
    let position = EntryRecord {
        index: place.index,
        chain: chain.clone(),
        seq: payload.seq,
        event: payload.event.clone(),
        actor: payload.actor.clone(),
    };
    let position = (RecordKey::Entry(e), Record::Entry(position));
    if !in_chain {
        return vec![position];
    }
    let (length, head) = known
        .chain(&chain.subject, chain.strand)
        .map_or((0, ChainHead::EMPTY), |record| (record.length, record.head));
    let commitment = Commitment::new(place.recorded_at, e);
    let record = ChainRecord {
        length: length + 1,
        last: e,
        head: head.extend(place.index, commitment),
        index: place.index,
        at: place.recorded_at,
    };
    vec![(RecordKey::Chain(chain), Record::Chain(record)), position]
}
