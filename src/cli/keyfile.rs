//! Private key files: PKCS#8 v1 (RFC 5208, RFC 8410) in PEM, which every OpenSSL reads.
//!
//! ```text
//! plain      -----BEGIN PRIVATE KEY-----            DER, below
//! encrypted  -----BEGIN ENCRYPTED PRIVATE KEY-----  the same DER under PBES2
//!
//! Ed25519    30 2e 02 01 00 30 05 06 03 2b 65 70 04 22 04 20 || 32-byte seed
//! ML-DSA-44  30 34 02 01 00 30 0b 06 09 60 86 48 01 65 03 04 03 11 04 22 80 20 || 32-byte seed   (RFC 9881, seed)
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
use crate::protocol::mldsa::PqSecretKey;

/// A private key that is 32 bytes behind a fixed beginning.
pub trait KeyInFile: Sized {
    /// What stands before the seed in PKCS#8 v1.
    const PREFIX: &[u8];
    /// What it is called.
    const NAME: &str;
    /// From the seed.
    fn from_seed(seed: [u8; 32]) -> Self;
    /// The seed.
    fn seed(&self) -> Zeroizing<[u8; 32]>;
}

impl KeyInFile for SecretKey {
    const PREFIX: &[u8] = &[
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    const NAME: &str = "Ed25519";
    fn from_seed(seed: [u8; 32]) -> SecretKey {
        SecretKey::from_seed(seed)
    }
    fn seed(&self) -> Zeroizing<[u8; 32]> {
        SecretKey::seed(self)
    }
}

impl KeyInFile for PqSecretKey {
    const PREFIX: &[u8] = &[
        0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
        0x04, 0x03, 0x11, 0x04, 0x22, 0x80, 0x20,
    ];
    const NAME: &str = "ML-DSA-44";
    fn from_seed(seed: [u8; 32]) -> PqSecretKey {
        PqSecretKey::from_seed(seed)
    }
    fn seed(&self) -> Zeroizing<[u8; 32]> {
        PqSecretKey::seed(self)
    }
}

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
    /// Not a key of the kind expected in PKCS#8 version 1.
    #[error("not an {0} key in PKCS#8 version 1")]
    Form(&'static str),
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
pub fn read<K: KeyInFile>(pem: &str, passphrase: Option<&str>) -> Result<K, KeyFileError> {
    let (label, document) = SecretDocument::from_pem(pem.trim()).map_err(|_| KeyFileError::Pem)?;
    match label {
        PLAIN => from_der(document.as_bytes()),
        ENCRYPTED => {
            let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
            let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|_| KeyFileError::Form(K::NAME))?;
            let der = info
                .decrypt(passphrase)
                .map_err(|_| KeyFileError::Passphrase)?;
            from_der(der.as_bytes())
        }
        _ => Err(KeyFileError::Pem),
    }
}

/// Writes a key as PEM text, encrypted where a passphrase is given.
pub fn to_pem<K: KeyInFile>(
    key: &K,
    passphrase: Option<&str>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let mut der = Zeroizing::new(K::PREFIX.to_vec());
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
pub fn write_new<K: KeyInFile>(
    path: &Path,
    key: &K,
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

fn from_der<K: KeyInFile>(der: &[u8]) -> Result<K, KeyFileError> {
    let form = || KeyFileError::Form(K::NAME);
    let seed = der.strip_prefix(K::PREFIX).ok_or_else(form)?;
    Ok(K::from_seed(seed.try_into().map_err(|_| form())?))
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
        assert_eq!(
            read::<SecretKey>(&plain, None).unwrap().public(),
            key.public()
        );
        let locked = to_pem(&key, Some("correct horse")).unwrap();
        assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        assert_eq!(
            read::<SecretKey>(&locked, Some("correct horse"))
                .unwrap()
                .public(),
            key.public()
        );
        assert!(matches!(
            read::<SecretKey>(&locked, None),
            Err(KeyFileError::PassphraseNeeded)
        ));
        assert!(read::<SecretKey>(&locked, Some("wrong")).is_err());
        assert!(matches!(
            read::<SecretKey>("no key", None),
            Err(KeyFileError::Pem)
        ));
    }

    #[test]
    fn a_key_of_one_kind_is_not_read_as_another() {
        let key = PqSecretKey::from_seed([9; 32]);
        let pem = to_pem(&key, None).unwrap();
        assert_eq!(
            read::<PqSecretKey>(&pem, None).unwrap().public(),
            key.public()
        );
        assert!(matches!(
            read::<SecretKey>(&pem, None),
            Err(KeyFileError::Form("Ed25519"))
        ));
        let pem = to_pem(&SecretKey::from_seed([9; 32]), None).unwrap();
        assert!(matches!(
            read::<PqSecretKey>(&pem, None),
            Err(KeyFileError::Form("ML-DSA-44"))
        ));
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
