//! What the service says to requests that cost too much or make no sense, over real connections.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/tracer.rs"]
mod tracer;
#[path = "common/wire.rs"]
mod wire;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ledger::Ledger;
use submitter::{Submitter, line, subject, submit};
use wire::{Answer, ask, connect, raw};

/// The service notices closed connections in its own time.
fn until_a_place_is_free(ledger: &Ledger) {
    let begun = std::time::Instant::now();
    while ask(ledger, "GET", "/healthz", "", b"").status != 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "no place came free"
        );
    }
}

#[test]
fn every_wrong_request_gets_a_problem_with_a_stable_code() {
    let ledger = Ledger::new();
    let long = "x".repeat(5000);
    let json = "content-type: application/json\r\n";
    let deep = format!("{{\"entry\":{}{}}}", "[".repeat(500), "]".repeat(500));
    let whole = format!("{{\"entry\":\"{}\"}}", "a".repeat(3 << 20));
    let batch = "content-type: application/x-ndjson\r\n";
    let cases: &[(&str, &str, &str, &str, u16, &str)] = &[
        ("GET", "/nothing", "", "", 404, "no-such-path"),
        ("DELETE", "/v1/ledger", "", "", 405, "method-not-allowed"),
        ("PATCH", "/v1/entries", "", "", 405, "method-not-allowed"),
        (
            "GET",
            &format!("/v1/resolve?reference={long}"),
            "",
            "",
            414,
            "uri-too-long",
        ),
        ("GET", "/v1/consistency/a/b", "", "", 400, "bad-request"),
        (
            "GET",
            "/v1/consistency/0/99999999999999999999",
            "",
            "",
            400,
            "bad-request",
        ),
        ("GET", "/v1/consistency/3/2", "", "", 400, "bad-sizes"),
        ("GET", "/tile/0/999", "", "", 404, "no-such-tile"),
        ("GET", "/v1/lookup?sha256=zz", "", "", 401, "token-missing"),
        ("GET", "/v1/lookup", "", "", 400, "bad-request"),
        ("POST", "/v1/entries", "", "{}", 415, "media-type"),
        ("POST", "/v1/entries", json, "{}", 400, "bad-request"),
        ("POST", "/v1/entries", json, &deep, 400, "bad-request"),
        (
            "POST",
            "/v1/entries",
            json,
            "{\"entry\":\"a.b.c~\"}",
            400,
            "bad-entry",
        ),
        ("POST", "/v1/entries", json, &whole, 413, "body-too-long"),
        (
            "POST",
            "/v1/entries",
            batch,
            &"\n".repeat((16 << 20) + 1),
            413,
            "body-too-long",
        ),
        (
            "POST",
            "/v1/entries",
            batch,
            &"x\n".repeat(32_769),
            413,
            "too-many-lines",
        ),
    ];
    for (method, path, headers, body, status, code) in cases {
        ask(&ledger, method, path, headers, body.as_bytes()).is_problem(*status, code);
    }
    let wrong = ask(&ledger, "DELETE", "/v1/ledger", "", b"").head;
    assert!(wrong.contains("allow: GET,HEAD"), "{wrong}");
    let refused = ask(&ledger, "GET", "/v1/lookup?sha256=00", "", b"").head;
    assert!(refused.contains("www-authenticate: Custody"), "{refused}");
    // Nothing of this was taken in, and the service still answers.
    let head = ask(&ledger, "HEAD", "/v1/ledger", "", b"");
    assert_eq!((head.status, head.body.len()), (200, 0), "{}", head.head);
    let metrics = ask(&ledger, "GET", "/metrics", "", b"").text();
    let counted = "custodes_requests_total{route=\"/v1/ledger\",method=\"other\",status=\"405\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
    assert!(
        metrics.contains("custodes_problems_total{code=\"no-such-tile\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("custodes_writing 1"), "{metrics}");
    // Through a proxy they are not for everybody.
    let hidden = ask(
        &ledger,
        "GET",
        "/metrics",
        "x-forwarded-for: 192.0.2.1\r\n",
        b"",
    );
    hidden.is_problem(404, "no-such-path");
}

#[test]
fn so_many_batches_at_once_and_no_more() {
    let ledger = Ledger::new();
    let kind = "content-type: application/x-ndjson\r\n";
    // Of sixteen half-sent batches eight are held, and eight get an answer at once.
    let (answers, answered) = std::sync::mpsc::channel();
    let begun = |_| {
        let mut stream = connect(&ledger);
        let head = wire::head("POST", "/v1/entries", kind, 4);
        stream.write_all(format!("{head}x\n").as_bytes()).unwrap();
        let (mut reading, answers) = (stream.try_clone().unwrap(), answers.clone());
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = reading.read_to_end(&mut answer);
            let _ = answers.send(Answer::of(&answer));
        });
        stream
    };
    let held: Vec<TcpStream> = (0..16).map(begun).collect();
    for refused in answered.iter().take(8) {
        refused.is_problem(429, "too-many-batches");
        assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    }
    // One entry is not refused meanwhile.
    let json = "content-type: application/json\r\n";
    ask(&ledger, "POST", "/v1/entries", json, b"{}").is_problem(400, "bad-request");
    for mut stream in &held {
        // Those that were refused are closed.
        let _ = stream.write_all(b"y\n");
    }
    for answer in answered.iter().take(8) {
        let lines = answer.text();
        assert_eq!((answer.status, lines.lines().count()), (200, 2), "{lines}");
    }
    let again = ask(&ledger, "POST", "/v1/entries", kind, b"x\n");
    assert_eq!(again.status, 200, "{}", again.text());
}

