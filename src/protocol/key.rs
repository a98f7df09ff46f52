//! Ed25519 keys (RFC 8032), their ids (RFC 7638, RFC 8037) and the one strict way to check a signature.
//!
//! ```text
//! public key   32 bytes: the canonical encoding of a point of prime order
//! key id       base64url( SHA-256( {"crv":"Ed25519","kty":"OKP","x":"<base64url of the 32 bytes>"} ) )
//! signature    64 bytes R || S, accepted under `verify_strict` only
//! ```
//!
//! Implementations disagree about keys and signatures with small-order or non-canonical parts. Those are
//! refused, so that whatever is accepted here is accepted by every other implementation too.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base64url;
use super::hash::Hash;

/// Why 32 bytes are not a public key that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64url of 32 bytes.
    #[error("a public key is 32 bytes in base64url")]
    Form,
    /// Not the canonical encoding of a curve point.
    #[error("the public key is not the canonical encoding of a curve point")]
    NotCanonical,
    /// A point of small order, or with a small-order component.
    #[error("the public key is not a point of prime order")]
    NotPrimeOrder,
}

/// The signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// Most keys that a thread remembers to be good, at some 250 bytes each.
const MAX_CHECKED: usize = 1024;

thread_local! {
    /// Keys that passed. To check one multiplies a point by the order of the group, as dear as a signature, and the
    /// same few are read out of stored records again and again. The answer depends on the bytes alone, as before.
    static CHECKED: RefCell<BTreeMap<[u8; 32], PublicKey>> = const { RefCell::new(BTreeMap::new()) };
}

/// A public key of prime order in its canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks the 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        if let Some(key) = CHECKED.with_borrow(|checked| checked.get(bytes).copied()) {
            return Ok(key);
        }
        let key = PublicKey::check(bytes)?;
        CHECKED.with_borrow_mut(|checked| {
            if checked.len() >= MAX_CHECKED {
                checked.clear();
            }
            checked.insert(*bytes, key);
        });
        Ok(key)
    }

    fn check(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotCanonical)?;
        let point = key.to_edwards();
        if point.compress().to_bytes() != *bytes {
            return Err(KeyError::NotCanonical);
        }
        if point.is_small_order() || !point.is_torsion_free() {
            return Err(KeyError::NotPrimeOrder);
        }
        Ok(PublicKey(key))
    }

    /// Reads base64url of the 32 bytes.
    pub fn from_base64url(text: &str) -> Result<PublicKey, KeyError> {
        let bytes = base64url::decode_array(text).map_err(|_| KeyError::Form)?;
        PublicKey::from_bytes(&bytes)
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// base64url of the 32 bytes.
    pub fn to_base64url(&self) -> String {
        base64url::encode(&self.to_bytes())
    }

    /// The JWK thumbprint.
    pub fn id(&self) -> KeyId {
        let jwk = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            self.to_base64url()
        );
        KeyId(Hash::of(&[jwk.as_bytes()]))
    }

    /// Checks a signature, strictly.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0
            .verify_strict(message, &signature)
            .map_err(|_| BadSignature)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_base64url())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64url())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        PublicKey::from_base64url(&text).map_err(serde::de::Error::custom)
    }
}

/// JWK thumbprint of a public key: the `kid` of everything it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub Hash);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for KeyId {
    type Err = base64url::NotBase64Url;
    fn from_str(text: &str) -> Result<KeyId, Self::Err> {
        Hash::from_base64url(text).map(KeyId)
    }
}

/// A private key. It never prints itself and is wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From the 32 bytes of RFC 8032 ("private key"), which must be random.
    pub fn from_seed(seed: [u8; 32]) -> SecretKey {
        SecretKey(SigningKey::from_bytes(&seed))
    }

    /// The 32 bytes, for the key file alone.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Whoever signs with a private key: the key itself, or a program that holds it.
pub trait Signer {
    /// The public half.
    fn public(&self) -> PublicKey;

    /// Signs a message.
    ///
    /// # Errors
    /// Whoever holds the key is gone, or no longer signs.
    fn signature(&self, message: &[u8]) -> Result<[u8; 64], NotSigned>;
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotSigned(pub String);

impl Signer for SecretKey {
    fn public(&self) -> PublicKey {
        SecretKey::public(self)
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], NotSigned> {
        Ok(self.sign(message))
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey of {}", self.public().id())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_of_rfc_8037_appendix_a() {
        let key = PublicKey::from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(
            key.id().to_string(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn refuses_small_order_and_tampering() {
        assert_eq!(
            PublicKey::from_bytes(&[0; 32]),
            Err(KeyError::NotPrimeOrder)
        );
        assert_eq!(
            PublicKey::from_bytes(&[0xff; 32]),
            Err(KeyError::NotCanonical)
        );
        let secret = SecretKey::from_seed([7; 32]);
        let signature = secret.sign(b"evidence");
        secret.public().verify(b"evidence", &signature).unwrap();
        secret.public().verify(b"Evidence", &signature).unwrap_err();
    }

    #[test]
    fn what_is_remembered_never_makes_a_bad_key_good() {
        for number in 0..=MAX_CHECKED {
            let seed = *Hash::of(&[&number.to_be_bytes()]).0.first_chunk().unwrap();
            let key = SecretKey::from_seed(seed).public();
            assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
            assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
        }
        assert!(CHECKED.with_borrow(BTreeMap::len) <= MAX_CHECKED);
        for _ in 0..2 {
            assert!(PublicKey::from_bytes(&[0; 32]).is_err());
            assert!(PublicKey::from_bytes(&[0xff; 32]).is_err());
        }
    }
}
