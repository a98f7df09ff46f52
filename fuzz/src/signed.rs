//! What is signed: entries and their disclosures, tokens, notes, checkpoints.
//!
//! Bytes that begin as JSON are signed by a key of ours first, so that what lies behind the signature is
//! reached too: whoever holds an enrolled key can sign anything.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custodes::protocol::base64url;
use custodes::protocol::checkpoint::{self, Checkpoint};
use custodes::protocol::entry::{EntryError, UnverifiedEntry, is_name};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::Origin;
use custodes::protocol::json::{self, Numbers};
use custodes::protocol::jws::{self, JwsType};
use custodes::protocol::key::SecretKey;
use custodes::protocol::mldsa::PqSecretKey;
use custodes::protocol::note::{self, SignatureKind, UnverifiedNote, VerifierKey};
use custodes::protocol::token::{MAX_LIFETIME, Possession, UnverifiedRead};
use serde_json::{Value, json};

/// The key that signs what a target is given.
pub fn key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// An entry prints as it was read; every detail is either here or withheld; details can be left out without
/// touching what was signed; and the signature of somebody else is never taken for the signer's.
pub fn entry(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.starts_with('{') {
        return signed_entry(text);
    }
    if let Ok(entry) = UnverifiedEntry::parse_extract(text) {
        holds(text, &entry);
        if entry.kid() != key().public().id() {
            assert!(entry.verify(&key().public()).is_err());
        }
    }
}

fn signed_entry(payload: &str) {
    let text = format!("{}~", jws::sign(JwsType::Entry, payload, &key()));
    let Ok(entry) = UnverifiedEntry::parse_extract(&text) else {
        return;
    };
    holds(&text, &entry);
    // What was read is what any other JSON reader reads.
    let value: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(value, serde_json::to_value(entry.payload()).unwrap());
    assert_eq!(value["seq"].as_u64(), Some(entry.payload().seq));
    assert_eq!(
        value["ledger"].as_str(),
        Some(entry.payload().ledger.as_str())
    );
    assert_eq!(value["body"].as_object(), Some(&entry.payload().body));
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(13));
    assert_eq!(value["prev"].is_null(), entry.payload().seq == 0);
    let other = SecretKey::from_seed([8; 32]).public();
    assert!(entry.clone().verify(&other).is_err());
    assert!(entry.verify(&key().public()).is_ok());
    for kind in [JwsType::Read, JwsType::Possession] {
        let text = jws::sign(kind, payload, &key());
        assert!(UnverifiedEntry::parse_extract(&format!("{text}~")).is_err());
    }
}

fn holds(text: &str, entry: &UnverifiedEntry) {
    assert_eq!(entry.to_text(), text);
    assert!(text.is_ascii(), "base64url, dots and tildes");
    let again = serde_json::from_value(serde_json::to_value(entry.payload()).unwrap());
    assert_eq!(again.ok().as_ref(), Some(entry.payload()));
    let mut names: BTreeSet<&str> = entry.withheld().collect();
    for one in entry.disclosures() {
        assert_eq!(entry.payload().details[one.name()], one.digest());
        assert!(names.insert(one.name()), "a detail both here and withheld");
    }
    assert!(
        names
            .into_iter()
            .eq(entry.payload().details.keys().map(String::as_str))
    );
    let bare = UnverifiedEntry::parse_extract(&format!("{}~", entry.jws())).unwrap();
    assert_eq!(
        (bare.hash(), bare.payload()),
        (entry.hash(), entry.payload())
    );
    assert_eq!(
        UnverifiedEntry::parse_whole(text).is_ok(),
        entry.withheld().next().is_none()
    );
    assert!(UnverifiedEntry::parse_extract(text.strip_suffix('~').unwrap()).is_err());
    assert!(UnverifiedEntry::parse_extract(&format!("{text}~")).is_err());
}

/// The bytes are the JSON of a disclosure: it is read exactly when it is a salt, a name and a value in strict
/// JSON, and it discloses nothing of an entry that does not refer to it.
pub fn disclosure(data: &[u8]) {
    let text = base64url::encode(data);
    let strict = json::parse(data, Numbers::Any).ok();
    let parts = strict
        .as_ref()
        .and_then(Value::as_array)
        .filter(|parts| parts.len() == 3);
    let name = parts.and_then(|parts| parts[1].as_str()).unwrap_or("name");
    let digest = Hash::of(&[text.as_bytes()]);
    let jws = |name: &str, digest: Hash| {
        let mut payload = payload();
        payload["details"] = json!({name: digest});
        jws::sign(JwsType::Entry, &payload.to_string(), &key())
    };
    let signed = jws(name, digest);
    let read = UnverifiedEntry::from_parts(&signed, [text.as_str()]);
    let salted = parts.and_then(|parts| parts[0].as_str());
    let good = salted.is_some_and(|salt| base64url::decode_array::<16>(salt).is_ok())
        && parts.is_some_and(|parts| parts[1].is_string())
        && is_name(name, b'_');
    assert_eq!(
        read.is_ok(),
        good && signed.len() <= jws::MAX_JWS,
        "{read:?}"
    );
    let Ok(entry) = read else { return };
    assert_eq!(entry.detail(name), parts.map(|parts| &parts[2]));
    assert_eq!(entry.withheld().count(), 0);
    holds(&entry.to_text(), &entry);
    let twice = UnverifiedEntry::from_parts(&signed, [text.as_str(), text.as_str()]);
    assert!(matches!(twice, Err(EntryError::DisclosureTwice(_))));
    let other = jws(name, Hash::of(&[b"another"]));
    let strange = UnverifiedEntry::from_parts(&other, [text.as_str()]);
    assert!(matches!(
        strange,
        Err(EntryError::DisclosureUnreferenced(_))
    ));
}

