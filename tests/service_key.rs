//! The service of a real ledger changes its key while entries arrive: what it signed before and after holds, what the old
//! key signs afterwards does not. And every command that rotates keys, cut short at each step, is run again.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use custodes::cli::keyfile;
use custodes::protocol::bundle::{Bundle, Content};
use custodes::protocol::entry::{Draft, EntryHash, Payload};
use custodes::protocol::hash::Hash;
use custodes::protocol::id::{ActorId, Origin, Strand, Subject};
use custodes::protocol::key::SecretKey;
use custodes::protocol::time::{Moment, Occurred};
use ledger::{CASE, Ledger, copy, ends, ok};
use serde_json::{Value, json};
use wire::{ask, read};
use witness::get;
use witnessed::until;

fn rotate(ledger: &Ledger, dir: &Path, what: &str, more: &[&str]) -> std::process::Output {
    let dir = dir.display().to_string();
    ledger.run("nobody", &[&["key", what, "--dir", &dir], more].concat())
}

fn register(ledger: &Ledger, name: &str) {
    ledger.register_new("smith", name);
    ok(&ledger.run("morgan", &["history", CASE]));
}

fn bundle(ledger: &Ledger, name: &str) -> PathBuf {
    ledger.bundle("smith", CASE, name)
}

/// A bundle verifies: nothing fails, though no witness is asked for.
fn verified(ledger: &Ledger, bundle: &Path) -> String {
    let policy = ledger.path("ledger/policy").display().to_string();
    let bundle = bundle.display().to_string();
    let said = ledger.run(
        "nobody",
        &["verify", &bundle, "--timeline", "--policy", &policy],
    );
    ends(&said, 3)
}

fn service_key(ledger: &Ledger) -> Value {
    let said = get(&format!("{}/v1/ledger", ledger.url)).text;
    serde_json::from_str::<Value>(&said).unwrap()["service_key"].clone()
}

/// The last entry of the `rules` chain in a bundle: how many there are, and which is the last.
fn rules_end(bundle: &Path) -> (Subject, u64, EntryHash) {
    let bundle = Bundle::parse(&std::fs::read(bundle).unwrap()).unwrap();
    let chain = bundle.chains.iter().find(|one| one.strand == Strand::Rules);
    let chain = chain.unwrap();
    let last = bundle
        .entries
        .iter()
        .find(|one| Some(&one.index) == chain.entries.last());
    let Content::Open(open) = &last.unwrap().content else {
        panic!("the rules are open");
    };
    let e = EntryHash(Hash::of(&[open.jws.as_bytes()]));
    (chain.subject.clone(), chain.entries.len() as u64, e)
}

