//! What each name of the closed lists means, exactly: for whoever writes the rules again in another language.
//!
//! The table names predicates and changes; this says when one holds and what one does, in the terms that
//! [`TERMS`] defines. `docs/RULES.md` prints it, and a `match` without a default keeps it whole.

use super::effects::Effect;
use super::flags::FlagRule;
use super::refusals::RefuseRule;

/// The terms in which predicates and changes are stated.
pub const TERMS: &str = "\
- *The entry* is the one being decided on; `x` in this type is the member `x` of its body. *Signer*: its `actor`. *Their organisation*: the part of an actor id before the slash.
- What is known is the state before the entry: the changes of every earlier entry of the log, in order.
- *The exhibit*, *the case*: what the entry's `subject` opened. Every exhibit has a case, a kind, a role, parents, a holder (a person and their organisation), a status (held, outside, lost, returned, disposed, destroyed) and, where they are known, a *registered digest*, an open offer, a seal, a place, a carrier, a container, holds, an authorisation of disposal, organisations that claim privilege in it.
- *Party of a case*: an organisation that opened it or joined it, and has not left it.
- *Holds in force* on an exhibit: its own, and those of its case, that nobody has lifted, and whose `until` is null or not before log time.
- Two digests are the same if kind, size, SHA-256 and chunk root are. A comparison with something that is not known or not stated raises no flag, unless it says otherwise.
- *Log time*: the `recorded_at` of the entry. A time range counts by its beginning.
- A refusing predicate must hold, or the entry is refused; predicates are tried in the row's order and the first that does not hold gives the code. Flags are raised where their predicate holds, `always_flag` first, then in the row's order.
";

