//! A real witness process, and a log for it to watch.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use custodes::protocol::checkpoint::Checkpoint;
use custodes::protocol::id::Origin;
use custodes::protocol::key::SecretKey;
use custodes::protocol::mldsa::PqSecretKey;
use custodes::protocol::note::{self, SignatureKind, VerifierKey};
use custodes::protocol::tree::{self, ConsistencyProof, MemoryTree, RootHash, TreeSize, leaf_hash};
use custodes::witness::folder::origin_hash;
use custodes::witness::request::to_body;

use crate::ledger::{started, witness_keys};

/// A log of numbered leaves.
pub struct Log {
    pub origin: Origin,
    pub tree: MemoryTree,
    ed25519: SecretKey,
    ml_dsa_44: PqSecretKey,
}

impl Log {
    /// Leaves that differ between `branch`es from leaf `fork` on.
    pub fn forked(size: u64, fork: u64, branch: u8) -> Log {
        let mut tree = MemoryTree::default();
        for n in 0..size {
            let branch = if n < fork { 0 } else { branch };
            tree.append(leaf_hash(&[&n.to_be_bytes()[..], &[branch]].concat()));
        }
        Log {
            origin: Origin::new("log.example").unwrap(),
            tree,
            ed25519: SecretKey::from_seed([1; 32]),
            ml_dsa_44: PqSecretKey::from_seed([2; 32]),
        }
    }

    pub fn new(size: u64) -> Log {
        Log::forked(size, size, 0)
    }

    pub fn vkeys(&self) -> [VerifierKey; 2] {
        let kind = SignatureKind::Ed25519;
        [
            VerifierKey::ed25519(self.origin.clone(), kind, self.ed25519.public()),
            VerifierKey::ml_dsa_44(self.origin.clone(), self.ml_dsa_44.public()),
        ]
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = tree::root(TreeSize(size), &self.tree).unwrap();
        self.checkpoint_with(size, root)
    }

    pub fn checkpoint_with(&self, size: u64, root: RootHash) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: TreeSize(size),
            root,
        }
    }

    /// With both of the log's signatures.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        note::sign(&checkpoint.to_text(), &self.origin, &self.ed25519)
            + &note::cosign_ml_dsa_44(checkpoint, &self.origin, 0, &self.ml_dsa_44)
    }

    /// With the Ed25519 signature alone.
    pub fn sign_ed25519(&self, checkpoint: &Checkpoint) -> String {
        note::sign(&checkpoint.to_text(), &self.origin, &self.ed25519)
    }

    pub fn proof(&self, old: u64, new: u64) -> ConsistencyProof {
        match old {
            0 => ConsistencyProof(vec![]),
            _ => tree::prove_consistency(TreeSize(old), TreeSize(new), &self.tree).unwrap(),
        }
    }

    /// The body of a good request.
    pub fn request(&self, old: u64, new: u64) -> String {
        let note = self.sign(&self.checkpoint(new));
        to_body(TreeSize(old), &self.proof(old, new), &note)
    }
}

/// A witness folder, and its process while it runs.
pub struct Witness {
    pub folder: tempfile::TempDir,
    pub url: String,
    pub process: Option<Child>,
    pub vkeys: Vec<VerifierKey>,
    /// What its process finds in its environment beside the test's.
    pub env: Vec<(&'static str, String)>,
}

pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub text: String,
}

impl Witness {
    /// Made, told of these keys, and serving.
    pub fn new(name: &str, keys: &[VerifierKey]) -> Witness {
        let folder = tempfile::tempdir().unwrap();
        let made = witness_keys(&folder.path().join("w"), name);
        let vkey = |kind: &str| VerifierKey::parse(made[kind].as_str().unwrap()).unwrap();
        let mut witness = Witness {
            vkeys: vec![vkey("ed25519"), vkey("ml_dsa_44")],
            folder,
            url: String::new(),
            process: None,
            env: Vec::new(),
        };
        if !keys.is_empty() {
            witness.trust(keys);
            witness.start();
        }
        witness
    }

    pub fn trust(&self, keys: &[VerifierKey]) {
        let dir = self.dir().display().to_string();
        let keys: Vec<String> = keys.iter().map(VerifierKey::to_string).collect();
        let mut args = vec!["witness", "trust", "--dir", &dir];
        args.extend(keys.iter().map(String::as_str));
        let told = run(&args);
        assert!(
            told.status.success(),
            "{}",
            String::from_utf8_lossy(&told.stderr)
        );
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("w")
    }

    /// The file that holds what is remembered of a log.
    pub fn memory(&self, origin: &Origin) -> PathBuf {
        self.dir().join("logs").join(origin_hash(origin))
    }

    /// Starts it, on the same port as before where it had one.
    pub fn start(&mut self) {
        let ready = self.folder.path().join("ready");
        let _ = std::fs::remove_file(&ready);
        let listen = self
            .url
            .strip_prefix("http://")
            .unwrap_or("127.0.0.1:0")
            .to_owned();
        let mut process = command()
            .args(["witness", "serve", "--listen", &listen, "--dir"])
            .arg(self.dir())
            .arg("--ready-file")
            .arg(&ready)
            .envs(self.env.clone())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.url = started(&mut process, &ready);
        self.process = Some(process);
    }

    /// SIGKILL: nothing is finished.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGTERM: what is under way is finished.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        process.wait().unwrap()
    }

    pub fn add(&self, body: &str) -> Answer {
        post(&self.url, body.as_bytes()).expect("the witness answers")
    }

    pub fn monitor(&self, origin: &Origin) -> Answer {
        get(&format!("{}/{}/checkpoint", self.url, origin_hash(origin)))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodes"));
    command.stdin(Stdio::null());
    command
}

pub fn run(args: &[&str]) -> Output {
    command().args(args).output().unwrap()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)));
    config.build().into()
}

/// Posts a request; nothing where the witness went away.
pub fn post(url: &str, body: &[u8]) -> Option<Answer> {
    let sent = agent()
        .post(format!("{url}/add-checkpoint"))
        .send(body)
        .ok()?;
    answer(sent)
}

pub fn get(url: &str) -> Answer {
    answer(agent().get(url).call().unwrap()).unwrap()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Option<Answer> {
    let kind = response.headers().get("content-type");
    Some(Answer {
        status: response.status().as_u16(),
        kind: kind.map_or("", |kind| kind.to_str().unwrap()).to_owned(),
        text: response.body_mut().read_to_string().ok()?,
    })
}

/// Whether a path exists and what it holds, for comparing before and after.
pub fn contents(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}
