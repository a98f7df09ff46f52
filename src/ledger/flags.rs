//! What rows of the table may flag: a closed list of predicates over reports of what happened.

use serde::Deserialize;

use super::context::Context;
use super::outcome::{Flag, Severity};
use super::schema::{ExhibitDigest, Parent};
use super::state::{Known, Recipient};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::ActorId;

/// Tolerated difference between the signer's and the log's clock, seconds.
const CLOCK_TOLERANCE: i64 = 300;

/// Recorded later than this after it happened is late, seconds.
const LATE: i64 = 24 * 3600;

/// What is flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagRule {
    /// Said to have happened after it was recorded.
    ClockAhead,
    /// Recorded more than a day after it happened.
    RecordedLate,
    /// The signer commits to no state of the log.
    SeenMissing,
    /// Somebody of another organisation than the holder's.
    NotTheHolder,
    /// A colleague of the holder.
    ColleagueOfHolder,
    /// Bytes differ from those digested before.
    DigestReplaced,
    /// A seal number used before on this exhibit.
    SealReused,
    /// Sealed while a seal was on it.
    SealedTwice,
    /// Unsealed while no seal was on it.
    NotSealed,
    /// The seal seen is not the seal recorded.
    SealDiffers,
    /// The copy's own verification gave another digest.
    VerificationDiffers,
    /// Parts of the source could not be read.
    ReadErrors,
    /// The parent's bytes were not those registered.
    ParentDigestDiffers,
    /// Accepted without an open offer, or under another one.
    AcceptedWithoutOffer,
    /// Accepted by a colleague of the person named, or outside the organisation named.
    AcceptedByColleague,
    /// The accepter says it came from somebody other than the offeror.
    AcceptedFromOther,
    /// The accepter did not compute a digest of their own.
    AcceptedWithoutDigest,
    /// The accepter's digest is not the registered one.
    AcceptedDigestDiffers,
    /// The recipient of a disclosure computed another digest.
    AcknowledgedDigestDiffers,
}

