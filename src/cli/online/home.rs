//! A person's own folder: key, configuration, trust policy, and the newest checkpoint they verified.
//!
//! `H/config.toml` {url, ledger, actor, org}, `H/key.pem`, `H/policy`, `H/checkpoint`, `H/enrolment.json`, `H/receipts/`,
//! `H/security-log`, `H/unsent/` (see [`super::unsent`]), and `H/agent` (see [`super::agent`]). What is given by flag counts before the environment, and that
//! before the configuration.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::failure::{Failure, read_text};
use crate::protocol::id::{ActorId, OrgId, Origin};

/// Longest configuration read.
const MAX_CONFIG: usize = 64 << 10;

/// Options of every command that talks to a service.
#[derive(Debug, Clone, Args)]
pub struct ProfileArgs {
    /// Your own folder, with key and configuration [default: ~/.config/custodes].
    #[arg(long, global = true, env = "CUSTODES_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// Address of the service.
    #[arg(long, global = true, env = "CUSTODES_URL", value_name = "URL")]
    url: Option<String>,
    /// Record custody without a network, into a file made by `custodes carry`.
    #[arg(long, global = true, value_name = "FILE")]
    offline: Option<PathBuf>,
    /// The carried file is only looked at.
    #[arg(skip)]
    only_look: bool,
    /// Why you read or hand over: it becomes part of the record.
    #[arg(long, global = true, env = "CUSTODES_PURPOSE", value_name = "WORDS")]
    purpose: Option<String>,
}

impl ProfileArgs {
    /// Refuses `--offline` for a command that needs the service.
    pub fn allow_offline(&self, allowed: bool) -> Result<(), Failure> {
        if allowed || self.offline.is_none() {
            return Ok(());
        }
        Err(
            Failure::new("not-offline", "this command needs the service")
                .next("offline you can register, record and transfer; see `custodes carry --help`"),
        )
    }

    /// Looks at this file, offline.
    pub fn look_offline(&mut self, file: &Path) {
        self.offline = Some(file.to_owned());
        self.only_look = true;
    }
}

/// `config.toml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Origin of the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Origin>,
    /// Who you are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorId>,
    /// Your organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
}

/// Where a person's things are, and what was asked of this command.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The folder.
    pub home: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// Address of the service, if one is known.
    pub url: Option<String>,
    /// Why, in words, if said.
    pub purpose: Option<String>,
    /// The carried file to record into, where the person works offline.
    pub offline: Option<PathBuf>,
    /// That file is only looked at.
    pub only_look: bool,
}

impl Profile {
    /// Ledger and name of the person, as the configuration says; what it does not say is refused with `code` and `next`.
    pub fn identity(&self, code: &str, next: &str) -> Result<(Origin, ActorId), Failure> {
        let missing = |what: &str| {
            let file = self.home.join("config.toml");
            Failure::new(code, format!("{} names no {what}", file.display())).next(next)
        };
        let ledger = self.config.ledger.clone();
        let actor = self.config.actor.clone();
        Ok((
            ledger.ok_or_else(|| missing("ledger"))?,
            actor.ok_or_else(|| missing("actor"))?,
        ))
    }

    /// Reads the configuration; a folder that does not exist has an empty one.
    pub fn load(args: ProfileArgs) -> Result<Profile, Failure> {
        let home = match args.home {
            Some(home) => home,
            None => default_home()?,
        };
        let config = Config::load(&home)?;
        let given = args.url.filter(|url| !url.trim().is_empty());
        let url = given.or_else(|| config.url.clone());
        Ok(Profile {
            home,
            config,
            url,
            purpose: args.purpose,
            offline: args.offline,
            only_look: args.only_look,
        })
    }

    /// The same person's things in another folder.
    pub fn at(&self, home: &Path) -> Result<Profile, Failure> {
        let config = Config::load(home)?;
        Ok(Profile {
            home: home.to_owned(),
            config,
            ..self.clone()
        })
    }

    /// The private key file.
    pub fn key_file(&self) -> PathBuf {
        self.home.join("key.pem")
    }

    /// The trust policy.
    pub fn policy_file(&self) -> PathBuf {
        self.home.join("policy")
    }

    /// The newest checkpoint that was verified.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.home.join("checkpoint")
    }

    /// What an auditor has recomputed of the map so far.
    pub fn map_file(&self) -> PathBuf {
        self.home.join("map-recomputed.json")
    }

    /// Beside which the proof of a wrong map is written.
    pub fn wrong_map_file(&self) -> PathBuf {
        self.home.join("wrong-map")
    }

    /// How the security log ended when it was last read.
    pub fn security_log_file(&self) -> PathBuf {
        self.home.join("security-log")
    }

    /// The person's own enrolment, for working offline.
    pub fn enrolment_file(&self) -> PathBuf {
        self.home.join("enrolment.json")
    }

    /// The stated purpose.
    pub fn stated_purpose(&self) -> Result<&str, Failure> {
        self.purpose
            .as_deref()
            .filter(|words| !words.trim().is_empty())
            .ok_or_else(|| {
                Failure::new(
                    "purpose-missing",
                    "every reading of evidence is recorded with its purpose",
                )
                .next("say why with --purpose \"...\", or once for a sitting with `custodes unlock --purpose \"...\"`")
            })
    }
}

impl Config {
    /// Reads `config.toml` in a folder.
    pub fn load(home: &Path) -> Result<Config, Failure> {
        let path = home.join("config.toml");
        if !path.exists() {
            return Ok(Config::default());
        }
        toml::from_str(&read_text(&path, MAX_CONFIG)?).map_err(|error| {
            Failure::new("config", format!("{}: {}", path.display(), error.message()))
        })
    }

    /// Who the person is already, in this organisation and ledger.
    pub fn actor_in(&self, org: &OrgId, ledger: &Origin) -> Option<ActorId> {
        let here = self.ledger.as_ref().is_none_or(|known| known == ledger);
        let actor = self.actor.clone().filter(|_| here);
        actor.filter(|actor| actor.org() == *org)
    }

    /// Writes `config.toml` in a folder.
    pub fn store(&self, home: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("a configuration is plain strings and serialises");
        write_atomically(&home.join("config.toml"), text.as_bytes())
    }
}

fn default_home() -> Result<PathBuf, Failure> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CONFIG_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("custodes"))
        .ok_or_else(|| {
            Failure::new("home-missing", "no folder for your key is known")
                .next("give --home FOLDER")
        })
}

/// Writes a file so that a reader sees the old content or the new, and a crash leaves one of them. Only its owner may
/// read it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::file("write", path, &error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    owner_only()
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&beside, path))
        .and_then(|()| sync_folder(folder))
        .map_err(fail)
}

/// To write a file that only its owner may read.
pub fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

/// A new name of a file is there after a power cut only once its folder was synced.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_written_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        for text in ["one", "two"] {
            super::write_atomically(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(beside.count(), 1);
    }
}
