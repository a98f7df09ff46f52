//! A monitor with an auditor's key recomputes the map of completeness of a real ledger, a stretch at a time, and raises an
//! alarm over a service that commits to another.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use custodes::cli::keyfile;
use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::id::{ChainId, Strand};
use custodes::protocol::leaf::map_leaf_data;
use custodes::protocol::map_rows;
use custodes::protocol::note;
use custodes::protocol::tile::{TilePath, encode_entries};
use custodes::protocol::tree::{EntryIndex, MemoryTree, NodeId, NodeReader as _, leaf_hash};
use custodes::verify::map_audit::LogPlace;
use ledger::{CASE, Ledger, ok};
use serde_json::{Value, json};
use world::{Sample, sample};

/// Looks once; the exit code, and what it says of the one ledger.
fn look(home: &Path, url: &str, policy: &Path, auditor: &Path) -> (i32, Value) {
    look_with(home, url, policy, auditor, &[])
}

/// The same with further options.
fn look_with(home: &Path, url: &str, policy: &Path, auditor: &Path, more: &[&str]) -> (i32, Value) {
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
    let ended = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let value: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.code().unwrap(), value["ledgers"][0].clone())
}

fn codes(value: &Value) -> Vec<&str> {
    let alarms = value["alarms"].as_array().unwrap().iter();
    alarms.map(|one| one["code"].as_str().unwrap()).collect()
}

fn events(value: &Value) -> Vec<&str> {
    let events = value["events"].as_array().unwrap().iter();
    events.map(|one| one["event"].as_str().unwrap()).collect()
}

