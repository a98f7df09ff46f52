//! The corpus of bundles under `tests/vectors`, for whoever writes a verifier: good ones, ones that leave something
//! open, and bad ones, each with the verdict that docs/FORMATS.md demands. It is made here, byte for byte the same each
//! time; `UPDATE=1 cargo test --release --test bundle_vectors` writes it anew.
//!
//! What a vector must give (exit code and reason) is said by hand where it is made. The other members of
//! `expected.json` are what our verifier finds.

#![allow(clippy::unwrap_used)]

mod chained;
mod edited;
mod forged;
mod good;
mod hidden;
mod histories;
mod opened;
mod refused;
mod spelled;
#[path = "../common/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use custodes::protocol::bundle::{Bundle, Content, OpenContent};
use custodes::protocol::id::Origin;
use custodes::protocol::mldsa::PqSecretKey;
use custodes::protocol::note::VerifierKey;
use serde_json::{Value, json};
use world::{Sample, World, sample};

/// What the video of the sample is, as a file: `evidence/camera4.mp4`.
const EVIDENCE: &str = "camera4.mp4";

/// A bundle, how it is to be checked, and what must come of it.
struct Vector {
    /// File name without `.custody.json`.
    name: String,
    /// A sentence: what it is, or what was done to it.
    says: String,
    bundle: Vec<u8>,
    /// Trust policy, by name.
    policy: &'static str,
    /// Files that the reader holds.
    evidence: Vec<&'static str>,
    /// Files that lie beside it, by name.
    beside: Vec<(String, Vec<u8>)>,
    /// Other vectors, whose bundles the reader kept.
    known: Vec<String>,
    exit: u8,
    /// Code of a finding that there must be: of what failed, of what could not be checked, or a note.
    code: Option<&'static str>,
    /// Codes of flags that there must be, beside any others.
    flags: Vec<&'static str>,
}

impl Vector {
    /// Everything about it can be checked and holds.
    fn good(name: &str, says: &str, bundle: &Bundle) -> Vector {
        Vector {
            evidence: vec![EVIDENCE],
            ..Vector::of(name, says, bundle.to_bytes(), 0, None)
        }
    }

    /// Nothing fails, but something cannot be checked.
    fn open(code: &'static str, name: &str, says: &str, bundle: &Bundle) -> Vector {
        Vector::good(name, says, bundle).unchecked(code)
    }

    fn unchecked(self, code: &'static str) -> Vector {
        Vector {
            exit: 3,
            ..self.note(code)
        }
    }

    /// Something fails.
    fn bad(code: &'static str, name: &str, says: &str, bundle: &Bundle) -> Vector {
        Vector::of(name, says, bundle.to_bytes(), 1, Some(code))
    }

    fn of(name: &str, says: &str, bundle: Vec<u8>, exit: u8, code: Option<&'static str>) -> Vector {
        Vector {
            name: name.to_owned(),
            says: says.to_owned(),
            bundle,
            policy: "court",
            evidence: Vec::new(),
            beside: Vec::new(),
            known: Vec::new(),
            exit,
            code,
            flags: Vec::new(),
        }
    }

    fn note(mut self, code: &'static str) -> Vector {
        self.code = Some(code);
        self
    }

