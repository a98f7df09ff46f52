//! Content leaves only when it is on record who takes it: the real service is killed before its access entry is on disk,
//! between that and the first byte of the answer, within the answer, and at random moments under load. Whatever came to a
//! reader is on the access chain after the next start.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/tracer.rs"]
mod tracer;
#[path = "common/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use custodes::protocol::entry::UnverifiedEntry;
use custodes::protocol::hash::Hash;
use ledger::{CASE, Ledger, ends};
use serde_json::Value;

/// A ledger with an exhibit whose file is a blob of some MiB: more than the buffers of a connection hold.
fn with_blob() -> (Ledger, String, String) {
    let ledger = Ledger::new();
    let folder = ledger.path("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "a").unwrap();
    ledger.register(&folder, "F/1");
    let path = format!("/v1/resolve?reference={CASE}%20F%2F1");
    let found = wire::read(&ledger, "smith", "GET", &path, "").json();
    let exhibit = found["matches"][0]["subject"].as_str().unwrap().to_owned();
    // A long list of candidates, as of a search.
    let list = vec![b'x'; 24 << 20];
    let name = Hash::of(&[&list]);
    let path = format!("/v1/blobs/{}", name.to_hex());
    let put = wire::token(&ledger, "smith", "PUT", &path, Some(name));
    assert_eq!(wire::ask(&ledger, "PUT", &path, &put, &list).status, 201);
    let reference = format!("{CASE} F/1");
    let candidates = format!("candidates={}", name.to_base64url());
    ledger.search(&reference, &exhibit, ["--set", &candidates]);
    (ledger, exhibit, path)
}

/// How often each purpose stands on the access chain of the exhibit.
fn on_record(ledger: &Ledger, exhibit: &str) -> BTreeMap<String, usize> {
    let mut purposes = BTreeMap::new();
    let mut from = 0;
    loop {
        let path = format!("/v1/exhibits/{exhibit}/history?strand=access&from={from}");
        let told = wire::read(ledger, "smith", "GET", &path, "").json();
        for one in told["entries"].as_array().unwrap() {
            let entry = UnverifiedEntry::parse_extract(one["entry"].as_str().unwrap()).unwrap();
            let purpose = entry
                .detail("purpose")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned();
            *purposes.entry(purpose).or_default() += 1;
        }
        match told["next"].as_u64() {
            Some(next) => from = next,
            None => return purposes,
        }
    }
}

/// Sends a request for a reading.
fn send(ledger: &Ledger, path: &str, purpose: &str) -> std::net::TcpStream {
    let token = wire::token_for(ledger, "smith", "GET", path, None, purpose);
    let mut stream = wire::connect(ledger);
    stream
        .write_all(wire::head("GET", path, &token, 0).as_bytes())
        .unwrap();
    stream
}

/// All that comes until the connection ends, however it ends.
fn rest(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        came.extend_from_slice(&buffer[..count]);
    }
    came
}

#[test]
fn killed_at_the_first_byte_of_the_answer_the_reading_is_on_record_and_before_that_nothing_came() {
    let (mut ledger, exhibit, blob) = with_blob();
    let history = format!("/v1/exhibits/{exhibit}/history");
    // The call at which the kernel kills it, and whether the reading is on record then. A call that is killed so does
    // nothing.
    for (call, recorded) in [
        ("fdatasync,fsync", None),
        ("sendto,sendmsg,writev", Some(1)),
    ] {
        for (at, path) in [&history, &blob].into_iter().enumerate() {
            let purpose = format!("killed at {call} {at}");
            let inject = format!("inject={call}:signal=SIGKILL:when=1");
            let file = ledger.path("trace");
            let trace = format!("trace={call}");
            let args = ["-e", &trace, "-e", &inject];
            let Some(mut tracer) = tracer::attach(&ledger, &args, &file) else {
                return;
            };
            let came = rest(&mut send(&ledger, path, &purpose));
            assert!(!ledger.ended().success());
            tracer.wait().unwrap();
            assert!(came.is_empty(), "{purpose}: {} bytes", came.len());
            ledger.start();
            let found = on_record(&ledger, &exhibit).get(&purpose).copied();
            if recorded.is_some() {
                assert_eq!(found, recorded, "{purpose}");
            }
        }
    }
}

