//! The log's next keys are recorded: from the entry `log-key-rotated` on they are the log's, beside those before.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};
use tokio::task::JoinHandle;

use super::http::App;
use super::known::StoreKnown;
use super::say::say;
use super::sequencer::{Answer, OwnEntry, Unavailable, Work};
use crate::ledger::Known as _;
use crate::protocol::id::{ChainId, Strand};
use crate::protocol::note::VerifierKey;
use crate::storage::StoreError;

/// Pause where the witnesses have not yet confirmed the ledger's history, or the writer is busy.
const PAUSE: Duration = Duration::from_secs(1);

/// Records the next keys of the log, where there are such and they are not recorded yet.
pub(super) fn record_next(app: &Arc<App>) -> JoinHandle<()> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        loop {
            let own = match entry(&app) {
                Ok(Some(own)) => own,
                Ok(None) => return,
                Err(error) => return say(format_args!("the log's next keys: {error}")),
            };
            match app.sequencer.write(Work::Own(own)).await {
                Ok(Answer::Refused(refusal)) => {
                    return say(format_args!("the log's next keys are refused: {refusal}"));
                }
                Ok(_) => {
                    return say("the log's next keys are recorded, and sign beside those before");
                }
                Err(Unavailable::Unconfirmed | Unavailable::Busy) => {
                    tokio::time::sleep(PAUSE).await;
                }
                // The service says elsewhere why it writes no more.
                Err(_) => return,
            }
        }
    })
}

/// The entry that is still to be written.
fn entry(app: &App) -> Result<Option<OwnEntry>, StoreError> {
    let Some(next) = &app.identity.next_log_keys else {
        return Ok(None);
    };
    let known = StoreKnown::new(&*app.store);
    let recorded = known.ledger().map(|ledger| ledger.log_keys);
    known.check()?;
    let recorded = recorded.unwrap_or_default();
    let keys = next.vkeys(&app.identity.origin);
    let keys = keys.iter().map(VerifierKey::to_string);
    let new: Vec<String> = keys.filter(|key| !recorded.contains(key)).collect();
    let chain = ChainId {
        subject: app.identity.subject.clone(),
        strand: Strand::Rules,
    };
    Ok((!new.is_empty()).then(|| OwnEntry {
        chain,
        event: "log-key-rotated".to_owned(),
        body: Map::from_iter([("log".to_owned(), json!(new))]),
        details: Map::new(),
    }))
}
