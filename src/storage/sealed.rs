//! Disclosures at rest: each encrypted under a key of its own, so that destroying the key erases the text.
//!
//! ```text
//! stored disclosure = ChaCha20-Poly1305( key, nonce = 12 zero bytes, text )     (RFC 8439)
//! ```
//!
//! The nonce may be constant because a key encrypts one text, once.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};

/// Encrypts `text` under a fresh key: (key, sealed text).
pub fn seal(text: &[u8]) -> Option<([u8; 32], Vec<u8>)> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok()?;
    let cipher = ChaCha20Poly1305::new(Key::from_slice(&key));
    let sealed = cipher.encrypt(Nonce::from_slice(&[0; 12]), text).ok()?;
    Some((key, sealed))
}

/// Decrypts a sealed text; nothing if it or the key was changed.
pub fn open(key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(Key::from_slice(key));
    cipher.decrypt(Nonce::from_slice(&[0; 12]), sealed).ok()
}
