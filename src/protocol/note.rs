//! Signed notes (C2SP signed-note v1.0.0) and the keys that sign them.
//!
//! ```text
//! note      = text LF signature-line+            text is one or more lines, each ending in LF
//! signature = "— " name " " base64( 4-byte key id || signature ) LF
//! vkey      = name "+" 8 lower-case hex digits of the key id "+" base64( type || public key )
//! key id    = SHA-256( name || 0x0A || type || public key )[..4]
//! ```
//!
//! | type | algorithm | signature after the key id |
//! |---|---|---|
//! | 0x01 | Ed25519 | 64 bytes over the text |
//! | 0x04 | Ed25519 cosignature (tlog-cosignature) | `u64be(timestamp)`, 64 bytes over `cosignature/v1\ntime <timestamp>\n` and the text |
//! | 0x06 | ML-DSA-44 (tlog-cosignature) | `u64be(timestamp)`, 2420 bytes over the message of [`cosignature`](super::cosignature) |
//!
//! Limits: 1 MiB and 100 signatures a note; names up to 128 bytes; timestamps up to 2^63-1.
//!
//! Verified and unverified signatures never share a type. A signature by a known key that does not verify
//! makes the whole note bad.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::Checkpoint;
use super::cosignature::{MAX_TIME, ed25519_message, ml_dsa_44_message};
use super::hash::Hash;
use super::id::Origin;
use super::key::{PublicKey, SecretKey};
use super::mldsa::{PUBLIC_KEY, PqPublicKey, PqSecretKey};

/// Largest note read.
pub const MAX_NOTE: usize = 1 << 20;

/// Most signature lines read.
pub const MAX_SIGNATURES: usize = 100;

/// Algorithm of a note's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureKind {
    /// Type 0x01.
    Ed25519,
    /// Type 0x04.
    CosignatureV1,
    /// Type 0x06.
    MlDsa44,
}

impl SignatureKind {
    fn code(self) -> u8 {
        match self {
            SignatureKind::Ed25519 => 0x01,
            SignatureKind::CosignatureV1 => 0x04,
            SignatureKind::MlDsa44 => 0x06,
        }
    }
}

/// Why a note or vkey was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A vkey is not `name+hash+base64`.
    #[error("not a verifier key: {0}")]
    VerifierKey(&'static str),
    /// The note is not text, an empty line and signature lines.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// A signature by a known key does not verify.
    #[error("the signature of {0} on the note does not verify")]
    Signature(String),
    /// No known key has signed.
    #[error("no key that is trusted here has signed the note")]
    NoKnownSignature,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyMaterial {
    Ed25519(PublicKey),
    MlDsa44(PqPublicKey),
}

/// A public key that signs notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: Origin,
    kind: SignatureKind,
    material: KeyMaterial,
}

impl VerifierKey {
    /// An Ed25519 key of a log (`kind` 0x01) or witness (0x04).
    ///
    /// # Panics
    /// When `kind` is not an Ed25519 kind.
    pub fn ed25519(name: Origin, kind: SignatureKind, key: PublicKey) -> VerifierKey {
        assert!(
            kind != SignatureKind::MlDsa44,
            "an Ed25519 key makes no ML-DSA signatures"
        );
        VerifierKey {
            name,
            kind,
            material: KeyMaterial::Ed25519(key),
        }
    }

    /// An ML-DSA-44 key of a log or witness (0x06).
    pub fn ml_dsa_44(name: Origin, key: PqPublicKey) -> VerifierKey {
        VerifierKey {
            name,
            kind: SignatureKind::MlDsa44,
            material: KeyMaterial::MlDsa44(key),
        }
    }

