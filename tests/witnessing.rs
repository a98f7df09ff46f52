//! The service and its witnesses, all real processes: receipts that ripen, bundles that carry the brackets, a stalled
//! and a dead witness, and a ledger that goes back or forks.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/ledger.rs"]
mod ledger;
#[path = "common/submitter.rs"]
mod submitter;
#[path = "common/witness.rs"]
mod witness;
#[path = "common/witnessed.rs"]
mod witnessed;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use custodes::protocol::checkpoint;
use custodes::protocol::id::Origin;
use custodes::protocol::note::VerifierKey;
use ledger::{CASE, Ledger, copy, ends, ok};
use submitter::{Submitter, subject, submit};
use witness::{Witness, get};
use witnessed::{policy, published, ready, until, witnessed};

fn register(ledger: &Ledger, name: &str) -> String {
    let file = ledger.path(name);
    std::fs::write(&file, name).unwrap();
    let mut register = ledger.register_command("smith", &file, name);
    ok(&register.arg("--json").output().unwrap())
}

fn bundle(ledger: &Ledger, to: &Path) {
    let to = to.display().to_string();
    ok(&ledger.run("smith", &["bundle", CASE, "--out", &to]));
}

fn verify(ledger: &Ledger, bundle: &Path, policy: &Path) -> std::process::Output {
    let args = [
        "verify",
        &bundle.display().to_string(),
        "--policy",
        &policy.display().to_string(),
    ]
    .map(str::to_owned);
    ledger.run("nobody", &args.each_ref().map(String::as_str))
}

#[test]
fn published_checkpoints_carry_the_quorum_and_bundles_say_so() {
    let (ledger, witnesses) = witnessed();
    register(&ledger, "JSM-1");
    let file = ledger.path("case.custody.json");
    bundle(&ledger, &file);

    // What is published has both signatures of the log and those of the witnesses, in the end of all three.
    let origin = Origin::new("evidence.example").unwrap();
    until("all cosignatures", || {
        let note = get(&format!("{}/checkpoint", ledger.url)).text;
        note.matches("\n— ").count() == 2 + 2 * witnesses.len()
    });
    let note = get(&format!("{}/checkpoint", ledger.url)).text;
    let text = std::fs::read_to_string(ledger.path("ledger/policy")).unwrap();
    let logs: Vec<VerifierKey> = text
        .lines()
        .filter_map(|line| line.strip_prefix("log "))
        .map(|key| VerifierKey::parse(key).unwrap())
        .collect();
    let logs: Vec<&VerifierKey> = logs.iter().collect();
    let keys: Vec<&VerifierKey> = witnesses.iter().flat_map(|one| &one.vkeys).collect();
    let (head, open) = checkpoint::open_with(&note, &logs, &keys).unwrap();
    assert_eq!((open.verified.len(), open.unverified.len()), (8, 0));
    assert!(
        open.verified
            .iter()
            .filter(|one| one.time.is_none())
            .count()
            == 2,
        "the log's own state no time"
    );
    for witness in &witnesses {
        let (seen, _) = checkpoint::open(&witness.monitor(&origin).text, logs[0]).unwrap();
        assert_eq!(seen, head, "the witness remembers the same");
    }

    // The reader's policy: two of three, by any key; all three; post-quantum alone.
    for (threshold, post_quantum) in [(2, false), (2, true)] {
        let trust = ledger.path("trust.policy");
        std::fs::write(&trust, policy(&ledger, &witnesses, threshold, post_quantum)).unwrap();
        let said = ends(&verify(&ledger, &file, &trust), 3);
        assert!(
            !said.contains("no-witness") && !said.contains("quorum-not-met"),
            "{said}"
        );
        assert!(said.contains("by the clocks of"), "{said}");
    }
    // A reader who asks for a witness that never saw it.
    let stranger = Witness::new("witness.prison.example", &[]);
    let trust = ledger.path("other.policy");
    let mut all = witnesses;
    all.push(stranger);
    std::fs::write(&trust, policy(&ledger, &all, 4, false)).unwrap();
    assert!(ends(&verify(&ledger, &file, &trust), 1).contains("quorum-not-met"));
}

