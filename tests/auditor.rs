//! An auditor recomputes the map of completeness on a machine of their own and says so: only then is a history called
//! complete without "as committed by the operator".
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use serde_json::Value;

use ledger::{CASE, Ledger, ends, ok, witness_keys};

/// The verifier keys of a new witness folder.
fn new_keys(ledger: &Ledger, folder: &str, name: &str) -> [String; 2] {
    let made = witness_keys(&ledger.path(folder), name);
    ["ed25519", "ml_dsa_44"].map(|key| made[key].as_str().unwrap().to_owned())
}

#[test]
fn a_history_is_complete_when_an_auditor_has_recomputed_the_map() {
    let mut ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    let [ed25519, post_quantum] = new_keys(&ledger, "auditor", "map.inspectorate.example");
    new_keys(&ledger, "stranger", "map.stranger.example");
    ledger.stop();
    let logs = ledger.log_lines();
    let auditors =
        format!("witness inspectorate {ed25519}\nwitness inspectorate-pq {post_quantum}\n");
    let group = "group map-recomputed any inspectorate inspectorate-pq\n";
    // The service demands no witness; the reader demands the auditor.
    let of_service = format!("{logs}{auditors}{group}quorum none\n");
    std::fs::write(ledger.path("ledger/policy"), of_service).unwrap();
    let of_reader = format!("{logs}{auditors}{group}quorum map-recomputed\n");
    std::fs::write(ledger.path("reader.policy"), of_reader).unwrap();
    ledger.start();

    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"a clip").unwrap();
    ledger.register(&file, "JSM/1");
    let reference = format!("{CASE} JSM/1");
    let bundle = ledger.path("JSM-1.custody.json").display().to_string();
    let take = |more: &[&str]| {
        let _ = std::fs::remove_file(&bundle);
        let args = [&["bundle", &reference, "--out", &bundle], more].concat();
        ledger.run("smith", &args)
    };
    let reader = ledger.path("reader.policy").display().to_string();
    let verify = |code: i32| {
        let file = file.display().to_string();
        let args = ["verify", &bundle, "--file", &file, "--policy", &reader];
        ends(&ledger.run("nobody", &args), code)
    };
    ok(&take(&[]));
    assert!(verify(1).contains("quorum-not-met"));

    assert!(ends(&take(&["--audited"]), 2).contains("not-audited"));

    // Whoever is no auditor gets nothing to recompute, and a key that the policy does not name counts for nothing.
    let refused = ledger.cosign("smith", "auditor", &[]);
    assert!(ends(&refused, 2).contains("not-an-auditor"));
    let refused = ledger.cosign("vale", "stranger", &[]);
    assert!(ends(&refused, 2).contains("not-an-auditors-cosignature"));
    let cosign = |more: &[&str]| ledger.cosign("vale", "auditor", more);
    let said = ok(&cosign(&[]));
    assert!(
        said.contains("It is the map that the log commits to"),
        "{said}"
    );

    // The tree that was recomputed is not the newest any more: to take a bundle is on record too.
    ok(&take(&[]));
    assert!(verify(1).contains("quorum-not-met"));
    ok(&take(&["--audited"]));
    let said = verify(3);
    assert!(
        said.contains("it is complete, recomputed by map.inspectorate.example"),
        "{said}"
    );
    assert!(!said.contains("completeness"), "{said}");

    // The next time only what is new is read.
    std::fs::write(&file, b"another clip").unwrap();
    ledger.register(&file, "JSM/2");
    let again: Value = serde_json::from_str(&ok(&cosign(&["--json"]))).unwrap();
    let [size, new] = ["size", "new"].map(|name| again[name].as_u64().unwrap());
    assert!(0 < new && new < size, "{again}");

    // What was kept is held against the log.
    let kept = ledger.path("vale/map-recomputed.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["chains"][0]["length"] = Value::from(77);
    std::fs::write(&kept, value.to_string()).unwrap();
    ledger.register(&file, "JSM/3");
    assert!(ends(&cosign(&["--json"]), 1).contains("differs"));
    std::fs::remove_file(&kept).unwrap();
    ok(&cosign(&["--json"]));

    // A service that was started since, and has published more, does not know the map of then any more, and says so.
    ok(&take(&["--audited"]));
    ledger.stop();
    ledger.start();
    let again = ledger.run(
        "smith",
        &["bundle", &reference, "--audited", "--out", &bundle],
    );
    assert!(ends(&again, 2).contains("not-audited"));
}