    fn flagged(mut self, flags: &[&'static str]) -> Vector {
        self.flags = flags.to_vec();
        self
    }

    fn under(mut self, policy: &'static str) -> Vector {
        self.policy = policy;
        self
    }

    fn holding(mut self, evidence: &[&'static str]) -> Vector {
        self.evidence = evidence.to_vec();
        self
    }

    fn beside(mut self, name: &str, bytes: &[u8]) -> Vector {
        self.beside.push((name.to_owned(), bytes.to_vec()));
        self
    }

    fn knowing(mut self, vector: &str) -> Vector {
        self.known.push(vector.to_owned());
        self
    }

    /// Path below `tests/vectors`. One with files beside it has a folder of its own.
    fn path(&self) -> String {
        let folder = match self.beside.is_empty() {
            true => String::new(),
            false => format!("{}/", self.name),
        };
        format!("bundles/{folder}{}.custody.json", self.name)
    }
}

/// All of them.
fn vectors() -> Vec<Vector> {
    let mut all = good::vectors();
    all.extend(opened::vectors());
    all.extend(spelled::vectors());
    all.extend(edited::vectors());
    all.extend(chained::vectors());
    all.extend(forged::vectors());
    all.extend(refused::vectors());
    all.extend(hidden::vectors());
    all.extend(histories::vectors());
    all
}

/// The post-quantum keys of the log and of the witness.
fn post_quantum_keys() -> [PqSecretKey; 2] {
    [[0x43; 32], [0x44; 32]].map(PqSecretKey::from_seed)
}

/// The policies, by name. Every ledger of the corpus but one has the same keys.
fn policies() -> BTreeMap<&'static str, String> {
    let world = World::new("evidence.northshire.example");
    let (log, witness) = (world.log_vkey(), world.witness_vkey());
    let name = |text: &str| Origin::new(text).unwrap();
    let [pq_log, pq_witness] = post_quantum_keys().map(|key| key.public());
    let pq_log = VerifierKey::ml_dsa_44(world.origin.clone(), pq_log);
    let pq_witness = VerifierKey::ml_dsa_44(name("witness.example"), pq_witness);
    let other = hidden::other_log_vkey(&world.origin);
    let elsewhere = World::new("evidence.southshire.example").log_vkey();
    BTreeMap::from([
        (
            "court",
            format!("log {log}\nwitness court {witness}\nquorum court\n"),
        ),
        ("no-witness", format!("log {log}\nquorum none\n")),
        (
            "auditor",
            format!(
                "log {log}\nwitness court {witness}\ngroup map-recomputed 1 court\nquorum map-recomputed\n"
            ),
        ),
        (
            "post-quantum",
            format!("log {pq_log}\nwitness court {pq_witness}\nquorum court\n"),
        ),
        (
            "continued",
            format!(
                "log {log}\nlog {}\nwitness court {witness}\nquorum court\n",
                good::ended().1
            ),
        ),
        (
            "other-log-key",
            format!("log {other}\nwitness court {witness}\nquorum court\n"),
        ),
        (
            "other-ledger",
            format!("log {elsewhere}\nwitness court {witness}\nquorum court\n"),
        ),
    ])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// What `custodes verify --json` says of a vector.
fn verified(vector: &Vector, paths: &BTreeMap<String, String>, folder: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodes"));
    command.args(["verify", "--json", &vector.path(), "--policy"]);
    command.arg(format!("policies/{}.policy", vector.policy));
    for file in &vector.evidence {
        command.args(["--file", &format!("evidence/{file}")]);
    }
    for known in &vector.known {
        command.args(["--known", &paths[known]]);
    }
    let done = command.current_dir(folder).output().unwrap();
    let exit = done.status.code().unwrap();
    let said: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|_| panic!("{}: {}", vector.name, String::from_utf8_lossy(&done.stderr)));
    assert_eq!(said["exit"], exit, "{}", vector.name);
    said
}

fn codes(said: &Value, severity: &str) -> BTreeSet<String> {
    let findings = said["findings"].as_array().unwrap().iter();
    let these = findings.filter(|one| one["severity"] == severity);
    these
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect()
}

fn flags(said: &Value) -> Vec<Value> {
    let flags = said["bundle"]["flags"].as_array().into_iter().flatten();
    flags
        .map(|one| json!({"code": one["code"], "entries": one["entries"], "exhibit": one["exhibit"]}))
        .collect()
}

/// The row of a vector in `expected.json`.
fn expected(vector: &Vector, said: &Value) -> Value {
    let questions = said["questions"].as_array().unwrap().iter();
    let answers: Vec<&Value> = questions.map(|one| &one["answer"]).collect();
    json!({
        "name": vector.name,
        "says": vector.says,
        "bundle": vector.path(),
        "policy": format!("policies/{}.policy", vector.policy),
        "evidence": vector.evidence.iter().map(|file| format!("evidence/{file}")).collect::<Vec<_>>(),
        "known": vector.known.iter().map(|name| format!("bundles/{name}.custody.json")).collect::<Vec<_>>(),
        "exit": vector.exit,
        "code": vector.code,
        "failed": codes(said, "failed"),
        "not_checked": codes(said, "not checked"),
        "notes": codes(said, "note"),
        "answers": answers,
        "flags": flags(said),
    })
}

/// Every file of the corpus but `expected.json` and the README.
fn files(vectors: &[Vector]) -> BTreeMap<String, Vec<u8>> {
    let sample: Sample = sample();
    let mut files = BTreeMap::from([
        (format!("evidence/{EVIDENCE}"), sample.bytes.clone()),
        (
            "evidence/other.mp4".to_owned(),
            b"not what was registered".to_vec(),
        ),
    ]);
    for (name, text) in policies() {
        files.insert(format!("policies/{name}.policy"), text.into_bytes());
    }
    for vector in vectors {
        files.insert(vector.path(), vector.bundle.clone());
        for (name, bytes) in &vector.beside {
            files.insert(format!("bundles/{}/{name}", vector.name), bytes.clone());
        }
    }
    files
}

/// Every file below a folder, by path.
fn found(folder: &Path, below: &str) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for one in std::fs::read_dir(folder.join(below)).into_iter().flatten() {
        let one = one.unwrap();
        let path = format!("{below}/{}", one.file_name().into_string().unwrap());
        match one.file_type().unwrap().is_dir() {
            true => all.extend(found(folder, &path)),
            false => drop(all.insert(path, std::fs::read(one.path()).unwrap())),
        }
    }
    all
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn the_corpus_is_what_is_made_here_and_the_program_says_what_is_expected() {
    let vectors = vectors();
    let names: BTreeSet<&str> = vectors.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), vectors.len(), "names are unique");
    let files = files(&vectors);
    let folder = folder();
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        for below in ["bundles", "evidence", "policies"] {
            let _ = std::fs::remove_dir_all(folder.join(below));
        }
        write(&folder, &files);
    }
    let stored: BTreeMap<String, Vec<u8>> = ["bundles", "evidence", "policies"]
        .iter()
        .flat_map(|below| found(&folder, below))
        .collect();
    let differ: Vec<&String> = files
        .iter()
        .filter(|(path, bytes)| stored.get(*path) != Some(bytes))
        .map(|(path, _)| path)
        .chain(stored.keys().filter(|path| !files.contains_key(*path)))
        .collect();
    assert!(
        differ.is_empty(),
        "not what is made here: {differ:?}; UPDATE=1 writes it anew"
    );

    let paths = vectors.iter().map(|one| (one.name.clone(), one.path()));
    let paths: BTreeMap<String, String> = paths.collect();
    // The program writes a proof of fork beside a bundle that shows one.
    let copy = tempfile::tempdir().unwrap();
    write(copy.path(), &stored);
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    for vector in &vectors {
        let said = verified(vector, &paths, copy.path());
        let name = &vector.name;
        if said["exit"] != vector.exit {
            wrong.push(format!(
                "{name}: exit {}: {}",
                said["exit"], said["findings"]
            ));
        }
        let told = said["questions"].as_array().unwrap().iter();
        let failed = told.filter(|one| one["answer"] == "failed").count();
        let agrees = (vector.exit == 1) == (failed > 0);
        (!agrees).then(|| wrong.push(format!("{name}: {failed} of five answers failed")));
        let severity = match vector.exit {
            0 => "note",
            1 => "failed",
            _ => "not checked",
        };
        let found = codes(&said, severity);
        if let Some(code) = vector.code {
            let is_there = found.contains(code);
            let says = || wrong.push(format!("{name}: {code} is not in {found:?}"));
            (!is_there).then(says);
        }
        let flags: Vec<Value> = flags(&said);
        for code in &vector.flags {
            let has = flags.iter().any(|flag| flag["code"] == *code);
            let says = || wrong.push(format!("{name}: {code} is not in {flags:?}"));
            (!has).then(says);
        }
        rows.push(expected(vector, &said));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text = format!("{:#}\n", Value::Array(rows));
    let path = folder.join("expected.json");
    if update {
        std::fs::write(&path, &text).unwrap();
    }
    let same = std::fs::read_to_string(&path).unwrap_or_default() == text;
    assert!(same, "expected.json is stale; UPDATE=1 writes it anew");
}

