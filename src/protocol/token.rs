//! Two short statements that are not entries: a request to read, and proof of possession of a key.
//!
//! ```text
//! custody-read+jwt        {"ledger","actor","method","uri","body","purpose","client","iat","exp","jti"}
//! custody-possession+jwt  {"ledger","actor","key"}
//! ```
//!
//! A read token stands in `Authorization: Custody <jws>`. It is good for one request of one method to
//! one full URI, once, for at most [`MAX_LIFETIME`] seconds. `body` is base64url SHA-256 of the request
//! body, or null where there is none. `client` is what the reader's software says of itself. `iat` and `exp` are seconds since the Unix epoch.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::is_client;
use super::hash::Hash;
use super::id::{ActorId, Origin, Subject};
use super::json;
use super::jws::{self, JwsError, JwsType, UnverifiedJws};
use super::key::{KeyId, NotSigned, PublicKey, SecretKey, Signer};

/// Longest life of a read token, in seconds: long enough for a slow link, too short to be worth stealing.
pub const MAX_LIFETIME: u64 = 60;

/// Longest purpose, in bytes.
pub const MAX_PURPOSE: usize = 500;

/// What a reader signs to read something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadRequest {
    /// Origin of the ledger.
    pub ledger: Origin,
    /// The reader.
    pub actor: ActorId,
    /// HTTP method, upper case.
    pub method: String,
    /// The full public URI.
    pub uri: String,
    /// SHA-256 of the request body, null where there is none.
    pub body: Option<Hash>,
    /// Why the reader reads, in words.
    pub purpose: String,
    /// What software asks, in its own words.
    pub client: String,
    /// Issued at, Unix seconds.
    pub iat: u64,
    /// Expires at, Unix seconds.
    pub exp: u64,
    /// 128 random bits: the token is good once.
    pub jti: Subject,
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The signed part is bad.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The payload does not have the members and forms of the token.
    #[error("payload: {0}")]
    Payload(String),
}

/// A read token whose signature was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRead {
    jws: UnverifiedJws,
    request: ReadRequest,
}

impl UnverifiedRead {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<UnverifiedRead, TokenError> {
        let (jws, request): (_, ReadRequest) = parse(text, JwsType::Read)?;
        let refuse = |why: &str| Err(TokenError::Payload(why.to_owned()));
        if request.purpose.len() > MAX_PURPOSE {
            return refuse("purpose is longer than 500 bytes");
        }
        if !is_client(&request.client) {
            return refuse("client is not 1 to 200 printable ASCII characters");
        }
        if request.exp <= request.iat || request.exp - request.iat > MAX_LIFETIME {
            return refuse("a read token lives for 1 to 60 seconds");
        }
        Ok(UnverifiedRead { jws, request })
    }

    /// The key that is said to have signed.
    pub fn kid(&self) -> KeyId {
        self.jws.kid()
    }

    /// Who is said to ask.
    pub fn claimed_actor(&self) -> &ActorId {
        &self.request.actor
    }

    /// Checks the signature and hands out the request.
    pub fn verify(self, key: &PublicKey) -> Result<ReadRequest, TokenError> {
        self.jws.verify(key)?;
        Ok(self.request)
    }
}

impl ReadRequest {
    /// Signs the request.
    pub fn sign(&self, key: &SecretKey) -> String {
        jws::sign(JwsType::Read, &payload(self), key)
    }

    /// The same by whoever holds the key.
    pub fn sign_by(&self, key: &dyn Signer) -> Result<String, NotSigned> {
        jws::sign_by(JwsType::Read, &payload(self), key)
    }
}

/// What a person signs to show that they hold the key an authority enrols for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Possession {
    /// Origin of the ledger.
    pub ledger: Origin,
    /// The actor the key is enrolled for.
    pub actor: ActorId,
    /// The key itself.
    pub key: PublicKey,
}

impl Possession {
    /// Signs the statement with the key it is about or, for a further key, with an earlier one.
    pub fn sign(&self, key: &SecretKey) -> String {
        jws::sign(JwsType::Possession, &payload(self), key)
    }

    /// Reads a statement and checks it under the very key it names.
    pub fn verify(text: &str) -> Result<Possession, TokenError> {
        let (jws, possession): (_, Possession) = parse(text, JwsType::Possession)?;
        jws.verify(&possession.key)?;
        Ok(possession)
    }

    /// Reads a statement that an earlier key of the same actor signed: its owner wants this further key.
    pub fn verify_cosigned(text: &str, earlier: &PublicKey) -> Result<Possession, TokenError> {
        let (jws, possession): (_, Possession) = parse(text, JwsType::Possession)?;
        jws.verify(earlier)?;
        Ok(possession)
    }
}

fn payload(statement: &impl Serialize) -> String {
    serde_json::to_string(statement).expect("plain strings and numbers serialise")
}

fn parse<T: serde::de::DeserializeOwned + Serialize>(
    text: &str,
    kind: JwsType,
) -> Result<(UnverifiedJws, T), TokenError> {
    let jws = UnverifiedJws::parse(text, kind)?;
    let payload =
        json::exact(&Value::Object(jws.payload().clone())).map_err(TokenError::Payload)?;
    Ok((jws, payload))
}
