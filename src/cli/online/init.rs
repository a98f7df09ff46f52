//! `custodes init`: found a ledger.
//!
//! Makes the ledger's folder: `keys/` (log and service key), `authority/ORG.pem` with a folder `authority/ORG/`
//! beside it (configuration and policy, as in a person's folder), `policy`, and the genesis entry. The
//! authorities' keys belong elsewhere: each organisation takes its own away, or makes it anew by rotation.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::fresh::random_subject;
use super::home::{Config, write_atomically};
use super::vocabulary;
use crate::cli::Outcome;
use crate::cli::failure::{Failure, read_text};
use crate::cli::output::Output;
use crate::cli::{keys, policy};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::id::{ActorId, OrgId, Origin};
use crate::protocol::key::SecretKey;
use crate::protocol::note::VerifierKey;
use crate::service::{self, Founding, Organisation};

/// Longest checkpoint of another ledger.
const MAX_NOTE: usize = 40 << 10;

/// Found a ledger: its keys, its organisations and its first entry.
#[derive(Debug, Args)]
#[command(
    after_help = "Sectors: police, forensic, prosecution, court, prison, probation, defence, oversight.\n\n\
                        Example: custodes init --dir ledger --origin evidence.northshire.example \
                        --org northshire-police:police --org cps:prosecution --org defence-llp:defence\n\
                        Example: custodes init --dir new --origin evidence.north.example --org north-police:police \
                        --continues old/head --old-policy old.policy"
)]
pub struct InitArgs {
    /// The ledger's folder; it must not exist, or be empty.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Name of the ledger, for good: without a year, a spaceless text such as a domain name.
    #[arg(long)]
    origin: Origin,
    /// A founding organisation and its sector.
    #[arg(long = "org", required = true, value_name = "NAME:SECTOR", value_parser = organisation)]
    orgs: Vec<(OrgId, String)>,
    /// The last checkpoint of the ledger that this one continues, cosigned by its witnesses: its file head, or what it
    /// publishes at /checkpoint.
    #[arg(long, value_name = "FILE", requires = "old_policy")]
    continues: Option<PathBuf>,
    /// The trust policy of that ledger's readers, which the checkpoint must meet.
    #[arg(long, value_name = "FILE", requires = "continues")]
    old_policy: Option<PathBuf>,
    /// Write keys without a passphrase: for demonstrations.
    #[arg(long)]
    plain_keys: bool,
}

