//! `custodes monitor`: follow ledgers from outside, and raise an alarm where one does not keep to a single history.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{Failure, read_text};
use super::output::{Output, plain};
use super::{Outcome, keys, policy};
use crate::monitor::audited::Held;
use crate::monitor::follow::{Ledger, look};
use crate::monitor::memory::Memory;
use crate::monitor::recompute::{Auditor, News};
use crate::monitor::seen::Seen;
use crate::monitor::web::Web;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Origin};
use crate::protocol::policy::Policy;

/// A check failed: an alarm is raised.
const ALARM: u8 = 1;

/// Nothing failed, but something could not be looked at.
const NOT_LOOKED_AT: u8 = 3;

/// Follow ledgers from outside: one history for everybody, or an alarm.
///
/// Fetches what a ledger publishes, checks signatures, leaves and tiles, compares it with what it saw before and with what
/// the policy's witnesses hold, and keeps what it verified. It needs no key and sees no entry's content; with --auditor it
/// reads every entry, without its details, recomputes the map of completeness and tells what becomes of keys.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all is well; 1 an alarm is raised; 3 no alarm, but something could not be looked at.\n\
                        Alarms: fork (with the proof of it), rolled-back, behind-witness, witnessing-stalled, log-keys-changed, \
                        service-key-changed, genesis-changed, rules-changed, leaves-differ, tile-differs, checkpoint-not-signed, other-log; with --auditor \
                        map-differs, map-missing, map-superfluous, chain-differs, entry-form, entries-differ, place-missing; with --flags rule-broken, \
                        signature, signer-unknown. What is flagged is told once, and is no alarm.\n\n\
                        Example: custodes monitor --dir monitor --policy trust.policy https://evidence.northshire.example\n\
                        Example: custodes monitor --dir monitor --policy trust.policy --once https://evidence.northshire.example\n\
                        Example: custodes monitor --dir monitor --policy trust.policy --auditor ~/custodes https://evidence.northshire.example"
)]
pub struct MonitorArgs {
    /// Addresses of the ledgers.
    #[arg(required = true, value_name = "URL")]
    ledgers: Vec<String>,
    /// Where to keep what was verified.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Whom you trust: a policy file from another source than the ledgers.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Look once and end, for cron.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// How many seconds a checkpoint may be published without the policy's quorum.
    #[arg(long, default_value_t = 300)]
    stalled_after: u64,
    /// Read the entries, too, as one of the ledger's auditors, and recompute the map of completeness: an auditor's own
    /// folder, with config.toml and key.pem. That you read becomes part of the record. May be repeated, for several
    /// ledgers.
    #[arg(long, value_name = "FOLDER")]
    auditor: Vec<PathBuf>,
    /// Run the rules of custody over the entries as well, and tell what they flag. It takes some 2 KiB of memory
    /// and 550 bytes of disk for every entry.
    #[arg(long, requires = "auditor")]
    flags: bool,
    /// Where to post new alarms and what becomes of keys, as JSON.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
}

/// Runs the command.
pub fn run(args: &MonitorArgs, output: Output) -> Outcome {
    let policy = policy::load(&args.policy)?;
    let web = Web::default();
    let auditors = args.auditor.iter().map(|home| auditor(home));
    let auditors = auditors.collect::<Result<Vec<_>, _>>()?;
    let mut followed: Vec<(&str, Memory, Held)> = Vec::new();
    for url in &args.ledgers {
        let url = url.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::new(
                "usage",
                format!("{url:?} is not the address of a ledger: it begins with https://"),
            ));
        }
        let folder = args.dir.join(&Hash::of(&[url.as_bytes()]).to_hex()[..16]);
        let memory = Memory::open(&folder).map_err(|error| memory_failed(&error))?;
        followed.push((url, memory, Held::default()));
    }
    loop {
        let code = round(args, &policy, &auditors, &web, &mut followed, output)?;
        if args.once {
            return Ok(code);
        }
        std::thread::sleep(Duration::from_secs(args.every));
    }
}

