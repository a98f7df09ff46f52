//! When something is to be flagged: the predicates behind [`FlagRule`].

use std::collections::BTreeSet;

use super::admit::not_valid;
use super::branches;
use super::context::Context;
use super::flags::FlagRule;
use super::schema::{ExhibitDigest, Parent};
use super::state::{ExhibitRecord, Holder, Known, Recipient, Role, Status};
use crate::protocol::digest::{CHUNK, EvidenceDigest};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};
use crate::protocol::token::Possession;
use crate::protocol::tree::{ConsistencyProof, RootHash, TreeSize};

/// Those of the predicates that hold. What they look at is read once for all of them.
pub fn found<'r, K: Known + ?Sized>(
    rules: impl Iterator<Item = &'r FlagRule>,
    context: &Context<'_, K>,
) -> Vec<FlagRule> {
    use FlagRule as F;
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
    let custody = payload.strand == Strand::Custody;
    // What takes in a branch says what was signed elsewhere, and handles nothing.
    let handled = custody && payload.event != "late-branch";
    let registered_of = |exhibit: &Subject| {
        let record = context.known.exhibit(exhibit);
        record.and_then(|record| record.digest)
    };
    let parents = || context.read::<Vec<Parent>>("parents").unwrap_or_default();
    let sources = || {
        let parents = parents().into_iter();
        parents.filter_map(|parent| context.known.exhibit(&parent.exhibit))
    };
    let holds = |rule: &FlagRule| match rule {
        F::ClockAhead => {
            payload.occurred_at.earliest() > recorded + context.threshold("clock_tolerance")
        }
        F::RecordedLate => {
            payload.occurred_at.earliest() < recorded - context.threshold("recorded_late_after")
        }
        F::SeenMissing => payload.seen.is_none(),
        F::SeenOld => {
            let before = context.known.chain(&payload.subject, payload.strand);
            payload.seen.zip(before).is_some_and(|(seen, before)| {
                let stood = i64::try_from(before.at.0 / 1000).unwrap_or(i64::MAX);
                before.index.0 >= seen.size.0
                    && stood < recorded - context.threshold("seen_old_after")
            })
        }
        F::Adopted => branches::needed_adoption(context),
        F::LateBranch | F::OnABranch => true,
        F::NoPurpose => !payload.details.contains_key("purpose"),
        F::SourceSealed => sources().any(|source| is_sealed(context, &source)),
        F::SourceGone => sources().any(|source| source.status == Status::Lost || ended(&source)),
        F::UsedAfterEnd => exhibit_ref.is_some_and(ended),
        F::UsedWhileLost => exhibit_ref.is_some_and(|one| one.status == Status::Lost),
        F::NotTheHolder => holder.is_some_and(|holder| holder.org != org),
        // What is in a store is in the hands of whoever is on duty there.
        F::ColleagueOfHolder => exhibit_ref.is_some_and(|exhibit| {
            let Holder { org: of, person } = &exhibit.holder;
            let other = person.as_ref().is_some_and(|one| one != context.actor());
            *of == org && other && exhibit.place.is_none()
        }),
        F::DigestReplaced => registered.is_some() && own != registered,
        F::SealReused => exhibit_ref
            .zip(seal)
            .is_some_and(|(exhibit, seal)| exhibit.seals_used.contains(seal)),
        F::SealedTwice => exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_some()),
        F::NotSealed => exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_none()),
        F::SealDiffers => exhibit_ref.is_some_and(|exhibit| {
            seal.is_some() && exhibit.seal.is_some() && exhibit.seal.as_deref() != seal
        }),
        F::SealNotRecorded => {
            seal.is_some() && exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_none())
        }
        F::SealNotStated => {
            seal.is_none() && exhibit_ref.is_some_and(|exhibit| exhibit.seal.is_some())
        }
        F::VerificationDiffers => context
            .read::<EvidenceDigest>("verification")
            .is_some_and(|check| Some(check) != own),
        F::ReadErrors => context
            .read::<u64>("read_errors")
            .is_some_and(|count| count > 0),
        F::ParentDigestDiffers => parents().iter().any(|parent| {
            let registered = registered_of(&parent.exhibit);
            registered.is_some() && parent.digest.is_some() && parent.digest != registered
        }),
        F::AcceptedWithoutOffer => {
            named_offer.is_none() || offer.as_ref().map(|offer| offer.e) != named_offer
        }
        F::AcceptedByColleague => offer.as_ref().is_some_and(|offer| match &offer.to {
            Recipient::Actor(actor) => actor.org() == org && actor != context.actor(),
            Recipient::Org(_) | Recipient::Store(_) => false,
        }),
        F::AcceptedByOther => offer.as_ref().is_some_and(|offer| offer.to.org() != org),
        F::AcceptedFromOther => context.read::<ActorId>("from").is_some_and(|from| {
            let offered = offer.as_ref().map(|offer| &offer.by);
            let held = holder.and_then(|holder| holder.person.as_ref());
            let mut givers = offered.into_iter().chain(held);
            !givers.any(|giver| *giver == from)
        }),
        F::AcceptedWithoutDigest => registered.is_some() && own.is_none(),
        F::AcceptedDigestDiffers | F::DigestReplacedAtHandover => {
            registered.is_some() && own.is_some() && own != registered
        }
        F::AcknowledgedDigestDiffers => context
            .read::<Vec<ExhibitDigest>>("digests")
            .unwrap_or_default()
            .iter()
            .any(|one| registered_of(&one.exhibit).is_some_and(|is| is != one.digest)),
        F::OfferOpenLong => offer.as_ref().is_some_and(|offer| {
            let open = context.place.recorded_at.0.saturating_sub(offer.at.0) / 1000;
            i64::try_from(open).unwrap_or(i64::MAX) > context.threshold("offer_open_for")
        }),
        F::AfterEnd => handled && exhibit_ref.is_some_and(ended),
        F::WhileLost => {
            handled
                && payload.event != "found"
                && exhibit_ref.is_some_and(|one| one.status == Status::Lost)
        }
        F::WhileOutside => exhibit_ref.is_some_and(|one| one.status == Status::Outside),
        // A clip or a redaction of one source, or what is made of several, has other bytes.
        F::CopyDiffers => {
            let whole = matches!(context.text("role"), Some("master" | "working" | "defence"));
            let of_one = |sources: &[Parent]| match sources {
                [source] => registered_of(&source.exhibit),
                _ => None,
            };
            whole && of_one(&parents()).is_some_and(|source| own.as_ref() != Some(&source))
        }
        F::OneSideOnly
        | F::CustodyAssumed
        | F::Lost
        | F::DestroyedUnplanned
        | F::VerificationFailed
        | F::Corrected
        | F::CustodyRestated
        | F::DisclosureWithdrawn
        | F::IrregularityRaised => true,
        F::FoundNotLost => exhibit_ref.is_some_and(|one| one.status != Status::Lost),
        F::UnderHold => context.is_held(),
        F::NotAuthorised => {
            let named = context.read::<Option<EntryHash>>("authorisation").flatten();
            let stands = exhibit_ref
                .and_then(|one| one.authorised.as_ref())
                .map(|one| one.e);
            named.is_none() || named != stands
        }
        F::OwnAuthorisation => exhibit_ref
            .and_then(|one| one.authorised.as_ref())
            .is_some_and(|one| one.by == *context.actor()),
        F::NotAWorkingCopy => {
            registered.is_some()
                && exhibit_ref.is_some_and(|one| matches!(one.role.as_str(), "original" | "master"))
        }
        F::NoReviewer => context
            .read::<Option<ActorId>>("reviewer")
            .flatten()
            .is_none_or(|one| one == *context.actor() || context.known.actor(&one).is_none()),
        F::NoCorroboration => !payload.details.contains_key("corroboration"),
        F::VerifiedDiffers => {
            let actual = context.read::<EvidenceDigest>("actual");
            actual != context.read("expected") || (registered.is_some() && actual != registered)
        }
        F::PrivilegeNotByCourt => {
            let another = |claims: &BTreeSet<OrgId>| claims.iter().any(|by| *by != org);
            context.text("outcome") == Some("rejected")
                && !context.has_role(&[Role::Court])
                && exhibit_ref.is_some_and(|one| another(&one.privilege))
        }
        F::PutOut => {
            let named = context.read::<OrgId>("org");
            named.is_some_and(|named| named != org) && !context.has_role(&[Role::Court])
        }
        F::PartChanged => {
            let named = context.read::<OrgId>("org");
            let part = context.case().zip(named).and_then(|(case, named)| {
                let part = case.parties.get(&named).or_else(|| case.left.get(&named));
                part.cloned()
            });
            part.is_some_and(|part| Some(part.as_str()) != context.text("part"))
        }
        F::OutOfOrder => {
            custody && exhibit_ref.is_some_and(|one| payload.occurred_at.earliest() < one.latest)
        }
        F::UnusualRole => context.rules.row(&payload.event).is_some_and(|row| {
            let roles = context.known.actor(context.actor()).map(|one| one.roles);
            !row.usual_roles.is_empty()
                && !roles.is_some_and(|roles| row.usual_roles.iter().any(|one| roles.contains(one)))
        }),
        F::Incomplete => context.rules.row(&payload.event).is_some_and(|row| {
            let named = |name: &String| payload.details.contains_key(name);
            !row.usual_details.iter().all(named)
        }),
        F::NoClockCheck => {
            let timed = ["surveillance-footage", "wearable-data", "audio"];
            let first = ["original", "master"];
            let named = |name: &str| payload.details.contains_key(name);
            context
                .text("kind")
                .is_some_and(|kind| timed.contains(&kind))
                && context
                    .text("role")
                    .is_some_and(|role| first.contains(&role))
                && !named("clock_offset")
                && !named("clock_reference")
        }
        F::WeakDigestOnly => {
            let named = |name: &&str| payload.details.contains_key(*name);
            ["md5", "sha1"].iter().any(named) && !["sha256", "sha512"].iter().any(named)
        }
        F::WhileSealed => exhibit_ref.is_some_and(|one| is_sealed(context, one)),
        F::ContainerSealed => context
            .read::<Subject>("container")
            .and_then(|container| context.known.exhibit(&container))
            .is_some_and(|container| container.seal.is_some()),
        F::CustodyGap => exhibit_ref.is_some_and(|one| one.status == Status::Lost),
        F::WhilePacked => exhibit_ref.is_some_and(|one| one.container.is_some()),
        F::NotPacked => {
            let named = context.read::<Subject>("container");
            exhibit_ref.is_some_and(|one| one.container != named)
        }
        F::ExtendsOther => {
            registered.is_some() && context.read::<EvidenceDigest>("previous") != registered
        }
        F::ExtensionNotProven => !own.as_ref().is_some_and(|own| extends(context, own)),
        F::KeyNotCosigned => further_key_alone(context),
        // Judged at a stated time, not as the entry comes in: see standing_flags and key_compromised.
        F::OfferStillOpen | F::RetentionOverdue | F::KeyCompromised => false,
    };
    rules.copied().filter(holds).collect()
}

