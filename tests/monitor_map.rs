//! A monitor with an auditor's key recomputes the map of completeness of a real ledger, a stretch at a time, and raises an
//! alarm over a service that commits to another.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/shown.rs"]
mod shown;
#[path = "common/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use custodes::protocol::id::{ChainId, Strand};
use ledger::{CASE, Ledger, ok};
use serde_json::{Value, json};
use shown::{Shown, audited, codes, events, look, look_with, monitored, serve};
use world::{Sample, sample};

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

    // Whoever is no auditor reads nothing; what was kept and is lost is read again.
    std::fs::remove_file(monitored(&home).join("map.1.lines")).unwrap();
    let (code, refused) = look(&home, &ledger.url, &policy, &ledger.path("morgan"));
    assert_eq!(code, 3, "{refused}");
    assert!(
        refused["unchecked"].to_string().contains("not-an-auditor"),
        "{refused}"
    );
    assert_eq!(look(&home, &ledger.url, &policy, &vale).0, 0);
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