impl RefuseRule {
    /// When it holds; otherwise the entry is refused.
    pub fn meaning(self) -> &'static str {
        use RefuseRule as R;
        match self {
            R::NamesGenesis => "`genesis` is the hash of this ledger's genesis entry",
            R::OwnOrganisation => {
                "the signer is the authority of their organisation; `actor`, if stated, is of that organisation; and so is the actor whose `keys` chain this is, if enrolled"
            }
            R::SubjectIsActor => {
                "the id half of `actor` is the entry's subject, and no other actor is enrolled under that id"
            }
            R::NoReservedRole => {
                "neither `roles` nor the roles that the actor of the chain has hold `service` or `authority`"
            }
            R::AuditorOfOversight => {
                "`roles` does not hold `auditor`, or the signer's organisation is of the sector `oversight`"
            }
            R::KeyIsNew => "`key` was never enrolled, by nobody",
            R::ProofOfPossession => {
                "`proof` verifies under the key it holds, and names this ledger, `actor` and `key`"
            }
            R::KeyOfSubject => {
                "`key` was enrolled for the actor whose `keys` chain this is, and that actor is of the signer's organisation"
            }
            R::NewCase | R::NewExhibit => {
                "no case and no exhibit has the entry's subject as its id"
            }
            R::InCase => {
                "the entry's subject is a case, and the signer's organisation is a party of it"
            }
            R::InNamedCase => "`case` is a case, and the signer's organisation is a party of it",
            R::InCaseOfExhibit => {
                "the entry's subject is an exhibit, and the signer's organisation holds it, or is a party of its case; with the part `custodian` only if it held the exhibit once or the open offer is to it"
            }
            R::NotCustodian => {
                "the signer's organisation is not a party of the case with the part `custodian`"
            }
            R::OrganisationKnown => "`org` is an organisation of this ledger that is not suspended",
            R::ParentsKnown => {
                "every exhibit of `parents` is known, and the signer's organisation is a party of its case, or of the case `case`, and `exhibit-linked` took that exhibit into it"
            }
            R::HoldsIt => {
                "the exhibit's holder is of the signer's organisation, and its status is held"
            }
            R::OfferToOther => {
                "`to` names a person other than the signer, an organisation other than the signer's, or a store"
            }
            R::RecipientInCase => {
                "the organisation of `to` is a party of the exhibit's case and not suspended, and a person that it names is enrolled"
            }
            R::NoOpenOffer => "the exhibit has no open offer",
            R::OfferIsOpen => "`offer` is the exhibit's open offer",
            R::OfferedToMe => {
                "the exhibit's open offer is to the signer's organisation, or to a person or store of it"
            }
            R::OfferedByMe => {
                "the exhibit's open offer was made by somebody of the signer's organisation"
            }
            R::ExhibitOfThisCase => "`exhibit` is an exhibit whose case is the entry's subject",
            R::ChildOfThisExhibit => {
                "`exhibit` is an exhibit among whose parents the entry's subject is"
            }
            R::CauseKnown => "`cause` is an entry of the log",
            R::ExhibitsInCase => {
                "the table of contents of the case lists every exhibit of `exhibits`, where that is stated"
            }
            R::RecipientsInCase => "every organisation of `to` is a party of the case",
            R::DisclosedToMe => {
                "`disclosure` is a `disclosed` entry of this case whose `to` has the signer's organisation"
            }
            R::TargetOfSubject => "`target` is an entry of the log about the same subject",
            R::TargetsOfSubject => {
                "every entry of `targets` is in the log and about the same subject; in an extract, one that is withheld counts by its chain"
            }
            R::RestatementMatches => {
                "`countersigns` is null; or it is the restatement that waits on this exhibit, made by another person, with the same `holder`"
            }
            R::HoldInForce => {
                "`hold` is a hold on the entry's subject itself that nobody has lifted, whatever its `until`"
            }
            R::HoldOfMine => {
                "`hold` was placed by the signer's organisation, or the signer has the role `court`"
            }
            R::NoHold => {
                "no hold is in force on the exhibit, on what is in it, on the container that it is in, on its case, or on a case that took it or what is in it in; in an extract, those that it does not hold count as none"
            }
            R::NotOwnDisposal => "the signer is not the person who holds the exhibit",
            R::PrivilegeClaimed => "privilege in the exhibit is claimed, or was upheld",
            R::ResolvesPrivilege => {
                "`outcome` is `waived` and the signer's organisation claims privilege in the exhibit; or it is another and the signer has the role `prosecutor` or `court`"
            }
            R::MayPutOut => {
                "`org` is the signer's organisation, or the signer has the role `officer`, `disclosure-officer`, `prosecutor` or `court` and `not-custodian` holds"
            }
            R::NotLastParty => "the case has more than one party",
            R::InCaseOrAuditor => {
                "as `in-case-of-exhibit` or, where the entry is about a case, `in-case`; or the exhibit or case is known and the signer has the role `auditor` and is of an organisation of the sector `oversight`"
            }
            R::PartyOfCase => "`org` is a party of the case",
            R::InBothCases => {
                "`exhibit` is an exhibit of another case than the entry's subject, and the signer's organisation is a party of that other case with a part other than `defence`, `prison`, `probation` and `custodian`"
            }
            R::NotListed => "the table of contents of the case does not list `exhibit`",
            R::ExhibitInCase => "the table of contents of the case lists `exhibit`",
            R::NotPrivileged => {
                "in none of `exhibits`, nor in `exhibit`, is privilege claimed or upheld; an exhibit of which nothing is known (in an extract) passes"
            }
            R::ContainerOfCase => {
                "`container` is an exhibit of the kind `container` and of the same case, and the exhibit packed is of another kind"
            }
            R::DisclosureOfCase => "`disclosure` is a `disclosed` entry of this case",
            R::EventsKnown => {
                "every code of `withhold_events`, where that is stated, is an event of the table"
            }
            R::UndertakingOfCase => "`undertaking` is an `undertaking-given` entry of this case",
            R::SubjectIsEnrolled => "the entry's subject is that of an enrolled actor",
            R::ProposalOpen => {
                "`proposal` is an entry that proposed a change, which holds already or could be proposed again as things stand: an organisation to be admitted meets `organisation-free` and its key `key-is-new`, one to be suspended is not suspended, an authority meets `is-authority` and its key `key-is-new`"
            }
            R::OrganisationFree => {
                "`actor` is of `org`, nobody is enrolled under its id, `org` is not the part before the slash of the service's id, and no organisation has this name or it is suspended"
            }
            R::Erasable => {
                "`erase` or `files` names something. Every entry of `erase` is one about the same subject, not on the strand `access`, not one that erases, and recorded by the signer's organisation, unless the signer has the role `court`; every file of `files` is one that such an entry attached to the exhibit (`attach-candidates`) or, where it is the SHA-256 of the registered digest, the entry that opened the exhibit is such an entry"
            }
            R::IsAuthority => {
                "`actor` is the authority of its organisation, which is not suspended"
            }
            R::ForksHere => {
                "`from` is an entry of the entry's own chain, or of a branch off it, and not the last of the chain"
            }
            R::EntriesAreNew => "no entry of `entries` is in the log, and none is named twice",
            R::BranchShort => "`entries` names at most 100",
            R::OwnPeople => {
                "the chain is that of an enrolled actor, and the signer is that actor or the authority of that actor's organisation"
            }
            R::NotApprovedByMe => "the signer's organisation does not stand behind `proposal` yet",
        }
    }
}