/// Looks until it was told of enough; every look recomputes the map over all that is published.
fn look_until(home: &Path, ledger: &Ledger, enough: impl Fn(&[String]) -> bool) -> Value {
    let (policy, vale) = (ledger.path("ledger/policy"), ledger.path("vale"));
    let begun = Instant::now();
    let mut told = Vec::new();
    loop {
        let (code, said) = look(home, &ledger.url, &policy, &vale);
        assert_eq!((code, &said["recomputed"]), (0, &said["size"]), "{said}");
        told.extend(events(&said).into_iter().map(str::to_owned));
        if enough(&told) {
            return said;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{told:?}");
    }
}

#[test]
fn the_map_of_a_real_ledger_is_recomputed_as_it_grows() {
    let mut ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    let (policy, vale) = (ledger.path("ledger/policy"), ledger.path("vale"));
    let home = ledger.folder.path().to_owned();
    // What was recorded last is published a little later.
    let first = look_until(&home, &ledger, |told| {
        let count = |event: &str| told.iter().filter(|one| *one == event).count();
        (count("key-enrolled"), count("genesis-accepted")) == (3, 3)
    });

    // Only what is new is read, whether or not the service was started again; a key that is revoked is told once.
    let file = ledger.path("clip.bin");
    std::fs::write(&file, b"a clip").unwrap();
    ledger.register(&file, "JSM/1");
    ok(&ledger.run("morgan", &["history", CASE]));
    ledger.stop();
    ledger.start();
    let key = ledger
        .path("ledger/authority/police.pem")
        .display()
        .to_string();
    let enrolment = std::fs::read_to_string(ledger.path("smith/config.toml")).unwrap();
    let actor: toml::Table = enrolment.parse().unwrap();
    let actor = actor["actor"].as_str().unwrap().to_owned();
    let shown = ok(&ledger.run("smith", &["key", "show", "--json"]));
    let kid = serde_json::from_str::<Value>(&shown).unwrap()["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    let revoke = [
        "key",
        "revoke",
        "--authority",
        &key,
        "--org",
        "police",
        "--of",
        &actor,
        "--kid",
        &kid,
        "--reason",
        "left",
    ];
    ok(&ledger.run("nobody", &revoke));
    let second = look_until(&home, &ledger, |told| told == ["key-revoked"]);
    assert!(second["size"].as_u64() > first["size"].as_u64());
    // That it was read is on record; nothing else is new then, and soon nothing at all.
    let mut sizes = BTreeSet::new();
    for _ in 0..3 {
        let (code, again) = look(&home, &ledger.url, &policy, &vale);
        assert_eq!((code, events(&again).len()), (0, 0), "{again}");
        sizes.insert(again["size"].as_u64().unwrap());
    }
    assert!(
        sizes.len() <= 2,
        "a monitor that looks makes no news: {sizes:?}"
    );

    // What was kept is held against the log; and whoever is no auditor reads nothing.
    let kept: PathBuf = std::fs::read_dir(home.join("monitor"))
        .unwrap()
        .map(|one| one.unwrap().path().join("map.json"))
        .next()
        .unwrap();
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    value["chains"][0]["head"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    std::fs::write(&kept, value.to_string()).unwrap();
    ok(&ledger.run("morgan", &["history", CASE, "--purpose", "another"]));
    let (code, wrong) = look(&home, &ledger.url, &policy, &vale);
    assert_eq!(
        (code, codes(&wrong)),
        (1, vec!["entries-differ"]),
        "{wrong}"
    );
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(look(&home, &ledger.url, &policy, &vale).0, 0);
    ok(&ledger.run("morgan", &["history", CASE, "--purpose", "a third"]));
    let (code, refused) = look(&home, &ledger.url, &policy, &ledger.path("morgan"));
    assert_eq!(code, 3, "{refused}");
    assert!(
        refused["unchecked"].to_string().contains("not-an-auditor"),
        "{refused}"
    );
}

/// The log of a world as its service shows it, which ends in the map that it commits to.
struct Shown {
    note: String,
    leaves: Vec<Vec<u8>>,
    tree: MemoryTree,
    places: Vec<LogPlace>,
}

impl Shown {
    fn of(sample: &Sample) -> Shown {
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

fn serve(shown: Shown) -> (String, Arc<Mutex<Shown>>) {
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
            let answer = shared.lock().unwrap().answer(path);
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
fn audited(sample: &mut Sample) -> (tempfile::TempDir, PathBuf, PathBuf) {
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

#[test]
fn what_the_rules_flag_is_told_once_and_what_they_refuse_is_an_alarm() {
    let mut sample = sample();
    let (folder, home, policy) = audited(&mut sample);
    let (officer, phone) = (world::clone(&sample.officer), sample.phone.clone());
    let sealed = |sample: &mut Sample, seal: &str| {
        let (body, none) = (json!({"seal": seal}), json!({}));
        let (strand, world) = (Strand::Custody, &mut sample.world);
        world.sign(&officer, &phone, strand, "sealed", body, none)
    };
    let entry = sealed(&mut sample, "K1234567");
    sample.world.submit(entry).unwrap();
    let flags = |said: &Value| -> Vec<(u64, String)> {
        let events = said["events"].as_array().unwrap().iter();
        let flags = events.filter(|one| !one["flag"].is_null());
        let of = |one: &Value| {
            let flag = one["flag"].as_str().unwrap().to_owned();
            (one["index"].as_u64().unwrap(), flag)
        };
        flags.map(of).collect()
    };
    let (url, shown) = serve(Shown::of(&sample));
    let look = |more: &[&str]| look_with(folder.path(), &url, &policy, &home, more);

    // Without being asked for, nothing is flagged; asked for later, all is told that ever was, and keys not again.
    let (code, said) = look(&[]);
    assert_eq!((code, flags(&said).len()), (0, 0), "{said}");
    assert!(!events(&said).is_empty());
    let last = sample.world.entries.last().unwrap().index.0;
    let (code, said) = look(&["--flags"]);
    let told = flags(&said);
    assert_eq!(code, 0, "{said}");
    for flag in ["seal-reused", "sealed-twice"] {
        assert!(told.contains(&(last, flag.to_owned())), "{told:?}");
    }
    let all = sample.world.flags.len();
    assert_eq!(told.len(), all, "every flag that the service raised");
    assert_eq!(events(&said).len(), told.len());
    let (code, said) = look(&["--flags"]);
    assert_eq!((code, events(&said).len()), (0, 0), "{said}");

    // It goes on from what was kept.
    sample.world.publish_map();
    sample.world.wait(1);
    let entry = sealed(&mut sample, "K1234567");
    sample.world.submit(entry).unwrap();
    *shown.lock().unwrap() = Shown::of(&sample);
    let (code, said) = look(&["--flags"]);
    let told = flags(&said);
    assert!(code == 0 && !told.is_empty(), "{said}");
    assert!(told.iter().all(|(index, _)| *index > last), "{told:?}");

    // What the rules refuse and the service recorded all the same; a signature that is none.
    let strand = Strand::Custody;
    sample.world.publish_map();
    let (video, body) = (
        sample.video.clone(),
        json!({"to": {"org": "northshire-forensics"}, "method": "van"}),
    );
    let details = world::details();
    let entry = (sample.world).sign(&officer, &video, strand, "transfer-offered", body, details);
    sample.world.force(entry, true);
    *shown.lock().unwrap() = Shown::of(&sample);
    for _ in 0..2 {
        let (code, said) = look(&["--flags"]);
        assert_eq!((code, codes(&said)), (1, vec!["rule-broken"]), "{said}");
    }
    let (code, said) = look(&[]);
    assert_eq!(code, 0, "the map alone is right: {said}");

    // What was kept cannot be changed unseen.
    let kept = std::fs::read_dir(folder.path().join("monitor")).unwrap();
    let kept = kept.map(|one| one.unwrap().path().join("custody.lines"));
    let kept = kept.last().unwrap();
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replacen("{\"key\"", "{\"Key\"", 1)).unwrap();
    let policy = policy.display().to_string();
    let dir = folder.path().join("monitor").display().to_string();
    let home = home.display().to_string();
    let args = [
        "monitor",
        "--once",
        "--dir",
        &dir,
        "--policy",
        &policy,
        "--auditor",
        &home,
        "--flags",
        &url,
    ];
    let ended = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{error}");
    assert!(error.contains("custody.lines was changed"), "{error}");
}

#[test]
fn a_service_that_commits_to_a_wrong_map_is_caught_each_time() {
    let mut sample = sample();
    let (folder, home, policy) = audited(&mut sample);
    let (url, shown) = serve(Shown::of(&sample));
    let (code, said) = look(folder.path(), &url, &policy, &home);
    assert_eq!((code, &said["recomputed"]), (0, &said["size"]), "{said}");
    // The honest map leaf is part of the log from here on.
    sample.world.publish_map();

    // It hides the newest view from the map, and then shows the auditor what fits; the log cannot do both.
    let view = ChainId {
        subject: sample.video.clone(),
        strand: Strand::Access,
    };
    let hidden = *sample.world.chains[&view].last().unwrap();
    let mut lying = world::sample();
    lying.world.enrol("inspectorate", "Sam Vale", &["auditor"]);
    lying.world.omitted = BTreeSet::from([hidden]);
    lying.world.map_lies = true;
    let lie = Shown::of(&lying);
    let honest = Shown::of(&{
        let mut honest = world::sample();
        honest.world.enrol("inspectorate", "Sam Vale", &["auditor"]);
        honest
    });
    *shown.lock().unwrap() = lie;
    // Whoever followed it before sees that it is not the log it was; who comes new sees that the map is wrong.
    let fresh = folder.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    for _ in 0..2 {
        let (code, said) = look(&fresh, &url, &policy, &home);
        assert_eq!((code, codes(&said)), (1, vec!["map-differs"]), "{said}");
        assert_eq!(said["recomputed"], Value::Null);
        // Anybody verifies the proof against the log's own key.
        let proof = said["alarms"][0]["proof"].as_str().unwrap();
        let args = ["verify", proof, "--policy", policy.to_str().unwrap()];
        let verified = Command::new(env!("CARGO_BIN_EXE_custodes"))
            .args(args)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(told.contains("WRONG MAP of the log"), "{told}");
    }
    let (code, said) = look(folder.path(), &url, &policy, &home);
    assert_eq!((code, codes(&said)), (1, vec!["fork"]), "{said}");
    shown.lock().unwrap().places = honest.places;
    let (code, said) = look(&fresh, &url, &policy, &home);
    assert_eq!((code, codes(&said)), (1, vec!["entries-differ"]), "{said}");
}
