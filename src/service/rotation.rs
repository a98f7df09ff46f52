//! The next keys of log and service are recorded. From the entry `log-key-rotated` on the log's are its own, beside
//! those before; from the entry `service-key-rotated` on the service signs with its next key alone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::folder::Identity;
use super::http::App;
use super::known::StoreKnown;
use super::say::say;
use super::sequencer::{Answer, OwnEntry, Unavailable, Work};
use crate::ledger::grounds::Ground;
use crate::ledger::{Known as _, Refusal};
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{ChainId, Strand};
use crate::protocol::key::SecretKey;
use crate::protocol::note::VerifierKey;
use crate::protocol::token::Possession;
use crate::storage::StoreError;

/// Pause where the witnesses have not yet confirmed the ledger's history, or the writer is busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Records the next keys of the log and of the service, where there are such and they are not recorded yet.
pub(super) fn record_next(app: &Arc<App>) -> JoinHandle<()> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        loop {
            let (own, then) = match entry(&app) {
                Ok(Some(due)) => due,
                Ok(None) => return,
                Err(error) => return say(format_args!("the next keys: {error}")),
            };
            match app.sequencer.write(Work::Own(own)).await {
                Ok(Answer::Refused(refusal)) => {
                    return say(format_args!("the next keys are refused: {refusal}"));
                }
                Ok(_) => say(then),
                Err(Unavailable::Unconfirmed | Unavailable::Busy) => {
                    tokio::time::sleep(PAUSE).await;
                }
                // The service says elsewhere why it writes no more.
                Err(_) => return,
            }
        }
    })
}

/// A service whose next key is not here could record nothing any more: whoever has its present key, and sends in that it
/// has another, does not get that far.
pub(super) fn names_key_elsewhere(identity: &Identity, entry: &VerifiedEntry) -> Option<Refusal> {
    let payload = entry.payload();
    let here = |key: &SecretKey| Some(json!(key.public())).as_ref() == payload.body.get("key");
    let elsewhere =
        payload.event == "service-key-rotated" && !identity.service_keys.keys.iter().any(here);
    elsewhere.then(|| {
        Ground::BadBody
            .because("The service has not this key: it is rotated where the service runs.")
    })
}

/// The entry that is still to be written, and what is so once it is.
fn entry(app: &App) -> Result<Option<(OwnEntry, &'static str)>, StoreError> {
    let known = StoreKnown::new(&*app.store);
    let due = log_entry(app, &known)
        .map(|own| {
            (
                own,
                "the log's next keys are recorded, and sign beside those before",
            )
        })
        .or_else(|| {
            let own = service_entry(app, &known)?;
            let then = "the service's next key is recorded, and it signs with that alone";
            Some((own, then))
        });
    known.check()?;
    Ok(due)
}

/// The ledger names its service's next key, which the service's present one signs.
fn service_entry(app: &App, known: &StoreKnown<'_>) -> Option<OwnEntry> {
    let keys = &app.identity.service_keys;
    let next = keys.next(known)?;
    let possession = Possession {
        ledger: app.identity.origin.clone(),
        actor: app.identity.service.clone(),
        key: next.public(),
    };
    Some(own(
        app,
        "service-key-rotated",
        [
            ("actor", json!(possession.actor)),
            ("key", json!(possession.key)),
            ("proof", json!(possession.sign(next))),
            ("compromised_since", json!(keys.compromised_since)),
        ],
    ))
}

/// The ledger names the keys that sign its checkpoints beside those before.
fn log_entry(app: &App, known: &StoreKnown<'_>) -> Option<OwnEntry> {
    let next = app.identity.next_log_keys.as_ref()?;
    let recorded = known.ledger()?.log_keys;
    let keys = next.vkeys(&app.identity.origin);
    let keys = keys.iter().map(VerifierKey::to_string);
    let new: Vec<String> = keys.filter(|key| !recorded.contains(key)).collect();
    (!new.is_empty()).then(|| own(app, "log-key-rotated", [("log", json!(new))]))
}

fn own<const N: usize>(app: &App, event: &str, body: [(&str, Value); N]) -> OwnEntry {
    OwnEntry {
        chain: ChainId {
            subject: app.identity.subject.clone(),
            strand: Strand::Rules,
        },
        event: event.to_owned(),
        body: body
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        details: Map::new(),
    }
}
