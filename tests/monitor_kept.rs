//! What a monitor with an auditor's key keeps: it is added to, not written anew; a look at which nothing is new writes
//! nothing; a run that ended anywhere is gone on from; and what was changed is noticed.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/shown.rs"]
mod shown;
#[path = "common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use custodes::cli::keyfile;
use custodes::monitor::audited::Held;
use custodes::monitor::follow::{self, Ledger};
use custodes::monitor::memory::Memory;
use custodes::monitor::recompute::Auditor;
use custodes::monitor::web::Web;
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, Strand};
use custodes::protocol::policy::Policy;
use serde_json::{Value, json};
use shown::{Shown, audited, cannot, events, look_with, monitored, serve};
use world::{Sample, sample};

const FLAGS: &[&str] = &["--flags"];

/// A ledger that is served, and a monitor's place.
struct Watched {
    sample: Sample,
    folder: tempfile::TempDir,
    home: PathBuf,
    policy: PathBuf,
    url: String,
    shown: Arc<Mutex<Shown>>,
}

impl Watched {
    fn new() -> Watched {
        let mut sample = sample();
        let (folder, home, policy) = audited(&mut sample);
        let (url, shown) = serve(Shown::of(&sample));
        Watched {
            sample,
            folder,
            home,
            policy,
            url,
            shown,
        }
    }

    /// Records so many entries, and publishes them.
    fn record(&mut self, count: usize) {
        let (officer, phone) = (
            world::clone(&self.sample.officer),
            self.sample.phone.clone(),
        );
        self.sample.world.publish_map();
        for _ in 0..count {
            self.sample.world.wait(1);
            let (body, none) = (json!({"seal": "K1234567"}), json!({}));
            let world = &mut self.sample.world;
            let entry = world.sign(&officer, &phone, Strand::Custody, "sealed", body, none);
            world.submit(entry).unwrap();
        }
        *self.shown.lock().unwrap() = Shown::of(&self.sample);
    }

    /// Looks as a program of its own, with what was asked for.
    fn look(&self, more: &[&str]) -> Value {
        let place = self.folder.path();
        let (code, said) = look_with(place, &self.url, &self.policy, &self.home, more);
        assert_eq!((code, &said["recomputed"]), (0, &said["size"]), "{said}");
        said
    }

    fn files(&self) -> Files {
        files(&monitored(self.folder.path()))
    }

    fn cannot(&self) -> String {
        let place = self.folder.path();
        cannot(place, &self.url, &self.policy, &self.home, FLAGS)
    }
}

/// Every file: what is in it, its inode and when it was written.
type Files = BTreeMap<String, (Vec<u8>, u64, (i64, i64))>;

fn files(folder: &Path) -> Files {
    let all = std::fs::read_dir(folder).unwrap().map(|one| {
        let path = one.unwrap().path();
        let about = std::fs::metadata(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let written = (about.mtime(), about.mtime_nsec());
        (name, (std::fs::read(&path).unwrap(), about.ino(), written))
    });
    all.collect()
}

fn put_back(folder: &Path, files: &Files) {
    for one in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(one.unwrap().path()).unwrap();
    }
    for (name, (bytes, ..)) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].0.clone()).unwrap()
}

/// Names of files that are not the very same, written once.
fn changed(before: &Files, after: &Files) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    changed.cloned().collect()
}

/// Bytes written between two looks: of files that were added to, what was added; of others, all.
fn written(before: &Files, after: &Files) -> usize {
    let each = after
        .iter()
        .map(|(name, (bytes, inode, written))| match before.get(name) {
            Some((old, was, when)) if was == inode && when == written => {
                assert_eq!(old, bytes, "{name}");
                0
            }
            Some((old, was, _)) if name != "state.json" => {
                assert!(
                    was == inode && bytes.starts_with(old),
                    "{name} was added to"
                );
                bytes.len() - old.len()
            }
            _ => bytes.len(),
        });
    each.sum()
}

#[test]
fn a_look_with_nothing_new_writes_nothing_and_others_write_what_is_new() {
    let mut watched = Watched::new();
    watched.look(FLAGS);
    let first = watched.files();
    assert!(first.contains_key("map.1.lines") && first.contains_key("custody.1.lines"));
    for _ in 0..2 {
        watched.look(FLAGS);
        assert_eq!(
            watched.files(),
            first,
            "the very same files, not written again"
        );
    }
    // However much is kept already, so many entries cost the same: but for the digits of larger numbers, and the subtrees
    // that the tree is made of.
    let mut costs = Vec::new();
    for (count, after) in [(8, 0), (8, 150), (16, 150)] {
        if after > 0 {
            watched.record(after);
            watched.look(FLAGS);
        }
        let before = watched.files();
        watched.record(count);
        watched.look(FLAGS);
        costs.push(written(&before, &watched.files()));
    }
    let kept: usize = watched
        .files()
        .values()
        .map(|(bytes, ..)| bytes.len())
        .sum();
    let [few, later, twice] = costs[..] else {
        panic!("three were measured")
    };
    assert!(few.abs_diff(later) < 1000, "{costs:?}");
    assert!(twice < 2 * later && kept > 6 * later, "{costs:?} of {kept}");
}