/// Runs the command.
pub fn run(args: &InitArgs, output: Output) -> Outcome {
    let occupied = std::fs::read_dir(&args.dir).is_ok_and(|mut items| items.next().is_some());
    if occupied {
        return Err(Failure::new(
            "ledger-exists",
            format!("{} is not empty", args.dir.display()),
        )
        .next("found the ledger in a new folder"));
    }
    let mut names: Vec<&OrgId> = args.orgs.iter().map(|(org, _)| org).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Failure::new("usage", "an organisation is named twice"));
    }
    let continues = match (&args.continues, &args.old_policy) {
        (Some(file), Some(policy)) => Some(last_checkpoint(file, policy)?),
        _ => None,
    };
    let passphrase = if args.plain_keys {
        None
    } else {
        Some(keys::new_passphrase()?)
    };
    let passphrase = passphrase.as_deref().map(String::as_str);
    let authorities = args.dir.join("authority");
    let organisations = args
        .orgs
        .iter()
        .map(|(org, sector)| {
            let key: SecretKey = keys::create(&authorities.join(format!("{org}.pem")), passphrase)?;
            let authority = ActorId::from_parts(org, &random_subject()?);
            Ok(Organisation {
                org: org.clone(),
                sector: sector.clone(),
                authority,
                key: key.public(),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let homes: Vec<(OrgId, ActorId)> = organisations
        .iter()
        .map(|one| (one.org.clone(), one.authority.clone()))
        .collect();
    let founding = Founding {
        origin: args.origin.clone(),
        organisations,
        log_key: keys::create(&args.dir.join("keys/log.pem"), passphrase)?,
        log_pq_key: keys::create(&args.dir.join("keys/log-pq.pem"), passphrase)?,
        service_key: keys::create(&args.dir.join("keys/service.pem"), passphrase)?,
        continues: continues.as_ref().map(|(_, note)| note.clone()),
    };
    let founded = service::init(&args.dir, founding)
        .map_err(|error| Failure::new("init", error.to_string()))?;
    let policy = std::fs::read(args.dir.join("policy"))
        .map_err(|error| Failure::file("read", &args.dir.join("policy"), &error))?;
    for (org, actor) in homes {
        authority_home(args, &authorities.join(org.as_str()), org, actor, &policy)?;
    }
    let continued = continues.as_ref().map_or_else(String::new, |(old, _)| {
        format!(
            "\nIt continues {} from its {} leaves on. Close that one now: see docs/OPERATING.md.",
            old.origin, old.size.0
        )
    });
    let words = format!(
        "Founded the ledger {} in {}, with {} organisation{}.{continued}\nIts log key, for every trust policy:\n{}\n\
         Its post-quantum log key, for witnesses and policies for the long term, is in {}: {}\n\
         Each organisation accepts it with: custodes key accept-genesis --authority {}/ORG.pem --org ORG",
        args.origin,
        args.dir.display(),
        args.orgs.len(),
        if args.orgs.len() == 1 { "" } else { "s" },
        founded.log_vkeys[0],
        args.dir.join("policy").display(),
        founded.log_vkeys[1]
            .splitn(3, '+')
            .take(2)
            .collect::<Vec<_>>()
            .join("+"),
        authorities.display(),
    );
    let value = json!({
        "origin": args.origin,
        "subject": founded.subject,
        "genesis": founded.genesis,
        "log_key": founded.log_vkeys[0],
        "log_pq_key": founded.log_vkeys[1],
        "continues": continues.as_ref().map(|(old, _)| json!({"origin": old.origin, "size": old.size, "root": old.root})),
    });
    output.result(&words, &value);
    Ok(0)
}

/// The last checkpoint of another ledger, which its policy holds to be that ledger's.
fn last_checkpoint(file: &Path, policy: &Path) -> Result<(Checkpoint, String), Failure> {
    let note = read_text(file, MAX_NOTE)?;
    let policy = policy::load(policy)?;
    let bad = |why: String| {
        Failure::check("old-checkpoint", format!("{}: {why}", file.display()))
            .next("give the newest checkpoint that the old ledger's witnesses cosigned, and its readers' policy")
    };
    let logs: Vec<&VerifierKey> = policy.logs.iter().map(|(key, _)| key).collect();
    let witnesses: Vec<&VerifierKey> = policy.witnesses.iter().map(|one| &one.key).collect();
    let (old, signed) =
        checkpoint::open_with(&note, &logs, &witnesses).map_err(|error| bad(error.to_string()))?;
    let seen = signed.verified.iter().filter(|one| one.time.is_some());
    let seen = seen.filter_map(|line| {
        let mut all = policy.witnesses.iter();
        all.find(|one| one.key == line.key)
            .map(|one| one.name.clone())
    });
    match !policy.requires_witness() || policy.quorum_met(&seen.collect()) {
        true => Ok((old, note)),
        false => Err(bad(
            "the quorum of its policy has not cosigned it".to_owned()
        )),
    }
}

fn authority_home(
    args: &InitArgs,
    home: &Path,
    org: OrgId,
    actor: ActorId,
    policy: &[u8],
) -> Result<(), Failure> {
    let config = Config {
        url: None,
        ledger: Some(args.origin.clone()),
        actor: Some(actor),
        org: Some(org),
    };
    std::fs::create_dir_all(home).map_err(|error| Failure::file("make", home, &error))?;
    config.store(home)?;
    write_atomically(&home.join("policy"), policy)
}

fn organisation(text: &str) -> Result<(OrgId, String), String> {
    let (org, sector) = text
        .split_once(':')
        .ok_or("expected NAME:SECTOR, such as cps:prosecution")?;
    if !vocabulary::sectors().contains(&sector) {
        return Err(format!(
            "{sector:?} is no sector; the sectors are {}",
            vocabulary::sectors().join(", ")
        ));
    }
    if org == "service" {
        return Err(
            "no organisation may be called service: the service's own id can bear that name"
                .to_owned(),
        );
    }
    Ok((
        OrgId::new(org).map_err(|error| error.to_string())?,
        sector.to_owned(),
    ))
}