#[test]
fn killed_within_the_answer_what_came_is_on_record() {
    let (mut ledger, exhibit, blob) = with_blob();
    let mut stream = send(&ledger, &blob, "a slow reader");
    let mut first = [0; 4096];
    stream.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    ledger.kill();
    let came = first.len() + rest(&mut stream).len();
    assert!(came < 24 << 20, "it was killed before the end");
    ledger.start();
    assert_eq!(on_record(&ledger, &exhibit).get("a slow reader"), Some(&1));
    ledger.stop();
    let dir = ledger.path("ledger").display().to_string();
    ends(&ledger.run("nobody", &["audit", "--dir", &dir]), 0);
}

/// Readers at work when the service is killed.
const READERS: usize = 8;

#[test]
fn killed_at_random_moments_no_reader_has_a_byte_that_is_not_on_record() {
    let kills = std::env::var("CUSTODES_CRASHES").map_or(6, |text| text.parse().unwrap());
    let (mut ledger, exhibit, blob) = with_blob();
    let history = format!("/v1/exhibits/{exhibit}/history?strand=custody");
    let bundle = format!("/v1/exhibits/{exhibit}/bundle");
    let paths = [&history, &blob, &history, &bundle];
    let (sent, got) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    for kill in 0..kills {
        let answered = AtomicUsize::new(0);
        let mut service = None;
        std::thread::scope(|scope| {
            for reader in 0..READERS {
                let (answered, sent, got, ledger) = (&answered, &sent, &got, &ledger);
                let path = paths[reader % paths.len()];
                scope.spawn(move || {
                    for turn in 0.. {
                        let purpose = format!("kill {kill}, reader {reader}, turn {turn}");
                        let token = wire::token_for(ledger, "smith", "GET", path, None, &purpose);
                        let address = ledger.url.strip_prefix("http://").unwrap();
                        let Ok(mut stream) = std::net::TcpStream::connect(address) else {
                            return;
                        };
                        let request = wire::head("GET", path, &token, 0);
                        if stream.write_all(request.as_bytes()).is_err() {
                            return;
                        }
                        sent.lock().unwrap().insert(purpose.clone());
                        let came = rest(&mut stream);
                        if came.is_empty() {
                            return;
                        }
                        assert!(came.starts_with(b"HTTP/1.1 200"));
                        got.lock().unwrap().insert(purpose);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let mut random = [0; 2];
            getrandom::fill(&mut random).unwrap();
            while answered.load(Ordering::SeqCst) < READERS + usize::from(random[0]) / 4 {
                std::thread::yield_now();
            }
            (0..u32::from(random[1]) * 4000).for_each(|_| std::hint::spin_loop());
            ledger.signal("KILL");
            service = Some(());
        });
        assert!(service.is_some() && !ledger.ended().success());
        ledger.start();
    }
    let recorded = on_record(&ledger, &exhibit);
    let (sent, got) = (sent.into_inner().unwrap(), got.into_inner().unwrap());
    let unrecorded: Vec<&String> = got
        .iter()
        .filter(|purpose| !recorded.contains_key(*purpose))
        .collect();
    assert_eq!(unrecorded, Vec::<&String>::new());
    let only = recorded
        .keys()
        .filter(|purpose| sent.contains(*purpose) && !got.contains(*purpose));
    println!(
        "{} readings of which bytes came over {kills} kills, each on record; {} more on record, of which none came",
        got.len(),
        only.count()
    );
    assert!(got.len() > kills * READERS);
}