#[test]
fn a_header_too_long_ends_the_connection_and_not_the_service() {
    let ledger = Ledger::new();
    let header = format!("x: {}\r\n", "a".repeat(40 << 10));
    assert_eq!(ask(&ledger, "GET", "/v1/ledger", &header, b"").status, 431);
    let lines = "x: a\r\n".repeat(100);
    assert_eq!(ask(&ledger, "GET", "/v1/ledger", &lines, b"").status, 431);
    assert_eq!(raw(&ledger, b"not http at all\r\n\r\n").status, 400);
    assert_eq!(ask(&ledger, "GET", "/v1/ledger", "", b"").status, 200);
}

#[test]
fn connections_beyond_the_limit_are_told_so_and_places_come_free_again() {
    let ledger = Ledger::new();
    let held: Vec<TcpStream> = (0..512).map(|_| connect(&ledger)).collect();
    let mut told = connect(&ledger);
    let mut answer = Vec::new();
    told.read_to_end(&mut answer).unwrap();
    let answer = Answer::of(&answer);
    answer.is_problem(503, "too-many-connections");
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    drop(held);
    until_a_place_is_free(&ledger);
}

#[test]
fn more_than_the_writer_can_take_is_told_to_come_back_while_readers_are_served() {
    let ledger = Ledger::new();
    let officer = Submitter::of(&ledger, "smith");
    let case = subject();
    let opened = submit(&ledger.url, &officer.case(&case)).unwrap();
    assert_eq!(opened.status, 201);
    let entries: Vec<_> = (0..400)
        .map(|_| officer.exhibit(&case, &subject()))
        .collect();
    // A disk that takes three seconds for each sync.
    let slow = ["-e", "inject=fdatasync:delay_enter=3000000"];
    let args = [&["-e", "trace=fdatasync"][..], &slow].concat();
    let Some(mut tracer) = tracer::attach(&ledger, &args, &ledger.path("trace")) else {
        return;
    };
    let (ledger, json) = (&ledger, "content-type: application/json\r\n");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = entries
            .iter()
            .map(|entry| {
                scope
                    .spawn(move || ask(ledger, "POST", "/v1/entries", json, line(entry).as_bytes()))
            })
            .collect();
        // The checkpoint of before is there for whoever reads.
        while !ask(ledger, "GET", "/metrics", "", b"")
            .text()
            .contains("custodes_problems_total{code=\"busy\"}")
        {}
        assert_eq!(ask(ledger, "GET", "/checkpoint", "", b"").status, 200);
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    tracer.kill().unwrap();
    tracer.wait().unwrap();
    let mut again = 0;
    for (entry, answer) in entries.iter().zip(&answers) {
        if answer.status == 201 {
            continue;
        }
        answer.is_problem(429, "busy");
        assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
        again += 1;
        // The same bytes, later.
        assert_eq!(submit(&ledger.url, entry).unwrap().status, 201);
    }
    // What the queue holds was taken, and the rest was not.
    assert!((1..=400 - 256).contains(&again), "{again}");
    println!("{again} of 400 were told to come back");
}

