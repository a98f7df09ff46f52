//! Errors over HTTP (RFC 9457): the one place where layers' errors become statuses.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::sequencer::Unavailable;
use crate::ledger::Refusal;
use crate::storage::StoreError;

/// A problem to answer with.
#[derive(Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    body: Value,
}

impl Problem {
    /// A problem with a stable code, a sentence that says why, and what to do next.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>, next: &str) -> Problem {
        let body = json!({
            "type": format!("urn:custodes:problem:{code}"),
            "title": status.canonical_reason().unwrap_or("Problem"),
            "status": status.as_u16(),
            "detail": detail.into(),
            "next": next,
        });
        Problem { status, body }
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
            "not-registered-or-not-visible",
            "It is not registered, or not visible to you.",
            "Check the reference; if it is right, ask a party of the case for access.",
        )
    }

    /// Adds a member.
    pub fn with(mut self, name: &str, value: Value) -> Problem {
        self.body[name] = value;
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
            | "not-service"
            | "organisation-not-accepted"
            | "outside-organisation" => StatusCode::FORBIDDEN,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, &refusal.code, refusal.why, &refusal.next)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        // The operator reads the cause in the log; a caller has no use for paths of the machine.
        eprintln!("custodes: {error}");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "storage",
            "The service could not read its storage.",
            "Tell the operator; the cause is in the service's log.",
        )
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
        let busy = self.status == StatusCode::TOO_MANY_REQUESTS;
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, headers, self.body.to_string()).into_response();
        if busy {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}
