//! `custodes witness`: hold ledgers to one history.
//!
//! A witness is one folder: `witness.toml` (its name and the log keys it was told of), `keys/`, and what it
//! remembers (`lock`, `logs/`). Whoever copies the folder and runs both copies has broken the witness.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Outcome;
use super::failure::{Failure, read_text};
use super::keys;
use super::output::{Output, write_ready_file};
use crate::protocol::id::Origin;
use crate::protocol::note::{SignatureKind, VerifierKey};
use crate::witness::cosigner::{Cosigner, WitnessKeys};
use crate::witness::folder::{self, Folder};
use crate::witness::server;

/// Largest `witness.toml` read: some hundreds of post-quantum keys.
const MAX_SETTINGS: usize = 1 << 20;

/// Run a witness: cosign what extends the history seen before, and nothing else.
#[derive(Debug, Subcommand)]
pub enum WitnessCommand {
    Init(InitArgs),
    Trust(TrustArgs),
    Show(ShowArgs),
    Serve(ServeArgs),
}

/// Make a witness: its folder and its keys.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: custodes witness init --dir witness --name witness.defence.example"
)]
pub struct InitArgs {
    /// The witness's folder; it must not exist, or be empty.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Its name, for good: a domain name of its operator, without a scheme.
    #[arg(long)]
    name: Origin,
    /// Write keys without a passphrase, for a machine that starts on its own; protect the folder.
    #[arg(long)]
    plain_keys: bool,
}

/// Tell a witness of a log: its verifier keys, obtained from the log's operator in a way you trust.
#[derive(Debug, Args)]
#[command(
    after_help = "Where a post-quantum key (type 0x06) is listed, a signature by it is demanded.\n\n\
                        Example: custodes witness trust --dir witness evidence.example+326c9c97+ASFS... evidence.example+91112112+Bruq..."
)]
pub struct TrustArgs {
    /// The witness's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Verifier keys of logs; the key's name is the log's origin.
    #[arg(required = true, value_name = "VKEY")]
    keys: Vec<String>,
}

/// Show a witness's public keys, for trust policies, and the logs it was told of.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes witness show --dir witness")]
pub struct ShowArgs {
    /// The witness's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
}

/// Serve a witness until it is told to stop (Ctrl-C, SIGTERM).
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes witness serve --dir witness --listen 127.0.0.1:8421")]
pub struct ServeArgs {
    /// The witness's folder.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8421", value_name = "ADDRESS:PORT")]
    listen: String,
    /// A file to write the witness's address to once it is up.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: Origin,
    /// Verifier keys of the logs.
    logs: Vec<String>,
}

/// Runs the command.
pub fn run(command: &WitnessCommand, output: Output) -> Outcome {
    match command {
        WitnessCommand::Init(args) => init(args, output),
        WitnessCommand::Trust(args) => trust(args, output),
        WitnessCommand::Show(args) => show(args, output),
        WitnessCommand::Serve(args) => serve(args, output),
    }
}

fn init(args: &InitArgs, output: Output) -> Outcome {
    let occupied = std::fs::read_dir(&args.dir).is_ok_and(|mut items| items.next().is_some());
    if occupied {
        let words = format!("{} is not empty", args.dir.display());
        return Err(Failure::new("witness-exists", words).next("make the witness in a new folder"));
    }
    let passphrase = match args.plain_keys {
        true => None,
        false => Some(keys::new_passphrase()?),
    };
    let passphrase = passphrase.as_deref().map(String::as_str);
    let made = WitnessKeys {
        name: args.name.clone(),
        ed25519: keys::create(&args.dir.join("keys/ed25519.pem"), passphrase)?,
        ml_dsa_44: keys::create(&args.dir.join("keys/ml-dsa-44.pem"), passphrase)?,
    };
    let settings = Settings {
        name: args.name.clone(),
        logs: Vec::new(),
    };
    settings.store(&args.dir)?;
    let words = format!(
        "Made the witness {} in {}.\n{}Tell it of a log with: custodes witness trust --dir {} VKEY",
        args.name,
        args.dir.display(),
        public_words(&made.vkeys()),
        args.dir.display()
    );
    output.result(&words, &public_json(&made, &[]));
    Ok(0)
}

/// The keys in a witness's folder.
pub fn load_keys(dir: &Path) -> Result<WitnessKeys, Failure> {
    witness_keys(dir, &Settings::load(dir)?)
}

fn trust(args: &TrustArgs, output: Output) -> Outcome {
    let mut settings = Settings::load(&args.dir)?;
    let known = settings.keys()?;
    let mut new = Vec::new();
    for text in &args.keys {
        let key = log_key(text)?;
        if known.iter().all(|one| one.name() != key.name()) {
            new.push(key.name().clone());
        }
        if settings.logs.contains(text) {
            let words = format!("a key of {} is listed already", key.name());
            return Err(Failure::new("key-known", words).next("nothing was changed"));
        }
        settings.logs.push(text.clone());
    }
    // Of a log that it was told of before it must remember what it cosigned.
    for origin in new {
        folder::introduce(&args.dir, &origin)
            .map_err(|error| Failure::new("witness", error.to_string()))?;
    }
    settings.store(&args.dir)?;
    let keys = settings.keys()?;
    let words = format!(
        "The witness cosigns checkpoints signed with:\n{}It takes effect when the witness is started again.",
        keys.iter()
            .map(|key| format!("  {}\n", described(key)))
            .collect::<String>()
    );
    output.result(
        &words,
        &json!({ "name": settings.name, "logs": settings.logs }),
    );
    Ok(0)
}

