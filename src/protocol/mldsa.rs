//! ML-DSA-44 keys and signatures (FIPS 204): the post-quantum half of checkpoints and cosignatures.
//!
//! ```text
//! private key  32 bytes: the seed of FIPS 204 section 5.1
//! public key   1312 bytes
//! signature    2420 bytes, pure (not pre-hashed), with an empty context
//! ```
//!
//! Signing is the deterministic variant, so one message has one signature and an example can be recomputed.
//! A signature has one encoding: hints out of order, or with anything in the unused places, are refused.

use std::sync::Arc;

use ml_dsa::{
    EncodedVerifyingKey, Keypair as _, MlDsa44, Signature, Signer as _, SigningKey, Verifier as _,
    VerifyingKey,
};

use super::key::BadSignature;

/// Length of a public key.
pub const PUBLIC_KEY: usize = 1312;

/// Length of a signature.
pub const SIGNATURE: usize = 2420;

/// A public key. Cheap to clone: what verification needs is worked out once.
#[derive(Clone)]
pub struct PqPublicKey(Arc<VerifyingKey<MlDsa44>>);

impl PqPublicKey {
    /// From its bytes; every string of this length is a key.
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY]) -> PqPublicKey {
        let encoded = EncodedVerifyingKey::<MlDsa44>::from(*bytes);
        PqPublicKey(Arc::new(VerifyingKey::decode(&encoded)))
    }

    /// The bytes.
    pub fn to_bytes(&self) -> [u8; PUBLIC_KEY] {
        self.0.encode().into()
    }

    /// Checks a signature.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = Signature::<MlDsa44>::try_from(signature).map_err(|_| BadSignature)?;
        self.0.verify(message, &signature).map_err(|_| BadSignature)
    }
}

impl PartialEq for PqPublicKey {
    fn eq(&self, other: &PqPublicKey) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for PqPublicKey {}

impl std::fmt::Debug for PqPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PqPublicKey")
    }
}

/// A private key. It never prints itself and is wiped when dropped.
pub struct PqSecretKey(SigningKey<MlDsa44>);

impl PqSecretKey {
    /// From the 32 bytes of the seed, which must be random.
    pub fn from_seed(seed: [u8; 32]) -> PqSecretKey {
        PqSecretKey(SigningKey::from_seed(&seed.into()))
    }

    /// The 32 bytes, for the key file alone.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_seed().into())
    }

    /// The public half.
    pub fn public(&self) -> PqPublicKey {
        PqPublicKey(Arc::new(self.0.verifying_key()))
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE] {
        let signature = self.0.try_sign(message);
        let signature = signature.expect("16,384 rounds of rejection sampling do not all fail");
        signature.encode().into()
    }
}

impl std::fmt::Debug for PqSecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PqSecretKey")
    }
}
