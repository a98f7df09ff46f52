//! Read tokens: who asks, proven for this one request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use super::attempts::Who;
use super::http::App;
use super::known::StoreKnown;
use super::problem::Problem;
use crate::ledger::Known as _;
use crate::ledger::grounds::Ground;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Origin, Subject};
use crate::protocol::security::By;
use crate::protocol::token::{ReadRequest, UnverifiedRead};
use crate::storage::Store;

/// Tolerated difference between the reader's and our clock, seconds.
const SKEW: u64 = 30;

/// A request whose reader is known. As an argument of a handler it is who asks, by the token of a request that has no
/// body; it goes behind what the path and the query say, so that those are read first.
pub struct Reader {
    /// Who asks.
    pub actor: ActorId,
    /// Why.
    pub purpose: String,
    /// SHA-256 of the request body that the token was signed for.
    pub body: Option<Hash>,
    /// The token itself: it goes into the access entry, so that a view cannot be invented.
    pub token: String,
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Reader, Problem> {
        app.reader(parts, BodyHash::Known(None))
    }
}

/// What is known of the request's body when its token is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyHash {
    /// Its hash, or that there is none.
    Known(Option<Hash>),
    /// It is still to come, and the handler compares.
    Later,
}

/// Remembers tokens that were used.
pub struct Tokens {
    started: u64,
    used: Mutex<Used>,
}

/// Tokens that were used, and until when they count.
#[derive(Default)]
struct Used {
    until: HashMap<Subject, u64>,
    /// When those that count no more were last forgotten.
    swept: u64,
}

impl Tokens {
    /// None used yet. Tokens from before are refused: nobody remembers which of them were used.
    pub fn new() -> Tokens {
        Tokens {
            started: now(),
            used: Mutex::default(),
        }
    }

    /// Checks the token of one request to this full URI.
    pub fn check(
        &self,
        store: &dyn Store,
        ledger: &Origin,
        parts: &Parts,
        uri: &str,
        body: BodyHash,
    ) -> Result<Reader, Problem> {
        let who = parts.extensions.get::<Who>().cloned().unwrap_or_default();
        let text = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Custody "))
            .ok_or_else(|| {
                refuse(
                    "token-missing",
                    "This needs \"Authorization: Custody <token>\".",
                )
            })?;
        let unverified =
            UnverifiedRead::parse(text).map_err(|error| refuse("token-form", error.to_string()))?;
        let known = StoreKnown::new(store);
        let key = known.key(unverified.kid());
        let reader = known.actor(unverified.claimed_actor());
        let org = known.org(&unverified.claimed_actor().org());
        known.check()?;
        who.is(unverified.claimed_actor(), By::Claimed);
        let unknown = || {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "token-key",
                "The key that signed the request is not enrolled for you here, or was revoked, or its time is not yet or no more.",
                "Ask the authority of your organisation to enrol a new key (custodes key new). What you signed offline with this \
                 one need not be signed again: the authority, or you with the new key, takes it in (custodes key adopt).",
            )
        };
        let (Some(key), Some(_)) = (key, reader) else {
            return Err(unknown());
        };
        if key.actor != *unverified.claimed_actor() || key.revoked.is_some() {
            return Err(unknown());
        }
        let request = unverified.verify(&key.key).map_err(|_| unknown())?;
        who.is(&request.actor, By::Proven);
        let time = i64::try_from(now()).unwrap_or(i64::MAX);
        if key.valid_from.is_some_and(|from| time < from)
            || key.valid_until.is_some_and(|to| time > to)
        {
            return Err(unknown());
        }
        if org.is_some_and(|org| org.suspended) {
            return Err(Ground::OrganisationSuspended.refusal().into());
        }
        self.check_request(&request, ledger, parts.method.as_str(), uri, body)?;
        Ok(Reader {
            actor: request.actor,
            purpose: request.purpose,
            body: request.body,
            token: text.to_owned(),
        })
    }

    fn check_request(
        &self,
        request: &ReadRequest,
        ledger: &Origin,
        method: &str,
        uri: &str,
        body: BodyHash,
    ) -> Result<(), Problem> {
        if request.ledger != *ledger
            || request.method != method
            || request.uri != uri
            || matches!(body, BodyHash::Known(known) if request.body != known)
        {
            return Err(other_request(method, uri));
        }
        let time = now();
        if request.iat > time + SKEW || request.exp <= time {
            return Err(refuse(
                "token-expired",
                "The token has expired, or your clock is wrong.",
            ));
        }
        if request.iat < self.started {
            return Err(refuse(
                "token-before-start",
                "The token is from before the service started; if it is not, your clock is slow.",
            ));
        }
        if request.purpose.trim().is_empty() {
            return Err(refuse("purpose-missing", "The token gives no purpose."));
        }
        let mut used = self.used.lock().expect("no holder of this lock panics");
        // All are walked once a second, not for each request.
        if used.swept != time {
            used.swept = time;
            used.until.retain(|_, exp| *exp > time);
        }
        match used.until.insert(request.jti.clone(), request.exp) {
            None => Ok(()),
            Some(_) => Err(refuse("token-used", "The token was used before.")),
        }
    }
}

/// The token was signed for something else.
pub fn other_request(method: &str, uri: &str) -> Problem {
    let detail = format!("The token is not for {method} {uri} with this body.");
    refuse("token-other-request", detail)
}

fn refuse(code: &str, detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        code,
        detail,
        "Sign a fresh token for this request.",
    )
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(iat: u64, number: u8) -> ReadRequest {
        ReadRequest {
            ledger: Origin::new("evidence.example").unwrap(),
            actor: ActorId::new("police/AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            method: "GET".to_owned(),
            uri: "/".to_owned(),
            body: None,
            purpose: "test".to_owned(),
            client: "test 1.0".to_owned(),
            iat,
            exp: iat + 60,
            jti: Subject::from_bytes([number; 16]),
        }
    }

    #[test]
    fn a_token_counts_once_and_not_before_the_start() {
        let tokens = Tokens::new();
        let ledger = Origin::new("evidence.example").unwrap();
        let check = |request: &ReadRequest| {
            let checked = tokens.check_request(request, &ledger, "GET", "/", BodyHash::Known(None));
            checked.map_err(|problem| problem.code().to_owned())
        };
        assert_eq!(check(&request(tokens.started, 1)), Ok(()));
        let again = check(&request(tokens.started, 1)).unwrap_err();
        assert_eq!(again, "token-used");
        let before = check(&request(tokens.started - 1, 2)).unwrap_err();
        assert_eq!(before, "token-before-start");
        let over = check(&request(tokens.started - 60, 3)).unwrap_err();
        assert_eq!(over, "token-expired");
        // What counts no more is forgotten, at the next second.
        let mut used = tokens.used.lock().unwrap();
        used.until.insert(Subject::from_bytes([9; 16]), 1);
        used.swept = 0;
        drop(used);
        assert_eq!(check(&request(tokens.started, 4)), Ok(()));
        assert_eq!(tokens.used.lock().unwrap().until.len(), 2);
    }
}
