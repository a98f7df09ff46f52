//! Blobs over real connections: whole, in pieces, broken off, in ranges, and only for whom they are.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;

use std::io::Write as _;

use custodes::protocol::hash::Hash;
use ledger::{CASE, Ledger, ok};
use serde_json::json;
use wire::{Answer, ask, connect, head, raw, read, token, token_for};

fn put(ledger: &Ledger, home: &str, name: Hash, piece: &[u8], range: &str) -> Answer {
    let path = path(name);
    let token = token(ledger, home, "PUT", &path, Some(Hash::of(&[piece])));
    ask(ledger, "PUT", &path, &format!("{token}{range}"), piece)
}

fn path(name: Hash) -> String {
    format!("/v1/blobs/{}", name.to_hex())
}

fn have(ledger: &Ledger, home: &str, name: Hash) -> (u64, bool) {
    let path = format!("{}/upload", path(name));
    let answer = read(ledger, home, "GET", &path, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let value = answer.json();
    (
        value["have"].as_u64().unwrap(),
        value["whole"].as_bool().unwrap(),
    )
}

/// A folder of some thousand files, and its manifest as BagIt writes it.
fn folder(ledger: &Ledger) -> (std::path::PathBuf, Vec<u8>) {
    let folder = ledger.path("extraction");
    std::fs::create_dir(&folder).unwrap();
    let mut manifest = String::new();
    for number in 0..2000 {
        let (name, text) = (format!("file-{number:05}"), number.to_string());
        std::fs::write(folder.join(&name), &text).unwrap();
        let digest = Hash::of(&[text.as_bytes()]).to_hex();
        manifest.push_str(&format!("{digest}  {name}\n"));
    }
    (folder, manifest.into_bytes())
}

/// The manifest of a folder that smith registered as JSM/1.
fn registered(ledger: &Ledger) -> Vec<u8> {
    let (folder, manifest) = folder(ledger);
    ledger.register(&folder, "JSM/1");
    manifest
}

#[test]
fn a_blob_goes_up_in_pieces_and_comes_down_in_ranges_once_an_entry_refers_to_it() {
    let ledger = Ledger::new();
    let (folder, manifest) = folder(&ledger);
    let name = Hash::of(&[&manifest]);
    let total = manifest.len();
    assert!(total > 100_000);

    // The first piece, then one that leaves a gap, one that is not what its token says, and one over the end.
    let range =
        |first: usize, last: usize| format!("content-range: bytes {first}-{last}/{total}\r\n");
    let answer = put(
        &ledger,
        "smith",
        name,
        &manifest[..60_000],
        &range(0, 59_999),
    );
    assert_eq!(
        (answer.status, answer.json()["have"].as_u64()),
        (202, Some(60_000))
    );
    let gap = put(
        &ledger,
        "smith",
        name,
        &manifest[70_000..],
        &range(70_000, total - 1),
    );
    gap.is_problem(409, "blob-offset");
    assert_eq!(gap.json()["have"], 60_000);
    let other = token(
        &ledger,
        "smith",
        "PUT",
        &path(name),
        Some(Hash::of(&[b"other"])),
    );
    let headers = format!("{other}{}", range(60_000, total - 1));
    ask(&ledger, "PUT", &path(name), &headers, &manifest[60_000..])
        .is_problem(401, "token-other-request");
    put(
        &ledger,
        "smith",
        name,
        &manifest[60_000..],
        &range(60_000, 60_001),
    )
    .is_problem(400, "bad-range");
    put(
        &ledger,
        "smith",
        name,
        b"x",
        "content-range: bytes 5-2/9\r\n",
    )
    .is_problem(400, "bad-range");
    assert_eq!(have(&ledger, "smith", name), (60_000, false));
    // Another person learns nothing, and cannot go on with it.
    assert_eq!(have(&ledger, "morgan", name), (0, false));
    put(
        &ledger,
        "morgan",
        name,
        &manifest[60_000..],
        &range(60_000, total - 1),
    )
    .is_problem(409, "blob-offset");
    let done = put(
        &ledger,
        "smith",
        name,
        &manifest[60_000..],
        &range(60_000, total - 1),
    );
    let whole = json!({"sha256": name.to_hex(), "have": total, "whole": true});
    assert_eq!((done.status, done.json()), (201, whole.clone()));
    // Somebody else puts the same: the same answer.
    let again = put(&ledger, "morgan", name, &manifest, "");
    assert_eq!((again.status, again.json()), (201, whole));

    // No entry refers to it: nobody reads it, not even who put it.
    read(&ledger, "smith", "GET", &path(name), "").is_problem(404, "not-registered-or-not-visible");
    ledger.register(&folder, "JSM/1");
    let all = read(&ledger, "smith", "GET", &path(name), "");
    assert_eq!((all.status, all.body == manifest), (200, true));
    assert!(
        all.head.contains(&format!("etag: \"{}\"", name.to_hex())),
        "{}",
        all.head
    );
    let part = read(
        &ledger,
        "smith",
        "GET",
        &path(name),
        "range: bytes=1000-70000\r\n",
    );
    assert_eq!(
        (part.status, part.body == manifest[1000..=70_000]),
        (206, true)
    );
    assert!(
        part.head
            .contains(&format!("content-range: bytes 1000-70000/{total}")),
        "{}",
        part.head
    );
    let beyond = read(
        &ledger,
        "smith",
        "GET",
        &path(name),
        &format!("range: bytes={total}-\r\n"),
    );
    beyond.is_problem(416, "no-such-range");
    assert!(
        beyond
            .head
            .contains(&format!("content-range: bytes */{total}")),
        "{}",
        beyond.head
    );
    let size = read(&ledger, "smith", "HEAD", &path(name), "");
    assert_eq!((size.status, size.body.len()), (200, 0));
    assert!(
        size.head.contains(&format!("content-length: {total}")),
        "{}",
        size.head
    );
    // One token, one request.
    let token = token(&ledger, "smith", "GET", &path(name), None);
    assert_eq!(ask(&ledger, "GET", &path(name), &token, b"").status, 200);
    ask(&ledger, "GET", &path(name), &token, b"").is_problem(401, "token-used");
    // Not disclosed: for the defence it is as if it were not there, though it put the same bytes itself.
    read(&ledger, "morgan", "GET", &path(name), "")
        .is_problem(404, "not-registered-or-not-visible");

    // It travels beside the bundle, which is checked with it.
    ledger.disclose("JSM/1");
    let given = ledger.path("given");
    std::fs::create_dir(&given).unwrap();
    let out = given.join("JSM-1.custody.json").display().to_string();
    ok(&ledger.run(
        "morgan",
        &["bundle", &format!("{CASE} JSM/1"), "--out", &out],
    ));
    assert_eq!(std::fs::read(given.join(name.to_hex())).unwrap(), manifest);
}

#[test]
fn many_ranges_are_one_reading_for_each_reader_and_purpose() {
    let mut ledger = Ledger::new();
    let manifest = registered(&ledger);
    ledger.disclose("JSM/1");
    let path = path(Hash::of(&[&manifest]));
    // As a player does it: several connections, each with one range after the other.
    let play = |ledger: &Ledger, home: &str, purpose: &str| {
        std::thread::scope(|scope| {
            for start in 0..4 {
                let (path, manifest) = (&path, &manifest);
                scope.spawn(move || {
                    for first in (start..40).step_by(4).map(|part| part * 1000) {
                        let last = first + 999;
                        let token = token_for(ledger, home, "GET", path, None, purpose);
                        let headers = format!("{token}range: bytes={first}-{last}\r\n");
                        let part = ask(ledger, "GET", path, &headers, b"");
                        assert_eq!(part.status, 206, "{}", part.text());
                        assert!(part.body == manifest[first..=last]);
                    }
                });
            }
        });
    };
    let readings = |ledger: &Ledger| {
        let history = ok(&ledger.run("smith", &["history", &format!("{CASE} JSM/1")]));
        history.matches(" took ").count()
    };
    play(&ledger, "smith", "interview");
    assert_eq!(readings(&ledger), 1);
    play(&ledger, "smith", "interview");
    assert_eq!(readings(&ledger), 1);
    play(&ledger, "smith", "statement");
    play(&ledger, "morgan", "interview");
    assert_eq!(readings(&ledger), 3);
    // A service that was started again remembers none, and records one more rather than one fewer.
    ledger.stop();
    ledger.start();
    play(&ledger, "smith", "interview");
    assert_eq!(readings(&ledger), 4);
}

#[test]
fn no_byte_in_a_range_header_breaks_anything() {
    let ledger = Ledger::new();
    let manifest = registered(&ledger);
    let path = path(Hash::of(&[&manifest]));
    for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
        let token = token(&ledger, "smith", "GET", &path, None);
        let mut request = head("GET", &path, &token, 0).into_bytes();
        request.truncate(request.len() - 2);
        request.extend([&b"range: bytes=0-1"[..], &[byte], b"2\r\n\r\n"].concat());
        let answer = raw(&ledger, &request);
        // Control characters are no HTTP; of anything else that is no range the whole is the answer.
        let control = byte.is_ascii_control() && byte != b'\t';
        match control {
            true => assert_eq!(answer.status, 400, "{byte}"),
            false => {
                assert_eq!(answer.status, 200, "{byte}: {}", answer.head);
                assert!(answer.body == manifest, "{byte}");
            }
        }
    }
    assert_eq!(ask(&ledger, "GET", "/healthz", "", b"").status, 200);
    let metrics = ask(&ledger, "GET", "/metrics", "", b"").text();
    assert!(!metrics.contains("status=\"500\""), "{metrics}");
}