impl FlagRule {
    /// When it is raised.
    pub fn meaning(self) -> &'static str {
        use FlagRule as F;
        match self {
            F::ClockAhead => "`occurred_at` is later than log time plus `clock_tolerance`",
            F::RecordedLate => "`occurred_at` is earlier than log time less `recorded_late_after`",
            F::SeenMissing => "`seen` is null",
            F::SeenOld => {
                "`seen` does not cover the entry before this one on its chain, although that was recorded more than `seen_old_after` before log time"
            }
            F::Adopted => {
                "the entry is on the strand `custody`, the signer's key is revoked, not valid yet or no longer valid at this place, and an earlier `adopted` entry on the signer's `keys` chain names the entry"
            }
            F::NoPurpose => "the entry names no detail `purpose`",
            F::SourceSealed => {
                "a seal is on an exhibit of `parents`, or on the container that it is in"
            }
            F::SourceGone => {
                "the status of an exhibit of `parents` is lost, returned, disposed or destroyed"
            }
            F::UsedAfterEnd => "the exhibit's status is returned, disposed or destroyed",
            F::UsedWhileLost => "the exhibit's status is lost",
            F::NotTheHolder => "the exhibit's holder is of another organisation than the signer's",
            F::ColleagueOfHolder => {
                "the exhibit is held by another person of the signer's organisation, and is in no store"
            }
            F::DigestReplaced => "a digest is registered, and `digest` is not the same",
            F::SealReused => "`seal` is a number that an earlier entry put on this exhibit",
            F::SealedTwice => "a seal is on the exhibit",
            F::NotSealed => "no seal is on the exhibit",
            F::SealDiffers => "`seal` is stated, a seal is on the exhibit, and the numbers differ",
            F::SealNotRecorded => "`seal` is stated, and no seal is on the exhibit",
            F::SealNotStated => "`seal` is not stated, and a seal is on the exhibit",
            F::VerificationDiffers => "`verification` is stated and is not the same as `digest`",
            F::ReadErrors => "`read_errors` is stated and above 0",
            F::ParentDigestDiffers => {
                "a digest stated in `parents` is not the same as that exhibit's registered digest"
            }
            F::AcceptedWithoutOffer => "`offer` is null, or is not the exhibit's open offer",
            F::AcceptedByColleague => {
                "the open offer names another person of the signer's organisation"
            }
            F::AcceptedByOther => {
                "the open offer is to another organisation than the signer's, or to a person or store of another"
            }
            F::AcceptedFromOther => {
                "`from` is stated, and is neither who made the open offer nor the person who holds the exhibit"
            }
            F::AcceptedWithoutDigest => "a digest is registered, and `digest` is null",
            F::AcceptedDigestDiffers | F::DigestReplacedAtHandover => {
                "a digest is registered, `digest` is stated, and they are not the same"
            }
            F::AcknowledgedDigestDiffers => {
                "a digest of `digests` is not the same as that exhibit's registered digest"
            }
            F::OfferOpenLong => {
                "the exhibit's open offer was recorded more than `offer_open_for` before log time"
            }
            F::AfterEnd => {
                "the entry is on the strand `custody`, is not `late-branch`, and the exhibit's status is returned, disposed or destroyed"
            }
            F::WhileLost => {
                "the entry is on the strand `custody`, is neither `found` nor `late-branch`, and the exhibit's status is lost"
            }
            F::WhileOutside => "the exhibit's status is outside",
            F::CopyDiffers => {
                "`role` is `master`, `working` or `defence`, `parents` names one exhibit, that has a registered digest, and `digest` is not the same"
            }
            F::OneSideOnly
            | F::LateBranch
            | F::OnABranch
            | F::CustodyAssumed
            | F::Lost
            | F::DestroyedUnplanned
            | F::VerificationFailed
            | F::Corrected
            | F::CustodyRestated
            | F::IrregularityRaised => "always",
            F::FoundNotLost => "the exhibit's status is not lost",
            F::UnderHold => "a hold is in force on the exhibit, on what is in it, or on its case",
            F::NotAuthorised => {
                "`authorisation` is null, or is not the exhibit's latest `disposal-authorised` entry"
            }
            F::OwnAuthorisation => {
                "the exhibit's latest authorisation of disposal is the signer's own"
            }
            F::NotAWorkingCopy => {
                "a digest is registered, and the exhibit's role is `original` or `master`"
            }
            F::NoReviewer => "`reviewer` is null, the signer, or nobody who is enrolled",
            F::NoCorroboration => "the entry names no detail `corroboration`",
            F::VerifiedDiffers => {
                "`actual` is not the same as `expected`, or not the same as the registered digest"
            }
            F::PrivilegeNotByCourt => {
                "`outcome` is `rejected`, another organisation than the signer's claims privilege in the exhibit, and the signer has not the role `court`"
            }
            F::DisclosureWithdrawn => "always",
            F::PutOut => {
                "`org` is not the signer's organisation, and the signer has not the role `court`"
            }
            F::PartChanged => {
                "`org` is a party of the case with another part than `part`, or had another when it left last"
            }
            F::OutOfOrder => {
                "the entry is on the strand `custody`, and its `occurred_at` is earlier than that of an earlier entry that changed this exhibit on that strand (than its log time, where `occurred_at` is later)"
            }
            F::UnusualRole => "the row has `usual_roles`, and the signer has none of them",
            F::Incomplete => "the entry does not name every detail of the row's `usual_details`",
            F::NoClockCheck => {
                "`kind` is `surveillance-footage`, `wearable-data` or `audio`, `role` is `original` or `master`, and the entry names neither of the details `clock_offset` and `clock_reference`"
            }
            F::WeakDigestOnly => {
                "the entry names the detail `md5` or `sha1`, and neither `sha256` nor `sha512`"
            }
            F::WhileSealed => "a seal is on the exhibit, or on the container that it is in",
            F::ContainerSealed => "a seal is on `container`",
            F::CustodyGap => "the exhibit's status is lost",
            F::WhilePacked => "the exhibit is in a container",
            F::NotPacked => "the exhibit is not in `container`",
            F::ExtendsOther => "a digest is registered, and `previous` is not the same",
            F::ExtensionNotProven => {
                "`previous` is not a whole number of chunks long and of the kind of `digest`, or `proof` is not the consistency proof (RFC 9162 section 2.1.4.2) from its chunk tree to that of `digest`"
            }
            F::KeyNotCosigned => {
                "a key was enrolled for `actor` before, and `cosigned` is missing, does not name this ledger, `actor` and `key`, or is signed with no key of `actor` that is valid at this place"
            }
            F::OfferStillOpen => {
                "at the stated time, an open offer was recorded more than `offer_open_for` before; on the entry that made the offer"
            }
            F::RetentionOverdue => {
                "at the stated time, the exhibit's own retention time is past, its status is held or outside, and no hold on it or its case is in force; on the entry that opened it"
            }
            F::KeyCompromised => {
                "at the stated time, `key-revoked` has declared the entry's key compromised since a time that is not after the entry's log time; on each such entry"
            }
        }
    }
}

