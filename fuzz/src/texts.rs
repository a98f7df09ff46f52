//! Texts that nobody signs: encodings, ids, JSON, times, paths, manifests, policies, rules.

use std::collections::BTreeSet;

use custodes::ledger::rules::Rules;
use custodes::ledger::schema;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, Code, OrgId, Origin, Strand, Subject};
use custodes::protocol::json::{self, MAX_DEPTH, MAX_INTEGER, Numbers};
use custodes::protocol::manifest::Manifest;
use custodes::protocol::policy::Policy;
use custodes::protocol::policy_review;
use custodes::protocol::tile::TilePath;
use custodes::protocol::time::{Moment, Occurred};
use custodes::protocol::tree::TreeSize;
use serde_json::Value;

/// A value has one spelling, and every spelling that is read is that one.
pub fn base64url(data: &[u8]) {
    use custodes::protocol::base64url::{decode, encode};
    assert_eq!(decode(&encode(data)).as_deref(), Ok(data));
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(bytes) = decode(text) {
        assert_eq!(encode(&bytes), text, "a second spelling was read");
        assert!(decode(&format!("{text}=")).is_err() && decode(&format!("{text}\n")).is_err());
    }
}

/// What is read as an id prints as it was, is ASCII and within its limit.
pub fn id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let plain = |limit: usize| {
        assert!(text.len() <= limit && !text.is_empty());
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        );
    };
    if let Ok(subject) = Subject::new(text) {
        plain(22);
        assert_eq!(Subject::from_bytes(subject.to_bytes()).as_str(), text);
    }
    if OrgId::new(text).is_ok() {
        plain(64);
        assert!(ActorId::new(text).is_err() && !text.contains('/'));
    }
    if let Ok(actor) = ActorId::new(text) {
        plain(64 + 1 + 22);
        assert_eq!(
            ActorId::from_parts(&actor.org(), &actor.subject()).as_str(),
            text
        );
    }
    if Origin::new(text).is_ok() {
        plain(128);
        assert!(!text.contains([' ', '+']));
    }
    if Code::new(text).is_ok() {
        plain(128);
        assert_eq!(text.split(' ').collect::<Vec<_>>().join(" "), text);
        assert!(text.split(' ').all(|word| !word.is_empty()));
    }
    if let Some(strand) = Strand::parse(text) {
        assert_eq!(strand.as_str(), text);
    }
}

/// What strict JSON reads, every reader reads as the same value, within the limits.
pub fn json(data: &[u8]) {
    let lenient: Result<Value, _> = serde_json::from_slice(data);
    for numbers in [Numbers::Integers, Numbers::Any] {
        let Ok(value) = json::parse(data, numbers) else {
            continue;
        };
        assert_eq!(
            Some(&value),
            lenient.as_ref().ok(),
            "it was read as something else"
        );
        within(&value, numbers, 0);
        let again = serde_json::to_vec(&value).unwrap();
        assert_eq!(json::parse(&again, numbers), Ok(value));
        assert!(
            json::parse(&[data, b"1"].concat(), numbers).is_err()
                || data.is_empty()
                || ends_in_digit(data)
        );
        if numbers == Numbers::Integers {
            assert!(json::parse(data, Numbers::Any).is_ok());
        }
    }
    // A member name twice, however it is spelt, at the top of an object.
    if let Ok(Value::Object(map)) = &lenient
        && let Some((name, value)) = map.iter().next()
    {
        let name = Value::from(name.as_str());
        let twice = format!("{{{name}:{value},{name}:{value}}}");
        assert!(json::parse(twice.as_bytes(), Numbers::Any).is_err());
    }
}

fn ends_in_digit(data: &[u8]) -> bool {
    data.last().is_some_and(u8::is_ascii_digit)
}

fn within(value: &Value, numbers: Numbers, depth: usize) {
    assert!(depth <= MAX_DEPTH);
    match value {
        Value::Number(number) => {
            let exact = number.as_u64().is_some_and(|n| n <= MAX_INTEGER)
                || number
                    .as_i64()
                    .is_some_and(|n| n.unsigned_abs() <= MAX_INTEGER);
            assert!(
                exact || (numbers == Numbers::Any && number.is_f64()),
                "{number}"
            );
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| within(item, numbers, depth + 1)),
        Value::Object(map) => map
            .values()
            .for_each(|item| within(item, numbers, depth + 1)),
        _ => {}
    }
}

