//! What rows of the table may flag: a closed list of predicates over reports of what happened.

use serde::{Deserialize, Serialize};

use super::outcome::{Flag, Severity};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::Subject;

/// What is flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagRule {
    /// Said to have happened after it was recorded.
    ClockAhead,
    /// Recorded later after it happened than the threshold.
    RecordedLate,
    /// The signer commits to no state of the log.
    SeenMissing,
    /// The signer commits to an old state of the log alone.
    SeenOld,
    /// Read without saying why.
    NoPurpose,
    /// Made out of an exhibit that was sealed.
    SourceSealed,
    /// Made out of an exhibit that was lost or gone.
    SourceGone,
    /// Examined, shown or checked after it was returned, disposed of or destroyed.
    UsedAfterEnd,
    /// Examined, shown or checked while it was lost.
    UsedWhileLost,
    /// Signed with a key that does not count, and adopted.
    Adopted,
    /// A branch off the custody chain, taken in whole.
    LateBranch,
    /// One of its entries.
    OnABranch,
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
    /// Accepted long after it was offered.
    OfferOpenLong,
    /// Recorded after the exhibit was returned, disposed of or destroyed.
    AfterEnd,
    /// Recorded while the exhibit was lost, and not its finding.
    WhileLost,
    /// A copy whose bytes are not its source's.
    CopyDiffers,
    /// A handover to or from somebody who has no key.
    OneSideOnly,
    /// Bytes handed to somebody without a key differ from those registered.
    DigestReplacedAtHandover,
    /// Custody taken over by a supervisor.
    CustodyAssumed,
    /// The exhibit is reported lost.
    Lost,
    /// Found though not recorded as lost.
    FoundNotLost,
    /// The exhibit was destroyed by accident.
    DestroyedUnplanned,
    /// Returned, disposed of or destroyed under a hold.
    UnderHold,
    /// Returned or disposed of without an authorisation that stands.
    NotAuthorised,
    /// Disposed of by the person who authorised it.
    OwnAuthorisation,
    /// Examined on an original or master that has bytes, not on a working copy.
    NotAWorkingCopy,
    /// A search whose result no second person reviewed.
    NoReviewer,
    /// A search without recorded corroboration.
    NoCorroboration,
    /// Recorded as verified with a digest that is not the registered one.
    VerifiedDiffers,
    /// A check of the bytes failed.
    VerificationFailed,
    /// Words of an earlier entry corrected.
    Corrected,
    /// Custody restated, by two people.
    CustodyRestated,
    /// An irregularity raised by somebody.
    IrregularityRaised,
    /// Said to have happened before what the exhibit's custody chain already tells.
    OutOfOrder,
    /// Recorded in a role that does not usually do this.
    UnusualRole,
    /// Details that practice records are not named.
    Incomplete,
    /// Footage, tag data or sound without a check of the device's clock.
    NoClockCheck,
    /// Only MD5 or SHA-1 came with it from outside.
    WeakDigestOnly,
    /// Examined though a seal is recorded on it.
    WhileSealed,
    /// Put into a container or taken out though a seal is recorded on that.
    ContainerSealed,
    /// Nobody held it for a time.
    CustodyGap,
    /// Moved by itself while it is recorded in a container.
    WhilePacked,
    /// Taken out of a container that it was not in.
    NotPacked,
    /// The feed that grew is not the one registered.
    ExtendsOther,
    /// Nothing proves that the new bytes begin with the old.
    ExtensionNotProven,
    /// A further key of somebody, which none of their earlier keys signed for.
    KeyNotCosigned,
    /// At the stated time: offered long ago and not answered.
    OfferStillOpen,
    /// At the stated time: kept longer than its retention.
    RetentionOverdue,
    /// At the stated time: signed with a key that is known to have been compromised by then.
    KeyCompromised,
}

