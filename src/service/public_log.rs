//! What everybody may read: the log's checkpoint, tiles and proofs, the rules, and what the ledger is.

use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::http::{Shared, json_answer, text_answer};
use super::known::StoreKnown;
use super::problem::Problem;
use crate::ledger::page::body_schema;
use crate::ledger::state::Known as _;
use crate::ledger::{Rules, service_key_at};
use crate::protocol::checkpoint;
use crate::protocol::hash::Hash;
use crate::protocol::note::VerifierKey;
use crate::protocol::tile::{TilePath, encode_entries};
use crate::protocol::tree::{self, EntryIndex, NodeId, NodeReader as _, TreeSize};
use crate::storage::{Store, StoreError};

/// What the ledger is: origin, genesis, log key, size.
pub async fn get_ledger(State(app): Shared) -> Result<Response, Problem> {
    let known = StoreKnown::new(&*app.store);
    let ledger = known.ledger();
    known.check()?;
    let size = app.store.size()?;
    let service_key = service_key_at(&known, size);
    known.check()?;
    let continues = ledger.as_ref().map(|ledger| ledger.continues.clone());
    let genesis = ledger.map(|ledger| ledger.genesis);
    let keys = app.identity.log_vkeys();
    let value = json!({
        "origin": app.identity.origin,
        "subject": app.identity.subject,
        "genesis": genesis,
        "log_keys": keys.iter().map(VerifierKey::to_string).collect::<Vec<_>>(),
        "service_key": service_key,
        "continues": continues,
        "rules_sha256": Rules::embedded().sha256(),
        "size": size,
    });
    Ok(json_answer(StatusCode::OK, &value))
}

/// The rules table, as text.
pub async fn get_rules() -> Response {
    text_answer("application/json", Rules::text())
}

/// The JSON Schema of an event's body.
pub async fn get_schema(Path(event): Path<String>) -> Result<Response, Problem> {
    let event = event.strip_suffix(".json").unwrap_or(&event);
    let row = Rules::embedded()
        .row(event)
        .ok_or_else(Problem::not_visible)?;
    Ok(json_answer(StatusCode::OK, &body_schema(row)))
}

/// A consistency proof between two sizes of the log, and the root at the older.
pub async fn get_consistency(
    State(app): Shared,
    Path((old, new)): Path<(u64, u64)>,
) -> Result<Response, Problem> {
    let size = app.store.size()?;
    if old == 0 || old > new || new > size.0 {
        return Err(Problem::bad(
            "bad-sizes",
            "Sizes are 1 or more, the older first, up to the log's size.",
        ));
    }
    let known = StoreKnown::new(&*app.store);
    let proof = tree::prove_consistency(TreeSize(old), TreeSize(new), &known)?;
    // The proof does not hold it where the size is a power of two, and who proves a fork needs it.
    let root = tree::root(TreeSize(old), &known)?;
    Ok(json_answer(
        StatusCode::OK,
        &json!({"proof": proof, "root": root}),
    ))
}

/// The newest published checkpoint.
pub async fn get_checkpoint(State(app): Shared) -> Result<Response, Problem> {
    let note = app.store.published()?.ok_or_else(Problem::not_visible)?;
    Ok(text_answer("text/plain; charset=utf-8", note))
}

/// A tile or entry bundle of the published log.
pub async fn get_tile(State(app): Shared, Path(path): Path<String>) -> Result<Response, Problem> {
    let absent = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-tile",
            "The published log has no such tile.",
            "Ask for tiles of the size that /checkpoint states.",
        )
    };
    let tile = TilePath::parse(&format!("tile/{path}")).map_err(|_| absent())?;
    let note = app.store.published()?.ok_or_else(absent)?;
    let (published, _) = checkpoint::open(&note, &app.identity.log_vkey())
        .map_err(|_| StoreError::Corrupt("published".to_owned()))?;
    if !tile.exists_in(published.size) {
        return Err(absent());
    }
    let body = tile_of(&*app.store, tile)?;
    Ok(text_answer("application/octet-stream", body))
}

/// The bytes of a tile or entry bundle of a stored log that has it.
pub fn tile_of(store: &dyn Store, tile: TilePath) -> Result<Vec<u8>, StoreError> {
    let range = (0..u64::from(tile.width)).map(|at| tile.index * 256 + at);
    match tile.level {
        Some(level) => {
            let known = StoreKnown::new(store);
            let level = 8 * level;
            let hashes = range.map(|index| known.node(NodeId { level, index }));
            let hashes = hashes.collect::<Result<Vec<Hash>, StoreError>>()?;
            Ok(hashes.iter().flat_map(|hash| hash.0).collect())
        }
        None => {
            let mut leaves = Vec::new();
            for index in range {
                let leaf = store.leaf(EntryIndex(index))?;
                leaves.push(leaf.ok_or_else(|| StoreError::Corrupt(format!("leaf {index}")))?);
            }
            Ok(encode_entries(leaves.iter().map(Vec::as_slice)))
        }
    }
}
