//! `custodes unlock` and `custodes lock`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use clap::Args;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::holder::Handed;
use super::{Agent, socket};
use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::online::fresh::unix_now;
use crate::cli::online::home::Profile;
use crate::cli::output::Output;
use crate::protocol::base64url;
use crate::protocol::hash::Hash;
use crate::protocol::key::SecretKey;

/// Longest sitting: a long shift.
const LONGEST: SignedDuration = SignedDuration::from_hours(16);

/// Unlock your key for a sitting: the passphrase is asked for once, and commands sign without asking.
#[derive(Debug, Args)]
#[command(
    after_help = "The key stays with a process of your own that signs for you and gives it to nobody. It ends when the time is up, \
                        and at once with `custodes lock`; lock your screen too. With --purpose, the readings of this sitting are recorded \
                        with that purpose wherever a command states none of its own.\n\n\
                        Example: custodes unlock --for 4h --purpose \"disclosure review, R v Brown\""
)]
pub struct UnlockArgs {
    /// How long, such as 30m, 4h or "7h 30m"; at most 16h.
    #[arg(long = "for", value_name = "TIME", default_value = "4h")]
    time: String,
}

/// End the sitting that `custodes unlock` began.
#[derive(Debug, Args)]
#[command(after_help = "Example: custodes lock")]
pub struct LockArgs {}

/// Runs `unlock`.
pub fn unlock(args: &UnlockArgs, profile: &Profile, output: Output) -> Outcome {
    let time = args.time.parse().ok();
    let time = time.filter(|time| (SignedDuration::from_secs(1)..=LONGEST).contains(time));
    let time = time.ok_or_else(|| {
        Failure::new(
            "usage",
            format!("--for {}: not a time up to 16h", args.time),
        )
        .next("write 30m, 4h or \"7h 30m\"")
    })?;
    let purpose = profile.purpose.clone().filter(|one| !one.trim().is_empty());
    let path = profile.key_file();
    let pem = keys::read(&path)?;
    let key: SecretKey = keys::open(&path, &pem)?;
    if let Some(before) = Agent::find(&profile.home) {
        before.lock();
    }
    let until = unix_now() + time.as_secs().unsigned_abs();
    let home = std::fs::canonicalize(&profile.home)
        .map_err(|error| Failure::file("find", &profile.home, &error))?;
    start(&Handed {
        seed: Zeroizing::new(base64url::encode(&*key.seed())),
        file: Hash::of(&[pem.as_bytes()]),
        until,
        purpose: purpose.clone(),
        socket: socket(&home),
    })?;
    let ends = i64::try_from(until).ok();
    let ends = ends.and_then(|until| Timestamp::from_second(until).ok());
    let ends = ends.map(|ends| {
        TimeZone::system()
            .to_datetime(ends)
            .strftime("%H:%M")
            .to_string()
    });
    let mut words = format!(
        "Unlocked until {}. `custodes lock` ends it sooner.",
        ends.unwrap_or_default()
    );
    if let Some(purpose) = &purpose {
        words.push_str(&format!(
            "\nReadings are recorded with this purpose unless you state another: {purpose}"
        ));
    }
    output.result(
        &words,
        &json!({ "until": until, "purpose": purpose, "kid": key.public().id() }),
    );
    Ok(0)
}

/// Starts the agent, and waits until it listens.
fn start(handed: &Handed) -> Result<(), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new("agent", format!("the agent could not be started: {why}"))
            .next("without it every command asks for the passphrase; CUSTODES_PASSPHRASE spares the question")
    };
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut child = Command::new(program)
        .arg("hold-key")
        .env_remove("CUSTODES_PASSPHRASE")
        .current_dir("/")
        // Out of the terminal's reach: Ctrl-C is for the command that is running.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let text = serde_json::to_string(handed).map_err(|error| failed(&error))?;
    let text = Zeroizing::new(text + "\n");
    if let Some(mut stdin) = child.stdin.take() {
        // Where the agent ended already it says why.
        let _ = stdin.write_all(text.as_bytes());
    }
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        let read = BufReader::new(stdout).read_line(&mut said);
        read.map_err(|error| failed(&error))?;
    }
    if said == "ready\n" {
        return Ok(());
    }
    let mut why = String::new();
    if let Some(stderr) = child.stderr.take() {
        // Without a reason the failure still says what could not be done.
        let _ = stderr.take(4096).read_to_string(&mut why);
    }
    Err(failed(&why.trim()))
}

/// Runs `lock`.
pub fn lock(profile: &Profile, output: Output) -> Outcome {
    let agent = Agent::find(&profile.home);
    let words = match &agent {
        Some(agent) => {
            agent.lock();
            "Locked."
        }
        None => "Nothing was unlocked.",
    };
    output.result(words, &json!({ "was_unlocked": agent.is_some() }));
    Ok(0)
}