/// Codes of docs/FORMATS.md, section 11, of which there is no vector, and why.
const NOT_HERE: [(&str, &str); 5] = [
    ("bundle-too-long", "it would have 256 MiB"),
    ("proof-form", "of a .tlog-proof, which is no bundle"),
    ("entry-form", "of an entry as text, which ends in ~"),
    (
        "blob-not-listed",
        "the program looks for listed files alone",
    ),
    ("audit-only", "a note; nothing fails"),
];

#[test]
fn there_is_a_vector_for_every_reason_that_a_verifier_has() {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FORMATS.md");
    let formats = std::fs::read_to_string(formats).unwrap();
    let from = formats.find("### What a verifier checks").unwrap();
    let until = formats.find("\n## 12. ").unwrap();
    let mut reasons = BTreeSet::new();
    for list in formats[from..until].split('[').skip(1) {
        let list = list.split(']').next().unwrap();
        reasons.extend(list.split('`').skip(1).step_by(2));
    }
    assert!(reasons.len() >= 60, "{reasons:?}");
    let all = vectors();
    let shown: BTreeSet<&str> = all.iter().filter_map(|one| one.code).collect();
    let left_out: BTreeSet<&str> = NOT_HERE.iter().map(|one| one.0).collect();
    let missing: Vec<_> = reasons
        .difference(&shown)
        .filter(|code| !left_out.contains(**code))
        .collect();
    assert!(missing.is_empty(), "no vector for {missing:?}");
    let bad = all.iter().filter(|one| one.exit == 1).count();
    println!("{} vectors, {bad} of them bad", all.len());
    assert!(all.len() >= 80 && all.len() - bad >= 20);
}

/// The content of an entry that is not withheld.
fn open(bundle: &mut Bundle, at: usize) -> &mut OpenContent {
    match &mut bundle.entries[at].content {
        Content::Open(content) => content,
        Content::Withheld(_) => panic!("the entry is withheld"),
    }
}

/// Position in the bundle of the first entry of this event.
fn find(sample: &Sample, bundle: &Bundle, event: &str) -> usize {
    let is_it = |one: &&world::Recorded| {
        one.entry.payload().event == event && bundle.entry(one.index).is_some()
    };
    let index = sample.world.entries.iter().find(is_it).unwrap().index;
    let mut entries = bundle.entries.iter();
    entries.position(|one| one.index == index).unwrap()
}
