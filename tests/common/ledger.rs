//! A real ledger with a real service, driven through the real command.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

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
            let key = ledger
                .path(&format!("ledger/authority/{org}.pem"))
                .display()
                .to_string();
            ok(&ledger.run(
                "nobody",
                &["key", "accept-genesis", "--authority", &key, "--org", org],
            ));
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

    pub fn enrol(&self, home: &str, org: &str, roles: &str, name: &str) {
        ok(&self.run(home, &["key", "new", "--plain"]));
        let key = self
            .path(&format!("ledger/authority/{org}.pem"))
            .display()
            .to_string();
        let home = self.path(home).display().to_string();
        ok(&self.run(
            "nobody",
            &[
                "key",
                "enrol",
                "--authority",
                &key,
                "--org",
                org,
                "--role",
                roles,
                "--name",
                name,
                "--home-of",
                &home,
            ],
        ));
    }

    /// Has the officer register a file or folder.
    pub fn register(&self, file: &Path, reference: &str) -> String {
        let file = file.display().to_string();
        let mut args = vec!["register", CASE, &file, "--kind", "other"];
        args.extend(["--reference", reference, "--description", "a file"]);
        args.extend(["--power", "consent"]);
        ok(&self.run("smith", &args))
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
        let begun = Instant::now();
        self.url = loop {
            match std::fs::read_to_string(&ready) {
                Ok(url) if !url.is_empty() => break url,
                _ => std::thread::yield_now(),
            }
            assert!(
                service.try_wait().unwrap().is_none(),
                "the service ended at once"
            );
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the service is not up after a minute"
            );
        };
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