/// Looks at every ledger once.
fn round(
    args: &MonitorArgs,
    policy: &Policy,
    auditors: &[Auditor],
    web: &Web,
    followed: &mut [(&str, Memory, Held)],
    output: Output,
) -> Outcome {
    let (mut code, mut words, mut values) = (0, String::new(), Vec::new());
    let mut told = Vec::new();
    for (url, memory, held) in followed {
        let ledger = Ledger {
            url,
            policy,
            stalled_after: args.stalled_after,
            auditors,
            flags: args.flags,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let looked = look(&ledger, memory, held, web, now);
        let (seen, next) = looked.map_err(|error| memory_failed(&error))?;
        code = match (seen.alarms.is_empty(), seen.unchecked.is_empty()) {
            (false, _) => ALARM,
            (true, false) if code == 0 => NOT_LOOKED_AT,
            _ => code,
        };
        let value = to_json(url, &seen);
        let news = !seen.new.is_empty() || !seen.events.is_empty();
        match args.webhook.as_ref().filter(|_| news) {
            Some(webhook) if let Err(why) = web.post(webhook, &value) => {
                eprintln!(
                    "custodes monitor: what is new could not be posted, and is told again at the next look: {why}"
                );
                *held = Held::default();
            }
            _ => told.extend(next.map(|next| (&*memory, next))),
        }
        words.push_str(&in_words(url, policy, &seen));
        values.push(value);
    }
    output.result(&plain(&words), &json!({ "exit": code, "ledgers": values }));
    // Not before: what is new is told twice rather than never.
    for (memory, next) in told {
        memory.keep(&next).map_err(|error| memory_failed(&error))?;
    }
    Ok(code)
}

fn in_words(url: &str, policy: &Policy, seen: &Seen) -> String {
    let witnessed = match (seen.witnessed, policy.requires_witness()) {
        (true, _) => "witnessed",
        (false, true) => "not witnessed yet",
        (false, false) => "no witness is demanded",
    };
    let mut words = format!("{url}: {} leaves verified, {witnessed}\n", seen.size);
    for alarm in &seen.alarms {
        words.push_str(&format!("  ALARM [{}]: {}\n", alarm.code, alarm.words));
    }
    if let Some(size) = seen.recomputed {
        words.push_str(&format!(
            "  the map recomputed over {size} leaves is the one that the ledger commits to\n"
        ));
    }
    for event in &seen.events {
        let News {
            index,
            event,
            flag,
            words: what,
        } = event;
        let flag = flag.map_or_else(String::new, |flag| format!(", flagged {flag}"));
        words.push_str(&format!("  entry {index} [{event}{flag}]: {what}\n"));
    }
    for why in &seen.unchecked {
        words.push_str(&format!("  not looked at: {why}\n"));
    }
    words
}

fn to_json(url: &str, seen: &Seen) -> Value {
    let alarms = seen.alarms.iter().map(|one| {
        json!({
            "code": one.code,
            "words": one.words,
            "proof": one.proof.as_ref().map(|path| path.to_string_lossy()),
            "new": seen.new.contains(one.code),
        })
    });
    let events = seen.events.iter();
    let events = events.map(
        |one| json!({"index": one.index, "event": one.event, "flag": one.flag, "words": one.words}),
    );
    json!({
        "url": url,
        "size": seen.size,
        "witnessed": seen.witnessed,
        "alarms": alarms.collect::<Vec<_>>(),
        "unchecked": seen.unchecked,
        "recomputed": seen.recomputed,
        "events": events.collect::<Vec<_>>(),
    })
}

/// Who somebody is, by their own folder.
#[derive(Deserialize)]
struct Who {
    ledger: Origin,
    actor: ActorId,
}

/// Longest configuration read.
const MAX_CONFIG: usize = 64 << 10;

fn auditor(home: &Path) -> Result<Auditor, Failure> {
    let path = home.join("config.toml");
    let who: Who = toml::from_str(&read_text(&path, MAX_CONFIG)?).map_err(|error| {
        Failure::new("config", format!("{}: {}", path.display(), error.message()))
            .next("give the folder of an auditor who is enrolled in the ledger")
    })?;
    Ok(Auditor {
        ledger: who.ledger,
        actor: who.actor,
        key: keys::load(&home.join("key.pem"))?,
    })
}

fn memory_failed(error: &std::io::Error) -> Failure {
    Failure::new("monitor", format!("what was kept cannot be used: {error}"))
        .next("if the folder is damaged, keep it, and start with an empty one: it reads the whole log again")
}
