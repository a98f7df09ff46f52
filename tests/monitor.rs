//! The monitor, through the real program, following a real service, and a log that lies.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/witness.rs"]
mod witness;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use custodes::protocol::note::VerifierKey;
use custodes::protocol::tile::{TilePath, encode_entries};
use custodes::protocol::tree::{MemoryTree, NodeId, NodeReader as _, leaf_hash};
use ledger::{Ledger, copy};
use serde_json::Value;
use witness::{Log, Witness, run};

/// Looks once; the exit code, and what it says of the one ledger.
fn look(home: &Path, url: &str, policy: &Path, more: &[&str]) -> (i32, Value) {
    let dir = home.join("monitor").display().to_string();
    let policy = policy.display().to_string();
    let args = [
        "--json", "monitor", "--once", "--dir", &dir, "--policy", &policy, url,
    ];
    let ended = run(&[&args[..], more].concat());
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let value: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.code().unwrap(), value["ledgers"][0].clone())
}

fn codes(value: &Value) -> Vec<&str> {
    let alarms = value["alarms"].as_array().unwrap().iter();
    alarms.map(|one| one["code"].as_str().unwrap()).collect()
}

/// A log that is served as it stands: whoever holds it may change it.
#[derive(Default)]
struct Served {
    log: Option<Log>,
    size: u64,
    leaves: Vec<Vec<u8>>,
    spoilt: Option<String>,
    hidden: Option<String>,
    cosigned: String,
    named: Value,
    /// Whether it takes nothing that is posted.
    refuses: bool,
}

impl Served {
    /// Leaves as a ledger has them, of this branch from `fork` on.
    fn tell(&mut self, size: u64, fork: u64, branch: u8) {
        let leaf = |n: u64| {
            let branch = if n < fork { 0 } else { branch };
            let mut leaf = vec![0x01];
            leaf.extend_from_slice(
                &custodes::protocol::hash::Hash::of(&[&n.to_be_bytes(), &[branch]]).0,
            );
            leaf
        };
        self.leaves = (0..size).map(leaf).collect();
        let mut log = Log::new(0);
        log.tree = MemoryTree::default();
        for leaf in &self.leaves {
            log.tree.append(leaf_hash(leaf));
        }
        (self.log, self.size) = (Some(log), size);
    }

    fn answer(&self, path: &str) -> Option<Vec<u8>> {
        let log = self.log.as_ref()?;
        if self.hidden.as_deref() == Some(path) {
            return None;
        }
        if path == "/checkpoint" {
            let note = log.sign(&log.checkpoint(self.size)) + &self.cosigned;
            return Some(note.into_bytes());
        }
        if path == "/v1/ledger" {
            return Some(self.named.to_string().into_bytes());
        }
        let tile = TilePath::parse(path.strip_prefix('/')?).ok()?;
        let range = (0..u64::from(tile.width)).map(|at| tile.index * 256 + at);
        let mut body: Vec<u8> = match tile.level {
            None => {
                let leaves = range.map(|at| self.leaves.get(at as usize).map(Vec::as_slice));
                encode_entries(leaves.collect::<Option<Vec<_>>>()?)
            }
            Some(level) => {
                let nodes = range.map(|index| {
                    log.tree.node(NodeId {
                        level: 8 * level,
                        index,
                    })
                });
                let nodes = nodes.collect::<Result<Vec<_>, _>>().ok()?;
                nodes.iter().flat_map(|node| node.0).collect()
            }
        };
        if self.spoilt.as_deref() == Some(path) {
            *body.last_mut()? ^= 1;
        }
        Some(body)
    }
}

