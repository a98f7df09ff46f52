//! What rows of the table may refuse: a closed list of predicates, each with its code and words.

use serde::Deserialize;

use super::context::Context;
use super::outcome::Refusal;
use super::schema::Parent;
use super::state::{Known, Recipient, RecordKey, Role};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::token::Possession;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefuseRule {
    /// Only the service records this.
    ByService,
    /// The entry must name this ledger's genesis entry.
    NamesGenesis,
    /// An authority enrols and revokes only in its own organisation, on the actor's own chain.
    OwnOrganisation,
    /// The chain's subject must be the id half of the actor enrolled.
    SubjectIsActor,
    /// The roles "service" and "authority" come from genesis alone.
    NoReservedRole,
    /// A key belongs to one actor for ever.
    KeyIsNew,
    /// The person must have shown that they hold the key.
    ProofOfPossession,
    /// The key must be one of this actor's.
    KeyOfSubject,
    /// No case or exhibit may have this id yet.
    NewCase,
    /// No case or exhibit may have this id yet.
    NewExhibit,
    /// The signer's organisation must be a party of this case.
    InCase,
    /// The signer's organisation must be a party of the case that the body names.
    InNamedCase,
    /// The signer's organisation must be a party of the exhibit's case.
    InCaseOfExhibit,
    /// The organisation must be one of this ledger's.
    OrganisationKnown,
    /// Parents must be exhibits that the signer may know of.
    ParentsKnown,
    /// One cannot offer what another organisation holds.
    HoldsIt,
    /// One cannot offer to oneself.
    OfferToOther,
    /// One cannot offer to somebody outside the case.
    RecipientInCase,
    /// One exhibit has one open offer.
    NoOpenOffer,
    /// The offer named must be the open one.
    OfferIsOpen,
    /// The offer must have been made to the signer or their organisation.
    OfferedToMe,
    /// The offer must have been made by the signer's organisation.
    OfferedByMe,
    /// The exhibit must have been opened in this case.
    ExhibitOfThisCase,
    /// The exhibit must name this one as a parent.
    ChildOfThisExhibit,
    /// The entry named as cause must be known.
    CauseKnown,
    /// Only exhibits of this case can be disclosed in it.
    ExhibitsInCase,
    /// Recipients must be parties of the case.
    RecipientsInCase,
    /// The disclosure must be one made to the signer's organisation.
    DisclosedToMe,
}

