//! The main job through the real binary, service and storage.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;

use std::process::Command;

use custodes::protocol::bundle::{Bundle, Content};
use custodes::protocol::entry::UnverifiedEntry;
use ledger::{CASE, Ledger, copy, ends, ok};

#[test]
fn real_evidence_registers_and_is_found_by_digest() {
    let Some(data) = common::data_dir() else {
        return;
    };
    let ledger = Ledger::new();
    let mut seen = std::collections::BTreeSet::new();
    for (number, file) in common::files(&data.join("evidence")).iter().enumerate() {
        let said = ledger.register(file, &format!("JSM/{number}"));
        let sum = Command::new("sha256sum").arg(file).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
        assert!(said.contains(&sum), "{said}");
        let found = ok(&ledger.run("smith", &["lookup", &file.display().to_string()]));
        assert!(found.contains(CASE) || found.contains("exhibit"), "{found}");
        // Nothing was disclosed: for the defence it is as if it were not there.
        let hidden = ledger.run("morgan", &["lookup", &file.display().to_string()]);
        assert!(ends(&hidden, 2).contains("not-registered-or-not-visible"));
        seen.insert(sum);
    }
    assert!(seen.len() >= 9);
}

#[test]
fn bundle_verifies_offline_survives_a_kill_and_satisfies_another_jose_library() {
    let mut ledger = Ledger::new();
    let file = ledger.path("clip.bin");
    std::fs::write(&file, vec![7; 3_000_000]).unwrap();
    ledger.register(&file, "JSM/1");
    ledger.disclose("JSM/1");
    // Everything acknowledged is there after a kill, and the same command goes on.
    ledger.kill();
    ledger.start();
    let bundle = ledger.path("JSM-1.custody.json");
    let reference = format!("{CASE} JSM/1");
    let out = bundle.display().to_string();
    ok(&ledger.run("morgan", &["bundle", &reference, "--out", &out]));
    ledger.kill();
    let policy = ledger.path("ledger/policy").display().to_string();
    let file = file.display().to_string();
    let args = [
        "verify",
        &out,
        "--file",
        &file,
        "--policy",
        &policy,
        "--timeline",
    ];
    let said = ends(&ledger.run("nobody", &args), 3);
    assert!(
        said.contains("DC Jo Smith (police) recorded that"),
        "{said}"
    );
    let accepted = [&args[..], &["--accept", "no-witness", "entries-withheld"]];
    ends(&ledger.run("nobody", &accepted.concat()), 0);
    std::fs::write(ledger.path("clip.bin"), vec![8; 3_000_000]).unwrap();
    assert!(ends(&ledger.run("nobody", &args), 1).contains("evidence-mismatch"));
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
    other_jose_library(&Bundle::parse(&std::fs::read(&bundle).unwrap()).unwrap());
}

/// PyPI `jwcrypto` verifies every signature, and a few lines of Python every disclosure.
fn other_jose_library(bundle: &Bundle) {
    let Some(home) = std::env::var_os("HOME") else {
        return;
    };
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || std::path::Path::new(&home).join(".cache"),
        std::path::PathBuf::from,
    );
    let python = cache.join("custodes/jwcrypto/bin/python");
    if !python.exists() {
        assert!(std::env::var("CI").is_ok_and(|ci| ci != "true") || std::env::var("CI").is_err());
        println!("skipped: no jwcrypto; run bash .ci/setup.sh test");
        return;
    }
    let mut lines = String::new();
    let mut keys = std::collections::BTreeMap::new();
    for item in &bundle.entries {
        let Content::Open(open) = &item.content else {
            continue;
        };
        let entry =
            UnverifiedEntry::from_parts(&open.jws, open.disclosures.iter().map(String::as_str))
                .unwrap();
        let body = serde_json::Value::Object(entry.payload().body.clone());
        let mut add = |key: &serde_json::Value| {
            if let Ok(key) =
                serde_json::from_value::<custodes::protocol::key::PublicKey>(key.clone())
            {
                keys.insert(key.id().to_string(), key.to_base64url());
            }
        };
        add(&body["key"]);
        add(&body["service"]["key"]);
        for org in body["organisations"].as_array().into_iter().flatten() {
            add(&org["authority"]["key"]);
        }
        lines.push_str(&format!(
            "{} {}\n",
            keys[&entry.kid().to_string()],
            entry.to_text()
        ));
    }
    let script = r#"
