//! Tests against a service played by a thread: a tree, a log key, and a way to misbehave.

#![allow(clippy::unwrap_used)]

mod sending;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Map, json};

use super::client::{Client, Reader};
use super::home::{Config, Profile};
use super::session::Session;
use super::signing::{self, Act, Recorded};
use super::watch;
use super::when;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::fork::Fork;
use crate::protocol::id::{ActorId, Origin, Strand, Subject};
use crate::protocol::key::SecretKey;
use crate::protocol::leaf::Commitment;
use crate::protocol::note::{self, SignatureKind, VerifierKey};
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{
    EntryIndex, MemoryTree, TreeSize, leaf_hash, prove_consistency, prove_inclusion,
};

/// What the service played does wrong.
#[derive(Debug, Default)]
struct Mood {
    stale: u32,
    lies_about_time: bool,
    forks: bool,
    /// Every consistency proof is answered with this status.
    proof_status: Option<u16>,
    /// So many entries are recorded, and then answered with 503,
    mute: u32,
    /// after so many that are answered as they should be.
    answers: u32,
}

struct Played {
    tree: MemoryTree,
    mood: Mood,
    posts: u32,
    /// Where each entry was taken in.
    known: BTreeMap<EntryHash, EntryIndex>,
}

fn origin() -> Origin {
    Origin::new("log.example").unwrap()
}

fn log_key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn signed(tree: &MemoryTree, size: u64) -> String {
    let size = TreeSize(size);
    let root = crate::protocol::tree::root(size, tree).unwrap();
    note::sign(
        &Checkpoint {
            origin: origin(),
            size,
            root,
        }
        .to_text(),
        &origin(),
        &log_key(),
    )
}

impl Played {
    fn answer(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let size = self.tree.size().0;
        if path == "/checkpoint" {
            return (200, signed(&self.tree, size));
        }
        if let Some(sizes) = path.strip_prefix("/v1/consistency/") {
            if let Some(status) = self.mood.proof_status {
                return (status, "{}".to_owned());
            }
            let (old, new) = sizes.split_once('/').unwrap();
            let (old, new) = (old.parse().unwrap(), new.parse().unwrap());
            if old > new || new > size {
                return (404, "{}".to_owned());
            }
            let proof = prove_consistency(TreeSize(old), TreeSize(new), &self.tree).unwrap();
            let root = crate::protocol::tree::root(TreeSize(old), &self.tree).unwrap();
            return (200, json!({ "proof": proof, "root": root }).to_string());
        }
        if path.starts_with("/v1/heads/") {
            return (200, json!({ "length": 0, "last": null }).to_string());
        }
        assert_eq!((method, path), ("POST", "/v1/entries"));
        self.posts += 1;
        if self.mood.stale > 0 {
            self.mood.stale -= 1;
            return (
                409,
                json!({ "type": "urn:custodes:problem:stale-prev", "detail": "moved on" })
                    .to_string(),
            );
        }
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let e = UnverifiedEntry::parse_whole(body["entry"].as_str().unwrap())
            .unwrap()
            .hash();
        let time = LogTime(1_773_479_524_000);
        if self.mood.forks {
            self.tree = tree(b"another", size);
        }
        let known = self.known.get(&e).copied();
        let index = known.unwrap_or_else(|| self.tree.append(Commitment::new(time, e).leaf_hash()));
        self.known.insert(e, index);
        if self.mood.mute > 0 && self.posts > self.mood.answers {
            self.mood.mute -= 1;
            return (
                503,
                json!({ "type": "urn:custodes:problem:not-confirmed", "detail": "wait" })
                    .to_string(),
            );
        }
        let size = self.tree.size();
        let told = if self.mood.lies_about_time {
            LogTime(time.0 + 1)
        } else {
            time
        };
        let receipt = json!({
            "ledger": origin(), "index": index, "recorded_at": told, "e": e,
            "checkpoint": signed(&self.tree, size.0),
            "proof": prove_inclusion(index, size, &self.tree).unwrap(), "witnessed": false,
        });
        (201, receipt.to_string())
    }
}