/// Refuses, or not.
pub fn refuse<K: Known + ?Sized>(
    rule: RefuseRule,
    context: &Context<'_, K>,
) -> Result<(), Refusal> {
    use RefuseRule as R;
    let known = context.known;
    let org = context.actor().org();
    let ok = match rule {
        R::ByService => known
            .ledger()
            .is_some_and(|ledger| ledger.service == *context.actor()),
        R::NamesGenesis => known
            .ledger()
            .is_some_and(|ledger| context.read::<EntryHash>("genesis") == Some(ledger.genesis)),
        R::OwnOrganisation => {
            let named = context.read::<ActorId>("actor");
            let actor = named.unwrap_or_else(|| ActorId::from_parts(&org, context.subject()));
            let authority = known
                .org(&org)
                .is_some_and(|record| record.authority == *context.actor());
            authority && actor.org() == org
        }
        R::SubjectIsActor => context.read::<ActorId>("actor").is_some_and(|actor| {
            actor.subject() == *context.subject()
                && known.actor(&actor).is_some()
                    == known.get(&RecordKey::Actor(actor.subject())).is_some()
        }),
        R::NoReservedRole => context.read::<Vec<Role>>("roles").is_some_and(|roles| {
            !roles
                .iter()
                .any(|role| matches!(role, Role::Service | Role::Authority))
        }),
        R::KeyIsNew => context
            .read::<PublicKey>("key")
            .is_some_and(|key| known.key(key.id()).is_none()),
        R::ProofOfPossession => context
            .text("proof")
            .and_then(|proof| Possession::verify(proof).ok())
            .is_some_and(|proof| {
                proof.ledger == context.entry.payload().ledger
                    && Some(proof.actor) == context.read("actor")
                    && Some(proof.key) == context.read("key")
            }),
        R::KeyOfSubject => context
            .read::<KeyId>("key")
            .and_then(|kid| known.key(kid))
            .is_some_and(|key| key.actor.subject() == *context.subject() && key.actor.org() == org),
        R::NewCase | R::NewExhibit => context.case().is_none() && context.exhibit().is_none(),
        R::InCase => context.is_party(context.subject()),
        R::InNamedCase => context
            .read("case")
            .is_some_and(|case| context.is_party(&case)),
        R::InCaseOfExhibit => context
            .exhibit()
            .is_some_and(|exhibit| context.is_party(&exhibit.case)),
        R::OrganisationKnown => context
            .read::<OrgId>("org")
            .is_some_and(|named| known.org(&named).is_some()),
        R::ParentsKnown => context
            .read::<Vec<Parent>>("parents")
            .is_some_and(|parents| {
                parents.iter().all(|parent| {
                    known
                        .exhibit(&parent.exhibit)
                        .is_some_and(|exhibit| context.is_party(&exhibit.case))
                })
            }),
        R::HoldsIt => context
            .exhibit()
            .is_some_and(|exhibit| exhibit.holder.org == org),
        R::OfferToOther => match context.read::<Recipient>("to") {
            Some(Recipient::Actor(actor)) => actor != *context.actor(),
            Some(Recipient::Org(to)) => to != org,
            None => false,
        },
        R::RecipientInCase => context.read::<Recipient>("to").is_some_and(|to| {
            let case = context
                .exhibit()
                .and_then(|exhibit| known.case(&exhibit.case));
            let party = case.is_some_and(|case| case.parties.contains_key(&to.org()));
            let enrolled = match &to {
                Recipient::Actor(actor) => known.actor(actor).is_some(),
                Recipient::Org(_) => true,
            };
            party && enrolled
        }),
        R::NoOpenOffer => context.open_offer().is_none(),
        R::OfferIsOpen => {
            let named = context.read::<EntryHash>("offer");
            named.is_some() && context.open_offer().map(|offer| offer.e) == named
        }
        R::OfferedToMe => context
            .open_offer()
            .is_some_and(|offer| offer.to.org() == org),
        R::OfferedByMe => context
            .open_offer()
            .is_some_and(|offer| offer.by.org() == org),
        R::ExhibitOfThisCase => context
            .read("exhibit")
            .and_then(|exhibit| known.exhibit(&exhibit))
            .is_some_and(|exhibit| exhibit.case == *context.subject()),
        R::ChildOfThisExhibit => context
            .read("exhibit")
            .and_then(|exhibit| known.exhibit(&exhibit))
            .is_some_and(|exhibit| exhibit.parents.contains(context.subject())),
        R::CauseKnown => context
            .read("cause")
            .is_some_and(|cause| known.entry(cause).is_some()),
        R::ExhibitsInCase => context
            .read::<Vec<Subject>>("exhibits")
            .is_some_and(|exhibits| {
                exhibits
                    .iter()
                    .all(|one| known.has_exhibit(context.subject(), one))
            }),
        R::RecipientsInCase => context.case().is_some_and(|case| {
            context
                .read::<Vec<OrgId>>("to")
                .is_some_and(|orgs| orgs.iter().all(|one| case.parties.contains_key(one)))
        }),
        R::DisclosedToMe => {
            let disclosure = context.read("disclosure").and_then(|e| known.entry(e));
            let here = disclosure.is_some_and(|entry| {
                entry.event == "disclosed"
                    && entry.chain.strand == Strand::Case
                    && entry.chain.subject == *context.subject()
            });
            let named = context.read("disclosure").map(|e| {
                let key = RecordKey::DisclosedBy(e, org.clone());
                known.get(&key).is_some()
            });
            here && named == Some(true)
        }
    };
    if ok { Ok(()) } else { Err(refusal(rule)) }
}

fn refusal(rule: RefuseRule) -> Refusal {
    use RefuseRule as R;
    let (code, why, next) = match rule {
        R::ByService => (
            "not-service",
            "Only the service itself records this event.",
            "Nothing needs to be done: the service records it.",
        ),
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
        R::InCase | R::InNamedCase | R::InCaseOfExhibit => (
            "no-standing",
            "There is no such case or exhibit, or your organisation is not in the case.",
            "Check the reference, or ask a party to let your organisation join.",
        ),
        R::OrganisationKnown => (
            "unknown-organisation",
            "The organisation is not one of this ledger's.",
            "Check its name.",
        ),
        R::ParentsKnown => (
            "unknown-parent",
            "A parent is not an exhibit of a case that your organisation is in.",
            "Check the parents' references.",
        ),
        R::HoldsIt => (
            "not-holder",
            "One cannot offer what another organisation holds.",
            "Ask the holder to offer it.",
        ),
        R::OfferToOther => (
            "offer-to-self",
            "One cannot offer an exhibit to oneself.",
            "Name another person or organisation.",
        ),
        R::RecipientInCase => (
            "recipient-not-in-case",
            "The recipient is not in the case.",
            "Let their organisation join first (custodes case join).",
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
        R::DisclosedToMe => (
            "not-disclosed-to-you",
            "The entry named is not a disclosure to your organisation in this case.",
            "Check the disclosure's id.",
        ),
    };
    Refusal::new(code, why, next)
}
