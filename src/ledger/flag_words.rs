//! What is said of each flag: its code, how much it matters, and its words.

use super::flags::FlagRule;
use super::outcome::Severity;

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
                "It was made from an exhibit while a seal was recorded on that, or on what that lay in.",
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
            F::SealNotRecorded => (
                "seal-not-recorded",
                Notice,
                "A seal was seen on it, and none is recorded.",
            ),
            F::SealNotStated => (
                "seal-not-stated",
                Info,
                "A seal is recorded on it, and whoever took it did not say which seal they saw.",
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
                "It was accepted by a colleague of the person it was offered to.",
            ),
            F::AcceptedByOther => (
                "accepted-by-other",
                Notice,
                "It was accepted by another organisation than the one it was offered to.",
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
            F::WhileOutside => (
                "while-outside",
                Notice,
                "It was recorded while somebody outside the ledger was recorded as having the exhibit.",
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
            F::PrivilegeNotByCourt => (
                "privilege-not-by-court",
                Serious,
                "Another organisation's claim of privilege was recorded as rejected, and not by a court.",
            ),
            F::DisclosureWithdrawn => (
                "disclosure-withdrawn",
                Notice,
                "What had been disclosed was withdrawn: the recipients no longer read it here.",
            ),
            F::PutOut => (
                "put-out",
                Notice,
                "The organisation was put out of the case by another, not by itself or by a court.",
            ),
            F::PartChanged => (
                "part-changed",
                Notice,
                "The organisation is or was in the case with another part, and the part decides what it may read.",
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
                "It was examined or shown while a seal was recorded on it, or on what it lay in.",
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
}
