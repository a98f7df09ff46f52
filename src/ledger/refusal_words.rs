//! What is said where a predicate of the table does not hold: code, why, and what to do next.

use super::outcome::Refusal;
use super::refusals::RefuseRule;

impl RefuseRule {
    /// The refusal.
    pub fn refusal(self) -> Refusal {
        use RefuseRule as R;
        let (code, why, next) = match self {
            R::NamesGenesis => (
                "other-genesis",
                "The entry does not name this ledger's genesis entry.",
                "Look at the ledger's genesis, then sign again.",
            ),
            R::OwnOrganisation => (
                "outside-organisation",
                "An authority enrols and revokes only in its own organisation.",
                "Ask the authority of that person's organisation.",
            ),
            R::SubjectIsActor => (
                "subject-is-not-actor",
                "The chain is not that of the actor being enrolled, or the id is taken by another.",
                "Sign again for the actor's own chain.",
            ),
            R::NoReservedRole => (
                "reserved-role",
                "The roles \"service\" and \"authority\" come from genesis alone.",
                "Choose other roles.",
            ),
            R::AuditorOfOversight => (
                "auditor-of-oversight",
                "Only an organisation of the sector \"oversight\" has auditors: they read every case.",
                "Choose other roles, or ask an oversight body of this ledger.",
            ),
            R::KeyIsNew => (
                "key-taken",
                "This key is enrolled already; a key belongs to one actor for ever.",
                "Make a new key (custodes key new).",
            ),
            R::ProofOfPossession => (
                "no-possession",
                "The proof that the person holds this key does not verify.",
                "Ask the person for a new proof (custodes key show).",
            ),
            R::KeyOfSubject => (
                "key-of-another",
                "The key is not a key of this actor.",
                "Check the key id (custodes key show).",
            ),
            R::NewCase | R::NewExhibit => (
                "already-open",
                "An exhibit or case with this id is open already.",
                "Sign again with a new id.",
            ),
            R::InCase | R::InNamedCase | R::InCaseOfExhibit | R::InCaseOrAuditor => (
                "no-standing",
                "There is no such case or exhibit, or your organisation is not in the case.",
                "Check the reference, or ask a party to let your organisation join.",
            ),
            R::OrganisationKnown => (
                "unknown-organisation",
                "The organisation is not one of this ledger's, or is suspended.",
                "Check its name.",
            ),
            R::ParentsKnown => (
                "unknown-parent",
                "A parent is not an exhibit of a case that your organisation is in.",
                "Check the parents' references.",
            ),
            R::InBothCases => (
                "not-linkable",
                "It is not an exhibit of another case that your organisation is in and reads all of.",
                "Check its reference; an exhibit is linked by somebody who stands in both cases.",
            ),
            R::NotListed => (
                "listed-already",
                "The case's list of exhibits has this exhibit already.",
                "Nothing needs to be done.",
            ),
            R::HoldsIt => (
                "not-holder",
                "One cannot offer what another organisation holds, or what is recorded as lost, ended or with somebody outside.",
                "Ask the holder to offer it, or record first that you have it.",
            ),
            R::OfferToOther => (
                "offer-to-self",
                "One cannot offer an exhibit to oneself.",
                "Name another person or organisation.",
            ),
            R::RecipientInCase => (
                "recipient-not-in-case",
                "The recipient is not in the case, or their organisation is suspended.",
                "Let their organisation join first (custodes case join); with the part \"custodian\" it reads only what it is handed.",
            ),
            R::NoOpenOffer => (
                "offer-open",
                "The exhibit is on offer already.",
                "Withdraw that offer first.",
            ),
            R::OfferIsOpen => (
                "no-such-offer",
                "The offer named is not open.",
                "Look at the exhibit's history.",
            ),
            R::OfferedToMe => (
                "not-offeree",
                "The offer was not made to your organisation.",
                "Only those it was made to can refuse it.",
            ),
            R::OfferedByMe => (
                "not-offeror",
                "The offer was not made by your organisation.",
                "Only those who made it can withdraw it.",
            ),
            R::ExhibitOfThisCase => (
                "not-in-case",
                "The exhibit was not opened in this case.",
                "Nothing needs to be done: the service records this.",
            ),
            R::ChildOfThisExhibit => (
                "not-a-child",
                "The exhibit was not made from this one.",
                "Nothing needs to be done: the service records this.",
            ),
            R::CauseKnown => (
                "unknown-cause",
                "The entry named as cause is not in the ledger.",
                "Nothing needs to be done: the service records this.",
            ),
            R::ExhibitsInCase => (
                "not-disclosable",
                "Only exhibits of this case can be disclosed in it.",
                "Check the references.",
            ),
            R::RecipientsInCase => (
                "recipient-not-in-case",
                "A recipient is not in the case.",
                "Let their organisation join first (custodes case join).",
            ),
            R::TargetOfSubject => (
                "unknown-target",
                "The entry pointed at is not one of this exhibit or case.",
                "Check its id in the history.",
            ),
            R::TargetsOfSubject => (
                "unknown-target",
                "An entry pointed at is not one of this exhibit or case.",
                "Check the ids in the history.",
            ),
            R::RestatementMatches => (
                "not-countersigned",
                "A restatement of custody takes effect when a second person names the first entry and the same holder.",
                "Let a second person record it, naming the entry that waits.",
            ),
            R::HoldInForce => (
                "no-such-hold",
                "The hold named is not in force here.",
                "Look at the history of the exhibit or case.",
            ),
            R::HoldOfMine => (
                "not-your-hold",
                "A hold is lifted by the organisation that placed it, or by a court.",
                "Ask them to lift it.",
            ),
            R::NoHold => (
                "under-hold",
                "A hold is in force: neither can the disposal be authorised, nor anything of it erased.",
                "Have the hold lifted first: look at the histories of the exhibit, its case, its bag and what is in it. Not every hold is shown to everybody; the court or an auditor sees all.",
            ),
            R::NotOwnDisposal => (
                "own-disposal",
                "One cannot authorise the disposal of what one holds oneself.",
                "Let another person authorise it.",
            ),
            R::PrivilegeClaimed => (
                "no-claim",
                "No privilege is claimed in this exhibit.",
                "Look at the exhibit's history.",
            ),
            R::ResolvesPrivilege => (
                "not-your-claim",
                "A claim of privilege is waived by the organisation that made it, and upheld or rejected by a prosecutor or a court.",
                "Ask them to record it.",
            ),
            R::MayPutOut => (
                "not-yours-to-put-out",
                "That another organisation left is recorded by an officer, a disclosure officer, a prosecutor or a court, and not by a custodian.",
                "Ask one of them, or that organisation.",
            ),
            R::NotLastParty => (
                "last-party",
                "It is the only organisation in the case: nobody could record anything of it any more.",
                "Let another organisation join first (custodes case join), or close the case.",
            ),
            R::NotCustodian => (
                "custodian-only",
                "Your organisation is in the case as a custodian: it records what it does with what it is handed, and nothing else of the case.",
                "Ask another organisation of the case to record it.",
            ),
            R::PartyOfCase => (
                "not-a-party",
                "The organisation is not in the case.",
                "Check its name.",
            ),
            R::ExhibitInCase => (
                "not-disclosable",
                "Only exhibits of this case can be scheduled in it.",
                "Check the reference.",
            ),
            R::NotPrivileged => (
                "privileged",
                "Privilege in an exhibit is claimed or was upheld, so it cannot be scheduled or disclosed.",
                "Have the claim decided first.",
            ),
            R::ContainerOfCase => (
                "not-a-container",
                "The exhibit named is not a container of the same case, or what is packed is a container itself.",
                "Record the bag or box first, with the kind \"container\"; containers are not put into one another.",
            ),
            R::DisclosureOfCase => (
                "no-such-disclosure",
                "The entry named is not a disclosure made in this case.",
                "Look at the case's history.",
            ),
            R::EventsKnown => (
                "event-not-known",
                "An event whose details are to be withheld is none of this ledger's rules.",
                "Check the spelling (GET /v1/rules).",
            ),
            R::UndertakingOfCase => (
                "no-such-undertaking",
                "The entry named is not an undertaking given in this case.",
                "Look at the case's history.",
            ),
            R::SubjectIsEnrolled => (
                "unknown-actor",
                "There is no such actor in this ledger.",
                "Check the actor's id.",
            ),
            R::ProposalOpen => (
                "no-such-proposal",
                "The entry named is not a proposal, or what was recorded since stands in its way.",
                "Look at the ledger's rules chain (custodes organisation list).",
            ),
            R::ForksHere => (
                "no-fork",
                "Nothing follows the entry that the branch is said to go on from, or it is not one of this chain.",
                "Submit what was signed as it is: it has its place in the chain.",
            ),
            R::EntriesAreNew => (
                "already-recorded",
                "An entry named is in the ledger already, or is named twice.",
                "Leave it out, and sign again.",
            ),
            R::BranchShort => (
                "branch-too-long",
                "A branch is taken in in parts of at most 100 entries.",
                "Take in the first 100, then the others as a branch that goes on from the last of those.",
            ),
            R::OwnPeople => (
                "not-adopter",
                "An entry is adopted by the person who signed it, with a key that counts, or by the authority of their organisation.",
                "Ask that person or that authority.",
            ),
            R::NotApprovedByMe => (
                "approved-already",
                "Your organisation stands behind this proposal already.",
                "Nothing needs to be done.",
            ),
            R::OrganisationFree => (
                "organisation-taken",
                "An organisation of this ledger has this name, or somebody has its authority's id, or the authority is of another organisation.",
                "Check the name; an organisation that comes back after a suspension does so with a new authority.",
            ),
            R::Erasable => (
                "not-erasable",
                "Erased can be details, and files, that your organisation recorded of this exhibit, case or person; a court can have others' erased. Who looked, and what was erased, stays.",
                "Check the entries; ask the organisation that recorded them, or a court.",
            ),
            R::IsAuthority => (
                "not-an-authority",
                "The actor is not the authority of an organisation of this ledger.",
                "Check the organisation and the actor's id (custodes organisation list).",
            ),
            R::DisclosedToMe => (
                "not-disclosed-to-you",
                "The entry named is not a disclosure to your organisation in this case.",
                "Check the disclosure's id.",
            ),
        };
        Refusal::new(code, why, next)
    }
}