#[test]
fn an_upload_that_breaks_off_goes_on_after_a_kill() {
    let mut ledger = Ledger::new();
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let name = Hash::of(&[&bytes]);
    let token = token(&ledger, "smith", "PUT", &path(name), Some(name));
    let mut half = connect(&ledger);
    half.write_all(head("PUT", &path(name), &token, bytes.len()).as_bytes())
        .unwrap();
    half.write_all(&bytes[..8_000_000]).unwrap();
    drop(half);
    // The service notices the end of the connection in its own time, and may still hold the place meanwhile.
    let mut got = have(&ledger, "smith", name).0;
    while got < 8_000_000 {
        got = have(&ledger, "smith", name).0;
    }
    assert_eq!(got, 8_000_000);
    ledger.kill();
    ledger.start();
    assert_eq!(have(&ledger, "smith", name), (8_000_000, false));
    let range = format!(
        "content-range: bytes 8000000-{}/{}\r\n",
        bytes.len() - 1,
        bytes.len()
    );
    let done = put(&ledger, "smith", name, &bytes[8_000_000..], &range);
    assert_eq!(done.status, 201, "{}", done.text());
    assert_eq!(have(&ledger, "smith", name), (bytes.len() as u64, true));
}

#[test]
fn what_is_not_what_it_is_called_or_too_long_is_refused() {
    let ledger = Ledger::new();
    let name = Hash::of(&[b"right"]);
    put(&ledger, "smith", name, b"wrong", "").is_problem(401, "token-other-request");
    let path = path(name);
    let promised = token(&ledger, "smith", "PUT", &path, Some(name));
    ask(&ledger, "PUT", &path, &promised, b"wrong").is_problem(400, "blob-differs");
    assert_eq!(have(&ledger, "smith", name), (0, false));
    let range = format!("content-range: bytes 0-4/{}\r\n", (64 << 20) + 1);
    put(&ledger, "smith", name, b"right", &range).is_problem(413, "blob-too-long");
    let long = token(&ledger, "smith", "PUT", &path, Some(name));
    ask(&ledger, "PUT", &path, &long, &vec![0; (64 << 20) + 1]).is_problem(413, "blob-too-long");
    ask(&ledger, "PUT", "/v1/blobs/AB", "", b"").is_problem(400, "bad-digest");
    ask(&ledger, "PUT", &path, "", b"right").is_problem(401, "token-missing");
}

