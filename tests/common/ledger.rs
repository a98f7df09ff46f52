//! A real ledger with a real service, driven through the real command.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A ledger folder, the people's folders beside it, and the service while it runs.
pub struct Ledger {
    pub folder: tempfile::TempDir,
    pub url: String,
    service: Option<Child>,
}

pub const CASE: &str = "44NS1234526";

impl Ledger {
    /// Founded, served, accepted by police, defence and oversight, with an officer, a disclosure officer and a solicitor.
    pub fn new() -> Ledger {
        Ledger::new_as("evidence.example", &[])
    }

    /// The same, with another name and more arguments of `init`.
    pub fn new_as(origin: &str, more: &[&str]) -> Ledger {
        let orgs = [
            "police:police",
            "defence-llp:defence",
            "inspectorate:oversight",
        ];
        let ledger = Ledger::founded_as(&orgs.map(str::to_owned), origin, more);
        for org in ["police", "defence-llp", "inspectorate"] {
            ledger.accept_genesis(org);
        }
        ledger.enrol(
            "smith",
            "police",
            "officer,disclosure-officer",
            "DC Jo Smith",
        );
        ledger.enrol("morgan", "defence-llp", "defence", "Alex Morgan");
        let open = [
            "case",
            "open",
            "--reference",
            CASE,
            "--title",
            "R v Example",
        ];
        ok(&ledger.run("smith", &open));
        ok(&ledger.run(
            "smith",
            &[
                "case",
                "join",
                CASE,
                "--org",
                "defence-llp",
                "--part",
                "defence",
            ],
        ));
        ledger
    }

    /// Founded with these organisations, and served; nobody has accepted it yet.
    pub fn founded(orgs: &[String]) -> Ledger {
        Ledger::founded_as(orgs, "evidence.example", &[])
    }

