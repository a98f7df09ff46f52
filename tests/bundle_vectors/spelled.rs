//! Bundles and entries in another spelling: what lenient readers would take is refused.

use super::*;

use custodes::protocol::base64url;
use custodes::protocol::jws::{self, JwsType};

pub fn vectors() -> Vec<Vector> {
    let mut all = bundles();
    all.extend(entries());
    all
}

fn spelled(code: &'static str, name: &str, says: &str, text: String) -> Vector {
    Vector::of(name, says, text.into_bytes(), 1, Some(code))
}

fn bundles() -> Vec<Vector> {
    let sample = sample();
    let bundle = sample.world.exhibit_bundle(&sample.video);
    let text = String::from_utf8(bundle.to_bytes()).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let jws = &sample.world.entries[0].entry.jws()[..20];
    vec![
        spelled(
            "bundle-form",
            "member-unknown",
            "The bundle has a member that the format does not.",
            replaced("\"blobs\":[", "\"remark\":null,\"blobs\":["),
        ),
        spelled(
            "bundle-form",
            "member-left-out",
            "The bundle lacks the member \"blobs\".",
            replaced(",\"blobs\":[]", ""),
        ),
        spelled(
            "bundle-form",
            "member-twice",
            "The bundle has the member \"ledger\" twice.",
            replaced("\"ledger\":", "\"ledger\":\"other.example\",\"ledger\":"),
        ),
        spelled(
            "bundle-form",
            "other-format",
            "The bundle says that it is of format custody-bundle-v2.",
            replaced("custody-bundle-v1", "custody-bundle-v2"),
        ),
        spelled(
            "bundle-form",
            "number-with-a-fraction",
            "A number is written with a fraction.",
            replaced("\"index\":0,", "\"index\":0.0,"),
        ),
        spelled(
            "bundle-form",
            "index-too-large",
            "An index is above 2^53-1.",
            replaced("\"index\":0,", "\"index\":9007199254740992,"),
        ),
        spelled(
            "bundle-form",
            "entry-with-and-without-content",
            "An entry has both its signed part and what stands for a withheld one.",
            replaced(
                "\"jws\":",
                "\"e\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"jws\":",
            ),
        ),
        spelled(
            "bundle-form",
            "hash-with-padding",
            "A hash in the table is written with padding.",
            replaced(
                "\"nodes\":[\"",
                "\"nodes\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"",
            ),
        ),
        spelled(
            "bundle-form",
            "text-behind-the-end",
            "A second object stands behind the bundle.",
            format!("{text}{{}}\n"),
        ),
        spelled(
            "bundle-form",
            "cut-short",
            "The last thousand bytes of the file are missing.",
            text[..text.len() - 1000].to_owned(),
        ),
        spelled(
            "bundle-form",
            "nothing",
            "The file is empty.",
            String::new(),
        ),
        spelled(
            "bundle-not-canonical",
            "white-space",
            "There is a space between two tokens.",
            replaced("\"entries\":[", "\"entries\": ["),
        ),
        spelled(
            "bundle-not-canonical",
            "no-final-newline",
            "The line feed at the end is missing.",
            text.trim_end().to_owned(),
        ),
        spelled(
            "bundle-not-canonical",
            "members-in-another-order",
            "The members \"format\" and \"ledger\" are exchanged.",
            replaced(
                &format!(
                    "\"format\":\"custody-bundle-v1\",\"ledger\":\"{}\"",
                    bundle.ledger
                ),
                &format!(
                    "\"ledger\":\"{}\",\"format\":\"custody-bundle-v1\"",
                    bundle.ledger
                ),
            ),
        ),
        spelled(
            "bundle-not-canonical",
            "letter-escaped",
            "A letter of a signed part is written as an escape.",
            replaced(jws, &format!("\\u{:04x}{}", jws.as_bytes()[0], &jws[1..])),
        ),
    ]
}

