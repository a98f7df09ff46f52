//! How long the chains of an exhibit or case are, under a published checkpoint, with the proofs of the map: what a
//! history is held against. No content, so it is no reading: as for the end of a chain, no access entry is made.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::blobs::on_disk;
use super::http::{App, Shared, json_answer};
use super::known::StoreKnown;
use super::map_keeper::MapThen;
use super::nearest::size_of;
use super::problem::Problem;
use super::reads::{Sought, Target};
use super::views::{OfBundle, audited};
use crate::ledger::ReadRight;
use crate::ledger::state::Known as _;
use crate::protocol::base64url;
use crate::protocol::bundle::ScopeKind;
use crate::protocol::chain_ends::{ChainEnd, ChainEnds};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::leaf::{ChainHead, Commitment};
use crate::protocol::tree::{self, EntryIndex, TreeSize};
use crate::storage::{Store, StoreError};

/// The ends of the chains of an exhibit and of the case under which it is read, or of a case.
pub async fn get_completeness(
    State(app): Shared,
    Query(query): Query<OfBundle>,
    sought: Sought,
) -> Result<Response, Problem> {
    let target = sought.find(&app).await?;
    let ends = on_disk(move || -> Result<ChainEnds, Problem> {
        let notes = match query.audited {
            true => vec![audited(&app, &target)?],
            false => newest(&app)?,
        };
        for note in notes {
            let size = size_of(&note)?;
            // An older map than is remembered cannot be proven.
            if let Some(map) = app.sequencer.maps.at(&*app.store, size)? {
                return Ok(ends(&*app.store, &map, note, size, &target)?);
            }
        }
        Err(StoreError::Corrupt("map: not that of the newest checkpoint".to_owned()).into())
    });
    Ok(json_answer(StatusCode::OK, &json!(ends.await?)))
}

/// The newest published checkpoint that witnesses have seen, and the newest of all.
fn newest(app: &App) -> Result<Vec<String>, StoreError> {
    let mut notes = Vec::new();
    if let Some(last) = app.witnessing.witnessed().0.checked_sub(1) {
        let [_, witnessed] = app.store.published_around(EntryIndex(last))?;
        notes.extend(witnessed);
    }
    notes.extend(app.store.published()?);
    Ok(notes)
}

/// The chains that a history has of the target, and those of the case to whoever may read that: how often somebody looked
/// is told to nobody else.
fn chains(target: &Target) -> Vec<ChainId> {
    let of = |subject: &Subject, strands: [Strand; 3]| {
        let subject = subject.clone();
        strands.map(|strand| ChainId {
            subject: subject.clone(),
            strand,
        })
    };
    let mut chains = Vec::new();
    if target.right != ReadRight::None {
        let of_case = [Strand::Case, Strand::Exhibits, Strand::Access];
        chains.extend(of(&target.case, of_case));
    }
    if target.kind == ScopeKind::Exhibit {
        let own = [Strand::Custody, Strand::Notes, Strand::Access];
        chains.extend(of(&target.subject, own));
    }
    chains.sort();
    chains
}

fn ends(
    store: &dyn Store,
    map: &MapThen<'_>,
    checkpoint: String,
    size: TreeSize,
    target: &Target,
) -> Result<ChainEnds, StoreError> {
    let known = StoreKnown::new(store);
    let mut ends = Vec::new();
    for chain in chains(target) {
        let (entries, head) = end(store, &known, &chain, size)?;
        let path = map.prove(&chain)?;
        ends.push(ChainEnd {
            subject: chain.subject,
            strand: chain.strand,
            entries,
            head,
            present: base64url::encode(&path.present),
            siblings: path.siblings,
        });
    }
    let proof = tree::prove_inclusion(map.leaf, size, &known)?;
    known.check()?;
    Ok(ChainEnds {
        checkpoint,
        leaf: map.leaf,
        proof,
        chains: ends,
    })
}

/// Length and head of a chain under a tree of this size.
fn end(
    store: &dyn Store,
    known: &StoreKnown<'_>,
    chain: &ChainId,
    size: TreeSize,
) -> Result<(u64, ChainHead), StoreError> {
    let mut places = store.chain(chain)?;
    places.retain(|index| index.0 < size.0);
    let length = places.len() as u64;
    if let Some(now) = known.chain(&chain.subject, chain.strand)
        && now.length == length
    {
        return Ok((length, now.head));
    }
    // It has grown since.
    let mut head = ChainHead::EMPTY;
    for index in places {
        let leaf = store.leaf(index)?;
        let commitment = leaf
            .as_deref()
            .and_then(|leaf| leaf.get(1..)?.try_into().ok());
        let commitment =
            commitment.ok_or_else(|| StoreError::Corrupt(format!("leaf {}", index.0)))?;
        head = head.extend(index, Commitment(Hash(commitment)));
    }
    Ok((length, head))
}
