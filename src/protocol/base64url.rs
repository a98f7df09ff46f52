//! Canonical base64url without padding (RFC 4648 section 5).
//!
//! One value has exactly one spelling: padding, other alphabets, white space and non-zero trailing
//! bits are refused, so that two different texts never decode to the same signed bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text was not canonical base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub struct NotBase64Url;

/// Encodes bytes, without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes canonical text; anything another encoder might also have written is an error.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    // The engine is configured to refuse padding and non-zero trailing bits.
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// Decodes canonical text of exactly `N` bytes.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], NotBase64Url> {
    decode(text)?.try_into().map_err(|_| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_second_spelling() {
        assert_eq!(decode("_-8").as_deref(), Ok(&[0xff, 0xef][..]));
        for bad in ["_-8=", "/+8", "_-9", "_ -8", "_-8\n", "_"] {
            assert_eq!(decode(bad), Err(NotBase64Url), "{bad:?}");
        }
        assert_eq!(decode_array::<3>("_-8"), Err(NotBase64Url));
    }
}