#[test]
fn receipts_ripen_and_wait_for_the_quorum() {
    let (mut ledger, mut witnesses) = witnessed();
    let recorded = register(&ledger, "JSM-1");
    let recorded: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    let e = recorded["e"].as_str().unwrap().to_owned();
    let said = ok(&ledger.run("smith", &["receipt", "wait", &e, "--seconds", "30"]));
    assert!(said.contains("witnessed"), "{said}");

    // One of three witnesses dead: still a quorum.
    witnesses[0].kill();
    let second: serde_json::Value = serde_json::from_str(&register(&ledger, "JSM-2")).unwrap();
    ok(&ledger.run(
        "smith",
        &[
            "receipt",
            "wait",
            second["e"].as_str().unwrap(),
            "--seconds",
            "30",
        ],
    ));
    // Two dead: recorded and durable, and not witnessed; everything says so.
    witnesses[1].kill();
    let third: serde_json::Value = serde_json::from_str(&register(&ledger, "JSM-3")).unwrap();
    let e = third["e"].as_str().unwrap().to_owned();
    let said = ends(
        &ledger.run("smith", &["receipt", "wait", &e, "--seconds", "1"]),
        3,
    );
    assert!(said.contains("not yet witnessed"), "{said}");
    // They come back, and the receipt ripens without another entry.
    witnesses[0].start();
    ok(&ledger.run("smith", &["receipt", "wait", &e, "--seconds", "90"]));

    // The receipt holds after a restart, and a start without a quorum records nothing.
    ledger.kill();
    witnesses[0].kill();
    ledger.start();
    assert_eq!(ready(&ledger).0, 503);
    let refused = ledger.run(
        "smith",
        &["--json", "case", "open", "--reference", "X", "--title", "Y"],
    );
    assert!(ends(&refused, 2).contains("not-confirmed"));
    assert_eq!(
        get(&format!("{}/checkpoint", ledger.url)).status,
        200,
        "the log is served"
    );
    witnesses[1].start();
    until("a quorum", || ready(&ledger).0 == 200);
    register(&ledger, "JSM-4");
}

