//! What rows of the table may flag: a closed list of predicates over reports of what happened.

use serde::{Deserialize, Serialize};

use super::outcome::Flag;
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
    /// A seal was seen, and none is recorded.
    SealNotRecorded,
    /// Taken in hand though a seal is recorded on it, and nothing is said of that.
    SealNotStated,
    /// The copy's own verification gave another digest.
    VerificationDiffers,
    /// Parts of the source could not be read.
    ReadErrors,
    /// The parent's bytes were not those registered.
    ParentDigestDiffers,
    /// Accepted without an open offer, or under another one.
    AcceptedWithoutOffer,
    /// Accepted by a colleague of the person named.
    AcceptedByColleague,
    /// Accepted by another organisation than the one it was offered to.
    AcceptedByOther,
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
    /// Handled while somebody outside the ledger had it.
    WhileOutside,
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
    /// Another's claim of privilege rejected by somebody who is no court.
    PrivilegeNotByCourt,
    /// A disclosure withdrawn: its recipients read it no more.
    DisclosureWithdrawn,
    /// An organisation put out of a case by another.
    PutOut,
    /// An organisation given another part in a case that it is in.
    PartChanged,
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