fn tree(name: &[u8], size: u64) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for n in 0..size {
        tree.append(leaf_hash(&[name, &n.to_be_bytes()].concat()));
    }
    tree
}

fn serve(stream: TcpStream, played: &Mutex<Played>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let path = rest.split(' ').next()?.to_owned();
    let method = method.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = played.lock().ok()?.answer(&method, &path, &body);
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    reader
        .get_mut()
        .write_all(format!("{head}{text}").as_bytes())
        .ok()
}

struct Stage {
    played: Arc<Mutex<Played>>,
    session: Session,
    home: tempfile::TempDir,
}

impl Stage {
    fn new(size: u64, mood: Mood) -> Stage {
        let played = Arc::new(Mutex::new(Played {
            tree: tree(b"leaf", size),
            mood,
            posts: 0,
            known: BTreeMap::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&played);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared);
            }
        });
        let home = tempfile::tempdir().unwrap();
        let session = session(home.path(), &url);
        Stage {
            played,
            session,
            home,
        }
    }

    fn another_session(&self) -> Session {
        session(self.home.path(), self.session.client.url())
    }

    fn record(&self) -> Result<Recorded, Failure> {
        let act = Act::now(
            Subject::from_bytes([4; 16]),
            Strand::Custody,
            "sealed",
            Map::from_iter([("seal".to_owned(), json!("B1"))]),
            BTreeMap::from([
                ("bag".to_owned(), json!("B1")),
                ("note".to_owned(), json!("x")),
            ]),
        );
        signing::record(&self.session, &act?)
    }

    /// Entries in the log.
    fn size(&self) -> u64 {
        self.played.lock().unwrap().tree.size().0
    }

    /// Entries of which it is not known whether they are recorded.
    fn unsent(&self) -> usize {
        let folder = self.home.path().join("unsent");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    fn posts(&self) -> u32 {
        self.played.lock().unwrap().posts
    }

    fn replace(&self, tree: MemoryTree) {
        self.played.lock().unwrap().tree = tree;
    }
}

fn session(home: &Path, url: &str) -> Session {
    let vkey = VerifierKey::ed25519(origin(), SignatureKind::Ed25519, log_key().public());
    let profile = Profile {
        home: home.to_owned(),
        config: Config::default(),
        url: None,
        purpose: None,
        offline: None,
        only_look: false,
    };
    let reader = Reader {
        ledger: origin(),
        actor: ActorId::from_parts(&"a.example".parse().unwrap(), &Subject::from_bytes([2; 16])),
        key: Box::new(SecretKey::from_seed([3; 32])),
    };
    let client = Client::new(Some(url)).unwrap();
    let policy = Policy::parse(&format!("log {vkey}\nquorum none\n")).unwrap();
    Session::of(reader, client, policy, Output::new(false), profile)
}

#[test]
fn records_looks_again_when_stale_and_keeps_the_newest_checkpoint() {
    let stage = Stage::new(
        3,
        Mood {
            stale: 2,
            ..Mood::default()
        },
    );
    let recorded = stage.record().unwrap();
    assert_eq!(
        recorded.words(),
        "Recorded as entry 3 at 14 March 2026 09:12:04 UTC. Receipt verified. Durable; not yet witnessed."
    );
    assert_eq!(stage.posts(), 3);
    let kept = std::fs::read_to_string(stage.home.path().join("checkpoint")).unwrap();
    assert_eq!(
        stage.session.open_checkpoint(&kept).unwrap().size,
        TreeSize(4)
    );
    assert!(stage.home.path().join("receipts/3.json").exists());
    stage.record().unwrap();
}

#[test]
fn gives_up_after_five_tries() {
    let stage = Stage::new(
        3,
        Mood {
            stale: 9,
            ..Mood::default()
        },
    );
    let failure = stage.record().unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.exit, stage.posts()),
        ("stale-prev", 2, 5)
    );
}

#[test]
fn a_false_receipt_fails() {
    let stage = Stage::new(
        3,
        Mood {
            lies_about_time: true,
            ..Mood::default()
        },
    );
    let failure = stage.record().unwrap_err();
    assert_eq!((failure.code.as_str(), failure.exit), ("receipt", 1));
}