/// Serves it; what is posted comes out of the channel.
fn serve() -> (String, Arc<Mutex<Served>>, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = Arc::new(Mutex::new(Served::default()));
    let (sender, posted) = channel();
    let shared = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                let line = line.to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let path = first.split(' ').nth(1).unwrap_or_default();
            let answer = match first.starts_with("POST") {
                true => {
                    sender.send(String::from_utf8(body).unwrap()).unwrap();
                    let refuses = shared.lock().unwrap().refuses;
                    (!refuses).then(Vec::new)
                }
                false => shared.lock().unwrap().answer(path),
            };
            let status = if answer.is_some() {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let body = answer.unwrap_or_default();
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream
                .get_mut()
                .write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (url, served, posted)
}

fn policy_of(home: &Path, keys: &[VerifierKey]) -> std::path::PathBuf {
    let lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
    let file = home.join("trust.policy");
    std::fs::write(&file, format!("{lines}quorum none\n")).unwrap();
    file
}

#[test]
fn a_log_that_lies_raises_an_alarm_with_the_proof() {
    let home = tempfile::tempdir().unwrap();
    let (url, served, posted) = serve();
    let policy = policy_of(home.path(), &Log::new(0).vkeys());
    let hook = format!("{url}/hook");
    let look = || look(home.path(), &url, &policy, &["--webhook", &hook]);
    let tell = |size, fork, branch| served.lock().unwrap().tell(size, fork, branch);
    served.lock().unwrap().named = serde_json::json!({"log_keys": ["a"], "genesis": "g"});
    // Followed from nothing, over the edges of tiles, again and again.
    for size in [1, 255, 256, 257, 600, 600, 66_000] {
        tell(size, 70_000, 0);
        let (code, said) = look();
        assert_eq!((code, &said["size"]), (0, &size.into()), "{said}");
    }
    // Another key is told once, and to the webhook; while that does not take it, again.
    served.lock().unwrap().named = serde_json::json!({"log_keys": ["b"], "genesis": "g"});
    for refuses in [true, true, false] {
        served.lock().unwrap().refuses = refuses;
        let (code, said) = look();
        assert_eq!((code, codes(&said)), (1, vec!["log-keys-changed"]));
        let told: Value = serde_json::from_str(&posted.recv().unwrap()).unwrap();
        assert_eq!(told["alarms"][0]["code"], "log-keys-changed");
        assert_eq!(told["alarms"][0]["new"], true);
    }
    assert_eq!(look().0, 0);
    assert!(posted.try_recv().is_err(), "it was told");
    // Back, to a beginning of what was seen.
    tell(600, 70_000, 0);
    let (code, said) = look();
    assert_eq!((code, codes(&said)), (1, vec!["rolled-back"]));
    posted.recv().unwrap();
    assert_eq!(look().0, 1, "an alarm stays while it lasts");
    assert!(posted.try_recv().is_err(), "and is posted once");
    // Forks: smaller, of the same size, larger; each proven, and what was verified stays.
    for (size, fork) in [
        (600, 500),
        (66_000, 65_990),
        (66_100, 300),
        (66_100, 65_999),
    ] {
        tell(size, fork, 7);
        let (code, said) = look();
        assert_eq!((code, codes(&said)), (1, vec!["fork"]), "{said}");
        let proof = said["alarms"][0]["proof"].as_str().unwrap();
        let shown = run(&["verify", proof, "--policy", &policy.display().to_string()]);
        assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    }
    // Leaves or tiles that are not what was signed.
    tell(66_100, 70_000, 0);
    for (path, code) in [
        ("/tile/entries/258.p/52", "leaves-differ"),
        ("/tile/0/258.p/52", "tile-differs"),
        ("/tile/1/001.p/2", "tile-differs"),
    ] {
        served.lock().unwrap().spoilt = Some(path.to_owned());
        let (exit, said) = look();
        assert_eq!((exit, codes(&said)), (1, vec![code]), "{said}");
    }
    // What cannot be fetched was not looked at, which is no alarm; once it can be, all is well.
    served.lock().unwrap().spoilt = None;
    for path in [
        "/tile/entries/258.p/52",
        "/tile/0/258.p/52",
        "/tile/1/001.p/2",
    ] {
        served.lock().unwrap().hidden = Some(path.to_owned());
        let (exit, said) = look();
        assert_eq!((exit, codes(&said).len()), (3, 0), "{said}");
        let unchecked = said["unchecked"].to_string();
        assert!(unchecked.contains(&path[1..]), "{said}");
        assert_ne!(said["size"], 66_100, "{said}");
    }
    served.lock().unwrap().hidden = None;
    let (exit, said) = look();
    assert_eq!((exit, &said["size"]), (0, &66_100.into()), "{said}");
    // A stranger's signature, and nobody there.
    let stranger = policy_of(
        &home.path().join("monitor"),
        &[VerifierKey::ed25519(
            Log::new(0).origin,
            custodes::protocol::note::SignatureKind::Ed25519,
            custodes::protocol::key::SecretKey::from_seed([9; 32]).public(),
        )],
    );
    let (code, said) = self::look(home.path(), &url, &stranger, &[]);
    assert_eq!((code, codes(&said)), (1, vec!["checkpoint-not-signed"]));
    served.lock().unwrap().log = None;
    let (code, said) = look();
    assert_eq!((code, codes(&said).len()), (3, 0), "{said}");
    // What was kept and is damaged is no fresh start.
    let folder = std::fs::read_dir(home.path().join("monitor")).unwrap();
    let folder = folder
        .map(|one| one.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    std::fs::write(folder.join("hashes"), "short").unwrap();
    let args = ["--dir", &home.path().join("monitor").display().to_string()].map(str::to_owned);
    let policy = policy.display().to_string();
    let ended = run(&[
        "monitor", "--once", &args[0], &args[1], "--policy", &policy, &url,
    ]);
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn witnesses_are_asked_what_they_hold() {
    let home = tempfile::tempdir().unwrap();
    let (url, served, _) = serve();
    let keys = Log::new(0).vkeys();
    let watched = |witness: &Witness| {
        let file = home.path().join("trust.policy");
        let lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
        let witness = format!("witness w {} {}\n", witness.vkeys[0], witness.url);
        std::fs::write(&file, format!("{lines}{witness}quorum w\n")).unwrap();
        file
    };
    served.lock().unwrap().tell(700, 700, 0);
    served.lock().unwrap().named = serde_json::json!({});
    // One that has cosigned the very same: all is well.
    let witness = Witness::new("w", &keys);
    let own = served.lock().unwrap().log.as_ref().unwrap().request(0, 700);
    served.lock().unwrap().cosigned = witness.add(&own).text;
    let patient = ["--stalled-after", "3600"];
    let (code, said) = look(home.path(), &url, &watched(&witness), &patient);
    assert_eq!((code, &said["witnessed"]), (0, &true.into()), "{said}");
    // A quorum that does not come is no alarm at once, and one after the time that was given.
    served.lock().unwrap().cosigned.clear();
    let (code, said) = look(home.path(), &url, &watched(&witness), &patient);
    assert_eq!((code, &said["witnessed"]), (0, &false.into()), "{said}");
    let (code, said) = look(
        home.path(),
        &url,
        &watched(&witness),
        &["--stalled-after", "0"],
    );
    assert_eq!((code, codes(&said)), (1, vec!["witnessing-stalled"]));
    // One that holds more than is shown here.
    let ahead = Witness::new("w", &keys);
    let mut more = Served::default();
    more.tell(750, 750, 0);
    assert_eq!(ahead.add(&more.log.unwrap().request(0, 750)).status, 200);
    let (code, said) = look(home.path(), &url, &watched(&ahead), &patient);
    assert_eq!((code, codes(&said)), (1, vec!["behind-witness"]));
    // One that was shown another history: the log is guilty, and the proof says so.
    let other = Witness::new("w", &keys);
    let mut lie = Served::default();
    lie.tell(650, 600, 7);
    assert_eq!(other.add(&lie.log.unwrap().request(0, 650)).status, 200);
    let policy = watched(&other);
    let (code, said) = look(home.path(), &url, &policy, &patient);
    assert_eq!((code, codes(&said)), (1, vec!["fork"]));
    let proof = said["alarms"][0]["proof"].as_str().unwrap();
    let shown = run(&["verify", proof, "--policy", &policy.display().to_string()]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    // One that nobody can reach is said, and is no alarm.
    drop(other);
    let (code, said) = look(home.path(), &url, &policy, &patient);
    assert_eq!((code, codes(&said).len()), (3, 0), "{said}");
}

#[test]
fn a_real_ledger_is_followed_and_its_rollback_noticed() {
    let mut ledger = Ledger::new();
    let policy = ledger.path("ledger/policy");
    let look = |ledger: &Ledger| look(&ledger.path("watch"), &ledger.url, &policy, &[]);
    std::fs::create_dir_all(ledger.path("watch")).unwrap();
    // Looks until everything that the ledger holds is published and verified.
    let caught_up = |ledger: &Ledger| {
        let begun = Instant::now();
        loop {
            let held = witness::get(&format!("{}/v1/ledger", ledger.url)).text;
            let held: Value = serde_json::from_str(&held).unwrap();
            let (code, said) = look(ledger);
            assert_eq!(code, 0, "{said}");
            if said["size"] == held["size"] {
                return;
            }
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(60), "nothing new is published");
        }
    };
    caught_up(&ledger);
    ledger.stop();
    copy(&ledger.path("ledger"), &ledger.path("old"));
    ledger.start();
    let file = ledger.path("one.txt");
    std::fs::write(&file, "one").unwrap();
    ledger.register(&file, "one");
    caught_up(&ledger);
    ledger.stop();
    std::fs::rename(ledger.path("ledger"), ledger.path("newest")).unwrap();
    std::fs::rename(ledger.path("old"), ledger.path("ledger")).unwrap();
    ledger.start();
    let (code, said) = look(&ledger);
    assert_eq!((code, codes(&said)), (1, vec!["rolled-back"]), "{said}");
}