fn show(args: &ShowArgs, output: Output) -> Outcome {
    let settings = Settings::load(&args.dir)?;
    let keys = witness_keys(&args.dir, &settings)?;
    let mut words = public_words(&keys.vkeys());
    for key in settings.keys()? {
        words.push_str(&format!("log          {}\n", described(&key)));
    }
    output.result(&words, &public_json(&keys, &settings.logs));
    Ok(0)
}

fn serve(args: &ServeArgs, output: Output) -> Outcome {
    let settings = Settings::load(&args.dir)?;
    let logs = settings.keys()?;
    if logs.is_empty() {
        let words = "this witness was told of no log";
        return Err(
            Failure::new("no-logs", words).next("tell it of one with `custodes witness trust`")
        );
    }
    let keys = witness_keys(&args.dir, &settings)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new("witness", error.to_string());
    let folder = Folder::open(&args.dir).map_err(|error| failed(&error))?;
    let cosigner = Cosigner::start(folder, keys, &logs).map_err(|error| failed(&error))?;
    let mut words = String::new();
    let mut known_logs = Vec::new();
    for (origin, size) in cosigner.logs() {
        known_logs.push(json!({ "origin": origin, "size": size }));
        let known = size.map_or("nothing cosigned yet".to_owned(), |size| {
            format!("cosigned up to size {}", size.0)
        });
        words.push_str(&format!("  {origin}: {known}\n"));
    }
    server::serve(cosigner, &args.listen, |address| {
        let url = format!("http://{address}");
        let words = format!("The witness {} serves at {url}\n{words}", settings.name);
        let value = json!({ "url": url, "name": settings.name, "logs": known_logs });
        output.result(&words, &value);
        write_ready_file(args.ready_file.as_deref(), &url)
    })
    .map_err(|error| {
        Failure::new(
            "witness",
            format!("cannot serve on {}: {error}", args.listen),
        )
    })?;
    Ok(0)
}

impl Settings {
    fn load(dir: &Path) -> Result<Settings, Failure> {
        let path = dir.join("witness.toml");
        if !path.is_file() {
            let words = format!("there is no witness in {}", dir.display());
            return Err(Failure::new("witness-missing", words)
                .next("make one with `custodes witness init`"));
        }
        toml::from_str(&read_text(&path, MAX_SETTINGS)?).map_err(|error| {
            let words = format!("{}: {error}", path.display());
            Failure::new("witness-settings", words)
                .next("it has the lines name = \"...\" and logs = [\"<vkey>\", ...]")
        })
    }

    fn keys(&self) -> Result<Vec<VerifierKey>, Failure> {
        self.logs.iter().map(|text| log_key(text)).collect()
    }

    fn store(&self, dir: &Path) -> Result<(), Failure> {
        let path = dir.join("witness.toml");
        let text =
            toml::to_string(self).expect("a name and a list of texts can be written as TOML");
        let new = path.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| Failure::file("write", &path, &error))
    }
}

fn log_key(text: &str) -> Result<VerifierKey, Failure> {
    let key = VerifierKey::parse(text).map_err(|error| {
        Failure::new("vkey", error.to_string()).next("copy the whole key: name+hash+base64")
    })?;
    if key.kind() == SignatureKind::CosignatureV1 {
        let words = format!(
            "{} is the key of a witness (type 0x04), not of a log",
            key.name()
        );
        return Err(Failure::new("vkey", words));
    }
    Ok(key)
}

fn witness_keys(dir: &Path, settings: &Settings) -> Result<WitnessKeys, Failure> {
    Ok(WitnessKeys {
        name: settings.name.clone(),
        ed25519: keys::load(&dir.join("keys/ed25519.pem"))?,
        ml_dsa_44: keys::load(&dir.join("keys/ml-dsa-44.pem"))?,
    })
}

fn public_words([ed25519, ml_dsa_44]: &[VerifierKey; 2]) -> String {
    format!("Ed25519      {ed25519}\npost-quantum {ml_dsa_44}\n")
}

fn public_json(keys: &WitnessKeys, logs: &[String]) -> serde_json::Value {
    let [ed25519, ml_dsa_44] = keys.vkeys().map(|key| key.to_string());
    json!({ "name": keys.name, "ed25519": ed25519, "ml_dsa_44": ml_dsa_44, "logs": logs })
}

fn described(key: &VerifierKey) -> String {
    let text = key.to_string();
    let id = text.split('+').nth(1).unwrap_or_default();
    let algorithm = match key.kind() {
        SignatureKind::MlDsa44 => "ML-DSA-44, post-quantum",
        SignatureKind::Ed25519 | SignatureKind::CosignatureV1 => "Ed25519",
    };
    format!("{}, key {id} ({algorithm})", key.name())
}
