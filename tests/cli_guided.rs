//! Guided recording, through a real terminal: what is missing is asked for in words, each answer is checked at once,
//! nothing is asked twice, and nothing is signed before it was shown and confirmed.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "common/ledger.rs"]
mod ledger;

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ledger::{CASE, Ledger, ends, ok};

/// How long a question may take: a busy machine signs slowly.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command at a terminal of its own, which `script` of util-linux makes.
struct Terminal {
    child: Child,
    typed: ChildStdin,
    shown: Receiver<Vec<u8>>,
    unread: String,
}

impl Terminal {
    fn new(ledger: &Ledger, args: &[&str]) -> Terminal {
        let quoted = args.iter().map(|arg| format!(" '{arg}'"));
        let command = format!(
            "{}{}",
            env!("CARGO_BIN_EXE_custodes"),
            quoted.collect::<String>()
        );
        let mut child = Command::new("script")
            .args(["-q", "-e", "-c", &command, "/dev/null"])
            .env("CUSTODES_HOME", ledger.path("smith"))
            .env("CUSTODES_URL", &ledger.url)
            .env("TZ", "UTC")
            .env_remove("CUSTODES_PURPOSE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, shown) = channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let typed = child.stdin.take().unwrap();
        Terminal {
            child,
            typed,
            shown,
            unread: String::new(),
        }
    }

    /// Waits until something is shown; what was shown before it.
    fn shows(&mut self, words: &str) -> String {
        loop {
            if let Some((before, after)) = self.unread.split_once(words) {
                let before = before.to_owned();
                self.unread = after.to_owned();
                return before;
            }
            let Ok(more) = self.shown.recv_timeout(PATIENCE) else {
                panic!("{words:?} is not shown, but: {}", self.unread);
            };
            self.unread.push_str(&String::from_utf8(more).unwrap());
        }
    }

    /// Waits for each question in turn, and answers it.
    fn talk(&mut self, talk: &[(&str, &str)]) {
        for (question, answer) in talk {
            self.shows(question);
            self.types(&format!("{answer}\n"));
        }
    }

    fn types(&mut self, text: &str) {
        self.typed.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the command has ended; its exit code.
    fn ends(mut self) -> i32 {
        let code = self.child.wait().unwrap().code().unwrap();
        drop(self.typed);
        code
    }
}

#[test]
fn what_is_missing_is_asked_for_and_shown_before_it_is_signed() {
    let ledger = Ledger::new();
    let mut terminal = Terminal::new(&ledger, &["record", "seized", "--set", "kind=device"]);
    terminal.talk(&[
        ("the reference of the new exhibit", "44NS1234526 JSM/1"),
        ("Who had it before (may be left out): ", ""),
        ("Number on the seal (may be left out): ", "K  1"),
        // What cannot be is said at once, and asked again.
        ("Number on the seal (may be left out): ", "K1234567"),
        ("What it is: ", ""),
        ("this must be said", ""),
        ("What it is: ", "Phone, black"),
        (
            "Under which power or consent it was obtained: ",
            "PACE 1984 s.19",
        ),
        ("Place (may be left out): ", "Harbour Street"),
        ("Who witnessed it (may be left out): ", ""),
        ("Condition it was in (may be left out): ", "on, locked"),
        ("Number of the bag (may be left out): ", ""),
        ("Go through them now (yes or no) [no]: ", ""),
        ("When did it happen [now]: ", "last night"),
        ("is not a time", "2026-03-14 21:14"),
    ]);
    for shown in [
        "This will be signed with your key:",
        "record             seized",
        "happened           14 March 2026 21:14:00 UTC",
        "kind               device",
        "seal               K1234567",
        "description        \"Phone, black\"",
    ] {
        terminal.shows(shown);
    }
    terminal.talk(&[("Sign and record this? (yes or no): ", "yes")]);
    terminal.shows("Recorded as entry");
    assert_eq!(terminal.ends(), 0);
    let told = ok(&ledger.run("smith", &["history", "44NS1234526 JSM/1"]));
    let sentence = "they seized exhibit JSM/1 (device), described as \"Phone, black\", at \"Harbour Street\", \
                    under \"PACE 1984 s.19\", sealed as K1234567. Also recorded: condition: \"on, locked\".";
    assert!(told.contains(sentence), "{told}");

    // An entry is offered by its number; what was said on the command line is not asked for.
    let seal = ["hold", "44NS1234526 JSM/1", "--basis", "appeal"];
    ok(&ledger.run("smith", &seal));
    let lift = [
        "record",
        "hold-lifted",
        "44NS1234526 JSM/1",
        "--detail",
        "basis=appeal withdrawn",
    ];
    let mut terminal = Terminal::new(&ledger, &lift);
    terminal.talk(&[("The hold (number of the entry) [", "")]);
    let before = terminal.shows("When did it happen [now]: ");
    assert!(!before.contains("On what basis"), "asked again: {before}");
    terminal.types("\n");
    terminal.talk(&[("Sign and record this? (yes or no): ", "y")]);
    terminal.shows("Recorded as entry");
    assert_eq!(terminal.ends(), 0);
    let told = ok(&ledger.run("smith", &["history", "44NS1234526 JSM/1"]));
    assert!(told.contains("they lifted the hold of entry"), "{told}");
}

#[test]
fn nothing_is_recorded_without_a_yes_and_nothing_asked_without_a_terminal() {
    let ledger = Ledger::new();
    let target = "44NS1234526 JSM/1";
    let power = "power_or_consent=consent";
    let seize = [
        "record",
        "seized",
        target,
        "--set",
        "kind=device",
        "--detail",
        power,
    ];
    let whole = [&seize[..], &["--detail", "description=Phone"]].concat();
    let mut terminal = Terminal::new(&ledger, &seize);
    let questions = [
        ("Who had it before", ""),
        ("Number on the seal", ""),
        ("What it is: ", "Phone"),
        ("Place", ""),
        ("Who witnessed it", ""),
        ("Condition", ""),
        ("Number of the bag", ""),
        ("Go through them now", "no"),
        ("When did it happen", ""),
        ("Sign and record this? (yes or no): ", "no"),
    ];
    terminal.talk(&questions);
    terminal.shows("nothing was signed or recorded");
    assert_eq!(terminal.ends(), 2);
    // The end of what is typed stops it, wherever it is.
    let mut terminal = Terminal::new(&ledger, &seize);
    terminal.shows("Who had it before");
    terminal.types("\u{4}");
    terminal.shows("nothing was signed or recorded");
    assert_eq!(terminal.ends(), 2);
    let told = ok(&ledger.run("smith", &["history", CASE]));
    assert!(!told.contains("was added to the case's list"), "{told}");
    // What is whole is recorded without a question.
    let mut terminal = Terminal::new(&ledger, &whole);
    let before = terminal.shows("Recorded as entry");
    assert!(!before.contains('?'), "{before}");
    assert_eq!(terminal.ends(), 0);

    // Not a terminal: the error says what is missing.
    let said = ends(&ledger.run("smith", &["record", "sealed", target]), 2);
    assert!(
        said.contains("error[bad-body]") && said.contains("lacks \"seal\""),
        "{said}"
    );
    let said = ends(&ledger.run("smith", &["record", "sealed"]), 2);
    assert!(
        said.contains("error[usage]") && said.contains("say what"),
        "{said}"
    );
}
