//! Situations of real life, from seizure in the street to return to the owner, typed as a technician would type them
//! and read back as a person would tell them.
//!
//! Each `NN-name.txt` beside this file is one situation: what happened, in a paragraph; then lines `NAME$ COMMAND`,
//! each a real shell command by that person with the real `custodes` against a real service. What is indented under a
//! command must be in what it prints, in that order; under `custodes history` it must be the whole history. `NAME!`
//! is a command that must be refused. `{4 hours ago}` stands for that time, `{now}` for a time within the test, and
//! entries are counted from 1 in each history. `{entry of seal}` is the number that the last
//! command with that word said its entry has.
//!
//! At the end of each situation the bundle of its case is verified offline, and must tell the same sentences and
//! the same flags. `SITUATION=name` runs those whose name holds it; `BLESS=1` writes down the histories as they are,
//! to be read before they are committed; `-- --nocapture` prints them all.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used)]

#[path = "../common/ledger.rs"]
mod ledger;

mod script;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

use ledger::{Ledger, ends, ok};
use script::Script;
use words::{Clock, Recorded};

/// Organisations of the ledger, with their sectors.
const ORGANISATIONS: &[(&str, &str)] = &[
    ("northshire-police", "police"),
    ("southshire-police", "police"),
    ("nfu", "forensic"),
    ("cps", "prosecution"),
    ("hmcts", "court"),
    ("probation", "probation"),
    ("defence-llp", "defence"),
];

/// Who they are: what they are called here, organisation, roles, name.
const PEOPLE: &[(&str, &str, &str, &str)] = &[
    ("smith", "northshire-police", "officer", "DC Jo Smith"),
    (
        "hart",
        "northshire-police",
        "officer,disclosure-officer",
        "DC Lee Hart",
    ),
    ("price", "northshire-police", "officer", "Sgt Mo Price"),
    ("reed", "northshire-police", "store", "Ellis Reed"),
    ("quinn", "northshire-police", "store", "Sam Quinn"),
    (
        "dock",
        "northshire-police",
        "system",
        "Body-worn video dock 3",
    ),
    ("webb", "southshire-police", "officer", "DS Ida Webb"),
    ("barnes", "nfu", "examiner", "Kim Barnes"),
    ("osei", "nfu", "examiner", "Dr Ama Osei"),
    ("shah", "cps", "prosecutor", "Tariq Shah"),
    ("lowe", "hmcts", "court", "Pat Lowe"),
    ("dunn", "probation", "probation", "Viv Dunn"),
    ("morgan", "defence-llp", "defence", "Alex Morgan"),
    ("cole", "defence-llp", "defence", "Dr Nat Cole"),
];

