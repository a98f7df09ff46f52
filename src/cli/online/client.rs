//! The HTTP client: read tokens, limits, and problems as failures.
//!
//! Every request that is not public carries `Authorization: Custody <token>`, fresh for that one request.
//! A problem (RFC 9457) becomes a [`Failure`] with the problem's code, detail and next step.

use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::http::uri::Authority;
use ureq::http::{Method, Request, Response};
use ureq::{AsSendBody, Body};

use super::agent;
use super::fresh::{random_subject, unix_now};
use crate::cli::failure::{Failure, UNREACHABLE};
use crate::protocol::bundle::MAX_BUNDLE;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Origin};
use crate::protocol::key::Signer;
use crate::protocol::token::{MAX_LIFETIME, MAX_PURPOSE, ReadRequest};
use crate::software;

mod upload;

/// Largest answer read: the largest bundle.
const MAX_ANSWER: u64 = MAX_BUNDLE as u64;

/// How long one request may take: a bundle over a slow link.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where entries are submitted.
const ENTRIES: &str = "/v1/entries";

/// Set to 1 by who trusts the network.
const PLAIN_HTTP: &str = "CUSTODES_PLAIN_HTTP";

/// Who signs the requests.
pub struct Reader {
    /// Origin of the ledger.
    pub ledger: Origin,
    /// Who asks.
    pub actor: ActorId,
    /// Their key.
    pub key: Box<dyn Signer + Send + Sync>,
}

/// A connection to one service.
pub struct Client {
    agent: ureq::Agent,
    /// Nothing where the person works offline.
    base: Option<String>,
}