    /// Reads a vkey.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        let refuse = NoteError::VerifierKey;
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse("three parts joined by '+' were expected"));
        };
        let name = Origin::new(name).map_err(|_| refuse("the name is not printable ASCII"))?;
        let key = STANDARD
            .decode(key)
            .map_err(|_| refuse("the key is not base64"))?;
        let (code, bytes) = key.split_first().ok_or(refuse("the key is empty"))?;
        let (kind, material) = match code {
            0x01 | 0x04 => {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| refuse("the key is not 32 bytes"))?;
                let key = PublicKey::from_bytes(bytes)
                    .map_err(|_| refuse("the Ed25519 key is not canonical and of prime order"))?;
                let kind = match code {
                    0x01 => SignatureKind::Ed25519,
                    _ => SignatureKind::CosignatureV1,
                };
                (kind, KeyMaterial::Ed25519(key))
            }
            0x06 => {
                let bytes: &[u8; PUBLIC_KEY] = bytes
                    .try_into()
                    .map_err(|_| refuse("the ML-DSA-44 key is not 1312 bytes"))?;
                let key = PqPublicKey::from_bytes(bytes);
                (SignatureKind::MlDsa44, KeyMaterial::MlDsa44(key))
            }
            _ => return Err(refuse("the key type is not 0x01, 0x04 or 0x06")),
        };
        let parsed = VerifierKey {
            name,
            kind,
            material,
        };
        if hex::encode(parsed.key_id()) != id {
            return Err(refuse("the key id does not belong to the key"));
        }
        Ok(parsed)
    }

    /// The name of whoever signs.
    pub fn name(&self) -> &Origin {
        &self.name
    }

    /// The algorithm.
    pub fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// Whether both are the same public key, whatever name and type it goes by.
    pub fn same_key(&self, other: &VerifierKey) -> bool {
        self.material == other.material
    }

    fn key_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind.code()];
        match &self.material {
            KeyMaterial::Ed25519(key) => bytes.extend_from_slice(&key.to_bytes()),
            KeyMaterial::MlDsa44(key) => bytes.extend_from_slice(&key.to_bytes()),
        }
        bytes
    }

    fn key_id(&self) -> [u8; 4] {
        let hash = Hash::of(&[self.name.as_str().as_bytes(), b"\n", &self.key_bytes()]);
        [hash.0[0], hash.0[1], hash.0[2], hash.0[3]]
    }

    /// Checks the signature bytes that follow the key id; hands out the time that the signer states.
    fn check(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, NoteError> {
        self.verified_time(text, signature)
            .ok_or_else(|| NoteError::Signature(self.name.to_string()))
    }

    fn verified_time(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        if let (SignatureKind::Ed25519, KeyMaterial::Ed25519(key)) = (self.kind, &self.material) {
            key.verify(text.as_bytes(), signature.try_into().ok()?)
                .ok()?;
            return Some(None);
        }
        let (time, signature) = signature.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        if time > MAX_TIME {
            return None;
        }
        match &self.material {
            KeyMaterial::Ed25519(key) => {
                let message = ed25519_message(text, time);
                key.verify(&message, signature.try_into().ok()?).ok()?;
            }
            KeyMaterial::MlDsa44(key) => {
                let checkpoint = Checkpoint::parse_text(text).ok()?;
                let message = ml_dsa_44_message(&self.name, time, &checkpoint);
                key.verify(&message, signature).ok()?;
            }
        }
        Some((time > 0).then_some(time))
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = hex::encode(self.key_id());
        write!(
            f,
            "{}+{id}+{}",
            self.name,
            STANDARD.encode(self.key_bytes())
        )
    }
}

/// A note whose form was checked, and whose signatures were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedNote {
    text: String,
    signatures: Vec<UnverifiedSignature>,
}

/// A signature line that nobody here has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedSignature {
    line: String,
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

/// A signature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Whose.
    pub key: VerifierKey,
    /// The signature line, with its LF.
    pub line: String,
    /// What the signer's clock said, in Unix seconds; none where the signature states no time, as a log's own.
    pub time: Option<u64>,
}

/// A note with at least one signature by a known key, and no bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text.
    pub text: String,
    /// Signatures by known keys.
    pub verified: Vec<VerifiedSignature>,
    /// Signatures by keys nobody here knows.
    pub unverified: Vec<UnverifiedSignature>,
}