#[test]
fn a_receipt_in_another_history_is_an_alarm() {
    let stage = Stage::new(
        3,
        Mood {
            forks: true,
            ..Mood::default()
        },
    );
    assert_eq!(stage.record().unwrap_err().code, "fork");
}

#[test]
fn a_fork_is_an_alarm_before_anything_is_signed() {
    for (known, offered) in [(3, 5), (3, 3), (5, 3)] {
        let stage = Stage::new(known, Mood::default());
        watch::look(&stage.session).unwrap();
        let other = tree(b"other", offered);
        let roots = [tree(b"leaf", known).root(), other.root()].map(|root| root.0.to_base64url());
        stage.replace(other);
        let failure = stage.record().unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.exit, stage.posts()),
            ("fork", 1, 0)
        );
        for root in roots {
            assert!(failure.detail.contains(&root), "{}", failure.detail);
        }
        assert!(
            stage
                .home
                .path()
                .join(format!("checkpoint.alarm-{offered}"))
                .exists()
        );
        // Where the service proves what it now says, the two are a proof of fork; here it holds 3 leaves when asked
        // about 5, and proves nothing.
        let fork = format!("checkpoint.alarm-{offered}.custody-fork");
        let fork = std::fs::read_to_string(stage.home.path().join(fork));
        assert_eq!(fork.is_ok(), known <= offered);
        if let Ok(fork) = fork {
            let proven = Fork::parse(&fork).unwrap().verify().unwrap();
            assert_eq!(proven.checkpoints[0].size, TreeSize(known));
        }
        let kept = std::fs::read_to_string(stage.home.path().join("checkpoint")).unwrap();
        assert_eq!(
            stage.session.open_checkpoint(&kept).unwrap().size,
            TreeSize(known)
        );
    }
}

#[test]
fn a_tree_that_grew_is_taken_and_a_vanished_one_is_an_alarm() {
    let stage = Stage::new(3, Mood::default());
    assert_eq!(
        watch::look(&stage.session).unwrap().unwrap().size,
        TreeSize(3)
    );
    stage.replace(tree(b"leaf", 9));
    assert_eq!(
        watch::look(&stage.session).unwrap().unwrap().size,
        TreeSize(9)
    );
    // A smaller checkpoint of the same tree: the service cannot show it is a beginning, as it lost leaves.
    stage.replace(tree(b"leaf", 4));
    assert_eq!(watch::look(&stage.session).unwrap_err().code, "fork");
    // One that is merely behind, while the tree is whole, is routine.
    stage.replace(tree(b"leaf", 9));
    watch::accept(&stage.session, &signed(&tree(b"leaf", 4), 4)).unwrap();
}

#[test]
fn a_service_that_cannot_answer_is_no_fork() {
    for (status, code, exit) in [
        (503, "http-503", 2),
        (500, "http-500", 2),
        (429, "http-429", 2),
        (408, "http-408", 2),
        (403, "http-403", 2),
        (400, "fork", 1),
        (404, "fork", 1),
    ] {
        let stage = Stage::new(3, Mood::default());
        watch::look(&stage.session).unwrap();
        stage.replace(tree(b"leaf", 5));
        stage.played.lock().unwrap().mood.proof_status = Some(status);
        let failure = stage.record().unwrap_err();
        assert_eq!((failure.code.as_str(), failure.exit), (code, exit));
        assert_eq!(stage.posts(), 0);
        let alarm = stage.home.path().join("checkpoint.alarm-5");
        assert_eq!(alarm.exists(), code == "fork");
    }
}

#[test]
fn a_smaller_checkpoint_never_replaces_a_larger_one() {
    let stage = Stage::new(60, Mood::default());
    std::thread::scope(|scope| {
        for part in 0..4 {
            let session = stage.another_session();
            scope.spawn(move || {
                for size in (1..=15).map(|n| n * 4 - part) {
                    watch::accept(&session, &signed(&tree(b"leaf", size), size)).unwrap();
                }
            });
        }
    });
    let kept = std::fs::read_to_string(stage.home.path().join("checkpoint")).unwrap();
    let kept = stage.session.open_checkpoint(&kept).unwrap();
    assert_eq!(kept.size, TreeSize(60));
}