#[test]
fn a_dead_and_a_stalled_witness_do_not_slow_writers() {
    let (ledger, mut witnesses) = witnessed();
    let officer = Submitter::of(&ledger, "smith");
    let case = subject();
    assert_eq!(
        submit(&ledger.url, &officer.case(&case)).unwrap().status,
        201
    );
    // How long each submission takes, sorted: one after the other, for so long, signed before its clock starts.
    let measure = |what: &str, seconds: u64| {
        let (begun, mut each) = (Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_secs(seconds) {
            let entry = officer.exhibit(&case, &subject());
            let sent = Instant::now();
            let answer = submit(&ledger.url, &entry).unwrap();
            each.push(sent.elapsed());
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        each.sort_unstable();
        let at = |share: usize| each[(each.len() * share / 1000).min(each.len() - 1)];
        let (half, most, all) = (at(500), at(990), at(1000));
        println!(
            "{what}: {} submissions, half in {half:?}, 99% in {most:?}, all in {all:?}",
            each.len()
        );
        (half, all)
    };
    let signal = |witness: &Witness, name: &str| {
        let id = witness.process.as_ref().unwrap().id().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    };
    let (before, _) = measure("three witnesses", 15);
    witnesses[1].kill();
    // It takes the connection, and the request, and answers nothing.
    signal(&witnesses[2], "-STOP");
    let (half, all) = measure("one dead, one stalled", 30);
    signal(&witnesses[2], "-CONT");
    witnesses[1].start();
    let (after, _) = measure("three again", 15);
    let usual = before.max(after);
    assert!(half < 2 * usual, "{half:?} where {usual:?} was usual");
    assert!(
        all < Duration::from_secs(15),
        "somebody waited for a witness: {all:?}"
    );
    // What was recorded meanwhile was durable, and is witnessed now.
    until("all cosignatures", || published(&ledger).1 == 8);
}

#[test]
fn a_ledger_that_was_rolled_back_or_rewritten_refuses_to_sign() {
    let (mut ledger, witnesses) = witnessed();
    ledger.enrol("jones", "police", "officer", "DC Sam Jones");
    until("all published", || published(&ledger).1 == 8);
    ledger.kill();
    let (now, old) = (ledger.path("ledger"), ledger.path("old"));
    copy(&now, &old);
    ledger.start();
    until("a quorum", || ready(&ledger).0 == 200);
    let (before, _) = published(&ledger);
    register(&ledger, "JSM-1");
    until("the new end witnessed", || {
        let (size, signatures) = published(&ledger);
        size > before && signatures == 8
    });
    ledger.kill();

    // An older copy of the folder, as after a restore.
    std::fs::rename(&now, ledger.path("newest")).unwrap();
    std::fs::rename(&old, &now).unwrap();
    ledger.start();
    until("the alarm", || ready(&ledger).1.contains("ALARM"));
    let (status, words) = ready(&ledger);
    assert_eq!(status, 503);
    assert!(words.contains("was rolled back"), "{words}");
    let stood = published(&ledger);
    let open = ["--json", "case", "open", "--reference", "X", "--title", "Y"];
    assert!(ends(&ledger.run("jones", &open), 2).contains("other-history"));
    assert_eq!(published(&ledger).0, stood.0, "nothing was signed");

    // The operator goes on from there without witnesses, past the old size, and then wants them back.
    ledger.kill();
    let file = ledger.path("ledger/policy");
    let log = std::fs::read_to_string(&file).unwrap();
    let log = log.lines().find(|line| line.starts_with("log ")).unwrap();
    std::fs::write(&file, format!("{log}\nquorum none\n")).unwrap();
    ledger.start();
    for reference in ["X", "Y", "Z"] {
        ok(&ledger.run(
            "jones",
            &["case", "open", "--reference", reference, "--title", "Y"],
        ));
    }
    until("all published", || published(&ledger).0 > before + 2);
    ledger.kill();
    std::fs::copy(ledger.path("newest/policy"), &file).unwrap();
    ledger.start();
    until("the alarm", || ready(&ledger).1.contains("ALARM"));
    let (status, words) = ready(&ledger);
    assert_eq!(status, 503);
    assert!(words.contains("was changed"), "{words}");
    // The two checkpoints are proof, which anyone can check who knows the log's key.
    let file = std::fs::read_dir(ledger.path("ledger/forks")).unwrap();
    // Another witness may just be having it written again.
    let whole =
        |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "custody-fork");
    let files: Vec<_> = file
        .map(|file| file.unwrap().path())
        .filter(whole)
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let shown = verify(&ledger, &files[0], &ledger.path("newest/policy"));
    let said = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0), "{said}");
    assert_eq!(
        said.matches("Both were signed with the key of the log")
            .count(),
        2,
        "{said}"
    );
    drop(witnesses);
}

/// A witness of the first version of the protocol: to another tree of the size that it cosigned it answers 409 with
/// that size. This one has "cosigned" another tree of whatever size it is asked about.
fn contrary() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = std::io::BufReader::new(stream.unwrap());
            let mut lines = Vec::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                let name = line.to_ascii_lowercase();
                if let Some(value) = name.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                lines.push(line);
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            // Size of the checkpoint: the second line after the empty line that ends the proof.
            let size = body
                .split("\n\n")
                .nth(1)
                .and_then(|note| note.lines().nth(1));
            let (status, text) = match size {
                Some(size) => ("409 Conflict", format!("{size}\n")),
                None => ("404 Not Found", String::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: text/x.tlog.size\r\nconnection: close");
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn another_tree_of_the_same_size_is_an_accusation_in_either_version() {
    let mut ledger = Ledger::new();
    let mut witness = Witness::new("witness.court.example", &[]);
    witness.url = contrary();
    ledger.kill();
    let text = policy(&ledger, std::slice::from_ref(&witness), 1, false);
    std::fs::write(ledger.path("ledger/policy"), text).unwrap();
    ledger.start();
    until("the alarm", || ready(&ledger).1.contains("ALARM"));
    let (_, words) = ready(&ledger);
    assert!(words.contains("has cosigned another tree of"), "{words}");
}
