//! The log of a world in memory, served to a monitor that has an auditor's key; and looking with one.
//!
//! For tests alone, beside `world.rs`.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use custodes::cli::keyfile;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::leaf::map_leaf_data;
use custodes::protocol::map_rows;
use custodes::protocol::note;
use custodes::protocol::tile::{TilePath, encode_entries};
use custodes::protocol::tree::{EntryIndex, MemoryTree, NodeId, NodeReader as _, leaf_hash};
use custodes::verify::map_audit::LogPlace;
use serde_json::{Value, json};

use crate::world::Sample;

/// Looks once; the exit code, and what it says of the one ledger.
pub fn look(home: &Path, url: &str, policy: &Path, auditor: &Path) -> (i32, Value) {
    look_with(home, url, policy, auditor, &[])
}

/// The same with further options.
pub fn look_with(
    home: &Path,
    url: &str,
    policy: &Path,
    auditor: &Path,
    more: &[&str],
) -> (i32, Value) {
    let ended = run(home, url, policy, auditor, more);
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let value: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.code().unwrap(), value["ledgers"][0].clone())
}

/// What a look says that cannot be done.
pub fn cannot(home: &Path, url: &str, policy: &Path, auditor: &Path, more: &[&str]) -> String {
    let ended = run(home, url, policy, auditor, more);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// The one folder of a monitor.
pub fn monitored(home: &Path) -> PathBuf {
    let mut folders = std::fs::read_dir(home.join("monitor")).unwrap();
    folders.next().unwrap().unwrap().path()
}

fn run(home: &Path, url: &str, policy: &Path, auditor: &Path, more: &[&str]) -> Output {
    let text = |path: &Path| path.display().to_string();
    let (dir, policy, auditor) = (text(&home.join("monitor")), text(policy), text(auditor));
    let args = [
        "--json",
        "monitor",
        "--once",
        "--dir",
        &dir,
        "--policy",
        &policy,
        "--auditor",
        &auditor,
        url,
    ];
    let monitor = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .args(more)
        .output();
    monitor.unwrap()
}

pub fn codes(value: &Value) -> Vec<&str> {
    let alarms = value["alarms"].as_array().unwrap().iter();
    alarms.map(|one| one["code"].as_str().unwrap()).collect()
}

pub fn events(value: &Value) -> Vec<&str> {
    let events = value["events"].as_array().unwrap().iter();
    events.map(|one| one["event"].as_str().unwrap()).collect()
}

/// The log of a world as its service shows it, which ends in the map that it commits to.
pub struct Shown {
    pub note: String,
    leaves: Vec<Vec<u8>>,
    tree: MemoryTree,
    pub places: Vec<LogPlace>,
    /// What was asked for.
    pub asked: Vec<String>,
}

impl Shown {
    pub fn of(sample: &Sample) -> Shown {
        let world = &sample.world;
        let (tree, rows) = world.mapped();
        let last = EntryIndex(tree.size().0 - 1);
        let mut maps = world.maps.clone();
        maps.insert(last, map_rows::root(&rows).unwrap());
        let entries = world.entries.iter().zip(world.leaves());
        let entries = entries.map(|(one, leaf)| {
            let (index, recorded_at, jws) = (one.index, one.recorded_at, leaf.jws);
            let place = LogPlace::Entry {
                index,
                recorded_at,
                jws,
            };
            (index, (leaf.data, place))
        });
        let maps = maps.into_iter().map(|(index, map)| {
            let place = LogPlace::Map { index, map };
            (index, (map_leaf_data(index, map), place))
        });
        let all: BTreeMap<EntryIndex, _> = entries.chain(maps).collect();
        let (leaves, places): (Vec<Vec<u8>>, Vec<LogPlace>) = all.into_values().unzip();
        let mut own = MemoryTree::default();
        leaves
            .iter()
            .for_each(|leaf| _ = own.append(leaf_hash(leaf)));
        assert_eq!(own.root(), tree.root());
        let head = Checkpoint {
            origin: world.origin.clone(),
            size: tree.size(),
            root: tree.root(),
        };
        Shown {
            note: note::sign(&head.to_text(), &world.origin, &world.log),
            leaves,
            tree: own,
            places,
            asked: Vec::new(),
        }
    }

    fn answer(&self, path: &str) -> Option<Vec<u8>> {
        if path == "/checkpoint" {
            return Some(self.note.clone().into_bytes());
        }
        if path == "/v1/ledger" {
            return Some(b"{}".to_vec());
        }
        if let Some(from) = path.strip_prefix("/v1/log?from=") {
            let places = self.places.iter().skip(from.parse().unwrap());
            let mut lines: String = places.map(|one| format!("{}\n", json!(one))).collect();
            lines.push_str(&format!("{}\n", json!({"size": self.places.len()})));
            return Some(lines.into_bytes());
        }
        let tile = TilePath::parse(path.strip_prefix('/')?).ok()?;
        let range = (0..u64::from(tile.width)).map(|at| tile.index * 256 + at);
        match tile.level {
            None => {
                let leaves = range.map(|at| self.leaves.get(at as usize).map(Vec::as_slice));
                Some(encode_entries(leaves.collect::<Option<Vec<_>>>()?))
            }
            Some(level) => {
                let level = 8 * level;
                let nodes = range.map(|index| self.tree.node(NodeId { level, index }));
                let nodes = nodes.collect::<Result<Vec<_>, _>>().ok()?;
                Some(nodes.iter().flat_map(|node| node.0).collect())
            }
        }
    }
}

pub fn serve(shown: Shown) -> (String, Arc<Mutex<Shown>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shown = Arc::new(Mutex::new(shown));
    let shared = Arc::clone(&shown);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut line) = (String::new(), String::new());
            stream.read_line(&mut first).unwrap();
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            let path = first.split(' ').nth(1).unwrap_or_default();
            let answer = {
                let mut shown = shared.lock().unwrap();
                shown.asked.push(path.to_owned());
                shown.answer(path)
            };
            let (status, body) = match answer {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let stream = stream.get_mut();
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (url, shown)
}

/// Enrols an auditor: a folder to work in, theirs, and a policy.
pub fn audited(sample: &mut Sample) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("auditor");
    std::fs::create_dir(&home).unwrap();
    let auditor = sample.world.enrol("inspectorate", "Sam Vale", &["auditor"]);
    let config = format!(
        "ledger = {:?}\nactor = {:?}\n",
        sample.world.origin.as_str(),
        auditor.actor.as_str()
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    keyfile::write_new(&home.join("key.pem"), &auditor.key, None).unwrap();
    let policy = folder.path().join("policy");
    std::fs::write(
        &policy,
        format!("log {}\nquorum none\n", sample.world.log_vkey()),
    )
    .unwrap();
    (folder, home, policy)
}