/// The signed part of an entry, written and signed otherwise by its own signer.
fn entries() -> Vec<Vector> {
    let sample = sample();
    let honest = sample.world.exhibit_bundle(&sample.video);
    let at = find(&sample, &honest, "transfer-offered");
    let index = honest.entries[at].index.0 as usize;
    let entry = &sample.world.entries[index].entry;
    let key = &sample.officer.key;
    let payload = serde_json::to_value(entry.payload()).unwrap();
    let mut all = Vec::new();
    let mut with = |code, name: &str, says: &str, jws: String| {
        let mut bundle = honest.clone();
        open(&mut bundle, at).jws = jws;
        all.push(Vector::bad(code, name, says, &bundle));
    };

    // The payload.
    let sign = |payload: &Value| jws::sign(JwsType::Entry, &payload.to_string(), key);
    let (size, root, time) = (
        &payload["seen"]["size"],
        &payload["seen"]["root"],
        &payload["occurred_at"],
    );
    for (name, says, member, other) in [
        (
            "seen-as-a-list",
            "\"seen\" is a list of its two values.",
            "seen",
            json!([size, root]),
        ),
        (
            "range-as-a-list",
            "The range of \"occurred_at\" is a list.",
            "occurred_at",
            json!([time, time]),
        ),
        (
            "strand-as-an-object",
            "\"strand\" is an object.",
            "strand",
            json!({"custody": null}),
        ),
        (
            "time-in-utc-as-z",
            "\"occurred_at\" ends in Z.",
            "occurred_at",
            json!("2026-03-14T09:12:00Z"),
        ),
        (
            "day-that-is-none",
            "\"occurred_at\" is 30 February.",
            "occurred_at",
            json!("2026-02-30T09:12:00+00:00"),
        ),
        (
            "subject-too-short",
            "\"subject\" has 15 bytes.",
            "subject",
            json!("AAAAAAAAAAAAAAAAAAAA"),
        ),
        ("seq-negative", "\"seq\" is -1.", "seq", json!(-1)),
        (
            "member-of-the-payload-unknown",
            "The payload has a member more.",
            "remark",
            json!("x"),
        ),
        (
            "prev-missing",
            "\"prev\" is null in an entry that is not the first.",
            "prev",
            Value::Null,
        ),
        ("client-empty", "\"client\" is empty.", "client", json!("")),
    ] {
        let mut payload = payload.clone();
        payload[member] = other;
        with("entry-payload", name, says, sign(&payload));
    }
    let twice = payload
        .to_string()
        .replacen("\"seq\":", "\"seq\":0,\"seq\":", 1);
    let twice = jws::sign(JwsType::Entry, &twice, key);
    with(
        "entry-signed-part",
        "member-of-the-payload-twice",
        "The payload has \"seq\" twice.",
        twice,
    );

    // Header and form.
    let parts: Vec<&str> = entry.jws().split('.').collect();
    let header = base64url::decode(parts[0]).unwrap();
    let header = String::from_utf8(header).unwrap();
    for (name, says, from, to) in [
        (
            "alg-none",
            "The header says alg none.",
            "\"Ed25519\"",
            "\"none\"",
        ),
        (
            "alg-eddsa",
            "The header says alg EdDSA, the older name.",
            "\"Ed25519\"",
            "\"EdDSA\"",
        ),
        (
            "typ-of-a-reading",
            "The header says that it is a request to read.",
            "custody-entry-v1+jwt",
            "custody-read+jwt",
        ),
        (
            "header-with-a-key",
            "The header has a member more, which brings a key along.",
            "{\"alg\"",
            "{\"jwk\":{},\"alg\"",
        ),
    ] {
        assert!(header.contains(from), "{header}");
        let header = base64url::encode(header.replacen(from, to, 1).as_bytes());
        let signed = format!("{header}.{}", parts[1]);
        let signature = base64url::encode(&key.sign(signed.as_bytes()));
        with(
            "entry-signed-part",
            name,
            says,
            format!("{signed}.{signature}"),
        );
    }
    with(
        "entry-signed-part",
        "jws-with-padding",
        "The signature is written with padding.",
        format!("{}=", entry.jws()),
    );
    with(
        "entry-signed-part",
        "jws-of-two-parts",
        "The signature is left out.",
        parts[..2].join("."),
    );
    with(
        "entry-signed-part",
        "jws-too-long",
        "The signed part has 65,537 characters.",
        "A".repeat(65_537),
    );
    let mut bundle = honest.clone();
    open(&mut bundle, at).disclosures = vec!["A".repeat(1 << 20)];
    all.push(Vector::bad(
        "entry-too-long",
        "disclosures-too-long",
        "The entry has more than 1,048,576 characters with its disclosures.",
        &bundle,
    ));
    all
}