/// The payload of an entry that is well formed.
pub fn payload() -> Value {
    json!({
        "ledger": "evidence.northshire.example", "subject": "q83vEjRWeJCrze8SNFZ4kA", "strand": "custody",
        "seq": 0, "prev": null, "event": "sealed", "actor": "northshire-police/V1StGXR8Z5jdHi6BmyT0kA",
        "occurred_at": "2026-03-14T09:12:00+00:00", "seen": null, "client": "fuzz",
        "jti": "IiIiIiIiIiIiIiIiIiIiIg", "body": {"seal": "K1234567"}, "details": {},
    })
}

/// A token that is read can be checked, lives a minute at most, and is never taken for one of another kind.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if !text.starts_with('{') {
        let _ = (UnverifiedRead::parse(text), Possession::verify(text));
        return;
    }
    let read = jws::sign(JwsType::Read, text, &key());
    if let Ok(token) = UnverifiedRead::parse(&read) {
        assert_eq!(token.kid(), key().public().id());
        let request = token.clone().verify(&key().public()).unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value, serde_json::to_value(&request).unwrap());
        assert_eq!(&request.actor, token.claimed_actor());
        assert!(request.iat < request.exp && request.exp - request.iat <= MAX_LIFETIME);
        let again = UnverifiedRead::parse(&request.sign(&key())).unwrap();
        assert_eq!(again.verify(&key().public()).ok(), Some(request));
        assert!(
            token
                .verify(&SecretKey::from_seed([8; 32]).public())
                .is_err()
        );
        assert!(Possession::verify(&read).is_err());
    }
    let possession = jws::sign(JwsType::Possession, text, &key());
    if let Ok(statement) = Possession::verify(&possession) {
        assert_eq!(
            statement.key,
            key().public(),
            "only the holder of a key can say that they hold it"
        );
    }
    assert!(UnverifiedRead::parse(&possession).is_err());
}

/// The log that signs.
pub fn name() -> Origin {
    Origin::new("log.example").unwrap()
}

/// Its keys: Ed25519 as a log and as a witness, and the post-quantum one.
pub fn keys() -> &'static [VerifierKey; 3] {
    static KEYS: OnceLock<[VerifierKey; 3]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [
            VerifierKey::ed25519(name(), SignatureKind::Ed25519, key().public()),
            VerifierKey::ed25519(name(), SignatureKind::CosignatureV1, key().public()),
            VerifierKey::ml_dsa_44(name(), PqSecretKey::from_seed([9; 32]).public()),
        ]
    })
}

/// A note that opens was signed: every line that counts is the one signature in the one spelling, and a text is
/// signed as a whole, whatever it looks like inside.
pub fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(open) = UnverifiedNote::parse(text).and_then(|note| note.verify(keys())) {
        assert!(text.starts_with(&open.text) && open.text.ends_with('\n'));
        let lines = text[open.text.len()..].strip_prefix('\n').unwrap();
        assert_eq!(
            lines.lines().count(),
            open.verified.len() + open.unverified.len()
        );
        for line in lines.lines() {
            let (_, signature) = line.strip_prefix("— ").unwrap().split_once(' ').unwrap();
            assert_eq!(
                STANDARD.encode(STANDARD.decode(signature).unwrap()),
                signature
            );
        }
        assert!(open.verified.len() <= keys().len(), "a key signs once");
    }
    if let Ok(vkey) = VerifierKey::parse(text) {
        assert_eq!(vkey.to_string(), text);
    }
    let body = format!("{text}\n");
    let signed = note::sign(&body, &name(), &key());
    let controls = body
        .bytes()
        .any(|byte| (byte < 0x20 && byte != b'\n') || byte == 0x7f);
    let open = UnverifiedNote::parse(&signed).and_then(|note| note.verify(keys()));
    assert_eq!(open.is_ok(), !controls && signed.len() <= note::MAX_NOTE);
    let Ok(open) = open else { return };
    assert_eq!(
        (open.text.as_str(), open.verified.len()),
        (body.as_str(), 1)
    );
    let cosigned = format!("{signed}{}", note::cosign(&body, &name(), 1, &key()));
    if cosigned.len() <= note::MAX_NOTE {
        let both = UnverifiedNote::parse(&cosigned)
            .unwrap()
            .verify(keys())
            .unwrap();
        assert_eq!(
            both.verified.iter().map(|one| one.time).collect::<Vec<_>>(),
            [None, Some(1)]
        );
        let line = signed.lines().last().unwrap();
        let twice = UnverifiedNote::parse(&format!("{cosigned}{line}\n"))
            .unwrap()
            .verify(keys());
        assert!(twice.is_err(), "one key signs twice");
    }
}

/// A checkpoint prints as it was read; a log signs only for its own origin.
pub fn checkpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = Checkpoint::parse_text(text);
    let signed = note::sign(text, &name(), &key());
    let open = checkpoint::open(&signed, &keys()[0]);
    match &read {
        Ok(checkpoint) => {
            assert_eq!(checkpoint.to_text(), text);
            assert_eq!(open.is_ok(), checkpoint.origin == name());
        }
        Err(_) => assert!(open.is_err()),
    }
    if let Ok((checkpoint, note)) = open {
        assert_eq!(Some(&checkpoint), read.as_ref().ok());
        assert_eq!(note.text, text);
        assert!(
            checkpoint::open(&signed, &keys()[1]).is_err(),
            "a witness is no log"
        );
    }
}
