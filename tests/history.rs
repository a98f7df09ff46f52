//! A long history: the service gives it in parts, and the commands put them together.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/live.rs"]
mod live;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/wire.rs"]
mod wire;
#[path = "common/world.rs"]
mod world;

use custodes::ledger::state::Known as _;
use custodes::protocol::id::{Strand, Subject};
use ledger::{CASE, Ledger, ok};
use live::Live;
use serde_json::{Value, json};
use submitter::{Submitter, line, subject, submit_lines};
use world::{details, sample_in};

/// More than two parts of 1000.
const MANY: usize = 2300;

#[test]
fn a_long_history_comes_in_parts_that_are_one_reading() {
    let mut s = sample_in(live::world());
    let video = s.video.clone();
    let (officer, target) = (
        world::clone(&s.officer),
        s.world.state.exhibit(&video).unwrap().opened,
    );
    s.world.queue = Some(Vec::new());
    for _ in 0..MANY {
        let body = json!({"target": target});
        let notes = Strand::Notes;
        s.world
            .record(&officer, &video, notes, "annotated", body, details());
    }
    assert_eq!(s.world.send(), MANY);
    let beside = s.world.beside.as_mut().unwrap().as_any();
    let live: &mut Live = beside.downcast_mut().unwrap();
    live.read_as(&officer);
    let path = format!("/v1/exhibits/{video}/history");
    let (mut all, mut parts): (Vec<Value>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut from = 0;
    loop {
        let part = live.read(&format!("{path}?from={from}")).json();
        let entries = part["entries"].as_array().unwrap();
        parts.push(entries.len());
        all.extend(entries.iter().cloned());
        match part["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(parts[..2], [1000, 1000]);
    let indexes: Vec<u64> = all
        .iter()
        .map(|one| one["index"].as_u64().unwrap())
        .collect();
    assert!(
        indexes.is_sorted_by(|one, other| one < other),
        "each once, in order"
    );
    let of = |strand: &str| {
        let is = |one: &&Value| one["chain"]["strand"] == strand;
        all.iter().filter(is).count()
    };
    // The copy that was made of it stands among the notes too.
    assert_eq!(of("notes"), MANY + 1);
    // The sample's reading, and this one.
    assert_eq!(of("access"), 2, "the parts are one reading");
    let custody = live.read(&format!("{path}?strand=custody")).json();
    assert_eq!(custody["entries"].as_array().unwrap().len(), of("custody"));
    assert_eq!(custody["next"], Value::Null);
    for wrong in ["strand=keepsakes", "from=-1", "from=x"] {
        let answer = live.ask(&format!("{path}?{wrong}"), "test");
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[test]
fn the_commands_tell_all_of_it_and_read_custody_alone_where_that_is_enough() {
    let ledger = Ledger::new();
    ledger.enrol("reed", "police", "store", "Ellis Reed");
    let officer = Submitter::of(&ledger, "smith");
    let told = ok(&ledger.run("smith", &["--json", "history", CASE]));
    let told: Value = serde_json::from_str(&told).unwrap();
    let case = told["entries"][0]["chain"]["subject"].as_str().unwrap();
    let exhibit = subject();
    let mut entries = vec![officer.exhibit(&Subject::new(case).unwrap(), &exhibit)];
    for at in 1..=MANY as u64 {
        let end = (at, entries.last().unwrap().hash());
        entries.push(officer.digest(&exhibit, end));
    }
    let lines: Vec<String> = entries.iter().map(line).collect();
    let answers = submit_lines(&ledger.url, &lines).unwrap();
    assert!(answers.iter().all(|answer| answer.status == 201));
    let id = exhibit.as_str();
    ok(&ledger.run("smith", &["transfer", "offer", id, "--to", "Ellis Reed"]));
    ok(&ledger.run("reed", &["transfer", "accept", id]));
    let told = ok(&ledger.run("smith", &["history", id]));
    assert_eq!(
        told.matches(" digested exhibit ").count(),
        MANY,
        "all parts"
    );
    assert!(
        told.contains("received exhibit with id"),
        "the last of them"
    );
}
