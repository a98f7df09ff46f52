//! The page that shows the interface, in a real browser.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;

use std::process::{Command, Stdio};

use ledger::Ledger;
use wire::ask;

/// What a browser makes of an address: the page after its script has run, and what the console says. `None`, with a
/// printed line, where there is no browser; with `CI=true` that is a failure.
fn shown(address: &str) -> Option<(String, Vec<String>)> {
    let profile = tempfile::tempdir().unwrap();
    let browser = Command::new("chromium")
        // As root there is no sandbox; without the rest it would ask servers of its maker.
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-quic", "--no-first-run", "--disable-sync"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--enable-logging=stderr", "--virtual-time-budget=20000"])
        .args(["--dump-dom", address])
        .stdin(Stdio::null())
        .output();
    let output = match browser {
        Ok(output) => output,
        Err(error) => {
            let required = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!required, "chromium: {error}");
            println!("skipped: chromium: {error}");
            return None;
        }
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let console = told.lines().filter(|line| line.contains("CONSOLE"));
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((page, console.map(str::to_owned).collect()))
}

#[test]
fn a_browser_shows_every_path_and_schema_and_complains_of_nothing() {
    let ledger = Ledger::new();
    let Some((page, console)) = shown(&format!("{}/docs", ledger.url)) else {
        return;
    };
    assert!(console.is_empty(), "{console:?}");
    let document = ask(&ledger, "GET", "/openapi.json", "", b"").json();
    let named = |member: &serde_json::Value| -> Vec<String> {
        member.as_object().unwrap().keys().cloned().collect()
    };
    let names = [
        named(&document["paths"]),
        named(&document["components"]["schemas"]),
    ]
    .concat();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(
            page.contains(&format!("<code>{name}</code>")),
            "{name} is not on the page: {page}"
        );
    }
    assert!(!page.contains("scripts are off"), "{page}");

    // A page that does go wrong is seen to: so silence means something.
    let wrong = "data:text/html,<script>throw new Error('as it should')</script>";
    let (_, console) = shown(wrong).unwrap();
    assert!(
        console.iter().any(|line| line.contains("as it should")),
        "{console:?}"
    );
}