impl FlagRule {
    /// Its code, how much it matters, and its words.
    pub fn says(self) -> (&'static str, Severity, &'static str) {
        use FlagRule as F;
        use Severity::{Info, Notice, Serious};
        match self {
            F::ClockAhead => (
                "clock-ahead",
                Notice,
                "It is said to have happened after it was recorded.",
            ),
            F::RecordedLate => (
                "recorded-late",
                Info,
                "It was recorded long after it is said to have happened: more than the ledger's threshold.",
            ),
            F::SeenMissing => (
                "seen-missing",
                Info,
                "The signer did not commit to any state of the log, as when signing offline.",
            ),
            F::SeenOld => (
                "seen-old",
                Info,
                "The signer commits only to a state of the log from before the entry that this one follows, which had stood there for long.",
            ),
            F::Adopted => (
                "adopted",
                Notice,
                "The key that signed it did not count when it was recorded; the signer or their authority took it in, as an entry of the signer's keys says.",
            ),
            F::LateBranch => (
                "late-branch",
                Serious,
                "Two continuations of this custody were signed: one stands in the chain, the other beside it, whole.",
            ),
            F::OnABranch => (
                "on-a-branch",
                Notice,
                "Another entry had followed the one that this goes on from. It is kept beside the custody chain as it was signed, and changes nothing there.",
            ),
            F::NoPurpose => ("no-purpose", Notice, "It was read without saying why."),
            F::SourceSealed => (
                "source-sealed",
                Serious,
                "It was made from an exhibit while a seal was recorded on that.",
            ),
            F::SourceGone => (
                "source-gone",
                Serious,
                "It was made from an exhibit that was recorded as lost, returned, disposed of or destroyed.",
            ),
            F::NotTheHolder => (
                "not-the-holder",
                Notice,
                "It was recorded by somebody who did not hold the exhibit.",
            ),
            F::ColleagueOfHolder => (
                "colleague-of-holder",
                Info,
                "It was recorded by a colleague of the person who held it.",
            ),
            F::DigestReplaced => (
                "digest-differs",
                Serious,
                "The bytes are not those that were digested before.",
            ),
            F::SealReused => (
                "seal-reused",
                Notice,
                "The seal number was used on this exhibit before.",
            ),
            F::SealedTwice => (
                "sealed-twice",
                Notice,
                "It was sealed while another seal was recorded on it.",
            ),
            F::NotSealed => (
                "not-sealed",
                Notice,
                "It was unsealed while no seal was recorded on it.",
            ),
            F::SealDiffers => (
                "seal-differs",
                Serious,
                "The seal that was seen is not the seal that was recorded.",
            ),
            F::VerificationDiffers => (
                "verification-differs",
                Serious,
                "The copy's verification gave another digest than the copy.",
            ),
            F::ReadErrors => (
                "read-errors",
                Notice,
                "Parts of the source could not be read.",
            ),
            F::ParentDigestDiffers => (
                "parent-digest-differs",
                Serious,
                "The source's bytes were not those that were registered.",
            ),
            F::AcceptedWithoutOffer => (
                "accepted-without-offer",
                Notice,
                "It was accepted without an open offer.",
            ),
            F::AcceptedByColleague => (
                "accepted-by-colleague",
                Info,
                "It was accepted by somebody other than the person it was offered to.",
            ),
            F::AcceptedFromOther => (
                "accepted-from-other",
                Notice,
                "The recipient names another giver than the one who offered or held it.",
            ),
            F::AcceptedWithoutDigest => (
                "accepted-without-digest",
                Notice,
                "The recipient did not compute a digest of their own.",
            ),
            F::AcceptedDigestDiffers => (
                "accepted-digest-differs",
                Serious,
                "The bytes the recipient received are not those that were registered.",
            ),
            F::AcknowledgedDigestDiffers => (
                "acknowledged-digest-differs",
                Serious,
                "The bytes that were disclosed are not those that were registered.",
            ),
            F::OfferOpenLong => (
                "offer-open-long",
                Notice,
                "The offer had been open for longer than the ledger's threshold when it was accepted.",
            ),
            F::AfterEnd | F::UsedAfterEnd => (
                "after-end",
                Serious,
                "It was recorded after the exhibit was returned, disposed of or destroyed.",
            ),
            F::WhileLost | F::UsedWhileLost => (
                "while-lost",
                Notice,
                "It was recorded while the exhibit was recorded as lost.",
            ),
            F::CopyDiffers => (
                "copy-differs",
                Serious,
                "The digest recorded for the copy is not the one registered for its source.",
            ),
            F::OneSideOnly => (
                "one-side-only",
                Notice,
                "Only one side attests to this handover: the other has no key.",
            ),
            F::DigestReplacedAtHandover => (
                "handed-digest-differs",
                Serious,
                "The bytes handed over are not those that were registered.",
            ),
            F::CustodyAssumed => (
                "custody-assumed",
                Notice,
                "Custody was taken over without the holder's own entry.",
            ),
            F::Lost => ("lost", Serious, "The exhibit was recorded as lost."),
            F::FoundNotLost => (
                "found-not-lost",
                Notice,
                "It was recorded as found though it was not recorded as lost.",
            ),
            F::DestroyedUnplanned => (
                "destroyed-unplanned",
                Serious,
                "The exhibit was destroyed without anybody's decision.",
            ),
            F::UnderHold => (
                "under-hold",
                Serious,
                "A hold on the exhibit or its case was in force.",
            ),
            F::NotAuthorised => (
                "not-authorised",
                Serious,
                "It names no authorisation of disposal that stands for this exhibit.",
            ),
            F::OwnAuthorisation => (
                "own-authorisation",
                Serious,
                "The person who disposed of it had authorised the disposal.",
            ),
            F::NotAWorkingCopy => (
                "not-a-working-copy",
                Notice,
                "It was examined though it is not a working copy.",
            ),
            F::NoReviewer => (
                "no-reviewer",
                Serious,
                "Nobody other than the operator reviewed the result of the search.",
            ),
            F::NoCorroboration => (
                "no-corroboration",
                Notice,
                "No corroboration of the search's result was recorded.",
            ),
            F::VerifiedDiffers => (
                "verified-differs",
                Serious,
                "It was recorded as verified, but the digests are not both the registered one.",
            ),
            F::VerificationFailed => (
                "verification-failed",
                Serious,
                "The bytes were checked and were not those expected.",
            ),
            F::Corrected => (
                "corrected",
                Info,
                "Words of an earlier entry were corrected; the earlier entry stands as it was.",
            ),
            F::CustodyRestated => (
                "custody-restated",
                Serious,
                "Somebody states that the custody was other than earlier entries give.",
            ),
            F::IrregularityRaised => (
                "irregularity-raised",
                Notice,
                "Somebody raised an irregularity.",
            ),
            F::OutOfOrder => (
                "out-of-order",
                Notice,
                "It is said to have happened before acts that were recorded earlier.",
            ),
            F::UnusualRole => (
                "unusual-role",
                Info,
                "People in the signer's role do not usually do this.",
            ),
            F::Incomplete => (
                "incomplete",
                Info,
                "Details that practice records with this were not given.",
            ),
            F::NoClockCheck => (
                "no-clock-check",
                Notice,
                "No check of the device's clock was recorded.",
            ),
            F::WeakDigestOnly => (
                "weak-digest-only",
                Notice,
                "It came from outside with an MD5 or SHA-1 digest alone, which can be forged.",
            ),
            F::WhileSealed => (
                "while-sealed",
                Serious,
                "It was examined while a seal was recorded on it.",
            ),
            F::ContainerSealed => (
                "container-sealed",
                Serious,
                "It was put in or taken out though a seal was recorded on the container.",
            ),
            F::CustodyGap => (
                "custody-gap",
                Serious,
                "Nobody is recorded as having held it for a time.",
            ),
            F::WhilePacked => (
                "while-packed",
                Notice,
                "It was handled by itself while it was recorded in a container.",
            ),
            F::NotPacked => (
                "not-packed",
                Notice,
                "It was taken out of a container that it was not recorded in.",
            ),
            F::ExtendsOther => (
                "extends-other",
                Serious,
                "What was extended is not what was registered.",
            ),
            F::ExtensionNotProven => (
                "extension-not-proven",
                Notice,
                "Nothing here proves that the new bytes begin with the old; whoever has both can compare.",
            ),
            F::KeyNotCosigned => (
                "key-not-cosigned",
                Notice,
                "The person had a key already, and none of their keys signed for the further one.",
            ),
            F::OfferStillOpen => (
                "offer-still-open",
                Notice,
                "An offer has been open for longer than the ledger's threshold.",
            ),
            F::RetentionOverdue => (
                "retention-overdue",
                Notice,
                "The exhibit is kept beyond the time that was set for it.",
            ),
            F::KeyCompromised => (
                "key-compromised",
                Serious,
                "It is signed with a key that was later declared compromised from before this was recorded.",
            ),
        }
    }

    /// The flag on an entry.
    pub fn raise(self, e: EntryHash, exhibit: Option<Subject>) -> Flag {
        let (code, severity, words) = self.says();
        Flag {
            code,
            severity,
            entries: vec![e],
            exhibit,
            words: words.to_owned(),
            explained: Vec::new(),
        }
    }
}