#[test]
fn a_stop_answers_what_was_taken_and_a_second_one_does_not_wait() {
    let mut ledger = Ledger::new();
    // A request of which half has come.
    let mut half = connect(&ledger);
    let head = "POST /v1/entries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{";
    half.write_all(head.as_bytes()).unwrap();
    while !ask(&ledger, "GET", "/metrics", "", b"")
        .text()
        .contains("custodes_connections 2")
    {}
    ledger.signal("TERM");
    // No new connection is taken once it has heard; the one it had taken is answered.
    while TcpStream::connect(ledger.url.strip_prefix("http://").unwrap()).is_ok() {}
    half.write_all(b"}").unwrap();
    let mut answer = Vec::new();
    half.read_to_end(&mut answer).unwrap();
    Answer::of(&answer).is_problem(400, "bad-request");
    assert!(ledger.ended().success());

    ledger.start();
    let mut half = connect(&ledger);
    half.write_all(head.as_bytes()).unwrap();
    while !ask(&ledger, "GET", "/metrics", "", b"")
        .text()
        .contains("custodes_connections 2")
    {}
    let begun = std::time::Instant::now();
    ledger.signal("INT");
    while TcpStream::connect(ledger.url.strip_prefix("http://").unwrap()).is_ok() {}
    ledger.signal("INT");
    assert!(ledger.ended().success());
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it waited for a slow client"
    );
}

#[test]
fn one_address_gets_so_many_connections_and_no_more() {
    let mut ledger = Ledger::new();
    ledger.stop();
    ledger.start_with(&["--connections-each", "3"]);
    let held: Vec<TcpStream> = (0..3).map(|_| connect(&ledger)).collect();
    let mut told = connect(&ledger);
    let mut answer = Vec::new();
    told.read_to_end(&mut answer).unwrap();
    Answer::of(&answer).is_problem(503, "too-many-connections-of-address");
    // Another address of this machine has places of its own.
    let port: u16 = ledger.url.rsplit(':').next().unwrap().parse().unwrap();
    let socket = std::process::Command::new("curl")
        .args(["--silent", "--interface", "127.0.0.2", "--max-time", "30"])
        .arg(format!("http://127.0.0.1:{port}/healthz"))
        .output();
    match socket {
        Ok(output) => assert_eq!(output.stdout, b"ok\n"),
        Err(_) => println!("curl is not present: not tried from another address"),
    }
    drop(held);
    until_a_place_is_free(&ledger);
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let mut ledger = Ledger::new();
    ledger.stop();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let apart = free.local_addr().unwrap().to_string();
    drop(free);
    ledger.start_with(&["--metrics-listen", &apart]);
    ask(&ledger, "GET", "/metrics", "", b"").is_problem(404, "no-such-path");
    let ask_apart = |path: &str| {
        let mut stream = TcpStream::connect(&apart).unwrap();
        let request = wire::head("GET", path, "", 0);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::of(&answer)
    };
    let metrics = ask_apart("/metrics");
    assert_eq!(metrics.status, 200);
    for name in [
        "custodes_log_size ",
        "custodes_scrub_passes ",
        "custodes_scrub_findings 0",
    ] {
        assert!(metrics.text().contains(name), "{}", metrics.text());
    }
    ask_apart("/v1/ledger").is_problem(404, "no-such-path");
}