/// A request.
struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    /// Its kind, and its bytes.
    body: Option<(&'a str, &'a [u8])>,
    /// Which part of the whole the body is.
    range: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn get(path: &'a str) -> Call<'a> {
        Call {
            method: Method::GET,
            path,
            token: None,
            body: None,
            range: None,
        }
    }

    fn post(path: &'a str, kind: &'a str, body: &'a [u8]) -> Call<'a> {
        Call {
            method: Method::POST,
            body: Some((kind, body)),
            ..Call::get(path)
        }
    }

    fn put(path: &'a str, body: &'a [u8]) -> Call<'a> {
        Call {
            method: Method::PUT,
            ..Call::post(path, "application/octet-stream", body)
        }
    }

    fn with(self, token: &'a str) -> Call<'a> {
        Call {
            token: Some(token),
            ..self
        }
    }
}

/// What the service answered, if it was a success.
pub struct Answer {
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// For the service at this address.
    pub fn new(url: Option<&str>) -> Result<Client, Failure> {
        let base = url
            .map(|url| url.trim().trim_end_matches('/').to_owned())
            .ok_or_else(|| {
                Failure::new("url-missing", "no address of a service is known")
                    .next("give --url, or set CUSTODES_URL")
            })?;
        if !["http://", "https://"]
            .iter()
            .any(|scheme| base.starts_with(scheme))
        {
            return Err(
                Failure::new("url", format!("{base:?} is not the address of a service"))
                    .next("it begins with https:// or http://; give --url, or set CUSTODES_URL"),
            );
        }
        refuse_if_not_private(&base)?;
        Ok(Client::to(Some(base)))
    }

    /// For nobody: every request fails, and says that this needs the service.
    pub fn offline() -> Client {
        Client::to(None)
    }

    fn to(base: Option<String>) -> Client {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("custodes/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Client { agent, base }
    }

    /// The address of the service.
    pub fn url(&self) -> &str {
        self.base.as_deref().unwrap_or("(offline)")
    }

    /// Reads something public; nothing where the service says 404.
    pub fn public(&self, path: &str) -> Result<Option<Answer>, Failure> {
        match self.send(&Call::get(path)) {
            Ok(answer) => Ok(Some(answer)),
            Err(refused) if refused.status == Some(404) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Reads something that needs a token; `path` includes the query.
    pub fn read(&self, reader: &Reader, path: &str, purpose: &str) -> Result<Answer, Failure> {
        let token = self.token(reader, "GET", path, None, purpose)?;
        self.send(&Call::get(path).with(&token))
    }

    /// Reads JSON that needs a token.
    pub fn read_json(&self, reader: &Reader, path: &str, purpose: &str) -> Result<Value, Failure> {
        self.read(reader, path, purpose)?.json()
    }

    /// Reads lines of JSON for as long as they come; each is handed to `take`.
    pub fn read_lines(
        &self,
        reader: &Reader,
        path: &str,
        purpose: &str,
        mut take: impl FnMut(Value),
    ) -> Result<(), Failure> {
        let token = self.token(reader, "GET", path, None, purpose)?;
        let mut response = self.begin(&Call::get(path).with(&token), None)?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER);
        for line in BufReader::new(body.reader()).lines() {
            let line = line.map_err(|error| self.unreachable(&error.to_string()))?;
            take(serde_json::from_str(&line).map_err(|error| unexpected(&error.to_string()))?);
        }
        Ok(())
    }

    /// Sends a checkpoint with an auditor's cosignature behind it.
    pub fn post_cosignature(&self, note: &str) -> Result<Value, Failure> {
        let call = Call::post("/v1/cosignatures", "text/plain", note.as_bytes());
        self.send(&call)?.json()
    }

    /// Submits an entry, once; the answer is its receipt.
    pub fn post_entry(&self, entry: &str) -> Result<Value, Failure> {
        let body = serde_json::json!({ "entry": entry }).to_string();
        let call = Call::post(ENTRIES, "application/json", body.as_bytes());
        self.send(&call)?.json()
    }

    /// Submits an entry that takes in a branch, with the entries of that.
    pub fn post_branch(&self, entry: &str, branch: &[String]) -> Result<Value, Failure> {
        let body = serde_json::json!({ "entry": entry, "branch": branch }).to_string();
        let call = Call::post(ENTRIES, "application/json", body.as_bytes());
        self.send(&call)?.json()
    }

    /// Submits entries as one batch: for each, in order, the receipt or why it was refused.
    pub fn post_batch(&self, entries: &[String]) -> Result<Vec<Result<Value, Failure>>, Failure> {
        let lines: Vec<String> = entries
            .iter()
            .map(|entry| serde_json::json!({ "entry": entry }).to_string())
            .collect();
        let body = lines.join("\n");
        let call = Call::post(ENTRIES, "application/x-ndjson", body.as_bytes());
        let answer = self.send(&call)?.text()?;
        let results = answer
            .lines()
            .map(|line| {
                let value: Value =
                    serde_json::from_str(line).map_err(|error| unexpected(&error.to_string()))?;
                let status = value["status"]
                    .as_u64()
                    .and_then(|one| u16::try_from(one).ok());
                Ok(match (value.get("receipt"), value.get("problem")) {
                    (Some(receipt), _) => Ok(receipt.clone()),
                    (None, Some(told)) => Err(failure(
                        status.ok_or_else(|| unexpected("a problem without a status"))?,
                        told,
                    )),
                    (None, None) => {
                        return Err(unexpected("a line with neither receipt nor problem"));
                    }
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        if results.len() != entries.len() {
            return Err(unexpected("another number of results than of entries"));
        }
        Ok(results)
    }

    fn token(
        &self,
        reader: &Reader,
        method: &str,
        path: &str,
        body: Option<Hash>,
        purpose: &str,
    ) -> Result<String, Failure> {
        if purpose.len() > MAX_PURPOSE {
            return Err(Failure::new(
                "purpose-too-long",
                format!("the purpose is longer than {MAX_PURPOSE} bytes"),
            ));
        }
        let iat = unix_now();
        let request = ReadRequest {
            ledger: reader.ledger.clone(),
            actor: reader.actor.clone(),
            method: method.to_owned(),
            uri: format!("{}{path}", self.url()),
            body,
            purpose: purpose.to_owned(),
            client: software::client().to_owned(),
            iat,
            exp: iat + MAX_LIFETIME,
            jti: random_subject()?,
        };
        request.sign_by(&*reader.key).map_err(agent::gone)
    }

    fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let mut response = self.begin(call, Some(PATIENCE))?;
        let body = self.body(&mut response)?;
        Ok(Answer { body })
    }

    fn body(&self, response: &mut Response<Body>) -> Result<Vec<u8>, Failure> {
        let body = response.body_mut().with_config().limit(MAX_ANSWER);
        body.read_to_vec()
            .map_err(|error| self.unreachable(&error.to_string()))
    }

    /// Sends a request; the answer is a success whose body is still to be read.
    fn begin(
        &self,
        call: &Call<'_>,
        patience: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let base = self.base.as_deref().ok_or_else(|| {
            Failure::new("offline", "this needs the service, and --offline was given")
                .next("run it without --offline where there is a network")
        })?;
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{base}{}", call.path));
        if let Some(token) = call.token {
            request = request.header("authorization", format!("Custody {token}"));
        }
        if let Some(range) = call.range {
            request = request.header("content-range", range);
        }
        if let Some((kind, _)) = call.body {
            request = request.header("content-type", kind);
        }
        let result = match call.body {
            Some((_, bytes)) => request.body(bytes).map(|one| self.run(one, patience)),
            None => request.body(()).map(|one| self.run(one, patience)),
        };
        let mut response = result
            .map_err(|error| self.unreachable(&error.to_string()))?
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        Err(problem(status, &self.body(&mut response)?))
    }

    fn run<B: AsSendBody>(
        &self,
        request: Request<B>,
        patience: Option<Duration>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request);
        self.agent.run(request.timeout_global(patience).build())
    }

    fn unreachable(&self, error: &str) -> Failure {
        Failure::new(UNREACHABLE, format!("{}: {error}", self.url())).next(
            "check the address (--url or CUSTODES_URL) and that the service is up; if you took the exhibit along with \
             `custodes carry`, you can record with --offline FILE",
        )
    }
}

/// What goes over plain http can be read and changed on the way, the evidence's record as well as the tokens.
fn refuse_if_not_private(base: &str) -> Result<(), Failure> {
    let Some(rest) = base.strip_prefix("http://") else {
        return Ok(());
    };
    let allowed = std::env::var_os(PLAIN_HTTP).is_some_and(|value| value == "1");
    if allowed || is_this_machine(rest) {
        return Ok(());
    }
    Err(Failure::new(
        "url-not-private",
        format!("{base} is not on this machine, and over http:// others can read along"),
    )
    .next(format!(
        "use https://; on a network where nobody else can listen, set {PLAIN_HTTP}=1"
    )))
}

fn is_this_machine(rest: &str) -> bool {
    let Ok(authority) = rest
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default()
        .parse()
    else {
        return false;
    };
    let authority: Authority = authority;
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = address.parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|one| one.is_loopback())
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| unexpected(&error.to_string()))
    }

    /// The body as text.
    pub fn text(self) -> Result<String, Failure> {
        String::from_utf8(self.body).map_err(|_| unexpected("not UTF-8"))
    }
}

fn problem(status: u16, body: &[u8]) -> Failure {
    failure(status, &serde_json::from_slice(body).unwrap_or_default())
}

fn failure(status: u16, problem: &Value) -> Failure {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("type")
        .and_then(|name| {
            name.strip_prefix("urn:custodes:problem:")
                .map(str::to_owned)
        })
        .unwrap_or_else(|| format!("http-{status}"));
    let detail = text("detail")
        .or_else(|| text("title"))
        .unwrap_or_else(|| format!("the service answered with HTTP status {status}"));
    Failure {
        next: text("next"),
        status: Some(status),
        ..Failure::new(&code, detail)
    }
}

/// The service answered with something that is not what the API promises.
pub fn unexpected(why: &str) -> Failure {
    Failure::new(
        "unexpected-answer",
        format!("the service answered with something else than expected: {why}"),
    )
    .next("check that the address is that of a Custodes service of this version")
}

/// Percent-encodes a query value (RFC 3986: all but unreserved characters).
pub fn query(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Client, problem, query};

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in [
            "http://127.0.0.1:8420",
            "http://127.8.0.1",
            "http://localhost:1/",
            "http://[::1]:8420/x",
            "https://evidence.example",
        ] {
            assert!(Client::new(Some(url)).is_ok(), "{url}");
        }
        for url in [
            "http://evidence.example",
            "http://10.0.0.7:8420",
            "http://127.0.0.1.evidence.example",
            "http://127.0.0.1@evidence.example/",
            "http://localhost.evidence.example",
            "http://[2001:db8::1]:80",
        ] {
            let failure = Client::new(Some(url)).err();
            let code = failure.map(|failure| failure.code);
            assert_eq!(code.as_deref(), Some("url-not-private"), "{url}");
        }
    }

    #[test]
    fn a_problem_keeps_its_code_and_next_step() {
        let failure = problem(
            409,
            br#"{"type":"urn:custodes:problem:stale-prev","title":"t","detail":"d","next":"n"}"#,
        );
        assert_eq!(
            (failure.code.as_str(), failure.detail.as_str()),
            ("stale-prev", "d")
        );
        assert_eq!(failure.next.as_deref(), Some("n"));
        assert_eq!(problem(502, b"<html>").code, "http-502");
        assert!(problem(502, b"<html>").is_passing() && !problem(502, b"").is_final());
        assert!(problem(429, b"").is_passing() && !problem(429, b"").is_final());
        assert!(!failure.is_passing() && failure.is_final());
        assert_eq!(query("44NS1234526 JSM/1"), "44NS1234526%20JSM%2F1");
    }
}
