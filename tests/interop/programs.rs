//! The programs that read a log, and what they are told of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custodes::protocol::entry::EntryHash;
use custodes::protocol::note::VerifierKey;
use custodes::protocol::tlog_proof::TlogProof;
use custodes::protocol::tree::{ConsistencyProof, InclusionProof, RootHash};
use serde_json::{Value, json};

/// Programs of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Go's `sumdb` packages.
    Sumdb,
    /// PyPI's `tlog-scales`.
    TlogScales,
    /// PyPI's `proofbundle`.
    Proofbundle,
}

pub const ALL: [Program; 3] = [Program::Sumdb, Program::TlogScales, Program::Proofbundle];

/// Where they are, once Go has built its one.
pub struct Programs {
    python: PathBuf,
    built: tempfile::TempDir,
}

/// What a folder with `tile/` below it, or an address, is said to be.
#[derive(Default, Clone)]
pub struct Claims {
    pub origin: String,
    pub log: Vec<String>,
    pub witnesses: Vec<String>,
    pub checkpoints: Vec<String>,
    pub inclusion: Vec<Value>,
    pub consistency: Vec<Value>,
    pub tlog_proofs: Vec<Value>,
}

fn base64(proof: &[custodes::protocol::hash::Hash]) -> Vec<String> {
    proof.iter().map(|hash| STANDARD.encode(hash.0)).collect()
}

impl Claims {
    pub fn new(log: &[VerifierKey], witnesses: &[VerifierKey]) -> Claims {
        let texts = |keys: &[VerifierKey]| keys.iter().map(VerifierKey::to_string).collect();
        Claims {
            origin: log[0].name().to_string(),
            log: texts(log),
            witnesses: texts(witnesses),
            ..Claims::default()
        }
    }

    pub fn include(&mut self, size: u64, index: u64, leaf: &[u8], proof: &InclusionProof) {
        let leaf = hex::encode(leaf);
        let proof = base64(&proof.0);
        self.inclusion
            .push(json!({"size": size, "index": index, "leaf": leaf, "proof": proof}));
    }

    pub fn continues(&mut self, old: u64, new: u64, root: RootHash, proof: &ConsistencyProof) {
        let root = STANDARD.encode(root.0.0);
        let proof = base64(&proof.0);
        self.consistency
            .push(json!({"old": old, "new": new, "old_root": root, "proof": proof}));
    }

    pub fn proof(&mut self, proof: &TlogProof, e: EntryHash) {
        let text = proof.to_text();
        self.tlog_proofs
            .push(json!({"text": text, "e": e.0.to_hex()}));
    }

    fn to_json(&self) -> String {
        json!({
            "origin": self.origin, "log": self.log, "witnesses": self.witnesses,
            "checkpoints": self.checkpoints, "inclusion": self.inclusion,
            "consistency": self.consistency, "tlog_proofs": self.tlog_proofs,
        })
        .to_string()
    }
}

/// The programs, in the environment that `.ci/setup.sh` makes.
pub fn programs() -> Option<Programs> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let folder = cache.join("custodes/interop");
    let (python, go) = (folder.join("bin/python"), folder.join("bin/go"));
    if !python.exists() || !go.exists() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "no programs of others to read the log with: run bash .ci/setup.sh test"
        );
        println!("skipped: no programs of others; run bash .ci/setup.sh test");
        return None;
    }
    let built = tempfile::tempdir().unwrap();
    build(&go, built.path());
    Some(Programs { python, built })
}

/// Builds the reader with the `sumdb` that the toolchain itself was built with.
fn build(go: &Path, folder: &Path) {
    let command = |args: &[&str]| {
        let mut command = Command::new(go);
        command
            .args(args)
            .current_dir(folder)
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("GOWORK", "off")
            .env("GOFLAGS", "");
        command
    };
    let root = command(&["env", "GOROOT"]).output().unwrap();
    let root = PathBuf::from(String::from_utf8(root.stdout).unwrap().trim());
    let module = "golang.org/x/mod";
    for package in ["sumdb/note", "sumdb/tlog"] {
        let from = root.join("src/cmd/vendor").join(module).join(package);
        let to = folder.join("mod").join(package);
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let text = include_str!("reader.go");
    write("reader.go", text.to_owned());
    write("mod/go.mod", format!("module {module}\n\ngo 1.24\n"));
    write(
        "go.mod",
        format!(
            "module reader\n\ngo 1.24\n\nrequire {module} v0.0.0\n\nreplace {module} => ./mod\n"
        ),
    );
    let done = command(&["build", "-o", "reader", "."]).output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

impl Programs {
    /// What one says of a log: what it read, or why it does not hold.
    pub fn read(&self, program: Program, log: &str, claims: &Claims) -> Result<String, String> {
        let said = self.built.path().join("claims.json");
        std::fs::write(&said, claims.to_json()).unwrap();
        let mut command = match program {
            Program::Sumdb => Command::new(self.built.path().join("reader")),
            Program::TlogScales | Program::Proofbundle => {
                let mut command = Command::new(&self.python);
                command
                    .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/reader.py"))
                    .arg(match program {
                        Program::TlogScales => "tlog-scales",
                        _ => "proofbundle",
                    });
                command
            }
        };
        let done = command
            .arg(log)
            .arg(said)
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match done.status.code() {
            Some(0) => Ok(text(&done.stdout)),
            Some(1) => Err(text(&done.stderr)),
            _ => panic!("{program:?}: {}", text(&done.stderr)),
        }
    }
}
