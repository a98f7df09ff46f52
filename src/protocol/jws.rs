//! Compact JWS (RFC 7515 section 3.1) with `alg` exactly `Ed25519` (RFC 9864).
//!
//! ```text
//! base64url(header) "." base64url(payload) "." base64url(64-byte signature)
//! header = {"alg":"Ed25519","typ":"<type>","kid":"<thumbprint of the key, RFC 7638>"}
//! ```
//!
//! The header has exactly these three members. The signature is over the ASCII text before the second
//! dot. A `typ` belongs to one kind of statement, so that one can never be passed off as another.

use serde_json::{Map, Value};

use super::base64url;
use super::hash::Hash;
use super::json;
use super::key::{KeyId, NotSigned, PublicKey, SecretKey, Signer};

/// Largest JWS accepted: bounds what one signature check may cost, and leaves ample room for a body
/// of a thousand parents.
pub const MAX_JWS: usize = 64 * 1024;

/// What a JWS says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwsType {
    /// A custody entry.
    Entry,
    /// A request to read, signed by the reader.
    Read,
    /// Proof that a person holds the key that an authority enrols.
    Possession,
    /// A record of what the service refused.
    Security,
}

impl JwsType {
    /// The `typ` header.
    pub fn as_str(self) -> &'static str {
        match self {
            JwsType::Entry => "custody-entry-v1+jwt",
            JwsType::Read => "custody-read+jwt",
            JwsType::Possession => "custody-possession+jwt",
            JwsType::Security => "custody-security-v1+jwt",
        }
    }
}

/// Why a JWS was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// More than [`MAX_JWS`] bytes.
    #[error("the signed part is longer than {MAX_JWS} bytes")]
    TooLong,
    /// Not three dot-separated parts of canonical base64url with a 64-byte signature.
    #[error(
        "not a compact JWS: three parts of canonical base64url joined by dots, the last 64 bytes"
    )]
    Shape,
    /// Header or payload is not strict JSON.
    #[error("{0}")]
    Json(#[from] json::JsonError),
    /// The header is not exactly `alg`, `typ`, `kid` with the values asked for.
    #[error("the header must be exactly alg \"Ed25519\", typ \"{0}\" and kid")]
    Header(&'static str),
    /// The signature does not verify under the key.
    #[error("the signature does not verify under key {0}")]
    Signature(KeyId),
    /// The key offered is not the one the header names.
    #[error("the header names another key than {0}")]
    OtherKey(KeyId),
}

/// A JWS whose form was checked, and whose signature was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedJws {
    text: String,
    kid: KeyId,
    payload: Map<String, Value>,
    signature: [u8; 64],
    signed_length: usize,
}

impl UnverifiedJws {
    /// Checks the form.
    pub fn parse(text: &str, kind: JwsType) -> Result<UnverifiedJws, JwsError> {
        if text.len() > MAX_JWS {
            return Err(JwsError::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Shape);
        };
        let signed_length = header.len() + 1 + payload.len();
        let header = base64url::decode(header).map_err(|_| JwsError::Shape)?;
        let payload = base64url::decode(payload).map_err(|_| JwsError::Shape)?;
        let signature = base64url::decode_array(signature).map_err(|_| JwsError::Shape)?;
        let kid = read_header(&json::parse_object(&header)?, kind)?;
        let payload = json::parse_object(&payload)?;
        Ok(UnverifiedJws {
            text: text.to_owned(),
            kid,
            payload,
            signature,
            signed_length,
        })
    }

    /// The key that is said to have signed.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The payload, not yet vouched for by the signature.
    pub fn payload(&self) -> &Map<String, Value> {
        &self.payload
    }

    /// SHA-256 of the whole text.
    pub fn hash(&self) -> Hash {
        Hash::of(&[self.text.as_bytes()])
    }

    /// Checks the signature under `key`, which must be the key that the header names.
    pub fn verify(&self, key: &PublicKey) -> Result<(), JwsError> {
        if key.id() != self.kid {
            return Err(JwsError::OtherKey(key.id()));
        }
        key.verify(&self.text.as_bytes()[..self.signed_length], &self.signature)
            .map_err(|_| JwsError::Signature(self.kid))
    }
}

fn read_header(header: &Map<String, Value>, kind: JwsType) -> Result<KeyId, JwsError> {
    let refused = || JwsError::Header(kind.as_str());
    let text = |name: &str| header.get(name).and_then(Value::as_str).ok_or_else(refused);
    if header.len() != 3 || text("alg")? != "Ed25519" || text("typ")? != kind.as_str() {
        return Err(refused());
    }
    text("kid")?.parse().map_err(|_| refused())
}

/// Signs `payload` (JSON text, kept as given).
pub fn sign(kind: JwsType, payload: &str, key: &SecretKey) -> String {
    let text = to_sign(kind, payload, key.public().id());
    let signature = key.sign(text.as_bytes());
    signed(text, &signature)
}

/// The same by whoever holds the key.
pub fn sign_by(kind: JwsType, payload: &str, key: &dyn Signer) -> Result<String, NotSigned> {
    let text = to_sign(kind, payload, key.public().id());
    let signature = key.signature(text.as_bytes())?;
    Ok(signed(text, &signature))
}

fn to_sign(kind: JwsType, payload: &str, kid: KeyId) -> String {
    let header = format!(
        r#"{{"alg":"Ed25519","typ":"{}","kid":"{kid}"}}"#,
        kind.as_str()
    );
    let mut text = base64url::encode(header.as_bytes());
    text.push('.');
    text.push_str(&base64url::encode(payload.as_bytes()));
    text
}

fn signed(mut text: String, signature: &[u8; 64]) -> String {
    text.push('.');
    text.push_str(&base64url::encode(signature));
    text
}
