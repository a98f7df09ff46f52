//! Lineage and templates through the real command.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use ledger::{CASE, Ledger, ends, ok, seized};
use serde_json::Value;

fn made(ledger: &Ledger, reference: &str, parent: &str, role: &str) {
    let file = ledger.path(&reference.replace('/', "-"));
    std::fs::write(&file, reference).unwrap();
    let file = file.display().to_string();
    let args = [
        "register",
        CASE,
        &file,
        "--event",
        "acquired",
        "--parent",
        parent,
        "--kind",
        "forensic-image",
        "--role",
        role,
        "--reference",
        reference,
        "--description",
        "made for a test",
    ];
    ok(&ledger.run("smith", &args));
}

#[test]
fn lineage_is_the_tree_from_the_seized_thing_down() {
    let ledger = Ledger::new();
    let phone = "44NS1234526 JSM/1";
    ok(&ledger.run("smith", &seized(phone)));
    made(&ledger, "KBA/1", "JSM/1", "master");
    made(&ledger, "KBA/2", "KBA/1", "working");
    made(&ledger, "KBA/3", "KBA/1", "defence");
    // From the middle of the tree, the whole of it.
    let text = ok(&ledger.run("smith", &["lineage", "44NS1234526 KBA/2"]));
    let order = ["JSM/1", "`-- KBA/1", "-- KBA/"];
    let mut at = 0;
    for word in order {
        at += text[at..]
            .find(word)
            .unwrap_or_else(|| panic!("{word}: {text}"));
    }
    assert!(text.contains("no digest: a thing, not a file"), "{text}");
    assert!(
        text.contains("forensic image, working; acquired by DC Jo Smith (police)"),
        "{text}"
    );
    assert!(text.contains("KBA/2  <- asked for"), "{text}");
    let value: Value = serde_json::from_slice(
        &ledger
            .run("smith", &["--json", "lineage", "44NS1234526 KBA/2"])
            .stdout,
    )
    .unwrap();
    assert_eq!(value["exhibits"].as_array().unwrap().len(), 4);
    assert_eq!(value["roots"].as_array().unwrap().len(), 1);
    let dot = ok(&ledger.run("smith", &["lineage", phone, "--dot"]));
    assert!(
        dot.starts_with("digraph") && dot.matches(" -> ").count() == 3,
        "{dot}"
    );
    // Looking was recorded at each, with its purpose.
    let told = ok(&ledger.run("smith", &["history", "44NS1234526 KBA/3"]));
    assert!(told.matches("read the history of").count() >= 3, "{told}");
    // What was not disclosed is not told, only that there is something.
    let disclose = [
        "disclose",
        CASE,
        "--to",
        "defence-llp",
        "--exhibit",
        "KBA/3",
    ];
    ok(&ledger.run("smith", &disclose));
    let seen = ok(&ledger.run("morgan", &["lineage", "44NS1234526 KBA/3"]));
    assert!(
        seen.contains("an exhibit that you may not see") && !seen.contains("KBA/1"),
        "{seen}"
    );
}

#[test]
fn a_filled_in_template_is_taken_and_what_is_empty_says_nothing() {
    let ledger = Ledger::new();
    let template = ok(&ledger.run("nobody", &["template", "surveillance-footage"]));
    let meta = ledger.path("footage.toml");
    let filled = template.replace("camera = \"\"", "camera = \"CAM-04\"");
    assert_ne!(filled, template);
    std::fs::write(&meta, filled).unwrap();
    let file = ledger.path("a.mp4");
    std::fs::write(&file, b"a").unwrap();
    let (meta, file) = (meta.display().to_string(), file.display().to_string());
    let args = [
        "register",
        CASE,
        &file,
        "--kind",
        "surveillance-footage",
        "--reference",
        "JSM/2",
        "--description",
        "x",
        "--power",
        "consent",
        "--meta",
        &meta,
    ];
    ok(&ledger.run("smith", &args));
    let told = ok(&ledger.run("smith", &["history", "44NS1234526 JSM/2"]));
    assert!(
        told.contains("camera: \"CAM-04\"") && !told.contains("codec"),
        "{told}"
    );
    let flagged = "To be explained: No check of the device's clock was recorded. [no-clock-check]";
    assert!(told.contains(flagged), "{told}");
    let event = ok(&ledger.run("nobody", &["template", "seized"]));
    assert!(
        event.contains("--set kind=VALUE") && event.contains("power_or_consent = \"\""),
        "{event}"
    );
    let said = ends(
        &ledger.run("nobody", &["template", "survellance-footage"]),
        2,
    );
    assert!(
        said.contains("did you mean surveillance-footage?"),
        "{said}"
    );
}