#[test]
fn each_situation_can_be_recorded_and_reads_as_a_person_would_tell_it() {
    let wanted = std::env::var("SITUATION").unwrap_or_default();
    // Each has its number in the whole list, whichever are played: it is that of its case.
    let scripts: Vec<(usize, PathBuf)> = (1..)
        .zip(scripts())
        .filter(|(_, path)| name(path).contains(&wanted))
        .collect();
    assert!(!scripts.is_empty(), "no situation is called {wanted:?}");
    if wanted.is_empty() {
        assert!(
            scripts.len() >= 30,
            "there are only {} situations",
            scripts.len()
        );
    }
    let ledger = found();
    let mut wrong = Vec::new();
    for (number, path) in &scripts {
        let told = Situation::new(&ledger, *number).play(path);
        println!("{}", told.text);
        wrong.extend(
            told.wrong
                .into_iter()
                .map(|one| format!("{}: {one}", name(path))),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/situations");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// A ledger of all the organisations, with all the people.
fn found() -> Ledger {
    let orgs: Vec<String> = ORGANISATIONS
        .iter()
        .map(|(org, sector)| format!("{org}:{sector}"))
        .collect();
    let ledger = Ledger::founded(&orgs);
    for (org, _) in ORGANISATIONS {
        ledger.accept_genesis(org);
    }
    for (home, org, roles, name) in PEOPLE {
        ledger.enrol(home, org, roles, name);
    }
    ledger
}

/// One situation at work: a folder for its files, a case of its own.
struct Situation<'a> {
    ledger: &'a Ledger,
    folder: PathBuf,
    case: String,
    clock: Clock,
}

/// What a situation came to.
#[derive(Default)]
struct Played {
    text: String,
    wrong: Vec<String>,
}

impl<'a> Situation<'a> {
    fn new(ledger: &'a Ledger, number: usize) -> Situation<'a> {
        let folder = ledger.path(&format!("situation-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(ledger.path("ledger/policy"), folder.join("trust.policy")).unwrap();
        Situation {
            ledger,
            folder,
            case: format!("44NS10{number:02}026"),
            clock: Clock::now(),
        }
    }

    fn play(&self, path: &Path) -> Played {
        let mut script = Script::parse(&std::fs::read_to_string(path).unwrap());
        let mut played = Played {
            text: format!("\n{}\n{}\n", script.title, "=".repeat(70)),
            wrong: Vec::new(),
        };
        let mut sentences = Vec::new();
        let mut recorded = Recorded::default();
        for step in &mut script.steps {
            let command = recorded.fill(&step.command);
            let (code, said) = self.run(&step.person, &command);
            recorded.note(&command, &said);
            let may = if step.refused {
                &[2][..]
            } else if step.command.contains("custodes verify") {
                &[0, 3][..]
            } else {
                &[0][..]
            };
            if !may.contains(&code) {
                played
                    .wrong
                    .push(format!("{}\nended with {code}:\n{said}", step.command));
                continue;
            }
            if !step.is_history() {
                played.wrong.extend(step.misses(&self.clock.plain(&said)));
                continue;
            }
            // Of another case than this one there is no bundle here.
            if !step.command.contains("\"$CASE-") {
                sentences.extend(words::sentences(&said));
            }
            let told = self
                .clock
                .plain(&words::ranked(words::without_frame(&said)));
            played
                .text
                .push_str(&format!("\n{}$ {}\n\n{told}", step.person, step.command));
            if told.trim_end() != step.expected.join("\n").trim_end() {
                if std::env::var_os("BLESS").is_some() {
                    step.expected = told.trim_end().lines().map(str::to_owned).collect();
                } else {
                    played.wrong.push(format!(
                        "{}\nwas expected to tell:\n{}\nand told:\n{told}",
                        step.command,
                        step.expected.join("\n")
                    ));
                }
            }
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, script.to_text()).unwrap();
        }
        played.wrong.extend(self.check_offline(&sentences));
        played
    }

    /// The same is told by whoever verifies the bundle of the case, without the service.
    fn check_offline(&self, sentences: &[String]) -> Vec<String> {
        let take = "custodes bundle \"$CASE\" --out all.custody.json --purpose \"checking the whole case\"";
        ok(&self.command("smith", take).output().unwrap());
        let check = "custodes verify all.custody.json --policy trust.policy --timeline";
        let told = ends(
            &self
                .command("nobody", check)
                .env_remove("CUSTODES_URL")
                .output()
                .unwrap(),
            3,
        );
        // Who may see less of the case knows some exhibits by their ids alone.
        let whole = sentences
            .iter()
            .filter(|sentence| !sentence.contains("with id"));
        let missing = whole.filter(|sentence| !told.contains(*sentence));
        missing
            .map(|sentence| format!("the verified bundle does not tell: {sentence}"))
            .collect()
    }

    fn run(&self, person: &str, command: &str) -> (i32, String) {
        let output = self
            .command(person, &self.clock.fill(command))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8(text).unwrap(),
        )
    }

    fn command(&self, person: &str, command: &str) -> Command {
        let mut shell = Command::new("sh");
        let beside = Path::new(env!("CARGO_BIN_EXE_custodes")).parent().unwrap();
        let path = format!("{}:{}", beside.display(), std::env::var("PATH").unwrap());
        shell
            .args(["-c", command])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("CASE", &self.case)
            .env("AUTHORITY", self.ledger.path("ledger/authority"))
            .env("PEOPLE", self.ledger.folder.path())
            .env("CUSTODES_HOME", self.ledger.path(person))
            .env("CUSTODES_URL", &self.ledger.url)
            .env_remove("CUSTODES_PURPOSE")
            .stdin(std::process::Stdio::null());
        shell
    }
}
