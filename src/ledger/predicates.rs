//! The predicates that rows of the table name: two closed lists, what is refused and what is flagged.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::admit::Place;
use super::outcome::{Flag, Refusal, Severity};
use super::schema::{self, ExhibitDigest, Parent};
use super::state::{CaseRecord, ExhibitRecord, Known, Offer, Recipient, Role};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::token::Possession;

/// Tolerated difference between the signer's and the log's clock, seconds.
const CLOCK_TOLERANCE: i64 = 300;

/// Recorded later than this after it happened is late, seconds.
const LATE: i64 = 24 * 3600;

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

/// What predicates look at.
pub struct Context<'a, K: Known + ?Sized> {
    /// What is known before the entry.
    pub known: &'a K,
    /// The entry.
    pub entry: &'a VerifiedEntry,
    /// Where and when the log takes it in.
    pub place: Place,
}

impl<'a, K: Known + ?Sized> Context<'a, K> {
    /// Puts the three together.
    pub fn new(known: &'a K, entry: &'a VerifiedEntry, place: Place) -> Context<'a, K> {
        Context {
            known,
            entry,
            place,
        }
    }

    /// Reads a body member.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        schema::read(&self.entry.payload().body, name)
    }

    /// Reads a text member of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.entry.payload().body.get(name)?.as_str()
    }

    /// Who signs.
    pub fn actor(&self) -> &ActorId {
        &self.entry.payload().actor
    }

    /// What the entry is about.
    pub fn subject(&self) -> &Subject {
        &self.entry.payload().subject
    }

    /// The case, where the subject is one.
    pub fn case(&self) -> Option<CaseRecord> {
        self.known.case(self.subject())
    }

    /// The exhibit, where the subject is one.
    pub fn exhibit(&self) -> Option<ExhibitRecord> {
        self.known.exhibit(self.subject())
    }

    fn is_party(&self, case: &Subject) -> bool {
        self.known
            .case(case)
            .is_some_and(|case| case.parties.contains_key(&self.actor().org()))
    }

    fn open_offer(&self) -> Option<Offer> {
        self.exhibit().and_then(|exhibit| exhibit.offer)
    }
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
                    == known
                        .get(&super::RecordKey::Actor(actor.subject()))
                        .is_some()
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
            .map_or(!known.is_whole(), |exhibit| {
                exhibit.case == *context.subject()
            }),
        R::ChildOfThisExhibit => context
            .read("exhibit")
            .and_then(|exhibit| known.exhibit(&exhibit))
            .map_or(!known.is_whole(), |exhibit| {
                exhibit.parents.contains(context.subject())
            }),
        R::CauseKnown => context
            .read("cause")
            .is_some_and(|cause| !known.is_whole() || known.entry(cause).is_some()),
        R::ExhibitsInCase => context.case().is_some_and(|case| {
            context
                .read::<Vec<Subject>>("exhibits")
                .is_some_and(|exhibits| exhibits.iter().all(|one| case.exhibits.contains(one)))
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
            here && context
                .case()
                .is_some_and(|case| case.disclosed.contains_key(&org))
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