#[test]
fn one_process_holds_what_it_read_and_reads_on() {
    let mut watched = Watched::new();
    let folder = watched.folder.path().join("monitor/here");
    let memory = Memory::open(&folder).unwrap();
    let mut held = Held::default();
    let config = std::fs::read_to_string(watched.home.join("config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let key = std::fs::read_to_string(watched.home.join("key.pem")).unwrap();
    let auditors = [Auditor {
        ledger: watched.sample.world.origin.clone(),
        actor: ActorId::new(config["actor"].as_str().unwrap()).unwrap(),
        key: keyfile::read(&key, None).unwrap(),
    }];
    let policy = Policy::parse(&std::fs::read_to_string(&watched.policy).unwrap()).unwrap();
    let (url, web) = (watched.url.clone(), Web::default());
    let ledger = Ledger {
        url: &url,
        policy: &policy,
        stalled_after: 300,
        auditors: &auditors,
        flags: true,
    };
    let untold = |held: &mut Held| follow::look(&ledger, &memory, held, &web, 0).unwrap();
    let look = |held: &mut Held| {
        let (seen, next) = untold(held);
        memory.keep(&next.unwrap()).unwrap();
        seen
    };
    let seen = look(&mut held);
    assert_eq!(seen.recomputed, Some(seen.size));
    assert!(matches!(held, Held::Loaded(_)));

    // Nothing new: nothing is read of what was kept, nor of the log.
    let lines = ["map.1.lines", "custody.1.lines"].map(|name| folder.join(name));
    let aside = |path: &PathBuf| path.with_extension("aside");
    lines
        .iter()
        .for_each(|path| std::fs::rename(path, aside(path)).unwrap());
    watched.shown.lock().unwrap().asked.clear();
    let before = files(&folder);
    let seen = look(&mut held);
    assert_eq!((seen.recomputed, seen.events.len()), (Some(seen.size), 0));
    assert!(changed(&before, &files(&folder)).is_empty());
    let asked = std::mem::take(&mut watched.shown.lock().unwrap().asked);
    assert_eq!(asked, ["/checkpoint", "/v1/ledger"]);
    lines
        .iter()
        .for_each(|path| std::fs::rename(aside(path), path).unwrap());

    // What is new is read from where it ended, and added.
    let from = seen.size;
    watched.record(3);
    let seen = look(&mut held);
    assert!(seen.alarms.is_empty() && !seen.events.is_empty());
    let asked = std::mem::take(&mut watched.shown.lock().unwrap().asked);
    let log: Vec<_> = asked.iter().filter(|one| one.contains("/log")).collect();
    assert_eq!(log, [&format!("/v1/log?from={from}")]);

    // What was not told, since the process was killed before it could, is new to the next.
    watched.record(2);
    let (lost, _) = untold(&mut held);
    held = Held::default();
    let seen = look(&mut held);
    assert!(!lost.events.is_empty());
    assert_eq!((seen.events, seen.new), (lost.events, lost.new));

    // The next process finds all of it, and needs none of it until something is new.
    let (before, mut next) = (files(&folder), Held::default());
    let told = look(&mut next);
    assert!(matches!(next, Held::Checked));
    assert_eq!((told.recomputed, told.events.len()), (Some(seen.size), 0));
    assert!(changed(&before, &files(&folder)).is_empty());
    watched.record(1);
    assert!(look(&mut next).alarms.is_empty());
    assert!(matches!(next, Held::Loaded(_)));
}

#[test]
fn a_run_that_ended_anywhere_is_gone_on_from() {
    let mut watched = Watched::new();
    watched.look(FLAGS);
    let before = watched.files();
    watched.record(5);
    let whole = watched.look(FLAGS);
    let after = watched.files();
    let folder = monitored(watched.folder.path());
    let names = ["map.1.lines", "custody.1.lines", "hashes"];
    // What was written before the state that counts on it: each file as far as anybody likes, with a block of zeros that
    // the system had not filled; then the next file, to which nothing was written yet.
    for (at, name) in names.iter().enumerate() {
        let (old, new) = (&before[*name].0, &after[*name].0);
        let cuts = (0..=4).map(|part| old.len() + (new.len() - old.len()) * part / 4);
        for (cut, zeros) in cuts.flat_map(|cut| [(cut, 0), (cut, 512)]) {
            let mut left = before.clone();
            for written in &names[..at] {
                left.insert((*written).to_owned(), after[*written].clone());
            }
            let bytes = &mut left.get_mut(*name).unwrap().0;
            *bytes = [&new[..cut], &vec![0; zeros]].concat();
            left.insert("state.json.new".to_owned(), (vec![b'{'], 0, (0, 0)));
            left.insert("map.2.lines".to_owned(), (vec![b'{'], 0, (0, 0)));
            put_back(&folder, &left);
            let said = watched.look(FLAGS);
            assert_eq!(events(&said), events(&whole), "{name} {cut} {zeros}");
            let again = watched.files();
            for name in names {
                assert_eq!(again[name].0, after[name].0, "{name}");
            }
            assert_eq!(text(&again, "state.json"), text(&after, "state.json"));
            assert!(!again.contains_key("map.2.lines"));
        }
    }
    // The state was kept, and what it replaced not yet removed.
    std::fs::write(folder.join("custody.7.lines"), "old").unwrap();
    watched.record(1);
    watched.look(FLAGS);
    assert!(!watched.files().contains_key("custody.7.lines"));
}

/// Puts other lines in the place of those that count, as somebody would who knows the program.
fn forge(folder: &Path, name: &str, member: &str, lines: &[String]) {
    let state = folder.join("state.json");
    let mut value: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    let digest = lines.iter().fold(Hash([0; 32]), |before, line| {
        Hash::of(&[&before.0, line.as_bytes()])
    });
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let counted = &mut value["audited"][member];
    counted["lines"] = lines.len().into();
    counted["bytes"] = text.len().into();
    counted["digest"] = json!(digest);
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::write(state, value.to_string()).unwrap();
}

#[test]
fn what_was_kept_cannot_be_changed_unseen() {
    let mut watched = Watched::new();
    watched.look(FLAGS);
    let good = watched.files();
    let folder = monitored(watched.folder.path());
    watched.record(1);
    for name in ["map.1.lines", "custody.1.lines"] {
        let kept = text(&good, name);
        let (first, _) = kept.split_once('\n').unwrap();
        // A line that says something else, one that is doubled, one that is missing, all but nothing.
        for other in [
            kept.replacen(":1,", ":2,", 1),
            format!("{first}\n{kept}"),
            kept.split_once('\n').unwrap().1.to_owned(),
            "short".to_owned(),
        ] {
            assert_ne!(other, kept);
            put_back(&folder, &good);
            std::fs::write(folder.join(name), other).unwrap();
            let error = watched.cannot();
            let told = format!("{name} is not what was kept. Move it out of the folder");
            assert!(error.contains(&told), "{error}");
            // As it says: what is lost is read again, and what was told is not told again.
            std::fs::rename(folder.join(name), folder.join("set-aside")).unwrap();
            let said = watched.look(FLAGS);
            assert_eq!(events(&said), ["sealed", "sealed"], "{said}");
            assert!(folder.join("set-aside").exists());
        }
    }
    put_back(&folder, &good);
    std::fs::write(folder.join("state.json"), "{}").unwrap();
    let error = watched.cannot();
    assert!(
        error.contains("state.json") && error.contains("start with an empty one"),
        "{error}"
    );

    // Whoever changes what counts as well: a chain has to give the root that the log signed.
    put_back(&folder, &good);
    let mut lines: Vec<String> = text(&good, "map.1.lines")
        .lines()
        .map(str::to_owned)
        .collect();
    let mut chain: Value = serde_json::from_str(&lines[0]).unwrap();
    chain["head"] = json!(Hash([0; 32]));
    lines[0] = chain.to_string();
    forge(&folder, "map.1.lines", "chains", &lines);
    let error = watched.cannot();
    assert!(
        error.contains("map.1.lines is not what was kept"),
        "{error}"
    );
}

#[test]
fn lines_out_of_date_are_dropped_once_they_are_most_of_it() {
    let mut watched = Watched::new();
    watched.look(FLAGS);
    let good = watched.files();
    let folder = monitored(watched.folder.path());
    for (name, member) in [("map.1.lines", "chains"), ("custody.1.lines", "records")] {
        let kept = text(&good, name);
        let lines: Vec<String> = kept.lines().map(str::to_owned).collect();
        let needed: BTreeSet<String> = lines.iter().cloned().collect();
        assert_eq!(needed.len(), lines.len());
        let many = lines.len() * (1000 / lines.len() + 3);
        let many: Vec<String> = lines.iter().cycle().take(many).cloned().collect();
        forge(&folder, name, member, &many);
    }
    let before = watched.files();
    watched.look(FLAGS);
    // The state was written in another order of its members.
    assert_eq!(changed(&before, &watched.files()), ["state.json"]);
    watched.record(1);
    let said = watched.look(FLAGS);
    assert_eq!(events(&said), ["sealed", "sealed"]);
    let after = watched.files();
    for name in ["map", "custody"] {
        let (old, new) = (format!("{name}.1.lines"), format!("{name}.2.lines"));
        assert!(!after.contains_key(&old));
        assert!(after[&new].0.len() < 2 * good[&old].0.len());
    }
    // It goes on from there, and so does one that has the rules run no more, or once more.
    watched.record(1);
    assert_eq!(events(&watched.look(FLAGS)), ["sealed", "sealed"]);
    watched.record(1);
    assert!(events(&watched.look(&[])).is_empty());
    assert!(!watched.files().contains_key("custody.2.lines"));
    watched.record(1);
    let all = watched.sample.world.flags.len();
    assert_eq!(events(&watched.look(FLAGS)).len(), all);
}
