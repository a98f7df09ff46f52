//! Where fuzzing begins: small real artefacts of the honest ledger, and a few that are nearly right.

use custodes::ledger::rules::Rules;
use custodes::protocol::hash::Hash;
use custodes::protocol::manifest::Manifest;
use custodes::protocol::token::{Possession, ReadRequest};
use serde_json::{Value, json};

use super::bundles::{honest, proof_of};
use super::forks;
use super::map_faults;
use super::signed::{key, payload};
use super::world::withhold;

/// Target, name of the seed, bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// Every seed.
pub fn seeds() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    let mut add = |target, name, text: &str| seeds.push((target, name, text.as_bytes().to_vec()));
    let sample = honest();
    let world = &sample.world;

    add("base64url", "canonical", "q83vEjRWeJCrze8SNFZ4kA");
    add("base64url", "trailing-bits", "q83vEjRWeJCrze8SNFZ4kB");
    add("id", "subject", sample.video.as_str());
    add("id", "actor", world.service.actor.as_str());
    add("id", "origin", world.origin.as_str());
    add("id", "code", "K 1234567");
    add("id", "strand", "exhibits");
    add("json", "payload", &payload().to_string());
    add(
        "json",
        "numbers",
        r#"[1.5,-0,1e2,9007199254740991,9007199254740992,null,true]"#,
    );
    add("json", "twice", r#"{"x":{"a":1,"\u0061":2}}"#);
    add("json", "deep", r#"[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]"#);
    add("json", "escapes", r#""\ud83d\ude00\u0000\/ \ud800""#);
    add("time", "moment", "2026-03-14T09:12:00+00:00");
    add("time", "leap-day", "2000-02-29T23:59:59-14:59");
    add("time", "quoted", r#""2026-03-14T09:12:00+01:00""#);
    add(
        "time",
        "range",
        r#"{"from":"2026-03-14T09:12:00+01:00","to":"2026-03-14T09:12:00-01:00"}"#,
    );
    add("tile_path", "full", "tile/0/x001/x234/067");
    add("tile_path", "partial", "tile/3/000.p/255");
    add(
        "tile_path",
        "entries",
        "tile/entries/x018/x446/x744/x073/x709/x551/615.p/1",
    );

    let mut manifest = Manifest::default();
    for path in ["clip 1.mp4", "a/b.txt", "100%", "new\nline", "Ü.txt"] {
        manifest.insert(path, Hash::of(&[path.as_bytes()])).unwrap();
    }
    add(
        "manifest",
        "folder",
        std::str::from_utf8(&manifest.to_bytes()).unwrap(),
    );

    let (log, witness) = (world.log_vkey(), world.witness_vkey());
    add(
        "policy",
        "witness",
        &format!("log {log}\nwitness court {witness}\nquorum court\n"),
    );
    add(
        "policy",
        "none",
        &format!("log {log} https://log.example\nquorum none\n"),
    );
    let group = format!(
        "log {log}\nwitness a {witness}\ngroup g any a\ngroup top all g\n\n# end\nquorum top\n"
    );
    add("policy", "groups", &group);

    add("rules", "embedded", Rules::text());
    add("rules", "sealed", r#"{"seal":"K1234567"}"#);

    for (event, name) in [
        ("genesis", "genesis"),
        ("registered", "registered"),
        ("key-enrolled", "enrolled"),
    ] {
        let one = world
            .entries
            .iter()
            .find(|one| one.entry.payload().event == event)
            .unwrap();
        add("entry", name, &one.entry.to_text());
        if event != "genesis" {
            add(
                "entry",
                match event {
                    "registered" => "registered-payload",
                    _ => "enrolled-payload",
                },
                &serde_json::to_string(one.entry.payload()).unwrap(),
            );
            let body = Value::Object(one.entry.payload().body.clone());
            add("rules", name, &body.to_string());
        }
    }
    add("entry", "payload", &payload().to_string());
    for (name, member, other) in [
        (
            "seen-listed",
            "seen",
            json!([0, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo"]),
        ),
        (
            "time-listed",
            "occurred_at",
            json!(["2026-03-14T09:12:00+00:00", "2026-03-14T09:12:00+00:00"]),
        ),
        ("strand-object", "strand", json!({"custody": null})),
    ] {
        let mut payload = payload();
        payload[member] = other;
        add("entry", name, &payload.to_string());
    }
    for (name, value) in [
        ("text", json!("dry")),
        ("nested", json!({"a": [1.5, null, {"b": true}]})),
    ] {
        add(
            "disclosure",
            name,
            &json!(["paWlpaWlpaWlpaWlpaWlpQ", "condition", value]).to_string(),
        );
    }

    let request = ReadRequest {
        ledger: world.origin.clone(),
        actor: sample.officer.actor.clone(),
        method: "GET".to_owned(),
        uri: "https://log.example/v1/exhibits/x".to_owned(),
        body: None,
        purpose: "Preparing a statement".to_owned(),
        client: "fuzz".to_owned(),
        iat: 1_773_479_526,
        exp: 1_773_479_586,
        jti: sample.video.clone(),
    };
    add(
        "token",
        "read-payload",
        &serde_json::to_string(&request).unwrap(),
    );
    add("token", "read", &request.sign(&key()));
    let possession = Possession {
        ledger: world.origin.clone(),
        actor: sample.officer.actor.clone(),
        key: key().public(),
    };
    add(
        "token",
        "possession-payload",
        &serde_json::to_string(&possession).unwrap(),
    );
    add("token", "possession", &possession.sign(&key()));

    let checkpoint = world.checkpoint(world.tree.size(), true);
    let text = checkpoint.split("\n\n").next().unwrap();
    add("checkpoint", "origin", &format!("{text}\n"));
    add(
        "checkpoint",
        "log-example",
        &format!("{text}\n").replace(world.origin.as_str(), "log.example"),
    );
    add("note", "checkpoint", &checkpoint);
    add("note", "nested", "a\n\n— log.example AAAAAAAA\n");
    add("note", "vkey", &witness.to_string());

    for (name, text) in forks::seeds() {
        add("fork", name, &text);
    }
    add("tlog_proof", "entry-8", &proof_of(8));
    let mut bundle = world.exhibit_bundle(&sample.phone);
    let withheld = bundle
        .entries
        .iter()
        .map(|one| one.index)
        .find(|index| world.entries[index.0 as usize].entry.payload().event == "seized");
    withhold(&mut bundle, withheld.unwrap(), &["description"]);
    seeds.push(("bundle", "exhibit", bundle.to_bytes()));
    for (name, bytes) in map_faults::seeds() {
        seeds.push(("map_fault", name, bytes));
    }
    // Edits that a verifier must let pass: a detail withheld, an access entry withheld, a tail cut off.
    for (name, edits) in [
        ("nothing", &[0u8][..]),
        ("detail", &[0, 14, 0, 12, 0, 0]),
        (
            "tail",
            &[
                0, 27, 0, 3, 0, 1, 28, 0, 0, 0, 0, 29, 0, 0, 0, 0, 30, 0, 0, 0, 0,
            ],
        ),
        ("checkpoint", &[3, 16, 0, 0, 0, 0, 29, 0, 0, 0, 0]),
        ("access", &[0, 13, 0, 18, 0, 0, 29, 0, 0, 0, 0]),
        ("map", &[1, 24, 0, 1, 0, 1]),
    ] {
        seeds.push(("bundle_edit", name, edits.to_vec()));
    }
    // Forks of each kind shown; one tree that goes on; a proof with a hash put in.
    for (name, bytes) in [
        ("edited-same-size", &[2u8, 8, 8, 0, 0][..]),
        ("edited-prefix", &[2, 7, 11, 1, 0]),
        ("edited-leaf", &[2, 8, 10, 2, 6]),
        ("edited-none", &[0, 6, 9, 1, 0]),
        ("edited-hash", &[1, 6, 9, 2, 5, 2, 1, 9]),
    ] {
        seeds.push(("fork", name, bytes.to_vec()));
    }
    seeds
}