/// What somebody who has a key of the service's sends in, at the end of the ledger's `rules` chain.
fn forged(ledger: &Ledger, key: &Path, bundle: &Path, event: &str, body: Value) -> String {
    let (subject, seq, prev) = rules_end(bundle);
    let settings = std::fs::read_to_string(ledger.path("ledger/ledger.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    let payload = Payload {
        ledger: Origin::new("evidence.example").unwrap(),
        subject: subject.clone(),
        strand: Strand::Rules,
        seq,
        prev: Some(prev),
        event: event.to_owned(),
        actor: ActorId::new(settings["service"].as_str().unwrap()).unwrap(),
        occurred_at: Occurred::At(Moment::parse("2026-11-28T09:00:00+00:00").unwrap()),
        seen: None,
        client: "test 1.0".to_owned(),
        jti: subject,
        body: body.as_object().unwrap().clone(),
        details: BTreeMap::new(),
    };
    let key: SecretKey = keyfile::read(&std::fs::read_to_string(key).unwrap(), None).unwrap();
    let details = BTreeMap::new();
    let draft = Draft { payload, details };
    let entry = draft.sign(&key, || [0; 16]).unwrap();
    json!({"entry": entry.to_text()}).to_string()
}

#[test]
fn the_service_changes_its_key_while_entries_arrive() {
    let mut ledger = Ledger::new();
    ledger.enrol("vale", "inspectorate", "auditor", "Sam Vale");
    register(&ledger, "before");
    let first = bundle(&ledger, "first.custody.json");
    let refused = ["case", "open", "--reference", "X-1", "--title", "R v X"];
    ends(&ledger.run("morgan", &refused), 2);
    ok(&ledger.run("vale", &["security-log"]));
    let policy = ledger.path("ledger/policy");
    assert_eq!(ledger.monitor(&policy).0, 0);
    let old = service_key(&ledger);

    // A new key is made, and signs nothing until the ledger names it.
    ledger.stop();
    let dir = ledger.path("ledger");
    let of_service = |more: &[&str]| rotate(&ledger, &dir, "rotate-service", more);
    assert!(ends(&of_service(&["--finish"]), 2).contains("no-rotation"));
    let made = of_service(&["--plain", "--compromised-since", "2026-01-02 03:04"]);
    ok(&made);
    assert!(ends(&of_service(&["--plain"]), 2).contains("rotation-under-way"));
    assert!(ends(&of_service(&["--finish"]), 2).contains("not-recorded"));
    // Cut short by a crash of the service, it is recorded at the next start; whoever comes meanwhile notices nothing.
    ledger.start();
    ledger.kill();
    ledger.start();
    std::thread::scope(|scope| {
        for name in ["during-1", "during-2", "during-3", "during-4"] {
            let ledger = &ledger;
            scope.spawn(move || register(ledger, name));
        }
        until("the new key", || service_key(&ledger) != old);
    });
    ends(&ledger.run("morgan", &refused), 2);
    let second = bundle(&ledger, "second.custody.json");
    verified(&ledger, &first);
    let told = verified(&ledger, &second);
    assert!(
        told.contains("the service is to sign with another key"),
        "{told}"
    );
    assert!(told.contains("key-compromised"), "{told}");
    // Both stretches of the security log, and the same for who goes on reading.
    ok(&ledger.run("vale", &["security-log"]));
    ok(&ledger.run("vale", &["security-log", "--new"]));
    let (code, said) = ledger.monitor(&policy);
    let alarm = &said["ledgers"][0]["alarms"][0]["code"];
    assert_eq!((code, alarm), (1, &"service-key-changed".into()));
    assert_eq!(ledger.monitor(&policy).0, 0, "it is told once");

    // Who has the old key records nothing with it any more; and who has the new one does not lock the service out.
    let json = "content-type: application/json\r\n";
    let send = |body: String| ask(&ledger, "POST", "/v1/entries", json, body.as_bytes());
    let keys = ledger.path("ledger/keys");
    let of_old = forged(
        &ledger,
        &keys.join("service.pem"),
        &second,
        "log-key-rotated",
        json!({"log": []}),
    );
    send(of_old).is_problem(401, "key-not-valid");
    let next: SecretKey = keyfile::read(
        &std::fs::read_to_string(keys.join("service-next.pem")).unwrap(),
        None,
    )
    .unwrap();
    let foreign = SecretKey::from_seed([9; 32]);
    let settings: toml::Table = std::fs::read_to_string(ledger.path("ledger/ledger.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let possession = custodes::protocol::token::Possession {
        ledger: Origin::new("evidence.example").unwrap(),
        actor: ActorId::new(settings["service"].as_str().unwrap()).unwrap(),
        key: foreign.public(),
    };
    let body = json!({
        "actor": possession.actor, "key": possession.key, "proof": possession.sign(&foreign),
        "compromised_since": null,
    });
    let takeover = forged(
        &ledger,
        &keys.join("service-next.pem"),
        &second,
        "service-key-rotated",
        body,
    );
    send(takeover).is_problem(422, "bad-body");
    assert_eq!(service_key(&ledger), json!(next.public()));
    register(&ledger, "and it goes on");

    // The new key takes the old one's place.
    ledger.stop();
    let dir = ledger.path("ledger");
    let audited = ledger.run("nobody", &["audit", "--dir", dir.to_str().unwrap()]);
    ok(&audited);
    ok(&rotate(&ledger, &dir, "rotate-service", &["--finish"]));
    assert!(!keys.join("service-next.since").exists());
    ledger.start();
    register(&ledger, "after");
    read(&ledger, "vale", "GET", "/v1/security-log?from=0", "");
    verified(&ledger, &bundle(&ledger, "third.custody.json"));
    ledger.stop();
    // The old one is no key of the service's any more.
    std::fs::rename(keys.join("service-retired.pem"), keys.join("service.pem")).unwrap();
    let args = [
        "serve",
        "--dir",
        dir.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    assert!(ends(&ledger.run("nobody", &args), 2).contains("other-key"));
}

/// Runs a command and has its n-th change of a file's name fail, or kill it: whether it came that far. `None` where the
/// system does not let a program be followed.
fn cut_short(args: &[&str], n: usize, how: &str) -> Option<bool> {
    let calls = "rename,renameat,renameat2";
    let done = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={calls}"),
        ])
        .args(["-e", &format!("inject={calls}:{how}:when={n}")])
        .arg(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .output();
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            println!("skipped: strace: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&done.stderr);
    if said.contains("ptrace") {
        println!("skipped: {said}");
        return None;
    }
    Some(!done.status.success())
}

/// Cuts a command short at each of its steps in a copy of the ledger, and runs it again; `whole` says that the keys are
/// then what they are to be.
fn at_every_step(ledger: &Ledger, what: &str, more: &[&str], steps: usize, whole: impl Fn(&Path)) {
    for how in ["error=EIO", "signal=KILL"] {
        let mut n = 1;
        loop {
            let dir = ledger.path(&format!("cut-{what}-{}-{n}", &how[..5]));
            let _ = std::fs::remove_dir_all(&dir);
            copy(&ledger.path("ledger"), &dir);
            let shown = dir.display().to_string();
            let args = [&["key", what, "--dir", &shown], more].concat();
            match cut_short(&args, n, how) {
                None => return,
                Some(false) => break,
                Some(true) => {}
            }
            // Where nothing was left to do it says so.
            let again = ledger.run("nobody", &args);
            let said = String::from_utf8_lossy(&again.stderr);
            let done = ["rotation-under-way", "no-rotation"];
            assert!(
                again.status.success() || done.iter().any(|code| said.contains(code)),
                "{what} cut short at {n} by {how}: {said}"
            );
            whole(&dir);
            n += 1;
        }
        assert_eq!(n - 1, steps, "steps of {what} {more:?}");
    }
}

#[test]
fn a_rotation_cut_short_is_run_again() {
    let mut ledger = Ledger::new();
    ledger.stop();
    let has = |dir: &Path, names: &[&str]| {
        let mut there: Vec<String> = std::fs::read_dir(dir.join("keys"))
            .unwrap()
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(there, names);
    };
    let begun = [
        "log-next-pq.pem",
        "log-next.pem",
        "log-pq.pem",
        "log.pem",
        "service.pem",
    ];
    at_every_step(&ledger, "rotate-log", &["--plain"], 2, |dir| {
        has(dir, &begun)
    });
    at_every_step(&ledger, "rotate-service", &["--plain"], 1, |dir| {
        let begun = ["log-pq.pem", "log.pem", "service-next.pem", "service.pem"];
        has(dir, &begun);
    });

    let dir = ledger.path("ledger");
    ok(&rotate(&ledger, &dir, "rotate-log", &["--plain"]));
    ok(&rotate(&ledger, &dir, "rotate-service", &["--plain"]));
    let old = ["log.pem", "log-pq.pem", "service.pem"];
    let next = ["log-next.pem", "log-next-pq.pem", "service-next.pem"];
    let bytes =
        |names: [&str; 3]| names.map(|name| std::fs::read(dir.join("keys").join(name)).unwrap());
    let (old, next) = (bytes(old), bytes(next));
    let before = {
        ledger.start();
        service_key(&ledger)
    };
    until("the new key", || service_key(&ledger) != before);
    register(&ledger, "signed by both");
    ledger.stop();

    // Half done, nobody serves it: the message says what to run.
    let half = ledger.path("half");
    copy(&dir, &half);
    std::fs::rename(half.join("keys/log.pem"), half.join("keys/log-retired.pem")).unwrap();
    let args = [
        "serve",
        "--dir",
        half.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    let said = ends(&ledger.run("nobody", &args), 2);
    assert!(
        said.contains("rotation-cut-short") && said.contains("--finish"),
        "{said}"
    );

    let same = |dir: &Path, names: &[(&str, &[u8])]| {
        for (name, bytes) in names {
            assert_eq!(
                &std::fs::read(dir.join("keys").join(name)).unwrap(),
                bytes,
                "{name}"
            );
        }
        let gone = ["log-next.pem", "log-next-pq.pem"];
        assert!(
            names.len() < 4
                || gone
                    .iter()
                    .all(|name| !dir.join("keys").join(name).exists())
        );
    };
    at_every_step(&ledger, "rotate-log", &["--finish"], 4, |dir| {
        let whole: [(&str, &[u8]); 4] = [
            ("log.pem", &next[0]),
            ("log-pq.pem", &next[1]),
            ("log-retired.pem", &old[0]),
            ("log-retired-pq.pem", &old[1]),
        ];
        same(dir, &whole);
    });
    at_every_step(&ledger, "rotate-service", &["--finish"], 2, |dir| {
        same(
            dir,
            &[("service.pem", &next[2]), ("service-retired.pem", &old[2])],
        );
    });
    ok(&rotate(&ledger, &dir, "rotate-log", &["--finish"]));
    // Everybody adds the new lines to their policy.
    let shown = dir.display().to_string();
    let lines = ok(&ledger.run("nobody", &["key", "show", "--log", &shown]));
    for home in ["smith", "morgan"] {
        let policy = ledger.path(home).join("policy");
        let old = std::fs::read_to_string(&policy).unwrap();
        std::fs::write(&policy, format!("{lines}{old}")).unwrap();
    }
    // With the service's key half way, the service runs on.
    std::fs::rename(
        dir.join("keys/service.pem"),
        dir.join("keys/service-retired.pem"),
    )
    .unwrap();
    ledger.start();
    register(&ledger, "half way");
    ledger.stop();
    ok(&rotate(&ledger, &dir, "rotate-service", &["--finish"]));
    ledger.start();
    register(&ledger, "the end");
}
