//! What was tried and refused, as the security log records it: read off requests and entries, with nothing of theirs
//! in it but ids that have the form of ids.
//!
//! Recorded are entries that were refused, for whatever reason of theirs, and requests under a token that was missing
//! or no good (401), that were forbidden (403), or that asked for what the reader may not see (404).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::http::{App, Shared};
use super::known::StoreKnown;
use super::problem::{self, Problem, ProblemCode};
use super::routes::ROUTES;
use crate::ledger::Rules;
use crate::ledger::state::Known as _;
use crate::protocol::base64url;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Code};
use crate::protocol::key::KeyId;
use crate::protocol::security::{AttemptKind, By};
use crate::storage::{Store, StoreError};

/// What is alike among attempts: those that agree in all of it become one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// What was tried.
    pub kind: AttemptKind,
    /// The code of the refusal.
    pub code: Code,
    /// Event, or method and path.
    pub act: Option<Code>,
    /// What was asked for, where who asked is proven.
    pub target: Option<Code>,
    /// By whom.
    pub by: By,
    /// Who.
    pub actor: Option<ActorId>,
    /// From where.
    pub source: Option<Code>,
}

#[cfg(test)]
impl Attempt {
    /// An entry of nobody known, refused with this code.
    pub(super) fn example(code: &str) -> Attempt {
        Attempt {
            kind: AttemptKind::Entry,
            code: Code::new(code).expect("a code of a test is one"),
            act: None,
            target: None,
            by: By::Unknown,
            actor: None,
            source: None,
        }
    }
}

/// What is kept of the first of attempts that are alike.
#[derive(Debug, Clone, Default)]
pub struct First {
    /// What was asked for.
    pub target: Option<Code>,
    /// What the attempt can be recognised by.
    pub digest: Option<Hash>,
}

/// The network address at the other end of a connection; behind a proxy that is the proxy's.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// As a record has it.
    pub fn source(extensions: &Extensions) -> Option<Code> {
        let peer: &Peer = extensions.get()?;
        Code::new(peer.0.to_canonical().to_string()).ok()
    }
}

/// Who a request says it is from: noted while its token is checked.
#[derive(Clone, Default)]
pub struct Who(Arc<Mutex<Option<(ActorId, By)>>>);

impl Who {
    /// Somebody enrolled here is named, or has proven to be that.
    pub fn is(&self, actor: &ActorId, by: By) {
        *self.0.lock().expect("no holder of this lock panics") = Some((actor.clone(), by));
    }

    fn get(&self) -> Option<(ActorId, By)> {
        let noted = self.0.lock().expect("no holder of this lock panics");
        noted.clone()
    }
}

/// Stands before every route that needs a token, and has what is refused there recorded.
pub async fn watch(State(app): Shared, mut request: Request, next: Next) -> Response {
    let who = Who::default();
    request.extensions_mut().insert(who.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let source = Peer::source(request.extensions());
    let token = request.headers().get(header::AUTHORIZATION).cloned();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    let code = response.extensions().get::<ProblemCode>();
    if let (Some(ProblemCode(code)), Some(route)) = (code, route)
        && is_refusal(response.status(), code)
        && ROUTES
            .iter()
            .any(|one| one.token && one.path == route.as_str())
    {
        let (attempt, first) = of_request(code, &method, route.as_str(), &uri, source);
        let first = First {
            digest: token.as_ref().and_then(token_hash),
            ..first
        };
        note(&app, attempt, first, Ok(who.get()));
    }
    response
}

fn is_refusal(status: StatusCode, code: &str) -> bool {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        StatusCode::NOT_FOUND => code == problem::NOT_VISIBLE,
        _ => false,
    }
}

fn token_hash(header: &HeaderValue) -> Option<Hash> {
    let token = header.to_str().ok()?.strip_prefix("Custody ")?;
    Some(Hash::of(&[token.as_bytes()]))
}

fn of_request(
    code: &str,
    method: &Method,
    route: &str,
    uri: &Uri,
    source: Option<Code>,
) -> (Attempt, First) {
    let attempt = Attempt {
        kind: AttemptKind::Request,
        code: Code::new(code).expect("codes of problems are short words"),
        act: Code::new(format!("{method} {route}")).ok(),
        target: None,
        by: By::Unknown,
        actor: None,
        source,
    };
    let first = First {
        target: target(route, uri),
        digest: None,
    };
    (attempt, first)
}

/// The id in a path or query, if it has the form of one; the last where there are two.
fn target(route: &str, uri: &Uri) -> Option<Code> {
    let in_path = route.split('/').zip(uri.path().split('/'));
    let in_path = in_path.filter(|(name, _)| matches!(*name, "{subject}" | "{e}" | "{sha256}"));
    let in_query = uri.query().into_iter().flat_map(|query| query.split('&'));
    let in_query = in_query.filter_map(|pair| pair.strip_prefix("sha256="));
    let id = in_path.map(|(_, id)| id).chain(in_query).last()?;
    let has_form = Hash::from_hex(id).is_some()
        || base64url::decode(id).is_ok_and(|bytes| matches!(bytes.len(), 16 | 32));
    has_form.then(|| Code::new(id).ok()).flatten()
}