impl UnverifiedNote {
    /// Checks the form.
    pub fn parse(note: &str) -> Result<UnverifiedNote, NoteError> {
        let refuse = NoteError::Form;
        if note.len() > MAX_NOTE {
            return Err(refuse("longer than 1 MiB"));
        }
        if note
            .bytes()
            .any(|byte| byte < 0x20 && byte != b'\n' || byte == 0x7f)
        {
            return Err(refuse("it has control characters"));
        }
        let end = note
            .rfind("\n\n")
            .ok_or(refuse("no empty line before the signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines
            .strip_suffix('\n')
            .ok_or(refuse("it does not end in a newline"))?;
        let signatures = lines
            .split('\n')
            .map(parse_line)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(refuse("more than 100 signatures"));
        }
        Ok(UnverifiedNote {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text, which nobody here has checked.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a line carries the name and id of this key; its signature is not checked.
    pub fn has_line_of(&self, key: &VerifierKey) -> bool {
        let id = key.key_id();
        let mut lines = self.signatures.iter();
        lines.any(|one| one.key_id == id && one.name == key.name.as_str())
    }

    /// Checks every signature by one of `keys`; at least one there must be.
    pub fn verify<'k>(
        self,
        keys: impl IntoIterator<Item = &'k VerifierKey> + Clone,
    ) -> Result<Note, NoteError> {
        let (mut verified, mut unverified) = (Vec::<VerifiedSignature>::new(), Vec::new());
        for signature in self.signatures {
            let known = keys.clone().into_iter().find(|key| {
                key.name.as_str() == signature.name && key.key_id() == signature.key_id
            });
            let Some(key) = known else {
                unverified.push(signature);
                continue;
            };
            let time = key.check(&self.text, &signature.signature)?;
            if verified.iter().any(|one| one.key == *key) {
                return Err(NoteError::Form("two signatures by one key"));
            }
            verified.push(VerifiedSignature {
                key: key.clone(),
                line: signature.line,
                time,
            });
        }
        if verified.is_empty() {
            return Err(NoteError::NoKnownSignature);
        }
        Ok(Note {
            text: self.text,
            verified,
            unverified,
        })
    }
}

fn parse_line(line: &str) -> Result<UnverifiedSignature, NoteError> {
    let refuse = NoteError::Form("a signature line is not \"— name base64\"");
    let rest = line.strip_prefix("— ").ok_or(refuse.clone())?;
    let (name, signature) = rest.split_once(' ').ok_or(refuse.clone())?;
    // Names of keys nobody here knows may be any text without spaces.
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
        return Err(refuse);
    }
    let bytes = STANDARD.decode(signature).map_err(|_| refuse.clone())?;
    let (key_id, signature) = bytes.split_first_chunk::<4>().ok_or(refuse)?;
    Ok(UnverifiedSignature {
        line: format!("{line}\n"),
        name: name.to_owned(),
        key_id: *key_id,
        signature: signature.to_vec(),
    })
}

/// Signs `text`, which must end in a newline, as a log does (type 0x01): the whole note.
pub fn sign(text: &str, name: &Origin, key: &SecretKey) -> String {
    let vkey = VerifierKey::ed25519(name.clone(), SignatureKind::Ed25519, key.public());
    format!("{text}\n{}", line(&vkey, &key.sign(text.as_bytes())))
}

/// A witness's cosignature line (type 0x04) for a note with this text.
pub fn cosign(text: &str, name: &Origin, time: u64, key: &SecretKey) -> String {
    let vkey = VerifierKey::ed25519(name.clone(), SignatureKind::CosignatureV1, key.public());
    let signature = key.sign(&ed25519_message(text, time));
    line(&vkey, &[&time.to_be_bytes()[..], &signature].concat())
}

/// A signature line of type 0x06 for a checkpoint: a witness's with the time, a log's own with time 0.
pub fn cosign_ml_dsa_44(
    checkpoint: &Checkpoint,
    name: &Origin,
    time: u64,
    key: &PqSecretKey,
) -> String {
    let vkey = VerifierKey::ml_dsa_44(name.clone(), key.public());
    let signature = key.sign(&ml_dsa_44_message(name, time, checkpoint));
    line(&vkey, &[&time.to_be_bytes()[..], &signature].concat())
}

fn line(vkey: &VerifierKey, signature: &[u8]) -> String {
    let bytes = [&vkey.key_id()[..], signature].concat();
    format!("— {} {}\n", vkey.name, STANDARD.encode(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> Origin {
        Origin::new(text).unwrap()
    }

    #[test]
    fn reads_the_example_of_the_specification() {
        // C2SP signed-note, section "Verifier keys" and the worked example of the Go package.
        let vkey = VerifierKey::parse(
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        )
        .unwrap();
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let open = UnverifiedNote::parse(note)
            .unwrap()
            .verify([&vkey])
            .unwrap();
        assert_eq!(open.verified.len(), 1);
        assert_eq!(
            vkey.to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = SecretKey::from_seed([3; 32]);
        let log = VerifierKey::ed25519(name("log.example"), SignatureKind::Ed25519, key.public());
        let witness =
            VerifierKey::ed25519(name("court"), SignatureKind::CosignatureV1, key.public());
        let text = "log.example\n1\nabc\n";
        let mut note = sign(text, log.name(), &key);
        note.push_str(&cosign(text, witness.name(), 1_700_000_000, &key));
        let keys = [log, witness];
        let open = UnverifiedNote::parse(&note).unwrap().verify(&keys).unwrap();
        assert_eq!(open.verified.len(), 2);
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let result = UnverifiedNote::parse(&changed).and_then(|note| note.verify(&keys));
            assert!(
                result.is_err() || result.unwrap().verified.len() < 2,
                "byte {at}"
            );
        }
    }
}