/// Whether a seal is recorded on an exhibit, or on the container that it is in.
fn is_sealed<K: Known + ?Sized>(context: &Context<'_, K>, exhibit: &ExhibitRecord) -> bool {
    let container = exhibit.container.as_ref();
    let container = container.and_then(|container| context.known.exhibit(container));
    exhibit.seal.is_some() || container.is_some_and(|container| container.seal.is_some())
}

/// Whether the exhibit was returned, disposed of or destroyed.
fn ended(exhibit: &ExhibitRecord) -> bool {
    use Status as S;
    matches!(exhibit.status, S::Returned | S::Disposed | S::Destroyed)
}

/// Whether a further key is enrolled for somebody without the word of one of their own keys.
fn further_key_alone<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let actor = context.read::<ActorId>("actor");
    let Some(actor) = actor.and_then(|actor| context.known.actor(&actor)) else {
        return false; // their first
    };
    let Some(text) = context.text("cosigned") else {
        return true;
    };
    let keys = actor.keys.iter().filter_map(|kid| context.known.key(*kid));
    let mut valid = keys.filter(|key| not_valid(key, context.place).is_none());
    !valid.any(|earlier| {
        Possession::verify_cosigned(text, &earlier.key).is_ok_and(|named| {
            named.ledger == context.entry.payload().ledger
                && named.actor == actor.actor
                && Some(named.key) == context.read("key")
        })
    })
}

/// Whether the proof shows that the new bytes begin with the old: their chunk tree is a prefix of the new one's.
fn extends<K: Known + ?Sized>(context: &Context<'_, K>, own: &EvidenceDigest) -> bool {
    let Some(previous) = context.read::<EvidenceDigest>("previous") else {
        return false;
    };
    let chunk = CHUNK as u64;
    let proof = ConsistencyProof(context.read("proof").unwrap_or_default());
    let leaves = |size: u64| TreeSize(size.div_ceil(chunk));
    let (old, new) = (RootHash(previous.chunks), RootHash(own.chunks));
    previous.kind == own.kind
        && previous.size.is_multiple_of(chunk)
        && previous.size <= own.size
        && proof
            .verify(leaves(previous.size), old, leaves(own.size), new)
            .is_ok()
}
