//! What rows of the table may refuse: a closed list of predicates, each with its code and words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::branches;
use super::context::Context;
use super::erasure;
use super::outcome::Refusal;
use super::proposals;
use super::read::{OVERSIGHT, is_auditor, reads_all};
use super::schema::Parent;
use super::state::{Known, Recipient, Record, RecordKey, Role, Status};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, Code, OrgId, Strand, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::token::Possession;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefuseRule {
    /// The entry must name this ledger's genesis entry.
    NamesGenesis,
    /// An authority enrols and revokes only in its own organisation, on the actor's own chain.
    OwnOrganisation,
    /// The chain's subject must be the id half of the actor enrolled.
    SubjectIsActor,
    /// The roles "service" and "authority" come from genesis alone.
    NoReservedRole,
    /// Only an oversight body has auditors.
    AuditorOfOversight,
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
    /// The entry pointed at must be one of this exhibit or case.
    TargetOfSubject,
    /// Every entry pointed at must be one of this exhibit or case.
    TargetsOfSubject,
    /// A second person countersigns the restatement that waits, with the same holder.
    RestatementMatches,
    /// The hold named must be in force.
    HoldInForce,
    /// Only those who placed a hold, or a court, may lift it.
    HoldOfMine,
    /// Nothing under a hold may be authorised for disposal.
    NoHold,
    /// Who holds an exhibit cannot authorise its disposal.
    NotOwnDisposal,
    /// Only a claim of privilege can be decided.
    PrivilegeClaimed,
    /// A claim is waived by whoever made it, and decided by a prosecutor or a court.
    ResolvesPrivilege,
    /// The signer's organisation must be a party of the case, or of the exhibit's, or the signer an auditor.
    InCaseOrAuditor,
    /// The organisation must be a party of the case.
    PartyOfCase,
    /// An organisation leaves by itself, or those who run the case put it out.
    MayPutOut,
    /// A case has one party at least.
    NotLastParty,
    /// A custodian keeps or examines what it is handed, and runs nothing of the case.
    NotCustodian,
    /// An exhibit is taken in from another case, by somebody who stands in both.
    InBothCases,
    /// A case takes an exhibit in once.
    NotListed,
    /// The exhibit must be one of this case.
    ExhibitInCase,
    /// Nothing in which privilege is claimed or upheld may be scheduled or disclosed.
    NotPrivileged,
    /// What something is packed into must be a container of the same case.
    ContainerOfCase,
    /// The disclosure named must be one made in this case.
    DisclosureOfCase,
    /// Events whose details are to be withheld must be events of the table.
    EventsKnown,
    /// The undertaking named must be one given in this case.
    UndertakingOfCase,
    /// The chain must be that of an enrolled actor.
    SubjectIsEnrolled,
    /// The entry named must be a proposal that can still be carried out.
    ProposalOpen,
    /// An organisation stands behind a proposal once.
    NotApprovedByMe,
    /// No organisation that is not suspended may have this name, and nobody its authority's id.
    OrganisationFree,
    /// Only details that the signer's organisation recorded of this subject can be erased, or by a court.
    Erasable,
    /// The actor must be the authority of an organisation.
    IsAuthority,
    /// Something else must follow the entry that the branch goes on from already.
    ForksHere,
    /// The entries named must not be in the log yet.
    EntriesAreNew,
    /// A branch is taken in in parts that a service can write at once.
    BranchShort,
    /// An entry is adopted by its signer, or by the authority of their organisation.
    OwnPeople,
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
        R::NamesGenesis => known
            .ledger()
            .is_some_and(|ledger| context.read::<EntryHash>("genesis") == Some(ledger.genesis)),
        R::OwnOrganisation => {
            let named = context.read::<ActorId>("actor");
            let actor = named.unwrap_or_else(|| ActorId::from_parts(&org, context.subject()));
            let authority = known
                .org(&org)
                .is_some_and(|record| record.authority == *context.actor());
            let holder = known.get(&RecordKey::Actor(context.subject().clone()));
            let ours = match holder {
                Some(Record::Actor(holder)) => holder.actor.org() == org,
                _ => true,
            };
            authority && actor.org() == org && ours
        }
        R::SubjectIsActor => context.read::<ActorId>("actor").is_some_and(|actor| {
            actor.subject() == *context.subject()
                && known.actor(&actor).is_some()
                    == known.get(&RecordKey::Actor(actor.subject())).is_some()
        }),
        // Neither given, nor taken from whoever has it: an authority without its role could never get it back.
        R::NoReservedRole => context
            .read::<BTreeSet<Role>>("roles")
            .is_some_and(|stated| {
                let had = match known.get(&RecordKey::Actor(context.subject().clone())) {
                    Some(Record::Actor(actor)) => actor.roles,
                    _ => BTreeSet::new(),
                };
                [Role::Service, Role::Authority]
                    .iter()
                    .all(|role| !stated.contains(role) && !had.contains(role))
            }),
        R::AuditorOfOversight => {
            let roles = context.read::<Vec<Role>>("roles").unwrap_or_default();
            let sector = known.org(&org).map(|org| org.sector);
            !roles.contains(&Role::Auditor) || sector.as_deref() == Some(OVERSIGHT)
        }
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
        // Whoever holds it can say what becomes of it, whether or not they were put out of the case.
        R::InCaseOfExhibit => context.stands_at_exhibit(),
        R::NotCustodian => !context.is_custodian(context.subject()),
        R::OrganisationKnown => context
            .read::<OrgId>("org")
            .and_then(|named| known.org(&named))
            .is_some_and(|named| !named.suspended),
        R::ParentsKnown => context
            .read::<Vec<Parent>>("parents")
            .is_some_and(|parents| {
                parents.iter().all(|parent| {
                    // What the case took in can be worked on in that case.
                    let taken_in = context.read("case").is_some_and(|case: Subject| {
                        let links = known.links(&parent.exhibit);
                        links.contains_key(&case) && context.is_party(&case)
                    });
                    known
                        .exhibit(&parent.exhibit)
                        .is_some_and(|exhibit| taken_in || context.is_party(&exhibit.case))
                })
            }),
        R::HoldsIt => context
            .exhibit()
            .is_some_and(|exhibit| exhibit.holder.org == org && exhibit.status == Status::Held),
        R::OfferToOther => match context.read::<Recipient>("to") {
            Some(Recipient::Actor(actor)) => actor != *context.actor(),
            Some(Recipient::Org(to)) => to != org,
            Some(Recipient::Store(_)) => true,
            None => false,
        },
        R::RecipientInCase => context.read::<Recipient>("to").is_some_and(|to| {
            let case = context
                .exhibit()
                .and_then(|exhibit| known.case(&exhibit.case));
            let active = known.org(&to.org()).is_some_and(|org| !org.suspended);
            let party = active && case.is_some_and(|case| case.parties.contains_key(&to.org()));
            let enrolled = match &to {
                Recipient::Actor(actor) => known.actor(actor).is_some(),
                Recipient::Org(_) | Recipient::Store(_) => true,
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
            .is_none_or(|exhibits| {
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
        R::TargetOfSubject => context
            .read("target")
            .is_some_and(|e| context.is_of_subject(e)),
        R::TargetsOfSubject => context
            .read::<Vec<EntryHash>>("targets")
            .is_some_and(|all| all.iter().all(|e| context.is_of_subject(*e))),
        R::RestatementMatches => {
            match context.read::<Option<EntryHash>>("countersigns").flatten() {
                None => true,
                Some(e) => context
                    .exhibit()
                    .and_then(|one| one.restatement)
                    .is_some_and(|first| {
                        first.e == e
                            && first.by != *context.actor()
                            && Some(first.holder) == context.read("holder")
                    }),
            }
        }
        R::HoldInForce => context.named_hold().is_some(),
        R::HoldOfMine => {
            context.named_hold().is_some_and(|by| by == org)
                || known
                    .actor(context.actor())
                    .is_some_and(|actor| actor.roles.contains(&Role::Court))
        }
        R::NoHold => !context.is_held() && !context.is_held_elsewhere(),
        R::NotOwnDisposal => context
            .exhibit()
            .is_some_and(|one| one.holder.person.as_ref() != Some(context.actor())),
        R::PrivilegeClaimed => context
            .exhibit()
            .is_some_and(|one| !one.privilege.is_empty()),
        R::ResolvesPrivilege => match context.text("outcome") {
            Some("waived") => context
                .exhibit()
                .is_some_and(|one| one.privilege.contains(&org)),
            _ => context.has_role(&[Role::Prosecutor, Role::Court]),
        },
        R::InCaseOrAuditor => {
            let known_here = context.exhibit().is_some() || context.case().is_some();
            let auditor = known_here && is_auditor(known, context.actor());
            auditor || context.stands_at_exhibit() || context.is_party(context.subject())
        }
        R::PartyOfCase => context.case().is_some_and(|case| {
            context
                .read("org")
                .is_some_and(|named| case.parties.contains_key::<OrgId>(&named))
        }),
        R::MayPutOut => {
            let runs = [
                Role::Officer,
                Role::DisclosureOfficer,
                Role::Prosecutor,
                Role::Court,
            ];
            let runs = context.has_role(&runs) && !context.is_custodian(context.subject());
            context.read::<OrgId>("org").as_ref() == Some(&org) || runs
        }
        R::NotLastParty => context.case().is_some_and(|case| case.parties.len() > 1),
        // The defence may not know all that its case has, and so makes none of it known elsewhere.
        R::InBothCases => context
            .read("exhibit")
            .and_then(|exhibit| known.exhibit(&exhibit))
            .filter(|exhibit| exhibit.case != *context.subject())
            .and_then(|exhibit| known.case(&exhibit.case))
            .is_some_and(|case| case.parties.get(&org).is_some_and(|part| reads_all(part))),
        R::NotListed => context
            .read("exhibit")
            .is_some_and(|one| !known.has_exhibit(context.subject(), &one)),
        R::ExhibitInCase => context
            .read("exhibit")
            .is_some_and(|one| known.has_exhibit(context.subject(), &one)),
        R::NotPrivileged => {
            let named = context.read::<Vec<Subject>>("exhibits").unwrap_or_default();
            // Of an exhibit that is not in a bundle nothing is known: only an audit can tell.
            named
                .into_iter()
                .chain(context.read::<Subject>("exhibit"))
                .all(|one| {
                    known
                        .exhibit(&one)
                        .is_none_or(|exhibit| exhibit.privilege.is_empty())
                })
        }
        R::ContainerOfCase => context.read::<Subject>("container").is_some_and(|named| {
            let container = known.exhibit(&named);
            let packed = context.exhibit();
            container.zip(packed).is_some_and(|(container, packed)| {
                container.kind == "container"
                    && container.case == packed.case
                    && packed.kind != "container"
            })
        }),
        R::DisclosureOfCase => context
            .read("disclosure")
            .and_then(|e| known.entry(e))
            .is_some_and(|entry| {
                entry.event == "disclosed" && entry.chain.subject == *context.subject()
            }),
        R::EventsKnown => {
            let named = context.read::<Vec<Code>>("withhold_events");
            let mut named = named.unwrap_or_default().into_iter();
            named.all(|event| context.rules.row(event.as_str()).is_some())
        }
        R::UndertakingOfCase => context
            .read("undertaking")
            .and_then(|e| known.entry(e))
            .is_some_and(|entry| {
                entry.event == "undertaking-given" && entry.chain.subject == *context.subject()
            }),
        R::SubjectIsEnrolled => known
            .get(&RecordKey::Actor(context.subject().clone()))
            .is_some(),
        R::ProposalOpen => {
            context
                .read("proposal")
                .is_some_and(|e| match known.get(&RecordKey::Proposal(e)) {
                    Some(Record::Proposal(proposal)) => {
                        proposal.in_force || proposals::possible(known, &proposal.change)
                    }
                    _ => false,
                })
        }
        R::Erasable => erasure::may(context),
        R::OrganisationFree => context
            .read("org")
            .zip(context.read("actor"))
            .is_some_and(|(org, authority)| proposals::is_free(known, &org, &authority)),
        R::IsAuthority => context
            .read("actor")
            .is_some_and(|actor| proposals::is_authority(known, &actor)),
        R::ForksHere => branches::forks_here(context),
        R::EntriesAreNew => branches::are_new(context),
        R::BranchShort => branches::is_short(context),
        R::OwnPeople => branches::is_own(context),
        R::NotApprovedByMe => {
            context
                .read("proposal")
                .is_some_and(|e| match known.get(&RecordKey::Proposal(e)) {
                    Some(Record::Proposal(proposal)) => !proposal.behind.contains(&org),
                    _ => false,
                })
        }
    };
    if ok { Ok(()) } else { Err(rule.refusal()) }
}