/// Flags, or not.
pub fn flag<K: Known + ?Sized>(rule: FlagRule, context: &Context<'_, K>) -> Option<Flag> {
    use FlagRule as F;
    use Severity::{Info, Notice, Serious};
    let payload = context.entry.payload();
    let exhibit = context.exhibit();
    let exhibit_ref = exhibit.as_ref();
    let org = context.actor().org();
    let recorded = i64::try_from(context.place.recorded_at.0 / 1000).unwrap_or(i64::MAX);
    let own = context.read::<Option<EvidenceDigest>>("digest").flatten();
    let registered = exhibit_ref.and_then(|exhibit| exhibit.digest.clone());
    let offer = exhibit_ref.and_then(|exhibit| exhibit.offer.clone());
    let named_offer = context.read::<Option<EntryHash>>("offer").flatten();
    let holder = exhibit_ref.map(|exhibit| &exhibit.holder);
    let seal = context.text("seal");
    let (code, severity, found, words) = match rule {
        F::ClockAhead => (
            "clock-ahead",
            Notice,
            payload.occurred_at.earliest() > recorded + CLOCK_TOLERANCE,
            "It is said to have happened after it was recorded: a clock was wrong.",
        ),
        F::RecordedLate => (
            "recorded-late",
            Info,
            payload.occurred_at.earliest() < recorded - LATE,
            "It was recorded more than a day after it is said to have happened.",
        ),
        F::SeenMissing => (
            "seen-missing",
            Info,
            payload.seen.is_none(),
            "The signer did not commit to any state of the log: it was signed offline.",
        ),
        F::NotTheHolder => (
            "not-the-holder",
            Notice,
            holder.is_some_and(|holder| holder.org != org),
            "It was recorded by somebody who did not hold the exhibit.",
        ),
        F::ColleagueOfHolder => (
            "colleague-of-holder",
            Info,
            holder.is_some_and(|holder| {
                holder
                    .person
                    .as_ref()
                    .is_some_and(|person| person != context.actor())
            }),
            "It was offered by a colleague of the person who held it.",
        ),
        F::DigestReplaced => (
            "digest-differs",
            Serious,
            registered.is_some() && own != registered,
            "The bytes are not those that were digested before.",
        ),
        F::SealReused => (
            "seal-reused",
            Notice,
            exhibit_ref
                .zip(seal)
                .is_some_and(|(exhibit, seal)| exhibit.seals_used.contains(seal)),
            "The seal number was used on this exhibit before.",
        ),
        F::SealedTwice => (
            "sealed-twice",
            Notice,
            exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_some()),
            "It was sealed while another seal was recorded on it.",
        ),
        F::NotSealed => (
            "not-sealed",
            Notice,
            exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_none()),
            "It was unsealed while no seal was recorded on it.",
        ),
        F::SealDiffers => (
            "seal-differs",
            Serious,
            exhibit_ref.is_some_and(|exhibit| {
                seal.is_some() && exhibit.seal.is_some() && exhibit.seal.as_deref() != seal
            }),
            "The seal that was seen is not the seal that was recorded.",
        ),
        F::VerificationDiffers => (
            "verification-differs",
            Serious,
            context
                .read::<EvidenceDigest>("verification")
                .is_some_and(|check| Some(check) != own),
            "The copy's verification gave another digest than the copy: the copy failed.",
        ),
        F::ReadErrors => (
            "read-errors",
            Notice,
            context
                .read::<u64>("read_errors")
                .is_some_and(|count| count > 0),
            "Parts of the source could not be read.",
        ),
        F::ParentDigestDiffers => (
            "parent-digest-differs",
            Serious,
            context
                .read::<Vec<Parent>>("parents")
                .unwrap_or_default()
                .iter()
                .any(|parent| {
                    let registered = context
                        .known
                        .exhibit(&parent.exhibit)
                        .and_then(|exhibit| exhibit.digest);
                    registered.is_some() && parent.digest.is_some() && parent.digest != registered
                }),
            "The source's bytes were not those that were registered.",
        ),
        F::AcceptedWithoutOffer => (
            "accepted-without-offer",
            Notice,
            named_offer.is_none() || offer.as_ref().map(|offer| offer.e) != named_offer,
            "It was accepted without an open offer.",
        ),
        F::AcceptedByColleague => (
            "accepted-by-colleague",
            Info,
            offer.as_ref().is_some_and(|offer| match &offer.to {
                Recipient::Actor(actor) => actor != context.actor(),
                Recipient::Org(to) => *to != org,
            }),
            "It was accepted by somebody other than the person it was offered to.",
        ),
        F::AcceptedFromOther => (
            "accepted-from-other",
            Notice,
            context.read::<ActorId>("from").is_some_and(|from| {
                let giver = offer.as_ref().map(|offer| offer.by.clone());
                giver
                    .or_else(|| holder.and_then(|holder| holder.person.clone()))
                    .is_some_and(|giver| giver != from)
            }),
            "The recipient names another giver than the one who offered or held it.",
        ),
        F::AcceptedWithoutDigest => (
            "accepted-without-digest",
            Notice,
            registered.is_some() && own.is_none(),
            "The recipient did not compute a digest of their own.",
        ),
        F::AcceptedDigestDiffers => (
            "accepted-digest-differs",
            Serious,
            registered.is_some() && own.is_some() && own != registered,
            "The bytes the recipient received are not those that were registered.",
        ),
        F::AcknowledgedDigestDiffers => (
            "acknowledged-digest-differs",
            Serious,
            context
                .read::<Vec<ExhibitDigest>>("digests")
                .unwrap_or_default()
                .iter()
                .any(|one| {
                    let registered = context
                        .known
                        .exhibit(&one.exhibit)
                        .and_then(|exhibit| exhibit.digest);
                    registered.is_some_and(|registered| registered != one.digest)
                }),
            "The bytes that were disclosed are not those that were registered.",
        ),
    };
    found.then(|| Flag {
        code,
        severity,
        entries: vec![context.entry.hash()],
        exhibit: exhibit_ref.map(|_| context.subject().clone()),
        words: words.to_owned(),
    })
}