    /// The same, with another name and more arguments of `init`.
    pub fn founded_as(orgs: &[String], origin: &str, more: &[&str]) -> Ledger {
        let mut ledger = Ledger {
            folder: tempfile::tempdir().unwrap(),
            url: String::new(),
            service: None,
        };
        let dir = ledger.path("ledger").display().to_string();
        let mut args = vec!["init", "--dir", &dir, "--origin", origin, "--plain-keys"];
        args.extend(more);
        orgs.iter().for_each(|org| args.extend(["--org", org]));
        ok(&ledger.run("nobody", &args));
        ledger.start();
        ledger
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The key of the authority that an organisation was founded with.
    pub fn authority(&self, org: &str) -> String {
        let key = self.path(&format!("ledger/authority/{org}.pem"));
        key.display().to_string()
    }

    pub fn accept_genesis(&self, org: &str) {
        let key = self.authority(org);
        let args = ["key", "accept-genesis", "--authority", &key, "--org", org];
        ok(&self.run("nobody", &args));
    }

    pub fn enrol(&self, home: &str, org: &str, roles: &str, name: &str) {
        ok(&self.run(home, &["key", "new", "--plain"]));
        ok(&self.enrol_by(&self.authority(org), home, org, roles, name));
    }

    /// Has an authority with this key enrol the key that is in somebody's folder.
    pub fn enrol_by(&self, key: &str, home: &str, org: &str, roles: &str, name: &str) -> Output {
        let home = self.path(home).display().to_string();
        let by = ["key", "enrol", "--authority", key, "--org", org];
        let whom = ["--role", roles, "--name", name, "--home-of", &home];
        self.run("nobody", &[by, whom].concat())
    }

    /// Has the officer register a file or folder.
    pub fn register(&self, file: &Path, reference: &str) -> String {
        ok(&self.register_as("smith", file, reference))
    }

    /// The same by somebody, whatever comes of it.
    pub fn register_as(&self, home: &str, file: &Path, reference: &str) -> Output {
        self.register_command(home, file, reference)
            .output()
            .unwrap()
    }

    /// The same, to be changed before it runs.
    pub fn register_command(&self, home: &str, file: &Path, reference: &str) -> Command {
        let file = file.display().to_string();
        let mut args = vec!["register", CASE, &file, "--kind", "other"];
        args.extend(["--reference", reference, "--description", "a file"]);
        args.extend(["--power", "consent"]);
        self.command(home, &args)
    }

    /// Has somebody register a new file of this name.
    pub fn register_new(&self, home: &str, name: &str) {
        let file = self.path(name);
        std::fs::write(&file, name).unwrap();
        ok(&self.register_as(home, &file, name));
    }

    /// Has the officer record a search for a face, with these further arguments: they name the candidates.
    pub fn search(&self, exhibit: &str, probe: &str, candidates: [&str; 2]) {
        let probe = format!("probe={probe}");
        let mut args = vec!["record", "searched", exhibit];
        args.extend(candidates);
        for one in [
            &probe,
            "dataset=images",
            "dataset_version=1",
            "dataset_size:=10",
            "algorithm=fr",
            "algorithm_version=4.1",
            "threshold=0.6",
            "asked:=10",
            "given:=2",
            "reviewer:=null",
        ] {
            args.extend(["--set", one]);
        }
        ok(&self.run("smith", &args));
    }

    /// A bundle that somebody takes, as a file of this name.
    pub fn bundle(&self, home: &str, target: &str, name: &str) -> PathBuf {
        let file = self.path(name);
        let to = file.display().to_string();
        ok(&self.run(home, &["bundle", target, "--out", &to]));
        file
    }

    /// Has somebody recompute the map, and cosign it with the keys in a folder.
    pub fn cosign(&self, home: &str, keys: &str, more: &[&str]) -> Output {
        let keys = self.path(keys).display().to_string();
        let args = ["audit", "--service", "--cosign", &keys];
        let why = ["--purpose", "the map"];
        self.run(home, &[&args[..], &why, more].concat())
    }

    /// Audits the folder of a ledger.
    pub fn audit(&self, folder: &str) -> Output {
        let dir = self.path(folder).display().to_string();
        self.run("nobody", &["audit", "--dir", &dir])
    }

    /// One look of a monitor with this policy: its exit code, and what it says.
    pub fn monitor(&self, policy: &Path) -> (i32, Value) {
        let dir = self.path("monitor").display().to_string();
        let policy = policy.display().to_string();
        let args = ["--json", "monitor", "--once", "--dir", &dir];
        let of = ["--policy", &policy, &self.url];
        let output = self.run("nobody", &[&args[..], &of].concat());
        let said = serde_json::from_slice(&output.stdout);
        let said = said.unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), said)
    }

    /// The lines of a policy that name the keys of the log, and nothing else.
    pub fn log_lines(&self) -> String {
        let policy = std::fs::read_to_string(self.path("ledger/policy")).unwrap();
        let lines = policy.lines().map(|line| line.trim_start_matches("# "));
        let logs = lines.filter(|line| line.starts_with("log "));
        logs.map(|line| format!("{line}\n")).collect()
    }

    /// Has the officer disclose an exhibit to the defence.
    pub fn disclose(&self, reference: &str) {
        let to = ["--to", "defence-llp", "--exhibit", reference];
        ok(&self.run("smith", &[&["disclose", CASE], &to[..]].concat()));
    }

    /// Runs the command as somebody.
    pub fn run(&self, home: &str, args: &[&str]) -> Output {
        self.command(home, args).output().unwrap()
    }

    /// The same, to be changed before it runs.
    #[allow(dead_code)]
    pub fn command(&self, home: &str, args: &[&str]) -> Command {
        std::fs::create_dir_all(self.path(home)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_custodes"));
        command
            .args(args)
            .env("CUSTODES_HOME", self.path(home))
            .env("CUSTODES_URL", &self.url)
            .env("CUSTODES_PURPOSE", "test")
            .stdin(Stdio::null());
        command
    }

    /// Starts the service on the same port as before, or on a free one.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, with more arguments.
    pub fn start_with(&mut self, more: &[&str]) {
        self.start_telling(more, Stdio::inherit());
    }

    /// The same, with another standard error.
    pub fn start_telling(&mut self, more: &[&str], told: Stdio) {
        let ready = self.path("ready");
        let _ = std::fs::remove_file(&ready);
        let listen = match self.url.strip_prefix("http://") {
            Some(address) => address.to_owned(),
            None => "127.0.0.1:0".to_owned(),
        };
        let mut service = Command::new(env!("CARGO_BIN_EXE_custodes"))
            .arg("serve")
            .arg("--dir")
            .arg(self.path("ledger"))
            .args(["--listen", &listen])
            .arg("--ready-file")
            .arg(&ready)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .unwrap();
        self.url = started(&mut service, &ready);
        self.service = Some(service);
    }

    /// The standard error of a service that was started with a pipe for it.
    pub fn told(&mut self) -> std::process::ChildStderr {
        self.service.as_mut().unwrap().stderr.take().unwrap()
    }

    /// The process id of the service.
    pub fn service_id(&self) -> u32 {
        self.service.as_ref().unwrap().id()
    }

    /// Sends the service a signal.
    pub fn signal(&self, name: &str) {
        let id = self.service_id().to_string();
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(id)
            .status();
        assert!(sent.unwrap().success());
    }

    /// How the service ended of its own.
    pub fn ended(&mut self) -> std::process::ExitStatus {
        self.service.take().unwrap().wait().unwrap()
    }

    /// Stops the service as an operator would, and waits until it has ended.
    pub fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let pid = service.id().to_string();
            let asked = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
            assert!(asked.success());
            assert!(service.wait().unwrap().success());
        }
    }

    /// Kills the service as a power cut would: no handler runs.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().unwrap();
            service.wait().unwrap();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What an officer records of a phone that was seized.
pub fn seized(target: &str) -> [&str; 9] {
    [
        "record",
        "seized",
        target,
        "--set",
        "kind=device",
        "--detail",
        "description=phone",
        "--detail",
        "power_or_consent=PACE 1984 s.19",
    ]
}

/// Waits until a program is up: its address, which it writes into its ready file.
pub fn started(program: &mut Child, ready: &Path) -> String {
    let begun = Instant::now();
    loop {
        match std::fs::read_to_string(ready) {
            Ok(url) if !url.is_empty() => return url,
            _ => std::thread::yield_now(),
        }
        assert!(program.try_wait().unwrap().is_none(), "it ended at once");
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it is not up after a minute"
        );
    }
}

/// What `custodes witness init` says of the keys that it makes in a folder.
pub fn witness_keys(dir: &Path, name: &str) -> Value {
    let dir = dir.display().to_string();
    let args = ["--json", "witness", "init", "--dir", &dir, "--name", name];
    let made = Command::new(env!("CARGO_BIN_EXE_custodes"))
        .args(args)
        .arg("--plain-keys")
        .stdin(Stdio::null())
        .output();
    serde_json::from_str(&ok(&made.unwrap())).unwrap()
}

/// The command's standard output; it must have succeeded.
pub fn ok(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// The command's output and error text; it must have ended with this code.
pub fn ends(output: &Output, code: i32) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    format!("{out}{err}")
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(done.success());
}
