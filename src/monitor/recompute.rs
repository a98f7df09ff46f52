//! Reading a ledger as one of its auditors: every entry without its details, from which the map of completeness is
//! recomputed, a stretch at a time, and what becomes of keys and organisations is told.
//!
//! Memory grows with the number of chains of the ledger, not with its entries or age.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::custody::Custody;
use super::memory::Memory;
use super::web::Web;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{ActorId, Origin, Subject};
use crate::protocol::key::SecretKey;
use crate::protocol::note::VerifierKey;
use crate::protocol::token::{MAX_LIFETIME, ReadRequest};
use crate::protocol::tree::{self, ConsistencyProof};
use crate::verify::map_audit::{LogPlace, MapAudit, Recomputed, WrongLog};
use crate::verify::map_fault::Stretch;

/// What the record says of why it was read.
const PURPOSE: &str = "monitoring: the map recomputed";

/// Who reads.
pub struct Auditor {
    /// In which ledger.
    pub ledger: Origin,
    /// Who they are in it.
    pub actor: ActorId,
    /// Their key.
    pub key: SecretKey,
}

/// Something that was recorded about keys, organisations or rules, or that the rules flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Place in the log.
    pub index: u64,
    /// The event's name.
    pub event: String,
    /// The flag, if it is one.
    pub flag: Option<&'static str>,
    /// A sentence.
    pub words: String,
}

/// Why a reading came to nothing.
pub enum Unread {
    /// The log is not what it should be, and where the proof of that is, if there is one.
    Wrong(WrongLog, Option<PathBuf>),
    /// It could not be read.
    Unreachable(String),
}

/// What is read, and by whom.
pub struct Source<'a> {
    /// Where the ledger is served.
    pub url: &'a str,
    /// As whom.
    pub auditor: &'a Auditor,
    /// How.
    pub web: &'a Web,
    /// What was verified so far.
    pub memory: &'a Memory,
    /// The log's keys.
    pub logs: &'a [&'a VerifierKey],
}

/// Reads every place up to a checkpoint that was verified, holds it against that, and runs the rules where asked to.
/// Answers with what to add to what was kept, and with what was recorded about keys, organisations and rules and what is
/// flagged.
pub fn read(
    source: &Source<'_>,
    audit: &mut MapAudit,
    mut custody: Option<&mut Custody>,
    note: &str,
    head: &Checkpoint,
) -> Result<(Recomputed, Vec<News>), Unread> {
    let (url, auditor, web) = (source.url, source.auditor, source.web);
    let mut events = Vec::new();
    let end = head.size.0;
    while audit.size().0 < end {
        let from = audit.size().0;
        let uri = format!("{url}/v1/log?from={from}");
        let token = token(auditor, &uri).map_err(Unread::Unreachable)?;
        let page = web
            .read(&uri, &token)
            .map_err(|why| Unread::Unreachable(format!("{uri} cannot be read: {why}")))?;
        for line in page.lines() {
            // The last line says how many places there are; what comes behind the checkpoint is for the next time.
            let Ok(place) = serde_json::from_str::<LogPlace>(line) else {
                continue;
            };
            if audit.size().0 == end {
                break;
            }
            if let Err(wrong) = audit.take(&place) {
                let proof = prove(source, audit.wrong(), note, head);
                return Err(Unread::Wrong(wrong, proof));
            }
            events.extend(key_event(&place));
            if let Some(custody) = custody.as_deref_mut() {
                let flags = custody.take(&place);
                events.extend(flags.map_err(|wrong| Unread::Wrong(wrong, None))?);
            }
        }
        if audit.size().0 == from {
            let words = format!("{uri} has no place, and the log signed {end} leaves");
            return Err(Unread::Unreachable(words));
        }
    }
    let wrong = |code, words: &str| {
        let wrong = WrongLog {
            code,
            index: end.saturating_sub(1),
            words: words.to_owned(),
        };
        Unread::Wrong(wrong, None)
    };
    if audit.root() != Some(head.root) {
        let words =
            "The entries that its auditors are given are not those under the root that it signed.";
        return Err(wrong("entries-differ", words));
    }
    let new = audit.keep_new();
    let new = new.ok_or_else(|| {
        wrong(
            "map-missing",
            "The published tree does not end in a map leaf.",
        )
    })?;
    Ok((new, events))
}

/// Makes the log answer for a stretch with its newest checkpoint; that this fails takes nothing from the alarm.
fn prove(
    source: &Source<'_>,
    stretch: Option<&Stretch>,
    note: &str,
    head: &Checkpoint,
) -> Option<PathBuf> {
    let stretch = stretch?;
    let tree = source.memory.tree(head.size).ok()?;
    let proof = match stretch.end() == head.size {
        true => ConsistencyProof(Vec::new()),
        false => tree::prove_consistency(stretch.end(), head.size, &tree).ok()?,
    };
    let shown = stretch
        .signed(note, source.logs.iter().copied(), proof)
        .ok()?;
    source.memory.keep_map_fault(&shown).ok()
}

fn token(auditor: &Auditor, uri: &str) -> Result<String, String> {
    let mut jti = [0; 16];
    getrandom::fill(&mut jti)
        .map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let iat = now.map_or(0, |now| now.as_secs());
    let request = ReadRequest {
        ledger: auditor.ledger.clone(),
        actor: auditor.actor.clone(),
        method: "GET".to_owned(),
        uri: uri.to_owned(),
        body: None,
        purpose: PURPOSE.to_owned(),
        client: concat!("custodes-monitor ", env!("CARGO_PKG_VERSION")).to_owned(),
        iat,
        exp: iat + MAX_LIFETIME,
        jti: Subject::from_bytes(jti),
    };
    Ok(request.sign(&auditor.key))
}

/// What an entry says about keys, organisations or rules, if it is such a one.
fn key_event(place: &LogPlace) -> Option<News> {
    let LogPlace::Entry { index, jws, .. } = place else {
        return None;
    };
    let entry = UnverifiedEntry::from_parts(jws, std::iter::empty()).ok()?;
    let payload = entry.payload();
    let text = |name: &str| payload.body.get(name).and_then(|one| one.as_str());
    let since = text("compromised_since").map(|at| format!(", compromised since {at}"));
    let since = since.unwrap_or_default();
    let (by, of) = (&payload.actor, text("actor").unwrap_or("?"));
    let words = match payload.event.as_str() {
        "key-enrolled" => {
            let own = match payload.body.contains_key("cosigned") {
                true => ", which an earlier key of theirs signed for",
                false => "",
            };
            // The first key of an actor stands at the beginning of their chain.
            let further = match (payload.seq, own) {
                (0, _) => "a first key",
                (_, "") => "a further key, which none of their own keys signed for",
                _ => "a further key",
            };
            format!("{by} enrolled {further} of {of}{own}")
        }
        "key-revoked" => format!("{by} revoked a key of {}{since}", payload.subject),
        "roles-changed" => format!("{by} changed the roles of {}", payload.subject),
        "authority-key-rotated" => format!("{by} gave the authority {of} another key{since}"),
        "service-key-rotated" => format!("the service has another key{since}"),
        "log-key-rotated" => "the log has further keys".to_owned(),
        "continued-from" => format!("{by} recorded that this ledger continues another"),
        "organisation-admitted"
        | "organisation-suspended"
        | "rule-proposed"
        | "rule-approved"
        | "genesis-accepted"
        | "witnessing-waived" => format!("{by} recorded {}", payload.event),
        _ => return None,
    };
    Some(News {
        index: index.0,
        event: payload.event.clone(),
        flag: None,
        words,
    })
}