/// A moment prints as it was stated, and its seconds and offset give it back.
pub fn time(data: &[u8]) {
    if let Ok(occurred) = serde_json::from_slice::<Occurred>(data) {
        let again = serde_json::to_vec(&occurred).unwrap();
        assert_eq!(
            serde_json::from_slice::<Occurred>(&again).ok(),
            Some(occurred.clone())
        );
        if let Occurred::Between(range) = &occurred {
            assert!(range.from.unix_seconds() <= range.to.unix_seconds());
        }
        assert!(!occurred.in_words().is_empty());
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(moment) = Moment::parse(text) else {
        return;
    };
    assert_eq!(moment.as_str(), text);
    let (hours, minutes): (i32, i32) =
        (text[20..22].parse().unwrap(), text[23..25].parse().unwrap());
    let size = hours * 60 + minutes;
    let offset = if text.as_bytes()[19] == b'-' {
        -size
    } else {
        size
    };
    let again = Moment::from_unix(moment.unix_seconds(), offset);
    assert_eq!(again.as_ref().map(Moment::as_str), Ok(text));
    assert!(!moment.in_words().is_empty());
}

/// A tile path prints as it was read, and lies in no tree that is too small for it.
pub fn tile_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(path) = TilePath::parse(text) else {
        return;
    };
    assert_eq!(path.to_string(), text);
    assert!((1..=256).contains(&path.width) && path.level.is_none_or(|level| level <= 5));
    assert!(!path.exists_in(TreeSize(0)));
    if path.exists_in(TreeSize(1 << 20)) {
        assert!(path.exists_in(TreeSize(1 << 21)), "a log only grows");
    }
    let _ = path.exists_in(TreeSize(u64::MAX));
}

/// A manifest that is read is written the same, and its paths stay within the folder.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data) else {
        return;
    };
    assert_eq!(manifest.to_bytes(), data);
    let mut again = Manifest::default();
    for (path, sha256) in manifest.files() {
        assert!(!path.starts_with('/') && !path.contains('\0'));
        assert!(path.split('/').all(|part| !["", ".", ".."].contains(&part)));
        again.insert(&path, sha256).unwrap();
    }
    assert_eq!(again, manifest);
}

/// A policy demands what it says: nobody satisfies a quorum by absence, and more witnesses never satisfy less.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(policy) = Policy::parse(text) else {
        return;
    };
    assert!(!policy.logs.is_empty(), "it trusts nobody");
    let _ = (
        policy_review::explain(&policy),
        policy_review::warnings(&policy),
    );
    let mut cosigned = BTreeSet::from(["nobody".to_owned(), "none".to_owned()]);
    cosigned.retain(|name| policy.witnesses.iter().all(|one| one.name != *name));
    cosigned.extend(policy.groups.iter().map(|group| group.name.clone()));
    let mut met = policy.quorum_met(&cosigned);
    assert_eq!(
        met,
        !policy.requires_witness(),
        "groups and strangers do not cosign"
    );
    for witness in &policy.witnesses {
        cosigned.insert(witness.name.clone());
        let now = policy.quorum_met(&cosigned);
        assert!(
            now || !met,
            "one witness more, and the quorum is no longer met"
        );
        met = now;
    }
    assert!(met, "not even all witnesses satisfy it");
    assert_eq!(Policy::parse(&format!("# a comment\n\n{text}")), Ok(policy));
    assert!(Policy::parse(&format!("{text}quorum none\n")).is_err());
    let cut = text.strip_suffix('\n').unwrap();
    assert!(
        Policy::parse(cut).is_err() || cut.ends_with('\n'),
        "cut short"
    );
}

/// A rules table is its bytes; a body that a schema lets through has what the schema says and nothing else.
pub fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(rules) = Rules::parse(text) {
        assert_eq!(rules.sha256(), Hash::of(&[data]));
        for row in rules.rows() {
            assert_eq!(
                rules.row(&row.event).map(|one| &one.event),
                Some(&row.event)
            );
        }
    }
    let Ok(body) = json::parse_object(data) else {
        return;
    };
    for row in Rules::embedded().rows() {
        if schema::check(&row.body, &body).is_ok() {
            assert!(body.keys().all(|name| row.body.contains_key(name)));
            for (name, member) in &row.body {
                assert!(!member.required || body.contains_key(name), "{name}");
            }
        }
    }
}