impl Effect {
    /// What it changes.
    pub fn meaning(self) -> &'static str {
        use Effect as E;
        match self {
            E::None => "nothing",
            E::Genesis => {
                "the ledger begins: service, log keys, organisations with their authorities, which are enrolled with the keys stated"
            }
            E::AcceptGenesis => {
                "the signer's organisation has accepted genesis, and its people may write"
            }
            E::AddLogKeys => {
                "the keys of `log` are the log's from here on, beside those that it had; each is new to it, has the ledger's origin as its name and is of type 0x01 or 0x06, or the entry is refused with `bad-body`"
            }
            E::ContinueLedger => {
                "this ledger goes on where the log of `checkpoint` ended: evidence of that one is registered here anew. The entry is refused with `bad-body` where that log is this one, or is continued here already"
            }
            E::RotateService => {
                "every key of the service is revoked, compromised since `compromised_since` where stated, and it signs with `key` from the next entry on; `actor` is the signer, or the entry is refused with `bad-body`"
            }
            E::EnrolKey => {
                "`key` is one of `actor`'s, within the validity stated; the actor's roles are `roles`, in the place of earlier ones"
            }
            E::RevokeKey => {
                "signatures with `key` count no more from this place in the log on; what was recorded since `compromised_since` (the earliest that was stated) is flagged `key-compromised`"
            }
            E::OpenCase => {
                "a case begins; the signer's organisation is a party with the part that is its sector"
            }
            E::JoinParty => "`org` is a party with the part `part`",
            E::OpenExhibit => {
                "an exhibit begins, held by the signer, with what the body states (role `original` where none is); the service must record it in the table of contents of its case, and as a child on each parent of the same case"
            }
            E::SetDigest => "the registered digest is `digest`, if there was none before",
            E::Extend => {
                "the registered digest is `digest`, if it was `previous` before or there was none"
            }
            E::Seal => "the seal on it is `seal`, which counts as used",
            E::Unseal => "no seal is on it",
            E::Offer => "the open offer is this one",
            E::Accept => {
                "no offer is open; the signer holds it, with status held and no carrier, in the store that the open offer named, or else in none; so do they hold all that is in it; it is in no container"
            }
            E::CloseOffer => "no offer is open",
            E::AddExhibit => "the table of contents of the case lists `exhibit`",
            E::LinkExhibit => {
                "the table of contents of the case lists `exhibit`, and the case took it in; nothing of the exhibit or of its own case changes"
            }
            E::Disclose => {
                "every organisation of `to` may read every exhibit of `exhibits`, until `expires` where that is stated, and without the details withheld: those of `withhold_profile`, `withhold_details` and `withhold_events`"
            }
            E::WithdrawDisclosure => "nobody reads any more by `disclosure`",
            E::LeaveParty => "`org` is a party no more; the part it had is remembered",
            E::PlaceHold | E::PlaceCaseHold => {
                "this entry is a hold of the signer's organisation, until `until` where that is stated"
            }
            E::LiftHold | E::LiftCaseHold => "`hold` is a hold no more",
            E::ChangeRoles => "the actor's roles are `roles`",
            E::ProposeRule => {
                "the signer's organisation stands behind the change of `threshold`; where that makes more than half of the organisations that are not suspended, for the first time, it holds from the next entry on"
            }
            E::ApproveRule => {
                "one organisation more stands behind `proposal`; where that makes more than half of the organisations that are not suspended (each must be one of them), for the first time, it holds from the next entry on"
            }
            E::AdmitOrganisation => {
                "as `propose-rule`: `org` is an organisation of the sector `sector`, which has not accepted genesis; its authority is `actor`, enrolled with `key`. Where it was suspended, it is so no more, and every key of its earlier authority is revoked"
            }
            E::SuspendOrganisation => {
                "as `propose-rule`: `org` is suspended; what its people sign is refused, and it stands behind no proposal"
            }
            E::RotateAuthority => {
                "every key of the authority `actor` is revoked, compromised since `compromised_since` where stated, and `key` is one of its keys: from the next entry on if the signer is that authority, else as `propose-rule`"
            }
            E::Explain => {
                "flags with the code `category` on the entries of `targets` have this explanation too"
            }
            E::Store => {
                "it and all that is in it is in `place`, with no carrier; it is in no container"
            }
            E::Consign => {
                "`carrier` has it and all that is in it, and it is in no store; the holder stays; it is in no container"
            }
            E::HandOutside => {
                "its status, and that of all that is in it, is outside; the holder stays; it is in no container"
            }
            E::Lose => {
                "its status, and that of all that is in it, is lost; no offer of it is open; it is in no container"
            }
            E::Find => {
                "no offer is open; the signer holds it and all that is in it, with status held, in no store and with no carrier; it is in no container"
            }
            E::Return => {
                "its status, and that of all that is in it, is returned; no offer of it is open; it is in no container"
            }
            E::Dispose => {
                "its status, and that of all that is in it, is disposed; no offer of it is open; it is in no container"
            }
            E::Destroy => {
                "its status, and that of all that is in it, is destroyed; no offer of it is open; it is in no container"
            }
            E::Pack => "it is in `container`, and in no other; what moves that container moves it",
            E::Unpack => "it is in no container",
            E::AttachCandidates => {
                "`candidates`, if it is not null, is a file of the exhibit's: kept, and read under its rights"
            }
            E::Erase => {
                "the details of `erase` are erased under this entry, and so are the files of `files`; what was erased before stays erased under the entry that did it. Their texts are destroyed; flags and state stay as they are"
            }
            E::Supplement => "an `incomplete` flag on `target` has this explanation too",
            E::SetRetention => "it is to be kept until `until`; null lifts that",
            E::AuthoriseDisposal => "this entry is its authorisation of disposal",
            E::ClaimPrivilege => "the signer's organisation claims privilege in it",
            E::ResolvePrivilege => {
                "with `outcome` `waived` the signer's organisation claims privilege no more; with `rejected` nobody does; with `upheld` the claims stand"
            }
            E::TakeInBranch => {
                "the entries of `entries` follow in the log at once, in that order, each on the same chain: the first has `from` as `prev`, each other the one before it, and `seq` is one more than that entry's. They take no place in the chain and change nothing; none of them is a `late-branch`. Of what rows and `always_flag` name, `in-case-of-exhibit` is asked of them, and the flags of `branch_flag` are tried"
            }
            E::Adopt => {
                "each entry of `entries` that is signed by the actor of the chain, on the strand `custody`, counts though its key is revoked, not valid yet or no longer valid"
            }
            E::Restate => {
                "with `countersigns` null, the restatement waits, in the place of an earlier one; else the exhibit is held by `holder`, as after `found`"
            }
        }
    }
}
