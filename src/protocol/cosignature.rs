//! What a cosigner of a checkpoint signs (C2SP tlog-cosignature).
//!
//! ```text
//! type 0x04, Ed25519     "cosignature/v1" LF "time " <seconds in decimal> LF <the note's text>
//! type 0x06, ML-DSA-44   "subtree/v1" LF 0x00 || u8(length) <cosigner's name> || u64be(seconds)
//!                        || u8(length) <origin> || u64be(0) || u64be(size) || 32-byte root
//! signature              u64be(seconds) || 64 or 2420 bytes
//! ```
//!
//! The seconds are since the Unix epoch, at most 2^63-1. Under type 0x06 they may be 0: the signer then says
//! that this tree is consistent with all it has seen, not that it is the newest at some time. The log signs so.
//!
//! A 0x06 signature covers origin, size and root alone, so a checkpoint with extension lines has none here.

use super::checkpoint::Checkpoint;
use super::id::Origin;

/// Largest timestamp that the specification allows.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// What a cosignature of type 0x04 is over.
pub fn ed25519_message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// What a signature of type 0x06 is over.
pub fn ml_dsa_44_message(cosigner: &Origin, time: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut message = b"subtree/v1\n\0".to_vec();
    let short =
        |name: &Origin| u8::try_from(name.as_str().len()).expect("a name has at most 128 bytes");
    message.push(short(cosigner));
    message.extend_from_slice(cosigner.as_str().as_bytes());
    message.extend_from_slice(&time.to_be_bytes());
    message.push(short(&checkpoint.origin));
    message.extend_from_slice(checkpoint.origin.as_str().as_bytes());
    message.extend_from_slice(&0u64.to_be_bytes());
    message.extend_from_slice(&checkpoint.size.0.to_be_bytes());
    message.extend_from_slice(&checkpoint.root.0.0);
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::protocol::hash::Hash;
    use crate::protocol::mldsa::{PUBLIC_KEY, PqPublicKey, PqSecretKey};
    use crate::protocol::note::{self, UnverifiedNote, VerifierKey};

    fn name(text: &str) -> Origin {
        Origin::new(text).unwrap()
    }

    /// Key id, time and signature of a line.
    fn signature(line: &str) -> Vec<u8> {
        STANDARD
            .decode(line.trim_end().rsplit(' ').next().unwrap())
            .unwrap()
    }

    const NAME: &str = "evidence.northshire.example";

    fn head() -> Checkpoint {
        Checkpoint::parse_text(&format!("{NAME}\n12\n{}\n", STANDARD.encode([7; 32]))).unwrap()
    }

    #[test]
    fn ml_dsa_44_signs_the_same_bytes_as_another_implementation() {
        // Key and signature made by dilithium-py 1.5.1 (PyPI) from the same seed, deterministically, over a
        // message put together by hand from tlog-cosignature.
        let key = PqSecretKey::from_seed([0x43; 32]);
        let vkey = VerifierKey::ml_dsa_44(name(NAME), key.public());
        let public = Hash::of(&[&key.public().to_bytes()]);
        assert_eq!(
            public.to_hex(),
            "6b735b517d88350569b309919ae16ff545d185303fcbe016eed3ef444aaccae9"
        );
        for (time, expected) in [
            (
                0,
                "f5dc40911e3ac779b4ee54dc71092d0af5bb4c8b2c24e4cde803ba028db88b61",
            ),
            (
                1_773_479_526,
                "8f35b3f3b790c2e14ff93dceceac8447e4cb0bf8efb2c054d64a02fde889131d",
            ),
        ] {
            let line = note::cosign_ml_dsa_44(&head(), &name(NAME), time, &key);
            let note = format!("{}\n{line}", head().to_text());
            assert_eq!(Hash::of(&[&signature(&line)[12..]]).to_hex(), expected);
            let open = UnverifiedNote::parse(&note)
                .unwrap()
                .verify([&vkey])
                .unwrap();
            assert_eq!(open.verified[0].time, (time > 0).then_some(time));
        }
    }

    #[test]
    fn ml_dsa_44_refuses_everything_else() {
        let key = PqSecretKey::from_seed([5; 32]);
        let vkey = VerifierKey::ml_dsa_44(name("witness"), key.public());
        assert_eq!(VerifierKey::parse(&vkey.to_string()).unwrap(), vkey);
        let text = head().to_text();
        let bytes = signature(&note::cosign_ml_dsa_44(
            &head(),
            &name("witness"),
            1_700_000_000,
            &key,
        ));
        let checked = |vkey: &VerifierKey, text: &str, signature: &[u8]| {
            let id = hex::decode(vkey.to_string().split('+').nth(1).unwrap()).unwrap();
            let line = STANDARD.encode([&id, signature].concat());
            let note = format!("{text}\n— {} {line}\n", vkey.name());
            UnverifiedNote::parse(&note).unwrap().verify([vkey])
        };
        let check = |text: &str, signature: &[u8]| checked(&vkey, text, signature);
        check(&text, &bytes[4..]).unwrap();
        // Every byte of time, challenge and hint, and every hundredth of the rest.
        for at in (0..40).chain((40..2340).step_by(100)).chain(2340..2428) {
            let mut changed = bytes[4..].to_vec();
            changed[at] ^= 1;
            check(&text, &changed).unwrap_err();
        }
        for length in [0, 7, 8, 9, 2427] {
            check(&text, &bytes[4..4 + length]).unwrap_err();
        }
        check(&text, &[&bytes[4..], &[0]].concat()).unwrap_err();
        // Hostile bytes end in a refusal, not a panic.
        for fill in [0x00, 0x55, 0x7f, 0x80, 0xff] {
            check(&text, &[fill; 2428]).unwrap_err();
            let hostile = PqPublicKey::from_bytes(&[fill; PUBLIC_KEY]);
            hostile.verify(b"message", &bytes[12..]).unwrap_err();
        }
        // Another text, an extension line that the message would not cover, another cosigner's name.
        check(&text.replace("\n12\n", "\n13\n"), &bytes[4..]).unwrap_err();
        check(&format!("{text}extension\n"), &bytes[4..]).unwrap_err();
        let renamed = VerifierKey::ml_dsa_44(name("another"), key.public());
        checked(&renamed, &text, &bytes[4..]).unwrap_err();
    }
}