import sys, json, base64, hashlib
from jwcrypto import jwk, jws
n = d = 0
for line in open(sys.argv[1]):
    x, text = line.split()
    parts = text.split("~")
    token = jws.JWS(); token.allowed_algs = ["Ed25519", "EdDSA"]
    token.deserialize(parts[0])
    token.verify(jwk.JWK(kty="OKP", crv="Ed25519", x=x))
    details = json.loads(token.payload)["details"]
    for one in parts[1:-1]:
        name = json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)))[1]
        digest = base64.urlsafe_b64encode(hashlib.sha256(one.encode()).digest()).decode().rstrip("=")
        assert details[name] == digest, name
        d += 1
    n += 1
print(n, "entries", d, "disclosures")
"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entries");
    std::fs::write(&path, &lines).unwrap();
    let run = || {
        Command::new(&python)
            .args(["-c", script])
            .arg(&path)
            .output()
            .unwrap()
    };
    let good = run();
    assert!(
        good.status.success(),
        "{}",
        String::from_utf8_lossy(&good.stderr)
    );
    assert!(!String::from_utf8_lossy(&good.stdout).starts_with("0 "));
    // The same library refuses a changed signature, so the check can fail.
    let at = lines.rfind('.').unwrap() + 10;
    let letter = if &lines[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(
        &path,
        format!("{}{letter}{}", &lines[..at], &lines[at + 1..]),
    )
    .unwrap();
    assert!(!run().status.success());
}

#[test]
fn another_history_under_the_same_keys_is_noticed_by_whoever_wrote_before() {
    let mut ledger = Ledger::new();
    let file = ledger.path("a.bin");
    std::fs::write(&file, b"first").unwrap();
    ledger.kill();
    copy(&ledger.path("ledger"), &ledger.path("other"));
    ledger.start();
    ledger.register(&file, "JSM/1");
    // The operator swaps in the older copy and lets somebody else write on it, under the same keys.
    ledger.kill();
    std::fs::rename(ledger.path("ledger"), ledger.path("hidden")).unwrap();
    std::fs::rename(ledger.path("other"), ledger.path("ledger")).unwrap();
    ledger.start();
    ledger.enrol("jones", "police", "officer", "DC Sam Jones");
    for number in 0..3 {
        std::fs::write(ledger.path("b.bin"), [number]).unwrap();
        let reference = format!("SJO/{number}");
        let path = ledger.path("b.bin").display().to_string();
        let args = [
            "register",
            CASE,
            &path,
            "--kind",
            "other",
            "--reference",
            &reference,
            "--description",
            "x",
            "--power",
            "consent",
        ];
        ok(&ledger.run("jones", &args));
    }
    let noticed = ends(&ledger.run("smith", &["history", CASE]), 1);
    assert!(noticed.to_lowercase().contains("alarm"), "{noticed}");
}

#[test]
fn what_the_defence_looks_at_is_for_its_own_side() {
    let ledger = Ledger::new();
    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"footage").unwrap();
    ledger.register(&file, "JSM/1");
    ledger.disclose("JSM/1");
    let reference = format!("{CASE} JSM/1");
    let looked = ["history", &reference, "--purpose", "a privileged thought"];
    assert!(ok(&ledger.run("morgan", &looked)).contains("a privileged thought"));
    let told = ok(&ledger.run("smith", &["history", &reference, "--purpose", "curiosity"]));
    assert!(
        told.contains("read the history") && told.contains("curiosity"),
        "{told}"
    );
    assert!(
        !told.contains("privileged") && !told.contains("defence-llp/"),
        "{told}"
    );
    // The defence in turn sees who looked at what was disclosed to it, and why.
    let told = ok(&ledger.run("morgan", &["history", &reference, "--purpose", "again"]));
    assert!(
        told.contains("DC Jo Smith") && told.contains("curiosity"),
        "{told}"
    );
    // Both bundles verify: what is withheld from the officer is named, nothing fails.
    let policy = ledger.path("ledger/policy").display().to_string();
    for (who, is_withheld) in [("smith", true), ("morgan", false)] {
        let out = ledger
            .path(&format!("{who}.custody.json"))
            .display()
            .to_string();
        ok(&ledger.run(who, &["bundle", &reference, "--out", &out]));
        let file = file.display().to_string();
        let said = ends(
            &ledger.run(
                "nobody",
                &["verify", &out, "--file", &file, "--policy", &policy],
            ),
            3,
        );
        assert_eq!(said.contains("withheld"), is_withheld, "{said}");
    }
}
