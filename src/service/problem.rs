//! Errors over HTTP (RFC 9457): the one place where layers' errors become statuses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::say::say;
use super::search::SearchError;
use super::sequencer::Unavailable;
use crate::ledger::Refusal;
use crate::storage::{BlobError, StoreError};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every problem's `type` begins with; its code follows.
const TYPE: &str = "urn:custodes:problem:";

/// The code for what is absent or not the asker's to see.
pub const NOT_VISIBLE: &str = "not-registered-or-not-visible";

/// The code of the problem that an answer is, for who counts them.
#[derive(Debug, Clone)]
pub struct ProblemCode(pub String);

/// A problem to answer with.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    code: String,
    body: Value,
    /// Seconds after which it is worth asking again.
    retry_after: Option<u16>,
}

impl Problem {
    /// A problem with a stable code, a sentence that says why, and what to do next.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>, next: &str) -> Problem {
        let body = json!({
            "type": format!("{TYPE}{code}"),
            "title": status.canonical_reason().unwrap_or("Problem"),
            "status": status.as_u16(),
            "detail": detail.into(),
            "next": next,
        });
        Problem {
            status,
            code: code.to_owned(),
            body,
            retry_after: (status == StatusCode::TOO_MANY_REQUESTS).then_some(1),
        }
    }

    /// Bad form.
    pub fn bad(code: &str, detail: impl Into<String>) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            code,
            detail,
            "Correct the request.",
        )
    }

    /// Absent, or not yours: the same answer for both.
    pub fn not_visible() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            NOT_VISIBLE,
            "It is not registered, or not visible to you.",
            "Check the reference; if it is right, ask a party of the case for access.",
        )
    }

    /// A path that does not exist.
    pub fn no_such_path() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-path",
            "There is nothing at this path.",
            "See /openapi.json for the paths.",
        )
    }

    /// Its code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Adds a member.
    pub fn with(mut self, name: &str, value: Value) -> Problem {
        self.body[name] = value;
        self
    }

    /// Says after how many seconds it is worth asking again.
    pub fn retry_after(mut self, seconds: u16) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// The JSON body.
    pub fn into_body(self) -> Value {
        self.body
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let status = match refusal.code.as_str() {
            "stale-prev" => StatusCode::CONFLICT,
            "unknown-key" | "unknown-actor" | "key-of-another" | "key-not-valid" => {
                StatusCode::UNAUTHORIZED
            }
            "no-role"
            | "no-standing"
            | "organisation-not-accepted"
            | "organisation-suspended"
            | "outside-organisation" => StatusCode::FORBIDDEN,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, &refusal.code, refusal.why, &refusal.next)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        // The operator reads the cause in the log; a caller has no use for paths of the machine.
        say(&error);
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "storage",
            "The service could not read its storage.",
            "Tell the operator; the cause is in the service's log.",
        )
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Problem {
        let why = capital(&error.to_string());
        match error {
            BlobError::Offset(have) => Problem::new(
                StatusCode::CONFLICT,
                "blob-offset",
                why,
                "Go on from that byte, or send the whole blob again.",
            )
            .with("have", json!(have)),
            BlobError::Busy => Problem::new(
                StatusCode::CONFLICT,
                "blob-busy",
                why,
                "Wait until it has ended, then ask how far it got.",
            ),
            BlobError::TooLong => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "blob-too-long",
                why,
                "Split the folder into several exhibits.",
            ),
            BlobError::Quota(_) => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "blob-quota",
                why,
                "Submit the entries that refer to them, or wait until they have expired.",
            ),
            BlobError::Differs => Problem::bad("blob-differs", why),
            BlobError::Full => {
                say("the disk is full: a blob could not be kept");
                Problem::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "disk-full",
                    why,
                    "Tell the operator; what came so far is kept.",
                )
            }
            BlobError::Store(error) => error.into(),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Problem {
        let (status, code, next) = match error {
            SearchError::Store(error) => return error.into(),
            SearchError::Behind { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "index-behind",
                "Try again in a moment, or name it by its id.",
            ),
            SearchError::TooManyWords => (
                StatusCode::BAD_REQUEST,
                "reference-too-long",
                "Give the references of the case and the exhibit alone, or the id.",
            ),
            SearchError::TooCommon => (
                StatusCode::BAD_REQUEST,
                "reference-too-common",
                "Give the reference of the case with it, or its id.",
            ),
        };
        Problem::new(status, code, format!("{error}."), next)
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Problem {
        match error {
            Unavailable::Busy => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                error.to_string(),
                "Send the same bytes again in a second.",
            ),
            Unavailable::Stopped => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopped",
                error.to_string(),
                "Tell the operator; send the same bytes again once the service runs.",
            ),
            Unavailable::NoReceipt => Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "no-receipt",
                error.to_string(),
                "Send the same bytes again: they are never recorded twice.",
            ),
            Unavailable::Unconfirmed => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not-confirmed",
                error.to_string(),
                "Send the same bytes again in a minute; /readyz says how it stands.",
            ),
            Unavailable::OtherHistory => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "other-history",
                error.to_string(),
                "Tell an auditor and the other parties; /readyz says what the witness shows.",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, MEDIA_TYPE)];
        let mut response = (self.status, headers, self.body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            let seconds = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Custody");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

/// A message of a lower layer as a sentence.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    first + letters.as_str() + "."
}
