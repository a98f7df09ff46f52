//! Private keys at rest: `CUSTODES_PASSPHRASE`, or a question at the terminal.

use std::path::Path;

use zeroize::Zeroizing;

use super::failure::{Failure, read_text};
use super::keyfile::{self, KeyInFile};

/// Longest key file read.
const MAX_KEY_FILE: usize = 64 << 10;

/// Reads a private key, and asks for its passphrase where it has one.
pub fn load<K: KeyInFile>(path: &Path) -> Result<K, Failure> {
    open(path, &read(path)?)
}

/// Reads a private key's file; a passphrase still protects what is in it.
pub fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if !path.exists() {
        return Err(Failure::new(
            "key-missing",
            format!("there is no key at {}", path.display()),
        )
        .next("make one with `custodes key new`, `custodes init` or `custodes witness init`"));
    }
    refuse_if_others_may_read(path)?;
    read_text(path, MAX_KEY_FILE).map(Zeroizing::new)
}

/// The key in a file that was read, by its passphrase where it has one.
pub fn open<K: KeyInFile>(path: &Path, pem: &str) -> Result<K, Failure> {
    let passphrase = if pem.contains("ENCRYPTED PRIVATE KEY") {
        Some(passphrase(path)?)
    } else {
        None
    };
    keyfile::read(pem, passphrase.as_deref().map(String::as_str))
        .map_err(|error| {
            Failure::new("key-unreadable", format!("{}: {error}", path.display())).next(
                "try the passphrase again; a key that is lost cannot be had back: make a new one and have it enrolled",
            )
        })
}

/// A key that others may read is not a key: whoever copied it signs in its owner's name.
fn refuse_if_others_may_read(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(|error| Failure::file("read", path, &error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::new(
        "key-readable-by-others",
        format!("others than its owner may read or write the key {shown} (mode {mode:o})"),
    )
    .next(format!(
        "chmod 600 {shown}; if somebody may have copied it, have it revoked and make a new one"
    )))
}

/// Makes a key and writes it to a file that must not exist yet, readable by its owner alone.
pub fn create<K: KeyInFile>(path: &Path, passphrase: Option<&str>) -> Result<K, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| {
        Failure::new(
            "no-randomness",
            format!("the system gives no random bytes: {error}"),
        )
    })?;
    let key = K::from_seed(*seed);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    }
    keyfile::write_new(path, &key, passphrase)
        .map_err(|error| Failure::new("key-not-written", format!("{}: {error}", path.display())))?;
    Ok(key)
}

/// The passphrase of an existing key.
fn passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
    match std::env::var("CUSTODES_PASSPHRASE") {
        Ok(passphrase) => Ok(Zeroizing::new(passphrase)),
        Err(_) => ask(&format!("Passphrase of {}: ", path.display())),
    }
}

/// A passphrase for a new key, asked for twice.
pub fn new_passphrase() -> Result<Zeroizing<String>, Failure> {
    let passphrase = match std::env::var("CUSTODES_PASSPHRASE") {
        Ok(passphrase) => Zeroizing::new(passphrase),
        Err(_) => {
            let first = ask("Passphrase for the new key: ")?;
            if ask("The same again: ")? != first {
                return Err(Failure::new("passphrase", "the two passphrases differ"));
            }
            first
        }
    };
    if passphrase.is_empty() {
        return Err(
            Failure::new("passphrase", "an empty passphrase protects nothing")
                .next("choose one, or say --plain if the file is protected in another way"),
        );
    }
    Ok(passphrase)
}

fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::new(
                "passphrase",
                format!("cannot ask for the passphrase: {error}"),
            )
            .next("set CUSTODES_PASSPHRASE, or run this at a terminal")
        })
}
