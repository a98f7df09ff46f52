//! Private key files: PKCS#8 v1 (RFC 5208, RFC 8410) in PEM, which every OpenSSL reads.
//!
//! ```text
//! plain      -----BEGIN PRIVATE KEY-----            DER: 30 2e 02 01 00 30 05 06 03 2b 65 70 04 22 04 20 || seed
//! encrypted  -----BEGIN ENCRYPTED PRIVATE KEY-----  the same DER under PBES2
//! ```
//!
//! PBES2 is written as PBKDF2-HMAC-SHA-256 with 600 000 rounds and AES-256-CBC; reading takes whatever
//! PBES2 the `pkcs8` crate knows. A version 2 file is refused. Files are made with mode 0600 and never
//! overwritten.

use std::io::{self, Write as _};
use std::path::Path;

use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};
use zeroize::Zeroizing;

use crate::protocol::key::SecretKey;

/// What stands before the 32 bytes of the seed in PKCS#8 v1 of an Ed25519 key.
const PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Rounds of PBKDF2, as OWASP recommends for SHA-256.
const ROUNDS: u32 = 600_000;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Why a key file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not PEM with one of the two labels.
    #[error("not a private key in PEM (\"PRIVATE KEY\" or \"ENCRYPTED PRIVATE KEY\")")]
    Pem,
    /// Not an Ed25519 key in PKCS#8 version 1.
    #[error("not an Ed25519 key in PKCS#8 version 1")]
    Form,
    /// The file is encrypted and no passphrase was given.
    #[error("the key is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase is wrong, or the file was damaged.
    #[error("the passphrase is wrong, or the file is damaged")]
    Passphrase,
    /// The system gave no random bytes, or the encryption could not be set up.
    #[error("the key could not be encrypted")]
    Encryption,
    /// The file could not be written.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Reads a key from PEM text.
pub fn read(pem: &str, passphrase: Option<&str>) -> Result<SecretKey, KeyFileError> {
    let (label, document) = SecretDocument::from_pem(pem.trim()).map_err(|_| KeyFileError::Pem)?;
    match label {
        PLAIN => from_der(document.as_bytes()),
        ENCRYPTED => {
            let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
            let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|_| KeyFileError::Form)?;
            let der = info
                .decrypt(passphrase)
                .map_err(|_| KeyFileError::Passphrase)?;
            from_der(der.as_bytes())
        }
        _ => Err(KeyFileError::Pem),
    }
}

/// Writes a key as PEM text, encrypted where a passphrase is given.
pub fn to_pem(
    key: &SecretKey,
    passphrase: Option<&str>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let mut der = Zeroizing::new(PREFIX.to_vec());
    der.extend_from_slice(&*key.seed());
    let refused = |_| KeyFileError::Encryption;
    let (label, document) = match passphrase {
        None => (
            PLAIN,
            SecretDocument::try_from(der.as_slice()).map_err(refused)?,
        ),
        Some(passphrase) => {
            let info = pkcs8::PrivateKeyInfoRef::try_from(der.as_slice())
                .map_err(|_| KeyFileError::Encryption)?;
            (
                ENCRYPTED,
                info.encrypt_with_params(parameters()?, passphrase)
                    .map_err(|_| KeyFileError::Encryption)?,
            )
        }
    };
    document.to_pem(label, LineEnding::LF).map_err(refused)
}

/// Writes a key to a file that must not exist, readable by its owner alone.
pub fn write_new(
    path: &Path,
    key: &SecretKey,
    passphrase: Option<&str>,
) -> Result<(), KeyFileError> {
    let pem = to_pem(key, passphrase)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(pem.as_bytes())?;
    Ok(file.sync_all()?)
}

fn from_der(der: &[u8]) -> Result<SecretKey, KeyFileError> {
    let seed = der.strip_prefix(&PREFIX).ok_or(KeyFileError::Form)?;
    Ok(SecretKey::from_seed(
        seed.try_into().map_err(|_| KeyFileError::Form)?,
    ))
}

fn parameters() -> Result<pbes2::Parameters, KeyFileError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::fill(&mut salt).map_err(|_| KeyFileError::Encryption)?;
    getrandom::fill(&mut iv).map_err(|_| KeyFileError::Encryption)?;
    pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)
        .map_err(|_| KeyFileError::Encryption)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back() {
        let key = SecretKey::from_seed([7; 32]);
        let plain = to_pem(&key, None).unwrap();
        assert_eq!(read(&plain, None).unwrap().public(), key.public());
        let locked = to_pem(&key, Some("correct horse")).unwrap();
        assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        assert_eq!(
            read(&locked, Some("correct horse")).unwrap().public(),
            key.public()
        );
        assert!(matches!(
            read(&locked, None),
            Err(KeyFileError::PassphraseNeeded)
        ));
        assert!(read(&locked, Some("wrong")).is_err());
        assert!(matches!(read("no key", None), Err(KeyFileError::Pem)));
    }

    #[test]
    fn a_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = SecretKey::from_seed([7; 32]);
        write_new(&path, &key, None).unwrap();
        assert!(write_new(&path, &key, None).is_err());
    }
}
