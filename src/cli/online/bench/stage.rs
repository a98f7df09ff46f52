//! A ledger to measure: founded and served by this very program, as an operator would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{self, Ran};
use crate::cli::failure::Failure;
use crate::cli::online::client::unexpected;
use crate::cli::online::home::{Config, Profile};
use crate::cli::online::session::Session;
use crate::cli::output::Output;

/// How long a service may take to start.
const PATIENCE: Duration = Duration::from_secs(600);

/// A folder with a ledger, an officer's folder beside it, and the service while it runs.
pub struct Stage {
    folder: PathBuf,
    program: PathBuf,
    service: Option<(Child, String)>,
    kept: bool,
}

/// How a start went.
pub struct Started {
    /// From the call to an address that answers.
    pub seconds: f64,
    /// Processor time until then.
    pub cpu: Option<f64>,
    /// Most memory held until then.
    pub peak_memory: Option<u64>,
}

impl Stage {
    /// In this folder, which is kept where `kept` says so, and otherwise removed in the end.
    pub fn new(folder: PathBuf, kept: bool) -> Result<Stage, Failure> {
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
        let program = std::env::current_exe().map_err(|error| {
            Failure::new(
                "program",
                format!("where this program is, is unknown: {error}"),
            )
        })?;
        Ok(Stage {
            folder,
            program,
            service: None,
            kept,
        })
    }

    /// Where it all is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ledger's folder.
    pub fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    fn officer(&self) -> PathBuf {
        self.folder.join("officer")
    }

    /// Founds a ledger with one officer, if there is none yet, and serves it.
    pub fn serve(&mut self) -> Result<(), Failure> {
        let ledger = self.ledger();
        if ledger.join("ledger.toml").is_file() {
            return self.start().map(|_| ());
        }
        let dir = ledger.to_string_lossy().into_owned();
        let authority = ledger.join("authority/police.pem");
        let authority = authority.to_string_lossy().into_owned();
        let officer = self.officer().to_string_lossy().into_owned();
        self.run(&[
            "init",
            "--dir",
            &dir,
            "--origin",
            "bench.example",
            "--org",
            "police:police",
            "--plain-keys",
        ])?;
        self.start()?;
        let police = ["--authority", &authority, "--org", "police"];
        self.run(&[&["key", "accept-genesis"], &police[..]].concat())?;
        self.run(&["key", "new", "--plain"])?;
        let person = [
            "--role",
            "officer",
            "--name",
            "PC Load",
            "--home-of",
            &officer,
        ];
        self.run(&[&["key", "enrol"], &police[..], &person].concat())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("CUSTODES_HOME", self.officer())
            .env_remove("CUSTODES_PASSPHRASE")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        match &self.service {
            Some((_, url)) => command.env("CUSTODES_URL", url),
            None => command.env_remove("CUSTODES_URL"),
        };
        command
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::file("run", &self.program, error)
    }

    /// Runs this program to its end; it must succeed.
    fn run(&self, args: &[&str]) -> Result<(), Failure> {
        let output = self.command(args).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| self.failed(&error))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Failure::new(
                "stage",
                format!(
                    "`custodes {}` did not work: {}",
                    args.join(" "),
                    String::from_utf8_lossy(&output.stderr).trim()
                ),
            )),
        }
    }

    /// Runs this program to its end and says what it took.
    pub fn measure(&self, args: &[&str]) -> Result<Ran, Failure> {
        let begun = Instant::now();
        let child = self.command(args).spawn();
        process::watch(
            child.map_err(|error| self.failed(&error))?,
            begun,
            &self.program,
        )
    }

    /// Starts the service on a free port of this machine alone.
    pub fn start(&mut self) -> Result<Started, Failure> {
        let ready = self.folder.join("ready");
        let _ = std::fs::remove_file(&ready);
        let (dir, file) = (self.ledger(), ready.to_string_lossy().into_owned());
        let dir = dir.to_string_lossy();
        let begun = Instant::now();
        let args = [
            "serve",
            "--dir",
            &dir,
            "--listen",
            "127.0.0.1:0",
            "--ready-file",
            &file,
        ];
        let child = self.command(&args).spawn();
        let mut child = child.map_err(|error| self.failed(&error))?;
        let url = loop {
            match std::fs::read_to_string(&ready) {
                Ok(url) if !url.is_empty() => break url,
                // A millisecond is what the figure may be wrong by; shorter looks would take from what is measured.
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
            let ended = child.try_wait().map_err(|error| self.failed(&error))?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Failure::new("stage", "the service did not start"));
            }
        };
        let started = Started {
            seconds: begun.elapsed().as_secs_f64(),
            cpu: process::cpu(child.id()),
            peak_memory: process::peak_memory(child.id()),
        };
        self.service = Some((child, url));
        Ok(started)
    }

    /// Stops the service as an operator would.
    pub fn stop(&mut self) -> Result<(), Failure> {
        let Some((mut child, _)) = self.service.take() else {
            return Ok(());
        };
        let id = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        asked.map_err(|error| self.failed(&error))?;
        let ended = child.wait().map_err(|error| self.failed(&error))?;
        match ended.success() {
            true => Ok(()),
            false => Err(Failure::check("service", "the service did not end well")),
        }
    }

    /// The process id of the service.
    pub fn service_id(&self) -> Option<u32> {
        self.service.as_ref().map(|(child, _)| child.id())
    }

    /// The officer at the service, who has looked at its newest checkpoint.
    pub fn session(&self) -> Result<Session, Failure> {
        let home = self.officer();
        let profile = Profile {
            config: Config::load(&home)?,
            home,
            url: self.service.as_ref().map(|(_, url)| url.clone()),
            purpose: None,
            offline: None,
            only_look: false,
        };
        Session::open(profile, Output::new(true))
    }

    /// Bytes of the ledger's files.
    pub fn disk(&self) -> Result<u64, Failure> {
        bytes_below(&self.ledger())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.service.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !self.kept {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn bytes_below(folder: &Path) -> Result<u64, Failure> {
    let fail = |error: std::io::Error| Failure::file("read", folder, &error);
    let mut bytes = 0;
    for item in std::fs::read_dir(folder).map_err(fail)? {
        let item = item.map_err(fail)?;
        let meta = item.metadata().map_err(fail)?;
        bytes += match meta.is_dir() {
            true => bytes_below(&item.path())?,
            false => meta.len(),
        };
    }
    Ok(bytes)
}

/// What the service counts, by name.
pub fn metric(session: &Session, name: &str) -> Result<f64, Failure> {
    let missing = || unexpected(&format!("no metric {name}"));
    let text = session.client.public("/metrics")?.ok_or_else(missing)?;
    let text = text.text()?;
    let value = text.lines().find_map(|line| {
        let (found, value) = line.rsplit_once(' ')?;
        (found == name).then(|| value.parse().ok())?
    });
    value.ok_or_else(missing)
}
