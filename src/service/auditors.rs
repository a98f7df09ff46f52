//! What auditors need who recompute the map of completeness on a machine of their own, and where they say that they did.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::blobs::on_disk;
use super::http::{App, Shared, json_answer, text_answer};
use super::known::StoreKnown;
use super::map_keeper::PUBLICATIONS;
use super::problem::Problem;
use super::readings::Reading;
use super::reads;
use super::sequencer::Work;
use super::tokens::Reader;
use super::views::From;
use crate::protocol::checkpoint;
use crate::protocol::hash::Hash;
use crate::protocol::note::VerifierKey;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Store, StoreError};
use crate::verify::map_audit::LogPlace;

/// Most places in one answer.
const PAGE: u64 = 1000;

/// Every place of the published log from one on, without disclosures.
pub async fn get_log(
    State(app): Shared,
    Query(query): Query<From>,
    reader: Reader,
) -> Result<Response, Problem> {
    reads::auditors_only(&*app.store, &reader)?;
    // Page after page, and the next page in a while, are one reading.
    let reading = Reading {
        reader: reader.actor.clone(),
        exhibit: app.identity.subject.clone(),
        blob: Hash::of(&[b"log"]),
        purpose: reader.purpose.clone(),
    };
    let record = async || reads::record_on_ledger(&app, &reader, "log").await;
    app.readings.once(reading, record).await?;
    // So that the tree that is cosigned covers this reading, and nothing comes after it unless somebody does something.
    app.sequencer.write(Work::Publish).await?;
    let lines = on_disk(move || -> Result<String, StoreError> {
        let published = app.store.published()?;
        let published = published
            .as_deref()
            .map(super::nearest::size_of)
            .transpose()?
            .map_or(0, |size| size.0);
        let end = published.min(query.from.saturating_add(PAGE));
        let mut lines = String::new();
        for index in query.from..end {
            let place = place(&*app.store, EntryIndex(index))?;
            lines.push_str(&format!("{}\n", json!(place)));
        }
        lines.push_str(&format!("{}\n", json!({"size": published})));
        Ok(lines)
    });
    Ok(text_answer("application/x-ndjson", lines.await?))
}

/// The newest published checkpoint that an auditor has cosigned, if the map can still be proven under it: this process
/// remembers what the last publications replaced, and after a start nothing.
pub(super) fn newest_audited(app: &App) -> Result<Option<String>, StoreError> {
    let auditors: Vec<&VerifierKey> = app
        .witnessing
        .policy
        .auditors()
        .map(|one| &one.key)
        .collect();
    let logs = StoreKnown::new(&*app.store).log_keys()?;
    let logs: Vec<&VerifierKey> = logs.iter().collect();
    let mut next = app.store.published()?;
    for _ in 0..PUBLICATIONS {
        let Some(note) = next else { return Ok(None) };
        let (head, opened) = checkpoint::open_with(&note, &logs, &auditors)
            .map_err(|_| StoreError::Corrupt("published".to_owned()))?;
        let signed = |key: &VerifierKey| opened.verified.iter().any(|line| line.key == *key);
        if auditors.iter().any(|key| signed(key)) {
            let map = app.sequencer.maps.at(&*app.store, head.size)?;
            return Ok(map.map(|_| note));
        }
        let Some(before) = head.size.0.checked_sub(1) else {
            return Ok(None);
        };
        [next, _] = app.store.published_around(EntryIndex(before))?;
    }
    Ok(None)
}

/// What stands at a place of the log, as an auditor reads it.
pub(super) fn place(store: &dyn Store, index: EntryIndex) -> Result<LogPlace, StoreError> {
    if let Some(stored) = store.entry(index)? {
        return Ok(LogPlace::Entry {
            index,
            recorded_at: stored.recorded_at,
            jws: stored.jws,
        });
    }
    let leaf = store.leaf(index)?;
    let map = leaf
        .as_deref()
        .and_then(|leaf| leaf.get(9..)?.try_into().ok());
    let map = map.ok_or_else(|| StoreError::Corrupt(format!("leaf {}", index.0)))?;
    Ok(LogPlace::Map {
        index,
        map: Hash(map),
    })
}

/// Takes the cosignature of an auditor whom the service's policy names in the group `map-recomputed`: a published
/// checkpoint with their lines behind it.
pub async fn post_cosignature(State(app): Shared, note: String) -> Result<Response, Problem> {
    let refused = |why: String| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "not-an-auditors-cosignature",
            why,
            "The service's policy must name the key in the group map-recomputed; send the checkpoint as it was published, with the lines behind it.",
        )
    };
    on_disk(move || {
        let witnessing = &app.witnessing;
        let auditors: Vec<&VerifierKey> =
            witnessing.policy.auditors().map(|one| &one.key).collect();
        let logs = StoreKnown::new(&*app.store).log_keys()?;
        let logs: Vec<&VerifierKey> = logs.iter().collect();
        let (head, opened) = checkpoint::open_with(&note, &logs, &auditors)
            .map_err(|error| refused(format!("{error}.")))?;
        let lines: Vec<_> = opened
            .verified
            .into_iter()
            .filter(|line| auditors.contains(&&line.key) && line.time.is_some())
            .collect();
        if lines.is_empty() {
            return Err(refused(
                "No auditor whom this service knows signed it.".to_owned(),
            ));
        }
        let [_, published] = app
            .store
            .published_around(EntryIndex(head.size.0.saturating_sub(1)))?;
        let same = published.is_some_and(|published| published.starts_with(&head.to_text()));
        if !same {
            return Err(refused("This log published no such checkpoint.".to_owned()));
        }
        witnessing.keep(&head, &lines)?;
        Ok(json_answer(StatusCode::OK, &json!({"size": head.size})))
    })
    .await
}