/// An entry that was submitted, as far as a refusal of it is recorded.
#[derive(Debug, Clone)]
pub struct Submitted {
    digest: Hash,
    /// Claimed actor, subject and event, and the key that the signature names; nothing where it cannot be read.
    says: Option<(ActorId, Code, String, KeyId)>,
    verified: bool,
}

impl Submitted {
    /// Bytes that are no entry.
    pub fn bytes(bytes: &[u8]) -> Submitted {
        Submitted {
            digest: Hash::of(&[bytes]),
            says: None,
            verified: false,
        }
    }

    /// An entry.
    pub fn entry(entry: &UnverifiedEntry) -> Submitted {
        let payload = entry.payload();
        let subject =
            Code::new(payload.subject.as_str()).expect("a subject has the form of a code");
        Submitted {
            digest: entry.hash().0,
            says: Some((
                payload.actor.clone(),
                subject,
                payload.event.clone(),
                entry.kid(),
            )),
            verified: false,
        }
    }

    /// The same, its signature checked.
    pub fn verified(mut self) -> Submitted {
        self.verified = true;
        self
    }

    /// Has it recorded that this entry was refused.
    pub fn refused(&self, app: &App, problem: &Problem, source: Option<Code>) {
        let mut attempt = Attempt {
            kind: AttemptKind::Entry,
            code: Code::new(problem.code()).expect("codes of problems are short words"),
            act: None,
            target: None,
            by: By::Unknown,
            actor: None,
            source,
        };
        let mut first = First {
            target: None,
            digest: Some(self.digest),
        };
        if let Some((_, subject, event, _)) = &self.says {
            // An event that no rule knows is a word of the sender's.
            let known = Rules::embedded().row(event).is_some();
            attempt.act = Code::new(event.as_str()).ok().filter(|_| known);
            first.target = Some(subject.clone());
        }
        note(app, attempt, first, self.signer(&*app.store));
    }

    /// Whoever signed is whose key it is, whatever name the entry bears.
    fn signer(&self, store: &dyn Store) -> Result<Option<(ActorId, By)>, StoreError> {
        let Some((claimed, _, _, kid)) = &self.says else {
            return Ok(None);
        };
        let known = StoreKnown::new(store);
        let key = known.key(*kid).filter(|_| self.verified);
        known.check()?;
        Ok(Some(match key {
            Some(key) => (key.actor, By::Proven),
            None => (claimed.clone(), By::Claimed),
        }))
    }
}

/// Has an attempt recorded, with as much of who it was as may be.
fn note(
    app: &App,
    mut attempt: Attempt,
    mut first: First,
    who: Result<Option<(ActorId, By)>, StoreError>,
) {
    let identified = who.and_then(|who| identify(&*app.store, &mut attempt, who));
    if let Err(error) = identified {
        // That something was refused is recorded all the same.
        super::say::say(format_args!(
            "of a refused attempt it could not be read who it was: {error}"
        ));
    }
    match attempt.by {
        By::Defence => (attempt.source, first.target) = (None, None),
        By::Proven => attempt.target = first.target.clone(),
        By::Claimed | By::Unknown => {}
    }
    app.security.note(attempt, first);
}

fn identify(
    store: &dyn Store,
    attempt: &mut Attempt,
    who: Option<(ActorId, By)>,
) -> Result<(), StoreError> {
    let Some((actor, by)) = who else {
        return Ok(());
    };
    let known = StoreKnown::new(store);
    let enrolled = known.actor(&actor).is_some();
    let org = known.org(&actor.org());
    known.check()?;
    let of_defence = org.is_some_and(|org| org.sector == "defence");
    match (enrolled, attempt.kind) {
        // A name that nobody here has is a word of the sender's.
        (false, _) => {}
        (true, AttemptKind::Request) if of_defence => attempt.by = By::Defence,
        (true, _) => (attempt.by, attempt.actor) = (by, Some(actor)),
    }
    Ok(())
}

/// Attempts that wait to be recorded, those that are alike together.
pub type Alike = BTreeMap<Attempt, super::security_log::Tally>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::target;

    #[test]
    fn only_what_has_the_form_of_an_id_is_taken_over() {
        let of =
            |route: &str, uri: &str| target(route, &uri.parse().unwrap()).map(|id| id.to_string());
        let subject = "q83vEjRWeJCrze8SNFZ4kA";
        let sha256 = "0f".repeat(32);
        let history = "/v1/{kind}/{subject}/history";
        let at = |id: &str| format!("/v1/exhibits/{id}/history");
        assert_eq!(of(history, &at(subject)).as_deref(), Some(subject));
        assert_eq!(of(history, &at("Robert%22%29;")), None);
        assert_eq!(of(history, &at(&"A".repeat(3000))), None);
        let lookup = |query: &str| of("/v1/lookup", &format!("/v1/lookup?{query}"));
        assert_eq!(lookup(&format!("sha256={sha256}")), Some(sha256.clone()));
        assert_eq!(lookup("sha256=zz&x=1"), None);
        assert_eq!(
            of("/v1/blobs/{sha256}", &format!("/v1/blobs/{sha256}")),
            Some(sha256)
        );
        // A reference is words of people's.
        assert_eq!(of("/v1/resolve", "/v1/resolve?reference=JSM%2F1"), None);
    }
}