/// The service's largest memory so far, in KiB.
fn peak(ledger: &Ledger) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", ledger.service_id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_largest_blob_takes_little_memory() {
    let ledger = Ledger::new();
    let bytes = vec![0xa5; 64 << 20];
    let name = Hash::of(&[&bytes]);
    let before = peak(&ledger);
    let answer = put(&ledger, "smith", name, &bytes, "");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let grown = peak(&ledger) - before;
    assert!(grown < 8 << 10, "{grown} KiB for a blob of 64 MiB");
}

#[test]
fn the_command_sends_a_large_manifest_in_parts_and_goes_on_where_an_earlier_try_ended() {
    let ledger = Ledger::new();
    let folder = ledger.path("extraction");
    std::fs::create_dir(&folder).unwrap();
    let digest = Hash::of(&[b""]).to_hex();
    let mut manifest = String::new();
    for number in 0..11_000 {
        // Long names, so that fewer files make a manifest of three parts.
        let name = format!("{number:05}-{}", "n".repeat(190));
        std::fs::write(folder.join(&name), "").unwrap();
        manifest.push_str(&format!("{digest}  {name}\n"));
    }
    let name = Hash::of(&[manifest.as_bytes()]);
    let total = manifest.len();
    assert!((2 << 20..3 << 20).contains(&total), "{total}");
    // An earlier try, of which the first part came.
    let range = format!("content-range: bytes 0-{}/{total}\r\n", (1 << 20) - 1);
    let first = put(
        &ledger,
        "smith",
        name,
        &manifest.as_bytes()[..1 << 20],
        &range,
    );
    assert_eq!(first.status, 202, "{}", first.text());
    ledger.register(&folder, "JSM/1");
    let metrics = ask(&ledger, "GET", "/metrics", "", b"").text();
    // The part above and one more, then the last.
    for (status, count) in [(202, 2), (201, 1)] {
        let line = format!(
            "custodes_requests_total{{route=\"/v1/blobs/{{sha256}}\",method=\"PUT\",status=\"{status}\"}} {count}\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    let all = read(&ledger, "smith", "GET", &path(name), "");
    assert_eq!((all.status, all.body == manifest.as_bytes()), (200, true));
}
